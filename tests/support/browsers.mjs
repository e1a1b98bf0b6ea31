// Chromium and Firefox as one thing to a test: fresh profiles that trust the given CAs and find *.test on this machine. Nothing is
// switched off that protects a person.
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Program } from '../../tools/demo/program.mjs';
import { until } from './agent.mjs';
import { FIREFOX_PREFERENCES, Marionette } from './marionette.mjs';
import { trustingDatabase } from './site.mjs';
import { missing } from './world.mjs';

const CHROMIUM = '/usr/bin/chromium';
const CHROMIUM_FLAGS = [
    '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking',
    '--disable-component-update', '--disable-sync',
];

/* A page is: goto(url), evaluate(body, ...args) (an async function's body with the arguments as `args`), text(), frames() (the
 * addresses of its frames, errors' addresses where one was refused), close(). */
class ChromiumPage {
    constructor(page) {
        this.page = page;
    }

    async goto(url) {
        await this.page.goto(url).catch((error) => {
            if (!/ERR_CERT|ERR_BLOCKED|ERR_HTTP_RESPONSE_CODE/.test(error.message)) throw error;
        });
    }

    evaluate(body, ...args) {
        return this.page.evaluate(([text, given]) => new Function('args', `return (async () => { ${text} })()`)(given), [body, args]);
    }

    text() {
        return this.page.evaluate('document.documentElement.innerText');
    }

    // a frame of another site is a target of its own; playwright knows no address of one that shows an error
    frames() {
        return Promise.all(
            this.page.frames().slice(1).map(async (frame) => {
                try {
                    const session = await this.page.context().newCDPSession(frame);
                    const { result } = await session.send('Runtime.evaluate', { expression: 'location.href' });
                    await session.detach();
                    return result.value;
                } catch {
                    return ''; // not settled yet
                }
            }),
        );
    }

    close() {
        return this.page.close();
    }
}

export class Chromium {
    static home = (dir) => join(dir, 'chromium');

    static missing = () => (existsSync(CHROMIUM) ? missing('certutil') : 'chromium is not installed');

    /* cas: none given, and the databases stay as they are (the same `dir` is the same person). */
    static async start(dir, { cas } = {}) {
        const { chromium } = await import('playwright-core');
        const home = Chromium.home(dir);
        if (cas) await trustingDatabase(join(home, '.pki', 'nssdb'), cas);
        const browser = new Chromium();
        browser.context = await chromium.launchPersistentContext(join(home, 'profile'), {
            executablePath: CHROMIUM,
            headless: true,
            args: [...CHROMIUM_FLAGS, '--host-resolver-rules=MAP *.test 127.0.0.1'],
            env: { ...process.env, HOME: home },
        });
        return browser;
    }

    async open(url) {
        const page = new ChromiumPage(await this.context.newPage());
        await page.goto(url);
        return page;
    }

    close() {
        return this.context.close();
    }
}

class FirefoxPage {
    constructor(remote, handle) {
        this.remote = remote;
        this.handle = handle;
    }

    #here() {
        return this.remote.ask('WebDriver:SwitchToWindow', { handle: this.handle });
    }

    async goto(url) {
        await this.#here();
        await this.remote.ask('WebDriver:Navigate', { url }).catch((error) => {
            if (!/insecure certificate|neterror|reached error page/i.test(error.message)) throw error;
        });
    }

    async evaluate(body, ...args) {
        await this.#here();
        const script = `const done = arguments[arguments.length - 1]; const args = [...arguments].slice(0, -1);
            (async () => { ${body} })().then((value) => done({ value }), (error) => done({ error: String(error) }));`;
        const { value } = await this.remote.ask('WebDriver:ExecuteAsyncScript', { script, args });
        if (value.error) throw new Error(value.error);
        return value.value;
    }

    /* Of a page of Firefox's own, which has its words in shadow trees: its address. */
    async text() {
        await this.#here();
        const script = 'return document.documentElement.innerText || (/^about:/.test(document.documentURI) ? document.documentURI : "")';
        return (await this.remote.ask('WebDriver:ExecuteScript', { script, args: [] })).value;
    }

    async frames() {
        await this.#here();
        return this.remote.inside(`
            const window = Services.wm.getMostRecentWindow("navigator:browser");
            return window.gBrowser.selectedBrowser.browsingContext.children.map((one) => one.currentWindowGlobal.documentURI.spec);`);
    }

    async close() {
        await this.#here();
        await this.remote.ask('WebDriver:CloseWindow');
        const [handle] = await this.remote.ask('WebDriver:GetWindowHandles');
        await this.remote.ask('WebDriver:SwitchToWindow', { handle });
    }
}

export class Firefox {
    static home = (dir) => join(dir, 'firefox');

    static missing = () => missing('firefox-esr', 'certutil');

    static async start(dir, { cas, hosts = [] } = {}) {
        const home = Firefox.home(dir);
        const profile = join(home, 'profile');
        if (cas) await trustingDatabase(profile, cas);
        const preferences = { ...FIREFOX_PREFERENCES, 'network.dns.localDomains': hosts.join(',') };
        const lines = Object.entries(preferences).map(([name, value]) => `user_pref(${JSON.stringify(name)}, ${JSON.stringify(value)});\n`);
        mkdirSync(join(home, '.mozilla/firefox'), { recursive: true });
        mkdirSync(profile, { recursive: true });
        writeFileSync(join(home, '.mozilla/firefox/profiles.ini'), `[Profile0]\nName=person\nIsRelative=0\nPath=${profile}\n`);
        writeFileSync(join(profile, 'user.js'), lines.join(''));
        const portFile = join(profile, 'MarionetteActivePort');
        rmSync(portFile, { force: true }); // an earlier run's
        const browser = new Firefox();
        browser.program = await Program.start({
            name: 'firefox',
            command: 'firefox-esr',
            args: ['--headless', '--marionette', '--remote-allow-system-access', '--no-remote', '--profile', profile],
            ready: null,
            env: { HOME: home, MOZ_HEADLESS: '1' },
            cwd: home,
        });
        const isUp = () => browser.program.exit || (existsSync(portFile) && readFileSync(portFile, 'utf8').trim());
        await until(isUp, 'Firefox', 90_000);
        if (browser.program.exit) throw new Error(browser.program.said);
        browser.remote = new Marionette(Number(readFileSync(portFile, 'utf8')));
        await browser.remote.greeted;
        await browser.remote.ask('WebDriver:NewSession', { capabilities: {} });
        return browser;
    }

    async open(url) {
        const { handle } = await this.remote.ask('WebDriver:NewWindow', { type: 'tab', focus: true });
        const page = new FirefoxPage(this.remote, handle);
        await page.goto(url);
        return page;
    }

    async close() {
        this.remote?.socket.destroy();
        await this.program.stop();
    }
}
