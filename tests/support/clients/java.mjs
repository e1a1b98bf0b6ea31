// Java: keytool lists the token's keystore and makes a request, jarsigner signs an archive.
import assert from 'node:assert/strict';
import { PIN } from '../client_desk.mjs';

export const commands = ['keytool', 'jarsigner', 'jar', 'unzip'];

// the sanitizer's runtime and the virtual machine both want the signal of a null pointer
const JAVA_ENV = process.env.SAN ? { ASAN_OPTIONS: 'detect_leaks=0:handle_segv=0:allow_user_segv_handler=1' } : {};

function keystore(desk, key) {
    const lines = [`name = OpenUKey`, `library = ${desk.module}`, `slotListIndex = ${key.slot}`, ''];
    const config = desk.file(`${key.name}.java.cfg`, lines.join('\n'));
    return ['-keystore', 'NONE', '-storetype', 'PKCS11', '-addprovider', 'SunPKCS11', '-providerArg', config, '-storepass', PIN];
}

export async function keytool(desk, key) {
    const { stdout } = await desk.client('keytool', ['-list', ...keystore(desk, key)], { env: JAVA_ENV });
    assert.match(stdout, new RegExp(`^${key.certificate}, PrivateKeyEntry`, 'm'));
    await desk.client('keytool', ['-certreq', '-alias', key.certificate, '-file', 'java.csr', ...keystore(desk, key)], { env: JAVA_ENV });
    assert.match((await desk.openssl(['req', '-in', 'java.csr', '-noout', '-verify'])).stderr, /verify OK/);
}

/* A signed archive, judged by jarsigner without the module and by openssl. */
export async function jarsigner(desk, key) {
    const archive = desk.file(`java-${key.name}.jar`);
    desk.file('hello.txt', 'hello\n');
    await desk.client('jar', ['cf', archive, 'hello.txt'], { env: JAVA_ENV });
    await desk.client('jarsigner', [...keystore(desk, key), '-sigfile', 'SIGNER', archive, key.certificate], { env: JAVA_ENV });
    const { stdout } = await desk.client('jarsigner', ['-verify', '-verbose', '-certs', archive], { env: { OPENUKEY_CONF: '/dev/null' } });
    assert.match(stdout, /jar verified\./);
    assert.match(stdout, new RegExp(`X\\.509, CN=${key.name}`));
    const block = key.algorithm === 'RSA' ? 'SIGNER.RSA' : 'SIGNER.EC';
    await desk.client('unzip', ['-oqj', archive, 'META-INF/SIGNER.SF', `META-INF/${block}`]);
    await desk.openssl([
        ...['cms', '-verify', '-binary', '-inform', 'DER', '-CAfile', key.ca, '-purpose', 'any'],
        ...['-in', block, '-content', 'SIGNER.SF'],
    ]);
}
