// Makes the seeds of fuzz_driver and fuzz_response: what simulated keys answer our module, recorded by their trace.
// usage: BUILD=build/gcc node tests/fuzz/record-responses.mjs
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { fillPiv } from '../../tools/bench/piv-key.mjs';
import { overSocket } from '../../tools/bench/wire.mjs';
import { Program } from '../../tools/demo/program.mjs';

const root = resolve(fileURLToPath(new URL('../..', import.meta.url)));
const build = resolve(root, process.env.BUILD ?? 'build/gcc');
const sim = join(build, 'bin/ukey-sim');
const dir = mkdtempSync(join(tmpdir(), 'openukey-record-'));
const PIV = 1, SHORT = 2;

async function record(image, conf, work) {
    const socket = join(dir, 'key.sock'), control = join(dir, 'control'), trace = join(dir, 'trace');
    rmSync(trace, { force: true });
    const key = await Program.start({ name: 'ukey-sim', command: sim, args: ['run', '--socket', socket, '--control', control, image], ready: /^ready ?(.*)$/ });
    const tell = (line) => new Promise((done) => {
        const talk = connect(control);
        talk.on('data', () => (talk.destroy(), done()));
        talk.write(`${line}\n`);
    });
    await tell(`trace ${trace}`);
    writeFileSync(join(dir, 'openukey.conf'), `socket-dir = ${dir}\npcsc = off\nusb = off\ncache = off\nsm2-objects = vendor\n${conf}`);
    for (const args of work) {
        execFileSync('pkcs11-tool', ['--module', join(build, 'lib/openukey-pkcs11.so'), ...args], { env: { ...process.env, OPENUKEY_CONF: join(dir, 'openukey.conf') }, stdio: 'ignore' });
    }
    await tell('trace off');
    await key.stop();
    return readFileSync(trace, 'utf8').trim().split('\n').map((line) => JSON.parse(line)).map(({ response, sw, responseRedacted }) => Buffer.from(`${responseRedacted ? '00'.repeat(8) : response}${sw}`, 'hex'));
}

const script = (form, answers) => Buffer.concat([Buffer.from([form]), ...answers.flatMap((one) => [Buffer.from([one.length >> 8, one.length & 255]), one])]);

try {
    const driver = join(root, 'tests/fuzz/corpus/driver'), response = join(root, 'tests/fuzz/corpus/response');
    for (const folder of [driver, response]) {
        rmSync(folder, { recursive: true, force: true });
        mkdirSync(folder, { recursive: true });
    }
    const save = (folder, name, bytes) => writeFileSync(join(folder, name), bytes);
    const login = ['--login', '--pin', '123456'];
    const use = [[...login, '--list-objects'], [...login, '--test'], ['--list-token-slots'], ['--list-objects']];

    const piv = join(dir, 'piv.img');
    execFileSync(sim, ['format', '--application', 'piv', '--serial', 'CAFE', piv]);
    const key = await Program.start({ name: 'ukey-sim', command: sim, args: ['run', '--socket', join(dir, 'fill.socket'), piv], ready: /^ready ?(.*)$/ });
    const wire = await overSocket(join(dir, 'fill.socket'));
    await fillPiv(wire, dir, 4);
    wire.close();
    await key.stop();
    for (const [name, form, conf] of [['piv', PIV, ''], ['piv-short', PIV | SHORT, 'apdu-length = short\n']]) {
        for (const [i, args] of use.entries()) {
            const answers = await record(piv, conf, [args]);
            save(driver, `${name}-${i}`, script(form, answers));
            if (form !== PIV || i > 0) continue;
            const kinds = { '61': 0, '01': 1, '53': 5, '7c': 8 }; // what the parsers of fuzz_response are fed
            for (const [n, answer] of answers.entries()) {
                const kind = kinds[answer.subarray(0, 1).toString('hex')];
                if (answer.length > 4 && kind !== undefined) save(response, `piv-${n}`, Buffer.concat([Buffer.from([kind]), answer.subarray(0, -2)]));
                if (answer.subarray(0, 3).toString('hex') === '533c30') {
                    for (const other of [6, 7]) save(response, `chuid-${other}`, Buffer.concat([Buffer.from([other]), answer.subarray(0, -2)]));
                }
            }
        }
    }
    const hex = (text) => Buffer.from(text.replaceAll(' ', ''), 'hex');
    save(response, 'tries', hex('02 01 01 ff 05 01 01 06 02 03 03'));
    save(response, 'management', hex('03 01 01 03 02 02 00 01 05 01 01'));
    save(response, 'history', hex('07 53 0a c1 01 03 c2 01 00 f3 00 fe 00'));
    save(response, 'generated', hex(`04 11 7f49 43 86 41 04 ${'11'.repeat(64)}`));
    save(response, 'generated-rsa', hex(`04 07 7f49 82010a 81 820100 ${'c1'.repeat(256)} 82 03 010001`));
    save(response, 'signature', hex(`09 30 44 02 20 ${'11'.repeat(32)} 02 20 ${'22'.repeat(32)}`));
    save(response, 'answer', hex(`08 7c 48 82 46 30 44 02 20 ${'11'.repeat(32)} 02 20 ${'22'.repeat(32)}`));
    const text = (value) => Buffer.concat([Buffer.from([value.length]), Buffer.from(value)]);
    save(response, 'records', Buffer.concat([hex('0a'), Buffer.from('OUKA'), hex('01 0010 01 000d 01 03'), Buffer.from('rsa'), hex('10 0005'), Buffer.from('12345')]));
    const entry = Buffer.concat([hex('46'), text('rsa'), hex('01 00 00000800 01 00 02 14'), Buffer.alloc(20, 7), text('rsa'), hex('0100'), Buffer.alloc(256, 0xc1), hex('00010001'), Buffer.alloc(64), hex('0000')]);
    save(response, 'memory', Buffer.concat([hex('0b'), text('APP'), hex('01 0001'), entry]));

    for (const [layout, form] of [['A', 0], ['B', 0]]) {
        const image = join(dir, `gm-${layout}.img`);
        execFileSync(sim, ['format', '--layout', layout, '--serial', 'CAFE', image]);
        const make = [
            ['--init-token', '--so-pin', '12345678', '--label', 'fuzz'],
            ['--login', '--login-type', 'so', '--so-pin', '12345678', '--init-pin', '--new-pin', '123456'],
            [...login, '--keypairgen', '--key-type', 'rsa:2048', '--label', 'rsa', '--id', '01'],
            [...login, '--write-object', join(dir, 'slot-01.der'), '--type', 'data', '--label', 'note'],
        ];
        for (const [i, args] of [...make, ...use].entries()) save(driver, `gm-${layout}-${i}`, script(form, await record(image, '', [args])));
    }
    console.log(`${readdirSync(driver).length} and ${readdirSync(response).length} seeds`);
} finally {
    rmSync(dir, { recursive: true, force: true });
}
