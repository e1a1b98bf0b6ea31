// A PostgreSQL of its own for one test: a cluster in a temporary folder, reached by a Unix socket there and by nothing else.
import { chownSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { userInfo } from 'node:os';
import { join } from 'node:path';
import { Program, run } from '../../tools/demo/program.mjs';

const DEBIAN = '/usr/lib/postgresql';
const TRIES = 600; // a second or two, on a busy machine a minute

/* The folder of the newest server's programs. */
function serverPrograms() {
    const versions = readdirSync(DEBIAN).sort((a, b) => Number(b) - Number(a));
    return join(DEBIAN, versions[0], 'bin');
}

export class Postgres {
    /* The server refuses to be root: then it runs as Debian's user postgres. Nothing is kept, so nothing is waited for (fsync). */
    static async start() {
        const server = new Postgres();
        try {
            await server.#open();
        } catch (error) {
            await server.close();
            throw error;
        }
        return server;
    }

    async #open() {
        this.bin = serverPrograms();
        this.dir = mkdtempSync('/tmp/openukey-pg-');
        const isRoot = process.getuid() === 0;
        this.user = isRoot ? 'postgres' : userInfo().username;
        this.as = isRoot ? { uid: await id('-u'), gid: await id('-g') } : {};
        if (isRoot) chownSync(this.dir, this.as.uid, this.as.gid);
        const data = join(this.dir, 'data');
        const plain = ['--auth=trust', '--encoding=UTF8', '--locale=C', '--no-sync', `--username=${this.user}`];
        await run(join(this.bin, 'initdb'), ['-D', data, ...plain], { ...this.as, cwd: this.dir });
        const settings = { listen_addresses: '', unix_socket_directories: this.dir, fsync: 'off', max_connections: '40', shared_buffers: '16MB' };
        const args = ['-D', data, ...Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`])];
        // SIGINT: a fast shutdown, which does not wait for clients
        this.program = await Program.start({ name: 'postgres', command: join(this.bin, 'postgres'), args, ready: null, ...this.as, cwd: this.dir });
        for (let tries = 0; (await this.#ask(['-c', 'SELECT 1'])).code !== 0; tries++) {
            if (this.program.exit || tries === TRIES) throw new Error(`postgres did not get ready: ${this.program.said}`);
            await new Promise((resolve) => setTimeout(resolve, 100));
        }
    }

    /* What a program is told to find database `name`. */
    url(name) {
        return `postgresql://${this.user}@/${name}?host=${encodeURIComponent(this.dir)}`;
    }

    #ask(args, input = '', name = 'postgres') {
        const allow = [0, 1, 2, 3];
        return run(join(this.bin, 'psql'), ['-X', '-q', '-At', '-d', this.url(name), ...args], { input, allow, env: { PGCLIENTENCODING: 'UTF8' } });
    }

    /* Makes an empty database. */
    async create(name) {
        const { code, stderr } = await this.#ask(['-c', `CREATE DATABASE ${name}`]);
        if (code !== 0) throw new Error(stderr);
    }

    /* Runs a script in database `name` to its end, whatever fails; answers {errors, rows}: [{line, message}], and what was selected. */
    async script(name, text, args = []) {
        const { stdout, stderr } = await this.#ask([...args, '-f', '-'], text, name);
        const errors = [...stderr.matchAll(/^psql:<stdin>:(\d+): (?:ERROR|FATAL): {2}(.*)$/gm)];
        return { errors: errors.map(([, line, message]) => ({ line: Number(line), message })), rows: stdout.split('\n').filter(Boolean) };
    }

    async close() {
        await this.program?.stop('SIGINT');
        if (this.dir) rmSync(this.dir, { recursive: true, force: true });
    }
}

async function id(flag) {
    return Number((await run('id', [flag, 'postgres'])).stdout);
}
