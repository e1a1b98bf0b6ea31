// A desk for programs that are not ours: keys with certificates that every program understands (SM2 keys beside them), a TLS
// server that asks for them, and ways to start programs as a user does. What each client does is in clients/.
import { chmodSync, existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { freePort } from '../../tools/demo/ports.mjs';
import { Program, run } from '../../tools/demo/program.mjs';
import { pcscdMissing } from '../../tools/demo/pcscd.mjs';
import { Desk, PIN } from './desk.mjs';
import { missing } from './world.mjs';

export { PIN };

// Programs that bring allocators, signal handlers or sandboxes of their own do not live with a sanitizer preloaded
export const notSanitized = process.env.SAN ? 'not with sanitizers' : false;

/* Why a test of these commands cannot run here, or false. */
export const absent = (...commands) =>
    missing('openssl', 'pkcs11-tool', 'yubico-piv-tool', ...commands) || (pcscdMissing() ?? false);

const EXTENSIONS = `basicConstraints = critical, CA:FALSE
keyUsage = critical, digitalSignature, nonRepudiation, keyEncipherment
extendedKeyUsage = clientAuth, emailProtection, codeSigning
subjectKeyIdentifier = hash
authorityKeyIdentifier = keyid
`;
const SERVER_EXTENSIONS = `basicConstraints = critical, CA:FALSE
keyUsage = critical, digitalSignature
extendedKeyUsage = serverAuth
subjectAltName = DNS:localhost, IP:127.0.0.1
`;
const NEW_EC_KEY = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes'];

// name, algorithm, slot, how our module calls it
const PIV_KEYS = [
    ['piv-rsa', 'RSA', '9a', { id: '01', label: 'PIV AUTH key', certificate: 'Certificate for PIV Authentication' }],
    ['piv-ec', 'EC', '9d', { id: '03', label: 'KEY MAN key', certificate: 'Certificate for Key Management' }],
];

const quoted = (word) => `'${word.replaceAll("'", "'\\''")}'`;

export class ClientDesk extends Desk {
    /* A desk behind the real pcscd with a GM key and a PIV one; `identities` are the keys in them that clients use. options:
     * conf as for Desk, piv: false for the GM key alone. */
    static async make(t, options = {}) {
        const desk = new ClientDesk({ transport: 'pcsc', ...options });
        await desk.open(t);
        desk.identities = [];
        await desk.#makeServerCertificate();
        await desk.withKey();
        await desk.#certifyGm();
        if (options.piv ?? true) await desk.#addPiv();
        return desk;
    }

    // A PIV key in the second reader, made by Yubico's tool
    async #addPiv() {
        const image = join(this.dir, 'piv.img');
        await run(this.binary('ukey-sim'), ['format', '--application', 'piv', '--serial', 'CAFE', image]);
        await this.whileAppearing(async () => {
            this.piv = await Program.start({
                name: 'ukey-sim (PIV)',
                command: this.binary('ukey-sim'),
                args: ['run', '--vpcd', `127.0.0.1:${this.pcscd.port + 1}`, '--socket', join(this.dir, 'piv.sock'), image],
                ready: /^ready ?(.*)$/,
                log: join(this.dir, 'piv.log'),
            });
        });
        const { stdout: slots } = await this.pkcs11Tool(['--list-slots']);
        const token = /token label\s+: (PIV.*)/.exec(slots)[1];
        const yubico = (...args) => this.client('yubico-piv-tool', ['--reader', 'Virtual PCD 00 01', ...args]);
        for (const [name, algorithm, slot, labels] of PIV_KEYS) {
            await yubico('-a', 'generate', '-s', slot, '-A', algorithm === 'RSA' ? 'RSA2048' : 'ECCP256', '-o', this.file(`${name}.pub`));
            const key = await this.#certify({ name, algorithm, token, ...labels });
            await yubico('-a', 'import-certificate', '-s', slot, '-i', key.pem);
            this.identities.push({ ...key, slot: 1 });
        }
    }

    async close() {
        await this.piv?.stop();
        await super.close();
    }

    // The container's certificate of the GM CA makes way for one that programs without SM3 can verify
    async #certifyGm() {
        const name = 'gm-rsa';
        const label = 'openukey-rsa';
        const tool = (...args) => this.pkcs11Tool(['--token-label', 'Demo UKey', ...args], { pin: PIN });
        const { stdout } = await tool('--list-objects', '--type', 'pubkey');
        const block = stdout.split('Public Key Object').find((text) => text.includes(label));
        const id = /ID:\s+([0-9a-f]+)/.exec(block)[1];
        await tool('--read-object', '--type', 'pubkey', '--id', id, '-o', this.file(`${name}.spki`));
        await this.openssl(['pkey', '-pubin', '-inform', 'DER', '-in', `${name}.spki`, '-out', `${name}.pub`]);
        const key = await this.#certify({ name, algorithm: 'RSA', token: 'Demo UKey', id });
        await tool('--write-object', key.der, '--type', 'cert', '--id', id, '--label', name);
        this.identities.push({ ...key, label: name, certificate: name, slot: 0 });
    }

    /* A certificate for NAME.pub from a CA of its own, so that a server can ask for this one and no other. */
    async #certify({ name, ...more }) {
        const ca = ['-keyout', `${name}.ca.key`, '-out', `${name}.ca.pem`, '-subj', `/CN=CA of ${name}`, '-days', '30'];
        await this.openssl(['req', '-x509', ...NEW_EC_KEY, ...ca]);
        const email = `${name}@example.org`;
        this.file(`${name}.ext`, `${EXTENSIONS}subjectAltName = email:${email}\n`);
        await this.openssl([
            ...['x509', '-new', '-force_pubkey', `${name}.pub`, '-subj', `/CN=${name}`, '-days', '20'],
            ...['-CA', `${name}.ca.pem`, '-CAkey', `${name}.ca.key`, '-extfile', `${name}.ext`, '-out', `${name}.pem`],
        ]);
        await this.openssl(['x509', '-in', `${name}.pem`, '-outform', 'DER', '-out', `${name}.der`]);
        const files = { ca: 'ca.pem', pem: 'pem', der: 'der', pub: 'pub' };
        for (const kind of Object.keys(files)) files[kind] = this.file(`${name}.${files[kind]}`);
        return { name, email, ...files, ...more };
    }

    async #makeServerCertificate() {
        const ca = ['-keyout', 'server.ca.key', '-out', 'server.ca.pem', '-subj', '/CN=CA of the server', '-days', '30'];
        await this.openssl(['req', '-x509', ...NEW_EC_KEY, ...ca]);
        this.file('server.ext', SERVER_EXTENSIONS);
        await this.openssl(['req', '-new', ...NEW_EC_KEY, '-keyout', 'server.key', '-subj', '/CN=localhost', '-out', 'server.csr']);
        await this.openssl([
            ...['x509', '-req', '-in', 'server.csr', '-days', '20', '-extfile', 'server.ext', '-out', 'server.pem'],
            ...['-CA', 'server.ca.pem', '-CAkey', 'server.ca.key'],
        ]);
        this.server = { ca: this.file('server.ca.pem'), cert: this.file('server.pem'), key: this.file('server.key') };
    }

    /* The URI (RFC 7512) of one of the key's objects. */
    uri(key, type, { pin } = {}) {
        const attributes = `token=${encodeURIComponent(key.token)};id=${key.id.replace(/../g, '%$&')};type=${type}`;
        return `pkcs11:${attributes}${pin ? `;pin-value=${pin}` : ''}`;
    }

    /* Environment in which the module sees this key's token and no other. */
    alone(key) {
        const conf = `${readFileSync(this.conf, 'utf8')}pcsc-readers = Virtual PCD 00 0${key.slot}\n`;
        return { OPENUKEY_CONF: this.file(`${key.name}.conf`, conf) };
    }

    /* Runs a program that is to find our module and its keys; in the desk's folder for files. */
    client(command, args, { env, ...more } = {}) {
        return run(command, args, { env: { ...this.env, ...env }, cwd: this.work, ...more });
    }

    /* A program that asks for its PINs at a terminal: each of `answers` is [what it asks, what is typed]. Answers what is on
     * the terminal. */
    async atTerminal(command, args, { answers, env }) {
        const words = [command, ...args].map(quoted).join(' ');
        const program = await Program.start({
            name: command,
            command: 'script',
            args: ['--quiet', '--return', '--flush', '--command', words, '/dev/null'],
            ready: null,
            env: { ...this.env, ...env },
            cwd: this.work,
            stdio: ['pipe', 'pipe', 'pipe'],
        });
        let said = '';
        const left = [...answers];
        program.child.stdout.on('data', (data) => {
            said += data;
            const shown = said.slice(said.length - 200);
            if (left.length && left[0][0].test(shown)) program.child.stdin.write(`${left.shift()[1]}\n`);
        });
        const { code } = await program.ended;
        if (code !== 0) throw new Error(`${words}: status ${code}\n${said}`);
        return said;
    }

    /* A TLS server (openssl) which lets in only who proves the key; its pages tell whom it sees. */
    async tlsServer(key, more = []) {
        const port = await freePort();
        const { cert, key: privateKey } = this.server;
        const program = await Program.start({
            name: 'openssl s_server',
            command: 'openssl',
            args: [
                ...['s_server', '-accept', `127.0.0.1:${port}`, '-cert', cert, '-key', privateKey, '-www', ...more],
                ...['-CAfile', key.ca, '-Verify', '1', '-verify_return_error'],
            ],
            ready: /^ACCEPT/,
            cwd: this.work,
        });
        return { port, url: `https://localhost:${port}/`, stop: () => program.stop() };
    }

    /* A program that prints the PIN, as SSH_ASKPASS. */
    askpass() {
        const file = this.file('askpass', `#!/bin/sh\necho ${PIN}\n`);
        chmodSync(file, 0o700);
        return file;
    }
}

/* One test a client and key: `clients` is {sentence: function of (desk, key)}, or {sentence: [function, why not]}. */
export async function eachKey(t, desk, clients) {
    for (const key of desk.identities) {
        for (const [sentence, wanted] of Object.entries(clients)) {
            const [client, skip] = [wanted].flat();
            await t.test(`${sentence} (${key.name})`, { skip }, () => client(desk, key));
        }
    }
}
