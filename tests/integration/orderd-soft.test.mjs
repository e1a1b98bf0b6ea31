// Soft certificates: nothing is sent, the key is the holder's or comes once in a PKCS#12 that openssl opens, and nothing of it stays here.
import assert from 'node:assert/strict';
import { createHash, X509Certificate } from 'node:crypto';
import { readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'node:test';
import { run } from '../../tools/demo/program.mjs';
import { Applicant } from '../support/applicant.mjs';
import { BlankKey, startService } from '../support/service.mjs';

const CLOCK = '2026-03-01T10:00:00+08:00';
const SUBJECT = { type: 'ORG', name: '测试科技有限公司', credentialType: 'USCC', credentialNo: '91350100M000100Y43' };
const PASSPHRASE = 'geheim-geheim-1';

function refused(answer, status, code) {
    assert.deepEqual([answer.status, answer.body.code], [status, code], JSON.stringify(answer.body));
}
const fieldsOf = (answer) => answer.body.errors.map(({ field }) => field);
const der = (text) => Buffer.from(text, 'base64');
const fingerprint = (text) => createHash('sha256').update(der(text)).digest('hex');
const openssl = async (...args) => (await run('openssl', args)).stdout;

async function ready(t, profile) {
    const service = await startService(t, { clock: CLOCK, ...(profile ? { profile } : {}) });
    const staff = { reviewer: await service.staff('shen', 'REVIEWER'), operator: await service.staff('cao', 'OPERATOR') };
    const holder = new Applicant(service, '13900139000', staff);
    await holder.register();
    Applicant.good(await holder.create({ kind: 'NEW', medium: 'SOFT', subject: SUBJECT }));
    return { service, staff, holder };
}

function write(service, name, bytes) {
    const path = join(service.dir, name);
    writeFileSync(path, bytes);
    return path;
}

/* Every file under the service's folder of state. */
function* filesOf(folder) {
    for (const name of readdirSync(folder)) {
        const path = join(folder, name);
        if (statSync(path).isDirectory()) yield* filesOf(path);
        else yield path;
    }
}

test('a key that the holder made', async (t) => {
    const { service, holder } = await ready(t);
    const issue = (body) => holder.ask('POST', holder.path('/soft-certificate'), body);
    const confirm = (certificate) => holder.ask('POST', holder.path('/soft-certificate:confirm'), { certificate });
    const request = async (name) => {
        const key = join(service.dir, `${name}.key`);
        const csr = join(service.dir, `${name}.csr`);
        await openssl('req', '-new', '-newkey', 'rsa:2048', '-nodes', '-keyout', key, '-subj', '/CN=whatever', '-outform', 'DER', '-out', csr);
        return { key, csr: readFileSync(csr).toString('base64') };
    };
    let code;
    let first;
    let second;

    await t.test('nothing is asked of parcels, and nothing is sent', async () => {
        const gates = Object.fromEntries(holder.order.gates.map(({ name, state }) => [name, state]));
        assert.deepEqual([holder.order.medium, gates.DELIVERY, gates.SHIP, gates.RECEIVE, gates.ISSUE], ['SOFT', 'WAIVED', 'WAIVED', 'WAIVED', 'OPEN']);
        assert.ok(!holder.order.fields.some(({ name }) => name === 'delivery' || name.startsWith('recipient')));
        await holder.goOn('READY_TO_ISSUE');
        assert.deepEqual(await service.rows('SELECT * FROM shipments'), []);
        code = await holder.downloadCode();
        refused(await new BlankKey(service, 'k', holder).claim({ code }), 409, 'NOT_OFFERED');
        assert.equal((await holder.ask('GET', '/v1/account/counters')).body.softToDownload, 1);
    });
    await t.test('wrong codes and bad requests are refused', async () => {
        const { csr } = await request('bad');
        refused(await issue({ code: 'A'.repeat(20), csr }), 403, 'CODE_WRONG');
        refused(await issue({ code, csr: der(csr).subarray(1).toString('base64') }), 422, 'CSR_INVALID');
        const altered = der(csr);
        altered[altered.length - 1] ^= 1;
        refused(await issue({ code, csr: altered.toString('base64') }), 422, 'CSR_INVALID');
        refused(await issue({ code }), 400, 'BAD_REQUEST');
        refused(await issue({ code, csr, passphrase: PASSPHRASE }), 400, 'BAD_REQUEST');
        refused(await confirm('0'.repeat(64)), 409, 'WRONG_STATE');
        assert.deepEqual(await service.rows('SELECT * FROM soft_issuances'), []);
    });
    await t.test('the same request gets the same certificate; another key revokes it', async () => {
        first = await request('first');
        const one = Applicant.good(await issue({ code, csr: first.csr })).body;
        assert.deepEqual((await issue({ code, csr: first.csr })).body, one);
        assert.equal(one.pkcs12, undefined);
        second = await request('second');
        const two = Applicant.good(await issue({ code, csr: second.csr })).body;
        refused(await issue({ code, csr: first.csr }), 422, 'CSR_KEY_REUSED');
        refused(await confirm(fingerprint(one.certificate)), 403, 'CERTIFICATE_UNKNOWN');
        second.answer = two;
        assert.deepEqual((await service.rows('SELECT state FROM certificates ORDER BY state')).map(({ state }) => state), ['PENDING', 'REVOKED']);
    });
    await t.test('confirmed, it is valid, the order is done and the code used up', async () => {
        for (let i = 0; i < 2; i += 1) assert.equal((await confirm(fingerprint(second.answer.certificate))).body.state, 'COMPLETED');
        await holder.look();
        assert.equal(holder.order.result.signCertificate.state, 'VALID');
        refused(await issue({ code, csr: second.csr }), 409, 'WRONG_STATE');
        const { certificates } = (await holder.ask('GET', '/v1/certificates?state=VALID')).body;
        assert.deepEqual(certificates.map(({ medium, tokenSerial, algorithm, usage, actions }) => [medium, tokenSerial, algorithm, usage, actions]), [
            ['SOFT', '', 'RSA', 'BOTH', ['FREEZE', 'REVOKE', 'UNBIND']],
        ]);
    });
    await t.test('openssl finds the holder’s own key in it, and the right name and end', async () => {
        const cert = write(service, 'second.der', der(second.answer.certificate));
        const fromCertificate = await openssl('x509', '-inform', 'DER', '-in', cert, '-noout', '-pubkey');
        assert.equal(await openssl('pkey', '-in', second.key, '-pubout'), fromCertificate);
        const { subject, validTo } = new X509Certificate(der(second.answer.certificate));
        assert.match(subject, /O=测试科技有限公司/);
        assert.equal(new Date(validTo).toISOString(), '2028-03-01T15:59:59.000Z');
    });
    await t.test('what needs a key is not offered for it; it can be revoked', async () => {
        const certificate = fingerprint(second.answer.certificate);
        refused(await holder.create({ kind: 'REPLACE', certificate }), 409, 'NOT_OFFERED');
        refused(await holder.create({ kind: 'RENEW', certificate }), 409, 'NOT_OFFERED');
        Applicant.good(await holder.create({ kind: 'REVOKE', certificate }));
        assert.match((await service.command('verify-events')).stdout, /chain is whole/);
    });
});

test('a PKCS#12 that the service makes', async (t) => {
    const { service, holder } = await ready(t, 'building');
    await holder.goOn('READY_TO_ISSUE');
    const code = await holder.downloadCode();
    const issue = (body) => holder.ask('POST', holder.path('/soft-certificate'), { code, ...body });
    let given;

    await t.test('the passphrase is the holder’s choice, a good one', async () => {
        for (const passphrase of ['kurz-1', 'nurbuchstaben', 'leer zeichen 1', 'x1'.repeat(33), 'ümlaut-ümlaut-1']) {
            assert.deepEqual(fieldsOf(await issue({ passphrase })), ['passphrase'], passphrase);
        }
        assert.deepEqual(fieldsOf(await issue({ passphrase: PASSPHRASE, algorithm: 'RSA-512' })), ['algorithm']);
    });
    await t.test('openssl opens it with the passphrase, and with no other', async () => {
        given = Applicant.good(await issue({ passphrase: PASSPHRASE })).body;
        const file = write(service, 'given.p12', der(given.pkcs12));
        const key = await openssl('pkcs12', '-in', file, '-passin', `pass:${PASSPHRASE}`, '-nocerts', '-nodes');
        const certificates = await openssl('pkcs12', '-in', file, '-passin', `pass:${PASSPHRASE}`, '-nokeys');
        assert.equal(certificates.match(/BEGIN CERTIFICATE/g).length, 3);
        const info = (await run('openssl', ['pkcs12', '-in', file, '-passin', `pass:${PASSPHRASE}`, '-info', '-noout'])).stderr;
        assert.match(info, /MAC: sha256, Iteration 100000[^]*AES-256-CBC, Iteration 100000/);
        await assert.rejects(run('openssl', ['pkcs12', '-in', file, '-passin', 'pass:falsch-falsch-1', '-noout']));
        const cert = write(service, 'given.der', der(given.certificate));
        assert.equal(await openssl('pkey', '-in', write(service, 'given.key', key), '-pubout'), await openssl('x509', '-inform', 'DER', '-in', cert, '-noout', '-pubkey'));
        given.key = key;
    });
    await t.test('it is given once: asked again, it is another, and the first never works', async () => {
        const again = Applicant.good(await issue({ passphrase: PASSPHRASE, algorithm: 'SM2' })).body;
        assert.notEqual(again.certificate, given.certificate);
        const file = write(service, 'again.p12', der(again.pkcs12));
        assert.match(await openssl('pkcs12', '-in', file, '-passin', `pass:${PASSPHRASE}`, '-nocerts', '-nodes'), /BEGIN PRIVATE KEY/);
        const confirm = (certificate) => holder.ask('POST', holder.path('/soft-certificate:confirm'), { certificate });
        refused(await confirm(fingerprint(given.certificate)), 403, 'CERTIFICATE_UNKNOWN');
        Applicant.good(await confirm(fingerprint(again.certificate)));
        refused(await issue({ passphrase: PASSPHRASE }), 409, 'WRONG_STATE');
        assert.deepEqual((await service.rows('SELECT algorithm, state FROM certificates ORDER BY state')).map(({ algorithm, state }) => [algorithm, state]), [['RSA', 'REVOKED'], ['SM2', 'VALID']]);
    });
    await t.test('neither key nor passphrase is anywhere in what the service keeps', async () => {
        await service.rows('SELECT 1');
        const jwk = (await openssl('rsa', '-in', write(service, 'given.key', given.key), '-noout', '-text')).match(/prime1:\s*([0-9a-f:\s]+)/)[1];
        const prime = Buffer.from(jwk.replaceAll(/[:\s]/g, '').replace(/^00/, ''), 'hex').subarray(0, 32);
        for (const path of filesOf(service.state)) {
            const bytes = readFileSync(path);
            assert.ok(!bytes.includes(prime) && !bytes.includes(prime.toString('hex')) && !bytes.includes(PASSPHRASE), path);
        }
        const log = readFileSync(join(service.dir, 'orderd.log'), 'utf8');
        assert.ok(!log.includes(PASSPHRASE) && !log.includes(code));
    });
});

test('a portal that sends produced keys offers no soft certificates', async (t) => {
    const service = await startService(t, { clock: CLOCK, profile: 'hainan' });
    const holder = new Applicant(service, '13900139000', {});
    await holder.register();
    refused(await holder.create({ kind: 'NEW', medium: 'SOFT', subject: SUBJECT }), 409, 'NOT_OFFERED');
    refused(await holder.create({ kind: 'NEW', medium: 'PAPER', subject: SUBJECT }), 400, 'BAD_REQUEST');
});
