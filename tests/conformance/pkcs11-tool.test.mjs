// OpenSC's pkcs11-tool, a program that is not ours, uses a key through our module: behind the simulator's socket and behind
// the real pcscd, with SM2 keys on it. What it makes, openssl judges.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { pcscdMissing } from '../../tools/demo/pcscd.mjs';
import { absent as absentClient, ClientDesk, eachKey } from '../support/client_desk.mjs';
import { ownTest, pkcs11Tool } from '../support/clients/pkcs11_tool.mjs';
import { Desk, PIN, usbMissing } from '../support/desk.mjs';
import { flip, missing } from '../support/world.mjs';

const absent = missing('pkcs11-tool', 'openssl');
const transports = [
    ['socket', 'the socket', absent],
    ['pcsc', 'the real pcscd', absent || (pcscdMissing() ?? false)],
    ['usb', 'libusb, without pcscd', absent || usbMissing()],
];

/* The id and public key (PEM file) of the RSA key. */
async function rsaKey(desk) {
    const { stdout } = await desk.pkcs11Tool(['--list-objects', '--type', 'cert']);
    const blocks = stdout.split('Certificate Object').slice(1);
    const block = blocks.find((text) => text.includes('openukey-rsa'));
    const id = /ID:\s+([0-9a-f]+)/.exec(block)[1];
    await desk.pkcs11Tool(['--read-object', '--type', 'cert', '--id', id, '-o', desk.file('rsa.crt')]);
    await desk.openssl(['x509', '-inform', 'DER', '-in', 'rsa.crt', '-noout', '-pubkey', '-out', 'rsa.pub']);
    return id;
}

for (const [transport, place, skip] of transports) {
    test(`pkcs11-tool uses a key behind ${place}`, { skip }, async (t) => {
        const desk = await (await Desk.make(t, { transport })).withKey();
        const message = desk.file('message', Buffer.alloc(5000, 'openukey '));
        const id = await rsaKey(desk);

        await t.test('it sees the token and all its objects', async () => {
            const { stdout: slots } = await desk.pkcs11Tool(['--list-slots']);
            assert.match(slots, /token label\s+: Demo UKey/);
            assert.match(slots, /token flags\s+: login required, rng, token initialized, PIN initialized/);
            assert.match(slots, /pin min\/max\s+: 6\/16/);
            const { stdout: open } = await desk.pkcs11Tool(['--list-objects']);
            // what is SM2 stays out of its sight
            assert.equal(open.match(/Certificate Object/g).length, 1);
            assert.equal(open.match(/Public Key Object/g).length, 1);
            assert.doesNotMatch(open, /Private Key Object/);
            assert.match(open, /Data object/);
            const { stdout: all } = await desk.pkcs11Tool(['--list-objects'], { pin: PIN });
            assert.equal(all.match(/Private Key Object/g).length, 1);
        });

        await t.test('a wrong PIN is told as such and costs one try', async () => {
            const wrong = await desk.pkcs11Tool(['--list-objects'], { pin: '111111', allow: [1] });
            assert.match(wrong.stderr, /CKR_PIN_INCORRECT/);
            const { stdout } = await desk.pkcs11Tool(['--list-slots']);
            assert.match(stdout, /user PIN count low/);
            await desk.pkcs11Tool(['--list-objects'], { pin: PIN });
        });

        for (const [mechanism, options] of [
            ['SHA1-RSA-PKCS', ['-sha1']],
            ['SHA256-RSA-PKCS', ['-sha256']],
            ['SHA384-RSA-PKCS', ['-sha384']],
            ['SHA512-RSA-PKCS', ['-sha512']],
            ['SHA256-RSA-PKCS-PSS', ['-sha256', '-sigopt', 'rsa_padding_mode:pss', '-sigopt', 'rsa_pss_saltlen:32']],
        ]) {
            await t.test(`openssl verifies its ${mechanism} signature`, async () => {
                const signature = desk.file(`${mechanism}.sig`);
                await desk.pkcs11Tool(['--sign', '--id', id, '-m', mechanism, '-i', message, '-o', signature], { pin: PIN });
                const verify = (file) =>
                    desk.openssl(['dgst', ...options, '-verify', 'rsa.pub', '-signature', file, message], { allow: [0, 1] });
                assert.equal((await verify(signature)).code, 0);
                const broken = desk.file(`${mechanism}.broken`, flip(readFileSync(signature), 100));
                assert.equal((await verify(broken)).code, 1);
            });
        }

        await t.test('it decrypts what openssl encrypted, with PKCS#1 v1.5 and with OAEP', async () => {
            const secret = 'a secret of 32 bytes, just about';
            const plain = desk.file('plain', secret);
            const oaep = ['-pkeyopt', 'rsa_padding_mode:oaep', '-pkeyopt', 'rsa_oaep_md:sha256', '-pkeyopt', 'rsa_mgf1_md:sha256'];
            for (const [name, encrypt, decrypt] of [
                ['v15', [], ['-m', 'RSA-PKCS']],
                ['oaep', oaep, ['-m', 'RSA-PKCS-OAEP', '--hash-algorithm', 'SHA256', '--mgf', 'MGF1-SHA256']],
            ]) {
                await desk.openssl(['pkeyutl', '-encrypt', '-pubin', '-inkey', 'rsa.pub', ...encrypt, '-in', plain, '-out', name]);
                await desk.pkcs11Tool(['--decrypt', '--id', id, ...decrypt, '-i', name, '-o', `${name}.plain`], { pin: PIN });
                assert.equal(readFileSync(desk.file(`${name}.plain`), 'utf8'), secret);
            }
        });

        await t.test('its own test finds no error', async () => {
            const { stdout, stderr } = await desk.pkcs11Tool(['--test'], { pin: PIN });
            assert.match(stdout, /No errors/);
            assert.doesNotMatch(stdout + stderr, /ERR|error:/);
        });

        await t.test('it makes a key pair, gives it a name and an id, signs with it, deletes it', async () => {
            const label = 'made-here';
            const made = ['--key-type', 'RSA:2048', '--label', label, '--id', '0102'];
            await desk.pkcs11Tool(['--keypairgen', ...made], { pin: PIN });
            await desk.pkcs11Tool(['--read-object', '--type', 'pubkey', '--id', '0102', '-o', desk.file('made.der')]);
            await desk.openssl(['pkey', '-pubin', '-inform', 'DER', '-in', 'made.der', '-out', 'made.pub']);
            const sign = ['--sign', '--id', '0102', '-m', 'SHA256-RSA-PKCS', '-i', message, '-o', desk.file('made.sig')];
            await desk.pkcs11Tool(sign, { pin: PIN });
            await desk.openssl(['dgst', '-sha256', '-verify', 'made.pub', '-signature', 'made.sig', message]);
            await desk.pkcs11Tool(['--delete-object', '--type', 'privkey', '--id', '0102'], { pin: PIN });
            const { stdout } = await desk.pkcs11Tool(['--list-objects'], { pin: PIN });
            assert.doesNotMatch(stdout, /made-here/);
            assert.match(stdout, /openukey-rsa/);
        });

        await t.test('it writes, reads and deletes data', async () => {
            const data = Buffer.from(Array.from({ length: 5000 }, (_, i) => (i * 31) & 255));
            const write = ['--write-object', desk.file('data', data), '--type', 'data', '--label', 'notes'];
            await desk.pkcs11Tool(write, { pin: PIN });
            await desk.pkcs11Tool(['--read-object', '--type', 'data', '--label', 'notes', '-o', desk.file('data.back')]);
            assert.deepEqual(readFileSync(desk.file('data.back')), data);
            await desk.pkcs11Tool(['--delete-object', '--type', 'data', '--label', 'notes'], { pin: PIN });
            const { stdout } = await desk.pkcs11Tool(['--list-objects', '--type', 'data'], { pin: PIN });
            assert.doesNotMatch(stdout, /notes/);
        });
    });
}

test('pkcs11-tool with a GM and a PIV key at once', { skip: absentClient() }, async (t) => {
    await eachKey(t, await ClientDesk.make(t), {
        'it signs for openssl, and decrypts if the key does': pkcs11Tool,
        'its own test of the whole token finds no error': ownTest,
    });
});

test('pkcs11-tool brings a blank key into use', { skip: absent }, async (t) => {
    const desk = await (await Desk.make(t)).withBlankKey();
    assert.match((await desk.pkcs11Tool(['--list-slots'])).stdout, /token state:\s+uninitialized/);
    await desk.pkcs11Tool(['--init-token', '--label', 'My key', '--so-pin', '87654321']);
    const so = ['--login', '--login-type', 'so', '--so-pin', '87654321'];
    await desk.pkcs11Tool(['--init-pin', ...so, '--new-pin', '123456']);
    await desk.pkcs11Tool(['--change-pin', '--new-pin', 'abcdefgh'], { pin: '123456' });
    const old = await desk.pkcs11Tool(['--list-objects'], { pin: '123456', allow: [1] });
    assert.match(old.stderr, /CKR_PIN_INCORRECT/);
    await desk.pkcs11Tool(['--keypairgen', '--key-type', 'RSA:2048', '--label', 'first'], { pin: 'abcdefgh' });
    assert.match((await desk.pkcs11Tool(['--list-slots'])).stdout, /token label\s+: My key/);

    // once more: the security officer's PIN is asked for, and everything is gone afterwards
    const wrong = await desk.pkcs11Tool(['--init-token', '--label', 'Mine', '--so-pin', '11111111'], { allow: [1] });
    assert.match(wrong.stderr, /CKR_PIN_INCORRECT/);
    assert.match((await desk.pkcs11Tool(['--list-objects'])).stdout, /first/);
    await desk.pkcs11Tool(['--init-token', '--label', 'Mine', '--so-pin', '87654321']);
    assert.doesNotMatch((await desk.pkcs11Tool(['--list-objects'])).stdout, /first/);
});
