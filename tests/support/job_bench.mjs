// A world in which every kind of job waits to be done: key, agent, service, an order that is ready, and a wire between agent and service on
// which tests hear each request, hold it, lose it or send it twice. Ends with the test.
import assert from 'node:assert/strict';
import { cpSync, readFileSync, readdirSync, rmSync } from 'node:fs';
import { createServer, request } from 'node:https';
import { join } from 'node:path';
import { Bidder } from '../../tools/demo/bidder.mjs';
import { freePort } from '../../tools/demo/ports.mjs';
import { Applicant } from './applicant.mjs';
import { PLAIN_NAME, certifyPair, sealMaker } from './issuer.mjs';
import { Service, creditCode, sha256 } from './service.mjs';
import { OTHER_KEY, World, fromPem } from './world.mjs';

const SM2_ONLY = [{ name: 'openukey-sm2', algorithm: 'SM2', encryptionPair: true }];
const HOLDER = { organizationIdentifier: creditCode(1) };
export const UNLOCK_KEY = '6f70656e756b65792d756e6c6f636b21'; // of the profile org-pin-locked

/* A reverse proxy with the service's own TLS identity. `hear(name, pass)` decides about every request: pass() forwards it and answers. */
class Wire {
    async open(tls, target) {
        this.port ??= await freePort();
        this.url = `https://localhost:${this.port}`;
        this.target = target;
        this.hear = (name, pass) => pass();
        this.server = createServer(tls, (incoming, outgoing) => this.#serve(incoming, outgoing));
        await new Promise((done) => this.server.listen(this.port, '127.0.0.1', done));
    }

    /* What it is about: "GET order", "POST claim", "POST csr", "report generate" ... */
    static nameOf(method, path, body) {
        if (path.endsWith('/steps')) return `report ${JSON.parse(body).step}`;
        if (path.startsWith('/v1/orders/')) return `${method} order`;
        return `${method} ${path.split(/[/:]/).at(-1)}`;
    }

    async #serve(incoming, outgoing) {
        const chunks = [];
        for await (const chunk of incoming) chunks.push(chunk);
        const body = Buffer.concat(chunks);
        const ask = () => this.#forward(incoming, body);
        try {
            const answer = await this.hear(Wire.nameOf(incoming.method, incoming.url, body), ask);
            if (!answer) return void outgoing.destroy();
            outgoing.writeHead(answer.status, answer.headers);
            outgoing.end(answer.body);
        } catch {
            outgoing.destroy();
        }
    }

    #forward({ method, url, headers }, body) {
        return new Promise((done, fail) => {
            const asked = request(
                `${this.target.serviceUrl}${url}`,
                { method, headers: { ...headers, connection: 'close' }, ca: this.target.serviceCa, agent: false },
                async (answer) => {
                    const chunks = [];
                    for await (const chunk of answer) chunks.push(chunk);
                    const { connection, 'keep-alive': alive, ...kept } = answer.headers;
                    done({ status: answer.statusCode, headers: kept, body: Buffer.concat(chunks) });
                },
            );
            asked.on('error', fail);
            asked.end(body);
        });
    }

    async close() {
        this.server?.closeAllConnections();
        await new Promise((done) => (this.server ? this.server.close(done) : done()));
    }
}

/* Whoever holds a key that works: logs in, confirms and orders with it, through the agent. */
class KeyHolder extends Applicant {
    constructor(desk, staff, bidder) {
        super(desk, '13900139009', staff);
        this.bidder = bidder;
    }

    async logIn() {
        await this.bidder.look();
        await this.bidder.verifyPin();
        await this.bidder.logIn();
        this.session = { token: this.bidder.session.token };
    }

    async confirm() {
        const { nonce, ...statement } = (await this.ask('GET', this.path('/statement'))).body;
        const { signature } = await this.bidder.agent.sign({ token: this.bidder.token, certificate: this.bidder.session.certificate.id, statement, nonce });
        Applicant.good(await this.change('POST', ':confirm', { signature }));
    }
}

/* kind: the key that is worked on, how its order comes to be ready ({order, session, code}), and what is true before and after. The key that
 * replaces the lost one works for somebody else, of whom the service does not know (`isForeign`): that stays as it is. */
export const KINDS = {
    enrol: { profile: 'handed-out', changes: { pin: { mustChange: false } }, isBlank: true, ready: (bench) => bench.orderByPerson({ kind: 'NEW', subject: bench.subject }) },
    renew: { profile: 'org-expiring-30-days', ready: (bench) => bench.orderByKey('RENEW') },
    change: { profile: 'org-expiring-30-days', ready: (bench) => bench.orderByKey('CHANGE') },
    replace: {
        profile: 'org-expiring-30-days',
        changes: OTHER_KEY,
        isForeign: true,
        lost: 'org-expiring-30-days',
        ready: async (bench) => bench.orderByPerson({ kind: 'REPLACE', certificate: bench.lostCertificate }),
    },
    unlock: { profile: 'org-pin-locked', isLocked: true, ready: (bench) => bench.orderByPerson({ kind: 'UNLOCK', certificate: bench.certificate }) },
    recover: { profile: 'org-expiring-30-days', lost: 'org-expiring-30-days', ready: (bench) => bench.orderByKey('KEY_RECOVERY') },
    install: { profile: 'org-expiring-30-days', changes: { subject: PLAIN_NAME }, ready: (bench) => bench.orderByHand() },
};

export class JobBench extends World {
    /* `kind` of KINDS; options as World's. With `isReady` false the order is not made yet. */
    static async make(t, kind, { isReady = true, changes = {}, ...options } = {}) {
        const bench = new JobBench(options);
        t?.after(() => bench.close());
        bench.kind = kind;
        bench.what = KINDS[kind];
        await bench.#open(changes);
        if (isReady) await bench.makeReady();
        return bench;
    }

    async #open(changes) {
        await this.makeCa();
        await this.writeServiceConfig();
        const mine = { ...(this.what.isBlank ? {} : { containers: SM2_ONLY }), subject: HOLDER, ...this.what.changes, ...changes };
        this.key = await (this.what.isForeign ? this.provision('key', this.what.profile, { changes: mine }) : this.addKey('key', this.what.profile, { changes: mine }));
        if (this.what.lost) this.lost = await this.addKey('lost', this.what.lost, { changes: { containers: SM2_ONLY, subject: HOLDER, token: { serial: '0105700105700105700105700105700C' } } });
        await this.startService();
        await this.startTransport();
        await this.key.plug();
        this.wire = new Wire();
        this.guests.push(() => this.wire.close());
        await this.#openWire();
        await this.startAgent();
        await this.seen();
        const { organizationIdentifier } = HOLDER;
        const profile = JSON.parse(readFileSync(join(this.dir, `${this.lost ? 'lost' : 'key'}.profile.json`), 'utf8'));
        this.subject = { type: 'ORG', name: profile.subject.O, credentialType: 'USCC', credentialNo: organizationIdentifier };
        this.desk = Object.assign(Object.create(Service.prototype), { url: this.serviceUrl, ca: this.serviceCa, state: join(this.dir, 'orderd'), config: this.serviceConfigFile, changes: this.options.serviceConfig ?? {} });
        this.staff = {
            reviewer: await this.desk.staff('shen', 'REVIEWER'),
            second: await this.desk.staff('qian', 'REVIEWER'),
            operator: await this.desk.staff('cao', 'OPERATOR'),
        };
    }

    async #openWire() {
        const tls = join(this.dir, 'orderd', 'tls');
        const file = (pattern) => readFileSync(join(tls, readdirSync(tls).find((name) => pattern.test(name))));
        await this.wire.open({ key: file(/^(?!ca).*key/), cert: file(/^(?!ca).*(crt|cert)/) }, this);
        this.options.agentConfig = { services: { default: { upstream: this.wire.url } } };
    }

    static idOf(key, isWanted = (usage) => usage !== 'encrypt') {
        return sha256(fromPem(key.manifest.certificates.find(({ usage }) => isWanted(usage)).pem));
    }

    get certificate() {
        return JobBench.idOf(this.key);
    }

    get lostCertificate() {
        return JobBench.idOf(this.lost);
    }

    /* ---- orders ---- */

    /* Somebody with an account, who acts for the subject because an order of his was approved. */
    async orderByPerson(what) {
        const person = new Applicant(this.desk, '13900139000', this.staff);
        await person.register();
        if (what.kind !== 'NEW') {
            Applicant.good(await person.create({ kind: 'NEW', subject: this.subject }));
            await person.goOn('APPROVED');
            if (what.kind === 'REPLACE') await person.judge('operator', 'give-up', { reason: '重复申请' });
        }
        Applicant.good(await person.create(what));
        await person.goOn('READY_TO_ISSUE');
        const ready = { order: person.order.no, authorization: person.session.token };
        if (what.kind !== 'UNLOCK') return { ...ready, code: await person.downloadCode() };
        return this.desk.changes.profile === 'hainan' ? ready : { ...ready, code: await person.unlockCode() }; // the manual fixes the PIN: no code
    }

    async orderByKey(kind) {
        const holder = new KeyHolder(this.desk, this.staff, await this.bidder());
        await holder.logIn();
        Applicant.good(await holder.create({ kind, certificate: holder.bidder.session.certificate.id }));
        await holder.goOn('READY_TO_ISSUE');
        return { order: holder.order.no, authorization: holder.session.token };
    }

    /* What a CA gave to a page: certificates for the keys that are there, and a seal for them. */
    async orderByHand() {
        const { sign, encrypt } = await this.look();
        const [signing, encrypting] = await certifyPair(this, sign.pem, encrypt.pem);
        const install = { signCertificate: signing.toString('base64'), encryptCertificate: encrypting.toString('base64') };
        this.made = { sign: sha256(signing), encrypt: sha256(encrypting) };
        return { order: 'I1', install: { ...install, ...(await sealMaker(this)).seal({ listed: [signing], id: 'NEW-SEAL-1' }) } };
    }

    /* The order is ready, and what is on the key is noted. */
    async makeReady() {
        this.ready = await this.what.ready(this);
        this.before = await this.look();
    }

    async look() {
        const bidder = await (await this.bidder()).look();
        const current = (usage) => bidder.certificates.find((one) => (one.usage === usage || one.usage === 'both') && one.current);
        return { token: bidder.token, sign: current('sign'), encrypt: current('encrypt'), seals: bidder.seals, certificates: bidder.certificates };
    }

    /* ---- all of it, kept and taken up again ---- */

    async keep() {
        await this.halt();
        for (const name of ['orderd', 'key.img']) cpSync(join(this.dir, name), join(this.dir, `kept.${name}`), { recursive: true });
    }

    async restore() {
        await this.halt();
        for (const name of ['orderd', 'key.img']) {
            rmSync(join(this.dir, name), { recursive: true, force: true });
            cpSync(join(this.dir, `kept.${name}`), join(this.dir, name), { recursive: true });
        }
        rmSync(join(this.agentState, 'jobs'), { recursive: true, force: true });
        await this.startService();
        await this.key.plug();
        this.wire.hear = (name, pass) => pass();
        await this.startAgent();
        await this.seen();
    }

    async halt() {
        for (const page of this.pages.values()) page.close();
        this.pages.clear();
        await this.agent?.stop();
        await this.service?.stop();
        await this.key.unplug();
    }

    /* ---- the job ---- */

    /* Start it, or take it up again, as a page would. */
    async start(changes = {}) {
        const agent = await this.page();
        const token = await agent.token();
        if (!this.what.isLocked) await agent.verifyPin({ token });
        return agent.jobs[this.kind]({ ...this.ready, token: token.id, ...changes });
    }

    async carryOut(changes) {
        return (await this.start(changes)).finished();
    }

    async order() {
        const { body } = await this.desk.ask('GET', `/v1/orders/${this.ready.order}`, undefined, { authorization: `Bearer ${this.ready.authorization}` });
        return body;
    }

    /* As the service has it; where it has no part in it, as the key has it. */
    async isDone() {
        if (this.kind === 'install') return this.made.sign === (await this.look()).sign.id;
        return (await this.order()).gates.find(({ name }) => name === 'ISSUE').state === 'DONE';
    }

    /* Seals that list the certificate, are valid, and stamp. */
    async sealsWork(seals, sign) {
        const agent = await this.page();
        const token = await agent.token();
        const mine = seals.filter(({ certificates, verification }) => certificates.includes(sign.id) && verification.result === 'valid');
        if (mine.length) await agent.verifyPin({ token });
        for (const { id } of mine) {
            const { stamp } = await agent.stamp({ token, seal: id, name: 'a.ofd', propertyInfo: '/Doc_0', content: Buffer.from('a').toString('base64') });
            const verdict = await agent.verify({ signature: stamp, content: Buffer.from('a').toString('base64') });
            assert.deepEqual([verdict.result, verdict.signer.id], ['valid', sign.id]);
        }
        return mine.map(({ id }) => id);
    }

    /* What worked before the job works now: signature, decryption, seal. A locked key is locked still, or open with its old certificates. */
    async oldWorks() {
        const { sign, encrypt, seals } = this.before;
        const now = await this.look();
        const stays = this.before.certificates.filter(({ usage }) => this.kind !== 'install' || usage === 'sign'); // in its place
        for (const { id } of stays) assert.equal(now.certificates.find((one) => one.id === id)?.hasPrivateKey, true, 'the old certificate and its key');
        for (const { id, der } of seals) assert.equal(now.seals.find((one) => one.id === id)?.der, der, 'the old seal');
        if (!sign || now.token.pin.state === 'locked') return;
        const decrypts = this.kind === 'install' ? now.certificates.find(({ keyId }) => keyId === encrypt.keyId) : encrypt;
        await this.keyCheck(sign, decrypts);
        assert.deepEqual(await this.sealsWork(now.seals, sign), seals.map(({ id }) => id), 'the old seals stamp');
        if (!(await this.validSignCertificates()).some(({ sha256: id }) => id === sign.id)) return;
        // what the agent offers is what the service knows
        const bidder = await this.bidder();
        await bidder.look();
        await bidder.verifyPin();
        assert.equal((await bidder.logIn()).certificate.id, sign.id);
    }

    /* What the job brings works now, although it is not over for the agent; and old mail can be read. */
    async newWorks() {
        const now = await this.look();
        const wanted = this.made?.sign ?? (await this.validSignCertificates()).map((row) => row.sha256);
        const sign = now.certificates.find((one) => one.usage === 'sign' && one.hasPrivateKey && wanted.includes(one.id));
        assert.ok(sign, 'the certificate that the service holds is on the key');
        const encrypt = now.certificates.find((one) => one.id === sign.pair);
        assert.ok(encrypt?.hasPrivateKey, 'with its pair');
        await this.keyCheck(sign, encrypt);
        assert.equal((await this.sealsWork(now.seals, sign)).length, 1, 'a seal for it stamps');
        if (this.before.encrypt) await this.keyCheck(sign, this.kind === 'install' ? encrypt : this.before.encrypt);
        if (this.kind === 'recover') await this.keyCheck(sign, { id: this.lostEncryption });
    }

    get lostEncryption() {
        return JobBench.idOf(this.lost, (usage) => usage === 'encrypt');
    }

    /* The job is done, all of it, and once. What was on the key of somebody else's is as it was. */
    async assertDone(job) {
        assert.equal(job.state, 'done');
        assert.ok(await this.isDone());
        const now = await this.look();
        if (this.what.isForeign) await this.oldWorks();
        const isForeign = (id) => this.what.isForeign && this.before.certificates.some((one) => one.id === id);
        const signing = now.certificates.filter((one) => one.usage === 'sign' && one.hasPrivateKey && !isForeign(one.id));
        assert.equal(signing.length, 1, 'one signing certificate with its key');
        if (this.kind !== 'install') {
            const valid = (await this.validSignCertificates()).map((row) => row.sha256).filter((id) => this.kind !== 'recover' || id !== this.lostCertificate);
            assert.deepEqual(valid, [signing[0].id], 'and the service holds that one');
        }
        if (this.kind !== 'unlock' && this.kind !== 'recover') {
            assert.equal(job.result.signCertificate, signing[0].id);
            assert.notEqual(signing[0].id, this.before.sign?.id);
            if (this.kind !== 'install') assert.equal((await this.rows(`SELECT id FROM issuances WHERE state = 'CONFIRMED' AND sign_certificate IN (SELECT id FROM certificates WHERE sha256 = '${signing[0].id}')`)).length, 1);
            assert.ok(now.seals.some((seal) => seal.certificates.includes(signing[0].id) && seal.verification.result === 'valid'), 'a seal for it');
        } else {
            assert.equal(signing[0].id, this.before.sign.id);
        }
        if (this.kind === 'unlock') assert.equal(typeof job.result.mustChange, 'boolean');
        if (this.kind === 'recover') assert.equal(job.result.encryptCertificate, this.lostEncryption);
        await this.newWorks();
        return { now, signing: signing[0] };
    }
}
