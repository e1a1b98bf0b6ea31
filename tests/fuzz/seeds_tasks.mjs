// Makes the seeds of fuzz_tasks: node tests/fuzz/seeds_tasks.mjs. Tasks of each kind, whole and as their payload, and answers with
// certificates and a seal made by openssl.
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { join } from 'node:path';
import { SealMaker } from '../support/seal_maker.mjs';

const folder = fileURLToPath(new URL('corpus/tasks', import.meta.url));
const WHOLE = 0;
const PAYLOAD = 1;
const UNLOCK = 2;
const ANSWER = 3;
const url = (value) => Buffer.from(typeof value === 'string' ? value : JSON.stringify(value)).toString('base64url');

rmSync(folder, { recursive: true, force: true });
mkdirSync(folder, { recursive: true });
const put = (name, which, text) => writeFileSync(join(folder, name), Buffer.concat([Buffer.from([which]), Buffer.from(typeof text === 'string' ? text : JSON.stringify(text))]));

const task = {
    task: 'a1b2', order: 'R1', kind: 'RENEW', tokenSerial: 'S1', alg: 'SM2', subjectDn: 'CN=测试,C=CN',
    steps: ['read-key', 'match', 'generate', 'request', 'unwrap', 'write-certificates', 'read-back', 'prove', 'confirm', 'retire'],
    nonce: 'n', notAfter: '2030-01-01T00:00:00Z',
};
const unlock = { ...task, kind: 'UNLOCK', steps: ['challenge', 'set-pin'], unlock: { case: 'R1', pin: 'CHOSEN', mustChange: false } };
put('renew', PAYLOAD, task);
put('renew-number', PAYLOAD, { ...task, notAfter: 1900000000 });
put('renew-other', PAYLOAD, { ...task, matchCertificate: 'f'.repeat(64) });
put('renew-null', PAYLOAD, { ...task, matchCertificate: null });
put('renew-steps', PAYLOAD, { ...task, steps: Array(30).fill('x') });
put('renew-expired', PAYLOAD, { ...task, notAfter: 1 });
put('unlock', UNLOCK, unlock);
put('unlock-fixed', UNLOCK, { ...unlock, unlock: { case: 'R1', pin: 'FIXED', mustChange: true } });
put('unlock-none', UNLOCK, { ...unlock, unlock: undefined });
const head = { alg: 'ES256', kid: 'k' };
const signature = Buffer.alloc(64, 1).toString('base64url');
put('whole', WHOLE, `${url(head)}.${url(task)}.${signature}`);
put('whole-none', WHOLE, `${url({ ...head, alg: 'none' })}.${url(task)}.`);
put('whole-foreign', WHOLE, `${url({ ...head, kid: 'x' })}.${url(task)}.${signature}`);

const maker = new SealMaker();
const certificate = maker.signer.der.toString('base64');
const answer = { signCertificate: certificate, encryptCertificate: maker.other.der.toString('base64'), chain: [maker.root.der.toString('base64')], nonce: 'n' };
put('answer', ANSWER, answer);
put('answer-sign', ANSWER, { signCertificate: certificate });
put('answer-envelope', ANSWER, { ...answer, envelopedKey: 'MAA=' });
const seal = maker.seal({ version: 4 });
const sealId = /[\x20-\x7e]{8,32}/.exec(seal.toString('latin1').slice(10))?.[0] ?? '1';
put('answer-seal', ANSWER, { ...answer, seal: seal.toString('base64'), sealId });
maker.close();
