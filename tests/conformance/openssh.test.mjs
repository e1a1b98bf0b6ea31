// OpenSSH keeps the RSA key in its agent and signs with it while SM2 keys are present. SM2 keys shown as EC keys end the
// agent; so they are hidden from programs that do not ask for our vendor interface.
import assert from 'node:assert/strict';
import { chmodSync, readFileSync, writeFileSync } from 'node:fs';
import { test } from 'node:test';
import { pcscdMissing } from '../../tools/demo/pcscd.mjs';
import { run } from '../../tools/demo/program.mjs';
import { Desk, PIN } from '../support/desk.mjs';
import { missing } from '../support/world.mjs';

// ssh-agent is set-gid: the loader takes LD_PRELOAD away, without which a sanitizer's module does not load into its helper
const sanitized = process.env.SAN ? 'not with sanitizers' : false;
const absent = missing('ssh-agent', 'ssh-add', 'ssh-keygen') || sanitized;

/* Puts the module's keys into an agent of its own and signs a file; {added, said}. */
async function signs(desk) {
    const askpass = desk.file('askpass', `#!/bin/sh\necho ${PIN}\n`);
    chmodSync(askpass, 0o700);
    const said = await run('ssh-agent', ['-a', desk.file('agent.sock'), '-P', desk.module], { env: desk.env, cwd: desk.work });
    const pid = Number(/SSH_AGENT_PID=(\d+)/.exec(said.stdout)[1]);
    const env = { ...desk.env, SSH_AUTH_SOCK: desk.file('agent.sock'), SSH_ASKPASS: askpass, SSH_ASKPASS_REQUIRE: 'force' };
    const ssh = (command, args, more) => run(command, args, { env, cwd: desk.work, allow: [0, 1, 2, 255], ...more });
    try {
        const added = await ssh('ssh-add', ['-s', desk.module]);
        if (added.code !== 0) return { added: false, said: added.stderr };
        const listed = await ssh('ssh-add', ['-L']);
        const key = listed.stdout.split('\n').find((line) => line.startsWith('ssh-rsa '));
        writeFileSync(desk.file('key.pub'), `${key}\n`);
        writeFileSync(desk.file('signers'), `somebody ${key}\n`);
        const message = desk.file('message', 'what is signed');
        await ssh('ssh-keygen', ['-Y', 'sign', '-n', 'file', '-f', 'key.pub', message]);
        const verify = ['-Y', 'verify', '-n', 'file', '-I', 'somebody', '-f', 'signers', '-s', `${message}.sig`];
        const verified = await ssh('ssh-keygen', verify, { input: readFileSync(message) });
        return { added: true, said: verified.stdout + verified.stderr };
    } finally {
        try {
            process.kill(pid);
        } catch {
            // it has ended by itself
        }
    }
}

for (const [transport, skip] of [
    ['socket', absent],
    ['pcsc', absent || (pcscdMissing() ?? false)],
]) {
    test(`ssh-agent signs with RSA beside SM2 keys (${transport})`, { skip }, async (t) => {
        const desk = await (await Desk.make(t, { transport })).withKey();
        const { added, said } = await signs(desk);
        assert.equal(added, true, said);
        assert.match(said, /Good "file" signature for somebody/);
    });
}
