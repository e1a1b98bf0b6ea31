// The SDK against a scripted agent: what it asks, what it answers, which errors it gives.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { cpSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { AgentError, connect, diagnose } from '../../../agent/web/sdk/src/index.mjs';

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

/* A WebSocket that the test speaks for. */
function socketsOfATest() {
    const sockets = [];
    class Socket extends EventTarget {
        constructor(url) {
            super();
            Object.assign(this, { url, sent: [] });
            sockets.push(this);
        }
        send(text) {
            this.sent.push(JSON.parse(text));
        }
        close() {
            this.isClosed = true;
        }
        push(message) {
            this.dispatchEvent(Object.assign(new Event('message'), { data: JSON.stringify(message) }));
        }
    }
    return { Socket, sockets };
}

const settled = () => new Promise((done) => setTimeout(done, 0));

const key = { id: 'k1', label: 'L', serial: 'S', pin: { state: 'ok', triesLeft: 10, verified: false } };

test('connect finds the agent on a later port and pairs once', async () => {
    const { options, seen } = scriptedAgent({}, 24319);
    const agent = await connect(options);
    assert.equal(agent.url, 'https://localhost:24319');
    assert.equal(agent.version, '9.9');
    assert.deepEqual(seen.map((r) => `${r.method} ${r.path}`), ['GET /.well-known/openukey', 'POST /v1/pairing']);
});

test('24: a stranger on a port is not taken for the agent', async () => {
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
    const { Socket, sockets } = socketsOfATest();
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

test('the package has the bundles of src/, which say one version', (t) => {
    const home = mkdtempSync(join(tmpdir(), 'openukey-sdk-'));
    t.after(() => rmSync(home, { recursive: true, force: true }));
    const folder = join(home, 'sdk');
    cpSync(fileURLToPath(new URL('../../../agent/web/sdk', import.meta.url)), folder, { recursive: true });
    const [pack] = JSON.parse(execFileSync('npm', ['pack', '--dry-run', '--json'], { cwd: folder, encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }));
    const { version, files } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'));
    assert.deepEqual(pack.files.map(({ path }) => path).sort(), [...files, 'README.md', 'package.json'].sort());
    const root = {};
    new Function('globalThis', readFileSync(join(folder, 'dist/openukey.js'), 'utf8'))(root);
    assert.equal(typeof root.OpenUKey.connect, 'function');
    assert.equal(root.OpenUKey.VERSION, version);
    // by the package's own name, as who has installed it imports it
    const imports = `const { connect } = await import('openukey'); await import('openukey/sof'); await import('openukey/script');
        console.log(typeof connect, typeof SOF_Login, typeof OpenUKey.diagnose);`;
    const said = execFileSync(process.execPath, ['--input-type=module', '-e', imports], { cwd: folder, encoding: 'utf8' });
    assert.equal(said, 'function function function\n');
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

test('a signal with a time limit is TIMEOUT, and cuts an answer that is on its way', async () => {
    const fetch = async (url, init) => {
        if (!new URL(url).pathname.endsWith('/tokens')) return scriptedAgent().fetch(url, init);
        // as a browser does: the body breaks off with the signal
        const body = new ReadableStream({ start: (control) => init.signal.addEventListener('abort', () => control.error(init.signal.reason)) });
        return new Response(body, { status: 200 });
    };
    const agent = await connect({ fetch, WebSocket: null, lang: 'en' });
    // AbortSignal.timeout() would do, if its timer kept node alive
    for (const [reason, code] of [[new DOMException('late', 'TimeoutError'), 'TIMEOUT'], [undefined, 'ABORTED']]) {
        const control = new AbortController();
        setTimeout(() => control.abort(reason), 5);
        await assert.rejects(agent.tokens({ signal: control.signal }), { code, retryable: code === 'TIMEOUT' });
    }
});

test('one page that gives up does not end the pairing of another; the last one does', async () => {
    let signal, answer;
    const { options } = scriptedAgent({
        'POST /v1/pairing': (request) => {
            if (!answer) return json(201, { session: 's1' });
            signal = request.signal;
            return new Promise((resolve, reject) => {
                answer = resolve;
                request.signal.addEventListener('abort', () => reject(request.signal.reason));
            });
        },
    });
    const agent = await connect(options);
    answer = true;
    const [one, two] = [new AbortController(), new AbortController()];
    const first = agent.pair({ signal: one.signal });
    const second = agent.pair({ signal: two.signal });
    one.abort();
    await assert.rejects(first, { code: 'ABORTED' });
    assert.equal(signal.aborted, false);
    answer(json(201, { session: 's2' }));
    assert.equal((await second).session, 's2');
    const third = agent.pair({ signal: two.signal });
    two.abort();
    await assert.rejects(third, { code: 'ABORTED' });
    assert.equal(signal.aborted, true);
});

test('events that break are opened again, and what happened meanwhile is told', async (t) => {
    const timers = [];
    t.mock.method(globalThis, 'setTimeout', (action, ms) => (timers.push({ action, ms }), { unref() {} }));
    const { Socket, sockets } = socketsOfATest();
    let tokens = [key];
    const { options } = scriptedAgent({ 'GET /v1/tokens': () => json(200, { tokens }) });
    const agent = await connect({ ...options, WebSocket: Socket });
    const events = [];
    agent.on('token', ({ action, token }) => events.push(`${action} ${token.id}`));
    const rest = async () => {
        for (let i = 0; i < 20; i += 1) await new Promise((done) => setImmediate(done));
    };
    sockets[0].push({ type: 'hello' });
    await rest();
    assert.deepEqual(events, [], 'what was there before is no event');
    tokens = [{ ...key, id: 'k2' }];
    sockets[0].dispatchEvent(new Event('close'));
    await rest();
    assert.deepEqual(events.splice(0), ['removed k1', 'inserted k2']);
    const pauses = [];
    for (let i = 1; i < 7; i += 1) {
        const { action, ms } = timers.at(-1);
        pauses.push(ms / 1000);
        action();
        assert.equal(sockets.length, i + 1);
        sockets[i].dispatchEvent(new Event('close'));
        await rest();
    }
    assert.deepEqual(pauses, [1, 2, 4, 8, 15, 15]);
    agent.close();
});

test('a feed whose session has ended says so once, asks nobody to pair, and goes on after the next pairing', async () => {
    const { Socket, sockets } = socketsOfATest();
    let isOver = false;
    const { options, seen } = scriptedAgent({
        'GET /v1/tokens': () => (isOver ? problem(401, 'SESSION_INVALID') : json(200, { tokens: [key] })),
        'POST /v1/pairing': () => {
            isOver = false;
            return json(201, { session: `s${seen.length}` });
        },
    });
    const agent = await connect({ ...options, WebSocket: Socket });
    const states = [];
    agent.on('session', ({ state }) => states.push(state));
    isOver = true;
    sockets[0].dispatchEvent(new Event('close'));
    for (let i = 0; i < 5; i += 1) await settled();
    assert.deepEqual(states, ['ended']);
    assert.equal(seen.filter(({ path }) => path === '/v1/pairing').length, 1, 'the person was not asked');
    await agent.tokens();
    assert.deepEqual([states.length, sockets.length], [1, 2]);
    sockets[1].dispatchEvent(new Event('open'));
    assert.notEqual(sockets[1].sent[0].session, 's1');
    agent.close();
});

/* What a browser adds to node: a permission, and perhaps a frame around the page. */
function browser(t, { states, frame = false }) {
    const query = async ({ name }) => {
        if (name !== 'loopback-network') throw new TypeError('unknown');
        return { state: states.length > 1 ? states.shift() : states[0] };
    };
    const before = Object.getOwnPropertyDescriptor(globalThis, 'navigator');
    Object.defineProperty(globalThis, 'navigator', { value: { permissions: { query }, language: 'en' }, configurable: true });
    if (frame) Object.assign(globalThis, { self: globalThis, top: { get location() { throw new Error('another origin'); } } });
    t.after(() => {
        if (before) Object.defineProperty(globalThis, 'navigator', before);
        else delete globalThis.navigator;
        delete globalThis.top;
        if (frame) delete globalThis.self;
    });
}

test('a denied permission is LNA_DENIED, and in a frame of another site says what the site around has to do', async (t) => {
    browser(t, { states: ['denied'] });
    await assert.rejects(connect(scriptedAgent().options), ({ code, detail }) => code === 'LNA_DENIED' && /site settings/.test(detail));
    browser(t, { states: ['denied'], frame: true });
    const { code, detail, ok } = await diagnose(scriptedAgent().options);
    assert.deepEqual([code, ok], ['LNA_DENIED', false]);
    assert.match(detail, /allow="loopback-network"/);
});

test('while the browser asks, connect says so and waits; diagnose says so and does not', async (t) => {
    browser(t, { states: ['prompt'] });
    let decide;
    const decided = new Promise((done) => (decide = done));
    let asked = 0;
    const { options } = scriptedAgent({ 'GET /.well-known/openukey': () => decided.then(identity, (asked += 1)) });
    const waiting = [];
    const connecting = connect({ ...options, onWaiting: ({ code, title, detail }) => waiting.push([code, title, detail]) });
    const diagnosis = await diagnose(options);
    assert.deepEqual([diagnosis.ok, diagnosis.code], [false, 'LNA_PROMPT']);
    assert.deepEqual(waiting, [['LNA_PROMPT', diagnosis.title, diagnosis.detail]]);
    // a second question would end the first one's request (Firefox): it waits its turn, or is given up
    const gaveUp = new AbortController();
    const given = connect({ ...options, signal: gaveUp.signal });
    const behind = connect(options);
    await settled();
    assert.equal(asked, 1);
    gaveUp.abort();
    await assert.rejects(given, { code: 'ABORTED' });
    decide();
    assert.equal((await connecting).version, '9.9');
    assert.equal((await behind).version, '9.9');
});

test('nobody there or a question waved away is NOT_RUNNING with both ways out, one answered with no LNA_DENIED', async (t) => {
    const failing = { ...scriptedAgent().options, ports: [1] };
    browser(t, { states: ['prompt'] });
    const onWaiting = () => assert.fail('nobody was asked');
    await assert.rejects(connect({ ...failing, onWaiting }), ({ code, detail }) => code === 'NOT_RUNNING' && /reload.*Allow/.test(detail));
    browser(t, { states: ['prompt', 'denied'] });
    await assert.rejects(connect(failing), { code: 'LNA_DENIED' });
});

test('the example page is shorter than 40 lines', () => {
    const page = readFileSync(new URL('../../../agent/web/example/index.html', import.meta.url), 'utf8');
    assert.ok(page.trimEnd().split('\n').length < 40);
});

test('both languages say the same things', async () => {
    const { TEXTS } = await import('../../../agent/web/sdk/src/texts.mjs');
    assert.deepEqual(Object.keys(TEXTS.en), Object.keys(TEXTS['zh-CN']));
});
