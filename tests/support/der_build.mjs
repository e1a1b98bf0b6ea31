// Writes DER, element by element: what tests compare the products' encoders with.

const size = (n) => (n < 128 ? [n] : n < 256 ? [0x81, n] : n < 65536 ? [0x82, n >> 8, n & 255] : [0x83, n >> 16, (n >> 8) & 255, n & 255]);

/* One element: a tag and what it holds (bytes, or elements one after another). */
export function tlv(tag, ...content) {
    const bytes = Buffer.concat(content.map((part) => Buffer.from(part)));
    return Buffer.concat([Buffer.from([tag, ...size(bytes.length)]), bytes]);
}

export const sequence = (...items) => tlv(0x30, ...items);
export const octets = (bytes) => tlv(0x04, bytes);
export const bits = (bytes) => tlv(0x03, [0], bytes);
export const utf8 = (text) => tlv(0x0c, Buffer.from(text));
export const ia5 = (text) => tlv(0x16, Buffer.from(text, 'latin1'));
export const printable = (text) => tlv(0x13, Buffer.from(text, 'latin1'));
export const explicit = (number, ...items) => tlv(0xa0 | number, ...items);

/* A SET OF, in DER's order. */
export const setOf = (...items) => tlv(0x31, ...items.map((item) => Buffer.from(item)).sort(Buffer.compare));

export function integer(n) {
    const bytes = [];
    do {
        bytes.unshift(n & 255);
        n = Math.floor(n / 256);
    } while (n > 0);
    if (bytes[0] & 0x80) bytes.unshift(0);
    return tlv(0x02, bytes);
}

export function oid(text) {
    const [first, second, ...more] = text.split('.').map(BigInt);
    const bytes = [];
    for (const arc of [first * 40n + second, ...more]) {
        const digits = [Number(arc & 127n)];
        for (let rest = arc >> 7n; rest > 0n; rest >>= 7n) digits.unshift(Number(rest & 127n) | 128);
        bytes.push(...digits);
    }
    return tlv(0x06, bytes);
}

const digits = (date) => new Date(date).toISOString().replace(/[-:T]|\.\d+/g, '');
export const generalizedTime = (date) => tlv(0x18, Buffer.from(digits(date)));
export const utcTime = (date) => tlv(0x17, Buffer.from(digits(date).slice(2)));
