// Makes the seeds of fuzz_signatures: node tests/fuzz/seeds_signatures.mjs. One of each kind that its parsers know, by openssl and by the
// tests' own encoders.
import { execFileSync } from 'node:child_process';
import { createCipheriv, createHash, createPrivateKey } from 'node:crypto';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { CompactSign } from 'jose';
import { parse } from '../support/der.mjs';
import { explicit, integer, octets, oid, sequence, setOf, tlv, utcTime } from '../support/der_build.mjs';
import { SealMaker, sm3 } from '../support/seal_maker.mjs';

const KIND = { signedData: 0, jws: 1, seal: 2, stamp: 3, envelope: 4, revocations: 5 };
const folder = fileURLToPath(new URL('corpus/signatures', import.meta.url));
const maker = new SealMaker();
const path = (name) => join(maker.dir, name);
const openssl = (...args) => execFileSync('openssl', args, { stdio: ['ignore', 'pipe', 'pipe'] });
const keep = (name, kind, ...parts) => writeFileSync(join(folder, name), Buffer.concat([Buffer.from([KIND[kind]]), ...parts.map((part) => Buffer.from(part))]));
const behind = (certificate) => [Buffer.from([certificate.length >> 8, certificate.length & 255]), certificate];
const TEXT = Buffer.from('{"type":"statement"}');

mkdirSync(folder, { recursive: true });
writeFileSync(path('text'), TEXT);

for (const [name, ...options] of [['ec', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256'], ['rsa', 'rsa:2048']]) {
    openssl('req', '-x509', '-newkey', ...options, '-nodes', '-keyout', path(`${name}.key`), '-out', path(`${name}.pem`), '-subj', `/CN=${name}`, '-days', '3000');
    openssl('x509', '-in', path(`${name}.pem`), '-outform', 'DER', '-out', path(`${name}.der`));
}
const der = (name) => readFileSync(path(`${name}.der`));

const cms = (key, ...options) => {
    openssl('cms', '-sign', '-binary', '-cades', '-in', path('text'), '-signer', path(`${key}.pem`), '-inkey', path(`${key}.key`), '-md', 'sha256', '-outform', 'DER', '-out', path('cms'), ...options);
    return readFileSync(path('cms'));
};
keep('cms-ec', 'signedData', cms('ec', '-nodetach'));
keep('cms-ec-detached', 'signedData', cms('ec'));
keep('cms-rsa', 'signedData', cms('rsa', '-nodetach'));
keep('cms-rsa-pss', 'signedData', cms('rsa', '-nodetach', '-keyopt', 'rsa_padding_mode:pss', '-keyopt', 'rsa_pss_saltlen:32'));
keep('cms-two-signers', 'signedData', cms('rsa', '-nodetach', '-signer', path('ec.pem'), '-inkey', path('ec.key')));

const GM = '1.2.156.10197.6.1.4.2';
const SM3 = sequence(oid('1.2.156.10197.1.401'));
const attribute = (name, value) => sequence(oid(name), tlv(0x31, value));
const attributes = setOf(
    attribute('1.2.840.113549.1.9.3', oid(`${GM}.1`)),
    attribute('1.2.840.113549.1.9.4', octets(sm3(TEXT))),
    attribute('1.2.840.113549.1.9.5', utcTime(0)),
    attribute('1.2.840.113549.1.9.16.2.47', sequence(sequence(sequence(SM3, octets(sm3(maker.signer.der)))))),
);
const fields = parse(maker.signer.der).items[0].items;
const named = sequence(fields[3].whole, fields[1].whole);
const signer = sequence(integer(1), named, SM3, tlv(0xa0, attributes.subarray(attributes[1] & 128 ? 2 + (attributes[1] & 127) : 2)), sequence(oid('1.2.156.10197.1.301.1')), octets(maker.sign(maker.signer, attributes)));
keep('gm', 'signedData', sequence(oid(`${GM}.2`), explicit(0, sequence(integer(1), tlv(0x31, SM3), sequence(oid(`${GM}.1`), explicit(0, octets(TEXT))), tlv(0xa0, maker.signer.der), tlv(0x31, signer)))));

for (const [key, alg] of [['ec', 'ES256'], ['rsa', 'RS256'], ['rsa', 'PS256']]) {
    const print = createHash('sha256').update(der(key)).digest('base64url');
    const header = { alg, x5c: [der(key).toString('base64')], 'x5t#S256': print, iat: 1, nonce: '12345678', origin: 'https://a.test', purpose: 'statement' };
    const text = await new CompactSign(TEXT).setProtectedHeader(header).sign(createPrivateKey(readFileSync(path(`${key}.key`))));
    keep(`jws-${alg}`, 'jws', Buffer.from(text));
    if (alg === 'ES256') keep('jws-detached', 'jws', Buffer.from(text.replace(/\..*\./, '..')));
}

for (const version of [1, 4, 5]) {
    keep(`seal-v${version}`, 'seal', maker.seal({ version }));
    keep(`stamp-v${version}`, 'stamp', maker.stamp({ version }));
}
keep('seal-digests', 'seal', maker.seal({ digests: true }));
keep('seal-time-stamp', 'seal', maker.seal({ version: 5, timeStamp: Buffer.from('3000', 'hex') }));

for (const [name, ...options] of [['rsa-pkcs1'], ['rsa-oaep', '-keyopt', 'rsa_padding_mode:oaep'], ['rsa-keyid', '-keyid']]) {
    openssl('cms', '-encrypt', '-binary', '-aes128', '-in', path('text'), '-outform', 'DER', '-out', path('enveloped'), '-recip', path('rsa.pem'), ...options);
    keep(`envelope-${name}`, 'envelope', ...behind(der('rsa')), readFileSync(path('enveloped')));
}
openssl('x509', '-in', maker.signer.certificateFile, '-noout', '-pubkey', '-out', path('pub'));
writeFileSync(path('short'), Buffer.alloc(16, 7));
openssl('pkeyutl', '-encrypt', '-pubin', '-inkey', path('pub'), '-in', path('short'), '-out', path('wrapped'));
const cipher = createCipheriv('sm4-cbc', Buffer.alloc(16, 7), Buffer.alloc(16, 1));
const encrypted = sequence(oid(`${GM}.1`), sequence(oid('1.2.156.10197.1.104.2'), octets(Buffer.alloc(16, 1))), tlv(0x80, cipher.update(TEXT), cipher.final()));
const recipient = sequence(integer(1), named, sequence(oid('1.2.156.10197.1.301.3')), octets(readFileSync(path('wrapped'))));
keep('envelope-gm', 'envelope', ...behind(maker.signer.der), sequence(oid(`${GM}.3`), explicit(0, sequence(integer(1), tlv(0x31, recipient), encrypted))));

const algorithm = sequence(oid('1.2.156.10197.1.501'));
const rootFields = parse(maker.root.der).items[0].items;
const list = sequence(integer(1), algorithm, rootFields[5].whole, utcTime(0), utcTime(4e12 - 2e12), sequence(sequence(integer(7), utcTime(0))));
keep('crl-sm2', 'revocations', ...behind(maker.root.der), sequence(list, algorithm, tlv(0x03, [0], maker.sign(maker.root, list))));
maker.close();
