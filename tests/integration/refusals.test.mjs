// Every refusal of the renewal: its own code, its own clear message in zh-CN and in en, and nothing changed.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { OTHER_KEY, daysLeft, makeWorld } from '../support/world.mjs';

// What must be the same before and after a refusal: what is on the key and what the service holds
async function standOf(world) {
    const bidder = await world.bidder();
    const held = [];
    for (const token of await bidder.agent.tokens()) {
        const certificates = await bidder.agent.certificates({ token });
        const seals = await bidder.agent.seals({ token });
        held.push([token.serial, certificates.map((one) => [one.id, one.hasPrivateKey]), seals.map((one) => one.id)]);
    }
    return {
        held,
        orders: await world.rows('SELECT public_no, state, version FROM orders ORDER BY public_no'),
        certificates: await world.rows('SELECT id, state FROM certificates ORDER BY id'),
    };
}

// Does it twice, once in each language, and looks at the two errors
async function refusedInBoth(world, code, action) {
    const errors = {};
    for (const lang of ['zh-CN', 'en']) {
        const bidder = await world.bidder({ lang });
        errors[lang] = await action(bidder).then(
            () => assert.fail(`not refused in ${lang}`),
            (error) => error,
        );
        assert.equal(errors[lang].code, code, errors[lang].stack);
    }
    const [zh, en] = [errors['zh-CN'], errors.en];
    assert.match(zh.title, /[\u4e00-\u9fff]{2}/, 'the Chinese title is Chinese');
    assert.match(en.title, /^[ -~’…]+$/, 'the English title is English');
    assert.ok(zh.detail || zh.title.length > 6, 'it says what to do');
    assert.notEqual(zh.title, en.title);
    return errors;
}

async function ready(bidder) {
    await bidder.look();
    await bidder.verifyPin();
    await bidder.logIn();
    return bidder;
}

test('a wrong PIN: the tries left are told, and the right one is taken afterwards', async (t) => {
    const world = await makeWorld(t);
    const before = await standOf(world);
    world.dialogs.typePin('000000');
    const { en } = await refusedInBoth(world, 'PIN_WRONG', async (bidder) => {
        await bidder.look();
        await bidder.verifyPin();
    });
    assert.equal(en.status, 403);
    assert.ok(en.triesLeft >= 1 && en.triesLeft < 10);
    world.dialogs.typePin('123456');
    // after the second wrong PIN that site has to wait; another has not
    const bidder = await world.bidder({ origin: 'https://another.example' });
    await bidder.look();
    assert.equal(bidder.token.pin.triesLeft, en.triesLeft);
    await bidder.verifyPin();
    assert.equal((await bidder.look()).token.pin.triesLeft, 10);
    assert.deepEqual(await standOf(world), before);
});

test('the agent never uses the last try of a PIN', async (t) => {
    const world = await makeWorld(t);
    world.dialogs.typePin('000000');
    const codes = [];
    let bidder;
    // from as many sites: each has to wait after its second wrong PIN
    for (let i = 0; i < 12 && codes.at(-1) !== 'PIN_LAST_TRY'; i++) {
        bidder = await world.bidder({ origin: `https://site-${i}.example` });
        await bidder.look();
        codes.push(await bidder.verifyPin().then(() => 'verified', (error) => error.code));
    }
    assert.equal(codes.at(-1), 'PIN_LAST_TRY', codes.join(' '));
    await bidder.look();
    assert.deepEqual([bidder.token.pin.triesLeft, bidder.token.pin.state], [1, 'last']);
    await refusedInBoth(world, 'PIN_LAST_TRY', async (one) => {
        await one.look();
        await one.verifyPin();
    });
});

test('a locked PIN', async (t) => {
    const world = await makeWorld(t, { keys: { key: { changes: { pin: { triesLeft: 0 } } } } });
    const before = await standOf(world);
    await refusedInBoth(world, 'PIN_LOCKED', async (bidder) => {
        await bidder.look();
        assert.equal(bidder.token.pin.state, 'locked');
        await bidder.verifyPin();
    });
    assert.deepEqual(world.dialogs.pinentryLog.filter((line) => line === 'GETPIN'), [], 'nobody is asked for a PIN');
    assert.deepEqual(await standOf(world), before);
});

test('a closed PIN dialog', async (t) => {
    const world = await makeWorld(t);
    world.dialogs.closePinDialog();
    await refusedInBoth(world, 'USER_CANCELLED', async (bidder) => {
        await bidder.look();
        await bidder.verifyPin();
    });
});

test('a statement that the person does not agree to', async (t) => {
    const world = await makeWorld(t);
    const bidder = await ready(await world.bidder());
    await bidder.createOrder();
    await bidder.fillIn();
    const before = await standOf(world);
    world.dialogs.refuse('statement');
    await assert.rejects(bidder.confirm(), { code: 'USER_CANCELLED', status: 403 });
    assert.deepEqual(await standOf(world), before);
});

test('a login that the person does not agree to', async (t) => {
    const world = await makeWorld(t);
    world.dialogs.refuse('login');
    await refusedInBoth(world, 'USER_CANCELLED', ready);
    assert.deepEqual(await world.rows('SELECT * FROM sessions'), []);
});

test('no key: for the page and for the job', async (t) => {
    const world = await makeWorld(t);
    const paid = await (await world.bidder()).untilPaid();
    const before = await standOf(world);
    await world.key.unplug();
    await world.seen(0);
    await refusedInBoth(world, 'NO_TOKEN', (bidder) => bidder.look());
    await refusedInBoth(world, 'NO_TOKEN', (bidder) => {
        const { order, service } = paid;
        return bidder.agent.jobs.renew({ service: 'default', order: order.no, authorization: service.authorization });
    });
    await world.key.plug();
    await world.seen(1);
    assert.deepEqual(await standOf(world), before);
});

test('two keys: the job does not choose', async (t) => {
    const world = await makeWorld(t, { keys: { key: {}, other: { changes: OTHER_KEY, plug: false } } });
    const paid = await (await world.bidder()).untilPaid();
    await world.other.plug();
    await world.seen();
    const before = await standOf(world);
    await refusedInBoth(world, 'SEVERAL_TOKENS', (bidder) => bidder.look());
    await refusedInBoth(world, 'SEVERAL_TOKENS', (bidder) => {
        const { order, service } = paid;
        return bidder.agent.jobs.renew({ service: 'default', order: order.no, authorization: service.authorization });
    });
    assert.deepEqual(await standOf(world), before);
});

test('the wrong key: nothing is written on it', async (t) => {
    const world = await makeWorld(t, { keys: { key: {}, other: { changes: OTHER_KEY, plug: false } } });
    const paid = await (await world.bidder()).untilPaid();
    await world.key.unplug();
    await world.other.plug();
    await world.seen();
    const before = await standOf(world);
    await refusedInBoth(world, 'WRONG_TOKEN', async (bidder) => {
        await bidder.look();
        await bidder.verifyPin();
        const { order, service } = paid;
        const job = await bidder.agent.jobs.renew({
            service: 'default', order: order.no, authorization: service.authorization, token: bidder.token.id,
        });
        await job.finished();
    });
    assert.deepEqual((await standOf(world)).held, before.held);
    assert.deepEqual((await standOf(world)).certificates, before.certificates);
});

test('the service is down: before the order and before the writing', async (t) => {
    const world = await makeWorld(t);
    const paid = await (await world.bidder()).untilPaid();
    const before = await standOf(world);
    await world.service.stop();
    const { en } = await refusedInBoth(world, 'SERVICE_UNREACHABLE', async (bidder) => {
        await bidder.look();
        await bidder.verifyPin();
        await bidder.logIn();
    });
    assert.equal(en.status, 502);
    await refusedInBoth(world, 'SERVICE_UNREACHABLE', async (bidder) => {
        await bidder.look();
        await bidder.verifyPin();
        const { order, service } = paid;
        const job = await bidder.agent.jobs.renew({
            service: 'default', order: order.no, authorization: service.authorization, token: bidder.token.id,
        });
        await job.finished();
    });
    await world.startService();
    assert.deepEqual((await standOf(world)).held, before.held);
    assert.deepEqual((await standOf(world)).certificates, before.certificates);
});

/* ---- the window (R210): days in Asia/Shanghai ---- */

test('90 days left is refused with the reason and the earliest date, for the question and for the order', async (t) => {
    const world = await makeWorld(t, { keys: { key: { changes: daysLeft(90) } } });
    const before = await standOf(world);
    const reason = {};
    const { en } = await refusedInBoth(world, 'RENEWAL_TOO_EARLY', async (bidder) => {
        await ready(bidder);
        const answer = await bidder.askEligibility();
        assert.deepEqual([answer.eligible, answer.code, answer.daysLeft], [false, 'RENEWAL_TOO_EARLY', 90]);
        reason[bidder.agent.lang] = answer.reason;
        assert.match(answer.earliest, /^\d{4}-\d{2}-\d{2}$/);
        assert.ok(answer.reason.includes(answer.earliest));
        await bidder.createOrder();
    });
    assert.equal(en.status, 409);
    assert.match(reason['zh-CN'], /[\u4e00-\u9fff]/);
    assert.match(reason.en, /^[ -~]+$/);
    assert.deepEqual(await standOf(world), before);
});

test('expired 366 days ago is refused at the login already', async (t) => {
    const world = await makeWorld(t, { keys: { key: { changes: daysLeft(-366) } } });
    const before = await standOf(world);
    const { en } = await refusedInBoth(world, 'CERTIFICATE_EXPIRED', ready);
    assert.match(en.detail, /365|new certificate/);
    assert.deepEqual(await standOf(world), before);
});

for (const days of [89, -365]) {
    const words = days > 0 ? `${days} days left` : `expired ${-days} days ago`;
    test(`${words} is accepted and renewed to the right date`, async (t) => {
        const world = await makeWorld(t, { keys: { key: { changes: daysLeft(days) } } });
        const bidder = await ready(await world.bidder());
        const answer = await bidder.askEligibility();
        assert.deepEqual([answer.eligible, answer.daysLeft], [true, days]);
        const old = bidder.certificates.find((one) => one.usage === 'sign');
        await bidder.createOrder();
        await bidder.fillIn();
        await bidder.confirm();
        await bidder.pay();
        await bidder.write();
        await bidder.refresh();
        const got = bidder.order.result.signCertificate;
        const shanghai = (time) => new Date(new Date(time).getTime() + 8 * 3600_000).toISOString().slice(0, 10);
        // not expired: from the old end (R211); expired: from the day of download (R212)
        const from = days > 0 ? shanghai(old.notAfter) : shanghai(Date.now());
        const wanted = `${Number(from.slice(0, 4)) + 1}${from.slice(4)}`.replace(/-02-29$/, '-02-28');
        assert.equal(shanghai(got.notAfter), wanted);
        if (days > 0) assert.equal(new Date(got.notAfter).getUTCSeconds(), new Date(old.notAfter).getUTCSeconds());
    });
}

test('the 89th day begins at midnight in Shanghai, not in UTC', async (t) => {
    const DAY = 86400_000;
    // midnight in Shanghai at which today began, and the last second of the day 89 days later
    const midnight = Math.floor((Date.now() + 8 * 3600_000) / DAY) * DAY - 8 * 3600_000;
    const rfc3339 = (ms) => new Date(ms).toISOString().replace(/\.\d+Z$/, 'Z');
    const changes = daysLeft(rfc3339(midnight + 90 * DAY - 1000));
    const open = await eligibleAt(t, rfc3339(midnight), changes);
    const closed = await eligibleAt(t, rfc3339(midnight - 1800_000), changes);
    assert.deepEqual([open.eligible, open.daysLeft], [true, 89]);
    const today = new Date(midnight + 8 * 3600_000).toISOString().slice(0, 10);
    assert.deepEqual([closed.eligible, closed.daysLeft, closed.earliest], [false, 90, today]);
});

async function eligibleAt(t, clock, changes) {
    const world = await makeWorld(t, { serviceConfig: { clock }, keys: { key: { changes } } });
    const bidder = await ready(await world.bidder());
    return bidder.askEligibility();
}
