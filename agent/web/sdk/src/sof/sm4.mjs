// SM4 (GB/T 32907-2016), for encrypting what a certificate's owner alone shall read. The key is used once.
import { hexBytes } from './bytes.mjs';

const SBOX = hexBytes(
    'd690e9fecce13db716b614c228fb2c052b679a762abe04c3aa44132649860699' +
        '9c4250f491ef987a33540b43edcfac62e4b31ca9c908e89580df94fa758f3fa6' +
        '4707a7fcf37317ba83593c19e6854fa8686b81b27164da8bf8eb0f4b70569d35' +
        '1e240e5e6358d1a225227c3b01217887d40046579fd327524c3602e7a0c4c89e' +
        'eabf8ad240c738b5a3f7f2cef96115a1e0ae5da49b341a55ad933230f58cb1e3' +
        '1df6e22e8266ca60c02923ab0d534e6fd5db3745defd8e2f03ff6a726d6c5b51' +
        '8d1baf92bbddbc7f11d95c411f105ad80ac13188a5cd7bbd2d74d012b8e5b4b0' +
        '8969974a0c96777e65b9f109c56ec68418f07dec3adc4d2079ee5f3ed7cb3948',
);
const FK = [0xa3b1bac6, 0x56aa3350, 0x677d9197, 0xb27022dc];

const roll = (x, n) => (x << n) | (x >>> (32 - n));
const substitute = (x) => (SBOX[x >>> 24] << 24) | (SBOX[(x >>> 16) & 255] << 16) | (SBOX[(x >>> 8) & 255] << 8) | SBOX[x & 255];

function roundKeys(key) {
    const view = new DataView(key.buffer, key.byteOffset);
    const k = FK.map((word, i) => word ^ view.getInt32(4 * i));
    return Array.from({ length: 32 }, (_, i) => {
        const ck = [0, 1, 2, 3].reduce((word, j) => (word << 8) | (((4 * i + j) * 7) & 255), 0);
        const b = substitute(k[1] ^ k[2] ^ k[3] ^ ck);
        k.push(k.shift() ^ b ^ roll(b, 13) ^ roll(b, 23));
        return k[3];
    });
}

function encryptBlock(keys, words) {
    const x = [...words];
    for (const key of keys) {
        const b = substitute(x[1] ^ x[2] ^ x[3] ^ key);
        x.push(x.shift() ^ b ^ roll(b, 2) ^ roll(b, 10) ^ roll(b, 18) ^ roll(b, 24));
    }
    return x.reverse();
}

/* CBC with the padding of PKCS#7. */
export function sm4Cbc(key, iv, content) {
    const keys = roundKeys(key);
    const filler = 16 - (content.length % 16);
    const padded = new Uint8Array(content.length + filler).fill(filler);
    padded.set(content);
    const view = new DataView(padded.buffer);
    const first = new DataView(iv.buffer, iv.byteOffset);
    let chain = [0, 4, 8, 12].map((i) => first.getInt32(i));
    for (let at = 0; at < padded.length; at += 16) {
        chain = encryptBlock(keys, chain.map((word, i) => word ^ view.getInt32(at + 4 * i)));
        chain.forEach((word, i) => view.setInt32(at + 4 * i, word));
    }
    return padded;
}
