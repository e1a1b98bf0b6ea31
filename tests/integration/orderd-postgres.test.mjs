// The order service over PostgreSQL: its store's and transitions' unit tests, random sequences, and one holder's businesses over HTTP with a
// kill -9 of the service and of the server's connections between them.
import assert from 'node:assert/strict';
import { join, resolve } from 'node:path';
import test, { after, before } from 'node:test';
import { fileURLToPath } from 'node:url';
import { run } from '../../tools/demo/program.mjs';
import { Postgres } from '../support/postgres.mjs';
import { creditCode, startService } from '../support/service.mjs';
import { Life } from '../support/walk.mjs';

const root = resolve(fileURLToPath(new URL('../..', import.meta.url)));
const program = (name) => join(resolve(root, process.env.BUILD ?? 'build/gcc'), 'tests', name);
const isLong = Boolean(process.env.LONG && process.env.LONG !== '0');

let server;
before(async () => {
    server = await Postgres.start();
});
after(() => server?.close());

for (const name of ['test_orderd_store', 'test_orderd_transition']) {
    test(`${name} passes over PostgreSQL`, async () => {
        await server.create(name);
        await run(program(name), [], { env: { ORDERD_TEST_DATABASE: server.url(name) } });
    });
}

test('random sequences keep the invariants over PostgreSQL', async (t) => {
    await server.create('property');
    const args = ['--count', isLong ? '1000' : '15', '--database', server.url('property')];
    const { stdout } = await run(program('test_orderd_property'), args);
    t.diagnostic(/^seed .*$/m.exec(stdout)[0]);
});

const STAFF = { reviewer: ['shen', 'REVIEWER'], second: ['zhou', 'REVIEWER'], finance: ['cai', 'FINANCE'], operator: ['cao', 'OPERATOR'] };
const SUBJECT = { type: 'ORG', name: '测试科技有限公司', credentialType: 'USCC', credentialNo: creditCode(4711) };
const MORE = { product: '单位证书', sealType: 'ORGANIZATION', invoicePhone: '13800138000', invoiceTaxNumber: creditCode(4711), phone: '13800138000', handlerEmail: 'lisi@example.cn', handlerPhone: '13800138000' };

test('a holder gets a certificate, freezes it and has it back, whatever is killed in between', async (t) => {
    await server.create('service');
    const service = await startService(t, { clock: '2026-03-01T10:00:00+08:00', database: server.url('service') });
    const staff = {};
    for (const [as, [name, role]] of Object.entries(STAFF)) staff[as] = await service.staff(name, role);
    const life = new Life(service, '13900139000', staff, SUBJECT, { entries: MORE });
    t.after(() => life.close());
    await life.register();
    await life.walk('NEW');
    const states = async () => (await server.script('service', "SELECT state FROM certificates WHERE usage <> 'ENC'")).rows;
    assert.deepEqual(await states(), ['VALID']);
    await service.kill();
    service.changes.clock = '2026-03-02T10:00:00+08:00'; // it must not go back
    await service.start();
    await life.logIn(life.phone, 'geheim-1');
    await life.walk('FREEZE');
    assert.deepEqual(await states(), ['HELD']);
    await server.script('service', 'SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()');
    await life.walk('UNFREEZE');
    assert.deepEqual(await states(), ['VALID']);
    assert.match((await service.command('verify-events')).stdout, /chain is whole/);
    assert.equal((await server.script('service', 'SELECT COUNT(*) FROM sim_payments')).rows[0], '1');
});

test('a database that is no such URL is refused', async (t) => {
    await assert.rejects(startService(t, { database: 'mysql://nobody@/orders' }), /database: begins with postgresql/);
    await assert.rejects(startService(t, { database: server.url('absent') }), /cannot be opened/);
});
