// Records what real programs and a list of plain commands say to simulated keys, and makes the fuzzer's seeds of it:
// tests/fuzz/corpus/apdu/*. usage: BUILD=build/gcc node tests/fuzz/record.mjs
//
// No data of commands that say something about a PIN or a key gets into a seed (INS 10 12 16 18 1A 20 A2 D6 D8, and PIV's
// VERIFY, CHANGE, RESET and GENERAL AUTHENTICATE with the management key): frames of fuzz_apdu.c stand for them.
import { execFileSync, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, unlinkSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = resolve(fileURLToPath(new URL('../..', import.meta.url)));
const build = resolve(root, process.env.BUILD ?? 'build/gcc');
const corpus = join(root, 'tests/fuzz/corpus/apdu');
const dir = mkdtempSync(join(tmpdir(), 'openukey-record-'));
const sim = join(build, 'bin/ukey-sim');

/* ---- a key, its control socket and its wire ---- */

async function line(stream) {
    let text = '';
    for await (const data of stream) {
        text += data;
        if (text.includes('\n')) return text.split('\n')[0];
    }
    throw new Error('it ended early');
}

async function withKey(application, use) {
    const image = join(dir, `${application}.img`);
    const [socket, control, trace] = ['sock', 'control', 'trace'].map((end) => join(dir, `${application}.${end}`));
    execFileSync(sim, ['format', '--application', application, image]);
    const key = spawn(sim, ['run', '--socket', socket, '--control', control, image], { stdio: ['ignore', 'pipe', 'inherit'] });
    await line(key.stdout);
    const say = connect(control);
    say.write(`trace ${trace}\n`);
    if (!(await line(say)).startsWith('ok')) throw new Error('no trace');
    await use(socket);
    const ended = new Promise((done) => key.on('exit', done));
    key.kill('SIGTERM');
    await ended;
    return readFileSync(trace, 'utf8').trim().split('\n').map((text) => JSON.parse(text));
}

async function transmitAll(socket, commands) {
    const wire = connect(socket);
    const frame = (type, payload) => {
        const head = Buffer.alloc(5);
        head.writeUInt32BE(payload.length + 1);
        head[4] = type;
        wire.write(Buffer.concat([head, payload]));
    };
    const answers = (async function* () {
        let bytes = Buffer.alloc(0);
        for await (const data of wire) {
            bytes = Buffer.concat([bytes, data]);
            while (bytes.length >= 4 && bytes.length >= 4 + bytes.readUInt32BE()) {
                const end = 4 + bytes.readUInt32BE();
                yield bytes.subarray(5, end);
                bytes = bytes.subarray(end);
            }
        }
    })();
    const ask = async (type, payload) => {
        frame(type, payload);
        return (await answers.next()).value;
    };
    await ask(1, Buffer.from([1]));
    await ask(2, Buffer.from([0xff, 0xff, 0xff, 0xff]));
    for (const hex of commands) await ask(4, Buffer.from(hex.replaceAll(' ', ''), 'hex'));
    wire.destroy();
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

const word = (n) => Buffer.from([n & 255, n >> 8]).toString('hex');
const gmCommands = [
    '8004000000', '8050000008', '80260000 03 415050', '80140001 02 0100', '80340100 00', '80460000 02 0100',
    '80420000 03 0100 43', '80360100 01 66', '803000002c', '80380000 07 0100 0000 0100 66 00',
    '803a0000 0b 0100 0000 0100 66 0200 aabb', '804a0000 03 0100 43', '80880100 04 0100 1000', '804e0100 04 0100 1000',
    `80740200 24 0100 1000 ${'5a'.repeat(32)}`, '80740100 0d 0100 1000 01000000 41 6d7367 00', '80b40000 00', '80b6 0100 00 0003 616263',
    '80b80000 03 616263', '80ba0000 00', '80a00000 08 0100 1000 01040000', '80a40000 0a 0100 1000 0000 01040000',
    `80a60000 16 0100 0000 0000 ${'11'.repeat(16)}`, '80c40000 06 0100 0000 0000', '80d40000 04 0100 1000', '00c0000000', '90040000 01 00',
    ...Array.from({ length: 128 }, (_, i) => `80${(2 * i).toString(16).padStart(2, '0')}0000 04 ${word(1)} ${word(0x10)}`),
];
const pivCommands = [
    '00a40400 05 a000000308', '00a40400 0b a00000030800001000010000', '00fd0000 00', '00f80000 00', '00cb3fff 05 5c035fc102 00',
    '00cb3fff 05 5c035fc107 00', '00cb3fff 03 5c017e 00', '00cb3fff 000005 5c035fc105 0000', '00200080', '00f7009a 00', '00f70080 00',
    `00db3fff 2c 5c035fc105 53 24 70 1e ${'30'.repeat(30)} 710100 fe00`, `10db3fff 10 5c035fc10a5320${'aa'.repeat(8)}`, `00db3fff 18 ${'bb'.repeat(24)}`,
    '00c0000000', '0047009a 05 ac03800111 00', '0047009d 05 ac03800114 00', `0087119a 26 7c24 8200 8120 ${'5a'.repeat(32)} 00`,
    `0087119d 47 7c45 8200 8541 04 ${'01'.repeat(64)} 00`, '00870c9b 04 7c028000 00', '0087039b 04 7c028100 00', '00fa0503', '00fb0000',
    `00fe119c 22 0620 ${'07'.repeat(32)}`, '00fe079d 04 01020304',
    ...[0x20, 0x24, 0x2c, 0x47, 0x87, 0xa4, 0xcb, 0xdb, 0xf7, 0xf8, 0xfa, 0xfb, 0xfd, 0xfe, 0xff].map((ins) => `00${ins.toString(16).padStart(2, '0')}0000 01 00`),
];

/* ---- seeds ---- */

const LOGIN = Buffer.from([3]);
const ADMINISTRATION = Buffer.from([4]);
const secret = {
    gm: new Set([0x10, 0x12, 0x16, 0x18, 0x1a, 0x20, 0xa2, 0xd6, 0xd8]),
    piv: new Set([0x20, 0x24, 0x2c, 0xfe, 0xff]),
};

function frames(application, { command, commandRedacted }) {
    let bytes = Buffer.from(command, 'hex');
    const ins = bytes[1];
    const hide = commandRedacted || secret[application].has(ins) || (application === 'piv' && ins === 0x87 && bytes[3] === 0x9b);
    if (hide && application === 'gm' && ins === 0x10) return ADMINISTRATION;
    if (hide && application === 'gm' && ins === 0x18) return bytes[3] === 1 ? LOGIN : ADMINISTRATION;
    if (hide && application === 'piv' && ins === 0x20) return LOGIN;
    if (hide && application === 'piv' && ins === 0x87) return ADMINISTRATION;
    if (hide) bytes = bytes.subarray(0, 4);
    return Buffer.concat([Buffer.from([0, bytes.length & 255, bytes.length >> 8]), bytes]);
}

function seeds(application, trace) {
    const made = new Map();
    const parts = trace.map((entry) => frames(application, entry));
    for (let at = 0; at < parts.length; at += 16) {
        for (const front of [[], [LOGIN, ADMINISTRATION]]) {
            const seed = Buffer.concat([Buffer.from([application === 'piv' ? 1 : 0]), ...front, ...parts.slice(at, at + 24)]);
            made.set(createHash('sha1').update(seed).digest('hex').slice(0, 16), seed);
        }
    }
    return made;
}

try {
    mkdirSync(corpus, { recursive: true });
    for (const name of readdirSync(corpus)) unlinkSync(join(corpus, name));
    const gm = await withKey('gm', async (socket) => {
        useWithPkcs11Tool();
        await transmitAll(socket, gmCommands);
    });
    const piv = await withKey('piv', (socket) => transmitAll(socket, pivCommands));
    let count = 0;
    for (const [name, seed] of [...seeds('gm', gm), ...seeds('piv', piv)]) {
        writeFileSync(join(corpus, name), seed);
        count += 1;
    }
    console.log(`${count} seeds from ${gm.length} commands to the GM and ${piv.length} to the PIV application`);
} finally {
    rmSync(dir, { recursive: true, force: true });
}
