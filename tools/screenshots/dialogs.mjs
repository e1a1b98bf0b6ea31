// Pictures of the dialogs for docs/screenshots, in Chinese, from a virtual screen: make screenshots. The consent program's windows, the same on
// a terminal (xterm), and each pinentry.
import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { documents, pairing, raw, statement, strange } from '../../tests/support/dialog_requests.mjs';
import { until } from '../../tests/support/agent.mjs';
import { Screen } from '../../tests/support/screen.mjs';
import { run } from '../demo/program.mjs';

const root = resolve(fileURLToPath(new URL('../..', import.meta.url)));
const bin = join(root, process.env.BUILD ?? 'build/gcc', 'bin');
const program = join(bin, 'ukey-consent');
const folder = join(root, 'docs/screenshots');
mkdirSync(folder, { recursive: true });

// without animations the picture is the window as it stays
const home = mkdtempSync(join(tmpdir(), 'openukey-screenshots-'));
mkdirSync(join(home, 'gtk-3.0'));
writeFileSync(join(home, 'gtk-3.0/settings.ini'), '[Settings]\ngtk-enable-animations=0\n');
const screen = await new Screen().start();
const env = { ...process.env, ...screen.env, NO_AT_BRIDGE: '1', XDG_CONFIG_HOME: home, XDG_RUNTIME_DIR: home, LC_ALL: 'C.UTF-8' };
const picture = (window, name) =>
    run('import', ['-window', window, '-strip', '-colors', '64', `PNG8:${join(folder, `${name}.png`)}`], { env: screen.env });
const pause = (ms) => new Promise((done) => setTimeout(done, ms));

/* Starts a dialog; answers how to end it. */
const start = (command, args, input, { keepsInput = false } = {}) => {
    const asked = spawn(command, args, { env, stdio: ['pipe', 'ignore', 'ignore'] });
    const ended = new Promise((done) => asked.on('close', done));
    asked.stdin.on('error', () => {});
    asked.stdin.write(input);
    if (!keepsInput) asked.stdin.end();
    return () => {
        asked.kill();
        return ended;
    };
};

/* An xterm of 80 x 24 in which nothing runs: {device, window, close}. */
const openXterm = async () => {
    const file = join(home, 'tty');
    rmSync(file, { force: true });
    const close = start('xterm', ['-u8', '-fa', 'DejaVu Sans Mono', '-fd', 'WenQuanYi Micro Hei Mono', '-fs', '11', '-geometry', '80x24', '-b', '8', '+sb', '-bg', 'white', '-fg', 'black',
        '-e', 'sh', '-c', `tty >${file}; exec sleep 600`], '');
    await until(() => existsSync(file) && readFileSync(file, 'utf8').endsWith('\n'), 'xterm', 60_000);
    return { device: readFileSync(file, 'utf8').trim(), window: await screen.window('xterm'), close };
};

const assuan = (more, device) => [
    ...(device ? [`OPTION ttyname=${device}`, 'OPTION ttytype=xterm'] : []), 'OPTION lc-ctype=C.UTF-8', 'OPTION lc-messages=zh_CN.UTF-8',
    'SETTITLE 验证 UKey 密码', 'SETDESC 网站 https://ggzy.example.gov.cn 请求使用您的 UKey。%0AUKey：投标 UKey%0A序列号：3201000000012345%0A还可尝试 9 次',
    'SETPROMPT UKey 密码：', 'SETOK 确定', 'SETCANCEL 取消', ...more, 'GETPIN', '',
].join('\n');
const MISMATCH = ['SETTITLE 修改 UKey 密码', 'SETPROMPT 新密码：', 'SETERROR 两次输入的新密码不一致，请重新输入'];

try {
    for (const [name, request] of Object.entries({
        pairing: pairing(), statement: statement(), 'statement-200-fields': statement(200), 'control-characters': strange(),
        document: documents(1), batch: documents(50), raw: raw(),
    })) {
        const end = start(program, [], JSON.stringify(request));
        const window = await screen.window('ukey-consent');
        const long = request.fields?.length > 20;
        if (name === 'batch') {
            await pause(2000); // a page has its height when it has been drawn
            await screen.keys('space', 'space');
            await pause(500);
        }
        if (!long) {
            await until(async () => {
                if ((await screen.windows('^UKey 确认$', 'name')).length > 0) return true;
                if (request.fields) await screen.keys('space');
            }, 'Agree can be chosen', 60_000);
            if (request.fields) await screen.keys('ctrl+Home');
        }
        await picture(window, `consent-${name}`);
        await end();
    }
    for (const [name, request, pages] of [['statement', statement(), 0], ['statement-200-fields', statement(200), 1], ['control-characters', strange(), 0], ['pairing', pairing(), 0]]) {
        const xterm = await openXterm();
        const end = start(join(bin, 'ukey-consent-tty'), ['--tty', xterm.device, '--type', 'xterm'], JSON.stringify(request));
        await pause(1500); // it takes no key at first
        for (let i = 0; i < pages; i++) await screen.keys('space');
        await pause(500);
        await picture(xterm.window, `consent-tty-${name}`);
        await end();
        await xterm.close();
    }
    for (const name of ['pinentry-gtk-2', 'pinentry-qt']) {
        for (const [what, more] of [['tries', []], ['mismatch', MISMATCH]]) {
            const end = start(name, [], assuan(more), { keepsInput: true });
            const window = await screen.window('pinentry');
            await screen.keys('1', '2', '3');
            await pause(1000);
            await picture(window, `${name}-${what}`);
            await end();
        }
    }
    for (const [what, more] of [['tries', []], ['mismatch', MISMATCH]]) {
        const xterm = await openXterm();
        const end = start('pinentry-curses', [], assuan(more, xterm.device), { keepsInput: true });
        await pause(1000);
        await screen.keys('1', '2', '3');
        await pause(500);
        await picture(xterm.window, `pinentry-curses-${what}`);
        await end();
        await xterm.close();
    }
} finally {
    await screen.stop();
    rmSync(home, { recursive: true });
}
