// sof.js, the functions of the closed assistants, over a running agent and simulated keys: SM2, RSA and P-256. What they make is judged by
// openssl. (tests/browser runs the page that uses them.)
import assert from 'node:assert/strict';
import { X509Certificate, createHash, verify as verifySignature, webcrypto } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { Notices } from '../../agent/web/sdk/src/sof/notices.mjs';
import { Sof } from '../../agent/web/sdk/src/sof/sof.mjs';
import { base64Bytes, hexBytes } from '../../agent/web/sdk/src/sof/bytes.mjs';
import { sm3 } from '../../agent/web/sdk/src/sof/sm3.mjs';
import { run } from '../../tools/demo/program.mjs';
import { plugPivCard, smallCa } from '../support/piv_card.mjs';
import { flip, fromPem, makeWorld } from '../support/world.mjs';

globalThis.crypto ??= webcrypto; // as browsers and newer nodes have it

const DATA = '登录随机数 8F3A\n';
const SOR = { sign: 0x0b000409, verify: 0x0b000410, unsupported: 0x0b000419, login: 0x0b000420, input: 0x0b000201, initialize: 0x0b000424 };
const bytesOf = (text) => Buffer.from(text, 'base64');
const base64 = (bytes) => Buffer.from(bytes).toString('base64');

test('SM3 and its kin are the standards\' own', async () => {
    for (const length of [0, 3, 55, 56, 63, 64, 1000]) {
        const bytes = Buffer.alloc(length, 7);
        assert.equal(Buffer.from(sm3(bytes)).toString('hex'), createHash('sm3').update(bytes).digest('hex'), `${length} bytes`);
    }
    assert.deepEqual([...hexBytes('00ff')], [0, 255]);
    assert.throws(() => base64Bytes('no base64!'));
});

describe('old pages', () => {
    let world, folder;
    const keys = {};
    const pages = {};

    before(async () => {
        folder = mkdtempSync(join(tmpdir(), 'openukey-sof-'));
        const ca = smallCa(join(folder, 'ca'));
        const policy = join(folder, 'policy.json');
        const origins = { 'https://legacy.test': { pin: 'page', 'raw-sign': 'ask' } };
        writeFileSync(policy, JSON.stringify({ origins }), { mode: 0o600 });
        // keys of the service's customers would not sign bare digests: these are another CA's
        world = await makeWorld(null, { agentConfig: { policy, services: { default: { issuers: ['Another CA'] }, piv: { upstream: 'https://localhost:9', root: ca.file, issuers: ['Another CA'] } } } });
        await plugPivCard(world, ca);
        await world.seen(2);
        for (const [name, origin] of Object.entries({ plain: 'https://plain.test', legacy: 'https://legacy.test' })) {
            const connect = (options) => world.connect({ ...options, origin, lang: 'zh-CN' });
            pages[name] = new Sof({ connect, notices: new Notices(null) });
            Object.assign(pages[name], pages[name].functions());
        }
        const agent = await world.page();
        for (const token of await agent.tokens()) {
            for (const one of await agent.certificates({ token })) {
                const key = { token, ...one, text: one.pem.replace(/-----[^-]*-----|\s/g, '') };
                if (one.algorithm === 'SM2') keys[one.usage === 'sign' ? 'sm2' : 'sm2Encrypt'] = key;
                else if (one.keyId === '01') keys.rsa = key;
                else if (one.keyId === '04') keys.ec = key;
            }
        }
    });
    after(async () => {
        await world?.close();
        rmSync(folder, { recursive: true, force: true });
    });

    const asked = () => world.dialogs.pinentryLog.filter((line) => line === 'GETPIN').length;
    const failure = async (sof) => [await sof.SOF_GetLastError(), sof.lastError?.code];

    test('the list of users, their certificates and their keys are told, to a callback and to a promise', async () => {
        const sof = pages.legacy;
        const answer = await new Promise((done) => sof.SOF_GetUserList(done, 'context'));
        assert.equal(answer.ctx, 'context');
        const users = Object.fromEntries(answer.retVal.split('&&&').map((user) => user.split('||').reverse()));
        assert.equal(users[keys.sm2.id], keys.sm2.subject.commonName);
        assert.equal(users[keys.sm2Encrypt.id], undefined, 'encryption certificates are nobody\'s user');
        assert.ok(users[keys.rsa.id] && users[keys.ec.id]);
        assert.equal(await sof.SOF_GetUserList(), answer.retVal);

        assert.equal(await sof.SOF_ExportUserCert(keys.sm2.id), keys.sm2.text);
        assert.equal(await sof.SOF_ExportExChangeUserCert(keys.sm2.id), keys.sm2Encrypt.text);
        assert.match(await sof.SOF_GetVersion(), /^OpenUKey \d/);
        for (const name of [keys.sm2.id, keys.sm2.token.serial]) {
            const told = await Promise.all([0x202, 0x203, 0x204, 0x208].map((type) => sof.SOF_GetDeviceInfo(name, type)));
            assert.deepEqual(told, [keys.sm2.token.model, keys.sm2.token.label, keys.sm2.token.manufacturer, keys.sm2.token.serial]);
            assert.equal(await sof.SOF_GetPinRetryCount(name), keys.sm2.token.pin.triesLeft);
        }
        assert.equal(await sof.SOF_GetDeviceInfo(keys.sm2.id, 0x201), '');
        assert.deepEqual(await failure(sof), [SOR.unsupported, undefined]);
        assert.equal(await sof.SOF_ExportUserCert('f'.repeat(64)), '');
        assert.equal(await sof.SOF_GetLastError(), SOR.input);
        assert.equal(bytesOf(await sof.SOF_GenRandom(24)).length, 24);
        assert.equal(await sof.SOF_GetLastError(), 0);
    });

    test('what a certificate says is what openssl reads in it', async () => {
        const sof = pages.plain;
        for (const key of [keys.sm2, keys.rsa, keys.ec]) {
            const seen = new X509Certificate(key.pem);
            const info = (type) => sof.SOF_GetCertInfo(key.text, type);
            const digits = (date) => new Date(date).toISOString().replace(/[-:T]|\.\d+/g, '');
            assert.deepEqual(
                [await info(1), await info(2), await info(11), await info(12), await info(6)],
                ['3', seen.serialNumber, digits(seen.validFrom), digits(seen.validTo), `${digits(seen.validFrom)}||${digits(seen.validTo)}`],
            );
            const one = (text, type) => text.split('\n').filter((line) => line.startsWith(`${type}=`)).map((line) => line.slice(type.length + 1)).join(', ');
            for (const [type, [text, name]] of Object.entries({ 0x31: [seen.subject, 'CN'], 0x32: [seen.subject, 'O'], 0x33: [seen.subject, 'OU'], 0x21: [seen.issuer, 'CN'], 0x22: [seen.issuer, 'O'] })) {
                assert.equal(await info(Number(type)), one(text, name), name);
            }
            assert.ok((await info(7)).includes(`CN=${one(seen.subject, 'CN')}`));
            assert.ok((await info(5)).includes(`CN=${one(seen.issuer, 'CN')}`));
        }
        assert.equal(await sof.SOF_GetCertInfo(keys.sm2.id, 0x31), keys.sm2.subject.commonName, 'also by its CertID');
        assert.equal(await sof.SOF_GetCertInfoByOid(keys.sm2.text, '2.5.4.97'), keys.sm2.subject.organizationIdentifier);
        assert.equal(await sof.SOF_ValidateCert(keys.sm2.text), 0);
        assert.equal(await sof.SOF_GetCertInfo('bm8gY2VydGlmaWNhdGU=', 1), '');
        assert.equal(await sof.SOF_GetLastError(), 0x0b000405);
    });

    test('the page\'s PIN is ignored unless the policy says pin = page', async () => {
        let before = asked();
        assert.equal(await pages.plain.SOF_Login(keys.sm2.id, '000000'), true, 'the person typed the right one');
        assert.equal(asked(), before + 1);
        before = asked();
        assert.equal(await pages.legacy.SOF_Login(keys.sm2.id, '000000'), false);
        assert.deepEqual(await failure(pages.legacy), [SOR.login, 'PIN_WRONG']);
        assert.equal(await pages.legacy.SOF_Login(keys.sm2.id, '123456'), true);
        assert.equal(asked(), before, 'nobody was asked');
        assert.equal(await pages.legacy.SOF_Login(keys.ec.id, ''), true, 'without a PIN the dialog takes it');
        assert.equal(asked(), before + 1);
    });

    test('SOF_SignDataByP7 makes SignedData that the person was shown, and that is verified', async () => {
        for (const key of [keys.sm2, keys.rsa, keys.ec]) {
            const sof = pages.plain;
            const signature = await sof.SOF_SignDataByP7(key.id, DATA);
            assert.ok(signature, await sof.SOF_GetLastErrMsg());
            const shown = world.dialogs.shown.at(-1);
            assert.deepEqual([shown.kind, shown.origin], ['document', 'https://plain.test']);
            const digest = createHash(key === keys.sm2 ? 'sm3' : 'sha256').update(DATA).digest('hex');
            assert.ok(JSON.stringify(shown.fields).includes(digest), 'the dialog shows the digest');
            if (key !== keys.sm2) {
                const file = join(folder, 'p7');
                writeFileSync(file, bytesOf(signature));
                const { stdout } = await run('openssl', ['cms', '-verify', '-cades', '-binary', '-inform', 'DER', '-in', file, '-CAfile', join(folder, 'ca', 'root.pem'), '-purpose', 'any']);
                assert.equal(stdout, DATA);
            }
            assert.equal(await sof.SOF_VerifySignedDataByP7(signature), true);
            assert.equal(await sof.SOF_VerifySignedDataByP7(base64(flip(bytesOf(signature), -1))), false);
            assert.equal(await sof.SOF_GetLastError(), SOR.verify);
            const detached = await sof.SOF_SignMessage(1, key.id, DATA);
            assert.equal(await sof.SOF_VerifySignedMessage(detached, DATA), true);
            assert.equal(await sof.SOF_VerifySignedMessage(detached, `${DATA} `), false);
        }
        world.dialogs.refuse('document');
        assert.equal(await pages.plain.SOF_SignDataByP7(keys.ec.id, DATA), '');
        assert.deepEqual(await failure(pages.plain), [SOR.sign, 'USER_CANCELLED']);
        world.dialogs.agree('document');
    });

    test('SOF_SignData signs bare where the policy says raw-sign = ask, and nowhere else', async () => {
        assert.equal(await pages.plain.SOF_SignData(keys.sm2.id, DATA), '');
        assert.deepEqual(await failure(pages.plain), [SOR.sign, 'ACTION_REFUSED']);
        for (const key of [keys.sm2, keys.rsa, keys.ec]) {
            const sof = pages.legacy;
            const signature = await sof.SOF_SignData(key.id, DATA);
            assert.ok(signature, await sof.SOF_GetLastErrMsg());
            const der = bytesOf(signature);
            const isGood = key === keys.sm2
                ? await world.openssl.verifySignature({ certificate: fromPem(key.pem), data: Buffer.from(DATA), signature: der })
                : verifySignature('sha256', Buffer.from(DATA), new X509Certificate(key.pem).publicKey, der);
            assert.equal(isGood, true, `${key.algorithm}, says openssl`);
            assert.equal(await sof.SOF_VerifySignedData(key.text, DATA, signature), true, key.algorithm);
            assert.equal(await sof.SOF_VerifySignedData(key.text, `${DATA} `, signature), false);
            assert.equal(await sof.SOF_VerifySignedData(key.text, DATA, base64(flip(der, -1))), false);
            assert.equal(await sof.SOF_VerifySignedData(key.text, DATA, 'AAAA'), false);
            assert.equal(await sof.SOF_GetLastError(), SOR.verify);
        }
    });

    test('SOF_EncryptData makes envelopes that the key opens when the person agrees', async () => {
        const sof = pages.plain;
        for (const [certificate, key] of [[keys.sm2Encrypt.text, keys.sm2], [keys.rsa.text, keys.rsa]]) {
            for (const text of [DATA, '', '长'.repeat(1000)]) {
                const envelope = await sof.SOF_EncryptData(certificate, text);
                assert.ok(envelope, await sof.SOF_GetLastErrMsg());
                assert.equal(await sof.SOF_DecryptData(key.id, envelope), text, await sof.SOF_GetLastErrMsg());
            }
        }
        assert.equal(await sof.SOF_EncryptData(keys.ec.text, DATA), '');
        assert.equal(await sof.SOF_GetLastError(), SOR.unsupported);
        assert.equal(await sof.SOF_EncryptData('a password', DATA), '');
    });

    test('calls that a page makes all at once come one after the other, and a PIN that is missing is asked for', async () => {
        const sof = pages.plain;
        assert.equal(await sof.SOF_Logout(), true);
        const before = asked();
        const [list, signed, again] = await Promise.all([sof.SOF_GetUserList(), sof.SOF_SignDataByP7(keys.sm2.id, 'eins'), sof.SOF_SignDataByP7(keys.sm2.id, 'zwei')]);
        assert.ok(list && signed && again, await sof.SOF_GetLastErrMsg());
        assert.equal(asked(), before + 1);
    });

    test('SOF_ChangePassWd opens the agent\'s own dialogs, whatever the page brings along', async () => {
        const sof = pages.legacy;
        world.dialogs.typePin('123456', '654321', '654321');
        assert.equal(await sof.SOF_ChangePassWd(keys.sm2.id, 'page-old', 'page-new'), true, await sof.SOF_GetLastErrMsg());
        await sof.SOF_Logout();
        assert.equal(await sof.SOF_Login(keys.sm2.id, '654321'), true);
        world.dialogs.typePin('654321');
    });

    test('a page that does everything at once when it is loaded is paired once', async () => {
        const pairings = () => world.dialogs.shown.filter(({ kind }) => kind === 'pairing').length;
        const before = pairings();
        const connect = (options) => world.connect({ ...options, origin: 'https://hasty.test', lang: 'zh-CN' });
        const hasty = new Sof({ connect, notices: new Notices(null) }).functions();
        const [told, list, version] = await Promise.all([hasty.SetOnUsbKeyChangeCallBack(() => {}), hasty.SOF_GetUserList(), hasty.SOF_GetVersion()]);
        assert.ok(told && list && version, await hasty.SOF_GetLastErrMsg());
        assert.equal(pairings(), before + 1);
    });

    test('a key that comes or goes is told; without the agent every call fails with a text that says what to do', async () => {
        const sof = pages.legacy;
        let changes = 0;
        assert.equal(await sof.SetOnUsbKeyChangeCallBack(() => (changes += 1)), true);
        // without a WebSocket the feed looks now and then, and a first time to have something to compare with
        for (let i = 0; changes === 0; i += 1) {
            assert.ok(i < 60, 'no change was told');
            if (world.key.program) await world.key.unplug();
            else await world.key.plug();
            await new Promise((done) => setTimeout(done, 1100));
        }
        await world.agent.stop();
        assert.equal(await sof.SOF_GetUserList(), '');
        assert.deepEqual(await failure(sof), [SOR.initialize, 'NOT_RUNNING']);
        assert.match(await sof.SOF_GetErrorMsg(), /ukey-agent/);
        // and when the agent is back, so is what the page had asked to be told
        await world.startAgent();
        await world.seen(world.key.program ? 2 : 1);
        assert.notEqual(await sof.SOF_GetVersion(), '');
        for (let i = 0, before = changes; changes === before; i += 1) {
            assert.ok(i < 60, 'no change was told');
            if (world.key.program) await world.key.unplug();
            else await world.key.plug();
            await new Promise((done) => setTimeout(done, 1100));
        }
    });
});
