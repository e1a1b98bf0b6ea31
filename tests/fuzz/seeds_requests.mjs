// Seeds of fuzz_requests.c: a request to every route of the order service, most of them to an order whose turn it is.
// node tests/fuzz/seeds_requests.mjs writes them to tests/fuzz/corpus/requests.
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const PORTALS = ['default', 'hall', 'building', 'cecep', 'hainan', 'resource'];
const folder = fileURLToPath(new URL('corpus/requests', import.meta.url));
const JPEG = Buffer.from('ffd8ffe000104a46494600010101012c012c0000ffd9', 'hex');
const who = (name) => ({ authorization: `Bearer ${name.padEnd(43, '.')}` });
const USER = who('user');

/* The bytes of one request. */
export function request(method, path, headers = {}, body = undefined) {
    const bytes = body === undefined || Buffer.isBuffer(body) ? (body ?? Buffer.alloc(0)) : Buffer.from(JSON.stringify(body));
    const all = { host: 'a', ...(body === undefined || Buffer.isBuffer(body) ? {} : { 'content-type': 'application/json' }), ...(body === undefined ? {} : { 'content-length': bytes.length }), ...headers };
    const head = Object.entries(all).map(([name, value]) => `${name}: ${value}\r\n`).join('');
    return Buffer.concat([Buffer.from(`${method} ${path} HTTP/1.1\r\n${head}\r\n`), bytes]);
}

const seeds = [];
const add = (portal, ...requests) => seeds.push(Buffer.concat([Buffer.from([PORTALS.indexOf(portal)]), ...requests]));
/* A change of an order: `version` is that of an order that has made so many steps. */
const change = (name, path, body, person = USER, headers = {}) =>
    request(path === '' ? 'PATCH' : 'POST', `/v1/orders/${name}${path}`, { ...person, 'if-match': `"${Number(name.split('-').at(-1)) + 1}"`, ...headers }, body);
const post = (path, body, person = USER, headers = {}) => request('POST', path, { ...person, 'idempotency-key': 'k1', ...headers }, body);
const get = (path, person = USER, headers = {}) => request('GET', path, { ...person, ...headers });

const HANDLER = { handlerName: '李四', handlerPhone: '13800138000', handlerEmail: 'a@example.cn', handlerIdType: 'ID', handlerIdNumber: '11010519491231002X' };
const SUBJECT = { type: 'ORG', name: '测试科技有限公司', credentialType: 'USCC', credentialNo: '91350100M000100Y43' };
const PERSON = { type: 'PERSON', name: '张三', credentialType: 'ID', credentialNo: '11010519491231002X' };

// people
add('default', post('/v1/otp', { purpose: 'REGISTER', phone: '13900139000' }, {}), post('/v1/accounts', { phone: '13900139000', email: 'b@example.cn', password: 'geheim-1', code: '123456' }, {}));
add('default', post('/v1/otp', { purpose: 'LOGIN', phone: '13900139000' }, {}), post('/v1/login', { phone: '13900139000', code: '123456' }, {}));
add('default', post('/v1/login', { name: 'user', password: 'password-1234' }, {}), get('/v1/account'), post('/v1/account:password', { oldPassword: 'password-1234', newPassword: 'anders_22' }));
add('default', post('/v1/key-login/challenge', {}, {}), post('/v1/key-login/verify', { assertion: 'MIIB', order: 'RENEW-ORG-0' }, {}));
add('default', post('/v1/eligibility', { certificate: 'RENEW-ORG-1' }, who('key-RENEW-ORG-1')));
// orders
add('default', post('/v1/orders', { kind: 'NEW', subject: SUBJECT }), get('/v1/orders?state=open'), get('/v1/orders?state=done&cursor=1772330400000_NEW-ORG-3'));
add('default', post('/v1/orders', { kind: 'NEW', subject: PERSON, source: 'NEW-PERSON-12' }));
for (const kind of ['RENEW', 'CHANGE', 'REPLACE', 'UNLOCK', 'FREEZE', 'REVOKE', 'UNBIND', 'KEY_RECOVERY']) add('default', post('/v1/orders', { kind, certificate: 'NEW-ORG-12' }, who('key-NEW-ORG-12')));
add('hainan', post('/v1/orders', { kind: 'UNFREEZE', certificate: 'REVOKE-ORG-0' }, who('key-REVOKE-ORG-0'), { 'accept-language': 'en' }));
add('default', change('NEW-ORG-0', '', { agreement: true, years: 2, ...HANDLER, legalName: '王五', invoiceTitle: '测试科技有限公司', taxNumber: '91350100M000100Y43' }), request('POST', '/v1/orders/NEW-ORG-0:submit', { ...USER, 'if-match': '"2"' }, {}));
add('building', change('NEW-ORG-0', '', { agreement: true, userName: 'abc12', securityQuestion: 'q', securityAnswer: 'a', fax: '1', postcode: '100000', address: 'x', project: 'p' }));
add('building', change('RENEW-ORG-0', '', { securityAnswer: 'a', years: 1 }), change('FREEZE-ORG-1', ':confirm', { agree: true, answer: 'a' }));
add('resource', change('NEW-ORG-0', '', { sealType: 'ORGANIZATION', product: 'p', invoiceTitle: 't', invoiceEmail: null }));
add('default', change('RENEW-ORG-3', ':cancel', {}), get('/v1/orders/RENEW-ORG-3', who('key-RENEW-ORG-3')));
add('default', get('/v1/orders/RENEW-ORG-2/statement', who('key-RENEW-ORG-2')), change('RENEW-ORG-2', ':confirm', { signature: 'MIIBdgYKKoEcz1UGAQQCAqCC' }, who('key-RENEW-ORG-2')));
add('default', post('/v1/orders/NEW-ORG-5/confirm-code', {}), change('NEW-ORG-5', ':confirm', { agree: true, code: '123456' }));
add('default', post('/v1/orders/NEW-ORG-10/download-code', {}), get('/v1/orders/NEW-ORG-4', who('look-NEW-ORG-4')));
// checks
add('default', get('/v1/orders/NEW-ORG-1/verifications'), post('/v1/orders/NEW-ORG-1/verifications', { method: 'TRANSFER', fields: { bankName: '某银行', bankAccount: '6222000011112222' } }));
add('default', post('/v1/orders/NEW-ORG-1/verifications', { method: 'PHONE', fields: { legalName: '王五', legalIdNumber: '11010519491231002X', legalPhone: '13800138000' } }));
add('default', post('/v1/orders/NEW-ORG-2/verifications', { method: 'FACE', link: true, fields: HANDLER }), get('/v1/orders/NEW-ORG-2/verifications/x'), post('/sim/face/x/pass', {}, {}));
add('resource', post('/v1/orders/NEW-PERSON-1/verifications', { method: 'BANK_CARD', fields: { bankCard: '6222000011112222' } }), post('/v1/orders/NEW-PERSON-1/verifications/x:answer', { postscript: 'ABC123' }));
// documents
add('default', get('/v1/orders/NEW-ORG-3/documents'), request('PUT', '/v1/orders/NEW-ORG-3/documents/LICENCE', { ...USER, 'if-match': '"4"' }, JPEG), get('/v1/orders/NEW-ORG-3/documents/LICENCE'), request('DELETE', '/v1/orders/NEW-ORG-3/documents/LICENCE', { ...USER, 'if-match': '"5"' }), change('NEW-ORG-3', '/documents:done', {}));
add('hall', request('PUT', '/v1/orders/REPLACE-ORG-1/documents/SEAL_FORM', { ...USER, 'if-match': '"2"', 'transfer-encoding': 'chunked' }), Buffer.from('4\r\n%PDF\r\n2\r\n-1\r\n0\r\n\r\n'));
add('hall', request('PUT', '/v1/orders/REPLACE-ORG-2/voucher?payer=%E6%B5%8B%E8%AF%95', { ...USER, 'if-match': '"3"' }, JPEG), get('/v1/orders/REPLACE-ORG-3/voucher', who('finance')));
add('default', post('/v1/orders/NEW-ORG-12/invoice', { title: '测试', taxNumber: '91350100M000100Y43', email: 'a@example.cn', phone: '13800138000', address: 'x', bankName: 'b', bankAccount: '12345678' }), get('/v1/orders/NEW-ORG-12/invoice'), get('/v1/orders/NEW-ORG-12/invoice/file'));
// money
for (const channel of ['ALIPAY', 'WECHAT', 'TRANSFER']) add('default', post('/v1/orders/NEW-ORG-6/payments', { channel }), post('/v1/callbacks/sim', { payment: 'x', amountFen: 1, txn: '1', state: 'PAID' }, { 'openukey-signature': 'a'.repeat(64) }));
add('default', get('/sim/pay/x', {}), request('POST', '/sim/pay/x/settle', { accept: 'text/html' }, Buffer.from('')));
// staff
add('default', get('/v1/queue?part=MATERIAL', who('reviewer')), post('/v1/orders/NEW-ORG-7:approve', { comment: 'x' }, who('reviewer'), { 'if-match': '"8"' }));
for (const verb of ['return', 'reject']) add('default', post(`/v1/orders/NEW-ORG-7:${verb}`, { reason: '不清楚' }, who('reviewer'), { 'if-match': '"8"' }));
add('hall', post('/v1/orders/REPLACE-ORG-3:finance', { decision: 'OK', payer: 'Holder REPLACE-ORG-3', accept: true, reason: '' }, who('finance'), { 'if-match': '"4"' }));
add('building', post('/v1/orders/NEW-ORG-6:papers', {}, who('operator'), { 'if-match': '"7"' }), post('/v1/orders/NEW-ORG-8:ship', { carrier: 'SF', carrierNo: 'SF1234567890', tokenSerial: 'x' }, who('operator'), { 'if-match': '"9"' }));
add('default', post('/v1/orders/NEW-ORG-8:ship', { carrier: 'SF', carrierNo: 'SF1234567890' }, who('operator'), { 'if-match': '"9"' }), change('NEW-ORG-11', ':receive', {}), post('/v1/orders/RENEW-ORG-5:give-up', { reason: 'x' }, who('operator'), { 'if-match': '"6"' }));
add('default', post('/v1/orders/KEY_RECOVERY-ORG-5:approve', {}, who('reviewer'), { 'if-match': '"6"' }), post('/v1/orders/KEY_RECOVERY-ORG-5:approve', {}, who('reviewer2'), { 'if-match': '"7"' }));
// the key
add('default', post('/v1/tasks:claim', { order: 'RENEW-ORG-4', tokenSerial: 't-RENEW-ORG-4', certificate: 'RENEW-ORG-4' }, who('key-RENEW-ORG-4')), post('/v1/tasks/x/csr', { csr: 'MIHW', continuity: 'MEUC' }, who('key-RENEW-ORG-4')));
add('default', post('/v1/tasks:claim', { order: 'NEW-ORG-9', tokenSerial: 'BLANK-1', code: 'VbZ1kPsHlQgUfpMFpyeh' }), post('/v1/tasks/x/confirm', { certificate: 'a'.repeat(64), proof: 'MEUC' }), post('/v1/tasks/x/fail', { code: 'TOKEN_REMOVED', permanent: false }));
add('hainan', post('/v1/tasks:claim', { order: 'NEW-ORG-7', tokenSerial: 'BLANK-2' }, who('operator')));
// the desk
add('default', get('/v1/account/counters'), get('/v1/certificates?state=VALID&expires=soon'), get('/v1/messages?unread=true'), post('/v1/messages:read', {}), post('/v1/messages/x:read', {}));
add('default', post('/v1/addresses', { isDefault: true, fields: { recipientName: '李四', recipientPhone: '13800138000', recipientRegion: 'r', recipientAddress: 'a' } }), get('/v1/addresses'), request('PUT', '/v1/addresses/x', { ...USER, 'if-match': '"1"' }, { fields: { recipientName: 'n' } }), request('DELETE', '/v1/addresses/x', { ...USER, 'if-match': '"1"' }));
add('default', post('/v1/invoice-titles', { fields: { invoiceTitle: '测试科技有限公司', taxNumber: '91350100M000100Y43', invoiceEmail: 'a@example.cn' } }), get('/v1/invoice-titles'));
// the authority and pages
for (const path of ['/v1/keys', '/ca/root.crt', '/ca/issuing.crt', '/ca/crl', '/', '/renew', '/sdk/openukey.mjs', '/style.css', '/orderd.yaml', '/nothing', '/%2e%2e/x', '/v1/orders/%00']) add('default', get(path, {}, { 'if-none-match': '"x"' }));
// frames that are not requests
add('default', Buffer.from('GET / HTTP/1.0\r\n\r\nPOST /v1/login HTTP/1.1\r\nContent-Length: 9999999999999999999\r\n\r\n{'));
add('default', Buffer.from('OPTIONS * HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: x\r\n\r\n'), request('HEAD', '/'), request('GET', 'http://a/renew'));
add('default', request('POST', '/v1/login', { 'content-type': 'application/json', expect: '100-continue', 'transfer-encoding': 'chunked' }), Buffer.from('e;x=y\r\n{"name":"user",\r\n13\r\n"password":"pass-1"}\r\n0\r\nTrailer: x\r\n\r\n'));

rmSync(folder, { recursive: true, force: true });
mkdirSync(folder, { recursive: true });
seeds.forEach((bytes, i) => writeFileSync(join(folder, String(i).padStart(2, '0')), bytes));
console.log(`${seeds.length} seeds`);
