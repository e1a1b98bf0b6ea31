// Orders that cannot be done on a key any more: shown to an operator, given up with the money going back, or cancelled by the applicant where
// he may; leases that end; keys whose state says no.
import assert from 'node:assert/strict';
import test from 'node:test';
import { Applicant } from '../support/applicant.mjs';
import { KeyAgent } from '../support/key_agent.mjs';
import { BlankKey, creditCode, startService } from '../support/service.mjs';

const CLOCK = '2026-03-01T10:00:00+08:00';
const SUBJECT = { type: 'ORG', name: '测试科技有限公司', credentialType: 'USCC', credentialNo: '91350100M000100Y43' };

function refused(answer, status, code) {
    assert.deepEqual([answer.status, answer.body.code], [status, code], JSON.stringify(answer.body));
    assert.match(answer.headers['content-type'], /^application\/problem\+json/);
}

async function startDesk(t, changes = {}) {
    const service = await startService(t, { clock: CLOCK, ...changes });
    return { service, staff: { reviewer: await service.staff('shen', 'REVIEWER'), operator: await service.staff('cao', 'OPERATOR') } };
}

/* The service goes on at another moment; whoever was logged in is again, by then. */
async function later(service, clock) {
    await service.program.stop();
    service.changes.clock = clock;
    await service.start();
}

async function until(what, wanted) {
    for (let i = 0; ; i += 1) {
        const is = await what();
        if (is === wanted) return;
        assert.ok(i < 1200, `${is} instead of ${wanted}`);
        await new Promise((done) => setTimeout(done, 50));
    }
}

const stateOf = (service, no) => async () => (await service.rows(`SELECT state FROM orders WHERE public_no = '${no}'`))[0].state;
const money = (service, no) => service.rows(`SELECT p.state FROM payments p JOIN orders o ON o.id = p.order_id WHERE o.public_no = '${no}' AND p.amount_fen > 0`);

/* An order about the certificate on `key`, with its session, until it waits for the key. */
async function ready(key, staff, kind, entries) {
    const holder = new Applicant(key.service, '', staff, entries);
    holder.session = await key.logIn();
    holder.confirm = async () => {
        key.order = holder.order;
        Applicant.good(await holder.change('POST', ':confirm', { signature: await key.signStatement() }));
    };
    Applicant.good(await holder.create({ kind, certificate: key.certificate }));
    await holder.goOn('READY_TO_ISSUE');
    return holder;
}

test('a change whose old certificate has ended is given up by an operator, and paid back', async (t) => {
    const { service, staff } = await startDesk(t);
    const key = await service.key('a', { until: '2026-03-01T10:40:00+08:00', credential: creditCode(1) });
    const person = await ready(key, staff, 'CHANGE');
    const { no } = person.order;
    const queued = async () => (await staff.operator.ask('GET', '/v1/queue')).body.orders.some((order) => order.no === no);
    assert.equal(await queued(), false);
    await later(service, '2026-03-01T10:41:00+08:00');
    refused(await new KeyAgent(key).claim(no), 403, 'CERTIFICATE_EXPIRED');
    refused(await person.change('POST', ':cancel', {}), 409, 'WRONG_STATE');
    assert.equal(await queued(), true);
    await assert.rejects(person.judge('operator', 'give-up', {}), /REASON_REQUIRED/);
    await person.judge('operator', 'give-up', { reason: '原证书已到期' });
    await until(stateOf(service, no), 'REJECTED');
    assert.deepEqual(await money(service, no), [{ state: 'REFUNDED' }]);
    assert.equal(await queued(), false);
    assert.match((await service.command('verify-events')).stdout, /chain is whole/);
});

test('a renewal that came too late is given up from the command line', async (t) => {
    const { service, staff } = await startDesk(t);
    const key = await service.key('b', { from: '2024-01-01T00:00:00+08:00', until: '2025-03-01T11:00:00+08:00', credential: creditCode(2) });
    const person = await ready(key, staff, 'RENEW');
    const { no } = person.order;
    refused(await person.change('POST', ':cancel', {}), 409, 'WRONG_STATE'); // paid, and can still be done
    await service.program.stop();
    service.changes.clock = '2026-03-03T09:00:00+08:00';
    await service.start();
    // the key no longer logs in: its session has ended, and an operator's, too
    const operator = Object.assign(staff.operator, { session: (await service.post('/v1/login', { name: 'cao', password: 'correct horse battery' })).body });
    const list = (await operator.ask('GET', `/v1/orders/${no}`)).body;
    assert.equal(list.state, 'READY_TO_ISSUE');
    assert.equal((await service.command('give-up', no)).code, 0);
    await until(stateOf(service, no), 'REJECTED');
    assert.deepEqual(await money(service, no), [{ state: 'REFUNDED' }]);
});

test('the applicant cancels what was paid and cannot be done any more, and has the money back', async (t) => {
    const { service, staff } = await startDesk(t);
    const key = await service.key('e', { until: '2026-03-31T00:00:00+08:00', credential: creditCode(5) });
    const person = await ready(key, staff, 'RENEW');
    const { no } = person.order;
    refused(await person.change('POST', ':cancel', {}), 409, 'WRONG_STATE'); // paid, and can still be done
    const other = new Applicant(service, '', staff);
    Object.assign(other, { session: person.session, confirm: person.confirm });
    Applicant.good(await other.create({ kind: 'FREEZE', certificate: key.certificate }));
    await other.goOn('AWAIT_CONFIRM');
    key.order = other.order;
    Applicant.good(await other.change('POST', ':confirm', { signature: await key.signStatement() }));
    await until(stateOf(service, other.order.no), 'COMPLETED');
    Applicant.good(await person.change('POST', ':cancel', {}));
    await until(stateOf(service, no), 'CANCELLED');
    assert.deepEqual(await money(service, no), [{ state: 'REFUNDED' }]);
    assert.match((await service.command('verify-events')).stdout, /chain is whole/);
});

test('production is given up only when no key is in hand, and what was made is revoked', async (t) => {
    const { service, staff } = await startDesk(t, { profile: 'hainan' });
    const person = new Applicant(service, '13900139000', staff);
    await person.register();
    Applicant.good(await person.create({ kind: 'NEW', subject: SUBJECT }));
    await person.goOn('APPROVED');
    const { no } = person.order;
    const operator = Object.assign(staff.operator, { order: person.order });
    const key = new BlankKey(service, 'made', operator);
    const agent = new KeyAgent(key, operator, { twice: true });
    KeyAgent.good(await agent.claim(no));
    await agent.generate();
    await agent.request();
    await assert.rejects(person.judge('operator', 'give-up', { reason: '无法制作' }), /WRONG_STATE/);
    KeyAgent.good(await agent.fail('TOKEN_BROKEN', true));
    await person.judge('operator', 'give-up', { reason: '无法制作' });
    await until(stateOf(service, no), 'REJECTED');
    assert.deepEqual(await money(service, no), [{ state: 'REFUNDED' }]);
    assert.deepEqual(await service.rows(`SELECT DISTINCT state FROM certificates WHERE token = '${key.serial}'`), [{ state: 'REVOKED' }]);
    refused(await agent.claim(no), 409, 'WRONG_STATE');
});

test('a lease that is over ends by itself, and the work is taken up again', async (t) => {
    const { service, staff } = await startDesk(t);
    const key = await service.key('c', { until: '2026-03-31T00:00:00+08:00', credential: creditCode(3) });
    const person = await ready(key, staff, 'RENEW');
    const { no } = person.order;
    const agent = new KeyAgent(key);
    KeyAgent.good(await agent.claim(no));
    await agent.generate();
    await agent.request();
    const { made } = agent;
    assert.equal(await stateOf(service, no)(), 'ISSUING');
    await later(service, '2026-03-01T10:20:00+08:00');
    await until(stateOf(service, no), 'READY_TO_ISSUE');
    refused(await agent.ask('POST', agent.path('/csr'), { csr: await key.csr(key.newKeyFile()), continuity: await key.sign('x') }), 403, 'CONTINUITY_INVALID');
    const { task } = agent.task;
    KeyAgent.good(await agent.claim(no));
    assert.equal(agent.task.task, task);
    await agent.request();
    assert.deepEqual(agent.made, made);
    agent.file = key.newKeyFile();
    agent.csr = undefined;
    agent.twice = true;
    assert.equal(await agent.carryOut(no), 'COMPLETED');
});

test('operators change a key’s state along the table, and its policies', async (t) => {
    const { service, staff } = await startDesk(t);
    const key = await service.key('d', { until: '2026-03-31T00:00:00+08:00', credential: creditCode(4) });
    const path = `/v1/tokens/${key.serial}`;
    const { body } = await staff.operator.ask('GET', path);
    assert.deepEqual([body.state, body.next.sort(), body.unlockable], ['ACTIVE', ['DAMAGED', 'PERM_LOST', 'SUSPENDED', 'TERMINATED'], false]);
    assert.deepEqual(body.policies, { RE_ENROLL: true, RENEW: true, PIN_RESET: false });
    refused(await staff.reviewer.ask('GET', path), 403, 'FORBIDDEN');
    refused(await staff.operator.ask('GET', '/v1/tokens/NONE'), 404, 'NOT_FOUND');
    refused(await staff.operator.ask('PATCH', path, { state: 'FORMATTED' }), 409, 'TOKEN_STATE');
    for (const bad of [{ state: 'LOST' }, { policies: { DANCE: true } }, { policies: { RENEW: 1 } }, { serial: 'x' }]) {
        refused(await staff.operator.ask('PATCH', path, bad), 400, 'BAD_REQUEST');
    }
    await key.logIn();
    assert.equal((await staff.operator.ask('PATCH', path, { policies: { RENEW: false } })).body.policies.RENEW, false);
    refused(await key.create(), 409, 'TOKEN_STATE');
    const { body: verdict } = await key.ask('POST', '/v1/eligibility', { certificate: key.certificate });
    assert.deepEqual([verdict.eligible, verdict.code], [false, 'TOKEN_STATE']);
    await staff.operator.ask('PATCH', path, { policies: { RENEW: true } });
    assert.equal((await key.create()).status, 201);
    const changed = await staff.operator.ask('PATCH', path, { state: 'SUSPENDED', policies: { RENEW: false } });
    assert.equal(changed.body.state, 'SUSPENDED', JSON.stringify(changed.body));
    assert.equal((await staff.operator.ask('PATCH', path, { state: 'TERMINATED' })).body.policies.RENEW, false);
    refused(await staff.operator.ask('PATCH', path, { state: 'ACTIVE' }), 409, 'TOKEN_STATE');
    assert.match((await service.command('verify-events')).stdout, /chain is whole/);
});
