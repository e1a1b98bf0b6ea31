// A whole world on this computer: CA, order service, provisioned keys (plugged in), agent. The demo lives in one, every
// integration test builds its own. All state is in one temporary folder; every port is free; close() leaves nothing behind.
import { copyFileSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createConnection } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { connect } from '../../agent/web/sdk/src/index.mjs';
import { Dialogs } from './dialogs.mjs';
import { makeFetch } from './https-fetch.mjs';
import { startPcscd } from './pcscd.mjs';
import { freePort } from './ports.mjs';
import { Program, run } from './program.mjs';

const root = resolve(dirname(fileURLToPath(import.meta.url)), '../..');
export const profiles = join(root, 'tools/ukey/profiles');

/* Members of `more` replace those of `base`, objects are merged, null removes. */
export function merge(base, more) {
    if (more === null || typeof more !== 'object' || Array.isArray(more)) return more;
    const result = { ...(base && typeof base === 'object' && !Array.isArray(base) ? base : {}) };
    for (const [key, value] of Object.entries(more)) {
        if (value === null) delete result[key];
        else result[key] = merge(result[key], value);
    }
    return result;
}

/* One simulated key: its image, the program that plays it, and its control socket. */
class Key {
    constructor(house, name) {
        this.house = house;
        this.name = name;
        this.image = join(house.dir, `${name}.img`);
        this.manifestFile = join(house.dir, `${name}.manifest.json`);
        this.control = join(house.dir, `${name}.ctl`);
    }

    get manifest() {
        return JSON.parse(readFileSync(this.manifestFile, 'utf8'));
    }

    /* Plays the key: in the agent's socket folder, or behind the house's pcscd. */
    async plug(more = []) {
        // behind pcscd the socket is there too, but not where the module looks
        const { pcscd, dir, sockets, usbSocket } = this.house;
        const where = usbSocket
            ? ['--usbredir', usbSocket, '--socket', join(dir, `${this.name}.sock`)]
            : pcscd
              ? ['--vpcd', `127.0.0.1:${pcscd.port}`, '--socket', join(dir, `${this.name}.sock`)]
              : ['--socket', join(sockets, `${this.name}.sock`)];
        this.program = await Program.start({
            name: `ukey-sim (${this.name})`,
            command: this.house.binary('ukey-sim'),
            args: ['run', ...where, '--control', this.control, ...more, this.image],
            ready: /^ready ?(.*)$/,
            log: join(this.house.dir, `${this.name}.log`),
        });
        return this;
    }

    async unplug() {
        await this.program?.stop();
        this.program = null;
    }

    /* A conversation with the running key: say('hold after 74') answers its line; next() the following one. */
    async talk() {
        const socket = createConnection(this.control);
        await new Promise((done, fail) => socket.once('connect', done).once('error', fail));
        const queue = [];
        const waiting = [];
        const lines = createInterface({ input: socket });
        lines.on('line', (line) => (waiting.length ? waiting.shift()(line) : queue.push(line)));
        lines.on('close', () => waiting.splice(0).forEach((done) => done(null)));
        const next = () => (queue.length ? Promise.resolve(queue.shift()) : new Promise((done) => waiting.push(done)));
        return {
            next,
            say: async (verb) => {
                socket.write(`${verb}\n`);
                const answer = await next();
                if (!answer?.startsWith('ok')) throw new Error(`ukey-sim, asked to ${verb}: ${answer}`);
                return answer;
            },
            close: () => {
                lines.close();
                socket.destroy();
            },
        };
    }

    async tell(verb) {
        const talk = await this.talk();
        try {
            return await talk.say(verb);
        } finally {
            talk.close();
        }
    }
}

export class House {
    /* options: build (folder), transport ('socket' | 'pcsc' | 'usb': programs see it that run under ukey-sim-usb), clock (RFC 3339 or undefined), pin (what the scripted person
     * types), caAlgorithm, serviceConfig and agentConfig (merged in), wellKnownPorts (the agent's default ports), agentEnv, keep (leave the
     * folder). */
    constructor(options = {}) {
        this.options = options;
        this.build = resolve(root, options.build ?? process.env.BUILD ?? 'build/gcc');
        this.dir = mkdtempSync(join(options.under ?? tmpdir(), 'openukey-'));
        this.sockets = join(this.dir, 'keys');
        this.ca = join(this.dir, 'orderd', 'ca');
        this.keys = [];
        this.pages = new Map();
        mkdirSync(this.sockets, { mode: 0o700 });
        mkdirSync(join(this.dir, 'orderd'), { mode: 0o700 });
        this.dialogs = new Dialogs(join(this.dir, 'dialogs'), options.pin ?? '123456');
    }

    binary(name) {
        return join(this.build, 'bin', name);
    }

    get module() {
        return join(this.build, 'lib', 'openukey-pkcs11.so');
    }

    /* How the module finds this house's keys, and no others. */
    get moduleOptions() {
        if (this.usbSocket) return { 'socket-dir': 'off', pcsc: 'off', usb: 'on' };
        return this.pcscd
            ? { 'socket-dir': 'off', pcsc: 'on', 'pcsc-readers': 'Virtual PCD*', usb: 'off' }
            : { 'socket-dir': this.sockets, pcsc: 'off', usb: 'off' };
    }

    /* CA, service and agent; keys are added with addKey(). */
    async start() {
        await this.makeCa();
        await this.startService();
        await this.startTransport();
        await this.startAgent();
        return this;
    }

    async startTransport() {
        if (this.options.transport === 'pcsc') this.pcscd = await startPcscd(this.dir);
        if (this.options.transport === 'usb') this.usbSocket = join(this.dir, 'usb.sock');
    }

    async makeCa() {
        const { caAlgorithm } = this.options;
        await run(this.binary('ukey'), ['ca', 'init', this.ca, ...(caAlgorithm ? ['--algorithm', caAlgorithm] : [])]);
        this.writeAnchors();
    }

    /* The CA's certificates are PEM files: root, issuing; and both in one, for the agent. */
    writeAnchors() {
        this.rootFile = join(this.ca, 'root.crt');
        this.issuingFile = join(this.ca, 'issuing.crt');
        this.anchorsFile = join(this.dir, 'anchors.pem');
        writeFileSync(this.anchorsFile, readFileSync(this.rootFile, 'utf8') + readFileSync(this.issuingFile, 'utf8'));
    }

    /* Makes a key's image from a profile (a name in tools/ukey/profiles, or a file) with changes merged in. */
    async provision(name, profile, { changes, clock = this.options.clock } = {}) {
        const key = new Key(this, name);
        let file = profile.includes('/') ? profile : join(profiles, `${profile}.json`);
        if (changes) {
            const changed = merge(JSON.parse(readFileSync(file, 'utf8')), changes);
            const path = join(this.dir, `${name}.profile.json`);
            writeFileSync(path, JSON.stringify(changed, null, 2));
            // a profile may name files beside it
            const picture = changed.seal?.picture;
            if (typeof picture === 'string' && existsSync(join(dirname(file), picture))) {
                copyFileSync(join(dirname(file), picture), join(this.dir, picture));
            }
            file = path;
        }
        const when = clock ? ['--clock', clock] : [];
        await run(this.binary('ukey'), [
            ...['provision', file, '--ca', this.ca, '--out', key.image, '--manifest', key.manifestFile],
            ...when,
        ]);
        this.keys.push(key);
        return key;
    }

    /* A key that the order service knows: provisioned and imported, not plugged in yet. */
    async addKey(name, profile, options) {
        const key = await this.provision(name, profile, options);
        await this.importKey(key);
        return key;
    }

    async importKey(key) {
        const wasRunning = this.service && !this.service.exit;
        const importing = () =>
            run(this.binary('ukey-orderd'), ['import', '--config', this.serviceConfigFile, key.manifestFile], {
                allow: [0, 1],
            });
        await this.writeServiceConfig();
        let done = await importing();
        if (done.code !== 0 && wasRunning) {
            // a store that admits one process at a time
            await this.service.stop();
            done = await importing();
            await this.startService();
        }
        if (done.code !== 0) throw new Error(`ukey-orderd import: ${done.stderr || done.stdout}`);
    }

    /* ---- order service ---- */

    async writeServiceConfig() {
        this.servicePort ??= await freePort();
        this.serviceUrl = `https://localhost:${this.servicePort}`;
        this.serviceConfigFile = join(this.dir, 'orderd.json');
        const config = {
            state: join(this.dir, 'orderd'),
            listen: [`127.0.0.1:${this.servicePort}`, `[::1]:${this.servicePort}`],
            publicUrl: this.serviceUrl,
            profile: 'default',
            origins: [this.serviceUrl],
            simulators: true,
            ...(this.options.clock ? { clock: this.options.clock } : {}),
        };
        writeFileSync(this.serviceConfigFile, JSON.stringify(merge(config, this.options.serviceConfig ?? {}), null, 2));
    }

    async startService() {
        await this.writeServiceConfig();
        this.service = await Program.start({
            name: 'ukey-orderd',
            command: this.binary('ukey-orderd'),
            args: ['--config', this.serviceConfigFile],
            log: join(this.dir, 'orderd.log'),
        });
        this.serviceCaFile = join(this.dir, 'orderd', 'tls', 'ca.pem');
    }

    get serviceCa() {
        return readFileSync(this.serviceCaFile, 'utf8');
    }

    /* ---- agent ---- */

    async writeAgentConfig() {
        // pages look for the agent on its well-known ports; everybody else is told
        if (!this.options.wellKnownPorts) this.agentPort ??= await freePort();
        this.agentState = join(this.dir, 'agent');
        this.agentConfigFile = join(this.dir, 'agent.json');
        mkdirSync(this.agentState, { recursive: true, mode: 0o700 });
        const config = {
            state: this.agentState,
            ...(this.options.wellKnownPorts ? {} : { ports: [this.agentPort] }),
            module: this.module,
            moduleOptions: this.moduleOptions,
            p11Kit: false,
            pinentry: this.dialogs.pinentry,
            consent: this.dialogs.consent,
            services: {
                default: {
                    upstream: this.serviceUrl,
                    ca: this.serviceCaFile,
                    taskKeys: '/v1/keys',
                    root: this.anchorsFile,
                    crl: '/ca/crl',
                },
            },
            log: 'info',
        };
        writeFileSync(this.agentConfigFile, JSON.stringify(merge(config, this.options.agentConfig ?? {}), null, 2));
    }

    async startAgent() {
        await this.writeAgentConfig();
        this.agent = await Program.start({
            name: 'ukey-agent',
            command: this.binary('ukey-agent'),
            args: ['--config', this.agentConfigFile],
            log: join(this.dir, 'agent.log'),
            env: { ...this.pcscd?.env, ...this.options.agentEnv },
        });
        this.agentUrl = this.agent.ready;
        this.agentPort = Number(new URL(this.agentUrl).port);
        this.agentCaFile = join(this.agentState, 'tls', 'ca.pem');
    }

    get agentCa() {
        return readFileSync(this.agentCaFile, 'utf8');
    }

    /* An SDK connection, as a page of `origin` would have it; the same one for the same page and language. */
    async page({ origin = this.serviceUrl, lang = 'en' } = {}) {
        const name = `${this.agent.pid} ${origin} ${lang}`;
        if (!this.pages.has(name)) this.pages.set(name, await this.connect({ origin, lang }));
        return this.pages.get(name);
    }

    connect({ origin = this.serviceUrl, lang = 'en', ...more } = {}) {
        return connect({
            lang,
            ports: [this.agentPort],
            fetch: makeFetch({ ca: this.agentCa, origin }),
            WebSocket: null,
            ...more,
        });
    }

    /* Waits until the agent sees as many keys as are plugged in: it hears of them by events. */
    async seen(count = this.keys.filter((key) => key.program).length) {
        const agent = await this.page();
        for (const deadline = Date.now() + 15_000; ; ) {
            const tokens = await agent.tokens();
            if (tokens.length === count) return tokens;
            if (Date.now() > deadline) throw new Error(`the agent sees ${tokens.length} keys, not ${count}`);
            await new Promise((done) => setTimeout(done, 20));
        }
    }

    /* fetch for the service itself, without the agent: what the payment provider or a browser does. */
    get serviceFetch() {
        return makeFetch({ ca: this.serviceCa });
    }

    async close() {
        for (const page of this.pages.values()) page.close();
        for (const key of this.keys) await key.unplug();
        await this.agent?.stop();
        await this.service?.stop();
        await this.pcscd?.program.stop();
        this.clearUp();
    }

    clearUp() {
        if (!this.options.keep) rmSync(this.dir, { recursive: true, force: true });
    }
}
