// The agent in a script: carries the task of an order out on a key, step by step, as docs/orderd.md says it to agents. With keys in
// software (service.mjs) or a simulated card behind our module (RealKey). `twice` says everything twice and wants the same answers.
import assert from 'node:assert/strict';
import { createHmac, createPublicKey, randomBytes, verify } from 'node:crypto';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { merge } from '../../tools/demo/house.mjs';
import { Program, run } from '../../tools/demo/program.mjs';
import { parse } from './der.mjs';
import { fromPem } from './openssl.mjs';
import { SoftKey, canonical, creditCode, sha256 } from './service.mjs';

const root = resolve(fileURLToPath(new URL('../..', import.meta.url)));
const built = (path) => join(resolve(root, process.env.BUILD ?? 'build/gcc'), path);

export const FIXED_PIN = '12345678';

const base64 = (bytes) => Buffer.from(bytes).toString('base64');

/* The card's side of a remote unlock for a key in software (include/openukey/apdu.h): K for this challenge and case. */
export function unlockResponse(unlockKey, serial, challenge, number) {
    const padded = Buffer.alloc(32);
    padded.write(serial);
    return createHmac('sm3', Buffer.from(unlockKey, 'hex'))
        .update(Buffer.concat([Buffer.from('OpenUKey unlock\0'), padded, challenge, Buffer.from([number.length]), Buffer.from(number)]))
        .digest();
}

/* A simulated card with our module in front: provisioned from `profile` (a name in tools/ukey/profiles) with `changes`, known to the
 * service, plugged. Its holder is key.subject: the profile's, with a credit code that portals take. */
export class RealKey extends SoftKey {
    constructor(service, name) {
        super(service, name);
        this.queue = [];
        mkdirSync(join(this.dir, 'sockets'), { recursive: true });
    }

    static async plug(t, service, name, profile, { clock, changes = {} } = {}) {
        const key = new RealKey(service, name);
        t.after(() => key.close());
        await key.provision(profile, { subject: { organizationIdentifier: creditCode(1) }, ...changes }, clock);
        return key.insert();
    }

    /* A key as its maker delivers it, plugged and logged in: PINs are on it and the service knows how to unlock it, nothing else. Who
     * takes it closes it. */
    static async deliver(service, name) {
        const key = new RealKey(service, name);
        const serial = randomBytes(15).toString('hex').toUpperCase();
        await key.provision('handed-out', { token: { serial }, pin: { mustChange: false, unlockKey: randomBytes(16).toString('hex') } });
        await key.insert();
        assert.equal(await key.logInWith(key.pin), 0);
        return key;
    }

    async provision(profile, changes, clock) {
        const manifest = join(this.dir, 'manifest.json');
        const wanted = merge(JSON.parse(readFileSync(join(root, `tools/ukey/profiles/${profile}.json`), 'utf8')), changes);
        writeFileSync(join(this.dir, 'profile.json'), JSON.stringify(wanted));
        await run(built('bin/ukey'), [
            ...['provision', join(this.dir, 'profile.json'), '--ca', join(this.service.state, 'ca')],
            ...['--out', join(this.dir, 'card.img'), '--manifest', manifest, ...(clock ? ['--clock', clock] : [])],
        ]);
        await this.service.command('import', manifest);
        const { token, certificates } = JSON.parse(readFileSync(manifest, 'utf8'));
        this.serial = token.serial;
        this.pin = wanted.pin.user;
        const { pem } = certificates.find(({ usage }) => usage !== 'encrypt') ?? {};
        if (!pem) return;
        this.der = fromPem(pem);
        const { O: name, organizationIdentifier: credentialNo } = wanted.subject;
        this.subject = { type: 'ORG', name, credentialType: 'USCC', credentialNo };
    }

    async insert() {
        this.sim = await Program.start({
            name: 'ukey-sim',
            command: built('bin/ukey-sim'),
            args: ['run', '--socket', join(this.dir, 'sockets/card.sock'), join(this.dir, 'card.img')],
            ready: /^ready ?(.*)$/,
        });
        return this.open();
    }

    /* The module on the key: anew after close(). */
    async open() {
        this.host = await Program.start({
            name: 'real-key',
            command: built('bin/real-key'),
            args: [built('lib/openukey-pkcs11.so'), join(this.dir, 'sockets')],
            stdio: ['pipe', 'pipe', 'pipe'],
            ready: /^ready$/,
        });
        this.host.lines.on('line', (line) => this.queue.shift()?.(JSON.parse(line)));
        this.host.child.stdin.on('error', () => {});
        this.host.ended.then(() => this.queue.splice(0).forEach((done) => done({ rv: 'ended' })));
        return this;
    }

    get isBlank() {
        return this.der === undefined;
    }

    get certificate() {
        return sha256(this.der);
    }

    do(what, more = {}) {
        return new Promise((done) => {
            if (this.host.exit) return done({ rv: 'ended' });
            this.queue.push(done);
            this.host.child.stdin.write(`${JSON.stringify({ do: what, ...more })}\n`);
        });
    }

    /* The same, and it must succeed. */
    async must(what, more) {
        const answer = await this.do(what, more);
        assert.equal(answer.rv, 0, `${what}: ${JSON.stringify(answer)}`);
        return answer;
    }

    async unlockBegin(number) {
        return Buffer.from((await this.must('unlock-begin', { case: number })).challenge, 'base64');
    }

    unlockFinish(response, pin, mustChange) {
        return this.do('unlock-finish', { response: base64(response), pin, mustChange });
    }

    async logInWith(pin) {
        return (await this.do('login', { pin })).rv;
    }

    /* By the certified key; with `fresh`, by the one that the certificates written last are for. */
    async sign(message, fresh) {
        const certificate = base64(fresh ? this.fresh : this.der);
        return (await this.must('sign', { certificate, message: base64(message) })).signature;
    }

    async signedData(object) {
        return (await this.must('signed-data', { certificate: base64(this.der), content: base64(canonical(object)) })).message;
    }

    /* ---- what is made and written ---- */

    /* A pair in a container of this name. */
    async newKey(algorithm, name) {
        assert.equal(algorithm, 'SM2');
        await this.must('generate', { name });
        return name;
    }

    async csr() {
        return (await this.must('csr')).csr;
    }

    /* A new container for a key that comes back; what it is to be enveloped to. */
    async recoverGenerate(name) {
        return Buffer.from((await this.must('generate', { name })).spki, 'base64');
    }

    async unwrap(envelope) {
        await this.must('unwrap', { envelope });
    }

    /* The signing certificate first, if there is one. */
    async writeCertificates(label, certificates) {
        for (const certificate of certificates) await this.must('write-certificate', { label, certificate });
        this.fresh = Buffer.from(certificates[0], 'base64');
    }

    async writeSeal(id, seal) {
        await this.must('write-file', { name: `${id}.esl`, content: seal });
    }

    async readBack(certificates, id, seal) {
        const there = (await this.must('certificates')).certificates;
        for (const certificate of certificates) assert.ok(there.includes(certificate), 'the certificate is read back');
        if (seal) assert.equal((await this.must('read-file', { name: `${id}.esl` })).content, seal, 'the seal is read back');
    }

    /* From the administrator; who gets the key must change it. */
    async takeFirstPin(pin) {
        await this.must('first-pin', { admin: '12345678', pin });
        this.pin = pin;
    }

    /* The certified key has been replaced by another on this card: what it encrypted stays readable. */
    async retire() {
        await this.must('retire', { certificate: base64(this.der) });
    }

    install(name, { signCertificate, encryptCertificate }) {
        this.der = Buffer.from(signCertificate, 'base64');
        this.encryptDer = Buffer.from(encryptCertificate, 'base64');
    }

    /* What an SM2Cipher opens to, with the key of this certificate. */
    async decrypt(certificate, cipher) {
        const [x, y, c3, c2] = parse(Buffer.from(cipher, 'base64')).items.map(({ content }) => content);
        const wide = (number) => Buffer.concat([Buffer.alloc(32), number]).subarray(-32);
        const raw = Buffer.concat([Buffer.from([4]), wide(x), wide(y), c3, c2]);
        return Buffer.from((await this.must('decrypt', { certificate, cipher: base64(raw) })).plain, 'base64');
    }

    /* Out of the reader. A program that does not end cleanly (a sanitizer has found something, say) fails the test. */
    async close() {
        if (this.host && !this.host.exit) {
            const insist = setTimeout(() => this.host.stop('SIGKILL'), 60_000);
            this.host.child.stdin.end();
            await this.host.ended;
            clearTimeout(insist);
        }
        await this.sim?.stop();
        const bad = [this.host, this.sim].map((program) => program?.badEnd).filter(Boolean);
        if (bad.length) throw new Error(bad.join('\n'));
    }
}

/* Lets a key in software be unlocked: from now on it has a PIN, and the service must know `unlockKey`. */
export function lockable(key, unlockKey = randomBytes(16).toString('hex')) {
    Object.assign(key, {
        unlockKey,
        pin: null,
        async unlockBegin(number) {
            key.case = number;
            key.challenge = randomBytes(16);
            return key.challenge;
        },
        async unlockFinish(response, pin, mustChange) {
            const wanted = key.challenge && unlockResponse(key.unlockKey, key.serial, key.challenge, key.case);
            if (!wanted || !wanted.equals(Buffer.from(response))) return { rv: 0xa0 };
            Object.assign(key, { challenge: null, pin, mustChange });
            return { rv: 0 };
        },
        async logInWith(pin) {
            return pin === key.pin ? 0 : 0xa0;
        },
    });
    return key;
}

export class KeyAgent {
    /* `caller` is whose session asks ({ask}): the key's own, its holder's, or an operator's. */
    constructor(key, caller = key, { twice = false, newPin = 'new-pin-1' } = {}) {
        Object.assign(this, { key, caller, twice, newPin });
        this.service = key.service;
    }

    async ask(method, path, json, same = (body) => body) {
        const answer = await this.caller.ask(method, path, json);
        if (this.twice) {
            const again = await this.caller.ask(method, path, json);
            assert.deepEqual([again.status, same(again.body)], [answer.status, same(answer.body)], `${method} ${path} said twice`);
        }
        return answer;
    }

    static good(answer) {
        if (answer.status !== 200) throw Object.assign(new Error(`${answer.status} ${JSON.stringify(answer.body)}`), { answer });
        return answer.body;
    }

    /* What a task document says, once a published key has signed it. */
    async read(jws) {
        const [head, body, signature] = jws.split('.');
        const { kid, alg } = JSON.parse(Buffer.from(head, 'base64url'));
        const { keys } = (await this.service.ask('GET', '/v1/keys')).body;
        const jwk = keys.find((key) => key.kid === kid);
        assert.ok(jwk && alg === 'ES256', 'the task is signed by a published key');
        const key = createPublicKey({ key: jwk, format: 'jwk' });
        const good = verify('sha256', Buffer.from(`${head}.${body}`), { key, dsaEncoding: 'ieee-p1363' }, Buffer.from(signature, 'base64url'));
        assert.ok(good, 'the signature of the task verifies');
        return JSON.parse(Buffer.from(body, 'base64url'));
    }

    /* The answer of the service; this.task is what was claimed. */
    async claim(no, changes = {}) {
        const answer = await this.ask(
            'POST',
            '/v1/tasks:claim',
            { order: no, tokenSerial: this.key.serial, ...(this.key.isBlank ? {} : { certificate: this.key.certificate }), ...changes },
            (body) => body.code ?? JSON.parse(Buffer.from(body.task.split('.')[1], 'base64url')).nonce,
        );
        if (answer.status === 200) this.task = await this.read(answer.body.task);
        return answer;
    }

    path(suffix = '') {
        return `/v1/tasks/${this.task.task}${suffix}`;
    }

    report(step) {
        const known = ({ lease, ...body }) => body;
        return this.ask('POST', this.path('/steps'), { step }, known);
    }

    fail(code, permanent) {
        return this.ask('POST', this.path('/fail'), { code, permanent });
    }

    /* ---- what each step does ---- */

    /* Named so that it is found again. */
    get container() {
        return `${this.task.kind === 'KEY_RECOVERY' ? 'recover' : 'R'}-${this.task.order}`;
    }

    get certificates() {
        return [this.made.signCertificate, this.made.certificate, this.made.encryptCertificate].filter(Boolean);
    }

    async generate() {
        if (this.task.kind === 'KEY_RECOVERY') this.recipient ??= await this.key.recoverGenerate(this.container);
        else this.file = await this.key.newKey(this.task.alg, this.container);
    }

    async recover() {
        const recipient = base64(this.recipient);
        this.continuity ??= await this.key.sign(`openukey-continuity:${this.task.nonce}:${sha256(this.recipient)}`);
        this.made = KeyAgent.good(await this.ask('POST', this.path('/recover'), { recipient, continuity: this.continuity }));
    }

    async unwrap() {
        if (this.made.envelopedKey) await this.key.unwrap(this.made.envelopedKey);
    }

    writeCertificates() {
        return this.key.writeCertificates(this.container, this.certificates);
    }

    async writeSeal() {
        if (this.made.seal) await this.key.writeSeal(this.made.sealId, this.made.seal);
    }

    readBack() {
        return this.key.readBack(this.certificates, this.made.sealId, this.made.seal);
    }

    retire() {
        return this.key.retire();
    }

    async request() {
        this.csr ??= await this.key.csr(this.file);
        const continuity = this.task.matchCertificate
            ? await this.key.sign(`openukey-continuity:${this.task.nonce}:${sha256(Buffer.from(this.csr, 'base64'))}`)
            : undefined;
        this.made = KeyAgent.good(await this.ask('POST', this.path('/csr'), { csr: this.csr, continuity }));
    }

    async challenge() {
        this.asked = await this.key.unlockBegin(this.task.unlock.case);
    }

    /* The answer to the challenge; its parts differ only when it is another challenge. */
    respond(challenge = this.asked, serial = this.key.serial) {
        return this.ask('POST', this.path('/unlock-response'), { tokenSerial: serial, challenge: base64(challenge) });
    }

    async setPin() {
        const { pin, mustChange } = this.task.unlock;
        this.made = KeyAgent.good(await this.respond());
        const { rv } = await this.key.unlockFinish(Buffer.from(this.made.response, 'base64'), pin === 'FIXED' ? FIXED_PIN : this.newPin, mustChange);
        assert.equal(rv, 0, 'the key takes the answer');
    }

    /* A produced key's first PIN, opened with a key made for it; this.pin is what the card gets. */
    async firstPin() {
        const file = this.key.newKeyFile();
        const recipient = await this.key.tool(['spki', file]);
        const { sealedPin, mustChange } = KeyAgent.good(await this.caller.ask('POST', this.path('/first-pin'), { recipient }));
        assert.equal(mustChange, true);
        const again = KeyAgent.good(await this.caller.ask('POST', this.path('/first-pin'), { recipient })).sealedPin;
        const open = async (sealed) => Buffer.from(await this.key.tool(['decrypt', file], Buffer.from(sealed, 'base64')), 'base64').toString();
        this.pin = await open(sealedPin);
        assert.equal(await open(again), this.pin);
        await this.key.takeFirstPin(this.pin);
    }

    /* The certificate and the signature that show that it worked; a key whose PIN must be changed signs nothing. */
    async prove() {
        if (this.task.kind === 'KEY_RECOVERY') {
            const secret = await this.key.decrypt(this.made.certificate, this.made.challenge);
            this.proof = { certificate: this.key.certificate, proof: await this.key.sign(`openukey-recovered:${this.made.nonce}:${secret}`) };
            return;
        }
        if (this.task.kind !== 'UNLOCK') {
            this.proof = { certificate: sha256(Buffer.from(this.made.signCertificate, 'base64')) };
            this.proof.proof = await this.key.sign(`openukey-proof:${this.made.nonce}`, this.file);
            return;
        }
        this.proof = { certificate: this.key.certificate };
        if (this.task.unlock.mustChange) return;
        assert.equal(await this.key.logInWith(this.newPin), 0, 'the new PIN opens the key');
        this.proof.proof = await this.key.sign(`openukey-proof:${this.made.nonce}`);
    }

    async confirm() {
        this.state = KeyAgent.good(await this.ask('POST', this.path('/confirm'), this.proof)).state;
    }

    static steps = {
        generate: 'generate',
        request: 'request',
        challenge: 'challenge',
        'set-pin': 'setPin',
        recover: 'recover',
        'first-pin': 'firstPin',
        unwrap: 'unwrap',
        'write-certificates': 'writeCertificates',
        'write-seal': 'writeSeal',
        'read-back': 'readBack',
        retire: 'retire',
        prove: 'prove',
        confirm: 'confirm',
    };

    /* The task of the order from its claim to its end, every step reported; resolves to the order's state. */
    async carryOut(no, changes = {}) {
        KeyAgent.good(await this.claim(no, changes));
        for (const step of this.task.steps) {
            const does = KeyAgent.steps[step];
            if (does) await this[does]();
            KeyAgent.good(await this.report(step));
        }
        if (this.key.isBlank) this.key.install(this.file, this.made);
        return this.state;
    }
}
