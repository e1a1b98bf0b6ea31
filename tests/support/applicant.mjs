// Somebody who takes an order from gate to gate with good entries, and the staff that lets it pass: for tests of what comes after.
import { jpeg, png } from './picture.mjs';
import { Person } from './service.mjs';

const ENTRIES = {
    agreement: true,
    years: 2,
    handlerName: '李四',
    handlerPhone: '13800138000',
    handlerEmail: 'lisi@example.cn',
    handlerIdType: 'ID',
    handlerIdNumber: '11010519491231002X',
    legalName: '王五',
    userName: 'ceshi01',
    securityQuestion: '您母亲的姓名是？',
    securityAnswer: '赵六',
    newName: '改名科技有限公司',
    reason: 'LOST',
    delivery: 'COURIER',
    recipientName: '李四',
    recipientPhone: '13800138000',
    recipientRegion: '湖南省长沙市',
    recipientAddress: '某路 1 号',
    invoiceTitle: '测试科技有限公司',
    invoiceEmail: 'fp@example.cn',
    bankName: '某银行',
    bankAccount: '6222000011112222',
};

export class Applicant extends Person {
    /* `staff`: {reviewer, operator}. `entries` differ from the good ones above. */
    constructor(service, phone, staff, entries = {}) {
        super(service, phone);
        this.staff = staff;
        this.entries = { ...ENTRIES, ...entries };
    }

    path(suffix) {
        return `/v1/orders/${this.order.no}${suffix}`;
    }

    /* What an answer must be to go on. */
    static good(answer) {
        if (answer.status >= 300) throw new Error(`${answer.status} ${JSON.stringify(answer.body)}`);
        return answer;
    }

    async fillIn() {
        const wanted = this.order.fields.filter(({ gate }) => this.order.gates.some(({ name, state }) => name === gate && state === 'OPEN'));
        const entries = Object.fromEntries(wanted.map(({ name }) => [name, this.entries[name]]).filter(([, value]) => value !== undefined));
        Applicant.good(await this.change('PATCH', '', entries));
        Applicant.good(await this.change('POST', ':submit', {}));
    }

    async verify() {
        const { party, methods } = Applicant.good(await this.ask('GET', this.path('/verifications'))).body;
        const method = ['TRANSFER', 'PHONE', 'FACE'].find((name) => (party === 'ORG' || name !== 'TRANSFER') && methods.some((one) => one.method === name));
        const fields = Object.fromEntries(methods.find((one) => one.method === method).fields.map((field) => [field.name ?? field, this.entries[field.name ?? field]]));
        const { body } = Applicant.good(await this.ask('POST', this.path('/verifications'), { method, fields }));
        if (method === 'TRANSFER') {
            const [{ postscript }] = await this.service.rows(`SELECT postscript FROM sim_transfers WHERE id = '${body.id}'`);
            Applicant.good(await this.ask('POST', this.path(`/verifications/${body.id}:answer`), { postscript }));
        } else if (method === 'FACE') {
            await this.service.post(`${new URL(body.url).pathname}/pass`, {});
            Applicant.good(await this.ask('GET', this.path(`/verifications/${body.id}`)));
        }
    }

    async hand() {
        const { documents } = (await this.ask('GET', this.path('/documents'))).body;
        for (const { type, formats } of documents.filter(({ required }) => required)) {
            Applicant.good(await this.upload(`/documents/${type}`, formats.includes('PNG') ? png() : jpeg()));
        }
        Applicant.good(await this.change('POST', '/documents:done', {}));
    }

    async confirm() {
        Applicant.good(await this.ask('POST', this.path('/confirm-code'), {}));
        Applicant.good(await this.change('POST', ':confirm', { code: await this.code(this.entries.handlerPhone), agree: true }));
    }

    async pay() {
        const asked = await this.ask('POST', this.path('/payments'), { channel: 'ALIPAY' }, { 'idempotency-key': `pay-${this.order.no}` });
        await this.service.post(`${new URL(Applicant.good(asked).body.payUrl).pathname}/settle`, {});
    }

    async judge(who, action, body = {}) {
        const { version } = await this.look();
        return Applicant.good(await this.staff[who].ask('POST', this.path(`:${action}`), body, { 'if-match': `"${version}"` }));
    }

    /* By the reviewer, or where two must approve by the second one, too. */
    async review(who = 'reviewer') {
        const { documents } = (await this.ask('GET', this.path('/documents'))).body;
        for (const { type, document } of documents) {
            if (document) Applicant.good(await this.staff[who].ask('GET', this.path(`/documents/${type}`)));
        }
        await this.judge(who, 'approve');
    }

    ship() {
        return this.judge('operator', 'ship', { carrier: 'SF', parcel: 'SF1234567890' });
    }

    /* Whatever the order waits for is done, until it is in `wanted`. */
    async goOn(wanted) {
        const steps = {
            DRAFT: () => this.fillIn(),
            AWAIT_VERIFY: () => this.verify(),
            AWAIT_MATERIALS: () => this.hand(),
            AWAIT_CONFIRM: () => this.confirm(),
            AWAIT_PAYMENT: () => this.pay(),
            AWAIT_PAPERS: () => this.judge('operator', 'papers'),
            IN_REVIEW: async () => {
                await this.review();
                if (this.staff.second && (await this.look()).state === 'IN_REVIEW') await this.review('second');
            },
            APPROVED: () => this.ship(),
        };
        for (let i = 0; (await this.look()).state !== wanted; i += 1) {
            if (i === 40 || !steps[this.order.state]) throw new Error(`${this.order.state} instead of ${wanted}`);
            await steps[this.order.state]();
        }
        return this.order;
    }

    /* The newest unlock authorisation code, once an SMS other than the last one is there. */
    async unlockCode() {
        for (;;) {
            const [row] = await this.service.rows(
                `SELECT id, body FROM sim_deliveries WHERE medium = 'SMS' AND recipient = '${this.entries.handlerPhone}' AND body LIKE '%解锁授权码%' ORDER BY created DESC, rowid DESC LIMIT 1`,
            );
            if (row && row.id !== this.lastUnlock) {
                this.lastUnlock = row.id;
                return /授权码：([A-Z2-9]{10})，/.exec(row.body)[1];
            }
            await new Promise((done) => setTimeout(done, 50));
        }
    }

    /* The newest download authorisation code, once a mail other than the last one is there. */
    async downloadCode() {
        for (;;) {
            const [row] = await this.service.rows(
                `SELECT id, body FROM sim_deliveries WHERE medium = 'MAIL' AND recipient = '${this.entries.handlerEmail}' AND body LIKE '%授权码%' ORDER BY created DESC, rowid DESC LIMIT 1`,
            );
            if (row && row.id !== this.lastMail) {
                this.lastMail = row.id;
                return /授权码：([A-Za-z0-9]{20})，/.exec(row.body)[1];
            }
            await new Promise((done) => setTimeout(done, 50));
        }
    }
}
