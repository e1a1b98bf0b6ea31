// Bytes as text and back.

export const utf8 = (text) => new TextEncoder().encode(text);
export const utf8Text = (bytes) => new TextDecoder().decode(bytes);
export const hex = (bytes) => Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
export const hexBytes = (text) => Uint8Array.from(text.match(/../g) ?? [], (pair) => Number.parseInt(pair, 16));

export function base64(bytes) {
    let binary = '';
    for (const byte of bytes) binary += String.fromCharCode(byte);
    return btoa(binary);
}

/* Also of PEM, with or without line ends. Throws when it is something else. */
export function base64Bytes(text) {
    const plain = String(text).replace(/-----[^-]*-----|\s/g, '');
    return Uint8Array.from(atob(plain), (char) => char.charCodeAt(0));
}

export function concat(...parts) {
    const all = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
    let at = 0;
    for (const part of parts) {
        all.set(part, at);
        at += part.length;
    }
    return all;
}

export const randomBytes = (count) => crypto.getRandomValues(new Uint8Array(count));
