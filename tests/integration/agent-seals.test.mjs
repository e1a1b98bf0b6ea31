// Seals and stamps: what the agent stamps with a seal of the key, judged by openssl; seals and stamps of another maker (seal_maker.mjs; with
// OPENUKEY_SEAL_SAMPLES also those of a third one), judged by the agent; and each of them changed.
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { parse } from '../support/der.mjs';
import { SealMaker, sm3 } from '../support/seal_maker.mjs';
import { acceptedChanges, judgeStamp } from '../support/other_judge.mjs';
import { flip, fromPem, makeWorld } from '../support/world.mjs';

const DAY = 86400_000;
const base64 = (bytes) => Buffer.from(bytes).toString('base64');
const bytesOf = (text) => Buffer.from(text, 'base64');
const DOCUMENT = Buffer.from('<ofd:Signature>what is protected</ofd:Signature>');
const PLACE = '/Doc_0/Signs/Sign_0/Signature.xml';
const PROBES = process.env.LONG ? 2000 : 25;

describe('seals and stamps', () => {
    let world, agent, token, maker, sign, seal;

    before(async () => {
        maker = new SealMaker();
        const agentConfig = { services: { seals: { upstream: 'https://localhost:9', root: maker.rootFile } } };
        world = await makeWorld(null, { agentConfig });
        agent = await world.page();
        token = await agent.token();
        sign = (await agent.certificates({ token })).find((one) => one.usage === 'sign');
        [seal] = await agent.seals({ token });
    });
    after(async () => {
        await world?.close();
        maker?.close();
    });

    const stamp = (more = {}) => agent.stamp({ token, seal: seal.id, name: '合同.ofd', propertyInfo: PLACE, content: base64(DOCUMENT), ...more });
    const judge = (bytes, content) => agent.verify({ signature: base64(bytes), ...(content ? { content: base64(content) } : {}) });

    test('nothing is stamped before the PIN, and nothing that the person refuses', async () => {
        await assert.rejects(stamp(), { code: 'PIN_REQUIRED' });
        await agent.verifyPin({ token });
        world.dialogs.refuse('stamp');
        await assert.rejects(stamp(), { code: 'USER_CANCELLED' });
        world.dialogs.agree('stamp');
    });

    test('a stamp is what GB/T 38540 says, signed by the key; openssl verifies all its signatures', async () => {
        const answer = await stamp();
        assert.deepEqual([answer.format, answer.certificate, answer.seal], ['ses-signature-v4', sign.id, seal.id]);
        const shown = world.dialogs.shown.at(-1);
        assert.deepEqual([shown.kind, shown.origin], ['stamp', world.serviceUrl]);
        const values = shown.fields.map((field) => field.value);
        for (const value of [seal.name, '合同.ofd', PLACE, sm3(DOCUMENT).toString('hex')]) assert.ok(values.includes(value), value);
        const der = bytesOf(answer.stamp);
        const [body, certificate, , signature] = parse(der).items;
        const [version, inner, , hash, place] = body.items;
        assert.equal(version.content[0], 4);
        assert.ok(inner.whole.equals(bytesOf(seal.der)));
        assert.equal(hash.content.subarray(1).toString('hex'), await world.openssl.sm3(DOCUMENT));
        assert.equal(place.content.toString(), PLACE);
        assert.ok(certificate.content.equals(fromPem(sign.pem)));
        const verify = (data, value, by) => world.openssl.verifySignature({ certificate: by, data, signature: value });
        assert.equal(await verify(body.whole, signature.content.subarray(1), certificate.content), true);
        assert.equal(await verify(flip(body.whole, -1), signature.content.subarray(1), certificate.content), false);
        const [info, by, , sealed] = inner.items;
        assert.equal(await verify(info.whole, sealed.content.subarray(1), by.content), true);
        assert.equal(await world.openssl.verifyCertificate(by.content, { root: world.rootFile, issuing: world.issuingFile }), true);
        const verdict = await judge(der, DOCUMENT);
        assert.deepEqual([verdict.result, verdict.format, verdict.propertyInfo], ['valid', 'ses-signature-v4', PLACE]);
        assert.equal(verdict.signer.id, sign.id);
        assert.equal(verdict.seal.id, seal.id);
        assert.equal((await judge(der, flip(DOCUMENT, 3))).reason, 'document-hash');
    });

    test('every byte of a stamp counts, for the agent and for openssl', async (t) => {
        const der = bytesOf((await stamp()).stamp);
        const issuing = fromPem(readFileSync(world.issuingFile, 'utf8'));
        // the picture's bytes are all in one string: some of them
        const picture = bytesOf(seal.picture.data);
        const start = der.indexOf(picture) + 8;
        const skip = (at) => at >= start && at < start + picture.length - 16 && at % 500 !== 0;
        const { accepted, signatures } = await acceptedChanges(world.binary('sm2-lines'), der, (bytes, lines) => judgeStamp(bytes, issuing, DOCUMENT, lines), skip);
        assert.deepEqual(accepted, []);
        t.diagnostic(`campaign: stamp: ${der.length} bytes (a picture of ${picture.length} among them) changed one by one, ${signatures} SM2 signatures looked at by openssl, all refused`);
        for (let at = 1; at < der.length; at += Math.ceil(der.length / PROBES)) {
            const verdict = await judge(flip(der, at), DOCUMENT);
            assert.equal(verdict.valid, false, `byte ${at}`);
            assert.ok(verdict.reason);
        }
    });

    test('hash, bytes and upload say the same; none or two of them, or an unknown seal, are refused', async () => {
        const uploaded = await agent.uploadDocument(DOCUMENT);
        for (const more of [{ content: undefined, hash: base64(sm3(DOCUMENT)) }, { content: undefined, document: uploaded.id }]) {
            const answer = await stamp(more);
            assert.equal((await judge(bytesOf(answer.stamp), DOCUMENT)).result, 'valid');
        }
        await assert.rejects(stamp({ content: undefined }), { code: 'BAD_REQUEST' });
        await assert.rejects(stamp({ document: uploaded.id }), { code: 'BAD_REQUEST' });
        await assert.rejects(stamp({ seal: 'nowhere' }), { code: 'SEAL_NOT_FOUND' });
        await assert.rejects(stamp({ propertyInfo: 'a\nb' }), { code: 'BAD_REQUEST' });
    });

    test("seals of another maker, of versions 1, 4 and 5, are read and judged", async () => {
        for (const [options, format] of [
            [{ version: 1 }, 'ses-seal-v1'], [{ version: 1, threeParts: false }, 'ses-seal-v1'], [{ version: 4 }, 'ses-seal-v4'],
            [{ version: 4, digests: true }, 'ses-seal-v4'], [{ version: 4, threeParts: true }, 'ses-seal-v4'], [{ version: 5 }, 'ses-seal-v5'],
        ]) {
            const verdict = await judge(maker.seal(options));
            assert.deepEqual([verdict.format, verdict.result, verdict.reason], [format, 'valid', ''], JSON.stringify(options));
            const { seal: read } = verdict;
            assert.deepEqual([read.name, read.id, read.maker, read.type], ['某某公司公章', '43010000000001', 'TestMaker', 'organization']);
            assert.deepEqual([read.size.text, read.picture.type, read.version], ['40mm*30mm', 'png', options.version]);
            const expected = createHash(options.digests ? 'sm3' : 'sha256').update(maker.signer.der).digest('hex');
            assert.deepEqual(read.certificates, [expected]);
        }
        for (const [options, result] of [
            [{ end: Date.now() - 1000 }, 'expired'], [{ start: Date.now() + DAY }, 'not-yet-valid'], [{ maker: maker.stranger }, 'untrusted'],
            [{ version: 5, timeStamp: Buffer.from('3000', 'hex') }, 'untrusted'],
        ]) {
            const verdict = await judge(maker.seal(options));
            assert.deepEqual([verdict.valid, verdict.result], [false, result]);
            assert.ok(verdict.detail);
        }
    });

    test('a changed seal is invalid, whatever is changed', async () => {
        for (const version of [1, 4, 5]) {
            const der = maker.seal({ version });
            for (let at = 1; at < der.length; at += Math.ceil(der.length / PROBES)) {
                const verdict = await judge(flip(der, at));
                assert.equal(verdict.valid, false, `version ${version}, byte ${at}`);
            }
        }
    });

    test("stamps of another maker are judged by every check of the standard", async () => {
        const valid = [{ version: 1 }, { version: 4 }, { version: 5 }, { seal: maker.seal({ digests: true }) }];
        for (const options of valid) assert.equal((await judge(maker.stamp(options), 'document')).result, 'valid', JSON.stringify(options));
        const wrong = [
            [{ signer: maker.other }, 'not-listed'],
            [{ seal: maker.seal({ end: Date.now() - 1000 }) }, 'seal-dates'],
            [{ seal: maker.seal({ maker: maker.stranger }) }, 'seal-maker-untrusted'],
            [{ time: Date.now() - 20 * DAY }, 'time'],
            [{ signer: maker.stranger, seal: maker.seal({ listed: [maker.stranger] }) }, 'key-usage'],
            [{ document: 'another' }, 'document-hash'],
        ];
        for (const [options, reason] of wrong) {
            const verdict = await judge(maker.stamp(options), 'document');
            assert.deepEqual([verdict.valid, verdict.reason], [false, reason]);
            assert.ok(verdict.detail, reason);
        }
        const der = maker.stamp();
        for (let at = 1; at < der.length; at += Math.ceil(der.length / PROBES)) assert.equal((await judge(flip(der, at), 'document')).valid, false, `byte ${at}`);
    });

    const samples = process.env.OPENUKEY_SEAL_SAMPLES;
    const sample = (name) => samples && existsSync(join(samples, name)) && join(samples, name);

    for (const [name, format] of [['UserV1.esl', 'ses-seal-v1'], ['UserV4.esl', 'ses-seal-v4'], ['UserV5.esl', 'ses-seal-v5']]) {
        test(`the sample ${name} is read; changed, its signature is wrong`, { skip: !sample(name) && 'no sample (OPENUKEY_SEAL_SAMPLES)' }, async () => {
            const der = readFileSync(sample(name));
            const verdict = await judge(der);
            assert.deepEqual([verdict.format, verdict.result], [format, 'untrusted']); // nobody here knows its root
            const data = verdict.seal.picture.data;
            const changed = await judge(flip(der, der.indexOf(bytesOf(data)) + 100));
            assert.deepEqual([changed.result, changed.detail], ['invalid', 'signature does not verify']);
        });
    }

    test('the sample stamp is read; changed, its signature is wrong', { skip: !sample('SignedValueV4.dat') && 'no sample (OPENUKEY_SEAL_SAMPLES)' }, async () => {
        const der = readFileSync(sample('SignedValueV4.dat'));
        const verdict = await judge(der);
        assert.deepEqual([verdict.format, verdict.result, verdict.reason], ['ses-signature-v4', 'untrusted', 'signer-untrusted']);
        assert.equal(verdict.propertyInfo, PLACE);
        assert.equal((await judge(flip(der, der.indexOf(PLACE)))).reason, 'signature');
    });
});

test('a certificate that the seal does not name stamps nothing, and no other kind of key does', async (t) => {
    const containers = [
        { name: 'openukey-sm2', algorithm: 'SM2', encryptionPair: true },
        { name: 'second', algorithm: 'SM2', registered: false },
        { name: 'third', algorithm: 'RSA', registered: false },
    ];
    const world = await makeWorld(t, { keys: { key: { changes: { containers } } } });
    const agent = await world.page();
    const token = await agent.token();
    await agent.verifyPin({ token });
    const [seal] = await agent.seals({ token });
    const signers = (await agent.certificates({ token })).filter((one) => one.usage !== 'encrypt');
    const before = world.dialogs.shown.length;
    const reasons = {};
    for (const { id, algorithm } of signers.filter((one) => !seal.certificates.includes(one.id))) {
        const asked = agent.stamp({ token, certificate: id, seal: seal.id, name: 'x', propertyInfo: '/x', hash: base64(sm3(DOCUMENT)) });
        await assert.rejects(asked, (error) => {
            reasons[algorithm] = error.problem.reason;
            return error.code === 'STAMP_REFUSED';
        });
    }
    assert.deepEqual(reasons, { SM2: 'not-listed', RSA: 'key-algorithm' });
    assert.equal(world.dialogs.shown.length, before);
});

test('a certificate that is revoked stamps nothing any more; what it stamped before stays valid', async (t) => {
    const world = await makeWorld(t);
    const open = async () => {
        const agent = await world.page();
        const token = await agent.token();
        await agent.verifyPin({ token });
        const [seal] = await agent.seals({ token });
        return { agent, stamp: () => agent.stamp({ token, seal: seal.id, name: 'x', propertyInfo: '/x', hash: base64(sm3(DOCUMENT)) }) };
    };
    const { stamp } = await open();
    const early = bytesOf((await stamp()).stamp);
    // the CA's operator revokes it; the service makes another list, the agent comes to know it
    await world.agent.stop();
    await world.service.stop();
    const [{ id }] = await world.validSignCertificates();
    await world.change(`UPDATE certificates SET state = 'REVOKED', reason = 1, revoked = ${Date.now() + 1000} WHERE id = '${id}'`);
    await new Promise((done) => setTimeout(done, 1500));
    await world.startService();
    await world.startAgent();
    await world.seen();
    const { agent, stamp: again } = await open();
    const known = async () => (await agent.certificates()).some((one) => one.revocation.state === 'revoked');
    for (const deadline = Date.now() + 60_000; !(await known()); ) {
        assert.ok(Date.now() < deadline, 'the revocation is never known');
        await new Promise((done) => setTimeout(done, 100));
    }
    await assert.rejects(again(), (error) => error.code === 'STAMP_REFUSED' && error.problem.reason === 'signer-revoked');
    const verdict = await agent.verify({ signature: base64(early), content: base64(DOCUMENT) });
    assert.deepEqual([verdict.result, verdict.signer.revocation.state], ['valid', 'revoked']);
});
