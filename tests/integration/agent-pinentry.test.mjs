// The PIN in the real pinentries, in Chinese and English: pinentry-gtk-2 and -qt on a virtual screen by keyboard, pinentry-curses on a terminal;
// and statements on that terminal. What the person sees is read from the terminal; pictures of the windows are in docs/screenshots.
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { chmodSync, existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { run } from '../../tools/demo/program.mjs';
import { until } from '../support/agent.mjs';
import { Screen } from '../support/screen.mjs';
import { Terminal } from '../support/terminal.mjs';
import { makeWorld, missing } from '../support/world.mjs';

const WORDS = {
    'zh-CN': { pin: /UKey 密码：/, tries: /还可尝试 9 次/, current: /当前密码：/, fresh: /^新密码：|[^入]新密码：/m, again: /再次输入新密码：/, differ: /两次输入的新密码不一致/, length: /密码长度应为 \d+ 至 \d+ 位/, ok: /确定/, cancel: /取消/ },
    en: { pin: /PIN:/, tries: /Tries left: 9/, current: /Current PIN:/, fresh: /New PIN:/, again: /New PIN again:/, differ: /The two new PINs differ/, length: /The PIN has \d+ to \d+ characters/, ok: /OK/, cancel: /Cancel/ },
};
const WAIT_MS = 60_000;
const settle = () => new Promise((done) => setTimeout(done, 900)); // ukey-consent-tty takes no key for its first 0.7 s, on purpose
const INSTALLED = ['pinentry-gtk-2', 'pinentry-qt', 'pinentry-curses'].filter((name) => existsSync(`/usr/bin/${name}`));

/* A window of pinentry's, one after the other: each dialog is a new one. */
class Windows {
    constructor(screen) {
        this.screen = screen;
        this.seen = new Set();
    }

    /* The window of a process that has not been seen yet; the X server gives the numbers of windows again. */
    async next() {
        await until(async () => {
            for (const id of await this.screen.windows('pinentry')) {
                const pid = await this.screen.xdotool('getwindowpid', id);
                if (!pid || this.seen.has(pid)) continue;
                this.seen.add(pid);
                this.id = id;
                return true;
            }
        }, 'a window of pinentry', WAIT_MS);
        await this.screen.xdotool('windowfocus', this.id);
    }

    type(text) {
        return this.screen.xdotool('type', '--delay', '40', text);
    }

    async enter(pin) {
        await this.type(pin);
        await this.screen.keys('Return');
    }

    cancel() {
        return this.screen.keys('Escape');
    }

    async gone() {
        await until(async () => (await this.screen.windows('pinentry')).length === 0, 'the window is gone', WAIT_MS);
    }
}

/* What the window was given to show is noted on its way to the real program; that an error is shown is seen by its colour. */
class Noted extends Windows {
    static async prepare(world, name) {
        const program = join(world.dir, `noting-${name}`);
        writeFileSync(program, `#!/bin/bash\ntee -a "\${0%/*}/asked" | /usr/bin/${name}\n`);
        chmodSync(program, 0o700);
        rmSync(join(world.dir, 'asked'), { force: true });
        return program;
    }

    async shows(world, ...patterns) {
        const asked = () => (existsSync(join(world.dir, 'asked')) ? readFileSync(join(world.dir, 'asked'), 'utf8') : '').split('SETTIMEOUT').slice(1);
        await until(() => asked().length > this.seen.size && /\nGETPIN\n/.test(asked().at(-1)), 'pinentry is asked', WAIT_MS);
        await this.next();
        const said = decodeURIComponent(asked().at(-1).replace(/^SET\w+ /gm, ''));
        for (const pattern of patterns) assert.match(said, pattern);
        const error = /\nSETERROR /.test(asked().at(-1));
        const red = async () => /#FF0000/.test((await run('import', ['-window', this.id, '-depth', '8', '-format', '%c', 'histogram:info:-'], { env: this.screen.env })).stdout);
        await until(async () => (await red()) === error, `an error in red: ${error}`, WAIT_MS);
    }
}

class Curses {
    static prepare() {
        return '/usr/bin/pinentry-curses';
    }

    constructor(screen, terminal) {
        this.terminal = terminal;
    }

    async shows(world, ...patterns) {
        for (const pattern of patterns) await this.terminal.shows(pattern);
    }

    enter(pin) {
        this.terminal.type(`${pin}\r`);
    }

    type(text) {
        this.terminal.type(text);
    }

    cancel() {
        this.terminal.type('\t\t\r'); // OK, then Cancel
    }

    async gone() {
        await until(() => this.terminal.screen.join('') === '', 'the terminal is clear', WAIT_MS);
    }
}

const skip = missing('Xvfb', 'xdotool', 'import', 'python3') || (INSTALLED.length < 3 && `only ${INSTALLED} installed`);

describe('pinentry for real', { skip }, () => {
    let screen, world, terminal, token;

    before(async () => {
        screen = await new Screen().start();
        terminal = await Terminal.open();
        world = await makeWorld();
        token = await (await world.page()).token();
    });
    after(async () => {
        await world?.close();
        await terminal?.close();
        await screen?.stop();
    });

    const restart = async ({ pinentry, display = true, tty }) => {
        await world.agent.stop();
        world.options.agentEnv = display ? screen.env : { DISPLAY: '', WAYLAND_DISPLAY: '' };
        world.options.agentConfig = {
            consent: world.binary('ukey-consent'), pinentry, origins: { allow: [world.serviceUrl] }, ...(tty && { tty, ttyType: 'xterm' }),
        };
        await world.startAgent();
        await world.seen();
    };
    const quietly = (asked) => {
        asked.catch(() => {}); // how it ends is asked for later
        return asked;
    };

    for (const [name, Person, display] of [['pinentry-gtk-2', Noted, true], ['pinentry-qt', Noted, true], ['pinentry-curses', Curses, false]]) {
        describe(name, () => {
            let person;
            before(async () => {
                await restart({ pinentry: await Person.prepare(world, name), display, tty: display ? undefined : terminal.device });
                person = new Person(screen, terminal);
            });

            for (const [lang, words] of Object.entries(WORDS)) {
                test(`a wrong PIN, and the right one with the tries that are left (${lang})`, { timeout: 300_000 }, async () => {
                    const agent = await world.page({ lang });
                    let asked = quietly(agent.verifyPin({ token }));
                    await person.shows(world, words.pin, words.ok, words.cancel, new RegExp(token.serial), new RegExp(world.serviceUrl));
                    await person.enter('000000');
                    await assert.rejects(asked, { code: 'PIN_WRONG', triesLeft: 9 });
                    asked = quietly(agent.verifyPin({ token }));
                    await person.shows(world, words.pin, words.tries);
                    await person.enter('12');
                    await person.shows(world, words.length, words.tries);
                    await person.enter('123456');
                    assert.deepEqual(await asked, { verified: true, mustChange: false });
                    await person.gone();
                });

                test(`the PIN is changed: a new one that is repeated differently is asked for again (${lang})`, { timeout: 300_000 }, async () => {
                    const agent = await world.page({ lang });
                    for (const [old, fresh] of [['123456', '24681357'], ['24681357', '123456']]) {
                        const asked = quietly(agent.changePin({ token }));
                        await person.shows(world, words.current);
                        await person.enter(old);
                        await person.shows(world, words.fresh);
                        await person.enter(fresh);
                        await person.shows(world, words.again);
                        if (old === '123456') {
                            await person.enter(`${fresh}9`);
                            await person.shows(world, words.fresh, words.differ);
                            await person.enter(fresh);
                            await person.shows(world, words.again);
                        }
                        await person.enter(fresh);
                        assert.deepEqual(await asked, { changed: true });
                    }
                    await person.gone();
                    assert.equal(terminal.written.includes('24681357'), false, 'a PIN is never seen');
                });

                test(`cancelled, and with the page gone (${lang})`, { timeout: 300_000 }, async () => {
                    const agent = await world.page({ lang });
                    let asked = quietly(agent.changePin({ token })); // verify-pin would not ask again
                    await person.shows(world, words.current);
                    await person.cancel();
                    await assert.rejects(asked, { code: 'USER_CANCELLED' });
                    await person.gone();
                    const page = new AbortController();
                    asked = quietly(agent.changePin({ token, signal: page.signal }));
                    await person.shows(world, words.current);
                    await person.type('1234');
                    page.abort();
                    await assert.rejects(asked);
                    await person.gone();
                });
            }
        });
    }

    describe('without a display', () => {
        const END = /已显示全部内容/;
        let agent, certificate;
        before(async () => {
            await restart({ pinentry: '/usr/bin/pinentry-gtk-2', display: false, tty: terminal.device });
            agent = await world.page({ lang: 'zh-CN' });
            certificate = (await agent.certificates({ token })).find((one) => one.usage === 'sign').id;
        });

        const sign = (count, more) => {
            const fields = Array.from({ length: count }, (_, i) => ({ label: `字段 ${i}`, value: `内容 ${i}` }));
            return quietly(agent.sign({ token, certificate, statement: { title: '确认', fields }, nonce: randomUUID(), ...more }));
        };

        test('pinentry-gtk-2 asks on the terminal', { timeout: 300_000 }, async () => {
            const asked = quietly(agent.verifyPin({ token }));
            await terminal.shows(/UKey 密码：/);
            terminal.type('123456\r');
            assert.deepEqual(await asked, { verified: true, mustChange: false });
        });

        test('a statement of 200 fields is read to its end and agreed to', { timeout: 300_000 }, async () => {
            const asked = sign(200);
            await terminal.shows(/1\/200 字段 0\n {4}内容 0\n/);
            await settle();
            for (let last = ''; !END.test(terminal.screen.join('\n')); ) {
                const now = terminal.screen.join('\n');
                if (now !== last && /\n> ?$/.test(now)) terminal.type(' ');
                last = now;
                await new Promise((done) => setTimeout(done, 10));
            }
            assert.match(terminal.screen.join('\n'), /yes = 同意并签名\n {4}no = 拒绝\n/);
            terminal.type('yes\r');
            assert.equal((await asked).format, 'gm-signed-data');
        });

        test('a statement is refused', { timeout: 300_000 }, async () => {
            const asked = sign(3);
            await terminal.shows(/3\/3 字段 2\n[^]*\n> ?$/);
            await settle();
            terminal.type('no\r');
            await assert.rejects(asked, { code: 'USER_CANCELLED' });
            await terminal.shows(/已拒绝。$/);
        });

        test('a site is paired for good', { timeout: 300_000 }, async () => {
            const asked = quietly(world.connect({ origin: 'https://terminal.test', lang: 'zh-CN' }).then((page) => page.tokens()));
            await terminal.shows(/https:\/\/terminal\.test\n[^]*always = [^]*\n> ?$/);
            await settle();
            terminal.type('always\r');
            assert.equal((await asked).length, 1);
            const { stdout } = await run(world.binary('ukey-agent'), ['origins', 'list', '--json', '--config', world.agentConfigFile]);
            assert.equal(JSON.parse(stdout).find((one) => one.origin === 'https://terminal.test').decision, 'always');
        });

        test('when the page or the agent goes, so does the question', { timeout: 300_000 }, async () => {
            const page = new AbortController();
            let asked = sign(5, { signal: page.signal });
            await terminal.shows(/5\/5 字段 4\n/);
            page.abort();
            await assert.rejects(asked);
            await terminal.shows(/请求已撤回。$/);
            const shown = terminal.shows(/https:\/\/gone\.test\n/);
            await until(async () => { // the first action ends when its dialog has gone
                asked = quietly(world.connect({ origin: 'https://gone.test', lang: 'zh-CN' }).then((one) => one.tokens()));
                return (await Promise.race([asked.catch(({ code }) => code), shown])) !== 'ACTION_PENDING';
            }, 'asked again', WAIT_MS);
            await shown;
            await world.agent.kill();
            await assert.rejects(asked);
            await terminal.shows(/https:\/\/gone\.test\n[^]*请求已撤回。$/);
            assert.match((await run('stty', ['-F', terminal.device, '-a'])).stdout, / icanon.* echo /s);
        });
    });
});
