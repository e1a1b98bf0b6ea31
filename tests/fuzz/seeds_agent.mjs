// Seeds of the agent's fuzzers (agent, websocket, dialogs, foreign, upstream, files): what each reader takes and what it nearly takes. The audit
// journal, certutil's listing and pinentry's words come from the real programs.
// node tests/fuzz/seeds_agent.mjs (after `make all`) writes them to tests/fuzz/corpus/NAME.
import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = resolve(fileURLToPath(new URL('../..', import.meta.url)));
const corpora = {};
const bytes = (...parts) => Buffer.concat(parts.map((part) => (typeof part === 'number' ? Buffer.from([part]) : Buffer.from(Array.isArray(part) || Buffer.isBuffer(part) || typeof part === 'string' ? part : JSON.stringify(part)))));
const add = (name, ...parts) => (corpora[name] ??= []).push(bytes(...parts));
const u16 = (n) => [n >> 8, n & 255];
const scratch = mkdtempSync(join(tmpdir(), 'openukey-seeds-'));

// ---- requests of pages; fuzz_agent.c says what the runs of one letter stand for ----

const [LOGGED_IN, REFUSES, FOR_GOOD, MISTYPES, NOT_PLUGGED, OTHER_USER, SERVICE_BAD] = [1, 2, 4, 8, 16, 32, 64];
const [KEY, SIGN, ENCRYPT, SEAL] = ['T'.repeat(16), 'S'.repeat(64), 'E'.repeat(64), 'Z'.repeat(28)];
const A = { origin: 'https://a.test', 'openukey-session': 'A'.repeat(43) };
const B = { origin: 'https://b.test', 'openukey-session': 'B'.repeat(43) };
const NEW = { origin: 'https://new.test' };
const HOST = 'localhost:8443';
function request(method, path, headers = A, body = undefined) {
    const content = body === undefined ? Buffer.alloc(0) : Buffer.isBuffer(body) ? body : Buffer.from(JSON.stringify(body));
    const all = { host: HOST, ...(body === undefined || Buffer.isBuffer(body) ? {} : { 'content-type': 'application/json' }), ...(body === undefined ? {} : { 'content-length': content.length }), ...headers };
    const head = Object.entries(all).flatMap(([name, value]) => [value].flat().map((one) => `${name}: ${one}\r\n`)).join('');
    return Buffer.concat([Buffer.from(`${method} ${path} HTTP/1.1\r\n${head}\r\n`), content]);
}
const get = (path, headers = A) => request('GET', path, headers);
const post = (path, body = {}, headers = A) => request('POST', path, headers, body);
const key = (what) => `/v1/tokens/${KEY}/${what}`;
const page = (world, ...requests) => add('agent', world, ...requests);
const statement = { title: '申请', fields: [{ label: 'a', value: 'b' }, { label: '\u202e', value: '\n' }] };
const sign = (more) => post(key('sign'), { certificate: SIGN, nonce: 'n0123456789abcdef', ...more });
const octets = { ...A, 'content-type': 'application/octet-stream' };

page(0, get('/.well-known/openukey', {}), get('/.well-known/openukey', NEW), request('OPTIONS', '/v1/pairing', { ...NEW, 'access-control-request-method': 'POST', 'access-control-request-private-network': 'true' }));
page(LOGGED_IN, get('/v1/tokens'), get(key('certificates')), get(key('seals')), get('/v1/service'), request('HEAD', '/v1/tokens'), get('/v1/tokens', B));
page(0, post('/v1/pairing', {}, NEW), post('/v1/pairing', {}, { origin: 'https://a.test' }), request('DELETE', '/v1/pairing'));
page(FOR_GOOD, post('/v1/pairing', {}, NEW), post('/v1/pairing', {}, NEW));
page(FOR_GOOD | REFUSES, post('/v1/pairing', {}, NEW), post('/v1/pairing', {}, NEW));
page(0, post(key('verify-pin')), post(key('verify-pin'), { pin: '123456' }), post(key('verify-pin'), {}, B), post(key('verify-pin'), { pin: '1' }, B));
page(MISTYPES, post(key('verify-pin')), post(key('verify-pin'), { pin: '000000' }));
page(REFUSES, post(key('verify-pin')), post(key('change-pin')));
page(LOGGED_IN, post(key('change-pin')), post(key('change-pin'), {}, B));
page(LOGGED_IN, sign({ statement }), sign({ statement, format: 'gm-signed-data', attached: true }), sign({ statement, format: 'cms' }), sign({ statement, format: 'jws' }));
page(LOGGED_IN, sign({ document: { name: 'a.txt', content: 'QUJD' }, attached: true }), sign({ documents: [{ name: 'a', content: 'QUJD' }, { name: 'b', content: '' }] }));
page(LOGGED_IN, request('POST', '/v1/documents', octets, Buffer.from('a document')), sign({ document: { name: 'a.txt', id: '11'.repeat(16) } }), sign({ documents: [{ name: 'a', id: '11'.repeat(16) }], attached: true }));
page(LOGGED_IN, sign({ digest: Buffer.alloc(32, 1).toString('base64'), nonce: undefined }), sign({ digest: 'AAAA', nonce: undefined }), post(key('sign'), { certificate: SIGN, digest: Buffer.alloc(32).toString('base64') }, B));
page(LOGGED_IN | REFUSES, sign({ statement }), post(key('login-assertion'), { service: 'portal', nonce: 'n0123456789abcdef' }), sign({ digest: Buffer.alloc(32).toString('base64'), nonce: undefined }));
page(0, sign({ statement }), sign({ statement: { title: 'x' } }), sign({ statement, padding: 'pss' }), sign({ statement, certificate: ENCRYPT }), sign({}));
page(LOGGED_IN, post(key('login-assertion'), { service: 'portal', nonce: 'n0123456789abcdef', order: 'R1' }), post(key('login-assertion'), { service: 'portal', nonce: 'n0123456789abcdef', certificate: SIGN }));
page(LOGGED_IN, post(key('stamp'), { certificate: SIGN, seal: SEAL, hash: Buffer.alloc(32).toString('base64'), propertyInfo: 'page 1' }), post(key('stamp'), { seal: SEAL, digest: Buffer.alloc(32).toString('hex'), propertyInfo: 'x' }));
page(LOGGED_IN, post(key('decrypt'), { envelope: readFileSync(join(root, 'tests/fuzz/corpus/signatures', readdirSync(join(root, 'tests/fuzz/corpus/signatures'))[0])).subarray(1).toString('base64') }), post(key('decrypt'), { envelope: 'MIAGCSqGSIb3DQEHA6CA' }));
for (const name of readdirSync(join(root, 'tests/fuzz/corpus/signatures')).slice(0, 40)) {
    const message = readFileSync(join(root, 'tests/fuzz/corpus/signatures', name));
    if (message.length > 4000) continue;
    if (message[0] % 6 === 1) page(0, post('/v1/verify', { signature: { format: 'jws', value: message.subarray(1).toString('latin1') }, content: 'QUJD' }), post('/v1/verify', { signature: message.subarray(1).toString('latin1') }));
    else if (message[0] % 6 === 4) page(LOGGED_IN, post(key('decrypt'), { envelope: message.subarray(3 + message.readUInt16BE(1)).toString('base64') }));
    else page(0, post('/v1/verify', { signature: message.subarray(1).toString('base64') }), post('/v1/verify', { signature: message.subarray(1).toString('base64'), content: 'QUJD' }));
}
const job = (kind, more = { authorization: 'Bearer order' }) => post('/v1/jobs', { kind, service: 'default', order: 'R1', ...more });
for (const kind of ['enrol', 'renew', 'change', 'replace', 'unlock', 'recover']) page(LOGGED_IN, job(kind), get(`/v1/jobs/${'11'.repeat(16)}`), request('DELETE', `/v1/jobs/${'11'.repeat(16)}`));
for (const kind of ['enrol', 'renew', 'unlock']) page(LOGGED_IN | SERVICE_BAD, job(kind), job(kind));
page(LOGGED_IN, job('install', { install: { signCertificate: 'MIIB', encryptCertificate: 'MIIB', envelopedKey: 'MIIB', chain: ['MIIB'], seal: 'MIIB', sealId: 'x' } }), job('install', { install: {} }), job('x', {}));
page(LOGGED_IN, job('unlock', { authorization: 'Bearer order', code: '123456' }), job('renew', { authorization: 'order', token: KEY }), request('DELETE', `/v1/jobs/${'22'.repeat(16)}`));
page(0, get('/v1/service/default/v1/orders?state=open'), request('PUT', '/v1/service/default/v1/x', { ...octets, 'idempotency-key': 'k', 'if-match': '"1"' }, Buffer.alloc(300, 65)), post('/v1/service/other/v1/x', { a: 1 }), get('/v1/service/none/x'));
page(0, get('/v1/service/default/..%2f..%2fx'), get('/v1/service/default/x@evil.test/'), get('/v1/service/default//evil.test/'), request('TRACE', '/v1/service/default/x'));
page(SERVICE_BAD, get('/v1/service/default/v1/orders'), request('PUT', '/v1/service/default/x', octets, Buffer.alloc(10)));
const upgrade = { upgrade: 'websocket', connection: 'Upgrade', 'sec-websocket-version': '13', 'sec-websocket-key': `${'A'.repeat(22)}==` };
const listen = (session, first = { session }) => bytes(get('/v1/events', { origin: A.origin, ...upgrade }), frame(0x81, JSON.stringify(first), { mask: [0, 0, 0, 0] }));
page(0, listen('A'.repeat(43)), frame(0x89, 'x'), frame(0x88, [3, 232]));
page(0, listen('A'.repeat(43)), frame(0x81, '{}'));
page(0, listen('B'.repeat(43)));
page(0, listen('', { session: 'A'.repeat(43), more: 1 }));
page(0, get('/v1/events', { ...NEW, ...upgrade }), get('/v1/events', { ...A, ...upgrade, 'sec-websocket-version': '8' }));
page(NOT_PLUGGED, get('/v1/tokens'), get(key('certificates')), job('renew'));
page(OTHER_USER, get('/v1/tokens'), get('/.well-known/openukey', {}));
// who may not ask
page(0, get('/v1/tokens', {}), get('/v1/tokens', { origin: 'null' }), get('/v1/tokens', { ...A, origin: 'https://b.test' }), get('/v1/tokens', { ...A, origin: [A.origin, A.origin] }), get('/v1/tokens', { ...A, 'openukey-session': [A['openukey-session'], 'x'] }));
page(0, get('/v1/tokens', { ...A, host: 'evil.test:8443' }), get('/v1/tokens', { ...A, host: 'localhost' }), get('/v1/tokens', { ...A, host: ['127.0.0.1:8443', 'localhost:8443'] }), get('/v1/tokens', { ...A, host: 'localhost.:8443' }));
page(0, request('POST', key('sign'), { ...A, 'content-type': 'text/plain' }, Buffer.from('a=b')), request('POST', key('sign'), { ...A, 'content-type': 'application/json; charset=utf-8' }, Buffer.from('{"a":[')), request('PATCH', '/v1/tokens', { ...A, 'content-type': 'application/x-www-form-urlencoded' }, Buffer.from('a=b')));
page(0, request('OPTIONS', '/v1/tokens', { ...A, 'access-control-request-method': 'GET' }), request('OPTIONS', '/v1/tokens', { ...NEW, 'access-control-request-method': 'GET' }), request('OPTIONS', '*'));
page(0, request('POST', '/v1/documents', { ...octets, 'transfer-encoding': 'chunked' }), '4\r\nabcd\r\n0;x=y\r\nT: x\r\n\r\n', get('/v1/tokens'));
page(0, request('POST', '/v1/verify', { ...A, 'content-type': 'application/json', expect: '100-continue', 'content-length': '99999999999999999999' }), '{');
page(0, request('POST', '/v1/verify', { ...A, 'content-length': ['2', '3'], 'content-type': 'application/json' }), '{}');
page(0, get(`/v1/tokens/${'%41'.repeat(20)}/certificates`), get('/v1/tokens/%00/seals'), get('/v1//tokens'), get('/v1/tokens/../tokens'), get(`/${'x'.repeat(3000)}`), 'GET /\r\n\r\n');

// ---- WebSocket frames ----

function frame(first, text, { mask = [1, 2, 3, 4], length } = {}) {
    const payload = Buffer.from(text);
    const long = length ?? (payload.length < 126 ? 1 : payload.length < 65536 ? 2 : 8);
    const size = Buffer.alloc(long === 1 ? 0 : long);
    if (long === 2) size.writeUInt16BE(payload.length);
    if (long === 8) size.writeBigUInt64BE(BigInt(payload.length));
    return bytes(first, 0x80 | (long === 1 ? payload.length : long === 2 ? 126 : 127), size, mask, payload.map((byte, i) => byte ^ mask[i % 4]));
}
add('websocket', 0, frame(0x81, 'hello'), frame(0x89, 'ping'), frame(0x88, [3, 232]));
add('websocket', 0, frame(0x01, 'in '), frame(0x00, 'three '), frame(0x89, ''), frame(0x80, 'pieces'), frame(0x81, 'q'));
add('websocket', 0, frame(0x81, ''), frame(0x8a, 'pong'), frame(0x81, 'x'.repeat(64)), frame(0x81, 'x'.repeat(65)));
add('websocket', 0, frame(0x81, '中文'), frame(0x81, [0xc3, 0x28]));
add('websocket', 0, frame(0x82, 'binary'));
add('websocket', 0, frame(0x80, 'nothing to go on with'));
add('websocket', 0, frame(0x01, 'a'), frame(0x81, 'b'));
add('websocket', 0, frame(0x09, 'a ping in pieces'));
add('websocket', 0, frame(0xc1, 'reserved bit'));
add('websocket', 0, [0x81, 5], 'plain');
add('websocket', 0, frame(0x81, 'long form', { length: 2 }), frame(0x81, 'longer form', { length: 8 }));
add('websocket', 0, [0x81, 0xff, 255, 255, 255, 255, 255, 255, 255, 255, 1, 2, 3, 4]);
add('websocket', 1, frame(0x81, 'x'.repeat(300)), frame(0x01, 'y'.repeat(1000)), frame(0x80, 'z'.repeat(1000)));
add('websocket', 1, frame(0x89, 'x'.repeat(125)), frame(0x89, 'x'.repeat(126)));
add('websocket', 1, ...Array.from({ length: 40 }, (_, i) => frame(0x89, String(i))));

// ---- dialogs ----

const [PINENTRY, CONSENT, QUESTION, TYPED] = [0, 1, 2, 3];
const pieces = (...texts) => bytes(...texts.map((text) => bytes(Buffer.byteLength(text), text)));
const pinentry = (how, text, ...said) => add('dialogs', PINENTRY, how, Buffer.byteLength(text), text, ...said);
const OKS = 'OK\n'.repeat(9);
pinentry(0, '请输入 PIN', pieces('OK Pleased to meet you, process 1\n', OKS, 'D 123456\nOK\n'));
pinentry(0, 'key 1\nPIN', 0, `OK\n${OKS}S PASSWORD_FROM_CACHE\nD 12%2534%0A\nD 56\r\nOK\r\n`);
pinentry(0, '\u202eabc\u0007%', 0, `OK\n${OKS}ERR 83886179 Operation cancelled <Pinentry>\n`);
pinentry(0, 'x', 0, `OK\n${OKS}ERR 83886142 Timeout <Pinentry>\n`);
pinentry(0, 'x', 0, `# comment\nOK\nERR 83886360 Unknown option\n${OKS}D %00\nOK\n`);
pinentry(0, 'x', 0, `OK\n${OKS}D ${'9'.repeat(300)}\nOK\n`);
pinentry(0, 'x', 0, `OK\n${OKS}INQUIRE QUALITY 1234\nOK\n`);
pinentry(0, 'x', 0, `OK\nD 123456\n${OKS}OK\n`);
pinentry(0, 'x', 0, 'x'.repeat(1100));
pinentry(16, 'x', 0, 'OK\nOK\n');
pinentry(8, 'x', 0, 'OK\n');
pinentry(4, 'x');
const real = spawnSync('pinentry-curses', ['--ttyname', '/nowhere'], { input: 'OPTION lc-ctype=C.UTF-8\nSETTIMEOUT 1\nSETTITLE t\nSETDESC d\nSETPROMPT PIN\nSETOK ok\nGETPIN\nBYE\n', encoding: 'latin1' });
if (real.status === 0) pinentry(0, 'x', 0, real.stdout);
for (const [how, text] of [[0, '{"decision":"agree"}'], [0, '{"decision":"agree","choice":"always"}\n'], [0, '{"decision":"agree","choice":"once"}'], [0, '{"decision":"refuse","choice":"never"}'], [0, '{"decision":"refuse"}'],
    [1, '{"decision":"agree"}'], [32, '{"decision":"agree"}'], [34, '{"decision":"agree"}'], [2, '{"decision":"agree"}'], [0, '{"decision":"agree","extra":1}'], [0, '{"decision":"agree"}{"decision":"agree"}'], [0, '{"decision":"agree","decision":"refuse"}'], [0, '{"decision":"agree","choice":"never"}'], [0, ''], [16, '{"decision":'], [8, '{"decision":"refuse"}'], [4, '']])
    add('dialogs', CONSENT, how, pieces(text));
add('dialogs', CONSENT, 0, pieces('{"decision":', '"agree"', '}'));
const question = { kind: 'statement', lang: 'zh-CN', origin: 'https://portal.test', title: '申请', message: 'm', certificate: { subject: '测试公司', issuer: 'CA', notAfter: '2027-01-01', daysLeft: 12, usage: 'sign' }, token: { label: 'L', serial: 'S' }, fields: [{ label: 'a', value: 'b\u202e' }, { label: '\u0000', value: '\u200b\ufeff' }], agree: '同意', refuse: '拒绝', choices: ['once', 'always', 'never'] };
add('dialogs', QUESTION, 0, question);
for (const [name, value] of [['kind', 'other'], ['lang', 1], ['origin', ''], ['fields', {}], ['fields', [{ label: 1 }]], ['choices', ['x']], ['choices', 'once'], ['certificate', []], ['certificate', { daysLeft: 'x' }], ['certificate', { usage: 'x' }], ['token', { x: 1 }], ['x', 1], ['message', '\u0300\u0301\u2028\u{e0001}']]) add('dialogs', QUESTION, 0, { ...question, [name]: value });
for (const text of ['[]', '{"kind":"login","origin":"o","title":"t"}', '{"kind":"pairing","origin":"o","title":"\\ud800"}', '']) add('dialogs', QUESTION, 0, text);

const typed = (rows, columns, request, ...keys) => { const text = Buffer.from(JSON.stringify(request)); add('dialogs', TYPED, 0, rows, columns, u16(text.length), text, ...keys); };
const long = { ...question, fields: Array.from({ length: 30 }, (_, i) => ({ label: `第${i}项`, value: `长沙市某某工程 \u202e\\u{202E} ${'x'.repeat(i)}` })) };
typed(24, 80, question, 'yes\n');
typed(24, 80, question, 'x', 0xf0, 'maybe\n', 'always\n');
typed(10, 40, long, 'yes\n', '\n\n\n', ' b B', '\x1b[6~\x1b[5~\x1b[A\x1bOB', 'yesx\x7f\b', '\n'.repeat(40), 'yes\n');
typed(10, 20, long, '\n'.repeat(200), 'never\n');
typed(5, 80, long, 'yes\n', 0xfa, '\n'.repeat(90), 'YES\n');
typed(24, 80, { ...long, choices: undefined }, 'always\n', 0xfe, 0xf1, 'no\n');
typed(24, 80, question, '\x1b', 0xf5);
typed(24, 80, question, '\x1b[[A', '\x1b[1;5B', 3);
typed(24, 10, question, 0xff);
typed(40, 255, { ...long, lang: 'en', message: 'a\nb\u0007\\\n\n中', agree: '\x1b[2J', refuse: '\u200b' }, '\n'.repeat(9), 'no\n');

// ---- the wire to modules ----

const number = (n) => { const out = Buffer.alloc(8); out.writeBigUInt64BE(BigInt(n)); return out; };
const string = (value) => bytes(number(Buffer.from(value).length), value);
const call = (n, ...parts) => { const one = bytes(number(n), ...parts); return bytes(u16(one.length), one); };
const CALL = { initialize: 1, slots: 2, slotInfo: 3, tokenInfo: 4, mechanisms: 5, mechanismInfo: 6, open: 7, close: 8, sessionInfo: 9, login: 10, logout: 11, setPin: 12, findInit: 13, find: 14, findFinal: 15, attributes: 16, signInit: 17, sign: 18, decryptInit: 19, decrypt: 20 };
const END = [0, 0];
const slots = call(CALL.slots), open = call(CALL.open, number(0), number(4));
const good = [1, 0, 2, 5, 6, 0]; // one slot list and another
add('foreign', 2, slots, call(CALL.slotInfo, number(0)), call(CALL.tokenInfo, number(0)), call(CALL.mechanisms, number(0)), call(CALL.mechanismInfo, number(0), number(4)), END, good, 1, 0, 2, 0, 9, 7, 0);
add('foreign', 2, slots, open, call(CALL.sessionInfo, number(1)), call(CALL.login, number(1), number(1), string('123456')), call(CALL.setPin, number(1), string('123456'), string('654321')), call(CALL.logout, number(1)), call(CALL.close, number(1)), call(CALL.close, number(1)), END, good, 7, 0, 1, 0, 0, 0, 0, 0);
add('foreign', 2, slots, open, call(CALL.findInit, number(1), number(2), number(0), string(number(1)), number(0x102), string('id')), call(CALL.find, number(1), number(256)), call(CALL.findFinal, number(1)), END, good, 7, 0, 0, 3, 0, 1, 0, 2, 0, 3, 0, 0);
const wants = (...list) => bytes(number(list.length), ...list.map(([type, room]) => bytes(number(type), number(room === null ? 0 : 1), number(room ?? 0))));
add('foreign', 2, slots, open, call(CALL.attributes, number(1), number(5), wants([3, null], [0x11, null])), call(CALL.attributes, number(1), number(5), wants([3, 4], [0x11, 300])), END, good, 7, 0, 4, 200, 0, 4, 1, 200, 2, 0);
add('foreign', 2, slots, open, call(CALL.attributes, number(1), number(5), wants([3, 4], [0x11, 300])), END, good, 7, 0, 255, 254, 0);
add('foreign', 2, slots, open, call(CALL.signInit, number(1), number(0x1041), string(''), number(7)), call(CALL.sign, number(1), string('x'.repeat(32)), number(1), number(64)), call(CALL.sign, number(1), string('x'), number(0), number(0)), call(CALL.decryptInit, number(1), number(9), string(Buffer.alloc(40)), number(8)), call(CALL.decrypt, number(1), string('cipher'), number(1), number(100)), END, good, 7, 0, 0, 64, 5, 0, 70, 0, 0, 0, 30, 1, 0);
add('foreign', 2, slots, END, 253, 0, 0, 0, 0, 0, 0, 0, 40, 0);
add('foreign', 1, call(CALL.initialize, string('/usr/lib/softhsm/libsofthsm2.so')), call(CALL.slots), call(99), END);
add('foreign', 2, call(CALL.initialize, string('/x')), call(CALL.slots, number(1)), call(0), call(21), call(CALL.login, number(65)), call(CALL.open, number(40)), END, good);
const answer = (rv, ...parts) => { const result = bytes(...parts); const one = bytes(number(rv), string(result)); return bytes([0, 0], u16(one.length), one); };
const filled = (size, byte = 0x20) => string(Buffer.alloc(size, byte));
const [SLOT_INFO, TOKEN_INFO, MECHANISM_INFO, SESSION_INFO] = [112, 208, 24, 32];
const start = [answer(0, number(1), number(0)), answer(0, filled(SLOT_INFO)), answer(0, filled(TOKEN_INFO)), answer(0, number(2), number(1), number(0x1041)), answer(0, filled(MECHANISM_INFO)), answer(0, filled(MECHANISM_INFO)), answer(0, number(1)), answer(0, filled(SESSION_INFO)), answer(0), answer(0)];
const attributes = (...list) => bytes(number(list.length), ...list.map(([len, value]) => bytes(number(len), string(value))));
const values = [answer(0, attributes([5, ''], [4, ''], [1, ''])), answer(0, attributes([5, 'label'], [4, '0123'], [1, 'x']))];
const signing = [answer(0), answer(0, number(64), string('')), answer(0, number(64), filled(64).subarray(8).length ? string(Buffer.alloc(64, 1)) : ''), answer(0), answer(0, number(3), string('abc'))];
add('foreign', 0, ...start, answer(0, number(1), number(9)), answer(0), ...values, ...signing, ...signing, answer(0), answer(0), answer(0));
add('foreign', 0, ...start, answer(0, number(300), number(9)));
add('foreign', 0, ...start, answer(0, number(1), number(9)), answer(0), answer(0x12, attributes([5, ''], [4, ''], [1, ''])), answer(0, attributes([6, 'label!'], [4, '0123'], [1, 'x'])));
add('foreign', 0, ...start, answer(0, number(1), number(9)), answer(0), values[0], answer(0, attributes([5, 'label'], [40, 'x'.repeat(40)], [1, 'x'])));
add('foreign', 0, ...start, answer(0, number(0)), answer(0), answer(0), answer(0x150, number(200), string('')), answer(0x30));
add('foreign', 0, answer(0, number(33)));
add('foreign', 0, answer(0, number(1), number(-1n & 0xffffffffffffffffn)), answer(0, filled(SLOT_INFO - 1)));
add('foreign', 0, [0, 0x20, 0, 0], 'x');
add('foreign', 0, [0, 0, 0, 0]);
add('foreign', 0, answer(5));

// ---- order services ----

const http = (how, text) => add('upstream', how, text.replaceAll('\n', '\r\n'));
const json = (value, more = '') => `HTTP/1.1 200 OK\nContent-Type: application/json\nContent-Length: ${Buffer.byteLength(JSON.stringify(value))}\n${more}\n${JSON.stringify(value)}`;
for (const how of [0, 1, 2, 3, 8, 10, 32, 34, 66, 16]) http(how, json({ keys: [] }, 'ETag: "1"\nLocation: https://127.0.0.1:9/base/v1/x\nRetry-After: 5\n'));
http(0, 'HTTP/1.1 302 Found\nLocation: http://169.254.169.254/\nContent-Length: 0\n\n');
http(8, 'HTTP/1.1 307 Temporary Redirect\nLocation: /x\nContent-Length: 3\n\nabc');
http(0, 'HTTP/1.1 304 Not Modified\nETag: "1"\n\n');
http(2, 'HTTP/1.1 100 Continue\nETag: "0"\n\nHTTP/1.1 201 Created\nLocation: //evil.test/\nContent-Length: 0\n\n');
http(0, 'HTTP/1.1 200 OK\nTransfer-Encoding: chunked\nTrailer: ETag\n\n4\nabcd\n0;x=y\nETag: "t"\n\n');
http(0, 'HTTP/1.1 200 OK\nTransfer-Encoding: chunked\n\nffffffffffffffff\nx');
http(8, 'HTTP/1.1 200 OK\nContent-Type: application/problem+json\n\n{"code":"X"}');
http(0, 'HTTP/1.1 200 OK\nContent-Length: 100\n\nshort');
http(0, 'HTTP/1.1 200 OK\nContent-Length: 5\nContent-Length: 6\n\n123456');
http(0, 'HTTP/1.0 500 no\nSet-Cookie: a=b\nStrict-Transport-Security: max-age=1\nAlt-Svc: h2=":1"\n\nx');
http(0, 'HTTP/1.1 101 Switching Protocols\nUpgrade: h2c\n\n');
http(0, 'HTTP/2 200\n\n');
http(0, `HTTP/1.1 200 OK\nETag: ${'x'.repeat(9000)}\nContent-Length: 0\n\n`);
http(8, 'HTTP/1.1 401 Unauthorized\nWWW-Authenticate: Negotiate\nContent-Encoding: gzip\nContent-Length: 2\n\n{}');
http(8, 'HTTP/1.1 200 OK\n\tContent-Type: x\nETag: "1"\n more\nContent-Length: 0\n\n');
http(0, 'HTTP/1.1 200 OK\nLocation: /v1/a\rb\nETag: "\x01"\nContent-Length: 0\n\n');
http(0, 'HTTP/2 2null\n\n');
http(0, 'HTTP/1.1 999 x\n\n');
http(8, 'HTTP/1.1 201 x\nLocation: https://127.0.0.1:9/base//evil.test\nContent-Length: 0\n\n');
http(8, 'HTTP/1.1 201 x\nLocation: /\\\\evil.test\nContent-Length: 0\n\n');
http(0, 'garbage');
http(0, '');

// ---- files ----

const FILES = ['configuration', 'policy', 'pairings', 'job', 'audit', 'profiles', 'registry', 'browsers', 'certutil'];
const file = (kind, ...parts) => add('files', FILES.indexOf(kind), ...parts);
file('configuration', {});
file('configuration', { state: 'state', ports: [24317, 0], module: '/m.so', moduleOptions: { 'socket-dir': 'sockets', 'pin-dialog': 'off' }, modules: [{ path: 'other.so', name: 'x', answerWithin: 3 }], p11Kit: false, moduleHost: 'h', pinentry: 'pinentry', consent: './consent', policy: 'p.json', clock: '2026-03-01T09:00:00+08:00', log: 'debug', origins: { allow: ['https://a.test'], deny: ['https://b.test:8443', 'http://localhost'] },
    services: { default: { upstream: 'https://ca.test:8443/base', ca: 'ca.pem', root: 'root.pem', crl: '/crl', pins: [`${'A'.repeat(43)}=`], clientCertificate: 'c.pem', clientKey: 'k.pem', timeouts: { connect: 1, firstByte: 2, idle: 3, total: 4 }, taskKeys: '/v1/keys', issuers: ['CA'] } } });
for (const bad of [{ ports: [] }, { ports: [70000] }, { services: { 'X Y': {} } }, { services: { x: { upstream: 'http://x' } } }, { services: { x: { upstream: 'https://x/../y' } } }, { services: { x: { upstream: 'https://x', pins: ['x'] } } }, { services: { x: { upstream: 'https://x', taskKeys: 3 } } }, { services: { x: { upstream: 'https://x', clientKey: 'k' } } }, { origins: { allow: ['https://A'] } }, { moduleOptions: { a: 1 } }, { moduleOptions: [] }, { modules: [{}] }, { modules: [3] }, { clock: 'x' }, { log: 'x' }, { x: 1 }, { state: 'x'.repeat(2000) }]) file('configuration', bad);
file('policy', { pairing: 'never', actions: ['read', 'pin', 'change-pin', 'sign', 'login', 'decrypt', 'stamp', 'verify', 'jobs', 'service'], origins: { 'https://a.test': { pairing: 'always', actions: [], pin: 'page', 'raw-sign': 'ask' }, 'https://b.test:8443': { pairing: 'ask', pin: 'native', 'raw-sign': 'never' } } });
for (const bad of [{ pairing: 'x' }, { actions: 'read' }, { actions: ['x'] }, { actions: [1] }, { pin: 'page' }, { origins: [] }, { origins: { 'a.test': {} } }, { origins: { 'https://a': 1 } }, { origins: { 'https://a': { x: 1 } } }, { origins: { 'https://a': { pin: true } } }]) file('policy', bad);
file('pairings', { version: 1, origins: { 'https://a.test': { decision: 'always', since: '2026-03-01T01:00:00Z' }, 'https://b.test': { decision: 'never', since: 'x' }, 'https://c.test': { decision: 'revoked', since: '2026-03-01T01:00:00Z' } } });
file('pairings', { version: 1, origins: { 'https://a.test': { since: '2026-03-01T01:00:00Z' } } });
for (const bad of [{ version: 1, origins: { x: {} } }, { version: 1, origins: [] }, { version: 2 }, []]) file('pairings', bad);
const journal = { id: '0123456789abcdef0123456789abcdef', kind: 'renew', service: 'default', order: 'R1', origin: 'https://a.test', created: 1, changed: 4102444800, state: 'running', step: 'generate', written: false, token: '0123456789abcdef', content: '', problem: 'TOKEN_REMOVED', problemExtra: { triesLeft: 1 }, problemDetail: 'd', result: { seal: 'x' } };
file('job', journal);
for (const kind of ['enrol', 'change', 'replace', 'unlock', 'recover', 'install']) file('job', { ...journal, kind, state: 'done', step: 'done' });
for (const [name, value] of [['id', '../../x'], ['id', 3], ['kind', 'x'], ['token', 'x'.repeat(99)], ['state', 'x'], ['state', 'failed'], ['step', 'x'], ['created', 9223372036854775807n.toString()], ['problem', 'x'], ['result', []], ['changed', 1]]) file('job', { ...journal, [name]: value });
file('profiles', '[Install4F96D1932A9F858E]\nDefault=a\nLocked=1\n\n[Profile1]\nName=default\nIsRelative=1\nPath=a\nDefault=1\n\n[Profile0]\nName=x\nIsRelative=0\nPath=/nowhere\n\n[General]\nStartWithLastProfile=1\nVersion=2\n');
file('profiles', '[Profile0]\r\nPath=../firefox/a\r\n[Profile1]\r\nPath=a\r\nPath=b\r\nIsRelative=0\r\n[Profile2]\nPath=\n');
file('registry', 'module: /usr/lib/x86_64-linux-gnu/opensc-pkcs11.so\ncritical: no\nenable-in: firefox, ukey-agent\n');
file('registry', '# c\nmodule : softhsm2.so\ndisable-in: ukey-agent\nuser-config: only\n');
file('registry', 'module: x\ntrust-policy: yes\nremote: |x\nuser-config: none\n');
file('registry', ':\nmodule:\n');
file('browsers', {});
file('browsers', { policies: { Certificates: { Install: ['/x.crt'] }, LocalNetworkAccess: { SkipDomains: ['portal.test', 'x'] }, Homepage: { URL: 'https://x' } }, CACertificates: ['AAAA'], LoopbackNetworkAllowedForUrls: ['https://portal.test', 'https://x'] });
for (const bad of [{ policies: [] }, { policies: { Certificates: [] } }, { policies: { Certificates: { Install: 'x' } } }, { policies: { LocalNetworkAccess: { SkipDomains: {} } } }, { CACertificates: {} }, { LoopbackNetworkAllowedForUrls: 'x' }, [], 'x']) file('browsers', bad);

const nss = join(scratch, 'nss');
mkdirSync(nss);
execFileSync('certutil', ['-d', `sql:${nss}`, '-N', '--empty-password']);
const state = join(scratch, 'state');
writeFileSync(join(scratch, 'agent.json'), JSON.stringify({ state, ports: [0], module: join(root, 'build/gcc/lib/openukey-pkcs11.so'), moduleOptions: { 'socket-dir': 'off', pcsc: 'off' }, p11Kit: false, log: 'error' }));
const agent = spawn(join(root, 'build/gcc/bin/ukey-agent'), ['--config', join(scratch, 'agent.json')], { stdio: ['ignore', 'pipe', 'inherit'] });
await new Promise((ready, failed) => { agent.stdout.once('data', ready); agent.once('exit', failed); });
agent.kill('SIGTERM');
await new Promise((done) => { agent.once('exit', done); });
execFileSync(join(root, 'build/gcc/bin/ukey-agent'), ['trust', 'install', '--config', join(scratch, 'agent.json'), '--nssdb', nss]);
const listing = execFileSync('certutil', ['-d', `sql:${nss}`, '-L'], { encoding: 'utf8' });
file('certutil', listing.replace(/OpenUKey local CA [0-9a-f]{12}/, 'OpenUKey local CA 0123456789ab'));
file('certutil', 'OpenUKey local CA 0123456789ab                               ,,   \n');
file('certutil', readFileSync(join(state, 'tls/ca.pem')));
const head = readFileSync(join(state, 'audit/head.json')), lines = readFileSync(join(state, 'audit', readdirSync(join(state, 'audit')).find((name) => name.endsWith('.jsonl'))));
const audit = (missing, first, second = '', its = head) => file('audit', missing, u16(its.length), u16(Buffer.from(first).length), its, first, second);
const [one, two] = lines.toString().split('\n');
audit(4, lines);
audit(4, one.concat('\n')); // the agent was ended before it wrote the head's line
audit(4, `${one}\n${two.slice(0, 20)}`);
audit(4, `${two}\n${one}\n`);
audit(0, `${one}\n`, `${two}\n`);
audit(4, `${one.replace('start', 'stop')}\n${two}\n`);
audit(5, lines);
audit(6, '');
audit(7, '');
audit(4, `${lines}${lines}`);
for (const n of [-1, 0, 9223372036854775807n]) audit(8 | 4, `{"n":${n},"prev":"${'0'.repeat(64)}"}\n{"n":2,"prev":"${'0'.repeat(64)}"}\n`, '', Buffer.from(`{"first":1,"firstPrev":"${'0'.repeat(64)}","count":9223372036854775807,"hash":"${'0'.repeat(64)}","line":"{}"}`));
rmSync(scratch, { recursive: true });

for (const [name, seeds] of Object.entries(corpora)) {
    const folder = join(root, 'tests/fuzz/corpus', name);
    rmSync(folder, { recursive: true, force: true });
    mkdirSync(folder, { recursive: true });
    seeds.forEach((seed, i) => writeFileSync(join(folder, String(i).padStart(2, '0')), seed));
    console.log(`${name}: ${seeds.length} seeds`);
}
