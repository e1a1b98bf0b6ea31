// Measures the agent: requests a second and how long they take, beside civetweb alone and beside the module alone on the same key.
// usage: BUILD=build/gcc node tools/bench/agent.mjs [--write docs/benchmarks.md]
import { spawn } from 'node:child_process';
import { chmodSync, closeSync, fsyncSync, mkdirSync, openSync, readFileSync, writeFileSync, writeSync } from 'node:fs';
import { cpus, loadavg } from 'node:os';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { House } from '../demo/house.mjs';
import { makeFetch } from '../demo/https-fetch.mjs';
import { freePort } from '../demo/ports.mjs';
import { Program, run } from '../demo/program.mjs';
import { writeReport } from './page.mjs';

const root = resolve(fileURLToPath(new URL('../..', import.meta.url)));
const { values: options } = parseArgs({ options: { write: { type: 'string' } } });
const MANY = 16;
const ROUNDS = 3;
const EACH = 200; // requests of a connection; a site has 1200 a minute
const sites = Array.from({ length: 96 }, (_, i) => `https://site${i}.cn`);
const house = new House({ agentConfig: { origins: { allow: sites } } });
const ends = [() => house.close()];

/* The person agrees at once: what is measured is not a shell's commands. */
function agreeQuickly() {
    const path = join(house.dir, 'agree');
    writeFileSync(path, '#!/bin/sh\nwhile IFS= read -r line; do :; done\nprintf \'{"decision":"agree"}\\n\'\n');
    chmodSync(path, 0o700);
    return path;
}

async function pair(origin) {
    const fetch = makeFetch({ ca: house.agentCa, origin });
    const post = async (path, session) => {
        const headers = { 'content-type': 'application/json', ...(session ? { 'openukey-session': session } : {}) };
        const answer = await fetch(`${house.agentUrl}${path}`, { method: 'POST', headers, body: '{}' });
        if (!answer.ok) throw new Error(`${path}: ${answer.status} ${await answer.text()}`);
        return answer.json();
    };
    return { origin, ...(await post('/v1/pairing')), post };
}

/* agent-load's report of `count` requests from `connections`. */
async function load({ port = house.agentPort, connections, count, mine = [], request }) {
    const args = [port, house.agentCaFile, connections, count].map(String);
    const client = spawn(house.binary('agent-load'), args, { stdio: ['pipe', 'pipe', 'inherit'] });
    let said = '';
    client.stdout.on('data', (data) => (said += data));
    client.stdin.end(JSON.stringify({ host: `localhost:${port}`, sites: mine.map(({ origin, session }) => ({ origin, session })), requests: [{ good: ['200'], ...request }] }));
    const code = await new Promise((done, fail) => client.on('error', fail).on('close', done));
    const report = code === 0 ? JSON.parse(said) : null;
    if (!report || report.wrong.length || report.waited) throw new Error(`agent-load: ${code} ${said}`);
    return { rate: count / report.seconds, p50: report.p50us / 1e3, p99: report.p99us / 1e3 };
}

let nextSite = 0;
async function takeSites(count) {
    return Promise.all(sites.slice(nextSite, (nextSite += count)).map(pair));
}

async function reads(name, request) {
    const row = { name };
    for (const [part, connections] of [['one', 1], ['many', MANY]]) row[part] = await load({ connections, count: EACH * connections, mine: await takeSites(connections), request });
    return row;
}

async function plain() {
    const port = await freePort();
    const tls = join(house.agentState, 'tls');
    const names = { certificate: join(tls, 'cert.pem'), key: join(tls, 'key.pem') };
    const web = await Program.start({ name: 'plain-web', command: house.binary('plain-web'), args: [names.certificate, names.key, String(port)], stdio: ['pipe', 'pipe', 'pipe'] });
    ends.push(() => web.stop());
    const row = { name: 'civetweb alone' };
    for (const [part, connections] of [['one', 1], ['many', MANY]]) row[part] = await load({ port, connections, count: EACH * connections, request: { method: 'GET', path: '/' } });
    await web.stop();
    return row;
}

/* Signatures by the module alone: one process, one session. */
async function moduleAlone(certificate, mechanism) {
    const conf = join(house.dir, 'module.conf');
    // SM2 keys as what they are, as the agent sees them
    writeFileSync(conf, Object.entries({ ...house.moduleOptions, 'sm2-objects': 'vendor' }).map(([name, value]) => `${name} = ${value}\n`).join(''));
    const args = ['--module', house.module, '--pin', '123456', '--id', certificate.keyId, '--mechanism', mechanism, '--seconds', '2'];
    const { stdout } = await run(house.binary('p11-bench'), args, { env: { OPENUKEY_CONF: conf } });
    return 1e3 / Number(/^rate ([\d.]+)/m.exec(stdout)[1]);
}

async function signatures(token, certificate, mechanism) {
    const [site] = await takeSites(1);
    await site.post(`/v1/tokens/${token.id}/verify-pin`, site.session);
    const path = `/v1/tokens/${token.id}/sign`;
    const common = { certificate: certificate.id, nonce: '@' };
    const document = (i) => ({ name: `${i}.txt`, content: Buffer.from(`content ${i}`).toString('base64') });
    const ask = (count, body) => load({ connections: 1, count, mine: [site], request: { method: 'POST', path, body: JSON.stringify({ ...common, ...body }) } });
    const one = await ask(200, { document: document(0) });
    // in turn, and the best of each: what else runs on the machine comes and goes
    const rounds = [];
    for (let i = 0; i < ROUNDS; i += 1) {
        const batch = await ask(5, { documents: Array.from({ length: 100 }, (_, n) => document(n)) });
        rounds.push({ batch: 10 / batch.rate, module: await moduleAlone(certificate, mechanism) });
    }
    const least = (name) => Math.min(...rounds.map((round) => round[name]));
    return { name: mechanism === 'sm2' ? 'SM2' : 'RSA-2048', one, batch: least('batch'), module: least('module') };
}

/* What it takes to have a few bytes on the disk where the journal is. */
function syncMs() {
    const file = openSync(join(house.dir, 'synced'), 'a');
    const times = Array.from({ length: 21 }, () => {
        const begin = performance.now();
        writeSync(file, 'x'.repeat(300));
        fsyncSync(file);
        return performance.now() - begin;
    });
    closeSync(file);
    return times.sort((a, b) => a - b)[10];
}

const memory = () => {
    const status = readFileSync(`/proc/${house.agent.pid}/status`, 'utf8');
    const kib = (name) => Number(new RegExp(`^${name}:\\s+(\\d+)`, 'm').exec(status)[1]);
    return `${(kib('VmRSS') / 1024).toFixed(1)} MiB, of it ${(kib('RssAnon') / 1024).toFixed(1)} MiB its own`;
};

try {
    mkdirSync(house.dir, { recursive: true });
    house.options.agentConfig.consent = agreeQuickly();
    await house.makeCa();
    await house.writeServiceConfig();
    const key = await house.addKey('key', 'org-expiring-30-days');
    await house.startService();
    await house.startTransport();
    await key.plug();
    await house.startAgent();
    const [token] = await house.seen();
    const page = await house.page();
    const certificates = await page.certificates({ token });
    const atStart = memory();
    const rows = [
        await plain(),
        await reads('status (`/.well-known/openukey`)', { method: 'GET', path: '/.well-known/openukey' }),
        await reads('tokens', { method: 'GET', path: '/v1/tokens' }),
        await reads('certificates', { method: 'GET', path: `/v1/tokens/${token.id}/certificates` }),
    ];
    const signing = [
        await signatures(token, certificates.find((one) => one.algorithm === 'SM2' && one.usage === 'sign'), 'sm2'),
        await signatures(token, certificates.find((one) => one.algorithm === 'RSA'), 'rsa'),
    ];
    const n = (value, digits = 0) => value.toLocaleString('en-US', { maximumFractionDigits: digits, minimumFractionDigits: digits });
    const part = (one) => `${n(one.rate)} | ${n(one.p50, 2)} ms | ${n(one.p99, 2)} ms`;
    const load1 = loadavg()[0];
    const report = [
        '# Benchmarks of the agent',
        '',
        'Made by `make bench-agent`, which writes this part; the same run measured everything in it.',
        '',
        `Date: ${new Date().toISOString().slice(0, 10)}. Machine: ${cpus().length} cores, ${cpus()[0].model.replace(/\(R\)|\(TM\)/g, '').trim()}; ${process.arch} Linux, load average ${load1.toFixed(1)} at the end.${load1 > cpus().length + 1 ? ' Other work ran beside it: the figures are worse than on a quiet machine, and only their relations count.' : ''}`,
        '',
        '## Requests',
        '',
        `Keep-alive TLS connections from a program of the same machine, each with its own site; the client's work is on the same cores. "civetweb alone" is the same`,
        'web server with the same TLS, which answers 600 bytes by civetweb\'s own calls: head and body apart (`tools/bench/plain_web.c`).',
        '',
        `| | one connection: a second | p50 | p99 | ${MANY} connections: a second | p50 | p99 |`,
        '|---|---|---|---|---|---|---|',
        ...rows.map((row) => `| ${row.name} | ${part(row.one)} | ${part(row.many)} |`),
        '',
        '## Signatures',
        '',
        'One after another, on the simulated key. "Module" is a signature by the PKCS#11 module in a program of its own; "one document" is a whole request with',
        `its dialog, answered at once by a script; "of a hundred" is a document's share in a request of a hundred under one dialog. The first and the last are the`,
        `best of ${ROUNDS} rounds. A confirmation is in the journal before anything is signed: three syncs of the disk, each of ${n(syncMs(), 1)} ms here (median).`,
        '',
        '| key | module | one document: p50 | p99 | of a hundred | beyond the module |',
        '|---|---|---|---|---|---|',
        ...signing.map((row) => `| ${row.name} | ${n(row.module, 2)} ms | ${n(row.one.p50, 2)} ms | ${n(row.one.p99, 2)} ms | ${n(row.batch, 2)} ms | ${n(row.batch - row.module, 2)} ms |`),
        '',
        '## Memory',
        '',
        `Resident: ${atStart} when it has read its first key; ${memory()} at the end of this run.`,
        '',
    ].join('\n');
    process.stdout.write(report);
    if (options.write) writeReport(resolve(root, options.write), report);
} finally {
    for (const end of ends.reverse()) await end();
}
