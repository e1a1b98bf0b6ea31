// The agent as a page sees it: its keys, what can be done with them, and what it tells.
import { Emitter } from './emitter.mjs';
import { abortError, localError, networkError, problemError } from './errors.mjs';
import { EventFeed } from './events.mjs';
import { API } from './facts.mjs';
import { JOB_KINDS, Job } from './jobs.mjs';
import { loopbackOption } from './loopback.mjs';
import { Service } from './service.mjs';
import { languageOf } from './texts.mjs';
import { shared } from './waiting.mjs';
import { isProblem, isSessionLoss, readJson } from './wire.mjs';

export class Agent {
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
