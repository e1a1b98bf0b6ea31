// The runner itself: nothing that fails, crashes or runs no test may look like a success.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { chmodSync, cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { fileURLToPath } from 'node:url';

const runner = fileURLToPath(new URL('../../run.mjs', import.meta.url));
const tree = mkdtempSync(join(tmpdir(), 'openukey-runner-'));
after(() => rmSync(tree, { recursive: true, force: true }));

mkdirSync(join(tree, 'tests/unit'), { recursive: true });
mkdirSync(join(tree, 'tests/other'), { recursive: true });
mkdirSync(join(tree, 'part'));
mkdirSync(join(tree, 'build/tests'), { recursive: true });
cpSync(runner, join(tree, 'tests/run.mjs'));

function program(name, text) {
    writeFileSync(join(tree, 'build/tests', name), `#!/bin/sh\n${text}\n`);
    chmodSync(join(tree, 'build/tests', name), 0o755);
}
const script = (path, body) =>
    writeFileSync(join(tree, path), `import { test } from 'node:test';\nimport assert from 'node:assert';\n${body}\n`);

program('test_good', 'echo "# campaign: 7 of 7 held"; echo 1..2; echo "ok 1 - a"; echo "not ok 2 # SKIP b"');
program('test_bad', 'echo 1..1; echo "not ok 1 - c"; echo "# why it failed" >&2; exit 1');
program('test_crash', 'echo "ok 1 - d"; kill -SEGV $$');
program('test_silent', 'exit 0');
program('test_orphan', 'echo "not ok 1 - nobody names me any more"');
writeFileSync(
    join(tree, 'part/build.mk'),
    ['good', 'bad', 'crash', 'silent'].map((n) => `TESTS += test_${n}\ntest_${n}_SRCS := \\\n  tests/unit/part/${n}.c\n`).join(''),
);
writeFileSync(join(tree, 'Makefile'), 'TESTS :=\ninclude part/build.mk\n');
script('tests/unit/one.test.mjs', "test('x', (t) => t.diagnostic('campaign: 9 of 9 held')); test('y', { skip: true }, () => {});");
script('tests/other/two.test.mjs', "test('z', () => assert.equal(1, 2, 'one is not two'));");
script('tests/other/empty.test.mjs', '');
script('tests/other/broken.test.mjs', "throw new Error('cannot load');");

function run(...args) {
    const env = { ...process.env, BUILD: 'build', SAN: '' };
    delete env.NODE_TEST_CONTEXT;
    const { status, stdout } = spawnSync(process.execPath, [join(tree, 'tests/run.mjs'), ...args], { env, encoding: 'utf8' });
    return { status, stdout, last: stdout.trimEnd().split('\n').at(-1) };
}

test('everything is counted and a failure makes the exit status 1', () => {
    const { status, stdout, last } = run();
    assert.equal(status, 1);
    // good 1+skip, bad 1 failed, crash 1 passed 1 failed, silent 1 failed; one 1+skip, two, empty and broken failed
    assert.equal(last, '3 passed, 6 failed, 2 skipped', stdout);
    assert.match(stdout, /one is not two/);
    assert.match(stdout, /why it failed/);
    assert.match(stdout, /cannot load/);
    assert.match(stdout, /FAIL tests\/unit\/part\/crash\.c/);
    assert.match(stdout, /ended by SIGSEGV/);
    assert.match(stdout, /FAIL tests\/unit\/part\/silent\.c[^\n]*\n\s+ran no test/);
    assert.match(stdout, /FAIL tests\/other\/empty\.test\.mjs/);
    assert.doesNotMatch(stdout, /orphan/);
});

test('a pattern selects by path, programs by the path of their source', () => {
    assert.equal(run('--only', 'tests/unit/part/good').last, '1 passed, 0 failed, 1 skipped');
    assert.equal(run('--only', 'tests/unit/one').last, '1 passed, 0 failed, 1 skipped');
    assert.equal(run('--only', 'tests/unit/one').status, 0);
    assert.equal(run('--only', 'unit/part').last, '2 passed, 3 failed, 1 skipped');
});

test('what a campaign has counted is shown although it passed', () => {
    assert.match(run('--only', 'tests/unit/part/good').stdout, /^ok   tests\/unit\/part\/good[^\n]*\n\s+7 of 7 held$/m);
    assert.match(run('--only', 'tests/unit/one').stdout, /^ok   tests\/unit\/one[^\n]*\n\s+9 of 9 held$/m);
});

test('a pattern that selects nothing is a failure', () => {
    assert.deepEqual([run('--only', 'nothing').last, run('--only', 'nothing').status], ['0 passed, 1 failed', 1]);
});
