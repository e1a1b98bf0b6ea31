// Walks an order from its first request to its final state: looks at the gate it waits at, and does there what a person, the staff or a
// key would do. Which gates there are, and in which order, it does not know.
import { createHash } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Applicant } from './applicant.mjs';
import { KeyAgent, lockable } from './key_agent.mjs';
import { png } from './picture.mjs';
import { BlankKey } from './service.mjs';

const good = (answer) => Applicant.good(answer);

/* A certificate's holder with an account, and his key: what one order made, the next is about. */
export class Life extends Applicant {
    /* `staff`: {reviewer, second, finance, operator}; `pays`: ALIPAY, WECHAT or TRANSFER; `confirms`: SMS or ANSWER where both are taken. */
    constructor(service, phone, staff, subject, { pays = 'ALIPAY', confirms = 'SMS', entries } = {}) {
        super(service, phone, staff, entries);
        Object.assign(this, { subject, pays, confirms, keys: 0 });
    }

    /* What is shown to somebody who reads Chinese, each thing once. */
    async watch() {
        const { body } = await this.ask('GET', this.path(''), undefined, { 'accept-language': 'zh-CN' });
        this.order = body;
        if (this.shown.at(-1) !== body.stateText) this.shown.push(body.stateText);
        return body;
    }

    /* A key as its maker delivers it: the service has been told how to unlock it. */
    async blankKey() {
        const name = `${createHash('sha256').update(this.phone).digest('hex').slice(0, 6)}k${(this.keys += 1)}`;
        const key = lockable(new BlankKey(this.service, name, this));
        const manifest = join(key.dir, 'manifest.json');
        writeFileSync(manifest, JSON.stringify({ token: { serial: key.serial, unlockKey: key.unlockKey } }));
        await this.service.command('import', manifest);
        return key;
    }

    /* ---- what is done at each gate ---- */

    async payVoucher() {
        const name = encodeURIComponent(this.order.subject.name);
        good(await this.upload(`/voucher?payer=${name}`, png()));
    }

    async finance() {
        await this.judge('finance', 'finance', { accept: true, transaction: `T${this.order.no}` });
    }

    async sayAnswer() {
        good(await this.change('POST', ':confirm', { answer: this.entries.securityAnswer, agree: true }));
    }

    async signOnKey() {
        this.key.session = undefined;
        await this.key.logIn();
        this.key.order = this.order;
        const { version } = await this.watch();
        const signature = await this.key.signStatement();
        good(await this.key.ask('POST', this.path(':confirm'), { signature }, { 'if-match': `"${version}"` }));
    }

    async confirmSomehow() {
        const sent = await this.ask('POST', this.path('/confirm-code'), {});
        if (sent.body.code === 'METHOD_NOT_OFFERED') return this.signOnKey();
        good(sent);
        if (this.confirms === 'ANSWER' && this.order.kind === 'REVOKE') return this.sayAnswer();
        const phone = this.order.form.handlerPhone ?? this.phone;
        return good(await this.change('POST', ':confirm', { code: await this.code(phone), agree: true }));
    }

    /* R206: the key that the order is about logs in for it. */
    async logInForOrder() {
        const assertion = await this.key.assertion({ order: this.order.no });
        this.key.session = good(await this.service.post('/v1/key-login/verify', { assertion, order: this.order.no })).body;
    }

    /* By all who are needed: of some kinds the second approval counts. */
    async approve() {
        const { documents } = (await this.ask('GET', this.path('/documents'))).body;
        for (const who of ['reviewer', 'second']) {
            if ((await this.watch()).state !== 'IN_REVIEW') break;
            for (const { type, document } of documents) {
                if (document) good(await this.staff[who].ask('GET', this.path(`/documents/${type}`)));
            }
            await this.judge(who, 'approve');
        }
    }

    /* An operator makes the key, or its holder downloads: the agent's part, seen at work. */
    async carryOut(key, caller, changes = {}) {
        const agent = new KeyAgent(key, caller);
        good(await agent.claim(this.order.no, changes));
        await this.watch();
        await agent.carryOut(this.order.no, changes);
        this.task = agent.task;
        if (agent.file && this.key === key) key.install(agent.file, agent.made);
        this.key = key;
    }

    async produce() {
        const key = await this.blankKey();
        key.person = Object.assign(this.staff.operator, { order: this.order });
        return this.carryOut(key, this.staff.operator);
    }

    async issue() {
        switch (this.order.kind) {
            case 'NEW':
            case 'REPLACE':
                return this.carryOut(await this.blankKey(), this, { code: await this.downloadCode() });
            case 'UNLOCK': {
                const [sent] = await this.service.rows("SELECT COUNT(*) AS n FROM sim_deliveries WHERE body GLOB '*解锁授权码*'");
                return this.carryOut(this.key, this, sent.n > (this.unlocks ?? 0) ? { code: await this.unlockCode() } : {});
            }
            default:
                if (!this.key.session) await this.key.logIn();
                return this.carryOut(this.key, this.key);
        }
    }

    /* Somebody else acts: the CA, the mint of invoices. */
    async wait() {
        const { version } = this.order;
        for (let i = 0; (await this.watch()).version === version; i += 1) {
            if (i === 1200) throw new Error(`${this.order.no} stays in ${this.order.state}`);
            await new Promise((done) => setTimeout(done, 25));
        }
    }

    static gates = {
        AGREE: (life) => life.fillIn(),
        FORM: (life) => life.fillIn(),
        INVOICE_INFO: (life) => life.fillIn(),
        DELIVERY: (life) => life.fillIn(),
        VERIFY_ORG: (life) => life.verify(),
        VERIFY_HANDLER: (life) => life.verify(),
        VERIFY_PERSON: (life) => life.verify(),
        KEY_LOGIN: (life) => life.logInForOrder(),
        MATERIALS: (life) => life.hand(),
        CONFIRM: (life) => life.confirmSomehow(),
        PAPERS: (life) => life.judge('operator', 'papers'),
        PAY: (life) => (life.pays === 'TRANSFER' ? life.payVoucher() : life.pay()),
        PAY_REVIEW: (life) => life.finance(),
        REVIEW: (life) => life.approve(),
        PRODUCE: (life) => life.produce(),
        SHIP: (life) => life.ship(),
        ISSUE: (life) => life.issue(),
        APPLY_CA: (life) => life.wait(),
        RECEIVE: async (life) => good(await life.change('POST', ':receive', {})),
        INVOICE: (life) => life.wait(),
    };

    /* ---- the walk ---- */

    /* An order of this kind to its end; resolves to the order. this.shown: the states that it was shown in. */
    async walk(kind) {
        this.shown = [];
        if (this.key) this.key.session = undefined;
        const what = kind === 'NEW' ? { subject: this.subject } : { certificate: this.key.certificate };
        good(await this.create({ kind, ...what }));
        for (let i = 0; (await this.watch()).state !== 'COMPLETED'; i += 1) {
            const gate = this.order.gates.find(({ state }) => state === 'OPEN' || state === 'FAILED')?.name;
            if (i === 40 || !gate) throw new Error(`${kind} is ${this.order.state} at ${gate}`);
            await Life.gates[gate](this);
        }
        return this.order;
    }
}
