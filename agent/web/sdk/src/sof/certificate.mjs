// Certificates as far as old pages ask about them, and what can be done with their public keys.
import { base64Bytes, concat, hex, randomBytes } from './bytes.mjs';
import { derElement, derInteger, derOctets, derOid, derSequence, derText, oidText, parseDer } from './der.mjs';
import { sm2Digest, sm2Encrypt, sm2Verify } from './sm2.mjs';
import { sm4Cbc } from './sm4.mjs';

const ATTRIBUTES = {
    '2.5.4.3': 'CN', '2.5.4.4': 'SN', '2.5.4.5': 'SERIALNUMBER', '2.5.4.6': 'C', '2.5.4.7': 'L', '2.5.4.8': 'ST', '2.5.4.9': 'STREET',
    '2.5.4.10': 'O', '2.5.4.11': 'OU', '2.5.4.12': 'T', '2.5.4.42': 'G', '2.5.4.97': 'OID.2.5.4.97', '1.2.840.113549.1.9.1': 'E',
};

const KEY_TYPES = {
    '1.2.156.10197.1.301': { type: 'SM2' },
    '1.2.840.113549.1.1.1': { type: 'RSA', hash: 'SHA-256' },
    '1.2.840.10045.3.1.7': { type: 'EC', curve: 'P-256', hash: 'SHA-256', size: 32 },
    '1.3.132.0.34': { type: 'EC', curve: 'P-384', hash: 'SHA-384', size: 48 },
};

/* A name's attributes, in its order: [[type, value]]. */
const attributesOf = (name) =>
    name.items().flatMap((set) =>
        set.items().map((pair) => {
            const [type, value] = pair.items();
            const oid = oidText(type.content);
            return [ATTRIBUTES[oid] ?? oid, derText(value)];
        }),
    );

function timeOf({ tag, content }) {
    const text = derText({ tag: 0x0c, content });
    const full = tag === 0x17 ? (Number(text.slice(0, 2)) < 50 ? '20' : '19') + text : text;
    return full.replace(/^(....)(..)(..)(..)(..)(..)Z$/, '$1-$2-$3T$4:$5:$6Z');
}

/* base64 or PEM of a certificate. Throws when it is none. */
export function parseCertificate(text) {
    const der = base64Bytes(text);
    const parts = parseDer(der).items();
    const fields = parts[0].items();
    const hasVersion = fields[0].tag === 0xa0;
    const [serial, , issuer, validity, subject, keyInfo, ...more] = hasVersion ? fields.slice(1) : fields;
    const [algorithm, keyBits] = keyInfo.items();
    const algorithms = algorithm.items();
    const parameter = algorithms[1]?.tag === 0x06 ? oidText(algorithms[1].content) : '';
    const key = KEY_TYPES[parameter] ?? KEY_TYPES[oidText(algorithms[0].content)] ?? { type: 'OTHER' };
    const extensions = more.find((one) => one.tag === 0xa3)?.items()[0].items() ?? [];
    const [notBefore, notAfter] = validity.items().map(timeOf);
    return {
        der,
        version: hasVersion ? fields[0].items()[0].content[0] + 1 : 1,
        serial: hex(serial.content).replace(/^00/, '').toUpperCase(),
        serialWhole: serial.whole,
        signatureAlgorithm: oidText(parts[1].items()[0].content),
        issuer: attributesOf(issuer),
        issuerWhole: issuer.whole,
        subject: attributesOf(subject),
        notBefore,
        notAfter,
        key: { ...key, info: keyInfo.whole, bytes: keyBits.content.subarray(1) },
        // the value behind an OID: of an extension, or of the subject
        find(oid) {
            const extension = extensions.map((one) => one.items()).find(([type]) => oidText(type.content) === oid);
            if (!extension) return attributesOf(subject).find(([type]) => type === (ATTRIBUTES[oid] ?? oid))?.[1] ?? '';
            const { content } = extension.at(-1);
            const isText = [0x0c, 0x13, 0x16, 0x1e].includes(content[0]) && content[1] === content.length - 2;
            return isText ? derText(parseDer(content)) : derText({ tag: 0x0c, content });
        },
    };
}

const EC = (key) => ({ name: 'ECDSA', namedCurve: key.curve, hash: key.hash });
const RSA_SIGNATURE = { name: 'RSASSA-PKCS1-v1_5', hash: 'SHA-256' };

/* What a key signs to sign these bytes. */
export async function digestFor({ key }, bytes) {
    if (key.type === 'SM2') return sm2Digest(key.bytes, bytes);
    return new Uint8Array(await crypto.subtle.digest(key.hash, bytes));
}

/* Has the certificate's key signed these bytes? Of EC signatures DER or r || s. */
export async function hasSigned({ key }, bytes, signature) {
    if (key.type === 'SM2') return sm2Verify(key.bytes, bytes, signature);
    const algorithm = key.type === 'RSA' ? RSA_SIGNATURE : EC(key);
    const publicKey = await crypto.subtle.importKey('spki', key.info, algorithm, false, ['verify']);
    const plain = key.type === 'RSA' || signature.length === 2 * key.size ? signature : rAndS(signature, key.size);
    return crypto.subtle.verify(algorithm, publicKey, plain, bytes);
}

function rAndS(der, size) {
    const halves = parseDer(der).items().map(({ content }) => {
        const magnitude = content[0] === 0 ? content.subarray(1) : content;
        if (magnitude.length > size) throw new Error('EC: signature');
        return concat(new Uint8Array(size - magnitude.length), magnitude);
    });
    return concat(...halves);
}

const GM = '1.2.156.10197.6.1.4.2';
const PKCS7 = '1.2.840.113549.1.7';

/* EnvelopedData for the certificate's key: GM/T 0010 with SM2 and SM4-CBC, CMS with RSA-OAEP (SHA-256) and AES-256-CBC. */
export async function envelopeFor(certificate, bytes) {
    const { key } = certificate;
    const iv = randomBytes(16);
    const isGm = key.type === 'SM2';
    const contentKey = randomBytes(isGm ? 16 : 32);
    const wrapped = isGm ? sm2Encrypt(key.bytes, contentKey) : await rsaWrap(key, contentKey);
    const encrypted = isGm ? sm4Cbc(contentKey, iv, bytes) : await aesCbc(contentKey, iv, bytes);
    const sha256 = derSequence(derOid('2.16.840.1.101.3.4.2.1'), derElement(0x05));
    const mgf1 = derSequence(derOid('1.2.840.113549.1.1.8'), sha256);
    const oaep = derSequence(derOid('1.2.840.113549.1.1.7'), derSequence(derElement(0xa0, sha256), derElement(0xa1, mgf1)));
    const recipient = derSequence(
        derInteger([isGm ? 1 : 0]),
        derSequence(certificate.issuerWhole, certificate.serialWhole),
        isGm ? derSequence(derOid('1.2.156.10197.1.301.3')) : oaep,
        derOctets(wrapped),
    );
    const content = derSequence(
        derOid(`${isGm ? GM : PKCS7}.1`),
        derSequence(derOid(isGm ? '1.2.156.10197.1.104.2' : '2.16.840.1.101.3.4.1.42'), derOctets(iv)),
        derElement(0x80, encrypted),
    );
    const enveloped = derSequence(derInteger([isGm ? 1 : 0]), derElement(0x31, recipient), content);
    return derSequence(derOid(`${isGm ? GM : PKCS7}.3`), derElement(0xa0, enveloped));
}

async function rsaWrap(key, contentKey) {
    if (key.type !== 'RSA') throw new Error('this kind of key cannot open envelopes');
    const algorithm = { name: 'RSA-OAEP', hash: 'SHA-256' };
    const publicKey = await crypto.subtle.importKey('spki', key.info, algorithm, false, ['encrypt']);
    return new Uint8Array(await crypto.subtle.encrypt(algorithm, publicKey, contentKey));
}

async function aesCbc(contentKey, iv, bytes) {
    const secret = await crypto.subtle.importKey('raw', contentKey, 'AES-CBC', false, ['encrypt']);
    return new Uint8Array(await crypto.subtle.encrypt({ name: 'AES-CBC', iv }, secret, bytes));
}
