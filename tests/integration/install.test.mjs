// make install: what lands where, a module that p11-kit loads by its module file, and that make uninstall leaves nothing.
import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join, resolve } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { run } from '../../tools/demo/program.mjs';
import { Desk, PIN } from '../support/desk.mjs';
import { missing } from '../support/world.mjs';

const root = resolve(fileURLToPath(new URL('../..', import.meta.url)));

const files = (dir) => readdirSync(dir, { recursive: true }).filter((name) => !statSync(join(dir, name)).isDirectory()).sort();

test('make install puts everything where it belongs, p11-kit finds the key by it, make uninstall removes it', { skip: missing('make', 'p11tool', 'p11-kit', 'unshare') }, async (t) => {
    const desk = await (await Desk.make(t)).withKey();
    const staged = mkdtempSync(join(tmpdir(), 'openukey-install-'));
    t.after(() => rmSync(staged, { recursive: true, force: true }));
    // the same build as this test's: its folder's name says which
    const [compiler] = basename(desk.build).split('-');
    const make = (target) =>
        run('make', ['--no-print-directory', target, `DESTDIR=${staged}`, 'PREFIX=/usr', `CC=${compiler}`, `SAN=${process.env.SAN ?? ''}`], {
            cwd: root,
            env: { MAKEFLAGS: '', MAKELEVEL: '' },
        });
    await make('install');
    const there = files(staged);
    for (const name of ['usr/bin/ukey', 'usr/bin/ukey-agent', 'usr/bin/ukey-sim', 'usr/lib/openukey-pkcs11.so', 'usr/share/man/man1/ukey.1',
        'usr/share/man/man5/openukey.conf.5', 'usr/lib/systemd/user/ukey-agent.service', 'etc/xdg/autostart/ukey-agent.desktop', 'usr/share/p11-kit/modules/openukey.module', 'usr/lib/udev/rules.d/70-openukey.rules']) {
        assert.ok(there.includes(name), `${name} in ${there}`);
    }
    assert.ok(!there.some((name) => name.includes('keycheck') || name.includes('test_')), 'programs of the tests stay here');

    // p11-kit reads its own folder and the user's; ours is below DESTDIR
    const home = desk.file('home');
    const modules = join(home, '.config/pkcs11/modules');
    mkdirSync(modules, { recursive: true });
    const file = readFileSync(join(staged, 'usr/share/p11-kit/modules/openukey.module'), 'utf8');
    assert.match(file, /^module: \/usr\/lib\/openukey-pkcs11\.so$/m);
    writeFileSync(join(modules, 'openukey.module'), file.replace('/usr/lib', join(staged, 'usr/lib')));
    writeFileSync(join(home, '.config/pkcs11/pkcs11.conf'), 'user-config: only\n');
    const env = { ...desk.env, HOME: home, XDG_CONFIG_HOME: join(home, '.config') };
    // GnuTLS's and p11-kit's programs hang beside AddressSanitizer on libc's locale lock
    if (!process.env.SAN?.includes('address')) {
        // p11-kit reads no user's configuration for root: as somebody without a name, root is not root
        const [as, ...before] = process.getuid() === 0 ? ['unshare', '--user', '--'] : ['env', '--'];
        const { stdout: listed } = await run(as, [...before, 'p11-kit', 'list-modules'], { env });
        assert.match(listed, /openukey[^]*library-description: OpenUKey PKCS#11 module[^]*token: Demo UKey/);
        const { stdout } = await run(as, [...before, 'p11tool', '--list-all-certs', 'pkcs11:token=Demo%20UKey'], { env });
        assert.match(stdout, /Type: X\.509 Certificate \(RSA-2048\)/);
        const found = await run(as, [...before, 'p11tool', '--login', '--list-privkeys', 'pkcs11:token=Demo%20UKey'], { env: { ...env, GNUTLS_PIN: PIN } });
        assert.match(found.stdout, /Type: Private key \(RSA-2048\)/);
    }

    await make('uninstall');
    assert.deepEqual(files(staged), []);
});
