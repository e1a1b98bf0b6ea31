// The API document names exactly the addresses that the service serves.
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import test from 'node:test';

const root = new URL('../../../', import.meta.url);
const api = new URL('tools/orderd/api/', root);

// a page of its own route, which the document has as one of /{name}
const isPage = (path) => path === '/renew';

function served() {
    const rows = new Set();
    for (const file of readdirSync(api).filter((name) => name.endsWith('.c'))) {
        const text = readFileSync(new URL(file, api), 'utf8');
        for (const [, method, path] of text.matchAll(/\{"([A-Z]+)",\s*"(\/[^"]*)"/g)) {
            if (!isPage(path)) rows.add(`${method} ${path.replace('...}', '}')}`);
        }
    }
    return [...rows].sort();
}

function documented() {
    const rows = [];
    let path = null;
    let inPaths = false;
    for (const line of readFileSync(new URL('docs/api/orderd.yaml', root), 'utf8').split('\n')) {
        if (/^\S/.test(line)) inPaths = line === 'paths:';
        if (!inPaths) continue;
        path = /^ {2}(\/.*):$/.exec(line)?.[1] ?? path;
        const method = /^ {4}(get|post|patch|put|delete):$/.exec(line)?.[1];
        if (method) rows.push(`${method.toUpperCase()} ${path}`);
    }
    return rows.sort();
}

test('every address is documented, and every documented address is served', () => {
    assert.ok(served().length > 15);
    assert.deepEqual(documented(), served());
});

test('every problem code of the service has its row, and the codes that the document names exist', () => {
    const text = readFileSync(new URL('service.c', api), 'utf8');
    const codes = new Set([...text.matchAll(/= \{\d{3}, "([A-Z_]+)"/g)].map(([, code]) => code));
    const document = readFileSync(new URL('docs/api/orderd.yaml', root), 'utf8');
    const responses = [...document.matchAll(/description: (?:>-\n\s+)?([A-Z_]{6,}[A-Z_, ()a-z`\n]*)/g)];
    for (const [, words] of responses) {
        for (const [code] of words.matchAll(/\b[A-Z]+_[A-Z_]+\b/g)) assert.ok(codes.has(code), code);
    }
    assert.ok(codes.size > 30);
    const [, listed] = /\n {4}ProblemCode:[^[]*\[([^\]]*)\]/.exec(document);
    const plumbing = ['METHOD_NOT_ALLOWED', 'BODY_TOO_LARGE', 'UNSUPPORTED_MEDIA_TYPE'];
    assert.deepEqual(listed.match(/[A-Z_]+/g).sort(), [...codes, ...plumbing].sort());
});
