// A systemd user manager of our own, without touching the machine's: in namespaces for mounts, processes and cgroups, and a cgroup that
// is removed at the end. Needs root and a writable cgroup v2; the services run as the tests' user on the tests' network.
import { accessSync, constants, existsSync, mkdirSync, readFileSync, readdirSync, rmdirSync } from 'node:fs';
import { join } from 'node:path';
import { Program, run } from '../../tools/demo/program.mjs';
import { missing } from './world.mjs';

const cgroups = () => readFileSync('/proc/mounts', 'utf8').split('\n').map((line) => line.split(' ')).find(([, , type]) => type === 'cgroup2')?.[1];

/* Why this machine cannot have one, or false. */
export function userSystemdMissing() {
    const lacks = missing('systemctl', 'unshare', 'nsenter', 'mount') || (!existsSync('/lib/systemd/systemd') && 'systemd is not installed');
    if (lacks) return lacks;
    if (process.getuid() !== 0) return 'only root may make the namespaces';
    try {
        accessSync(cgroups() ?? '/nonexistent', constants.W_OK);
        const probe = join(cgroups(), `openukey-probe-${process.pid}`);
        mkdirSync(probe);
        rmdirSync(probe);
    } catch {
        return 'no writable cgroup v2';
    }
    return false;
}

// $1: the cgroup. systemd takes a machine for booted by it where /run/systemd/system is
const INSIDE = `set -e
mount --make-rprivate /
umount -R /sys/fs/cgroup
mount -t cgroup2 none /sys/fs/cgroup
mkdir /sys/fs/cgroup/manager
echo $$ >/sys/fs/cgroup/manager/cgroup.procs
mount -t tmpfs -o mode=755 none /run
mkdir -p /run/systemd/system
/lib/systemd/systemd --user --log-target=console >&2 &
manager=$!
until state=$(systemctl --user is-system-running) || [ "$state" = degraded ]; do kill -0 $manager; sleep 0.1; done
echo ready
wait $manager
`;

export class UserSystemd {
    /* home: a folder; what is in home/.config/systemd/user are its units. log: a file. */
    static async start(t, { home, log }) {
        const manager = new UserSystemd();
        const runtime = join(home, 'run');
        mkdirSync(runtime, { recursive: true, mode: 0o700 });
        manager.cgroup = join(cgroups(), `openukey-${process.pid}`);
        mkdirSync(manager.cgroup);
        t.after(() => manager.stop());
        const enter = `echo $$ >${manager.cgroup}/cgroup.procs && exec unshare --mount --pid --cgroup --fork --kill-child --mount-proc bash -c "$0"`;
        // what looks for leaks traces the process, which services may not
        const sanitized = process.env.SAN ? { ASAN_OPTIONS: 'detect_leaks=0' } : {};
        manager.env = { ...sanitized, HOME: home, XDG_RUNTIME_DIR: runtime, XDG_CONFIG_HOME: join(home, '.config'), XDG_STATE_HOME: join(home, '.local/state'), LC_ALL: 'C.UTF-8', SYSTEMD_PAGER: '' };
        manager.program = await Program.start({ name: 'systemd --user', command: 'bash', args: ['-c', enter, INSIDE], log, env: manager.env });
        const { pid } = manager.program;
        manager.init = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim();
        return manager;
    }

    /* Runs a command inside; answers as run() does. */
    run(command, args, { allow = [0] } = {}) {
        return run('nsenter', ['-t', this.init, '-m', '-p', '-C', '--', command, ...args], { allow, env: this.env });
    }

    ctl(...args) {
        return this.run('systemctl', ['--user', '--no-pager', ...args], { allow: [0, 1, 3] });
    }

    async property(unit, name) {
        return (await this.ctl('show', '--property', name, '--value', unit)).stdout.trim();
    }

    async stop() {
        await this.program?.kill(); // and with the first process of its namespace all others
        const remove = (dir) => {
            for (const entry of readdirSync(dir, { withFileTypes: true })) if (entry.isDirectory()) remove(join(dir, entry.name));
            rmdirSync(dir);
        };
        for (let tries = 50; ; tries -= 1) {
            try {
                return remove(this.cgroup);
            } catch (error) {
                if (error.code !== 'EBUSY' || tries === 0) throw error;
                await new Promise((done) => setTimeout(done, 100));
            }
        }
    }
}
