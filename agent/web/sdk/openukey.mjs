// OpenUKey SDK: a web page's way to the person's USB key, through the agent on the same computer.
//
//     import { connect } from '/sdk/openukey.mjs';
//     const agent = await connect({ lang: 'zh-CN' });
//     const key = await agent.token();
//     await agent.verifyPin({ token: key.id });
//
// No dependencies; any browser, and node >= 18 with a `fetch` that trusts the agent's certificate.
// Types: openukey.d.ts. A build for <script>: openukey.js (global OpenUKey), made by build-iife.mjs.

const VERSION = '0.1.0';
const API = 'v1';
const DEFAULT_PORTS = [24317, 24318, 24319, 24320];
const PROBE_TIMEOUT_MS = 3000;
const POLL_MS = 250;
const POLL_BESIDE_EVENTS_MS = 2000;

/* ---- texts and errors ------------------------------------------------------------------- */

// What the SDK itself has to say; everything else is said by the agent, in the language asked for.
const TEXTS = {
    'zh-CN': {
        NOT_RUNNING: ['未检测到 UKey 助手', '请启动 OpenUKey 助手（ukey-agent）；若已启动，请用浏览器打开 {url} 检查证书是否受信任。'],
        UNTRUSTED_TLS: ['浏览器不信任 UKey 助手的证书', '请运行 ukey-agent trust install，然后重新打开浏览器。'],
        LNA_PROMPT: ['浏览器正在询问是否允许访问本机', '请在地址栏旁的提示中选择“允许”。'],
        LNA_DENIED: ['浏览器禁止本网站访问本机程序', '请在地址栏左侧的网站设置中允许“本地网络访问”，然后刷新页面。'],
        INSECURE_CONTEXT: ['本页面不是安全页面', '请通过 https 打开本网站。'],
        ORIGIN_REFUSED: ['UKey 助手拒绝了本网站', '请在 UKey 助手的设置中允许本网站。'],
        VERSION_MISMATCH: ['UKey 助手的版本不兼容', '请安装新版本的 OpenUKey 助手。'],
        NO_TOKEN: ['未检测到 UKey', '请插入 UKey。'],
        SEVERAL_TOKENS: ['检测到多个 UKey', '请只保留要使用的一个 UKey。'],
        TIMEOUT: ['等待 UKey 助手超时', '请重试。'],
        ABORTED: ['操作已取消', ''],
        BAD_ANSWER: ['收到无法理解的应答', '请重试；若仍出现，请联系技术支持。'],
        JOB_INTERRUPTED: ['写入 UKey 的工作被中断', '原证书仍然可用；请插入同一个 UKey 后继续。'],
        JOB_CANCELLED: ['写入 UKey 的工作已取消', ''],
        JOB_FAILED: ['写入 UKey 的工作未完成', '原证书仍然可用。'],
        OK: ['一切就绪', ''],
    },
    en: {
        NOT_RUNNING: ['The UKey assistant was not found', 'Start the OpenUKey assistant (ukey-agent). If it is running, open {url} in this browser to see whether its certificate is trusted.'],
        UNTRUSTED_TLS: ["The browser does not trust the UKey assistant's certificate", 'Run `ukey-agent trust install`, then restart the browser.'],
        LNA_PROMPT: ['The browser is asking whether this site may reach this computer', 'Choose "Allow" in the prompt beside the address bar.'],
        LNA_DENIED: ['The browser forbids this site to reach programs on this computer', 'Allow "local network access" in the site settings left of the address, then reload the page.'],
        INSECURE_CONTEXT: ['This page is not a secure page', 'Open this site over https.'],
        ORIGIN_REFUSED: ['The UKey assistant refused this site', "Allow this site in the assistant's settings."],
        VERSION_MISMATCH: ['The UKey assistant has another version', 'Install a newer OpenUKey assistant.'],
        NO_TOKEN: ['No UKey was found', 'Plug in your UKey.'],
        SEVERAL_TOKENS: ['More than one UKey is plugged in', 'Leave only the one you want to use.'],
        TIMEOUT: ['The UKey assistant did not answer in time', 'Try again.'],
        ABORTED: ['The action was cancelled', ''],
        BAD_ANSWER: ['The answer could not be understood', 'Try again; if it happens again, ask for support.'],
        JOB_INTERRUPTED: ['Writing to the UKey was interrupted', 'The old certificate still works. Plug in the same UKey and continue.'],
        JOB_CANCELLED: ['Writing to the UKey was cancelled', ''],
        JOB_FAILED: ['Writing to the UKey was not finished', 'The old certificate still works.'],
        OK: ['Everything is ready', ''],
    },
};

const languageOf = (lang) => (/^zh/i.test(lang || '') ? 'zh-CN' : 'en');

/** Every failure of the SDK: `code` is stable, `title` and `detail` are for a person. */
class AgentError extends Error {
    constructor(fields) {
        super(fields.detail ? `${fields.title} (${fields.detail})` : fields.title || fields.code);
        this.name = 'AgentError';
        this.code = fields.code;
        this.status = fields.status ?? 0;
        this.title = fields.title ?? fields.code;
        this.detail = fields.detail ?? '';
        this.retryable = fields.retryable ?? false;
        if (fields.triesLeft !== undefined) this.triesLeft = fields.triesLeft;
        if (fields.problem !== undefined) this.problem = fields.problem;
        if (fields.cause !== undefined) this.cause = fields.cause;
    }
}

function localError(code, lang, more = {}) {
    const [title, detail] = TEXTS[languageOf(lang)][code] || [code, ''];
    const url = more.url || `https://localhost:${DEFAULT_PORTS[0]}/.well-known/openukey`;
    return new AgentError({ code, title, detail: detail.replace('{url}', url), ...more });
}

// A problem document (RFC 9457), from the agent or passed through from a service
function problemError(problem, status, lang) {
    if (!problem || typeof problem.code !== 'string') return localError('BAD_ANSWER', lang, { status });
    return new AgentError({
        code: problem.code,
        status: problem.status ?? status,
        title: problem.title,
        detail: problem.detail,
        retryable: problem.retryable,
        triesLeft: problem.triesLeft,
        problem,
    });
}

const TLS_CAUSES = /CERT|SIGNATURE|ERR_TLS|SSL/;

function networkError(cause, lang, more) {
    // Browsers do not tell a page why a fetch failed; node does
    const reason = cause?.cause?.code || cause?.code || '';
    if (TLS_CAUSES.test(String(reason))) return localError('UNTRUSTED_TLS', lang, { cause, ...more });
    return localError('NOT_RUNNING', lang, { cause, retryable: true, ...more });
}

/* ---- small tools ------------------------------------------------------------------------ */

const isAbort = (error) => error?.name === 'AbortError' || error?.name === 'TimeoutError';

// One signal out of a caller's and a timeout (AbortSignal.any is not everywhere yet)
function linkedSignal(signal, timeoutMs) {
    const control = new AbortController();
    let timedOut = false;
    const stop = () => control.abort(signal?.reason);
    if (signal?.aborted) stop();
    signal?.addEventListener('abort', stop, { once: true });
    const timer =
        timeoutMs > 0
            ? setTimeout(() => {
                  timedOut = true;
                  control.abort();
              }, timeoutMs)
            : undefined;
    return {
        signal: control.signal,
        timedOut: () => timedOut,
        done: () => {
            clearTimeout(timer);
            signal?.removeEventListener('abort', stop);
        },
    };
}

// A pause that ends after `ms`, when rung, or when the signal is aborted
function alarm() {
    let ring = () => {};
    return {
        ring: () => ring(),
        wait: (ms, signal) =>
            new Promise((resolve) => {
                const timer = setTimeout(finish, ms);
                function finish() {
                    clearTimeout(timer);
                    signal?.removeEventListener('abort', finish);
                    resolve();
                }
                ring = finish;
                signal?.addEventListener('abort', finish, { once: true });
            }),
    };
}

// Chromium wants to be told that the target is this computer; a browser that does not know the word refuses the option
let loopbackInit;
function loopbackOption() {
    if (loopbackInit === undefined) {
        loopbackInit = {};
        try {
            new Request('https://localhost/', { targetAddressSpace: 'loopback' });
            loopbackInit = { targetAddressSpace: 'loopback' };
        } catch {
            // an older browser: the plain fetch is right
        }
    }
    return loopbackInit;
}

// 'granted' | 'denied' | 'prompt' | 'unknown': may this page reach programs on this computer?
async function loopbackPermission() {
    const permissions = globalThis.navigator?.permissions;
    for (const name of ['loopback-network', 'local-network-access']) {
        try {
            return (await permissions.query({ name })).state;
        } catch {
            // not known under this name
        }
    }
    return 'unknown';
}

class Emitter {
    #listeners = new Map();

    on(type, listener) {
        if (!this.#listeners.has(type)) this.#listeners.set(type, new Set());
        this.#listeners.get(type).add(listener);
        return () => this.off(type, listener);
    }

    off(type, listener) {
        this.#listeners.get(type)?.delete(listener);
    }

    has(type) {
        return (this.#listeners.get(type)?.size ?? 0) > 0;
    }

    emit(type, value) {
        for (const listener of [...(this.#listeners.get(type) ?? [])]) listener(value);
    }
}

/* ---- finding the agent ------------------------------------------------------------------ */

// Asks one port who it is. Answers {found: identity} or {problem: AgentError}; strangers are a problem, not a crash.
async function probe(port, { fetch, lang, signal, timeoutMs }) {
    const url = `https://localhost:${port}/.well-known/openukey`;
    const link = linkedSignal(signal, timeoutMs);
    try {
        const response = await fetch(url, {
            cache: 'no-store',
            credentials: 'omit',
            headers: { 'Accept-Language': lang },
            signal: link.signal,
            ...loopbackOption(),
        });
        const body = await response.json().catch(() => null);
        if (response.ok && body?.name === 'openukey-agent') {
            if (body.api !== API) return { problem: localError('VERSION_MISMATCH', lang, { url }) };
            return { found: { ...body, port, base: `https://localhost:${port}` } };
        }
        if (body?.code === 'ORIGIN_REFUSED') return { problem: problemError(body, response.status, lang) };
        return { problem: localError('NOT_RUNNING', lang, { url, status: response.status }) };
    } catch (error) {
        if (signal?.aborted) throw localError('ABORTED', lang, { cause: error });
        if (link.timedOut()) return { problem: localError('TIMEOUT', lang, { url, retryable: true }) };
        return { problem: networkError(error, lang, { url }) };
    } finally {
        link.done();
    }
}

// The most telling of several problems: an answer beats a silence
const TELLING = ['ORIGIN_REFUSED', 'VERSION_MISMATCH', 'UNTRUSTED_TLS', 'TIMEOUT', 'NOT_RUNNING'];

async function findAgent(options) {
    const permission = await loopbackPermission();
    if (permission === 'denied') throw localError('LNA_DENIED', options.lang);
    // While the browser asks the person, the fetch hangs by design: no timeout then
    const timeoutMs = permission === 'prompt' ? 0 : PROBE_TIMEOUT_MS;
    const problems = [];
    for (const port of options.ports) {
        const { found, problem } = await probe(port, { ...options, timeoutMs });
        if (found) return found;
        problems.push(problem);
    }
    if ((await loopbackPermission()) === 'denied') throw localError('LNA_DENIED', options.lang);
    problems.sort((a, b) => TELLING.indexOf(a.code) - TELLING.indexOf(b.code));
    throw problems[0] ?? localError('NOT_RUNNING', options.lang);
}

function settle(options = {}) {
    return {
        lang: languageOf(options.lang ?? globalThis.document?.documentElement?.lang ?? globalThis.navigator?.language),
        ports: options.ports ?? DEFAULT_PORTS,
        fetch: options.fetch ?? ((...args) => globalThis.fetch(...args)),
        WebSocket: options.WebSocket === undefined ? globalThis.WebSocket : options.WebSocket,
        signal: options.signal,
    };
}

/** Finds the agent, asks it to pair with this page (the person may be asked), and answers an Agent. */
async function connect(options) {
    const settled = settle(options);
    if (globalThis.isSecureContext === false) throw localError('INSECURE_CONTEXT', settled.lang);
    const found = await findAgent(settled);
    const agent = new Agent(found, settled);
    await agent.pair({ signal: settled.signal });
    return agent;
}

/** Says what stands between this page and the agent: {ok, code, title, detail, checks}. Never throws, never pairs. */
async function diagnose(options) {
    const settled = settle(options);
    const checks = [];
    const note = (name, ok, value) => checks.push({ name, ok, value });
    const secure = globalThis.isSecureContext !== false;
    note('secure-context', secure, String(secure));
    const permission = await loopbackPermission();
    note('loopback-permission', permission !== 'denied', permission);
    let result;
    try {
        if (!secure) throw localError('INSECURE_CONTEXT', settled.lang);
        if (permission === 'denied') throw localError('LNA_DENIED', settled.lang);
        const timeoutMs = permission === 'prompt' ? 0 : PROBE_TIMEOUT_MS;
        for (const port of settled.ports) {
            const { found, problem } = await probe(port, { ...settled, timeoutMs });
            note(`port-${port}`, Boolean(found), found ? found.version : problem.code);
            if (found) {
                const [title, detail] = TEXTS[settled.lang].OK;
                return { ok: true, code: 'OK', title, detail, agent: found, checks };
            }
            if (!result || TELLING.indexOf(problem.code) < TELLING.indexOf(result.code)) result = problem;
        }
        const now = await loopbackPermission();
        if (now === 'denied') result = localError('LNA_DENIED', settled.lang);
        if (now === 'prompt') result = localError('LNA_PROMPT', settled.lang);
    } catch (error) {
        result = error;
    }
    return { ok: false, code: result.code, title: result.title, detail: result.detail, checks };
}

/* ---- the agent -------------------------------------------------------------------------- */

class Agent {
    #found;
    #options;
    #session = '';
    #pairing = null;
    #emitter = new Emitter();
    #feed;

    constructor(found, options) {
        this.#found = found;
        this.#options = options;
        this.#feed = new EventFeed(this, options.WebSocket, () => this.#session, this.#emitter);
        /** Work on the key that takes several steps. */
        this.jobs = {
            ...Object.fromEntries(JOB_KINDS.map((kind) => [kind, (request) => this.#startJob(kind, request)])),
            get: (id, { signal } = {}) => this.request('GET', `/jobs/${encodeURIComponent(id)}`, { signal }),
            watch: (id) => new Job(this, { id }, this.#feed),
            cancel: (id, { signal } = {}) => this.request('DELETE', `/jobs/${encodeURIComponent(id)}`, { signal }),
        };
    }

    get url() {
        return this.#found.base;
    }

    get version() {
        return this.#found.version;
    }

    get lang() {
        return this.#options.lang;
    }

    set lang(lang) {
        this.#options.lang = languageOf(lang);
    }

    /** Asks for a session of this page's own; the person is asked once. Requests made meanwhile wait for the same answer. */
    pair({ signal } = {}) {
        this.#pairing ??= this.#send('POST', '/pairing', { json: {}, signal })
            .then((answer) => {
                this.#session = answer.session;
                return answer;
            })
            .finally(() => {
                this.#pairing = null;
            });
        return this.#pairing;
    }

    /** The plugged keys. */
    async tokens({ signal } = {}) {
        return (await this.request('GET', '/tokens', { signal })).tokens;
    }

    /** The one plugged key; NO_TOKEN or SEVERAL_TOKENS otherwise. */
    async token({ signal } = {}) {
        const tokens = await this.tokens({ signal });
        if (tokens.length === 1) return tokens[0];
        throw localError(tokens.length ? 'SEVERAL_TOKENS' : 'NO_TOKEN', this.lang, { retryable: true });
    }

    async certificates({ token, signal } = {}) {
        return (await this.request('GET', `${await this.#tokenPath(token, signal)}/certificates`, { signal })).certificates;
    }

    async seals({ token, signal } = {}) {
        return (await this.request('GET', `${await this.#tokenPath(token, signal)}/seals`, { signal })).seals;
    }

    /** Opens the agent's own PIN dialog. The page never sees a PIN. */
    async verifyPin({ token, signal } = {}) {
        return this.request('POST', `${await this.#tokenPath(token, signal)}/verify-pin`, { json: {}, signal });
    }

    /** Opens the agent's own dialogs for the old and the new PIN; needed first when `pin.mustChange` says so. */
    async changePin({ token, signal } = {}) {
        return this.request('POST', `${await this.#tokenPath(token, signal)}/change-pin`, { json: {}, signal });
    }

    /** Brings a document (Blob, ArrayBuffer, typed array) of at most 100 MiB to the agent, which keeps its digests only. Its id is
     * for sign(), stamp() and verify(). */
    async uploadDocument(document, { signal } = {}) {
        return this.#withSession(async () => {
            const init = { method: 'POST', signal, body: document, headers: { 'Content-Type': 'application/octet-stream' } };
            return readJson(await this.#raw('/documents', init), this.lang);
        }, signal);
    }

    /** The agent shows the statement, the document or the list of documents; if the person agrees they are signed on the key. */
    async sign({ token, signal, ...request } = {}) {
        return this.request('POST', `${await this.#tokenPath(token, signal)}/sign`, { json: request, signal });
    }

    /** "Log in with UKey": signs {type: login, origin, service, nonce} on the key. */
    async loginAssertion({ token, signal, ...request } = {}) {
        return this.request('POST', `${await this.#tokenPath(token, signal)}/login-assertion`, { json: request, signal });
    }

    /** Opens an envelope (base64 of CMS or GM/T 0010 EnvelopedData) for this key: {content, certificate}. The person is asked. */
    async decrypt({ token, signal, ...request } = {}) {
        return this.request('POST', `${await this.#tokenPath(token, signal)}/decrypt`, { json: request, signal });
    }

    /** Stamps a document with an electronic seal of the key: {seal, name, propertyInfo, hash | content | document}. The person is asked. */
    async stamp({ token, signal, ...request } = {}) {
        return this.request('POST', `${await this.#tokenPath(token, signal)}/stamp`, { json: request, signal });
    }

    /** What a signature, stamp or seal is worth: {valid, result, reason, ...}. Detached ones need {content} or {document}. */
    async verify({ signal, ...request } = {}) {
        return this.request('POST', '/verify', { json: request, signal });
    }

    /** The way to a service that the agent's configuration names. */
    service(profile = 'default') {
        return new Service(this, profile);
    }

    /** 'token' {action, token}; 'job' job; 'session' {state}. Answers a function that ends the subscription. */
    on(type, listener) {
        const off = this.#emitter.on(type, listener);
        this.#feed.start();
        return off;
    }

    off(type, listener) {
        this.#emitter.off(type, listener);
    }

    /** Stops the event feed. The session itself ends with the agent's own time limit. */
    close() {
        this.#feed.stop();
    }

    /** One request of the agent's API; a session that has ended is renewed once. */
    async request(method, path, { json, signal } = {}) {
        return this.#withSession(() => this.#send(method, path, { json, signal }), signal);
    }

    /** Like fetch, for a path below /v1; the answer is a Response. */
    async fetch(path, init = {}) {
        return this.#withSession(async () => {
            const response = await this.#raw(path, init);
            if (response.status === 401 && isProblem(response)) {
                const problem = await response.clone().json().catch(() => null);
                if (isSessionLoss(problem?.code)) throw problemError(problem, 401, this.lang);
            }
            return response;
        }, init.signal);
    }

    async #startJob(kind, { signal, ...request }) {
        const job = await this.request('POST', '/jobs', { json: { kind, ...request }, signal });
        return new Job(this, job, this.#feed);
    }

    async #tokenPath(token, signal) {
        const id = typeof token === 'object' && token ? token.id : token;
        return `/tokens/${encodeURIComponent(id ?? (await this.token({ signal })).id)}`;
    }

    async #withSession(action, signal) {
        try {
            return await action();
        } catch (error) {
            if (!isSessionLoss(error?.code)) throw error;
            this.#emitter.emit('session', { state: 'ended' });
            await this.pair({ signal });
            return action();
        }
    }

    async #raw(path, init = {}) {
        const headers = new Headers(init.headers);
        if (this.#session) headers.set('OpenUKey-Session', this.#session);
        if (!headers.has('Accept-Language')) headers.set('Accept-Language', this.lang);
        try {
            return await this.#options.fetch(`${this.url}/${API}${path}`, {
                cache: 'no-store',
                credentials: 'omit',
                ...loopbackOption(),
                ...init,
                headers,
            });
        } catch (error) {
            if (init.signal?.aborted || isAbort(error)) throw localError('ABORTED', this.lang, { cause: error });
            throw networkError(error, this.lang, { url: `${this.url}/.well-known/openukey` });
        }
    }

    async #send(method, path, { json, signal }) {
        const init = { method, signal };
        if (json !== undefined) {
            init.body = JSON.stringify(json);
            init.headers = { 'Content-Type': 'application/json' };
        }
        const response = await this.#raw(path, init);
        return readJson(response, this.lang);
    }
}

const isSessionLoss = (code) => code === 'SESSION_INVALID' || code === 'PAIRING_REQUIRED';
const isProblem = (response) => (response.headers.get('Content-Type') ?? '').includes('problem+json');

async function readJson(response, lang) {
    const text = await response.text().catch(() => '');
    let body = null;
    if (text) {
        try {
            body = JSON.parse(text);
        } catch {
            throw localError('BAD_ANSWER', lang, { status: response.status });
        }
    }
    if (!response.ok) throw problemError(body, response.status, lang);
    return body;
}

/* ---- a service behind the agent's proxy -------------------------------------------------- */

class Service {
    #agent;
    #profile;
    #authorization = '';

    constructor(agent, profile) {
        this.#agent = agent;
        this.#profile = profile;
    }

    /** The bearer token that later requests carry. */
    set authorization(token) {
        this.#authorization = token;
    }

    get authorization() {
        return this.#authorization;
    }

    /** Like fetch: `path` is the service's own ("/v1/orders"); the answer is the service's Response. */
    fetch(path, init = {}) {
        const headers = new Headers(init.headers);
        if (this.#authorization && !headers.has('Authorization')) {
            headers.set('Authorization', `Bearer ${this.#authorization}`);
        }
        return this.#agent.fetch(`/service/${encodeURIComponent(this.#profile)}${path}`, { ...init, headers });
    }

    /** JSON in, JSON out; a problem document becomes an AgentError. */
    async request(method, path, { json, idempotencyKey, ifMatch, signal } = {}) {
        const headers = {};
        if (json !== undefined) headers['Content-Type'] = 'application/json';
        if (idempotencyKey) headers['Idempotency-Key'] = idempotencyKey;
        if (ifMatch !== undefined) headers['If-Match'] = `"${ifMatch}"`;
        const body = json === undefined ? undefined : JSON.stringify(json);
        return readJson(await this.fetch(path, { method, headers, body, signal }), this.#agent.lang);
    }

    /** Logs in with the key: challenge, assertion signed on the key, session of the service. */
    async login({ token, certificate, order, signal } = {}) {
        const challenge = await this.request('POST', '/v1/key-login/challenge', { json: {}, signal });
        const { assertion } = await this.#agent.loginAssertion({
            token,
            signal,
            service: challenge.service,
            nonce: challenge.nonce,
            ...(certificate ? { certificate } : {}),
            ...(order ? { order } : {}),
        });
        const session = await this.request('POST', '/v1/key-login/verify', {
            json: { assertion, ...(order ? { order } : {}) },
            signal,
        });
        this.#authorization = session.token;
        return session;
    }
}

/* ---- jobs ------------------------------------------------------------------------------- */

const JOB_KINDS = ['enrol', 'renew', 'change', 'replace', 'unlock', 'recover', 'install'];
const FINAL = new Set(['done', 'failed', 'interrupted', 'cancelled']);

class Job {
    #agent;
    #feed;
    #emitter = new Emitter();

    constructor(agent, state, feed) {
        this.#agent = agent;
        this.#feed = feed;
        this.id = state.id;
        this.last = state;
    }

    /** 'progress' job: called for every change until the job ends. */
    on(type, listener) {
        return this.#emitter.on(type, listener);
    }

    cancel({ signal } = {}) {
        return this.#agent.jobs.cancel(this.id, { signal });
    }

    /** Waits for the end; answers the job with its result, or throws its problem as an AgentError. */
    async finished({ signal } = {}) {
        const pause = alarm();
        const off = this.#feed.watch((job) => {
            if (job.id !== this.id) return;
            this.#take(job);
            pause.ring();
        });
        try {
            this.#emitter.emit('progress', this.last);
            while (!FINAL.has(this.last.state)) {
                await pause.wait(this.#feed.live ? POLL_BESIDE_EVENTS_MS : POLL_MS, signal);
                if (signal?.aborted) throw localError('ABORTED', this.#agent.lang);
                // events may be lost with their socket: what the agent answers is what counts
                this.#take(await this.#agent.jobs.get(this.id, { signal }));
            }
        } finally {
            off();
        }
        if (this.last.state === 'done') return this.last;
        if (this.last.problem) throw problemError(this.last.problem, this.last.problem.status, this.#agent.lang);
        throw localError(`JOB_${this.last.state.toUpperCase()}`, this.#agent.lang, { retryable: true });
    }

    #take(job) {
        const changed = JSON.stringify(this.last) !== JSON.stringify(job);
        this.last = job;
        if (changed) this.#emitter.emit('progress', job);
    }
}

/* ---- events ----------------------------------------------------------------------------- */

// A WebSocket while it lasts; without one, the plugged keys are polled for those who listen.
class EventFeed {
    #agent;
    #WebSocket;
    #session;
    #emitter;
    #socket = null;
    #timer = undefined;
    #running = false;
    #failures = 0;
    #known = null;

    constructor(agent, WebSocket, session, emitter) {
        this.#agent = agent;
        this.#WebSocket = WebSocket;
        this.#session = session;
        this.#emitter = emitter;
        /** Are events being pushed now? */
        this.live = false;
    }

    watch(listener) {
        const off = this.#emitter.on('job', listener);
        this.start();
        return off;
    }

    start() {
        if (this.#running) return;
        this.#running = true;
        this.#open();
    }

    stop() {
        this.#running = false;
        clearTimeout(this.#timer);
        this.#socket?.close();
        this.#socket = null;
        this.live = false;
    }

    #open() {
        if (!this.#WebSocket) return this.#poll();
        let socket;
        try {
            socket = new this.#WebSocket(`${this.#agent.url.replace('https:', 'wss:')}/${API}/events`);
        } catch {
            this.#WebSocket = null; // forbidden here (a content security policy, say)
            return this.#poll();
        }
        this.#socket = socket;
        socket.addEventListener('open', () => socket.send(JSON.stringify({ session: this.#session() })));
        socket.addEventListener('message', (event) => this.#receive(event.data));
        socket.addEventListener('close', () => {
            this.live = false;
            if (!this.#running || this.#socket !== socket) return;
            this.#failures += 1;
            this.#later(Math.min(15000, 500 * 2 ** this.#failures), () => this.#open());
            if (this.#failures === 1) this.#pollTokens();
        });
    }

    #receive(data) {
        let message;
        try {
            message = JSON.parse(data);
        } catch {
            return;
        }
        if (message.type === 'hello') {
            this.live = true;
            this.#failures = 0;
        } else if (message.type === 'token') {
            this.#emitter.emit('token', { action: message.action, token: message.token });
        } else if (message.type === 'job') {
            this.#emitter.emit('job', message.job);
        } else if (message.type === 'session') {
            this.#emitter.emit('session', { state: message.state });
        }
    }

    #later(ms, action) {
        clearTimeout(this.#timer);
        this.#timer = setTimeout(action, ms);
        this.#timer?.unref?.(); // node: a page's feed must not keep a program alive
    }

    async #poll() {
        if (!this.#running) return;
        await this.#pollTokens();
        if (this.#running) this.#later(4 * POLL_MS, () => this.#poll());
    }

    async #pollTokens() {
        if (!this.#emitter.has('token')) return;
        try {
            const now = new Map((await this.#agent.tokens()).map((token) => [token.id, token]));
            const before = this.#known ?? now;
            this.#known = now;
            for (const [id, token] of before) {
                if (!now.has(id)) this.#emitter.emit('token', { action: 'removed', token });
            }
            for (const [id, token] of now) {
                if (!before.has(id)) this.#emitter.emit('token', { action: 'inserted', token });
            }
        } catch {
            // the next request of the page says what is wrong
        }
    }
}

export { AgentError, VERSION, connect, diagnose };
