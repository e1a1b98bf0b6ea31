// What PIV keys have that GM ones do not. A key that wants the PIN for each use (slot 9C, CKA_ALWAYS_AUTHENTICATE) does
// nothing without C_Login(CKU_CONTEXT_SPECIFIC) between C_SignInit and C_Sign, and one signature with it; P-256 signs and derives.
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { run } from '../../tools/demo/program.mjs';
import { plugIn } from '../support/cards.mjs';
import { missing } from '../support/world.mjs';

const skip = missing('pkcs11-tool', 'openssl');
const ANY = [...Array(256).keys()];
const [FREE, ALWAYS] = ['01', '02'];

test('a key that wants the PIN for each use gets it for each use', { skip }, async (t) => {
    const { desk, conf, pin } = await plugIn(t, 'PIV');
    const module = join(desk.build, 'lib/openukey-pkcs11.so');
    const asan = process.env.SAN?.includes('address') ? { LD_PRELOAD: (await run('gcc', ['-print-file-name=libasan.so'])).stdout.trim() } : {};
    const env = { OPENUKEY_CONF: conf, ASAN_OPTIONS: 'detect_leaks=0' };
    const tool = (args, options = {}) => run('pkcs11-tool', ['--module', module, ...args], { env: { ...env, ...asan }, cwd: desk.dir, ...options });
    const client = (...args) => run(join(desk.build, 'bin/p11-bench'), ['--module', module, '--pin', pin, ...args], { env, allow: ANY });

    writeFileSync(join(desk.dir, 'message'), 'signed with the PIN at hand');
    const { stdout: listed } = await tool(['--login', '--pin', pin, '--list-objects', '--type', 'privkey']);
    assert.match(listed.split('Private Key Object').find((text) => /ID:\s+02/.test(text)), /always authenticate/i);

    assert.equal((await client('--id', FREE, '--sign', '2')).code, 0);
    const refused = await client('--id', ALWAYS, '--mechanism', 'ecdsa'); // knows nothing of the second login
    assert.notEqual(refused.code, 0);
    assert.match(refused.stderr + refused.stdout, /0x101|CKR_USER_NOT_LOGGED_IN|257/);

    await tool(['--read-object', '--type', 'cert', '--id', ALWAYS, '-o', 'key.crt']);
    await run('openssl', ['x509', '-inform', 'DER', '-in', 'key.crt', '-noout', '-pubkey', '-out', 'key.pem'], { cwd: desk.dir });
    for (let i = 0; i < 2; i++) {
        await tool(['--login', '--pin', pin, '--sign', '--id', ALWAYS, '-m', 'ECDSA-SHA256', '--signature-format', 'openssl', '-i', 'message', '-o', 'signature']);
        const { stdout } = await run('openssl', ['dgst', '-sha256', '-verify', 'key.pem', '-signature', 'signature', 'message'], { cwd: desk.dir });
        assert.match(stdout, /Verified OK/);
    }
});

test('a common secret made with the card is the one that openssl makes', { skip }, async (t) => {
    const { desk, conf, pin } = await plugIn(t, 'PIV');
    const asan = process.env.SAN?.includes('address') ? { LD_PRELOAD: (await run('gcc', ['-print-file-name=libasan.so'])).stdout.trim() } : {};
    const tool = (args) => run('pkcs11-tool', ['--module', join(desk.build, 'lib/openukey-pkcs11.so'), ...args], {
        env: { OPENUKEY_CONF: conf, ASAN_OPTIONS: 'detect_leaks=0', ...asan }, cwd: desk.dir });
    const openssl = (...args) => run('openssl', args, { cwd: desk.dir });
    await openssl('ecparam', '-name', 'prime256v1', '-genkey', '-noout', '-out', 'other.pem');
    await openssl('pkey', '-in', 'other.pem', '-pubout', '-outform', 'DER', '-out', 'other.der');
    await tool(['--read-object', '--type', 'cert', '--id', '03', '-o', 'card.crt']);
    await openssl('x509', '-inform', 'DER', '-in', 'card.crt', '-noout', '-pubkey', '-out', 'card.pem');
    await openssl('pkeyutl', '-derive', '-inkey', 'other.pem', '-peerkey', 'card.pem', '-out', 'expected');
    await tool(['--login', '--pin', pin, '--derive', '-m', 'ECDH1-DERIVE', '--id', '03', '-i', 'other.der', '-o', 'secret']);
    await run('cmp', ['secret', 'expected'], { cwd: desk.dir });
});
