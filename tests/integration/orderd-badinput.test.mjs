// What people and programs without good manners send to the order service: uploads without end, uploads that lie, codes that are old or
// used. Each is refused with its problem, nothing changes, and the log holds nothing personal. (Forged callbacks are in orderd.test.mjs,
// documents that lie in orderd-people.test.mjs, tasks claimed with the wrong key in orderd-download.test.mjs and orderd-unlock.test.mjs.)
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { request } from 'node:https';
import { join } from 'node:path';
import test from 'node:test';
import { Applicant } from '../support/applicant.mjs';
import { jpeg, png } from '../support/picture.mjs';
import { startService } from '../support/service.mjs';

const CLOCK = '2026-03-01T10:00:00+08:00';
const SUBJECT = { type: 'ORG', name: '测试科技有限公司', credentialType: 'USCC', credentialNo: '91350100M000100Y43' };
const MEGABYTE = Buffer.alloc(1 << 20, 0x5a);

function refused(answer, status, code) {
    assert.deepEqual([answer.status, answer.body.code], [status, code], JSON.stringify(answer.body));
    assert.equal(answer.body.type, `urn:openukey:problem:${code.toLowerCase().replaceAll('_', '-')}`);
}

/* An upload of which `write` sends the body as far as the service takes it: {status, code, sent}; an ended connection has no status. */
function pour(person, path, version, headers, write) {
    return new Promise((done) => {
        const said = { sent: 0 };
        const asked = request(`${person.service.url}${path}`, {
            method: 'PUT',
            ca: person.service.ca,
            agent: false,
            headers: { authorization: `Bearer ${person.session.token}`, 'if-match': `"${version}"`, 'content-type': 'application/octet-stream', ...headers },
        });
        asked.on('response', async (answer) => {
            said.status = answer.statusCode;
            let text = '';
            answer.on('data', (data) => (text += data));
            answer.on('error', () => {});
            answer.on('close', () => {
                said.code = text.startsWith('{') ? JSON.parse(text).code : undefined;
                asked.destroy();
                done(said);
            });
        });
        asked.on('error', () => done(said));
        asked.on('close', () => done(said));
        asked.flushHeaders();
        write(asked, said);
    });
}

test('bad input', async (t) => {
    const service = await startService(t, { clock: CLOCK, log: 'debug' });
    const person = new Applicant(service, '13900139000', {});
    await person.register();
    Applicant.good(await person.create({ kind: 'NEW', subject: SUBJECT }));
    await person.goOn('AWAIT_MATERIALS');
    const path = person.path('/documents/LICENCE');
    const before = await person.look();
    const unchanged = async () => assert.deepEqual(await person.look(), before);

    await t.test('ten gigabytes are refused when they are announced', async () => {
        const said = await pour(person, path, before.version, { 'content-length': 10 * 2 ** 30 }, () => {});
        assert.deepEqual([said.status, said.code], [413, 'BODY_TOO_LARGE']);
        await unchanged();
    });
    await t.test('a body without an end is cut', async () => {
        const said = await pour(person, path, before.version, { 'transfer-encoding': 'chunked' }, (asked, sent) => {
            const more = () => {
                while (!asked.destroyed && sent.status === undefined && sent.sent < 4096) {
                    sent.sent += 1;
                    if (!asked.write(MEGABYTE)) return;
                }
            };
            asked.on('drain', more);
            more();
        });
        assert.ok(said.sent < 256, `${said.sent} MB were taken`);
        assert.ok([undefined, 400, 411, 413].includes(said.status), String(said.status));
        await unchanged();
    });
    await t.test('what is not what it says is refused, whatever its type of content', async () => {
        const lies = [Buffer.alloc(0), Buffer.from('%PDF-1.4 and no more'), Buffer.from('<svg xmlns="http://www.w3.org/2000/svg"/>'), Buffer.concat([png().subarray(0, 60), jpeg()])];
        for (const bytes of [...lies, png({ claim: { width: 30000, height: 30000 } }), png({ width: 9000, height: 9000, colour: false })]) {
            const answer = await person.change('PUT', '/documents/LICENCE', bytes, { 'content-type': 'image/png', 'content-length': bytes.length });
            refused(answer, 422, 'DOCUMENT_REFUSED');
        }
        await unchanged();
    });
    await t.test('a code is good once, and not after five minutes', async () => {
        await service.post('/v1/otp', { purpose: 'LOGIN', phone: person.phone });
        const code = await person.code();
        assert.equal((await service.post('/v1/login', { phone: person.phone, code })).status, 200);
        refused(await service.post('/v1/login', { phone: person.phone, code }), 403, 'CODE_WRONG');
        await person.goOn('AWAIT_CONFIRM');
        Applicant.good(await person.ask('POST', person.path('/confirm-code'), {}));
        const old = await person.code(person.entries.handlerPhone);
        await service.program.stop();
        service.changes.clock = '2026-03-01T10:09:00+08:00';
        await service.start();
        refused(await person.change('POST', ':confirm', { code: old, agree: true }), 403, 'CODE_WRONG');
        assert.equal((await person.look()).state, 'AWAIT_CONFIRM');
        await person.confirm();
        refused(await person.change('POST', ':confirm', { code: old, agree: true }), 409, 'WRONG_STATE');
    });
    await t.test('the log holds neither names, numbers, addresses, codes nor tokens', async () => {
        const log = readFileSync(join(service.dir, 'orderd.log'), 'utf8');
        assert.match(log, /\w/);
        const codes = (await service.rows("SELECT body FROM sim_deliveries WHERE body GLOB '*验证码*'")).map(({ body }) => /\d{6}/.exec(body)[0]);
        const personal = [SUBJECT.name, SUBJECT.credentialNo, ...Object.values(person.entries).filter((value) => String(value).length > 5), person.phone, 'geheim-1', person.session.token];
        for (const secret of personal) assert.ok(!log.includes(secret), String(secret));
        for (const code of codes) assert.doesNotMatch(log, new RegExp(`\\b${code}\\b`));
        assert.match((await service.command('verify-events')).stdout, /chain is whole/);
    });
});
