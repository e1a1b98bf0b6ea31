// Seeds that use every command of the PIV application on the card that fuzz_apdu.c calls KIND_PIV; each command must succeed
// unless it is there to fail.
import { createCipheriv, createDecipheriv, createECDH, generateKeyPairSync } from 'node:crypto';
import { bytes } from './seed.mjs';

const CLA = 0;
const join = (...parts) => Buffer.concat(parts);
const TDES = Buffer.from('010203040506070801020304050607080102030405060708', 'hex');
const pin = (digits) => join(Buffer.from(digits), Buffer.alloc(8 - digits.length, 0xff));

function tlv(tag, ...values) {
    const value = join(...values);
    const size = value.length < 128 ? [value.length] : value.length < 256 ? [0x81, value.length] : [0x82, value.length >> 8, value.length & 255];
    const head = tag > 0xff ? [tag >> 8, tag & 255] : [tag];
    return join(Buffer.from([...head, ...size]), value);
}

const object = (tag, content) => join(tlv(0x5c, bytes(tag)), tlv(0x53, content));
const read = (seed, tag, options) => seed.send(CLA, 0xcb, 0x3f, 0xff, tlv(0x5c, bytes(tag)), { le: 0, ...options });
const generate = (seed, slot, algorithm, ...policies) => seed.send(CLA, 0x47, 0, slot, tlv(0xac, tlv(0x80, Buffer.from([algorithm])), ...policies), { le: 0 });
const use = (seed, slot, algorithm, tag, value, options) => seed.send(CLA, 0x87, algorithm, slot, tlv(0x7c, tlv(0x82), tlv(tag, value)), { le: 0, ...options });

function data(seed) {
    seed.send(CLA, 0xa4, 4, 0, bytes('a000000308'), { le: 0 });
    seed.send(CLA, 0xa4, 4, 0, bytes('a000000308000010000100'), { le: 0 });
    seed.send(CLA, 0xfd, 0, 0, undefined, { le: 3 });
    seed.send(CLA, 0xf8, 0, 0, undefined, { le: 4 });
    for (const tag of ['5fc102', '5fc107', '7e', '5fc105']) read(seed, tag);
    seed.login().administration();
    seed.send(CLA, 0xdb, 0x3f, 0xff, object('5fc10a', Buffer.alloc(3000, 0x30)));
    seed.chain(CLA, 0xdb, 0x3f, 0xff, object('5fc10b', Buffer.alloc(900, 0x31)));
    seed.send(CLA, 0xdb, 0x3f, 0xff, object('5fc109', Buffer.alloc(20, 0x32)));
    read(seed, '5fc10a');
    read(seed, '5fc10a', { extended: true });
    read(seed, '5fc109');
    seed.send(CLA, 0xdb, 0x3f, 0xff, object('5fc10a', Buffer.alloc(0)));
}

function references(seed) {
    seed.send(CLA, 0x20, 0, 0x80, pin('123456'));
    seed.send(CLA, 0x20, 0, 0x80);
    seed.send(CLA, 0x20, 0xff, 0x80);
    seed.send(CLA, 0x24, 0, 0x80, join(pin('123456'), pin('654321')));
    seed.send(CLA, 0x24, 0, 0x81, join(pin('12345678'), pin('87654321')));
    seed.send(CLA, 0x2c, 0, 0x80, join(pin('87654321'), pin('123456')));
    seed.send(CLA, 0xf7, 0, 0x80, undefined, { le: 0 });
    seed.send(CLA, 0xf7, 0, 0x9b, undefined, { le: 0 });
    seed.send(CLA, 0xf7, 0, 0x9a, undefined, { le: 0 });
    seed.send(CLA, 0xf7, 0, 0x9d, undefined, { le: 0 });
    seed.administration().login();
    seed.send(CLA, 0xfa, 2, 2);
    for (const reference of [0x80, 0x80]) seed.raw(join(bytes('002000'), Buffer.from([reference, 8]), pin('000000')));
    for (let i = 0; i < 2; i += 1) seed.raw(join(bytes('002c008010'), pin('000000'), pin('123456')));
    seed.send(CLA, 0xfb, 0, 0);
}

function elliptic(seed) {
    seed.login().administration();
    const curves = [[0x9a, 0x11, 'prime256v1', 32], [0x9c, 0x14, 'secp384r1', 48]];
    for (const [slot, algorithm, name, size] of curves) {
        seed.login();
        use(seed, slot, algorithm, 0x81, Buffer.alloc(size, 0x5a));
        const peer = createECDH(name);
        peer.setPrivateKey(Buffer.alloc(size, 9));
        seed.login();
        use(seed, slot, algorithm, 0x85, peer.getPublicKey());
        seed.send(CLA, 0xfe, algorithm, 0x82, tlv(0x06, Buffer.alloc(size, 7)));
        use(seed, 0x82, algorithm, 0x81, Buffer.alloc(20, 0x5a));
    }
    generate(seed, 0x95, 0x14, tlv(0xaa, Buffer.from([1])), tlv(0xab, Buffer.from([1])));
    use(seed, 0x95, 0x14, 0x81, Buffer.alloc(48, 1));
    generate(seed, 0x9e, 0x11);
}

const block = (bits) => join(Buffer.from([0, 1]), Buffer.alloc(bits / 8 - 2, 5));

function wideRsa(seed) {
    seed.login().administration();
    for (const [algorithm, bits] of [[0x05, 3072], [0x16, 4096]]) {
        generate(seed, 0x9e, algorithm);
        use(seed, 0x9e, algorithm, 0x81, block(bits));
    }
}

// one size: whether the primes of an import are primes takes long
function importedRsa(seed) {
    const [algorithm, bits] = [0x07, 2048];
    seed.login().administration();
    const jwk = generateKeyPairSync('rsa', { modulusLength: bits }).privateKey.export({ format: 'jwk' });
    const parts = ['p', 'q', 'dp', 'dq', 'qi'].map((name, i) => tlv(i + 1, Buffer.from(jwk[name], 'base64url')));
    seed.chain(CLA, 0xfe, algorithm, 0x9d, join(...parts));
    use(seed, 0x9d, algorithm, 0x81, block(bits), { extended: true });
    seed.send(CLA, 0xf7, 0, 0x9d, undefined, { le: 0 });
}

const ecb = (name, key, data, decrypt = false) => {
    const cipher = (decrypt ? createDecipheriv : createCipheriv)(name, key, null).setAutoPadding(false);
    return join(cipher.update(data), cipher.final());
};

function manage(seed, algorithm, name, key) {
    const size = algorithm === 3 ? 8 : 16;
    const witness = seed.send(CLA, 0x87, algorithm, 0x9b, tlv(0x7c, tlv(0x80)), { le: 0 }).subarray(4);
    seed.send(CLA, 0x87, algorithm, 0x9b, tlv(0x7c, tlv(0x80, ecb(name, key, witness, true)), tlv(0x81, Buffer.alloc(size, 3)), tlv(0x82)), { le: 0 });
    const challenge = seed.send(CLA, 0x87, algorithm, 0x9b, tlv(0x7c, tlv(0x81)), { le: 0 }).subarray(4);
    seed.send(CLA, 0x87, algorithm, 0x9b, tlv(0x7c, tlv(0x82, ecb(name, key, challenge))));
}

function management(seed) {
    manage(seed, 3, 'des-ede3', TDES);
    for (const [algorithm, size] of [[8, 16], [10, 24], [12, 32]]) {
        const key = Buffer.alloc(size, algorithm);
        seed.send(CLA, 0xff, 0xff, 0xff, join(Buffer.from([algorithm, 0x9b, size]), key));
        seed.reset();
        manage(seed, algorithm, `aes-${size * 8}-ecb`, key);
    }
}

export const pivSeeds = [data, references, elliptic, management, wideRsa, importedRsa];
