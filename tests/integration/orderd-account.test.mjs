// What people change about their own account, and what it takes.
import assert from 'node:assert/strict';
import test from 'node:test';
import { Person, startService } from '../support/service.mjs';

const CLOCK = '2026-03-01T10:00:00+08:00';
const SUBJECT = { type: 'ORG', name: '测试科技有限公司', credentialType: 'USCC', credentialNo: '91350100M000100Y43' };

function refused(answer, status, code) {
    assert.deepEqual([answer.status, answer.body.code], [status, code], JSON.stringify(answer.body));
}
const fieldsOf = (answer) => answer.body.errors.map(({ field }) => field);

async function mailCode(service, email) {
    for (;;) {
        const [row] = await service.rows(`SELECT body FROM sim_deliveries WHERE medium = 'MAIL' AND recipient = '${email}' ORDER BY created DESC, rowid DESC LIMIT 1`);
        if (row) return /\d{6}/.exec(row.body)[0];
        await new Promise((done) => setTimeout(done, 50));
    }
}

test('an account is its owner’s to change, and to end', async (t) => {
    const service = await startService(t, { clock: CLOCK });
    const owner = new Person(service, '13900139000');
    await owner.register();
    const other = new Person(service, '13900139001');
    await other.register({ email: 'taken@example.cn' });

    await t.test('a forgotten password: by a code to the phone', async () => {
        const reset = (code, newPassword = 'neues-99', phone = owner.phone) => service.post('/v1/account:reset-password', { phone, code, newPassword });
        await service.post('/v1/otp', { purpose: 'RESET', phone: owner.phone });
        assert.deepEqual(fieldsOf(await reset('000000', 'simple')), ['newPassword']);
        const code = await owner.code();
        refused(await reset(code, 'neues-99', other.phone), 403, 'CODE_WRONG');
        assert.equal((await reset(code)).status, 200);
        refused(await reset(code), 403, 'CODE_WRONG');
        refused(await owner.ask('GET', '/v1/account'), 401, 'SESSION_EXPIRED');
        refused(await owner.logIn(owner.phone, 'geheim-1'), 403, 'PASSWORD_WRONG');
        assert.equal((await owner.logIn(owner.phone, 'neues-99')).status, 200);
        // a phone that nobody has: the same answer as to a wrong code
        await service.post('/v1/otp', { purpose: 'RESET', phone: '13700137000' });
        refused(await reset(await owner.code('13700137000'), 'neues-99', '13700137000'), 403, 'CODE_WRONG');
    });
    await t.test('another phone: by the password and a code to it', async () => {
        const change = async (phone, code, password = 'neues-99') => owner.ask('POST', '/v1/account:phone', { phone, code, password });
        assert.deepEqual(fieldsOf(await change('12', '000000')), ['phone']);
        await service.post('/v1/otp', { purpose: 'PHONE', phone: '13900139002' });
        const code = await owner.code('13900139002');
        refused(await change('13900139002', code, 'falsch-99'), 403, 'PASSWORD_WRONG');
        refused(await change('13900139003', code), 403, 'CODE_WRONG');
        assert.equal((await change('13900139002', code)).status, 200);
        assert.equal((await owner.ask('GET', '/v1/account')).body.phone, '139****9002');
        assert.equal((await new Person(service).logIn('13900139002', 'neues-99')).status, 200);
        refused(await new Person(service).logIn('13900139000', 'neues-99'), 403, 'PASSWORD_WRONG');
        await service.post('/v1/otp', { purpose: 'PHONE', phone: other.phone });
        refused(await change(other.phone, await other.code()), 409, 'ACCOUNT_EXISTS');
    });
    await t.test('another address: by the password and a mailed code', async () => {
        const ask = (email) => owner.ask('POST', '/v1/account:email-code', { email });
        assert.deepEqual(fieldsOf(await ask('nobody')), ['email']);
        assert.equal((await ask('neu@example.cn')).status, 202);
        refused(await ask('neu@example.cn'), 429, 'CODE_TOO_SOON');
        const code = await mailCode(service, 'neu@example.cn');
        refused(await other.ask('POST', '/v1/account:email', { email: 'neu@example.cn', code, password: 'geheim-1' }), 403, 'CODE_WRONG');
        assert.equal((await owner.ask('POST', '/v1/account:email', { email: 'neu@example.cn', code, password: 'neues-99' })).status, 200);
        assert.equal((await new Person(service).logIn('neu@example.cn', 'neues-99')).status, 200);
        await ask('taken@example.cn');
        const taken = { email: 'taken@example.cn', code: await mailCode(service, 'taken@example.cn'), password: 'neues-99' };
        refused(await owner.ask('POST', '/v1/account:email', taken), 409, 'ACCOUNT_EXISTS');
    });
    await t.test('the real name: what is wrong is named, and trying is limited', async () => {
        const prove = (changes, accept = 'en') =>
            owner.ask('POST', '/v1/account:real-name', { method: 'PHONE', name: '李四', idType: 'ID', idNumber: '11010519491231002X', ...changes }, { 'accept-language': accept });
        assert.deepEqual(fieldsOf(await prove({ idNumber: '1', name: ' ' })).sort(), ['idNumber', 'name']);
        assert.deepEqual(fieldsOf(await prove({ method: 'BANK_CARD', bankCard: '1' })), ['bankCard']);
        assert.deepEqual(fieldsOf(await prove({ bankCard: '6222000011112222' })), ['bankCard']);
        refused(await prove({ method: 'FACE' }), 409, 'METHOD_NOT_OFFERED');
        const differs = await prove({ name: '错误' }, 'zh-CN');
        assert.deepEqual([fieldsOf(differs), differs.body.errors[0].detail], [['name'], '核验不一致，请检查此项。']);
        assert.equal((await owner.ask('GET', '/v1/account')).body.realName, 'NONE');
        assert.deepEqual((await prove({})).body, { realName: 'PASSED' });
        assert.equal((await owner.ask('GET', '/v1/account')).body.realName, 'PASSED');
        for (let i = 0; i < 3; i += 1) await prove({});
        refused(await prove({}), 429, 'RATE_LIMITED');
        assert.doesNotMatch(JSON.stringify(await service.rows('SELECT * FROM accounts')), /11010519491231002X|李四/);
    });
    await t.test('guessing the password to change something is limited too', async () => {
        const guess = () => other.ask('POST', '/v1/account:close', { password: 'falsch-99' });
        for (let i = 0; i < 5; i += 1) refused(await guess(), 403, 'PASSWORD_WRONG');
        const late = await guess();
        refused(late, 429, 'RATE_LIMITED');
        assert.ok(late.body.retryAfter > 800);
    });
    await t.test('closed when nothing is open; the phone may register anew, and finds nothing', async () => {
        assert.equal((await owner.create({ kind: 'NEW', subject: SUBJECT })).status, 201);
        const close = () => owner.ask('POST', '/v1/account:close', { password: 'neues-99' });
        const open = await close();
        refused(open, 409, 'OPEN_ORDER_EXISTS');
        assert.equal(open.body.order, owner.order.no);
        await owner.change('POST', ':cancel', {});
        assert.equal((await close()).status, 200);
        refused(await owner.ask('GET', '/v1/account'), 401, 'SESSION_EXPIRED');
        refused(await owner.logIn('13900139002', 'neues-99'), 403, 'PASSWORD_WRONG');
        const again = new Person(service, '13900139002');
        await again.code(); // the one that changed the phone
        assert.equal((await again.register()).status, 201);
        assert.deepEqual((await again.ask('GET', '/v1/orders')).body.orders, []);
        assert.match((await service.command('verify-events')).stdout, /chain is whole/);
    });
    await t.test('staff has no such account', async () => {
        const reviewer = await service.staff('shen', 'REVIEWER');
        refused(await reviewer.ask('POST', '/v1/account:close', { password: 'correct horse battery' }), 403, 'FORBIDDEN');
        refused(await reviewer.ask('POST', '/v1/account/subjects', { credentialType: 'USCC', credentialNo: SUBJECT.credentialNo, code: '000000' }), 403, 'FORBIDDEN');
    });
});
