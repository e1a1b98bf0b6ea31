// DER, as far as certificates, signatures and envelopes need it.
import { concat, utf8Text } from './bytes.mjs';

/* The element at `offset`: {tag, content, whole, end, items()}. Throws when it is cut or longer than 4 bytes can say. */
export function parseDer(bytes, offset = 0) {
    let start = offset + 2;
    let length = bytes[offset + 1];
    if (length > 127) {
        const count = length & 127;
        if (count < 1 || count > 4) throw new Error('DER: length');
        length = 0;
        for (let i = 0; i < count; i += 1) length = length * 256 + bytes[start + i];
        start += count;
    }
    const end = start + length;
    if (!(end <= bytes.length)) throw new Error('DER: cut');
    return {
        tag: bytes[offset],
        content: bytes.subarray(start, end),
        whole: bytes.subarray(offset, end),
        end,
        items() {
            const found = [];
            for (let at = start; at < end; at = found.at(-1).end) found.push(parseDer(bytes, at));
            if (found.length > 0 && found.at(-1).end !== end) throw new Error('DER: cut');
            return found;
        },
    };
}

export function derElement(tag, ...contents) {
    const content = concat(...contents);
    const length = content.length;
    const size = [];
    for (let rest = length; rest > 0; rest = Math.floor(rest / 256)) size.unshift(rest & 255);
    return concat(length < 128 ? [tag, length] : [tag, 128 | size.length, ...size], content);
}

export const derSequence = (...items) => derElement(0x30, ...items);
export const derOctets = (bytes) => derElement(0x04, bytes);

/* A number that is not negative, of big-endian bytes. */
export function derInteger(bytes) {
    let first = 0;
    while (first < bytes.length - 1 && bytes[first] === 0) first += 1;
    const magnitude = bytes.slice(first);
    return derElement(0x02, magnitude[0] > 127 ? [0] : [], magnitude);
}

export function derOid(text) {
    const [first, second, ...more] = text.split('.').map(Number);
    const bytes = [];
    for (const arc of [first * 40 + second, ...more]) {
        const digits = [arc & 127];
        for (let rest = Math.floor(arc / 128); rest > 0; rest = Math.floor(rest / 128)) digits.unshift(rest % 128 | 128);
        bytes.push(...digits);
    }
    return derElement(0x06, bytes);
}

export function oidText(content) {
    const arcs = [];
    let arc = 0;
    for (const byte of content) {
        arc = arc * 128 + (byte & 127);
        if (byte < 128) {
            arcs.push(arc);
            arc = 0;
        }
    }
    const top = Math.min(2, Math.floor(arcs[0] / 40));
    return [top, arcs[0] - 40 * top, ...arcs.slice(1)].join('.');
}

/* A character string; of a BMPString, two bytes a character. */
export function derText({ tag, content }) {
    if (tag !== 0x1e) return utf8Text(content);
    let text = '';
    for (let i = 0; i + 1 < content.length; i += 2) text += String.fromCharCode(content[i] * 256 + content[i + 1]);
    return text;
}
