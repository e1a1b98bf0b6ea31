// Judges that are not ours: the openssl command says whether certificates, requests and signatures are good.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { run } from '../../tools/demo/program.mjs';

const DISTID = 'distid:1234567812345678';

export class OpenSsl {
    /* dir: where files may be put */
    constructor(dir) {
        this.dir = dir;
        this.count = 0;
    }

    file(bytes, suffix = 'bin') {
        const path = join(this.dir, `openssl-${(this.count += 1)}.${suffix}`);
        writeFileSync(path, bytes);
        return path;
    }

    async #succeeds(args) {
        const { code } = await run('openssl', args, { allow: [0, 1, 2, 4] });
        return code === 0;
    }

    /* Does the certificate (DER) chain to root (PEM file) through issuing (PEM file)? Link by link: openssl 3.0 gives the
     * distinguishing identifier to the named certificate only. */
    async verifyCertificate(der, { root, issuing }) {
        const pem = this.file(toPem('CERTIFICATE', der), 'pem');
        return (
            (await this.#succeeds(['verify', '-vfyopt', DISTID, '-partial_chain', '-trusted', issuing, pem])) &&
            (await this.#succeeds(['verify', '-vfyopt', DISTID, '-CAfile', root, issuing]))
        );
    }

    /* Is the PKCS#10 (DER) signed with its own key? */
    async verifyRequest(der) {
        const pem = this.file(toPem('CERTIFICATE REQUEST', der), 'pem');
        const { code, stderr } = await run('openssl', ['req', '-in', pem, '-noout', '-verify', '-vfyopt', DISTID], {
            allow: [0, 1],
        });
        // 3.0 ends with 0 whatever it found, and says it
        return code === 0 && !/failure/i.test(stderr);
    }

    /* PEM file of a certificate's public key. */
    async publicKey(certificateDer) {
        const pem = this.file(toPem('CERTIFICATE', certificateDer), 'pem');
        const { stdout } = await run('openssl', ['x509', '-in', pem, '-noout', '-pubkey']);
        return this.file(stdout, 'pub');
    }

    /* SM2 with SM3 over `data` with the certificate's key? */
    async verifySignature({ certificate, data, signature }) {
        return this.#succeeds([
            ...['pkeyutl', '-verify', '-pubin', '-inkey', await this.publicKey(certificate), '-rawin', '-digest', 'sm3'],
            ...['-in', this.file(data), '-sigfile', this.file(signature), '-pkeyopt', DISTID],
        ]);
    }

    /* SM2Cipher (DER) over `data` to the certificate's key. */
    async encrypt(certificate, data) {
        const key = await this.publicKey(certificate);
        return (await run('openssl', ['pkeyutl', '-encrypt', '-pubin', '-inkey', key, '-in', this.file(data)])).bytes;
    }

    async sm3(data) {
        const { stdout } = await run('openssl', ['dgst', '-sm3', '-r', this.file(data)]);
        return stdout.slice(0, 64);
    }

    /* Fields of a certificate, as openssl prints them. */
    async describe(certificateDer, ...options) {
        const pem = this.file(toPem('CERTIFICATE', certificateDer), 'pem');
        return (await run('openssl', ['x509', '-in', pem, '-noout', ...options])).stdout.trim();
    }
}

export function toPem(name, der) {
    const lines = Buffer.from(der).toString('base64').match(/.{1,64}/g).join('\n');
    return `-----BEGIN ${name}-----\n${lines}\n-----END ${name}-----\n`;
}

export const fromPem = (pem) => Buffer.from(pem.replace(/-----[^-]+-----|\s/g, ''), 'base64');

/* The same bytes with one bit of the byte at `at` (from the end if negative) changed. */
export function flip(bytes, at) {
    const copy = Buffer.from(bytes);
    copy[at < 0 ? copy.length + at : at] ^= 0x01;
    return copy;
}
