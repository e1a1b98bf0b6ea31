// OpenSSL with libp11's engine, and OpenSSH, sign with the RSA key while SM2 keys are present. Each of two ways to show
// SM2 keys breaks one of them: what `sm2-objects` is for.
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { test } from 'node:test';
import { pcscdMissing } from '../../tools/demo/pcscd.mjs';
import { Desk, PIN } from '../support/desk.mjs';
import { missing } from '../support/world.mjs';

const ENGINE = ['/usr/lib/x86_64-linux-gnu', '/usr/lib/aarch64-linux-gnu', '/usr/lib'].some((dir) =>
    existsSync(`${dir}/engines-3/pkcs11.so`),
);
const absent = missing('openssl') || (ENGINE ? false : 'libengine-pkcs11-openssl is not installed');

const URI = `pkcs11:token=Demo%20UKey;object=openukey-rsa;type=private;pin-value=${PIN}`;

async function signs(desk) {
    const message = desk.file('message', 'what is signed');
    const key = ['-engine', 'pkcs11', '-keyform', 'engine', '-sign', URI];
    const { code, stderr } = await desk.opensslEngine(['dgst', ...key, '-sha256', '-out', desk.file('signature'), message], {
        allow: [0, 1],
    });
    if (code !== 0) return { signed: false, stderr };
    const read = ['-engine', 'pkcs11', '-inform', 'engine', '-in', URI];
    await desk.opensslEngine(['pkey', ...read, '-pubout', '-out', desk.file('key.pub')]);
    await desk.openssl(['dgst', '-sha256', '-verify', 'key.pub', '-signature', 'signature', message]);
    return { signed: true };
}

for (const [transport, skip] of [
    ['socket', absent],
    ['pcsc', absent || (pcscdMissing() ?? false)],
]) {
    test(`openssl's engine signs with RSA beside SM2 keys (${transport})`, { skip }, async (t) => {
        const desk = await (await Desk.make(t, { transport })).withKey();
        assert.deepEqual(await signs(desk), { signed: true });
    });
}

test('sm2-objects = vendor is what libp11 stumbles over; ec and hidden are not', { skip: absent }, async (t) => {
    for (const [presentation, expected] of [
        ['ec', true],
        ['hidden', true],
        ['vendor', false],
    ]) {
        const desk = await (await Desk.make(t, { conf: { 'sm2-objects': presentation } })).withKey();
        const { signed } = await signs(desk);
        assert.equal(signed, expected, presentation);
    }
});
