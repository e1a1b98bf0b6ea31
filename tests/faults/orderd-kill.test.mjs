// kill -9 of the order service at every commit and every call of a third party, of the CA and of the document store, of a renewal, a new
// order, an unlock and a replacement. The first life counts the boundaries (tests/faults/orderd/boundaries.c); each further one ends at its
// own, the service is started again, the client repeats its last request and goes on. However it went: one allowed state, one working
// certificate, one payment, every message once, a whole record of events, and the order comes to its end.
// Without LONG=1 a stride through the boundaries, with it every one.
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { cpSync, existsSync, mkdirSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import test from 'node:test';
import { fileURLToPath } from 'node:url';
import { Program } from '../../tools/demo/program.mjs';
import { Applicant } from '../support/applicant.mjs';
import { KeyAgent, lockable } from '../support/key_agent.mjs';
import { BlankKey, Service, SoftKey, creditCode } from '../support/service.mjs';

const root = resolve(fileURLToPath(new URL('../..', import.meta.url)));
const program = (name) => join(resolve(root, process.env.BUILD ?? 'build/gcc'), 'bin', name);
const LONG = Boolean(process.env.LONG && process.env.LONG !== '0');
const AT_ONCE = 2;
const SAMPLES = 3; // boundaries of each business without LONG=1
const PATIENCE_MS = 120_000;
const DAY = 86_400_000;
const NEWCOMER = { type: 'ORG', name: '新客科技有限公司', credentialType: 'USCC', credentialNo: creditCode(4711) };
const day = (offset) => new Date(Date.now() + offset * DAY).toISOString().replace(/\.\d+Z/, 'Z');

const rest = (ms) => new Promise((done) => setTimeout(done, ms));

/* A service that may end at a boundary. A request that gets no answer for that is repeated to the next one. */
class MortalService extends Service {
    async startMortal(at, log) {
        await this.prepare();
        this.ca = readFileSync(join(this.state, 'tls', 'ca.pem'), 'utf8');
        try {
            this.program = await Program.start({
                name: 'ukey-orderd-faults',
                command: program('ukey-orderd-faults'),
                args: ['--config', this.config],
                log: join(this.dir, 'orderd.log'),
                env: { ORDERD_FAULT_AT: String(at), ...(log ? { ORDERD_FAULT_LOG: log } : {}) },
            });
        } catch (error) {
            if (!at) throw error;
            await this.rise(); // it died before it was ready
        }
        return this;
    }

    /* Start again, without faults. */
    async rise() {
        if (this.program) {
            const { code, signal } = await this.program.ended;
            assert.equal(signal, 'SIGKILL', `the service ended by itself: ${code} ${signal}\n${this.program.said}`);
        }
        this.died = true;
        await super.start();
    }

    async ask(...request) {
        try {
            return await super.ask(...request);
        } catch (error) {
            if (!/ECONN|EPIPE|socket hang up/.test(`${error.code} ${error.message}`) || this.died) throw error;
            await this.rise();
            return super.ask(...request);
        }
    }

    /* Whatever had to be told has been told. */
    async settled() {
        const until = Date.now() + PATIENCE_MS;
        while (Date.now() < until) {
            if (this.program.exit && !this.died) await this.rise();
            const [{ n }] = await this.rows('SELECT COUNT(*) AS n FROM outbox WHERE done = 0');
            if (n === 0) return;
            await rest(100);
        }
        throw new Error(`the outbox is not empty: ${JSON.stringify(await this.rows('SELECT topic, attempts FROM outbox WHERE done = 0'))}`);
    }
}

/* Asks for a code once, and takes the newest whenever it is needed. */
class PatientApplicant extends Applicant {
    async newest(medium, pattern) {
        await this.service.settled();
        const rows = await this.service.rows(`SELECT body FROM sim_deliveries WHERE medium = '${medium}' ORDER BY created DESC, rowid DESC`);
        return rows.map(({ body }) => pattern.exec(body)?.[1]).find(Boolean);
    }

    async confirm() {
        await this.ask('POST', this.path('/confirm-code'), {}); // too soon: the earlier one counts
        const code = await this.newest('SMS', /(?:验证码)\D*(\d{6})/);
        Applicant.good(await this.change('POST', ':confirm', { code, agree: true }));
    }

    downloadCode() {
        return this.newest('MAIL', /授权码：([A-Za-z0-9]{20})，/);
    }

    unlockCode() {
        return this.newest('SMS', /授权码：([A-Z2-9]{10})，/);
    }
}

/* Draws its key pair once, whatever is repeated. */
class PatientAgent extends KeyAgent {
    async generate() {
        this.file ??= this.key.newKeyFile();
    }
}

/* What all lives begin with: staff, a key that is near its end, and somebody who may act for its holder. */
async function makeTemplate() {
    const service = new MortalService();
    await service.start();
    const staff = { reviewer: await service.staff('shen', 'REVIEWER'), operator: await service.staff('cao', 'OPERATOR') };
    const unlockKey = randomBytes(16).toString('hex');
    const key = await service.key('k', { from: day(-300), until: day(60), unlockKey, credential: creditCode(7) });
    const person = new PatientApplicant(service, '13900139000', staff);
    await person.register();
    Applicant.good(await person.create({ kind: 'NEW', subject: key.subject }));
    await person.goOn('APPROVED');
    await person.judge('operator', 'give-up', { reason: 'only to link the account' });
    await service.settled();
    await service.program.stop();
    return {
        service,
        unlockKey,
        serial: key.serial,
        sessions: { person: person.session, reviewer: staff.reviewer.session, operator: staff.operator.session },
    };
}

/* A copy of the template, alive. */
async function beget(template, at, log) {
    const service = new MortalService();
    cpSync(template.service.dir, service.dir, { recursive: true });
    await service.startMortal(at, log);
    const staff = Object.fromEntries(
        ['reviewer', 'operator'].map((role) => [role, Object.assign(new PatientApplicant(service), { session: template.sessions[role] })]),
    );
    const person = Object.assign(new PatientApplicant(service, '13900139000', staff), { session: template.sessions.person });
    const key = lockable(Object.assign(new SoftKey(service, 'k'), { serial: template.serial }), template.unlockKey);
    return { service, person, key };
}

function blank(service, name, person) {
    const key = new BlankKey(service, name);
    key.person = person;
    return key;
}

/* ---- the businesses ---- */

const businesses = {
    async renewal({ service, person, key }) {
        await key.logIn().catch(({ body, message }) => {
            // the login that was cut has used its nonce up: whoever has no answer asks for another
            if (!service.died || body?.code !== 'NONCE_INVALID') throw new Error(message);
            return key.logIn();
        });
        const holder = Object.assign(new PatientApplicant(service, null, person.staff), { session: key.session });
        holder.confirm = async () => Applicant.good(await holder.change('POST', ':confirm', { signature: await statementOf(holder, key) }));
        return {
            actor: holder,
            what: { kind: 'RENEW', certificate: key.certificate },
            agent: new PatientAgent(key, holder),
            code: async () => ({}),
            working: 1,
            paid: 1,
        };
    },
    async 'new order'({ service, person }) {
        const key = blank(service, 'n', person);
        return {
            actor: person,
            what: { kind: 'NEW', subject: NEWCOMER },
            agent: new PatientAgent(key, person),
            code: async () => ({ code: await person.downloadCode() }),
            working: 1,
            paid: 1,
        };
    },
    async unlock({ person, key }) {
        return {
            actor: person,
            what: { kind: 'UNLOCK', certificate: key.certificate },
            agent: new PatientAgent(key, person),
            code: async () => ({ code: await person.unlockCode() }),
            working: 0,
            paid: 0,
            answers: 1,
        };
    },
    async replacement({ service, person, key }) {
        return {
            actor: person,
            what: { kind: 'REPLACE', certificate: key.certificate },
            agent: new PatientAgent(blank(service, 'r', person), person),
            code: async () => ({ code: await person.downloadCode() }),
            working: 1,
            paid: 1,
        };
    },
};

async function statementOf(holder, key) {
    const { body } = await holder.ask('GET', holder.path('/statement'));
    return key.signedData({ ...body, type: 'statement', version: '1', origin: holder.service.url });
}

/* From the application to the end, whatever was cut off on the way. */
async function goThrough({ actor, what, agent, code }) {
    const tries = [];
    const key = `create-${randomBytes(8).toString('hex')}`;
    while (!actor.order) {
        const { status, body } = await actor.ask('POST', '/v1/orders', what, { 'idempotency-key': key });
        if (status === 201) actor.order = body;
        else if (tries.push(JSON.stringify(body)) > 3) throw new Error(tries.join('\n'));
    }
    const { no } = actor.order;
    const steps = {
        DRAFT: () => actor.fillIn(),
        AWAIT_VERIFY: () => actor.verify(),
        AWAIT_MATERIALS: () => actor.hand(),
        AWAIT_CONFIRM: () => actor.confirm(),
        AWAIT_PAYMENT: () => actor.pay(),
        IN_REVIEW: () => actor.review(),
        APPROVED: () => actor.ship(),
        READY_TO_ISSUE: async () => agent.carryOut(no, await code()),
        ISSUING: async () => agent.carryOut(no, await code()),
        SHIPPED: () => actor.change('POST', ':receive', {}),
    };
    for (let turn = 0; ; turn += 1) {
        const { state } = await actor.look(no);
        if (state === 'COMPLETED') return no;
        if (turn === 60 || !steps[state]) throw new Error(`${state} after ${turn} turns\n${tries.join('\n')}`);
        try {
            await steps[state]();
        } catch (error) {
            // what was cut off may have been done: look again
            if (tries.push(`${state}: ${error.stack}`) > 6) throw new Error(tries.join('\n'));
        }
    }
}

/* ---- what must be so at the end ---- */

async function examine(service, no, { agent, working, paid, answers = 0 }) {
    await service.settled();
    const one = async (sql) => (await service.rows(sql))[0].n;
    const ofOrder = `order_id = (SELECT id FROM orders WHERE public_no = '${no}')`;
    const said = await service.command('verify-events');
    assert.equal(said.code ?? 0, 0, said.stderr);
    assert.equal(await one(`SELECT COUNT(*) AS n FROM certificates WHERE usage = 'SIGN' AND state = 'VALID' AND ${ofOrder}`), working, 'working certificates');
    assert.equal(await one(`SELECT COUNT(*) AS n FROM certificates WHERE usage = 'SIGN' AND state <> 'REVOKED' AND ${ofOrder}`), working, 'certificates');
    assert.equal(await one(`SELECT COUNT(*) AS n FROM certificates WHERE state = 'PENDING'`), 0, 'certificates that nobody proved');
    assert.equal(await one(`SELECT COUNT(*) AS n FROM certificates WHERE usage = 'SIGN' AND state = 'VALID' AND token = '${agent.key.serial}'`), 1, 'on the key');
    assert.equal(await one(`SELECT COUNT(*) AS n FROM payments WHERE state = 'PAID' AND amount_fen > 0 AND ${ofOrder}`), paid, 'payments');
    assert.equal(await one(`SELECT COUNT(*) AS n FROM sim_payments s JOIN payments p ON p.id = s.id WHERE s.state = 'SETTLED' AND p.${ofOrder}`), paid, "the provider's book");
    assert.equal(await one(`SELECT COUNT(*) AS n FROM unlock_answers`), answers, 'answers to the key');
    // every message once: as many in the provider's book as were put into the outbox, and none says what another says
    assert.deepEqual(await service.rows('SELECT recipient, body FROM sim_deliveries GROUP BY medium, recipient, body HAVING COUNT(*) > 1'), []);
    assert.equal(
        await one("SELECT COUNT(*) AS n FROM sim_deliveries"),
        await one("SELECT COUNT(*) AS n FROM outbox WHERE topic = 'message'"),
        'messages',
    );
    // the events of the order are its versions, each once
    assert.equal(await one(`SELECT COUNT(*) AS n FROM events WHERE type GLOB 'T[0-9][0-9] *' AND ${ofOrder}`), await one(`SELECT version AS n FROM orders WHERE public_no = '${no}'`));
}

/* One life. Resolves to the boundaries it came to, or null when it did not come to `at`. */
async function live(template, name, at, log) {
    const family = await beget(template, at, log);
    const { service } = family;
    try {
        const business = await businesses[name](family);
        const no = await goThrough(business);
        await service.settled();
        if (!service.died && service.program.exit) await service.rise();
        await examine(service, no, business);
        return Boolean(service.died);
    } catch (error) {
        error.message = `${name} cut at boundary ${at}: ${error.message}\n${service.program?.said ?? ''}`;
        throw error;
    } finally {
        await service.close();
    }
}

/* The places to cut at: all, or some from the beginning to the end, others each day. */
function places(count) {
    const all = Array.from({ length: count }, (_, i) => i + 1);
    if (LONG) return all;
    const stride = Math.max(1, Math.floor(count / SAMPLES));
    const shift = new Date().getDate() % stride;
    return all.filter((n) => n % stride === shift);
}

test('the order service, killed at every boundary', { timeout: LONG ? 7_200_000 : 900_000 }, async (t) => {
    const template = await makeTemplate();
    t.after(() => template.service.close());
    for (const name of Object.keys(businesses)) {
        await t.test(`${name} ends as if nothing had happened`, async () => {
            const log = join(template.service.dir, `${name.replace(' ', '-')}.boundaries`);
            mkdirSync(template.service.dir, { recursive: true });
            assert.equal(await live(template, name, 0, log), false);
            assert.ok(existsSync(log));
            const lines = readFileSync(log, 'utf8').trim().split('\n');
            const queue = places(lines.length);
            let cut = 0;
            const work = async () => {
                for (let at = queue.shift(); at !== undefined; at = queue.shift()) {
                    const died = await live(template, name, at);
                    cut += died ? 1 : 0;
                }
            };
            await Promise.all(Array.from({ length: AT_ONCE }, work));
            const kinds = lines.map((line) => line.split(' ')[2]).reduce((sum, kind) => ({ ...sum, [kind]: (sum[kind] ?? 0) + 1 }), {});
            t.diagnostic(`${name}: ${lines.length} boundaries (${Object.entries(kinds).map(([kind, n]) => `${n} ${kind}`).join(', ')}), killed at ${cut}`);
            assert.ok(cut > 0);
        });
    }
});
