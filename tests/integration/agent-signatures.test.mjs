// What the agent signs with every kind of key, on simulated GM and PIV keys, judged by others: openssl's CMS, openssl's SM2, jose. And what it
// opens, digests and refuses.
import assert from 'node:assert/strict';
import { createCipheriv, createHash, createPublicKey, randomBytes, randomUUID } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { request as httpsRequest } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { compactVerify } from 'jose';
import { run } from '../../tools/demo/program.mjs';
import { littleQuarantine } from '../support/agent.mjs';
import { parse, signedDataParts } from '../support/der.mjs';
import { explicit, integer, octets, oid, sequence, tlv } from '../support/der_build.mjs';
import { acceptedChanges, judgeSignedData } from '../support/other_judge.mjs';
import { plugPivCard, smallCa } from '../support/piv_card.mjs';
import { flip, fromPem, makeWorld, toPem } from '../support/world.mjs';

const nonce = () => randomUUID();
const hash = (name, bytes) => createHash(name).update(bytes).digest();
const base64 = (bytes) => Buffer.from(bytes).toString('base64');
const bytesOf = (text) => Buffer.from(text, 'base64');
const CONTRACT = Buffer.from('%PDF-1.7 合同正文 '.repeat(20));
const STATEMENT = { title: '确认', fields: [{ label: '金额', value: '100.00 元' }] };
const OPENUKEY = '2.25.183114220345131910567204381007741520109';

describe('signatures', () => {
    let world, agent, card, gmToken, pivToken, folder;
    const keys = {};

    before(async () => {
        folder = mkdtempSync(join(tmpdir(), 'openukey-signatures-'));
        const ca = smallCa(join(folder, 'ca'));
        keys.pivRoot = ca.file;
        const agentConfig = { services: { piv: { upstream: 'https://localhost:9', root: ca.file } } };
        world = await makeWorld(null, { keys: { key: { rsa: true } }, agentConfig, agentEnv: littleQuarantine });
        card = await plugPivCard(world, ca);
        await world.seen(2);
        agent = await world.page();
        const tokens = await agent.tokens();
        gmToken = tokens.find((token) => token.model !== tokens.find((one) => /PIV/i.test(one.model))?.model);
        pivToken = tokens.find((token) => token !== gmToken);
        for (const token of tokens) await agent.verifyPin({ token });
        const gm = await agent.certificates({ token: gmToken });
        const piv = await agent.certificates({ token: pivToken });
        keys.sm2 = { token: gmToken, ...gm.find((one) => one.usage === 'sign') };
        keys.sm2Encrypt = { token: gmToken, ...gm.find((one) => one.usage === 'encrypt') };
        keys.gmRsa = { token: gmToken, ...gm.find((one) => one.algorithm === 'RSA') };
        keys.pivRsa = { token: pivToken, ...piv.find((one) => one.keyId === '01') };
        keys.pivSign = { token: pivToken, ...piv.find((one) => one.keyId === '02') };
        keys.pivEc = { token: pivToken, ...piv.find((one) => one.keyId === '04') };
    });
    after(async () => {
        await world?.close();
        rmSync(folder, { recursive: true, force: true });
        assert.ok(card);
    });

    const file = (name, bytes) => {
        const path = join(folder, name);
        writeFileSync(path, bytes);
        return path;
    };
    const sign = (key, more) => agent.sign({ token: key.token, certificate: key.id, nonce: nonce(), ...more });
    const inline = (content = CONTRACT, name = '合同.pdf') => ({ name, content: base64(content) });

    /* Does openssl take this CMS? `content` for a detached one. The GM CA's chain is SM2: openssl's cms cannot be told its identity. */
    async function opensslTakes(key, der, content) {
        const trust = key === keys.gmRsa ? ['-noverify'] : ['-cades', '-CAfile', keys.pivRoot, '-purpose', 'any'];
        const given = content ? ['-content', file('content', content)] : [];
        const { code } = await run('openssl', ['cms', '-verify', '-binary', '-inform', 'DER', '-in', file('cms.der', der), '-out', join(folder, 'out'), ...trust, ...given], { allow: [0, 1, 2, 4] });
        return code === 0 && readFileSync(join(folder, 'out')).equals(content ?? CONTRACT);
    }

    test('a certificate says whether it is trusted and revoked, a dual pair is one identity', async () => {
        const { certificates, identities } = await agent.request('GET', `/tokens/${gmToken.id}/certificates`);
        for (const one of certificates) assert.equal(one.chain, 'trusted', one.algorithm);
        const [dual] = identities.filter((one) => one.algorithm === 'SM2');
        assert.deepEqual([dual.sign, dual.encrypt, dual.current], [keys.sm2.id, keys.sm2Encrypt.id, true]);
        assert.match(dual.organizationIdentifier, /^9143/);
        assert.equal(identities.length, 2);
        for (let tries = 0; ; tries += 1) {
            const now = (await agent.certificates({ token: gmToken })).find((one) => one.id === keys.sm2.id);
            if (now.revocation.state === 'good') break;
            assert.ok(tries < 600, 'the revocation list was never fetched');
            await new Promise((done) => setTimeout(done, 100));
        }
    });

    test('RSA and P-256 keys sign documents as CMS that openssl verifies, attached and detached', async () => {
        for (const [key, padding, algorithm] of [
            [keys.gmRsa, 'pkcs1', 'RSA-SHA256'], [keys.gmRsa, 'pss', 'RSA-PSS-SHA256'],
            [keys.pivRsa, 'pkcs1', 'RSA-SHA256'], [keys.pivRsa, 'pss', 'RSA-PSS-SHA256'],
            [keys.pivEc, undefined, 'ECDSA-P256-SHA256'],
        ]) {
            const options = { document: inline(), ...(padding ? { padding } : {}) };
            const attached = await sign(key, { ...options, attached: true });
            const detached = await sign(key, options);
            assert.deepEqual([attached.format, attached.algorithm, attached.certificate], ['cms', algorithm, key.id]);
            assert.equal(attached.digests.sha256, hash('sha256', CONTRACT).toString('hex'));
            assert.equal(await opensslTakes(key, bytesOf(attached.signature)), true, algorithm);
            assert.equal(await opensslTakes(key, bytesOf(detached.signature), CONTRACT), true, algorithm);
            assert.equal(await opensslTakes(key, bytesOf(detached.signature), flip(CONTRACT, 3)), false);
            const verdict = await agent.verify({ signature: detached.signature, content: base64(CONTRACT) });
            assert.deepEqual([verdict.valid, verdict.result, verdict.format, verdict.algorithm], [true, 'valid', 'cms', algorithm]);
            assert.deepEqual([verdict.signer.id, verdict.origin, verdict.purpose], [key.id, world.serviceUrl, 'document']);
            const other = await agent.verify({ signature: detached.signature, content: base64(flip(CONTRACT, 3)) });
            assert.deepEqual([other.valid, other.reason], [false, 'content']);
            const none = await agent.verify({ signature: detached.signature });
            assert.deepEqual([none.valid, none.reason], [false, 'content-missing']);
            const carried = await agent.verify({ signature: attached.signature });
            assert.deepEqual([carried.valid, carried.content], [true, base64(CONTRACT)]);
        }
    });

    test('ours and openssl refuse CMS with a byte changed', async () => {
        const { signature } = await sign(keys.pivEc, { document: inline(), attached: true });
        const der = bytesOf(signature);
        const step = process.env.LONG ? 1 : Math.ceil(der.length / 40);
        let looked = 0;
        for (let at = 4; at < der.length; at += step, looked += 1) {
            const changed = flip(der, at);
            const verdict = await agent.verify({ signature: base64(changed) });
            assert.equal(verdict.valid, false, `byte ${at} of ${der.length}`);
            // where openssl does not look (version numbers, types): test_signed_data.c has them all
            const text = der.toString('hex');
            const ignored = ['020101', '2a864886f70d010701', '2a8648ce3d040302', '0500'].some((hex) => {
                for (let i = text.indexOf(hex); i >= 0; i = text.indexOf(hex, i + 1)) if (at >= i / 2 && at < i / 2 + hex.length / 2) return true;
                return false;
            });
            if (!ignored) assert.equal(await opensslTakes(keys.pivEc, changed), false, `openssl, byte ${at}`);
        }
        assert.ok(looked >= 30);
    });

    test('an SM2 key makes GM SignedData whose every byte counts', async (t) => {
        const one = nonce();
        const { signature, format, algorithm } = await sign(keys.sm2, { document: inline(), attached: true, nonce: one });
        assert.deepEqual([format, algorithm], ['gm-signed-data', 'SM2-SM3']);
        const der = bytesOf(signature);
        const parts = signedDataParts(der);
        assert.ok(parts.content.equals(CONTRACT));
        assert.equal(parts.digest.toString('hex'), await world.openssl.sm3(CONTRACT));
        assert.equal(await world.openssl.verifySignature({ certificate: parts.certificate, data: parts.signed, signature: parts.signature }), true);
        const attributes = parse(parts.signed).items.map(({ items }) => [items[0].whole.toString('hex'), items[1].items[0].content]);
        const value = (number) => attributes.find(([name]) => name === oid(`${OPENUKEY}.${number}`).toString('hex'))[1].toString();
        assert.deepEqual([value(1), value(2), value(3)], [one, world.serviceUrl, 'document']);
        const judge = (bytes, lines) => judgeSignedData(bytes, lines);
        const { accepted, signatures } = await acceptedChanges(world.binary('sm2-lines'), der, judge);
        assert.deepEqual(accepted, []);
        t.diagnostic(`campaign: GM SignedData: ${der.length} bytes changed one by one, ${signatures} SM2 signatures looked at by openssl, all refused`);
        for (let at = 1; at < der.length; at += Math.ceil(der.length / 60)) {
            const verdict = await agent.verify({ signature: base64(flip(der, at)) });
            assert.equal(verdict.valid, false, `byte ${at}`);
        }
        const verdict = await agent.verify({ signature });
        assert.deepEqual([verdict.result, verdict.nonce, verdict.signer.chain], ['valid', one, 'trusted']);
    });

    test('JWS by RSA and EC keys verify with jose, and not with a character changed', async () => {
        for (const [key, padding, alg] of [[keys.gmRsa, 'pkcs1', 'RS256'], [keys.pivRsa, 'pss', 'PS256'], [keys.pivEc, undefined, 'ES256']]) {
            const options = { format: 'jws', ...(padding ? { padding } : {}) };
            const one = nonce();
            const answer = await sign(key, { statement: STATEMENT, nonce: one, ...options });
            const publicKey = createPublicKey(toPem('CERTIFICATE', fromPem(key.pem)));
            const { payload, protectedHeader } = await compactVerify(answer.signature, publicKey);
            assert.equal(Buffer.from(payload).toString(), answer.statement);
            assert.deepEqual([protectedHeader.alg, protectedHeader.nonce, protectedHeader.origin, protectedHeader.purpose], [alg, one, world.serviceUrl, 'statement']);
            assert.ok(Buffer.from(protectedHeader.x5c[0], 'base64').equals(fromPem(key.pem)));
            assert.equal((await agent.verify({ signature: answer.signature })).result, 'valid');
            const text = answer.signature;
            // jose decodes base64url as node does: bits beyond the last byte of a part are not looked at, "+/" are taken for "-_"
            const edges = new Set([text.indexOf('.') - 1, text.lastIndexOf('.') - 1, text.length - 1]);
            for (let at = 0; at < text.length; at += 1) {
                const changed = Buffer.from(text);
                changed[at] ^= 1;
                const taken = await compactVerify(changed, publicKey).then(() => true, () => false);
                if (taken) assert.ok(edges.has(at), `jose takes character ${at} of ${text.length}`);
                if (at % 97 === 0 || edges.has(at)) assert.equal((await agent.verify({ signature: changed.toString('latin1') })).valid, false, `character ${at}`);
            }
        }
        await assert.rejects(sign(keys.sm2, { statement: STATEMENT, format: 'jws' }), { code: 'CERTIFICATE_MISMATCH' });
    });

    test('a batch is one confirmation that lists every document, and gives as many signatures', async () => {
        const before = world.dialogs.shown.length;
        const documents = ['甲', '乙', '丙'].map((name) => inline(Buffer.from(`content of ${name}`), `${name}.txt`));
        const answer = await sign(keys.sm2, { documents });
        assert.equal(world.dialogs.shown.length, before + 1);
        const shown = world.dialogs.shown.at(-1);
        assert.equal(shown.kind, 'batch');
        assert.match(shown.title, /3/);
        for (const [i, one] of answer.signatures.entries()) {
            const content = bytesOf(documents[i].content);
            assert.deepEqual([one.name, one.size], [documents[i].name, content.length]);
            assert.ok(shown.fields.some((field) => field.label.startsWith(`${i + 1}/3 `) && field.value === one.name));
            assert.ok(shown.fields.some((field) => field.label.startsWith(`${i + 1}/3 `) && field.value === hash('sm3', content).toString('hex')));
            assert.equal((await agent.verify({ signature: one.signature, content: base64(content) })).result, 'valid');
            assert.equal((await agent.verify({ signature: one.signature, content: base64(flip(content, 0)) })).result, 'invalid');
        }
        await assert.rejects(sign(keys.sm2, { documents: [] }), { code: 'BAD_REQUEST' });
        await assert.rejects(sign(keys.sm2, { documents: Array(101).fill(inline()) }), { code: 'BAD_REQUEST' });
    });

    test('what is refused at the dialog is not signed', async () => {
        for (const [kind, more] of [['document', { document: inline() }], ['batch', { documents: [inline(), inline()] }]]) {
            world.dialogs.refuse(kind);
            await assert.rejects(sign(keys.sm2, more), { code: 'USER_CANCELLED' });
            world.dialogs.agree(kind);
        }
    });

    test('an uploaded document is signed by its digests, for the session that brought it only', async () => {
        const uploaded = await agent.uploadDocument(CONTRACT);
        assert.deepEqual([uploaded.size, uploaded.digests.sm3], [CONTRACT.length, hash('sm3', CONTRACT).toString('hex')]);
        assert.equal(uploaded.digests.sha384, hash('sha384', CONTRACT).toString('hex'));
        const document = { name: '合同.pdf', id: uploaded.id };
        for (const key of [keys.sm2, keys.pivEc]) {
            const { signature } = await sign(key, { document });
            assert.equal((await agent.verify({ signature, document: uploaded.id })).result, 'valid');
            assert.equal((await agent.verify({ signature, content: base64(CONTRACT) })).result, 'valid');
        }
        await assert.rejects(sign(keys.sm2, { document, attached: true }), { code: 'STATEMENT_REFUSED' });
        await assert.rejects(sign(keys.pivEc, { document, format: 'jws' }), { code: 'STATEMENT_REFUSED' });
        const other = await world.page({ origin: 'https://other.test' });
        await assert.rejects(other.verify({ signature: '', document: uploaded.id }), { code: 'DOCUMENT_NOT_FOUND' });
        await assert.rejects(sign(keys.sm2, { document: { name: 'x', id: '0'.repeat(32) } }), { code: 'DOCUMENT_NOT_FOUND' });
    });

    test("an object of a login or a statement is never signed as somebody's document", async () => {
        const before = world.dialogs.shown.length;
        const login = Buffer.from(`{"nonce":"12345678","origin":"https://bank.test","service":"urn:x","type":"login","version":"1"}`);
        await assert.rejects(sign(keys.sm2, { document: inline(login) }), { code: 'STATEMENT_REFUSED' });
        await assert.rejects(agent.uploadDocument(login), { code: 'STATEMENT_REFUSED' });
        await assert.rejects(sign(keys.sm2, { documents: [inline(), inline(login)] }), { code: 'STATEMENT_REFUSED' });
        assert.equal(world.dialogs.shown.length, before);
    });

    test('100 MiB go through in memory that does not grow, and not a byte more', async () => {
        const MIB = 1024 * 1024;
        const rss = () => Number(/VmHWM:\s+(\d+)/.exec(readFileSync(`/proc/${world.agent.pid}/status`, 'utf8'))[1]) / 1024;
        const origin = 'https://big.test';
        const session = (await (await world.connect({ origin })).pair()).session;
        const piece = randomBytes(MIB);
        const sum = createHash('sha256');
        const upload = (mebibytes, more = 0) =>
            new Promise((resolve, reject) => {
                const length = mebibytes * MIB + more;
                const headers = { Origin: origin, 'OpenUKey-Session': session, 'Content-Type': 'application/octet-stream', 'Content-Length': length };
                const outgoing = httpsRequest(`${world.agentUrl}/v1/documents`.replace(/^(https:\/\/)[^:]*/, '$1localhost'), { method: 'POST', headers, ca: world.agentCa }, (answer) => {
                    const chunks = [];
                    answer.on('data', (chunk) => chunks.push(chunk)).on('end', () => resolve({ status: answer.statusCode, body: JSON.parse(Buffer.concat(chunks).toString()) }));
                });
                outgoing.on('error', reject);
                outgoing.flushHeaders();
                if (more) return;
                let left = mebibytes;
                const send = () => {
                    while (left > 0) {
                        left -= 1;
                        sum.update(piece);
                        if (!outgoing.write(piece)) return void outgoing.once('drain', send);
                    }
                    outgoing.end();
                };
                send();
            });
        const before = rss();
        const { status, body } = await upload(100);
        assert.equal(status, 201);
        assert.deepEqual([body.size, body.digests.sha256], [100 * MIB, sum.digest('hex')]);
        const grown = rss() - before;
        assert.ok(grown < 16, `grew by ${grown} MiB`);
        assert.equal((await upload(100, 1)).status, 413);
    });

    test('envelopes for RSA and SM2 keys are opened with consent, and no others', async () => {
        const text = Buffer.from('机密内容'.repeat(30));
        const envelopes = [];
        for (const key of [keys.gmRsa, keys.pivRsa]) {
            for (const options of [[], ['-keyopt', 'rsa_padding_mode:oaep'], ['-keyopt', 'rsa_padding_mode:oaep', '-keyopt', 'rsa_oaep_md:sha256', '-keyopt', 'rsa_mgf1_md:sha256']]) {
                const out = join(folder, 'envelope');
                await run('openssl', ['cms', '-encrypt', '-binary', '-aes256', '-in', file('plain', text), '-outform', 'DER', '-out', out, '-recip', file('recipient.pem', toPem('CERTIFICATE', fromPem(key.pem))), ...options]);
                envelopes.push([key, readFileSync(out)]);
            }
        }
        envelopes.push([keys.sm2Encrypt, await gmEnvelope(keys.sm2Encrypt, text)]);
        for (const [key, der] of envelopes) {
            const answer = await agent.decrypt({ token: key.token, envelope: base64(der) });
            assert.ok(bytesOf(answer.content).equals(text));
            assert.equal(answer.certificate, key.id);
            assert.equal(world.dialogs.shown.at(-1).kind, 'decrypt');
        }
        const [, der] = envelopes.at(-1);
        const before = world.dialogs.shown.length;
        await assert.rejects(agent.decrypt({ token: pivToken, envelope: base64(der) }), { code: 'ENVELOPE_REFUSED' });
        await assert.rejects(agent.decrypt({ token: gmToken, envelope: base64(CONTRACT) }), { code: 'ENVELOPE_REFUSED' });
        assert.equal(world.dialogs.shown.length, before);
        await assert.rejects(agent.decrypt({ token: gmToken, envelope: base64(flip(der, -1)) }), { code: 'ENVELOPE_REFUSED' });
        world.dialogs.refuse('decrypt');
        await assert.rejects(agent.decrypt({ token: gmToken, envelope: base64(der) }), { code: 'USER_CANCELLED' });
        world.dialogs.agree('decrypt');
    });

    /* GM/T 0010 envelopedData made of openssl's parts: SM2 for the key, SM4-CBC for the content. */
    async function gmEnvelope(key, text) {
        const contentKey = randomBytes(16);
        const iv = randomBytes(16);
        const cipher = createCipheriv('sm4-cbc', contentKey, iv);
        const encrypted = Buffer.concat([cipher.update(text), cipher.final()]);
        const der = fromPem(key.pem);
        const wrapped = join(folder, 'wrapped');
        await run('openssl', ['pkeyutl', '-encrypt', '-pubin', '-inkey', await world.openssl.publicKey(der), '-in', file('key', contentKey), '-out', wrapped]);
        const fields = parse(der).items[0].items;
        const GM = '1.2.156.10197.6.1.4.2';
        const recipient = sequence(
            integer(1),
            sequence(fields[3].whole, fields[1].whole),
            sequence(oid('1.2.156.10197.1.301.3')),
            octets(readFileSync(wrapped)),
        );
        const content = sequence(oid(`${GM}.1`), sequence(oid('1.2.156.10197.1.104.2'), octets(iv)), tlv(0x80, encrypted));
        return sequence(oid(`${GM}.3`), explicit(0, sequence(integer(1), tlv(0x31, recipient), content)));
    }

    test('a key that wants the PIN before each use is asked for it each time, and a wrong one signs nothing', async () => {
        const asked = () => world.dialogs.pinentryLog.filter((line) => line === 'GETPIN').length;
        const before = asked();
        for (let i = 1; i <= 2; i += 1) {
            const { signature } = await sign(keys.pivSign, { document: inline(), attached: true });
            assert.equal(asked(), before + i);
            assert.equal(await opensslTakes(keys.pivSign, bytesOf(signature)), true);
        }
        world.dialogs.typePin('654321', '123456');
        await assert.rejects(sign(keys.pivSign, { document: inline() }), { code: 'PIN_WRONG' });
        assert.equal((await sign(keys.pivSign, { document: inline() })).format, 'cms');
        world.dialogs.closePinDialog();
        await assert.rejects(sign(keys.pivSign, { document: inline() }), { code: 'USER_CANCELLED' });
        world.dialogs.typePin('123456');
    });

    test('bare digests are not signed: no policy says so', async () => {
        const before = world.dialogs.shown.length;
        const path = `/tokens/${keys.pivEc.token.id}/sign`;
        const json = { certificate: keys.pivEc.id, digest: base64(hash('sha256', CONTRACT)) };
        await assert.rejects(agent.request('POST', path, { json }), { code: 'ACTION_REFUSED', status: 403 });
        assert.equal(world.dialogs.shown.length, before);
    });
});

test('with raw-sign = ask a person may have a digest signed, but not with a key that logs in', async (t) => {
    const folder = mkdtempSync(join(tmpdir(), 'openukey-raw-'));
    t.after(() => rmSync(folder, { recursive: true, force: true }));
    const ca = smallCa(join(folder, 'ca'));
    const policy = join(folder, 'policy.json');
    writeFileSync(policy, JSON.stringify({ origins: { 'https://legacy.test': { 'raw-sign': 'ask' } } }), { mode: 0o600 });
    const agentConfig = { policy, services: { default: { issuers: ['OpenUKey Issuing CA', 'Issuing CA'] } } };
    const world = await makeWorld(t, { agentConfig });
    await plugPivCard(world, ca, { rsa: [0x9c] });
    await world.seen(2);
    const origin = 'https://legacy.test';
    const agent = await world.page({ origin });
    const digest = hash('sha256', CONTRACT);
    let sm2, ec;
    for (const token of await agent.tokens()) {
        await agent.verifyPin({ token });
        for (const one of await agent.certificates({ token })) {
            if (one.usage === 'sign' && one.algorithm === 'SM2') sm2 = { token, ...one };
            if (one.keyId === '04' && one.algorithm === 'EC') ec = { token, ...one };
        }
    }
    world.options.agentConfig.services.default.issuers = [sm2.issuer.commonName];
    const signed = await agent.sign({ token: ec.token, certificate: ec.id, digest: base64(digest) });
    assert.equal(signed.format, 'raw');
    const shown = world.dialogs.shown.at(-1);
    assert.deepEqual([shown.kind, shown.fields[0].value], ['raw', digest.toString('hex')]);
    const file = (name, bytes) => {
        writeFileSync(join(folder, name), bytes);
        return join(folder, name);
    };
    const key = await world.openssl.publicKey(fromPem(ec.pem));
    await run('openssl', ['pkeyutl', '-verify', '-pubin', '-inkey', key, '-in', file('digest', digest), '-sigfile', file('sig', bytesOf(signed.signature))]);
    world.dialogs.refuse('raw');
    await assert.rejects(agent.sign({ token: ec.token, certificate: ec.id, digest: base64(digest) }), { code: 'USER_CANCELLED' });
    world.dialogs.agree('raw');
    await assert.rejects(agent.sign({ token: ec.token, certificate: ec.id, digest: base64(digest.subarray(1)) }), { code: 'BAD_REQUEST' });
    // a key that wants the PIN before each use gets it for this one, too
    const always = { token: ec.token, ...(await agent.certificates({ token: ec.token })).find((one) => one.keyId === '02') };
    assert.equal(always.algorithm, 'RSA');
    const asked = () => world.dialogs.pinentryLog.filter((line) => line === 'GETPIN').length;
    const before = asked();
    const bare = await agent.sign({ token: always.token, certificate: always.id, digest: base64(digest) });
    assert.equal(asked(), before + 1);
    const signer = await world.openssl.publicKey(fromPem(always.pem));
    await run('openssl', [...['pkeyutl', '-verify', '-pubin', '-inkey', signer, '-pkeyopt', 'digest:sha256'], ...['-in', file('digest', digest), '-sigfile', file('sig', bytesOf(bare.signature))]]);
    world.dialogs.typePin('654321');
    await assert.rejects(agent.sign({ token: always.token, certificate: always.id, digest: base64(digest) }), { code: 'PIN_WRONG' });
    world.dialogs.typePin('123456');
    // the agent knows the issuer of the SM2 certificate as the service's: its keys log in
    await world.agent.stop();
    await world.startAgent();
    const again = await world.page({ origin });
    await again.verifyPin({ token: sm2.token });
    await assert.rejects(again.sign({ token: sm2.token, certificate: sm2.id, digest: base64(digest) }), { code: 'ACTION_REFUSED' });
});
