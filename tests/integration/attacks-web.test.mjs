// The attack cases of docs/threat-model.md that need no key in use, against the real ukey-agent: what a page, another program or another
// user may send. Every name begins with the case's number; the cases with a key are in attacks-key.test.mjs, the ones that a browser
// has a say in, in tests/browser/attacks.test.mjs.
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { readFileSync, readdirSync, readlinkSync as readlink, statSync } from 'node:fs';
import { createServer as createHttpsServer } from 'node:https';
import { createServer, connect } from 'node:net';
import { networkInterfaces } from 'node:os';
import { join } from 'node:path';
import test, { after, before } from 'node:test';
import { connect as tlsConnect } from 'node:tls';
import { run } from '../../tools/demo/program.mjs';
import { TestAgent, until } from '../support/agent.mjs';

const GOOD = 'https://good.cn'; // paired by policy in this agent
const ONCE = 'https://once.cn'; // paired by the scripted person
const SERIAL = 'AGENTACCESS01';
const CORS = 'access-control-allow-origin';

// every route, with a method and a body that would be right
const ROUTES = [
    ['GET', '/v1/tokens'],
    ['GET', '/v1/tokens/0123456789abcdef/certificates'],
    ['GET', '/v1/tokens/0123456789abcdef/seals'],
    ['POST', '/v1/tokens/0123456789abcdef/verify-pin'],
    ['POST', '/v1/tokens/0123456789abcdef/sign'],
    ['POST', '/v1/tokens/0123456789abcdef/login-assertion'],
    ['POST', '/v1/jobs'],
    ['GET', '/v1/jobs/1'],
    ['DELETE', '/v1/jobs/1'],
    ['GET', '/v1/service/default/v1/keys'],
    ['POST', '/v1/service/default/v1/orders'],
    ['DELETE', '/v1/pairing'],
    ['GET', '/v1/nothing'],
];

let agent;
let upstream;
let session;

// An order service that notes what it was asked
async function startUpstream(dir) {
    await run('openssl', [
        ...['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '2', '-subj', '/CN=upstream'],
        ...['-addext', 'subjectAltName=DNS:localhost', '-keyout', join(dir, 'up.key'), '-out', join(dir, 'up.pem')],
    ]);
    const seen = [];
    const server = createHttpsServer(
        { key: readFileSync(join(dir, 'up.key')), cert: readFileSync(join(dir, 'up.pem')) },
        (request, response) => {
            const chunks = [];
            request.on('data', (data) => chunks.push(data));
            request.on('end', () => {
                seen.push({ method: request.method, url: request.url, headers: request.headers, body: Buffer.concat(chunks).toString() });
                if (request.url.startsWith('/v1/away')) {
                    response.writeHead(302, { Location: 'http://169.254.169.254/latest' }).end();
                } else {
                    response.writeHead(request.method === 'POST' ? 201 : 200, {
                        'Content-Type': 'application/json',
                        ETag: '"7"',
                        Location: `https://localhost:${server.address().port}/v1/orders/9`,
                        'Set-Cookie': 'a=b',
                        'Access-Control-Allow-Origin': '*',
                        'X-Other': 'x',
                    });
                    response.end('{"fine":true}');
                }
            });
        },
    );
    await new Promise((done) => server.listen(0, '127.0.0.1', done));
    return { seen, port: server.address().port, close: () => server.close() };
}

before(async () => {
    agent = new TestAgent();
    upstream = await startUpstream(agent.dir);
    await agent.plugKey(SERIAL);
    agent.config.origins = { allow: [GOOD], deny: ['https://denied.cn'] };
    agent.config.services = {
        default: { upstream: `https://localhost:${upstream.port}`, ca: 'up.pem' },
        untrusted: { upstream: `https://localhost:${upstream.port}`, ca: 'state/tls/ca.pem' },
        down: { upstream: 'https://localhost:1', ca: 'up.pem' },
    };
    await agent.run();
    session = await agent.pair(GOOD);
    await until(async () => (await agent.request('GET', '/v1/tokens', { origin: GOOD, session })).body.includes(SERIAL), 'the key');
});

after(async () => {
    upstream?.close();
    await agent?.close();
});

function hostRequest(hostLines) {
    return `GET /.well-known/openukey HTTP/1.1\r\n${hostLines.map((line) => `${line}\r\n`).join('')}Connection: close\r\n\r\n`;
}

test('1: a Host that is not exactly ours is misdirected', async () => {
    const { port } = agent;
    for (const good of [`localhost:${port}`, `127.0.0.1:${port}`, `[::1]:${port}`]) {
        assert.match(await agent.raw(hostRequest([`Host: ${good}`])), /^HTTP\/1.1 200 /, good);
    }
    const bad = [
        ['Host: evil.test'], [`Host: evil.test:${port}`], [], [`Host: localhost:${port}`, `Host: localhost:${port}`],
        [`Host: localhost:${port}`, 'Host: evil.test'], [`Host: localhost:${port + 1}`], ['Host: localhost'],
        [`Host: localhost.:${port}`], [`Host: LOCALHOST:${port}`], [`Host: 127.0.0.1.evil.test:${port}`], [`Host: a@localhost:${port}`],
    ];
    for (const lines of bad) {
        const answer = await agent.raw(hostRequest(lines));
        assert.match(answer, /^HTTP\/1.1 421 /, JSON.stringify(lines));
        assert.match(answer, /"code":"HOST_REFUSED"/);
        assert.doesNotMatch(answer, /access-control-allow-origin/i);
    }
    const old = await agent.raw('GET /.well-known/openukey HTTP/1.0\r\n\r\n');
    assert.match(old, /^HTTP\/1.1 421 /);
});

test('3 and 28: without a paired Origin there is nothing: no data, no CORS header, no dialog', async () => {
    const dialogs = agent.shown.length;
    const asked = upstream.seen.length;
    for (const origin of [undefined, 'null', 'https://unpaired.cn', 'http://good.cn', 'https://denied.cn', 'file://']) {
        for (const [method, path] of ROUTES) {
            const answer = await agent.request(method, path, { origin, json: method === 'POST' ? {} : undefined });
            assert.equal(answer.status, 403, `${method} ${path} for ${origin}`);
            assert.equal(answer.json.code, 'ORIGIN_REFUSED');
            assert.equal(answer.headers[CORS], undefined);
            assert.ok(!answer.body.includes(SERIAL));
        }
    }
    for (const origin of [undefined, 'null', 'http://good.cn', 'https://denied.cn']) {
        assert.equal((await agent.request('POST', '/v1/pairing', { origin, json: {} })).status, 403);
    }
    for (const origin of ['null', 'http://evil.cn', 'https://denied.cn']) {
        const answer = await agent.request('GET', '/.well-known/openukey', { origin });
        assert.equal(answer.status, 403);
        assert.equal(answer.headers[CORS], undefined);
    }
    const known = await agent.request('GET', '/.well-known/openukey', { origin: 'https://unpaired.cn' });
    assert.deepEqual(Object.keys(known.json).sort(), ['api', 'name', 'version']);
    assert.equal(known.headers[CORS], 'https://unpaired.cn');
    assert.equal((await agent.request('GET', '/.well-known/openukey')).status, 200);
    assert.equal(agent.shown.length, dialogs);
    assert.equal(upstream.seen.length, asked);
});

test('4: look-alikes of a paired origin are refused', async () => {
    const alike = [
        'https://good.cn.evil.cn', 'http://good.cn', 'https://good.cn:8443', 'https://GOOD.cn', 'HTTPS://good.cn', 'https://user@good.cn',
        'https://good.cn@evil.cn', 'https://good.cn.', 'https://good.cn/', 'https://good.cn:443', 'https://xgood.cn', 'https://good.cn https://evil.cn',
        'https://good.cn, https://evil.cn', 'https://good%2ecn', 'https://good.cn\\.evil.cn', 'good.cn',
    ];
    for (const origin of alike) {
        const answer = await agent.request('GET', '/v1/tokens', { origin });
        assert.equal(answer.status, 403, origin);
        assert.equal(answer.headers[CORS], undefined, origin);
        const withSession = await agent.request('GET', '/v1/tokens', { origin, session });
        assert.ok([401, 403].includes(withSession.status), origin);
        assert.ok(!withSession.body.includes(SERIAL));
    }
    const two = await agent.raw(
        `GET /v1/tokens HTTP/1.1\r\nHost: localhost:${agent.port}\r\nOrigin: ${GOOD}\r\nOrigin: ${GOOD}\r\nOpenUKey-Session: ${session}\r\nConnection: close\r\n\r\n`,
    );
    assert.match(two, /^HTTP\/1.1 403 /);
});

test('5: preflights are answered for the origin and the place that may ask, and for nobody else', async () => {
    const preflight = (path, origin, more = {}) =>
        agent.request('OPTIONS', path, {
            origin,
            headers: { 'Access-Control-Request-Method': 'POST', 'Access-Control-Request-Headers': 'content-type,openukey-session', ...more },
        });
    for (const origin of ['null', 'http://evil.cn', 'https://denied.cn', undefined]) {
        for (const path of ['/v1/tokens', '/v1/pairing', '/.well-known/openukey']) {
            const answer = await preflight(path, origin);
            assert.equal(answer.headers[CORS], undefined, `${origin} ${path}`);
            assert.equal(answer.headers['access-control-allow-headers'], undefined);
        }
    }
    for (const [, path] of ROUTES.filter(([, path]) => path !== '/v1/pairing')) {
        assert.equal((await preflight(path, 'https://unpaired.cn')).headers[CORS], undefined, path);
    }
    for (const path of ['/v1/pairing', '/.well-known/openukey']) {
        const answer = await preflight(path, 'https://unpaired.cn');
        assert.equal(answer.status, 204);
        assert.equal(answer.headers[CORS], 'https://unpaired.cn');
    }
    const answer = await preflight('/v1/tokens', GOOD, { 'Access-Control-Request-Private-Network': 'true' });
    assert.equal(answer.status, 204);
    assert.equal(answer.headers[CORS], GOOD);
    assert.match(answer.headers.vary, /Origin/);
    for (const name of ['OpenUKey-Session', 'Content-Type', 'Authorization', 'Idempotency-Key', 'If-Match', 'Accept-Language']) {
        assert.ok(answer.headers['access-control-allow-headers'].split(/, */).includes(name), name);
    }
    assert.equal(answer.headers['access-control-allow-private-network'], 'true');
    assert.equal(answer.headers['access-control-allow-credentials'], undefined);
    const tokens = await agent.request('GET', '/v1/tokens', { origin: GOOD, session });
    assert.equal(tokens.headers[CORS], GOOD);
    assert.match(tokens.headers['access-control-expose-headers'], /ETag/);
    assert.match(tokens.headers['access-control-expose-headers'], /Location/);
});

test('6: what a form can post is not taken, whoever posts it', async () => {
    const dialogs = agent.shown.length;
    for (const type of ['text/plain', 'application/x-www-form-urlencoded', 'multipart/form-data; boundary=x', undefined, 'text/json',
        'application/json-patch+json']) {
        for (const origin of ['https://evil.cn', 'null', undefined, GOOD]) {
            for (const path of ['/v1/pairing', '/v1/jobs', '/v1/tokens/0123456789abcdef/sign', '/v1/service/default/v1/orders']) {
                const answer = await agent.request('POST', path, {
                    origin, body: '{}', headers: type === undefined ? {} : { 'Content-Type': type },
                });
                assert.ok([403, 415].includes(answer.status), `${type} ${origin} ${path}: ${answer.status}`);
                if (origin === GOOD) assert.equal(answer.status, 415);
            }
        }
    }
    assert.equal(agent.shown.length, dialogs);
});

test('7: simple GETs, as images and scripts make them, get no data and do nothing', async () => {
    const asked = upstream.seen.length;
    for (const dest of ['image', 'script', 'document', 'iframe']) {
        for (const [, path] of ROUTES) {
            const answer = await agent.request('GET', path, {
                headers: { 'Sec-Fetch-Dest': dest, 'Sec-Fetch-Mode': 'no-cors', 'Sec-Fetch-Site': 'cross-site', Referer: `${GOOD}/` },
            });
            assert.equal(answer.status, 403, path);
            assert.ok(!answer.body.includes(SERIAL));
            assert.equal(answer.headers['x-content-type-options'], 'nosniff');
        }
    }
    assert.equal(upstream.seen.length, asked);
});

test('8: a WebSocket with a bad Origin is not opened; a good one needs its session first', async () => {
    for (const origin of [undefined, 'null', 'https://unpaired.cn', 'http://good.cn', 'https://good.cn.evil.cn', 'https://denied.cn']) {
        const ws = await agent.webSocket({ origin });
        assert.equal(ws.status, 403, `${origin}`);
        ws.close();
    }
    const good = await agent.webSocket({ origin: GOOD });
    assert.equal(good.status, 101);
    good.send({ session });
    assert.deepEqual(await good.next(), { type: 'hello' });

    // somebody else's session, no session, twice a session, not JSON, a frame that is not masked: closed without a word
    const other = await agent.pair(ONCE);
    const tries = [
        (ws) => ws.send({ session: other }), (ws) => ws.send({ session: 'x' }), (ws) => ws.send({}), (ws) => ws.send('nonsense'),
        (ws) => ws.send({ session, more: 1 }), (ws) => ws.send({ session }, { masked: false }), (ws) => ws.send('x'.repeat(2000)),
        (ws) => ws.send(Buffer.from([0xff, 0xfe])), (ws) => ws.send({ session }, { first: 0x82 }), (ws) => ws.send({ session }, { first: 0xc1 }),
    ];
    for (const attempt of tries) {
        const ws = await agent.webSocket({ origin: GOOD });
        attempt(ws);
        assert.equal(await ws.next(), null, String(attempt));
        ws.close();
    }
    // one that says nothing is closed after five seconds
    const silent = await agent.webSocket({ origin: GOOD });
    const since = Date.now();
    assert.equal(await silent.next(), null);
    assert.ok(Date.now() - since > 3500 && Date.now() - since < 12000, `${Date.now() - since} ms`);
    // a message in pieces is one message
    const pieces = await agent.webSocket({ origin: GOOD });
    const text = JSON.stringify({ session });
    pieces.send(text.slice(0, 9), { first: 0x01 });
    pieces.send('ping', { first: 0x89 });
    pieces.send(text.slice(9), { first: 0x80 });
    assert.deepEqual(await pieces.next(), { type: 'hello' });
    pieces.close();

    // what happens is told: a key comes and goes, the session ends
    const key = await agent.plugKey('AGENTACCESS02');
    const inserted = await good.next();
    assert.equal(inserted.type, 'token');
    assert.equal(inserted.action, 'inserted');
    assert.equal(inserted.token.serial, 'AGENTACCESS02');
    await key.stop();
    const removed = await good.next();
    assert.deepEqual([removed.type, removed.action, removed.token.serial], ['token', 'removed', 'AGENTACCESS02']);
    good.close();
    const mine = await agent.pair(ONCE);
    const ending = await agent.webSocket({ origin: ONCE });
    ending.send({ session: mine });
    assert.deepEqual(await ending.next(), { type: 'hello' });
    assert.equal((await agent.request('DELETE', '/v1/pairing', { origin: ONCE, session: mine })).status, 204);
    assert.deepEqual(await ending.next(), { type: 'session', state: 'ended' });
    assert.equal(await ending.next(), null);
    const after = await agent.request('GET', '/v1/tokens', { origin: ONCE, session: mine });
    assert.equal(after.json.code, 'SESSION_INVALID');
    assert.equal(after.status, 401);
});

test('9: no answer of the agent may be framed or sniffed or cached', async () => {
    for (const [method, path] of [['GET', '/.well-known/openukey'], ['GET', '/v1/tokens'], ['GET', '/'], ['POST', '/v1/pairing']]) {
        const answer = await agent.request(method, path, { json: method === 'POST' ? {} : undefined });
        assert.equal(answer.headers['x-frame-options'], 'DENY');
        assert.match(answer.headers['content-security-policy'], /frame-ancestors 'none'/);
        assert.equal(answer.headers['cache-control'], 'no-store');
        assert.equal(answer.headers['set-cookie'], undefined);
    }
});

test('10: a session token is good for its own origin only', async () => {
    const mine = await agent.pair(ONCE);
    assert.equal((await agent.request('GET', '/v1/tokens', { origin: ONCE, session: mine })).status, 200);
    for (const origin of [GOOD, 'https://unpaired.cn']) {
        const answer = await agent.request('GET', '/v1/tokens', { origin, session: mine });
        assert.equal(answer.status, 401, origin);
        assert.equal(answer.json.code, 'SESSION_INVALID');
        assert.ok(!answer.body.includes(SERIAL));
    }
    assert.equal((await agent.request('GET', '/v1/tokens', { origin: GOOD })).json.code, 'PAIRING_REQUIRED');
    assert.equal((await agent.request('GET', '/v1/tokens', { origin: GOOD, session: `${mine.slice(0, -1)}` })).status, 401);
    const twice = await agent.raw(
        `GET /v1/tokens HTTP/1.1\r\nHost: localhost:${agent.port}\r\nOrigin: ${GOOD}\r\nOpenUKey-Session: ${session}\r\nOpenUKey-Session: ${session}\r\nConnection: close\r\n\r\n`,
    );
    assert.match(twice, /^HTTP\/1.1 401 /);
});

test('11: session tokens are in no URL and in no log', async () => {
    const mine = await agent.pair(ONCE);
    for (const query of [`?session=${mine}`, `?OpenUKey-Session=${mine}`]) {
        assert.equal((await agent.request('GET', `/v1/tokens${query}`, { origin: ONCE })).status, 401);
    }
    assert.equal((await agent.request('GET', '/v1/tokens', { origin: ONCE, headers: { Cookie: `OpenUKey-Session=${mine}` } })).status, 401);
    await agent.request('GET', '/v1/tokens', { origin: ONCE, session: mine });
    await agent.request('GET', '/v1/service/default/v1/keys', { origin: ONCE, session: mine, headers: { Authorization: 'Bearer TOPSECRET' } });
    await agent.request('POST', '/v1/pairing', { origin: ONCE, headers: { 'Content-Type': 'application/json' }, body: '{"a":HIDDEN}' });
    await until(() => agent.logText.includes('/v1/tokens: SESSION_INVALID') || agent.logText.includes('PAIRING_REQUIRED'), 'the log');
    const log = agent.logText;
    for (const secret of [mine, session, 'TOPSECRET', 'HIDDEN']) assert.ok(!log.includes(secret));
    assert.ok(log.includes(ONCE), 'the log says who has a session');
    // nothing on disk holds it either
    for (const name of readdirSync(join(agent.dir, 'state'))) {
        const path = join(agent.dir, 'state', name);
        if (statSync(path).isFile()) assert.ok(!readFileSync(path, 'utf8').includes(mine));
    }
});

test('20: the proxy goes to its own upstream only, and passes what may pass', async () => {
    const mine = (method, path, more = {}) => agent.request(method, `/v1/service/${path}`, { origin: GOOD, session, ...more });
    const asked = upstream.seen.length;
    const fine = await mine('POST', 'default/v1/orders?state=open', {
        json: { kind: 'RENEW' },
        headers: {
            Authorization: 'Bearer T', 'Idempotency-Key': 'k1', 'If-Match': '"3"', 'Accept-Language': 'en', Accept: 'application/json',
            Cookie: 'c=d', 'X-Forwarded-For': '1.2.3.4', Referer: 'https://good.cn/x',
        },
    });
    assert.equal(fine.status, 201);
    assert.deepEqual(fine.json, { fine: true });
    assert.equal(fine.headers.etag, '"7"');
    assert.equal(fine.headers.location, '/v1/orders/9');
    assert.equal(fine.headers['set-cookie'], undefined);
    assert.equal(fine.headers['x-other'], undefined);
    assert.equal(fine.headers[CORS], GOOD);
    const seen = upstream.seen.at(-1);
    assert.equal(seen.url, '/v1/orders?state=open');
    assert.equal(seen.body, '{"kind":"RENEW"}');
    assert.equal(seen.headers.host, `localhost:${upstream.port}`);
    assert.deepEqual(
        ['authorization', 'idempotency-key', 'if-match', 'accept-language', 'content-type'].map((name) => seen.headers[name]),
        ['Bearer T', 'k1', '"3"', 'en', 'application/json'],
    );
    for (const name of ['cookie', 'x-forwarded-for', 'referer', 'origin', 'openukey-session', 'user-agent']) {
        assert.equal(seen.headers[name], undefined, name);
    }
    for (const path of [
        'default//evil.test/', 'default/..', 'default/../x', 'default/v1/../../x', 'default/%2e%2e/x', 'default/v1/%2e%2e%2fx', 'default/@evil.test/',
        'default/a%40b', 'default/https://evil.test/', 'default/x%0d%0aHost:%20evil.test', 'default/a%00b', 'default/a%5c..%5cb', 'default/x?q=%0d%0a',
        'default/%252e%252e/x', 'default/x?u=a@b',
    ]) {
        const answer = await mine('GET', path);
        assert.equal(answer.status, 403, path);
        assert.equal(answer.json.code, 'PATH_REFUSED', path);
    }
    assert.equal((await mine('TRACE', 'default/x')).status >= 400, true);
    assert.equal(upstream.seen.length, asked + 1, 'nothing else reached the service');

    const away = await mine('GET', 'default/v1/away');
    assert.equal(away.status, 403);
    assert.equal(away.json.code, 'REDIRECT_REFUSED');
    assert.equal(away.headers.location, undefined);
    assert.equal((await mine('GET', 'nobody/v1/keys')).json.code, 'SERVICE_UNKNOWN');
    for (const [profile, pattern] of [['untrusted', /TLS/], ['down', /network|reached/]]) {
        const answer = await mine('GET', `${profile}/v1/keys`, { headers: { 'Accept-Language': 'en' } });
        assert.equal(answer.status, 502, profile);
        assert.equal(answer.json.code, 'SERVICE_UNREACHABLE');
        assert.equal(answer.json.retryable, true);
        assert.match(answer.json.detail, pattern);
    }
    const chinese = await mine('GET', 'down/v1/keys', { headers: { 'Accept-Language': 'zh-CN' } });
    assert.match(chinese.json.detail, /无法连接/);
});

test('22: two installs have different keys, private files, and no CA key', async (t) => {
    const other = await TestAgent.start(t);
    const print = (one) => createHash('sha256').update(readFileSync(join(one.dir, 'state/tls/key.pem'))).digest('hex');
    assert.notEqual(print(agent), print(other));
    assert.notEqual(agent.ca, other.ca);
    for (const name of readdirSync(join(other.dir, 'state/tls'))) {
        const path = join(other.dir, 'state/tls', name);
        assert.equal(statSync(path).mode & 0o777, 0o600, name);
        assert.equal(/PRIVATE KEY/.test(readFileSync(path, 'utf8')), name === 'key.pem', name);
    }
    assert.equal(statSync(join(other.dir, 'state')).mode & 0o077, 0);
    await assert.rejects(() => other.raw('GET / HTTP/1.0\r\n\r\n', { ca: agent.ca }), /self-signed|unable to verify|certificate/i);
});

test('24: ports held by strangers are said aloud; another agent is passed over; with none left the agent ends', async (t) => {
    const strangers = [];
    t.after(() => strangers.forEach((server) => server.close()));
    for (let i = 0; i < 2; i++) {
        const server = createServer((socket) => socket.destroy());
        await new Promise((done) => server.listen(0, '127.0.0.1', done));
        strangers.push(server);
    }
    const taken = strangers.map((server) => server.address().port);
    const loud = await TestAgent.start(t, { config: { ports: taken }, ready: false });
    await assert.rejects(() => loud.run(), (error) => {
        for (const port of taken) assert.match(error.message, new RegExp(`port ${port} is held by a program that is NOT a UKey agent`));
        return true;
    });
    const next = await TestAgent.start(t, { config: { ports: [agent.port, 0] } });
    assert.notEqual(next.port, agent.port);
    await until(() => next.logText.includes(`port ${agent.port} is held by another UKey agent`), 'the line in the log');
    assert.doesNotMatch(next.logText, /NOT a UKey agent/);
});

test('25: another user of this machine is refused', { skip: process.getuid() !== 0 && 'needs root' }, async () => {
    const script = `
        const https = require('node:https');
        const ask = (host) => new Promise((done) => https.get({ host, port: ${agent.port}, path: '/.well-known/openukey',
            rejectUnauthorized: false, headers: { Host: 'localhost:${agent.port}', Origin: '${GOOD}', 'OpenUKey-Session': '${session}' } },
            (answer) => { let text = ''; answer.on('data', (d) => (text += d)); answer.on('end', () => done([answer.statusCode, JSON.parse(text).code])); }));
        (async () => console.log(JSON.stringify([await ask('127.0.0.1'), await ask('::1')])))();`;
    const { stdout } = await run('setpriv', ['--reuid=65534', '--regid=65534', '--clear-groups', process.execPath, '-e', script], { cwd: '/' });
    assert.deepEqual(JSON.parse(stdout), [[403, 'PEER_REFUSED'], [403, 'PEER_REFUSED']]);
    await until(() => agent.logText.includes('another user (uid 65534) was refused'), 'the line in the log');
});

test('26: the agent listens on the loopback addresses only', async () => {
    const inodes = new Set(
        readdirSync(`/proc/${agent.program.pid}/fd`).map((fd) => {
            try {
                return /socket:\[(\d+)\]/.exec(readlink(`/proc/${agent.program.pid}/fd/${fd}`))?.[1];
            } catch {
                return undefined;
            }
        }),
    );
    const listening = [];
    for (const [table, loopback] of [['tcp', '0100007F'], ['tcp6', '00000000000000000000000001000000']]) {
        for (const line of readFileSync(`/proc/net/${table}`, 'utf8').split('\n').slice(1)) {
            const columns = line.trim().split(/\s+/);
            if (columns[3] !== '0A' || !inodes.has(columns[9])) continue;
            const [address, port] = columns[1].split(':');
            assert.equal(address, loopback);
            assert.equal(parseInt(port, 16), agent.port);
            listening.push(table);
        }
    }
    assert.deepEqual(listening.sort(), ['tcp', 'tcp6']);
    const outer = Object.values(networkInterfaces()).flat().find((one) => !one.internal && one.family === 'IPv4');
    if (outer) {
        await assert.rejects(() => new Promise((resolve, reject) => connect(agent.port, outer.address, resolve).on('error', reject)));
    }
});

test('27: slow, huge and broken requests are bounded, and the agent lives', async () => {
    const slow = await Promise.all(
        Array.from({ length: 40 }, () => new Promise((resolve) => {
            const socket = tlsConnect({ host: '127.0.0.1', port: agent.port, ca: agent.ca, servername: 'localhost' }, () => {
                socket.write(`POST /v1/pairing HTTP/1.1\r\nHost: localhost:${agent.port}\r\nX: `);
                resolve(socket);
            });
            socket.on('error', () => {});
        })),
    );
    assert.equal((await agent.request('GET', '/.well-known/openukey')).status, 200);
    const large = await agent.raw(
        `POST /v1/pairing HTTP/1.1\r\nHost: localhost:${agent.port}\r\nOrigin: ${GOOD}\r\nContent-Type: application/json\r\nContent-Length: 134217728\r\n\r\n`,
    );
    assert.match(large, /^HTTP\/1.1 413 /);
    assert.match(large, /"code":"BODY_TOO_LARGE"/);
    for (const body of ['{', '[]', '{"a":1,"a":2}', '\xff', `${'['.repeat(100000)}`, '{"a":"\\u0000"}']) {
        const answer = await agent.request('POST', '/v1/pairing', { origin: GOOD, body, headers: { 'Content-Type': 'application/json' } });
        assert.ok([400, 413].includes(answer.status), body.slice(0, 20));
        assert.ok(['BAD_REQUEST', 'BODY_TOO_LARGE'].includes(answer.json.code));
    }
    for (const socket of slow) socket.destroy();
    assert.equal((await agent.request('GET', '/v1/tokens', { origin: GOOD, session })).status, 200);
    const open = readdirSync(`/proc/${agent.program.pid}/fd`).length;
    assert.ok(open < 200, `${open} descriptors`);
});

test('29: TLS 1.1 is refused, 1.2 and 1.3 are spoken', async () => {
    const speak = (version) =>
        new Promise((resolve, reject) => {
            const socket = tlsConnect(
                { host: '::1', port: agent.port, ca: agent.ca, servername: 'localhost', minVersion: 'TLSv1', maxVersion: version, ciphers: 'ALL:@SECLEVEL=0' },
                () => {
                    resolve(socket.getProtocol());
                    socket.destroy();
                },
            );
            socket.on('error', reject);
        });
    await assert.rejects(speak('TLSv1.1'));
    await assert.rejects(speak('TLSv1'));
    assert.equal(await speak('TLSv1.2'), 'TLSv1.2');
    assert.equal(await speak('TLSv1.3'), 'TLSv1.3');
});
