// Made from src/ by build.mjs (index.mjs): change it there, not here.
(function (root) {
    'use strict';
    // Listeners by type of event.

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

    // What the SDK itself has to say to a person; everything else is said by the agent, in the language asked for.

    const TEXTS = {
        'zh-CN': {
            NOT_RUNNING: ['未检测到 UKey 助手', '请启动 OpenUKey 助手（ukey-agent）；若已启动，请用浏览器打开 {url} 检查证书是否受信任。'],
            NOT_RUNNING_OR_ASKED: ['未检测到 UKey 助手', '请启动 OpenUKey 助手（ukey-agent）；若浏览器询问过是否允许访问本机，请刷新页面并选择“允许”；若助手已启动，请用浏览器打开 {url} 检查证书是否受信任。'],
            UNTRUSTED_TLS: ['浏览器不信任 UKey 助手的证书', '请运行 ukey-agent trust install，然后重新打开浏览器。'],
            LNA_PROMPT: ['浏览器正在询问是否允许访问本机', '请在地址栏旁的提示中选择“允许”。'],
            LNA_DENIED: ['浏览器禁止本网站访问本机程序', '请在地址栏左侧的网站设置中允许“本地网络访问”（或“设备上的应用”），然后刷新页面。'],
            LNA_FRAME: ['浏览器禁止本页面访问本机程序', '本页面嵌在另一个网站里：请在单独的窗口中打开，或由外层网站的开发者给该框架加上 allow="loopback-network"。'],
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
            NOT_RUNNING_OR_ASKED: ['The UKey assistant was not found', 'Start the OpenUKey assistant (ukey-agent). If the browser has asked whether this site may reach this computer, reload the page and choose "Allow". If the assistant is running, open {url} in this browser to see whether its certificate is trusted.'],
            UNTRUSTED_TLS: ["The browser does not trust the UKey assistant's certificate", 'Run `ukey-agent trust install`, then restart the browser.'],
            LNA_PROMPT: ['The browser is asking whether this site may reach this computer', 'Choose "Allow" in the prompt beside the address bar.'],
            LNA_DENIED: ['The browser forbids this site to reach programs on this computer', 'Allow "local network access" (or "apps on device") in the site settings left of the address, then reload the page.'],
            LNA_FRAME: ['The browser forbids this page to reach programs on this computer', 'This page is inside another site: open it in a window of its own, or have the developer of the site around it add allow="loopback-network" to the frame.'],
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

    // What the SDK and the agent have agreed on (docs/api/agent.yaml).

    const VERSION = '0.1.0';
    const API = 'v1';
    const DEFAULT_PORTS = [24317, 24318, 24319, 24320];

    // What can go wrong, as one class of errors with stable codes.

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

    /* text: the key of the text, where it is not the code. */
    function localError(code, lang, { url, text = code, ...more } = {}) {
        const [title, detail] = TEXTS[languageOf(lang)][text] || [code, ''];
        const where = url || `https://localhost:${DEFAULT_PORTS[0]}/.well-known/openukey`;
        return new AgentError({ code, title, detail: detail.replace('{url}', where), ...more });
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

    /* The caller's signal has ended it: by its own time limit, or on purpose. */
    function abortError(signal, lang, cause) {
        const code = signal?.reason?.name === 'TimeoutError' ? 'TIMEOUT' : 'ABORTED';
        return localError(code, lang, { retryable: code === 'TIMEOUT', ...(cause ? { cause } : {}) });
    }

    const TLS_CAUSES = /CERT|SIGNATURE|ERR_TLS|SSL/;

    function networkError(cause, lang, more) {
        // Browsers do not tell a page why a fetch failed; node does
        const reason = cause?.cause?.code || cause?.code || '';
        if (TLS_CAUSES.test(String(reason))) return localError('UNTRUSTED_TLS', lang, { cause, ...more });
        return localError('NOT_RUNNING', lang, { cause, retryable: true, ...more });
    }

    // Answers of the agent, and of services behind it, as values or errors.

    const isSessionLoss = (code) => code === 'SESSION_INVALID' || code === 'PAIRING_REQUIRED';
    const isProblem = (response) => (response.headers.get('Content-Type') ?? '').includes('problem+json');

    async function readJson(response, lang, signal) {
        const text = await response.text().catch((cause) => {
            if (signal?.aborted) throw abortError(signal, lang, cause);
            throw localError('BAD_ANSWER', lang, { status: response.status, retryable: true, cause });
        });
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

    // Events: a WebSocket while it lasts, opened again with growing pauses when it breaks; without one, the plugged keys are looked at.

    const POLL_MS = 1000;
    const FIRST_PAUSE_MS = 1000;
    const LONGEST_PAUSE_MS = 15000;

    class EventFeed {
        #url;
        #WebSocket;
        #emitter;
        #session;
        #sessionEnded;
        #tokens;
        #socket = null;
        #timer = undefined;
        #state = 'off'; // 'on', 'off', or 'paused': its session has ended
        #failures = 0;
        #known = null; // the plugged keys as last told: Map of id to token
        #told = 0; // counts what was pushed about keys

        /* url: of the WebSocket. session(): the session now. sessionEnded(): it is over; pauses us. tokens(): the plugged keys now. */
        constructor({ url, WebSocket, emitter, session, sessionEnded, tokens }) {
            this.#url = url;
            this.#WebSocket = WebSocket;
            this.#emitter = emitter;
            this.#session = session;
            this.#sessionEnded = sessionEnded;
            this.#tokens = tokens;
            /** Are events being pushed now? */
            this.live = false;
        }

        watch(listener) {
            const off = this.#emitter.on('job', listener);
            this.start();
            return off;
        }

        start() {
            if (this.#state !== 'off') return;
            this.#state = 'on';
            this.#open();
        }

        stop() {
            this.#hangUp('off');
        }

        /* The session has ended: nothing more comes until resume(). */
        pause() {
            if (this.#state === 'on') this.#hangUp('paused');
        }

        /* There is a new session. */
        resume() {
            if (this.#state !== 'paused') return;
            this.#state = 'on';
            this.#failures = 0;
            this.#open();
        }

        #hangUp(state) {
            this.#state = state;
            clearTimeout(this.#timer);
            const socket = this.#socket;
            this.#socket = null;
            this.live = false;
            socket?.close();
        }

        #open() {
            if (!this.#WebSocket) {
                this.#poll();
                return;
            }
            let socket;
            try {
                socket = new this.#WebSocket(this.#url);
            } catch {
                this.#WebSocket = null; // forbidden here (a content security policy, say)
                this.#poll();
                return;
            }
            this.#socket = socket;
            socket.addEventListener('open', () => socket.send(JSON.stringify({ session: this.#session() })));
            socket.addEventListener('message', (event) => {
                if (this.#socket === socket) this.#receive(event.data);
            });
            socket.addEventListener('close', () => {
                if (this.#socket === socket) this.#dropped();
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
                this.#look(); // what happened while nobody listened
            } else if (message.type === 'token') {
                this.#told += 1;
                if (message.action === 'inserted') this.#known?.set(message.token.id, message.token);
                else this.#known?.delete(message.token.id);
                this.#emitter.emit('token', { action: message.action, token: message.token });
            } else if (message.type === 'job') {
                this.#emitter.emit('job', message.job);
            } else if (message.type === 'service') {
                this.#emitter.emit('service', { service: message.service, state: message.state });
            } else if (message.type === 'session') {
                this.#sessionEnded();
            }
        }

        async #dropped() {
            this.live = false;
            this.#socket = null;
            // the agent hangs up on a session that has ended: another socket would not help
            await this.#look();
            if (this.#state !== 'on') return;
            this.#failures += 1;
            this.#later(Math.min(LONGEST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** (this.#failures - 1)), () => this.#open());
        }

        #later(ms, action) {
            clearTimeout(this.#timer);
            this.#timer = setTimeout(action, ms);
            this.#timer?.unref?.(); // node: a page's feed must not keep a program alive
        }

        async #poll() {
            await this.#look();
            if (this.#state === 'on') this.#later(POLL_MS, () => this.#poll());
        }

        /* Tells of the keys that came and went since the last look. */
        async #look() {
            let now;
            const told = this.#told;
            try {
                now = new Map((await this.#tokens()).map((token) => [token.id, token]));
            } catch (error) {
                // anything else: the next request of the page says what is wrong
                if (isSessionLoss(error?.code)) this.#sessionEnded();
                return;
            }
            if (this.#state !== 'on') return;
            if (told !== this.#told) {
                await this.#look(); // older than what was pushed meanwhile
                return;
            }
            const before = this.#known ?? now;
            this.#known = now;
            for (const [id, token] of before) {
                if (!now.has(id)) this.#emitter.emit('token', { action: 'removed', token });
            }
            for (const [id, token] of now) {
                if (!before.has(id)) this.#emitter.emit('token', { action: 'inserted', token });
            }
        }
    }

    // Waiting that can be ended: by a time limit, by a caller's AbortSignal, by a bell.

    // One signal out of a caller's and a timeout (AbortSignal.any is not everywhere yet); 0: no timeout
    function linkedSignal(signal, timeoutMs) {
        const control = new AbortController();
        let timedOut = false;
        const stop = () => control.abort(signal?.reason);
        if (signal?.aborted) stop();
        signal?.addEventListener('abort', stop, { once: true });
        const late = () => {
            timedOut = true;
            control.abort();
        };
        const timer = timeoutMs > 0 ? setTimeout(late, timeoutMs) : undefined;
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
                    if (signal?.aborted) finish();
                    signal?.addEventListener('abort', finish, { once: true });
                }),
        };
    }

    // What the promise gives, or the signal's reason as soon as it is aborted
    function endingWith(signal, promise) {
        if (!signal) return promise;
        return new Promise((resolve, reject) => {
            const stop = () => reject(signal.reason);
            if (signal.aborted) stop();
            signal.addEventListener('abort', stop, { once: true });
            promise.then(resolve, reject).finally(() => signal.removeEventListener('abort', stop));
        });
    }

    // One action that several callers wait for, each with a signal of its own; it is aborted when the last of them has gone.
    // start(signal) begins it, over() is called when nobody may join it any more, aborted(signal) makes the error of one who goes.
    function shared(start, over, aborted) {
        const control = new AbortController();
        let isOver = false;
        const end = () => {
            if (!isOver) over();
            isOver = true;
        };
        const result = start(control.signal).finally(end);
        result.catch(() => {}); // those who wait are told
        let waiting = 0;
        return (signal) =>
            new Promise((resolve, reject) => {
                waiting += 1;
                const leave = () => {
                    waiting -= 1;
                    if (waiting === 0) {
                        end();
                        control.abort(signal.reason);
                    }
                    reject(aborted(signal));
                };
                if (signal?.aborted) {
                    leave();
                    return;
                }
                signal?.addEventListener('abort', leave, { once: true });
                result.then(resolve, reject).finally(() => signal?.removeEventListener('abort', leave));
            });
    }

    // Work on the key, followed to its end.

    const JOB_POLL_MS = 250;
    const JOB_POLL_BESIDE_EVENTS_MS = 2000;
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
                if (this.last.state) this.#emitter.emit('progress', this.last);
                else this.#take(await this.#agent.jobs.get(this.id, { signal })); // one that was only named
                while (!FINAL.has(this.last.state)) {
                    await pause.wait(this.#feed.live ? JOB_POLL_BESIDE_EVENTS_MS : JOB_POLL_MS, signal);
                    if (signal?.aborted) throw abortError(signal, this.#agent.lang);
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

    // May this page reach programs on this computer? Browsers call it Local Network Access.

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

    // 'granted' | 'denied' | 'prompt' | 'unknown' (a browser without this permission)
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

    // In a frame of another site the permission is the page's around it to pass on
    function isInForeignFrame() {
        if (globalThis.top === undefined || globalThis.top === globalThis.self) return false;
        try {
            return globalThis.top.location.origin !== globalThis.location.origin;
        } catch {
            return true;
        }
    }

    // A service behind the agent's proxy.

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
            return readJson(await this.fetch(path, { method, headers, body, signal }), this.#agent.lang, signal);
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

    // The agent as a page sees it: its keys, what can be done with them, and what it tells.

    class Agent {
        #found;
        #options;
        #session = '';
        #joinPairing = null;
        #emitter = new Emitter();
        #feed;

        constructor(found, options) {
            this.#found = found;
            this.#options = options;
            this.#feed = new EventFeed({
                url: `${found.base.replace('https:', 'wss:')}/${API}/events`,
                WebSocket: options.WebSocket,
                emitter: this.#emitter,
                session: () => this.#session,
                sessionEnded: () => this.#sessionEnded(),
                // what nobody has asked for must not ask the person to pair
                tokens: async () => (await this.#send('GET', '/tokens')).tokens,
            });
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
            this.#joinPairing ??= shared(
                async (pairingSignal) => {
                    const answer = await this.#send('POST', '/pairing', { json: {}, signal: pairingSignal });
                    this.#session = answer.session;
                    this.#feed.resume();
                    return answer;
                },
                () => {
                    this.#joinPairing = null;
                },
                (aborted) => abortError(aborted, this.lang),
            );
            return this.#joinPairing(signal);
        }

        /** Ends the session: keys whose PIN only this page had verified are logged out. The next request pairs again. */
        async unpair({ signal } = {}) {
            this.#feed.stop();
            try {
                if (this.#session) await this.#send('DELETE', '/pairing', { signal });
            } catch (error) {
                if (!isSessionLoss(error?.code)) throw error;
            }
            this.#session = '';
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

        async certificates(options) {
            return (await this.#ofToken('GET', 'certificates', options)).certificates;
        }

        /** Who the key speaks for: dual pairs as one. */
        async identities(options) {
            return (await this.#ofToken('GET', 'certificates', options)).identities;
        }

        async seals(options) {
            return (await this.#ofToken('GET', 'seals', options)).seals;
        }

        /** Opens the agent's own PIN dialog. `pin` is refused unless the computer's policy lets this site take PINs (pin = page). */
        verifyPin({ pin, ...options } = {}) {
            return this.#ofToken('POST', 'verify-pin', options, pin === undefined ? {} : { pin });
        }

        /** Opens the agent's own dialogs for the old and the new PIN; needed first when `pin.mustChange` says so. */
        changePin(options) {
            return this.#ofToken('POST', 'change-pin', options, {});
        }

        /** Brings a document (Blob, ArrayBuffer, typed array) of at most 100 MiB to the agent, which keeps its digests only. Its id is
         * for sign(), stamp() and verify(). */
        async uploadDocument(document, { signal } = {}) {
            return this.#withSession(async () => {
                const init = { method: 'POST', signal, body: document, headers: { 'Content-Type': 'application/octet-stream' } };
                return readJson(await this.#raw('/documents', init), this.lang, signal);
            }, signal);
        }

        /** The agent shows the statement, the document or the list of documents; if the person agrees they are signed on the key. */
        sign({ token, signal, ...request } = {}) {
            return this.#ofToken('POST', 'sign', { token, signal }, request);
        }

        /** "Log in with UKey": signs {type: login, origin, service, nonce} on the key. */
        loginAssertion({ token, signal, ...request } = {}) {
            return this.#ofToken('POST', 'login-assertion', { token, signal }, request);
        }

        /** Opens an envelope (base64 of CMS or GM/T 0010 EnvelopedData) for this key: {content, certificate}. The person is asked. */
        decrypt({ token, signal, ...request } = {}) {
            return this.#ofToken('POST', 'decrypt', { token, signal }, request);
        }

        /** Stamps a document with an electronic seal of the key: {seal, name, propertyInfo, hash | content | document}. The person is asked. */
        stamp({ token, signal, ...request } = {}) {
            return this.#ofToken('POST', 'stamp', { token, signal }, request);
        }

        /** What a signature, stamp or seal is worth: {valid, result, reason, ...}. Detached ones need {content} or {document}. */
        verify({ signal, ...request } = {}) {
            return this.request('POST', '/verify', { json: request, signal });
        }

        /** The services of the agent's configuration: whether each answers, and which plugged keys are its customers'. */
        async services({ signal } = {}) {
            return (await this.request('GET', '/service', { signal })).services;
        }

        /** The way to a service that the agent's configuration names. */
        service(profile = 'default') {
            return new Service(this, profile);
        }

        /** 'token' {action, token}; 'job' job; 'service' {service, state}; 'session' {state}. Answers a function that ends the subscription. */
        on(type, listener) {
            const off = this.#emitter.on(type, listener);
            this.#feed.start();
            return off;
        }

        off(type, listener) {
            this.#emitter.off(type, listener);
        }

        /** Stops the event feed. The session itself ends with the agent's own time limit, or with unpair(). */
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

        #sessionEnded() {
            if (!this.#session) return;
            this.#session = '';
            this.#feed.pause();
            this.#emitter.emit('session', { state: 'ended' });
        }

        async #startJob(kind, { signal, ...request }) {
            const job = await this.request('POST', '/jobs', { json: { kind, ...request }, signal });
            return new Job(this, job, this.#feed);
        }

        // token: one that was listed, or its id; left out, the one that is plugged in
        async #ofToken(method, what, { token, signal } = {}, json) {
            const id = (typeof token === 'object' && token ? token.id : token) ?? (await this.token({ signal })).id;
            return this.request(method, `/tokens/${encodeURIComponent(id)}/${what}`, { json, signal });
        }

        async #withSession(action, signal) {
            const used = this.#session;
            try {
                return await action();
            } catch (error) {
                if (!isSessionLoss(error?.code)) throw error;
                // another request may have paired meanwhile
                if (used === this.#session) this.#sessionEnded();
                if (!this.#session) await this.pair({ signal });
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
                if (init.signal?.aborted) throw abortError(init.signal, this.lang, error);
                throw networkError(error, this.lang, { url: `${this.url}/.well-known/openukey` });
            }
        }

        async #send(method, path, { json, signal } = {}) {
            const init = { method, signal };
            if (json !== undefined) {
                init.body = JSON.stringify(json);
                init.headers = { 'Content-Type': 'application/json' };
            }
            return readJson(await this.#raw(path, init), this.lang, signal);
        }
    }

    // Finding the agent, and saying what stands in the way when it cannot be found.

    const PROBE_TIMEOUT_MS = 3000;
    const ASKED_AFTER_MS = 500; // a request that takes longer while the permission is undecided waits for the person

    function settle(options = {}) {
        return {
            lang: languageOf(options.lang || globalThis.document?.documentElement?.lang || globalThis.navigator?.language),
            ports: options.ports ?? DEFAULT_PORTS,
            fetch: options.fetch ?? ((...args) => globalThis.fetch(...args)),
            WebSocket: options.WebSocket === undefined ? globalThis.WebSocket : options.WebSocket,
            onWaiting: options.onWaiting ?? (() => {}),
            signal: options.signal,
        };
    }

    // Asks one port who it is. Answers {found: identity} or {problem: AgentError}; strangers are a problem, not a crash.
    async function probe(port, { fetch, lang, signal }, timeoutMs) {
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
            if (signal?.aborted) throw abortError(signal, lang, error);
            if (link.timedOut()) return { problem: localError('TIMEOUT', lang, { url, retryable: true }) };
            return { problem: networkError(error, lang, { url }) };
        } finally {
            link.done();
        }
    }

    const denied = (lang) => localError('LNA_DENIED', lang, isInForeignFrame() ? { text: 'LNA_FRAME' } : {});

    // The most telling of several problems: an answer beats a silence
    const TELLING = ['ORIGIN_REFUSED', 'VERSION_MISMATCH', 'UNTRUSTED_TLS', 'TIMEOUT', 'NOT_RUNNING'];

    // One question at a time: Firefox ends a request whose question is replaced by another one's
    let turn = Promise.resolve();

    async function inTurn(signal, action) {
        const before = turn;
        let leave;
        const left = new Promise((done) => (leave = done));
        turn = before.then(() => left);
        try {
            await endingWith(signal, before);
            return await action();
        } finally {
            leave();
        }
    }

    // Looks at one port after the other. Answers {found} or {problem}; note(name, ok, value) hears of every check.
    async function survey(settled, note) {
        const { lang, signal, onWaiting } = settled;
        const isSecure = globalThis.isSecureContext !== false;
        note('secure-context', isSecure, String(isSecure));
        if (!isSecure) return { problem: localError('INSECURE_CONTEXT', lang) };
        const permission = await loopbackPermission();
        note('loopback-permission', permission !== 'denied', permission);
        if (permission !== 'prompt') return scan(settled, note, permission);
        // While the browser asks the person, the fetch hangs by design: no timeout then, but a word on what to do. The browser asks only
        // once something has answered on a port, and not pages that come from this computer.
        const timer = setTimeout(() => onWaiting(localError('LNA_PROMPT', lang, { retryable: true })), ASKED_AFTER_MS);
        try {
            return await inTurn(signal, async () => scan(settled, note, await loopbackPermission()));
        } catch (error) {
            throw signal?.aborted ? abortError(signal, lang, error) : error;
        } finally {
            clearTimeout(timer);
        }
    }

    async function scan(settled, note, permission) {
        const { lang, ports } = settled;
        if (permission === 'denied') return { problem: denied(lang) };
        let worst = null;
        for (const port of ports) {
            const { found, problem } = await probe(port, settled, permission === 'prompt' ? 0 : PROBE_TIMEOUT_MS);
            note(`port-${port}`, Boolean(found), found ? found.version : problem.code);
            if (found) return { found };
            if (!worst || TELLING.indexOf(problem.code) < TELLING.indexOf(worst.code)) worst = problem;
        }
        const now = await loopbackPermission();
        if (now === 'denied') return { problem: denied(lang) };
        if (now === 'prompt' && worst?.code === 'NOT_RUNNING') {
            // nobody is there, or the person waved the question away: a page cannot tell
            return { problem: localError('NOT_RUNNING', lang, { text: 'NOT_RUNNING_OR_ASKED', retryable: true }) };
        }
        return { problem: worst ?? localError('NOT_RUNNING', lang) };
    }

    async function findAgent(settled) {
        const { found, problem } = await survey(settled, () => {});
        if (problem) throw problem;
        return found;
    }

    /** Says what stands between this page and the agent: {ok, code, title, detail, checks}. Never throws, never pairs, and does not wait
     * for the person: while the browser asks, the code is LNA_PROMPT. */
    async function diagnose(options) {
        const settled = settle(options);
        const checks = [];
        const note = (name, ok, value) => checks.push({ name, ok, value });
        const undecided = alarm();
        let isWaiting = null;
        const onWaiting = (problem) => {
            isWaiting = problem;
            settled.onWaiting(problem);
        };
        const surveyed = survey({ ...settled, onWaiting }, note).catch((problem) => ({ problem }));
        // the survey goes on behind an answer that says "undecided", so that the browser's question stays open
        const late = undecided.wait(PROBE_TIMEOUT_MS).then(async () => (isWaiting ? { problem: isWaiting } : surveyed));
        const { found, problem } = await Promise.race([surveyed, late]);
        undecided.ring();
        if (found) {
            const [title, detail] = TEXTS[settled.lang].OK;
            return { ok: true, code: 'OK', title, detail, agent: found, checks: [...checks] };
        }
        return { ok: false, code: problem.code, title: problem.title, detail: problem.detail, checks: [...checks] };
    }

    // OpenUKey SDK: a web page's way to the person's USB key, through the agent on the same computer.
    //
    //     import { connect } from '/sdk/openukey.mjs';
    //     const agent = await connect({ lang: 'zh-CN' });
    //     const key = await agent.token();
    //     await agent.verifyPin({ token: key.id });
    //
    // No dependencies; any browser, and node >= 18 with a `fetch` that trusts the agent's certificate. docs/sdk.md says more.

    /** Finds the agent, asks it to pair with this page (the person may be asked), and answers an Agent. */
    async function connect(options) {
        const settled = settle(options);
        const agent = new Agent(await findAgent(settled), settled);
        await agent.pair({ signal: settled.signal });
        return agent;
    }
    root.OpenUKey = { AgentError, VERSION, connect, diagnose };
})(globalThis);
