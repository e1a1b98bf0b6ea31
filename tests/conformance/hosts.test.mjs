// The module inside programs that break modules: OpenSSL set up strangely, C_Finalize at the last moment, fork, dlclose, and
// several programs on one key.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { test } from 'node:test';
import { pcscdMissing } from '../../tools/demo/pcscd.mjs';
import { Program, run } from '../../tools/demo/program.mjs';
import { Desk, PIN, usbMissing } from '../support/desk.mjs';

const LOGGED_IN = '1'; // CKS_RO_USER_FUNCTIONS

test('the module exports the calls of PKCS#11 and nothing else', async (t) => {
    const desk = await Desk.make(t);
    const symbols = execFileSync('nm', ['-D', '--defined-only', desk.module], { encoding: 'utf8' }).trim().split('\n');
    const names = symbols.map((line) => line.split(' ').at(-1)).filter((name) => !name.startsWith('__asan') && !name.startsWith('__odr_asan'));
    assert.ok(names.length > 90);
    assert.deepEqual(names.filter((name) => !/^C_[A-Z]/.test(name)), []);
});

const command = (desk, name) => {
    const host = desk.command(desk.binary('strange-host'), [desk.module, PIN, name], { OPENUKEY_CONF: desk.conf, ...desk.pcscd?.env });
    return { ...host, env: { ...host.env } };
};

for (const [transport, skip] of [
    ['socket', false],
    ['pcsc', pcscdMissing() ?? false],
    ['usb', usbMissing()],
]) {
    test(`programs that break modules (${transport})`, { skip }, async (t) => {
        const desk = await (await Desk.make(t, { transport })).withKey();
        const host = (name, more = {}) => {
            const { command: file, args, env } = command(desk, name);
            return run(file, args, { env: { ...env, ...more } });
        };
        await t.test('C_Finalize from the last exit handler, in a program whose OpenSSL can do nothing', async () => {
            // what is OpenSSL's cannot be freed any more when OpenSSL itself has gone
            const env = desk.usbSocket ? {} : { ASAN_OPTIONS: 'detect_leaks=0' };
            assert.equal((await host('late-finalize', env)).stdout, 'finalized\n');
        });
        // a USB device has one owner: a child cannot have it beside its parent
        await t.test('a child and a grandchild start anew, the parent goes on', { skip: transport === 'usb' }, () => host('fork'));
        await t.test('dlclose with a session open and a thread waiting', () => host('unload'));
        await t.test('C_Finalize while threads sign and wait', () => host('finalize'));
    });
}

for (const [transport, skip] of [
    ['socket', false],
    ['pcsc', pcscdMissing() ?? false],
]) {
    test(`what another program does to the key is healed without asking (${transport})`, { skip }, async (t) => {
        const desk = await (await Desk.make(t, { transport })).withKey();
        const { command: file, args, env } = command(desk, 'reset');
        const program = await Program.start({ name: 'strange-host', command: file, args, env: { ...env, OPENUKEY_LOG: 'info' }, stdio: ['pipe', 'pipe', 'pipe'] });
        const queue = [];
        program.lines.on('line', (line) => queue.shift()?.(line));
        const sign = () =>
            new Promise((done) => {
                queue.push(done);
                program.child.stdin.write('\n');
            });
        assert.equal(await sign(), `0x0 ${LOGGED_IN}`);
        // another program logs in, and out again, which ends the card's own login
        await desk.pkcs11Tool(['--list-objects'], { pin: PIN });
        assert.equal(await sign(), `0x0 ${LOGGED_IN}`);
        if (transport === 'pcsc') {
            await run('opensc-tool', ['--reset=warm'], { env: desk.env, allow: [0, 1] });
            assert.equal(await sign(), `0x0 ${LOGGED_IN}`);
            assert.match(program.said, /was reset by another program[^]*login restored/);
        }
        await desk.key.tell('remove');
        assert.match(await sign(), /^0x(32|B3) /); // removed, or already told and the session gone
        program.child.stdin.end();
        assert.equal((await program.ended).code, 0);
    });
}
