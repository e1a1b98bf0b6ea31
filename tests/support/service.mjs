// The order service alone, and keys in software (soft-key) that do what the agent would: for tests of the service's own API.
import { createHash } from 'node:crypto';
import { copyFileSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { request } from 'node:https';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { freePort } from '../../tools/demo/ports.mjs';
import { Program, run } from '../../tools/demo/program.mjs';
import { orderdContract } from './openapi.mjs';

const root = resolve(fileURLToPath(new URL('../..', import.meta.url)));
const bin = (name) => join(resolve(root, process.env.BUILD ?? 'build/gcc'), 'bin', name);

/* RFC 8785 for strings, integers, arrays and objects. */
export function canonical(value) {
    if (Array.isArray(value)) return `[${value.map(canonical).join(',')}]`;
    if (value && typeof value === 'object') {
        return `{${Object.keys(value)
            .sort()
            .map((name) => `${JSON.stringify(name)}:${canonical(value[name])}`)
            .join(',')}}`;
    }
    return JSON.stringify(value);
}

export const sha256 = (bytes) => createHash('sha256').update(bytes).digest('hex');

let numbers = 0;

/* A unified social credit code for tests, with its check character (GB 32100). */
export function creditCode(number) {
    const characters = '0123456789ABCDEFGHJKLMNPQRTUWXY';
    const body = `91430100${String(number).padStart(9, '0')}`;
    const sum = [...body].reduce((total, character, i) => total + characters.indexOf(character) * (3 ** i % 31), 0);
    return body + characters[(31 - (sum % 31)) % 31];
}

/* A key in software; `service` is the Service that made it. */
export class SoftKey {
    constructor(service, name) {
        this.service = service;
        this.dir = join(service.dir, name);
        this.name = name;
        this.files = 0;
    }

    get isBlank() {
        return !existsSync(join(this.dir, 'sign.der'));
    }

    get certificate() {
        return sha256(readFileSync(join(this.dir, 'sign.der')));
    }

    async tool(args, input) {
        return (await run(bin('soft-key'), args, { input })).stdout.trim();
    }

    signedData(object) {
        return this.tool(['signed-data', this.dir], canonical(object));
    }

    /* Signs with the certified key, or with the key in `file`. */
    sign(message, file = join(this.dir, 'sign.pem')) {
        return this.tool(['sign', file], message);
    }

    /* A PKCS#10 for the new key in `file` (made when absent). */
    csr(file) {
        return this.tool(['csr', this.dir, file]);
    }

    /* A key of that algorithm, as a task names it, in a file. */
    async newKey(algorithm) {
        const file = this.newKeyFile();
        await this.tool(['key', file, algorithm]);
        return file;
    }

    /* ---- a key that comes back (KEY_RECOVERY) ---- */

    async recoverGenerate() {
        this.recovering = this.newKeyFile();
        return Buffer.from(await this.tool(['spki', this.recovering]), 'base64');
    }

    /* Of a key that is certified only the signing pair counts here. */
    async unwrap(envelope) {
        if (this.recovering) await this.tool(['open-envelope', this.recovering, join(this.dir, 'recovered.pem')], Buffer.from(envelope, 'base64'));
    }

    async decrypt(certificate, cipher) {
        return Buffer.from(await this.tool(['decrypt', join(this.dir, 'recovered.pem')], Buffer.from(cipher, 'base64')), 'base64');
    }

    /* ---- what only cards do (RealKey) ---- */

    async writeCertificates() {}

    async writeSeal() {}

    async readBack() {}

    async takeFirstPin() {}

    async retire() {}

    newKeyFile() {
        return join(this.dir, `new-${(this.files += 1)}.pem`);
    }

    /* The assertion that an agent would sign; `changes` to it for the bad ones. */
    async assertion(changes = {}) {
        const { body } = await this.service.post('/v1/key-login/challenge', {});
        return this.signedData({
            type: 'login',
            version: '1',
            origin: this.service.url,
            service: body.service,
            nonce: body.nonce,
            ...changes,
        });
    }

    async logIn() {
        const { status, body } = await this.service.post('/v1/key-login/verify', { assertion: await this.assertion() });
        if (status !== 200) throw Object.assign(new Error(body.code), { body });
        this.session = body;
        return body;
    }

    /* A request with this key's session. */
    async ask(method, path, json, headers = {}) {
        return this.service.ask(method, path, json, { authorization: `Bearer ${this.session.token}`, ...headers });
    }

    async create(idempotency = `create-${(numbers += 1)}`) {
        const answer = await this.ask('POST', '/v1/orders', { kind: 'RENEW', certificate: this.certificate }, { 'idempotency-key': idempotency });
        if (answer.status === 201) this.order = answer.body;
        return answer;
    }

    /* A write on the order, at the version it has now unless `version` says another. */
    async change(method, suffix, json, version) {
        if (version === undefined) version = (await this.ask('GET', `/v1/orders/${this.order.no}`)).body.version;
        const answer = await this.ask(method, `/v1/orders/${this.order.no}${suffix}`, json, { 'if-match': `"${version}"` });
        if (answer.status === 200) this.order = answer.body;
        return answer;
    }

    async fillIn(details = {}) {
        await this.change('PATCH', '', {
            years: 1,
            handlerName: '李四',
            handlerPhone: '13800138000',
            handlerEmail: 'lisi@example.cn',
            ...details,
        });
        return this.change('POST', ':submit', {});
    }

    /* The statement as an agent would sign it; `changes` for the bad ones. */
    async signStatement(changes = {}, by = this) {
        const { body } = await this.ask('GET', `/v1/orders/${this.order.no}/statement`);
        return by.signedData({ ...body, type: 'statement', version: '1', origin: this.service.url, ...changes });
    }

    async confirm() {
        return this.change('POST', ':confirm', { signature: await this.signStatement() });
    }

    async requestPayment(channel = 'ALIPAY', key = `pay-${(numbers += 1)}`) {
        return this.ask('POST', `/v1/orders/${this.order.no}/payments`, { channel }, { 'idempotency-key': key });
    }

    async pay() {
        const { body } = await this.requestPayment();
        this.payment = body;
        await this.service.post(`${new URL(body.payUrl).pathname}/settle`, {});
        this.order = (await this.ask('GET', `/v1/orders/${this.order.no}`)).body;
        return this.order;
    }

    async untilPaid(details) {
        await this.logIn();
        const created = await this.create();
        if (created.status !== 201) throw Object.assign(new Error(created.body.code), { body: created.body });
        await this.fillIn(details);
        await this.confirm();
        return this.pay();
    }

    async claim(changes = {}) {
        const answer = await this.ask('POST', '/v1/tasks:claim', {
            order: this.order.no,
            tokenSerial: this.serial,
            ...(this.isBlank ? {} : { certificate: this.certificate }),
            ...changes,
        });
        if (answer.status === 200) {
            this.jws = answer.body.task;
            this.task = JSON.parse(Buffer.from(this.jws.split('.')[1], 'base64url'));
        }
        return answer;
    }

    /* Asks for certificates for the key in `file`. */
    async requestCertificates(file, { csr, continuity } = {}) {
        csr ??= await this.csr(file);
        if (!this.isBlank) continuity ??= await this.sign(`openukey-continuity:${this.task.nonce}:${sha256(Buffer.from(csr, 'base64'))}`);
        return this.ask('POST', `/v1/tasks/${this.task.task}/csr`, { csr, continuity });
    }

    async prove(file, answer) {
        return this.ask('POST', `/v1/tasks/${this.task.task}/confirm`, {
            certificate: sha256(Buffer.from(answer.signCertificate, 'base64')),
            proof: await this.sign(`openukey-proof:${answer.nonce}`, file),
        });
    }
}

/* A key that came blank: works with the session of `person`, on his order. */
export class BlankKey extends SoftKey {
    constructor(service, name, person) {
        super(service, name);
        this.serial = `BLANK${name.toUpperCase()}`;
        this.person = person;
        mkdirSync(this.dir);
    }

    get order() {
        return this.person?.order ?? this.ownOrder;
    }

    set order(order) {
        this.ownOrder = order;
    }

    ask(...request) {
        return this.person ? this.person.ask(...request) : super.ask(...request);
    }

    /* From now on it is a key like others: certificates are on it, and it logs in for itself. */
    install(file, answer) {
        copyFileSync(file, join(this.dir, 'sign.pem'));
        writeFileSync(join(this.dir, 'sign.der'), Buffer.from(answer.signCertificate, 'base64'));
        this.person = undefined;
    }
}

/* Somebody with an account, or of the staff. */
export class Person {
    constructor(service, phone) {
        this.service = service;
        this.phone = phone;
        this.seenCodes = new Set();
    }

    /* The newest SMS to `phone` that carries a code, once there is one that was not seen before. */
    async code(phone = this.phone) {
        for (;;) {
            const [row] = await this.service.rows(
                `SELECT id, body FROM sim_deliveries WHERE medium = 'SMS' AND recipient = '${phone}' AND body LIKE '%验证码%' ORDER BY created DESC, rowid DESC LIMIT 1`,
            );
            if (row && !this.seenCodes.has(row.id)) {
                this.seenCodes.add(row.id);
                return /\d{6}/.exec(row.body)[0];
            }
            await new Promise((done) => setTimeout(done, 50));
        }
    }

    async register(details = {}) {
        await this.service.post('/v1/otp', { purpose: 'REGISTER', phone: this.phone });
        const answer = await this.service.post('/v1/accounts', { phone: this.phone, password: 'geheim-1', code: await this.code(), ...details });
        this.session = answer.body;
        return answer;
    }

    async logIn(name, password) {
        const answer = await this.service.post('/v1/login', { name, password });
        this.session = answer.body;
        return answer;
    }

    ask(method, path, json, headers = {}) {
        return this.service.ask(method, path, json, { authorization: `Bearer ${this.session.token}`, ...headers });
    }

    /* Make an order; `what` is the request. */
    async create(what) {
        if (this.service.changes.profile === 'hainan' && what.kind === 'NEW' && what.subject?.type === 'ORG' && !('linked' in what)) {
            // this portal makes the legal representative's order together with it
            const credentialNo = `E${String((numbers += 1)).padStart(8, '0')}`;
            what = { ...what, linked: { type: 'PERSON', name: '王五', credentialType: 'PASSPORT', credentialNo } };
        }
        const answer = await this.ask('POST', '/v1/orders', what, { 'idempotency-key': `create-${(numbers += 1)}` });
        if (answer.status === 201) this.order = answer.body;
        return answer;
    }

    async look(no = this.order.no) {
        this.order = (await this.ask('GET', `/v1/orders/${no}`)).body;
        return this.order;
    }

    /* A write on the order at the version it has now. */
    async change(method, suffix, json, headers = {}) {
        const { version } = await this.look();
        const answer = await this.ask(method, `/v1/orders/${this.order.no}${suffix}`, json, { 'if-match': `"${version}"`, ...headers });
        if (answer.status === 200) this.order = answer.body;
        return answer;
    }

    upload(suffix, bytes) {
        return this.change('PUT', suffix, bytes, { 'content-type': 'application/octet-stream', 'content-length': bytes.length });
    }
}

export class Service {
    constructor(changes = {}) {
        this.dir = mkdtempSync(join(tmpdir(), 'openukey-orderd-'));
        this.state = join(this.dir, 'state');
        this.changes = changes;
        this.config = join(this.dir, 'orderd.json');
    }

    async prepare() {
        this.port ??= await freePort();
        this.url = `https://localhost:${this.port}`;
        writeFileSync(
            this.config,
            JSON.stringify({
                state: 'state',
                listen: [`127.0.0.1:${this.port}`],
                publicUrl: this.url,
                origins: [this.url],
                simulators: true,
                ...this.changes,
            }),
        );
        return this;
    }

    async start() {
        await this.prepare();
        this.program = await Program.start({
            name: 'ukey-orderd',
            command: bin('ukey-orderd'),
            args: ['--config', this.config],
            log: join(this.dir, 'orderd.log'),
        });
        this.ca = readFileSync(join(this.state, 'tls', 'ca.pem'), 'utf8');
        return this;
    }

    /* kill -9 */
    kill() {
        return this.program.kill();
    }

    async close() {
        if (this.program && !this.program.exit) await this.program.stop();
        rmSync(this.dir, { recursive: true, force: true });
    }

    command(...args) {
        return run(bin('ukey-orderd'), ['--config', this.config, ...args]);
    }

    /* A key whose certificates this service knows. */
    async key(name, { from = '2025-01-01T00:00:00+08:00', until, holder = `测试公司${name}`, known = true, unlockKey, credential } = {}) {
        const key = new SoftKey(this, name);
        key.serial = `SOFT${name.toUpperCase()}`;
        credential ??= `9143${String((numbers += 1)).padStart(14, '0')}`;
        await key.tool(['make', key.dir, join(this.state, 'ca'), holder, credential, key.serial, from, until]);
        key.subject = { type: 'ORG', name: holder, credentialType: 'USCC', credentialNo: credential };
        if (unlockKey) {
            const manifest = JSON.parse(readFileSync(join(key.dir, 'manifest.json'), 'utf8'));
            manifest.token.unlockKey = unlockKey;
            writeFileSync(join(key.dir, 'manifest.json'), JSON.stringify(manifest));
        }
        if (known) await this.command('import', join(key.dir, 'manifest.json'));
        return key;
    }

    /* Somebody of the staff, logged in. */
    async staff(name, role) {
        await run(bin('ukey-orderd'), ['--config', this.config, 'staff', name, role], { input: 'correct horse battery\n' });
        const person = new Person(this);
        await person.logIn(name, 'correct horse battery');
        return person;
    }

    /* Every answer is held against docs/api/orderd.yaml. */
    ask(method, path, json, headers = {}) {
        const body = json === undefined ? undefined : typeof json === 'string' || Buffer.isBuffer(json) ? json : JSON.stringify(json);
        return new Promise((done, fail) => {
            const asked = request(
                `${this.url}${path}`,
                {
                    method,
                    ca: this.ca,
                    agent: false,
                    headers: {
                        ...(body === undefined ? {} : { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) }),
                        'accept-language': 'en',
                        ...headers,
                    },
                },
                (answer) => {
                    const chunks = [];
                    answer.on('data', (chunk) => chunks.push(chunk));
                    answer.on('error', fail);
                    answer.on('end', () => {
                        const raw = Buffer.concat(chunks);
                        const isJson = /json/.test(answer.headers['content-type'] ?? '');
                        try {
                            const said = { status: answer.statusCode, headers: answer.headers, raw, body: isJson ? JSON.parse(raw) : raw.toString() };
                            orderdContract().check(method, path, said, typeof json === 'object' && !Buffer.isBuffer(json) ? json : undefined);
                            done(said);
                        } catch (error) {
                            fail(error);
                        }
                    });
                },
            );
            asked.on('error', fail);
            asked.end(body);
        });
    }

    post(path, json, headers) {
        return this.ask('POST', path, json, headers);
    }

    /* Rows of the service's database. */
    async rows(sql) {
        const { database } = this.changes;
        if (database) {
            // what is called rowid there is where a row lies here; both grow
            const script = `SELECT coalesce(json_agg(t), '[]') FROM (${sql.replaceAll('rowid', 'ctid')}) t`;
            return JSON.parse((await run('psql', ['-X', '-q', '-At', '-d', database, '-c', script])).stdout);
        }
        const { stdout } = await run('sqlite3', ['-readonly', '-json', join(this.state, 'orders.db'), sql]);
        return stdout.trim() ? JSON.parse(stdout) : [];
    }
}

/* A service that ends with the test `t`; `clock` and other settings as in its configuration. */
export async function startService(t, changes = {}) {
    const service = new Service(changes);
    t.after(() => service.close());
    return service.start();
}
