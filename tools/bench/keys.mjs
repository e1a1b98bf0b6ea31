// The host's half of what is measured: a key made ready over any wire, and the commands that are then repeated.
import { createCipheriv, createHash, generateKeyPairSync } from 'node:crypto';

const le = (value, size) => {
    const bytes = Buffer.alloc(size);
    bytes.writeUIntLE(value, 0, size);
    return bytes;
};
const padded = (text, size) => Buffer.concat([Buffer.from(text), Buffer.alloc(size - text.length)]);
const extended = (cla, ins, p1, p2, data = Buffer.alloc(0)) =>
    data.length
        ? Buffer.concat([Buffer.from([cla, ins, p1, p2, 0, data.length >> 8, data.length & 255]), data, Buffer.from([0, 0])])
        : Buffer.from([cla, ins, p1, p2, 0, 0, 0]);
export const gm = (ins, p1, p2, ...parts) => extended(0x80, ins, p1, p2, Buffer.concat(parts));
const piv = (ins, p1, p2, hex) => extended(0, ins, p1, p2, Buffer.from(hex.replaceAll(' ', ''), 'hex'));

function sender(wire) {
    return async (apdu, wanted = '9000') => {
        const answer = await wire.transmit(apdu);
        const sw = answer.subarray(-2).toString('hex');
        if (sw !== wanted) throw new Error(`${apdu.subarray(0, 4).toString('hex')} answered ${sw}`);
        return answer.subarray(0, -2);
    };
}

function sm4(key, block) {
    const cipher = createCipheriv('sm4-ecb', key, null).setAutoPadding(false);
    return cipher.update(block);
}

const pinKey = (pin) => createHash('sha1').update(padded(pin, 16)).digest().subarray(0, 16);

async function cryptogram(send, key) {
    const challenge = await send(Buffer.from([0x80, 0x50, 0, 0, 0, 0, 8]));
    return sm4(key, Buffer.concat([challenge, Buffer.alloc(8)]));
}

// An application with an SM2 and an RSA container and a file; logged in.
export async function readyGm(wire) {
    const send = sender(wire);
    await send(gm(0x10, 0, 2, await cryptogram(send, Buffer.from('1234567812345678'))));
    await send(gm(0x20, 0, 0, padded('APP', 32), padded('admin-pin', 16), le(10, 4), padded('123456', 16), le(10, 4), le(0x10, 4), le(16, 1), le(32, 1), le(60, 2)));
    return openGm(wire);
}

async function openGm(wire) {
    const send = sender(wire);
    const app = (await send(gm(0x26, 0, 0, Buffer.from('APP')))).subarray(8, 10);
    await send(gm(0x18, 0, 1, app, await cryptogram(send, pinKey('123456'))));
    return { send, app };
}

async function container({ send, app }, name) {
    return send(gm(0x40, 0, 0, app, Buffer.from(name)));
}

const KIB = Buffer.alloc(1024, 0xa5);
const SM4_CBC = 0x402;

// [name, commands]: what is repeated.
export async function gmOperations(key) {
    const { send, app } = key;
    const sm2 = await container(key, 'sm2');
    const point = await send(gm(0x70, 0, 0, app, sm2, le(256, 4)));
    const rsa = await container(key, 'rsa');
    await send(gm(0x54, 0, 0, app, rsa, le(2048, 2)));
    const digest = Buffer.alloc(32, 0x5a);
    const signature = await send(gm(0x74, 2, 0, app, sm2, digest));
    const sealed = await send(gm(0x7a, 0, 0, le(256, 4), point, le(32, 4), digest)); // 04, X, Y, hash, cipher
    const cipher = Buffer.concat([le(256, 4), sealed.subarray(1, 97), le(32, 4), sealed.subarray(97)]);
    const session = await send(gm(0xa2, 0, 0, app, sm2, le(SM4_CBC, 4), le(16, 2), Buffer.alloc(16, 7)));
    const ids = Buffer.concat([app, sm2, session]);
    return [
        ['round trip (device information)', [gm(0x04, 0, 0)]],
        ['random, 32 bytes', [Buffer.from([0x80, 0x50, 0, 0, 0, 0, 32])]],
        ['SM3, 1 KiB', [gm(0xb4, 0, 1), gm(0xb6, 0, 0, KIB)]],
        ['SM4-CBC, 1 KiB', [gm(0xa4, 0, 0, ids, le(SM4_CBC, 4), Buffer.alloc(32), le(16, 4), le(0, 4), le(0, 4)), gm(0xa6, 0, 0, ids, KIB)]],
        ['SM2 sign', [gm(0x74, 2, 0, app, sm2, digest)]],
        ['SM2 verify', [gm(0x76, 0, 0, le(256, 4), point, le(32, 4), digest, signature.subarray(4))]],
        ['SM2 encrypt', [gm(0x7a, 0, 0, le(256, 4), point, le(32, 4), digest)]],
        ['SM2 decrypt', [gm(0xd2, 1, 0, app, sm2, cipher)]],
        ['RSA-2048 sign', [gm(0x58, 2, 3, app, rsa, digest)]],
    ];
}

const tlv = (tag, value) =>
    Buffer.concat([Buffer.from(value.length < 128 ? [tag, value.length] : value.length < 256 ? [tag, 0x81, value.length] : [tag, 0x82, value.length >> 8, value.length & 255]), value]);
const authenticate = (algorithm, slot, tag, value) =>
    extended(0, 0x87, algorithm, slot, tlv(0x7c, Buffer.concat([Buffer.from([0x82, 0]), tlv(tag, value)])));

// An RSA key that OpenSSL has made goes into the slot; its operation is the same for a signature and a decryption.
async function pivRsa(send, slot, algorithm, bits) {
    const jwk = generateKeyPairSync('rsa', { modulusLength: bits }).privateKey.export({ format: 'jwk' });
    const part = (name) => {
        const bytes = Buffer.from(jwk[name], 'base64url');
        return Buffer.concat([Buffer.alloc(bits / 16 - bytes.length), bytes]);
    };
    await send(extended(0, 0xfe, algorithm, slot, Buffer.concat(['p', 'q', 'dp', 'dq', 'qi'].map((name, i) => tlv(i + 1, part(name))))));
    const block = Buffer.alloc(bits / 8, 0xff);
    block.set([0, 1]);
    block.fill(0x30, bits / 8 - 52);
    return authenticate(algorithm, slot, 0x81, block);
}

// PIV: the management key by single authentication, then a key of each kind.
export async function pivOperations(wire) {
    const send = sender(wire);
    const des = (block) => createCipheriv('des-ede3', Buffer.from('010203040506070801020304050607080102030405060708', 'hex'), null).setAutoPadding(false).update(block);
    await send(piv(0xa4, 4, 0, 'a000000308'));
    const challenge = await send(piv(0x87, 3, 0x9b, '7c028100'));
    await send(piv(0x87, 3, 0x9b, `7c0a8208${des(challenge.subarray(4)).toString('hex')}`));
    await send(Buffer.concat([Buffer.from([0, 0x20, 0, 0x80, 8]), Buffer.from('123456'), Buffer.from([0xff, 0xff])]));
    const point = async (slot, algorithm) => {
        const template = await send(piv(0x47, 0, slot, `ac038001${algorithm}`));
        return template.subarray(template.indexOf(Buffer.from([0x04]), 5));
    };
    const p256 = await point(0x9a, '11');
    const p384 = await point(0x9d, '14');
    return [
        ['P-256 sign', [authenticate(0x11, 0x9a, 0x81, Buffer.alloc(32, 0x5a))]],
        ['P-256 ECDH', [authenticate(0x11, 0x9a, 0x85, p256)]],
        ['P-384 sign', [authenticate(0x14, 0x9d, 0x81, Buffer.alloc(48, 0x5a))]],
        ['P-384 ECDH', [authenticate(0x14, 0x9d, 0x85, p384)]],
        ['RSA-2048 private (PIV)', [await pivRsa(send, 0x82, 0x07, 2048)]],
        ['RSA-3072 private (PIV)', [await pivRsa(send, 0x83, 0x05, 3072)]],
        ['RSA-4096 private (PIV)', [await pivRsa(send, 0x84, 0x16, 4096)]],
    ];
}
