// Runs the conformance suite (tests/conformance/suite) against our module with the cards that it knows and against SoftHSM2,
// and tells the results as docs/conformance.md has them.
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { run } from '../../tools/demo/program.mjs';
import { plugIn } from './cards.mjs';

const root = resolve(fileURLToPath(new URL('../..', import.meta.url)));
const build = resolve(root, process.env.BUILD ?? 'build/gcc');
const suite = join(build, 'bin/p11-conformance');
const say = join(root, 'tests/support/say.mjs');
export const document = join(root, 'docs/conformance.md');
const softHsm = ['/usr/lib/softhsm/libsofthsm2.so', '/usr/lib/x86_64-linux-gnu/softhsm/libsofthsm2.so'].find(existsSync);

export function softHsmMissing() {
    return softHsm ? false : 'not installed: softhsm2 (make setup-check)';
}

const results = ({ stdout }) => stdout.split('\n').filter(Boolean).map((line) => JSON.parse(line));

async function inFolder(job) {
    const dir = mkdtempSync(join(tmpdir(), 'openukey-conformance-'));
    try {
        return await job(dir);
    } finally {
        rmSync(dir, { recursive: true, force: true });
    }
}

/* Our module and a GM card with an RSA key and SM2 pairs, which can be pulled out and initialised anew. */
export function checkGm() {
    return inFolder(async (dir) => {
        const conf = join(dir, 'openukey.conf');
        const script = `cat "$OPENUKEY_CONF" - >"${conf}" <<END
sm2-objects = vendor
END
OPENUKEY_CONF="${conf}" exec "${suite}" --json --initialize --pin "$OPENUKEY_PIN" --so-pin "$OPENUKEY_SO_PIN" \
  --remove "'${process.execPath}' '${say}' '$OPENUKEY_CONTROL' remove" --insert "'${process.execPath}' '${say}' '$OPENUKEY_CONTROL' insert" \
  "$OPENUKEY_MODULE"`;
        const args = ['sim', 'exec', '--profile', 'four-containers', '--', 'sh', '-c', script];
        const env = { TMPDIR: dir, XDG_CACHE_HOME: join(dir, 'cache') };
        return results(await run(join(build, 'bin/ukey'), args, { env, allow: [0, 1] }));
    });
}

/* Our module and a PIV card with RSA and P-256 keys, one of which wants the PIN each time; its officer's PIN is the PUK. */
export async function checkPiv() {
    const ends = [];
    try {
        const { desk, key, conf } = await plugIn({ after: (end) => ends.push(end) }, 'PIV', 'cache = off\n');
        const control = (verb) => `'${process.execPath}' '${say}' '${key.control}' ${verb}`;
        const args = ['--json', '--pin', '123456', '--so-pin', '12345678', '--remove', control('remove'), '--insert', control('insert')];
        return results(await run(suite, [...args, join(desk.build, 'lib/openukey-pkcs11.so')], { env: { OPENUKEY_CONF: conf }, allow: [0, 1] }));
    } finally {
        for (const end of ends) await end();
    }
}

/* SoftHSM2 2.6.1 as Debian has it, with an RSA and a P-256 key. */
export function checkSoftHsm() {
    return inFolder(async (dir) => {
        const conf = join(dir, 'softhsm2.conf');
        writeFileSync(conf, `directories.tokendir = ${dir}\nobjectstore.backend = file\nlog.level = ERROR\n`);
        const env = { SOFTHSM2_CONF: conf };
        await run('softhsm2-util', ['--init-token', '--free', '--label', 'conf', '--pin', '123456', '--so-pin', '12345678'], { env });
        for (const [type, id] of [['rsa:2048', '01'], ['EC:prime256v1', '02']]) {
            await run('pkcs11-tool', ['--module', softHsm, '--login', '--pin', '123456', '--keypairgen', '--key-type', type, '--id', id], { env });
        }
        const args = ['--json', '--initialize', '--so-pin', '12345678', '--label', 'conf', softHsm];
        return results(await run(suite, args, { env, allow: [0, 1] }));
    });
}

/* ---- docs/conformance.md ---- */

const marks = { pass: 'pass', fail: '**fail**', 'not-applicable': 'n/a' };
const count = (rows, result) => rows.filter((row) => row.result === result).length;
const cell = (text) => text.replaceAll('|', '\\|');

function totals(columns) {
    const lines = columns.map(({ name, rows }) => `| ${name} | ${rows.length} | ${count(rows, 'pass')} | ${count(rows, 'fail')} | ${count(rows, 'not-applicable')} |`);
    return `| | rules | pass | fail | n/a |\n|---|---|---|---|---|\n${lines.join('\n')}`;
}

function table(columns) {
    const head = `| rule | what must be | ${columns.map(({ name }) => name).join(' | ')} |\n|---|---|${'---|'.repeat(columns.length)}`;
    const lines = columns[0].rows.map((row, i) => {
        const cells = columns.map(({ rows }) => marks[rows[i].result]);
        return `| ${row.rule} ${cell(row.function)} | ${cell(row.text)} | ${cells.join(' | ')} |`;
    });
    return [head, ...lines].join('\n');
}

function failures({ rows }) {
    const failed = rows.filter(({ result }) => result === 'fail');
    return failed.map((row) => `| ${row.rule} ${cell(row.function)} | ${cell(row.text)} | ${cell(row.why)} |`).join('\n') || '| none | | |';
}

function reasons({ rows }) {
    const byReason = new Map();
    for (const row of rows.filter(({ result }) => result === 'not-applicable')) {
        byReason.set(row.why, [...(byReason.get(row.why) ?? []), row.rule]);
    }
    return [...byReason].map(([why, rules]) => `| ${cell(why)} | ${rules.join(', ')} |`).join('\n') || '| none | |';
}

/* The page, from columns [{name, rows}]; the last one is SoftHSM2's. */
export function render(columns) {
    const ours = columns.slice(0, -1);
    const other = columns.at(-1);
    return `# Conformance to PKCS #11

\`build/gcc/bin/p11-conformance\` (\`tests/conformance/suite/\`) checks any PKCS#11 module against the functions of PKCS #11 3.1, chapter 5,
and the rules of its chapter 4 on objects: what the standard says a module must do, one rule after the other, numbered by clause. Each rule
runs in a process of its own, so that a crash or a hang is a result like others. Rules on operations are checked with every mechanism of the
module's list for which there is a key. A function or a mechanism that a module does not have makes a rule not applicable (n/a), never passed.

    build/gcc/bin/p11-conformance --pin 123456 --so-pin 12345678 --label TOKEN MODULE.so
    build/gcc/bin/p11-conformance --help

This page is made by \`make conformance-report\`; \`make check\` fails when it is not what the suite finds. Our module is checked behind the
simulator's socket with SM2 keys shown (\`sm2-objects = vendor\`). SoftHSM2 (2.6.1, Debian 12) stands beside it to show that the suite is fair
to a module that was not written with it: what it fails is listed with what the standard wants.

## Results

${totals(columns)}

## Where our module differs, and why

The officer of a PIV card is who holds its management key: he makes and removes the keys, and so has to see them (5.6.8-12). He cannot use
them: the card wants the user's PIN for that.

| rule | what must be | what it does |
|---|---|---|
${ours.map(failures).filter((text) => !text.startsWith('| none')).join('\n') || '| none | | |'}

## Where SoftHSM2 differs

| rule | what must be | what it does |
|---|---|---|
${failures(other)}

## What does not apply to our module, and why

${ours.map((column) => `### ${column.name}\n\n| why | rules |\n|---|---|\n${reasons(column)}`).join('\n\n')}

## All rules

${table(columns)}
`;
}

export async function columns() {
    const [gm, piv, softhsm] = await Promise.all([checkGm(), checkPiv(), checkSoftHsm()]);
    return [
        { name: 'ours, GM card', rows: gm },
        { name: 'ours, PIV card', rows: piv },
        { name: 'SoftHSM2', rows: softhsm },
    ];
}

export const written = () => (existsSync(document) ? readFileSync(document, 'utf8') : '');
