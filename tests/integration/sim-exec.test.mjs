// ukey sim exec: a program with ready keys, and nothing left behind; the pipelines of docs/how-to/ci.md as far as they can be
// run here.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { after, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { pcscdMissing, startPcscd } from '../../tools/demo/pcscd.mjs';
import { Program, run } from '../../tools/demo/program.mjs';
import { missing } from '../support/world.mjs';

const root = resolve(fileURLToPath(new URL('../..', import.meta.url)));
const build = resolve(root, process.env.BUILD ?? 'build/gcc');
const ukey = join(build, 'bin/ukey');
const dir = mkdtempSync(join(tmpdir(), 'openukey-'));
after(() => rmSync(dir, { recursive: true, force: true }));
const env = { ...process.env, TMPDIR: dir, XDG_CACHE_HOME: join(dir, 'cache'), LANG: 'C', LC_ALL: 'C' };
if (process.env.SAN?.includes('address')) {
    // pkcs11-tool, which is not ours, loads a module with the sanitizer in it
    env.PRELOAD = spawnSync('gcc', ['-print-file-name=libasan.so'], { encoding: 'utf8' }).stdout.trim();
    env.ASAN_OPTIONS = 'detect_leaks=0';
}
const skip = missing('pkcs11-tool');
const TOOL = '${PRELOAD:+env LD_PRELOAD=$PRELOAD} pkcs11-tool --module $OPENUKEY_MODULE';

const exec = (options, script, allow = [0]) => run(ukey, ['sim', 'exec', ...options, '--', 'sh', '-c', script], { env, allow });
const left = () => readdirSync(dir).filter((name) => name !== 'cache');

const profiles = {
    blank: /token state:\s+uninitialized/,
    org: /token label\s+: Org UKey/,
    'org-expiring-30-days': /token label\s+: Demo UKey/,
    'org-expired-10-days': /token label\s+: UKey expired 10/,
    'org-pin-one-left': /final user PIN try/,
    'org-pin-locked': /user PIN locked/,
    'org-pin-must-change': /user PIN to be changed/,
    person: /token label\s+: Person UKey/,
    'four-containers': /token label\s+: Four containers/,
    full: /token label\s+: Full UKey/,
};

for (const [profile, expected] of Object.entries(profiles)) {
    test(`the profile ${profile} is what its name says`, { skip }, async () => {
        const { stdout } = await exec(['--profile', profile], `${TOOL} --list-slots`);
        assert.match(stdout, expected);
        assert.deepEqual(left(), []);
    });
}

test('the key signs with the PIN of the environment, and its certificate leads to the CA of the environment', { skip }, async () => {
    const script = `cd ${dir} && echo message >text && ${TOOL} --list-objects --type cert | sed -n 's/.*ID: *//p' | head -1 >id
${TOOL} --read-object --type cert --id $(cat id) -o cert.der && openssl x509 -inform DER -in cert.der -noout -issuer && openssl x509 -in $OPENUKEY_CA -noout -subject
test -n "$OPENUKEY_SERIAL" && test -S "$OPENUKEY_CONTROL" && ${TOOL} --login --pin $OPENUKEY_PIN --list-objects --type privkey; rm -f text id cert.der`;
    const { stdout } = await exec(['--profile', 'org-expiring-30-days'], script);
    assert.match(stdout, /issuer=.*OpenUKey/);
    assert.match(stdout, /Private Key Object/);
});

test('full has no room for another container', { skip }, async () => {
    const { stderr } = await exec(['--profile', 'full'], `${TOOL} --login --pin $OPENUKEY_PIN --keypairgen --key-type RSA:2048 --label more`, [1]);
    assert.match(stderr, /CKR_DEVICE_MEMORY/);
});

test('what a run does to its key is gone in the next', { skip }, async () => {
    const { stdout } = await exec([], `printf note >${dir}/note; ${TOOL} --login --pin $OPENUKEY_PIN --write-object ${dir}/note --type data --label note >/dev/null; rm ${dir}/note; ${TOOL} --list-objects --type data`);
    assert.match(stdout, /'?note'?/);
    assert.doesNotMatch((await exec([], `${TOOL} --list-objects --type data`)).stdout, /'note'/);
});

test('images are made once; another profile, day or clock makes another', { skip }, async () => {
    const images = () => readdirSync(join(dir, 'cache/openukey/sim')).filter((name) => name.endsWith('.img')).sort();
    await exec(['--profile', 'person'], 'true');
    const before = images();
    await exec(['--profile', 'person'], 'true');
    assert.deepEqual(images(), before);
    const clock = ['--profile', 'person', '--clock', '2026-03-01T12:00:00+08:00'];
    await exec(clock, 'true');
    assert.equal(images().length, before.length + 1);
    await exec(clock, 'true');
    assert.equal(images().length, before.length + 1);
    const changed = JSON.parse(readFileSync(join(root, 'tools/ukey/profiles/person.json'), 'utf8'));
    changed.token.label = 'Somebody else';
    writeFileSync(join(dir, 'cache/else.json'), JSON.stringify(changed));
    const { stdout } = await exec(['--profile', join(dir, 'cache/else.json')], 'echo $OPENUKEY_LABEL');
    assert.equal(stdout, 'Somebody else\n');
});

test('several keys have serial numbers and control sockets of their own', { skip }, async () => {
    const { stdout } = await exec(['--tokens', '3'], `${TOOL} --list-slots | grep 'serial num'; echo $OPENUKEY_TOKENS $OPENUKEY_SERIAL_2; test -S $OPENUKEY_CONTROL_3`);
    const serials = [...stdout.matchAll(/serial num\s+: (\w+)/g)].map(([, serial]) => serial);
    assert.equal(new Set(serials).size, 3);
    assert.match(stdout, /^3 \w+$/m);
});

test('two keys sit in the two virtual readers of a real pcscd', { skip: skip || (pcscdMissing() ?? false) }, async (t) => {
    const place = mkdtempSync(join(tmpdir(), 'openukey-pcscd-'));
    const pcscd = await startPcscd(place);
    t.after(async () => {
        await pcscd.program.stop();
        rmSync(place, { recursive: true, force: true });
    });
    const script = `for i in $(seq 100); do ${TOOL} --list-slots 2>/dev/null | grep -q 'Org UKey 2' && break; sleep 0.05; done; ${TOOL} --list-slots`;
    const { stdout } = await run(ukey, ['sim', 'exec', '--tokens', '2', '--transport', `vpcd:127.0.0.1:${pcscd.port}`, '--', 'sh', '-c', script], {
        env: { ...env, ...pcscd.env },
    });
    assert.match(stdout, /Virtual PCD/);
    assert.match(stdout, /token label\s+: Org UKey$/m);
    assert.match(stdout, /token label\s+: Org UKey 2$/m);
});

test('exit status, signals and wrong usage are passed on or told', { skip }, async () => {
    assert.equal((await exec([], 'exit 7', [7])).code, 7);
    const killed = spawnSync(ukey, ['sim', 'exec', '--', 'sh', '-c', 'kill -9 $$'], { env });
    assert.equal(killed.signal, 'SIGKILL');
    assert.equal(spawnSync(ukey, ['sim', 'exec', '--', '/no/such/program'], { env }).status, 127);
    for (const wrong of [['true'], ['--profile', 'x'], ['--tokens', '0', '--', 'true'], ['--tokens', '101', '--', 'true'], ['--nonsense', 'x', '--', 'true'], ['--transport', 'smoke', '--', 'true'], ['--clock', 'soon', '--', 'true']])
        assert.equal(spawnSync(ukey, ['sim', 'exec', ...wrong], { env }).status, 2, wrong.join(' '));
    assert.match(spawnSync(ukey, ['sim', 'exec', '--profile', 'nosuch', '--', 'true'], { env, encoding: 'utf8' }).stderr, /no profile or file "nosuch"/);
    const program = await Program.start({ command: ukey, args: ['sim', 'exec', '--', 'sh', '-c', 'trap "exit 9" TERM; echo ready; while :; do sleep 0.05; done'], env });
    await program.stop(); // SIGTERM
    assert.equal(program.exit.code, 9);
    assert.deepEqual(left(), []);
});

/* ---- docs/how-to/ci.md ---- */

const guide = readFileSync(join(root, 'docs/how-to/ci.md'), 'utf8');
const block = (language, containing) =>
    [...guide.matchAll(/```(\w+)\n([^]*?)```/g)].find(([, kind, text]) => kind === language && text.includes(containing))[2];
const onPath = { ...env, PATH: `${join(build, 'bin')}:${process.env.PATH}` };

test('the plain make of the guide runs', { skip: skip || missing('make') }, () => {
    writeFileSync(join(dir, 'Makefile'), block('make', 'sim exec'));
    writeFileSync(join(dir, 'test.sh'), `#!/bin/sh\nset -e\n${TOOL} --login --pin $OPENUKEY_PIN --list-objects >/dev/null\necho tested $OPENUKEY_LABEL\n`, { mode: 0o755 });
    const clean = { ...onPath };
    for (const name of ['MAKEFLAGS', 'MAKELEVEL', 'MFLAGS']) delete clean[name];
    const { status, stdout, stderr } = spawnSync('make', ['-C', dir, 'test'], { env: clean, encoding: 'utf8' });
    assert.equal(status, 0, stderr);
    assert.match(stdout, /tested Org UKey/);
    rmSync(join(dir, 'Makefile'));
});

for (const [name, language] of [['GitHub Actions', 'yaml'], ['GitLab CI', 'yaml']]) {
    test(`the shell line of the guide for ${name} runs`, { skip }, () => {
        const text = block(language, name === 'GitLab CI' ? 'script:' : 'runs-on:');
        const lines = text.split('\n').map((line) => line.replace(/^\s*- (run: )?/, '').trim());
        const shell = lines.filter((line) => line.startsWith('ukey sim exec'));
        assert.ok(shell.length >= 1);
        for (const line of shell) {
            const { status, stdout, stderr } = spawnSync('sh', ['-ec', line], { cwd: dir, env: onPath, encoding: 'utf8' });
            assert.equal(status, 0, `${line}: ${stderr}`);
            assert.match(stdout, /tested/);
        }
        assert.ok(existsSync(join(dir, 'test.sh')));
    });
}
