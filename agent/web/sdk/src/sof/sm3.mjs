// SM3 (GB/T 32905-2016).

const IV = [0x7380166f, 0x4914b2b9, 0x172442d7, 0xda8a0600, 0xa96f30bc, 0x163138aa, 0xe38dee4d, 0xb0fb0e4e];
const rotate = (x, n) => (x << n % 32) | (x >>> (32 - (n % 32)) % 32);
const p0 = (x) => x ^ rotate(x, 9) ^ rotate(x, 17);
const p1 = (x) => x ^ rotate(x, 15) ^ rotate(x, 23);

// One block of 16 words (5.3)
function compress(state, block) {
    const w = [...block];
    for (let j = 16; j < 68; j += 1) {
        w[j] = p1(w[j - 16] ^ w[j - 9] ^ rotate(w[j - 3], 15)) ^ rotate(w[j - 13], 7) ^ w[j - 6];
    }
    let [a, b, c, d, e, f, g, h] = state;
    for (let j = 0; j < 64; j += 1) {
        const early = j < 16;
        const ss1 = rotate((rotate(a, 12) + e + rotate(early ? 0x79cc4519 : 0x7a879d8a, j)) | 0, 7);
        const ss2 = ss1 ^ rotate(a, 12);
        const tt1 = ((early ? a ^ b ^ c : (a & b) | (a & c) | (b & c)) + d + ss2 + (w[j] ^ w[j + 4])) | 0;
        const tt2 = ((early ? e ^ f ^ g : (e & f) | (~e & g)) + h + ss1 + w[j]) | 0;
        [a, b, c, d, e, f, g, h] = [tt1, a, rotate(b, 9), c, p0(tt2), e, rotate(f, 19), g];
    }
    return [a, b, c, d, e, f, g, h].map((x, i) => x ^ state[i]);
}

export function sm3(bytes) {
    const padded = new Uint8Array(Math.ceil((bytes.length + 9) / 64) * 64);
    padded.set(bytes);
    padded[bytes.length] = 0x80;
    const view = new DataView(padded.buffer);
    view.setUint32(padded.length - 8, Math.floor(bytes.length / 0x20000000));
    view.setUint32(padded.length - 4, (bytes.length * 8) >>> 0);
    let state = IV;
    for (let at = 0; at < padded.length; at += 64) {
        state = compress(state, Array.from({ length: 16 }, (_, i) => view.getInt32(at + 4 * i)));
    }
    const digest = new DataView(new ArrayBuffer(32));
    state.forEach((word, i) => digest.setInt32(4 * i, word));
    return new Uint8Array(digest.buffer);
}
