// An encryption key that was lost comes back from the KMC to its holder's present key, once two have approved it: to a simulated card behind
// our module, and to keys in software with everything that could go wrong.
import assert from 'node:assert/strict';
import test from 'node:test';
import { Applicant } from '../support/applicant.mjs';
import { KeyAgent, RealKey } from '../support/key_agent.mjs';
import { creditCode, startService } from '../support/service.mjs';

const CLOCK = '2026-03-01T10:00:00+08:00';
const PIN = '123456';

function refused(answer, status, code) {
    assert.deepEqual([answer.status, answer.body.code], [status, code], JSON.stringify(answer.body));
    assert.match(answer.headers['content-type'], /^application\/problem\+json/);
}

async function startDesk(t, changes = {}) {
    const service = await startService(t, { clock: CLOCK, ...changes });
    const staff = {};
    for (const [name, role] of Object.entries({ reviewer: 'REVIEWER', second: 'REVIEWER', operator: 'OPERATOR' })) staff[name] = await service.staff(name, role);
    return { service, staff };
}

/* The holder of `key`, with its session; confirmations are signed on it. */
async function holderOf(key, staff, entries) {
    const person = new Applicant(key.service, '', staff, entries);
    person.session = await key.logIn();
    person.confirm = async () => {
        key.order = person.order;
        Applicant.good(await person.change('POST', ':confirm', { signature: await key.signStatement() }));
    };
    return person;
}

const serialOf = async (service, key) =>
    (await service.rows(`SELECT e.serial FROM certificates s JOIN certificates e ON e.id = s.pair WHERE s.sha256 = '${key.certificate}'`))[0].serial;

test('to a real card, which then opens what was encrypted to the old certificate', async (t) => {
    const { service, staff } = await startDesk(t);
    const key = await RealKey.plug(t, service, 'card', 'org', { clock: CLOCK });
    assert.equal(await key.logInWith(PIN), 0);
    const lost = await service.key('lost', { until: '2026-12-31T00:00:00+08:00', holder: key.subject.name, credential: creditCode(1) });
    const person = await holderOf(key, staff);
    Applicant.good(await person.create({ kind: 'KEY_RECOVERY', certificate: key.certificate }));
    await person.goOn('READY_TO_ISSUE');
    const agent = new KeyAgent(key, key, { twice: true });
    assert.equal(await agent.carryOut(person.order.no), 'COMPLETED');
    const [row] = await service.rows(
        `SELECT c.serial FROM recoveries r JOIN orders o ON o.id = r.order_id JOIN certificates c ON c.id = r.certificate WHERE o.public_no = '${person.order.no}'`,
    );
    assert.equal(row.serial, await serialOf(service, lost));
    // the present pair works on
    assert.ok(await key.sign('A'));
});

test('two approvals, one key, one recipient', async (t) => {
    const { service, staff } = await startDesk(t);
    const until = '2026-12-31T00:00:00+08:00';
    const key = await service.key('now', { until, holder: '恢复公司', credential: creditCode(5) });
    const [older, lost] = [
        await service.key('older', { until, holder: '恢复公司', credential: creditCode(5) }),
        await service.key('lost', { until, holder: '恢复公司', credential: creditCode(5) }),
    ];
    const stranger = await service.key('stranger', { until, credential: creditCode(6) });
    const person = await holderOf(key, staff, { recoverSerial: await serialOf(service, older) });
    const agent = new KeyAgent(key);
    Applicant.good(await person.create({ kind: 'KEY_RECOVERY', certificate: key.certificate }));
    await person.goOn('IN_REVIEW');

    await t.test('not before the second approval, and not by the same reviewer', async () => {
        for (let i = 0; i < 2; i += 1) await person.review();
        assert.equal((await person.look()).state, 'IN_REVIEW');
        refused(await agent.claim(person.order.no), 409, 'WRONG_STATE');
        await person.review('second');
        assert.equal((await person.look()).state, 'READY_TO_ISSUE');
    });
    await t.test('only the key that applied claims it', async () => {
        await stranger.logIn();
        refused(await new KeyAgent(stranger).claim(person.order.no), 404, 'NOT_FOUND');
        await lost.logIn();
        refused(await new KeyAgent(lost).claim(person.order.no), 409, 'WRONG_TOKEN');
        KeyAgent.good(await agent.claim(person.order.no));
        assert.equal(agent.task.matchCertificate, key.certificate);
    });
    await t.test('the key vouches for the recipient, and the first one has it', async () => {
        await agent.generate();
        const recipient = agent.recipient.toString('base64');
        const vouch = (spki) => key.sign(`openukey-continuity:${agent.task.nonce}:${spki}`);
        refused(await agent.ask('POST', agent.path('/recover'), { recipient }), 400, 'BAD_REQUEST');
        refused(await agent.ask('POST', agent.path('/recover'), { recipient, continuity: await vouch('00') }), 403, 'CONTINUITY_INVALID');
        refused(await agent.ask('POST', agent.path('/recover'), { recipient: 'AAAA', continuity: 'AAAA' }), 422, 'CSR_INVALID');
        refused(await agent.ask('POST', agent.path('/csr'), { csr: await key.csr(key.newKeyFile()) }), 409, 'NOT_OFFERED');
        refused(await agent.ask('POST', agent.path('/confirm'), { certificate: key.certificate, proof: 'AAAA' }), 409, 'TASK_NOT_CLAIMED');
        await agent.recover();
        const first = agent.made;
        await service.kill();
        service.changes.clock = '2026-03-01T10:05:00+08:00';
        await service.start();
        await agent.recover();
        assert.deepEqual(agent.made, first);
        refused(await agent.ask('POST', agent.path('/recover'), {}), 409, 'RECOVERY_REFUSED');
    });
    await t.test('confirmed by what only the recovered key can read', async () => {
        await agent.unwrap();
        const guess = await key.sign(`openukey-recovered:${agent.made.nonce}:guess`);
        refused(await agent.ask('POST', agent.path('/confirm'), { certificate: key.certificate, proof: guess }), 403, 'PROOF_INVALID');
        refused(await agent.ask('POST', agent.path('/confirm'), { certificate: key.certificate }), 400, 'BAD_REQUEST');
        await agent.prove();
        agent.twice = true;
        await agent.confirm();
        assert.equal(agent.state, 'COMPLETED');
        const [row] = await service.rows('SELECT c.serial FROM recoveries r JOIN certificates c ON c.id = r.certificate');
        assert.equal(row.serial, await serialOf(service, older), 'the one that was asked for');
        assert.match((await service.command('verify-events')).stdout, /chain is whole/);
    });
    await t.test('a serial that is not this holder’s finds nothing', async () => {
        person.entries.recoverSerial = await serialOf(service, stranger);
        Applicant.good(await person.create({ kind: 'KEY_RECOVERY', certificate: key.certificate }));
        await person.goOn('IN_REVIEW');
        await assert.rejects(person.review(), /NOTHING_TO_RECOVER/);
        await person.judge('reviewer', 'reject', { reason: '无此证书' });
    });
});
