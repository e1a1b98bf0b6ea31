// Makes openukey.js (for <script src>, global OpenUKey) out of openukey.mjs. usage: node build-iife.mjs [--check]
import { readFileSync, writeFileSync } from 'node:fs';

const read = (name) => readFileSync(new URL(name, import.meta.url), 'utf8');
const source = read('openukey.mjs');
const names = /\nexport \{ (.*) \};\n$/.exec(source)[1];
const body = source.replace(/\nexport \{ .* \};\n$/, '\n');
const indented = body.replace(/^(?=.)/gm, '    ');
const built = `// Made from openukey.mjs by build-iife.mjs: change that file, not this one.
(function (root) {
    'use strict';
${indented}
    root.OpenUKey = { ${names} };
})(globalThis);
`;

if (process.argv[2] === '--check') {
    if (read('openukey.js') !== built) {
        console.error('openukey.js is older than openukey.mjs: run node agent/web/sdk/build-iife.mjs');
        process.exit(1);
    }
} else {
    writeFileSync(new URL('openukey.js', import.meta.url), built);
}
