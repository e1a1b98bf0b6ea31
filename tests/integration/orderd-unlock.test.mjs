// A locked PIN, unlocked from afar: by the code that the portal sends, on a simulated card behind our module; and everything that an agent
// could get wrong, said twice, too late or to the wrong key.
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'node:test';
import { Applicant } from '../support/applicant.mjs';
import { FIXED_PIN, KeyAgent, RealKey, lockable, unlockResponse } from '../support/key_agent.mjs';
import { BlankKey, creditCode, startService } from '../support/service.mjs';

const CLOCK = '2026-03-01T10:00:00+08:00';
const CKR_PIN_INCORRECT = 0xa0;
const UNLOCK_KEY = '6f70656e756b65792d756e6c6f636b21'; // of the profile org-pin-locked

function refused(answer, status, code) {
    assert.deepEqual([answer.status, answer.body.code], [status, code], JSON.stringify(answer.body));
    assert.match(answer.headers['content-type'], /^application\/problem\+json/);
}

async function startDesk(t, changes = {}) {
    const service = await startService(t, { clock: CLOCK, ...changes });
    return { service, staff: { reviewer: await service.staff('shen', 'REVIEWER'), operator: await service.staff('cao', 'OPERATOR') } };
}

/* Somebody who acts for the key's holder: an order of his was approved. */
async function holderOf(service, staff, subject, phone = '13900139000') {
    const person = new Applicant(service, phone, staff);
    await person.register();
    Applicant.good(await person.create({ kind: 'NEW', subject }));
    await person.goOn('APPROVED');
    return person;
}

/* A key in software that is locked, its holder, and his unlock order that is ready. */
async function lockedSoftKey(service, staff, name) {
    const unlockKey = randomBytes(16).toString('hex');
    const key = lockable(await service.key(name, { until: '2026-12-31T00:00:00+08:00', unlockKey, credential: creditCode(7) }), unlockKey);
    const person = await holderOf(service, staff, key.subject);
    Applicant.good(await person.create({ kind: 'UNLOCK', certificate: key.certificate }));
    await person.goOn('READY_TO_ISSUE');
    return { key, person, no: person.order.no, code: await person.unlockCode() };
}

test('the holder unlocks a real card with the code and chooses the PIN', async (t) => {
    const { service, staff } = await startDesk(t);
    const key = await RealKey.plug(t, service, 'locked', 'org-pin-locked', { clock: CLOCK });
    const person = await holderOf(service, staff, key.subject);
    const agent = new KeyAgent(key, person, { twice: true });
    let no;
    let code;

    await t.test('ordered, checked and confirmed, the code comes by SMS', async () => {
        assert.equal((await key.do('facts')).tries, 0);
        Applicant.good(await person.create({ kind: 'UNLOCK', certificate: key.certificate }));
        no = person.order.no;
        await person.goOn('READY_TO_ISSUE');
        code = await person.unlockCode();
        assert.equal((await service.rows(`SELECT pin_reset FROM tokens WHERE serial = '${key.serial}'`))[0].pin_reset, 1);
    });
    await t.test('only with the code, the very key and its certificate', async () => {
        for (const wrong of [{}, { code: 'AAAAAAAAAA' }, { code: '' }]) refused(await agent.claim(no, wrong), 403, 'CODE_WRONG');
        refused(await agent.claim(no, { code, tokenSerial: 'OTHER' }), 409, 'WRONG_TOKEN');
        refused(await agent.claim(no, { code, certificate: 'f'.repeat(64) }), 409, 'WRONG_TOKEN');
        refused(await new KeyAgent(key, staff.operator).claim(no, { code }), 403, 'FORBIDDEN');
    });
    await t.test('the PIN is set on the card, and the card says so with its signature', async () => {
        assert.equal(await agent.carryOut(no, { code }), 'COMPLETED');
        assert.deepEqual(agent.task.unlock, { case: no, pin: 'CHOSEN', mustChange: false });
        await key.do('logout');
        assert.equal(await key.logInWith('123456'), CKR_PIN_INCORRECT);
        assert.equal(await key.logInWith('new-pin-1'), 0);
        assert.equal((await service.rows(`SELECT pin_reset FROM tokens WHERE serial = '${key.serial}'`))[0].pin_reset, 0);
    });
    await t.test('nothing of it lies about, and it cannot be had again', async () => {
        refused(await agent.claim(no, { code }), 409, 'WRONG_STATE');
        refused(await agent.respond(await key.unlockBegin(no)), 409, 'TASK_NOT_CLAIMED');
        const seen = [UNLOCK_KEY, agent.made.response, code, 'new-pin-1', Buffer.from(agent.made.response, 'base64').toString('hex')];
        const tables = (await service.rows("SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sim_%'")).map(({ name }) => name);
        for (const name of tables) {
            const text = JSON.stringify(await service.rows(`SELECT * FROM ${name}`));
            for (const secret of seen) assert.ok(!text.includes(secret), name);
        }
        const log = readFileSync(join(service.dir, 'orderd.log'), 'utf8');
        for (const secret of seen) assert.ok(!log.includes(secret));
        assert.match((await service.command('verify-events')).stdout, /chain is whole/);
    });
});

test('where the manual fixes the PIN, it must be changed before the card does anything', async (t) => {
    const { service, staff } = await startDesk(t, { profile: 'hainan' });
    const key = await RealKey.plug(t, service, 'locked', 'org-pin-locked', { clock: CLOCK });
    const person = await holderOf(service, staff, key.subject);
    const agent = new KeyAgent(key, person, { twice: true });

    await t.test('not for somebody who acts for nobody', async () => {
        const stranger = new Applicant(service, '13900139001', staff);
        await stranger.register();
        refused(await stranger.create({ kind: 'UNLOCK', certificate: key.certificate }), 403, 'CERTIFICATE_UNKNOWN');
    });
    await t.test('paid, plugged in, clicked: the PIN is the fixed one', async () => {
        await new KeyAgent(new BlankKey(service, 'made', Object.assign(staff.operator, { order: person.order })), staff.operator).carryOut(person.order.no);
        await person.ship();
        Applicant.good(await person.create({ kind: 'UNLOCK', certificate: key.certificate }));
        await person.goOn('READY_TO_ISSUE');
        assert.equal(await agent.carryOut(person.order.no), 'COMPLETED');
        assert.deepEqual(agent.task.unlock, { case: person.order.no, pin: 'FIXED', mustChange: true });
        assert.equal((await key.do('facts')).mustChange, true);
    });
    await t.test('changed, the card signs again', async () => {
        assert.equal(await key.logInWith(FIXED_PIN), 0);
        assert.notEqual((await key.do('sign', { certificate: key.der.toString('base64'), message: 'QQ==' })).rv, 0);
        await key.must('set-pin', { old: FIXED_PIN, new: 'own-pin-22' });
        assert.ok(await key.sign('A'));
    });
});

test('answers to challenges: once, newest, five minutes, five times', async (t) => {
    const { service, staff } = await startDesk(t);
    const { key, person, no, code } = await lockedSoftKey(service, staff, 'a');
    const agent = new KeyAgent(key, person);
    const answers = () => service.rows('SELECT COUNT(*) AS n FROM unlock_answers');

    await t.test('without a claim, for another kind or another key there is none', async () => {
        agent.task = { task: 'f'.repeat(32) };
        refused(await agent.respond(randomBytes(16)), 404, 'NOT_FOUND');
        KeyAgent.good(await agent.claim(no, { code }));
        refused(await agent.respond(randomBytes(16), 'OTHER'), 409, 'WRONG_TOKEN');
        for (const size of [0, 15, 17]) refused(await agent.respond(randomBytes(size)), 400, 'BAD_REQUEST');
        refused(await agent.ask('POST', agent.path('/csr'), { csr: await key.csr(key.newKeyFile()) }), 409, 'NOT_OFFERED');
        refused(await agent.ask('POST', agent.path('/confirm'), { certificate: key.certificate, proof: 'AAAA' }), 409, 'TASK_NOT_CLAIMED');
        assert.deepEqual(await answers(), [{ n: 0 }]);
    });
    await t.test('the newest challenge again: the same answer; an older one: none', async () => {
        const [first, second] = [randomBytes(16), randomBytes(16)];
        const one = KeyAgent.good(await agent.respond(first));
        assert.equal(one.response, unlockResponse(key.unlockKey, key.serial, first, no).toString('base64'));
        assert.deepEqual((await agent.respond(first)).body, one);
        assert.notEqual(KeyAgent.good(await agent.respond(second)).response, one.response);
        refused(await agent.respond(first), 409, 'CHALLENGE_USED');
        assert.deepEqual(await answers(), [{ n: 2 }]);
        agent.second = second;
    });
    await t.test('five minutes later, and after a crash, it is stale', async () => {
        await service.kill();
        service.changes.clock = '2026-03-01T10:05:30+08:00';
        await service.start();
        refused(await agent.respond(agent.second), 409, 'CHALLENGE_STALE');
        refused(await agent.ask('POST', agent.path('/confirm'), { certificate: key.certificate }), 403, 'PROOF_INVALID');
    });
    await t.test('another order of the same key does not take a challenge of this one', async () => {
        const third = randomBytes(16);
        KeyAgent.good(await agent.respond(third));
        KeyAgent.good(await agent.fail('TOKEN_REMOVED', false));
        const ended = await person.change('POST', ':cancel', {});
        assert.deepEqual([ended.status, ended.body.state], [200, 'CANCELLED'], JSON.stringify(ended.body));
        refused(await agent.claim(no, { code }), 409, 'WRONG_STATE');
        Applicant.good(await person.create({ kind: 'UNLOCK', certificate: key.certificate }));
        await person.goOn('READY_TO_ISSUE');
        KeyAgent.good(await agent.claim(person.order.no, { code: await person.unlockCode() }));
        refused(await agent.respond(third), 409, 'CHALLENGE_USED');
    });
    await t.test('the sixth fails the task; an operator lets it be tried again, and it works', async () => {
        for (let i = 0; i < 5; i += 1) KeyAgent.good(await agent.respond(randomBytes(16)));
        refused(await agent.respond(randomBytes(16)), 409, 'UNLOCK_TRIES_OVER');
        assert.equal((await person.look()).state, 'ISSUE_FAILED');
        refused(await agent.respond(randomBytes(16)), 409, 'TASK_NOT_CLAIMED');
        refused(await person.change('POST', ':retry', {}), 403, 'FORBIDDEN');
        await person.judge('operator', 'retry');
        refused(await staff.operator.ask('POST', person.path(':retry'), {}, { 'if-match': `"${(await person.look()).version}"` }), 409, 'WRONG_STATE');
        // the code of before still counts
        const { body } = await service.rows(`SELECT body FROM sim_deliveries WHERE body GLOB '*解锁授权码*' ORDER BY created DESC, rowid DESC LIMIT 1`).then(([row]) => row);
        assert.equal(await agent.carryOut(person.order.no, { code: /([A-Z2-9]{10})，/.exec(body)[1] }), 'COMPLETED');
        assert.equal(key.pin, 'new-pin-1');
    });
});

test('steps are reported in order, and said twice they change nothing', async (t) => {
    const { service, staff } = await startDesk(t);
    const { key, person, no, code } = await lockedSoftKey(service, staff, 'b');
    const agent = new KeyAgent(key, person);
    KeyAgent.good(await agent.claim(no, { code }));
    const done = async () => KeyAgent.good(await agent.ask('GET', agent.path())).steps.filter(({ at }) => at).map(({ step }) => step);
    refused(await agent.report('match'), 409, 'STEP_OUT_OF_ORDER');
    refused(await agent.report('dance'), 422, 'STEP_UNKNOWN');
    for (const step of ['read-key', 'read-key', 'match', 'read-key']) KeyAgent.good(await agent.report(step));
    assert.deepEqual(await done(), ['read-key', 'match']);
    KeyAgent.good(await agent.fail('TOKEN_REMOVED', false));
    refused(await agent.report('challenge'), 409, 'TASK_NOT_CLAIMED');
    KeyAgent.good(await agent.claim(no, { code }));
    assert.deepEqual(await done(), ['read-key', 'match'], 'taken up where it was');
    agent.twice = true;
    assert.equal(await agent.carryOut(no, { code }), 'COMPLETED');
    assert.equal((await done()).length, agent.task.steps.length);
});

test('a key that the service cannot answer is not unlocked', async (t) => {
    const { service, staff } = await startDesk(t);
    const key = await service.key('plain', { until: '2026-12-31T00:00:00+08:00', credential: creditCode(8) });
    const person = await holderOf(service, staff, key.subject);
    refused(await person.create({ kind: 'UNLOCK', certificate: key.certificate }), 409, 'UNLOCK_UNAVAILABLE');
});
