// What people find on their desk: orders by filter and page, certificates, messages, the address book, invoice titles; and what strangers do not.
import assert from 'node:assert/strict';
import test from 'node:test';
import { Applicant } from '../support/applicant.mjs';
import { BlankKey, Person, startService } from '../support/service.mjs';

const CLOCK = '2026-03-01T10:00:00+08:00';
const SUBJECT = { type: 'ORG', name: '测试科技有限公司', credentialType: 'USCC', credentialNo: '91350100M000100Y43' };
const ADDRESS = { recipientName: '李四', recipientPhone: '13800138000', recipientRegion: '湖南省长沙市', recipientAddress: '某路 1 号' };

function refused(answer, status, code) {
    assert.deepEqual([answer.status, answer.body.code], [status, code], JSON.stringify(answer.body));
}
const fieldsOf = (answer) => answer.body.errors.map(({ field }) => field).sort();
const person = async (service, phone) => {
    const made = new Person(service, phone);
    await made.register();
    return made;
};

test('the address book and the invoice titles', async (t) => {
    const service = await startService(t, { clock: CLOCK });
    const owner = await person(service, '13900139000');
    const stranger = await person(service, '13900139001');
    const add = (who, path, body, key) => who.ask('POST', path, body, { 'idempotency-key': key });
    let first;

    await t.test('an entry is judged like that of an order, and wrong ones are named', async () => {
        refused(await owner.ask('POST', '/v1/addresses', { fields: ADDRESS }), 400, 'IDEMPOTENCY_KEY_REQUIRED');
        const wrong = await add(owner, '/v1/addresses', { fields: { ...ADDRESS, recipientPhone: '1', recipientRegion: undefined, colour: 'red' } }, 'a');
        refused(wrong, 422, 'FIELDS_INVALID');
        assert.deepEqual(fieldsOf(wrong), ['colour', 'recipientPhone', 'recipientRegion']);
        const title = await add(owner, '/v1/invoice-titles', { fields: { invoiceTitle: '个人' } }, 'b');
        assert.deepEqual(fieldsOf(title), ['invoiceTitle']);
        refused(await add(owner, '/v1/addresses', { fields: ADDRESS, is: 1 }, 'c'), 400, 'BAD_REQUEST');
    });
    await t.test('kept once, whatever is repeated; one is the default', async () => {
        first = await add(owner, '/v1/addresses', { fields: ADDRESS, isDefault: true }, 'k');
        assert.deepEqual([first.status, first.headers.etag, first.body.fields], [201, '"1"', ADDRESS]);
        assert.deepEqual((await add(owner, '/v1/addresses', { fields: ADDRESS, isDefault: true }, 'k')).body, first.body);
        refused(await add(owner, '/v1/addresses', { fields: ADDRESS }, 'k'), 422, 'IDEMPOTENCY_KEY_REUSED');
        const second = await add(owner, '/v1/addresses', { fields: { ...ADDRESS, recipientName: '王五' }, isDefault: true }, 'l');
        const { cards } = (await owner.ask('GET', '/v1/addresses')).body;
        assert.deepEqual(cards.map(({ id, isDefault }) => [id, isDefault]), [[second.body.id, true], [first.body.id, false]]);
        assert.deepEqual((await owner.ask('GET', '/v1/invoice-titles')).body.cards, []);
    });
    await t.test('changed and removed at the version that was seen, by its owner alone', async () => {
        const path = `/v1/addresses/${first.body.id}`;
        const body = { fields: { ...ADDRESS, recipientAddress: '新路 2 号' } };
        refused(await owner.ask('PUT', path, body), 428, 'VERSION_REQUIRED');
        refused(await owner.ask('PUT', path, body, { 'if-match': '"1"' }), 412, 'VERSION_CONFLICT');
        refused(await stranger.ask('PUT', path, body, { 'if-match': '"2"' }), 404, 'NOT_FOUND');
        refused(await stranger.ask('DELETE', path, undefined, { 'if-match': '"2"' }), 404, 'NOT_FOUND');
        assert.equal((await owner.ask('PUT', path, body, { 'if-match': '"2"' })).body.fields.recipientAddress, '新路 2 号');
        refused(await owner.ask('DELETE', `/v1/invoice-titles/${first.body.id}`, undefined, { 'if-match': '"3"' }), 404, 'NOT_FOUND');
        assert.equal((await owner.ask('DELETE', path, undefined, { 'if-match': '"3"' })).status, 200);
        assert.equal((await owner.ask('GET', '/v1/addresses')).body.cards.length, 1);
        assert.deepEqual((await stranger.ask('GET', '/v1/addresses')).body.cards, []);
    });
    await t.test('the fifty-first is refused, and nothing is kept in clear', async () => {
        for (let i = 1; i < 50; i += 1) assert.equal((await add(owner, '/v1/addresses', { fields: ADDRESS }, `m${i}`)).status, 201);
        refused(await add(owner, '/v1/addresses', { fields: ADDRESS }, 'n'), 409, 'LIST_FULL');
        for (const table of ['cards', 'idempotency']) assert.doesNotMatch(JSON.stringify(await service.rows(`SELECT * FROM ${table}`)), /13800138000|李四/, table);
    });
});

test('orders by filter and page', async (t) => {
    const service = await startService(t, { clock: CLOCK });
    const owner = await person(service, '13900139000');
    const numbers = [];
    for (let i = 0; i < 52; i += 1) {
        // credit codes with their check digit
        const digits = `91350100M0001${String(i).padStart(3, '0')}Y`;
        const alphabet = '0123456789ABCDEFGHJKLMNPQRTUWXY';
        let [sum, weight] = [0, 1];
        for (const digit of digits) {
            sum += alphabet.indexOf(digit) * weight;
            weight = (weight * 3) % 31;
        }
        const subject = { ...SUBJECT, name: `公司_${i}%`, credentialNo: digits + alphabet[(31 - (sum % 31)) % 31] };
        const made = await owner.create({ kind: 'NEW', subject });
        assert.equal(made.status, 201, JSON.stringify(made.body));
        numbers.unshift(made.body.no);
    }
    const list = async (query = '') => (await owner.ask('GET', `/v1/orders${query}`)).body;

    await t.test('pages together are everything, once', async () => {
        const one = await list();
        const two = await list(`?cursor=${encodeURIComponent(one.next)}`);
        assert.deepEqual([one.orders.length, two.orders.length, two.next], [50, 2, undefined]);
        assert.deepEqual([...one.orders, ...two.orders].map(({ no }) => no), numbers);
        for (const cursor of ['x', '1', '1_', '-1_a', `1_${'a'.repeat(60)}`]) refused(await owner.ask('GET', `/v1/orders?cursor=${cursor}`), 400, 'BAD_REQUEST');
    });
    await t.test('by state, kind, subject, number, day', async () => {
        await owner.look(numbers[3]);
        await owner.change('POST', ':cancel', {});
        assert.deepEqual((await list('?state=done')).orders.map(({ no }) => no), [numbers[3]]);
        assert.equal((await list('?status=CANCELLED,REJECTED')).orders.length, 1);
        assert.equal((await list('?status=DRAFT&kind=RENEW')).orders.length, 0);
        assert.equal((await list(`?name=${encodeURIComponent('公司_1%')}`)).orders.length, 1, 'signs of patterns mean themselves');
        assert.equal((await list(`?name=${encodeURIComponent('公司_1')}`)).orders.length, 11);
        assert.deepEqual((await list(`?number=${numbers[5]}`)).orders.map(({ no }) => no), [numbers[5]]);
        assert.equal((await list('?from=2026-03-01&to=2026-03-01&type=ORG&medium=UKEY')).orders.length, 50);
        assert.equal((await list('?from=2026-03-02')).orders.length, 0);
        assert.equal((await list('?to=2026-02-28')).orders.length, 0);
        assert.equal((await list('?type=PERSON')).orders.length, 0);
        assert.equal((await list('?payment=PAID')).orders.length, 0);
        for (const query of ['state=all', 'status=DRAFT,', 'status=NO', 'kind=', 'type=ANY', 'medium=PAPER', 'from=2026-02-30x', 'to=yesterday']) {
            refused(await owner.ask('GET', `/v1/orders?${query}`), 400, 'BAD_REQUEST');
        }
    });
    await t.test('counters', async () => {
        const { body } = await owner.ask('GET', '/v1/account/counters');
        assert.deepEqual(body, { inProcess: 51, returned: 0, rejected: 0, toDownload: 0, softToDownload: 0, certificates: 0, soonToExpire: 0, unreadMessages: body.unreadMessages });
    });
});

test('an approved order makes the subject the account’s own; naming it does not', async (t) => {
    const service = await startService(t, { clock: CLOCK });
    const staff = { reviewer: await service.staff('shen', 'REVIEWER'), operator: await service.staff('cao', 'OPERATOR') };
    const owner = new Applicant(service, '13900139000', staff);
    await owner.register();
    Applicant.good(await owner.create({ kind: 'NEW', subject: SUBJECT }));
    await owner.goOn('IN_REVIEW');
    const stranger = await person(service, '13900139001');

    await t.test('a stranger who names the subject sees nothing of it', async () => {
        await owner.goOn('READY_TO_ISSUE');
        const key = new BlankKey(service, 'k', owner);
        Applicant.good(await key.claim({ code: await owner.downloadCode() }));
        const file = key.newKeyFile();
        const answer = Applicant.good(await key.requestCertificates(file)).body;
        Applicant.good(await key.prove(file, answer));
        await owner.change('POST', ':receive', {});
        assert.equal((await owner.look()).state, 'COMPLETED');
        key.install(file, answer);
        Applicant.good(await stranger.create({ kind: 'NEW', subject: SUBJECT }));
        refused(await stranger.ask('GET', `/v1/orders/${owner.order.no}`), 404, 'NOT_FOUND');
        refused(await stranger.create({ kind: 'REVOKE', certificate: key.certificate }), 403, 'CERTIFICATE_UNKNOWN');
        assert.deepEqual((await stranger.ask('GET', '/v1/certificates')).body.certificates, []);
        assert.equal((await stranger.ask('GET', '/v1/orders')).body.orders.length, 1);
        await stranger.change('POST', ':cancel', {});
    });
    await t.test('its owner finds the certificate, its seal and what can be done with it', async () => {
        const { certificates } = (await owner.ask('GET', '/v1/certificates')).body;
        assert.equal(certificates.length, 1);
        const [one] = certificates;
        assert.deepEqual([one.state, one.holder, one.order, one.medium, one.usage], ['VALID', SUBJECT.name, owner.order.no, 'UKEY', 'SIGN']);
        assert.equal(one.seal.validEnd, one.notAfter);
        assert.deepEqual(one.actions, ['RENEW', 'CHANGE', 'REPLACE', 'UNLOCK', 'FREEZE', 'REVOKE', 'KEY_RECOVERY', 'UNBIND']);
        const count = async (query) => (await owner.ask('GET', `/v1/certificates?${query}`)).body.certificates.length;
        assert.deepEqual([await count('state=VALID'), await count('state=HELD'), await count('expires=soon')], [1, 0, 0]);
        refused(await owner.ask('GET', '/v1/certificates?expires=late'), 400, 'BAD_REQUEST');
        const { body } = await owner.ask('GET', '/v1/account/counters');
        assert.deepEqual([body.certificates, body.soonToExpire, body.inProcess], [1, 0, 0]);
    });
    await t.test('messages say where the order stands, in the reader’s language, until they are read', async () => {
        const inbox = async (query = '', language = 'en') => (await owner.ask('GET', `/v1/messages${query}`, undefined, { 'accept-language': language })).body;
        for (let i = 0; !(await inbox()).messages.some(({ text }) => /Completed/i.test(text)); i += 1) {
            assert.ok(i < 600, JSON.stringify(await inbox()));
            await new Promise((done) => setTimeout(done, 100));
        }
        const { messages, unread } = await inbox();
        assert.ok(messages.length === unread && messages.every(({ order, read }) => order === owner.order.no && !read));
        assert.match((await inbox('', 'zh-CN')).messages[0].text, /订单/);
        const [{ id }] = messages;
        refused(await stranger.ask('POST', `/v1/messages/${id}:read`, {}), 404, 'NOT_FOUND');
        for (let i = 0; i < 2; i += 1) assert.deepEqual((await owner.ask('POST', `/v1/messages/${id}:read`, {})).body, { unread: unread - 1 });
        assert.equal((await inbox('?unread=true')).messages.length, unread - 1);
        assert.deepEqual((await owner.ask('POST', '/v1/messages:read', {})).body, { unread: 0 });
        refused(await owner.ask('GET', '/v1/messages?unread=maybe'), 400, 'BAD_REQUEST');
        refused(await staff.reviewer.ask('GET', '/v1/messages?cursor=zzz'), 400, 'BAD_REQUEST');
    });
});

test('the answer to the security question cannot be guessed', async (t) => {
    const service = await startService(t, { clock: CLOCK, profile: 'building' });
    const staff = { reviewer: await service.staff('shen', 'REVIEWER'), operator: await service.staff('cao', 'OPERATOR') };
    const owner = new Applicant(service, '13900139000', staff);
    await owner.register();
    Applicant.good(await owner.create({ kind: 'NEW', subject: SUBJECT }));
    await owner.goOn('READY_TO_ISSUE');
    const key = new BlankKey(service, 'k', owner);
    Applicant.good(await key.claim({ code: await owner.downloadCode() }));
    const file = key.newKeyFile();
    const answer = Applicant.good(await key.requestCertificates(file)).body;
    Applicant.good(await key.prove(file, answer));
    key.install(file, answer);
    for (let i = 0; (await owner.look()).state !== 'COMPLETED'; i += 1) {
        assert.ok(i < 600, owner.order.state);
        await new Promise((done) => setTimeout(done, 100));
    }
    Applicant.good(await owner.create({ kind: 'CHANGE', certificate: key.certificate }));
    const guess = (securityAnswer) => owner.change('PATCH', '', { securityAnswer });

    await t.test('the right one forgives the wrong ones before it', async () => {
        for (let i = 0; i < 4; i += 1) assert.deepEqual(fieldsOf(await guess(`wrong ${i}`)), ['securityAnswer']);
        assert.equal((await guess(' 赵 六 ')).status, 200);
    });
    await t.test('after five wrong ones even the right one is not looked at, in any order of the subject', async () => {
        for (let i = 0; i < 5; i += 1) refused(await guess(`wrong ${i}`), 422, 'FIELDS_INVALID');
        const late = await guess('赵六');
        refused(late, 429, 'RATE_LIMITED');
        assert.ok(late.body.retryAfter > 3000 && late.body.retryAfter <= 3600, String(late.body.retryAfter));
        assert.equal(late.headers['retry-after'], String(late.body.retryAfter));
        Applicant.good(await owner.create({ kind: 'FREEZE', certificate: key.certificate }));
        await owner.goOn('AWAIT_CONFIRM');
        refused(await owner.change('POST', ':confirm', { answer: '赵六', agree: true }), 429, 'RATE_LIMITED');
    });
});
