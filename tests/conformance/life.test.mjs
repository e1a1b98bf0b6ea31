// A key that comes and goes: slot events, removal in the middle of a command, other programs, behind both transports.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { pcscdMissing } from '../../tools/demo/pcscd.mjs';
import { Desk, usbMissing } from '../support/desk.mjs';

const INS_ECC_SIGN = '74';
const CKR_DEVICE_REMOVED = '0x32';

for (const [transport, skip] of [
    ['socket', false],
    ['pcsc', pcscdMissing() ?? false],
    ['usb', usbMissing()],
]) {
    test(`a key that comes and goes (${transport})`, { skip }, async (t) => {
        const desk = await (await Desk.make(t, { transport })).withKey();
        const { tokens } = await desk.keycheck('list');
        const certificates = tokens[0].certificates.filter((one) => one.algorithm === 'SM2');
        const sign = certificates.find((one) => one.usage === 'sign').id;
        const encrypt = certificates.find((one) => one.usage === 'encrypt').id;

        await t.test('its keys sign and decrypt under their certificates', async () => {
            assert.equal((await desk.keycheck('sign', sign)).ok, true);
            assert.equal((await desk.keycheck('decrypt', encrypt)).ok, true);
            for (const one of tokens[0].certificates.filter(({ algorithm }) => algorithm === 'RSA')) {
                assert.equal((await desk.keycheck('sign', one.id)).ok, true);
                assert.equal((await desk.keycheck('decrypt', one.id)).ok, true);
            }
        });

        await t.test('C_WaitForSlotEvent tells removal and insertion', async () => {
            const { program, next } = await desk.keycheckLines('wait', '2');
            assert.deepEqual(await next(), { waiting: true });
            await desk.key.tell('remove');
            assert.equal((await next()).present, false);
            await desk.key.tell('insert');
            assert.equal((await next()).present, true);
            assert.equal((await program.ended).code, 0);
        });

        for (const when of ['before', 'after']) {
            await t.test(`removed ${when} the signature is made: an error, and the next time all is well`, async () => {
                const talk = await desk.key.talk();
                t.after(() => talk.close());
                await talk.say(`hold ${when} ${INS_ECC_SIGN}`);
                const signing = desk.keycheck('sign', sign);
                assert.match(await talk.next(), /^held/);
                await talk.say('remove');
                const answer = await signing;
                assert.equal(answer.ok, false);
                assert.equal(answer.rv, CKR_DEVICE_REMOVED);
                await desk.whileAppearing(() => talk.say('insert'));
                assert.equal((await desk.keycheck('sign', sign)).ok, true);
            });
        }

        // over USB one program has the device at a time
        await t.test('several programs use it at once', { skip: transport === 'usb' }, async () => {
            const all = await Promise.all(
                Array.from({ length: 6 }, (_, i) => (i % 2 ? desk.keycheck('decrypt', encrypt) : desk.keycheck('sign', sign))),
            );
            assert.deepEqual(all.map(({ ok, error, rv }) => ok || `${error} ${rv}`), Array(6).fill(true));
        });
    });
}

test('a simulator that ends takes its key with it, and brings it back', async (t) => {
    const desk = await (await Desk.make(t)).withKey();
    const { program, next } = await desk.keycheckLines('wait', '2');
    assert.deepEqual(await next(), { waiting: true });
    await desk.key.program.kill();
    assert.equal((await next()).present, false);
    await desk.key.plug();
    assert.equal((await next()).present, true);
    assert.equal((await program.ended).code, 0);
});

test('a call on one token does not wait for a call on another', async (t) => {
    const desk = await (await (await Desk.make(t)).withKey()).withOtherKey();
    const { tokens } = await desk.keycheck('list');
    const [slow, quick] = ['Demo UKey', 'Other key'].map((label) => {
        const token = tokens.find((one) => one.label.trim() === label);
        return token.certificates.find((one) => one.algorithm === 'SM2' && one.usage === 'sign').id;
    });
    const talk = await desk.key.talk();
    t.after(() => talk.close());
    await talk.say(`hold before ${INS_ECC_SIGN}`);
    const { program, next } = await desk.keycheckLines('beside', slow, quick);
    assert.match(await talk.next(), /^held/);
    assert.equal((await next()).certificate, quick);
    await talk.say('release');
    assert.equal((await next()).certificate, slow);
    assert.equal((await program.ended).code, 0);
});
