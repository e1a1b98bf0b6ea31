// Orders that belong together: an enterprise's seal and its legal representative's; and one order that follows another.
import assert from 'node:assert/strict';
import test from 'node:test';
import { Applicant } from '../support/applicant.mjs';
import { BlankKey, startService } from '../support/service.mjs';

const CLOCK = '2026-03-01T10:00:00+08:00';
const ORG = { type: 'ORG', name: '测试科技有限公司', credentialType: 'USCC', credentialNo: '91350100M000100Y43' };
const LEGAL = { type: 'PERSON', name: '王五', credentialType: 'ID', credentialNo: '11010519491231002X' };

function refused(answer, status, code) {
    assert.deepEqual([answer.status, answer.body.code], [status, code], JSON.stringify(answer.body));
}
const fieldsOf = (answer) => answer.body.errors.map(({ field }) => field);

test('an enterprise and its legal representative apply together', async (t) => {
    const service = await startService(t, { clock: CLOCK, profile: 'hainan' });
    const owner = new Applicant(service, '13900139000', {});
    await owner.register();
    const numbers = async () => (await service.rows('SELECT public_no FROM orders ORDER BY public_no')).map(({ public_no: no }) => no);

    await t.test('not without him, and not with a wrong number of his: the field is named', async () => {
        const alone = await owner.create({ kind: 'NEW', subject: ORG, linked: undefined });
        refused(alone, 422, 'FIELDS_INVALID');
        assert.deepEqual(fieldsOf(alone), ['linked']);
        const wrong = await owner.create({ kind: 'NEW', subject: ORG, linked: { ...LEGAL, credentialNo: '110105194912310021' } });
        assert.deepEqual(fieldsOf(wrong), ['linked.credentialNo']);
        assert.deepEqual(await numbers(), []);
    });
    await t.test('both or none', async () => {
        Applicant.good(await owner.create({ kind: 'NEW', subject: LEGAL }));
        refused(await owner.create({ kind: 'NEW', subject: ORG, linked: LEGAL }), 409, 'OPEN_ORDER_EXISTS');
        assert.equal((await numbers()).length, 1);
        await owner.change('POST', ':cancel', {});
        Applicant.good(await owner.create({ kind: 'NEW', subject: ORG, linked: LEGAL }));
        const org = owner.order;
        const [legal] = org.linked;
        assert.deepEqual((await owner.look(legal)).linked, [org.no]);
        assert.deepEqual([owner.order.subject.name, owner.order.state], ['王五', org.state]);
    });
    await t.test('cancelled together', async () => {
        const [other] = owner.order.linked;
        await owner.change('POST', ':cancel', {});
        assert.equal((await owner.look(other)).state, 'CANCELLED');
        assert.match((await service.command('verify-events')).stdout, /chain is whole/);
    });
});

test('a similar application takes over what was filled in, but for what must be said anew', async (t) => {
    const service = await startService(t, { clock: CLOCK });
    const owner = new Applicant(service, '13900139000', {});
    await owner.register();
    Applicant.good(await owner.create({ kind: 'NEW', subject: ORG }));
    await owner.fillIn();
    const first = owner.order;
    await owner.change('POST', ':cancel', {});
    Applicant.good(await owner.create({ kind: 'NEW', subject: { ...LEGAL }, source: first.no }));
    assert.deepEqual(owner.order.source, { no: first.no });
    assert.equal(owner.order.form.handlerEmail, 'lisi@example.cn');
    assert.equal(owner.order.form.agreement, undefined);
    assert.deepEqual([owner.order.state, owner.order.actions], ['DRAFT', ['edit', 'submit', 'cancel']]);
});

test('a parcel can be followed, and counts as received after thirty days', async (t) => {
    const service = await startService(t, { clock: CLOCK });
    const staff = { reviewer: await service.staff('shen', 'REVIEWER'), operator: await service.staff('cao', 'OPERATOR') };
    const owner = new Applicant(service, '13900139000', staff);
    await owner.register();
    Applicant.good(await owner.create({ kind: 'NEW', subject: ORG }));
    await owner.goOn('APPROVED');

    await t.test('where it is, from the courier', async () => {
        refused(await owner.ask('GET', owner.path('/shipment')), 404, 'NOT_FOUND');
        await owner.ship();
        const track = async () => (await owner.ask('GET', owner.path('/shipment'))).body.track;
        assert.equal((await track()).state, 'UNKNOWN');
        for (const state of ['ACCEPTED', 'IN_TRANSIT', 'DELIVERED']) {
            assert.equal((await service.post(`/sim/courier/SF1234567890/${state}`, {})).status, 200);
            assert.equal((await track()).state, state);
        }
        assert.equal((await service.post('/sim/courier/SF1234567890/LOST', {})).status, 404);
        const { body } = await owner.ask('GET', owner.path('/shipment'));
        assert.deepEqual([body.mode, body.carrier, body.parcel, body.recipient.recipientName], ['COURIER', 'SF', 'SF1234567890', '李四']);
        assert.match(body.track.url, /\/sim\/courier\/SF1234567890$/);
    });
    await t.test('whoever never confirms has received it after thirty days', async () => {
        const key = new BlankKey(service, 'k', owner);
        Applicant.good(await key.claim({ code: await owner.downloadCode() }));
        const file = key.newKeyFile();
        Applicant.good(await key.prove(file, Applicant.good(await key.requestCertificates(file)).body));
        const later = async (clock) => {
            await service.program.stop();
            service.changes.clock = clock;
            await service.start();
            await owner.logIn(owner.phone, 'geheim-1');
            return (await owner.look()).state;
        };
        assert.equal(await later('2026-03-31T09:00:00+08:00'), 'SHIPPED');
        await later('2026-03-31T11:00:00+08:00');
        for (let i = 0; (await owner.look()).state !== 'COMPLETED'; i += 1) {
            assert.ok(i < 600, owner.order.state);
            await new Promise((done) => setTimeout(done, 100));
        }
        assert.equal((await owner.ask('GET', owner.path('/shipment'))).body.state, 'AUTO_RECEIVED');
    });
});
