// ukey-consent-tty alone on a terminal: what the person reads, and that only who has seen the end can agree.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { run } from '../../tools/demo/program.mjs';
import { build, until } from '../support/agent.mjs';
import { documents, pairing, statement, strange } from '../support/dialog_requests.mjs';
import { Terminal } from '../support/terminal.mjs';
import { missing } from '../support/world.mjs';

const program = join(build, 'bin/ukey-consent-tty');
const agreed = { code: 0, decision: 'agree' }, refused = { code: 0, decision: 'refuse' };
const ENTER = '\r', ESCAPE = '\x1b', PAGE_DOWN = '\x1b[6~', PAGE_UP = '\x1b[5~';
const INPUT_LINE = /\n> $|\n>$/;
const END = /已显示全部内容/;

const settle = () => new Promise((done) => setTimeout(done, 900)); // it takes no key for its first 0.7 s, on purpose

describe('the consent on a terminal', { skip: missing('python3', 'stty') }, () => {
    /* The dialog on a terminal of its own: {terminal, child, answer}. */
    const show = async (t, request, { rows, columns, type = 'xterm', typedBefore, lang } = {}) => {
        const terminal = await Terminal.open({ rows, columns });
        t.after(() => terminal.close());
        if (typedBefore) terminal.type(typedBefore);
        const child = spawn(program, ['--tty', terminal.device, '--type', type], { stdio: ['pipe', 'pipe', 'inherit'] });
        child.stdin.on('error', () => {});
        child.stdin.end(JSON.stringify(lang ? { ...request, lang } : request));
        let said = '';
        child.stdout.on('data', (data) => (said += data));
        const answer = new Promise((done) => child.on('close', (code, signal) => done({ code: signal ?? code, ...(said && JSON.parse(said)) })));
        await terminal.shows(INPUT_LINE);
        await settle();
        return { terminal, child, answer };
    };
    /* What has been on the terminal, without the breaks into lines. */
    const flat = (terminal) => terminal.lines.map(({ text }) => text).join('').replaceAll(' ', '');
    const turn = async (terminal, key = ' ') => {
        const before = terminal.written.length;
        terminal.type(key);
        await until(() => terminal.written.length > before && terminal.written.subarray(-2).toString() === '> ', 'the next page', 60_000);
        await new Promise((done) => terminal.emulator.write('', done));
    };
    /* Turns pages until the end has been shown; how many. */
    const readOn = async (terminal) => {
        let pages = 0;
        for (; !END.test(flat(terminal)); pages++) await turn(terminal);
        return pages;
    };
    const settings = async (terminal) => (await run('stty', ['-F', terminal.device, '-a'])).stdout;

    for (const [count, rows, columns] of [[200, 24, 80], [200, 12, 40], [12, 6, 20]]) {
        test(`of ${count} fields every one is read on ${columns} columns before yes is understood`, { timeout: 300_000 }, async (t) => {
            const request = statement(count);
            const { terminal, answer } = await show(t, request, { rows, columns });
            terminal.type(`yes${ENTER}`);
            await until(() => flat(terminal).includes('请向下阅读到末尾后再确认'), 'yes is too early', 60_000);
            const pages = await readOn(terminal);
            assert.ok(pages > (2 * count) / rows, `${pages} pages`);
            assert.equal(terminal.lines.some(({ isWrapped }) => isWrapped), false, 'no line is wider than the terminal');
            // what stands below the pages left out
            const read = flat(terminal).replaceAll(/请向下阅读到末尾后再确认|\(\d+\/\d+\)空格：下一页。b：上一页。no加回车：拒绝。>(yes)?/g, '');
            const wanted = request.fields.map(({ label, value }, i) => `${i + 1}/${count}${label}${value}`).join('').replaceAll(' ', '');
            assert.ok(read.includes(wanted), `all of it, in order, nothing twice: ${read}`);
            terminal.type(`yes${ENTER}`);
            await terminal.shows(/已同意/);
            assert.deepEqual(await answer, agreed);
        });
    }

    test('no screen scrolls away before the person has gone on', { timeout: 300_000 }, async (t) => {
        const { terminal, answer } = await show(t, documents(20), { rows: 11, columns: 33 });
        let last = 0;
        for (;;) {
            const shown = terminal.screen.join('\n');
            const [, to] = /\((\d+)\/\d+\) [^]*\n>/.exec(shown).map(Number);
            // as many lines above the prompt as have been counted since the last one
            const above = terminal.screen.findLastIndex((line) => /^\(\d+\/\d+\)/.test(line));
            assert.ok(to - last <= above, `${to - last} lines are on ${above}`);
            last = to;
            if (END.test(shown.slice(shown.lastIndexOf('(')))) break;
            await turn(terminal, PAGE_DOWN);
        }
        terminal.type(ESCAPE);
        assert.deepEqual(await answer, refused);
    });

    test('bidi and control characters are spelled out in reverse video, and the same letters typed are not', { timeout: 120_000 }, async (t) => {
        const { terminal, answer } = await show(t, strange(), { rows: 40 });
        const text = terminal.screen.join('\n');
        assert.match(text, /付款给 \\u\{202E\}XYZ\\u\{202C\} 公司/);
        assert.match(text, /6222\\u\{0007\}0000 1234/);
        assert.match(text, /核对\\u\{200B\}收款人/);
        assert.match(text, /这里本来就写着 \\\\u\{202E\}，/);
        assert.match(text, /不可见字符或控制字符/);
        assert.equal(terminal.reversed, '\\u{200B}\\u{202E}\\u{202C}\\u{2066}\\u{0007}');
        assert.equal(/[\u200B\u202A-\u202E\u2066-\u2069]/u.test(terminal.written.toString()), false);
        terminal.type(`no${ENTER}`);
        assert.deepEqual(await answer, refused);
    });

    test('a terminal that knows nothing gets plain text, which tells the same', { timeout: 120_000 }, async (t) => {
        const { terminal, answer } = await show(t, strange(), { rows: 40, type: 'dumb' });
        assert.equal(/[\x00-\x06\x08\x0b-\x0c\x0e-\x1f\x7f]/.test(terminal.written.toString()), false, 'nothing but text, its line ends and the bell');
        assert.match(terminal.screen.join('\n'), /付款给 \\u\{202E\}XYZ/);
        assert.match(terminal.screen.join('\n'), /这里本来就写着 \\\\u\{202E\}/);
        assert.match(terminal.screen.join('\n'), /原有的反斜杠显示为两个/);
        terminal.type('\x03');
        assert.deepEqual(await answer, refused);
    });

    test('a site cannot write at the left edge, where our own words stand', { timeout: 120_000 }, async (t) => {
        const forged = `${'x'.repeat(75)} 请求网站\n    https://bank.example${' '.repeat(200)}请求网站`;
        const request = { ...statement(1), title: forged, fields: [{ label: forged, value: forged }] };
        const { terminal, answer } = await show(t, request, { rows: 60 });
        assert.deepEqual(terminal.screen.filter((line) => /^请求网站/.test(line)), ['请求网站']);
        terminal.type('\x04');
        assert.deepEqual(await answer, refused);
    });

    test('in English, too; an unknown word and erased letters decide nothing', { timeout: 120_000 }, async (t) => {
        const { terminal, answer } = await show(t, { ...statement(2), agree: undefined, refuse: undefined }, { rows: 40, lang: 'en' });
        assert.match(terminal.screen.join('\n'), /Website\n {4}https:\/\/ggzy\.example\.gov\.cn\nSubject\n/);
        assert.match(terminal.screen.join('\n'), /yes = Agree\n {4}no = Refuse\n.*This is the end/);
        terminal.type(`yesno${ENTER}`);
        await terminal.shows(/not one of the answers/);
        terminal.type(`always${ENTER}`);
        await until(() => terminal.screen.join('\n').split('not one of the answers').length === 3, 'asked again', 60_000);
        terminal.type(`no\x7f\x7fyes${ENTER}`);
        assert.deepEqual(await answer, agreed);
        await terminal.shows(/You have agreed/);
    });

    test('a site is paired once, for good, or never again', { timeout: 120_000 }, async (t) => {
        for (const [word, expected] of Object.entries({
            yes: { ...agreed, choice: 'once' }, always: { ...agreed, choice: 'always' }, never: { ...refused, choice: 'never' },
        })) {
            const { terminal, answer } = await show(t, pairing());
            terminal.type(`${word}${ENTER}`);
            assert.deepEqual(await answer, expected);
        }
    });

    test('arrows and page keys turn pages and are no Escape', { timeout: 120_000 }, async (t) => {
        const { terminal, answer } = await show(t, statement(30), { rows: 20 });
        const first = terminal.screen.join('\n');
        terminal.type(PAGE_DOWN);
        await terminal.shows(/7\/30/);
        terminal.type(PAGE_UP);
        await until(() => terminal.screen.join('\n').includes(first.trim()), 'the first page again', 60_000);
        terminal.type('\x1b[[A\x1bOP\x1b[15~\x1bx\x1b[B'); // F1 of two kinds, F5, Alt+x, Down
        await terminal.shows(/7\/30/);
        terminal.type('b');
        await until(() => terminal.screen.join('\n').includes(first.trim()), 'the first page again', 60_000);
        terminal.type(ESCAPE);
        assert.deepEqual(await answer, refused);
    });

    test('what was typed before the question answers nothing', { timeout: 120_000 }, async (t) => {
        const { terminal, answer } = await show(t, statement(2), { rows: 40, typedBefore: `no${ENTER}yes${ENTER}` });
        assert.match(terminal.screen.join('\n'), END);
        terminal.type(`yes${ENTER}`);
        assert.deepEqual(await answer, agreed);
    });

    test('a terminal that changes its size gets the page again, where it was', { timeout: 120_000 }, async (t) => {
        const { terminal, child, answer } = await show(t, statement(60), { rows: 24 });
        await turn(terminal);
        const first = terminal.screen[terminal.screen.lastIndexOf('') + 1];
        const shown = () => terminal.lines.filter(({ text }) => text === first).length;
        assert.equal(shown(), 1);
        terminal.resize(16, 34);
        await until(() => shown() >= 2, `${first} is shown again`, 60_000);
        terminal.resize(4, 12);
        await until(() => terminal.written.toString().includes('终端窗口太小'), 'too small', 60_000);
        terminal.type(`  yes${ENTER}`);
        terminal.resize(30, 100);
        await until(() => shown() >= 3, `${first} once more`, 60_000);
        await readOn(terminal);
        terminal.resize(5, 80);
        await until(() => terminal.written.toString().split('终端窗口太小').length === 3, 'too small again', 60_000);
        terminal.type(`yes${ENTER}`);
        // not what the screen shows: that still has the last page of before
        const { length } = terminal.written;
        terminal.resize(30, 90);
        await until(() => /yes = [^]*\n> $/.test(terminal.written.subarray(length).toString()), 'the last page again', 60_000);
        assert.equal(child.exitCode, null, 'a terminal that is too small takes no yes');
        terminal.type(`yes${ENTER}`);
        assert.deepEqual(await answer, agreed);
    });

    test('when nobody waits for the answer, or a signal ends it, the terminal is as it was', { timeout: 120_000 }, async (t) => {
        for (const leave of [({ child }) => child.stdout.destroy(), ({ child }) => child.kill('SIGTERM'), ({ child }) => child.kill('SIGHUP')]) {
            const dialog = await show(t, statement(200));
            const { terminal } = dialog;
            assert.match(await settings(terminal), / -icanon.* -echo /s);
            leave(dialog);
            const { decision } = await dialog.answer;
            assert.notEqual(decision, 'agree');
            await terminal.shows(/请求已撤回/);
            assert.match(await settings(terminal), / icanon.* echo /s);
        }
    });

    test('the end of the terminal is a refusal', { timeout: 120_000 }, async (t) => {
        const { terminal, answer } = await show(t, statement(3), { rows: 40 });
        terminal.hangUp();
        assert.deepEqual(await answer, refused);
    });

    test('without a terminal, or asked in a wrong way, it says so', async () => {
        const input = JSON.stringify(statement(1));
        for (const [args, code, said] of [
            [['--tty', '/dev/null'], 3, /no terminal/], [['--tty', '/nonexistent/tty'], 3, /no terminal/], [['--tyy'], 2, /usage/], [['more'], 2, /usage/],
        ]) {
            const { stderr, stdout } = await run(program, args, { input, env: { LC_ALL: 'C' }, allow: [code] });
            assert.match(stderr, said);
            assert.equal(stdout, '');
        }
        assert.match((await run(program, ['--version'])).stdout, /^ukey-consent-tty \d/);
        assert.match((await run(program, ['--help'], { env: { LC_ALL: 'C' } })).stdout, /--tty DEVICE/);
        assert.match((await run(program, ['--help'], { env: { LC_ALL: 'zh_CN.UTF-8' } })).stdout, /用法/);
    });
});
