// Reads DER far enough to take structures apart. Not a validator: what it reads is then judged by openssl.

/* One element: tag, its whole bytes, its content, and for constructed ones its elements. */
export function parse(bytes, offset = 0) {
    const tag = bytes[offset];
    let length = bytes[offset + 1];
    let start = offset + 2;
    if (length & 0x80) {
        const count = length & 0x7f;
        if (count < 1 || count > 4) throw new Error(`length of length ${count} at ${offset}`);
        length = 0;
        for (let i = 0; i < count; i++) length = length * 256 + bytes[start + i];
        start += count;
    }
    const end = start + length;
    if (end > bytes.length) throw new Error(`element at ${offset} is cut`);
    return {
        tag,
        whole: bytes.subarray(offset, end),
        content: bytes.subarray(start, end),
        end,
        get items() {
            const items = [];
            for (let at = start; at < end; ) {
                const item = parse(bytes, at);
                items.push(item);
                at = item.end;
            }
            return items;
        },
    };
}

/* A DER length and content under another tag. */
export function retag(element, tag) {
    const copy = Buffer.from(element.whole);
    copy[0] = tag;
    return copy;
}

export const bitString = (element) => element.content.subarray(1); // without the count of unused bits

/* GB/T 38540 SESeal: what is signed, by whom, the signature. */
export function sealParts(der) {
    const [info, certificate, , signature] = parse(der).items;
    return { signed: info.whole, certificate: certificate.content, signature: bitString(signature) };
}

/* GM/T 0010 SignedData with authenticated attributes: content, what is signed (the SET OF), signature, certificate. */
export function signedDataParts(der) {
    const data = parse(der).items[1].items[0].items; // ContentInfo > [0] > SignedData
    const content = data[2].items[1].items[0].content;
    const certificate = data[3].items[0].whole;
    const signer = data.at(-1).items[0].items;
    const attributes = signer.find(({ tag }) => tag === 0xa0);
    const signature = signer.filter(({ tag }) => tag === 0x04).at(-1).content;
    const digest = attributes.items
        .find(({ items }) => items[0].content.toString('hex') === '2a864886f70d010904')
        .items[1].items[0].content;
    return { content, digest, signed: retag(attributes, 0x31), signature, certificate };
}
