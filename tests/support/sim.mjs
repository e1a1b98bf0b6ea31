// Simulated keys for tests that speak to them without the module: images, ukey-sim on them, hosts on their sockets
// (include/openukey/simlink.h), talks with their control sockets.
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { createConnection } from 'node:net';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { Program } from '../../tools/demo/program.mjs';

const root = resolve(fileURLToPath(new URL('../..', import.meta.url)));
const ERRORS = { 1: 'protocol', 2: 'no card', 3: 'timeout', 4: 'power' };
const HELLO = 1;
const BEGIN = 2;
const END = 3;
const APDU = 4;
const RESET = 5;
const EVENT = 0x84;
const RESPONSE = 0x83;
const ERROR = 0x8f;

/* A host program: one transaction a command. */
export class Host {
    constructor(path) {
        this.socket = createConnection(path);
        this.bytes = Buffer.alloc(0);
        this.waiting = [];
        this.socket.on('data', (more) => {
            this.bytes = Buffer.concat([this.bytes, more]);
            while (this.bytes.length >= 5 && this.bytes.length >= 4 + this.bytes.readUInt32BE(0)) {
                const length = this.bytes.readUInt32BE(0);
                const frame = { type: this.bytes[4], payload: this.bytes.subarray(5, 4 + length) };
                this.bytes = this.bytes.subarray(4 + length);
                if (frame.type !== EVENT) this.waiting.shift()?.(frame);
            }
        });
        this.socket.on('error', () => this.waiting.splice(0).forEach((done) => done({ type: ERROR, payload: Buffer.from([1]) })));
    }

    ask(type, payload = Buffer.alloc(0)) {
        const head = Buffer.alloc(5);
        head.writeUInt32BE(payload.length + 1);
        head[4] = type;
        return new Promise((done) => {
            this.waiting.push(done);
            this.socket.write(Buffer.concat([head, payload]));
        });
    }

    /* {raw, data, sw} in hexadecimal, or {error}. */
    async apdu(hex) {
        const timeout = Buffer.from('00002710', 'hex');
        const begun = await this.ask(BEGIN, timeout);
        if (begun.type === ERROR) return { error: ERRORS[begun.payload[0]] };
        const { type, payload } = await this.ask(APDU, Buffer.from(hex, 'hex'));
        const raw = payload.toString('hex');
        await this.ask(END);
        if (type !== RESPONSE) return { error: ERRORS[payload[0]] };
        return { raw, data: raw.slice(0, -4), sw: raw.slice(-4) };
    }

    static async open(path) {
        const host = new Host(path);
        await host.ask(HELLO, Buffer.from([1]));
        return host;
    }

    /* A warm reset, as another program may do it. */
    async reset() {
        const begun = await this.ask(BEGIN, Buffer.from('00002710', 'hex'));
        if (begun.type === ERROR) return;
        await this.ask(RESET);
        await this.ask(END);
    }

    close() {
        this.socket.destroy();
    }
}

class Talk {
    constructor(path) {
        this.socket = createConnection(path);
        this.queue = [];
        this.waiting = [];
        this.lines = createInterface({ input: this.socket });
        this.lines.on('line', (line) => (this.waiting.length ? this.waiting.shift()(line) : this.queue.push(line)));
        this.lines.on('close', () => this.waiting.splice(0).forEach((done) => done(null)));
    }

    next() {
        return this.queue.length ? Promise.resolve(this.queue.shift()) : new Promise((done) => this.waiting.push(done));
    }

    ask(line) {
        this.socket.write(`${line}\n`);
        return this.next();
    }

    async say(line) {
        const answer = await this.ask(line);
        if (!answer?.startsWith('ok')) throw new Error(`ukey-sim, asked to ${line}: ${answer}`);
        return answer;
    }

    close() {
        this.lines.close();
        this.socket.destroy();
    }
}

class SimKey {
    constructor(desk, name) {
        this.desk = desk;
        this.name = name;
        this.image = join(desk.dir, `${name}.img`);
        this.socket = join(desk.dir, `${name}.sock`);
        this.control = join(desk.dir, `${name}.control`);
    }

    async start(...more) {
        const args = ['run', '--socket', this.socket, '--control', this.control, ...more, this.image];
        this.program = await this.desk.startProgram(args);
        return this;
    }

    stop() {
        return this.program.stop();
    }

    host() {
        return this.desk.hostAt(this.socket);
    }

    async talk() {
        const talk = new Talk(this.control);
        this.desk.ends.push(() => talk.close());
        return talk;
    }

    /* One line of the control socket; tell() insists that it is "ok". */
    async ask(line) {
        const talk = await this.talk();
        const answer = await talk.ask(line);
        talk.close();
        return answer;
    }

    async tell(line) {
        const talk = await this.talk();
        const answer = await talk.say(line);
        talk.close();
        return answer;
    }
}

/* A folder with keys, which ends with the test. */
export class SimDesk {
    constructor(t) {
        this.dir = mkdtempSync(join(tmpdir(), 'ukey-sim-'));
        this.build = resolve(root, process.env.BUILD ?? 'build/gcc');
        this.sim = join(this.build, 'bin/ukey-sim');
        this.ends = [];
        t.after(async () => {
            for (const end of this.ends.reverse()) await end();
            rmSync(this.dir, { recursive: true, force: true });
        });
    }

    /* A new key as it leaves the factory. */
    blank(name, serial = 'SIM0001', ...more) {
        const key = this.image(name);
        execFileSync(this.sim, ['format', '--serial', serial, ...more, key.image]);
        return key;
    }

    /* A key whose image is there already. */
    image(name) {
        return new SimKey(this, name);
    }

    async startProgram(args) {
        const program = await Program.start({ name: 'ukey-sim', command: this.sim, args, ready: /^ready ?(.*)$/ });
        this.ends.push(() => program.stop());
        return program;
    }

    /* One process for all of them, sockets in the desk's folder. */
    startAll(images) {
        return this.startProgram(['run', '--socket-dir', this.dir, ...images]);
    }

    async hostAt(path) {
        const host = await Host.open(path);
        this.ends.push(() => host.close());
        return host;
    }
}
