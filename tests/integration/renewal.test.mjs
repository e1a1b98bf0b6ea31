// The main job over HTTPS, through the SDK as a page uses it; what came of it is judged by openssl, not by us.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { join } from 'node:path';
import { parse, sealParts, signedDataParts } from '../support/der.mjs';
import { flip, fromPem, makeWorld } from '../support/world.mjs';

const STEPS = [
    'read-key', 'match', 'claim', 'generate', 'request', 'send', 'check', 'unwrap', 'write-seal', 'write-certificates',
    'read-back', 'prove', 'confirm', 'retire',
];

describe('the whole renewal', () => {
    let world;
    let bidder;
    let old;
    let progress;
    let finished;

    after(() => world?.close());
    before(async () => {
        world = await makeWorld(null, { keys: { key: { rsa: true } } });
        bidder = await world.bidder();
        await bidder.look();
        old = { token: bidder.token, certificates: bidder.certificates, seals: bidder.seals };
        await bidder.untilPaid();
        progress = [];
        finished = await bidder.write((job) => progress.push(job));
        await bidder.refresh();
        await bidder.look();
    });

    const oldSign = () => old.certificates.find((one) => one.usage === 'sign' && one.current);
    const newOne = (usage) => bidder.certificates.find((one) => one.usage === usage && one.current);
    const chain = () => ({ root: world.rootFile, issuing: world.issuingFile });

    test('the page sees serial, label, a pair of SM2 certificates and the seal', () => {
        assert.match(old.token.serial, /^[0-9A-F]{29,32}$/);
        assert.ok(old.token.label);
        const sm2 = old.certificates.filter((one) => one.algorithm === 'SM2');
        assert.deepEqual(sm2.map((one) => [one.usage, one.current]).sort(), [
            ['encrypt', true],
            ['sign', true],
        ]);
        const sign = oldSign();
        assert.equal(old.certificates.find((one) => one.id === sign.pair)?.usage, 'encrypt');
        assert.equal(old.seals.length, 1);
        assert.equal(old.seals[0].type, 'organization');
        assert.equal(old.seals[0].size.text, '48mm*48mm');
        assert.equal(old.seals[0].verification.result, 'valid');
        assert.ok(old.seals[0].certificates.includes(sign.id));
    });

    test('the PIN was asked for by the native dialog and appears in no log', async () => {
        assert.ok(world.dialogs.pinentryLog.includes('GETPIN'));
        const { readFileSync } = await import('node:fs');
        for (const name of ['agent.log', 'orderd.log', 'key.log']) {
            assert.doesNotMatch(readFileSync(join(world.dir, name), 'utf8'), /123456/, name);
        }
    });

    test('every step of the job is reported in order and the progress grows to 100', () => {
        assert.deepEqual(progress.at(-1).steps.map(({ name }) => name), STEPS);
        assert.ok(progress.at(-1).steps.every(({ state }) => state === 'done'));
        assert.equal(finished.state, 'done');
        assert.equal(finished.progress, 100);
        const percents = progress.map((job) => job.progress);
        assert.deepEqual(percents, [...percents].sort((a, b) => a - b));
    });

    test('validity continues from the old end date and the PIN is unchanged', async () => {
        const wanted = new Date(oldSign().notAfter);
        wanted.setUTCFullYear(wanted.getUTCFullYear() + 1);
        assert.equal(new Date(newOne('sign').notAfter).getTime(), wanted.getTime());
        assert.equal(new Date(newOne('encrypt').notAfter).getTime(), wanted.getTime());
        assert.equal(bidder.order.state, 'COMPLETED');
        assert.deepEqual(await (await world.bidder()).look().then((one) => one.verifyPin()), { verified: true, mustChange: false });
    });

    test('the key holds the new pair and the old encryption key, and no other signing key', () => {
        const withKey = bidder.certificates.filter((one) => one.hasPrivateKey && one.algorithm === 'SM2').map((one) => [one.usage, one.id]);
        assert.deepEqual(
            withKey.sort(),
            [
                ['encrypt', oldSign().pair],
                ['encrypt', newOne('encrypt').id],
                ['sign', newOne('sign').id],
            ].sort(),
        );
        assert.ok(!old.certificates.some((one) => one.id === newOne('sign').id));
        assert.equal(finished.result.signCertificate, newOne('sign').id);
        assert.equal(finished.result.encryptCertificate, newOne('encrypt').id);
    });

    test('the service holds exactly one valid signing certificate, the one on the key', async () => {
        assert.deepEqual((await world.validSignCertificates()).map((row) => row.sha256), [newOne('sign').id]);
    });

    test('openssl verifies both new certificates against the CA, and not with a byte flipped', async () => {
        for (const usage of ['sign', 'encrypt']) {
            const der = fromPem(newOne(usage).pem);
            assert.equal(await world.openssl.verifyCertificate(der, chain()), true, usage);
            assert.equal(await world.openssl.verifyCertificate(flip(der, -4), chain()), false, usage);
            // in the subject, far from the signature
            const middle = der.indexOf(Buffer.from(newOne(usage).subject.commonName));
            assert.equal(await world.openssl.verifyCertificate(flip(der, middle + 2), chain()), false, usage);
        }
    });

    test('openssl finds the usages of a signing and of an encryption certificate', async () => {
        const usage = (der) => world.openssl.describe(der, '-ext', 'keyUsage');
        assert.match(await usage(fromPem(newOne('sign').pem)), /Digital Signature/);
        assert.match(await usage(fromPem(newOne('encrypt').pem)), /Key Encipherment|Data Encipherment/);
    });

    test('openssl verifies the PKCS#10, and not with a byte flipped', async () => {
        const [{ csr }] = await world.rows("SELECT hex(csr) AS csr FROM issuances WHERE state = 'CONFIRMED'");
        const der = Buffer.from(csr, 'hex');
        assert.equal(await world.openssl.verifyRequest(der), true);
        assert.equal(await world.openssl.verifyRequest(flip(der, -4)), false);
        assert.equal(await world.openssl.verifyRequest(flip(der, der.indexOf(0x0c) + 3)), false);
    });

    test("openssl verifies the seal's signature over SES_SealInfo, and not with a byte flipped", async () => {
        const seal = bidder.seals.find((one) => one.certificates.includes(newOne('sign').id));
        assert.equal(seal.verification.result, 'valid');
        assert.equal(new Date(seal.validEnd).getTime(), new Date(newOne('sign').notAfter).getTime());
        const { signed, certificate, signature } = sealParts(Buffer.from(seal.der, 'base64'));
        const good = { certificate, data: signed, signature };
        assert.equal(await world.openssl.verifySignature(good), true);
        assert.equal(await world.openssl.verifySignature({ ...good, data: flip(signed, 40) }), false);
        assert.equal(await world.openssl.verifySignature({ ...good, signature: flip(signature, -1) }), false);
        assert.equal(await world.openssl.verifyCertificate(certificate, chain()), true, 'the maker is of the same CA');
    });

    test("openssl verifies the confirmation's signature, which is over what was shown", async () => {
        const parts = signedDataParts(Buffer.from(bidder.confirmation.signature, 'base64'));
        const certificate = fromPem(oldSign().pem);
        const good = { certificate, data: parts.signed, signature: parts.signature };
        assert.equal(await world.openssl.verifySignature(good), true);
        assert.equal(await world.openssl.verifySignature({ ...good, data: flip(parts.signed, -1) }), false);
        assert.equal(await world.openssl.verifySignature({ ...good, signature: flip(parts.signature, -1) }), false);
        assert.equal(parts.digest.toString('hex'), await world.openssl.sm3(parts.content));
        assert.notEqual(parts.digest.toString('hex'), await world.openssl.sm3(flip(parts.content, 10)));
        assert.equal(parts.content.toString(), bidder.confirmation.statement);
        const signed = JSON.parse(parts.content);
        assert.equal(signed.type, 'statement');
        assert.equal(signed.origin, world.serviceUrl);
        assert.equal(signed.order, bidder.order.no);
        const shown = world.dialogs.shown.find((one) => one.kind === 'statement');
        assert.deepEqual(shown.fields.slice(0, signed.fields.length), signed.fields);
        assert.equal(shown.origin, world.serviceUrl);
    });

    test('the service kept the confirmation as it was signed', async () => {
        const [row] = await world.rows('SELECT statement, hex(signature) AS signature, origin, method FROM consents');
        assert.equal(row.method, 'TOKEN_SIG');
        assert.equal(row.origin, world.serviceUrl);
        assert.equal(row.signature.toLowerCase(), Buffer.from(bidder.confirmation.signature, 'base64').toString('hex'));
    });

    test('the old certificate is superseded and a second renewal is refused as too early', async () => {
        const [row] = await world.rows(`SELECT state FROM certificates WHERE sha256 = '${oldSign().id}'`);
        assert.equal(row.state, 'SUPERSEDED');
        const again = await world.bidder();
        await again.look();
        await again.verifyPin();
        const session = await again.logIn();
        assert.equal(session.certificate.id, newOne('sign').id);
        const answer = await again.askEligibility();
        assert.deepEqual([answer.eligible, answer.code], [false, 'RENEWAL_TOO_EARLY']);
        await assert.rejects(again.createOrder(), { code: 'RENEWAL_TOO_EARLY', status: 409 });
    });

    test('the DER of the new seal is the one that the service made', async () => {
        const seal = bidder.seals.find((one) => one.certificates.includes(newOne('sign').id));
        const [row] = await world.rows("SELECT id, hex(der) AS der FROM seals WHERE state = 'VALID'");
        assert.equal(row.id, seal.id);
        assert.equal(row.der.toLowerCase(), Buffer.from(seal.der, 'base64').toString('hex'));
        assert.equal(parse(Buffer.from(seal.der, 'base64')).items.length, 4);
    });
});
