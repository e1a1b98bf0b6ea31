// People who come from a registration platform: a token that counts once, an account made or linked, and what stands upstream is put right upstream.
import assert from 'node:assert/strict';
import test from 'node:test';
import { Applicant } from '../support/applicant.mjs';
import { Person, startService } from '../support/service.mjs';

const NOW = Date.parse('2026-03-01T10:00:00+08:00') / 1000;
const SUBJECT = { type: 'ORG', name: '测试科技有限公司', credentialType: 'USCC', credentialNo: '91350100M000100Y43' };
const FIELDS = { legalName: '王五', handlerName: '李四', handlerPhone: '13800138000', address: '某路 1 号' };

function refused(answer, status, code) {
    assert.deepEqual([answer.status, answer.body.code], [status, code], JSON.stringify(answer.body));
}
const fieldsOf = (answer) => answer.body.errors.map(({ field }) => field).sort();

test('a hand-over from a registration platform', async (t) => {
    const service = await startService(t, { clock: '2026-03-01T10:00:00+08:00' });
    const token = async (changes = {}) =>
        (await service.post('/sim/platform/handover', { user: 'u1', phone: '13900139000', phoneVerified: true, subject: SUBJECT, fields: FIELDS, ...changes })).body.token;
    const come = async (changes) => service.post('/v1/handover', { token: await token(changes) });
    const visitor = new Applicant(service, '13900139000', {});

    await t.test('what is not the platform’s, not for this service, over or malformed is refused without a reason', async () => {
        const good = await token();
        const [head, payload, mac] = good.split('.');
        const none = Buffer.from('{"alg":"none","typ":"JWT"}').toString('base64url');
        for (const bad of [
            `${none}.${payload}.`,
            `${none}.${payload}.${mac}`,
            `${head}.${payload}.${mac.replace(/^./, (first) => (first === 'A' ? 'B' : 'A'))}`,
            `${head}.${Buffer.from(JSON.stringify({ user: 'u2' })).toString('base64url')}.${mac}`,
            `${head}.${payload}`,
            `${good}=`,
            'x',
            '..',
        ]) {
            refused(await service.post('/v1/handover', { token: bad }), 403, 'HANDOVER_REFUSED');
        }
        for (const changes of [
            { audience: 'urn:openukey:order-service:other' },
            { issued: NOW - 400, expires: NOW - 100 },
            { issued: NOW, expires: NOW + 3600 },
            { issued: NOW + 7200, expires: NOW + 7300 },
            { phone: '1' },
            { user: '' },
            { subject: { ...SUBJECT, credentialNo: '91350100M000100Y44' } },
            { fields: { nothing: 'x' } },
            { fields: { agreement: true } },
            { fields: { legalName: ' ' } },
        ]) {
            refused(await come(changes), 403, 'HANDOVER_REFUSED');
        }
        assert.deepEqual(await service.rows('SELECT * FROM accounts'), []);
    });
    await t.test('a token makes an account, once', async () => {
        const one = await token();
        const answer = await service.post('/v1/handover', { token: one });
        assert.deepEqual([answer.status, answer.body.role], [200, 'USER']);
        refused(await service.post('/v1/handover', { token: one }), 403, 'HANDOVER_REFUSED');
        visitor.session = answer.body;
        assert.equal((await visitor.ask('GET', '/v1/account')).body.phone, '139****9000');
        refused(await visitor.logIn(visitor.phone, ''), 400, 'BAD_REQUEST');
        refused(await visitor.logIn(visitor.phone, 'geheim-1'), 403, 'PASSWORD_WRONG');
        visitor.session = (await come()).body;
        assert.deepEqual(await service.rows('SELECT COUNT(*) AS n FROM accounts'), [{ n: 1 }]);
    });
    await t.test('what came from upstream is filled in, read-only, and named when it is edited', async () => {
        Applicant.good(await visitor.create({ kind: 'NEW', subject: SUBJECT }));
        const { form, fields } = visitor.order;
        // the portal does not ask for an address
        assert.deepEqual(form, { legalName: '王五', handlerName: '李四', handlerPhone: '13800138000' });
        assert.deepEqual(fields.filter(({ readOnly }) => readOnly).map(({ name }) => name).sort(), ['handlerName', 'handlerPhone', 'legalName']);
        for (const patch of [{ legalName: '赵六' }, { handlerPhone: null }, { legalName: '王五' }]) {
            const answer = await visitor.change('PATCH', '', { ...patch, handlerEmail: 'lisi@example.cn' });
            refused(answer, 422, 'FIELDS_INVALID');
            assert.deepEqual(fieldsOf(answer), Object.keys(patch));
            assert.match(answer.body.errors[0].detail, /registration platform/);
        }
        assert.equal((await visitor.change('PATCH', '', { handlerEmail: 'lisi@example.cn' })).status, 200);
    });
    await t.test('put right upstream, it stands in the next request, not in this one', async () => {
        visitor.session = (await come({ fields: { ...FIELDS, legalName: '赵六' } })).body;
        assert.equal((await visitor.look()).form.legalName, '王五');
        await visitor.change('POST', ':cancel', {});
        Applicant.good(await visitor.create({ kind: 'NEW', subject: SUBJECT }));
        assert.equal(visitor.order.form.legalName, '赵六');
        await visitor.change('POST', ':cancel', {});
        const person = { type: 'PERSON', name: '张三', credentialType: 'ID', credentialNo: '11010519491231002X' };
        Applicant.good(await visitor.create({ kind: 'NEW', subject: person }));
        assert.deepEqual([visitor.order.form, visitor.order.fields.some(({ readOnly }) => readOnly)], [{}, false]);
    });
    await t.test('an account is linked by a phone that the platform has verified, or by its owner', async () => {
        const owner = new Person(service, '13900139001');
        await owner.register();
        refused(await come({ user: 'u2', phone: owner.phone, phoneVerified: false }), 409, 'ACCOUNT_EXISTS');
        assert.equal((await come({ user: 'u2', phone: owner.phone })).status, 200);
        const other = new Person(service, '13900139002');
        await other.register();
        const mine = { user: 'u3', phone: other.phone, phoneVerified: false };
        assert.equal((await other.ask('POST', '/v1/account/partners', { token: await token(mine) })).status, 200);
        assert.equal((await come(mine)).status, 200);
        refused(await other.ask('POST', '/v1/account/partners', { token: await token({ user: 'u2', phone: other.phone }) }), 409, 'ACCOUNT_EXISTS');
        assert.deepEqual(await service.rows('SELECT COUNT(*) AS n FROM accounts'), [{ n: 3 }]);
    });
    await t.test('a subject that has another name here is refused, and nothing of people is in clear', async () => {
        refused(await come({ user: 'u4', phone: '13900139007', subject: { ...SUBJECT, name: '冒名公司' } }), 422, 'NAME_MISMATCH');
        assert.doesNotMatch(JSON.stringify([await service.rows('SELECT * FROM partner_links'), await service.rows('SELECT * FROM partner_tokens')]), /u1|王五|13800138000/);
        assert.match((await service.command('verify-events')).stdout, /chain is whole/);
    });
    await t.test('refused tokens from one address are limited', async () => {
        for (let i = 0; i < 100; i += 1) {
            const answer = await service.post('/v1/handover', { token: 'x' });
            if (answer.status === 429) return;
            refused(answer, 403, 'HANDOVER_REFUSED');
        }
        assert.fail('never limited');
    });
});
