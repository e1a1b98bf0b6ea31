// A PIV key through our module, as pkcs11-tool uses it: keys made in its slots, certificates written, read and taken away,
// PINs, PUK and management key. openssl judges what the keys do; yubico-piv-tool reads and writes beside us.
import assert from 'node:assert/strict';
import { createPublicKey } from 'node:crypto';
import { chmodSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { pcscdMissing, startPcscd } from '../../tools/demo/pcscd.mjs';
import { run } from '../../tools/demo/program.mjs';
import { SimDesk } from '../support/sim.mjs';
import { flip, missing } from '../support/world.mjs';

const skip = missing('pkcs11-tool', 'openssl');
const skipYubico = skip || missing('yubico-piv-tool') || (pcscdMissing() ?? false);
const LONG = process.env.LONG === '1';
const PROHIBITED = /\(0x1b\)/; // CKR_ACTION_PROHIBITED, of which pkcs11-tool 0.23 does not know the name
const ANY = [...Array(256).keys()];
const LOOK = ['--list-objects', '--session-rw']; // the security officer has no read-only sessions
const PIN = '123456';
const PUK = '12345678';
const FACTORY_KEY = '010203040506070801020304050607080102030405060708';
const ID = { '9A': '01', '9C': '02', '9D': '03', 82: '05', 83: '06', 84: '07' };

/* A factory-new PIV key, and programs at work on it. */
class PivModuleDesk extends SimDesk {
    static async make(t, ...more) {
        const desk = new PivModuleDesk(t);
        chmodSync(desk.dir, 0o700);
        desk.module = join(desk.build, 'lib/openukey-pkcs11.so');
        desk.key = await desk.blank('key', 'FEED0002', '--application', 'piv').start(...more);
        writeFileSync(desk.file('openukey.conf'), `socket-dir = ${desk.dir}\npcsc = off\nusb = off\n`);
        const asan = process.env.SAN?.includes('address') ? (await run('gcc', ['-print-file-name=libasan.so'])).stdout.trim() : '';
        desk.env = { OPENUKEY_CONF: desk.file('openukey.conf'), ASAN_OPTIONS: 'detect_leaks=0', LC_ALL: 'C.UTF-8', ...(asan && { LD_PRELOAD: asan }) };
        desk.managementKey = FACTORY_KEY;
        writeFileSync(desk.file('message'), 'what a PIV key signs');
        return desk;
    }

    file(name) {
        return join(this.dir, name);
    }

    tool(args, options) {
        return run('pkcs11-tool', ['--module', this.module, ...args], { env: this.env, cwd: this.dir, ...options });
    }

    user(args, { pin = PIN, ...options } = {}) {
        return this.tool(['--login', '--pin', pin, ...args], options);
    }

    officer(args, { soPin = this.managementKey, ...options } = {}) {
        return this.tool(['--login', '--login-type', 'so', '--so-pin', soPin, ...args], options);
    }

    openssl(args, options) {
        return run('openssl', args, { cwd: this.dir, ...options });
    }

    async flags() {
        const { stdout } = await this.tool(['--list-slots']);
        return /token flags\s*:(.*)/.exec(stdout)[1];
    }

    /* The object listing's blocks that match. */
    async objects(type, pattern) {
        const { stdout } = await this[type === 'privkey' ? 'user' : 'tool'](['--list-objects', '--type', type]);
        return stdout.split(/^(?=\S.*Object)/m).filter((block) => pattern.test(block));
    }

    /* In PEM. pkcs11-tool 0.23 cannot write out EC keys ("cannot create EVP_PKEY", with OpenSSL 3), but shows their points. */
    async publicKey(slot) {
        const [block] = await this.objects('pubkey', new RegExp(`ID:\\s+${ID[slot]}`));
        const point = /EC_POINT:\s+04(?:41|61)04([0-9a-f]+)/.exec(block)?.[1];
        if (point) {
            const [x, y] = [point.slice(0, point.length / 2), point.slice(point.length / 2)].map((half) => Buffer.from(half, 'hex').toString('base64url'));
            return createPublicKey({ key: { kty: 'EC', crv: point.length === 128 ? 'P-256' : 'P-384', x, y }, format: 'jwk' }).export({ type: 'spki', format: 'pem' });
        }
        await this.tool(['--read-object', '--type', 'pubkey', '--id', ID[slot], '-o', 'read.der']);
        return (await this.openssl(['pkey', '-pubin', '-inform', 'DER', '-in', 'read.der'])).stdout;
    }

    /* Makes a pair in the slot, leaves its public key in SLOT.pub. */
    async generate(slot, type) {
        await this.officer(['--keypairgen', '--key-type', type, '--id', ID[slot]]);
        writeFileSync(this.file(`${slot}.pub`), await this.publicKey(slot));
        return (await this.openssl(['pkey', '-pubin', '-in', `${slot}.pub`, '-noout', '-text'])).stdout;
    }

    /* Signs with the slot; openssl says that it is its key's signature, and that a flipped one is not. */
    async signs(slot, mechanism, ...verify) {
        const format = mechanism.startsWith('ECDSA') ? ['--signature-format', 'openssl'] : [];
        await this.user(['--sign', '--id', ID[slot], '-m', mechanism, ...format, '-i', 'message', '-o', 'signature']);
        writeFileSync(this.file('broken'), flip(readFileSync(this.file('signature')), -1));
        const check = (file) => this.openssl(['dgst', ...verify, '-verify', `${slot}.pub`, '-signature', file, 'message'], { allow: [0, 1] });
        assert.equal((await check('signature')).code, 0, `${slot} ${mechanism}`);
        assert.equal((await check('broken')).code, 1, `${slot} ${mechanism}, flipped`);
    }

    async decrypts(slot) {
        writeFileSync(this.file('plain'), 'a secret for the key');
        const oaep = ['rsa_padding_mode:oaep', 'rsa_oaep_md:sha256', 'rsa_mgf1_md:sha256'].flatMap((option) => ['-pkeyopt', option]);
        for (const [encrypt, decrypt] of [
            [[], ['-m', 'RSA-PKCS']],
            [oaep, ['-m', 'RSA-PKCS-OAEP', '--hash-algorithm', 'SHA256', '--mgf', 'MGF1-SHA256']],
        ]) {
            await this.openssl(['pkeyutl', '-encrypt', '-pubin', '-inkey', `${slot}.pub`, ...encrypt, '-in', 'plain', '-out', 'encrypted']);
            await this.user(['--decrypt', '--id', ID[slot], ...decrypt, '-i', 'encrypted', '-o', 'opened']);
            assert.equal(readFileSync(this.file('opened'), 'utf8'), 'a secret for the key');
        }
    }

    /* A certificate for SLOT.pub with this many names in it: SLOT.crt in DER. */
    async certify(slot, names = 1) {
        const list = Array.from({ length: names }, (_, i) => `DNS:name-${i}-of-a-very-long-list.openukey.example`);
        writeFileSync(this.file('extensions'), `subjectAltName=${list.join(',')}\n`);
        await this.openssl(['genpkey', '-algorithm', 'EC', '-pkeyopt', 'ec_paramgen_curve:P-256', '-out', 'ca.key']);
        await this.openssl(['x509', '-new', '-subj', `/CN=slot ${slot}`, '-key', 'ca.key', '-force_pubkey', `${slot}.pub`, '-days', '30',
            '-extfile', 'extensions', '-outform', 'DER', '-out', `${slot}.crt`]);
        return readFileSync(this.file(`${slot}.crt`));
    }

    async writeCertificate(slot, options) {
        return this.officer(['--write-object', `${slot}.crt`, '--type', 'cert', '--id', ID[slot]], options);
    }

    async readCertificate(slot) {
        await this.tool(['--read-object', '--type', 'cert', '--id', ID[slot], '-o', 'read.crt']);
        return readFileSync(this.file('read.crt'));
    }

    async deleteCertificate(slot, options) {
        return this.officer(['--delete-object', '--type', 'cert', '--id', ID[slot]], options);
    }
}

test('keys made in their slots with the management key sign, and openssl verifies', { skip }, async (t) => {
    const desk = await PivModuleDesk.make(t);

    await t.test('RSA-2048 in 9A, P-256 in 9C, P-384 in 9D, P-256 in 82', async () => {
        assert.match(await desk.generate('9A', 'RSA:2048'), /Public-Key: \(2048 bit\)/);
        assert.match(await desk.generate('9C', 'EC:prime256v1'), /prime256v1/);
        assert.match(await desk.generate('9D', 'EC:secp384r1'), /secp384r1/);
        assert.match(await desk.generate('82', 'EC:prime256v1'), /prime256v1/);
        for (const [mechanism, ...verify] of [
            ['SHA256-RSA-PKCS', '-sha256'],
            ['SHA512-RSA-PKCS', '-sha512'],
            ['SHA256-RSA-PKCS-PSS', '-sha256', '-sigopt', 'rsa_padding_mode:pss', '-sigopt', 'rsa_pss_saltlen:32'],
        ])
            await desk.signs('9A', mechanism, ...verify);
        await desk.decrypts('9A');
        await desk.signs('9C', 'ECDSA-SHA256', '-sha256');
        await desk.signs('9D', 'ECDSA-SHA384', '-sha384');
        await desk.signs('9D', 'ECDSA-SHA256', '-sha256');
        await desk.signs('82', 'ECDSA-SHA256', '-sha256');
        await desk.signs('82', 'ECDSA-SHA512', '-sha512'); // longer than the field
    });

    await t.test('they are listed where they are, and said to be made there', async () => {
        const blocks = await desk.objects('privkey', /./);
        assert.deepEqual(blocks.map((block) => /ID:\s+(\w+)/.exec(block)[1]), ['01', '02', '03', '05']);
        assert.deepEqual(
            blocks.map((block) => /label:\s+(.*)/.exec(block)[1]),
            ['PIV AUTH key', 'SIGN key', 'KEY MAN key', 'Retired KEY MAN 1'],
        );
        for (const block of blocks) assert.match(block, /local/);
    });

    await t.test('RSA-3072 in 83 signs and decrypts, RSA-4096 in 84 with LONG=1', async () => {
        for (const [slot, bits] of LONG ? [[83, 3072], [84, 4096]] : [[83, 3072]]) {
            assert.match(await desk.generate(slot, `RSA:${bits}`), new RegExp(`Public-Key: \\(${bits} bit\\)`));
            await desk.signs(slot, 'SHA256-RSA-PKCS', '-sha256');
            await desk.decrypts(slot);
        }
    });

    await t.test('a key is not overwritten, and not made without the management key or in a slot that is none', async () => {
        const refused = async (promise, pattern) => {
            const { code, stderr } = await promise;
            assert.notEqual(code, 0);
            assert.match(stderr, pattern);
        };
        const make = (id) => ['--keypairgen', '--key-type', 'EC:prime256v1', '--id', id];
        await refused(desk.officer(make('01'), { allow: ANY }), /CKR_/);
        await refused(desk.officer(make('19'), { allow: ANY }), /CKR_/);
        await refused(desk.officer(make('04'), { soPin: PUK, allow: ANY }), /CKR_USER_NOT_LOGGED_IN/);
        await refused(desk.user(make('04'), { allow: ANY }), /CKR_USER_NOT_LOGGED_IN/);
        await refused(desk.officer(make('04'), { soPin: FACTORY_KEY.replace(/08$/, '18'), allow: ANY }), /CKR_PIN_INCORRECT/);
        assert.equal(await desk.publicKey('9A'), readFileSync(desk.file('9A.pub'), 'utf8'));
        assert.equal((await desk.objects('privkey', /CARD AUTH/)).length, 0);
    });

    await t.test('without an id the first empty slot is filled', async () => {
        await desk.officer(['--keypairgen', '--key-type', 'EC:prime256v1']);
        assert.equal((await desk.objects('privkey', /CARD AUTH key[\s\S]*ID:\s+04/)).length, 1);
    });

    await t.test('a private key, a public key and a data object cannot be deleted', async () => {
        for (const which of [['privkey', '--id', '05'], ['pubkey', '--id', '05'], ['data', '--label', 'Card Holder Unique Identifier']]) {
            const [type, ...name] = which;
            const { code, stderr } = await desk.officer(['--delete-object', '--type', type, ...name], { allow: ANY });
            assert.notEqual(code, 0, type);
            assert.match(stderr, PROHIBITED, type);
        }
        await desk.signs('82', 'ECDSA-SHA256', '-sha256');
    });
});

test('certificates are written, read byte for byte, and taken away', { skip }, async (t) => {
    const desk = await PivModuleDesk.make(t);
    await desk.generate('9A', 'EC:prime256v1');
    await desk.generate('82', 'EC:secp384r1');
    const small = await desk.certify('9A');
    const large = await desk.certify('82', 60);
    assert.ok(large.length > 2900);

    await t.test('both come back as they were, and belong to their keys', async () => {
        await desk.writeCertificate('9A');
        await desk.writeCertificate('82');
        assert.deepEqual(await desk.readCertificate('9A'), small);
        assert.deepEqual(await desk.readCertificate('82'), large);
        assert.equal((await desk.objects('cert', /Certificate for PIV Authentication[\s\S]*ID:\s+01/)).length, 1);
        assert.equal((await desk.objects('cert', /Retired Certificate for Key Management 1[\s\S]*ID:\s+05/)).length, 1);
    });

    await t.test("a certificate for another slot's key is refused, and one too long for the card changes nothing", async () => {
        writeFileSync(desk.file('wrong.crt'), small);
        const wrong = await desk.officer(['--write-object', 'wrong.crt', '--type', 'cert', '--id', '05'], { allow: ANY });
        assert.match(wrong.stderr, /CKR_TEMPLATE_INCONSISTENT/);
        const tooLong = await desk.certify('82', 88);
        assert.ok(tooLong.length > 4200 && tooLong.length < 5000, `${tooLong.length}`); // pkcs11-tool takes up to 5000
        const long = await desk.writeCertificate('82', { allow: ANY });
        assert.match(long.stderr, /CKR_DEVICE_MEMORY/);
        assert.deepEqual(await desk.readCertificate('82'), large);
    });

    await t.test('only the management key lets a certificate be written or deleted', async () => {
        for (const attempt of [
            desk.user(['--delete-object', '--type', 'cert', '--id', '01'], { allow: ANY }),
            desk.deleteCertificate('9A', { soPin: PUK, allow: ANY }),
            desk.writeCertificate('9A', { soPin: PUK, allow: ANY }),
        ]) {
            const { code, stderr } = await attempt;
            assert.notEqual(code, 0);
            assert.match(stderr, /CKR_USER_NOT_LOGGED_IN/);
        }
        assert.deepEqual(await desk.readCertificate('9A'), small);
    });

    await t.test('a deleted certificate is gone, its key is not, and another can be written', async () => {
        await desk.deleteCertificate('9A');
        assert.equal((await desk.objects('cert', /ID:\s+01/)).length, 0);
        assert.equal((await desk.objects('cert', /ID:\s+05/)).length, 1);
        await desk.signs('9A', 'ECDSA-SHA256', '-sha256');
        const next = await desk.certify('9A', 2);
        assert.notDeepEqual(next, small);
        await desk.writeCertificate('9A');
        assert.deepEqual(await desk.readCertificate('9A'), next);
    });
});

test('yubico-piv-tool and our module see the same certificates, compressed ones too', { skip: skipYubico }, async (t) => {
    const rooms = new SimDesk(t);
    const place = join(rooms.dir, 'pcscd');
    mkdirSync(place);
    const pcscd = await startPcscd(place, { name: 'Yubico Virtual PCD' });
    rooms.ends.push(() => pcscd.program.stop());
    const desk = await PivModuleDesk.make(t, '--vpcd', `127.0.0.1:${pcscd.port}`);
    const yubico = async (args, options) =>
        run('yubico-piv-tool', ['--reader', 'Yubico', ...args], { env: pcscd.env, cwd: desk.dir, ...options });
    for (const end = Date.now() + 60_000; (await yubico(['-a', 'version'], { allow: ANY })).code !== 0; )
        assert.ok(Date.now() < end, 'the card is in the reader');

    await desk.generate('9A', 'RSA:2048');
    const certificate = await desk.certify('9A');
    await desk.writeCertificate('9A');
    const { stdout: seen } = await yubico(['-a', 'read-certificate', '-s', '9a', '-K', 'PEM']);
    writeFileSync(desk.file('seen.pem'), seen);
    await desk.openssl(['x509', '-in', 'seen.pem', '-outform', 'DER', '-out', 'seen.der']);
    assert.deepEqual(readFileSync(desk.file('seen.der')), certificate);

    // longer than a card's object until it is compressed
    const long = await desk.certify('9A', 110);
    const packed = gzipSync(long, { level: 9 });
    assert.ok(long.length > 4200 && packed.length < 3000);
    writeFileSync(desk.file('packed.gz'), packed);
    await yubico(['-a', 'import-certificate', '-s', '9a', '-K', 'GZIP', '-i', 'packed.gz']);
    assert.deepEqual(await desk.readCertificate('9A'), long);

    await desk.deleteCertificate('9A');
    const { code, stderr } = await yubico(['-a', 'read-certificate', '-s', '9a'], { allow: ANY });
    assert.notEqual(code, 0, stderr);
    await yubico(['-a', 'verify-pin', '-P', PIN]);
});

test('PIN, PUK and management key are counted, blocked, changed', { skip }, async (t) => {
    const desk = await PivModuleDesk.make(t);
    await desk.generate('9A', 'EC:prime256v1');
    const fails = async (pin, pattern) => {
        const { code, stderr } = await desk.user(['--list-objects'], { pin, allow: ANY });
        assert.notEqual(code, 0);
        assert.match(stderr, pattern);
    };
    const NEW_PIN = '654321';
    const NEW_PUK = 'PUK-7654';

    await t.test('wrong PINs count down in the flags; the right one starts anew', async () => {
        assert.doesNotMatch(await desk.flags(), /PIN (count low|final|locked)/i);
        await fails('000000', /CKR_PIN_INCORRECT/);
        assert.match(await desk.flags(), /user PIN count low/);
        await fails('000000', /CKR_PIN_INCORRECT/);
        assert.match(await desk.flags(), /final user PIN try/);
        await desk.signs('9A', 'ECDSA-SHA256', '-sha256');
        assert.doesNotMatch(await desk.flags(), /user PIN (count low|try|locked)/);
        await fails('12345', /CKR_PIN_INCORRECT/); // too short for the card: no try
        await fails('123456789', /CKR_PIN_INCORRECT/);
        assert.doesNotMatch(await desk.flags(), /user PIN (count low|try|locked)/);
    });

    await t.test('the user changes the PIN', async () => {
        await desk.user(['--change-pin', '--new-pin', NEW_PIN]);
        await fails(PIN, /CKR_PIN_INCORRECT/);
        await desk.user(['--list-objects'], { pin: NEW_PIN });
        for (const bad of ['12345', '123456789']) {
            const { code, stderr } = await desk.user(['--change-pin', '--new-pin', bad], { pin: NEW_PIN, allow: ANY });
            assert.notEqual(code, 0);
            assert.match(stderr, /CKR_PIN_LEN_RANGE/);
        }
        await desk.user(['--list-objects'], { pin: NEW_PIN });
    });

    await t.test('a blocked PIN is told as such, and the PUK gives a new one; the key is as it was', async () => {
        for (let i = 0; i < 3; i++) await fails('000000', /CKR_PIN_(INCORRECT|LOCKED)/);
        await fails(NEW_PIN, /CKR_PIN_LOCKED/);
        assert.match(await desk.flags(), /user PIN locked/);
        const init = ['--init-pin', '--new-pin', PIN];
        const wrong = await desk.officer(init, { soPin: '87654321', allow: ANY });
        assert.match(wrong.stderr, /CKR_PIN_INCORRECT/);
        assert.match(await desk.flags(), /SO PIN count low/);
        const management = await desk.officer(init, { allow: ANY });
        assert.match(management.stderr, PROHIBITED);
        assert.match(await desk.flags(), /user PIN locked/);
        await desk.officer(init, { soPin: PUK });
        assert.doesNotMatch(await desk.flags(), /locked|count low/);
        await desk.signs('9A', 'ECDSA-SHA256', '-sha256');
    });

    await t.test('the officer changes PUK and management key, each with itself', async () => {
        await desk.officer(['--change-pin', '--new-pin', NEW_PUK], { soPin: PUK });
        const init = ['--init-pin', '--new-pin', PIN];
        assert.match((await desk.officer(init, { soPin: PUK, allow: ANY })).stderr, /CKR_PIN_INCORRECT/);
        await desk.officer(init, { soPin: NEW_PUK });

        const keys = ['a1'.repeat(24), 'b2'.repeat(16), 'C3d4'.repeat(16)]; // as long as the old; AES-128; AES-256
        for (const next of keys) {
            const before = desk.managementKey;
            await desk.officer(['--change-pin', '--new-pin', next]);
            desk.managementKey = next;
            const old = await desk.officer(LOOK, { soPin: before, allow: ANY });
            assert.match(old.stderr, /CKR_PIN_INCORRECT/);
        }
        const short = await desk.officer(['--change-pin', '--new-pin', 'abcd'.repeat(3)], { allow: ANY });
        assert.match(short.stderr, /CKR_PIN_LEN_RANGE/);
        await desk.generate('82', 'EC:prime256v1');
        await desk.signs('82', 'ECDSA-SHA256', '-sha256');
    });

    await t.test('a wrong PUK blocks it in the end, and the management key still works', async () => {
        for (let i = 0; i < 3; i++) await desk.officer(LOOK, { soPin: '00000000', allow: ANY });
        const { stderr } = await desk.officer(LOOK, { soPin: NEW_PUK, allow: ANY });
        assert.match(stderr, /CKR_PIN_LOCKED/);
        assert.match(await desk.flags(), /SO PIN locked/);
        await desk.certify('9A');
        await desk.writeCertificate('9A');
        assert.deepEqual(await desk.readCertificate('9A'), readFileSync(desk.file('9A.crt')));
    });
});
