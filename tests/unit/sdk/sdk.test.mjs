// The SDK against a scripted agent: what it asks, what it answers, which errors it gives.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { AgentError, connect, diagnose } from '../../../agent/web/sdk/openukey.mjs';

const json = (status, body, type = 'application/json') =>
    new Response(JSON.stringify(body), { status, headers: { 'Content-Type': type } });
const problem = (status, code, more = {}) =>
    json(status, { type: 'urn:x', title: `title of ${code}`, status, code, ...more }, 'application/problem+json');
const identity = () => json(200, { name: 'openukey-agent', api: 'v1', version: '9.9' });

// routes: {'GET /v1/tokens': (request) => Response}; requests are kept in `seen`
function scriptedAgent(routes = {}, port = 24317) {
    const seen = [];
    const all = {
        'GET /.well-known/openukey': identity,
        'POST /v1/pairing': () => json(201, { session: 's1', origin: 'https://portal', decision: 'once' }),
        ...routes,
    };
    const fetch = async (url, init = {}) => {
        const { pathname, port: asked, search } = new URL(url);
        if (init.signal?.aborted) throw init.signal.reason;
        if (Number(asked) !== port) {
            throw Object.assign(new TypeError('fetch failed'), { cause: { code: 'ECONNREFUSED' } });
        }
        const request = {
            method: init.method ?? 'GET',
            path: pathname + search,
            headers: new Headers(init.headers),
            body: init.body ? JSON.parse(init.body) : undefined,
            signal: init.signal,
        };
        seen.push(request);
        const route = all[`${request.method} ${pathname}`];
        return route ? route(request) : problem(404, 'NOT_FOUND');
    };
    return { fetch, seen, options: { fetch, WebSocket: null, lang: 'en' } };
}

const key = { id: 'k1', label: 'L', serial: 'S', pin: { state: 'ok', triesLeft: 10, verified: false } };

test('connect finds the agent on a later port and pairs once', async () => {
    const { options, seen } = scriptedAgent({}, 24319);
    const agent = await connect(options);
    assert.equal(agent.url, 'https://localhost:24319');
    assert.equal(agent.version, '9.9');
    assert.deepEqual(seen.map((r) => `${r.method} ${r.path}`), ['GET /.well-known/openukey', 'POST /v1/pairing']);
});

test('a stranger on a port is not taken for the agent', async () => {
    const { options } = scriptedAgent({ 'GET /.well-known/openukey': () => json(200, { name: 'something else' }) });
    await assert.rejects(connect(options), { code: 'NOT_RUNNING' });
});

test('an agent with another API version is named as such', async () => {
    const old = () => json(200, { name: 'openukey-agent', api: 'v0', version: '0' });
    await assert.rejects(connect(scriptedAgent({ 'GET /.well-known/openukey': old }).options), { code: 'VERSION_MISMATCH' });
});

test('an untrusted certificate and a refused connection have different codes', async () => {
    const failing = (code) => async () => {
        throw Object.assign(new TypeError('fetch failed'), { cause: { code } });
    };
    await assert.rejects(connect({ fetch: failing('SELF_SIGNED_CERT_IN_CHAIN'), lang: 'en' }), { code: 'UNTRUSTED_TLS' });
    await assert.rejects(connect({ fetch: failing('ECONNREFUSED'), lang: 'en' }), { code: 'NOT_RUNNING', retryable: true });
});

test('every request carries the session and the language, and none carries the session in its address', async () => {
    const { options, seen } = scriptedAgent({ 'GET /v1/tokens': () => json(200, { tokens: [key] }) });
    const agent = await connect({ ...options, lang: 'zh-CN' });
    assert.equal((await agent.token()).id, 'k1');
    const last = seen.at(-1);
    assert.equal(last.headers.get('OpenUKey-Session'), 's1');
    assert.equal(last.headers.get('Accept-Language'), 'zh-CN');
    assert.ok(seen.every(({ path }) => !path.includes('s1')));
});

test('no key and several keys are told apart, in the language asked for', async () => {
    let tokens = [];
    const { options } = scriptedAgent({ 'GET /v1/tokens': () => json(200, { tokens }) });
    const agent = await connect(options);
    await assert.rejects(agent.token(), { code: 'NO_TOKEN', title: 'No UKey was found' });
    tokens = [key, { ...key, id: 'k2' }];
    agent.lang = 'zh-CN';
    await assert.rejects(agent.token(), { code: 'SEVERAL_TOKENS', title: '检测到多个 UKey' });
});

test('a problem document becomes an AgentError with code, status, tries and title', async () => {
    const { options } = scriptedAgent({
        'POST /v1/tokens/k1/verify-pin': () => problem(403, 'PIN_WRONG', { triesLeft: 7, detail: 'd' }),
    });
    const agent = await connect(options);
    const error = await agent.verifyPin({ token: 'k1' }).catch((e) => e);
    assert.ok(error instanceof AgentError);
    assert.deepEqual([error.code, error.status, error.triesLeft, error.title], ['PIN_WRONG', 403, 7, 'title of PIN_WRONG']);
});

test('an answer that is not JSON is BAD_ANSWER, not a crash', async () => {
    const { options } = scriptedAgent({ 'GET /v1/tokens': () => new Response('<html>', { status: 502 }) });
    await assert.rejects((await connect(options)).tokens(), { code: 'BAD_ANSWER', status: 502 });
});

test('a session that has ended is renewed once and the request is made again', async () => {
    let calls = 0;
    const { options, seen } = scriptedAgent({
        'GET /v1/tokens': () => ((calls += 1) === 1 ? problem(401, 'SESSION_INVALID') : json(200, { tokens: [key] })),
    });
    const agent = await connect(options);
    assert.equal((await agent.tokens()).length, 1);
    assert.equal(seen.filter(({ path }) => path === '/v1/pairing').length, 2);
});

test('a session that stays invalid ends in an error, not in a loop', async () => {
    const { options, seen } = scriptedAgent({ 'GET /v1/tokens': () => problem(401, 'SESSION_INVALID') });
    await assert.rejects((await connect(options)).tokens(), { code: 'SESSION_INVALID' });
    assert.equal(seen.length, 5);
});

test('requests made while pairing share one pairing', async () => {
    let valid = false;
    const { options, seen } = scriptedAgent({
        'POST /v1/pairing': async () => {
            await new Promise((resolve) => setImmediate(resolve));
            return json(201, { session: 's', origin: 'o', decision: 'once' });
        },
        'GET /v1/tokens': () => (valid ? json(200, { tokens: [] }) : problem(401, 'SESSION_INVALID')),
    });
    const agent = await connect(options);
    const asked = [agent.tokens(), agent.tokens()];
    valid = true;
    await Promise.allSettled(asked);
    assert.ok(seen.filter(({ path }) => path === '/v1/pairing').length <= 2);
});

test('an aborted signal stops the request with ABORTED', async () => {
    const { options } = scriptedAgent();
    const agent = await connect(options);
    const signal = AbortSignal.abort();
    for (const call of [agent.tokens({ signal }), agent.sign({ token: 'k1', signal }), agent.service().fetch('/x', { signal })]) {
        await assert.rejects(call, { code: 'ABORTED' });
    }
    await assert.rejects(connect({ ...options, signal }), { code: 'ABORTED' });
});

test("a service's request goes through the proxy with bearer token, idempotency key and version", async () => {
    const { options, seen } = scriptedAgent({
        'PATCH /v1/service/default/v1/orders/R1': () => json(200, { ok: 1 }),
    });
    const service = (await connect(options)).service('default');
    service.authorization = 'T';
    await service.request('PATCH', '/v1/orders/R1', { json: { years: 1 }, ifMatch: 3, idempotencyKey: 'i' });
    const { headers, body } = seen.at(-1);
    assert.equal(headers.get('Authorization'), 'Bearer T');
    assert.equal(headers.get('If-Match'), '"3"');
    assert.equal(headers.get('Idempotency-Key'), 'i');
    assert.deepEqual(body, { years: 1 });
});

test('login hands the challenge to the key and keeps the service session', async () => {
    const { options, seen } = scriptedAgent({
        'POST /v1/service/default/v1/key-login/challenge': () => json(200, { nonce: 'N', service: 'urn:s' }),
        'POST /v1/tokens/k1/login-assertion': () => json(200, { assertion: 'A', certificate: 'c' }),
        'POST /v1/service/default/v1/key-login/verify': () => json(200, { token: 'T', tokenSerial: 'S' }),
    });
    const service = (await connect(options)).service();
    assert.equal((await service.login({ token: key })).tokenSerial, 'S');
    assert.equal(service.authorization, 'T');
    assert.deepEqual(seen.at(-2).body, { service: 'urn:s', nonce: 'N' });
    assert.deepEqual(seen.at(-1).body, { assertion: 'A' });
});

test('a job is followed to its end without a WebSocket and every change is reported', async () => {
    const states = [10, 40, 40, 100].map((progress) => ({
        id: 'j1', state: progress === 100 ? 'done' : 'running', progress, steps: [], result: { notAfter: 'x' },
    }));
    const { options, seen } = scriptedAgent({
        'POST /v1/jobs': () => json(202, states.shift()),
        'GET /v1/jobs/j1': () => json(200, states.shift()),
    });
    const agent = await connect(options);
    const job = await agent.jobs.renew({ service: 'default', order: 'R1', authorization: 'T' });
    const progress = [];
    job.on('progress', (one) => progress.push(one.progress));
    assert.equal((await job.finished()).result.notAfter, 'x');
    assert.deepEqual(progress, [10, 40, 100]);
    assert.deepEqual(seen.find(({ path }) => path === '/v1/jobs').body, {
        kind: 'renew', service: 'default', order: 'R1', authorization: 'T',
    });
    agent.close();
});

test('a job that failed throws its problem', async () => {
    const failed = { id: 'j', state: 'interrupted', progress: 30, steps: [], problem: { code: 'TOKEN_REMOVED', title: 't', status: 409 } };
    const { options } = scriptedAgent({ 'POST /v1/jobs': () => json(202, failed) });
    const agent = await connect(options);
    const job = await agent.jobs.renew({ order: 'R1' });
    await assert.rejects(job.finished(), { code: 'TOKEN_REMOVED', status: 409 });
    agent.close();
});

test('a pushed event ends the wait, and the session goes in the first message', async () => {
    const sockets = [];
    class Socket extends EventTarget {
        constructor(url) {
            super();
            this.url = url;
            this.sent = [];
            sockets.push(this);
        }
        send(text) {
            this.sent.push(JSON.parse(text));
        }
        close() {}
        push(message) {
            this.dispatchEvent(Object.assign(new Event('message'), { data: JSON.stringify(message) }));
        }
    }
    const done = { id: 'j', state: 'done', progress: 100, steps: [] };
    const { options } = scriptedAgent({
        'POST /v1/jobs': () => json(202, { id: 'j', state: 'running', progress: 0, steps: [] }),
        'GET /v1/jobs/j': () => json(200, done),
    });
    const agent = await connect({ ...options, WebSocket: Socket });
    const events = [];
    agent.on('token', (event) => events.push(event));
    const [socket] = sockets;
    assert.equal(socket.url, 'wss://localhost:24317/v1/events');
    socket.dispatchEvent(new Event('open'));
    assert.deepEqual(socket.sent, [{ session: 's1' }]);
    socket.push({ type: 'hello' });
    socket.push({ type: 'token', action: 'removed', token: key });
    assert.deepEqual(events, [{ action: 'removed', token: key }]);
    const job = await agent.jobs.renew({ order: 'R' });
    const finished = job.finished();
    socket.push({ type: 'job', job: done });
    assert.equal((await finished).state, 'done');
    agent.close();
});

test('diagnose says what is wrong and never throws', async () => {
    const { options } = scriptedAgent();
    const fine = await diagnose(options);
    assert.equal(fine.ok, true);
    const bad = await diagnose({ ...options, ports: [1], lang: 'zh-CN' });
    assert.deepEqual([bad.ok, bad.code, bad.title], [false, 'NOT_RUNNING', '未检测到 UKey 助手']);
    assert.equal(bad.checks.at(-1).name, 'port-1');
});

test('the script build is the module build', () => {
    const build = fileURLToPath(new URL('../../../agent/web/sdk/build-iife.mjs', import.meta.url));
    execFileSync(process.execPath, [build, '--check']);
    const source = readFileSync(new URL('../../../agent/web/sdk/openukey.js', import.meta.url), 'utf8');
    const root = {};
    new Function('globalThis', source)(root);
    assert.equal(typeof root.OpenUKey.connect, 'function');
});

test('documents, envelopes, stamps and verdicts have their own calls', async () => {
    const { options, seen } = scriptedAgent({
        'GET /v1/tokens': () => json(200, { tokens: [{ id: 't1' }] }),
        'POST /v1/documents': () => json(201, { id: 'd1', size: 2, digests: {} }),
        'POST /v1/tokens/t1/decrypt': () => json(200, { content: 'AA==', certificate: 'c' }),
        'POST /v1/tokens/t1/stamp': () => json(200, { stamp: 'AA==' }),
        'POST /v1/verify': () => json(200, { valid: true, result: 'valid' }),
    });
    const agent = await connect(options);
    assert.equal((await agent.uploadDocument('{}')).id, 'd1');
    assert.equal(seen.at(-1).headers.get('Content-Type'), 'application/octet-stream');
    assert.equal((await agent.decrypt({ envelope: 'AA==' })).content, 'AA==');
    assert.deepEqual(seen.at(-1).body, { envelope: 'AA==' });
    await agent.stamp({ token: 't1', seal: 's', name: 'n', propertyInfo: '/p', hash: 'AA==' });
    assert.deepEqual(seen.at(-1).body, { seal: 's', name: 'n', propertyInfo: '/p', hash: 'AA==' });
    assert.equal((await agent.verify({ signature: 'AA==' })).valid, true);
    assert.equal(seen.at(-1).path, '/v1/verify');
});
