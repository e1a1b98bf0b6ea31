// The control socket of ukey-sim: every way in which a pipeline can make a key fail, and what hosts see of it.
import assert from 'node:assert/strict';
import { createCipheriv } from 'node:crypto';
import { existsSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { run } from '../../tools/demo/program.mjs';
import { SimDesk } from '../support/sim.mjs';

const ENUM_APPLICATIONS = '80220000000000';
const DEV_INFO = '80040000000120';
const LABEL = (text) => `8002000000${text.length.toString(16).padStart(4, '0')}${Buffer.from(text).toString('hex')}`;
const label = (info) => Buffer.from(info.slice(264, 328), 'hex').toString().replace(/\0+$/, '');

test('a power cut loses the command, takes the card away, and leaves the old state or the new', async (t) => {
    const desk = new SimDesk(t);
    const key = await desk.blank('key').start();
    const host = await key.host();
    const states = new Set();
    let writes = 0;
    for (; ; writes += 1) {
        const cut = await key.talk();
        await cut.say(`power-cut --after-writes ${writes}${writes % 2 ? ' --torn' : ''}`);
        const answer = await host.apdu(LABEL(`after ${writes}`));
        if (answer.sw === '9000') break; // so many writes and it is done
        assert.equal(answer.error, 'power');
        assert.equal(await cut.next(), 'power-cut');
        assert.match(await key.tell('status'), /present=0/);
        assert.equal((await host.apdu(ENUM_APPLICATIONS)).error, 'no card');
        await key.tell('insert');
        const now = label((await host.apdu(DEV_INFO)).data);
        assert.ok(now === `after ${writes}` || !now.startsWith(`after ${writes}`), now);
        states.add(now === `after ${writes}` ? 'new' : 'old');
        cut.close();
    }
    assert.ok(writes > 5, `${writes} writes`);
    assert.deepEqual([...states].sort(), ['new', 'old']);
    await key.tell('power-cut off');
});

test('a second power cut, during recovery, leaves a key that comes back', async (t) => {
    const desk = new SimDesk(t);
    const key = await desk.blank('key').start();
    const host = await key.host();
    await key.tell('power-cut --after-writes 3');
    assert.equal((await host.apdu(LABEL('first'))).error, 'power');
    await key.tell('power-cut --after-writes 1');
    assert.match(await key.ask('insert'), /^error the power failed while the card powered up$/);
    assert.match(await key.tell('status'), /present=0/);
    await key.tell('insert');
    assert.equal(label((await host.apdu(DEV_INFO)).data), 'OpenUKey');
});

test('slow answers come late, and pulling the key does not wait for them', async (t) => {
    const desk = new SimDesk(t);
    const key = await desk.blank('key').start();
    const host = await key.host();
    await key.tell('slow 150');
    const start = process.hrtime.bigint();
    assert.equal((await host.apdu(ENUM_APPLICATIONS)).sw, '9000');
    assert.ok(process.hrtime.bigint() - start >= 145_000_000n);
    await key.tell('slow 3600000');
    const lost = host.apdu(ENUM_APPLICATIONS);
    for (let status = ''; !status.includes('slow=3600000'); ) status = await key.tell('status');
    await key.tell('remove');
    assert.equal((await lost).error, 'no card');
    await key.tell('slow 0');
    await key.tell('insert');
    assert.equal((await host.apdu(ENUM_APPLICATIONS)).sw, '9000');
});

test('commands fail with the status word that was asked for, as often as asked for, and do nothing', async (t) => {
    const desk = new SimDesk(t);
    const key = await desk.blank('key').start();
    const host = await key.host();
    await key.tell('fail 6581 --on 02 --times 2');
    assert.equal((await host.apdu(ENUM_APPLICATIONS)).sw, '9000');
    assert.equal((await host.apdu(LABEL('no'))).sw, '6581');
    assert.equal((await host.apdu(LABEL('no'))).sw, '6581');
    assert.equal(label((await host.apdu(DEV_INFO)).data), 'OpenUKey');
    assert.equal((await host.apdu(LABEL('yes'))).sw, '9000');
    assert.equal(label((await host.apdu(DEV_INFO)).data), 'yes');
    await key.tell('fail 6F00 --times 100');
    assert.equal((await host.apdu(ENUM_APPLICATIONS)).sw, '6f00');
    await key.tell('fail off');
    assert.equal((await host.apdu(ENUM_APPLICATIONS)).sw, '9000');
    for (const wrong of ['fail', 'fail 12', 'fail 9000 --on', 'fail 9000 --on zz', 'fail 9000 --times 0', 'slow x', 'power-cut'])
        assert.match(await key.ask(wrong), /^error /, wrong);
    for (let i = 0; i < 16; i += 1) await key.tell('fail 6F00');
    assert.equal(await key.ask('fail 6F00'), 'error too many faults are waiting');
});

test('answers are corrupted as asked for, after the command was carried out', async (t) => {
    const desk = new SimDesk(t);
    const key = await desk.blank('key').start();
    const host = await key.host();
    const whole = (await host.apdu(DEV_INFO)).raw;
    await key.tell('corrupt flip --on 04');
    const flipped = (await host.apdu(DEV_INFO)).raw;
    assert.equal(flipped.length, whole.length);
    assert.notEqual(flipped, whole);
    await key.tell('corrupt short');
    assert.equal((await host.apdu(DEV_INFO)).raw, whole.slice(0, -2));
    await key.tell('corrupt long');
    assert.equal((await host.apdu(DEV_INFO)).raw, `${whole}00`);
    await key.tell('corrupt empty --on 02');
    assert.equal((await host.apdu(LABEL('done'))).raw, '');
    assert.equal(label((await host.apdu(DEV_INFO)).data), 'done');
});

test('a trace is replayed on a copy of the key, and what differs is counted', async (t) => {
    const desk = new SimDesk(t);
    const fresh = desk.blank('key');
    await run(desk.sim, ['snapshot', fresh.image, join(desk.dir, 'copy.img')]);
    const key = await fresh.start();
    const host = await key.host();
    const trace = join(desk.dir, 'trace');
    await key.tell(`trace ${trace}`);
    for (const command of [ENUM_APPLICATIONS, LABEL('one'), '80500000000008', '80FF0000', `801800010000020100`]) await host.apdu(command);
    await key.tell('trace off');
    const copy = await desk.image('copy').start();
    assert.equal(await copy.ask(`replay ${trace}`), 'ok sent=4 redacted=1 other-status=0 other-data=1 first-other=0');
    assert.equal(label((await (await copy.host()).apdu(DEV_INFO)).data), 'one');
    await copy.tell('fail 6F00 --on 02');
    assert.match(await copy.ask(`replay ${trace}`), /sent=4 .*other-status=1 .*first-other=2$/);
    assert.match(await copy.ask('replay /no/such/file'), /^error .*No such file/);
});

test('with --seed and --clock, two runs of one key leave the same trace', async (t) => {
    const desk = new SimDesk(t);
    const fresh = desk.blank('key');
    const traces = [];
    for (const name of ['first', 'second']) {
        await run(desk.sim, ['snapshot', fresh.image, join(desk.dir, `${name}.img`)]);
        const key = await desk.image(name).start('--seed', '0102', '--clock', '2026-03-01T08:00:00+08:00');
        const host = await key.host();
        await key.tell(`trace ${join(desk.dir, name)}`);
        for (const command of ['80500000000020', LABEL('seeded'), DEV_INFO]) await host.apdu(command);
        traces.push(readFileSync(join(desk.dir, name), 'utf8'));
    }
    assert.equal(traces[0], traces[1]);
    assert.match(traces[0], /^\{"time":"2026-03-01T00:00:00.000Z",/);
});

test('a running key is copied by snapshot; the copy is the key of that moment', async (t) => {
    const desk = new SimDesk(t);
    const key = await desk.blank('key').start();
    const host = await key.host();
    await host.apdu(LABEL('then'));
    await key.tell(`snapshot ${join(desk.dir, 'then.img')}`);
    await host.apdu(LABEL('now'));
    assert.match(await key.ask(`snapshot ${join(desk.dir, 'then.img')}`), /^error .*exists/);
    const then = await desk.image('then').start();
    assert.equal(label((await (await then.host()).apdu(DEV_INFO)).data), 'then');
    assert.equal(label((await host.apdu(DEV_INFO)).data), 'now');
});

test('a hundred keys run in one process, each on its socket', async (t) => {
    const desk = new SimDesk(t);
    const images = [];
    for (let i = 0; i < 100; i += 1) images.push(desk.blank(`k${i}`, `SERIAL${i}`).image);
    const program = await desk.startAll(images);
    const rss = Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${program.pid}/status`, 'utf8'))[1]);
    if (!process.env.SAN) assert.ok(rss < 100 * 1024, `${rss} KiB`);
    for (const i of [0, 57, 99]) {
        const host = await desk.hostAt(join(desk.dir, `k${i}.sock`));
        const info = (await host.apdu(DEV_INFO)).data;
        assert.equal(Buffer.from(info.slice(328, 392), 'hex').toString().replace(/\0+$/, ''), `SERIAL${i}`);
    }
    t.diagnostic(`a hundred keys: ${rss} KiB resident`);
});

/* ---- images ---- */

const flipAt = (path, at, mask = 0x04) => {
    const bytes = readFileSync(path);
    bytes[at] ^= mask;
    writeFileSync(path, bytes);
};

test('fsck names the damaged page and restores the last good commit, wherever the damage is', async (t) => {
    const desk = new SimDesk(t);
    const fresh = desk.blank('key');
    let key = await fresh.start();
    let host = await key.host();
    for (let i = 0; i < 60; i += 1) await host.apdu(LABEL(`label ${i}`));
    await key.stop();
    const good = readFileSync(fresh.image);
    const end = good.subarray(4096, 4096 * 128).findLastIndex?.((byte) => byte !== 0xff) ?? lastUsed(good);
    assert.ok(end > 4096, 'the log goes over several pages');
    const places = [];
    let lost = 0;
    for (let at = 0; at < 200; at += 23) places.push(at); // the factory page
    for (let at = 4096; at < 4096 + end; at += 97) places.push(at);
    for (const at of places) {
        writeFileSync(fresh.image, good);
        flipAt(fresh.image, at);
        const page = Math.floor(at / 4096);
        const looked = await run(desk.sim, ['fsck', '--check', fresh.image], { allow: [0, 1] });
        if (looked.code === 0) continue; // a torn end looks like a power cut: the card itself recovers
        assert.match(looked.stdout, /page [\d-]+ is damaged/, `at ${at}`);
        const [first, last = first] = /page (\d+)(?:-(\d+))? is damaged/.exec(looked.stdout).slice(1).filter(Boolean).map(Number);
        assert.ok(page >= first && page <= last, `at ${at}, page ${page}: ${looked.stdout}`);
        const refused = await run(desk.sim, ['run', '--socket', join(desk.dir, 'x.sock'), fresh.image], { allow: [1] });
        assert.match(refused.stderr, /damaged at flash page \d+|not a key image/);
        const fixed = await run(desk.sim, ['fsck', fresh.image], { allow: [0, 1] });
        if (fixed.code === 1) {
            // the transaction that made it a key: nothing is before it
            assert.ok(at > 4096 && at < 4096 + 600, `at ${at}: ${fixed.stdout}`);
            assert.match(fixed.stderr, /nothing can be restored/);
            lost += 1;
            continue;
        }
        assert.match(fixed.stdout, /the last good commit is \d+/);
        assert.ok(existsSync(`${fresh.image}.damaged`));
        const { stdout } = await run(desk.sim, ['dump', '--json', fresh.image]);
        const object = JSON.parse(stdout).objects.find(({ kind }) => kind === 'label');
        assert.match(Buffer.from(object.value, 'hex').toString(), /^(label \d+|OpenUKey)/);
        rmSync(`${fresh.image}.damaged`);
    }
    // the good one is good
    writeFileSync(fresh.image, good);
    assert.match((await run(desk.sim, ['fsck', fresh.image])).stdout, /sound; commit/);
    key = await fresh.start();
    host = await key.host();
    assert.equal(label((await host.apdu(DEV_INFO)).data), 'label 59');
    t.diagnostic(`${places.length} damaged images, of which ${lost} were so before their first good commit`);
});

function lastUsed(bytes) {
    let at = 4096 * 128 - 1;
    while (bytes[at] === 0xff) at -= 1;
    return at - 4096;
}

test('a truncated image is refused; fsck restores what is whole, and says when nothing is', async (t) => {
    const desk = new SimDesk(t);
    const fresh = desk.blank('key');
    const key = await fresh.start();
    const host = await key.host();
    for (let i = 0; i < 60; i += 1) await host.apdu(LABEL(`label ${i}`));
    await key.stop();
    const good = readFileSync(fresh.image);
    for (const [size, restored] of [[good.length - 1, true], [900_000, true], [4096 + 5000, true], [4096 + 100, false], [4096, false], [100, false]]) {
        writeFileSync(fresh.image, good.subarray(0, size));
        const refused = await run(desk.sim, ['run', '--socket', join(desk.dir, 'x.sock'), fresh.image], { allow: [1] });
        assert.match(refused.stderr, /truncated/);
        const fixed = await run(desk.sim, ['fsck', fresh.image], { allow: [0, 1] });
        assert.equal(fixed.code === 0, restored, `${size}: ${fixed.stdout}${fixed.stderr}`);
        if (size < good.length - 1) assert.match(fixed.stdout, new RegExp(`within page ${Math.floor(size / 4096)}\\.`));
        if (!restored) assert.equal(statSync(fresh.image).size, size);
        else assert.match((await run(desk.sim, ['fsck', fresh.image])).stdout, /sound/);
    }
});

test('restore brings an image back, and overwrites nothing that is not a key', async (t) => {
    const desk = new SimDesk(t);
    const fresh = desk.blank('key');
    const copy = join(desk.dir, 'copy.img');
    await run(desk.sim, ['snapshot', fresh.image, copy]);
    const key = await fresh.start();
    await (await key.host()).apdu(LABEL('changed'));
    const busy = await run(desk.sim, ['restore', copy, fresh.image], { allow: [1] });
    assert.match(busy.stderr, /in use/);
    await key.stop();
    await run(desk.sim, ['restore', copy, fresh.image]);
    assert.deepEqual(readFileSync(fresh.image), readFileSync(copy));
    writeFileSync(join(desk.dir, 'letter'), 'dear reader');
    assert.match((await run(desk.sim, ['restore', copy, join(desk.dir, 'letter')], { allow: [1] })).stderr, /left alone/);
    flipAt(copy, 4100);
    assert.match((await run(desk.sim, ['restore', copy, fresh.image], { allow: [1] })).stderr, /damaged at flash page 1/);
});

test('dump shows objects and wear, and no secret unless it is asked to', async (t) => {
    const desk = new SimDesk(t);
    const fresh = desk.blank('key', 'DUMPED');
    const open = JSON.parse((await run(desk.sim, ['dump', '--json', fresh.image])).stdout);
    assert.equal(open.serial, 'DUMPED');
    assert.equal(open.wear.byPage.length, 256);
    const secrets = open.objects.filter(({ secret }) => secret);
    assert.ok(secrets.length > 0 && secrets.every(({ value }) => value === undefined));
    const device = Buffer.from('1234567812345678').toString('hex'); // the factory's device key
    assert.ok(!JSON.stringify(open).includes(device));
    const all = JSON.parse((await run(desk.sim, ['dump', '--json', '--secrets', fresh.image])).stdout);
    assert.ok(JSON.stringify(all).includes(device));
});

test('dump calls the objects of a PIV key and of a GM key by name', async (t) => {
    const desk = new SimDesk(t);
    const fresh = desk.blank('piv', 'SIM0001', '--application', 'piv');
    const key = await fresh.start();
    const host = await key.host();
    const send = async (hex) => assert.equal((await host.apdu(hex)).sw, '9000', hex);
    // the management key, by its challenge
    const { data } = await host.apdu('0087039b047c02810000');
    const secret = Buffer.from('0102030405060708'.repeat(3), 'hex');
    const answer = createCipheriv('des-ede3', secret, null).setAutoPadding(false).update(data.slice(8), 'hex', 'hex');
    await send(`0087039b0c7c0a8208${answer}`);
    await send('0047009a05ac0380011100'); // P-256
    await send('0047008205ac0380011400'); // P-384 among the retired
    for (const tag of ['5fc105', '5fc10d', '5fc109', '5fff00']) await send(`00db3fff0a5c03${tag}5303706162`);
    await key.stop();
    const { objects } = JSON.parse((await run(desk.sim, ['dump', '--json', fresh.image])).stdout);
    const named = objects.map(({ kind, name, secret: hidden, value }) => `${kind}: ${name}${hidden ? ' (secret)' : ''}${value ? '' : ' -'}`);
    assert.deepEqual(named, [
        'PIN: 80 PIN (secret) -',
        'PIN tries: 80 PIN',
        'PIN: 81 PUK (secret) -',
        'PIN tries: 81 PUK',
        'management key: 9B Card Management, 3DES (secret) -',
        'key: 82 Retired Key Management, P-384 (secret) -',
        'key: 9A PIV Authentication, P-256 (secret) -',
        'object: 5FC102 Card Holder Unique Identifier',
        'certificate: 5FC105 9A PIV Authentication',
        'object: 5FC107 Card Capability Container',
        'object: 5FC109 Printed Information (secret) -',
        'certificate: 5FC10D 82 Retired Key Management',
        'object: 5FFF00 Host Data',
    ]);
    const text = (await run(desk.sim, ['dump', fresh.image])).stdout;
    assert.match(text, /^3100009a +\d+ secret key +9A PIV Authentication, P-256$/m);
    assert.match(text, /^325fc105 +3 public certificate +5FC105 9A PIV Authentication$/m);
    assert.ok(!text.includes('706162'), 'no content');

    const world = JSON.parse((await run(desk.sim, ['dump', '--json', desk.blank('gm').image])).stdout);
    assert.deepEqual(world.objects.map(({ kind }) => kind), ['label', 'device key', 'device tries', 'change counter']);
});

test('the self-tests run on demand, on a plugged-in key and without one', async (t) => {
    const desk = new SimDesk(t);
    const key = await desk.blank('key').start();
    assert.match(await key.tell('selftest'), /^ok 17 known answers hold$/);
    await key.tell('remove');
    assert.equal(await key.ask('selftest'), 'error no card');
    const { stdout } = await run(desk.sim, ['selftest']);
    assert.match(stdout, /^ok 1 - SM3 .* # \d+\.\d\d ms, at power-up$/m);
    assert.match(stdout, /^ok \d+ - RSA-4096 .* ms, before first use$/m);
    assert.equal(stdout.match(/^ok /gm).length, Number(/^1\.\.(\d+)$/m.exec(stdout)[1]));
    assert.match((await run(desk.sim, ['selftest', 'me'], { allow: [2] })).stderr, /one argument too many/);
});
