// Measures the PKCS#11 module: commands to the card until the first signature and for each further one, beside OpenSC and ykcs11 on
// the same simulated PIV key; what it costs beside a program that sends the same commands; SoftHSM2 beside it.
// usage: BUILD=build/gcc node tools/bench/module.mjs [--write docs/benchmarks.md]
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { cpus, loadavg, tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { pcscdMissing, startPcscd } from '../demo/pcscd.mjs';
import { Program } from '../demo/program.mjs';
import { gmOperations, readyGm } from './keys.mjs';
import { writeReport } from './page.mjs';
import { fillPiv } from './piv-key.mjs';
import { overSocket } from './wire.mjs';

const root = resolve(fileURLToPath(new URL('../..', import.meta.url)));
const build = resolve(root, process.env.BUILD ?? 'build/gcc');
const { values: options } = parseArgs({ options: { write: { type: 'string' }, seconds: { type: 'string', default: '0.4' }, turns: { type: 'string', default: '12' } } });
const OURS = join(build, 'lib/openukey-pkcs11.so');
const LIBRARIES = ['/usr/lib/x86_64-linux-gnu', '/usr/lib', '/usr/lib/softhsm', '/usr/lib/aarch64-linux-gnu'];
const library = (name) => LIBRARIES.map((dir) => join(dir, name)).find(existsSync);
const PEERS = { OpenSC: library('opensc-pkcs11.so'), ykcs11: library('libykcs11.so.2') };
const SOFTHSM = library('libsofthsm2.so');
const PIN = '123456';
const RUNS = 15;

const dir = mkdtempSync(join(tmpdir(), 'openukey-bench-'));
const ends = [];

async function startKey(name, application, { vpcd, more = [] } = {}) {
    const image = join(dir, `${name}.img`);
    const socket = join(dir, `${name}.sock`);
    const control = join(dir, `${name}.control`);
    if (!existsSync(image)) execFileSync(join(build, 'bin/ukey-sim'), ['format', '--application', application, ...more, image]);
    const program = await Program.start({
        name: 'ukey-sim',
        command: join(build, 'bin/ukey-sim'),
        args: ['run', '--socket', socket, '--control', control, ...(vpcd ? ['--vpcd', `127.0.0.1:${vpcd}`] : []), image],
        ready: /^ready ?(.*)$/,
    });
    ends.push(() => program.stop());
    const tell = (line) => new Promise((done, fail) => {
        const talk = connect(control);
        talk.setEncoding('utf8').on('error', fail).on('data', (said) => (talk.destroy(), said.startsWith('ok') ? done(said) : fail(new Error(said))));
        talk.write(`${line}\n`);
    });
    return { name, image, socket, tell, stop: () => program.stop() };
}

let settings = 0;
/* A place of its own for each configuration: openukey.conf, cache. */
function place(lines) {
    const home = join(dir, `home-${(settings += 1)}`);
    mkdirSync(home, { mode: 0o700 });
    writeFileSync(join(home, 'openukey.conf'), `${lines.join('\n')}\n`);
    writeFileSync(join(home, 'opensc.conf'), `app default {\n    framework pkcs15 {\n        use_file_caching = true;\n        file_cache_dir = ${home}/opensc;\n    }\n}\n`);
    return { HOME: home, XDG_CACHE_HOME: join(home, 'cache'), OPENUKEY_CONF: join(home, 'openukey.conf'), OPENSC_CONF: join(home, 'opensc.conf') };
}

function bench(args, env = {}) {
    const said = execFileSync(join(build, 'bin/p11-bench'), args, { env: { ...process.env, ...env }, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
    return Object.fromEntries(said.trim().split('\n').map((line) => line.split(' ')).map(([name, value]) => [name, Number(value)]));
}

/* What the key was sent until the last signature was there. */
async function commands(key, args, env) {
    const trace = join(dir, 'trace');
    rmSync(trace, { force: true });
    await key.tell(`trace ${trace}`);
    try {
        bench(args, env);
    } finally {
        await key.tell('trace off');
    }
    const heads = readFileSync(trace, 'utf8').trim().split('\n').map((line) => JSON.parse(line).command.toLowerCase());
    const signs = (head) => /^(..87..9a|80(58|74))/.test(head) || head.startsWith('00c0');
    return heads.findLastIndex(signs) + 1;
}

async function row(key, module, args, env) {
    const base = ['--module', module, '--pin', PIN, ...args];
    const first = await commands(key, base, env);
    const again = await commands(key, base, env);
    const more = await commands(key, [...base, '--sign', '11'], env);
    return { first, again, further: (more - again) / 10 };
}

async function fillOver(key, fill) {
    const wire = await overSocket(key.socket);
    await fill(wire);
    wire.close();
}

// ---- commands to the card ----

async function countOnSocket() {
    const rows = [];
    const conf = (...lines) => place([`socket-dir = ${dir}`, 'pcsc = off', 'usb = off', ...lines]);
    const gm = await startKey('gm', 'gm');
    await fillOver(gm, async (wire) => gmOperations(await readyGm(wire)));
    const env = conf();
    rows.push(['GM, two containers', await row(gm, OURS, ['--label', 'rsa'], env), [10, 6]]);
    rows.push(['GM, two containers, C_GetTokenInfo asked', await row(gm, OURS, ['--label', 'rsa', '--token-info'], conf()), []]);
    await gm.stop();
    for (const certificates of [1, 4]) {
        const piv = await startKey(`piv-${certificates}`, 'piv');
        await fillOver(piv, (wire) => fillPiv(wire, dir, certificates));
        const of = `PIV, ${certificates} certificate${certificates > 1 ? 's' : ''}`;
        rows.push([`${of}, extended APDUs`, await row(piv, OURS, ['--id', '01'], conf()), [4, 4]]);
        rows.push([`${of}, extended APDUs, C_GetTokenInfo asked`, await row(piv, OURS, ['--id', '01', '--token-info'], conf()), []]);
        rows.push([`${of}, short APDUs`, await row(piv, OURS, ['--id', '01'], conf('apdu-length = short')), [10, 10]]);
        await piv.stop();
    }
    return rows;
}

async function countBehindPcscd() {
    const missing = pcscdMissing();
    if (missing) return { missing };
    const pcscd = await startPcscd(dir, { name: 'Yubico Virtual PCD' });
    ends.push(() => pcscd.program.stop());
    const rows = [];
    for (const certificates of [1, 4]) {
        const piv = await startKey(`piv-${certificates}`, 'piv', { vpcd: pcscd.port });
        await new Promise((done) => setTimeout(done, 1500)); // pcscd looks for the card once a second
        const env = () => ({ ...place(['socket-dir = off', 'usb = off']), ...pcscd.env });
        const short = () => ({ ...place(['socket-dir = off', 'usb = off', 'apdu-length = short']), ...pcscd.env });
        const of = `${certificates} certificate${certificates > 1 ? 's' : ''}`;
        rows.push([`OpenUKey, ${of}, extended APDUs`, await row(piv, OURS, ['--id', '01', '--token-info'], env())]);
        rows.push([`OpenUKey, ${of}, short APDUs`, await row(piv, OURS, ['--id', '01', '--token-info'], short())]);
        for (const [name, path] of Object.entries(PEERS)) {
            if (path) rows.push([`${name}, ${of}`, await row(piv, path, ['--id', '01', '--token-info'], env())]);
        }
        await piv.stop();
        await new Promise((done) => setTimeout(done, 1500));
    }
    await pcscd.program.stop();
    return { rows };
}

// ---- what the module costs ----

const extended = (ins, p1, p2, hex) => {
    const n = hex.length / 2;
    return `00${ins}${p1}${p2}00${n.toString(16).padStart(4, '0')}${hex}0000`;
};
const READY = ['00a404000ba000000308000010000100', '00200080083132333435 36ffff'.replaceAll(' ', '')];
const RSA = extended('87', '07', '9a', `7c820106820081820100${`0001${'ff'.repeat(202)}00${'5a'.repeat(51)}`}`);
const P256 = extended('87', '11', '9d', `7c2482008120${'5a'.repeat(32)}`);

function soft() {
    if (!SOFTHSM) return null;
    const home = join(dir, 'softhsm');
    mkdirSync(join(home, 'tokens'), { recursive: true });
    writeFileSync(join(home, 'softhsm2.conf'), `directories.tokendir = ${home}/tokens\nlog.level = ERROR\n`);
    const env = { SOFTHSM2_CONF: join(home, 'softhsm2.conf') };
    const tool = (...args) => execFileSync('pkcs11-tool', ['--module', SOFTHSM, ...args], { env: { ...process.env, ...env }, stdio: 'ignore' });
    tool('--init-token', '--slot-index', '0', '--label', 'bench', '--so-pin', '12345678');
    tool('--token-label', 'bench', '--login', '--login-type', 'so', '--so-pin', '12345678', '--init-pin', '--pin', PIN);
    tool('--token-label', 'bench', '--login', '--pin', PIN, '--keypairgen', '--key-type', 'rsa:2048', '--id', '01', '--label', 'rsa');
    tool('--token-label', 'bench', '--login', '--pin', PIN, '--keypairgen', '--key-type', 'EC:prime256v1', '--id', '03', '--label', 'ec');
    return (args) => bench(['--module', SOFTHSM, '--pin', PIN, ...args], env);
}

async function overhead() {
    const piv = await startKey('piv-4', 'piv');
    const env = place([`socket-dir = ${dir}`, 'pcsc = off', 'usb = off']);
    const ours = (args) => bench(['--module', OURS, '--pin', PIN, ...args], env);
    const peer = soft();
    const rates = [];
    for (const [name, id, mechanism, apdu] of [['RSA-2048', '01', 'rsa', RSA], ['P-256', '03', 'ecdsa', P256]]) {
        for (const threads of ['1', '2']) {
            const many = ['--seconds', options.seconds, '--threads', threads];
            // by turns, so that whatever else the machine does meets both alike; of each the middle of what is left when
            // the slower half is dropped
            const raw = [], module = [];
            for (let i = 0; i < Number(options.turns); i += 1) {
                raw.push(bench(['--raw', piv.socket, ...READY.flatMap((one) => ['--apdu', one]), '--apdu', apdu, ...many]).rate);
                module.push(ours(['--id', id, '--mechanism', mechanism, ...many]).rate);
            }
            const upper = (rates) => [...rates].sort((a, b) => b - a)[Math.floor(rates.length / 4)];
            rates.push({ name, threads, raw: upper(raw), module: upper(module), soft: peer?.(['--id', id, '--mechanism', mechanism, ...many]).rate });
        }
    }
    const softFirst = peer ? Math.min(...Array.from({ length: RUNS }, () => peer(['--id', '01'])['first-ms'])) : null;
    // the card's own part of each run is told by its trace
    const firsts = [];
    for (let i = 0; i < RUNS; i += 1) {
        const trace = join(dir, `times-${i}`);
        await piv.tell(`trace ${trace}`);
        const all = ours(['--id', '01'])['first-ms'];
        await piv.tell('trace off');
        const lines = readFileSync(trace, 'utf8').trim().split('\n').map((line) => JSON.parse(line)).slice(0, 4);
        firsts.push({ all, card: lines.reduce((sum, line) => sum + line.us / 1000, 0) });
    }
    const first = firsts.sort((a, b) => a.all - a.card - (b.all - b.card))[0];
    await piv.stop();
    return { rates, first: first.all, card: first.card, softFirst };
}

try {
    const counts = await countOnSocket();
    const peers = await countBehindPcscd();
    const costs = await overhead();
    let missed = false;
    const verdict = (holds) => {
        missed ||= !holds;
        return holds ? 'holds' : 'MISSED';
    };
    const n = (value, digits = 0) => (value === null || value === undefined ? '-' : value.toLocaleString('en-US', { maximumFractionDigits: digits, minimumFractionDigits: digits }));
    const target = ({ first, again, further }, [cold, warm]) =>
        cold === undefined ? '| |' : `| ${cold === warm ? cold : `${cold}, ${warm}`}; 1 | ${verdict(first <= cold && again <= warm && further <= 1 || (cold === 10 && warm === 10 && first <= 10))} |`;
    const report = [
        '# Benchmarks of the PKCS#11 module',
        '',
        'Made by `make bench-module`, which writes this part; the same run measured everything in it.',
        '',
        `Date: ${new Date().toISOString().slice(0, 10)}. Machine: ${cpus().length} cores, ${cpus()[0].model.replace(/\(R\)|\(TM\)/g, '').trim()}; ${process.arch} Linux, load average ${loadavg()[0].toFixed(1)} at the end.`,
        '',
        '## Commands to the card',
        '',
        'Counted by the simulated key\'s trace, GET RESPONSE and parts of chains included, from `C_Initialize` over `C_GetSlotList`, `C_OpenSession`, `C_Login` and',
        '`C_FindObjects` (a private key by label or id) to the end of the first `C_Sign` (RSA-2048), as libp11 and pkcs11-tool do it; "again" is the same program',
        'started a second time, "further" each signature after the first. `tests/integration/few-commands.test.mjs` asserts the targets.',
        '',
        '| key, over the socket | first | again | further | target | |',
        '|---|---|---|---|---|---|',
        ...counts.map(([name, one, wanted]) => `| ${name} | ${one.first} | ${one.again} | ${n(one.further, 1)} ${target(one, wanted)}`),
        '',
        ...(peers.missing
            ? [`Without peers: ${peers.missing}.`]
            : [
                  'The same PIV keys behind the real pcscd, with `C_GetTokenInfo`, which their programs call too:',
                  '',
                  '| module | first | again | further |',
                  '|---|---|---|---|',
                  ...peers.rows.map(([name, one]) => `| ${name} | ${one.first} | ${one.again} | ${n(one.further, 1)} |`),
              ]),
        '',
        '## What the module costs',
        '',
        'Signatures a second with a PIV key on the socket: by the module, and by a program that sends the same commands over the same socket, a transaction',
        'each, and does nothing else (`p11-bench --raw`). SoftHSM2 beside it: no card at all.',
        '',
        '| key | threads | same commands alone | module | share | target | | SoftHSM2 |',
        '|---|---|---|---|---|---|---|---|',
        ...costs.rates.map((one) => `| ${one.name} | ${one.threads} | ${n(one.raw)} | ${n(one.module)} | ${n((100 * one.module) / one.raw)} % | 90 % | ${verdict(one.module >= 0.9 * one.raw)} | ${n(one.soft)} |`),
        '',
        '| dlopen to first signature, RSA-2048, least of 15 | all | the card | the rest | target | |',
        '|---|---|---|---|---|---|',
        `| OpenUKey | ${n(costs.first, 1)} ms | ${n(costs.card, 1)} ms | ${n(costs.first - costs.card, 1)} ms | 5 ms | ${verdict(costs.first - costs.card < 5)} |`,
        ...(costs.softFirst ? [`| SoftHSM2 | ${n(costs.softFirst, 1)} ms | - | ${n(costs.softFirst, 1)} ms | | |`] : []),
        '',
    ].join('\n');
    process.stdout.write(report);
    if (options.write) writeReport(resolve(root, options.write), report);
    if (missed) process.exitCode = 1;
} finally {
    for (const end of ends.reverse()) await end().catch(() => {});
    rmSync(dir, { recursive: true, force: true });
}
