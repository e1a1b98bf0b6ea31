// OpenSSH, and git through it, use keys behind the real pcscd, SM2 keys beside them.
import { test } from 'node:test';
import { absent, ClientDesk, eachKey, notSanitized } from '../support/client_desk.mjs';
import { commands, gitCommit, login, loginWithoutAgent, signFile, sshdMissing, withAgent } from '../support/clients/openssh.mjs';

const skip = absent(...commands, 'git') || sshdMissing();

test('OpenSSH', { skip }, async (t) => {
    const desk = await ClientDesk.make(t);
    await eachKey(t, desk, { 'ssh itself logs in to a sshd': loginWithoutAgent });
    // ssh-agent is set-gid: the loader takes LD_PRELOAD away, without which a sanitizer's module does not load into its helper
    await t.test('ssh-agent', { skip: notSanitized }, (t) =>
        withAgent(desk, async (agent) => {
            const through = (client) => (desk, key) => client(desk, key, agent);
            await eachKey(t, desk, {
                'ssh-keygen -Y signs a file': through(signFile),
                'ssh logs in to a sshd': through(login),
                'git signs a commit': through(gitCommit),
            });
        }),
    );
});
