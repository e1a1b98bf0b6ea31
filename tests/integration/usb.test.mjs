// The key as a USB device: lsusb, libusb and an unmodified pcscd with libccid see it under umockdev, OpenSC and our module
// use it behind that pcscd.
import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { Program, run } from '../../tools/demo/program.mjs';
import { SimDesk } from '../support/sim.mjs';
import { missing } from '../support/world.mjs';

const build = process.env.BUILD ?? 'build/gcc';
const driver = '/usr/lib/pcsc/drivers/ifd-ccid.bundle/Contents/Info.plist';
const skip =
    missing('lsusb', 'pcscd', 'opensc-tool', 'pkcs11-tool', 'python3') ||
    (!existsSync(driver) && 'not installed: libccid') ||
    (!existsSync(join(build, 'bin/ukey-sim-usb')) && 'ukey-sim-usb is not built: libumockdev-dev was not there');

// programs that are not built with the sanitizers must load umockdev's library before anything else
const env = { ASAN_OPTIONS: 'verify_asan_link_order=0:detect_leaks=0' };

/* The command, run by `ukey-sim usb`. */
const usb = (desk, image, command, options = []) =>
    run(desk.sim, ['usb', ...options, image, '--', ...command], { env, allow: [0, 1, 7] });

/* A script that has a pcscd of its own, ready when opensc-tool lists its reader, and ends it. `body` is what is done with it. */
function script(desk, body) {
    mkdirSync(join(desk.dir, 'conf'), { recursive: true });
    const path = join(desk.dir, 'script.sh');
    writeFileSync(
        path,
        `set -e
export PCSCLITE_CSOCK_NAME=${desk.dir}/pcscd.sock
python3 - "$(command -v pcscd || echo /usr/sbin/pcscd)" <<'PY' &
import os, socket, sys
s = socket.socket(socket.AF_UNIX); s.bind(os.environ['PCSCLITE_CSOCK_NAME']); s.listen(8)
os.dup2(s.fileno(), 3); os.set_inheritable(3, True)
os.environ['LISTEN_FDS'] = '1'; os.environ['LISTEN_PID'] = str(os.getpid())
os.execv(sys.argv[1], [sys.argv[1], '--foreground', '--error', '--config', '${desk.dir}/conf'])
PY
pcscd=$!
trap 'kill $pcscd; wait $pcscd || true' EXIT
for i in $(seq 200); do opensc-tool -l 2>/dev/null | grep -q Yes && break; sleep 0.05; done
${body}
`,
    );
    return path;
}

test('lsusb and libusb see the simulated USB reader', { skip }, async (t) => {
    const desk = new SimDesk(t);
    const { image } = desk.blank('key');
    const short = await usb(desk, image, ['lsusb']);
    // the maker as the device says it, or as the computer's list of USB numbers has it
    assert.match(short.stdout, /^Bus 001 Device 002: ID 20a0:42d4 .* OpenUKey simulated USB key$/m);
    const long = await usb(desk, image, ['lsusb', '-v', '-d', '20a0:42d4']);
    assert.match(long.stdout, /bInterfaceClass\s+11/);
    assert.match(long.stdout, /extended APDU level exchange/);
    assert.match(long.stdout, /dwMaxCCIDMsgLen\s+1034/);
});

test('the exit status and the arguments of the program are its own', { skip }, async (t) => {
    const desk = new SimDesk(t);
    const { image } = desk.blank('key');
    const { code, stdout } = await usb(desk, image, ['sh', '-c', 'echo "$1"; exit 7', 'sh', 'two words']);
    assert.equal(code, 7);
    assert.equal(stdout, 'two words\n');
});

test('opensc-tool speaks to the card through pcscd and libccid', { skip }, async (t) => {
    const desk = new SimDesk(t);
    const { image } = desk.blank('key');
    const { code, stdout, stderr } = await usb(desk, image, ['bash', script(desk, 'opensc-tool -l; opensc-tool -r 0 -a; opensc-tool -r 0 -s 80FF0000')]);
    assert.equal(code, 0, stderr);
    assert.match(stdout, /^0\s+Yes/m);
    assert.match(stdout, /^3b:8b:01:80:73:c0:01/m);
    assert.match(stdout, /SW1=0x6D, SW2=0x00/);
});

test('our module uses a whole key over USB, long commands and slow answers included', { skip }, async (t) => {
    const desk = new SimDesk(t);
    const key = desk.image('key');
    // made by ukey: certificates, seal
    await run(join(build, 'bin/ukey'), ['ca', 'init', join(desk.dir, 'ca')]);
    await run(join(build, 'bin/ukey'), ['provision', 'tools/ukey/profiles/org-expiring-30-days.json', '--ca', join(desk.dir, 'ca'), '--out', key.image]);
    writeFileSync(join(desk.dir, 'openukey.conf'), 'socket-dir = off\npcsc = on\nsm2-objects = vendor\n');
    writeFileSync(join(desk.dir, 'data'), Buffer.alloc(5000, 'over USB '));
    const tool = `pkcs11-tool --module ${join(build, 'lib/openukey-pkcs11.so')}`;
    const preload = process.env.SAN?.includes('address') ? (await run('gcc', ['-print-file-name=libasan.so'])).stdout.trim() : '';
    const body = `export OPENUKEY_CONF=${desk.dir}/openukey.conf ${preload ? `LD_PRELOAD=${preload}:$LD_PRELOAD` : ''}
${tool} --list-slots
${tool} --list-objects
${tool} --login --pin 123456 --write-object ${desk.dir}/data --type data --label long
${tool} --read-object --type data --label long -o ${desk.dir}/data.back
cmp ${desk.dir}/data ${desk.dir}/data.back && echo SAME
python3 -c '
import socket, time
s = socket.socket(socket.AF_UNIX); s.connect("${key.control}"); s.sendall(b"hold before FF\\n")
f = s.makefile(); print(f.readline(), flush=True); print(f.readline(), flush=True); time.sleep(4)' >${desk.dir}/held & held=$!
until grep -q ok ${desk.dir}/held; do sleep 0.05; done
opensc-tool -r 0 -s 80FF0000
wait $held
cat ${desk.dir}/held`;
    const { code, stdout, stderr } = await usb(desk, key.image, ['bash', script(desk, body)], ['--control', key.control]);
    assert.equal(code, 0, stderr);
    assert.match(stdout, /token label\s+: Demo UKey/);
    assert.equal(stdout.match(/Certificate Object/g).length, 3);
    assert.match(stdout, /^SAME$/m);
    assert.match(stdout, /held FF/); // for longer than libccid waits without being asked for more time
    assert.match(stdout, /SW1=0x6D, SW2=0x00/);
});

test('pcscd sees the key pulled and plugged in', { skip }, async (t) => {
    const desk = new SimDesk(t);
    const key = desk.blank('key');
    const say = (verb) => `python3 -c 'import socket; s = socket.socket(socket.AF_UNIX); s.connect("${key.control}"); s.sendall(b"${verb}\\n"); s.recv(9)'`;
    const wait = (word) => `for i in $(seq 200); do opensc-tool -l 2>/dev/null | grep -q ' ${word} ' && break; sleep 0.05; done; opensc-tool -l | tail -1`;
    const body = [say('remove'), wait('No'), say('insert'), wait('Yes'), 'opensc-tool -r 0 -a'].join('\n');
    const { code, stdout, stderr } = await usb(desk, key.image, ['bash', script(desk, body)], ['--control', key.control]);
    assert.equal(code, 0, stderr);
    assert.match(stdout, /^0\s+No[^]*^0\s+Yes[^]*^3b:8b/m);
});

test('a program that ends leaves nothing behind', { skip }, async (t) => {
    const desk = new SimDesk(t);
    const { image } = desk.blank('key');
    const program = await Program.start({
        name: 'ukey-sim usb',
        command: desk.sim,
        args: ['usb', image, '--', 'sh', '-c', 'echo ready; exec sleep 1000'],
        env: { ...env, TMPDIR: desk.dir },
    });
    await program.stop(); // SIGTERM goes to the program
    assert.equal(program.exit.code, 128 + 15);
    assert.deepEqual(readdirSync(desk.dir).filter((name) => name.startsWith('ukey-sim-usb') || name.startsWith('umockdev')), []);
});
