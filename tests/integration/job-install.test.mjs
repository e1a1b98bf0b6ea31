// Certificates and seals that a page brings: what fits is installed in place, everything else is refused and leaves the key as it was.
import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { join } from 'node:path';
import { test } from 'node:test';
import { run } from '../../tools/demo/program.mjs';
import { PLAIN_NAME, certify, certifyPair, sealMaker } from '../support/issuer.mjs';
import { JobBench } from '../support/job_bench.mjs';
import { fromPem } from '../support/world.mjs';

const base64 = (der) => Buffer.from(der).toString('base64');

async function openBench(t) {
    const bench = await JobBench.make(t, 'renew', { isReady: false, changes: { subject: PLAIN_NAME } });
    bench.before = await bench.look();
    bench.install = async (order, install) => {
        const agent = await bench.page();
        const token = await agent.token();
        await agent.verifyPin({ token });
        return (await agent.jobs.install({ order, install })).finished();
    };
    return bench;
}

/* What was on the key before is there, and works. */
async function asBefore(bench) {
    const now = await bench.look();
    assert.deepEqual(now.certificates.map(({ id }) => id).sort(), bench.before.certificates.map(({ id }) => id).sort());
    assert.deepEqual(now.seals.map(({ id, der }) => [id, der]), bench.before.seals.map(({ id, der }) => [id, der]));
    await bench.keyCheck(bench.before.sign, bench.before.encrypt);
}

test('21: what does not fit the key, its holder or its CA is refused, and the old certificate is intact', async (t) => {
    const bench = await openBench(t);
    const { pem } = bench.before.sign;
    const [seal] = bench.before.seals;
    const strangers = join(bench.dir, 'strangers');
    await run(bench.binary('ukey'), ['ca', 'init', strangers]);
    const good = await certify(bench, { pem });
    const bent = Buffer.from(good);
    bent[bent.length - 5] ^= 1;
    const bentSeal = Buffer.from(seal.der, 'base64');
    bentSeal[bentSeal.length - 5] ^= 1;
    const otherNumber = `${seal.id.slice(0, -1)}${seal.id.endsWith('0') ? 1 : 0}`;
    const { seal: made } = await sealMaker(bench);
    const mine = fromPem(pem);
    const nobodys = await certify(bench);
    const { seal: strangersMade } = await sealMaker(bench, { ca: strangers });
    const day = 86400_000;
    const cases = {
        'another key': [{ signCertificate: base64(await certify(bench)) }, /not for the key/],
        'another CA': [{ signCertificate: base64(await certify(bench, { pem, ca: strangers })) }, /does not chain/],
        'another name': [{ signCertificate: base64(await certify(bench, { pem, subject: '/C=CN/O=Others/CN=Others' })) }, /another subject/],
        'a shorter term': [{ signCertificate: base64(await certify(bench, { pem, days: 3 })) }, /validity/],
        'a term that no CA gives': [{ signCertificate: base64(await certify(bench, { pem, days: 3000 })) }, /validity/],
        'the wrong usage': [{ signCertificate: base64(await certify(bench, { pem, usage: 'encrypt' })) }, /wrong usage/],
        'the signing key for encryption': [{ encryptCertificate: base64(await certify(bench, { pem, usage: 'encrypt' })) }, /enveloped key/],
        'a byte flipped': [{ signCertificate: base64(bent) }, /does not chain/],
        'no certificate': [{ signCertificate: 'AAAA' }, /malformed/],
        nothing: [{}, /malformed/],
        'a seal that lists another certificate': [{ signCertificate: base64(good), seal: seal.der, sealId: seal.id }, /the seal/],
        'a seal with a byte flipped': [{ seal: base64(bentSeal), sealId: seal.id }, /the seal/],
        'a seal under another number': [{ seal: seal.der, sealId: otherNumber }, /malformed/],
        'a new seal for another certificate': [made({ listed: [nobodys], id: 'NEW-1' }), /the seal/],
        'a new seal for a certificate that is not installed with it': [{ ...made({ listed: [good], id: 'NEW-1' }) }, /the seal/],
        'a new seal for the digest of another certificate': [made({ listed: [nobodys], id: 'NEW-1', digests: true }), /the seal/],
        'a new seal that has ended': [made({ listed: [mine], id: 'NEW-1', start: Date.now() - 9 * day, end: Date.now() - day }), /the seal/],
        'a new seal that has not begun': [made({ listed: [mine], id: 'NEW-1', start: Date.now() + day }), /the seal/],
        'a new seal of a strange maker': [strangersMade({ listed: [mine], id: 'NEW-1' }), /the seal/],
        'a new seal with a name that is a path': [made({ listed: [mine], id: '../NEW' }), /malformed/],
        'a new seal with the number of the one that is there': [made({ listed: [mine], id: seal.id }), /the number of another/],
        'a new seal without its number': [{ seal: made({ listed: [mine], id: 'NEW-1' }).seal }, /malformed/],
    };
    for (const [number, [name, [install, reason]]] of Object.entries(cases).entries()) {
        await t.test(name, async () => {
            const { code, problem } = await bench.install(`I${number}`, install).catch((error) => error);
            assert.equal(code, 'INSTALL_REFUSED');
            assert.match(problem.reason, reason);
            await asBefore(bench);
        });
    }
});

test('a new seal, altered in any of its parts, is refused', async (t) => {
    const bench = await openBench(t);
    const { seal } = await sealMaker(bench);
    const { seal: whole, sealId } = seal({ listed: [fromPem(bench.before.sign.pem)], id: 'NEW-1' });
    const der = Buffer.from(whole, 'base64');
    const tried = process.env.LONG ? der.length : 12;
    for (let i = 0; i < tried; i++) {
        const at = Math.floor(((i + 0.5) * der.length) / tried);
        const bent = Buffer.from(der);
        bent[at] ^= 1 << i % 8;
        const { code } = await bench.install(`I${i}`, { seal: base64(bent), sealId }).catch((error) => error);
        assert.equal(code, 'INSTALL_REFUSED', `byte ${at}`);
    }
    await asBefore(bench);
});

test('a new seal stamps, alone and with the certificates that it is for; what was there stays', async (t) => {
    const bench = await openBench(t);
    const { sign, encrypt, seals } = bench.before;
    const { seal } = await sealMaker(bench);
    await t.test('for the certificate that is there, listed whole or by its digest', async () => {
        const order = { 'NEW-1': {}, 'NEW-2': { version: 5, digests: true } };
        for (const [id, more] of Object.entries(order)) {
            const job = await bench.install(id, seal({ listed: [fromPem(sign.pem)], id, ...more }));
            assert.equal(job.result.signCertificate, sign.id);
        }
        const now = await bench.look();
        assert.deepEqual(now.seals.map(({ id }) => id).sort(), [...seals.map(({ id }) => id), 'NEW-1', 'NEW-2'].sort());
        assert.deepEqual((await bench.sealsWork(now.seals.filter(({ id }) => id !== 'NEW-2'), sign)).sort(), [...seals.map(({ id }) => id), 'NEW-1'].sort());
        await bench.keyCheck(sign, encrypt);
    });
    await t.test('with the certificates that come with it', async () => {
        const [made, madeToo] = await certifyPair(bench, sign.pem, encrypt.pem);
        const install = { signCertificate: base64(made), encryptCertificate: base64(madeToo), ...seal({ listed: [made], id: 'NEW-3' }) };
        const job = await bench.install('I3', install);
        assert.equal(job.result.seal, 'NEW-3');
        const now = await bench.look();
        assert.deepEqual(await bench.sealsWork(now.seals, now.sign), ['NEW-3']);
        await bench.keyCheck(now.sign, now.encrypt);
    });
});

test('21: a certificate for the key that is there takes the old one’s place; its order is good for nothing else', async (t) => {
    const bench = await openBench(t);
    const { sign, encrypt, seals } = bench.before;
    const [made, madeToo] = await certifyPair(bench, sign.pem, encrypt.pem);
    const install = { signCertificate: base64(made), encryptCertificate: base64(madeToo) };

    await t.test('a seal that is there already is taken as it is', async () => {
        assert.equal((await bench.install('S1', { seal: seals[0].der, sealId: seals[0].id })).state, 'done');
        await asBefore(bench);
    });
    for (const [moment, strike] of [
        ['before', (talk) => talk.say('remove')],
        ['after', () => bench.agent.kill()],
    ]) {
        await t.test(`cut ${moment} the first certificate is written, old or new certificate work`, async () => {
            const talk = await bench.key.talk();
            await talk.say(`hold ${moment} 4C`);
            const running = bench.install('I1', install).catch((error) => error);
            assert.equal(await Promise.race([talk.next(), running.then(({ problem }) => problem?.reason)]), 'held 4C');
            await strike(talk);
            if (moment === 'after') await talk.say('release');
            await running;
            if (moment === 'before') await talk.say('insert');
            else await bench.startAgent();
            talk.close();
            await bench.seen();
            const now = await bench.look();
            await bench.keyCheck(now.certificates.find(({ usage, keyId }) => usage === 'sign' && keyId === sign.keyId), encrypt.id && now.certificates.find(({ keyId }) => keyId === encrypt.keyId));
        });
    }
    await t.test('run again, it is done', async () => {
        const job = await bench.install('I1', install);
        const now = await bench.look();
        const id = (der) => new X509Certificate(der).fingerprint256.replaceAll(':', '').toLowerCase();
        assert.deepEqual([job.result.signCertificate, job.result.encryptCertificate], [id(made), id(madeToo)]);
        assert.deepEqual([now.sign.id, now.encrypt.id], [id(made), id(madeToo)]);
        assert.deepEqual([now.sign.keyId, now.encrypt.keyId], [sign.keyId, encrypt.keyId]);
        await bench.keyCheck(now.sign, now.encrypt);
        assert.equal((await bench.install('I1', install)).id, job.id);
    });
    await t.test('its order shown again with something else is refused', async () => {
        await assert.rejects(bench.install('I1', { signCertificate: base64(await certify(bench, { pem: sign.pem })) }), { code: 'ORDER_USED' });
    });
    await t.test('what it replaced does not come back by another order', async () => {
        const { code, problem } = await bench.install('I2', { signCertificate: base64(fromPem(sign.pem)) }).catch((error) => error);
        assert.deepEqual([code, problem.reason], ['INSTALL_REFUSED', 'a newer certificate is on the key already']);
        assert.equal((await bench.look()).sign.id, new X509Certificate(made).fingerprint256.replaceAll(':', '').toLowerCase());
    });
});
