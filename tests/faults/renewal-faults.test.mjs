// Whatever is cut during the renewal, the old pair and seal work, and running the job again ends in exactly one valid certificate.
// The simulated key is stopped at a command; then the agent or the service is killed, or the key is pulled out.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { sealParts } from '../support/der.mjs';
import { fromPem, makeWorld } from '../support/world.mjs';

const MOMENTS = {
    'right after the PKCS#10': 'hold after 74',
    'after the certificates have arrived': 'hold before 72',
    'after the first write': 'hold before 4C',
};

const CUTS = {
    'the agent is killed': async (world, talk) => {
        await world.agent.kill();
        await talk.say('release');
        await world.startAgent();
    },
    'the service is killed': async (world, talk, bidder) => {
        await world.service.kill();
        await talk.say('release');
        await assert.rejects(bidder.job.finished(), (error) => /^SERVICE_/.test(error.code));
        await world.startService();
    },
    'the key is pulled out': async (world, talk, bidder) => {
        await talk.say('remove');
        await assert.rejects(bidder.job.finished(), { code: 'TOKEN_REMOVED' });
        await talk.say('insert');
    },
};

// The old signing key signs, the old encryption key decrypts, the old seal verifies: by programs that know nothing of the job
async function oldStillWorks(world, old) {
    await world.keyCheck(old.sign, old.encrypt);
    await world.seen(); // a key that was put back is there for the agent a moment later
    const bidder = await world.bidder();
    await bidder.look();
    const seal = bidder.seals.find((one) => one.id === old.seal.id);
    assert.equal(seal?.verification.result, 'valid', 'the old seal verifies');
    const { signed, certificate, signature } = sealParts(Buffer.from(seal.der, 'base64'));
    assert.equal(await world.openssl.verifySignature({ certificate, data: signed, signature }), true);
}

for (const [moment, hold] of Object.entries(MOMENTS)) {
    for (const [cut, doIt] of Object.entries(CUTS)) {
        test(`${cut} ${moment}: the old pair works, and the job run again ends in one valid certificate`, async (t) => {
            const world = await makeWorld(t);
            const bidder = await (await world.bidder()).untilPaid();
            const find = (usage) => bidder.certificates.find((one) => one.usage === usage && one.current);
            const old = { sign: find('sign'), encrypt: find('encrypt'), seal: bidder.seals[0] };

            const talk = await world.key.talk();
            world.guests.push(() => talk.close());
            await talk.say(hold);
            const writing = bidder.write();
            writing.catch(() => {}); // how it ends is asked for below
            assert.equal(await talk.next(), `held ${hold.slice(-2)}`);
            await doIt(world, talk, bidder);
            await writing.catch(() => {});

            await oldStillWorks(world, old);
            assert.deepEqual((await world.validSignCertificates()).map((row) => row.sha256), [old.sign.id]);

            // the person comes back: the same order, as a page would find it
            const again = await world.bidder();
            await again.look();
            await again.verifyPin();
            await again.logIn();
            again.order = bidder.order;
            await again.refresh();
            assert.notEqual(again.order.state, 'COMPLETED');
            const job = await again.write();
            await again.refresh();
            assert.equal(again.order.state, 'COMPLETED');

            // exactly one, and the same one, on the key and in the service
            await again.look();
            const signing = again.certificates.filter((one) => one.usage === 'sign' && one.hasPrivateKey);
            assert.deepEqual(signing.map((one) => one.id), [job.result.signCertificate]);
            assert.notEqual(signing[0].id, old.sign.id);
            assert.deepEqual((await world.validSignCertificates()).map((row) => row.sha256), [signing[0].id]);
            const live = await world.rows("SELECT id FROM issuances WHERE state <> 'REVOKED'");
            assert.equal(live.length, 1);
            const chain = { root: world.rootFile, issuing: world.issuingFile };
            assert.equal(await world.openssl.verifyCertificate(fromPem(signing[0].pem), chain), true);
            const seals = again.seals.filter((one) => one.verification.result === 'valid');
            assert.ok(seals.some((one) => one.certificates.includes(signing[0].id)), 'a seal for the new certificate');
            // old mail can still be read
            await world.keyCheck(again.certificates.find((one) => one.id === signing[0].id), old.encrypt);
        });
    }
}
