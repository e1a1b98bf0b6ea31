// The limits of docs/agent.md that no other test reaches: each holds, says what it should, and leaves the agent as it was.
// What attackers do with them is in attacks-load.test.mjs.
import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'node:test';
import { connect } from 'node:tls';
import { run } from '../../tools/demo/program.mjs';
import { TestAgent, until } from '../support/agent.mjs';

const GOOD = 'https://good.cn';
const PATIENCE = 120_000;
const CONNECTIONS = 96;

const pairing = (agent, origin, more) => agent.request('POST', '/v1/pairing', { origin, json: {}, ...more });

async function journal(agent) {
    const { stdout } = await run(agent.binary, ['audit', 'list', '--json', '--config', agent.configFile], { env: { LC_ALL: 'C' } });
    return stdout.trim().split('\n').map((line) => JSON.parse(line));
}

test('a dialog that nobody answers ends after its time, its page is told, and the next may be asked', { timeout: PATIENCE }, async (t) => {
    const agent = await TestAgent.start(t, { config: { dialogSeconds: 1 } });
    await agent.hold();
    const refused = await pairing(agent, GOOD);
    assert.deepEqual([refused.status, refused.json.code], [403, 'USER_CANCELLED']);
    await until(() => agent.dialogState === 'ended', 'the end of its program', PATIENCE);
    agent.giveUp();
    assert.equal((await journal(agent)).filter(({ event, answer }) => event === 'pairing' && answer === 'timeout').length, 1);
    // whoever answers in time on a busy machine, that is
    await until(async () => (await pairing(agent, 'https://next.cn')).status === 201, 'the next answer', PATIENCE);
});

/* A keep-alive connection: ask() answers the status of GET /.well-known/openukey. */
function open(agent) {
    const socket = connect({ host: '127.0.0.1', port: agent.port, ca: agent.ca, servername: 'localhost' });
    const connection = { socket, isReady: false };
    socket.on('error', () => {});
    connection.ready = new Promise((done) => socket.once('secureConnect', () => done((connection.isReady = true))));
    connection.ask = (...more) =>
        new Promise((done, fail) => {
            let heard = '';
            const take = (data) => {
                heard += data.toString('latin1');
                const [head, body] = heard.split('\r\n\r\n');
                if (body === undefined || body.length < Number(/content-length: (\d+)/i.exec(head)?.[1] ?? 0)) return;
                socket.off('data', take);
                done(Number(/^HTTP\/1.1 (\d+)/.exec(head)[1]));
            };
            socket.on('data', take).once('close', () => fail(new Error(`closed after ${heard}`)));
            socket.write([`GET /.well-known/openukey HTTP/1.1`, `Host: localhost:${agent.port}`, ...more, '', ''].join('\r\n'));
        });
    return connection;
}

test('ninety-six connections are served at once; the next waits for one of them to end', { timeout: PATIENCE }, async (t) => {
    const agent = await TestAgent.start(t);
    const all = Array.from({ length: CONNECTIONS }, () => open(agent));
    t.after(() => all.forEach(({ socket }) => socket.destroy()));
    const round = () => Promise.all(all.slice(0, CONNECTIONS).map((one) => one.ask()));
    assert.ok((await round()).every((status) => status === 200));
    const next = open(agent);
    all.push(next);
    assert.ok((await round()).every((status) => status === 200));
    assert.ok((await round()).every((status) => status === 200));
    assert.equal(next.isReady, false);
    all[0].socket.destroy();
    await next.ready;
    assert.equal(await next.ask(), 200);
});

test('sixty-three lines of head are read, and sixteen KiB, and nothing beyond', { timeout: PATIENCE }, async (t) => {
    const agent = await TestAgent.start(t);
    const ask = async (...lines) => {
        const one = open(agent);
        const status = await one.ask(...lines).catch(() => 'closed');
        one.socket.destroy();
        return status;
    };
    const lines = (count) => Array.from({ length: count - 1 }, (_, i) => `X-${i}: y`); // and Host
    const long = (bytes) => [`X: ${'x'.repeat(bytes)}`];
    assert.deepEqual([await ask(...lines(63)), await ask(...lines(64))], [200, 400]);
    assert.equal(await ask(...long(16_000)), 200);
    assert.ok([400, 413, 431, 'closed'].includes(await ask(...long(16_384))));
});

test('a listener says who it is within five seconds, and little', { timeout: PATIENCE }, async (t) => {
    const agent = await TestAgent.start(t);
    const session = await agent.pair(GOOD);
    const [silent, loud, fine] = await Promise.all([1, 2, 3].map(() => agent.webSocket({ origin: GOOD })));
    fine.send({ session });
    assert.deepEqual(await fine.next(), { type: 'hello' });
    fine.send('x'.repeat(1024));
    loud.send(JSON.stringify({ session, more: 'x'.repeat(1100) }));
    await until(() => loud.closed, 'the end of the one that says too much', PATIENCE);
    assert.deepEqual(loud.messages, []);
    await until(() => silent.closed, 'the end of the silent one', PATIENCE);
    const again = await agent.webSocket({ origin: GOOD });
    again.send({ session });
    assert.deepEqual(await again.next(), { type: 'hello' });
    for (const one of [fine, again]) one.close();
});

test('a thousand sites are remembered: the next "always" counts as "once", and one that is known can still be refused', { timeout: PATIENCE }, async (t) => {
    const agent = await TestAgent.start(t, { ready: false });
    const state = join(agent.dir, agent.config.state);
    mkdirSync(state, { mode: 0o700 });
    const entry = { decision: 'always', since: '2026-01-01T00:00:00Z' };
    const origins = Object.fromEntries(Array.from({ length: 1000 }, (_, i) => [`https://site${i}.cn`, entry]));
    writeFileSync(join(state, 'pairings.json'), JSON.stringify({ version: 1, origins }), { mode: 0o600 });
    await agent.run();
    agent.answer({ decision: 'agree', choice: 'always' });
    const paired = await pairing(agent, GOOD);
    assert.deepEqual([paired.status, paired.json.decision], [201, 'once']);
    await agent.pair(GOOD);
    assert.equal(agent.shown.length, 2, 'asked again');
    await run(agent.binary, ['origins', 'deny', 'https://site7.cn', '--config', agent.configFile], { env: { LC_ALL: 'C' } });
    assert.equal((await pairing(agent, 'https://site7.cn')).json.code, 'ORIGIN_REFUSED');
    assert.equal((await pairing(agent, 'https://site8.cn')).status, 201);
});
