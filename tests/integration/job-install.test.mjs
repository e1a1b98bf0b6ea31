// Certificates and seals that a page brings: what fits is installed in place, everything else is refused and leaves the key as it was.
import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { run } from '../../tools/demo/program.mjs';
import { creditCode } from '../support/service.mjs';
import { JobBench } from '../support/job_bench.mjs';
import { fromPem } from '../support/world.mjs';

const SM2 = ['-sm3', '-sigopt', 'distid:1234567812345678', '-vfyopt', 'distid:1234567812345678'];
const USAGES = { sign: 'digitalSignature,nonRepudiation', encrypt: 'keyEncipherment,dataEncipherment' };
// openssl x509 -subj takes ASCII only
const NAME = { ST: 'Hunan', L: 'Changsha', O: 'Example Builders', CN: 'Example Builders', organizationIdentifier: creditCode(1) };
const base64 = (der) => Buffer.from(der).toString('base64');

/* The CA's hand, by openssl: a certificate for the public key of `pem` (a certificate), or for a key of nobody's. */
async function certify(bench, { pem, usage = 'sign', days = 400, subject = bench.name, ca = bench.ca } = {}) {
    const file = (name) => join(bench.dir, `made.${name}`);
    if (pem) {
        writeFileSync(file('pub'), new X509Certificate(pem).publicKey.export({ type: 'spki', format: 'pem' }));
    } else {
        await run('openssl', ['genpkey', '-algorithm', 'EC', '-pkeyopt', 'ec_paramgen_curve:SM2', '-out', file('key')]);
        await run('openssl', ['pkey', '-in', file('key'), '-pubout', '-out', file('pub')]);
    }
    writeFileSync(file('cnf'), `[it]\nbasicConstraints=critical,CA:FALSE\nkeyUsage=critical,${USAGES[usage]}\nauthorityKeyIdentifier=keyid\nsubjectKeyIdentifier=hash\n`);
    await run('openssl', [
        ...['x509', '-new', '-subj', subject, '-force_pubkey', file('pub'), '-CA', join(ca, 'issuing.crt'), '-CAkey', join(ca, 'issuing.key'), ...SM2],
        ...['-days', String(days), '-extfile', file('cnf'), '-extensions', 'it', '-out', file('crt')],
    ]);
    return fromPem(readFileSync(file('crt'), 'utf8'));
}

/* Both of a pair begin in the same second. */
async function certifyPair(bench, sign, encrypt, more = {}) {
    for (;;) {
        const [one, two] = [await certify(bench, { pem: sign, ...more }), await certify(bench, { pem: encrypt, usage: 'encrypt', ...more })];
        if (new X509Certificate(one).validFrom === new X509Certificate(two).validFrom) return [one, two];
    }
}

async function openBench(t) {
    const bench = await JobBench.make(t, 'renew', { isReady: false, changes: { subject: NAME } });
    const { subject } = JSON.parse(readFileSync(join(bench.dir, 'key.profile.json'), 'utf8'));
    bench.name = Object.entries(subject).map(([name, value]) => `/${name}=${value}`).join('');
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
