// What uses OpenSSL's engine `pkcs11` (libp11): openssl itself, curl, osslsigncode.
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { PIN } from '../client_desk.mjs';
import { windowsProgram } from '../made_files.mjs';
import { missing } from '../world.mjs';

const FOLDER = ['/usr/lib/x86_64-linux-gnu/engines-3', '/usr/lib/aarch64-linux-gnu/engines-3', '/usr/lib/engines-3'].find((dir) =>
    existsSync(join(dir, 'pkcs11.so')),
);

export const engineMissing = (...commands) =>
    missing(...commands) || (FOLDER ? false : 'libengine-pkcs11-openssl is not installed');

export async function opensslEngine(desk, key) {
    const message = desk.file('engine.message', 'what is signed');
    const private_ = desk.uri(key, 'private', { pin: PIN });
    const sign = ['-engine', 'pkcs11', '-keyform', 'engine', '-sign', private_, '-sha256', '-out', 'engine.signature'];
    await desk.opensslEngine(['dgst', ...sign, message]);
    await desk.openssl(['dgst', '-sha256', '-verify', key.pub, '-signature', 'engine.signature', message]);
    const request = ['req', '-new', '-engine', 'pkcs11', '-keyform', 'engine', '-key', private_, '-subj', `/CN=${key.name}`];
    await desk.opensslEngine([...request, '-out', 'engine.csr']);
    assert.match((await desk.openssl(['req', '-in', 'engine.csr', '-noout', '-verify'])).stderr, /verify OK/);
}

export async function curl(desk, key) {
    const server = await desk.tlsServer(key);
    try {
        for (const [version, options] of [
            ['TLSv1.3', ['--tlsv1.3']],
            ['TLSv1.2', ['--tls-max', '1.2']],
        ]) {
            const { stdout } = await desk.client(
                'curl',
                [
                    ...['-sS', '--max-time', '60', ...options, '--cacert', desk.server.ca, '--engine', 'pkcs11'],
                    ...['--key-type', 'ENG', '--key', desk.uri(key, 'private', { pin: PIN })],
                    ...['--cert-type', 'ENG', '--cert', desk.uri(key, 'cert', { pin: PIN }), server.url],
                ],
                { env: { OPENSSL_CONF: desk.engineConfig() } },
            );
            assert.match(stdout, new RegExp(`Protocol\\s*: ${version}`));
            assert.match(stdout, new RegExp(`Subject: CN=${key.name}\n`));
        }
    } finally {
        await server.stop();
    }
}

/* Authenticode on a Windows program; judged by osslsigncode without our module. */
export async function osslsigncode(desk, key) {
    const program = desk.file('program.exe', windowsProgram());
    const signed = desk.file(`${key.name}.exe`);
    await desk.client('osslsigncode', [
        ...['sign', '-pkcs11engine', join(FOLDER, 'pkcs11.so'), '-pkcs11module', desk.module, '-h', 'sha256'],
        ...['-certs', key.pem, '-key', desk.uri(key, 'private', { pin: PIN }), '-in', program, '-out', signed],
    ]);
    const { stdout } = await desk.client('osslsigncode', ['verify', '-CAfile', key.ca, signed], { env: { OPENUKEY_CONF: '/dev/null' } });
    assert.match(stdout, /Signature verification: ok/);
    assert.match(stdout, new RegExp(`Subject: /CN=${key.name}\n`));
}
