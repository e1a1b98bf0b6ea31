// Rules of the manuals that the walks through the flows do not ask about: copying, cancelling, transfers and their vouchers, refusals,
// parcels that nobody confirms, invoices that come by themselves.
import assert from 'node:assert/strict';
import test from 'node:test';
import { Applicant } from '../support/applicant.mjs';
import { png } from '../support/picture.mjs';
import { BlankKey, Person, startService } from '../support/service.mjs';

const CLOCK = '2026-03-01T10:00:00+08:00';
const SUBJECT = { type: 'ORG', name: '测试科技有限公司', credentialType: 'USCC', credentialNo: '91350100M000100Y43' };

function refused(answer, status, code) {
    assert.deepEqual([answer.status, answer.body.code], [status, code], JSON.stringify(answer.body));
}
async function until(what, holds) {
    for (let i = 0; ; i += 1) {
        const value = await holds();
        if (value) return value;
        assert.ok(i < 600, what);
        await new Promise((done) => setTimeout(done, 100));
    }
}
const staffOf = async (service) => ({ reviewer: await service.staff('shen', 'REVIEWER'), operator: await service.staff('cao', 'OPERATOR'), finance: await service.staff('qian', 'FINANCE') });

async function applicant(service, staff, phone = '13900139000') {
    const person = new Applicant(service, phone, staff);
    await person.register();
    return person;
}

/* The service again, with other settings on the same state; everybody's session goes on. */
async function again(service, changes) {
    await service.program.stop();
    Object.assign(service.changes, changes);
    await service.start();
}

async function download(key, changes) {
    Applicant.good(await key.claim(changes));
    const file = key.newKeyFile();
    const { body } = Applicant.good(await key.requestCertificates(file));
    Applicant.good(await key.prove(file, body));
    key.install(file, body);
}

/* The state in the portal's own words. */
const words = async (person) => (await person.ask('GET', person.path(''), undefined, { 'accept-language': 'zh-CN' })).body.stateText;

const by = (person, who, action, body) => async () => person.staff[who].ask('POST', person.path(`:${action}`), body, { 'if-match': `"${(await person.look()).version}"` });

test('applications: copied, changed, cancelled, begun again', async (t) => {
    const service = await startService(t, { clock: CLOCK });
    const staff = await staffOf(service);
    const person = await applicant(service, staff);
    Applicant.good(await person.create({ kind: 'NEW', subject: SUBJECT }));
    await person.goOn('AWAIT_VERIFY');
    const first = person.order;

    await t.test('until it is paid it may be changed and cancelled, and a new one begun', async () => {
        Applicant.good(await person.change('PATCH', '', { handlerName: '赵七' }));
        assert.equal(person.order.state, 'DRAFT', 'what was submitted is submitted again');
        Applicant.good(await person.change('POST', ':cancel', {}));
        assert.equal(person.order.state, 'CANCELLED');
        refused(await person.change('PATCH', '', { handlerName: '李四' }), 409, 'WRONG_STATE');
    });
    await t.test('a similar one takes the entries over, but not what must be said anew', async () => {
        Applicant.good(await person.create({ kind: 'NEW', subject: SUBJECT, source: first.no }));
        assert.equal(person.order.handler.name, '赵七');
        assert.equal(person.order.form.legalName, '王五');
        assert.equal(person.order.form.agreement, undefined);
        const stranger = await applicant(service, staff, '13900139001');
        refused(await stranger.create({ kind: 'NEW', subject: { ...SUBJECT, credentialNo: '91110000600037341L', name: '别家公司' }, source: first.no }), 404, 'NOT_FOUND');
    });
    await t.test('a face is checked by a link in an SMS, or by one on the page', async () => {
        await person.goOn('AWAIT_VERIFY');
        const fields = { legalName: '王五', legalIdNumber: '11010519491231002X', legalPhone: '13800138009' };
        const ask = async (link) => Applicant.good(await person.ask('POST', person.path('/verifications'), { method: 'FACE', fields, ...(link ? { link } : {}) })).body;
        assert.match((await ask(false)).url, /\/sim\/face\//);
        const sent = await ask(true);
        assert.deepEqual([sent.party, sent.state, sent.url], ['ORG', 'PENDING', undefined]);
        const [sms] = await until('sent', async () => {
            const rows = await service.rows("SELECT medium, body FROM sim_deliveries WHERE recipient = '13800138009'");
            return rows.length > 0 ? rows : undefined;
        });
        assert.match(sms.body, /\/sim\/face\//);
    });
    await t.test('each order is checked anew, and the evidence is kept', async () => {
        assert.equal((await person.look()).gates.find(({ name }) => name === 'VERIFY_ORG').state, 'OPEN');
        await person.goOn('AWAIT_MATERIALS');
        const rows = await service.rows("SELECT role, method, state, provider_ref <> '' AS proven, updated FROM verifications WHERE method <> 'FACE' ORDER BY created");
        assert.deepEqual(rows.map(({ role, method, state, proven }) => [role, method, state, proven]), [['ORG', 'TRANSFER', 'PASSED', 1], ['HANDLER', 'PHONE', 'PASSED', 1]]);
        assert.ok(rows.every(({ updated }) => updated > 0));
    });
    await t.test('delivery may be by hand: no address is asked for then', async () => {
        await person.goOn('AWAIT_CONFIRM');
        await person.confirm();
        Applicant.good(await person.change('PATCH', '', { delivery: 'PICKUP', invoiceTitle: SUBJECT.name, invoiceEmail: 'fp@example.cn' }));
        assert.equal((await person.change('POST', ':submit', {})).body.state, 'AWAIT_PAYMENT');
    });
    await t.test('the provider says what was paid, with its transaction', async () => {
        refused(await person.ask('POST', person.path('/payments'), { channel: 'CASH' }, { 'idempotency-key': 'x' }), 422, 'CHANNEL_UNKNOWN');
        await person.pay();
        const { payment } = await until('paid', async () => ((await person.look()).state === 'IN_REVIEW' ? person.order : undefined));
        assert.deepEqual([payment.state, payment.channel, payment.amountFen], ['PAID', 'ALIPAY', person.order.amountFen]);
        assert.match(payment.transaction, /^\d{28}$/);
        refused(await person.ask('POST', person.path('/payments'), { channel: 'ALIPAY' }, { 'idempotency-key': 'y' }), 409, 'WRONG_STATE');
    });
    await t.test('refused with a reason, which the list shows; the money goes back', async () => {
        refused(await by(person, 'reviewer', 'reject', {})(), 422, 'REASON_REQUIRED');
        Applicant.good(await by(person, 'reviewer', 'reject', { reason: '印章与名称不符' })());
        await until('refunded', async () => (await person.look()).state === 'REJECTED');
        const { orders } = (await person.ask('GET', '/v1/orders?state=done')).body;
        assert.deepEqual(orders.map(({ state, review }) => [state, review?.reason]), [['REJECTED', '印章与名称不符'], ['CANCELLED', undefined]]);
        assert.equal(person.order.payment.state, 'REFUNDED');
        assert.equal((await person.ask('GET', '/v1/account/counters')).body.rejected, 1);
        const told = await until('told', async () => {
            const rows = await service.rows(`SELECT medium, recipient, body FROM sim_deliveries WHERE body LIKE '%${person.order.no}%'`);
            return rows.some(({ body }) => /否决|拒绝|驳回/.test(body)) ? rows : undefined;
        });
        assert.deepEqual([...new Set(told.map(({ medium }) => medium))].sort(), ['MAIL', 'SMS']);
    });
});

test('a replacement at the service hall: transfer, finance, a parcel that nobody confirms', async (t) => {
    const service = await startService(t, { clock: CLOCK });
    const staff = await staffOf(service);
    const person = await applicant(service, staff);
    Applicant.good(await person.create({ kind: 'NEW', subject: SUBJECT }));
    await person.goOn('READY_TO_ISSUE');
    const key = new BlankKey(service, 'k', person);
    await download(key, { code: await person.downloadCode() });
    Applicant.good(await person.change('POST', ':receive', {}));
    const made = person.order;
    const bought = await service.key('bought', { until: '2026-12-01T00:00:00+08:00' });
    await again(service, { profile: 'hall' });

    await t.test('only what a finished new order made here is replaced', async () => {
        await bought.logIn();
        refused(await bought.ask('POST', '/v1/orders', { kind: 'REPLACE', certificate: bought.certificate }, { 'idempotency-key': 'r' }), 409, 'NOT_OFFERED');
        Applicant.good(await person.create({ kind: 'REPLACE', certificate: key.certificate, source: made.no }));
    });
    await t.test('the form comes filled in with what the certificate was ordered with', async () => {
        assert.deepEqual([person.order.form.handlerName, person.order.form.recipientAddress], ['李四', '某路 1 号']);
        person.entries = { ...person.entries, invoiceTaxNumber: '91350100M000100Y43', invoicePhone: '13800138000' };
    });
    await t.test('a transfer is told where to go; its voucher needs the applicant’s own name', async () => {
        await person.goOn('AWAIT_PAYMENT');
        refused(await person.ask('POST', person.path('/payments'), { channel: 'ALIPAY' }, { 'idempotency-key': 'p' }), 422, 'CHANNEL_UNKNOWN');
        assert.deepEqual(Object.keys(person.order.payee), ['name', 'bank', 'account']);
        const voucher = (payer) => person.upload(`/voucher?payer=${encodeURIComponent(payer)}`, png());
        Applicant.good(await voucher('别人'));
        assert.equal((await person.look()).state, 'PAY_REVIEW');
        refused(await by(person, 'reviewer', 'finance', { accept: true, transaction: 'T1' })(), 403, 'FORBIDDEN');
        refused(await by(person, 'finance', 'finance', { accept: true, transaction: 'T1' })(), 409, 'PAYER_MISMATCH');
        refused(await by(person, 'finance', 'finance', { accept: false })(), 422, 'REASON_REQUIRED');
        Applicant.good(await by(person, 'finance', 'finance', { accept: false, reason: '付款人不符' })());
        assert.deepEqual([(await person.look()).state, person.order.review.reason], ['AWAIT_PAYMENT', '付款人不符']);
        Applicant.good(await voucher(SUBJECT.name));
        Applicant.good(await by(person, 'finance', 'finance', { accept: true, transaction: 'T2' })());
        assert.equal(await words(person), '资料待审核');
    });
    await t.test('sent, it is waited for, with the parcel’s number', async () => {
        await person.goOn('APPROVED');
        const maker = new BlankKey(service, 'm', Object.assign(staff.operator, { order: person.order }));
        await download(maker);
        await person.ship();
        assert.deepEqual([(await person.look()).state, await words(person), person.order.shipment.parcel], ['SHIPPED', '待收货', 'SF1234567890']);
        assert.equal(person.order.invoice?.state ?? 'NONE', 'NONE');
    });
    await t.test('nobody confirms: received after 30 days and not before, and the invoice follows', async () => {
        await again(service, { clock: '2026-03-31T09:00:00+08:00' });
        await person.logIn('13900139000', 'geheim-1');
        assert.equal((await person.look()).state, 'SHIPPED');
        await again(service, { clock: '2026-03-31T10:30:00+08:00' });
        await person.logIn('13900139000', 'geheim-1');
        await until('received', async () => (await person.look()).state === 'COMPLETED');
        assert.deepEqual([person.order.shipment.state, person.order.invoice.state], ['AUTO_RECEIVED', 'ISSUED']);
        assert.equal((await person.ask('GET', person.path('/invoice'))).body.title, SUBJECT.name);
    });
});

test('public resources: the invoice comes by mail once it is paid, under the organisation’s name', async (t) => {
    const service = await startService(t, { clock: CLOCK, profile: 'resource' });
    const person = await applicant(service, await staffOf(service));
    person.entries = { ...person.entries, sealType: 'ORGANIZATION', invoiceTitle: '别家公司' };
    Applicant.good(await person.create({ kind: 'NEW', subject: SUBJECT }));
    await person.goOn('IN_REVIEW');
    const invoice = await until('issued', async () => {
        const { body } = await person.ask('GET', person.path('/invoice'));
        return body.state === 'ISSUED' ? body : undefined;
    });
    assert.equal(invoice.title, SUBJECT.name);
    const mails = await until('mailed', async () => {
        const rows = await service.rows("SELECT recipient, subject FROM sim_deliveries WHERE medium = 'MAIL' AND subject LIKE '%发票%'");
        return rows.length > 0 ? rows : undefined;
    });
    assert.deepEqual(mails.map(({ recipient }) => recipient), ['lisi@example.cn']);
    // the order is refused after all: the money goes back, and the invoice with it
    Applicant.good(await by(person, 'reviewer', 'reject', { reason: '资料不符' })());
    await until('taken back', async () => (await person.ask('GET', person.path('/invoice'))).body.state === 'RED');
    assert.deepEqual(await service.rows('SELECT state FROM sim_invoices'), [{ state: 'RED' }]);
});
