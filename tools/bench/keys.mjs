// The host's half of what is measured: a key made ready over any wire, and the commands that are then repeated.
import { createCipheriv, createHash } from 'node:crypto';

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

export async function gmOperations(key) {
    const { send, app } = key;
    const sm2 = await container(key, 'sm2');
    const point = await send(gm(0x70, 0, 0, app, sm2, le(256, 4)));
    const rsa = await container(key, 'rsa');
    await send(gm(0x54, 0, 0, app, rsa, le(2048, 2)));
    const digest = Buffer.alloc(32, 0x5a);
    const signature = await send(gm(0x74, 2, 0, app, sm2, digest));
    const verify = gm(0x76, 0, 0, le(256, 4), point, le(32, 4), digest, signature.subarray(4));
    return [
        ['round trip (device information)', gm(0x04, 0, 0)],
        ['random, 32 bytes', Buffer.from([0x80, 0x50, 0, 0, 0, 0, 32])],
        ['SM2 sign', gm(0x74, 2, 0, app, sm2, digest)],
        ['SM2 verify', verify],
        ['RSA-2048 sign', gm(0x58, 2, 3, app, rsa, digest)],
    ];
}

// PIV: the management key by single authentication, then a P-256, a P-384 and an RSA-2048 key.
export async function pivOperations(wire) {
    const send = sender(wire);
    const des = (block) => createCipheriv('des-ede3', Buffer.from('010203040506070801020304050607080102030405060708', 'hex'), null).setAutoPadding(false).update(block);
    await send(piv(0xa4, 4, 0, 'a000000308'));
    const challenge = await send(piv(0x87, 3, 0x9b, '7c028100'));
    await send(piv(0x87, 3, 0x9b, `7c0a8208${des(challenge.subarray(4)).toString('hex')}`));
    await send(Buffer.concat([Buffer.from([0, 0x20, 0, 0x80, 8]), Buffer.from('123456'), Buffer.from([0xff, 0xff])]));
    await send(piv(0x47, 0, 0x9a, 'ac03800111'));
    await send(piv(0x47, 0, 0x9d, 'ac03800114'));
    await send(piv(0x47, 0, 0x82, 'ac03800107'));
    const block = `0001${'ff'.repeat(202)}00${'30'.repeat(51)}`;
    return [
        ['P-256 sign', piv(0x87, 0x11, 0x9a, `7c24 8200 8120 ${'5a'.repeat(32)}`)],
        ['P-384 sign', piv(0x87, 0x14, 0x9d, `7c34 8200 8130 ${'5a'.repeat(48)}`)],
        ['RSA-2048 sign (PIV)', piv(0x87, 0x07, 0x82, `7c820106 8200 81820100 ${block}`)],
    ];
}
