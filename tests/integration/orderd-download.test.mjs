// Certificates that come to a key for the first time, or another time: new ones on a blank key with a mailed code, changes of name,
// replacements, keys that an operator produces. Over HTTP, with keys in software.
import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'node:test';
import { Applicant } from '../support/applicant.mjs';
import { BlankKey, sha256, startService } from '../support/service.mjs';

const CLOCK = '2026-03-01T10:00:00+08:00';
const SUBJECT = { type: 'ORG', name: '测试科技有限公司', credentialType: 'USCC', credentialNo: '91350100M000100Y43' };
const PERSON = { type: 'PERSON', name: '李四', credentialType: 'ID', credentialNo: '11010519491231002X' };

const der = (base64) => Buffer.from(base64, 'base64');
const certificateOf = (base64) => new X509Certificate(der(base64));
const endOf = (base64) => new Date(certificateOf(base64).validTo).toISOString();

function refused(answer, status, code) {
    assert.deepEqual([answer.status, answer.body.code], [status, code], JSON.stringify(answer.body));
    assert.match(answer.headers['content-type'], /^application\/problem\+json/);
}

async function startDesk(t, changes = {}) {
    const service = await startService(t, { clock: CLOCK, ...changes });
    return { service, staff: { reviewer: await service.staff('shen', 'REVIEWER'), operator: await service.staff('cao', 'OPERATOR') } };
}

async function apply(service, staff, what, wanted, { phone = '13900139000', entries } = {}) {
    const person = new Applicant(service, phone, staff, entries);
    await person.register();
    Applicant.good(await person.create(what));
    await person.goOn(wanted);
    return person;
}

/* Claimed, certified, proven: what the agent does on a blank key. */
async function download(key, changes) {
    Applicant.good(await key.claim(changes));
    const file = key.newKeyFile();
    const { body } = Applicant.good(await key.requestCertificates(file));
    const { state } = Applicant.good(await key.prove(file, body)).body;
    key.install(file, body);
    return { answer: body, state };
}

const states = (service, token) =>
    service.rows(`SELECT usage, state FROM certificates WHERE token = '${token}' ORDER BY usage`);

test('a new certificate, downloaded to a blank key with the mailed code', async (t) => {
    const { service, staff } = await startDesk(t);
    const person = await apply(service, staff, { kind: 'NEW', subject: SUBJECT }, 'APPROVED');
    const key = new BlankKey(service, 'a', person);
    key.serial = '3A0155F0C2D4E69788B1A0C3D5E7F9'; // R265: 30 hex digits
    const file = key.newKeyFile();
    let code;
    let answer;

    await t.test('before the key is sent there is no code, and nothing to claim', async () => {
        assert.deepEqual(await service.rows("SELECT id FROM otp_codes WHERE purpose = 'DOWNLOAD'"), []);
        refused(await key.claim({ code: 'A'.repeat(20) }), 409, 'WRONG_STATE');
        refused(await person.ask('POST', person.path('/download-code'), {}), 409, 'WRONG_STATE');
    });
    await t.test('the code comes by mail, lies nowhere in clear, and another makes it void', async () => {
        await person.ship();
        const first = await person.downloadCode();
        assert.match(first, /^[A-Za-z0-9]{20}$/);
        refused(await person.ask('POST', person.path('/download-code'), {}), 429, 'CODE_TOO_SOON');
        const tables = (await service.rows("SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sim_%'")).map(({ name }) => name);
        for (const name of tables) assert.ok(!JSON.stringify(await service.rows(`SELECT * FROM ${name}`)).includes(first), name);
        await service.program.stop();
        service.changes.clock = '2026-03-01T10:30:00+08:00';
        await service.start();
        const sent = await person.ask('POST', person.path('/download-code'), {});
        assert.deepEqual([sent.status, sent.body.email], [202, 'l***@example.cn']);
        code = await person.downloadCode();
        // R263: 20 letters, large and small, and digits
        assert.match(code, /^[A-Za-z0-9]{20}$/);
        for (const some of [/[A-Z]/, /[a-z]/]) assert.match(first + code, some);
        refused(await key.claim({ code: first }), 403, 'CODE_WRONG');
    });
    await t.test('only its applicant claims it, with the code, on a key that is free', async () => {
        refused(await key.claim(), 403, 'CODE_WRONG');
        for (const wrong of ['', 'A'.repeat(20), '123456', `${code}x`]) refused(await key.claim({ code: wrong }), 403, 'CODE_WRONG');
        refused(await key.claim({ code, tokenSerial: 'a"; DROP' }), 400, 'BAD_REQUEST');
        const stranger = new Applicant(service, '13900139005', staff);
        await stranger.register();
        stranger.order = person.order;
        refused(await new BlankKey(service, 'x', stranger).claim({ code }), 404, 'NOT_FOUND');
        refused(await new BlankKey(service, 'y', Object.assign(staff.operator, { order: person.order })).claim({ code }), 403, 'FORBIDDEN');
        const other = await service.key('other', { until: '2026-12-31T00:00:00+08:00' });
        refused(await key.claim({ code, tokenSerial: other.serial }), 409, 'WRONG_TOKEN');
    });
    await t.test('claimed twice it is the same task; another key only when the first is given back', async () => {
        assert.equal((await key.claim({ code })).status, 200);
        const { task, nonce } = key.task;
        assert.deepEqual([key.task.kind, key.task.tokenSerial, key.task.alg, 'matchCertificate' in key.task], ['NEW', key.serial, 'SM2', false]);
        assert.equal(key.task.subjectDn, `CN=${SUBJECT.name},organizationIdentifier=${SUBJECT.credentialNo},O=${SUBJECT.name},C=CN`);
        assert.equal((await key.claim({ code })).status, 200);
        assert.deepEqual([key.task.task, key.task.nonce], [task, nonce]);
        const spare = new BlankKey(service, 'spare', person);
        refused(await spare.claim({ code }), 409, 'WRONG_TOKEN');
        assert.equal((await key.requestCertificates(key.newKeyFile())).status, 200);
        await person.ask('POST', `/v1/tasks/${task}/fail`, { code: 'TOKEN_BROKEN', permanent: false });
        assert.equal((await spare.claim({ code })).status, 200);
        assert.deepEqual(await states(service, key.serial), [{ usage: 'ENC', state: 'REVOKED' }, { usage: 'SIGN', state: 'REVOKED' }]);
        await person.ask('POST', `/v1/tasks/${task}/fail`, { code: 'TOKEN_REMOVED', permanent: false });
        assert.equal((await key.claim({ code })).status, 200);
        assert.equal((await service.rows("SELECT COUNT(*) AS n FROM otp_codes WHERE purpose = 'DOWNLOAD'"))[0].n, 2, 'no mail for a task given back');
    });
    await t.test('killed and started again, the same code and request go on', async () => {
        answer = Applicant.good(await key.requestCertificates(file)).body;
        await service.kill();
        service.changes.clock = '2026-03-01T10:35:00+08:00'; // it must not go back
        await service.start();
        assert.equal((await key.claim({ code })).status, 200);
        assert.deepEqual((await key.requestCertificates(file)).body, answer);
        const certificate = certificateOf(answer.signCertificate);
        assert.equal(certificate.subject, `C=CN\nO=${SUBJECT.name}\norganizationIdentifier=${SUBJECT.credentialNo}\nCN=${SUBJECT.name}`);
        assert.equal(endOf(answer.signCertificate), '2028-03-01T15:59:59.000Z');
        assert.equal(endOf(answer.encryptCertificate), '2028-03-01T15:59:59.000Z');
        assert.ok(der(answer.seal).includes(der(answer.signCertificate)), 'the seal names the certificate');
        assert.ok(der(answer.seal).includes(Buffer.from(SUBJECT.name)));
        assert.deepEqual(await service.rows(`SELECT state, subject FROM tokens WHERE serial = '${key.serial}'`), [{ state: 'FORMATTED', subject: null }]);
    });
    await t.test('confirmed by the new key alone, then received', async () => {
        refused(await key.prove(key.newKeyFile(), answer), 403, 'PROOF_INVALID');
        for (let i = 0; i < 2; i += 1) assert.deepEqual((await key.prove(file, answer)).body, { state: 'SHIPPED' });
        const [{ state, same }] = await service.rows(
            `SELECT t.state, t.subject = o.subject AS same FROM tokens t, orders o WHERE t.serial = '${key.serial}' AND o.public_no = '${person.order.no}'`,
        );
        assert.deepEqual([state, same], ['ACTIVE', 1]);
        assert.equal((await service.rows("SELECT COUNT(*) AS n FROM otp_codes WHERE purpose = 'DOWNLOAD' AND used = 0"))[0].n, 0);
        refused(await key.claim({ code }), 409, 'WRONG_STATE');
        refused(await person.ask('POST', person.path('/download-code'), {}), 409, 'WRONG_STATE');
        assert.equal((await person.change('POST', ':receive', {})).body.state, 'COMPLETED');
        assert.deepEqual([person.order.tokenSerial, person.order.result.seal.id], [key.serial, answer.sealId]);
    });
    await t.test('the key logs in; an import of it finds the same subject', async () => {
        key.install(file, answer);
        const session = await key.logIn();
        assert.deepEqual([session.tokenSerial, session.certificate.id], [key.serial, sha256(der(answer.signCertificate))]);
        const before = await service.rows('SELECT COUNT(*) AS n FROM subjects');
        const manifest = join(key.dir, 'manifest.json');
        writeFileSync(
            manifest,
            JSON.stringify({
                token: { serial: key.serial },
                certificates: [{ der: answer.signCertificate }, { der: answer.encryptCertificate }],
                seals: [{ der: answer.seal }],
            }),
        );
        await service.command('import', manifest);
        assert.deepEqual(await service.rows('SELECT COUNT(*) AS n FROM subjects'), before);
        assert.match((await service.command('verify-events')).stdout, /chain is whole/);
        assert.ok(!readFileSync(join(service.dir, 'orderd.log'), 'utf8').includes(code));
    });
});

test('a person and his seal, in the portal that sends blank keys', async (t) => {
    const { service, staff } = await startDesk(t, { profile: 'building' });
    const person = await apply(service, staff, { kind: 'NEW', subject: PERSON }, 'READY_TO_ISSUE');
    const key = new BlankKey(service, 'p', person);
    const { answer } = await download(key, { code: await person.downloadCode() });
    assert.equal(certificateOf(answer.signCertificate).subject, `C=CN\nserialNumber=${PERSON.credentialNo}\nCN=${PERSON.name}`);
    assert.deepEqual(await service.rows('SELECT type, name, state FROM seals'), [{ type: 'PERSONAL', name: PERSON.name, state: 'VALID' }]);
    for (let i = 0; (await person.look()).state !== 'COMPLETED'; i += 1) {
        assert.ok(i < 600, person.order.state);
        await new Promise((done) => setTimeout(done, 100));
    }
});

test('a change of name: the key goes on, the old pair is revoked', async (t) => {
    const { service, staff } = await startDesk(t);
    const key = await service.key('c', { until: '2026-12-31T20:30:00+08:00', holder: '旧名有限公司' });
    const holder = new Applicant(service, '', staff, { newName: '新名有限公司' });
    holder.session = await key.logIn();
    holder.confirm = async () => {
        key.order = holder.order;
        Applicant.good(await holder.change('POST', ':confirm', { signature: await key.signStatement() }));
    };
    Applicant.good(await holder.create({ kind: 'CHANGE', certificate: key.certificate }));
    await holder.goOn('READY_TO_ISSUE');
    key.order = holder.order;
    const old = key.certificate;
    const file = key.newKeyFile();
    let answer;

    await t.test('no code is mailed: the key itself claims, and vouches for its successor', async () => {
        assert.deepEqual(await service.rows("SELECT id FROM otp_codes WHERE purpose = 'DOWNLOAD'"), []);
        refused(await holder.ask('POST', holder.path('/download-code'), {}), 409, 'METHOD_NOT_OFFERED');
        refused(await key.claim({ tokenSerial: 'OTHER' }), 409, 'WRONG_TOKEN');
        Applicant.good(await key.claim());
        assert.equal(key.task.matchCertificate, old);
        const csr = await key.csr(file);
        refused(await key.ask('POST', `/v1/tasks/${key.task.task}/csr`, { csr }), 403, 'CONTINUITY_INVALID');
        answer = Applicant.good(await key.requestCertificates(file)).body;
    });
    await t.test('the new name in certificate and seal, the old end', async () => {
        const { subject } = certificateOf(answer.signCertificate);
        assert.match(subject, /^C=CN\nO=新名有限公司\norganizationIdentifier=9143\d{14}\nCN=新名有限公司$/);
        assert.equal(endOf(answer.signCertificate), '2026-12-31T12:30:00.000Z');
        assert.ok(der(answer.seal).includes(Buffer.from('新名有限公司')) && !der(answer.seal).includes(Buffer.from('旧名有限公司')));
    });
    await t.test('confirmed, the old pair is revoked for the change of affiliation', async () => {
        for (let i = 0; i < 2; i += 1) assert.deepEqual((await key.prove(file, answer)).body, { state: 'COMPLETED' });
        const pair = await service.rows(`SELECT state, reason FROM certificates WHERE token = '${key.serial}' ORDER BY not_before, state`);
        assert.deepEqual(pair, [
            { state: 'REVOKED', reason: 3 },
            { state: 'REVOKED', reason: 3 },
            { state: 'VALID', reason: 0 },
            { state: 'VALID', reason: 0 },
        ]);
        assert.deepEqual(await service.rows('SELECT name, state FROM seals ORDER BY state'), [
            { name: '旧名有限公司', state: 'REVOKED' },
            { name: '新名有限公司', state: 'VALID' },
        ]);
        assert.deepEqual(await service.rows(`SELECT s.name, t.state FROM subjects s JOIN tokens t ON t.subject = s.id`), [{ name: '新名有限公司', state: 'ACTIVE' }]);
        assert.deepEqual((await key.requestCertificates(file)).body, answer);
        await assert.rejects(key.logIn(), /CERTIFICATE_REVOKED/);
    });
});

test('a replacement lasts as long as what it replaces', async (t) => {
    const { service, staff } = await startDesk(t);
    const person = await apply(service, staff, { kind: 'NEW', subject: SUBJECT }, 'READY_TO_ISSUE');
    const stateOf = async (key) => (await service.rows(`SELECT state, reason FROM certificates WHERE token = '${key.serial}' AND usage = 'SIGN'`))[0];
    const end = '2028-03-01T15:59:59.000Z';
    const keys = ['first', 'second', 'third'].map((name) => new BlankKey(service, name, person));
    await download(keys[0], { code: await person.downloadCode() });
    await person.change('POST', ':receive', {});

    await t.test('lost: on hold at the confirmation, revoked at the approval', async () => {
        Applicant.good(await person.create({ kind: 'REPLACE', certificate: keys[0].certificate }));
        await person.goOn('AWAIT_CONFIRM');
        assert.deepEqual(await stateOf(keys[0]), { state: 'VALID', reason: 0 });
        await person.confirm();
        assert.deepEqual(await stateOf(keys[0]), { state: 'HELD', reason: 6 });
        await person.goOn('IN_REVIEW');
        await person.review();
        assert.deepEqual(await stateOf(keys[0]), { state: 'REVOKED', reason: 1 });
        await person.goOn('READY_TO_ISSUE');
        const code = await person.downloadCode();
        refused(await keys[1].claim({ code, tokenSerial: keys[0].serial }), 409, 'WRONG_TOKEN');
        const { answer, state } = await download(keys[1], { code });
        assert.deepEqual([state, endOf(answer.signCertificate)], ['SHIPPED', end]);
        assert.equal(certificateOf(answer.signCertificate).subject.split('\n')[1], `O=${SUBJECT.name}`);
        assert.ok(answer.seal);
        await person.change('POST', ':receive', {});
    });
    await t.test('damaged: valid until the new one works, then superseded', async () => {
        person.entries.reason = 'DAMAGED';
        Applicant.good(await person.create({ kind: 'REPLACE', certificate: keys[1].certificate }));
        await person.goOn('READY_TO_ISSUE');
        assert.deepEqual(await stateOf(keys[1]), { state: 'VALID', reason: 0 });
        const code = await person.downloadCode();
        refused(await keys[2].claim({ code, tokenSerial: keys[1].serial }), 409, 'WRONG_TOKEN');
        const { answer } = await download(keys[2], { code });
        assert.equal(endOf(answer.encryptCertificate), end);
        assert.deepEqual(await stateOf(keys[1]), { state: 'REVOKED', reason: 4 });
        assert.deepEqual(await stateOf(keys[2]), { state: 'VALID', reason: 0 });
        assert.equal((await service.rows("SELECT COUNT(*) AS n FROM seals WHERE state = 'VALID'"))[0].n, 1);
        await keys[2].logIn();
        assert.deepEqual(
            (await service.rows("SELECT state FROM tokens WHERE serial LIKE 'BLANK%' ORDER BY created, serial")).map(({ state }) => state),
            ['PERM_LOST', 'DAMAGED', 'ACTIVE'],
        );
    });
});

test('an operator produces the key before it is sent', async (t) => {
    const { service, staff } = await startDesk(t, { profile: 'hainan' });
    const person = await apply(service, staff, { kind: 'NEW', subject: SUBJECT }, 'APPROVED');
    const operator = Object.assign(staff.operator, { order: person.order });
    const key = new BlankKey(service, 'made', operator);

    await t.test('nobody else does, and it cannot be sent before', async () => {
        refused(await new BlankKey(service, 'his', person).claim(), 403, 'FORBIDDEN');
        refused(await new BlankKey(service, 'hers', Object.assign(staff.reviewer, { order: person.order })).claim(), 403, 'FORBIDDEN');
        refused(await person.ask('POST', person.path('/download-code'), {}), 403, 'FORBIDDEN');
        await assert.rejects(person.ship(), /WRONG_STATE/);
    });
    await t.test('given up or given back, it is taken up again', async () => {
        Applicant.good(await key.claim());
        assert.equal((await person.look()).state, 'PRODUCING');
        Applicant.good(await key.requestCertificates(key.newKeyFile()));
        for (const permanent of [true, false]) {
            const given = await operator.ask('POST', `/v1/tasks/${key.task.task}/fail`, { code: 'TOKEN_ERROR', permanent });
            assert.deepEqual([given.status, given.body], [200, { state: 'PRODUCING' }]);
            refused(await key.requestCertificates(key.newKeyFile()), 409, 'TASK_NOT_CLAIMED');
            Applicant.good(await key.claim());
        }
        assert.deepEqual(await states(service, key.serial), [{ usage: 'ENC', state: 'REVOKED' }, { usage: 'SIGN', state: 'REVOKED' }]);
    });
    await t.test('produced, then sent, then done', async () => {
        const { state } = await download(key);
        assert.equal(state, 'PRODUCING');
        refused(await new BlankKey(service, 'late', operator).claim(), 409, 'WRONG_STATE');
        await person.ship();
        assert.deepEqual([(await person.look()).state, person.order.tokenSerial], ['COMPLETED', key.serial]);
        assert.equal(person.order.result.signCertificate.state, 'VALID');
        await key.logIn();
        assert.match((await service.command('verify-events')).stdout, /chain is whole/);
    });
});
