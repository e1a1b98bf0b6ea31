// Measures ukey-sim: start to ready key, memory for one and a hundred keys, operations a second per algorithm and port,
// beside `openssl speed` of the same run. usage: BUILD=build/gcc node tools/bench/sim.mjs [--write docs/benchmarks.md]
import { execFileSync, spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { cpus, loadavg, tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { gm, gmOperations, pivOperations, readyGm } from './keys.mjs';
import { overSocket, vpcdServer } from './wire.mjs';

const root = resolve(fileURLToPath(new URL('../..', import.meta.url)));
const sim = join(resolve(root, process.env.BUILD ?? 'build/gcc'), 'bin/ukey-sim');
const { values: options } = parseArgs({ options: { write: { type: 'string' } } });
const dir = mkdtempSync(join(tmpdir(), 'openukey-bench-'));
const STARTS = 21;
const SECONDS = 1;

let named = 0;
const fresh = (application = 'gm') => {
    const image = join(dir, `key-${(named += 1)}.img`);
    execFileSync(sim, ['format', '--application', application, image]);
    return image;
};

// Runs one process with these images; milliseconds until every key is ready, a socket per key.
async function start(images, args = []) {
    const sockets = images.map((image) => image.replace('.img', '.sock'));
    const began = performance.now();
    const key = spawn(sim, ['run', ...sockets.flatMap((path) => ['--socket', path]), ...args, ...images], { stdio: ['ignore', 'pipe', 'inherit'] });
    let said = '';
    for await (const data of key.stdout) {
        said += data;
        if (said.split('\n').length > images.length) break;
    }
    const ms = performance.now() - began;
    const end = () => new Promise((done) => {
        key.on('exit', done);
        key.kill('SIGTERM');
    });
    const rss = Number(/^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${key.pid}/status`, 'utf8'))[1]) / 1024;
    return { ms, rss, sockets, end };
}

const sorted = (numbers) => [...numbers].sort((a, b) => a - b);

async function startTimes(image) {
    const times = [];
    for (let i = 0; i < STARTS; i += 1) {
        const key = await start([image]);
        times.push(key.ms);
        await key.end();
    }
    const [least, ...rest] = sorted(times);
    return { least, median: rest[Math.floor(rest.length / 2)], most: rest.at(-1) };
}

// A key whose log is nearly full: what a start has to read and check at most.
async function usedImage() {
    const image = fresh();
    const running = await start([image]);
    const wire = await overSocket(running.sockets[0]);
    const { send, app } = await readyGm(wire);
    const name = Buffer.from('file');
    await send(gm(0x30, app[0], app[1], Buffer.concat([name, Buffer.alloc(28)]), Buffer.from([0, 8, 0, 0]), Buffer.from([255, 0, 0, 0]), Buffer.from([16, 0, 0, 0])));
    const write = gm(0x3a, 0, 0, app, Buffer.from([0, 0, 4, 0]), name, Buffer.from([0xd0, 7]), Buffer.alloc(2000, 1));
    for (let i = 0; i < 232; i += 1) await send(write);
    wire.close();
    await running.end();
    return image;
}

async function rate(send, command) {
    const until = performance.now() + SECONDS * 1000;
    const began = performance.now();
    let count = 0;
    do {
        await send(command);
        count += 1;
    } while (performance.now() < until);
    return count / ((performance.now() - began) / 1000);
}

const plainSend = (wire) => async (command) => {
    const answer = await wire.transmit(command);
    if (answer.readUInt16BE(answer.length - 2) !== 0x9000) throw new Error(`${command.subarray(0, 4).toString('hex')}: ${answer.subarray(-2).toString('hex')}`);
};

async function operations() {
    const ports = {
        socket: async (image) => {
            const running = await start([image]);
            return { running, wire: await overSocket(running.sockets[0]) };
        },
        vpcd: async (image) => {
            const server = await vpcdServer();
            const running = await start([image], ['--vpcd', `127.0.0.1:${server.port}`]);
            return { running, wire: await server.ready };
        },
    };
    const table = new Map();
    for (const [port, open] of Object.entries(ports)) {
        for (const application of ['gm', 'piv']) {
            const { running, wire } = await open(fresh(application));
            const list = application === 'gm' ? await gmOperations(await readyGm(wire)) : await pivOperations(wire);
            for (const [name, command] of list) {
                if (!table.has(name)) table.set(name, {});
                table.get(name)[port] = await rate(plainSend(wire), command);
            }
            wire.close();
            await running.end();
        }
    }
    return table;
}

// Operations a second of one OpenSSL thread, by the names of the table.
function opensslSpeed() {
    const said = execFileSync('openssl', ['speed', '-seconds', String(SECONDS), 'rsa2048', 'ecdsap256', 'ecdsap384', 'sm2'], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] });
    const line = (pattern) => said.split('\n').find((text) => pattern.test(text))?.trim().split(/\s+/) ?? [];
    const signs = (pattern) => Number(line(pattern).at(-2));
    return {
        'SM2 sign': signs(/SM2/),
        'SM2 verify': Number(line(/SM2/).at(-1)),
        'RSA-2048 sign': signs(/rsa 2048 bits/),
        'RSA-2048 sign (PIV)': signs(/rsa 2048 bits/),
        'P-256 sign': signs(/256 bits ecdsa/),
        'P-384 sign': signs(/384 bits ecdsa/),
    };
}

try {
    const blank = await startTimes(fresh());
    const used = await startTimes(await usedImage());
    const one = await start([fresh()]);
    const { rss: rssOne } = one;
    await one.end();
    const hundred = await start(Array.from({ length: 100 }, () => fresh()));
    const { rss: rssHundred, ms: msHundred } = hundred;
    await hundred.end();
    const rates = await operations();
    const openssl = opensslSpeed();

    const two = (n) => n.toFixed(n < 100 ? 1 : 0);
    const count = (n) => (n ? Math.round(n).toLocaleString('en-US') : '-');
    const verdict = (holds) => (holds ? 'holds' : 'MISSED');
    const report = [
        '# Benchmarks of the simulated key',
        '',
        'Made by `make bench-sim`, which writes this page; the same run measured everything on it.',
        '',
        `Date: ${new Date().toISOString().slice(0, 10)}. Machine: ${cpus().length} cores, ${cpus()[0].model.replace(/\(R\)|\(TM\)/g, '').trim()}; ${process.arch} Linux, load average ${loadavg()[0].toFixed(1)} at the end. Where other work runs beside it, only the least times and the ratios say something; the targets are held against the least.`,
        '',
        '## Start and memory',
        '',
        '| what | least | median | most | target | |',
        '|---|---|---|---|---|---|',
        `| start to ready key, blank | ${two(blank.least)} ms | ${two(blank.median)} ms | ${two(blank.most)} ms | 10 ms | ${verdict(blank.least < 10)} |`,
        `| start to ready key, log nearly full | ${two(used.least)} ms | ${two(used.median)} ms | ${two(used.most)} ms | 10 ms | ${verdict(used.least < 10)} |`,
        `| a hundred keys in one process ready | | ${two(msHundred)} ms | | | |`,
        `| resident memory, one key | | ${two(rssOne)} MiB | | 8 MiB | ${verdict(rssOne < 8)} |`,
        `| resident memory, a hundred keys in one process | | ${two(rssHundred)} MiB | | 100 MiB | ${verdict(rssHundred < 100)} |`,
        '',
        'A start is from the creation of the process to its line `ready`; the self-tests and the health test of the entropy are in it.',
        '',
        '## Operations a second',
        '',
        'One after another, each waited for. vpcd without pcscd: this program is in its place.',
        '',
        '| operation | unix socket | vpcd | openssl speed, one thread |',
        '|---|---|---|---|',
        ...[...rates].map(([name, by]) => `| ${name} | ${count(by.socket)} | ${count(by.vpcd)} | ${count(openssl[name])} |`),
        '',
    ].join('\n');
    process.stdout.write(report);
    if (options.write) writeFileSync(resolve(root, options.write), report);
    if (blank.least >= 10 || used.least >= 10 || rssOne >= 8 || rssHundred >= 100) process.exitCode = 1;
} finally {
    rmSync(dir, { recursive: true, force: true });
}
