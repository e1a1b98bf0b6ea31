// Walks an order from its first request to its final state: looks at the gate it waits at, and does there what a person, the staff or a
// key would do. Which gates there are, and in which order, it does not know. Keys are simulated cards behind our module.
import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { Applicant } from './applicant.mjs';
import { FIXED_PIN, KeyAgent, RealKey } from './key_agent.mjs';
import { OpenSsl } from './openssl.mjs';
import { png } from './picture.mjs';

const good = (answer) => Applicant.good(answer);

const CKR_PIN_INCORRECT = 0xa0;
const CKR_PIN_LOCKED = 0xa4;
const OWN_PIN = 'my-pin-22';

/* A certificate's holder with an account, and his key: what one order made, the next is about. */
export class Life extends Applicant {
    /* `staff`: {reviewer, second, finance, operator}; `pays`: ALIPAY, WECHAT or TRANSFER; `confirms`: SMS or ANSWER where both are taken;
     * `fixedPin`: an unlocked key gets the portal's PIN, without a code (R198). */
    constructor(service, phone, staff, subject, { pays = 'ALIPAY', confirms = 'SMS', fixedPin = false, entries } = {}) {
        super(service, phone, staff, entries);
        Object.assign(this, { subject, pays, confirms, fixedPin, keys: 0, openssl: new OpenSsl(service.dir) });
    }

    async close() {
        await this.key?.close();
    }

    /* What is shown to somebody who reads Chinese, each thing once. */
    async watch() {
        const { body } = await this.ask('GET', this.path(''), undefined, { 'accept-language': 'zh-CN' });
        this.order = body;
        if (this.shown.at(-1) !== body.stateText) this.shown.push(body.stateText);
        return body;
    }

    emptyKey() {
        const name = `${createHash('sha256').update(this.phone).digest('hex').slice(0, 6)}k${(this.keys += 1)}`;
        return RealKey.deliver(this.service, name);
    }

    /* ---- the key ---- */

    /* What brings this business about: somebody has mistyped the PIN too often, the old key is gone, or the old encryption pair. */
    async suffer(kind) {
        if (kind === 'UNLOCK') {
            await this.key.do('logout');
            for (let i = 0; i < 10; i += 1) await this.key.logInWith('wrong-pin');
            assert.equal(await this.key.logInWith(this.key.pin), CKR_PIN_LOCKED);
        }
        if (kind === 'REPLACE') await this.key.close();
        if (kind === 'KEY_RECOVERY') {
            await this.key.must('retire', { certificate: this.before.toString('base64') });
            await assert.rejects(this.open(this.before, this.letter), /decrypt/, 'nobody reads the old letter');
        }
    }

    /* What is encrypted to this certificate, opened on the key. */
    open(certificate, cipher) {
        return this.key.decrypt(certificate.toString('base64'), cipher.toString('base64'));
    }

    /* A PIN that somebody else has set opens nothing; the holder takes another. */
    async takeOver() {
        const { key } = this;
        await key.do('logout');
        assert.equal(await key.logInWith(key.pin), 0);
        assert.equal((await key.do('facts')).mustChange, true);
        const refused = await key.do('sign', { certificate: key.der.toString('base64'), message: 'QQ==' });
        assert.notEqual(refused.rv, 0, 'before its PIN is changed the key signs nothing');
        await key.must('set-pin', { old: key.pin, new: OWN_PIN });
        key.pin = OWN_PIN;
    }

    /* Certificates are on the key, it signs with the one and opens with the other; openssl is the judge. */
    async useKey() {
        const { key } = this;
        const { certificates } = await key.must('certificates');
        for (const der of [key.der, key.encryptDer]) assert.ok(certificates.includes(der.toString('base64')), 'the certificate is on the key');
        const data = randomBytes(40);
        const signature = Buffer.from(await key.sign(data), 'base64');
        assert.ok(await this.openssl.verifySignature({ certificate: key.der, data, signature }), 'the key signs');
        assert.deepEqual(await this.open(key.encryptDer, await this.openssl.encrypt(key.encryptDer, data)), data, 'the key decrypts');
    }

    /* After an order of this kind the key must do what it was for. */
    async tryKey(kind) {
        const { key } = this;
        if (kind === 'UNLOCK') {
            const before = key.pin;
            key.pin = this.fixedPin ? FIXED_PIN : 'new-pin-1';
            await key.do('logout');
            assert.equal(await key.logInWith(before), CKR_PIN_INCORRECT);
            if (this.fixedPin) await this.takeOver();
            else assert.equal(await key.logInWith(key.pin), 0, 'the new PIN logs in');
        } else if (this.firstPin) {
            await this.takeOver();
        }
        if (['RENEW', 'CHANGE', 'KEY_RECOVERY'].includes(kind)) {
            assert.equal((await this.open(this.before, this.letter)).toString(), 'old letter', 'an old envelope opens');
            const { certificates } = await key.must('certificates');
            assert.ok(!certificates.includes(this.beforeSign.toString('base64')), 'what signed before is gone');
        }
        this.firstPin = undefined;
        await this.useKey();
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
        if (this.key?.encryptDer && agent.task.kind !== 'KEY_RECOVERY') {
            // what comes in before the business is done
            this.before = this.key.encryptDer;
            this.beforeSign = this.key.der;
            this.letter = await this.openssl.encrypt(this.before, 'old letter');
        }
        await agent.carryOut(this.order.no, changes);
        if (agent.file && this.key === key) key.install(agent.file, agent.made);
        Object.assign(this, { key, firstPin: agent.pin });
    }

    async produce() {
        return this.carryOut(await this.emptyKey(), this.staff.operator);
    }

    async issue() {
        switch (this.order.kind) {
            case 'NEW':
            case 'REPLACE':
                return this.carryOut(await this.emptyKey(), this, { code: await this.downloadCode() });
            case 'UNLOCK':
                return this.carryOut(this.key, this, this.fixedPin ? {} : { code: await this.unlockCode() });
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
        if (this.key) {
            this.key.session = undefined;
            await this.suffer(kind);
        }
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
