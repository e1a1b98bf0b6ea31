// What a bidder does to renew a certificate, step by step, through the SDK. The demo tells about it, the tests check it.
import { randomUUID } from 'node:crypto';

export class Bidder {
    /* agent: an SDK connection. payingFetch: reaches the service as a browser would, for the simulated payment page. */
    constructor({ agent, payingFetch, handler = {} }) {
        this.agent = agent;
        this.service = agent.service('default');
        this.payingFetch = payingFetch;
        this.details = {
            years: 1,
            handlerName: '李四',
            handlerPhone: '13800138000',
            handlerEmail: 'lisi@example.cn',
            ...handler,
        };
    }

    /* 1: the key that is plugged in */
    async look() {
        this.token = await this.agent.token();
        this.certificates = await this.agent.certificates({ token: this.token });
        this.seals = await this.agent.seals({ token: this.token });
        return this;
    }

    /* 2: the PIN, in the agent's own dialog */
    verifyPin() {
        return this.agent.verifyPin({ token: this.token });
    }

    /* 3: log in with the key, ask, order */
    async logIn(more = {}) {
        this.session = await this.service.login({ token: this.token, ...more });
        return this.session;
    }

    async askEligibility() {
        this.eligibility = await this.service.request('POST', '/v1/eligibility', {
            json: { certificate: this.session.certificate.id },
        });
        return this.eligibility;
    }

    async createOrder() {
        this.order = await this.service.request('POST', '/v1/orders', {
            json: { kind: 'RENEW', certificate: this.session.certificate.id },
            idempotencyKey: randomUUID(),
        });
        return this.order;
    }

    async fillIn(details = this.details) {
        await this.#change('PATCH', '', details);
        return this.#change('POST', ':submit', {});
    }

    /* 4: the confirmation, shown by the agent and signed on the key */
    async confirm() {
        const { nonce, ...statement } = await this.service.request('GET', `/v1/orders/${this.order.no}/statement`);
        this.statement = statement;
        this.confirmation = await this.agent.sign({
            token: this.token,
            certificate: this.session.certificate.id,
            statement,
            nonce,
        });
        return this.#change('POST', ':confirm', { signature: this.confirmation.signature });
    }

    /* 4: pay at the simulated provider, which then calls the service back */
    async pay(channel = 'ALIPAY') {
        this.payment = await this.service.request('POST', `/v1/orders/${this.order.no}/payments`, {
            json: { channel },
            idempotencyKey: randomUUID(),
        });
        const settled = await this.payingFetch(`${this.payment.payUrl}/settle`, {
            method: 'POST',
            headers: { 'Content-Type': 'application/json' },
            body: '{}',
        });
        if (!settled.ok) throw new Error(`the payment page answered ${settled.status}: ${await settled.text()}`);
        return this.refresh();
    }

    /* 5: onto the key; `progress` is called with every change of the job */
    async write(progress = () => {}) {
        const job = await this.agent.jobs.renew({
            service: 'default',
            order: this.order.no,
            authorization: this.service.authorization,
            token: this.token.id,
        });
        this.job = job;
        job.on('progress', progress);
        return job.finished();
    }

    /* 6: what the service and the key say now */
    async refresh() {
        this.order = await this.service.request('GET', `/v1/orders/${this.order.no}`);
        return this.order;
    }

    /* Everything up to the paid order. */
    async untilPaid() {
        await this.look();
        await this.verifyPin();
        await this.logIn();
        await this.askEligibility();
        await this.createOrder();
        await this.fillIn();
        await this.confirm();
        await this.pay();
        return this;
    }

    async #change(method, suffix, json) {
        await this.refresh();
        const path = `/v1/orders/${this.order.no}${suffix}`;
        this.order = await this.service.request(method, path, { json, ifMatch: this.order.version });
        return this.order;
    }
}
