// The first PIN of a key that an operator produces: sealed to his agent, told to the holder as the manuals say, and kept by nobody.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'node:test';
import { Applicant } from '../support/applicant.mjs';
import { KeyAgent } from '../support/key_agent.mjs';
import { BlankKey, startService } from '../support/service.mjs';

const SUBJECT = { type: 'ORG', name: '测试科技有限公司', credentialType: 'USCC', credentialNo: '91350100M000100Y43' };

async function until(what) {
    for (let i = 0; ; i += 1) {
        const [row] = await what();
        if (row) return row;
        assert.ok(i < 1200, 'nothing came');
        await new Promise((done) => setTimeout(done, 50));
    }
}

/* A key produced in this portal; what its agent set, and what the holder saw of it. */
async function produce(t, profile) {
    const service = await startService(t, { clock: '2026-03-01T10:00:00+08:00', profile });
    const staff = { reviewer: await service.staff('shen', 'REVIEWER'), operator: await service.staff('cao', 'OPERATOR') };
    const person = new Applicant(service, '13900139000', staff, { sealType: 'ORGANIZATION' });
    await person.register();
    Applicant.good(await person.create({ kind: 'NEW', subject: SUBJECT }));
    await person.goOn('APPROVED');
    const operator = Object.assign(staff.operator, { order: person.order });
    const spoilt = new KeyAgent(new BlankKey(service, 'spoilt', operator), operator);
    KeyAgent.good(await spoilt.claim(person.order.no));
    await spoilt.firstPin();
    const refused = await operator.ask('POST', spoilt.path('/first-pin'), { recipient: 'AAAA' });
    assert.deepEqual([refused.status, refused.body.code], [422, 'CSR_INVALID']);
    KeyAgent.good(await spoilt.fail('TOKEN_BROKEN', false));
    assert.equal((await person.look()).password, undefined);
    const agent = new KeyAgent(new BlankKey(service, 'made', operator), operator, { twice: true });
    await agent.carryOut(person.order.no);
    assert.match(agent.pin, /^[2-9A-HJ-NP-Z]{8}$/);
    assert.notEqual(agent.pin, spoilt.pin, 'another key has another PIN');
    return { service, person, agent };
}

async function isForgotten(service, pin) {
    await until(() => service.rows("SELECT 1 FROM first_pins WHERE state = 'TOLD' AND pin_sealed = ''"));
    await until(() => service.rows("SELECT 1 WHERE NOT EXISTS (SELECT 1 FROM outbox WHERE done = 1 AND topic = 'message' AND payload <> '{}')"));
    const tables = (await service.rows("SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sim_%'")).map(({ name }) => name);
    for (const name of tables) assert.ok(!JSON.stringify(await service.rows(`SELECT * FROM ${name}`)).includes(pin), name);
    assert.ok(!readFileSync(join(service.dir, 'orderd.log'), 'utf8').includes(pin));
}

test('told in the postscript of a transfer where the organisation was checked by one', async (t) => {
    const { service, person, agent } = await produce(t, 'resource');
    await until(() => service.rows(`SELECT 1 FROM sim_transfers WHERE postscript = '${agent.pin}' AND name = '${SUBJECT.name}'`));
    await isForgotten(service, agent.pin);
    assert.deepEqual((await person.look()).password, { way: 'TRANSFER', state: 'TOLD' });
    assert.deepEqual(await service.rows(`SELECT 1 FROM sim_deliveries WHERE body GLOB '*${agent.pin}*'`), []);
});

test('told by SMS to whoever was checked by telephone', async (t) => {
    const { service, person, agent } = await produce(t, 'hainan');
    const sms = await until(() => service.rows(`SELECT medium, recipient FROM sim_deliveries WHERE body GLOB '*${agent.pin}*'`));
    assert.deepEqual(sms, { medium: 'SMS', recipient: person.entries.handlerPhone });
    await isForgotten(service, agent.pin);
    assert.deepEqual((await person.look()).password, { way: 'SMS', state: 'TOLD' });
});
