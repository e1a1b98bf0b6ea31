// Every kind of job is cut at every step of its journal: the agent is killed, the key is pulled out, the network is cut (before the service
// hears, and after), an answer is repeated; besides, agent and key go at the first command of each step, and at the commands that write. Then
// what worked before works (signature, decryption, seal), or the job is done and what it brought works; nothing between; and the job run
// again ends where it would have ended.
//
// A cell begins from a kept world whose order is ready. Each request of the agent is a boundary; the journal says which step it is in.
// make check tries a spread: each kind meets one of the faults, and one command that is cut. LONG=1 tries all kinds, places and faults, and
// prints how often each step met each fault.
import assert from 'node:assert/strict';
import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { JobBench, KINDS } from '../support/job_bench.mjs';

const NEW_PIN = 'new-pin-1';

/* Agent and key are stopped in the middle of a command that writes: key pair, envelope, certificate, file made, written and deleted,
 * retirement, PIN. */
const WRITES = ['70', '72', '4C', '30', '3A', '32', 'D4', 'D8'];
/* What looks at the key: its state, files, containers, certificates, public keys. */
const LOOKS = ['04', '14', '34', '36', '38', '42', '46', '4A', '4E', '88'];
/* Steps that may ask neither key nor service: the module remembers what the page has just looked at, the check computes on what the step
 * before has brought, and no envelope comes with certificates for keys that are there. */
const isStill = (kind, step) => ['read-key', 'check'].includes(step) || (kind === 'install' && step === 'unwrap');

const journalStep = (bench) => {
    const folder = join(bench.agentState, 'jobs');
    const name = readdirSync(folder).find((file) => file.endsWith('.json'));
    return name ? JSON.parse(readFileSync(join(folder, name), 'utf8')).step : null;
};

/* The network is gone until it is mended: a request that is sent once more is lost, too. */
const cut = (bench) => {
    bench.wire.hear = () => null;
    return null;
};

/* What happens at the boundary; each resolves to the answer that the agent gets, if any. */
const FAULTS = {
    'the agent is killed': async (bench) => {
        bench.killing = bench.agent.kill();
        return null;
    },
    'the key is pulled': async (bench, pass) => {
        await bench.key.tell('remove');
        return pass();
    },
    'the network is cut': async (bench) => cut(bench),
    'the answer is lost': async (bench, pass) => {
        await pass();
        return cut(bench);
    },
    'the answer is repeated': async (bench, pass) => {
        await pass();
        return pass();
    },
};

/* The job as far as it comes; what is wrong with it is looked at afterwards. */
async function run(bench) {
    try {
        return await bench.carryOut();
    } catch (error) {
        return error;
    }
}

/* Whatever has gone is back. */
async function mend(bench) {
    bench.wire.hear = (name, pass) => pass();
    await bench.killing;
    await bench.key.tell('insert').catch(() => {}); // it is in
    if (bench.agent.exit) {
        for (const page of bench.pages.values()) page.close();
        bench.pages.clear();
        await bench.startAgent();
    }
    await bench.seen();
}

/* One of the two allowed states: what worked before works on, or all of it is done. Then the job is run again, to its end. */
async function judge(bench, kind) {
    await mend(bench);
    const isDone = await bench.isDone();
    await (isDone ? bench.newWorks() : bench.oldWorks());
    count(kind, isDone ? 'the new works' : 'the old works');
    const job = await run(bench);
    assert.equal(job.state, 'done', `run again, it is ${job.code ?? job.state} ${job.problem?.reason ?? ''}`);
    await bench.assertDone(job);
    count(kind, 'done in the end');
}

const counts = {};
const count = (kind, what, step) => {
    const name = step ? `${what} ${step}` : what;
    counts[kind] ??= {};
    counts[kind][name] = (counts[kind][name] ?? 0) + 1;
};

for (const kind of Object.keys(KINDS)) {
    describe(kind, () => {
        let bench;
        let boundaries; // [{name, step}] in order
        after(() => bench?.close());

        before(async () => {
            bench = await JobBench.make(null, kind);
            if (kind === 'unlock') {
                bench.dialogs.typePin(NEW_PIN);
                bench.options.pin = NEW_PIN;
            }
            await bench.keep();
            await bench.restore();
            boundaries = [];
            bench.wire.hear = (name, pass) => {
                // logging in and looking at orders are the page's
                if (bench.isJobRunning) boundaries.push({ name, step: journalStep(bench) });
                return pass();
            };
            bench.isJobRunning = true;
            const job = await bench.carryOut();
            bench.isJobRunning = false;
            await bench.assertDone(job);
            bench.steps = job.steps.map(({ name }) => name);
        });

        /* All of them are tried, also after one that is not as it should be. */
        async function tryAll(t, cells) {
            const wrong = [];
            for (const [name, cell] of cells) {
                try {
                    await bench.restore();
                    if ((await cell()) !== false) await judge(bench, kind);
                } catch (error) {
                    wrong.push(`${name}: ${error.message}`);
                    if (process.env.LONG) t.diagnostic(`${name}: ${error.stack}`);
                }
            }
            assert.deepEqual(wrong, []);
        }

        const number = Object.keys(KINDS).indexOf(kind);
        for (const [turn, [fault, strike]] of Object.entries(FAULTS).entries()) {
            if (kind === 'install') continue; // no service has a part in it
            if (!process.env.LONG && (turn + 2 * number) % 5 > 0) continue;
            test(`${fault}`, (t) => {
                // a spread: each kind and fault somewhere else
                const somewhere = (turn * 3 + number * 2 + 3) % boundaries.length;
                const places = process.env.LONG ? boundaries.keys() : [somewhere];
                const cells = [...places].map((place) => {
                    const { name, step } = boundaries[place];
                    return [`${fault} at ${name} (${step})`, async () => {
                        let heard = -1;
                        bench.wire.hear = (_, pass) => {
                            heard += 1;
                            return heard === place ? strike(bench, pass) : pass();
                        };
                        await run(bench);
                        assert.ok(heard >= place, `${name} is reached again`);
                        count(kind, fault, step);
                    }];
                });
                return tryAll(t, cells);
            });
        }

        /* The job runs until the key stands still before or after one of the commands and `isIt()`; then it is struck. False: it never does,
         * as this kind or step has no such command. */
        async function strikeCard([fault, strike], when, commands, isIt = () => true) {
            const talks = await Promise.all(commands.map(() => bench.key.talk()));
            const arm = async (i) => {
                await talks[i].say(`hold ${when} ${commands[i]}`);
                return talks[i].next().then(() => i);
            };
            try {
                for (const [i, talk] of talks.entries()) await talk.say(`hold ${when} ${commands[i]}`);
                const waiting = talks.map((talk, i) => talk.next().then(() => i));
                const running = run(bench);
                const ended = running.then(() => null);
                for (;;) {
                    const held = await Promise.race([...waiting, ended]);
                    if (held === null) return false;
                    if (isIt()) {
                        count(kind, fault, journalStep(bench));
                        await strike(talks[held]);
                        if (fault === 'the agent is killed') await talks[held].say('release');
                        break;
                    }
                    waiting[held] = arm(held);
                }
                // whatever else stands still goes on
                for (const talk of talks) talk.close();
                await running;
                return true;
            } finally {
                for (const talk of talks) talk.close();
            }
        }

        const cards = [
            ['the agent is killed', () => bench.agent.kill()],
            ['the key is pulled', (talk) => talk.say('remove')],
        ];
        for (const [turn, [fault, strike]] of cards.entries()) {
            if (!process.env.LONG && turn !== number % 2) continue;
            test(`${fault} in the middle of a command that writes`, (t) => {
                const writes = process.env.LONG ? WRITES : [{ recover: '72', unlock: 'D8', install: '30' }[kind] ?? '4C'];
                const wanted = writes.flatMap((ins) => [[ins, 'before'], [ins, 'after']]);
                const cells = wanted.map(([ins, when]) => [`${fault} ${when} ${ins}`, () => strikeCard([fault, strike], when, [ins])]);
                return tryAll(t, process.env.LONG ? cells : cells.filter((_, i) => i === Number(fault === 'the key is pulled')));
            });

            test(`${fault} at the first command of a step`, { skip: !process.env.LONG && 'LONG=1' }, (t) => {
                const cells = bench.steps.map((step) => [`${fault} when ${step} begins`, () => strikeCard([fault, strike], 'before', LOOKS, () => journalStep(bench) === step)]);
                return tryAll(t, cells);
            });
        }

        test('the journal was in every step that asks or writes', (t) => {
            const of = counts[kind] ?? {};
            const faults = Object.keys(FAULTS);
            const line = (step) => `${kind} ${step.padEnd(18)} ${faults.map((fault) => `${fault}: ${of[`${fault} ${step}`] ?? 0}`).join(', ')}`;
            for (const step of bench.steps) t.diagnostic(line(step));
            t.diagnostic(`${kind}: ${boundaries.length} boundaries; ${['the old works', 'the new works', 'done in the end'].map((name) => `${name}: ${of[name] ?? 0}`).join(', ')}`);
            const missed = bench.steps.filter((step) => !isStill(kind, step) && !faults.some((fault) => of[`${fault} ${step}`]));
            if (process.env.LONG) assert.deepEqual(missed, [], 'every step was cut');
        });
    });
}
