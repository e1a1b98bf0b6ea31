// Two programs with four threads each use one key, while it is pulled out and put back at random and another program resets it:
// every signature is verified by OpenSSL, every plaintext and data object compared, nothing hangs, nothing is left open.
// CI runs 500 operations, again under ThreadSanitizer; LONG=1 runs 10 000 in each program.
import assert from 'node:assert/strict';
import { join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { test } from 'node:test';
import { pcscdMissing } from '../../tools/demo/pcscd.mjs';
import { Program, run } from '../../tools/demo/program.mjs';
import { until } from '../support/agent.mjs';
import { Desk, PIN } from '../support/desk.mjs';
import { Host } from '../support/sim.mjs';
import { missing } from '../support/world.mjs';

const OPERATIONS = process.env.LONG ? 10_000 : 250;
// make check-threads: module and p11-stress come from a build with ThreadSanitizer
const STRESS_BUILD = process.env.STRESS_BUILD && resolve(process.env.STRESS_BUILD);
const LABEL = 'Demo UKey';
const INS_ECC_SIGN = '74';

/* p11-stress on a desk's keys: {program, next()}; next() is its next line, null at the end. */
async function stress(desk, labels, { operations = OPERATIONS, seed = 1, threads = 4, more = [] } = {}) {
    const settings = { ...desk.moduleOptions, 'sm2-objects': 'vendor' };
    const options = Object.entries(settings).flatMap(([name, value]) => ['--option', `${name}=${value}`]);
    const numbers = ['--operations', operations, '--seed', seed, '--threads', threads].map(String);
    const program = await Program.start({
        name: 'p11-stress',
        command: STRESS_BUILD ? join(STRESS_BUILD, 'bin/p11-stress') : desk.binary('p11-stress'),
        args: [STRESS_BUILD ? join(STRESS_BUILD, 'lib/openukey-pkcs11.so') : desk.module, ...options, '--pin', PIN, ...numbers, ...more, ...labels],
        ready: /^(\{"ready":true\})$/,
        env: { ...desk.pcscd?.env },
    });
    const seen = { done: {}, end: null };
    program.lines.on('line', (line) => {
        const said = JSON.parse(line);
        if (said.token) seen.done[said.token] = said.done;
        if (said.end) seen.end = said;
    });
    return { program, seen };
}

/* It came to its end with nothing wrong; answers what succeeded by task. */
async function wellEnded({ program, seen }) {
    const { code, signal } = await program.ended;
    assert.equal(code, 0, `p11-stress ended with ${signal ?? code}:\n${program.said}`);
    assert.ok(seen.end, 'it told its results');
    return seen.end;
}

/* Until `over()`, pulls the key or lets another program reset it, at random moments. pcscd looks at its readers only now and
 * then: behind it the key stays out for longer than a moment, as in a hand. */
async function disturb(desk, over, reset) {
    const out = desk.pcscd ? 600 : 0;
    const talk = await desk.key.talk();
    const count = { removals: 0, resets: 0 };
    let seed = 12345;
    const pick = (below) => (seed = (seed * 1103515245 + 12345) % 2147483648) % below;
    while (!over()) {
        await sleep(desk.pcscd ? 100 + pick(300) : 5 + pick(60));
        if (pick(3) === 0) {
            await reset();
            count.resets += 1;
        } else {
            await talk.say('remove');
            await sleep(out + pick(30));
            await talk.say('insert');
            count.removals += 1;
        }
    }
    talk.close();
    return count;
}

async function twoPrograms(t, desk, reset) {
    const programs = [await stress(desk, [LABEL], { seed: 1 }), await stress(desk, [LABEL], { seed: 2 })];
    let ended = 0;
    const ends = programs.map((one) => one.program.ended.then(() => (ended += 1)));
    const disturbed = await disturb(desk, () => ended === 2, reset);
    await Promise.all(ends);
    t.diagnostic(JSON.stringify(disturbed));
    for (const one of programs) {
        const end = await wellEnded(one);
        t.diagnostic(JSON.stringify(end));
        // the errors that removals bring must not be all that there is
        for (const task of ['sign', 'verify', 'find', 'sessions', 'digest']) assert.ok(end[task][0] > 0, `${task} never succeeded`);
    }
    assert.ok(disturbed.removals + disturbed.resets > 0);
    await until(async () => (await desk.keycheck('list')).tokens?.[0]?.certificates.length > 0, 'the key as it was');
}

test('two programs share a key that is pulled and reset', async (t) => {
    const desk = await (await Desk.make(t)).withKey();
    const foreign = await Host.open(join(desk.sockets, 'key.sock'));
    t.after(() => foreign.close());
    await twoPrograms(t, desk, () => foreign.reset());
});

test('two programs share a key behind the real pcscd', { skip: (pcscdMissing() ?? false) || missing('opensc-tool') }, async (t) => {
    const desk = await (await Desk.make(t, { transport: 'pcsc' })).withKey();
    await twoPrograms(t, desk, () => run('opensc-tool', ['--reset'], { env: desk.pcscd.env, allow: [0, 1] }));
});

test('threads on one key do not wait for threads on another, which stands still', async (t) => {
    const desk = await (await (await Desk.make(t)).withKey()).withOtherKey();
    const talk = await desk.key.talk();
    t.after(() => talk.close());
    const one = await stress(desk, [LABEL, 'Other key'], { operations: 1000, more: ['--read-only'] });
    await talk.say(`hold before ${INS_ECC_SIGN}`);
    assert.match(await talk.next(), /^held/);
    const before = one.seen.done['Other key'] ?? 0;
    // the other key's threads go on by at least 200 operations, or this test runs out of its time
    while ((one.seen.done['Other key'] ?? 0) < before + 200 && !one.program.exit) await sleep(20);
    await talk.say('release');
    const end = await wellEnded(one);
    assert.ok(end.sign[0] > 0);
});
