// ukey list, show and doctor: what is plugged in, what is on it, and each thing that can be wrong, with what to do about it.
import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { run } from '../../tools/demo/program.mjs';

const build = process.env.BUILD ?? 'build/gcc';
const ukey = join(build, 'bin/ukey');

/* ukey, with keys of a profile plugged in ('' for none). */
async function withKey(t, profile, args, { env = {}, allow = [0, 1] } = {}) {
    const dir = mkdtempSync(join(tmpdir(), 'ukey-look-'));
    t.after(() => rmSync(dir, { recursive: true, force: true }));
    const all = { LC_ALL: 'C', XDG_CACHE_HOME: process.env.XDG_CACHE_HOME ?? join(dir, 'cache'), ...env };
    if (!profile) {
        writeFileSync(join(dir, 'conf'), 'socket-dir = off\npcsc = off\nusb = off\n');
        return run(ukey, args, { env: { ...all, OPENUKEY_CONF: join(dir, 'conf') }, allow });
    }
    return run(ukey, ['sim', 'exec', '--profile', profile, '--', ukey, ...args], { env: all, allow });
}

/* A machine's files for doctor --root. */
function machine(t, { pcscd = true, p11kit = '/lib/openukey-pkcs11.so', module = true, reader = false } = {}) {
    const root = mkdtempSync(join(tmpdir(), 'ukey-root-'));
    t.after(() => rmSync(root, { recursive: true, force: true }));
    const write = (path, text) => {
        mkdirSync(join(root, path, '..'), { recursive: true });
        writeFileSync(join(root, path), text);
    };
    if (p11kit) write('usr/share/p11-kit/modules/openukey.module', `# ours\nmodule: ${p11kit}\n`);
    if (module) write('lib/openukey-pkcs11.so', '');
    if (reader) {
        write('sys/bus/usb/devices/1-1/product', 'Desk reader\n');
        write('sys/bus/usb/devices/1-1/busnum', '1\n');
        write('sys/bus/usb/devices/1-1/devnum', '7\n');
        write('sys/bus/usb/devices/1-1:1.0/bInterfaceClass', '0b\n');
        if (reader === 'ours') write('dev/bus/usb/001/007', '');
    }
    mkdirSync(join(root, 'run/pcscd'), { recursive: true });
    if (pcscd === 'dead') write('run/pcscd/pcscd.comm', '');
    if (pcscd !== true) return root;
    const server = createServer().listen(join(root, 'run/pcscd/pcscd.comm'));
    t.after(() => server.close());
    return new Promise((done) => server.once('listening', () => done(root)));
}

const findings = async (t, profile, root) => {
    const { stdout, code } = await withKey(t, profile, ['doctor', '--json', '--root', root], { env: { PCSCLITE_CSOCK_NAME: join(root, 'run/pcscd/pcscd.comm') } });
    const { ok, findings: list } = JSON.parse(stdout);
    assert.equal(ok, code === 0);
    for (const one of list) assert.equal(one.level === 'ok', one.todo === undefined, JSON.stringify(one));
    return { ok, list, of: (check) => list.filter((one) => one.check === check) };
};

test('ukey list prints a line for each key, ukey show what is on it, both as JSON too', async (t) => {
    const list = await withKey(t, 'org', ['list']);
    assert.match(list.stdout, /^[0-9A-F]{30} {2}Org UKey {2}PIN tries 10\/10, certificates 2\n$/);
    const show = await withKey(t, 'org', ['show', 'Org UKey']);
    assert.match(show.stdout, /^Org UKey\n {2}serial number {3}[0-9A-F]{30}\n/);
    assert.match(show.stdout, /certificate ".+"\n {4}use {11}sign SM2-256\n {4}subject/);
    assert.match(show.stdout, /valid until {3}20\d\d-/);
    const chinese = await withKey(t, 'org', ['show'], { env: { LC_ALL: 'zh_CN.UTF-8' } });
    assert.match(chinese.stdout, /序列号 {10}[0-9A-F]{30}/);
    const keys = JSON.parse((await withKey(t, 'org', ['show', '--json'])).stdout);
    assert.equal(keys.length, 1);
    assert.deepEqual(keys[0].pin, { tries: 10, max: 10, default: keys[0].pin.default, mustChange: false });
    assert.ok(keys[0].certificates.every((one) => one.daysLeft > 0 && one.subject.includes('O=')));
    const nobody = await withKey(t, 'org', ['show', 'Nobody']);
    assert.equal(nobody.code, 1);
    assert.match(nobody.stderr, /serial number or label "Nobody"/);
    assert.deepEqual(JSON.parse((await withKey(t, '', ['list', '--json'])).stdout), []);
    assert.equal((await withKey(t, '', ['list', '--nonsense'], { allow: [2] })).code, 2);
});

test('ukey doctor finds nothing wrong where nothing is', async (t) => {
    const { ok, list } = await findings(t, 'org', await machine(t, { reader: 'ours' }));
    assert.deepEqual(list.filter((one) => one.level === 'warning' || one.level === 'error'), []);
    assert.ok(ok);
    for (const check of ['clock', 'pcscd', 'reader', 'p11-kit', 'module']) {
        assert.ok(list.some((one) => one.check === check && one.level === 'ok'), check);
    }
});

for (const [what, profile, files, check, level, text] of [
    ['a locked PIN', 'org-pin-locked', {}, 'pin', 'error', /the PIN is locked/],
    ['a PIN with one try left', 'org-pin-one-left', {}, 'pin', 'warning', /only 1 PIN tries/],
    ['an expired certificate', 'org-expired-10-days', {}, 'certificate', 'warning', /expired 10 days ago/],
    ['a certificate near its end', 'org-expiring-30-days', {}, 'certificate', 'warning', /expires in 30 days/],
    ['a blank key', 'blank', {}, 'key', 'note', /not initialised/],
    ['no key', '', {}, 'key', 'note', /no key is plugged in/],
    ['a pcscd that does not answer', '', { pcscd: 'dead' }, 'pcscd', 'error', /nobody answers/],
    ['no pcscd', '', { pcscd: false }, 'pcscd', 'note', /pcscd is not there/],
    ['a reader without permission', '', { pcscd: false, reader: 'denied' }, 'reader', 'error', /Desk reader: no permission for \/dev\/bus\/usb\/001\/007/],
    ['a module that p11-kit does not know', '', { p11kit: null }, 'p11-kit', 'note', /does not know the module/],
    ['a module that is not where p11-kit thinks', '', { module: false }, 'p11-kit', 'error', /not there: \/lib\/openukey/],
]) {
    test(`ukey doctor finds ${what}`, async (t) => {
        const { of, ok } = await findings(t, profile, await machine(t, files));
        const bad = of(check).find((one) => one.level === level);
        assert.match(bad?.text ?? JSON.stringify(of(check)), text);
        assert.ok(bad.todo);
        assert.equal(ok, level === 'note');
    });
}

test('ukey doctor tells people in their language, and of a module that does not load', async (t) => {
    const root = await machine(t);
    const english = await withKey(t, 'org-pin-locked', ['doctor', '--root', root]);
    assert.match(english.stdout, /^ERROR {4}key UKey locked \([0-9A-F]+\): the PIN is locked\n {9}-> have it unlocked/m);
    assert.equal(english.code, 1);
    const chinese = await withKey(t, 'org-pin-locked', ['doctor', '--root', root], { env: { LC_ALL: 'zh_CN.UTF-8' } });
    assert.match(chinese.stdout, /^错误 {2}UKey UKey locked \(.*口令已锁定\n {6}→ 请解锁/m);
    const { stdout } = await withKey(t, '', ['doctor', '--json', '--root', root, '--module', '/nonexistent.so']);
    assert.ok(JSON.parse(stdout).findings.some(({ check, level }) => check === 'module' && level === 'error'));
});
