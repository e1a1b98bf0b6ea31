// Logins, orders and jobs with keys that are not SM2. An RSA key has one certificate for signing and decryption, as the order service issues it.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { X509Certificate } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { JobBench } from '../support/job_bench.mjs';
import { plugPivCard } from '../support/piv_card.mjs';
import { creditCode } from '../support/service.mjs';
import { makeWorld } from '../support/world.mjs';

const RSA_ONLY = { containers: [{ name: 'openukey-rsa', algorithm: 'RSA' }], seal: null };

test('an RSA key logs in, confirms and is renewed by the agent; the old key stays for what was encrypted to it', async (t) => {
    const bench = await JobBench.make(t, 'renew', { changes: RSA_ONLY });
    const { sign: old, encrypt, seals } = bench.before;
    assert.deepEqual([old.algorithm, old.usage, encrypt.id, seals], ['RSA', 'both', old.id, []]);
    await t.test('cut after its new key was made, the old one signs and decrypts', async () => {
        const talk = await bench.key.talk();
        await talk.say('hold after 54'); // GEN_RSA_KEY_PAIR
        const running = bench.carryOut().catch((error) => error);
        assert.equal(await Promise.race([talk.next(), running.then((job) => job.problem?.reason ?? job.state)]), 'held 54');
        await talk.say('remove');
        assert.equal((await running).code, 'TOKEN_REMOVED');
        await talk.say('insert');
        talk.close();
        await bench.seen();
        await bench.oldWorks();
    });
    const job = await bench.carryOut();
    assert.deepEqual([job.state, (await bench.order()).state], ['done', 'COMPLETED']);
    const now = await bench.look();
    assert.equal(now.sign.id, job.result.signCertificate);
    assert.notEqual(now.sign.id, old.id);
    const made = new X509Certificate(now.sign.pem);
    assert.deepEqual([made.publicKey.asymmetricKeyType, made.publicKey.asymmetricKeyDetails.modulusLength, now.sign.usage], ['rsa', 2048, 'both']);
    assert.equal(await bench.openssl.verifyCertificate(Buffer.from(made.raw), { root: bench.rootFile, issuing: bench.issuingFile }), true);
    assert.deepEqual((await bench.validSignCertificates()).map(({ sha256: id }) => id), [now.sign.id]);
    await bench.keyCheck(now.sign, now.sign);
    await bench.keyCheck(now.sign, old); // old mail
    // asked again, nothing happens; the next order begins with the new key
    assert.equal((await bench.carryOut()).id, job.id);
    const next = await bench.bidder();
    await next.look();
    await next.verifyPin();
    assert.equal((await next.logIn()).certificate.id, now.sign.id);
});

test('an RSA key gets its holder’s new name', async (t) => {
    const bench = await JobBench.make(t, 'change', { changes: RSA_ONLY });
    const job = await bench.carryOut();
    const { sign } = await bench.look();
    assert.deepEqual([sign.id, sign.subject.organization, sign.notAfter], [job.result.signCertificate, '改名科技有限公司', bench.before.sign.notAfter]);
    await bench.keyCheck(sign, bench.before.sign);
    const [{ state }] = await bench.rows(`SELECT state FROM certificates WHERE sha256 = '${bench.certificate}'`);
    assert.equal(state, 'REVOKED');
});

test('under an RSA CA a blank key gets an RSA key with its certificate', async (t) => {
    const bench = await JobBench.make(t, 'enrol', { caAlgorithm: 'RSA-2048' });
    const job = await bench.carryOut();
    const { sign, seals } = await bench.look();
    assert.deepEqual([sign.id, sign.algorithm, sign.usage], [job.result.signCertificate, 'RSA', 'both']);
    assert.deepEqual((await bench.validSignCertificates()).map(({ sha256: id }) => id), [sign.id]);
    assert.ok(seals.every(({ certificates }) => certificates.includes(sign.id)));
    await bench.keyCheck(sign, sign);
});

test('under a P-256 CA a key that knows no P-256 says so, and nothing is written', async (t) => {
    const bench = await JobBench.make(t, 'enrol', { caAlgorithm: 'P-256' });
    await assert.rejects(bench.carryOut(), { code: 'CAPABILITY_MISSING' });
    assert.deepEqual((await bench.look()).certificates, []);
    assert.equal(await bench.isDone(), false);
});

/* The world's CA certifies keys of a card that is no container of ours. */
function issuerOf(world) {
    const path = (name) => join(world.dir, name);
    return {
        issue(key, name) {
            writeFileSync(path(`${name}.pub`), key.export({ type: 'spki', format: 'pem' }));
            writeFileSync(path('ext'), '[it]\nkeyUsage=critical,digitalSignature\nbasicConstraints=critical,CA:FALSE\nauthorityKeyIdentifier=keyid\nsubjectKeyIdentifier=hash\n');
            const subject = `/C=CN/O=Example Builders/CN=Example Builders/organizationIdentifier=${creditCode(1)}`;
            execFileSync('openssl', [
                ...['x509', '-new', '-subj', subject, '-force_pubkey', path(`${name}.pub`), '-CA', join(world.ca, 'issuing.crt'), '-CAkey', join(world.ca, 'issuing.key')],
                ...['-sm3', '-sigopt', 'distid:1234567812345678', '-days', '20', '-extfile', path('ext'), '-extensions', 'it', '-outform', 'DER', '-out', path(`${name}.der`)],
            ], { stdio: ['ignore', 'pipe', 'pipe'] });
            return readFileSync(path(`${name}.der`));
        },
    };
}

test('a P-256 key logs in, orders and confirms; its card, whose slots are no containers, takes no job and says so', async (t) => {
    const world = await makeWorld(t, { keys: {} });
    await plugPivCard(world, issuerOf(world));
    await world.seen(1);
    const bidder = await (await world.bidder()).look();
    const mine = bidder.certificates.find(({ algorithm, usage }) => algorithm === 'EC' && usage === 'sign');
    const manifestFile = join(world.dir, 'piv.json');
    const { serial, label } = bidder.token;
    writeFileSync(manifestFile, JSON.stringify({ version: 1, token: { serial, label, manufacturer: 'PIV' }, certificates: [{ pem: mine.pem }], seals: [] }));
    await world.importKey({ manifestFile });
    await bidder.verifyPin();
    assert.equal((await bidder.logIn({ certificate: mine.id })).certificate.id, mine.id);
    await bidder.createOrder();
    await bidder.fillIn();
    await bidder.confirm();
    assert.equal(bidder.confirmation.format, 'cms');
    assert.equal((await bidder.pay()).state, 'READY_TO_ISSUE');
    await assert.rejects(bidder.write(), { code: 'CAPABILITY_MISSING' });
});
