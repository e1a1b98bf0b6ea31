// The CA of the order service, with each algorithm: what it issues and says over HTTP is judged by the openssl command. What is frozen and
// revoked shows at once in the CRL and by OCSP, what is released disappears, and one changed byte spoils each.
import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'node:test';
import { run } from '../../tools/demo/program.mjs';
import { until } from '../support/agent.mjs';
import { Applicant } from '../support/applicant.mjs';
import { bitString, parse } from '../support/der.mjs';
import { OpenSsl, flip, toPem } from '../support/openssl.mjs';
import { BlankKey, startService } from '../support/service.mjs';

const SUBJECT = { type: 'ORG', name: '测试科技有限公司', credentialType: 'USCC', credentialNo: '91350100M000100Y43' };
const der = (base64) => Buffer.from(base64, 'base64');

/* An answer with certificates, downloaded to a key of the algorithm that the task names. */
async function download(service, alg) {
    const staff = { reviewer: await service.staff('shen', 'REVIEWER'), operator: await service.staff('cao', 'OPERATOR') };
    const person = new Applicant(service, '13900139000', staff);
    await person.register();
    Applicant.good(await person.create({ kind: 'NEW', subject: SUBJECT }));
    await person.goOn('APPROVED');
    await person.ship();
    const key = new BlankKey(service, 'a', person);
    Applicant.good(await key.claim({ code: await person.downloadCode() }));
    assert.equal(key.task.alg, alg);
    for (const other of ['SM2', 'P-256', 'RSA-2048'].filter((name) => name !== alg)) {
        const refused = await key.requestCertificates(await key.newKey(other));
        assert.deepEqual([refused.status, refused.body.code], [422, 'CSR_INVALID'], `${other} for ${alg}`);
    }
    const file = await key.newKey(alg);
    const { body } = Applicant.good(await key.requestCertificates(file));
    Applicant.good(await key.prove(file, body));
    key.install(file, body);
    await person.look();
    return { person, key, answer: body };
}

/* Freeze, unfreeze, revoke: confirmed by a code, carried out by the service itself. */
async function apply(person, key, kind) {
    Applicant.good(await person.create({ kind, certificate: key.certificate }));
    Applicant.good(await person.ask('POST', person.path('/confirm-code'), {}));
    Applicant.good(await person.change('POST', ':confirm', { code: await person.code(), agree: true }));
    for (let i = 0; (await person.look()).state !== 'COMPLETED'; i += 1) {
        assert.ok(i < 1200, person.order.state);
        await new Promise((done) => setTimeout(done, 50));
    }
}

/* The CA seen from outside. `certificate` is the one in question, DER. */
class Outside {
    constructor(service, certificate) {
        this.service = service;
        this.openssl = new OpenSsl(service.dir);
        this.certificate = certificate;
    }

    async open() {
        this.rootDer = (await this.service.ask('GET', '/ca/root.crt')).raw;
        this.issuingDer = (await this.service.ask('GET', '/ca/issuing.crt')).raw;
        this.root = this.openssl.file(toPem('CERTIFICATE', this.rootDer), 'pem');
        this.issuing = this.openssl.file(toPem('CERTIFICATE', this.issuingDer), 'pem');
        this.leaf = this.openssl.file(toPem('CERTIFICATE', this.certificate), 'pem');
        this.serial = new X509Certificate(this.certificate).serialNumber;
        return this;
    }

    say(...args) {
        return run('openssl', args, { allow: [0, 1, 2, 4] });
    }

    async crl() {
        const answer = await this.service.ask('GET', '/ca/crl');
        assert.deepEqual([answer.status, answer.headers['content-type']], [200, 'application/pkix-crl']);
        return answer.raw;
    }

    /* The reason that the CRL has for the certificate; undefined: it is not on it. */
    async reasonOnCrl() {
        const { stdout } = await this.say('crl', '-inform', 'DER', '-noout', '-text', '-in', this.openssl.file(await this.crl()));
        assert.match(stdout, /Version 2 \(0x1\)[\s\S]*Next Update: [\s\S]*X509v3 CRL Number/);
        this.crlNumber = Number(/X509v3 CRL Number: \n\s+(\d+)/.exec(stdout)[1]);
        const entry = stdout.split('Serial Number: ').find((text) => text.startsWith(this.serial));
        return entry && (/CRL Reason Code: \n\s+(.*)/.exec(entry)?.[1] ?? 'none');
    }

    /* An OCSP request as openssl makes it. */
    async request(...options) {
        const file = this.openssl.file('');
        await run('openssl', ['ocsp', ...options, '-issuer', this.issuing, '-cert', this.leaf, '-reqout', file]);
        return readFileSync(file);
    }

    async ocsp(request) {
        const answer = await this.service.ask('POST', '/ca/ocsp', request, { 'content-type': 'application/ocsp-request', 'content-length': request.length });
        assert.deepEqual([answer.status, answer.headers['content-type']], [200, 'application/ocsp-response']);
        assert.match(answer.headers['cache-control'], /no-store/);
        return answer.raw;
    }

    async ocspByGet(request, write = encodeURIComponent) {
        const answer = await this.service.ask('GET', `/ca/ocsp/${write(request.toString('base64'))}`);
        assert.deepEqual([answer.status, answer.headers['content-type']], [200, 'application/ocsp-response']);
        this.cacheControl = answer.headers['cache-control'];
        return answer.raw;
    }

    /* What openssl makes of a response; for SM2 it cannot judge the signature. */
    async standing(response, ...options) {
        const { stdout, stderr } = await this.say(
            ...['ocsp', '-issuer', this.issuing, '-cert', this.leaf, '-no_nonce', '-respin', this.openssl.file(response)],
            ...(options.length ? options : ['-noverify']),
        );
        return stdout + stderr;
    }

    /* good, revoked (and why), unknown; by POST with a nonce and by GET. */
    async status() {
        const said = [];
        for (const response of [await this.ocsp(await this.request()), await this.ocspByGet(await this.request('-no_nonce'))]) {
            assert.ok(await this.responseIsGood(response), 'the response verifies');
            const text = await this.standing(response);
            said.push([/openssl-\d+\.pem: (\w+)/.exec(text)?.[1], /Reason: (\w+)/.exec(text)?.[1]].filter(Boolean).join(' '));
        }
        assert.equal(said[0], said[1]);
        return said[0];
    }
}

/* RSA and P-256: openssl judges all of it. */
class Plain extends Outside {
    async chainIsGood(certificate) {
        const leaf = this.openssl.file(toPem('CERTIFICATE', certificate), 'pem');
        return (await this.say('verify', '-CAfile', this.root, '-untrusted', this.issuing, leaf)).code === 0;
    }

    async isRevokedByVerify() {
        const crl = this.openssl.file(toPem('X509 CRL', await this.crl()), 'pem');
        const { code, stderr } = await this.say('verify', '-crl_check', '-CRLfile', crl, '-CAfile', this.root, '-untrusted', this.issuing, this.leaf);
        assert.ok(code === 0 || /certificate revoked/.test(stderr), stderr);
        return code !== 0;
    }

    async crlIsGood(crl) {
        const { stdout, stderr } = await this.say('crl', '-inform', 'DER', '-noout', '-verify', '-CAfile', this.issuing, '-in', this.openssl.file(crl));
        const said = stdout + stderr;
        return /verify OK/.test(said) && !/verify failure/.test(said);
    }

    async responseIsGood(response) {
        return /Response verify OK/.test(await this.standing(response, '-CAfile', this.root, '-verify_other', this.issuing));
    }

    /* openssl asks the running service itself. */
    async askedByOpenssl() {
        const { stdout, stderr } = await this.say(
            ...['ocsp', '-issuer', this.issuing, '-cert', this.leaf, '-url', `${this.service.url}/ca/ocsp`, '-CAfile', this.root, '-verify_other', this.issuing],
        );
        return stdout + stderr;
    }
}

/* SM2: openssl 3.0 knows the identity only where it is told, so each signature is taken out and judged alone. */
class Sm2 extends Outside {
    async chainIsGood(certificate) {
        return this.openssl.verifyCertificate(certificate, { root: this.root, issuing: this.issuing });
    }

    async crlIsGood(crl) {
        const [signed, , signature] = parse(crl).items;
        return this.openssl.verifySignature({ certificate: this.issuingDer, data: signed.whole, signature: bitString(signature) });
    }

    async responseIsGood(response) {
        const bytes = parse(response).items[1].items[0].items[1].content;
        const [signed, , signature, certificates] = parse(bytes).items;
        const responder = certificates.items[0].items[0].whole;
        const text = await this.openssl.describe(responder, '-text');
        assert.match(text, /OCSP Signing[\s\S]*OCSP No Check/);
        return (
            (await this.openssl.verifyCertificate(responder, { root: this.root, issuing: this.issuing })) &&
            (await this.openssl.verifySignature({ certificate: responder, data: signed.whole, signature: bitString(signature) }))
        );
    }
}

for (const [alg, Kind, certificates] of [
    ['SM2', Sm2, { usage: 'Digital Signature, Non Repudiation', pair: true }],
    ['P-256', Plain, { usage: 'Digital Signature, Non Repudiation', pair: false }],
    ['RSA-2048', Plain, { usage: 'Digital Signature, Non Repudiation, Key Encipherment, Data Encipherment', pair: false }],
]) {
    test(`a CA of ${alg}: its certificates, CRL and OCSP answers are what openssl takes`, { timeout: 600_000 }, async (t) => {
        const service = await startService(t, { ca: { algorithm: alg, url: 'http://ca.example.test' } });
        const { person, key, answer } = await download(service, alg);
        const certificate = der(answer.signCertificate);
        const outside = await new Kind(service, certificate).open();

        await t.test('the certificates say what they are for and chain to the root, and one byte breaks them', async () => {
            const all = [certificate, ...(certificates.pair ? [der(answer.encryptCertificate)] : [])];
            assert.deepEqual(['encryptCertificate', 'envelopedKey'].map((name) => name in answer), [certificates.pair, certificates.pair]);
            assert.ok(answer.seal, 'there is a seal');
            for (const one of all) {
                assert.ok(await outside.chainIsGood(one));
                assert.ok(!(await outside.chainIsGood(flip(one, -1))));
                const text = await outside.openssl.describe(one, '-text');
                assert.match(text, /CRL Distribution Points:[\s\S]*URI:http:\/\/ca\.example\.test\/ca\/crl/);
                assert.match(text, /OCSP - URI:http:\/\/ca\.example\.test\/ca\/ocsp[\s\S]*CA Issuers - URI:http:\/\/ca\.example\.test\/ca\/issuing\.crt/);
            }
            const text = await outside.openssl.describe(certificate, '-text');
            assert.equal(/X509v3 Key Usage: critical\n\s+(.*)/.exec(text)[1], certificates.usage);
        });

        await t.test('good: not on the CRL, and OCSP says so; one byte breaks either', async () => {
            assert.equal(await outside.reasonOnCrl(), undefined);
            assert.equal(await outside.status(), 'good');
            const crl = await outside.crl();
            assert.ok(await outside.crlIsGood(crl));
            for (const at of [40, -1]) assert.ok(!(await outside.crlIsGood(flip(crl, at))), `byte ${at}`);
            const response = await outside.ocsp(await outside.request('-no_nonce'));
            assert.ok(await outside.responseIsGood(response));
            const produced = response.indexOf(Buffer.from('180f', 'hex')) + 16; // the last digit of producedAt
            assert.ok(!(await outside.responseIsGood(flip(response, produced))));
            if (outside.askedByOpenssl) {
                assert.match(await outside.askedByOpenssl(), /\.pem: good\n[\s\S]*Response verify OK/);
                assert.ok(!(await outside.isRevokedByVerify()));
            }
        });

        await t.test('frozen: on hold at once; released: gone; revoked: for good', async () => {
            const before = outside.crlNumber;
            await apply(person, key, 'FREEZE');
            assert.equal(await outside.reasonOnCrl(), 'Certificate Hold');
            assert.ok(outside.crlNumber > before);
            assert.equal(await outside.status(), 'revoked certificateHold');
            await apply(person, key, 'UNFREEZE');
            assert.equal(await outside.reasonOnCrl(), undefined);
            assert.equal(await outside.status(), 'good');
            await apply(person, key, 'REVOKE');
            assert.equal(await outside.reasonOnCrl(), 'Cessation Of Operation');
            assert.equal(await outside.status(), 'revoked cessationOfOperation');
            const crl = await outside.crl();
            assert.ok(await outside.crlIsGood(crl));
            assert.ok(!(await outside.crlIsGood(flip(crl, -1))));
            if (outside.askedByOpenssl) {
                assert.match(await outside.askedByOpenssl(), /\.pem: revoked\n[\s\S]*Response verify OK/);
                assert.ok(await outside.isRevokedByVerify());
            }
        });

        if (alg !== 'P-256') return;

        await t.test('OCSP: unknown certificates, nonsense, and caches', async () => {
            const said = async (request) => (await outside.ocsp(request)).toString('hex');
            const malformed = '30030a0101';
            for (const request of ['', 'hello', Buffer.alloc(4096, 0x30), (await outside.request()).subarray(0, 40)]) {
                assert.equal(await said(Buffer.from(request)), malformed);
            }
            const long = await service.ask('POST', '/ca/ocsp', Buffer.alloc(5000), { 'content-length': 5000 });
            assert.equal(long.status, 413);
            for (const path of ['', 'x', 'AAAA', '%', '%zz', '%00', `${'A'.repeat(7000)}`, '..%2f..']) {
                assert.equal((await service.ask('GET', `/ca/ocsp/${path}`)).raw.toString('hex'), malformed, path);
            }
            const request = await outside.request('-no_nonce');
            await outside.ocspByGet(request);
            assert.match(outside.cacheControl, /max-age=60/);
            await outside.ocspByGet(await outside.request());
            assert.match(outside.cacheControl, /no-store/);
            assert.match(await outside.standing(await outside.ocspByGet(request, String)), /revoked/, 'not percent-encoded');
            await run('openssl', ['ocsp', '-issuer', outside.issuing, '-serial', '0x4A0102', '-reqout', outside.leaf]);
            const { stdout } = await outside.say(
                ...['ocsp', '-issuer', outside.issuing, '-serial', '0x4A0102', '-noverify', '-respin', outside.openssl.file(await outside.ocsp(readFileSync(outside.leaf)))],
            );
            assert.match(stdout, /0x4A0102: unknown/);
        });

        await t.test('started again with another algorithm, the service refuses the directory and says why', async () => {
            await service.program.stop();
            // the log's last lines may be written a moment after the program's end
            const says = (what) => until(() => what.test(readFileSync(join(service.dir, 'orderd.log'), 'utf8')), String(what));
            service.changes.ca = { algorithm: 'SM2' };
            await assert.rejects(service.start());
            await says(/signs with another algorithm/);
            service.changes.ca = { algorithm: 'P-384' };
            await assert.rejects(service.start());
            await says(/ca\.algorithm: is one of SM2, P-256, RSA-2048/);
            delete service.changes.ca;
            await service.start();
            assert.deepEqual((await service.ask('GET', '/ca/root.crt')).raw, outside.rootDer);
        });
    });
}
