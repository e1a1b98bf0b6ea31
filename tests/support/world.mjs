// A whole world for one test file, and what tests ask about it: keys, order service, agent, dialogs; ends with the test.
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { Bidder } from '../../tools/demo/bidder.mjs';
import { House } from '../../tools/demo/house.mjs';
import { makeFetch } from '../../tools/demo/https-fetch.mjs';
import { run } from '../../tools/demo/program.mjs';
import { agentContract, heldFetch, orderdContract } from './openapi.mjs';
import { OpenSsl } from './openssl.mjs';

export { flip, fromPem, toPem } from './openssl.mjs';

export class World extends House {
    constructor(options) {
        super(options);
        this.openssl = new OpenSsl(this.dir);
        this.wrongs = new Set(); // answers that are not as docs/api says
        this.guests = []; // what lives in this world and must end before it
    }

    async close() {
        for (const end of this.guests.reverse()) await end();
        const programs = [...this.keys.map((key) => key.program), this.agent, this.service].filter(Boolean);
        await super.close();
        // a sanitizer speaks when its program ends
        const bad = [...programs.map((program) => program.badEnd).filter(Boolean), ...this.wrongs];
        if (bad.length) throw new Error(bad.join('\n'));
    }

    /* What pages and browsers hear is held against docs/api; below /v1/service/default the order service speaks, or the agent for it. */
    connect({ origin = this.serviceUrl, ...more } = {}) {
        const through = { contract: orderdContract(), below: '/v1/service/default' };
        const fetch = heldFetch(makeFetch({ ca: this.agentCa, origin }), (wrong) => this.wrongs.add(wrong), { contract: agentContract() }, through);
        return super.connect({ origin, fetch, ...more });
    }

    get serviceFetch() {
        return heldFetch(super.serviceFetch, (wrong) => this.wrongs.add(wrong), { contract: orderdContract() });
    }

    /* A bidder who has just opened the page ({origin, lang}). */
    async bidder(options) {
        return new Bidder({ agent: await this.page(options), payingFetch: this.serviceFetch });
    }

    /* Proves with a program of its own that the key behind `sign` signs and the one behind `encrypt` decrypts (certificates). */
    async keyCheck(sign, encrypt) {
        const options = Object.entries(this.moduleOptions).flatMap(([name, value]) => ['--option', `${name}=${value}`]);
        const base = [this.module, ...options, '--pin', this.options.pin ?? '123456'];
        const env = { ...this.pcscd?.env };
        await run(this.binary('keycheck'), [...base, 'sign', sign.id], { env });
        await run(this.binary('keycheck'), [...base, 'decrypt', encrypt.id], { env });
    }

    /* Rows of the service's database, as objects. */
    async rows(sql) {
        const state = join(this.dir, 'orderd');
        const file = readdirSync(state).find((name) => /\.(db|sqlite3?)$/.test(name));
        if (!file) throw new Error(`no database in ${state}: ${readdirSync(state)}`);
        const { stdout } = await run('sqlite3', ['-readonly', '-json', join(state, file), sql]);
        return stdout.trim() ? JSON.parse(stdout) : [];
    }

    /* Changes the database of a service that is not running. */
    async change(sql) {
        const state = join(this.dir, 'orderd');
        await run('sqlite3', [join(state, readdirSync(state).find((name) => /\.(db|sqlite3?)$/.test(name))), sql]);
    }

    /* The signing certificates that the service holds for good. */
    validSignCertificates() {
        return this.rows(
            "SELECT id, sha256, serial, not_before, not_after FROM certificates WHERE usage <> 'ENC' AND state = 'VALID'",
        );
    }
}

// An RSA key takes a second or more to make; who needs it asks for it
const WITHOUT_RSA = { containers: [{ name: 'openukey-sm2', algorithm: 'SM2', encryptionPair: true }] };

/* A world with CA, service and agent, and with the keys of `keys` ({name: {profile, changes, plug, rsa}}), known to the
 * service and plugged in. It ends with the test `t`; without one the caller closes it. */
export async function makeWorld(t, { keys = { key: {} }, ...options } = {}) {
    const world = new World(options);
    t?.after(() => world.close());
    try {
        await world.makeCa();
        await world.writeServiceConfig();
        for (const [name, wanted] of Object.entries(keys)) {
            const { profile = 'org-expiring-30-days', changes, plug = true, rsa = false } = wanted;
            world[name] = await world.addKey(name, profile, { changes: { ...(rsa ? {} : WITHOUT_RSA), ...changes } });
            world[name].wantsPlug = plug;
        }
        await world.startService();
        await world.startTransport();
        for (const key of world.keys) if (key.wantsPlug) await key.plug();
        await world.startAgent();
        await world.seen();
    } catch (error) {
        // nobody else could: programs that go on keep the test from its end
        if (!t) await world.close().catch(() => {});
        throw error;
    }
    return world;
}

/* Changes to a profile: a certificate that has this many days left in Shanghai (negative: has expired), or ends at a moment. */
export function daysLeft(days) {
    const notAfter = typeof days === 'string' ? days : { days };
    const notBefore = typeof days === 'string' ? new Date(Date.parse(days) - 365 * 86400_000).toISOString() : { days: days - 365 };
    return { validity: { notBefore: typeof notBefore === 'string' ? notBefore.replace(/\.\d+Z$/, 'Z') : notBefore, notAfter } };
}

/* Changes that make a key of another organisation. */
export const OTHER_KEY = {
    token: { serial: '5A5A5A5A5A5A5A5A5A5A5A5A5A5A5A', label: 'Other key' },
    subject: { O: '长沙另一家建筑有限公司', CN: '长沙另一家建筑有限公司', organizationIdentifier: '91430100MA0000002B' },
};

/* Why this machine cannot run a test that needs the commands, or false. */
export function missing(...commands) {
    const path = `${process.env.PATH}:/usr/sbin:/sbin`.split(':');
    const absent = commands.filter((command) => !path.some((dir) => existsSync(join(dir, command))));
    return absent.length ? `not installed: ${absent.join(', ')}` : false;
}
