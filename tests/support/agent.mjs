// A ukey-agent of its own for one test file, and raw ways to talk to it: what a browser would never send can be sent here.
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { randomBytes } from 'node:crypto';
import { request as httpsRequest, Agent as HttpsAgent } from 'node:https';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { connect as tlsConnect } from 'node:tls';
import { fileURLToPath } from 'node:url';
import { Program, run } from '../../tools/demo/program.mjs';
import { agentContract } from './openapi.mjs';

export const root = resolve(fileURLToPath(new URL('../..', import.meta.url)));
export const build = resolve(root, process.env.BUILD ?? 'build/gcc');

// Notes what it was shown and answers what `answer` says; while `hold` exists it waits (a person who thinks it over) and says
// in `dialog` whether it is open or was ended.
const CONSENT = `#!/bin/bash
dir=\${0%/*}
request=$(tr -d '\\n')
printf '%s\\n' "$request" >>"$dir/consent.log"
if [ -p "$dir/hold" ]; then
    trap 'echo ended >"$dir/dialog"; exit 143' TERM
    echo open >"$dir/dialog"
    read -r <"$dir/hold" &
    wait $!
fi
cat "$dir/answer"
`;

/* For agents whose memory is measured: AddressSanitizer would keep 256 MiB of what was freed. */
export const littleQuarantine = { ASAN_OPTIONS: [process.env.ASAN_OPTIONS, 'quarantine_size_mb=8:thread_local_quarantine_size_kb=64'].filter(Boolean).join(':') };

/* Waits for something to become true; the test's own time limit ends it otherwise. */
export async function until(condition, what = 'it', ms = 20_000) {
    const end = Date.now() + ms;
    while (!(await condition())) {
        if (Date.now() > end) throw new Error(`${what} did not come true within ${ms} ms`);
        await new Promise((done) => setTimeout(done, 20));
    }
}

export class TestAgent {
    /* config: merged into the configuration. t: a test or node:test itself, with which it ends. */
    static async start(t, { config = {}, ready = true, env = {} } = {}) {
        const agent = new TestAgent();
        t.after(() => agent.close());
        agent.config = { ...agent.config, ...config };
        if (ready) await agent.run({ env });
        return agent;
    }

    constructor() {
        this.dir = mkdtempSync(join(tmpdir(), 'openukey-agent-'));
        this.keys = join(this.dir, 'keys');
        mkdirSync(this.keys, { mode: 0o700 });
        this.configFile = join(this.dir, 'agent.json');
        this.log = join(this.dir, 'agent.log');
        this.consent = join(this.dir, 'consent');
        writeFileSync(this.consent, CONSENT);
        chmodSync(this.consent, 0o700);
        this.answer({ decision: 'agree', choice: 'once' });
        this.config = {
            state: 'state',
            ports: [0],
            module: join(build, 'lib/openukey-pkcs11.so'),
            moduleOptions: { 'socket-dir': 'keys', pcsc: 'off' },
            p11Kit: false,
            consent: './consent',
            pinentry: './no-pinentry',
            log: 'debug',
        };
        this.programs = [];
    }

    get binary() {
        return join(build, 'bin/ukey-agent');
    }

    /* build: another build's agent and module than this test's, one that a sanitizer watches, say. */
    async run({ env = {}, build: from } = {}) {
        if (from) this.config.module = join(resolve(root, from), 'lib/openukey-pkcs11.so');
        writeFileSync(this.configFile, JSON.stringify(this.config));
        this.program = await Program.start({
            name: 'ukey-agent',
            command: from ? join(resolve(root, from), 'bin/ukey-agent') : this.binary,
            args: ['--config', this.configFile],
            log: this.log,
            env,
        });
        this.url = this.program.ready;
        this.port = Number(new URL(this.url).port);
        this.ca = readFileSync(join(this.dir, this.config.state, 'tls/ca.pem'), 'utf8');
        this.keepAlive = new HttpsAgent({ keepAlive: true, ca: this.ca });
        return this;
    }

    /* A simulated blank key, plugged in. */
    async plugKey(serial) {
        const image = join(this.dir, `${serial}.img`);
        await run(join(build, 'bin/ukey-sim'), ['format', '--serial', serial, image]);
        const socket = join(this.keys, `${serial}.sock`);
        const key = await Program.start({
            name: 'ukey-sim',
            command: join(build, 'bin/ukey-sim'),
            args: ['run', '--socket', socket, image],
        });
        this.programs.push(key);
        return key;
    }

    async stop() {
        this.keepAlive?.destroy();
        return this.program?.stop();
    }

    /* Ends everything. An agent that does not end cleanly (a sanitizer has found something, say) fails the test. */
    async close() {
        const exit = await this.stop();
        for (const program of this.programs) await program.stop();
        rmSync(this.dir, { recursive: true, force: true });
        if (exit && exit.code !== 0) throw new Error(`ukey-agent ended with ${exit.signal ?? exit.code}: ${this.program.said}`);
    }

    /* ---- the person ---- */

    answer(answer) {
        writeFileSync(join(this.dir, 'answer'), typeof answer === 'string' ? answer : JSON.stringify(answer));
    }

    /* The consent requests so far. */
    get shown() {
        const path = join(this.dir, 'consent.log');
        return existsSync(path) ? readFileSync(path, 'utf8').split('\n').filter(Boolean).map((line) => JSON.parse(line)) : [];
    }

    /* From now on dialogs stay open until release(). */
    async hold() {
        rmSync(join(this.dir, 'dialog'), { force: true });
        await run('mkfifo', [join(this.dir, 'hold')]);
    }

    get dialogState() {
        const path = join(this.dir, 'dialog');
        return existsSync(path) ? readFileSync(path, 'utf8').trim() : null;
    }

    dialogIsOpen() {
        return until(() => this.dialogState === 'open', 'the dialog');
    }

    release() {
        writeFileSync(join(this.dir, 'hold'), 'go\n');
        rmSync(join(this.dir, 'hold'));
    }

    /* Nobody waits for the held dialog any more. */
    giveUp() {
        rmSync(join(this.dir, 'hold'), { force: true });
    }

    get logText() {
        return readFileSync(this.log, 'utf8');
    }

    /* ---- asking ---- */

    /* One request as a program may send it. headers: as given (Host is added unless it is named). Answers {status, headers,
     * body, json}; they are held against docs/api/agent.yaml. */
    request(method, path, { headers = {}, body, origin, session, json, signal } = {}) {
        const all = { Host: `localhost:${this.port}`, ...headers };
        if (origin !== undefined) all.Origin = origin;
        if (session !== undefined) all['OpenUKey-Session'] = session;
        if (json !== undefined) {
            body = JSON.stringify(json);
            all['Content-Type'] ??= 'application/json';
        }
        if (body !== undefined) all['Content-Length'] = Buffer.byteLength(body);
        return new Promise((resolve, reject) => {
            const outgoing = httpsRequest(
                // not as a URL: node would tidy the path
                { host: '127.0.0.1', port: this.port, path, method, headers: all, agent: this.keepAlive, signal, servername: 'localhost' },
                (answer) => {
                    const chunks = [];
                    answer.on('data', (data) => chunks.push(data));
                    answer.on('error', reject);
                    answer.on('end', () => {
                        const text = Buffer.concat(chunks).toString();
                        let parsed = null;
                        try {
                            if (/json/.test(answer.headers['content-type'] ?? '')) parsed = JSON.parse(text);
                            agentContract().check(method, path, { status: answer.statusCode, headers: answer.headers, raw: text, body: parsed }, json);
                            resolve({ status: answer.statusCode, headers: answer.headers, body: text, json: parsed });
                        } catch (error) {
                            reject(error);
                        }
                    });
                },
            );
            outgoing.on('error', reject);
            outgoing.end(body);
        });
    }

    /* A session for an origin (the scripted person agrees). */
    async pair(origin) {
        const answer = await this.request('POST', '/v1/pairing', { origin, json: {} });
        if (answer.status !== 201) throw new Error(`pairing ${origin}: ${answer.status} ${answer.body}`);
        return answer.json.session;
    }

    /* Bytes over TLS, as they are. Answers everything until the agent closes (send "Connection: close"). */
    raw(text, { host = '127.0.0.1', ...options } = {}) {
        return new Promise((resolve, reject) => {
            const chunks = [];
            const socket = tlsConnect({ host, port: this.port, ca: this.ca, servername: 'localhost', ...options }, () => socket.write(text));
            socket.on('data', (data) => chunks.push(data));
            socket.on('error', reject);
            socket.on('close', () => resolve(Buffer.concat(chunks).toString()));
        });
    }

    webSocket(options) {
        return RawWebSocket.open(this, options);
    }
}

/* A small WebSocket client: node 18 and 20 bring none, and a browser's would not send a wrong Origin. */
export class RawWebSocket {
    static open(agent, { origin, path = '/v1/events', headers = {} } = {}) {
        const lines = [
            `GET ${path} HTTP/1.1`,
            `Host: localhost:${agent.port}`,
            'Upgrade: websocket',
            'Connection: Upgrade',
            `Sec-WebSocket-Key: ${randomBytes(16).toString('base64')}`,
            'Sec-WebSocket-Version: 13',
        ];
        if (origin !== undefined) lines.push(`Origin: ${origin}`);
        for (const [name, value] of Object.entries(headers)) lines.push(`${name}: ${value}`);
        const ws = new RawWebSocket();
        return new Promise((resolve, reject) => {
            ws.socket = tlsConnect({ host: '127.0.0.1', port: agent.port, ca: agent.ca, servername: 'localhost' }, () =>
                ws.socket.write(`${lines.join('\r\n')}\r\n\r\n`),
            );
            ws.socket.on('error', reject);
            ws.socket.on('close', () => {
                ws.closed = true;
                ws.#wake();
                resolve(ws);
            });
            ws.socket.on('data', (data) => {
                ws.buffer = Buffer.concat([ws.buffer, data]);
                if (ws.status === undefined) {
                    const end = ws.buffer.indexOf('\r\n\r\n');
                    if (end < 0) return;
                    ws.status = Number(/^HTTP\/1.1 (\d+)/.exec(ws.buffer.toString())[1]);
                    ws.head = ws.buffer.subarray(0, end).toString();
                    if (ws.status === 101) ws.buffer = ws.buffer.subarray(end + 4);
                    resolve(ws);
                }
                if (ws.status === 101) ws.#takeFrames();
            });
        });
    }

    constructor() {
        this.buffer = Buffer.alloc(0);
        this.messages = [];
        this.closed = false;
        this.answersPings = false; // the agent leaves one that stays silent
        this.waiting = [];
    }

    #wake() {
        for (const wake of this.waiting.splice(0)) wake();
    }

    #takeFrames() {
        for (;;) {
            if (this.buffer.length < 2) return;
            const opcode = this.buffer[0] & 15;
            let length = this.buffer[1] & 127;
            let head = 2;
            if (length === 126) {
                if (this.buffer.length < 4) return;
                length = this.buffer.readUInt16BE(2);
                head = 4;
            }
            if (this.buffer.length < head + length) return;
            const payload = this.buffer.subarray(head, head + length);
            this.buffer = this.buffer.subarray(head + length);
            if (opcode === 9 && this.answersPings) this.send(payload, { first: 0x8a });
            if (opcode === 1) this.messages.push(JSON.parse(payload.toString()));
            if (opcode === 8) this.closeCode = payload.length >= 2 ? payload.readUInt16BE(0) : null;
            this.#wake();
        }
    }

    /* Sends one frame; first: its first byte (0x81: a whole text). */
    send(data, { first = 0x81, masked = true } = {}) {
        const payload = Buffer.from(typeof data === 'string' || Buffer.isBuffer(data) ? data : JSON.stringify(data));
        const mask = masked ? randomBytes(4) : Buffer.alloc(0);
        const head = payload.length < 126 ? [first, payload.length] : [first, 126, payload.length >> 8, payload.length & 255];
        if (masked) head[1] |= 128;
        const body = masked ? payload.map((byte, i) => byte ^ mask[i & 3]) : payload;
        this.socket.write(Buffer.concat([Buffer.from(head), mask, body]));
    }

    /* The next message, or null when the connection has ended. */
    async next() {
        while (this.messages.length === 0 && !this.closed) await new Promise((wake) => this.waiting.push(wake));
        return this.messages.shift() ?? null;
    }

    close() {
        this.socket.destroy();
    }
}
