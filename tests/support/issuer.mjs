// The hand of a CA and of its seal maker, by openssl: certificates for keys of a bench, with its CA's keys, and seals for them.
import { X509Certificate } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { run } from '../../tools/demo/program.mjs';
import { SealMaker } from './seal_maker.mjs';
import { creditCode } from './service.mjs';
import { fromPem } from './world.mjs';

const SM2 = ['-sm3', '-sigopt', 'distid:1234567812345678', '-vfyopt', 'distid:1234567812345678'];
const USAGES = { sign: 'digitalSignature,nonRepudiation', encrypt: 'keyEncipherment,dataEncipherment' };
// openssl x509 -subj takes ASCII only
export const PLAIN_NAME = { ST: 'Hunan', L: 'Changsha', O: 'Example Builders', CN: 'Example Builders', organizationIdentifier: creditCode(1) };

const spkiOf = (pem) => new X509Certificate(pem).publicKey.export({ type: 'spki', format: 'pem' });

/* The name of a key's holder, as -subj takes it. */
export function subjectOf(world, key = 'key') {
    const { subject } = JSON.parse(readFileSync(join(world.dir, `${key}.profile.json`), 'utf8'));
    return Object.entries(subject).map(([name, value]) => `/${name}=${value}`).join('');
}

/* A certificate (DER) for the public key of `pem` (a certificate), or for an SM2 key of nobody's. */
export async function certify(world, { pem, usage = 'sign', days = 400, subject = subjectOf(world), ca = world.ca } = {}) {
    const file = (name) => join(world.dir, `made.${name}`);
    if (pem) {
        writeFileSync(file('pub'), spkiOf(pem));
    } else {
        await run('openssl', ['genpkey', '-algorithm', 'EC', '-pkeyopt', 'ec_paramgen_curve:SM2', '-out', file('key')]);
        await run('openssl', ['pkey', '-in', file('key'), '-pubout', '-out', file('pub')]);
    }
    writeFileSync(file('cnf'), `[it]\nbasicConstraints=critical,CA:FALSE\nkeyUsage=critical,${USAGES[usage]}\nauthorityKeyIdentifier=keyid\nsubjectKeyIdentifier=hash\n`);
    await run('openssl', [
        ...['x509', '-new', '-subj', subject, '-force_pubkey', file('pub'), '-CA', join(ca, 'issuing.crt'), '-CAkey', join(ca, 'issuing.key'), ...SM2],
        ...['-days', String(days), '-extfile', file('cnf'), '-extensions', 'it', '-out', file('crt')],
    ]);
    return fromPem(readFileSync(file('crt'), 'utf8'));
}

/* Both of a pair begin in the same second. */
export async function certifyPair(world, sign, encrypt, more = {}) {
    for (;;) {
        const [one, two] = [await certify(world, { pem: sign, ...more }), await certify(world, { pem: encrypt, usage: 'encrypt', ...more })];
        if (new X509Certificate(one).validFrom === new X509Certificate(two).validFrom) return [one, two];
    }
}

/* A seal maker of the bench's CA, or of another one. `seal({listed: [DER], ...})` is {seal, sealId}; what it takes is said at
 * SealMaker.seal(). Ends with the bench. */
export async function sealMaker(world, { ca = world.ca } = {}) {
    const hand = new SealMaker();
    world.guests.push(() => hand.close());
    const keyFile = join(hand.dir, 'world-maker.key');
    const der = await certify(world, { subject: '/C=CN/O=Test/CN=Seal maker', ca });
    writeFileSync(keyFile, readFileSync(join(world.dir, 'made.key')));
    const maker = { der, keyFile };
    return {
        seal: ({ listed, id = '43010000000001', ...more }) => ({
            seal: hand.seal({ maker, id, listed: listed.map((one) => ({ der: one })), ...more }).toString('base64'),
            sealId: id,
        }),
    };
}
