// docs/requirements-status.md says of every rule of the manuals where it stands. A page that names tests must name tests that exist.
import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import test from 'node:test';
import { fileURLToPath } from 'node:url';

const root = resolve(fileURLToPath(new URL('../../..', import.meta.url)));
const page = readFileSync(join(root, 'docs/requirements-status.md'), 'utf8');
const rows = page
    .split('\n')
    .filter((line) => /^\| R\d/.test(line))
    .map((line) => line.split('|').slice(1, -1).map((cell) => cell.trim()))
    .map(([number, rule, stands, notes, ...more]) => ({ number, rule, stands, notes: notes.split('<br>'), more }));

// the numbers that the manuals' rules have
const RANGES = '1-18 20-59 60-81 90-113 120-122 130-140 150-157 160-169 170-176 180-208 210-218 220-225 230-238 240-248 250-253 260-265 270-272';
const numbers = RANGES.split(' ').flatMap((range) => {
    const [first, last] = range.split('-').map(Number);
    return Array.from({ length: last - first + 1 }, (_, i) => `R${String(first + i).padStart(3, '0')}`);
});
const named = rows.flatMap(({ number, notes }) =>
    notes.map((note) => /^`([^`]+)`: (.+)$/.exec(note)).filter(Boolean).map(([, file, title]) => ({ number, file, title })),
);

test('each of the 218 rules has one row', () => {
    assert.equal(numbers.length, 218);
    assert.deepEqual(rows.map(({ number }) => number), numbers);
    for (const { number, rule, more } of rows) assert.ok(rule.length > 3 && more.length === 0, number);
});

test('every row says where the rule stands, with a test or a reason', () => {
    for (const { number, stands, notes } of rows) {
        assert.match(stands, /^(built|open|left out|step 5 \(agent\)|step 6 \(pages and operations\))$/, number);
        const tests = named.filter((one) => one.number === number);
        if (stands === 'built') assert.ok(tests.length > 0, `${number} names no test`);
        else assert.ok(notes[0].length > 10 || stands === 'open', `${number} gives no reason`);
    }
});

test('every test that the page names exists under that name', () => {
    assert.ok(named.length > 200);
    for (const { number, file, title } of named) {
        const path = join(root, 'tests', file);
        assert.ok(existsSync(path), `${number}: ${file}`);
        const text = readFileSync(path, 'utf8');
        const found = file.endsWith('.c') ? text.includes(`${title}(void`) : [`'${title}'`, `\`${title}\``].some((quoted) => text.includes(quoted));
        assert.ok(found, `${number}: ${file} has no test "${title}"`);
    }
});
