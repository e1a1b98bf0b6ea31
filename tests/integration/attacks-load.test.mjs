// Case 27 of docs/threat-model.md, and the limits that docs/agent.md lists: slow, many, huge and broken requests are bounded, and the
// agent lives. Every name begins with the case's number.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { connect } from 'node:net';
import test, { after, before } from 'node:test';
import { connect as tlsConnect } from 'node:tls';
import { TestAgent, until } from '../support/agent.mjs';

const GOOD = 'https://good.cn';
const PATIENCE = 90_000;

let agent;
let session;

before(async () => {
    agent = new TestAgent();
    agent.config.origins = { allow: [GOOD] };
    agent.config.log = 'info';
    await agent.run();
    session = await agent.pair(GOOD);
});

after(() => agent?.close());

const head = (...lines) => ['GET /.well-known/openukey HTTP/1.1', `Host: localhost:${agent.port}`, ...lines].join('\r\n');
const isAlive = async () => (await agent.request('GET', '/v1/tokens', { origin: GOOD, session })).status === 200;
const residentKiB = () => Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${agent.program.pid}/status`, 'utf8'))[1]);

/* A TLS connection that has sent `text`; `closed` is true once the agent has ended it, `heard` what it said. */
function speak(text, { tls = true } = {}) {
    return new Promise((resolve) => {
        const options = { host: '127.0.0.1', port: agent.port, ca: agent.ca, servername: 'localhost' };
        const socket = tls ? tlsConnect(options) : connect(agent.port, '127.0.0.1');
        const spoken = { socket, closed: false, heard: '' };
        socket.on('data', (data) => (spoken.heard += data));
        socket.on('error', () => {});
        socket.on('close', () => {
            spoken.closed = true;
            resolve(spoken);
        });
        socket.on(tls ? 'secureConnect' : 'connect', () => {
            socket.write(text);
            resolve(spoken);
        });
    });
}

test('27: a hundred connections that say little or nothing are cut off, and the agent answers', async () => {
    const post = `POST /v1/pairing HTTP/1.1\r\nHost: localhost:${agent.port}\r\nOrigin: ${GOOD}\r\nContent-Type: application/json\r\n`;
    const kinds = {
        'half a head': () => speak(head('X: ').slice(0, -1)),
        'a head without an end': () => speak(`${head('X-A: b')}\r\n`),
        'a body that does not come': () => speak(`${post}Content-Length: 100\r\n\r\n{`),
        'no handshake': () => speak('', { tls: false }),
        'an answered request, and silence': () => speak(`${head()}\r\n\r\n`),
    };
    // not waited for: more of them than the agent serves at once
    const asked = Object.values(kinds).flatMap((make) => Array.from({ length: 20 }, make));
    assert.equal((await agent.request('GET', '/.well-known/openukey')).status, 200, 'as soon as the first have been cut off');
    const all = await Promise.all(asked);
    const dripping = await speak(head('X: '));
    const drip = setInterval(() => dripping.socket.write('x'), 500);
    await until(() => all.every(({ closed }) => closed), 'the end of the silent ones', PATIENCE);
    await until(() => dripping.closed, 'the end of the one that drips', PATIENCE);
    clearInterval(drip);
    for (const { heard } of all) assert.doesNotMatch(heard, /^HTTP\/1.1 (5|20[1-9])/);
    assert.ok(await isAlive());
});

test('27: a body beyond the limit is not read to its end, announced or in chunks', async () => {
    const before = residentKiB();
    const post = (path, more) =>
        `POST ${path} HTTP/1.1\r\nHost: localhost:${agent.port}\r\nOrigin: ${GOOD}\r\nOpenUKey-Session: ${session}\r\nContent-Type: application/json\r\n${more}\r\n\r\n`;
    for (const path of ['/v1/pairing', '/v1/jobs', '/v1/tokens/0123456789abcdef/verify-pin']) {
        const announced = await speak(post(path, `Content-Length: ${128 << 20}`));
        await until(() => announced.closed, 'the end', PATIENCE);
        assert.match(announced.heard, /^HTTP\/1.1 413 [^]*"code":"BODY_TOO_LARGE"/, path);
    }
    const chunked = await speak(post('/v1/pairing', 'Transfer-Encoding: chunked'));
    chunked.socket.setMaxListeners(0);
    const chunk = Buffer.concat([Buffer.from('10000\r\n'), Buffer.alloc(0x10000, 32), Buffer.from('\r\n')]);
    for (let sent = 0; sent < 128 << 20 && !chunked.closed; sent += chunk.length) {
        if (!chunked.socket.write(chunk)) {
            await Promise.race([new Promise((done) => chunked.socket.once('drain', done)), new Promise((done) => chunked.socket.once('close', done))]);
        }
    }
    await until(() => chunked.closed, 'the end', PATIENCE);
    assert.ok(chunked.socket.bytesWritten < 64 << 20, `${chunked.socket.bytesWritten} bytes were taken`);
    assert.ok(residentKiB() < before + (process.env.SAN ? 400 : 24) * 1024, `${residentKiB() - before} KiB more`);
    assert.ok(await isAlive());
});

test('27: heads beyond the limits are refused, and so is what is no HTTP', async () => {
    const broken = {
        '17 KiB of head': `${head(`X: ${'x'.repeat(17 << 10)}`)}\r\n\r\n`,
        'a URL of 20 KiB': `GET /${'x'.repeat(20 << 10)} HTTP/1.1\r\nHost: localhost:${agent.port}\r\n\r\n`,
        '70 header lines': `${head(...Array.from({ length: 70 }, (_, i) => `X-${i}: y`))}\r\nConnection: close\r\n\r\n`,
        'no HTTP': 'EHLO localhost\r\n\r\n',
        'a proxy request': `GET http://evil.test/ HTTP/1.1\r\nHost: localhost:${agent.port}\r\nConnection: close\r\n\r\n`,
        'CONNECT': 'CONNECT evil.test:443 HTTP/1.1\r\nHost: evil.test:443\r\nConnection: close\r\n\r\n',
        'two lengths': `POST /v1/pairing HTTP/1.1\r\nHost: localhost:${agent.port}\r\nContent-Length: 2\r\nContent-Length: 3\r\nConnection: close\r\n\r\n{}`,
        'a length and chunks': `POST /v1/pairing HTTP/1.1\r\nHost: localhost:${agent.port}\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n0\r\n\r\n`,
        'a NUL': `GET /v1/\0 HTTP/1.1\r\nHost: localhost:${agent.port}\r\nConnection: close\r\n\r\n`,
    };
    for (const [what, text] of Object.entries(broken)) {
        const spoken = await speak(text);
        await until(() => spoken.closed, `the end of ${what}`, PATIENCE);
        assert.match(spoken.heard, /^(HTTP\/1.1 4\d\d |$)/, what);
    }
    assert.ok(await isAlive());
});

test('27: broken JSON is refused, whatever is broken about it', async () => {
    const bodies = [
        '{', '[]', '"x"', '1', 'null', '{"a":1,"a":2}', '{"a":1}x', '{\'a\':1}', '{"a":01}', '{"a":1e999}', '{"a":"\\u0000"}', '{"a":"\\ud800"}',
        Buffer.from([0x7b, 0x22, 0xff, 0x22, 0x3a, 0x31, 0x7d]), '\ufeff{}', '['.repeat(1000), `${'{"a":'.repeat(40)}1${'}'.repeat(40)}`,
    ];
    for (const body of bodies) {
        const answer = await agent.request('POST', '/v1/pairing', { origin: GOOD, body, headers: { 'Content-Type': 'application/json' } });
        assert.deepEqual([answer.status, answer.json.code], [400, 'BAD_REQUEST'], String(body).slice(0, 30));
    }
    assert.ok(await isAlive());
});

test('27: sixty-four pages may listen, the next is told that there are too many', async () => {
    const sockets = [];
    let status = 101;
    for (let i = 0; i < 80 && status === 101; i++) {
        const socket = await agent.webSocket({ origin: GOOD });
        if (socket.status === 101) socket.send({ session });
        sockets.push(socket);
        status = socket.status;
    }
    // those whose session came too late on a busy machine have made room
    assert.ok(status === 429 || sockets.some(({ closed }) => closed), `${status}`);
    assert.ok(sockets.length >= 65);
    assert.ok(await isAlive());
    sockets.forEach((socket) => socket.close());
    await until(async () => (await agent.webSocket({ origin: GOOD })).status === 101, 'room', PATIENCE);
});
