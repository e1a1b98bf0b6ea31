// How many commands a program's first signature costs the key, and each further one, counted by the key's own trace. The program
// (tools/bench/p11_client.c) does what libp11 and pkcs11-tool do: C_Initialize, C_GetSlotList, C_OpenSession, C_Login,
// C_FindObjects of a private key by its label or id, C_SignInit, C_Sign.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { chmodSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { gmOperations, readyGm } from '../../tools/bench/keys.mjs';
import { fillPiv, SLOTS } from '../../tools/bench/piv-key.mjs';
import { overSocket } from '../../tools/bench/wire.mjs';
import { SimDesk } from '../support/sim.mjs';
import { missing } from '../support/world.mjs';

const skip = missing('openssl');

/* A desk with one key; count() runs the client and tells what the key was sent. */
async function deskWith(t, application, fill, ...format) {
    const desk = new SimDesk(t);
    chmodSync(desk.dir, 0o700);
    const key = await desk.blank('key', 'FEED0001', '--application', application, ...format).start();
    const wire = await overSocket(key.socket);
    await fill(wire, desk.dir);
    wire.close();
    await key.stop();
    await key.start();
    const cache = join(desk.dir, 'cache');
    mkdirSync(cache, { mode: 0o700 });
    const count = async (args, { settings = '' } = {}) => {
        const conf = join(desk.dir, 'openukey.conf');
        writeFileSync(conf, `socket-dir = ${desk.dir}\npcsc = off\n${settings}`);
        const trace = join(desk.dir, 'trace');
        rmSync(trace, { force: true });
        await key.tell(`trace ${trace}`);
        execFileSync(join(desk.build, 'bin/p11-bench'), ['--module', join(desk.build, 'lib/openukey-pkcs11.so'), '--pin', '123456', ...args], {
            env: { ...process.env, OPENUKEY_CONF: conf, XDG_CACHE_HOME: cache },
            stdio: ['ignore', 'ignore', 'inherit'],
        });
        await key.tell('trace off');
        const lines = readFileSync(trace, 'utf8').trim().split('\n').map((line) => JSON.parse(line));
        // C_Finalize logs out when the program is done: no part of the way to a signature
        return lines.filter((line) => !isLogout(line));
    };
    return { desk, count };
}

const header = (line) => (line.command ?? line.apdu ?? line.c ?? '').slice(0, 8).toLowerCase();
const isLogout = (line) => ['0020ff80', '801c0000'].includes(header(line));

for (const certificates of [1, 4]) {
    test(`the first signature of a PIV key with ${certificates} certificate(s) takes few commands`, { skip }, async (t) => {
        const { count } = await deskWith(t, 'piv', (wire, dir) => fillPiv(wire, dir, certificates));
        const extended = await count(['--id', '01']);
        assert.ok(extended.length <= 4, `extended: ${extended.map(header)}`);
        const byLabel = await count(['--label', SLOTS[0].label]);
        assert.equal(byLabel.length, extended.length, 'the label does as well as the id');
        const short = await count(['--id', '01'], { settings: 'apdu-length = short\n' });
        assert.ok(short.length <= 10, `short: ${short.map(header)}`);
        assert.equal((await count(['--id', '01', '--sign', '6'])).length - extended.length, 5, 'one for each further signature');
        assert.equal((await count(['--id', '01', '--token-info'])).length - extended.length, 3, 'serial number and both counters of tries');
    });
}

test('the first signature of a GM key takes few commands', { skip }, async (t) => {
    const { count } = await deskWith(t, 'gm', async (wire) => gmOperations(await readyGm(wire)));
    const cold = await count(['--label', 'rsa']);
    assert.ok(cold.length <= 10, `cold: ${cold.map(header)}`);
    const warm = await count(['--label', 'rsa']);
    assert.ok(warm.length <= 6, `warm: ${warm.map(header)}`);
    assert.equal((await count(['--label', 'rsa', '--sign', '6'])).length - warm.length, 5, 'one for each further signature');
});
