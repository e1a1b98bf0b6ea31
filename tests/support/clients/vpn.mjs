// VPN programs: openvpn's handshake (both ends here, no network device), strongSwan's pki signs certificates and requests.
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { createConnection } from 'node:net';
import { createInterface } from 'node:readline';
import { freePort } from '../../../tools/demo/ports.mjs';
import { Program } from '../../../tools/demo/program.mjs';
import { until } from '../agent.mjs';
import { PIN } from '../client_desk.mjs';
import { missing } from '../world.mjs';

export const openvpnMissing = () => missing('openvpn');
export const pkiMissing = () =>
    missing('pki', 'script') || (existsSync('/usr/lib/ipsec/plugins/libstrongswan-pkcs11.so') ? false : 'strongSwan has no pkcs11 plugin');

const COMMON = ['--dev', 'null', '--ifconfig-noexec', '--verb', '3', '--data-ciphers', 'AES-256-GCM', '--allow-compression', 'no'];

/* Which id openvpn itself gives the key's certificate. */
async function idOf(desk, key) {
    const { stdout } = await desk.client('openvpn', ['--show-pkcs11-ids', desk.module]);
    const block = stdout.split('Certificate\n').find((text) => text.includes(`DN:             CN=${key.name}\n`));
    return /Serialized id:\s+(\S+)/.exec(block)[1];
}

export async function openvpn(desk, key) {
    const port = await freePort();
    const id = await idOf(desk, key);
    const tls = (files) => ['--ca', files.ca];
    const serverArgs = [
        ...[...COMMON, '--tls-server', '--proto', 'tcp-server', '--local', '127.0.0.1', '--lport', String(port)],
        ...[...tls(key), '--cert', desk.server.cert, '--key', desk.server.key, '--dh', 'none', '--verify-x509-name', key.name, 'name'],
    ];
    const server = await Program.start({ name: 'openvpn (server)', command: 'openvpn', args: serverArgs, ready: /Listening for incoming TCP/ });
    const heard = [];
    server.lines.on('line', (line) => heard.push(line));
    const management = desk.file(`${key.name}.openvpn`);
    const clientArgs = [
        ...[...COMMON, '--tls-client', '--proto', 'tcp-client', '--nobind', '--remote', '127.0.0.1', String(port)],
        ...['--ca', desk.server.ca, '--remote-cert-tls', 'server', '--pkcs11-providers', desk.module, '--pkcs11-id', id],
        ...['--management', management, 'unix', '--management-query-passwords', '--management-hold'],
    ];
    let client;
    let console_;
    try {
        client = await Program.start({
            ...{ name: 'openvpn (client)', command: 'openvpn', args: clientArgs, ready: /MANAGEMENT: unix domain socket listening/ },
            ...{ env: desk.env, cwd: desk.work },
        });
        client.lines.on('line', (line) => heard.push(`client: ${line}`));
        // who keeps PINs for openvpn answers on its management socket
        console_ = createConnection(management);
        createInterface({ input: console_ }).on('line', (line) => {
            if (line.startsWith('>HOLD:')) console_.write('hold release\n');
            const asked = /^>PASSWORD:Need '(.*)' password/.exec(line);
            if (asked) console_.write(`password "${asked[1]}" "${PIN}"\n`);
        });
        const came = (pattern) => heard.some((line) => pattern.test(line)) || client.exit !== null;
        const told = () => heard.join('\n');
        await until(() => came(/client: .*Initialization Sequence Completed/), 'the client is connected', 60_000);
        await until(() => came(/^[^c].*Initialization Sequence Completed/), 'the server is connected', 60_000);
        assert.equal(client.exit, null, told());
        assert.ok(heard.some((line) => !line.startsWith('client') && line.includes(`VERIFY OK: depth=0, CN=${key.name}`)), told());
    } finally {
        console_?.destroy();
        await client?.stop();
        await server.stop();
    }
}

/* A self-signed certificate and a request, judged by openssl. */
export async function strongswanPki(desk, key) {
    const plugin = `pkcs11 { modules { openukey { path = ${desk.module}\n } } }`;
    const env = {
        STRONGSWAN_CONF: desk.file(
            'strongswan.conf',
            `pki { load = pkcs11 random nonce pem pkcs1 x509 sha1 sha2 gmp pubkey\n plugins { ${plugin} } }\n`,
        ),
    };
    const type = key.algorithm === 'RSA' ? 'rsa' : 'ecdsa';
    const pki = async (args, file) => {
        // the terminal shows the prompts too, so what is made goes through a shell to a file
        const words = ['sh', ['-c', '"$@" > "$0"', file, 'pki', ...args]];
        await desk.atTerminal(...words, { env, answers: [[/PIN:\s*$/, PIN]] });
    };
    await pki(['--self', '--type', type, '--keyid', key.id, '--dn', `CN=${key.name}`, '--outform', 'pem'], 'swan.pem');
    await desk.openssl(['verify', '-CAfile', 'swan.pem', '-check_ss_sig', 'swan.pem']);
    assert.equal((await desk.openssl(['x509', '-in', 'swan.pem', '-noout', '-subject'])).stdout.trim(), `subject=CN = ${key.name}`);
    await pki(['--req', '--type', type, '--keyid', key.id, '--dn', `CN=${key.name}`, '--outform', 'pem'], 'swan.csr');
    assert.match((await desk.openssl(['req', '-in', 'swan.csr', '-noout', '-verify'])).stderr, /verify OK/);
}
