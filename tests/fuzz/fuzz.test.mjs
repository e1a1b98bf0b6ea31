// The fuzzers run on their seeds: ten seconds, or with LONG=1 ten minutes. What they find is kept beside the corpus.
import assert from 'node:assert/strict';
import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { cpSync, mkdtempSync, readFileSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { talk } from './seed.mjs';

const root = resolve(fileURLToPath(new URL('../..', import.meta.url)));
const seconds = process.env.LONG ? 600 : 10;

function missing() {
    const said = spawnSync('clang', ['-fsanitize=fuzzer', '-x', 'c', '-', '-o', '/dev/null'], {
        input: '#include <stddef.h>\n#include <stdint.h>\nint LLVMFuzzerTestOneInput(const uint8_t *d, size_t n) { return d && n ? 0 : 0; }\n',
        encoding: 'utf8',
    });
    if (said.error) return 'not installed: clang (make setup-check)';
    return said.status === 0 ? false : `clang has no libFuzzer runtime (make setup-check): ${said.stderr.trim().split('\n')[0]}`;
}

const env = { ...process.env };
for (const name of ['MAKEFLAGS', 'MFLAGS', 'MAKELEVEL', 'CC', 'SAN', 'ASAN_OPTIONS', 'UBSAN_OPTIONS']) delete env[name];

/* Builds a fuzzer; its path, and its seeds. */
function build(name) {
    execFileSync('make', ['--no-print-directory', `build/fuzz/fuzz_${name}`], { cwd: root, env, stdio: 'pipe' });
    const folder = join(root, 'tests/fuzz/corpus', name);
    return { fuzzer: join(root, 'build/fuzz', `fuzz_${name}`), folder, seeds: readdirSync(folder).map((seed) => join(folder, seed)) };
}

/* The instructions that a header's enum names. */
function instructions(header, name) {
    const [, body] = new RegExp(`enum ${name} \\{(.*?)\\};`, 's').exec(readFileSync(join(root, 'include/openukey', header), 'utf8'));
    return [...body.replace(/\/\*.*?\*\//gs, '').matchAll(/(\w+)\s*=\s*0x([0-9A-F]{2})/g)].map(([, id, ins]) => [id, ins.toLowerCase()]);
}

test('in some seed every command of both applications succeeds, whole and as a chain', { skip: missing(), timeout: 300_000 }, (t) => {
    const { fuzzer, seeds } = build('apdu');
    const said = talk(fuzzer, ...seeds);
    const good = said.filter(({ sw }) => sw === '9000' || sw.startsWith('61'));
    for (const [header, name, classes] of [['apdu.h', 'apdu_ins', ['80', '84']], ['piv.h', 'piv_ins', ['00']]]) {
        const all = instructions(header, name);
        assert.ok(all.length > 10, name);
        const lost = all.filter(([, ins]) => !good.some(({ command }) => classes.includes(command.slice(0, 2)) && command.slice(2, 4) === ins));
        assert.deepEqual(lost, [], 'no seed has them succeed any more: node tests/fuzz/record.mjs makes new ones');
    }
    for (const start of ['904c', '903a', '10db', '10fe', '00c0']) assert.ok(good.some(({ command }) => command.startsWith(start)), `${start} succeeds`);
    t.diagnostic(`${good.length} of ${said.length} commands succeed`);
});

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

/* Each is one thread: where they run for long, two at a time. */
describe('fuzzing', { concurrency: process.env.LONG ? 2 : 1 }, () => {
    for (const [name, what, size, share = 1, more = []] of [
        ['apdu', 'APDUs', 16384],
        ['usb', 'messages of a USB reader', 8192],
        ['driver', 'answers to the drivers', 32768, 2],
        ['response', 'bytes for the parsers of answers', 16384, 2],
        ['templates', 'templates and mechanisms of calls', 4096],
        ['ocsp', 'requests for the OCSP responder', 4200, 2],
        ['signatures', 'signatures, seals, stamps, envelopes and revocation lists', 16384],
        ['tasks', 'tasks and answers of the order service to a job', 16384, 2],
        ['parsers', 'attribute files, certificates and dialog answers', 4096],
        ['requests', 'requests to the order service', 16384],
        ['inputs', 'inputs of the order service, reader by reader', 32768],
        ['inspect', 'uploads', 16384, 2, ['-malloc_limit_mb=8192']],
        ['agent', 'requests to the agent', 16384, 1, ['-detect_leaks=0']],
        ['websocket', 'WebSocket frames', 8192],
        ['dialogs', 'words of dialogs', 4096, 2],
        ['foreign', 'messages of modules of other makers, and to them', 8192, 2],
        ['upstream', 'answers of order services to the proxy', 16384, 2],
        ['files', 'files of the agent', 8192, 2],
    ]) {
        test(`${seconds / share} s of fuzzed ${what} find nothing`, { skip: missing(), timeout: (seconds + 300) * 1000 }, async (t) => {
            const dir = mkdtempSync(join(tmpdir(), 'openukey-fuzz-'));
            t.after(() => rmSync(dir, { recursive: true, force: true }));
            const { fuzzer, folder, seeds } = build(name);
            assert.ok(seeds.length > 10, 'there are seeds');
            const found = join(root, `build/fuzz/found-${name}-`);
            cpSync(folder, join(dir, 'corpus'), { recursive: true });
            const args = [`-max_total_time=${seconds / share}`, `-max_len=${size}`, '-timeout=30', '-rss_limit_mb=1024', '-print_final_stats=1', `-artifact_prefix=${found}`, ...more, join(dir, 'corpus')];
            const run = spawn(fuzzer, args, { cwd: dir, env, stdio: ['ignore', 'ignore', 'pipe'] });
            t.after(() => run.kill('SIGKILL'));
            let said = '';
            run.stderr.setEncoding('utf8').on('data', (text) => {
                said = (said + text).slice(-20_000);
            });
            const status = await new Promise((done) => run.on('exit', (code, signal) => done(code ?? signal)));
            assert.equal(status, 0, `the input is in ${found}*\n${said}`);
            const runs = Number(/number_of_executed_units:\s*(\d+)/.exec(said)?.[1]);
            const coverage = /cov: (\d+)/.exec(said.split('\n').filter((text) => text.includes('DONE')).at(-1) ?? '')?.[1];
            t.diagnostic(`campaign: fuzzed ${what}, ${seconds} s: ${runs} inputs, ${coverage} edges covered`);
            assert.ok(runs > seeds.length, said); // each of them at least, however busy the machine
        });
    }
});
