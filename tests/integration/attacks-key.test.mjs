// The attack cases of docs/threat-model.md with a key in use: PINs, confirmations, keys that come and go. Every name begins with the
// case's number; those that need no key are in attacks-web.test.mjs.
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { chmodSync, closeSync, existsSync, mkdtempSync, openSync, readFileSync, readSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { run } from '../../tools/demo/program.mjs';
import { until } from '../support/agent.mjs';
import { OTHER_KEY, makeWorld } from '../support/world.mjs';

const nonce = () => randomUUID();
const STATEMENT = {
    title: '投标文件签署确认',
    fields: [
        { label: '项目', value: '长沙市某某工程' },
        { label: '金额', value: '100.00 元' },
    ],
};
/* The error has one of these codes or statuses. */
const isOneOf = (...wanted) => (error) => wanted.includes(error.code) || wanted.includes(error.status) || assert.fail(`${error.status} ${error.code}`);
const PIN = '74839201'; // occurs nowhere by chance

// Agrees at once, or waits while the fifo `hold` is there: a person who thinks it over. Says whether it is open or was ended.
const SLOW_CONSENT = `#!/bin/bash
dir=\${0%/*}
request=$(tr -d '\\n')
printf '%s\\n' "$request" >>"$dir/slow.log"
if [ -p "$dir/hold" ]; then
    trap 'echo ended >"$dir/dialog"; exit 143' TERM
    echo open >"$dir/dialog"
    read -r <"$dir/hold" &
    wait $!
fi
echo '{"decision":"agree"}'
`;

class SlowPerson {
    constructor(world) {
        this.dir = world.dir;
        this.program = join(this.dir, 'slow-consent');
        writeFileSync(this.program, SLOW_CONSENT);
        chmodSync(this.program, 0o700);
    }

    async hold() {
        rmSync(join(this.dir, 'dialog'), { force: true });
        await run('mkfifo', [join(this.dir, 'hold')]);
    }

    get dialog() {
        const path = join(this.dir, 'dialog');
        return existsSync(path) ? readFileSync(path, 'utf8').trim() : null;
    }

    opens() {
        return until(() => this.dialog === 'open', 'the dialog');
    }

    ends() {
        return until(() => this.dialog === 'ended', 'the end of the dialog');
    }

    release() {
        writeFileSync(join(this.dir, 'hold'), 'go\n');
        rmSync(join(this.dir, 'hold'));
    }

    giveUp() {
        rmSync(join(this.dir, 'hold'), { force: true });
    }
}

/* The agent asks the slow person from now on. */
async function withSlowPerson(world) {
    const person = new SlowPerson(world);
    await world.agent.stop();
    world.options.agentConfig = { consent: person.program, origins: { allow: ['https://other.test', world.serviceUrl] } };
    await world.startAgent();
    return person;
}

describe('attacks on the PIN', () => {
    let world, agent, token;

    before(async () => {
        world = await makeWorld(null);
        agent = await world.page();
        token = await agent.token();
        await agent.tokens();
    });
    after(() => world?.close());

    test('12: after several wrong PINs the site waits, and no number of sites gets at the last try', async () => {
        const nasty = await world.page({ origin: 'https://nasty.test' });
        world.dialogs.typePin('000000');
        for (const triesLeft of [9, 8]) await assert.rejects(nasty.verifyPin({ token }), { code: 'PIN_WRONG', triesLeft });
        const asked = () => world.dialogs.pinentryLog.filter((line) => line === 'GETPIN').length;
        const before = asked();
        await assert.rejects(nasty.verifyPin({ token }), { code: 'RATE_LIMITED', status: 429 });
        await assert.rejects(nasty.changePin({ token }), { code: 'RATE_LIMITED' });
        assert.equal(asked(), before, 'no dialog');
        // many sites together get as far as one try before the last
        for (let i = 0, left = 7; left >= 1; i++, left--) {
            const other = await world.page({ origin: `https://nasty${i}.test` });
            await assert.rejects(other.verifyPin({ token }), { code: 'PIN_WRONG', triesLeft: left });
        }
        const last = await world.page({ origin: 'https://last.test' });
        assert.deepEqual((await last.token()).pin, { state: 'last', triesLeft: 1, verified: false, mustChange: false });
        await assert.rejects(last.verifyPin({ token }), { code: 'PIN_LAST_TRY', status: 403 });
        await assert.rejects(last.changePin({ token }), { code: 'PIN_LAST_TRY' });
        assert.equal((await last.token()).pin.triesLeft, 1);
        world.dialogs.typePin('123456');
    });
});

test('12: a page that may supply PINs by policy is slowed down and stopped before the last try', async (t) => {
    const world = await makeWorld(t);
    const policy = join(world.dir, 'policy.json');
    writeFileSync(policy, JSON.stringify({ origins: { 'https://old.test': { pin: 'page' } } }), { mode: 0o644 });
    await world.agent.stop();
    let clock = Date.parse('2026-03-01T09:00:00Z');
    const turnClock = async (seconds) => {
        clock += seconds * 1000;
        world.options.agentConfig = { policy, clock: new Date(clock).toISOString().replace('.000', ''), log: 'info' };
        await world.writeAgentConfig();
    };
    await turnClock(0);
    await world.startAgent();
    await world.seen();
    const page = await world.page({ origin: 'https://old.test' });
    const { id } = await page.token();
    const submit = (pin, from = page) => from.request('POST', `/tokens/${id}/verify-pin`, { json: { pin } });
    const log = () => readFileSync(join(world.dir, 'agent.log'), 'utf8');
    let tries = 0;
    let waited = 0;
    for (let left = 10; left > 1; ) {
        const answer = await submit('000000').then(() => null, (error) => error);
        if (answer.code === 'RATE_LIMITED') {
            waited += 1;
            const reloads = log().split('agent: reloaded').length;
            await turnClock(900);
            process.kill(world.agent.pid, 'SIGHUP');
            await until(() => log().split('agent: reloaded').length > reloads, 'the reload');
        } else {
            assert.equal(answer.code, 'PIN_WRONG');
            tries += 1;
            left = answer.triesLeft;
        }
    }
    assert.equal(tries, 9);
    assert.ok(waited >= 7, `${waited}`);
    await assert.rejects(submit('000000'), isOneOf('PIN_LAST_TRY', 'RATE_LIMITED'));
    await assert.rejects(submit('123456'), isOneOf('PIN_LAST_TRY', 'RATE_LIMITED'));
    assert.equal((await page.token()).pin.triesLeft, 1);
    // another site's pages supply nothing, and the page's PIN is no person's
    const other = await world.page();
    await assert.rejects(submit('123456', other), { code: 'BAD_REQUEST' });
    assert.equal(world.dialogs.pinentryLog.length, 0);
});

test('11: a PIN by policy is taken from the page, verified, and forgotten', async (t) => {
    const world = await makeWorld(t);
    const policy = join(world.dir, 'policy.json');
    writeFileSync(policy, JSON.stringify({ origins: { 'https://old.test': { pin: 'page' } } }), { mode: 0o644 });
    world.options.agentConfig = { policy };
    await world.agent.stop();
    await world.startAgent();
    await world.seen();
    const page = await world.page({ origin: 'https://old.test' });
    const { id } = await page.token();
    const answer = await page.request('POST', `/tokens/${id}/verify-pin`, { json: { pin: '123456' } });
    assert.deepEqual(answer, { verified: true, mustChange: false });
    assert.equal(world.dialogs.pinentryLog.length, 0, 'no dialog');
    const { stdout } = await run(world.binary('ukey-agent'), ['audit', 'list', '--json', '--config', world.agentConfigFile]);
    assert.match(stdout, /"event":"pin","answer":"given","by":"page","result":"verified","origin":"https:\/\/old\.test"/);
    assert.ok(!stdout.includes('123456'));
});

/* How often `text` stands in the memory of a process: what a core dump would hold. */
function countInMemory(pid, text) {
    const needle = Buffer.from(text);
    const memory = openSync(`/proc/${pid}/mem`, 'r');
    const chunk = Buffer.alloc(4 << 20);
    let count = 0;
    for (const line of readFileSync(`/proc/${pid}/maps`, 'utf8').split('\n')) {
        const [, from, to, mode] = /^([0-9a-f]+)-([0-9a-f]+) (\S+)/.exec(line) ?? [];
        if (!mode?.startsWith('rw')) continue;
        for (let at = BigInt(`0x${from}`); at < BigInt(`0x${to}`); at += BigInt(chunk.length - needle.length)) {
            const size = Math.min(chunk.length, Number(BigInt(`0x${to}`) - at));
            let got = 0;
            try {
                got = readSync(memory, chunk, 0, size, at);
            } catch {
                break; // a guard page
            }
            for (let i = chunk.indexOf(needle); i >= 0 && i + needle.length <= got; i = chunk.indexOf(needle, i + 1)) count += 1;
        }
    }
    closeSync(memory);
    return count;
}

test('11: the PIN is in no log, no answer, no file, no core and, once logged out, not in the memory', async (t) => {
    const world = await makeWorld(t, { pin: PIN, keys: { key: { changes: { pin: { user: PIN } } } } });
    const agent = await world.connect({ origin: 'https://spy.test' });
    const token = await agent.token();
    const [{ id: certificate }] = (await agent.certificates({ token })).filter((one) => one.usage === 'sign');
    // a page that brings the PIN along against the policy, as old pages do (sof.js)
    await assert.rejects(agent.verifyPin({ token, pin: PIN }), { code: 'BAD_REQUEST' });
    await agent.verifyPin({ token });
    const answers = [
        await agent.sign({ token, certificate, statement: STATEMENT, nonce: nonce() }),
        await agent.loginAssertion({ token, service: 'urn:x', nonce: nonce() }),
        await agent.tokens(),
    ];
    assert.ok(!JSON.stringify(answers).includes(PIN));
    const { pid } = world.agent;
    assert.match(readFileSync(`/proc/${pid}/limits`, 'utf8'), /^Max core file size +0 +0 /m);
    const isRead = process.getuid() === 0 && !process.env.SAN;
    await agent.request('DELETE', '/pairing'); // the last session that had verified it
    if (isRead) {
        assert.ok(countInMemory(process.pid, PIN) > 0, 'the search finds what is there');
        assert.equal(countInMemory(pid, PIN), 0);
    }
    for (const name of readdirSync(world.dir, { recursive: true })) {
        const path = join(world.dir, name);
        // the world's own: what the scripted person types, what the key was made from, and the key itself
        if (!statSync(path).isFile() || /^dialogs\/pin$|profile\.json$|manifest\.json$|\.img$/.test(name)) continue;
        assert.ok(!readFileSync(path).includes(PIN), name);
    }
});

describe('attacks on signatures', () => {
    let world, agent, token, sign, encrypt;

    const signStatement = (more = {}) => agent.sign({ token, certificate: sign.id, statement: STATEMENT, nonce: nonce(), ...more });

    before(async () => {
        world = await makeWorld(null, { keys: { key: { rsa: true } } });
        agent = await world.page();
        token = await agent.token();
        const certificates = await agent.certificates({ token });
        [sign, encrypt] = ['sign', 'encrypt'].map((usage) => certificates.find((one) => one.usage === usage));
        await agent.verifyPin({ token });
    });
    after(() => world?.close());

    test('13: nothing is signed without the native confirmation', async () => {
        const before = world.dialogs.shown.length;
        world.dialogs.refuse('statement');
        world.dialogs.refuse('login');
        await assert.rejects(signStatement(), { code: 'USER_CANCELLED' });
        await assert.rejects(agent.loginAssertion({ token, service: 'urn:x', nonce: nonce() }), { code: 'USER_CANCELLED' });
        assert.equal(world.dialogs.shown.length, before + 2);
        // no member, no method, no header stands in for the person
        for (const more of [{ confirmed: true }, { silent: true }, { consent: 'agree' }, { decision: 'agree' }]) {
            await assert.rejects(signStatement(more), { code: 'BAD_REQUEST' }, JSON.stringify(more));
        }
        for (const method of ['GET', 'PUT', 'PATCH', 'DELETE']) {
            await assert.rejects(agent.request(method, `/tokens/${token.id}/sign`, method === 'PUT' ? { json: {} } : {}), isOneOf(405, 404, 415));
        }
        assert.equal(world.dialogs.shown.length, before + 2);
        world.dialogs.agree('statement');
        world.dialogs.agree('login');
        await signStatement();
        assert.equal(world.dialogs.shown.length, before + 3, 'one confirmation for one signature');
        // the journal has all three, and nothing of what was in them
        const { stdout } = await run(world.binary('ukey-agent'), ['audit', 'list', '--json', '--config', world.agentConfigFile]);
        const said = stdout.trim().split('\n').map((line) => JSON.parse(line)).filter(({ certificate }) => certificate);
        assert.deepEqual(said.map(({ event, answer }) => [event, answer]), [['statement', 'refused'], ['login', 'refused'], ['statement', 'given']]);
        for (const one of said) assert.deepEqual([one.origin, one.token, one.certificate], [world.serviceUrl, token.id, sign.subjectText]);
        assert.ok(!stdout.includes(STATEMENT.title) && !stdout.includes(STATEMENT.fields[0].value));
    });

    test('17: a certificate that is not a signing key of this token is refused before any dialog', async () => {
        const before = world.dialogs.shown.length;
        const rsa = (await agent.certificates({ token })).find((one) => one.algorithm === 'RSA');
        await assert.rejects(signStatement({ certificate: encrypt.id }), { code: 'CERTIFICATE_MISMATCH', status: 409 });
        const gm = { certificate: rsa.id, statement: STATEMENT, nonce: nonce(), format: 'gm-signed-data' };
        await assert.rejects(agent.request('POST', `/tokens/${token.id}/sign`, { json: gm }), { code: 'CERTIFICATE_MISMATCH' });
        await assert.rejects(signStatement({ certificate: '0'.repeat(64) }), { code: 'CERTIFICATE_NOT_FOUND', status: 404 });
        assert.equal(world.dialogs.shown.length, before);
    });

    test('18: a page sets neither origin nor type, and what does not fit is refused before any dialog', async () => {
        const before = world.dialogs.shown.length;
        const refused = [
            { statement: { ...STATEMENT, origin: 'https://bank.test' } },
            { statement: { ...STATEMENT, type: 'login' } },
            { statement: { ...STATEMENT, version: '2' } },
            { statement: { ...STATEMENT, fields: [] } },
            { statement: { ...STATEMENT, fields: [{ label: 'a', value: 1 }] } },
            { statement: { ...STATEMENT, title: 'x'.repeat(300) } },
            { statement: { ...STATEMENT, fields: [{ label: 'a', value: 'x'.repeat(70_000) }] } },
            { nonce: 'short' },
            { nonce: 'x'.repeat(129) },
        ];
        for (const more of refused) {
            await assert.rejects(signStatement(more), { code: 'STATEMENT_REFUSED', status: 400 }, JSON.stringify(more).slice(0, 80));
        }
        await assert.rejects(signStatement({ statement: { ...STATEMENT, fields: [{ label: 'a', value: 'x\0y' }] } }), { code: 'BAD_REQUEST' });
        await assert.rejects(signStatement({ hash: 'x' }), { code: 'BAD_REQUEST' });
        await assert.rejects(
            signStatement({ statement: { ...STATEMENT, fields: [{ label: 'a', value: 'x'.repeat(1_000_000) }] } }),
            { code: 'STATEMENT_REFUSED' },
        );
        assert.equal(world.dialogs.shown.length, before);
    });

    test('18: bidi controls and line floods are signed as they are, and shown as they are signed', async () => {
        const fields = [
            { label: '金额\u202e', value: '\u202e00.001\u2066 元\u200b' },
            { label: '说明', value: `${'\n'.repeat(2000)}附加条款` },
        ];
        const answer = await signStatement({ statement: { title: 'a\u0007b\u202ec', fields } });
        const shown = world.dialogs.shown.at(-1);
        assert.deepEqual(shown.fields, fields, 'ukey-consent gets all of it, and spells out what cannot be seen');
        assert.equal(shown.title, 'a\u0007b\u202ec');
        assert.deepEqual(JSON.parse(answer.statement).fields, fields);
    });

    test('19: a hash is not signed, whatever the request calls it', async () => {
        const before = world.dialogs.shown.length;
        const hash = 'ab'.repeat(32);
        for (const json of [{ hash }, { digest: hash }, { raw: hash, hashAlgorithm: 'SM3' }, { statement: hash }]) {
            const asked = agent.request('POST', `/tokens/${token.id}/sign`, { json: { certificate: sign.id, nonce: nonce(), ...json } });
            await assert.rejects(asked, isOneOf(400, 403), JSON.stringify(json));
        }
        assert.equal(world.dialogs.shown.length, before);
    });

    test('21: an unknown kind of job writes nothing', async () => {
        for (const kind of ['install', 'format', 'initialize', 'write', '../renew']) {
            const job = { kind, order: '20260101A0001', authorization: 'x' };
            await assert.rejects(agent.request('POST', '/jobs', { json: job }), isOneOf(400, 403, 404), kind);
        }
        assert.deepEqual((await agent.certificates({ token })).map((one) => one.id).includes(sign.id), true);
    });
});

describe('attacks on bare digests, where a policy lets some site ask for them', () => {
    const [LEGACY, NATIVE, UNNAMED] = ['https://legacy.test', 'https://native.test', 'https://unnamed.test'];
    const digest = Buffer.alloc(32, 7).toString('base64');
    let world, token, sign;

    /* A page of `origin` with its PIN verified. */
    async function page(origin) {
        const agent = await world.page({ origin });
        await agent.verifyPin({ token });
        return agent;
    }
    const asked = (agent, more = {}) => agent.request('POST', `/tokens/${token.id}/sign`, { json: { certificate: sign.id, digest, ...more } });
    const dialogs = () => world.dialogs.shown.filter(({ kind }) => kind === 'raw').length;

    before(async () => {
        const policy = join(mkdtempSync(join(tmpdir(), 'openukey-raw-')), 'policy.json');
        writeFileSync(policy, JSON.stringify({ origins: { [LEGACY]: { 'raw-sign': 'ask' }, [NATIVE]: { 'raw-sign': 'never' } } }), { mode: 0o600 });
        world = await makeWorld(null, { agentConfig: { policy, services: { default: { issuers: ['Another CA'] } } } });
        const agent = await world.page({ origin: LEGACY });
        token = await agent.token();
        sign = (await agent.certificates({ token })).find((one) => one.usage === 'sign');
    });
    after(async () => {
        if (world) rmSync(dirname(world.options.agentConfig.policy), { recursive: true, force: true });
        await world?.close();
    });

    test('19: a site that the policy does not allow it has no digest signed, whatever its person would answer', async () => {
        for (const origin of [NATIVE, UNNAMED]) {
            const agent = await page(origin);
            await assert.rejects(asked(agent), { code: 'ACTION_REFUSED', status: 403 }, origin);
        }
        assert.equal(dialogs(), 0);
    });

    test('19: a site that may ask gets no signature without the PIN, without the native confirmation, or for what is no digest', async () => {
        const early = await world.page({ origin: LEGACY });
        await assert.rejects(asked(early), { code: 'PIN_REQUIRED' });
        const agent = await page(LEGACY);
        for (const bad of [{ digest: digest.slice(4) }, { digest: '' }, { digest: `${digest}!` }, { digest: [digest] }, { confirmed: true }, { nonce: nonce() }, { format: 'raw' }, { document: { name: 'x', content: '' } }]) {
            await assert.rejects(asked(agent, bad), { code: 'BAD_REQUEST' }, JSON.stringify(bad));
        }
        assert.equal(dialogs(), 0);
        world.dialogs.refuse('raw');
        await assert.rejects(asked(agent), { code: 'USER_CANCELLED' });
        assert.equal(dialogs(), 1);
        world.dialogs.agree('raw');
        const { format, signature } = await asked(agent);
        assert.equal(format, 'raw');
        assert.ok(Buffer.from(signature, 'base64').length >= 64);
        const shown = world.dialogs.shown.at(-1);
        assert.deepEqual([shown.kind, shown.origin, shown.fields[0].value], ['raw', LEGACY, Buffer.alloc(32, 7).toString('hex')]);
    });

    test('19: a key that logs in somewhere signs no digest at all, though the site may ask and its person would agree', async () => {
        await world.agent.stop();
        world.options.agentConfig.services.default.issuers = [sign.issuer.commonName];
        await world.startAgent();
        await world.seen();
        const shown = dialogs();
        const agent = await page(LEGACY);
        await assert.rejects(asked(agent), { code: 'ACTION_REFUSED', status: 403 });
        // a service that names no issuers serves everybody, so every key may log in there
        await world.agent.stop();
        delete world.options.agentConfig.services.default.issuers;
        await world.startAgent();
        await world.seen();
        const again = await page(LEGACY);
        await assert.rejects(asked(again), { code: 'ACTION_REFUSED', status: 403 });
        assert.equal(dialogs(), shown);
        // it does log in
        const { assertion } = await again.request('POST', `/tokens/${token.id}/login-assertion`, { json: { service: 'urn:openukey:order-service:default', nonce: nonce(), certificate: sign.id } });
        assert.ok(assertion);
    });
});

describe('attacks while a dialog is open', () => {
    let world, person, agent, token, sign;

    const ask = (more = {}) => agent.sign({ token, certificate: sign.id, statement: STATEMENT, nonce: nonce(), ...more });

    before(async () => {
        world = await makeWorld(null, { keys: { key: {}, other: { changes: OTHER_KEY, plug: false } } });
        person = await withSlowPerson(world);
        await world.seen();
        agent = await world.page();
        token = await agent.token();
        sign = (await agent.certificates({ token })).find((one) => one.usage === 'sign');
        await agent.verifyPin({ token });
    });
    after(async () => {
        person?.giveUp();
        await world?.close();
    });

    test('14: a second question, of whatever site, is ACTION_PENDING', async () => {
        await person.hold();
        const first = ask();
        await person.opens();
        await assert.rejects(ask(), { code: 'ACTION_PENDING', status: 409 });
        const other = await world.page({ origin: 'https://other.test' });
        await assert.rejects(other.verifyPin({ token }), { code: 'ACTION_PENDING' });
        person.release();
        assert.equal((await first).format, 'gm-signed-data');
    });

    test('15: the page goes away: the dialog goes, the key is logged out, and the next question is asked', async () => {
        await person.hold();
        const control = new AbortController();
        const asked = ask({ signal: control.signal });
        await person.opens();
        control.abort();
        await assert.rejects(asked);
        await person.ends();
        person.giveUp();
        const settled = (asked) => asked.then(() => true, (error) => (error.code === 'ACTION_PENDING' ? false : Promise.reject(error)));
        await until(async () => (await agent.token()).pin.verified === false, 'the logout');
        await assert.rejects(ask(), { code: 'PIN_REQUIRED' });
        await until(() => settled(agent.verifyPin({ token })), 'the next question');
        assert.equal((await ask()).format, 'gm-signed-data');
    });

    test('16: the key is pulled out while its person reads: TOKEN_REMOVED, and another key does not take its place', async () => {
        await person.hold();
        const asked = ask();
        asked.catch(() => {});
        await person.opens();
        await world.key.unplug();
        await world.other.plug();
        await assert.rejects(asked, { code: 'TOKEN_REMOVED', status: 409 });
        await person.ends();
        person.giveUp();
        await until(async () => (await agent.tokens()).length === 1, 'the other key');
        const now = await agent.token();
        assert.notEqual(now.id, token.id);
        assert.equal(now.pin.verified, false);
        await assert.rejects(ask(), { code: 'NO_TOKEN' });
    });

    test('16: the first key is plugged in again: its PIN has to be typed again', async () => {
        await world.other.unplug();
        await world.key.plug();
        await until(async () => (await agent.tokens()).some((one) => one.id === token.id), 'the first key');
        assert.equal((await agent.token()).pin.verified, false);
        await assert.rejects(ask(), { code: 'PIN_REQUIRED' });
        await agent.verifyPin({ token });
        assert.equal((await ask()).format, 'gm-signed-data');
    });

    // its reader stays, or goes with it
    for (const reader of ['stays', 'goes']) test(`16: the key is pulled out while it signs (its reader ${reader}), and another is plugged in: an error, and no signature`, async () => {
        await agent.verifyPin({ token });
        const control = await world.key.talk();
        await control.say('hold before 74');
        const asked = ask();
        asked.catch(() => {});
        assert.equal(await control.next(), 'held 74');
        await world.other.plug();
        if (reader === 'stays') await control.say('remove');
        else await world.key.program.kill();
        await world.key.unplug();
        control.close();
        await assert.rejects(asked, { code: 'TOKEN_REMOVED' });
        await until(async () => (await agent.tokens()).every((one) => one.id !== token.id), 'the removal');
        assert.equal((await agent.token()).pin.verified, false);
        await world.other.unplug();
        await world.key.plug();
        await until(async () => (await agent.tokens()).some((one) => one.id === token.id), 'the first key');
        await agent.verifyPin({ token });
    });

    test('13: a dialog program that is not there is DIALOG_UNAVAILABLE', async () => {
        const gone = `${person.program}.gone`;
        await run('mv', [person.program, gone]);
        await assert.rejects(ask(), { code: 'DIALOG_UNAVAILABLE', status: 500 });
        await run('mv', [gone, person.program]);
    });
});
