// Made from src/ by build.mjs (sof/index.mjs): change it there, not here.
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

    // Numbers that old pages know: errors, kinds of information, methods (GM/T 0020, GM/T 0006).

    const SOR = {
        OK: 0,
        UNKNOWN: 0x0b000001,
        INDATA: 0x0b000201,
        CERTIFICATE: 0x0b000405,
        SIGN: 0x0b000409,
        VERIFY: 0x0b000410,
        ENCRYPT: 0x0b000415,
        DECRYPT: 0x0b000416,
        PKCS7: 0x0b000417,
        NOT_SUPPORTED: 0x0b000419,
        LOGIN: 0x0b000420,
        INITIALIZE: 0x0b000424,
    };

    /* SOF_GetCertInfo: what of a parsed certificate. 11 and 12 are the two ends of its validity, as some pages ask for them. */
    const attribute = (of, type) => (certificate) => certificate[of].filter(([name]) => name === type).map(([, value]) => value).join(', ');
    const name = (of) => (certificate) => certificate[of].map(([type, value]) => `${type}=${value}`).join(', ');
    const digits = (time) => time.replace(/[-:T]/g, '');
    const CERT_INFO = {
        0x01: (certificate) => String(certificate.version),
        0x02: (certificate) => certificate.serial,
        0x03: (certificate) => certificate.signatureAlgorithm,
        0x05: name('issuer'),
        0x06: ({ notBefore, notAfter }) => `${digits(notBefore)}||${digits(notAfter)}`,
        0x07: name('subject'),
        0x0b: ({ notBefore }) => digits(notBefore),
        0x0c: ({ notAfter }) => digits(notAfter),
        0x21: attribute('issuer', 'CN'),
        0x22: attribute('issuer', 'O'),
        0x23: attribute('issuer', 'OU'),
        0x31: attribute('subject', 'CN'),
        0x32: attribute('subject', 'O'),
        0x33: attribute('subject', 'OU'),
        0x34: attribute('subject', 'E'),
    };

    /* SOF_GetDeviceInfo: what of a listed key. */
    const DEVICE_INFO = {
        0x202: (token) => token.model,
        0x203: (token) => token.label,
        0x204: (token) => token.manufacturer,
        0x208: (token) => token.serial,
    };

    const CONSTANTS = {
        SGD_CERT_VERSION: 0x01, SGD_CERT_SERIAL: 0x02, SGD_CERT_ISSUER: 0x05, SGD_CERT_VALID_TIME: 0x06, SGD_CERT_SUBJECT: 0x07,
        SGD_CERT_ISSUER_CN: 0x21, SGD_CERT_ISSUER_O: 0x22, SGD_CERT_ISSUER_OU: 0x23,
        SGD_CERT_SUBJECT_CN: 0x31, SGD_CERT_SUBJECT_O: 0x32, SGD_CERT_SUBJECT_OU: 0x33, SGD_CERT_SUBJECT_EMAIL: 0x34,
        SGD_DEVICE_TYPE: 0x202, SGD_DEVICE_NAME: 0x203, SGD_DEVICE_MANUFACTURER: 0x204, SGD_DEVICE_SERIAL_NUMBER: 0x208,
        SGD_SHA256_RSA: 0x00010004, SGD_SM3_SM2: 0x00020201,
    };

    // Old pages say at best "error 185..."; this says on the page what a person can do, in one line that can be closed.

    const CLOSE = { 'zh-CN': '关闭', en: 'Close' };
    const QUIET = new Set(['USER_CANCELLED', 'ABORTED']);

    class Notices {
        #document;
        #line = null;

        /* document: null for none. */
        constructor(document) {
            this.#document = document;
        }

        show(error, lang) {
            if (!this.#document?.body || QUIET.has(error.code)) return;
            this.clear();
            const line = this.#document.createElement('div');
            line.id = 'openukey-notice';
            line.lang = lang;
            line.setAttribute('role', 'alert');
            line.dataset.code = error.code;
            Object.assign(line.style, {
                position: 'fixed', top: '0', left: '0', right: '0', zIndex: '2147483647', padding: '12px 16px', font: '16px/1.5 sans-serif',
                color: '#3b2300', background: '#fff3d6', borderBottom: '2px solid #b26a00',
            });
            const text = this.#document.createElement('span');
            text.textContent = error.detail ? `${error.title}：${error.detail}` : error.title;
            if (lang === 'en') text.textContent = error.detail ? `${error.title}. ${error.detail}` : error.title;
            const close = this.#document.createElement('button');
            close.type = 'button';
            close.textContent = CLOSE[lang];
            Object.assign(close.style, { marginLeft: '16px', font: 'inherit' });
            close.addEventListener('click', () => this.clear());
            line.append(text, close);
            this.#document.body.prepend(line);
            this.#line = line;
        }

        clear() {
            this.#line?.remove();
            this.#line = null;
        }
    }

    // Bytes as text and back.

    const utf8 = (text) => new TextEncoder().encode(text);
    const utf8Text = (bytes) => new TextDecoder().decode(bytes);
    const hex = (bytes) => Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
    const hexBytes = (text) => Uint8Array.from(text.match(/../g) ?? [], (pair) => Number.parseInt(pair, 16));

    function base64(bytes) {
        let binary = '';
        for (const byte of bytes) binary += String.fromCharCode(byte);
        return btoa(binary);
    }

    /* Also of PEM, with or without line ends. Throws when it is something else. */
    function base64Bytes(text) {
        const plain = String(text).replace(/-----[^-]*-----|\s/g, '');
        return Uint8Array.from(atob(plain), (char) => char.charCodeAt(0));
    }

    function concat(...parts) {
        const all = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
        let at = 0;
        for (const part of parts) {
            all.set(part, at);
            at += part.length;
        }
        return all;
    }

    const randomBytes = (count) => crypto.getRandomValues(new Uint8Array(count));

    // DER, as far as certificates, signatures and envelopes need it.

    /* The element at `offset`: {tag, content, whole, end, items()}. Throws when it is cut or longer than 4 bytes can say. */
    function parseDer(bytes, offset = 0) {
        let start = offset + 2;
        let length = bytes[offset + 1];
        if (length > 127) {
            const count = length & 127;
            if (count < 1 || count > 4) throw new Error('DER: length');
            length = 0;
            for (let i = 0; i < count; i += 1) length = length * 256 + bytes[start + i];
            start += count;
        }
        const end = start + length;
        if (!(end <= bytes.length)) throw new Error('DER: cut');
        return {
            tag: bytes[offset],
            content: bytes.subarray(start, end),
            whole: bytes.subarray(offset, end),
            end,
            items() {
                const found = [];
                for (let at = start; at < end; at = found.at(-1).end) found.push(parseDer(bytes, at));
                if (found.length > 0 && found.at(-1).end !== end) throw new Error('DER: cut');
                return found;
            },
        };
    }

    function derElement(tag, ...contents) {
        const content = concat(...contents);
        const length = content.length;
        const size = [];
        for (let rest = length; rest > 0; rest = Math.floor(rest / 256)) size.unshift(rest & 255);
        return concat(length < 128 ? [tag, length] : [tag, 128 | size.length, ...size], content);
    }

    const derSequence = (...items) => derElement(0x30, ...items);
    const derOctets = (bytes) => derElement(0x04, bytes);

    /* A number that is not negative, of big-endian bytes. */
    function derInteger(bytes) {
        let first = 0;
        while (first < bytes.length - 1 && bytes[first] === 0) first += 1;
        const magnitude = bytes.slice(first);
        return derElement(0x02, magnitude[0] > 127 ? [0] : [], magnitude);
    }

    function derOid(text) {
        const [first, second, ...more] = text.split('.').map(Number);
        const bytes = [];
        for (const arc of [first * 40 + second, ...more]) {
            const digits = [arc & 127];
            for (let rest = Math.floor(arc / 128); rest > 0; rest = Math.floor(rest / 128)) digits.unshift(rest % 128 | 128);
            bytes.push(...digits);
        }
        return derElement(0x06, bytes);
    }

    function oidText(content) {
        const arcs = [];
        let arc = 0;
        for (const byte of content) {
            arc = arc * 128 + (byte & 127);
            if (byte < 128) {
                arcs.push(arc);
                arc = 0;
            }
        }
        const top = Math.min(2, Math.floor(arcs[0] / 40));
        return [top, arcs[0] - 40 * top, ...arcs.slice(1)].join('.');
    }

    /* A character string; of a BMPString, two bytes a character. */
    function derText({ tag, content }) {
        if (tag !== 0x1e) return utf8Text(content);
        let text = '';
        for (let i = 0; i + 1 < content.length; i += 2) text += String.fromCharCode(content[i] * 256 + content[i + 1]);
        return text;
    }

    // SM3 (GB/T 32905-2016).

    const IV = [0x7380166f, 0x4914b2b9, 0x172442d7, 0xda8a0600, 0xa96f30bc, 0x163138aa, 0xe38dee4d, 0xb0fb0e4e];
    const rotate = (x, n) => (x << n % 32) | (x >>> (32 - (n % 32)) % 32);
    const p0 = (x) => x ^ rotate(x, 9) ^ rotate(x, 17);
    const p1 = (x) => x ^ rotate(x, 15) ^ rotate(x, 23);

    // One block of 16 words (5.3)
    function compress(state, block) {
        const w = [...block];
        for (let j = 16; j < 68; j += 1) {
            w[j] = p1(w[j - 16] ^ w[j - 9] ^ rotate(w[j - 3], 15)) ^ rotate(w[j - 13], 7) ^ w[j - 6];
        }
        let [a, b, c, d, e, f, g, h] = state;
        for (let j = 0; j < 64; j += 1) {
            const early = j < 16;
            const ss1 = rotate((rotate(a, 12) + e + rotate(early ? 0x79cc4519 : 0x7a879d8a, j)) | 0, 7);
            const ss2 = ss1 ^ rotate(a, 12);
            const tt1 = ((early ? a ^ b ^ c : (a & b) | (a & c) | (b & c)) + d + ss2 + (w[j] ^ w[j + 4])) | 0;
            const tt2 = ((early ? e ^ f ^ g : (e & f) | (~e & g)) + h + ss1 + w[j]) | 0;
            [a, b, c, d, e, f, g, h] = [tt1, a, rotate(b, 9), c, p0(tt2), e, rotate(f, 19), g];
        }
        return [a, b, c, d, e, f, g, h].map((x, i) => x ^ state[i]);
    }

    function sm3(bytes) {
        const padded = new Uint8Array(Math.ceil((bytes.length + 9) / 64) * 64);
        padded.set(bytes);
        padded[bytes.length] = 0x80;
        const view = new DataView(padded.buffer);
        view.setUint32(padded.length - 8, Math.floor(bytes.length / 0x20000000));
        view.setUint32(padded.length - 4, (bytes.length * 8) >>> 0);
        let state = IV;
        for (let at = 0; at < padded.length; at += 64) {
            state = compress(state, Array.from({ length: 16 }, (_, i) => view.getInt32(at + 4 * i)));
        }
        const digest = new DataView(new ArrayBuffer(32));
        state.forEach((word, i) => digest.setInt32(4 * i, word));
        return new Uint8Array(digest.buffer);
    }

    // SM2 (GB/T 32918) with public keys only: what a key shall sign, whether it has signed, and encryption. No secret of a key is here, so time
    // may tell what it likes.

    // GB/T 32918.5
    const P = 0xfffffffeffffffffffffffffffffffffffffffff00000000ffffffffffffffffn;
    const A = P - 3n;
    const B = 0x28e9fa9e9d9f5e344d5a9e4bcf6509a7f39789f515ab8f92ddbcbd414d940e93n;
    const N = 0xfffffffeffffffffffffffffffffffff7203df6b21c6052b53bbf40939d54123n;
    const G = {
        x: 0x32c4ae2c1f1981195f9904466a39c9948fe30bbff2660be1715a4589334c74c7n,
        y: 0xbc3736a2f4f6779c59bdcee36b692153d0a9877cc62a474002df32e52139f0a0n,
    };
    const IDENTITY = '1234567812345678'; // GM/T 0009

    const mod = (x, m = P) => ((x % m) + m) % m;
    const number = (bytes) => BigInt(`0x${hex(bytes) || '0'}`);
    const word = (x) => hexBytes(x.toString(16).padStart(64, '0'));

    function inverse(x) {
        let [a, b, u, v] = [mod(x), P, 1n, 0n];
        while (a > 1n) {
            const q = b / a;
            [a, b, u, v] = [b - q * a, a, v - q * u, u];
        }
        return mod(u);
    }

    // null is the point at infinity
    function add(p, q) {
        if (!p || !q) return p ?? q;
        if (p.x === q.x && mod(p.y + q.y) === 0n) return null;
        const slope = p.x === q.x ? mod((3n * p.x * p.x + A) * inverse(2n * p.y)) : mod((q.y - p.y) * inverse(q.x - p.x));
        const x = mod(slope * slope - p.x - q.x);
        return { x, y: mod(slope * (p.x - x) - p.y) };
    }

    function times(k, point) {
        let sum = null;
        for (const bit of k.toString(2)) {
            sum = add(sum, sum);
            if (bit === '1') sum = add(sum, point);
        }
        return sum;
    }

    /* A public key as certificates have it: 04 || x || y. Throws unless it is on the curve. */
    function pointOf(bytes) {
        const point = { x: number(bytes.subarray(1, 33)), y: number(bytes.subarray(33)) };
        const isOnCurve = point.x < P && point.y < P && mod(point.y * point.y - (point.x * point.x + A) * point.x - B) === 0n;
        if (bytes.length !== 65 || bytes[0] !== 4 || !isOnCurve) throw new Error('SM2: no public key');
        return point;
    }

    /* e, which the key signs: SM3(Z || content) (GB/T 32918.2, 6.1). */
    function sm2Digest(publicKey, content) {
        const z = sm3(concat([0, 8 * IDENTITY.length], utf8(IDENTITY), word(A), word(B), word(G.x), word(G.y), publicKey.subarray(1)));
        return sm3(concat(z, content));
    }

    /* signature: DER, or r || s (GB/T 32918.2, 7.1). */
    function sm2Verify(publicKey, content, signature) {
        const halves = signature.length === 64 ? [signature.subarray(0, 32), signature.subarray(32)] : parseDer(signature).items().map((one) => one.content);
        const [r, s] = halves.map(number);
        const t = mod(r + s, N);
        if (halves.length !== 2 || r <= 0n || r >= N || s <= 0n || s >= N || t === 0n) return false;
        const point = add(times(s, G), times(t, pointOf(publicKey)));
        return point !== null && mod(number(sm2Digest(publicKey, content)) + point.x, N) === r;
    }

    /* SM2Cipher of GM/T 0009 in DER (GB/T 32918.4, 6.1). */
    function sm2Encrypt(publicKey, content) {
        const point = pointOf(publicKey);
        const k = (number(randomBytes(40)) % (N - 1n)) + 1n;
        const c1 = times(k, G);
        const shared = times(k, point);
        const x2 = word(shared.x);
        const y2 = word(shared.y);
        const stream = new Uint8Array(content.length);
        for (let at = 0, counter = 1; at < stream.length; at += 32, counter += 1) {
            const block = sm3(concat(x2, y2, [counter >>> 24, (counter >>> 16) & 255, (counter >>> 8) & 255, counter & 255]));
            stream.set(block.subarray(0, Math.min(32, stream.length - at)), at);
        }
        if (stream.every((byte) => byte === 0)) return sm2Encrypt(publicKey, content);
        const hidden = content.map((byte, i) => byte ^ stream[i]);
        return derSequence(derInteger(word(c1.x)), derInteger(word(c1.y)), derOctets(sm3(concat(x2, content, y2))), derOctets(hidden));
    }

    // SM4 (GB/T 32907-2016), for encrypting what a certificate's owner alone shall read. The key is used once.

    const SBOX = hexBytes(
        'd690e9fecce13db716b614c228fb2c052b679a762abe04c3aa44132649860699' +
            '9c4250f491ef987a33540b43edcfac62e4b31ca9c908e89580df94fa758f3fa6' +
            '4707a7fcf37317ba83593c19e6854fa8686b81b27164da8bf8eb0f4b70569d35' +
            '1e240e5e6358d1a225227c3b01217887d40046579fd327524c3602e7a0c4c89e' +
            'eabf8ad240c738b5a3f7f2cef96115a1e0ae5da49b341a55ad933230f58cb1e3' +
            '1df6e22e8266ca60c02923ab0d534e6fd5db3745defd8e2f03ff6a726d6c5b51' +
            '8d1baf92bbddbc7f11d95c411f105ad80ac13188a5cd7bbd2d74d012b8e5b4b0' +
            '8969974a0c96777e65b9f109c56ec68418f07dec3adc4d2079ee5f3ed7cb3948',
    );
    const FK = [0xa3b1bac6, 0x56aa3350, 0x677d9197, 0xb27022dc];

    const roll = (x, n) => (x << n) | (x >>> (32 - n));
    const substitute = (x) => (SBOX[x >>> 24] << 24) | (SBOX[(x >>> 16) & 255] << 16) | (SBOX[(x >>> 8) & 255] << 8) | SBOX[x & 255];

    function roundKeys(key) {
        const view = new DataView(key.buffer, key.byteOffset);
        const k = FK.map((word, i) => word ^ view.getInt32(4 * i));
        return Array.from({ length: 32 }, (_, i) => {
            const ck = [0, 1, 2, 3].reduce((word, j) => (word << 8) | (((4 * i + j) * 7) & 255), 0);
            const b = substitute(k[1] ^ k[2] ^ k[3] ^ ck);
            k.push(k.shift() ^ b ^ roll(b, 13) ^ roll(b, 23));
            return k[3];
        });
    }

    function encryptBlock(keys, words) {
        const x = [...words];
        for (const key of keys) {
            const b = substitute(x[1] ^ x[2] ^ x[3] ^ key);
            x.push(x.shift() ^ b ^ roll(b, 2) ^ roll(b, 10) ^ roll(b, 18) ^ roll(b, 24));
        }
        return x.reverse();
    }

    /* CBC with the padding of PKCS#7. */
    function sm4Cbc(key, iv, content) {
        const keys = roundKeys(key);
        const filler = 16 - (content.length % 16);
        const padded = new Uint8Array(content.length + filler).fill(filler);
        padded.set(content);
        const view = new DataView(padded.buffer);
        const first = new DataView(iv.buffer, iv.byteOffset);
        let chain = [0, 4, 8, 12].map((i) => first.getInt32(i));
        for (let at = 0; at < padded.length; at += 16) {
            chain = encryptBlock(keys, chain.map((word, i) => word ^ view.getInt32(at + 4 * i)));
            chain.forEach((word, i) => view.setInt32(at + 4 * i, word));
        }
        return padded;
    }

    // Certificates as far as old pages ask about them, and what can be done with their public keys.

    const ATTRIBUTES = {
        '2.5.4.3': 'CN', '2.5.4.4': 'SN', '2.5.4.5': 'SERIALNUMBER', '2.5.4.6': 'C', '2.5.4.7': 'L', '2.5.4.8': 'ST', '2.5.4.9': 'STREET',
        '2.5.4.10': 'O', '2.5.4.11': 'OU', '2.5.4.12': 'T', '2.5.4.42': 'G', '2.5.4.97': 'OID.2.5.4.97', '1.2.840.113549.1.9.1': 'E',
    };

    const KEY_TYPES = {
        '1.2.156.10197.1.301': { type: 'SM2' },
        '1.2.840.113549.1.1.1': { type: 'RSA', hash: 'SHA-256' },
        '1.2.840.10045.3.1.7': { type: 'EC', curve: 'P-256', hash: 'SHA-256', size: 32 },
        '1.3.132.0.34': { type: 'EC', curve: 'P-384', hash: 'SHA-384', size: 48 },
    };

    /* A name's attributes, in its order: [[type, value]]. */
    const attributesOf = (name) =>
        name.items().flatMap((set) =>
            set.items().map((pair) => {
                const [type, value] = pair.items();
                const oid = oidText(type.content);
                return [ATTRIBUTES[oid] ?? oid, derText(value)];
            }),
        );

    function timeOf({ tag, content }) {
        const text = derText({ tag: 0x0c, content });
        const full = tag === 0x17 ? (Number(text.slice(0, 2)) < 50 ? '20' : '19') + text : text;
        return full.replace(/^(....)(..)(..)(..)(..)(..)Z$/, '$1-$2-$3T$4:$5:$6Z');
    }

    /* base64 or PEM of a certificate. Throws when it is none. */
    function parseCertificate(text) {
        const der = base64Bytes(text);
        const parts = parseDer(der).items();
        const fields = parts[0].items();
        const hasVersion = fields[0].tag === 0xa0;
        const [serial, , issuer, validity, subject, keyInfo, ...more] = hasVersion ? fields.slice(1) : fields;
        const [algorithm, keyBits] = keyInfo.items();
        const algorithms = algorithm.items();
        const parameter = algorithms[1]?.tag === 0x06 ? oidText(algorithms[1].content) : '';
        const key = KEY_TYPES[parameter] ?? KEY_TYPES[oidText(algorithms[0].content)] ?? { type: 'OTHER' };
        const extensions = more.find((one) => one.tag === 0xa3)?.items()[0].items() ?? [];
        const [notBefore, notAfter] = validity.items().map(timeOf);
        return {
            der,
            version: hasVersion ? fields[0].items()[0].content[0] + 1 : 1,
            serial: hex(serial.content).replace(/^00/, '').toUpperCase(),
            serialWhole: serial.whole,
            signatureAlgorithm: oidText(parts[1].items()[0].content),
            issuer: attributesOf(issuer),
            issuerWhole: issuer.whole,
            subject: attributesOf(subject),
            notBefore,
            notAfter,
            key: { ...key, info: keyInfo.whole, bytes: keyBits.content.subarray(1) },
            // the value behind an OID: of an extension, or of the subject
            find(oid) {
                const extension = extensions.map((one) => one.items()).find(([type]) => oidText(type.content) === oid);
                if (!extension) return attributesOf(subject).find(([type]) => type === (ATTRIBUTES[oid] ?? oid))?.[1] ?? '';
                const { content } = extension.at(-1);
                const isText = [0x0c, 0x13, 0x16, 0x1e].includes(content[0]) && content[1] === content.length - 2;
                return isText ? derText(parseDer(content)) : derText({ tag: 0x0c, content });
            },
        };
    }

    const EC = (key) => ({ name: 'ECDSA', namedCurve: key.curve, hash: key.hash });
    const RSA_SIGNATURE = { name: 'RSASSA-PKCS1-v1_5', hash: 'SHA-256' };

    /* What a key signs to sign these bytes. */
    async function digestFor({ key }, bytes) {
        if (key.type === 'SM2') return sm2Digest(key.bytes, bytes);
        return new Uint8Array(await crypto.subtle.digest(key.hash, bytes));
    }

    /* Has the certificate's key signed these bytes? Of EC signatures DER or r || s. */
    async function hasSigned({ key }, bytes, signature) {
        if (key.type === 'SM2') return sm2Verify(key.bytes, bytes, signature);
        const algorithm = key.type === 'RSA' ? RSA_SIGNATURE : EC(key);
        const publicKey = await crypto.subtle.importKey('spki', key.info, algorithm, false, ['verify']);
        const plain = key.type === 'RSA' || signature.length === 2 * key.size ? signature : rAndS(signature, key.size);
        return crypto.subtle.verify(algorithm, publicKey, plain, bytes);
    }

    function rAndS(der, size) {
        const halves = parseDer(der).items().map(({ content }) => {
            const magnitude = content[0] === 0 ? content.subarray(1) : content;
            if (magnitude.length > size) throw new Error('EC: signature');
            return concat(new Uint8Array(size - magnitude.length), magnitude);
        });
        return concat(...halves);
    }

    const GM = '1.2.156.10197.6.1.4.2';
    const PKCS7 = '1.2.840.113549.1.7';

    /* EnvelopedData for the certificate's key: GM/T 0010 with SM2 and SM4-CBC, CMS with RSA-OAEP (SHA-256) and AES-256-CBC. */
    async function envelopeFor(certificate, bytes) {
        const { key } = certificate;
        const iv = randomBytes(16);
        const isGm = key.type === 'SM2';
        const contentKey = randomBytes(isGm ? 16 : 32);
        const wrapped = isGm ? sm2Encrypt(key.bytes, contentKey) : await rsaWrap(key, contentKey);
        const encrypted = isGm ? sm4Cbc(contentKey, iv, bytes) : await aesCbc(contentKey, iv, bytes);
        const sha256 = derSequence(derOid('2.16.840.1.101.3.4.2.1'), derElement(0x05));
        const mgf1 = derSequence(derOid('1.2.840.113549.1.1.8'), sha256);
        const oaep = derSequence(derOid('1.2.840.113549.1.1.7'), derSequence(derElement(0xa0, sha256), derElement(0xa1, mgf1)));
        const recipient = derSequence(
            derInteger([isGm ? 1 : 0]),
            derSequence(certificate.issuerWhole, certificate.serialWhole),
            isGm ? derSequence(derOid('1.2.156.10197.1.301.3')) : oaep,
            derOctets(wrapped),
        );
        const content = derSequence(
            derOid(`${isGm ? GM : PKCS7}.1`),
            derSequence(derOid(isGm ? '1.2.156.10197.1.104.2' : '2.16.840.1.101.3.4.1.42'), derOctets(iv)),
            derElement(0x80, encrypted),
        );
        const enveloped = derSequence(derInteger([isGm ? 1 : 0]), derElement(0x31, recipient), content);
        return derSequence(derOid(`${isGm ? GM : PKCS7}.3`), derElement(0xa0, enveloped));
    }

    async function rsaWrap(key, contentKey) {
        if (key.type !== 'RSA') throw new Error('this kind of key cannot open envelopes');
        const algorithm = { name: 'RSA-OAEP', hash: 'SHA-256' };
        const publicKey = await crypto.subtle.importKey('spki', key.info, algorithm, false, ['encrypt']);
        return new Uint8Array(await crypto.subtle.encrypt(algorithm, publicKey, contentKey));
    }

    async function aesCbc(contentKey, iv, bytes) {
        const secret = await crypto.subtle.importKey('raw', contentKey, 'AES-CBC', false, ['encrypt']);
        return new Uint8Array(await crypto.subtle.encrypt({ name: 'AES-CBC', iv }, secret, bytes));
    }

    // The functions that pages written for the closed assistants call (GM/T 0020: SOF_GetUserList and its kin), on top of the SDK. What differs
    // from those assistants is in docs/sdk.md.

    /* What a page has asked for wrongly; sor: the number that it is told. */
    class BadCall extends Error {
        constructor(sor, message) {
            super(message);
            this.sor = sor;
        }
    }

    const certificateOf = (text) => {
        try {
            return parseCertificate(text);
        } catch {
            throw new BadCall(SOR.CERTIFICATE, '不是证书 (not a certificate)');
        }
    };
    const decoded = (text) => {
        try {
            return base64Bytes(text);
        } catch {
            throw new BadCall(SOR.INDATA, '不是 Base64 (not base64)');
        }
    };

    /* ---- who and where ---- */

    /* Every certificate on every plugged key, with its key. */
    async function everything(agent) {
        const all = [];
        for (const token of await agent.tokens()) {
            for (const certificate of await agent.certificates({ token })) all.push({ token, certificate });
        }
        return all;
    }

    const isSigner = ({ certificate }) => certificate.hasPrivateKey && certificate.usage !== 'encrypt';
    const nameOf = ({ subject, subjectText }) => subject.commonName || subject.organization || subjectText;
    const bare = (pem) => pem.replace(/-----[^-]*-----|\s/g, '');

    /* The certificate behind a CertID of SOF_GetUserList. */
    async function entryOf(agent, certId) {
        const found = (await everything(agent)).find(({ certificate }) => certificate.id === certId);
        if (!found) throw new BadCall(SOR.INDATA, '没有这个证书，UKey 可能已拔出 (no such certificate: the key may have been pulled)');
        return found;
    }

    /* A key by its serial number or id, or by a CertID of it. */
    async function tokenOf(agent, name) {
        const tokens = await agent.tokens();
        return tokens.find((token) => token.serial === name || token.id === name) ?? (await entryOf(agent, name)).token;
    }

    /* A certificate as such, or by its CertID. */
    async function givenCertificate(agent, text) {
        if (!/^[0-9a-f]{64}$/.test(text)) return certificateOf(text);
        return parseCertificate((await entryOf(agent, text)).certificate.pem);
    }

    /* What needs the PIN: asks for it when this session has not, or no more. */
    async function withPin(agent, token, action) {
        try {
            return await action();
        } catch (error) {
            if (error?.code !== 'PIN_REQUIRED') throw error;
            await agent.verifyPin({ token });
            return action();
        }
    }

    /* ---- the functions: name -> (sof, arguments); what they answer when they fail is below ---- */

    async function login({ agent, pins }, certId, pin) {
        const { token } = await entryOf(agent, certId);
        let answer;
        try {
            // policy decides whether the page's PIN is taken; mostly it is not
            if (!pin || !pins.areTaken) answer = await agent.verifyPin({ token });
            else answer = await agent.verifyPin({ token, pin: String(pin) });
        } catch (error) {
            if (error?.code !== 'BAD_REQUEST' || !pin) throw error;
            pins.areTaken = false;
            answer = await agent.verifyPin({ token });
        }
        if (answer.mustChange) await agent.changePin({ token });
        return true;
    }

    async function signBare({ agent }, certId, data) {
        const { token, certificate } = await entryOf(agent, certId);
        const digest = await digestFor(parseCertificate(certificate.pem), utf8(data));
        const request = { token, certificate: certificate.id, digest: base64(digest) };
        return (await withPin(agent, token, () => agent.sign(request))).signature;
    }

    const DOCUMENT_NAME = { 'zh-CN': '网页提交的数据', en: 'Data of the web page' };

    async function signMessage({ agent }, certId, data, attached) {
        const { token, certificate } = await entryOf(agent, certId);
        const document = { name: `${DOCUMENT_NAME[agent.lang]}.txt`, content: base64(utf8(data)) };
        const request = { token, certificate: certificate.id, nonce: hex(randomBytes(16)), document, attached };
        return (await withPin(agent, token, () => agent.sign(request))).signature;
    }

    async function verifyMessage({ agent }, signature, data) {
        const content = data === undefined ? {} : { content: base64(utf8(data)) };
        const verdict = await agent.verify({ signature: bare(signature), ...content });
        if (!verdict.valid) throw new BadCall(SOR.VERIFY, `${verdict.result}: ${verdict.reason}`);
        return true;
    }

    async function verifyBare(_, certificate, data, signature) {
        const isRight = await hasSigned(certificateOf(certificate), utf8(data), decoded(signature)).catch(() => false);
        if (!isRight) throw new BadCall(SOR.VERIFY, '签名与原文不符 (the signature does not fit)');
        return true;
    }

    async function exportCertificate({ agent }, certId) {
        return bare((await entryOf(agent, certId)).certificate.pem);
    }

    async function exportExchangeCertificate({ agent }, certId) {
        const { certificate } = await entryOf(agent, certId);
        if (certificate.usage === 'both') return bare(certificate.pem);
        if (!certificate.pair) throw new BadCall(SOR.INDATA, '没有加密证书 (no encryption certificate)');
        return bare((await entryOf(agent, certificate.pair)).certificate.pem);
    }

    async function certInfo({ agent }, certificate, type) {
        const tell = CERT_INFO[Number(type)];
        if (!tell) throw new BadCall(SOR.NOT_SUPPORTED, `SOF_GetCertInfo(${type})`);
        return tell(await givenCertificate(agent, certificate));
    }

    async function deviceInfo({ agent }, key, type) {
        const tell = DEVICE_INFO[Number(type)];
        if (!tell) throw new BadCall(SOR.NOT_SUPPORTED, `SOF_GetDeviceInfo(${type})`);
        return tell(await tokenOf(agent, key));
    }

    const VALIDITY = { trusted: 0, untrusted: -1, expired: -2, 'not-yet-valid': -5, unknown: -1 };

    // 0 good, -1 not trusted, -2 expired, -3 revoked, -5 not yet valid, -6 not known: it is on no plugged key
    async function validateCertificate({ agent }, text) {
        const { der } = await givenCertificate(agent, text);
        const found = (await everything(agent)).find(({ certificate }) => bare(certificate.pem) === base64(der));
        if (!found) return -6;
        const { chain, revocation } = found.certificate;
        return revocation.state === 'revoked' ? -3 : VALIDITY[chain];
    }

    async function encryptData({ agent }, certificate, data) {
        const recipient = await givenCertificate(agent, certificate);
        if (recipient.key.type !== 'SM2' && recipient.key.type !== 'RSA') throw new BadCall(SOR.NOT_SUPPORTED, recipient.key.type);
        return base64(await envelopeFor(recipient, utf8(data)));
    }

    async function decryptData({ agent }, certId, envelope) {
        const { token } = await entryOf(agent, certId);
        const { content } = await withPin(agent, token, () => agent.decrypt({ token, envelope: bare(envelope) }));
        return utf8Text(base64Bytes(content));
    }

    async function changePin({ agent }, certId) {
        await agent.changePin({ token: (await entryOf(agent, certId)).token });
        return true;
    }

    const TEXTS_ANSWERED = {
        SOF_GetVersion: [SOR.UNKNOWN, async ({ agent }) => `OpenUKey ${agent.version}`],
        SOF_GetUserList: [
            SOR.UNKNOWN,
            async ({ agent }) => {
                const signers = (await everything(agent)).filter(isSigner);
                return signers.map(({ certificate }) => `${nameOf(certificate)}||${certificate.id}`).join('&&&');
            },
        ],
        SOF_ExportUserCert: [SOR.CERTIFICATE, exportCertificate],
        SOF_ExportExChangeUserCert: [SOR.CERTIFICATE, exportExchangeCertificate],
        SOF_GetCertInfo: [SOR.CERTIFICATE, certInfo],
        SOF_GetCertInfoByOid: [SOR.CERTIFICATE, async ({ agent }, text, oid) => (await givenCertificate(agent, text)).find(String(oid))],
        SOF_GetDeviceInfo: [SOR.INDATA, deviceInfo],
        SOF_SignData: [SOR.SIGN, signBare],
        SOF_SignDataByP7: [SOR.SIGN, (sof, certId, data) => signMessage(sof, certId, data, true)],
        // flag 0: with the data inside; 1: without
        SOF_SignMessage: [SOR.SIGN, (sof, flag, certId, data) => signMessage(sof, certId, data, Number(flag) === 0)],
        SOF_EncryptData: [SOR.ENCRYPT, encryptData],
        SOF_DecryptData: [SOR.DECRYPT, decryptData],
        SOF_GenRandom: [SOR.INDATA, async (_, count) => base64(randomBytes(Number(count)))],
    };
    const TRUTHS_ANSWERED = {
        SOF_Login: [SOR.LOGIN, login],
        SOF_Logout: [
            SOR.UNKNOWN,
            async ({ agent }) => {
                await agent.unpair();
                return true;
            },
        ],
        SOF_ChangePassWd: [SOR.LOGIN, changePin],
        SOF_VerifySignedData: [SOR.VERIFY, verifyBare],
        SOF_VerifySignedDataByP7: [SOR.PKCS7, verifyMessage],
        SOF_VerifySignedMessage: [SOR.PKCS7, verifyMessage],
    };
    const NUMBERS_ANSWERED = {
        SOF_GetPinRetryCount: [SOR.INDATA, async ({ agent }, key) => (await tokenOf(agent, key)).pin.triesLeft ?? -1],
        SOF_ValidateCert: [SOR.CERTIFICATE, validateCertificate],
    };

    const kind = (failed, calls) => Object.entries(calls).map(([name, [sor, run]]) => [name, { failed, sor, run }]);
    const CALLS = new Map([...kind('', TEXTS_ANSWERED), ...kind(false, TRUTHS_ANSWERED), ...kind(-1, NUMBERS_ANSWERED)]);

    // Errors that say that the agent cannot be used at all
    const NO_AGENT = new Set([
        'NOT_RUNNING', 'UNTRUSTED_TLS', 'LNA_PROMPT', 'LNA_DENIED', 'INSECURE_CONTEXT', 'ORIGIN_REFUSED', 'VERSION_MISMATCH', 'TIMEOUT',
    ]);

    class Sof {
        #connect;
        #options;
        #notices;
        #agent = null;
        #connecting = null;
        #listeners = new Set();
        #last = Promise.resolve();
        #pins = { areTaken: true };
        #lastError = { sor: SOR.OK, text: '', cause: null };

        /* connect: the SDK's. options: for it. notices: where persons are told what to do. */
        constructor({ connect, options = {}, notices }) {
            this.#connect = connect;
            this.#options = options;
            this.#notices = notices;
        }

        /** The error of the last call: an AgentError, an Error, or null. */
        get lastError() {
            return this.#lastError.cause;
        }

        get #lang() {
            return this.#agent?.lang ?? languageOf(this.#options.lang || globalThis.document?.documentElement.lang || globalThis.navigator?.language);
        }

        /* The functions by name. Each takes a callback (and a context for it) behind its arguments, which gets {retVal, ctx}; and answers a
         * promise of the same value, which is never rejected. */
        functions() {
            const all = {};
            for (const [name, call] of CALLS) all[name] = (...args) => this.#enqueue(call, args);
            all.SOF_GetLastError = (...args) => this.#answer(this.#lastError.sor, args);
            for (const name of ['SOF_GetLastErrMsg', 'SOF_GetErrorMsg']) all[name] = (...args) => this.#answer(this.#lastError.text, args);
            all.SetOnUsbKeyChangeCallBack = (listener) => this.#onChange(listener);
            return all;
        }

        /* One after the other: the agent shows one dialog at a time. */
        #enqueue(call, args) {
            const end = args.findIndex((one) => typeof one === 'function');
            const given = end < 0 ? args : args.slice(0, end);
            const answered = this.#last.then(async () => this.#answer(await this.#run(call, given), args));
            this.#last = answered.catch(() => {});
            return answered;
        }

        #answer(retVal, args) {
            const at = args.findIndex((one) => typeof one === 'function');
            // a mistake in the page's own callback is the page's, not ours
            if (at >= 0) queueMicrotask(() => args[at]({ retVal, ctx: args[at + 1] }));
            return Promise.resolve(retVal);
        }

        async #run({ failed, sor, run }, args) {
            try {
                const value = await run({ agent: await this.#connected(), pins: this.#pins }, ...args);
                this.#lastError = { sor: SOR.OK, text: '', cause: null };
                this.#notices.clear();
                return value;
            } catch (error) {
                this.#failed(error, sor);
                return failed;
            }
        }

        #failed(error, sor) {
            const isOurs = error?.name === 'AgentError';
            const isGone = isOurs && NO_AGENT.has(error.code);
            this.#lastError = { sor: isGone ? SOR.INITIALIZE : (error.sor ?? sor), text: error.message, cause: error };
            if (isGone) {
                // it may come back on another port
                this.#agent?.close();
                this.#agent = null;
                this.#connecting = null;
            }
            if (isOurs) this.#notices.show(error, this.#lang);
        }

        async #connected() {
            this.#connecting ??= this.#connect({ ...this.#options, onWaiting: (problem) => this.#notices.show(problem, this.#lang) });
            try {
                this.#agent = await this.#connecting;
            } catch (error) {
                this.#connecting = null;
                throw error;
            }
            for (const listener of this.#listeners) this.#agent.on('token', listener);
            return this.#agent;
        }

        async #onChange(listener) {
            this.#listeners.add(() => listener());
            try {
                await this.#connected();
                return true;
            } catch (error) {
                this.#failed(error, SOR.INITIALIZE);
                return false;
            }
        }
    }

    // sof.js: for pages that were written for a closed assistant and change nothing but the address of their script.

    /* Puts SOF_*, SGD_* and OpenUKey where the page looks for them. The script's own attributes: data-lang; data-notices="off": the page
     * tells persons itself what is wrong (OpenUKey.sof.lastError, SOF_GetLastErrMsg). */
    function install(root, sdk) {
        const { lang, notices } = root.document?.currentScript?.dataset ?? {};
        const sof = new Sof({ connect, options: lang ? { lang } : {}, notices: new Notices(notices === 'off' ? null : root.document) });
        root.OpenUKey = { ...sdk, sof };
        Object.assign(root, CONSTANTS, sof.functions());
    }
    install(root, { AgentError, VERSION, connect, diagnose });
})(globalThis);
