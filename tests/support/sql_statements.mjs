// Every SQL statement that the order service can say, taken from its sources as the compiler sees them.
//
// A statement is a string literal: written in the call of db_run or db_query, or elsewhere in the same file (a table of statements, a
// function's argument) for a call that is given a variable. Which of them a variable holds is not followed: such a statement belongs
// to the file's calls of this kind with as many parameters.
import { run } from '../../tools/demo/program.mjs';

const STATEMENT = /^\s*(?:SELECT|INSERT|UPDATE|DELETE|WITH|VALUES)\b/i;
const ESCAPES = { n: '\n', t: '\t', r: '\r', 0: '\0' };

/* The tokens that matter: literals (adjacent ones joined), names, single signs; with the source's lines. Lines of headers are left out. */
function tokensOf(text, file) {
    const tokens = [];
    let line = 0;
    let own = false;
    for (const row of text.split('\n')) {
        const marker = /^# (\d+) "([^"]*)"/.exec(row);
        if (marker) {
            line = Number(marker[1]);
            own = marker[2] === file;
            continue;
        }
        if (own) {
            for (const [token, literal] of row.matchAll(/"((?:[^"\\]|\\.)*)"|'(?:[^'\\]|\\.)+'|\w+|\S/g)) {
                const last = tokens.at(-1);
                if (literal === undefined) tokens.push({ token, line });
                else if (last?.literal !== undefined) last.literal += unescape(literal);
                else tokens.push({ token: '"', literal: unescape(literal), line });
            }
        }
        line++;
    }
    return tokens;
}

function unescape(literal) {
    return literal.replace(/\\(.)/g, (_, sign) => ESCAPES[sign] ?? sign);
}

/* The arguments of the call whose name is tokens[at]: arrays of tokens. */
function argumentsOf(tokens, at) {
    const args = [[]];
    let depth = 1;
    for (let i = at + 2; ; i++) {
        const { token } = tokens[i];
        if ('([{'.includes(token)) depth++;
        if (')]}'.includes(token)) depth--;
        if (depth === 0) return args;
        if (token === ',' && depth === 1) args.push([]);
        else args.at(-1).push(tokens[i]);
    }
}

/* {calls: [{line, sql, types}], sql null for a variable; loose: [{line, sql}], statements outside calls; scripts: how many db_script}. */
function readFile(text, file) {
    const tokens = tokensOf(text, file);
    const calls = [];
    const taken = new Set();
    for (const [i, { token, line }] of tokens.entries()) {
        if ((token !== 'db_run' && token !== 'db_query') || tokens[i + 1]?.token !== '(') continue;
        const [, , sql, types] = argumentsOf(tokens, i);
        if (types?.length !== 1 || types[0].literal === undefined) throw new Error(`${file}:${line}: the parameters' types are not a literal`);
        const told = sql.length === 1 && sql[0].literal !== undefined;
        if (told) taken.add(sql[0]);
        calls.push({ line, sql: told ? sql[0].literal : null, types: types[0].literal });
    }
    const loose = tokens.filter((token) => STATEMENT.test(token.literal ?? '') && !taken.has(token));
    return { calls, loose: loose.map(({ literal, line }) => ({ sql: literal, line })) };
}

export const parameters = (sql) => Math.max(0, ...[...sql.matchAll(/\$(\d+)/g)].map(([, number]) => Number(number)));

/* What file (a C source) can say: [{where, sql, types: [...]}], types being those of each call that may say it. */
export async function statementsOf(file, { cwd, flags }) {
    const { stdout } = await run('cc', ['-E', '-std=c17', '-D_GNU_SOURCE', '-I.', '-Iinclude', ...flags, file], { cwd });
    const { calls, loose } = readFile(stdout, file);
    const statements = calls.filter(({ sql }) => sql !== null).map(({ line, sql, types }) => ({ where: `${file}:${line}`, sql, types: [types] }));
    const open = calls.filter(({ sql }) => sql === null);
    for (const { line, sql } of loose) {
        const types = [...new Set(open.map((call) => call.types).filter((letters) => letters.length === parameters(sql)))];
        if (!types.length) throw new Error(`${file}:${line}: no call here says this statement`);
        statements.push({ where: `${file}:${line}`, sql, types });
    }
    for (const { line, types } of open) {
        if (!loose.some(({ sql }) => parameters(sql) === types.length)) throw new Error(`${file}:${line}: whose statement is this?`);
    }
    return statements;
}

/* Statements in a linked program: what begins like one and goes on to the end of the string. */
export function statementsInside(program) {
    const found = program.toString('latin1').matchAll(/(?:SELECT|INSERT INTO|UPDATE|DELETE FROM|WITH) [\t\n\x20-\x7e\x80-\xff]+(?=\0)/g);
    return [...new Set([...found].map(([text]) => Buffer.from(text, 'latin1').toString()))];
}
