// Every kind of job is cut at every step of its journal: the agent is killed, the key is pulled out, the network is cut (before the service
// hears, and after), an answer is repeated; besides, agent and key go at the commands that write. Then what worked before works, or the
// job is done, and nothing between; and the job run again ends where it would have ended.
//
// A cell begins from a kept world whose order is ready. Each request of the agent is a boundary; the journal says which step it is in.
// make check tries a spread: each kind meets two of the faults, and one command that is cut. LONG=1 tries all kinds, places and faults.
import assert from 'node:assert/strict';
import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { JobBench, KINDS } from '../support/job_bench.mjs';

const NEW_PIN = 'new-pin-1';

/* Agent and key are stopped in the middle of a command that writes: key pair, envelope, certificate, file made, written and deleted,
 * retirement, PIN. */
const WRITES = ['70', '72', '4C', '30', '3A', '32', 'D4', 'D8'];

const journalStep = (bench) => {
    const folder = join(bench.agentState, 'jobs');
    const [name] = readdirSync(folder).filter((file) => file.endsWith('.json'));
    return JSON.parse(readFileSync(join(folder, name), 'utf8')).step;
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
    'the network is cut': async () => null,
    'the answer is lost': async (bench, pass) => {
        await pass();
        return null;
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
async function judge(bench, place) {
    await mend(bench);
    if (!(await bench.isDone())) await bench.oldWorks();
    const job = await run(bench);
    assert.equal(job.state, 'done', `${place}: run again, it is ${job.code ?? job.state} ${job.problem?.reason ?? ''}`);
    await bench.assertDone(job);
}

const counts = {};
const count = (kind, fault) => {
    counts[kind] ??= {};
    counts[kind][fault] = (counts[kind][fault] ?? 0) + 1;
};

for (const kind of Object.keys(KINDS)) {
    describe(kind, () => {
        let bench;
        let boundaries; // [{name, step}] in order
        const steps = new Set();
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

        const places = () => (process.env.LONG ? boundaries.map((_, i) => i) : null);

        const number = Object.keys(KINDS).indexOf(kind);
        for (const [turn, [fault, strike]] of Object.entries(FAULTS).entries()) {
            if (!process.env.LONG && (turn + 2 * number) % 5 > 1) continue;
            test(`${fault}`, async () => {
                // a spread: each kind and fault somewhere else
                const somewhere = (turn * 3 + number * 2 + 3) % boundaries.length;
                for (const place of places() ?? [somewhere]) {
                    const { name, step } = boundaries[place];
                    await bench.restore();
                    let heard = -1;
                    bench.wire.hear = (_, pass) => {
                        heard += 1;
                        return heard === place ? strike(bench, pass) : pass();
                    };
                    await run(bench);
                    assert.ok(heard >= place, `${name} is reached again`);
                    await judge(bench, `${fault} at ${name} (${step})`);
                    steps.add(step);
                    count(kind, fault);
                }
            });
        }

        const cards = [
            ['the agent is killed', () => bench.agent.kill()],
            ['the key is pulled', (talk) => talk.say('remove')],
        ];
        for (const [turn, [fault, strike]] of cards.entries()) {
            if (!process.env.LONG && turn !== number % 2) continue;
            test(`${fault} in the middle of a command that writes`, async () => {
                const writes = process.env.LONG ? WRITES : [{ recover: '72', unlock: 'D8' }[kind] ?? '4C'];
                for (const [command, when] of writes.flatMap((ins) => [[ins, 'before'], [ins, 'after']])) {
                    if (!process.env.LONG && when === (fault === 'the key is pulled' ? 'before' : 'after')) continue;
                    await bench.restore();
                    const talk = await bench.key.talk();
                    await talk.say(`hold ${when} ${command}`);
                    const running = run(bench);
                    const held = await Promise.race([talk.next(), running.then(() => null)]);
                    if (held) {
                        steps.add(journalStep(bench));
                        await strike(talk);
                        if (fault === 'the agent is killed') await talk.say('release');
                        count(kind, `${fault} in a write`);
                    }
                    await running;
                    talk.close();
                    await judge(bench, `${fault} ${when} ${command}`);
                }
            });
        }

        test('the journal was in every step that asks or writes', (t) => {
            const missed = bench.steps.filter((step) => !steps.has(step));
            t.diagnostic(`${kind}: ${boundaries.length} boundaries; ${Object.entries(counts[kind]).map(([fault, n]) => `${fault}: ${n}`).join(', ')}; not cut in: ${missed.join(', ') || 'none'}`);
            if (process.env.LONG) assert.deepEqual(missed.filter((step) => !['read-key', 'check', 'empty', 'match'].includes(step)), []);
        });
    });
}
