// The agent's key rooms on a real simulated key behind the real module: what pages read, what the PIN opens and to whom, what is signed.
// What attackers try is in attacks-key.test.mjs.
import assert from 'node:assert/strict';
import { createHash, randomUUID } from 'node:crypto';
import { after, before, describe, test } from 'node:test';
import { run } from '../../tools/demo/program.mjs';
import { until } from '../support/agent.mjs';
import { signedDataParts } from '../support/der.mjs';
import { OTHER_KEY, flip, fromPem, makeWorld } from '../support/world.mjs';

const nonce = () => randomUUID();
const sha256 = (bytes) => createHash('sha256').update(bytes).digest('hex');
const STATEMENT = {
    title: '投标文件签署确认',
    fields: [
        { label: '项目', value: '长沙市某某工程' },
        { label: '金额', value: '100.00 元' },
    ],
};

describe('reading a key', () => {
    let world, agent, token;

    before(async () => {
        world = await makeWorld(null, { keys: { key: { rsa: true } } });
        agent = await world.page();
        token = await agent.token();
    });
    after(() => world?.close());

    test('a token is described, with the state of its PIN', () => {
        assert.match(token.id, /^[0-9a-f]{16}$/);
        assert.equal(token.id, sha256(`${token.manufacturer}|${token.serial}`).slice(0, 16));
        assert.equal(token.initialized, true);
        assert.deepEqual(token.pin, { state: 'ok', triesLeft: 10, verified: false, mustChange: false });
        for (const name of ['label', 'serial', 'manufacturer', 'model', 'reader']) assert.ok(token[name], name);
    });

    test('certificates are parsed, the SM2 pair is one identity', async () => {
        const certificates = await agent.certificates({ token });
        const [sign, encrypt] = ['sign', 'encrypt'].map((usage) => certificates.find((one) => one.usage === usage));
        const both = certificates.find((one) => one.usage === 'both');
        assert.equal(both.algorithm, 'RSA');
        assert.equal(both.pair, null);
        assert.deepEqual([sign.algorithm, encrypt.algorithm], ['SM2', 'SM2']);
        assert.deepEqual([sign.pair, encrypt.pair], [encrypt.id, sign.id]);
        assert.deepEqual([sign.current, encrypt.current], [true, true]);
        assert.notEqual(sign.keyId, encrypt.keyId);
        for (const one of certificates) {
            const der = fromPem(one.pem);
            assert.equal(one.id, sha256(der));
            assert.equal(one.hasPrivateKey, true);
            assert.equal(await world.openssl.describe(der, '-serial'), `serial=${one.serial}`);
            const end = (await world.openssl.describe(der, '-enddate')).replace('notAfter=', '');
            assert.equal(Date.parse(end), Date.parse(one.notAfter));
            assert.equal(one.daysLeft, 30);
            assert.equal(one.subject.country, 'CN');
            assert.ok(one.subjectText.includes(one.subject.commonName));
            assert.ok(one.subject.organizationIdentifier);
        }
    });

    test('the seal comes with picture, size, validity, its certificate, and a verdict', async () => {
        const [seal, ...others] = await agent.seals({ token });
        const sign = (await agent.certificates({ token })).find((one) => one.usage === 'sign');
        assert.equal(others.length, 0);
        assert.equal(seal.type, 'organization');
        assert.deepEqual(seal.size, { widthMm: 48, heightMm: 48, text: '48mm*48mm' });
        assert.equal(seal.picture.type, 'png');
        assert.equal(Buffer.from(seal.picture.data, 'base64').subarray(1, 4).toString(), 'PNG');
        assert.deepEqual(seal.certificates, [sign.id]);
        assert.deepEqual(seal.verification, { result: 'valid', reason: '' });
        assert.equal(seal.validEnd, sign.notAfter);
        assert.ok(seal.name && seal.id && seal.maker);
    });

    test('a token that is not there is NO_TOKEN, on every route', async () => {
        for (const [method, path] of [
            ['GET', 'certificates'], ['GET', 'seals'], ['POST', 'verify-pin'],
        ]) {
            const options = method === 'POST' ? { json: {} } : {};
            await assert.rejects(agent.request(method, `/tokens/0123456789abcdef/${path}`, options), { code: 'NO_TOKEN', status: 404 });
        }
        await assert.rejects(agent.loginAssertion({ token: '0123456789abcdef', service: 'urn:x', nonce: nonce() }), { code: 'NO_TOKEN' });
    });
});

describe('the PIN', () => {
    let world, agent, token;

    before(async () => {
        world = await makeWorld(null);
        agent = await world.page();
        token = await agent.token();
    });
    after(() => world?.close());

    test('a PIN that a page sends along is not taken', async () => {
        const path = `/tokens/${token.id}/verify-pin`;
        await assert.rejects(agent.request('POST', path, { json: { pin: '123456' } }), { code: 'BAD_REQUEST' });
        assert.ok(!world.dialogs.pinentryLog.some((line) => line.startsWith('GETPIN')));
    });

    test('what one site has verified, another site has not', async () => {
        const other = await world.page({ origin: 'https://other.test' });
        assert.deepEqual(await agent.verifyPin({ token }), { verified: true, mustChange: false });
        assert.equal((await agent.token()).pin.verified, true);
        assert.equal((await other.token()).pin.verified, false);
        const [{ id: certificate }] = await other.certificates({ token });
        await assert.rejects(other.sign({ token, certificate, statement: STATEMENT, nonce: nonce() }), { code: 'PIN_REQUIRED' });
        await assert.rejects(other.loginAssertion({ token, service: 'urn:x', nonce: nonce() }), { code: 'PIN_REQUIRED' });
        assert.ok(!world.dialogs.shown.some((one) => one.kind === 'statement' || one.kind === 'login'));
    });

    test('it is asked for once: verified again, no dialog is shown', async () => {
        const asked = () => world.dialogs.pinentryLog.filter((line) => line === 'GETPIN').length;
        const before = asked();
        await agent.verifyPin({ token });
        assert.equal(asked(), before);
    });

    test('a wrong PIN typed for one site takes the login from the other, which is told so', async () => {
        const other = await world.page({ origin: 'https://other.test' });
        world.dialogs.typePin('000000', '123456');
        await assert.rejects(other.verifyPin({ token }), { code: 'PIN_WRONG', triesLeft: 9 });
        assert.equal((await agent.token()).pin.verified, false);
        const { id: certificate } = (await agent.certificates({ token })).find((one) => one.usage === 'sign');
        await assert.rejects(agent.sign({ token, certificate, statement: STATEMENT, nonce: nonce() }), { code: 'PIN_REQUIRED' });
        await agent.verifyPin({ token });
        assert.deepEqual((await agent.token()).pin, { state: 'ok', triesLeft: 10, verified: true, mustChange: false });
    });

    test('a PIN of the wrong length is asked for again and uses no try', async () => {
        const other = await world.page({ origin: 'https://third.test' });
        world.dialogs.typePin('123', '12345678901234567', '123456');
        await other.verifyPin({ token });
        const errors = world.dialogs.pinentryLog.filter((line) => line.startsWith('SETERROR'));
        assert.deepEqual(errors.slice(-2), ['SETERROR The PIN has 6 to 16 characters', 'SETERROR The PIN has 6 to 16 characters']);
        assert.equal((await other.token()).pin.triesLeft, 10);
    });

    test('pinentry is told who asks and for which key, in the language of the page', async () => {
        const chinese = await world.page({ lang: 'zh-CN', origin: 'https://fourth.test' });
        await chinese.verifyPin({ token });
        const said = world.dialogs.pinentryLog.filter((line) => line.startsWith('SETDESC')).at(-1);
        assert.ok(said.includes('https://fourth.test') && said.includes(token.serial) && said.includes('请求使用'), said);
    });
});

describe('changing the PIN', () => {
    let world, agent, token;
    const signStatement = async () => {
        const { id: certificate } = (await agent.certificates({ token })).find((one) => one.usage === 'sign');
        return agent.sign({ token, certificate, statement: STATEMENT, nonce: nonce() });
    };

    before(async () => {
        world = await makeWorld(null, { keys: { key: { profile: 'org-pin-must-change' } } });
        agent = await world.page();
        token = await agent.token();
    });
    after(() => world?.close());

    test('a PIN that must be changed opens nothing else, and pages are told', async () => {
        assert.equal(token.pin.mustChange, true);
        assert.deepEqual(await agent.verifyPin({ token }), { verified: true, mustChange: true });
        await assert.rejects(signStatement(), { code: 'PIN_MUST_CHANGE', status: 403 });
    });

    test('the new PIN is another than the old one, typed twice the same, and of a length that the key takes', async () => {
        world.dialogs.typePin('123456', '123456', '222222', '222223', '12', '654321', '654321');
        assert.deepEqual(await agent.changePin({ token }), { changed: true });
        const errors = world.dialogs.pinentryLog.filter((line) => line.startsWith('SETERROR'));
        assert.match(errors.join('\n'), /The new PIN is the current one.*\n.*The two new PINs differ.*\n.*6 to 16/);
        assert.deepEqual((await agent.token()).pin, { state: 'ok', triesLeft: 10, verified: true, mustChange: false });
        assert.equal((await signStatement()).format, 'gm-signed-data');
    });

    test('a wrong old PIN uses a try, changes nothing and logs out', async () => {
        world.dialogs.typePin('999999', '111111', '111111');
        await assert.rejects(agent.changePin({ token }), { code: 'PIN_WRONG', triesLeft: 9 });
        assert.equal((await agent.token()).pin.verified, false);
        world.dialogs.typePin('654321');
        await agent.verifyPin({ token });
    });

    test('a person who closes a dialog changes nothing', async () => {
        world.dialogs.closePinDialog();
        await assert.rejects(agent.changePin({ token }), { code: 'USER_CANCELLED' });
        await assert.rejects(agent.request('POST', `/tokens/${token.id}/change-pin`, { json: { pin: '1' } }), { code: 'BAD_REQUEST' });
        assert.equal((await signStatement()).format, 'gm-signed-data');
    });
});

describe('signing', () => {
    let world, agent, token, sign, encrypt;

    const signStatement = (more = {}) => agent.sign({ token, certificate: sign.id, statement: STATEMENT, nonce: nonce(), ...more });

    before(async () => {
        world = await makeWorld(null, { keys: { key: { rsa: true } } });
        agent = await world.page();
        token = await agent.token();
        const certificates = await agent.certificates({ token });
        [sign, encrypt] = ['sign', 'encrypt'].map((usage) => certificates.find((one) => one.usage === usage));
    });
    after(() => world?.close());

    test('nothing is signed before the PIN has been verified', async () => {
        await assert.rejects(signStatement(), { code: 'PIN_REQUIRED', status: 401 });
        await agent.verifyPin({ token });
    });

    test('openssl verifies the signature over the canonical statement, and not with a byte flipped', async () => {
        const wanted = { ...STATEMENT, order: 'X1', digest: 'ab' };
        const one = nonce();
        const answer = await signStatement({ statement: wanted, nonce: one });
        assert.equal(answer.format, 'gm-signed-data');
        const canonical = JSON.stringify({
            digest: 'ab', fields: wanted.fields, nonce: one, order: 'X1', origin: world.serviceUrl, title: wanted.title,
            type: 'statement', version: '1',
        });
        assert.equal(answer.statement, canonical);
        const parts = signedDataParts(Buffer.from(answer.signature, 'base64'));
        assert.equal(parts.content.toString(), canonical);
        assert.equal(sha256(parts.certificate), sign.id);
        assert.equal(parts.digest.toString('hex'), await world.openssl.sm3(parts.content));
        const verify = (signed, signature) =>
            world.openssl.verifySignature({ certificate: parts.certificate, data: signed, signature });
        assert.equal(await verify(parts.signed, parts.signature), true);
        assert.equal(await verify(flip(parts.signed, 40), parts.signature), false);
        assert.equal(await verify(parts.signed, flip(parts.signature, -1)), false);
        assert.notEqual(await world.openssl.sm3(flip(parts.content, 20)), parts.digest.toString('hex'));
    });

    test('the person is shown exactly what is signed, who asks, and with which certificate', async () => {
        await signStatement();
        const shown = world.dialogs.shown.at(-1);
        assert.deepEqual([shown.kind, shown.origin, shown.title], ['statement', world.serviceUrl, STATEMENT.title]);
        assert.deepEqual(shown.fields, STATEMENT.fields);
        assert.equal(shown.certificate.subject, sign.subjectText);
        assert.deepEqual(shown.token, { label: token.label, serial: token.serial });
    });

    test('a login is another object than a statement, and names the site that asked', async () => {
        const one = nonce();
        const answer = await agent.loginAssertion({ token, service: 'urn:openukey:test', nonce: one, order: 'X1' });
        const parts = signedDataParts(Buffer.from(answer.assertion, 'base64'));
        assert.equal(answer.certificate, sign.id);
        assert.deepEqual(JSON.parse(parts.content), {
            nonce: one, order: 'X1', origin: world.serviceUrl, service: 'urn:openukey:test', type: 'login', version: '1',
        });
        assert.equal(
            await world.openssl.verifySignature({ certificate: parts.certificate, data: parts.signed, signature: parts.signature }),
            true,
        );
        assert.equal(world.dialogs.shown.at(-1).kind, 'login');
    });
});

test('no key and two keys are what the page is told', async (t) => {
    const world = await makeWorld(t, { keys: { key: { plug: false }, other: { changes: OTHER_KEY, plug: false } } });
    const agent = await world.page();
    assert.deepEqual(await agent.tokens(), []);
    await world.key.plug();
    await world.other.plug();
    const tokens = await world.seen(2);
    assert.equal(new Set(tokens.map((one) => one.id)).size, 2);
    const job = { kind: 'renew', order: '20260101A0001', authorization: 'x' };
    await assert.rejects(agent.request('POST', '/jobs', { json: job }), { code: 'SEVERAL_TOKENS', status: 409 });
    await world.key.unplug();
    await world.other.unplug();
    await world.seen(0);
    await assert.rejects(agent.request('POST', '/jobs', { json: job }), { code: 'NO_TOKEN', status: 404 });
});

test('a job is asked for properly, for a known service, with a verified PIN, and is its own site\'s', async (t) => {
    const world = await makeWorld(t);
    const agent = await world.page();
    const job = { kind: 'renew', order: '20260101A0001', authorization: 'x' };
    const post = (more) => agent.request('POST', '/jobs', { json: { ...job, ...more } });
    for (const wrong of [{ kind: 'format' }, { order: '../x' }, { authorization: 'a\r\nb' }, { extra: 1 }, { token: 1 }]) {
        await assert.rejects(post(wrong), { code: 'BAD_REQUEST' }, JSON.stringify(wrong));
    }
    await assert.rejects(post({ service: 'nowhere' }), { code: 'SERVICE_UNKNOWN', status: 404 });
    await assert.rejects(post({ token: '0123456789abcdef' }), { code: 'WRONG_TOKEN', status: 409 });
    await assert.rejects(post(), { code: 'PIN_REQUIRED', status: 401 });
    await agent.verifyPin({ token: await agent.token() });
    const started = await post();
    assert.equal(started.steps.length, 14);
    const path = `/jobs/${started.id}`;
    await until(async () => (await agent.request('GET', path)).state !== 'running', 'the end of the job');
    const ended = await agent.request('GET', path);
    assert.equal(ended.state, 'failed'); // the service does not know that bearer token
    assert.equal(ended.problem.code, 'SERVICE_REFUSED');
    assert.equal(ended.problem.service.status, 401);
    const other = await world.page({ origin: 'https://other.test' });
    await assert.rejects(other.request('GET', path), { code: 'JOB_NOT_FOUND', status: 404 });
    await assert.rejects(other.request('DELETE', path), { code: 'JOB_NOT_FOUND' });
    assert.equal((await agent.request('DELETE', path)).state, 'cancelled'); // nothing had been written
});
