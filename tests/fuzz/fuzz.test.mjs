// The fuzzers of card, module and formats run on their seeds (fuzzing.mjs).
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { build, fuzz, missing, root } from './fuzzing.mjs';
import { talk } from './seed.mjs';

/* The instructions that a header's enum names. */
function instructions(header, name) {
    const [, body] = new RegExp(`enum ${name} \\{(.*?)\\};`, 's').exec(readFileSync(join(root, 'include/openukey', header), 'utf8'));
    return [...body.replace(/\/\*.*?\*\//gs, '').matchAll(/(\w+)\s*=\s*0x([0-9A-F]{2})/g)].map(([, id, ins]) => [id, ins.toLowerCase()]);
}

test('in some seed every command of both applications succeeds, whole and as a chain', { skip: missing(), timeout: 300_000 }, (t) => {
    const { fuzzer, seeds } = build('apdu');
    const said = talk(fuzzer, ...seeds);
    const good = said.filter(({ sw }) => sw === '9000' || sw.startsWith('61'));
    for (const [header, name, classes] of [['apdu.h', 'apdu_ins', ['80', '84']], ['piv.h', 'piv_ins', ['00']]]) {
        const all = instructions(header, name);
        assert.ok(all.length > 10, name);
        const lost = all.filter(([, ins]) => !good.some(({ command }) => classes.includes(command.slice(0, 2)) && command.slice(2, 4) === ins));
        assert.deepEqual(lost, [], 'no seed has them succeed any more: node tests/fuzz/record.mjs makes new ones');
    }
    for (const start of ['904c', '903a', '10db', '10fe', '00c0']) assert.ok(good.some(({ command }) => command.startsWith(start)), `${start} succeeds`);
    t.diagnostic(`${good.length} of ${said.length} commands succeed`);
});

fuzz([
    ['apdu', 'APDUs', 16384],
    ['usb', 'messages of a USB reader', 8192],
    ['driver', 'answers to the drivers', 32768],
    ['response', 'bytes for the parsers of answers', 16384],
    ['templates', 'templates and mechanisms of calls', 4096],
    ['signatures', 'signatures, seals, stamps, envelopes and revocation lists', 16384],
    ['parsers', 'attribute files, certificates and dialog answers', 4096],
]);
