// Makes the fuzzer's seeds, tests/fuzz/corpus/apdu/*: every command of both applications in use (seeds_gm.mjs, seeds_piv.mjs; each
// must succeed), what a real program says to a simulated key, and every instruction with next to no data.
// usage: make fuzz && BUILD=build/gcc node tests/fuzz/record.mjs
//
// Of a recording, no data of commands that say something about a PIN or a key gets into a seed (INS 10 12 16 18 1A 20 A2 D6 D8 DA):
// frames of fuzz_apdu.c stand for them.
import { execFileSync, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, unlinkSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { KIND, Seed, talk } from './seed.mjs';
import { gmSeeds } from './seeds_gm.mjs';
import { pivSeeds } from './seeds_piv.mjs';

const root = resolve(fileURLToPath(new URL('../..', import.meta.url)));
const build = resolve(root, process.env.BUILD ?? 'build/gcc');
const corpus = join(root, 'tests/fuzz/corpus/apdu');
const dir = mkdtempSync(join(tmpdir(), 'openukey-record-'));
const sim = join(build, 'bin/ukey-sim');
const fuzzer = join(root, 'build/fuzz/fuzz_apdu');

/* ---- a key, its control socket and its wire ---- */

async function line(stream) {
    let text = '';
    for await (const data of stream) {
        text += data;
        if (text.includes('\n')) return text.split('\n')[0];
    }
    throw new Error('it ended early');
}

async function recorded(use) {
    const [image, socket, control, trace] = ['img', 'sock', 'control', 'trace'].map((end) => join(dir, `key.${end}`));
    execFileSync(sim, ['format', image]);
    const key = spawn(sim, ['run', '--socket', socket, '--control', control, image], { stdio: ['ignore', 'pipe', 'inherit'] });
    await line(key.stdout);
    const say = connect(control);
    say.write(`trace ${trace}\n`);
    if (!(await line(say)).startsWith('ok')) throw new Error('no trace');
    use();
    const ended = new Promise((done) => key.on('exit', done));
    key.kill('SIGTERM');
    await ended;
    return readFileSync(trace, 'utf8').trim().split('\n').map((text) => JSON.parse(text));
}

/* ---- what is said ---- */

function useWithPkcs11Tool() {
    const conf = join(dir, 'openukey.conf');
    writeFileSync(conf, `socket-dir = ${dir}\npcsc = off\n`);
    const message = join(dir, 'message');
    writeFileSync(message, 'what is signed');
    const tool = (...args) => {
        const all = ['--module', join(build, 'lib/openukey-pkcs11.so'), ...args];
        try {
            execFileSync('pkcs11-tool', all, { env: { ...process.env, OPENUKEY_CONF: conf }, stdio: 'ignore' });
        } catch {
            // what the tool cannot do is a recording too
        }
    };
    const pin = ['--login', '--pin', '123456'];
    tool('--init-token', '--label', 'Fuzz', '--so-pin', '12345678');
    tool('--init-pin', '--login', '--login-type', 'so', '--so-pin', '12345678', '--new-pin', '123456');
    tool('--list-slots');
    tool(...pin, '--keypairgen', '--key-type', 'rsa:2048', '--label', 'rsa', '--id', '01');
    tool(...pin, '--sign', '--id', '01', '-m', 'SHA256-RSA-PKCS', '-i', message, '-o', join(dir, 'signature'));
    tool(...pin, '--sign', '--id', '01', '-m', 'SHA256-RSA-PKCS-PSS', '-i', message, '-o', join(dir, 'signature'));
    tool(...pin, '--write-object', message, '--type', 'data', '--label', 'data');
    tool(...pin, '--read-object', '--type', 'data', '--label', 'data');
    tool(...pin, '--list-objects');
    tool('--generate-random', '100');
    tool(...pin, '--delete-object', '--type', 'data', '--label', 'data');
    tool('--login', '--pin', '123456', '--change-pin', '--new-pin', '654321');
}

/* ---- seeds ---- */

const LOGIN = Buffer.from([3]);
const ADMINISTRATION = Buffer.from([4]);
const SECRET = new Set([0x10, 0x12, 0x16, 0x18, 0x1a, 0x20, 0xa2, 0xd6, 0xd8, 0xda]);
const frame = (bytes) => Buffer.concat([Buffer.from([0, bytes.length & 255, bytes.length >> 8]), bytes]);

function recordedFrame({ command, commandRedacted }) {
    const bytes = Buffer.from(command, 'hex');
    const ins = bytes[1];
    if (!commandRedacted && !SECRET.has(ins)) return frame(bytes);
    if (ins === 0x10) return ADMINISTRATION;
    if (ins === 0x18) return bytes[3] === 1 ? LOGIN : ADMINISTRATION;
    return frame(bytes.subarray(0, 4));
}

/* Pieces of a recording, each with the user logged in. */
function* recordedSeeds(trace) {
    const parts = trace.map(recordedFrame);
    for (let at = 0; at < parts.length; at += 16) yield Buffer.concat([Buffer.from([KIND.init]), LOGIN, ADMINISTRATION, ...parts.slice(at, at + 24)]);
}

/* Every instruction with the ids of the first application and container and nothing else, whole and as a chain. */
function* emptySeeds() {
    const short = (cla, ins, data) => frame(Buffer.from([cla, ins, 0, 0, data.length, ...data]));
    for (const [kind, cla, data] of [[KIND.gm, 0x80, [1, 0, 0x10, 0]], [KIND.gm, 0x84, [1, 0, 1, 2, 3, 4]], [KIND.piv, 0x00, [0x7c, 0]]]) {
        for (let first = 0; first < 256; first += 64) {
            const all = Array.from({ length: 64 }, (_, i) => [short(cla, first + i, data), short(cla | 0x10, first + i, data), short(cla, first + i, data)]).flat();
            yield Buffer.concat([Buffer.from([kind]), LOGIN, ADMINISTRATION, ...all]);
        }
    }
}

function* madeSeeds() {
    for (const [kind, makers] of [['gm', gmSeeds], ['piv', pivSeeds]]) {
        for (const make of makers) {
            const seed = new Seed(kind, fuzzer, join(dir, 'seed'));
            make(seed);
            yield seed.bytes;
        }
    }
}

try {
    const trace = await recorded(useWithPkcs11Tool);
    const all = [...madeSeeds(), ...recordedSeeds(trace), ...emptySeeds()];
    mkdirSync(corpus, { recursive: true });
    for (const name of readdirSync(corpus)) unlinkSync(join(corpus, name));
    for (const seed of all) writeFileSync(join(corpus, createHash('sha1').update(seed).digest('hex').slice(0, 16)), seed);
    const said = talk(fuzzer, ...readdirSync(corpus).map((name) => join(corpus, name)));
    const good = said.filter(({ sw }) => sw === '9000' || sw.startsWith('61')).length;
    console.log(`${all.length} seeds; ${trace.length} commands recorded; ${good} of ${said.length} commands succeed`);
} finally {
    rmSync(dir, { recursive: true, force: true });
}
