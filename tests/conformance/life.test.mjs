// A key that comes and goes: slot events, removal in the middle of a command, other programs, behind both transports.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { pcscdMissing } from '../../tools/demo/pcscd.mjs';
import { run } from '../../tools/demo/program.mjs';
import { Desk, PIN, usbMissing } from '../support/desk.mjs';

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

        await t.test('unplugged from the bus: told as a removal, and a running command ends with an error', { skip: transport !== 'usb' }, async () => {
            const waiting = await desk.keycheckLines('wait', '1');
            assert.deepEqual(await waiting.next(), { waiting: true });
            await desk.key.program.kill();
            assert.equal((await waiting.next()).present, false);
            assert.equal((await waiting.program.ended).code, 0);
            await desk.key.plug();
            const talk = await desk.key.talk();
            await talk.say(`hold before ${INS_ECC_SIGN}`);
            const signing = desk.keycheck('sign', sign);
            assert.match(await talk.next(), /^held/);
            await desk.key.program.kill();
            talk.close();
            assert.equal((await signing).rv, CKR_DEVICE_REMOVED);
            await desk.key.plug();
            assert.equal((await desk.keycheck('sign', sign)).ok, true);
        });

        await t.test('a reader that another program has is not used, and the log says why', { skip: transport !== 'usb' }, async () => {
            const both = `coproc HOST { "$0" "$1" ${PIN} reset; }
                read -r line <&"\${HOST[0]}"; echo "$line"
                echo >&"\${HOST[1]}"; read -r line <&"\${HOST[0]}"; echo "first: $line"
                "$2" "$1" --option socket-dir=off --option pcsc=off --option usb=on list
                echo >&"\${HOST[1]}"; read -r line <&"\${HOST[0]}"; echo "first: $line"
                kill $HOST_PID`;
            const { command, args, env } = desk.command('bash', ['-c', both, desk.binary('strange-host'), desk.module, desk.binary('keycheck')], { OPENUKEY_CONF: desk.conf });
            const { stdout, stderr } = await run(command, args, { env, allow: [0, 1, 143] });
            assert.deepEqual(stdout.split('\n').filter((text) => text.startsWith('first')), ['first: 0x0 1', 'first: 0x0 1'], stdout + stderr);
            assert.match(stderr, /USB OpenUKey simulated USB key \(1-1:1\.0\) is not used: pcscd or another program holds it/);
        });

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
