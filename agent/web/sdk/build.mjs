// Makes the files that are served out of src/: openukey.mjs (ES module), openukey.js (for <script src>, global OpenUKey) and sof.js (the
// same with the SOF_* functions). usage: node build.mjs [FOLDER], else into dist/ beside this file
//
// A bundle is the modules one after the other, each after those that it imports, without their import and export words: so no two of
// them may declare the same name.
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const here = dirname(fileURLToPath(import.meta.url));
const IMPORT = /^import \{[^}]*\} from '(.*)';\n/gm;
const REEXPORT = /^export \{ ([^}]*) \} from '(.*)';\n/gm;

/* The modules that `file` is made of, in order; `exported` gets the names that the first one exports. */
function collect(file, modules = new Map(), exported = null) {
    if (modules.has(file)) return modules;
    modules.set(file, null); // being collected
    const source = readFileSync(file, 'utf8');
    for (const [, name] of source.matchAll(IMPORT)) collect(join(dirname(file), name), modules);
    for (const [, names, name] of source.matchAll(REEXPORT)) {
        exported?.push(...names.split(', '));
        collect(join(dirname(file), name), modules);
    }
    const body = source.replace(IMPORT, '').replace(REEXPORT, '');
    exported?.push(...[...body.matchAll(/^export (?:async )?(?:function|class|const) (\w+)/gm)].map(([, name]) => name));
    modules.delete(file); // its place is behind what it imports
    modules.set(file, body.replace(/^export (?=async|function|class|const)/gm, '').trim());
    return modules;
}

function bundle(file) {
    const exported = [];
    const modules = [...collect(join(here, 'src', file), new Map(), exported)];
    const declared = new Map();
    for (const [from, body] of modules) {
        for (const [, name] of body.matchAll(/^(?:async )?(?:function|class|const|let) (\w+)/gm)) {
            if (declared.has(name)) throw new Error(`${name} is declared in ${declared.get(name)} and in ${from}`);
            declared.set(name, from);
        }
    }
    return { code: modules.map(([, body]) => body).join('\n\n'), exported: exported.sort() };
}

const script = (code, last) => `(function (root) {
    'use strict';
${code.replace(/^(?=.)/gm, '    ')}
    ${last}
})(globalThis);
`;
const note = (from) => `// Made from src/ by build.mjs (${from}): change it there, not here.\n`;

const sdk = bundle('index.mjs');
const sof = bundle('sof/index.mjs');
const files = {
    'openukey.mjs': `${note('index.mjs')}${sdk.code}\n\nexport { ${sdk.exported.join(', ')} };\n`,
    'openukey.js': note('index.mjs') + script(sdk.code, `root.OpenUKey = { ${sdk.exported.join(', ')} };`),
    'sof.js': note('sof/index.mjs') + script(sof.code, `install(root, { ${sdk.exported.join(', ')} });`),
};

const folder = process.argv[2] ?? join(here, 'dist');
mkdirSync(folder, { recursive: true });
for (const [name, built] of Object.entries(files)) writeFileSync(join(folder, name), built);
