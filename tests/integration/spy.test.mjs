// The log and the spy mode: they tell what happens, and no secret.
import assert from 'node:assert/strict';
import { readFileSync, statSync } from 'node:fs';
import { test } from 'node:test';
import { Desk, PIN } from '../support/desk.mjs';
import { missing } from '../support/world.mjs';

const SECRET = 'the plaintext that nobody may see';

test('the spy shows calls and commands to the card, the log what happened, and neither a secret', { skip: missing('pkcs11-tool', 'openssl') }, async (t) => {
    const desk = await (await Desk.make(t)).withKey();
    desk.env.OPENUKEY_SPY = desk.file('spy');
    desk.env.OPENUKEY_LOG = 'debug';
    const said = [];
    const tool = async (...args) => {
        const { stderr } = await desk.pkcs11Tool(...args);
        said.push(stderr);
    };
    const plain = desk.file('plain', SECRET);
    await tool(['--read-object', '--type', 'cert', '--label', 'openukey-rsa', '-o', desk.file('rsa.crt')]);
    await desk.openssl(['x509', '-inform', 'DER', '-in', 'rsa.crt', '-noout', '-pubkey', '-out', 'rsa.pub']);
    await desk.openssl(['pkeyutl', '-encrypt', '-pubin', '-inkey', 'rsa.pub', '-in', plain, '-out', 'cipher']);
    await tool(['--decrypt', '--label', 'openukey-rsa', '-m', 'RSA-PKCS', '-i', desk.file('cipher'), '-o', desk.file('back')], { pin: PIN });
    assert.equal(readFileSync(desk.file('back'), 'utf8'), SECRET);
    await tool(['--sign', '--label', 'openukey-rsa', '-m', 'SHA256-RSA-PKCS', '-i', plain, '-o', desk.file('signature')], { pin: PIN });
    await tool(['--write-object', plain, '--type', 'data', '--label', 'note', '--private'], { pin: PIN, allow: [0, 1] });
    await tool(['--change-pin', '--new-pin', 'a-new-pin-1'], { pin: PIN });
    await tool(['--list-objects'], { pin: 'wrong-pin-77', allow: [1] });

    const spy = readFileSync(desk.file('spy'), 'utf8');
    assert.equal(statSync(desk.file('spy')).mode & 0o777, 0o600);
    for (const line of [
        /C_Initialize\(/,
        /C_Login\(hSession=1, userType=0x1, pPin=\[6 bytes\], ulPinLen=6\)/,
        /C_Login = 0x0 \(ok\)/,
        /C_Login = 0xA0/,
        /C_DecryptInit\(hSession=1, pMechanism=\{0x1, 0 bytes\}, hKey=\d+\)/,
        /C_Decrypt\(hSession=1, pEncryptedData=\[256 bytes\]/,
        /C_Sign\w*\(hSession=1, p(Data|Part)=\[33 bytes\]/,
        /C_FindObjects = 0x0 \(ok\), \*pulObjectCount=1, phObject=\{0x\w+\}/,
        /C_SetPIN\(hSession=1, pOldPin=\[6 bytes\], ulOldLen=6, pNewPin=\[11 bytes\], ulNewLen=11\)/,
        /spy: {3}80 18 00 01: \d+ bytes there, 0 back, status 9000/,
    ]) {
        assert.match(spy, line);
    }
    const log = said.join('');
    assert.match(log, /debug: command 18/);
    for (const [name, text] of [['spy', spy], ['log', log]]) {
        for (const secret of [PIN, 'a-new-pin-1', 'wrong-pin-77', SECRET]) {
            for (const form of [secret, Buffer.from(secret).toString('hex'), Buffer.from(secret).toString('base64')]) {
                assert.ok(!text.toLowerCase().includes(form.toLowerCase()), `${form} in the ${name}`);
            }
        }
    }
});

test('the log goes to a file when it is told to', { skip: missing('pkcs11-tool') }, async (t) => {
    const desk = await (await Desk.make(t, { conf: { log: 'debug', 'log-file': '/dev/null' } })).withKey();
    const { stderr } = await desk.pkcs11Tool(['--list-slots']);
    assert.doesNotMatch(stderr, /debug/);
});
