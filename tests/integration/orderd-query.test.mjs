// Orders of a credential without an account: the code goes where an approved order says, the session only looks, and nobody learns whether a credential is known.
import assert from 'node:assert/strict';
import test from 'node:test';
import { Applicant } from '../support/applicant.mjs';
import { Person, startService } from '../support/service.mjs';

const CLOCK = '2026-03-01T10:00:00+08:00';
const SUBJECT = { type: 'ORG', name: '测试科技有限公司', credentialType: 'USCC', credentialNo: '91350100M000100Y43' };
const KNOWN = { credentialType: 'USCC', credentialNo: SUBJECT.credentialNo };
const UNKNOWN = { credentialType: 'ORG_CODE', credentialNo: '12345678-9' };

function refused(answer, status, code) {
    assert.deepEqual([answer.status, answer.body.code], [status, code], JSON.stringify(answer.body));
}

/* The outbox holds nothing for this topic any more. */
async function delivered(service, topic = 'query.code') {
    for (let i = 0; (await service.rows(`SELECT COUNT(*) AS n FROM outbox WHERE topic = '${topic}' AND done = 0`))[0].n > 0; i += 1) {
        assert.ok(i < 600);
        await new Promise((done) => setTimeout(done, 100));
    }
}

test('a query by credential and code', async (t) => {
    const service = await startService(t, { clock: CLOCK });
    const staff = { reviewer: await service.staff('shen', 'REVIEWER'), operator: await service.staff('cao', 'OPERATOR') };
    const owner = new Applicant(service, '13900139000', staff);
    await owner.register();
    Applicant.good(await owner.create({ kind: 'NEW', subject: SUBJECT }));
    await owner.goOn('READY_TO_ISSUE');
    const visitor = new Person(service, '13800138000');

    await t.test('known or not, the answer is the same; malformed numbers are named', async () => {
        const known = await service.post('/v1/query:code', KNOWN);
        const unknown = await service.post('/v1/query:code', UNKNOWN);
        assert.deepEqual([known.status, known.body], [202, { seconds: 300, resendSeconds: 60 }]);
        assert.deepEqual([unknown.status, unknown.body], [known.status, known.body]);
        const again = await service.post('/v1/query:code', KNOWN);
        const unknownAgain = await service.post('/v1/query:code', UNKNOWN);
        refused(again, 429, 'RATE_LIMITED');
        refused(unknownAgain, 429, 'RATE_LIMITED');
        assert.ok(again.body.retryAfter <= 60 && again.headers['retry-after'] > 0);
        const wrong = await service.post('/v1/query:code', { ...KNOWN, credentialNo: '91350100M000100Y44' });
        refused(wrong, 422, 'FIELDS_INVALID');
        assert.deepEqual(wrong.body.errors.map(({ field }) => field), ['credentialNo']);
        refused(await service.post('/v1/query:code', { ...KNOWN, party: 'BOSS' }), 400, 'BAD_REQUEST');
        refused(await service.post('/v1/query:code', { ...KNOWN, name: 'x' }), 400, 'BAD_REQUEST');
        await delivered(service);
        assert.deepEqual(await service.rows("SELECT COUNT(*) AS n FROM otp_codes WHERE purpose = 'QUERY'"), [{ n: 1 }]);
        assert.doesNotMatch(JSON.stringify(await service.rows("SELECT * FROM outbox WHERE topic = 'query.code'")), /91350100M000100Y43/);
    });
    await t.test('wrong codes, and codes for nobody, are refused alike', async () => {
        refused(await service.post('/v1/query', { ...KNOWN, code: '000000' }), 403, 'CODE_WRONG');
        refused(await service.post('/v1/query', { ...UNKNOWN, code: '000000' }), 403, 'CODE_WRONG');
    });
    await t.test('the session sees the orders of this credential, masked', async () => {
        await delivered(service, 'message');
        const code = await visitor.code();
        const opened = await service.post('/v1/query', { ...KNOWN, code });
        assert.equal(opened.status, 200);
        visitor.session = opened.body;
        refused(await service.post('/v1/query', { ...KNOWN, code }), 403, 'CODE_WRONG');
        const { orders } = (await visitor.ask('GET', '/v1/orders')).body;
        assert.deepEqual(orders.map(({ no, state }) => [no, state]), [[owner.order.no, 'READY_TO_ISSUE']]);
        const [order] = orders;
        assert.deepEqual(order.handler, { name: '李*', phone: '138****8000', email: 'l***@example.cn' });
        assert.equal(order.subject.credentialNo, '9135**********0Y43');
        assert.deepEqual([order.form, order.fields, order.payment, order.actions], [{}, [], undefined, []]);
        assert.deepEqual((await visitor.ask('GET', `/v1/orders/${order.no}`)).body, order);
        assert.doesNotMatch(JSON.stringify(orders), /13800138000|李四|lisi|91350100M000100Y43|王五|11010519491231002X/);
    });
    await t.test('and may do nothing else', async () => {
        const { no, version } = owner.order;
        for (const [method, path, body] of [
            ['POST', '/v1/orders', { kind: 'NEW', subject: SUBJECT }],
            ['PATCH', `/v1/orders/${no}`, {}],
            ['POST', `/v1/orders/${no}:cancel`, {}],
            ['GET', `/v1/orders/${no}/documents`],
            ['GET', `/v1/orders/${no}/documents/LICENCE`],
            ['GET', `/v1/orders/${no}/verifications`],
            ['GET', `/v1/orders/${no}/invoice`],
            ['GET', '/v1/certificates'],
            ['GET', '/v1/messages'],
            ['GET', '/v1/addresses'],
            ['GET', '/v1/account'],
            ['POST', `/v1/orders/${no}/download-code`, {}],
            ['POST', '/v1/tasks:claim', { order: no, tokenSerial: 'X', code: 'A'.repeat(20) }],
        ]) {
            refused(await visitor.ask(method, path, body, { 'if-match': `"${version}"`, 'idempotency-key': 'q' }), 403, 'FORBIDDEN');
        }
        const other = new Applicant(service, '13900139005', staff);
        await other.register();
        Applicant.good(await other.create({ kind: 'NEW', subject: { ...SUBJECT, type: 'PERSON', name: '张三', credentialType: 'ID', credentialNo: '11010519491231002X' } }));
        refused(await visitor.ask('GET', `/v1/orders/${other.order.no}`), 404, 'NOT_FOUND');
    });
    await t.test('it ends when it is ended, and by itself', async () => {
        const [{ life }] = await service.rows("SELECT expires - created AS life FROM sessions WHERE kind = 'QUERY'");
        assert.equal(life, 900000);
        assert.equal((await visitor.ask('POST', '/v1/logout', {})).status, 200);
        refused(await visitor.ask('GET', '/v1/orders'), 401, 'SESSION_EXPIRED');
    });
    await t.test('a draft that only names the credential brings no code to its maker', async () => {
        const person = { type: 'PERSON', name: '钱七', credentialType: 'PASSPORT', credentialNo: 'E12345678' };
        const stranger = new Applicant(service, '13900139006', staff, { handlerPhone: '13700137000' });
        await stranger.register();
        Applicant.good(await stranger.create({ kind: 'NEW', subject: person }));
        await stranger.fillIn();
        assert.equal((await service.post('/v1/query:code', { credentialType: 'PASSPORT', credentialNo: 'E12345678' })).status, 202);
        await delivered(service);
        assert.deepEqual(await service.rows("SELECT COUNT(*) AS n FROM otp_codes WHERE purpose = 'QUERY'"), [{ n: 1 }]);
    });
});

test('another account takes the subject on by the code, and guessing ends', async (t) => {
    const service = await startService(t, { clock: CLOCK });
    const staff = { reviewer: await service.staff('shen', 'REVIEWER'), operator: await service.staff('cao', 'OPERATOR') };
    const owner = new Applicant(service, '13900139000', staff);
    await owner.register();
    Applicant.good(await owner.create({ kind: 'NEW', subject: SUBJECT }));
    await owner.goOn('READY_TO_ISSUE');
    const colleague = new Person(service, '13900139001');
    await colleague.register();
    assert.equal((await colleague.ask('GET', '/v1/orders')).body.orders.length, 0);
    await service.post('/v1/query:code', KNOWN);
    await delivered(service);
    await delivered(service, 'message');
    const linked = await colleague.ask('POST', '/v1/account/subjects', { ...KNOWN, code: await colleague.code('13800138000') });
    assert.deepEqual([linked.status, linked.body], [200, { subject: { type: 'ORG', name: SUBJECT.name } }]);
    assert.deepEqual((await colleague.ask('GET', '/v1/orders')).body.orders.map(({ no }) => no), [owner.order.no]);
    for (const query of [KNOWN, UNKNOWN]) {
        for (let i = 0; i < 10; i += 1) refused(await service.post('/v1/query', { ...query, code: '000000' }), 403, 'CODE_WRONG');
        refused(await service.post('/v1/query', { ...query, code: '000000' }), 429, 'RATE_LIMITED');
    }
});
