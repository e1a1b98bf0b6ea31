// A PIV key with certificates, made over the wire by commands of NIST SP 800-73-4; openssl writes the certificates.
import { execFileSync } from 'node:child_process';
import { createCipheriv, createPublicKey } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';

const FACTORY_KEY = Buffer.from('010203040506070801020304050607080102030405060708', 'hex');
const RSA2048 = 0x07;
const P256 = 0x11;
/* The slots in the order in which they are filled. */
export const SLOTS = [
    { reference: 0x9a, id: '01', label: 'PIV AUTH key', object: '5fc105', algorithm: RSA2048 },
    { reference: 0x9c, id: '02', label: 'SIGN key', object: '5fc10a', algorithm: P256 },
    { reference: 0x9d, id: '03', label: 'KEY MAN key', object: '5fc10b', algorithm: P256 },
    { reference: 0x9e, id: '04', label: 'CARD AUTH key', object: '5fc101', algorithm: P256 },
];

const length = (n) => (n < 128 ? [n] : n < 256 ? [0x81, n] : [0x82, n >> 8, n & 255]);
const tlv = (tag, ...values) => {
    const value = Buffer.concat(values.map((part) => Buffer.from(part)));
    return Buffer.concat([Buffer.from(tag, 'hex'), Buffer.from(length(value.length)), value]);
};
const extended = (ins, p1, p2, data) =>
    Buffer.concat([Buffer.from([0, ins, p1, p2, 0, data.length >> 8, data.length & 255]), data, Buffer.from([0, 0])]);

/* The value of the first element `tag` (hex) among those of the bytes. */
function find(bytes, tag) {
    for (let at = 0; at < bytes.length; ) {
        const size = (bytes[at] & 0x1f) === 0x1f ? 2 : 1;
        const name = bytes.subarray(at, at + size).toString('hex');
        at += size;
        let n = bytes[at++];
        if (n > 128) {
            const more = n - 128;
            n = bytes.readUIntBE(at, more);
            at += more;
        }
        if (name === tag) return bytes.subarray(at, at + n);
        at += n;
    }
    throw new Error(`no ${tag}`);
}

const base64url = (bytes) => bytes.toString('base64url');

function publicKey(answer, algorithm) {
    const key = find(answer, '7f49');
    if (algorithm === RSA2048) return createPublicKey({ key: { kty: 'RSA', n: base64url(find(key, '81')), e: base64url(find(key, '82')) }, format: 'jwk' });
    const point = find(key, '86');
    return createPublicKey({ key: { kty: 'EC', crv: 'P-256', x: base64url(point.subarray(1, 33)), y: base64url(point.subarray(33)) }, format: 'jwk' });
}

/* A certificate of this key, signed by a throw-away CA in `dir`; DER. */
export function certify(dir, key, name) {
    const path = (suffix) => join(dir, `${name}.${suffix}`);
    writeFileSync(path('pub'), key.export({ type: 'spki', format: 'pem' }));
    execFileSync('openssl', ['genpkey', '-algorithm', 'RSA', '-pkeyopt', 'rsa_keygen_bits:2048', '-out', path('ca')], { stdio: 'ignore' });
    execFileSync('openssl', ['x509', '-new', '-subj', `/O=OpenUKey/CN=${name}`, '-key', path('ca'), '-force_pubkey', path('pub'), '-days', '30', '-outform', 'DER', '-out', path('der')]);
    return execFileSync('openssl', ['x509', '-inform', 'DER', '-in', path('der'), '-outform', 'DER']);
}

/* Fills the first `count` slots of a factory-new key with a pair and its certificate; `certifier` makes those of another CA; `rsa`
 * (references): these get RSA-2048. */
export async function fillPiv(wire, dir, count, certifier = certify, rsa = []) {
    const send = async (apdu) => {
        const answer = await wire.transmit(apdu);
        const sw = answer.subarray(-2).toString('hex');
        if (sw !== '9000') throw new Error(`${apdu.subarray(0, 4).toString('hex')} answered ${sw}`);
        return answer.subarray(0, -2);
    };
    await send(Buffer.from('00a4040005a000000308', 'hex'));
    const challenge = find(find(await send(extended(0x87, 3, 0x9b, Buffer.from('7c028100', 'hex'))), '7c'), '81');
    const answer = createCipheriv('des-ede3', FACTORY_KEY, null).setAutoPadding(false).update(challenge);
    await send(extended(0x87, 3, 0x9b, tlv('7c', tlv('82', answer))));
    const wanted = SLOTS.slice(0, count).map((slot) => (rsa.includes(slot.reference) ? { ...slot, algorithm: RSA2048 } : slot));
    for (const slot of wanted) {
        const made = await send(extended(0x47, 0, slot.reference, tlv('ac', tlv('80', [slot.algorithm]))));
        const der = certifier(dir, publicKey(made, slot.algorithm), `slot-${slot.id}`);
        const object = tlv('53', tlv('70', der), tlv('71', [0]), tlv('fe'));
        await send(extended(0xdb, 0x3f, 0xff, Buffer.concat([tlv('5c', Buffer.from(slot.object, 'hex')), object])));
    }
}
