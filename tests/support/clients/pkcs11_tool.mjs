// OpenSC's pkcs11-tool with one of the desk's keys: signatures that openssl judges, decryption, and its own test.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { PIN } from '../client_desk.mjs';

export async function pkcs11Tool(desk, key) {
    const tool = (...args) => desk.pkcs11Tool(['--token-label', key.token, ...args], { pin: PIN });
    const { stdout } = await tool('--list-objects');
    assert.match(stdout, new RegExp(`Private Key Object; ${key.algorithm}[^]*ID:\\s+${key.id}`));
    const message = desk.file('tool.message', 'what is signed');
    const sign = ['--sign', '--id', key.id, '-i', message, '-o', 'tool.signature'];
    if (key.algorithm === 'RSA') {
        await tool(...sign, '-m', 'SHA256-RSA-PKCS');
        await desk.openssl(['pkeyutl', '-encrypt', '-pubin', '-inkey', key.pub, '-in', message, '-out', 'tool.encrypted']);
        await tool('--decrypt', '--id', key.id, '-m', 'RSA-PKCS', '-i', 'tool.encrypted', '-o', 'tool.plain');
        assert.equal(readFileSync(desk.file('tool.plain'), 'utf8'), 'what is signed');
    } else {
        await tool(...sign, '-m', 'ECDSA-SHA256', '--signature-format', 'openssl');
    }
    await desk.openssl(['dgst', '-sha256', '-verify', key.pub, '-signature', 'tool.signature', message]);
}

/* pkcs11-tool's test of the whole token: it ends with an error if it counts one. */
export async function ownTest(desk, key) {
    const { stdout, stderr } = await desk.pkcs11Tool(['--token-label', key.token, '--test'], { pin: PIN });
    assert.match(stdout, /No errors/);
    assert.doesNotMatch(stdout + stderr, /ERR|error:/);
}
