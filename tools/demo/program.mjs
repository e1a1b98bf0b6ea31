// Starts a program, waits for the line that says it is ready, and ends it again by its own process id.
import { spawn } from 'node:child_process';
import { createWriteStream, existsSync } from 'node:fs';
import { createInterface } from 'node:readline';

const READY_MS = 30_000;
const STOP_MS = 10_000;

// setpriv (util-linux) has the kernel send SIGTERM to the program when we are gone, however we went
const SETPRIV = ['/usr/bin/setpriv', '/bin/setpriv'].find(existsSync);
const endingWithUs = (command, args) =>
    SETPRIV ? [SETPRIV, ['--pdeathsig', 'TERM', '--', command, ...args]] : [command, args];

export class Program {
    /* command, args: what to run. ready: RegExp that the first telling line of its standard output matches (null: not waited
     * for). log: file for its standard error. Further options go to spawn. */
    static async start({ name, command, args = [], ready = /^ready(?: (.*))?$/, log, env, ...more }) {
        const program = new Program(name ?? command);
        program.#spawn(command, args, { env: { ...process.env, ...env }, ...more }, log);
        if (ready) program.ready = await program.#waitFor(ready);
        return program;
    }

    constructor(name) {
        this.name = name;
        this.exit = null; // {code, signal} once it has ended
        this.said = ''; // the end of its standard error
    }

    get pid() {
        return this.child.pid;
    }

    #spawn(command, args, options, log) {
        const stdio = options.stdio ?? ['ignore', 'pipe', 'pipe'];
        this.child = spawn(...endingWithUs(command, args), { ...options, stdio });
        this.lines = createInterface({ input: this.child.stdout });
        const out = log ? createWriteStream(log, { flags: 'a' }) : null;
        this.child.stderr.setEncoding('utf8').on('data', (text) => {
            this.said = (this.said + text).slice(-8000);
            out?.write(text);
        });
        this.ended = new Promise((resolve) => {
            this.child.on('error', (error) => {
                this.said += String(error);
                this.exit ??= { code: -1, signal: null };
                resolve(this.exit);
            });
            this.child.on('exit', (code, signal) => {
                this.exit ??= { code, signal };
                out?.end();
                resolve(this.exit);
            });
        });
    }

    async #waitFor(pattern) {
        let timer;
        const found = new Promise((resolve) => {
            this.lines.on('line', (line) => {
                const match = pattern.exec(line);
                if (match) resolve(match[1] ?? '');
            });
        });
        const late = new Promise((resolve) => {
            timer = setTimeout(resolve, READY_MS, null);
        });
        const answer = await Promise.race([found, late, this.ended.then(() => null)]);
        clearTimeout(timer);
        if (answer !== null) return answer;
        const why = this.exit ? `ended with ${this.exit.signal ?? `status ${this.exit.code}`}` : 'did not get ready';
        await this.stop();
        throw new Error(`${this.name} ${why}: ${this.said.trim() || 'it said nothing'}`);
    }

    /* Asks it to end, and insists after ten seconds. */
    async stop(signal = 'SIGTERM') {
        if (!this.exit) this.child.kill(signal);
        const insist = setTimeout(() => this.child.kill('SIGKILL'), STOP_MS);
        await this.ended;
        clearTimeout(insist);
        this.lines.close();
        return this.exit;
    }

    /* Ends it as a crash would. */
    kill() {
        this.killed = true;
        return this.stop('SIGKILL');
    }

    /* Why it did not end as it should have: by itself or by a signal to end, with status 0. */
    get badEnd() {
        if (this.killed || !this.exit || this.exit.code === 0) return null;
        return `${this.name} ended with ${this.exit.signal ?? `status ${this.exit.code}`}:\n${this.said.trim()}`;
    }
}

/* Runs a program to its end; answers {code, stdout, stderr}. Throws on a status that is not in `allow`. */
export function run(command, args = [], { input, env, allow = [0], ...more } = {}) {
    return new Promise((resolve, reject) => {
        const child = spawn(command, args, { env: { ...process.env, ...env }, stdio: ['pipe', 'pipe', 'pipe'], ...more });
        const chunks = { stdout: [], stderr: [] };
        child.stdout.on('data', (data) => chunks.stdout.push(data));
        child.stderr.on('data', (data) => chunks.stderr.push(data));
        child.stdin.on('error', () => {}); // it may end without reading
        child.stdin.end(input);
        child.on('error', reject);
        child.on('close', (code, signal) => {
            const stdout = Buffer.concat(chunks.stdout);
            const stderr = Buffer.concat(chunks.stderr).toString();
            if (allow.includes(code)) resolve({ code, stdout: stdout.toString(), bytes: stdout, stderr });
            else reject(new Error(`${command} ${args.join(' ')}: ${signal ?? `status ${code}`}\n${stderr || stdout}`));
        });
    });
}
