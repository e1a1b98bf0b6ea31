// Seeds that use every command of the GM application, layout A, on the card that fuzz_apdu.c calls KIND_GM. Layouts are those of
// include/openukey/apdu.h; each command must succeed.
import { constants, createECDH, createHash, createHmac, createPrivateKey, generateKeyPairSync, publicEncrypt, createPublicKey } from 'node:crypto';
import { bytes, sm4, text, u16, u32 } from './seed.mjs';

const CLA = 0x80;
const A = u16(1);
const [C, R, E] = [u16(0x0010), u16(0x0021), u16(0x0032)];
const join = (...parts) => Buffer.concat(parts);
const DEVICE_KEY = Buffer.from('1234567812345678');
const SESSION = Buffer.from('0123456789abcdef');
const MESSAGE = Buffer.from('thirty-two bytes, two SM4 blocks');
const SM4_ECB = u32(0x401);
const SM4_CBC = u32(0x402);
const pinKey = (pin) => createHash('sha1').update(text(pin, 16)).digest().subarray(0, 16);
const id = (name) => join(u32(name.length), text(name));

/* The public point of d, X and Y. */
const point = (d) => {
    const pair = createECDH('SM2');
    pair.setPrivateKey(d);
    return pair.getPublicKey().subarray(1);
};
const field = (xy) => join(u32(256), xy);
const D = Buffer.alloc(32, 7); // of C's encryption pair
const PEER = Buffer.alloc(32, 9);
const PEER_R = Buffer.alloc(32, 11);

/* bits4, X, Y, hash32, len4, cipher, by the card's own EXT_ECC_ENCRYPT. */
function encrypt(seed, xy, plain) {
    const out = seed.send(CLA, 0x7a, 0, 0, join(field(xy), u32(plain.length), plain));
    return join(u32(256), out.subarray(1, 97), u32(plain.length), out.subarray(97));
}

function envelope(seed, container, sign, d) {
    return join(A, container, u32(1), SM4_ECB, encrypt(seed, sign, SESSION), field(point(d)), u32(64), sm4(SESSION, join(Buffer.alloc(32), d)));
}

const exportKey = (seed, container, usage) => seed.send(CLA, 0x88, usage, 0, join(A, container), { le: 0 });

function device(seed) {
    seed.administration().login();
    seed.send(CLA, 0x04, 0, 0, undefined, { le: 0x120 });
    seed.send(CLA, 0x04, 0, 0, undefined, { le: 0 }); // in parts
    seed.send(CLA, 0x22);
    seed.send(CLA, 0x02, 0, 0, text('Label'));
    seed.send(CLA, 0x14, 0, 1, A);
    seed.maced(0x16, 0, 1, A, text('654321', 16), pinKey('123456'));
    seed.maced(0x1a, 0, 0, A, text('123456', 16), pinKey('admin-pin'));
    seed.maced(0x1a, 1, 0, A, text('234567', 16), pinKey('admin-pin'));
    seed.maced(0x12, 0, 2, Buffer.alloc(0), text('another-key-16-b'), DEVICE_KEY);
    seed.maced(0xda, 0, 0, Buffer.alloc(0), text('unlock-key-16-by'), Buffer.from('another-key-16-b'));
    seed.send(CLA, 0x1c, 0, 0, A);
    seed.send(CLA, 0x28, 0, 0, A);
}

function applications(seed) {
    seed.administration();
    const create = (name, retries) => join(text(name, 32), text('admin-pin', 16), u32(5), text('user-pin', 16), u32(retries), u32(0x10), Buffer.from([4, 8, 9, 0]));
    seed.send(CLA, 0x20, 0, 0, create('SECOND', 5));
    seed.send(CLA, 0x20, 0, 0, create('MUST', 0x40000003));
    seed.send(CLA, 0x26, 0, 0, text('SECOND'));
    seed.send(CLA, 0x26, 0, 0, text('MUST'));
    seed.send(CLA, 0x22);
    const challenge = seed.send(CLA, 0x50, 0, 0, undefined, { le: 8 });
    seed.send(CLA, 0x18, 0, 1, join(u16(3), sm4(pinKey('user-pin'), join(challenge, Buffer.alloc(8)))));
    seed.maced(0x16, 0, 1, u16(3), text('user-pin-2', 16), pinKey('user-pin'));
    seed.send(CLA, 0x40, 0, 0, join(u16(3), text('in MUST')));
    seed.send(CLA, 0x24, 0, 0, text('SECOND'));
    seed.powerCycle().administration();
    seed.send(CLA, 0x24, 0, 0, text('MUST'));
}

function files(seed) {
    seed.login();
    const named = (offset, name) => join(A, u16(offset), u16(name.length), text(name));
    seed.send(CLA, 0x30, 1, 0, join(text('seal.esl', 32), u32(5000), u32(0xff), u32(0x10)));
    seed.send(CLA, 0x34, 1, 0);
    seed.send(CLA, 0x36, 1, 0, text('seal.esl'));
    seed.send(CLA, 0x3a, 0, 0, join(named(1000, 'seal.esl'), u16(1500), Buffer.alloc(1500, 0x31)));
    seed.chain(CLA, 0x3a, 0, 0, join(named(2500, 'seal.esl'), u16(600), Buffer.alloc(600, 0x32)), 200);
    seed.send(CLA, 0x38, 0, 0, named(990, 'seal.esl'), { le: 2000, extended: true });
    seed.send(CLA, 0x38, 0, 0, named(990, 'seal.esl'), { le: 0 }); // in parts
    seed.send(CLA, 0x32, 1, 0, text('seal.esl'));
    seed.send(CLA, 0x3a, 0, 0, join(named(10, 'f'), u16(3), text('new')));
}

function containers(seed) {
    seed.login();
    const container = seed.send(CLA, 0x40, 0, 0, join(A, text('new container')));
    seed.send(CLA, 0x42, 0, 0, join(A, text('C')));
    seed.send(CLA, 0x46, 0, 0, A);
    seed.send(CLA, 0x4a, 0, 0, join(A, text('C')));
    seed.send(CLA, 0x70, 0, 0, join(A, container, u32(256)));
    seed.send(CLA, 0x44, 0, 0, join(A, container));
    const certificate = (usage, length) => join(A, C, Buffer.from([usage]), u32(length), Buffer.alloc(length, 0x30));
    seed.send(CLA, 0x4c, 0, 0, certificate(1, 300));
    seed.send(CLA, 0x4c, 0, 0, certificate(0, 3000));
    seed.chain(CLA, 0x4c, 0, 0, certificate(1, 700));
    seed.send(CLA, 0x4e, 0, 0, join(A, C), { le: 0 });
    seed.send(CLA, 0x4e, 1, 0, join(A, C), { le: 0, extended: true });
    exportKey(seed, C, 1);
    seed.send(CLA, 0xd4, 0, 0, join(A, C));
    seed.send(CLA, 0x48, 0, 0, join(A, text('new container')));
}

function sm2(seed) {
    seed.login();
    const sign = exportKey(seed, C, 1).subarray(4);
    const signature = seed.send(CLA, 0x74, 2, 0, join(A, C, Buffer.alloc(32, 0x5a)));
    seed.send(CLA, 0x74, 1, 0, join(A, C, id('1234567812345678'), MESSAGE));
    seed.send(CLA, 0x76, 0, 0, join(field(sign), u32(32), Buffer.alloc(32, 0x5a), signature.subarray(4)));
    seed.send(CLA, 0x7f, 0, 0, join(field(sign), u32(32), Buffer.alloc(32, 0x5a), signature.subarray(4)));
    seed.send(CLA, 0x7e, 0, 0, join(u32(256), D, u32(32), Buffer.alloc(32, 1)));
    const cipher = encrypt(seed, point(D), MESSAGE);
    seed.send(CLA, 0x7c, 0, 0, join(u32(256), D, cipher.subarray(4)));
    seed.send(CLA, 0xd2, 0, 0, join(A, C, cipher));
}

function history(seed) {
    seed.login();
    const sign = exportKey(seed, C, 1).subarray(4);
    seed.send(CLA, 0x4c, 0, 0, join(A, C, Buffer.from([0]), u32(50), Buffer.alloc(50, 0x30)));
    seed.send(CLA, 0x72, 1, 0, envelope(seed, C, sign, PEER)); // renew
    seed.send(CLA, 0x72, 2, 0, envelope(seed, C, sign, PEER_R)); // into the history
    seed.send(CLA, 0x72, 0, 0, envelope(seed, C, sign, PEER)); // again: nothing changes
    seed.send(CLA, 0xdc, 0, 0, join(A, C));
    seed.send(CLA, 0xd2, 2, 0, join(A, C, encrypt(seed, point(D), MESSAGE)));
    seed.send(CLA, 0x4e, 2, 0, join(A, C));
    seed.send(CLA, 0xd4, 0, 0, join(A, C));
}

function rsaPublic(seed, usage = 1) {
    const out = exportKey(seed, R, usage); // bits2, e4, n
    return { fields: join(u32(2048), out.subarray(6, 262), out.subarray(2, 6)), n: out.subarray(6, 262) };
}

const spki = (n) => createPublicKey({ format: 'jwk', key: { kty: 'RSA', n: n.toString('base64url'), e: 'AQAB' } });

function rsa(seed) {
    seed.login();
    const { fields } = rsaPublic(seed);
    const signature = seed.send(CLA, 0x58, 1, 3, join(A, R, MESSAGE), { le: 0x100, extended: true });
    seed.send(CLA, 0x58, 2, 1, join(A, R, Buffer.alloc(32, 3)));
    seed.send(CLA, 0x58, 2, 0, join(A, R, MESSAGE));
    seed.send(CLA, 0x5e, 1, 3, join(fields, u32(MESSAGE.length), MESSAGE, u32(256), signature));
    const block = join(Buffer.from([0, 1]), Buffer.alloc(254, 7));
    seed.send(CLA, 0x60, 0, 0, join(fields, u32(256), block));
    const parts = seed.send(CLA, 0x52, 0, 0, u16(2048), { le: 0x484, extended: true });
    seed.send(CLA, 0x60, 1, 0, join(u32(2048), parts, u32(256), block));
    seed.send(CLA, 0xd0, 1, 0, join(A, R, block));
    seed.send(CLA, 0x54, 0, 0, join(A, E, u16(2048)), { le: 260, extended: true });
}

function rsaEncryption(seed) {
    seed.login();
    const pair = generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey;
    const der = pair.export({ format: 'der', type: 'pkcs1' });
    const wrap = publicEncrypt({ key: spki(rsaPublic(seed).n), padding: constants.RSA_PKCS1_PADDING }, SESSION);
    const padded = join(der, Buffer.alloc((16 - (der.length % 16)) % 16));
    seed.send(CLA, 0x56, 0, 0, join(A, R, SM4_ECB, u32(256), wrap, u32(2048), u32(padded.length), sm4(SESSION, padded)));
    const { fields, n } = rsaPublic(seed, 0);
    seed.send(CLA, 0x5a, 0, 0, join(A, R, SM4_ECB, fields), { le: 258, extended: true });
    const cipher = publicEncrypt({ key: spki(n), padding: constants.RSA_PKCS1_PADDING }, SESSION);
    const session = seed.send(CLA, 0xa0, 0, 0, join(A, R, SM4_ECB, u32(256), cipher));
    seed.send(CLA, 0x5c, 0, 0, join(A, R, session, fields), { le: 256, extended: true });
}

const importSession = (seed) => seed.send(CLA, 0xa2, 0, 0, join(A, C, SM4_CBC, u16(16), SESSION));
const init = (session, alg, pad) => join(A, C, session, alg, Buffer.alloc(32, 0x11), u32(16), u32(pad), u32(0));

function cipher(seed) {
    seed.login();
    const session = importSession(seed);
    const with_ = (data = Buffer.alloc(0)) => join(A, C, session, data);
    seed.send(CLA, 0xa4, 0, 0, init(session, SM4_CBC, 1));
    const first = seed.send(CLA, 0xa8, 0, 0, with_(MESSAGE));
    const last = seed.send(CLA, 0xaa, 0, 0, with_(text('rest')));
    seed.send(CLA, 0xac, 0, 0, init(session, SM4_CBC, 1));
    seed.send(CLA, 0xb0, 0, 0, with_(first));
    seed.send(CLA, 0xb2, 0, 0, with_(last));
    seed.send(CLA, 0xa4, 0, 0, init(session, SM4_CBC, 0));
    const whole = seed.send(CLA, 0xa6, 0, 0, with_(MESSAGE));
    seed.send(CLA, 0xac, 0, 0, init(session, SM4_CBC, 0));
    seed.send(CLA, 0xae, 0, 0, with_(whole));
    seed.send(CLA, 0xa4, 0, 0, join(A, C, session, SM4_ECB, Buffer.alloc(32), u32(0), u32(1), u32(0)));
    seed.send(CLA, 0xa6, 0, 0, with_(text('odd')));
    seed.send(CLA, 0xc4, 0, 0, with_());
}

function macAndDigest(seed) {
    seed.login();
    const session = importSession(seed);
    seed.send(CLA, 0xbc, 0, 0, init(session, u32(0x410), 0));
    seed.send(CLA, 0xc0, 0, 0, join(A, C, session, MESSAGE));
    seed.send(CLA, 0xc2, 0, 0, join(A, C, session));
    seed.send(CLA, 0xbc, 0, 0, init(session, u32(0x410), 0));
    seed.send(CLA, 0xbe, 0, 0, join(A, C, session, MESSAGE));
    for (const hash of [1, 2, 3]) {
        seed.send(CLA, 0xb4, 0, hash);
        seed.send(CLA, 0xb8, 0, 0, MESSAGE);
        seed.send(CLA, 0xba, 0, 0, text('last'));
    }
    seed.send(CLA, 0xb4, 0, 1, join(field(point(D)), id('1234567812345678')));
    seed.send(CLA, 0xb6, 0, 0, MESSAGE);
}

function sessions(seed) {
    seed.login();
    seed.send(CLA, 0x78, 0, 0, join(A, C, field(point(PEER)), SM4_CBC));
    const cipherOf = encrypt(seed, point(D), SESSION);
    const session = seed.send(CLA, 0xa0, 0, 0, join(A, C, SM4_ECB, u32(cipherOf.length), cipherOf));
    seed.send(CLA, 0x80, 0, 0, join(A, C, session, field(point(PEER))));
    const began = seed.send(CLA, 0x82, 0, 0, join(A, C, SM4_ECB, id('card')));
    seed.send(CLA, 0x86, 0, 0, join(A, C, began.subarray(68), field(point(PEER)), field(point(PEER_R)), id('peer')));
    seed.send(CLA, 0x84, 0, 0, join(A, C, SM4_ECB, field(point(PEER)), field(point(PEER_R)), id('peer'), id('card')));
    seed.reset();
}

function unlock(seed) {
    seed.login();
    const order = text('CASE1');
    const named = join(Buffer.from([order.length]), order);
    const answer = seed.send(CLA, 0xd6, 0, 0, join(A, named)); // serial32, challenge16, left1
    const about = join(answer.subarray(0, 48), named);
    const key = createHmac('sm3', text('unlock-key-16-by')).update(join(text('OpenUKey unlock'), Buffer.alloc(1), about)).digest();
    const body = join(A, Buffer.from([1]), sm4(key.subarray(0, 16), text('new-pin', 16)));
    const mac = createHmac('sm3', key.subarray(16)).update(join(bytes('80d80000'), about, body)).digest().subarray(0, 16);
    seed.send(CLA, 0xd8, 0, 0, join(body, mac));
}

export const gmSeeds = [device, applications, files, containers, sm2, history, rsa, rsaEncryption, cipher, macAndDigest, sessions, unlock];
