// Electronic seals and stamps made here: certificates and signatures by openssl, every byte of ASN.1 by der_build.mjs.
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { bits, explicit, generalizedTime, ia5, integer, octets, oid, printable, sequence, utcTime, utf8 } from './der_build.mjs';

const DISTID = 'distid:1234567812345678';
const SM3_WITH_SM2 = '1.2.156.10197.1.501';
const DAY = 86400_000;
// a PNG of one pixel
const PICTURE = Buffer.from('iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==', 'base64');

export const sm3 = (bytes) => createHash('sm3').update(bytes).digest();

export class SealMaker {
    constructor() {
        this.dir = mkdtempSync(join(tmpdir(), 'openukey-seals-'));
        this.root = this.#party('root', null, 'critical,CA:TRUE', 'keyCertSign');
        this.maker = this.#party('maker', this.root, 'CA:FALSE', 'digitalSignature');
        this.signer = this.#party('signer', this.root, 'CA:FALSE', 'digitalSignature');
        this.other = this.#party('other', this.root, 'CA:FALSE', 'digitalSignature');
        this.stranger = this.#party('stranger', null, 'critical,CA:TRUE', 'keyCertSign');
    }

    close() {
        rmSync(this.dir, { recursive: true, force: true });
    }

    get rootFile() {
        return this.root.certificateFile;
    }

    #openssl(...args) {
        return execFileSync('openssl', args, { stdio: ['ignore', 'pipe', 'pipe'] });
    }

    #party(name, issuer, constraints, usage) {
        const path = (suffix) => join(this.dir, `${name}.${suffix}`);
        this.#openssl('genpkey', '-algorithm', 'SM2', '-out', path('key'));
        writeFileSync(path('ext'), `basicConstraints=${constraints}\nkeyUsage=${usage}\n`);
        const subject = `/C=CN/O=Test/CN=${name}`;
        const sign = ['-sm3', '-sigopt', DISTID];
        this.#openssl('req', '-new', '-key', path('key'), '-subj', subject, ...sign, '-out', path('csr'));
        const by = issuer ? ['-CA', issuer.certificateFile, '-CAkey', issuer.keyFile, '-set_serial', String(name.length * 7)] : ['-signkey', path('key')];
        this.#openssl('x509', '-req', '-in', path('csr'), ...by, '-days', '300', '-extfile', path('ext'), ...sign, '-vfyopt', DISTID, '-out', path('pem'));
        const der = this.#openssl('x509', '-in', path('pem'), '-outform', 'DER');
        return { name, keyFile: path('key'), certificateFile: path('pem'), der };
    }

    sign(party, bytes) {
        const file = join(this.dir, 'data');
        writeFileSync(file, bytes);
        this.#openssl('pkeyutl', '-sign', '-inkey', party.keyFile, '-rawin', '-digest', 'sm3', '-in', file, '-out', `${file}.sig`, '-pkeyopt', DISTID);
        return readFileSync(`${file}.sig`);
    }

    /* options: id; version 1, 4 or 5; digests (list these instead of certificates); start, end (ms); maker; listed (certificates); tagged (extDatas);
     * parts: what a version 4 maker signs like one of version 1 */
    seal({ id = '43010000000001', version = 4, digests = false, start = Date.now() - DAY, end = Date.now() + 90 * DAY, maker = this.maker, listed = [this.signer], threeParts = version === 1, timeStamp } = {}) {
        const time = version === 1 ? utcTime : generalizedTime;
        const list = digests
            ? sequence(...listed.map(({ der }) => sequence(printable('SM3'), octets(sm3(der)))))
            : sequence(...listed.map(({ der }) => octets(der)));
        const property = sequence(
            integer(1),
            utf8('某某公司公章'),
            ...(version === 1 ? [] : [integer(digests ? 2 : 1)]),
            list,
            time(start), time(start), time(end),
        );
        const info = sequence(
            sequence(ia5('ES'), integer(version), ia5('TestMaker')),
            ia5(id),
            property,
            sequence(ia5('PNG'), octets(PICTURE), integer(40), integer(30)),
        );
        const algorithm = oid(SM3_WITH_SM2);
        const certificate = octets(maker.der);
        const value = bits(this.sign(maker, threeParts ? sequence(info, certificate, algorithm) : info));
        if (version === 1) return sequence(info, sequence(certificate, algorithm, value));
        return sequence(info, certificate, algorithm, value, ...(timeStamp ? [explicit(0, bits(timeStamp))] : []));
    }

    /* A stamp with that seal on the document. */
    stamp({ version = 4, seal = this.seal({ version }), document = 'document', time = Date.now(), signer = this.signer, propertyInfo = '/Doc_0/Signs/Sign_0/Signature.xml' } = {}) {
        const hash = bits(sm3(document));
        const algorithm = oid(SM3_WITH_SM2);
        if (version === 1) {
            const body = sequence(integer(1), seal, bits(utcTime(time)), hash, ia5(propertyInfo), octets(signer.der), algorithm);
            return sequence(body, bits(this.sign(signer, body)));
        }
        const body = sequence(integer(version), seal, generalizedTime(time), hash, ia5(propertyInfo));
        return sequence(body, octets(signer.der), algorithm, bits(this.sign(signer, body)));
    }
}
