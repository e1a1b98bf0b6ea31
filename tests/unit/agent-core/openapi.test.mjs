// docs/api/agent.yaml says what the agent's sources say: the same routes, the same problems, references that lead somewhere.
import assert from 'node:assert/strict';
import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import test from 'node:test';

const root = fileURLToPath(new URL('../../..', import.meta.url));
const document = readFileSync(join(root, 'docs/api/agent.yaml'), 'utf8');
const sources = readdirSync(join(root, 'agent/api'))
    .filter((name) => name.endsWith('.c'))
    .map((name) => readFileSync(join(root, 'agent/api', name), 'utf8'))
    .join('\n');

// "METHOD /path" of every operation; the document's own layout (two spaces a level) is all that is needed
function documented() {
    const operations = [];
    let path = null;
    let inPaths = false;
    for (const line of document.split('\n')) {
        if (/^\S/.test(line)) inPaths = line === 'paths:';
        if (!inPaths) continue;
        path = /^ {2}(\/\S*):$/.exec(line)?.[1] ?? path;
        const method = /^ {4}(get|put|post|delete|head|patch):/.exec(line)?.[1];
        if (method) operations.push(`${method.toUpperCase()} ${path}`);
    }
    return operations;
}

function implemented() {
    const operations = [];
    for (const [, method, path] of sources.matchAll(/\{\s*"([A-Z*]+)",\s*"(\/[^"]*)"/g)) {
        const methods = method === '*' ? ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE'] : [method];
        for (const one of methods) operations.push(`${one} ${path.replace('...}', '}')}`);
    }
    for (const [, path] of sources.matchAll(/http_websocket_route \w+\[\] = \{\s*\{\s*"(\/[^"]*)"/g)) operations.push(`GET ${path}`);
    return operations;
}

test('every route is documented, and nothing else', () => {
    assert.ok(implemented().length > 15);
    assert.deepEqual(documented().sort(), implemented().sort());
});

test('every route names the action that a policy may withhold', () => {
    const rows = [...sources.matchAll(/\{\s*"([A-Z*]+)",\s*"(\/[^"]*)"[^{}]*\}/g)];
    const free = rows.filter(([row]) => !/AGENT_ROUTE_SESSION\s*\|\s*POLICY_[A-Z_]+/.test(row)).map(([, method, path]) => `${method} ${path}`);
    assert.ok(rows.length > 10);
    // who may ask for a session, and who may give it back
    assert.deepEqual(free.sort(), ['DELETE /v1/pairing', 'GET /.well-known/openukey', 'POST /v1/pairing']);
});

test('every problem code is documented, and nothing else', () => {
    const codes = [...sources.matchAll(/\[PROBLEM_[A-Z_]+\]\s*=\s*\{\s*\d+,\s*"([A-Z_]+)"/g)].map(([, code]) => code);
    const list = /ProblemCode:\s+type: string\s+enum:\n((?: +- [A-Z_]+\n)+)/.exec(document)[1];
    assert.ok(codes.length > 30);
    assert.deepEqual(list.match(/[A-Z_]+/g).sort(), codes.sort());
});

test('every reference leads to something', () => {
    for (const [, group, name] of document.matchAll(/\$ref: '#\/components\/(\w+)\/(\w+)'/g)) {
        const section = document.slice(document.indexOf(`\n  ${group}:\n`));
        assert.match(section, new RegExp(`\\n    ${name}:`), `${group}/${name}`);
    }
});
