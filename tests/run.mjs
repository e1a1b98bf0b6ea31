// Runs every test: cmocka programs in $BUILD/tests and tests/**/*.test.mjs, a few at a time, and closes with
// "N passed, N failed". usage: BUILD=build/gcc node tests/run.mjs [--only PATTERN] [--list]
//
// PATTERN is a part of a file's path; a cmocka program has the path of its first source file (tests/unit/...).
// A file that crashes, runs over its time or runs no test counts as one failed test. What a test says behind "# campaign: " is
// shown although it passed; of one that takes long, its last line is shown every minute.
import { execFileSync, spawn } from 'node:child_process';
import { closeSync, existsSync, mkdtempSync, openSync, readFileSync, readdirSync, rmSync, statSync } from 'node:fs';
import { availableParallelism, cpus, tmpdir } from 'node:os';
import { join, relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

const root = resolve(fileURLToPath(new URL('..', import.meta.url)));
const build = resolve(root, process.env.BUILD ?? 'build/gcc');
const sanitizers = (process.env.SAN ?? '').split(',').filter(Boolean);
const slow = sanitizers.length ? 3 : 1;
// LONG=1 (make check-long): tests run their long campaigns, of which the longest takes half an hour of one core
const long = Boolean(process.env.LONG && process.env.LONG !== '0');
const LIMIT_MS = long ? { program: 10_800_000 * slow, script: 3_600_000 * slow } : { program: 180_000 * slow, script: 420_000 * slow };
const PROGRESS_MS = 60_000;

const { values: options } = parseArgs({
    options: { only: { type: 'string' }, list: { type: 'boolean' }, workers: { type: 'string' } },
});

/* ---- what there is to run ---- */

function* filesBelow(dir) {
    for (const entry of readdirSync(dir, { withFileTypes: true })) {
        if (entry.name === 'node_modules') continue;
        const path = join(dir, entry.name);
        if (entry.isDirectory()) yield* filesBelow(path);
        else yield path;
    }
}

// name of a test program -> its first source file, as make knows them
function sourcesOfPrograms() {
    const rule = 'print-tests:;@:$(foreach t,$(TESTS),$(info $(t) $(firstword $($(t)_SRCS))))';
    const env = { ...process.env };
    for (const name of ['MAKEFLAGS', 'MFLAGS', 'MAKELEVEL', 'MAKEOVERRIDES']) delete env[name];
    const said = execFileSync('make', ['--no-print-directory', `--eval=${rule}`, 'print-tests'], { cwd: root, env, encoding: 'utf8' });
    return new Map(said.split('\n').filter(Boolean).map((line) => line.split(' ')));
}

function collect() {
    const jobs = [];
    for (const file of filesBelow(join(root, 'tests'))) {
        if (file.endsWith('.test.mjs')) jobs.push({ kind: 'script', path: relative(root, file), file });
    }
    const programs = join(build, 'tests');
    if (existsSync(programs)) {
        const sources = sourcesOfPrograms();
        for (const name of readdirSync(programs).sort()) {
            const file = join(programs, name);
            if (!(statSync(file).mode & 0o111)) continue;
            // a program that make does not know any more is left over from an earlier build
            if (sources.has(name)) jobs.push({ kind: 'program', path: sources.get(name), file });
        }
    }
    // the long ones first, so that the workers end together
    const campaigns = ['piv_random_rsa', 'tests/fuzz', 'power_cut', '_random'];
    const first = [...(long ? campaigns : []), 'tests/browser', 'tests/faults', 'tests/integration', 'tests/conformance'];
    const weight = ({ path }) => (first.findIndex((part) => path.includes(part)) + first.length + 1) % (first.length + 1);
    jobs.sort((a, b) => weight(a) - weight(b) || a.path.localeCompare(b.path));
    return options.only ? jobs.filter(({ path }) => path.includes(options.only)) : jobs;
}

/* ---- running one file ---- */

function environment(kind) {
    const env = { ...process.env, BUILD: build, SAN: sanitizers.join(',') };
    delete env.MAKEFLAGS;
    delete env.MAKELEVEL;
    if (kind === 'program') env.CMOCKA_MESSAGE_OUTPUT = 'TAP';
    if (sanitizers.length) {
        env.ASAN_OPTIONS ??= 'detect_leaks=1:halt_on_error=1:detect_stack_use_after_return=1:allocator_may_return_null=1';
        env.UBSAN_OPTIONS ??= 'print_stacktrace=1:halt_on_error=1';
        env.TSAN_OPTIONS ??= 'halt_on_error=1:second_deadlock_stack=1';
    }
    return env;
}

function lastLine(path) {
    const lines = readFileSync(path, 'utf8').slice(-4000).split('\n').slice(0, -1);
    const line = lines.findLast((text) => /^\s*(#|(not )?ok\b)|^[^\s.-]/.test(text)); // not the details of node's TAP
    return line?.replace(/^\s*#\s*/, '').trim() ?? 'nothing said yet';
}

function runProcess(job, dir) {
    const out = join(dir, `${job.index}.out`);
    const err = join(dir, `${job.index}.err`);
    const outFd = openSync(out, 'w');
    const errFd = job.kind === 'program' ? outFd : openSync(err, 'w');
    const [command, args] =
        job.kind === 'program' ? [job.file, []] : [process.execPath, ['--test-reporter=tap', job.file]];
    const started = Date.now();
    return new Promise((done) => {
        // its own process group, so that what it started can be ended with it
        const child = spawn(command, args, {
            cwd: root,
            env: environment(job.kind),
            stdio: ['ignore', outFd, errFd],
            detached: true,
        });
        const end = (signal) => {
            try {
                process.kill(-child.pid, signal);
            } catch {
                // the group is gone
            }
        };
        let timedOut = false;
        const timer = setTimeout(() => {
            timedOut = true;
            end('SIGTERM');
            setTimeout(() => end('SIGKILL'), 5000).unref();
        }, LIMIT_MS[job.kind]);
        const progress = setInterval(() => {
            const seconds = Math.round((Date.now() - started) / 1000);
            console.log(`...  ${job.path}: ${seconds} s: ${lastLine(out)}`);
        }, PROGRESS_MS);
        const finish = (code, signal) => {
            clearTimeout(timer);
            clearInterval(progress);
            end('SIGKILL');
            closeSync(outFd);
            if (errFd !== outFd) closeSync(errFd);
            done({
                code,
                signal,
                timedOut,
                seconds: (Date.now() - started) / 1000,
                output: readFileSync(out, 'utf8'),
                errors: errFd === outFd ? '' : readFileSync(err, 'utf8'),
            });
        };
        child.on('error', (error) => finish(String(error), null));
        child.on('exit', finish);
    });
}

/* ---- what it said ---- */

function countProgram(output) {
    const count = { passed: 0, failed: 0, skipped: 0 };
    for (const line of output.split('\n')) {
        if (/^(not )?ok\b.*# SKIP/i.test(line)) count.skipped += 1; // cmocka says "not ok N # SKIP"
        else if (/^not ok\b/.test(line)) count.failed += 1;
        else if (/^ok\b/.test(line)) count.passed += 1;
    }
    return count;
}

function countScript(output) {
    // node's own totals at the end of its TAP; a file that could not be loaded prints none
    const total = (name) => Number(new RegExp(`^# ${name} (\\d+)$`, 'm').exec(output)?.[1] ?? 0);
    return {
        passed: total('pass'),
        failed: total('fail') + total('cancelled'),
        skipped: total('skipped') + total('todo'),
    };
}

function judge(job, run) {
    const count = job.kind === 'program' ? countProgram(run.output) : countScript(run.output);
    const reasons = [];
    if (run.timedOut) reasons.push(`ran over ${LIMIT_MS[job.kind] / 1000} s`);
    else if (run.signal) reasons.push(`ended by ${run.signal}`);
    else if (run.code !== 0 && count.failed === 0) reasons.push(`exit status ${run.code}`);
    if (count.passed + count.failed + count.skipped === 0) reasons.push('ran no test');
    if (reasons.length) count.failed += 1;
    return { ...count, reasons };
}

// The failing tests of a TAP text with what they said, without what passed
function failures(output) {
    const kept = [];
    let keeping = false;
    let indent = 0;
    for (const line of output.split('\n')) {
        const test = /^(\s*)(not ok|ok)\b/.exec(line);
        if (test) {
            keeping = test[2] === 'not ok';
            indent = test[1].length;
        } else if (keeping && line.trim() && !line.startsWith('#') && line.search(/\S/) < indent) {
            keeping = false;
        }
        if (keeping && !/^\s*(duration_ms|type|location|code|failureType):/.test(line)) kept.push(line);
    }
    return kept;
}

function report(job, run, verdict) {
    const words = [`${verdict.passed} passed`];
    if (verdict.failed) words.push(`${verdict.failed} FAILED`);
    if (verdict.skipped) words.push(`${verdict.skipped} skipped`);
    const name = job.kind === 'program' ? `${job.path} (${relative(root, job.file)})` : job.path;
    console.log(`${verdict.failed ? 'FAIL' : 'ok  '} ${name}: ${words.join(', ')} in ${run.seconds.toFixed(1)} s`);
    for (const [, said] of run.output.matchAll(/^\s*# campaign: (.*)$/gm)) console.log(`     ${said}`);
    if (!verdict.failed) return;
    for (const reason of verdict.reasons) console.log(`     ${reason}`);
    // a crash says what it was in its whole output; otherwise the failing tests are enough
    const lines = verdict.reasons.length ? run.output.split('\n').slice(-120) : failures(run.output).slice(0, 200);
    const errors = run.errors.trim() ? ['--- standard error', ...run.errors.trim().split('\n').slice(-60)] : [];
    for (const line of [...lines, ...errors]) console.log(`     | ${line}`);
}

/* ---- all of them ---- */

const jobs = collect();
if (options.list) {
    for (const { path } of jobs) console.log(path);
    process.exit(0);
}
const dir = mkdtempSync(join(tmpdir(), 'openukey-tests-'));
const total = { passed: 0, failed: 0, skipped: 0 };
const queue = jobs.map((job, index) => ({ ...job, index }));
const count = Number(options.workers ?? process.env.WORKERS) || Math.min(3, availableParallelism?.() ?? cpus().length);

async function worker() {
    for (let job = queue.shift(); job; job = queue.shift()) {
        const run = await runProcess(job, dir);
        const verdict = judge(job, run);
        report(job, run, verdict);
        for (const key of Object.keys(total)) total[key] += verdict[key];
    }
}

await Promise.all(Array.from({ length: count }, worker));
rmSync(dir, { recursive: true, force: true });
if (jobs.length === 0) {
    console.log(`No test matches ${options.only ?? 'anything'}`);
    total.failed += 1;
}
console.log(`${total.passed} passed, ${total.failed} failed${total.skipped ? `, ${total.skipped} skipped` : ''}`);
process.exitCode = total.failed ? 1 : 0;
