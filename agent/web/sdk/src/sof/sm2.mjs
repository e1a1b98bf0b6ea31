// SM2 (GB/T 32918) with public keys only: what a key shall sign, whether it has signed, and encryption. No secret of a key is here, so time
// may tell what it likes.
import { concat, hex, hexBytes, randomBytes, utf8 } from './bytes.mjs';
import { derInteger, derOctets, derSequence, parseDer } from './der.mjs';
import { sm3 } from './sm3.mjs';

// GB/T 32918.5
const P = 0xfffffffeffffffffffffffffffffffffffffffff00000000ffffffffffffffffn;
const A = P - 3n;
const B = 0x28e9fa9e9d9f5e344d5a9e4bcf6509a7f39789f515ab8f92ddbcbd414d940e93n;
const N = 0xfffffffeffffffffffffffffffffffff7203df6b21c6052b53bbf40939d54123n;
const G = {
    x: 0x32c4ae2c1f1981195f9904466a39c9948fe30bbff2660be1715a4589334c74c7n,
    y: 0xbc3736a2f4f6779c59bdcee36b692153d0a9877cc62a474002df32e52139f0a0n,
};
const IDENTITY = '1234567812345678'; // GM/T 0009

const mod = (x, m = P) => ((x % m) + m) % m;
const number = (bytes) => BigInt(`0x${hex(bytes) || '0'}`);
const word = (x) => hexBytes(x.toString(16).padStart(64, '0'));

function inverse(x) {
    let [a, b, u, v] = [mod(x), P, 1n, 0n];
    while (a > 1n) {
        const q = b / a;
        [a, b, u, v] = [b - q * a, a, v - q * u, u];
    }
    return mod(u);
}

// null is the point at infinity
function add(p, q) {
    if (!p || !q) return p ?? q;
    if (p.x === q.x && mod(p.y + q.y) === 0n) return null;
    const slope = p.x === q.x ? mod((3n * p.x * p.x + A) * inverse(2n * p.y)) : mod((q.y - p.y) * inverse(q.x - p.x));
    const x = mod(slope * slope - p.x - q.x);
    return { x, y: mod(slope * (p.x - x) - p.y) };
}

function times(k, point) {
    let sum = null;
    for (const bit of k.toString(2)) {
        sum = add(sum, sum);
        if (bit === '1') sum = add(sum, point);
    }
    return sum;
}

/* A public key as certificates have it: 04 || x || y. Throws unless it is on the curve. */
function pointOf(bytes) {
    const point = { x: number(bytes.subarray(1, 33)), y: number(bytes.subarray(33)) };
    const isOnCurve = point.x < P && point.y < P && mod(point.y * point.y - (point.x * point.x + A) * point.x - B) === 0n;
    if (bytes.length !== 65 || bytes[0] !== 4 || !isOnCurve) throw new Error('SM2: no public key');
    return point;
}

/* e, which the key signs: SM3(Z || content) (GB/T 32918.2, 6.1). */
export function sm2Digest(publicKey, content) {
    const z = sm3(concat([0, 8 * IDENTITY.length], utf8(IDENTITY), word(A), word(B), word(G.x), word(G.y), publicKey.subarray(1)));
    return sm3(concat(z, content));
}

/* signature: DER, or r || s (GB/T 32918.2, 7.1). */
export function sm2Verify(publicKey, content, signature) {
    const halves = signature.length === 64 ? [signature.subarray(0, 32), signature.subarray(32)] : parseDer(signature).items().map((one) => one.content);
    const [r, s] = halves.map(number);
    const t = mod(r + s, N);
    if (halves.length !== 2 || r <= 0n || r >= N || s <= 0n || s >= N || t === 0n) return false;
    const point = add(times(s, G), times(t, pointOf(publicKey)));
    return point !== null && mod(number(sm2Digest(publicKey, content)) + point.x, N) === r;
}

/* SM2Cipher of GM/T 0009 in DER (GB/T 32918.4, 6.1). */
export function sm2Encrypt(publicKey, content) {
    const point = pointOf(publicKey);
    const k = (number(randomBytes(40)) % (N - 1n)) + 1n;
    const c1 = times(k, G);
    const shared = times(k, point);
    const x2 = word(shared.x);
    const y2 = word(shared.y);
    const stream = new Uint8Array(content.length);
    for (let at = 0, counter = 1; at < stream.length; at += 32, counter += 1) {
        const block = sm3(concat(x2, y2, [counter >>> 24, (counter >>> 16) & 255, (counter >>> 8) & 255, counter & 255]));
        stream.set(block.subarray(0, Math.min(32, stream.length - at)), at);
    }
    if (stream.every((byte) => byte === 0)) return sm2Encrypt(publicKey, content);
    const hidden = content.map((byte, i) => byte ^ stream[i]);
    return derSequence(derInteger(word(c1.x)), derInteger(word(c1.y)), derOctets(sm3(concat(x2, content, y2))), derOctets(hidden));
}
