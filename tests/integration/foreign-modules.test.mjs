// Keys of other makers' PKCS#11 modules beside ours: SoftHSM2, OpenSC with a PIV card behind the real pcscd, and modules that break.
import assert from 'node:assert/strict';
import { copyFileSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { fillPiv } from '../../tools/bench/piv-key.mjs';
import { overSocket } from '../../tools/bench/wire.mjs';
import { pcscdMissing, startPcscd } from '../../tools/demo/pcscd.mjs';
import { Program, run } from '../../tools/demo/program.mjs';
import { TestAgent, build, until } from '../support/agent.mjs';
import { makeWorld, missing } from '../support/world.mjs';

const SOFTHSM = '/usr/lib/softhsm/libsofthsm2.so';
const OPENSC = '/usr/lib/x86_64-linux-gnu/opensc-pkcs11.so';
const ORIGIN = 'https://portal.example';
const softhsmMissing = missing('softhsm2-util', 'pkcs11-tool', 'openssl');

/* A copy of the broken module whose name says what it does. */
function broken(dir, how) {
    const path = join(dir, `${how}.so`);
    copyFileSync(join(build, 'lib/broken-pkcs11.so'), path);
    return path;
}

/* A SoftHSM2 store with one RSA pair and its certificate. more: of the private key, to pkcs11-tool. */
async function softHsm(dir, ...more) {
    const env = { SOFTHSM2_CONF: join(dir, 'softhsm2.conf') };
    mkdirSync(join(dir, 'tokens'), { mode: 0o700 });
    writeFileSync(env.SOFTHSM2_CONF, `directories.tokendir = ${join(dir, 'tokens')}\nlog.level = ERROR\n`);
    const tool = (...args) => run('pkcs11-tool', ['--module', SOFTHSM, '--login', '--pin', '123456', '--token-label', 'soft', ...args], { env });
    await run('softhsm2-util', ['--init-token', '--free', '--label', 'soft', '--so-pin', '12345678', '--pin', '123456'], { env });
    const [key, pem, der] = ['key.pem', 'cert.pem', 'cert.der'].map((name) => join(dir, name));
    const config = join(dir, 'req.cnf');
    writeFileSync(config, '[req]\ndistinguished_name = dn\n[dn]\n');
    await run('openssl', ['req', '-x509', '-config', config, '-newkey', 'rsa:2048', '-nodes', '-subj', '/CN=Soft person/O=Soft company', '-keyout', key, '-out', pem, '-days', '30']);
    await run('openssl', ['x509', '-in', pem, '-outform', 'DER', '-out', der]);
    await tool('--write-object', key, '--type', 'privkey', '--id', '01', '--label', 'soft', ...more);
    await run('openssl', ['pkey', '-in', key, '-pubout', '-outform', 'DER', '-out', join(dir, 'pub.der')]);
    await tool('--write-object', join(dir, 'pub.der'), '--type', 'pubkey', '--id', '01', '--label', 'soft');
    await tool('--write-object', der, '--type', 'cert', '--id', '01', '--label', 'soft');
    return env;
}

// A person who types the PIN at once
const TYPES = '#!/bin/sh\necho OK\nwhile read -r line; do case "$line" in GETPIN*) echo "D 123456"; echo OK;; BYE*) echo OK; exit;; *) echo OK;; esac; done\n';

function typesThePin(agent) {
    writeFileSync(join(agent.dir, 'pinentry'), TYPES, { mode: 0o700 });
    agent.config = { ...agent.config, pinentry: './pinentry' };
}

/* Signs a document with the certificate; OpenSSL, which knows neither module nor agent, judges the CMS. */
async function signAndJudge(agent, session, token, certificate) {
    const content = Buffer.from('a tender');
    const answer = await agent.request('POST', `/v1/tokens/${token.id}/sign`, {
        origin: ORIGIN, session,
        json: { certificate: certificate.id, nonce: 'nonce-0001', format: 'cms', document: { name: 'tender.txt', content: content.toString('base64') } },
    });
    assert.equal(answer.status, 200, answer.body);
    const file = (name, bytes) => {
        writeFileSync(join(agent.dir, name), bytes);
        return join(agent.dir, name);
    };
    const cms = file('signed.p7s', Buffer.from(answer.json.signature, 'base64'));
    const judge = (text) => run('openssl', ['cms', '-verify', '-binary', '-inform', 'DER', '-in', cms, '-content', file('tender.txt', text), '-noverify', '-out', '/dev/null'], { allow: [0, 1, 2, 3, 4] });
    assert.equal((await judge(content)).code, 0);
    assert.notEqual((await judge('another tender')).code, 0);
}

async function tokens(agent, session) {
    const answer = await agent.request('GET', '/v1/tokens', { origin: ORIGIN, session });
    assert.equal(answer.status, 200, answer.body);
    return answer.json.tokens;
}

describe('a SoftHSM2 token', { skip: softhsmMissing || !existsSync(SOFTHSM) }, () => {
    test('is listed with what it can do, its certificate is read, its PIN is verified natively, its key signs', async (t) => {
        const agent = new TestAgent();
        t.after(() => agent.close());
        const env = await softHsm(agent.dir);
        typesThePin(agent);
        agent.config = { ...agent.config, modules: [{ path: SOFTHSM, name: 'SoftHSM' }] };
        await agent.run({ env });
        const session = await agent.pair(ORIGIN);
        await until(async () => (await tokens(agent, session)).length === 1, 'the soft token', 60_000);
        const [token] = await tokens(agent, session);
        assert.equal(token.label, 'soft');
        assert.equal(token.module, 'SoftHSM');
        assert.deepEqual(token.capabilities.sign, { available: true });
        for (const name of ['stamp', 'jobs', 'unlock']) assert.deepEqual(token.capabilities[name], { available: false, reason: 'FOREIGN_MODULE' });
        const list = await agent.request('GET', `/v1/tokens/${token.id}/certificates`, { origin: ORIGIN, session });
        assert.equal(list.json.certificates.length, 1);
        assert.equal(list.json.certificates[0].subject.commonName, 'Soft person');
        assert.equal(list.json.certificates[0].hasPrivateKey, true);
        const pin = await agent.request('POST', `/v1/tokens/${token.id}/verify-pin`, { origin: ORIGIN, session, json: {} });
        assert.equal(pin.status, 200, pin.body);
        assert.equal((await tokens(agent, session))[0].pin.verified, true);
        await signAndJudge(agent, session, token, list.json.certificates[0]);
        const job = await agent.request('POST', '/v1/jobs', {
            origin: ORIGIN, session, json: { kind: 'renew', order: 'A1', authorization: 'x' },
        });
        assert.ok([409, 404].includes(job.status), job.body);
    });
});

test('a key of another maker that wants the PIN before each use signs and decrypts with it', { skip: softhsmMissing || !existsSync(SOFTHSM) }, async (t) => {
    const agent = new TestAgent();
    t.after(() => agent.close());
    const env = await softHsm(agent.dir, '--always-auth', '--usage-sign', '--usage-decrypt');
    typesThePin(agent);
    agent.config = { ...agent.config, modules: [{ path: SOFTHSM, name: 'SoftHSM' }] };
    await agent.run({ env });
    const session = await agent.pair(ORIGIN);
    await until(async () => (await tokens(agent, session)).length === 1, 'the soft token', 60_000);
    const [token] = await tokens(agent, session);
    const ask = (path, json) => agent.request('POST', `/v1/tokens/${token.id}/${path}`, { origin: ORIGIN, session, json });
    assert.equal((await ask('verify-pin', {})).status, 200);
    const list = await agent.request('GET', `/v1/tokens/${token.id}/certificates`, { origin: ORIGIN, session });
    const [certificate] = list.json.certificates;
    await signAndJudge(agent, session, token, certificate);

    const file = (name) => join(agent.dir, name);
    writeFileSync(file('plain'), 'for this key alone');
    await run('openssl', ['cms', '-encrypt', '-binary', '-aes256', '-in', file('plain'), '-outform', 'DER', '-out', file('envelope'), file('cert.pem')]);
    const open = () => ask('decrypt', { envelope: readFileSync(file('envelope')).toString('base64') });
    const opened = await open();
    assert.equal(opened.status, 200, opened.body);
    assert.equal(Buffer.from(opened.json.content, 'base64').toString(), 'for this key alone');
    writeFileSync(file('pinentry'), TYPES.replace('123456', '654321'), { mode: 0o700 });
    const wrong = await open();
    assert.deepEqual([wrong.status, wrong.json.code], [403, 'PIN_WRONG']);
    // one dialog for the login, one for each use
    const { stdout: journal } = await run(agent.binary, ['audit', 'list', '--json', '--config', agent.configFile]);
    assert.deepEqual(journal.split('\n').filter((line) => /"event":"pin"/.test(line)).map((line) => /"result":"(\w+)"/.exec(line)[1]), ['verified', 'verified', 'verified', 'PIN_WRONG']);
});

describe('a PIV card behind the real pcscd', { skip: missing('pcscd') || (pcscdMissing() ?? !existsSync(OPENSC)) }, () => {
    test('that our module and OpenSC both see is listed once, as ours; with our module looking away it is OpenSC\'s and signs', async (t) => {
        const agent = new TestAgent();
        const pcscd = await startPcscd(agent.dir, {});
        t.after(async () => {
            await agent.close();
        });
        agent.programs.push(pcscd.program);
        typesThePin(agent);
        const sim = join(build, 'bin/ukey-sim');
        const [image, socket] = [join(agent.dir, 'piv.img'), join(agent.dir, 'piv.sock')];
        await run(sim, ['format', '--application', 'piv', '--serial', 'FEED0002', image]);
        const start = (...args) => Program.start({ name: 'ukey-sim (PIV)', command: sim, args: ['run', ...args, image] });
        const filling = await start('--socket', socket);
        const wire = await overSocket(socket);
        await fillPiv(wire, agent.dir, 2);
        wire.close();
        await filling.stop();
        agent.programs.unshift(await start('--vpcd', `127.0.0.1:${pcscd.port}`, '--socket', socket));
        const foreign = { modules: [{ path: OPENSC, name: 'OpenSC' }] };
        for (const [ours, expected] of [['on', null], ['off', 'OpenSC']]) {
            agent.config = { ...agent.config, ...foreign, moduleOptions: { 'socket-dir': 'off', pcsc: ours, usb: 'off' } };
            await agent.run({ env: pcscd.env });
            const session = await agent.pair(ORIGIN);
            // OpenSC has started, and its keys would be listed by now
            await until(() => /module OpenSC .* runs in process/.test(agent.logText), 'OpenSC', 60_000);
            await until(async () => (await tokens(agent, session)).length === 1, 'the PIV key', 60_000);
            if (ours === 'on') await until(() => (agent.logText.match(/key [0-9a-f]{16} inserted/g) ?? []).length >= 2, 'the key by OpenSC', 60_000);
            const list = await tokens(agent, session);
            assert.equal(list.length, 1);
            assert.equal(list[0].module, expected);
            const certificates = await agent.request('GET', `/v1/tokens/${list[0].id}/certificates`, { origin: ORIGIN, session });
            assert.equal(certificates.status, 200, certificates.body);
            assert.ok(certificates.json.certificates.length >= 1);
            assert.deepEqual(list[0].capabilities.jobs, { available: false, reason: expected ? 'FOREIGN_MODULE' : 'CARD_TYPE' });
            if (expected) {
                const pin = await agent.request('POST', `/v1/tokens/${list[0].id}/verify-pin`, { origin: ORIGIN, session, json: {} });
                assert.equal(pin.status, 200, pin.body);
                const now = await agent.request('GET', `/v1/tokens/${list[0].id}/certificates`, { origin: ORIGIN, session });
                await signAndJudge(agent, session, list[0], now.json.certificates.find((one) => one.hasPrivateKey));
            }
            await agent.stop();
            writeFileSync(agent.log, '');
        }
        agent.program = null;
    });
});

describe('modules that break', () => {
    test('a crash-looping and a hanging one do not stop another key from signing', async (t) => {
        const world = await makeWorld(null, {
            agentConfig: { modules: [] },
        });
        t.after(() => world.close());
        world.options.agentConfig = {
            modules: [
                { path: broken(world.dir, 'crash:C_GetSlotList'), name: 'crashing' },
                { path: broken(world.dir, 'hang:C_GetTokenInfo'), name: 'hanging', answerWithin: 1 },
                { path: broken(world.dir, 'hang:C_Initialize'), name: 'stuck', answerWithin: 600 },
            ],
        };
        await world.agent.stop();
        await world.startAgent();
        await world.seen();
        const bidder = await world.bidder();
        const log = () => readFileSync(join(world.dir, 'agent.log'), 'utf8');
        for (let i = 0; i < 3; i++) {
            // each signature lies between two failures of the others
            await until(() => (log().match(/module crashing has died/g) ?? []).length > i, 'a crash', 60_000);
            await until(() => /module hanging did not answer in time/.test(log()), 'a hang', 60_000);
            const { agent } = bidder;
            const list = await agent.tokens();
            assert.equal(list.length, 1);
            assert.equal(list[0].module, null);
            await agent.verifyPin();
            const signer = (await agent.certificates()).find((one) => one.current && one.usage !== 'encrypt');
            const signed = await agent.sign({
                certificate: signer.id,
                nonce: `nonce-000${i}`,
                statement: { title: 'Three in a row', fields: [{ label: 'which', value: `${i}` }] },
            });
            assert.ok(JSON.stringify(signed).length > 100);
        }
    });
});
