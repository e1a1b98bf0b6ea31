// Measures ukey-sim: start to ready key, memory for one and a hundred keys, operations a second per algorithm and port (unix
// socket; vpcd and USB behind a real pcscd), beside `openssl speed` of the same run. usage: BUILD=build/gcc node tools/bench/sim.mjs [--write docs/benchmarks.md]
import { execFileSync, spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { cpus, loadavg, tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { startPcscd } from '../demo/pcscd.mjs';
import { Program } from '../demo/program.mjs';
import { gm, gmOperations, pivOperations, readyGm } from './keys.mjs';
import { opensslSpeed } from './openssl.mjs';
import { writeReport } from './page.mjs';
import { overPcsc, overSocket } from './wire.mjs';

const root = resolve(fileURLToPath(new URL('../..', import.meta.url)));
const programs = join(resolve(root, process.env.BUILD ?? 'build/gcc'), 'bin');
const sim = join(programs, 'ukey-sim');
const pcscWire = join(programs, 'ukey-pcsc-wire');
const { values: options } = parseArgs({ options: { write: { type: 'string' } } });
const dir = mkdtempSync(join(tmpdir(), 'openukey-bench-'));
const STARTS = 21;
const ROUNDS = 3; // of which the best counts: other work on the computer only ever slows
const SECONDS = 0.4;
const OPENSSL_SECONDS = 1;

const children = new Set(); // that must not outlive a failure
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
    children.add(key);
    key.on('exit', () => children.delete(key));
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
    const cpuMs = Number(readFileSync(`/proc/${key.pid}/schedstat`, 'utf8').split(' ')[0]) / 1e6;
    const rss = Number(/^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${key.pid}/status`, 'utf8'))[1]) / 1024;
    return { ms, cpuMs, rss, sockets, end };
}

const sorted = (numbers) => [...numbers].sort((a, b) => a - b);

async function startTimes(image) {
    const times = [];
    const cpuTimes = [];
    for (let i = 0; i < STARTS; i += 1) {
        const key = await start([image]);
        times.push(key.ms);
        cpuTimes.push(key.cpuMs);
        await key.end();
    }
    const middle = (numbers) => sorted(numbers)[Math.floor(numbers.length / 2)];
    return { least: Math.min(...times), median: middle(times), most: Math.max(...times), cpu: middle(cpuTimes) };
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

/* ---- ports: each gives a way to a fresh key, and ends it ---- */

async function socketPort(image) {
    const running = await start([image]);
    const wire = await overSocket(running.sockets[0]);
    return { wire, end: running.end };
}

async function vpcdPort(image) {
    const place = mkdtempSync(join(dir, 'vpcd-'));
    const pcscd = await startPcscd(place);
    const running = await start([image], ['--vpcd', `127.0.0.1:${pcscd.port}`]);
    const wire = await overPcsc(pcscWire, pcscd.env);
    return {
        wire,
        end: async () => {
            await running.end();
            await pcscd.program.stop();
        },
    };
}

// The bus is umockdev's; a program on it tells its environment, in which pcscd is then started beside it.
async function usbPort(image) {
    const place = mkdtempSync(join(dir, 'usb-'));
    const told = join(place, 'environment');
    const bus = await Program.start({
        name: 'ukey-sim usb',
        command: sim,
        args: ['usb', image, '--', 'sh', '-c', `env -0 >'${told}'; echo ready; exec sleep infinity`],
    });
    const usb = Object.fromEntries(readFileSync(told, 'utf8').split('\0').filter(Boolean).map((line) => [line.slice(0, line.indexOf('=')), line.slice(line.indexOf('=') + 1)]));
    const pcscd = await startPcscd(place, { usb });
    const wire = await overPcsc(pcscWire, pcscd.env);
    return {
        wire,
        end: async () => {
            await pcscd.program.stop();
            await bus.stop();
        },
    };
}

const PORTS = { socket: socketPort, vpcd: vpcdPort, usb: usbPort };

async function operations() {
    const table = new Map();
    for (const [port, open] of Object.entries(PORTS)) {
        for (const application of ['gm', 'piv']) {
            const { wire, end } = await open(fresh(application));
            const list = application === 'gm' ? await gmOperations(await readyGm(wire)) : await pivOperations(wire);
            for (const [name, commands] of list) {
                if (!table.has(name)) table.set(name, {});
                let best = 0;
                for (let round = 0; round < ROUNDS; round += 1) best = Math.max(best, await wire.rate(commands, SECONDS));
                table.get(name)[port] = best;
            }
            await wire.close();
            await end();
        }
    }
    return table;
}

try {
    const blank = await startTimes(fresh());
    const used = await startTimes(await usedImage());
    const one = await start([fresh()]);
    const { rss: rssOne } = one;
    await one.end();
    const hundred = await start(Array.from({ length: 100 }, () => fresh()));
    const { rss: rssHundred, ms: msHundred, cpuMs: cpuHundred } = hundred;
    await hundred.end();
    const rates = await operations();
    const openssl = opensslSpeed(OPENSSL_SECONDS);

    const two = (n) => n.toFixed(n < 100 ? 1 : 0);
    const count = (n) => (n ? Math.round(n).toLocaleString('en-US') : '-');
    const ratio = (n, of) => (of ? (n / of).toPrecision(2) : '-');
    const verdict = (holds) => (holds ? 'holds' : 'MISSED');
    const report = [
        '# Benchmarks of the simulated key',
        '',
        'Made by `make bench-sim`, which writes this page; the same run measured everything on it.',
        '',
        `Date: ${new Date().toISOString().slice(0, 10)}. Machine: ${cpus().length} cores, ${cpus()[0].model.replace(/\(R\)|\(TM\)/g, '').trim()}; ${process.arch} Linux, load average ${loadavg()[0].toFixed(1)} at the end. Where other work runs beside it, times are longer and rates lower than they could be; the targets are held against the least time.`,
        '',
        '## Start and memory',
        '',
        '| what | least | median | most | processor time | target | |',
        '|---|---|---|---|---|---|---|',
        `| start to ready key, blank | ${two(blank.least)} ms | ${two(blank.median)} ms | ${two(blank.most)} ms | ${two(blank.cpu)} ms | 10 ms | ${verdict(blank.least < 10)} |`,
        `| start to ready key, log nearly full | ${two(used.least)} ms | ${two(used.median)} ms | ${two(used.most)} ms | ${two(used.cpu)} ms | 10 ms | ${verdict(used.least < 10)} |`,
        `| a hundred keys in one process ready | | ${two(msHundred)} ms | | ${two(cpuHundred)} ms | | |`,
        `| resident memory, one key | | ${two(rssOne)} MiB | | | 8 MiB | ${verdict(rssOne < 8)} |`,
        `| resident memory, a hundred keys in one process | | ${two(rssHundred)} MiB | | | 100 MiB | ${verdict(rssHundred < 100)} |`,
        '',
        'A start is from the creation of the process to its line `ready`; the self-tests and the health test of the entropy are in it.',
        '',
        '## Operations a second',
        '',
        'One after another, each waited for. Socket: the embedded default. vpcd: a PC/SC program, the real pcscd, its vpcd driver. USB: a PC/SC program, the real pcscd, libccid, libusb, the bus simulated by umockdev. OpenSSL: `openssl speed` of this run, one thread, a second of processor time each. Of our rates the best of three rounds counts. The ratio is the socket to OpenSSL.',
        '',
        '| operation | socket | vpcd, pcscd | USB, pcscd | OpenSSL | ratio |',
        '|---|---|---|---|---|---|',
        ...[...rates].map(([name, by]) => `| ${name} | ${count(by.socket)} | ${count(by.vpcd)} | ${count(by.usb)} | ${count(openssl[name])} | ${ratio(by.socket, openssl[name])} |`),
        '',
        'SM3 and SM4 take two commands each; PIV\'s RSA is the raw operation, of a signature or a decryption. OpenSSL\'s P-256 is hand-written assembly; the card is mbedTLS, which a chip could run.',
        '',
    ].join('\n');
    process.stdout.write(report);
    if (options.write) writeReport(resolve(root, options.write), report);
    if (blank.least >= 10 || used.least >= 10 || rssOne >= 8 || rssHundred >= 100) process.exitCode = 1;
} finally {
    for (const child of children) child.kill();
    rmSync(dir, { recursive: true, force: true });
}
