// NSS: modutil adds the module to a database, certutil lists, cmsutil and signtool sign, poppler's pdfsig signs a PDF.
import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { PIN } from '../client_desk.mjs';
import { emptyPdf } from '../made_files.mjs';

export const commands = ['modutil', 'certutil', 'cmsutil', 'signtool', 'pdfsig'];

/* A new database in `folder` without password that trusts the key's CA, and with `module` knows the module. */
export async function database(desk, key, folder, { module = true } = {}) {
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    const named = `sql:${folder}`;
    await desk.client('certutil', ['-N', '-d', named, '--empty-password']);
    await desk.client('certutil', ['-A', '-d', named, '-n', 'ca of the key', '-t', 'CT,C,C', '-i', key.ca]);
    if (module) await desk.client('modutil', ['-force', '-dbdir', named, '-add', 'openukey', '-libfile', desk.module]);
    return named;
}

const nickname = (key) => `${key.token}:${key.certificate}`;

/* The databases that this key's tests share: with the module, and without it for who verifies. */
async function databases(desk, key) {
    const folder = (suffix) => join(desk.work, `nss-${key.name}${suffix}`);
    if (!existsSync(folder(''))) {
        await database(desk, key, folder(''));
        await database(desk, key, folder('-judge'), { module: false });
        desk.file('pin', PIN);
    }
    return { signer: `sql:${folder('')}`, judge: `sql:${folder('-judge')}` };
}

export async function modutilAndCertutil(desk, key) {
    const { signer } = await databases(desk, key);
    // it ends with 32 when a reader of the module is empty: "Unable to get information about token """
    const { stdout: module } = await desk.client('modutil', ['-dbdir', signer, '-list', 'openukey'], { allow: [0, 32] });
    assert.match(module, new RegExp(`Token Name: ${key.token}\\s`));
    assert.match(module, /Login Type: Login required/);
    const { stdout: certificates } = await desk.client('certutil', ['-L', '-d', signer, '-h', key.token, '-f', 'pin']);
    assert.match(certificates, new RegExp(`^${nickname(key)}\\s+u,u,u`, 'm'));
    const { stdout: keys } = await desk.client('certutil', ['-K', '-d', signer, '-h', key.token, '-f', 'pin']);
    assert.match(keys, new RegExp(`^< ?\\d+> ${key.algorithm.toLowerCase()}\\s+${key.id}\\s`, 'm'));
    const request = ['-R', '-d', signer, '-h', key.token, '-f', 'pin', '-k', key.id, '-s', `CN=${key.name}`];
    await desk.client('certutil', [...request, '-o', 'nss.csr']);
    assert.match((await desk.openssl(['req', '-inform', 'DER', '-in', 'nss.csr', '-noout', '-verify'])).stderr, /verify OK/);
}

/* The token says by its profile that certificates are public: they are listed without the PIN. */
export async function withoutPin(desk, key) {
    const { signer } = await databases(desk, key);
    const { stdout } = await desk.client('certutil', ['-L', '-d', signer, '-h', key.token]);
    assert.match(stdout, new RegExp(`^${nickname(key)}\\s+u,u,u`, 'm'));
}

/* Signed, detached and encrypted messages, judged and made by openssl. */
export async function cmsutil(desk, key) {
    const { signer } = await databases(desk, key);
    const message = desk.file('cms.message', 'what is signed\n');
    const verify = ['cms', '-verify', '-binary', '-inform', 'DER', '-CAfile', key.ca, '-purpose', 'smimesign', '-in', 'cms.p7'];
    const sign = ['-S', '-d', signer, '-N', nickname(key), '-f', 'pin', '-H', 'SHA256', '-i', message, '-o', 'cms.p7'];
    await desk.client('cmsutil', sign);
    assert.equal((await desk.openssl(verify)).stdout, 'what is signed\n');
    await desk.client('cmsutil', [...sign, '-T']);
    await desk.openssl([...verify, '-content', message]);
    if (key.algorithm !== 'RSA') return; // NSS reads no message to a key agreement's recipient: SEC_ERROR_BAD_DER
    await desk.openssl(['cms', '-encrypt', '-aes-256-cbc', '-in', message, '-outform', 'DER', '-out', 'cms.enc', key.pem]);
    const { stdout } = await desk.client('cmsutil', ['-D', '-d', signer, '-f', 'pin', '-i', 'cms.enc']);
    assert.match(stdout, /^what is signed\r?\n/);
}

/* A signed archive: openssl verifies the signature in it, unzip takes it out. */
export async function signtool(desk, key) {
    const { signer } = await databases(desk, key);
    const folder = join(desk.work, `signtool-${key.name}`);
    mkdirSync(folder);
    desk.file(`signtool-${key.name}/hello.txt`, 'hello\n');
    const archive = desk.file(`signtool-${key.name}.jar`);
    await desk.client('signtool', ['-d', signer, '-k', nickname(key), '-p', PIN, '-Z', archive, '.'], { cwd: folder });
    assert.match((await desk.client('unzip', ['-l', archive])).stdout, /META-INF\/zigbert\.rsa/);
    const meta = `signtool-${key.name}/META-INF`;
    await desk.openssl([
        ...['cms', '-verify', '-binary', '-inform', 'DER', '-CAfile', key.ca, '-purpose', 'any'],
        ...['-in', `${meta}/zigbert.rsa`, '-content', `${meta}/zigbert.sf`],
    ]);
}

/* What pdfsig, in a database that does not know the module, says of a PDF's one signature. */
export async function judgePdf(desk, key, file) {
    const { judge } = await databases(desk, key);
    const { stdout } = await desk.client('pdfsig', ['-nssdir', judge, file]);
    assert.match(stdout, /Signature #1/);
    assert.doesNotMatch(stdout, /Signature #2/);
    assert.match(stdout, new RegExp(`Signer Certificate Common Name: ${key.name}\n`));
    assert.match(stdout, /Signature Validation: Signature is Valid\./);
    assert.match(stdout, /Certificate Validation: Certificate is Trusted\./);
    assert.match(stdout, /Total document signed/);
}

export async function pdfsig(desk, key) {
    const { signer } = await databases(desk, key);
    const plain = desk.file('plain.pdf', emptyPdf());
    const signed = desk.file(`${key.name}.pdf`);
    // it gives its password once, to the first token that asks
    const sign = [plain, signed, '-nssdir', signer, '-nss-pwd', PIN, '-add-signature', '-nick', nickname(key)];
    // it signs once to learn how long a signature is, and once more: an ECDSA signature that is longer then has no room
    for (let tries = 1; ; tries++) {
        const { code, stderr } = await desk.client('pdfsig', sign, { env: desk.alone(key), allow: [0, 3] });
        if (code === 0) break;
        assert.match(stderr, /unable update signature/);
        assert.ok(key.algorithm === 'EC' && tries < 12, stderr);
    }
    await judgePdf(desk, key, signed);
    const changed = readFileSync(signed);
    changed.write('9', changed.indexOf('/MediaBox') + 16); // 200 becomes 900
    desk.file('changed.pdf', changed);
    await assert.rejects(judgePdf(desk, key, desk.file('changed.pdf')), /Signature is Valid/);
}
