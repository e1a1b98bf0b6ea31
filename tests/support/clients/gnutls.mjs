// GnuTLS: p11tool lists and tries keys, certtool signs a request, gnutls-cli logs in to a TLS server.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { PIN } from '../client_desk.mjs';
import { fromPem } from '../openssl.mjs';

export const commands = ['p11tool', 'certtool', 'gnutls-cli'];

const asks = (desk, command, args, more) =>
    desk.client(command, ['--provider', desk.module, ...args], { env: { GNUTLS_PIN: PIN }, ...more });

export async function p11tool(desk, key) {
    const token = `pkcs11:token=${encodeURIComponent(key.token)}`;
    const { stdout } = await asks(desk, 'p11tool', ['--login', '--list-all', token]);
    assert.match(stdout, new RegExp(`type=private\\s+Type: Private key \\(${key.algorithm}.*\\)\\s+Label: ${key.label}\n`));
    const { stdout: exported } = await asks(desk, 'p11tool', ['--export', desk.uri(key, 'cert')]);
    assert.deepEqual(fromPem(exported), readFileSync(key.der));
    const { stderr } = await asks(desk, 'p11tool', ['--login', '--test-sign', desk.uri(key, 'private')]);
    assert.match(stderr, /Verifying against public key in the token\.\.\. ok/);
}

/* A certificate request: openssl says whether it is signed with the key. */
export async function certtool(desk, key) {
    const template = desk.file('certtool.template', `cn = "${key.name}"\n`);
    const request = desk.file(`${key.name}.csr`);
    const load = ['--load-privkey', desk.uri(key, 'private'), '--load-pubkey', desk.uri(key, 'public')];
    await asks(desk, 'certtool', ['--generate-request', ...load, '--template', template, '--outfile', request]);
    const { stderr } = await desk.openssl(['req', '-in', request, '-noout', '-verify', '-subject']);
    assert.match(stderr, /verify OK/);
    const { stdout: signed } = await desk.openssl(['req', '-in', request, '-noout', '-pubkey']);
    assert.equal(signed, readFileSync(key.pub, 'utf8'));
}

export async function gnutlsCli(desk, key) {
    const server = await desk.tlsServer(key);
    try {
        for (const [version, priority] of [
            ['TLSv1.3', 'NORMAL'],
            ['TLSv1.2', 'NORMAL:-VERS-TLS1.3'],
        ]) {
            const files = ['--x509keyfile', desk.uri(key, 'private'), '--x509certfile', desk.uri(key, 'cert')];
            const { stdout } = await asks(
                desk,
                'gnutls-cli',
                ['--priority', priority, '--x509cafile', desk.server.ca, ...files, '--port', String(server.port), 'localhost'],
                { input: 'GET / HTTP/1.0\r\n\r\n', allow: [0, 1] },
            );
            assert.match(stdout, new RegExp(`Protocol\\s*: ${version}`));
            assert.match(stdout, new RegExp(`Subject: CN=${key.name}\n`));
        }
    } finally {
        await server.stop();
    }
}
