// The fuzzers run on their seeds: ten seconds, or with LONG=1 ten minutes. What they find is kept beside the corpus.
import assert from 'node:assert/strict';
import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { cpSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';

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

for (const [name, what, size] of [
    ['apdu', 'APDUs', 16384],
    ['usb', 'messages of a USB reader', 8192],
]) {
    test(`${seconds} s of fuzzed ${what} find nothing`, { skip: missing(), timeout: (seconds + 300) * 1000 }, async (t) => {
        const dir = mkdtempSync(join(tmpdir(), 'openukey-fuzz-'));
        t.after(() => rmSync(dir, { recursive: true, force: true }));
        const env = { ...process.env };
        for (const variable of ['MAKEFLAGS', 'MFLAGS', 'MAKELEVEL', 'CC', 'SAN', 'ASAN_OPTIONS', 'UBSAN_OPTIONS']) delete env[variable];
        execFileSync('make', ['--no-print-directory', `build/fuzz/fuzz_${name}`], { cwd: root, env, stdio: 'pipe' });
        const seeds = join(root, 'tests/fuzz/corpus', name);
        assert.ok(readdirSync(seeds).length > 10, 'there are seeds');
        const found = join(root, `build/fuzz/found-${name}-`);
        cpSync(seeds, join(dir, 'corpus'), { recursive: true });
        const args = [`-max_total_time=${seconds}`, `-max_len=${size}`, '-timeout=30', '-rss_limit_mb=1024', '-print_final_stats=1', `-artifact_prefix=${found}`, join(dir, 'corpus')];
        const fuzzer = spawn(join(root, `build/fuzz/fuzz_${name}`), args, { cwd: dir, env, stdio: ['ignore', 'ignore', 'pipe'] });
        t.after(() => fuzzer.kill('SIGKILL'));
        let said = '';
        fuzzer.stderr.setEncoding('utf8').on('data', (text) => {
            said = (said + text).slice(-20_000);
        });
        const status = await new Promise((done) => fuzzer.on('exit', (code, signal) => done(code ?? signal)));
        assert.equal(status, 0, `the input is in ${found}*\n${said}`);
        const runs = Number(/number_of_executed_units:\s*(\d+)/.exec(said)?.[1]);
        const coverage = /cov: (\d+)/.exec(said.split('\n').filter((text) => text.includes('DONE')).at(-1) ?? '')?.[1];
        t.diagnostic(`campaign: fuzzed ${what}, ${seconds} s: ${runs} inputs, ${coverage} edges covered`);
        assert.ok(runs > 100, said);
    });
}
