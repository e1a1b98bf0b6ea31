// The demo as a newcomer runs it: ends with success, tells every step, and leaves nothing behind.
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { pcscdMissing } from '../../tools/demo/pcscd.mjs';
import { Program, run } from '../../tools/demo/program.mjs';

const demo = fileURLToPath(new URL('../../tools/demo/demo.mjs', import.meta.url));

for (const transport of ['socket', 'pcsc']) {
    const skip = transport === 'pcsc' ? (pcscdMissing() ?? false) : false;
    test(`the demo renews a certificate and ends by itself (${transport})`, { skip }, async () => {
        const { stdout } = await run(process.execPath, [demo, '--once', '--transport', transport]);
        for (const step of [1, 2, 3, 4, 5, 6]) assert.match(stdout, new RegExp(`^${step}\\. `, 'm'));
        assert.match(stdout, /48mm\*48mm/);
        assert.match(stdout, /\[x\] .* 100 %/);
        const [, before] = /before +\S+ \S+ to (\d{4})-(\S+ \S+)/.exec(stdout);
        assert.match(stdout, new RegExp(`now +\\S+ \\S+ to ${Number(before) + 1}-`));
        assert.match(stdout, /openssl verify +.*OK/);
        assert.match(stdout, /Done: the certificate is renewed\.\n$/);
        const [, state] = /^state (.*)$/m.exec(stdout);
        assert.equal(existsSync(state), false);
    });
}

test('the demo keeps the portal up until it is told to end, and that is a success', async () => {
    const program = await Program.start({ name: 'demo', command: process.execPath, args: [demo], ready: /(https:\S+)\/renew$/ });
    assert.match(program.ready, /^https:\/\/localhost:\d+$/);
    const { code } = await program.stop('SIGINT');
    assert.equal(code, 0);
});

test('the demo fails with its exit status when there is nothing to run', async () => {
    const { code, stderr } = await run(process.execPath, [demo, '--once'], { allow: [1], env: { BUILD: '/nonexistent' } });
    assert.equal(code, 1);
    assert.match(stderr, /nothing is built/);
});
