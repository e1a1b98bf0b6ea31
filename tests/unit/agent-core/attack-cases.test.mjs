// docs/threat-model.md says of each attack case where it is tested. The table and the tests' names have to agree, in both directions.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import test from 'node:test';
import { fileURLToPath } from 'node:url';

const root = resolve(fileURLToPath(new URL('../../..', import.meta.url)));
const FILES = {
    w: 'tests/integration/attacks-web.test.mjs',
    k: 'tests/integration/attacks-key.test.mjs',
    l: 'tests/integration/attacks-load.test.mjs',
    i: 'tests/integration/job-install.test.mjs',
    s: 'tests/unit/sdk/sdk.test.mjs',
    b: 'tests/browser/attacks.test.mjs',
};
// what a page in a browser can try; the rest needs no browser, or none could send it
const IN_BROWSERS = [2, 3, 4, 5, 6, 7, 8, 9, 10, 15, 23, 28];

const rows = readFileSync(join(root, 'docs/threat-model.md'), 'utf8')
    .split('\n')
    .map((line) => /^\| (\d+) \| (.+) \| (.+) \| ([a-z ]+) \|$/.exec(line))
    .filter(Boolean)
    .map(([, number, attack, expected, letters]) => ({ number: Number(number), attack, expected, letters: letters.split(' ') }));

/* {letter: the numbers that its tests' names begin with} */
const tested = Object.fromEntries(
    Object.entries(FILES).map(([letter, file]) => {
        const names = [...readFileSync(join(root, file), 'utf8').matchAll(/\btest\((['"`])([\d, and]+): /g)];
        return [letter, new Set(names.flatMap(([, , numbers]) => numbers.match(/\d+/g).map(Number)))];
    }),
);

test('each of the 29 attack cases has one row, with what is expected and where it is tested', () => {
    assert.deepEqual(rows.map(({ number }) => number), Array.from({ length: 29 }, (_, i) => i + 1));
    for (const { number, expected, letters } of rows) {
        assert.ok(expected.length > 2 && letters.every((letter) => letter in FILES), String(number));
    }
});

test('each file that a row names has a test of that number, and no other file has', () => {
    for (const { number, letters } of rows) {
        const found = Object.keys(FILES).filter((letter) => tested[letter].has(number));
        assert.deepEqual(found, Object.keys(FILES).filter((letter) => letters.includes(letter)), `case ${number}`);
    }
});

test('what a page can try is tried in Chromium and in Firefox', () => {
    assert.match(readFileSync(join(root, FILES.b), 'utf8'), /^for \(const Browser of \[Chromium, Firefox\]\) \{$/m);
    assert.deepEqual(rows.filter(({ letters }) => letters.includes('b')).map(({ number }) => number), IN_BROWSERS);
});
