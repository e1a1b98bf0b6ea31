// Every kind of job over the real agent, a simulated key and the order service, each to its end.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { JobBench } from '../support/job_bench.mjs';

const refusal = (code) => (error) => error.code === code || assert.fail(`${error.code}: ${error.title} ${error.problem?.reason ?? ''}`);

describe('enrol', () => {
    test('a key that was handed out gets its certificates and its seal, once its first PIN has been changed', async (t) => {
        const bench = await JobBench.make(t, 'enrol', { changes: { pin: { mustChange: true } } });
        const agent = await bench.page();
        const token = await agent.token();
        assert.equal((await agent.verifyPin({ token })).mustChange, true);
        await assert.rejects(bench.carryOut(), refusal('PIN_MUST_CHANGE'));
        bench.dialogs.typePin('123456', 'own-pin-1');
        await agent.changePin({ token });
        bench.options.pin = 'own-pin-1';
        await assert.rejects(bench.carryOut({ code: 'AAAAAAAAAAAAAAAAAAAA' }), refusal('SERVICE_REFUSED'));
        const progress = [];
        const job = await bench.start();
        job.on('progress', ({ step, state }) => state === 'running' && progress.push(step));
        const done = await job.finished();
        await bench.assertDone(done);
        assert.deepEqual(done.steps.map(({ name }) => name), [
            ...['read-key', 'match', 'empty', 'claim', 'generate', 'request', 'send', 'check', 'unwrap', 'write-seal', 'write-certificates'],
            ...['read-back', 'prove', 'confirm'],
        ]);
        const order = done.steps.map(({ name }) => name);
        assert.deepEqual(progress, [...progress].sort((a, b) => order.indexOf(a) - order.indexOf(b)));
        assert.ok(!bench.dialogs.shown.some(({ kind }) => kind === 'confirm'), 'an empty key is not asked about');
        // asked again, nothing happens
        assert.equal((await bench.carryOut()).id, done.id);
    });
});

describe('change', () => {
    test('the new name is on the key, with its seal; the old certificate is revoked, old mail can be read', async (t) => {
        const bench = await JobBench.make(t, 'change');
        const { now, signing } = await bench.assertDone(await bench.carryOut());
        assert.equal(signing.subject.organization, '改名科技有限公司');
        assert.equal(signing.notAfter, bench.before.sign.notAfter);
        const [{ state, reason }] = await bench.rows(`SELECT state, reason FROM certificates WHERE sha256 = '${bench.certificate}'`);
        assert.deepEqual([state, reason], ['REVOKED', 3]);
        assert.ok(!now.seals.some(({ id }) => id === bench.before.seals[0].id), 'the old seal has gone');
    });
});

describe('replace', () => {
    test('a fresh key gets what the lost one had, and the lost one is revoked', async (t) => {
        const bench = await JobBench.make(t, 'replace');
        await bench.assertDone(await bench.carryOut());
        const [{ state }] = await bench.rows(`SELECT state FROM certificates WHERE sha256 = '${bench.lostCertificate}'`);
        assert.equal(state, 'REVOKED');
    });
});

describe('unlock', () => {
    test('the code of the service and a PIN typed natively unlock the key; the page sees neither PIN nor answer', async (t) => {
        const bench = await JobBench.make(t, 'unlock');
        bench.dialogs.typePin('new-pin-1');
        bench.options.pin = 'new-pin-1';
        assert.equal(bench.before.token.pin.state, 'locked');
        await assert.rejects(bench.carryOut({ code: 'AAAAAAAAAA' }), refusal('SERVICE_REFUSED'));
        const job = await bench.carryOut();
        const { now } = await bench.assertDone(job);
        assert.deepEqual(job.result, { mustChange: false });
        assert.deepEqual([now.token.pin.state, now.token.pin.verified], ['ok', false], 'the page has to ask for the PIN');
        const { readFileSync } = await import('node:fs');
        for (const name of ['agent.log', 'orderd.log', 'key.log']) assert.doesNotMatch(readFileSync(`${bench.dir}/${name}`, 'utf8'), /new-pin-1/, name);
    });

    test('where the manual fixes the PIN, the person is asked first, and must change it', async (t) => {
        const bench = await JobBench.make(t, 'unlock', { serviceConfig: { profile: 'hainan' } });
        bench.dialogs.refuse('confirm');
        await assert.rejects(bench.carryOut(), refusal('USER_CANCELLED'));
        bench.dialogs.agree('confirm');
        const job = await bench.carryOut();
        assert.deepEqual(job.result, { mustChange: true });
        const agent = await bench.page();
        bench.dialogs.typePin('12345678');
        const token = await agent.token();
        assert.equal((await agent.verifyPin({ token })).mustChange, true);
        bench.dialogs.typePin('12345678', 'own-pin-22');
        await agent.changePin({ token });
        bench.options.pin = 'own-pin-22';
        await bench.assertDone(job);
    });
});

describe('recover', () => {
    test('an encryption key that the KMC keeps comes back beside the present ones', async (t) => {
        const bench = await JobBench.make(t, 'recover');
        const job = await bench.carryOut();
        const { now } = await bench.assertDone(job);
        const lost = JobBench.idOf(bench.lost, (usage) => usage === 'encrypt');
        assert.equal(job.result.encryptCertificate, lost);
        assert.ok(!bench.before.certificates.some(({ id }) => id === lost));
        assert.equal(now.certificates.find(({ id }) => id === lost).hasPrivateKey, true);
    });
});
