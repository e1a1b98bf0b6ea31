// A card that answers nonsense: 1 000 runs with random and 1 000 with truncated answers against every driver. No crash, no hang,
// nothing wrong given out, and all is well when the nonsense ends. What exactly must hold: tests/faults/nonsense/main.c.
import assert from 'node:assert/strict';
import { appendFileSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { run } from '../../tools/demo/program.mjs';
import { CARDS, plugIn } from '../support/cards.mjs';
import { missing } from '../support/world.mjs';

const RUNS = process.env.LONG ? 10_000 : 1000;
const skip = missing('openssl');

/* What p11-nonsense counted. */
async function nonsense({ desk, conf }, args) {
    const env = { OPENUKEY_CONF: conf, OPENUKEY_LOG: 'error' };
    const { stdout } = await run(join(desk.build, 'bin/p11-nonsense'), args.map(String), { env });
    return JSON.parse(stdout);
}

for (const card of CARDS) {
    for (const kind of ['random', 'truncated']) {
        test(`${RUNS} runs with ${kind} answers (${card})`, { skip }, async (t) => {
            // a GM card counts tries when a challenge is spoilt, so that clean uses come often; PIV's PIN goes as it is
            const cleanEvery = card === 'PIV' ? 20 : 3;
            const counted = await nonsense(await plugIn(t, card, 'cache = off\n'), ['--runs', RUNS, '--clean-every', cleanEvery, kind]);
            t.diagnostic(JSON.stringify(counted));
            assert.equal(counted.runs, RUNS);
            assert.ok(counted.spoilt > RUNS / 2, 'answers were spoilt');
            assert.ok(counted.errors > RUNS / 2, 'it was noticed');
            // and the clean uses between them did what they should
            assert.ok(counted.signatures > RUNS / 20);
        });
    }
}

test('nonsense that got into the cache on disk leads to errors, not to wrong results', { skip }, async (t) => {
    const place = await plugIn(t, CARDS[0]);
    const cache = join(place.desk.dir, 'cache');
    mkdirSync(cache, { mode: 0o700 });
    appendFileSync(place.conf, `cache = ${cache}\n`);
    const counted = await nonsense(place, ['--runs', 200, '--forget', cache, 'random']);
    assert.equal(counted.runs, 200);
});
