// Seeds of fuzz_inputs.c: for each reader what it takes and what it nearly takes.
// node tests/fuzz/seeds_inputs.mjs (after `make all`) writes them to tests/fuzz/corpus/inputs.
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = resolve(fileURLToPath(new URL('../..', import.meta.url)));
const folder = join(root, 'tests/fuzz/corpus/inputs');
const READERS = ['configuration', 'manifest', 'base64', 'entries', 'notice', 'signedObject', 'certificateRequest', 'json', 'route', 'form', 'sealed'];
const seeds = [];
const add = (reader, bytes, portal = 0) => seeds.push(Buffer.concat([Buffer.from([READERS.indexOf(reader), portal]), Buffer.from(Buffer.isBuffer(bytes) || typeof bytes === 'string' ? bytes : JSON.stringify(bytes))]));

add('configuration', { state: 'state', listen: ['127.0.0.1:8443', '[::1]:8443'], publicUrl: 'https://localhost:8443/', tls: { cert: 'c.pem', key: '/k.pem', ca: 'a.pem' }, profile: 'hainan', origins: ['https://a'], clock: '2026-03-01T09:00:00+08:00', simulators: true, log: 'debug' });
add('configuration', { state: 's', listen: [], publicUrl: 'http://x', profile: 'nothing' });
for (const text of ['QUJD', 'QUI=', 'QQ==', 'QQ=', '====', 'QUJD\n', '+/+/']) add('base64', text);
for (const text of ['91350100M000100Y43', '11010519491231002X', '13800138000', 'a@example.cn', '测试科技有限公司', '个人', '100000', '6222000011112222', '张三', 'x@y.z']) add('entries', text);
for (const body of [{ id: 'x', txn: '2026030122001', amountFen: 100, state: 'PAID', merchant: 'm' }, { payment: 'x', transaction: '1', amount_fen: -1, status: 'SETTLED' }]) add('notice', body);
for (const text of ['{"a":[1,2.5e3,true,null,"\\u4e2d"],"b":{}}', '[[[[[[[[[[1]]]]]]]]]]', '{"a":1,"a":2}', '"\\ud800"', '1', '{"a":"\\u0000"}']) add('json', text);
for (const text of ['/v1/orders/20260301A0001:submit', '/v1/orders/%E4%B8%AD/a/b:c', '/..%2f/x', '/%', '//', '/a\\b', '/%00']) add('route', text);
const form = { agreement: true, years: 2, handlerName: '李四', handlerPhone: '13800138000', handlerEmail: 'a@b.cn', handlerIdType: 'ID', handlerIdNumber: '11010519491231002X', legalName: '王五', newName: 'n', reason: 'LOST', delivery: 'COURIER', recipientName: 'r', recipientPhone: '13800138000', recipientAddress: 'a', invoiceTitle: 't', taxNumber: '91350100M000100Y43', sealType: 'PERSONAL', userName: 'u1', securityQuestion: 'q', product: 'p', project: 'j', fax: null };
for (let portal = 0; portal < 6; portal += 1) for (const flow of [0, 1, 2, 5]) add('form', Buffer.concat([Buffer.from([flow]), Buffer.from(JSON.stringify(form))]), portal);
add('form', Buffer.concat([Buffer.from([3]), Buffer.from('{"years":99,"handlerPhone":1,"nothing":"x","agreement":"yes"}')]));
add('sealed', Buffer.alloc(60, 7).toString('base64'));
add('sealed', '');

const dir = mkdtempSync(join(tmpdir(), 'openukey-seeds-'));
const tool = (name, args, input) => execFileSync(join(root, 'build/gcc/bin', name), args, { input });
tool('ukey', ['ca', 'init', join(dir, 'ca')]);
tool('soft-key', ['make', join(dir, 'key'), join(dir, 'ca'), '测试公司', '91350100M000100Y43', 'SOFTSEED', '2025-06-01T00:00:00+08:00', '2026-06-01T00:00:00+08:00']);
const manifest = JSON.parse(readFileSync(join(dir, 'key/manifest.json')));
add('manifest', manifest);
for (const [name, value] of [['token', {}], ['seals', [{ der: 'MIIB' }]], ['certificates', [{ der: 'MIIB' }, {}]]]) add('manifest', { ...manifest, [name]: value });
const statement = '{"origin":"https://portal.test","type":"statement","version":"1"}';
const signed = Buffer.from(tool('soft-key', ['signed-data', join(dir, 'key')], statement).toString(), 'base64');
add('signedObject', signed);
add('signedObject', signed.subarray(0, signed.length - 20));
const request = Buffer.from(tool('soft-key', ['csr', join(dir, 'key'), join(dir, 'new.pem')]).toString(), 'base64');
add('certificateRequest', request);
add('certificateRequest', Buffer.concat([request, Buffer.from([0])]));
rmSync(dir, { recursive: true });

rmSync(folder, { recursive: true, force: true });
mkdirSync(folder, { recursive: true });
seeds.forEach((bytes, i) => writeFileSync(join(folder, String(i).padStart(2, '0')), bytes));
console.log(`${seeds.length} seeds`);
