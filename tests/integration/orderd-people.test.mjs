// The order service for people without a key: accounts, a new certificate up to its download, documents that lie, staff that judges.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'node:test';
import { png } from '../support/picture.mjs';
import { Person, startService } from '../support/service.mjs';

const CLOCK = '2026-03-01T10:00:00+08:00';
const HANDLER = { handlerName: '李四', handlerPhone: '13800138000', handlerEmail: 'lisi@example.cn' };
const SUBJECT = { type: 'ORG', name: '测试科技有限公司', credentialType: 'USCC', credentialNo: '91350100M000100Y43' };

function refused(answer, status, code) {
    assert.deepEqual([answer.status, answer.body.code], [status, code], JSON.stringify(answer.body));
    assert.match(answer.headers['content-type'], /^application\/problem\+json/);
}
const fieldsOf = (answer) => answer.body.errors.map(({ field }) => field).sort();
const state = async (person) => (await person.look()).state;
async function until(person, wanted) {
    for (let i = 0; (await state(person)) !== wanted; i += 1) {
        assert.ok(i < 600, `${person.order.state} instead of ${wanted}`);
        await new Promise((done) => setTimeout(done, 100));
    }
}

test('accounts: a code by SMS, a password, and neither can be guessed', async (t) => {
    const service = await startService(t, { clock: CLOCK });
    const person = new Person(service, '13900139000');
    refused(await service.post('/v1/otp', { purpose: 'REGISTER', phone: '12' }), 422, 'FIELDS_INVALID');
    const wrong = await service.post('/v1/accounts', { phone: person.phone, password: 'short', code: '000000' });
    refused(wrong, 422, 'FIELDS_INVALID');
    assert.deepEqual(fieldsOf(wrong), ['password']);

    await t.test('a code counts for five tries, and not for another phone', async () => {
        assert.equal((await service.post('/v1/otp', { purpose: 'REGISTER', phone: person.phone })).status, 202);
        refused(await service.post('/v1/otp', { purpose: 'REGISTER', phone: person.phone }), 429, 'CODE_TOO_SOON');
        const code = await person.code();
        const bad = code === '000000' ? '000001' : '000000';
        refused(await service.post('/v1/accounts', { phone: '13900139001', password: 'geheim-1', code }), 403, 'CODE_WRONG');
        for (let i = 0; i < 5; i += 1) {
            refused(await service.post('/v1/accounts', { phone: person.phone, password: 'geheim-1', code: bad }), 403, 'CODE_WRONG');
        }
        refused(await service.post('/v1/accounts', { phone: person.phone, password: 'geheim-1', code }), 403, 'CODE_WRONG');
    });
    await t.test('a phone registers once; login by password, address or code', async () => {
        const other = new Person(service, '13900139002');
        assert.equal((await other.register({ email: 'zhang@example.cn' })).status, 201);
        assert.equal((await other.logIn('13900139002', 'geheim-1')).status, 200);
        assert.equal((await other.logIn('zhang@example.cn', 'geheim-1')).status, 200);
        const account = await other.ask('GET', '/v1/account');
        assert.deepEqual([account.body.phone, account.body.email, account.body.role], ['139****9002', 'z***@example.cn', 'USER']);
        await service.post('/v1/otp', { purpose: 'LOGIN', phone: other.phone });
        assert.equal((await service.post('/v1/login', { phone: other.phone, code: await other.code() })).status, 200);
        const changed = await other.ask('POST', '/v1/account:password', { oldPassword: 'geheim-1', newPassword: 'anders_22' });
        assert.equal(changed.status, 200);
        refused(await other.ask('GET', '/v1/account'), 401, 'SESSION_EXPIRED');
        refused(await other.logIn('13900139002', 'geheim-1'), 403, 'PASSWORD_WRONG');
        assert.equal((await other.logIn('13900139002', 'anders_22')).status, 200);
    });
    await t.test('the sixth wrong password in a quarter of an hour is not looked at', async () => {
        for (let i = 0; i < 5; i += 1) refused(await person.logIn('nobody', 'geheim-1'), 403, 'PASSWORD_WRONG');
        refused(await person.logIn('nobody', 'geheim-1'), 429, 'RATE_LIMITED');
    });
    await t.test('the database file shows neither phones, addresses, passwords nor codes', async () => {
        await service.rows('SELECT 1');
        const files = ['orders.db', 'orders.db-wal'].map((name) => readFileSync(join(service.state, name)).toString('latin1'));
        const tables = (await service.rows("SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sim_%'")).map(({ name }) => name);
        for (const name of tables) {
            const rows = JSON.stringify(await service.rows(`SELECT * FROM ${name}`));
            assert.doesNotMatch(rows, /13900139002|zhang@example|geheim|anders_22/, name);
        }
        assert.ok(files.length === 2);
    });
});

test('a new certificate of an organisation, from the form to the download', async (t) => {
    const service = await startService(t, { clock: CLOCK });
    const person = new Person(service, '13900139000');
    await person.register();
    const reviewer = await service.staff('shen', 'REVIEWER');
    const operator = await service.staff('cao', 'OPERATOR');

    await t.test('the subject is named as on its credential', async () => {
        const wrong = await person.create({ kind: 'NEW', subject: { ...SUBJECT, credentialNo: '91350100M000100Y44' } });
        refused(wrong, 422, 'FIELDS_INVALID');
        assert.deepEqual(fieldsOf(wrong), ['subject.credentialNo']);
        assert.equal((await person.create({ kind: 'NEW', subject: SUBJECT })).status, 201);
        assert.equal(person.order.state, 'DRAFT');
        assert.deepEqual(
            person.order.gates.map(({ name }) => name),
            ['AGREE', 'FORM', 'VERIFY_ORG', 'VERIFY_HANDLER', 'MATERIALS', 'CONFIRM', 'INVOICE_INFO', 'DELIVERY', 'PAY', 'PAY_REVIEW', 'REVIEW', 'SHIP', 'ISSUE', 'RECEIVE', 'INVOICE'],
        );
        refused(await person.create({ kind: 'NEW', subject: SUBJECT }), 409, 'OPEN_ORDER_EXISTS');
        const stranger = new Person(service, '13900139009');
        await stranger.register();
        refused(await stranger.ask('GET', `/v1/orders/${person.order.no}`), 404, 'NOT_FOUND');
        refused(await stranger.create({ kind: 'NEW', subject: { ...SUBJECT, name: '冒名公司' } }), 422, 'NAME_MISMATCH');
    });
    await t.test('a submission names what is missing', async () => {
        const missing = await person.change('POST', ':submit', {});
        refused(missing, 422, 'FIELDS_INVALID');
        assert.deepEqual(fieldsOf(missing), ['agreement', 'handlerEmail', 'handlerIdNumber', 'handlerIdType', 'handlerName', 'handlerPhone', 'legalName']);
        const wrong = await person.change('PATCH', '', { handlerIdNumber: '110105194912310021', agreement: false });
        assert.deepEqual(fieldsOf(wrong), ['agreement', 'handlerIdNumber']);
        await person.change('PATCH', '', {
            agreement: true, years: 2, ...HANDLER, handlerIdType: 'ID', handlerIdNumber: '11010519491231002X', legalName: '王五',
        });
        assert.equal(person.order.amountFen, 36000);
        assert.equal((await person.change('POST', ':submit', {})).body.state, 'AWAIT_VERIFY');
    });
    await t.test('the organisation proves itself by a transfer, its handler by his phone', async () => {
        const ways = await person.ask('GET', `/v1/orders/${person.order.no}/verifications`);
        assert.equal(ways.body.party, 'ORG');
        assert.deepEqual(ways.body.methods.map(({ method }) => method), ['TRANSFER', 'PHONE', 'BANK_CARD', 'FACE']);
        const path = `/v1/orders/${person.order.no}/verifications`;
        const begun = await person.ask('POST', path, { method: 'TRANSFER', fields: { bankName: '某银行', bankAccount: '6222000011112222' } });
        assert.deepEqual([begun.status, begun.body.state], [201, 'PENDING']);
        const [{ postscript }] = await service.rows(`SELECT postscript FROM sim_transfers WHERE id = '${begun.body.id}'`);
        refused(await person.ask('POST', `${path}/${begun.body.id}:answer`, { postscript: 'WRONG1' }), 403, 'CODE_WRONG');
        const answered = await person.ask('POST', `${path}/${begun.body.id}:answer`, { postscript });
        assert.equal(answered.body.state, 'PASSED');

        const differs = await person.ask('POST', path, {
            method: 'PHONE', fields: { handlerName: '李四', handlerIdNumber: '11010519491231002X', handlerPhone: '13800130000' },
        });
        assert.deepEqual([differs.body.party, differs.body.state, differs.body.wrong], ['HANDLER', 'FAILED', 'phone']);
        const face = await person.ask('POST', path, {
            method: 'FACE', fields: { handlerName: '李四', handlerIdNumber: '11010519491231002X', handlerPhone: '13800138000', handlerEmail: 'lisi@example.cn' },
        });
        assert.match(face.body.url, /\/sim\/face\//);
        assert.equal((await person.ask('GET', `${path}/${face.body.id}`)).body.state, 'PENDING');
        await service.post(`${new URL(face.body.url).pathname}/pass`, {});
        assert.equal((await person.ask('GET', `${path}/${face.body.id}`)).body.state, 'PASSED');
        assert.equal(await state(person), 'AWAIT_MATERIALS');
    });
    await t.test('an edit of who somebody is asks for his check again, and for no other', async () => {
        const gates = (wanted) => person.order.gates.filter(({ name }) => wanted.includes(name)).map(({ name, state: is }) => `${name} ${is}`);
        const path = `/v1/orders/${person.order.no}/verifications`;
        await person.change('PATCH', '', { years: 1 });
        await person.change('PATCH', '', { years: 2, handlerName: '李四' });
        assert.equal((await person.change('POST', ':submit', {})).body.state, 'AWAIT_MATERIALS');
        await person.change('PATCH', '', { handlerPhone: '13800138001' });
        assert.deepEqual(gates(['VERIFY_ORG', 'VERIFY_HANDLER']), ['VERIFY_ORG DONE', 'VERIFY_HANDLER OPEN']);
        assert.equal((await person.change('POST', ':submit', {})).body.state, 'AWAIT_VERIFY');
        // a check that runs is void once its person is another, and cannot stand in for the one that is next
        const fields = { handlerName: '李四', handlerIdNumber: '11010519491231002X', handlerPhone: '13800138001', handlerEmail: 'lisi@example.cn' };
        const face = (await person.ask('POST', path, { method: 'FACE', fields })).body;
        await person.change('PATCH', '', { legalName: '赵六', handlerPhone: HANDLER.handlerPhone });
        assert.equal((await person.change('POST', ':submit', {})).body.state, 'AWAIT_VERIFY');
        await service.post(`${new URL(face.url).pathname}/pass`, {});
        assert.equal((await person.ask('GET', `${path}/${face.id}`)).body.state, 'EXPIRED');
        await person.look();
        assert.deepEqual(gates(['VERIFY_ORG', 'VERIFY_HANDLER']), ['VERIFY_ORG OPEN', 'VERIFY_HANDLER OPEN']);
        const events = await service.rows("SELECT data FROM events WHERE type = 'T03 edit' AND data LIKE '%reopened%' ORDER BY seq");
        assert.deepEqual(events.map(({ data }) => JSON.parse(data).reopened), ['VERIFY_HANDLER', 'VERIFY_ORG']);
        const legal = { legalName: '赵六', legalIdNumber: '11010519491231002X', legalPhone: '13800138005' };
        assert.equal((await person.ask('POST', path, { method: 'PHONE', fields: legal })).body.state, 'PASSED');
        const { handlerEmail, ...phone } = { ...fields, handlerPhone: HANDLER.handlerPhone };
        assert.equal((await person.ask('POST', path, { method: 'PHONE', fields: phone })).body.state, 'PASSED');
        assert.equal(await state(person), 'AWAIT_MATERIALS');
    });
    await t.test('documents are what they say, or are refused by name', async () => {
        const refusedAs = async (bytes, pattern, type = 'LICENCE') => {
            const answer = await person.upload(`/documents/${type}`, bytes);
            refused(answer, 422, 'DOCUMENT_REFUSED');
            assert.match(answer.body.errors[0].detail, pattern);
        };
        await refusedAs(Buffer.alloc(0), /empty/);
        await refusedAs(Buffer.from('MZ this is a program'), /format/);
        await refusedAs(png().subarray(0, png().length / 2), /damaged/);
        await refusedAs(png({ claim: { width: 60000, height: 60000 } }), /pixels/);
        await refusedAs(png({ dpi: 72 }), /resolution/, 'SEAL_IMPRINT');
        await refusedAs(Buffer.alloc(3 << 20, 1), /large/);
        // the service answers at once and reads no further: the answer, or the end of the connection, comes first
        const tooLong = await person.upload('/documents/LICENCE', Buffer.alloc(9 << 20)).catch(({ code }) => ({ status: code }));
        assert.ok([413, 'EPIPE', 'ECONNRESET'].includes(tooLong.status), String(tooLong.status));
        refused(await person.upload('/documents/NOTHING', png()), 404, 'NOT_FOUND');
        refused(await person.change('POST', '/documents:done', {}), 422, 'FIELDS_INVALID');
        for (const type of ['LICENCE', 'HANDLER_ID_FRONT', 'HANDLER_ID_BACK', 'SEAL_FORM']) {
            assert.equal((await person.upload(`/documents/${type}`, png())).status, 200, type);
        }
        const list = await person.ask('GET', `/v1/orders/${person.order.no}/documents`);
        const licence = list.body.documents.find(({ type }) => type === 'LICENCE').document;
        assert.deepEqual([licence.mime, licence.width, licence.dpi], ['image/png', 64, 300]);
        const got = await person.ask('GET', `/v1/orders/${person.order.no}/documents/LICENCE`);
        assert.deepEqual([got.raw.equals(png()), got.headers['content-disposition']], [true, 'attachment']);
        // R100: taken back, and given again
        assert.equal((await person.change('DELETE', '/documents/LICENCE', undefined)).status, 200);
        refused(await person.ask('GET', `/v1/orders/${person.order.no}/documents/LICENCE`), 404, 'NOT_FOUND');
        refused(await person.change('POST', '/documents:done', {}), 422, 'FIELDS_INVALID');
        assert.equal((await person.upload('/documents/LICENCE', png())).status, 200);
        assert.equal((await person.change('POST', '/documents:done', {})).body.state, 'AWAIT_CONFIRM');
    });
    await t.test('a code to the handler confirms the order as it is, and no other', async () => {
        const sent = await person.ask('POST', `/v1/orders/${person.order.no}/confirm-code`, {});
        assert.deepEqual([sent.status, sent.body.phone], [202, '138****8000']);
        const code = await person.code(HANDLER.handlerPhone);
        refused(await person.change('POST', ':confirm', { code }), 400, 'BAD_REQUEST');
        refused(await person.change('POST', ':confirm', { signature: 'AAAA' }), 409, 'METHOD_NOT_OFFERED');
        assert.equal((await person.change('POST', ':confirm', { code, agree: true })).body.state, 'DRAFT');
    });
    await t.test('invoice and delivery, then the payment', async () => {
        refused(await person.change('PATCH', '', { invoiceTitle: '个人' }), 422, 'FIELDS_INVALID');
        await person.change('PATCH', '', { delivery: 'COURIER', invoiceTitle: SUBJECT.name, invoiceEmail: 'fp@example.cn' });
        assert.equal(person.order.gates.find(({ name }) => name === 'CONFIRM').state, 'DONE');
        const missing = await person.change('POST', ':submit', {});
        assert.deepEqual(fieldsOf(missing), ['recipientAddress', 'recipientName', 'recipientPhone', 'recipientRegion']);
        await person.change('PATCH', '', { recipientName: '李四', recipientPhone: '13800138000', recipientRegion: '湖南省长沙市', recipientAddress: '某路 1 号' });
        assert.equal((await person.change('POST', ':submit', {})).body.state, 'AWAIT_PAYMENT');
        const asked = await person.ask('POST', `/v1/orders/${person.order.no}/payments`, { channel: 'WECHAT' }, { 'idempotency-key': 'p' });
        await service.post(`${new URL(asked.body.payUrl).pathname}/settle`, {});
        assert.equal(await state(person), 'IN_REVIEW');
    });
    await t.test('a reviewer looks at everything, returns with a reason, and approves what was mended', async () => {
        const judge = async (action, body = {}) =>
            reviewer.ask('POST', `/v1/orders/${person.order.no}:${action}`, body, { 'if-match': `"${(await person.look()).version}"` });
        refused(await person.ask('GET', '/v1/queue'), 403, 'FORBIDDEN');
        refused(await person.change('POST', ':approve', {}), 403, 'FORBIDDEN');
        refused(await reviewer.ask('GET', '/v1/queue?cursor=zzz'), 400, 'BAD_REQUEST');
        assert.deepEqual((await reviewer.ask('GET', '/v1/queue')).body.orders.map(({ no }) => no), [person.order.no]);
        refused(await judge('approve'), 409, 'DOCUMENTS_NOT_SEEN');
        refused(await judge('return'), 422, 'REASON_REQUIRED');
        assert.equal((await judge('return', { reason: '营业执照不清晰' })).body.state, 'RETURNED');
        refused(await person.change('PATCH', '', { years: 3 }), 422, 'FIELDS_INVALID');
        await person.change('PATCH', '', { handlerEmail: 'li4@example.cn' });
        await person.change('POST', ':submit', {});
        assert.equal(person.order.state, 'AWAIT_MATERIALS');
        await person.upload('/documents/LICENCE', png({ width: 100 }));
        await person.change('POST', '/documents:done', {});
        await person.ask('POST', `/v1/orders/${person.order.no}/confirm-code`, {});
        await person.change('POST', ':confirm', { code: await person.code(HANDLER.handlerPhone), agree: true });
        assert.equal((await person.change('POST', ':submit', {})).body.state, 'IN_REVIEW', 'what was paid stays paid');
        for (const type of ['LICENCE', 'HANDLER_ID_FRONT', 'HANDLER_ID_BACK', 'SEAL_FORM']) {
            assert.equal((await reviewer.ask('GET', `/v1/orders/${person.order.no}/documents/${type}`)).status, 200);
        }
        assert.equal((await judge('approve')).body.state, 'APPROVED');
    });
    await t.test('the blank key is sent, and the certificate is ready to download', async () => {
        const ship = async (body) =>
            operator.ask('POST', `/v1/orders/${person.order.no}:ship`, body, { 'if-match': `"${(await person.look()).version}"` });
        refused(await ship({ carrier: 'SF' }), 422, 'REASON_REQUIRED');
        assert.equal((await ship({ carrier: 'SF', parcel: 'SF1234567890' })).body.state, 'READY_TO_ISSUE');
        const invoice = await person.ask('POST', `/v1/orders/${person.order.no}/invoice`, {});
        assert.deepEqual([invoice.status, invoice.body.title], [202, SUBJECT.name]);
        for (let i = 0; (await person.ask('GET', `/v1/orders/${person.order.no}/invoice`)).body.state !== 'ISSUED'; i += 1) {
            assert.ok(i < 300);
            await new Promise((done) => setTimeout(done, 100));
        }
        const file = await person.ask('GET', `/v1/orders/${person.order.no}/invoice/file`);
        assert.match(file.raw.toString('latin1'), /^%PDF-1\.4[^]*%%EOF\n$/);
        assert.equal((await service.command('verify-events')).stdout.includes('whole'), true);
    });
});
