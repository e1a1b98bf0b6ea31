// Every write of the API's document says how it bears being repeated, and does what it says: If-Match, Idempotency-Key, or x-repeat.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import test from 'node:test';
import { parse } from 'yaml';
import { Applicant } from '../support/applicant.mjs';
import { startService } from '../support/service.mjs';

const CLOCK = '2026-03-01T10:00:00+08:00';
const SUBJECT = { type: 'ORG', name: '测试科技有限公司', credentialType: 'USCC', credentialNo: '91350100M000100Y43' };
const ADDRESS = { recipientName: '李四', recipientPhone: '13800138000', recipientRegion: '湖南省长沙市', recipientAddress: '某路 1 号' };
const document = parse(readFileSync(new URL('../../docs/api/orderd.yaml', import.meta.url), 'utf8'));

const writes = Object.entries(document.paths).flatMap(([path, item]) =>
    ['post', 'put', 'patch', 'delete']
        .filter((method) => item[method])
        .map((method) => {
            const operation = item[method];
            const headers = [...(item.parameters ?? []), ...(operation.parameters ?? [])].map(({ $ref }) => $ref?.split('/').at(-1));
            return { method: method.toUpperCase(), path, name: operation.operationId, repeat: operation['x-repeat'], version: headers.includes('IfMatch'), key: headers.includes('IdempotencyKey') };
        }),
);

/* What is looked at before the version is. */
const BODIES = {
    confirmOrder: { code: '000000', agree: true },
    financeOrder: { accept: true, transaction: '1' },
    returnOrder: { reason: 'x' },
    refundedOrder: { transaction: '1' },
    rejectOrder: { reason: 'x' },
    giveupOrder: { reason: 'x' },
    changeAddress: { fields: ADDRESS },
    changeInvoiceTitle: { fields: { invoiceTitle: '某公司' } },
};

test('every write says in which way it may be repeated', () => {
    assert.ok(writes.length > 40);
    const silent = writes.filter(({ version, key, repeat }) => [version, key, Boolean(repeat)].filter(Boolean).length !== 1);
    assert.deepEqual(silent.map(({ name }) => name), []);
});

test('writes with If-Match', async (t) => {
    const service = await startService(t, { clock: CLOCK });
    const staff = { reviewer: await service.staff('shen', 'REVIEWER'), operator: await service.staff('cao', 'OPERATOR'), finance: await service.staff('qian', 'FINANCE') };
    const owner = new Applicant(service, '13900139000', staff);
    await owner.register();
    Applicant.good(await owner.create({ kind: 'NEW', subject: SUBJECT }));
    const add = (path, fields) => owner.ask('POST', path, { fields }, { 'idempotency-key': path });
    const address = Applicant.good(await add('/v1/addresses', ADDRESS)).body;
    const title = Applicant.good(await add('/v1/invoice-titles', { invoiceTitle: '某公司' })).body;
    const before = JSON.stringify([await service.rows('SELECT * FROM orders'), await service.rows('SELECT * FROM events'), await service.rows('SELECT * FROM cards')]);

    for (const { method, path, name } of writes.filter(({ version }) => version)) {
        const place = path
            .replace('{no}', owner.order.no)
            .replace('{id}', path.startsWith('/v1/addresses') ? address.id : path.startsWith('/v1/invoice-titles') ? title.id : 'x')
            .replace('{type}', 'LICENCE')
            .replace('{serial}', 'X');
        const raw = method === 'PUT' && path.startsWith('/v1/orders');
        const ask = (who, ifMatch) =>
            who.ask(method, raw ? `${place}?payer=x` : place, raw ? Buffer.from('x') : method === 'DELETE' ? undefined : (BODIES[name] ?? {}), {
                ...(raw ? { 'content-type': 'application/octet-stream', 'content-length': 1 } : {}),
                ...(ifMatch === undefined ? {} : { 'if-match': ifMatch }),
            });
        await t.test(`${name}: absent 428, no version 400, another version 412`, async () => {
            assert.equal((await ask(owner)).body.code, 'VERSION_REQUIRED');
            for (const bad of ['1', '"x"', 'W/"1"', `"${'9'.repeat(30)}"`]) assert.equal((await ask(owner, bad)).body.code, 'BAD_REQUEST', bad);
            const codes = [];
            for (const who of [owner, ...Object.values(staff)]) codes.push((await ask(who, '"4711"')).body.code);
            assert.ok(codes.includes('VERSION_CONFLICT'), codes.join(' '));
            assert.deepEqual(codes.filter((code) => !['VERSION_CONFLICT', 'FORBIDDEN', 'NOT_FOUND'].includes(code)), []);
        });
    }
    await t.test('and nothing of it has changed anything', async () => {
        assert.equal(JSON.stringify([await service.rows('SELECT * FROM orders'), await service.rows('SELECT * FROM events'), await service.rows('SELECT * FROM cards')]), before);
    });
});

test('writes with Idempotency-Key', async (t) => {
    const service = await startService(t, { clock: CLOCK });
    const staff = { reviewer: await service.staff('shen', 'REVIEWER'), operator: await service.staff('cao', 'OPERATOR') };
    const owner = new Applicant(service, '13900139000', staff);
    await owner.register();
    Applicant.good(await owner.create({ kind: 'NEW', subject: SUBJECT }));
    await owner.goOn('AWAIT_PAYMENT');
    const person = { type: 'PERSON', name: '张三', credentialType: 'ID', credentialNo: '11010519491231002X' };
    const requests = {
        createOrder: [{ kind: 'NEW', subject: person }, { kind: 'NEW', subject: { ...person, name: '李四' } }],
        requestPayment: [{ channel: 'ALIPAY' }, { channel: 'WECHAT' }],
        addAddress: [{ fields: ADDRESS }, { fields: { ...ADDRESS, recipientName: '王五' } }],
        addInvoiceTitle: [{ fields: { invoiceTitle: '甲' } }, { fields: { invoiceTitle: '乙' } }],
    };
    for (const { method, path, name } of writes.filter(({ key }) => key)) {
        await t.test(`${name}: absent 400, the same again the same, another request 422`, async () => {
            assert.ok(requests[name], 'not tried here');
            const [one, other] = requests[name];
            const ask = (body, key) => owner.ask(method, path.replace('{no}', owner.order.no), body, key === undefined ? {} : { 'idempotency-key': key });
            assert.equal((await ask(one)).body.code, 'IDEMPOTENCY_KEY_REQUIRED');
            for (const bad of ['x'.repeat(129), 'a b']) assert.equal((await ask(one, bad)).body.code, 'BAD_REQUEST');
            const key = `key-${name}`;
            const first = Applicant.good(await ask(one, key));
            assert.equal(first.status, 201);
            const again = await ask(one, key);
            assert.deepEqual([again.status, again.body], [201, first.body]);
            const differs = await ask(other, key);
            assert.deepEqual([differs.status, differs.body.code], [422, 'IDEMPOTENCY_KEY_REUSED']);
        });
    }
});
