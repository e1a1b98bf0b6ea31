// The agent's way to the order services: which service a key belongs to, bodies that stream both ways at flat memory, and services that are
// wrong, slow, dead or cut an answer off.
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { createServer, request as httpsRequest } from 'node:https';
import { createServer as createTcpServer } from 'node:net';
import { join } from 'node:path';
import test, { after, before } from 'node:test';
import { Program, run } from '../../tools/demo/program.mjs';
import { TestAgent, build, littleQuarantine, root, until } from '../support/agent.mjs';
import { startService } from '../support/service.mjs';

const GOOD = 'https://good.cn';
const MIB = 1 << 20;
const LARGE = 100 * MIB;
const PIECE = Buffer.alloc(64 * 1024, 'A stream of bytes that is the same every time. ');

const file = (name) => join(agent.dir, name);

async function newCa(name) {
    await run('openssl', [...['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '2'], ...['-subj', `/CN=${name}`, '-addext', 'keyUsage=critical,keyCertSign', '-keyout', file(`${name}.ca.key`), '-out', file(`${name}.ca.pem`)]]);
}

/* A leaf of that CA: {key, cert} as text. */
async function newLeaf(name, ca, { names = 'DNS:localhost', days = '2' } = {}) {
    await run('openssl', [...['req', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-subj', '/CN=service'], ...['-keyout', file(`${name}.key`), '-out', file(`${name}.csr`)]]);
    writeFileSync(file(`${name}.ext`), `subjectAltName=${names}\nbasicConstraints=critical,CA:FALSE\n`);
    await run('openssl', [...['x509', '-req', '-in', file(`${name}.csr`), '-CA', file(`${ca}.ca.pem`), '-CAkey', file(`${ca}.ca.key`), '-extfile', file(`${name}.ext`)], ...['-out', file(`${name}.pem`), '-days', days]]);
    return { key: readFileSync(file(`${name}.key`)), cert: readFileSync(file(`${name}.pem`)) };
}

const seen = [];
let agent, session, ports;
const servers = [];

function listen(server) {
    servers.push(server);
    return new Promise((done) => server.listen(0, '127.0.0.1', () => done(server.address().port)));
}

/* What an order service may do with a request. */
async function answer(request, response) {
    const { pathname } = new URL(request.url, 'https://localhost');
    const entry = { method: request.method, url: request.url, headers: request.headers, peer: request.socket.getPeerCertificate?.()?.subject?.CN };
    seen.push(entry);
    if (pathname === '/down') {
        response.writeHead(200, { 'Content-Type': 'application/octet-stream', 'Content-Length': LARGE });
        for (let sent = 0; sent < LARGE; sent += PIECE.length) {
            if (!response.write(PIECE)) await new Promise((done) => response.once('drain', done));
        }
        return response.end();
    }
    if (pathname === '/silent') return undefined;
    if (pathname === '/stall') return response.writeHead(200, { 'Content-Length': 10 }).write('12345');
    if (pathname === '/cut' || pathname === '/cut-chunked') {
        response.writeHead(200, pathname === '/cut' ? { 'Content-Length': 1000 } : {});
        return response.write('half', () => setImmediate(() => request.socket.destroy()));
    }
    if (pathname === '/drop-once' && seen.filter(({ url }) => url === request.url).length === 1) return request.socket.destroy();
    if (pathname === '/drop') return request.socket.destroy();
    if (pathname === '/away') return response.writeHead(Number(request.url.split('?')[1]), { Location: request.headers['if-match'] }).end('go there');
    if (pathname === '/early') return response.writeHead(413, { 'Content-Type': 'application/json' }).end('{"too":"long"}');
    const hash = createHash('sha256');
    let length = 0;
    for await (const piece of request) {
        hash.update(piece);
        length += piece.length;
    }
    response.writeHead(200, { 'Content-Type': 'application/json' });
    return response.end(JSON.stringify({ length, hash: hash.digest('hex') }));
}

before(async () => {
    agent = new TestAgent();
    await newCa('good');
    await newCa('other');
    const leaf = await newLeaf('leaf', 'good');
    const expired = await newLeaf('expired', 'good', { days: '-1' });
    const elsewhere = await newLeaf('elsewhere', 'good', { names: 'DNS:elsewhere.cn' });
    const client = await newLeaf('client', 'other');
    ports = {
        fine: await listen(createServer(leaf, answer)),
        expired: await listen(createServer(expired, answer)),
        elsewhere: await listen(createServer(elsewhere, answer)),
        mutual: await listen(createServer({ ...leaf, ca: readFileSync(file('other.ca.pem')), requestCert: true, rejectUnauthorized: true }, answer)),
        mute: await listen(createTcpServer(() => {})), // takes connections and says nothing
    };
    assert.ok(client);
    const { stdout: pin } = await run('sh', ['-c', `openssl x509 -in '${file('leaf.pem')}' -pubkey -noout | openssl pkey -pubin -outform DER | openssl dgst -sha256 -binary | base64`]);
    const { stdout: wrongPin } = await run('sh', ['-c', 'printf wrong | openssl dgst -sha256 -binary | base64']);
    const timeouts = { connect: 1, firstByte: 1, idle: 1, total: 600 };
    const service = (port, more = {}) => ({ upstream: `https://localhost:${port}`, ca: 'good.ca.pem', ...more });
    agent.config.origins = { allow: [GOOD] };
    agent.config.services = {
        fine: service(ports.fine),
        quick: service(ports.fine, { timeouts }),
        expired: service(ports.expired),
        elsewhere: service(ports.elsewhere),
        'other-ca': service(ports.fine, { ca: 'other.ca.pem' }),
        pinned: service(ports.fine, { pins: [wrongPin.trim(), pin.trim()] }),
        'wrong-pin': service(ports.fine, { pins: [wrongPin.trim()] }),
        mutual: service(ports.mutual, { clientCertificate: 'client.pem', clientKey: 'client.key' }),
        'mutual-without': service(ports.mutual),
        dead: service(1),
        mute: service(ports.mute, { timeouts }),
    };
    await agent.run({ env: littleQuarantine });
    session = await agent.pair(GOOD);
});

after(async () => {
    for (const server of servers) {
        server.closeAllConnections?.();
        server.close();
    }
    await agent?.close();
});

const ask = (method, path, more = {}) => agent.request(method, `/v1/service/${path}`, { origin: GOOD, session, headers: { 'Accept-Language': 'en', ...more.headers }, ...(more.json ? { json: more.json } : {}) });

/* The agent's own memory, in KiB: file pages do not count. */
const anonymous = () => Number(/RssAnon:\s+(\d+)/.exec(readFileSync(`/proc/${agent.program.child.pid}/status`, 'utf8'))[1]);

/* A request whose body, and whose answer's, is not held here either. Answers {status, length, hash} and the most memory that was seen. */
function stream(method, path, length = 0, headers = {}) {
    return new Promise((done, fail) => {
        let most = 0;
        const hash = createHash('sha256');
        let received = 0;
        const outgoing = httpsRequest({ host: '127.0.0.1', servername: 'localhost', port: agent.port, ca: agent.ca, agent: false, method, path: `/v1/service/${path}`,
            headers: { Host: `localhost:${agent.port}`, Origin: GOOD, 'OpenUKey-Session': session, 'Content-Type': 'application/octet-stream', ...(length && !headers['Transfer-Encoding'] ? { 'Content-Length': length } : {}), ...headers } });
        outgoing.on('error', fail);
        outgoing.on('response', (response) => {
            const text = [];
            response.on('data', (piece) => {
                if ((received += piece.length) % (8 * MIB) < piece.length) most = Math.max(most, anonymous());
                hash.update(piece);
                if (received < 4096) text.push(piece);
            });
            response.on('error', fail);
            response.on('end', () => done({ status: response.statusCode, received, hash: hash.digest('hex'), text: Buffer.concat(text).toString(), most }));
        });
        (async () => {
            for (let sent = 0; sent < length; sent += PIECE.length) {
                if (sent % (8 * MIB) === 0) most = Math.max(most, anonymous());
                if (!outgoing.write(PIECE.subarray(0, Math.min(PIECE.length, length - sent)))) await new Promise((go) => outgoing.once('drain', go));
            }
            outgoing.end();
        })();
    });
}

function hashOf(length) {
    const hash = createHash('sha256');
    for (let done = 0; done < length; done += PIECE.length) hash.update(PIECE.subarray(0, Math.min(PIECE.length, length - done)));
    return hash.digest('hex');
}

test('100 MiB pass up and down, unchanged, and the agent does not grow', async () => {
    await stream('PUT', 'fine/up', 2 * MIB); // everything has run once
    await stream('GET', 'fine/small');
    const before = anonymous();
    const up = await stream('PUT', 'fine/up', LARGE);
    assert.equal(up.status, 200);
    assert.deepEqual(JSON.parse(up.text), { length: LARGE, hash: hashOf(LARGE) });
    const down = await stream('GET', 'fine/down');
    assert.equal(down.received, LARGE);
    assert.equal(down.hash, hashOf(LARGE));
    // AddressSanitizer keeps what was freed for a while, and its own books beside it
    const slack = (build.includes('address') ? 64 : 8) * 1024;
    for (const { most } of [up, down]) assert.ok(most > 0 && most - before < slack, `${before} KiB before, ${most} KiB during`);
    assert.ok(anonymous() - before < slack);
});

test('a body of unknown length passes, and one that the service does not want to read', async () => {
    const chunked = await stream('PUT', 'fine/up', 3 * MIB + 17, { 'Transfer-Encoding': 'chunked' });
    assert.deepEqual(JSON.parse(chunked.text), { length: 3 * MIB + 17, hash: hashOf(3 * MIB + 17) });
    const early = await stream('PUT', 'fine/early', 3 * MIB).catch((error) => error);
    assert.ok(early instanceof Error || early.status === 413 || early.status === 502, `${early.status}`);
    assert.equal((await ask('GET', 'fine/after')).status, 200);
});

test('a service whose TLS is not the right one is sent nothing', async () => {
    const before = seen.length;
    for (const profile of ['expired', 'elsewhere', 'other-ca', 'wrong-pin']) {
        const { status, json } = await ask('POST', `${profile}/v1/orders`, { json: { secret: 1 } });
        assert.equal(status, 502, profile);
        assert.equal(json.code, 'SERVICE_UNREACHABLE');
        assert.match(json.detail, /TLS certificate does not verify/, profile);
    }
    assert.equal((await ask('GET', 'mutual-without/x')).status, 502);
    assert.equal(seen.length, before);
    assert.equal((await ask('GET', 'pinned/x')).status, 200);
    assert.equal((await ask('GET', 'mutual/x')).status, 200);
    assert.equal(seen.at(-1).peer, 'service');
});

test('a service that is dead, silent or stuck is given up, and what has begun is broken off', async () => {
    for (const path of ['dead/x', 'mute/x', 'quick/silent']) {
        const { status, json } = await ask('GET', path);
        assert.equal(status, 502, path);
        assert.equal(json.code, 'SERVICE_UNREACHABLE', path);
        assert.equal(json.retryable, true);
    }
    for (const path of ['quick/stall', 'fine/cut', 'fine/cut-chunked']) {
        await assert.rejects(() => stream('GET', path), /aborted|hang up|ECONNRESET|premature/i, path);
    }
    assert.equal((await ask('GET', 'fine/after')).status, 200);
});

test('only what may be sent twice is sent twice', async () => {
    const count = (url) => seen.filter((one) => one.url === url).length;
    assert.equal((await ask('GET', 'fine/drop-once?a')).status, 200);
    assert.equal(count('/drop-once?a'), 2);
    assert.equal((await ask('POST', 'fine/drop-once?b', { json: {}, headers: { 'Idempotency-Key': 'k' } })).status, 200);
    assert.equal(count('/drop-once?b'), 2);
    for (const method of ['POST', 'PUT', 'PATCH']) {
        assert.equal((await ask(method, `fine/drop-once?${method}`, { json: {} })).status, 502);
        assert.equal(count(`/drop-once?${method}`), 1, method);
    }
    assert.equal((await ask('DELETE', 'fine/drop-once?DELETE')).status, 502);
    assert.equal(count('/drop-once?DELETE'), 1);
    await ask('GET', 'fine/drop');
    assert.ok(count('/drop') <= 3, 'a kept connection that turns out to be dead does not count');
});

test('20: no redirect is followed or passed on, wherever it points', async () => {
    let visitors = 0;
    const trap = await listen(createTcpServer((socket) => { visitors += 1; socket.destroy(); }));
    for (const to of [`https://127.0.0.1:${trap}/x`, `http://127.0.0.1:${trap}/x`, 'http://169.254.169.254/latest/meta-data', 'https://10.0.0.1/', 'https://evil.test/', '//evil.test/', `https://localhost:${ports.fine}@evil.test/`, '/same-host', 'file:///etc/passwd']) {
        for (const status of [301, 302, 303, 307, 308]) {
            const before = seen.length;
            const answered = await ask('GET', `fine/away?${status}`, { headers: { 'If-Match': to } });
            assert.equal(answered.status, 403, to);
            assert.equal(answered.json.code, 'REDIRECT_REFUSED');
            assert.equal(answered.headers.location, undefined);
            assert.doesNotMatch(answered.body, /go there/);
            assert.equal(seen.length, before + 1);
        }
    }
    assert.equal(visitors, 0);
});

test('20: no header or path of the page names another host', async () => {
    const before = seen.length;
    for (const path of ['fine/@evil.test/', 'fine//evil.test/', 'fine/..', 'fine/a/../../b', 'fine/%2e%2e/', 'fine/%2E%2E%2Fb', 'fine/https://evil.test/', 'fine/x%0d%0aHost:%20evil.test', 'fine/x?a=%0aHost:evil', 'fine/x%00', 'fine/x?@evil.test']) {
        const { status, json } = await ask('GET', path);
        assert.deepEqual([status, json.code], [403, 'PATH_REFUSED'], path);
    }
    assert.equal(seen.length, before);
    await ask('GET', 'fine/x', { headers: { 'X-Forwarded-Host': 'evil.test', Forwarded: 'host=evil.test', 'X-Original-URL': '/admin', Connection: 'X-Other' } });
    assert.equal(seen.at(-1).headers.host, `localhost:${ports.fine}`);
    for (const name of ['x-forwarded-host', 'forwarded', 'x-original-url', 'cookie', 'origin', 'openukey-session']) assert.equal(seen.at(-1).headers[name], undefined, name);
});

test('pages are told when a service goes away and comes back, and may ask', async () => {
    const state = async () => (await agent.request('GET', '/v1/service', { origin: GOOD, session })).json.services.find(({ profile }) => profile === 'fine').state;
    assert.equal((await ask('GET', 'fine/x')).status, 200);
    const socket = await agent.webSocket({ origin: GOOD });
    socket.send({ session });
    assert.deepEqual(await socket.next(), { type: 'hello' });
    await ask('GET', 'fine/drop');
    assert.deepEqual(await socket.next(), { type: 'service', service: 'fine', state: 'offline' });
    assert.equal(await state(), 'offline');
    await ask('GET', 'fine/x');
    assert.deepEqual(await socket.next(), { type: 'service', service: 'fine', state: 'online' });
    assert.equal(await state(), 'online');
    socket.close();
});

test('two vendors: the service of a key is the one that its issuer belongs to', async (t) => {
    const vendors = {};
    for (const [name, profile] of [['East', 'org'], ['West', 'other-org']]) {
        const service = await startService(t, { ca: { name: `${name} Trust`, algorithm: 'P-256' } });
        await run(join(build, 'bin/ukey'), ['provision', join(root, `tools/ukey/profiles/${profile}.json`), '--ca', join(service.state, 'ca'), '--out', join(service.dir, 'card.img'), '--manifest', join(service.dir, 'card.json')]);
        const { serial } = JSON.parse(readFileSync(join(service.dir, 'card.json'), 'utf8')).token;
        writeFileSync(join(service.dir, 'ca.pem'), service.ca);
        vendors[name] = { service, serial };
    }
    const own = new TestAgent();
    t.after(() => own.close());
    own.config.origins = { allow: [GOOD] };
    own.config.services = {};
    for (const [name, { service, serial }] of Object.entries(vendors)) {
        own.config.services[name.toLowerCase()] = { upstream: service.url, ca: join(service.dir, 'ca.pem'), issuers: [`${name} Trust Issuing CA`] };
        own.programs.push(await Program.start({ name: 'ukey-sim', command: join(build, 'bin/ukey-sim'), args: ['run', '--socket', join(own.keys, `${serial}.sock`), join(service.dir, 'card.img')], ready: /^ready ?(.*)$/ }));
    }
    await own.run();
    const paired = await own.pair(GOOD);
    const get = async (path) => (await own.request('GET', path, { origin: GOOD, session: paired })).json;
    await until(async () => (await get('/v1/tokens')).tokens.length === 2, 'both keys', 60_000);
    const { tokens } = await get('/v1/tokens');
    const { services } = await get('/v1/service');
    for (const [name, { service, serial }] of Object.entries(vendors)) {
        const token = tokens.find((one) => one.serial === serial);
        assert.deepEqual(services.filter((one) => one.tokens.includes(token.id)).map(({ profile }) => profile), [name.toLowerCase()]);
        // and behind that name is that service
        const through = await get(`/v1/service/${name.toLowerCase()}/v1/keys`);
        assert.deepEqual(through, (await service.ask('GET', '/v1/keys')).body);
    }
    assert.notDeepEqual(await get('/v1/service/east/v1/keys'), await get('/v1/service/west/v1/keys'));
});
