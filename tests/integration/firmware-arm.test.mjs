// The card as firmware: it fits its budget, computes the same answers under QEMU, and answers commands over a serial line.
import assert from 'node:assert/strict';
import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { constants, createCipheriv, generateKeyPairSync, publicDecrypt, verify, createPublicKey } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';

const root = resolve(fileURLToPath(new URL('../..', import.meta.url)));
const machine = ['-M', 'mps2-an386', '-display', 'none', '-monitor', 'none'];
const found = (program) => spawnSync(program, ['--version']).status === 0;
const missing = ['arm-none-eabi-gcc', 'qemu-system-arm'].filter((program) => !found(program));
const skip = missing.length ? `not installed: ${missing.join(', ')} (make setup-check)` : false;

let printed;
// builds once; both images lie in build/arm
function firmware() {
    printed ??= execFileSync('make', ['--no-print-directory', 'firmware-arm'], { cwd: root, encoding: 'utf8' });
    return printed;
}

test('flash and RAM of both images are printed and within 192 and 48 KiB', { skip }, () => {
    const lines = [...firmware().matchAll(/^(ukey-\w+\.elf): flash ([\d.]+) of 192 KiB, RAM ([\d.]+) of 48 KiB/gm)];
    assert.deepEqual(lines.map(([, image]) => image), ['ukey-firmware.elf', 'ukey-vectors.elf']);
    for (const [line, , flash, ram] of lines) {
        assert.ok(Number(flash) > 20 && Number(flash) <= 192, line);
        assert.ok(Number(ram) > 10 && Number(ram) <= 48, line);
    }
});

test('an image over its budget does not link', { skip }, (t) => {
    firmware();
    const dir = mkdtempSync(join(tmpdir(), 'openukey-arm-'));
    t.after(() => rmSync(dir, { recursive: true, force: true }));
    const script = execFileSync('sed', ['s/192K/64K/; s/48K/24K/', 'firmware-sim/ports/arm/image.ld'], { cwd: root });
    execFileSync('tee', [join(dir, 'small.ld')], { input: script, stdio: ['pipe', 'ignore', 'inherit'] });
    const args = ['--no-print-directory', `ARM_SCRIPT=${join(dir, 'small.ld')}`, `ARM_OUT=${dir}`, `${dir}/ukey-firmware.elf`];
    const made = spawnSync('make', args, { cwd: root, encoding: 'utf8' });
    assert.notEqual(made.status, 0);
    assert.match(made.stderr, /region `FLASH' overflowed/);
    assert.match(made.stderr, /region `RAM' overflowed/);
});

test('known answers and a session pass under QEMU', { skip }, (t) => {
    firmware();
    const run = spawnSync(
        'qemu-system-arm',
        [...machine, '-serial', 'none', '-semihosting-config', 'enable=on,target=native', '-kernel', 'build/arm/ukey-vectors.elf'],
        { cwd: root, encoding: 'utf8', timeout: 300_000 },
    );
    const said = run.stdout + run.stderr;
    assert.equal(run.status, 0, said);
    const steps = said.match(/^ok \d+ - .*$/gm) ?? [];
    const plan = Number(/^1\.\.(\d+)$/m.exec(said)?.[1]);
    assert.equal(steps.length, plan, said);
    assert.doesNotMatch(said, /^not ok/m);
    for (const name of ['SM2 signature', 'SM3', 'SM4', '3DES', 'RSA-2048', 'RSA-3072', 'RSA-4096', 'P-256', 'P-384', 'AES-128', 'it makes an application', 'it signs with SM2']) {
        assert.ok(steps.some((step) => step.includes(name)), `${name} ran`);
    }
    const memory = [...said.matchAll(/^# (stack|arena): (\d+) of (\d+) bytes used$/gm)];
    assert.equal(memory.length, 2, said);
    for (const [line, , used, size] of memory) {
        t.diagnostic(line);
        assert.ok(Number(used) < Number(size), line);
    }
    assert.match(said, /NOT RANDOM/);
});

// frames over the image's serial line; answers come in order
function plug(t, argument) {
    const config = `enable=on,target=native${argument ? `,arg=ukey,arg=${argument}` : ''}`;
    const card = spawn('qemu-system-arm', [...machine, '-serial', 'stdio', '-semihosting-config', config, '-kernel', 'build/arm/ukey-firmware.elf'], {
        cwd: root,
        stdio: ['pipe', 'pipe', 'ignore'],
    });
    t.after(() => card.kill('SIGKILL'));
    let bytes = Buffer.alloc(0);
    let wake = () => {};
    card.stdout.on('data', (data) => {
        bytes = Buffer.concat([bytes, data]);
        wake();
    });
    card.on('exit', (code) => {
        bytes = null;
        wake(new Error(`the machine ended with ${code}`));
    });
    const take = async (length) => {
        while (bytes.length < length) {
            const error = await new Promise((done) => { wake = done; });
            if (error) throw error;
        }
        const taken = bytes.subarray(0, length);
        bytes = bytes.subarray(length);
        return taken;
    };
    return async (hex) => {
        const command = Buffer.from(hex, 'hex');
        card.stdin.write(Buffer.concat([Buffer.from([command.length >> 8, command.length & 255]), command]));
        const length = (await take(2)).readUInt16BE();
        return (await take(length)).toString('hex');
    };
}

test('the firmware answers commands on its serial line', { skip, timeout: 60_000 }, async (t) => {
    firmware();
    const send = plug(t);
    const info = await send('80040000000120');
    assert.equal(info.length, 2 * (288 + 2));
    assert.match(Buffer.from(info, 'hex').toString('latin1'), /OpenUKey.*QEMU.*OUK1/s);
    assert.equal(await send('80ff0000'), '6d00');
    assert.equal(await send(''), '', 'a warm reset');
    assert.equal((await send('8050000008')).slice(-4), '9000');
    assert.equal(await send('00'.repeat(6000)), '6700');
});

const hex = (n, digits) => n.toString(16).padStart(digits, '0');
const tlv = (tag, value) => `${tag}${value.length / 2 > 255 ? `82${hex(value.length / 2, 4)}` : value.length / 2 > 127 ? `81${hex(value.length / 2, 2)}` : hex(value.length / 2, 2)}${value}`;
const extended = (head, data) => `${head}00${hex(data.length / 2, 4)}${data}0000`;

// the primes of an imported RSA-4096 key are proven on the emulated core: a minute or two
const long = process.env.LONG ? ', and RSA-4096 fits its memory' : '';

test(`the firmware is a PIV card if its factory made one${long}`, { skip, timeout: 600_000 }, async (t) => {
    firmware();
    const send = plug(t, 'piv');
    assert.match(await send('00a4040005a00000030800'), /^61.*4f.*9000$/);
    assert.equal(await send('0020008008313233343536ffff'), '9000');
    const challenge = /^7c0a8108(.{16})9000$/.exec(await send('0087039b047c02810000'))[1];
    const key = Buffer.from('010203040506070801020304050607080102030405060708', 'hex');
    const answer = createCipheriv('des-ede3', key, null).setAutoPadding(false).update(challenge, 'hex', 'hex');
    assert.equal(await send(`0087039b0c7c0a8208${answer}`), '9000');

    const message = Buffer.from('signed by an emulated core');
    if (long) {
        const { privateKey, publicKey } = generateKeyPairSync('rsa', { modulusLength: 4096 });
        const parts = privateKey.export({ format: 'jwk' });
        const number = (name) => Buffer.from(parts[name], 'base64url').toString('hex').padStart(512, '0');
        const data = ['p', 'q', 'dp', 'dq', 'qi'].map((name, i) => tlv(hex(i + 1, 2), number(name))).join('');
        assert.equal(await send(extended('00fe169d', data)), '9000');
        const block = `0001${'ff'.repeat(512 - 3 - message.length)}00${message.toString('hex')}`;
        const signed = await send(extended('0087169d', tlv('7c', `8200${tlv('81', block)}`)));
        assert.equal(signed.slice(-4), '9000');
        const signature = Buffer.from(signed.slice(-4 - 1024, -4), 'hex');
        assert.deepEqual(publicDecrypt({ key: publicKey, padding: constants.RSA_PKCS1_PADDING }, signature), message);
    }

    const made = /^7f49.{2}8661(04.{192})9000$/.exec(await send('0047009a05ac0380011400'));
    assert.ok(made, 'a P-384 pair is made');
    const point = Buffer.from(made[1], 'hex');
    const [x, y] = [point.subarray(1, 49), point.subarray(49)].map((n) => n.toString('base64url'));
    const digest = execFileSync('openssl', ['dgst', '-sha384', '-binary'], { input: message }).toString('hex');
    const ecdsa = await send(`0087149a367c3482008130${digest}00`);
    assert.equal(ecdsa.slice(-4), '9000');
    const der = Buffer.from(ecdsa.slice(ecdsa.indexOf('30', 6), -4), 'hex');
    const p384 = createPublicKey({ format: 'jwk', key: { kty: 'EC', crv: 'P-384', x, y } });
    assert.ok(verify('sha384', message, p384, der));
});

test('nothing but the simulator can be built with random numbers from a seed', { skip }, () => {
    const compile = (...args) =>
        spawnSync('arm-none-eabi-gcc', ['-std=c17', '-mcpu=cortex-m4', '-mthumb', '-ffreestanding', '-I.', '-Iinclude', '-fsyntax-only', ...args], {
            cwd: root,
            encoding: 'utf8',
        });
    const seeded = compile('firmware-sim/ports/entropy.c');
    assert.notEqual(seeded.status, 0);
    assert.match(seeded.stderr, /no firmware can be built with them/);
    const stub = compile('firmware-sim/ports/arm/entropy_stub.c');
    assert.notEqual(stub.status, 0);
    assert.match(stub.stderr, /not random/);
    assert.equal(compile('-DOPENUKEY_QEMU_ONLY', 'firmware-sim/ports/arm/entropy_stub.c').status, 0);
});
