// Running the fuzzers on their seeds: ten seconds each, with LONG=1 ten minutes. What they find is kept beside their programs.
import assert from 'node:assert/strict';
import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';

export const root = resolve(fileURLToPath(new URL('../..', import.meta.url)));
const seconds = process.env.LONG ? 600 : 10;

export function missing() {
    const said = spawnSync('clang', ['-fsanitize=fuzzer', '-x', 'c', '-', '-o', '/dev/null'], {
        input: '#include <stddef.h>\n#include <stdint.h>\nint LLVMFuzzerTestOneInput(const uint8_t *d, size_t n) { return d && n ? 0 : 0; }\n',
        encoding: 'utf8',
    });
    if (said.error) return 'not installed: clang (make setup-check)';
    return said.status === 0 ? false : `clang has no libFuzzer runtime (make setup-check): ${said.stderr.trim().split('\n')[0]}`;
}

export const env = { ...process.env };
for (const name of ['MAKEFLAGS', 'MFLAGS', 'MAKELEVEL', 'CC', 'SAN', 'ASAN_OPTIONS', 'UBSAN_OPTIONS']) delete env[name];

/* Builds a fuzzer, after what another program may be building of the same objects; its path, and its seeds. */
export function build(name) {
    mkdirSync(join(root, 'build'), { recursive: true });
    execFileSync('flock', ['build/fuzz.lock', 'make', '--no-print-directory', `build/fuzz/fuzz_${name}`], { cwd: root, env, stdio: 'pipe' });
    const folder = join(root, 'tests/fuzz/corpus', name);
    return { fuzzer: join(root, 'build/fuzz', `fuzz_${name}`), folder, seeds: readdirSync(folder).map((seed) => join(folder, seed)) };
}

/* One test for each [name, what it fuzzes, longest input, further arguments]. Each is one thread: where they run for long, two at a time. */
export function fuzz(targets) {
    describe('fuzzing', { concurrency: process.env.LONG ? 2 : 1 }, () => {
        for (const [name, what, size, more = []] of targets) {
            test(`${seconds} s of fuzzed ${what} find nothing`, { skip: missing(), timeout: (seconds + 300) * 1000 }, async (t) => {
                const dir = mkdtempSync(join(tmpdir(), 'openukey-fuzz-'));
                t.after(() => rmSync(dir, { recursive: true, force: true }));
                const { fuzzer, folder, seeds } = build(name);
                assert.ok(seeds.length > 10, 'there are seeds');
                const found = join(root, `build/fuzz/found-${name}-`);
                cpSync(folder, join(dir, 'corpus'), { recursive: true });
                const args = [`-max_total_time=${seconds}`, `-max_len=${size}`, '-timeout=30', '-rss_limit_mb=1024', '-print_final_stats=1', `-artifact_prefix=${found}`, ...more, join(dir, 'corpus')];
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
}
