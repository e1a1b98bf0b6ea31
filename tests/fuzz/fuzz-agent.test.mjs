// The agent's fuzzers run on their seeds (fuzzing.mjs).
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { test } from 'node:test';
import { build, env, fuzz, missing } from './fuzzing.mjs';

/* With other threads about, libFuzzer looks for leaks at every input, and takes most of the time for it: here it is done once. */
test('the seeds of what is fuzzed without looking for leaks leak nothing', { skip: missing(), timeout: 300_000 }, () => {
    const { fuzzer, seeds } = build('agent');
    const run = spawnSync(fuzzer, ['-runs=1', ...seeds], { encoding: 'utf8', env });
    assert.equal(run.status, 0, run.stderr.slice(-5000));
});

test('in some seed every route of the agent does what it is for', { skip: missing(), timeout: 300_000 }, () => {
    const { fuzzer, seeds } = build('agent');
    const { stdout } = spawnSync(fuzzer, ['-runs=1', '-detect_leaks=0', ...seeds], { encoding: 'latin1', env: { ...env, OPENUKEY_FUZZ_TALK: '1' }, maxBuffer: 1 << 26 });
    const signs = ['"api":"v1"', '"session":', '"tokens":[{', '"certificates":[{', '"seals":[{', '"verified":true', '"format":"gm-signed-data"', '"signatures":[', '"assertion":', '"stamp":', '"content":', '"digests":', '"valid":', '"progress":', '"services":[', '"keys":[{', '{"type":"hello"}'];
    assert.deepEqual(signs.filter((sign) => !stdout.includes(sign)), [], 'no seed has them any more: node tests/fuzz/seeds_agent.mjs makes new ones');
});

fuzz([
    ['agent', 'requests to the agent', 16384, ['-detect_leaks=0']],
    ['websocket', 'WebSocket frames', 8192],
    ['dialogs', 'words of dialogs', 4096],
    ['foreign', 'messages of modules of other makers, and to them', 8192],
    ['tasks', 'tasks and answers of the order service to a job', 16384],
    ['upstream', 'answers of order services to the proxy', 16384],
    ['files', 'files of the agent', 8192],
]);
