// A judge of GM SignedData and of stamps that shares nothing with the products: the structure is taken apart, built again byte for byte
// and compared; digests are node's, SM2 signatures OpenSSL's (sm2-lines).
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { parse } from './der.mjs';
import { bits, ia5, integer, octets, oid, sequence, tlv } from './der_build.mjs';

const sm3 = (bytes) => createHash('sm3').update(bytes).digest();
const GM = '1.2.156.10197.6.1.4.2';
const ALGORITHM = { sm3: sequence(oid('1.2.156.10197.1.401')), sign: sequence(oid('1.2.156.10197.1.301.1')), sm3WithSm2: oid('1.2.156.10197.1.501') };
const ATTRIBUTE = { type: '1.2.840.113549.1.9.3', digest: '1.2.840.113549.1.9.4', certificate: '1.2.840.113549.1.9.16.2.47', algorithms: '1.2.840.113549.1.9.52' };

class Refused extends Error {}
const insist = (holds, what) => {
    if (!holds) throw new Refused(what);
};
const same = (a, b, what) => insist(Buffer.compare(Buffer.from(a), Buffer.from(b)) === 0, what);

/* tbs, public key, issuer and serial number of a certificate that is built as DER wants it. */
function certificate(der) {
    const [tbs, algorithm, signature] = parse(der).items;
    same(der, sequence(tbs.whole, algorithm.whole, bits(signature.content.subarray(1))), 'certificate');
    const fields = tbs.items;
    const at = fields[0].tag === 0xa0 ? 1 : 0;
    same(algorithm.whole, fields[at + 1].whole, 'certificate algorithm');
    return { tbs: tbs.whole, signature: signature.content.subarray(1), serial: fields[at].whole, issuer: fields[at + 2].whole, spki: fields[at + 5].whole };
}

/* Certificate and content of a GM SignedData that is built right; `lines` gets what is left to be verified. */
export function judgeSignedData(der, lines) {
    const data = parse(der).items[1].items[0].items;
    const content = data[2].items[1].items[0].content;
    const x509 = data[3].items[0].whole;
    const signer = data[4].items[0].items;
    const attributes = signer[3];
    const signature = signer[5].content;
    const { spki, serial, issuer } = certificate(x509);
    const built = sequence(
        oid(`${GM}.2`),
        tlv(0xa0, sequence(
            integer(1),
            tlv(0x31, ALGORITHM.sm3),
            sequence(oid(`${GM}.1`), tlv(0xa0, octets(content))),
            tlv(0xa0, x509),
            tlv(0x31, sequence(integer(1), sequence(issuer, serial), ALGORITHM.sm3, tlv(0xa0, attributes.content), ALGORITHM.sign, octets(signature))),
        )),
    );
    same(der, built, 'structure');
    const value = (name) => {
        const found = attributes.items.filter(({ items }) => Buffer.compare(items[0].whole, oid(name)) === 0);
        insist(found.length === 1, name);
        return found[0].items[1].content;
    };
    same(value(ATTRIBUTE.type), oid(`${GM}.1`), 'content type');
    same(value(ATTRIBUTE.digest), octets(sm3(content)), 'digest');
    same(value(ATTRIBUTE.certificate), sequence(sequence(sequence(ALGORITHM.sm3, octets(sm3(x509))))), 'certificate');
    same(value(ATTRIBUTE.algorithms), sequence(ALGORITHM.sm3, tlv(0xa1, oid('1.2.156.10197.1.301.1'))), 'algorithms');
    lines.push([spki, tlv(0x31, attributes.content), signature]);
    return { content, certificate: x509 };
}

/* A stamp of version 4 with a seal of version 4 that lists certificates: signatures of the stamp, of the seal, and of its maker by `issuer`. */
export function judgeStamp(der, issuer, document, lines) {
    const [body, x509, algorithm, signature] = parse(der).items;
    const [, seal, time, hash, property] = body.items;
    const [info, maker, , sealed] = seal.items;
    const value = (element) => element.content.subarray(1);
    const builtSeal = sequence(info.whole, octets(maker.content), ALGORITHM.sm3WithSm2, bits(value(sealed)));
    const builtBody = sequence(integer(4), builtSeal, tlv(0x18, time.content), bits(sm3(document)), ia5(property.content.toString('latin1')));
    same(der, sequence(builtBody, octets(x509.content), ALGORITHM.sm3WithSm2, bits(value(signature))), 'structure');
    const listed = info.items[2].items[3].items.map((item) => item.content);
    insist(listed.some((one) => Buffer.compare(one, x509.content) === 0), 'the seal does not list the certificate');
    insist(algorithm !== undefined && hash !== undefined, 'fields');
    const made = certificate(maker.content);
    lines.push([certificate(x509.content).spki, body.whole, value(signature)]);
    lines.push([made.spki, info.whole, value(sealed)]);
    lines.push([certificate(issuer).spki, made.tbs, made.signature]);
}

/* Changes one bit of every byte, but for those of `skip`. Answers the positions at which judge(bytes, lines) and all its signatures still hold. */
export async function acceptedChanges(program, der, judge, skip = () => false) {
    const asked = new Map(); // line: its number
    const owners = [];
    const open = new Set();
    const tryOne = (at, bytes) => {
        const lines = [];
        try {
            judge(bytes, lines);
        } catch {
            return; // not even the structure
        }
        open.add(at);
        for (const line of lines) {
            const text = line.map((part) => Buffer.from(part).toString('hex')).join(' ');
            if (!asked.has(text)) asked.set(text, asked.size);
            owners.push([at, asked.get(text)]);
        }
    };
    tryOne(-1, der);
    for (let at = 0; at < der.length; at += 1) {
        if (skip(at)) continue;
        if (at % 64 === 0) await new Promise((done) => setImmediate(done)); // connections are waiting meanwhile
        const changed = Buffer.from(der);
        changed[at] ^= at % 2 ? 0x20 : 0x01;
        tryOne(at, changed);
    }
    const child = spawn(program, { stdio: ['pipe', 'pipe', 'inherit'] });
    let said = '';
    child.stdout.setEncoding('utf8').on('data', (text) => {
        said += text;
    });
    const ended = new Promise((done, fail) => child.on('error', fail).on('close', done));
    child.stdin.end(`${[...asked.keys()].join('\n')}\n`);
    if ((await ended) !== 0) throw new Error('sm2-lines failed');
    const answers = said.trim().split('\n');
    if (answers.length !== asked.size) throw new Error(`${answers.length} answers to ${asked.size} questions`);
    for (const [at, number] of owners) if (answers[number] !== 'good') open.delete(at);
    if (!open.delete(-1)) throw new Error('the unchanged one is refused');
    return { accepted: [...open], signatures: answers.length };
}
