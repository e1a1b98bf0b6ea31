// Pictures for uploads, made here byte by byte: PNG with a resolution, in colour or grey.
import { crc32 as zlibCrc, deflateSync } from 'node:zlib';

const table = Array.from({ length: 256 }, (_, n) => {
    let c = n;
    for (let k = 0; k < 8; k += 1) c = c & 1 ? 0xedb88320 ^ (c >>> 1) : c >>> 1;
    return c >>> 0;
});
const crc32 = zlibCrc ?? ((bytes) => (~bytes.reduce((c, byte) => table[(c ^ byte) & 0xff] ^ (c >>> 8), ~0)) >>> 0);

function chunk(type, data) {
    const body = Buffer.concat([Buffer.from(type, 'latin1'), data]);
    const out = Buffer.alloc(body.length + 8);
    out.writeUInt32BE(data.length, 0);
    body.copy(out, 4);
    out.writeUInt32BE(crc32(body), body.length + 4);
    return out;
}

export function png({ width = 64, height = 64, dpi = 300, colour = true, claim } = {}) {
    const header = Buffer.alloc(13);
    header.writeUInt32BE(claim?.width ?? width, 0);
    header.writeUInt32BE(claim?.height ?? height, 4);
    header.set([8, 2, 0, 0, 0], 8);
    const rows = Buffer.alloc(height * (1 + 3 * width));
    for (let y = 0; y < height; y += 1) {
        for (let x = 0; x < width; x += 1) {
            const at = y * (1 + 3 * width) + 1 + 3 * x;
            rows.set(colour ? [200, (x * 4) & 255, 30] : [(x * 4) & 255, (x * 4) & 255, (x * 4) & 255], at);
        }
    }
    const resolution = Buffer.alloc(9);
    resolution.writeUInt32BE(Math.round(dpi / 0.0254), 0);
    resolution.writeUInt32BE(Math.round(dpi / 0.0254), 4);
    resolution[8] = 1;
    return Buffer.concat([
        Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]),
        chunk('IHDR', header),
        chunk('pHYs', resolution),
        chunk('IDAT', deflateSync(rows)),
        chunk('IEND', Buffer.alloc(0)),
    ]);
}

/* A JPEG of 16 x 16 pixels in red, at 300 DPI. */
export const jpeg = () =>
    Buffer.from(
        '/9j/4AAQSkZJRgABAQEBLAEsAAD/2wBDAFA3PEY8MlBGQUZaVVBfeMiCeG5uePWvuZHI////////////////////////////////////////////////////2wBDAVVa' +
            'WnhpeOuCguv/////////////////////////////////////////////////////////////////////////wAARCAAQABADASIAAhEBAxEB/8QAFQABAQAAAAAA' +
            'AAAAAAAAAAAAAAP/xAAUEAEAAAAAAAAAAAAAAAAAAAAA/8QAFQEBAQAAAAAAAAAAAAAAAAAAAgT/xAAUEQEAAAAAAAAAAAAAAAAAAAAA/9oADAMBAAIRAxEA' +
            'PwCQAKH/2Q==',
        'base64',
    );
