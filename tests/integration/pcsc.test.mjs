// The main job with the simulated key behind the real pcscd.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { pcscdMissing } from '../../tools/demo/pcscd.mjs';
import { makeWorld } from '../support/world.mjs';

test('the renewal runs behind the real pcscd', { skip: pcscdMissing() ?? false }, async (t) => {
    const world = await makeWorld(t, { transport: 'pcsc', keys: { key: { rsa: true } } });
    const bidder = await world.bidder();
    await bidder.untilPaid();
    assert.match(bidder.token.reader, /Virtual PCD/);
    const before = bidder.certificates.find((one) => one.usage === 'sign' && one.current);
    const job = await bidder.write();
    assert.equal(job.state, 'done');
    await bidder.refresh();
    assert.equal(bidder.order.state, 'COMPLETED');
    await bidder.look();
    const now = bidder.certificates.filter((one) => one.usage === 'sign' && one.hasPrivateKey && one.algorithm === 'SM2');
    assert.deepEqual(now.map((one) => one.id), [job.result.signCertificate]);
    assert.notEqual(now[0].id, before.id);
});
