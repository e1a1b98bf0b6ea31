// The order service's own API, over HTTPS, with a scripted agent and keys in software: the renewal done right, done wrong, and
// everything done twice.
import assert from 'node:assert/strict';
import { createHmac, createPublicKey, X509Certificate, verify as verifySignature } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'node:test';
import { OpenSsl } from '../support/openssl.mjs';
import { sha256, startService } from '../support/service.mjs';

const CLOCK = '2026-03-01T10:00:00+08:00';
const day = (days) => new Date(Date.parse('2026-03-01T00:00:00+08:00') + days * 86_400_000);
// the Shanghai day that is so many days away, at half past eight in the evening
const evening = (days) => new Date(day(days).getTime() + 20.5 * 3_600_000).toISOString().replace('.000', '');

const der = (base64) => Buffer.from(base64, 'base64');
const shanghai = (time) => new Date(Date.parse(time) + 8 * 3_600_000).toISOString().slice(0, 10);

function refused(answer, status, code) {
    assert.deepEqual([answer.status, answer.body.code], [status, code], JSON.stringify(answer.body));
    assert.match(answer.headers['content-type'], /^application\/problem\+json/);
    assert.equal(answer.body.type, `urn:openukey:problem:${code.toLowerCase().replaceAll('_', '-')}`);
    assert.ok(answer.body.title);
}

/* The header of a task document, which one of these keys has signed. */
function checkTask(jws, keys) {
    const [head, body, signature] = jws.split('.');
    const header = JSON.parse(Buffer.from(head, 'base64url'));
    const jwk = keys.find((one) => one.kid === header.kid);
    assert.ok(jwk, 'the key is published');
    const publicKey = { key: createPublicKey({ key: jwk, format: 'jwk' }), dsaEncoding: 'ieee-p1363' };
    assert.ok(verifySignature('sha256', Buffer.from(`${head}.${body}`), publicKey, Buffer.from(signature, 'base64url')));
    return { header };
}

test('a renewal from login to the new certificates', async (t) => {
    const service = await startService(t, { clock: CLOCK });
    const published = async () => (await service.ask('GET', '/v1/keys')).body.keys;
    const openssl = new OpenSsl(service.dir);
    const key = await service.key('a', { until: evening(30) });
    const session = await key.logIn();
    assert.equal(session.tokenSerial, key.serial);
    assert.equal(session.certificate.id, key.certificate);

    await t.test('it may be renewed, and the terms continue from the old end date', async () => {
        const { body } = await key.ask('POST', '/v1/eligibility', { certificate: key.certificate });
        assert.equal(body.eligible, true);
        assert.equal(body.code, 'ELIGIBLE');
        assert.equal(body.daysLeft, 30);
        assert.deepEqual(body.terms.map(({ years, validUntil }) => [years, validUntil]), [
            [1, '2027-03-31'],
            [2, '2028-03-31'],
            [3, '2029-03-31'],
        ]);
    });
    await t.test('the same idempotency key makes one order, with another request it is refused', async () => {
        const first = await key.create('one');
        assert.equal(first.status, 201);
        assert.match(first.body.no, /^20260301A\d{4}$/);
        assert.equal(first.body.state, 'DRAFT');
        assert.equal((await key.create('one')).body.no, first.body.no);
        refused(await key.create('two'), 409, 'OPEN_ORDER_EXISTS');
        assert.equal((await key.create('two')).body.order, first.body.no);
        const other = { kind: 'RENEW', certificate: '00'.repeat(32) };
        refused(await key.ask('POST', '/v1/orders', other, { 'idempotency-key': 'one' }), 422, 'IDEMPOTENCY_KEY_REUSED');
    });
    await t.test('wrong entries are named, a stale version is refused', async () => {
        const wrong = await key.change('PATCH', '', { years: 7, handlerPhone: 'x', colour: 'red' });
        refused(wrong, 422, 'FIELDS_INVALID');
        assert.deepEqual(wrong.body.errors.map((one) => one.field).sort(), ['colour', 'handlerPhone', 'years']);
        refused(await key.change('POST', ':submit', {}), 422, 'FIELDS_INVALID');
        refused(await key.change('PATCH', '', { years: 1 }, 99), 412, 'VERSION_CONFLICT');
        refused(await key.ask('PATCH', `/v1/orders/${key.order.no}`, { years: 1 }), 428, 'VERSION_REQUIRED');
    });
    await t.test('what was signed must be what was asked, by this key, once', async () => {
        assert.equal((await key.fillIn({ years: 2 })).body.state, 'AWAIT_CONFIRM');
        assert.equal(key.order.amountFen, 36000);
        for (const changes of [{ digest: '00'.repeat(32) }, { title: 'Another' }, { order: '20260301A9999' }, { type: 'login' }]) {
            const signature = await key.signStatement(changes);
            refused(await key.change('POST', ':confirm', { signature }), 422, 'STATEMENT_INVALID');
        }
        const foreign = await key.signStatement({ origin: 'https://evil.test' });
        refused(await key.change('POST', ':confirm', { signature: foreign }), 403, 'ORIGIN_REFUSED');
        const other = await service.key('other', { until: evening(30) });
        const byOther = await key.signStatement({}, other);
        refused(await key.change('POST', ':confirm', { signature: byOther }), 403, 'SIGNER_MISMATCH');
        const flipped = der(await key.signStatement());
        flipped[flipped.length - 5] ^= 1;
        refused(await key.change('POST', ':confirm', { signature: flipped.toString('base64') }), 422, 'STATEMENT_INVALID');

        // an edit after the statement was shown makes it void
        const old = await key.signStatement();
        await key.fillIn({ years: 1 });
        refused(await key.change('POST', ':confirm', { signature: old }), 422, 'STATEMENT_INVALID');
        const signature = await key.signStatement();
        assert.equal((await key.change('POST', ':confirm', { signature })).body.state, 'AWAIT_PAYMENT');
        refused(await key.change('POST', ':confirm', { signature }), 409, 'WRONG_STATE');
    });
    await t.test('a task cannot be claimed before the payment', async () => {
        refused(await key.claim(), 409, 'WRONG_STATE');
    });
    await t.test('only the provider says that it was paid, and saying it again changes nothing', async () => {
        const { body: payment } = await key.requestPayment('WECHAT', 'p1');
        assert.equal((await key.requestPayment('WECHAT', 'p1')).body.id, payment.id);
        assert.equal(payment.amountFen, 20000);
        const notice = { payment: payment.id, transaction: '9'.repeat(28), amountFen: 20000, result: 'PAID' };
        refused(await service.post('/v1/callbacks/sim', notice), 403, 'CALLBACK_REFUSED');
        refused(await service.post('/v1/callbacks/sim', notice, { 'openukey-signature': '0'.repeat(64) }), 403, 'CALLBACK_REFUSED');
        refused(await service.post('/v1/callbacks/other', notice), 404, 'NOT_FOUND');
        const secret = readFileSync(join(service.state, 'payment-sim.key'));
        const tell = (changes) => {
            const body = JSON.stringify({ ...notice, ...changes });
            const signature = createHmac('sha256', secret).update(body).digest('hex');
            return service.post('/v1/callbacks/sim', body, { 'openukey-signature': signature });
        };
        refused(await tell({ amountFen: 1 }), 409, 'PAYMENT_MISMATCH');
        refused(await tell({ payment: 'nobody' }), 409, 'PAYMENT_MISMATCH');
        const page = await service.ask('GET', new URL(payment.payUrl).pathname);
        assert.match(page.body, /200\.00/);
        assert.equal((await service.post(`${new URL(payment.payUrl).pathname}/settle`, {})).status, 200);
        const paid = (await key.ask('GET', `/v1/orders/${key.order.no}`)).body;
        assert.equal(paid.state, 'READY_TO_ISSUE');
        assert.equal(paid.payment.state, 'PAID');
        assert.match(paid.payment.transaction, /^\d{28}$/);
        for (let i = 0; i < 2; i += 1) assert.equal((await tell({ transaction: paid.payment.transaction })).status, 200);
        refused(await tell({}), 409, 'PAYMENT_MISMATCH');
        assert.equal((await key.ask('GET', `/v1/orders/${key.order.no}`)).body.version, paid.version);
        assert.equal((await service.post(`${new URL(payment.payUrl).pathname}/settle`, {})).status, 200);
        assert.equal((await service.rows("SELECT COUNT(*) AS n FROM payments WHERE state = 'PAID'"))[0].n, 1);
    });
    await t.test('a paid order can be neither edited nor cancelled', async () => {
        refused(await key.change('PATCH', '', { years: 3 }), 409, 'WRONG_STATE');
        refused(await key.change('POST', ':cancel', {}), 409, 'WRONG_STATE');
    });
    await t.test('the task is signed by the published key and is for this key alone', async () => {
        refused(await key.claim({ tokenSerial: 'OTHER' }), 409, 'WRONG_TOKEN');
        refused(await key.claim({ certificate: '00'.repeat(32) }), 409, 'WRONG_TOKEN');
        assert.equal((await key.claim()).status, 200);
        const { header } = checkTask(key.jws, await published());
        assert.equal(header.alg, 'ES256');
        assert.equal(key.task.matchCertificate, key.certificate);
        assert.equal(key.task.tokenSerial, key.serial);
        const again = { ...key.task };
        await key.claim();
        assert.deepEqual([key.task.task, key.task.nonce], [again.task, again.nonce]);
    });

    await t.test('the next published key takes over; tasks claimed before still verify', async () => {
        const pinned = await published();
        assert.equal(pinned.length, 2, 'the present key and the next');
        const before = key.jws;
        const rolled = JSON.parse((await service.command('keys', 'roll')).stdout).keys;
        assert.deepEqual(await published(), rolled);
        assert.deepEqual([rolled[0], rolled[2]], [pinned[1], pinned[0]]);
        assert.ok(!pinned.some(({ kid }) => kid === rolled[1].kid), 'another next key');
        assert.ok(rolled.every((jwk) => jwk.d === undefined));
        assert.equal((await key.claim()).status, 200);
        assert.equal(checkTask(before, await published()).header.kid, pinned[0].kid);
        // who has pinned what was published before the roll-over goes on
        assert.equal(checkTask(key.jws, pinned).header.kid, pinned[1].kid);
        assert.deepEqual(JSON.parse((await service.command('keys')).stdout).keys, rolled);
        await assert.rejects(service.command('keys', 'burn'), /usage/);
    });

    const oldKey = key.newKeyFile();
    const newKey = key.newKeyFile();
    let first;
    let answer;
    await t.test('a request that the old key does not vouch for is refused', async () => {
        const csr = await key.csr(oldKey);
        refused(await key.requestCertificates(oldKey, { csr, continuity: await key.sign('something else') }), 403, 'CONTINUITY_INVALID');
        const message = `openukey-continuity:${key.task.nonce}:${sha256(der(csr))}`;
        refused(await key.requestCertificates(oldKey, { csr, continuity: await key.sign(message, oldKey) }), 403, 'CONTINUITY_INVALID');
        const broken = der(csr);
        broken[broken.length - 4] ^= 1;
        refused(await key.requestCertificates(oldKey, { csr: broken.toString('base64') }), 422, 'CSR_INVALID');
        refused(await key.requestCertificates(join(key.dir, 'sign.pem')), 422, 'CSR_KEY_REUSED');
        assert.equal((await service.rows("SELECT COUNT(*) AS n FROM certificates WHERE state = 'PENDING'"))[0].n, 0);
    });
    await t.test('the same key again gives the same answer, to the byte', async () => {
        first = (await key.requestCertificates(oldKey)).body;
        const again = await key.requestCertificates(oldKey);
        assert.equal(again.status, 200);
        assert.deepEqual(again.body, first);
    });
    await t.test('another key revokes what the earlier got, which may not come back', async () => {
        answer = (await key.requestCertificates(newKey)).body;
        assert.notEqual(answer.signCertificate, first.signCertificate);
        refused(await key.requestCertificates(oldKey), 422, 'CSR_KEY_REUSED');
        const states = await service.rows("SELECT state, COUNT(*) AS n FROM certificates WHERE order_id IS NOT NULL GROUP BY state ORDER BY state");
        assert.deepEqual(states, [
            { state: 'PENDING', n: 2 },
            { state: 'REVOKED', n: 2 },
        ]);
        const crl = (await service.ask('GET', '/ca/crl')).raw;
        const serial = new X509Certificate(der(first.signCertificate)).serialNumber;
        assert.ok(crl.includes(Buffer.from(serial, 'hex')), 'the earlier certificate is in the CRL');
    });
    await t.test('programs that are not ours accept the certificates, whose validity continues', async () => {
        writeFileSync(join(service.dir, 'root.pem'), new X509Certificate((await service.ask('GET', '/ca/root.crt')).raw).toString());
        writeFileSync(join(service.dir, 'issuing.pem'), new X509Certificate((await service.ask('GET', '/ca/issuing.crt')).raw).toString());
        for (const name of ['signCertificate', 'encryptCertificate']) {
            const files = { root: join(service.dir, 'root.pem'), issuing: join(service.dir, 'issuing.pem') };
            assert.ok(await openssl.verifyCertificate(der(answer[name]), files), name);
            const certificate = new X509Certificate(der(answer[name]));
            assert.equal(new Date(certificate.validTo).toISOString(), '2027-03-31T12:30:00.000Z');
            assert.equal(shanghai(certificate.validFrom), '2026-03-01');
        }
        assert.match(answer.sealId, /^[0-9A-F]{28}$/);
        assert.ok(der(answer.seal).includes(der(answer.signCertificate)), 'the seal names the new certificate');
    });
    await t.test('until the new key has signed, the old certificate is the valid one', async () => {
        refused(await key.prove(oldKey, answer), 403, 'PROOF_INVALID');
        refused(await key.prove(newKey, { ...answer, nonce: 'x' }), 403, 'PROOF_INVALID');
        refused(await key.prove(oldKey, first), 403, 'CERTIFICATE_UNKNOWN');
        const valid = await service.rows("SELECT sha256 FROM certificates WHERE usage = 'SIGN' AND state = 'VALID' AND token = 'SOFTA'");
        assert.deepEqual(valid, [{ sha256: key.certificate }]);
    });
    await t.test('confirmed, and confirmed again', async () => {
        for (let i = 0; i < 2; i += 1) {
            const { status, body } = await key.prove(newKey, answer);
            assert.deepEqual([status, body], [200, { state: 'COMPLETED' }]);
        }
        const newId = sha256(der(answer.signCertificate));
        const valid = await service.rows("SELECT sha256 FROM certificates WHERE usage = 'SIGN' AND state = 'VALID' AND token = 'SOFTA'");
        assert.deepEqual(valid, [{ sha256: newId }]);
        const order = (await key.ask('GET', `/v1/orders/${key.order.no}`)).body;
        assert.equal(order.certificate.state, 'SUPERSEDED');
        assert.equal(shanghai(order.result.signCertificate.notAfter), '2027-03-31');
        assert.equal(sha256(new X509Certificate(order.result.signCertificate.pem).raw), newId);
        assert.equal(order.result.seal.id, answer.sealId);
        assert.deepEqual((await key.requestCertificates(newKey)).body, answer);
        await assert.rejects(key.logIn(), /CERTIFICATE_SUPERSEDED/);
    });
    await t.test('the unfinished and the finished lists hold each order once', async () => {
        const numbers = async (query) => (await key.ask('GET', `/v1/orders${query}`)).body.orders.map((one) => one.no);
        assert.deepEqual(await numbers('?state=open'), []);
        assert.deepEqual(await numbers('?state=done'), [key.order.no]);
        assert.deepEqual(await numbers(''), [key.order.no]);
    });
    await t.test('events: one for each change of state, a whole chain, nothing personal', async () => {
        assert.match((await service.command('verify-events')).stdout, /chain is whole/);
        const events = await service.rows('SELECT type, data FROM events ORDER BY seq');
        for (const name of ['T01 create', 'T06 confirm', 'T07 payment_paid', 'T18 task_claim', 'T19 task_done']) {
            assert.equal(events.filter((event) => event.type === name).length, 1, name);
        }
        assert.doesNotMatch(JSON.stringify(events), /13800138000|lisi|李四/);
        assert.doesNotMatch(readFileSync(join(service.dir, 'orderd.log'), 'utf8'), /13800138000|lisi|李四|Bearer/);
    });
});

test('logging in', async (t) => {
    const service = await startService(t, { clock: CLOCK });
    const key = await service.key('a', { until: evening(30) });
    const verify = async (assertion, more) => service.post('/v1/key-login/verify', { assertion, ...more });

    await t.test('an assertion works once', async () => {
        const assertion = await key.assertion();
        assert.equal((await verify(assertion)).status, 200);
        refused(await verify(assertion), 409, 'NONCE_INVALID');
    });
    await t.test('what is not the expected object is refused', async () => {
        for (const changes of [{ type: 'statement' }, { version: '2' }, { service: 'urn:other' }, { more: 'x' }, { order: 'x' }]) {
            refused(await verify(await key.assertion(changes)), 403, 'ASSERTION_INVALID');
        }
        refused(await verify(await key.assertion({ origin: 'https://evil.test' })), 403, 'ORIGIN_REFUSED');
        refused(await verify(await key.assertion({ nonce: 'made-up' })), 409, 'NONCE_INVALID');
        const { body } = await service.post('/v1/key-login/challenge', {});
        const spaced = `{"nonce": ${JSON.stringify(body.nonce)}}`;
        refused(await verify(await key.tool(['signed-data', key.dir], spaced)), 403, 'ASSERTION_INVALID');
        refused(await verify('AAAA'), 403, 'ASSERTION_INVALID');
        refused(await verify('not base64!'), 400, 'BAD_REQUEST');
    });
    await t.test('a certificate that the service does not know is refused', async () => {
        const stranger = await service.key('stranger', { until: evening(30), known: false });
        refused(await verify(await stranger.assertion()), 403, 'CERTIFICATE_UNKNOWN');
    });
    await t.test('held and revoked certificates are refused', async () => {
        await service.program.stop();
        for (const [state, code] of [
            ['HELD', 'CERTIFICATE_HELD'],
            ['REVOKED', 'CERTIFICATE_REVOKED'],
        ]) {
            const { run } = await import('../../tools/demo/program.mjs');
            await run('sqlite3', [join(service.state, 'orders.db'), `UPDATE certificates SET state = '${state}' WHERE sha256 = '${key.certificate}'`]);
            await service.start();
            refused(await verify(await key.assertion()), 403, code);
            await service.program.stop();
        }
    });
});

test('the renewal window is counted in days of Shanghai', async (t) => {
    const service = await startService(t, { clock: CLOCK });
    for (const [days, code] of [
        [90, 'RENEWAL_TOO_EARLY'],
        [89, 'ELIGIBLE'],
        [0, 'ELIGIBLE'],
        [-1, 'ELIGIBLE'],
        [-365, 'ELIGIBLE'],
    ]) {
        await t.test(`${days} days left: ${code}`, async () => {
            const key = await service.key(`d${days}`.replace('-', 'm'), { until: evening(days) });
            await key.logIn();
            const { body } = await key.ask('POST', '/v1/eligibility', { certificate: key.certificate });
            assert.equal(body.code, code);
            assert.equal(body.daysLeft, days);
            const created = await key.create();
            if (code === 'ELIGIBLE') {
                assert.equal(created.status, 201);
            } else {
                refused(created, 409, code);
                assert.equal(created.body.earliest, '2026-03-02');
                assert.match(body.reason, /2026-03-02/);
                assert.match((await key.ask('POST', '/v1/eligibility', { certificate: key.certificate }, { 'accept-language': 'zh-CN' })).body.reason, /2026-03-02 起可以更新/);
            }
        });
    }
    await t.test('expired for 366 days: the key may not even log in', async () => {
        const key = await service.key('m366', { until: evening(-366), from: '2024-01-01T00:00:00+08:00' });
        await assert.rejects(key.logIn(), /CERTIFICATE_EXPIRED/);
    });
    await t.test('expired: the new validity counts from the day of download', async () => {
        const key = await service.key('late', { until: evening(-40) });
        await key.untilPaid({ years: 1 });
        await key.claim();
        const file = key.newKeyFile();
        const { body } = await key.requestCertificates(file);
        assert.equal(new Date(new X509Certificate(der(body.signCertificate)).validTo).toISOString(), '2027-03-01T15:59:59.000Z');
        assert.equal((await key.prove(file, body)).body.state, 'COMPLETED');
    });
});

test('an order belongs to its key, and waits for nobody', async (t) => {
    const service = await startService(t, { clock: CLOCK });
    const mine = await service.key('mine', { until: evening(10) });
    const theirs = await service.key('theirs', { until: evening(10) });
    await mine.untilPaid();
    await theirs.logIn();

    await t.test('another key neither sees nor claims it', async () => {
        refused(await theirs.ask('GET', `/v1/orders/${mine.order.no}`), 404, 'NOT_FOUND');
        theirs.order = mine.order;
        refused(await theirs.claim(), 404, 'NOT_FOUND');
        await mine.claim();
        theirs.task = mine.task;
        refused(await theirs.requestCertificates(theirs.newKeyFile()), 404, 'NOT_FOUND');
    });
    await t.test('without a session, or with a made-up one, nothing is said', async () => {
        refused(await service.ask('GET', `/v1/orders/${mine.order.no}`), 401, 'SESSION_REQUIRED');
        for (const token of ['short', 'A'.repeat(43)]) {
            refused(await service.ask('GET', '/v1/orders', undefined, { authorization: `Bearer ${token}` }), 401, 'SESSION_EXPIRED');
        }
    });
    await t.test('given back for now, it can be claimed again', async () => {
        const failed = await mine.ask('POST', `/v1/tasks/${mine.task.task}/fail`, { code: 'TOKEN_REMOVED', permanent: false });
        assert.deepEqual(failed.body, { state: 'READY_TO_ISSUE' });
        refused(await mine.requestCertificates(mine.newKeyFile()), 409, 'TASK_NOT_CLAIMED');
        assert.equal((await mine.claim()).status, 200);
    });
    await t.test('given up for good, what was issued is revoked; an operator lets it be tried again', async () => {
        const file = mine.newKeyFile();
        const { body } = await mine.requestCertificates(file);
        const failed = await mine.ask('POST', `/v1/tasks/${mine.task.task}/fail`, { code: 'TOKEN_ERROR', permanent: true });
        assert.deepEqual(failed.body, { state: 'ISSUE_FAILED' });
        assert.notEqual((await mine.prove(file, body)).status, 200);
        refused(await mine.claim(), 409, 'WRONG_STATE');
        await service.command('retry', mine.order.no);
        assert.equal((await mine.claim()).status, 200);
        const other = mine.newKeyFile();
        const again = (await mine.requestCertificates(other)).body;
        assert.deepEqual((await mine.prove(other, again)).body, { state: 'COMPLETED' });
    });
    await t.test('a cancelled order is not paid: money that comes late goes back', async () => {
        await theirs.create();
        await theirs.fillIn();
        await theirs.confirm();
        const { body: payment } = await theirs.requestPayment();
        assert.equal((await theirs.change('POST', ':cancel', {})).body.state, 'CANCELLED');
        await service.post(`${new URL(payment.payUrl).pathname}/settle`, {});
        let state;
        for (let i = 0; i < 100 && state !== 'REFUNDED'; i += 1) {
            const rows = await service.rows(`SELECT state FROM payments WHERE id = '${payment.id}'`);
            state = rows[0]?.state;
            if (state !== 'REFUNDED') await new Promise((resolve) => setTimeout(resolve, 50));
        }
        assert.equal(state, 'REFUNDED');
        assert.equal((await theirs.create()).status, 201);
    });
});

test('killed at any moment of issuing, the retried job ends with one valid certificate', async (t) => {
    const service = await startService(t, { clock: CLOCK });
    for (const [name, pause] of [['k0', 0], ['k1', 1], ['k2', 3], ['k3', 6], ['k4', 10], ['k5', 16]]) {
        await t.test(`killed ${pause} ms after the request`, async () => {
            const key = await service.key(name, { until: evening(30) });
            await key.untilPaid();
            await key.claim();
            const file = key.newKeyFile();
            const csr = await key.csr(file);
            const continuity = await key.sign(`openukey-continuity:${key.task.nonce}:${sha256(der(csr))}`);
            const asked = key.requestCertificates(file, { csr, continuity }).catch(() => null);
            if (pause) await new Promise((resolve) => setTimeout(resolve, pause));
            await service.kill();
            await asked;
            await service.start();
            assert.equal((await key.claim()).status, 200);
            const answer = (await key.requestCertificates(file)).body;
            const proved = key.prove(file, answer).catch(() => null);
            if (pause) await new Promise((resolve) => setTimeout(resolve, pause));
            await service.kill();
            await proved;
            await service.start();
            assert.deepEqual((await key.prove(file, answer)).body, { state: 'COMPLETED' });
            const valid = await service.rows(
                `SELECT usage, sha256 FROM certificates WHERE state = 'VALID' AND token = '${key.serial}' ORDER BY usage DESC`,
            );
            assert.deepEqual(valid, [
                { usage: 'SIGN', sha256: sha256(der(answer.signCertificate)) },
                { usage: 'ENC', sha256: sha256(der(answer.encryptCertificate)) },
            ]);
            assert.match((await service.command('verify-events')).stdout, /chain is whole/);
        });
    }
});

test('ten requests at once for the same key get one answer', async (t) => {
    const service = await startService(t, { clock: CLOCK });
    const key = await service.key('a', { until: evening(30) });
    await key.untilPaid();
    await key.claim();
    const file = key.newKeyFile();
    const csr = await key.csr(file);
    const continuity = await key.sign(`openukey-continuity:${key.task.nonce}:${sha256(der(csr))}`);
    const answers = await Promise.all(Array.from({ length: 10 }, () => key.requestCertificates(file, { csr, continuity })));
    for (const answer of answers) assert.deepEqual(answer.body, answers[0].body);
    assert.equal((await service.rows("SELECT COUNT(*) AS n FROM certificates WHERE state = 'PENDING'"))[0].n, 2);
});

test('pages come with a policy that admits this service and the agent only', async (t) => {
    const service = await startService(t);
    for (const path of ['/', '/renew', '/renew.mjs', '/sdk/openukey.mjs']) {
        const { status, headers } = await service.ask('GET', path);
        assert.equal(status, 200, path);
        const policy = headers['content-security-policy'];
        assert.match(policy, /default-src 'none'; script-src 'self';/);
        assert.match(policy, /frame-ancestors 'none'/);
        assert.match(policy, /connect-src 'self' https:\/\/localhost:24317 /);
        assert.doesNotMatch(policy, /unsafe|\*/);
    }
    assert.equal((await service.ask('GET', '/sdk/../orders.db')).status, 404);
    refused(await service.post('/v1/key-login/verify', `{"assertion":"${'A'.repeat(500_000)}"}`), 413, 'BODY_TOO_LARGE');
    refused(await service.post('/v1/orders', '{', { 'content-type': 'text/plain' }), 415, 'UNSUPPORTED_MEDIA_TYPE');
});
