// What only our vendor interface can do (remote unlock, PINs that must be changed), and private keys from outside on the
// card: through the module, against the simulator. The RSA key goes there with pkcs11-tool.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { run } from '../../tools/demo/program.mjs';
import { Desk, PIN } from '../support/desk.mjs';
import { missing } from '../support/world.mjs';

const SO_PIN = '12345678';

test('a service unlocks the key, PINs must be changed, an SM2 key comes in from outside', async (t) => {
    const desk = await (await Desk.make(t)).withKey();
    const { stdout } = await run(desk.binary('vendor-calls'), [desk.module, PIN, SO_PIN], {
        env: { ...desk.env, LD_PRELOAD: '' },
        allow: [0, 1],
    });
    assert.equal(stdout, "ok remote unlock\nok must change\nok officer's pin\nok sm2 import\n");
});

test('pkcs11-tool puts an RSA key on the card, which opens what OpenSSL encrypts to it', { skip: missing('pkcs11-tool', 'openssl') }, async (t) => {
    const desk = await (await Desk.make(t)).withKey();
    await desk.openssl(['genrsa', '-traditional', '-out', 'rsa.pem', '2048']);
    await desk.openssl(['rsa', '-in', 'rsa.pem', '-outform', 'DER', '-out', 'rsa.der']);
    const write = (label, allow) =>
        desk.pkcs11Tool(
            ['--write-object', desk.file('rsa.der'), '--type', 'privkey', '--label', label, '--id', 'e001', '--usage-decrypt', '--sensitive'],
            { pin: PIN, allow },
        );
    const nowhere = await write('no such container', [1]);
    assert.match(nowhere.stderr, /CKR_TEMPLATE_INCONSISTENT/);
    await write('openukey-rsa');
    desk.file('plain', 'to the imported key');
    await desk.openssl(['pkeyutl', '-encrypt', '-inkey', 'rsa.pem', '-in', 'plain', '-out', 'cipher']);
    await desk.pkcs11Tool(['--decrypt', '--id', 'e001', '-m', 'RSA-PKCS', '-i', desk.file('cipher'), '-o', desk.file('back')], { pin: PIN });
    assert.equal(readFileSync(desk.file('back'), 'utf8'), 'to the imported key');
    const again = await write('openukey-rsa', [1]);
    assert.match(again.stderr, /CKR_TEMPLATE_INCONSISTENT/); // it has one now
});
