// The order service's SQL on a real PostgreSQL: the migrations make their tables there, and every statement that the sources can say is
// prepared and planned with the types that its call gives.
import assert from 'node:assert/strict';
import { readFileSync, readdirSync } from 'node:fs';
import { join, resolve } from 'node:path';
import test, { after, before } from 'node:test';
import { fileURLToPath } from 'node:url';
import { Postgres } from '../../support/postgres.mjs';
import { parameters, statementsInside, statementsOf } from '../../support/sql_statements.mjs';
import { run } from '../../../tools/demo/program.mjs';

const root = resolve(fileURLToPath(new URL('../../..', import.meta.url)));
const build = resolve(root, process.env.BUILD ?? 'build/gcc');
const TYPES = { t: 'text', i: 'bigint', b: 'bytea' };
const DRIVERS = ['db', 'sqlite', 'postgres'].map((name) => `tools/orderd/store/${name}.c`);
const MIGRATIONS = 'tools/orderd/store/migrations';

let server;
let statements; // [{where, sql, types}]
let migrations; // [{name, text}]

function* sources(dir) {
    for (const entry of readdirSync(join(root, dir), { withFileTypes: true })) {
        const path = `${dir}/${entry.name}`;
        if (entry.isDirectory()) yield* sources(path);
        else if (path.endsWith('.c') && !DRIVERS.includes(path)) yield path;
    }
}

/* Beside the migrations, the one script: the table that records them. */
const RECORD = 'CREATE TABLE IF NOT EXISTS schema_migrations (name TEXT PRIMARY KEY, checksum TEXT NOT NULL, applied BIGINT NOT NULL);';

before(async () => {
    const files = [...sources('tools/orderd')].filter((path) => /\bdb_(?:run|query)\(/.test(readFileSync(join(root, path), 'utf8')));
    const flags = (await run('pkg-config', ['--cflags', 'jansson', 'libcrypto'])).stdout.split(/\s+/).filter(Boolean);
    statements = [];
    for (const file of files) statements.push(...(await statementsOf(file, { cwd: root, flags })));
    const names = readdirSync(join(root, MIGRATIONS)).sort();
    migrations = names.map((name) => ({ name, text: readFileSync(join(root, MIGRATIONS, name), 'utf8') }));
    server = await Postgres.start();
    await server.create('orders');
});

after(() => server?.close());

test('the sources are read to the last statement: the linked program holds no other', () => {
    const known = statements.map(({ sql }) => sql);
    const inside = statementsInside(readFileSync(join(build, 'bin/ukey-orderd')));
    // the linker may have one string in another's tail; migrations are embedded as they are
    const drivers = DRIVERS.map((path) => readFileSync(join(root, path), 'utf8'));
    const isKnown = (text) => known.some((sql) => sql.endsWith(text)) || [...drivers, ...migrations.map((one) => one.text)].some((source) => source.includes(text.trim()));
    assert.deepEqual(inside.filter((text) => !isKnown(text)), []);
    assert.ok(inside.length > 200, `${inside.length} statements in the program`);
});

test('every migration is applied', async () => {
    assert.deepEqual((await server.script('orders', RECORD)).errors, []);
    for (const { name, text } of migrations) {
        const { errors } = await server.script('orders', text, ['--single-transaction', '-v', 'ON_ERROR_STOP=1']);
        assert.deepEqual({ name, errors }, { name, errors: [] });
    }
});

/* [{where, sql, message}] of those that are refused; each line of the script is one statement. */
async function refused(wanted) {
    const lines = [];
    const owner = [];
    for (const [number, one] of wanted.entries()) {
        const types = [...one.letters].map((letter) => TYPES[letter]).join(', ');
        const values = [...one.letters].map(() => 'NULL').join(', ');
        const list = (text) => (text ? `(${text})` : '');
        lines.push(`PREPARE s${number} ${list(types)} AS ${one.sql.replaceAll('\n', ' ')};`, `EXPLAIN EXECUTE s${number}${list(values)};`, `\\echo said ${number}`);
        owner.push(one, one, one);
    }
    const { errors, rows } = await server.script('orders', lines.join('\n'));
    assert.equal(rows.filter((row) => /^said \d+$/.test(row)).length, wanted.length, 'an open quote hides what follows');
    const first = new Map();
    for (const { line, message } of errors) if (!first.has(owner[line - 1])) first.set(owner[line - 1], message);
    return first;
}

test('every statement is one that PostgreSQL takes, with the types that it is given', async () => {
    const wanted = statements.flatMap((statement) => statement.types.map((letters) => ({ ...statement, letters, statement })));
    const wrong = wanted.filter(({ sql, letters }) => parameters(sql) !== letters.length);
    assert.deepEqual(wrong.map(({ where }) => where), [], 'as many parameters as types');
    const bad = await refused(wanted);
    const good = new Set(wanted.filter((one) => !bad.has(one)).map(({ statement }) => statement));
    const lost = [...bad].filter(([one]) => !good.has(one.statement)).map(([{ where, sql }, message]) => `${where}: ${message}\n    ${sql}`);
    assert.equal(lost.length, 0, `\n${lost.join('\n')}`);
    assert.ok(good.size > 220, `${good.size} statements`);
});

test('what only SQLite takes is refused here', async () => {
    const only = ['SELECT number FROM sim_invoices WHERE rowid = $1', 'INSERT OR IGNORE INTO number_sequences (day, last) VALUES ($1, 0)'];
    const bad = await refused([...only, 'INSERT INTO outbox (id) VALUES ($1) ON CONFLICT (topic) DO NOTHING'].map((sql) => ({ sql, letters: 't' })));
    assert.equal(bad.size, 3);
});
