// OpenSSH and what stands on it: an agent with the module's keys, a login to a real sshd, signed files, signed commits.
import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readFileSync } from 'node:fs';
import { userInfo } from 'node:os';
import { run } from '../../../tools/demo/program.mjs';

export const commands = ['ssh', 'ssh-agent', 'ssh-add', 'ssh-keygen'];
export const SSHD = '/usr/sbin/sshd';
export const sshdMissing = () => (existsSync(SSHD) ? false : 'openssh-server is not installed');

const ADD_KEYS_ALLOW = [0, 1, 2, 255];

/* An agent with all keys of the token; `added` is false if it could not take them. */
export class SshAgent {
    static async start(desk) {
        const agent = new SshAgent();
        agent.desk = desk;
        agent.socket = desk.file(`ssh-agent-${process.hrtime.bigint()}`);
        const { stdout } = await desk.client('ssh-agent', ['-a', agent.socket, '-P', desk.module]);
        agent.pid = Number(/SSH_AGENT_PID=(\d+)/.exec(stdout)[1]);
        agent.env = { SSH_AUTH_SOCK: agent.socket, SSH_ASKPASS: desk.askpass(), SSH_ASKPASS_REQUIRE: 'force' };
        const { code, stderr } = await agent.run('ssh-add', ['-s', desk.module], { allow: ADD_KEYS_ALLOW });
        agent.added = code === 0;
        agent.said = stderr;
        return agent;
    }

    run(command, args, { env, ...more } = {}) {
        return this.desk.client(command, args, { env: { ...this.env, ...env }, ...more });
    }

    /* The line of the key's public half that the agent gives, in a file of its own too. */
    async publicKey(key) {
        const { stdout: listed } = await this.run('ssh-add', ['-L']);
        const { stdout: wanted } = await run('ssh-keygen', ['-i', '-m', 'PKCS8', '-f', key.pub]);
        const line = listed.split('\n').find((one) => one.startsWith(wanted.trim()));
        assert.ok(line, `the agent has the key ${key.name}: ${listed}`);
        return { line, file: this.desk.file(`${key.name}.ssh.pub`, `${line}\n`) };
    }

    stop() {
        try {
            process.kill(this.pid);
        } catch {
            // it has ended by itself
        }
    }
}

export async function withAgent(desk, use) {
    const agent = await SshAgent.start(desk);
    try {
        assert.equal(agent.added, true, agent.said);
        return await use(agent);
    } finally {
        agent.stop();
    }
}

/* ssh-keygen -Y: verified by an ssh-keygen that has no agent, and refused for another message. */
export async function signFile(desk, key, agent) {
    const { file, line } = await agent.publicKey(key);
    const message = desk.file(`${key.name}.message`, 'what is signed');
    const signers = desk.file('signers', `${key.email} ${line}\n`);
    await agent.run('ssh-keygen', ['-Y', 'sign', '-n', 'file', '-f', file, message]);
    const verify = ['-Y', 'verify', '-n', 'file', '-I', key.email, '-f', signers, '-s', `${message}.sig`];
    const { stdout } = await run('ssh-keygen', verify, { input: readFileSync(message) });
    assert.match(stdout, new RegExp(`Good "file" signature for ${key.email}`));
    await assert.rejects(run('ssh-keygen', verify, { input: 'something else' }));
}

/* Runs a command on a "far" computer: sshd lets in who proves this key, and no one else. */
export async function login(desk, key, agent) {
    const { line } = await agent.publicKey(key);
    const server = await sshServer(desk, line);
    const { stdout, stderr } = await agent.run('ssh', [...server, 'echo "in as $(id -un)"']);
    assert.match(stdout, new RegExp(`^in as ${userInfo().username}$`, 'm'));
    assert.match(stderr, /Accepted publickey/); // sshd's own word
    await assert.rejects(desk.client('ssh', [...server, 'true'], { env: { SSH_AUTH_SOCK: '' } }), /Permission denied/);
}

/* The same without an agent: ssh loads the module itself and asks for the PIN. */
export async function loginWithoutAgent(desk, key) {
    const { stdout: line } = await run('ssh-keygen', ['-i', '-m', 'PKCS8', '-f', key.pub]);
    const server = await sshServer(desk, line.trim());
    const env = { SSH_AUTH_SOCK: '', SSH_ASKPASS: desk.askpass(), SSH_ASKPASS_REQUIRE: 'force' };
    const options = ['-o', `PKCS11Provider=${desk.module}`, '-o', 'BatchMode=no'];
    const { stdout } = await desk.client('ssh', [...options, ...server, 'echo in'], { env });
    assert.match(stdout, /^in$/m);
}

/* ssh's arguments for a connection to an sshd that knows one key; sshd is started by ssh for each connection. */
async function sshServer(desk, line) {
    if (process.getuid() === 0) mkdirSync('/run/sshd', { recursive: true }); // where it gives up its rights; Debian makes it at boot
    const hostKey = desk.file('ssh.host.key');
    if (!existsSync(hostKey)) await run('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', hostKey]);
    const lines = [
        ...[`HostKey ${hostKey}`, `AuthorizedKeysFile ${desk.file('authorized', `${line}\n`)}`, 'AuthenticationMethods publickey'],
        ...['PermitRootLogin prohibit-password', 'StrictModes no', 'UsePAM no', 'PidFile none', 'LogLevel VERBOSE', ''],
    ];
    const config = desk.file('sshd.config', lines.join('\n'));
    const host = readFileSync(`${hostKey}.pub`, 'utf8').split(' ').slice(0, 2).join(' ');
    const known = desk.file('known_hosts', `far ${host}\n`);
    // the server must not get what the client has: LD_PRELOAD of a sanitizer
    const proxy = `env -u LD_PRELOAD ${SSHD} -i -e -f ${config}`;
    return [
        ...['-F', '/dev/null', '-o', 'BatchMode=yes', '-o', `ProxyCommand=${proxy}`, '-o', `UserKnownHostsFile=${known}`],
        ...['-o', 'StrictHostKeyChecking=yes', `${userInfo().username}@far`],
    ];
}

/* A commit signed through the agent; git verifies it without one. */
export async function gitCommit(desk, key, agent) {
    const { file, line } = await agent.publicKey(key);
    const signers = desk.file('git.signers', `${key.email} ${line}\n`);
    const repository = desk.file(`${key.name}.repository`);
    const settings = {
        'user.name': key.name,
        'user.email': key.email,
        'user.signingKey': file,
        'gpg.format': 'ssh',
        'gpg.ssh.allowedSignersFile': signers,
        'init.defaultBranch': 'main',
    };
    const set = Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`]);
    const env = { GIT_CONFIG_GLOBAL: '/dev/null', GIT_CONFIG_NOSYSTEM: '1' };
    await run('git', [...set, 'init', '--quiet', repository], { env });
    await agent.run('git', [...set, '-C', repository, 'commit', '--quiet', '-S', '--allow-empty', '-m', 'Signed'], { env });
    const { stderr } = await run('git', [...set, '-C', repository, 'verify-commit', '-v', 'HEAD'], { env });
    assert.match(stderr, new RegExp(`Good "git" signature for ${key.email}`));
}
