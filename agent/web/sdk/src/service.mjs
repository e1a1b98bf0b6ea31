// A service behind the agent's proxy.
import { readJson } from './wire.mjs';

export class Service {
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
