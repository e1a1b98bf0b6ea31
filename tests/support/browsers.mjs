// Chromium and Firefox as one thing to a test: fresh profiles that trust the given CAs and find *.test on this machine. Nothing is
// switched off that protects a person.
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Program } from '../../tools/demo/program.mjs';
import { until } from './agent.mjs';
import { FIREFOX_PREFERENCES, Marionette } from './marionette.mjs';
import { writeWithMounts } from './private_mounts.mjs';
import { trustingDatabase } from './site.mjs';
import { missing } from './world.mjs';

const CHROMIUM = '/usr/bin/chromium';
const CHROMIUM_FLAGS = [
    '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking',
    '--disable-component-update', '--disable-sync',
];

/* A command that runs Chromium with a policy of the machine's, which nobody else sees. */
function underPolicy(dir, policy) {
    const folder = join(dir, 'chromium-policy');
    mkdirSync(join(folder, 'policies/managed'), { recursive: true });
    writeFileSync(join(folder, 'policies/managed/test.json'), JSON.stringify(policy));
    return writeWithMounts(join(dir, 'chromium-under-policy'), CHROMIUM, { '/etc/chromium': folder });
}

/* A page is: goto(url), evaluate(body, ...args) (an async function's body with the arguments as `args`), text(), frames() (the
 * addresses of its frames, errors' addresses where one was refused), inFrame(body) (evaluate in the first frame), press(key, ...) ('Tab',
 * 'Enter' or characters), close(). */
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

    async inFrame(body) {
        return this.page.frames()[1].evaluate((text) => new Function(`return (async () => { ${text} })()`)(), body);
    }

    async press(...keys) {
        for (const key of keys) await (['Tab', 'Enter'].includes(key) ? this.page.keyboard.press(key) : this.page.keyboard.type(key));
    }

    close() {
        return this.page.close();
    }
}

export class Chromium {
    static home = (dir) => join(dir, 'chromium');

    static missing = () => (existsSync(CHROMIUM) ? missing('certutil') : 'chromium is not installed');

    /* cas: none given, and the databases stay as they are (the same `dir` is the same person). publicPort: what is served there counts as
     * come from the internet. policy: the machine's. screen: with windows there, which ask the person. */
    static async start(dir, { cas, publicPort, policy, screen } = {}) {
        const { chromium } = await import('playwright-core');
        const home = Chromium.home(dir);
        if (cas) await trustingDatabase(join(home, '.pki', 'nssdb'), cas);
        const browser = new Chromium();
        browser.screen = screen;
        browser.context = await chromium.launchPersistentContext(join(home, 'profile'), {
            executablePath: policy ? underPolicy(dir, policy) : CHROMIUM,
            headless: !screen,
            args: [
                ...CHROMIUM_FLAGS,
                '--host-resolver-rules=MAP *.test 127.0.0.1',
                ...(publicPort ? [`--ip-address-space-overrides=127.0.0.1:${publicPort}=public`] : []),
            ],
            env: { ...process.env, HOME: home, ...screen?.env },
        });
        return browser;
    }

    async open(url) {
        const page = new ChromiumPage(await this.context.newPage());
        await page.goto(url);
        return page;
    }

    /* The person agrees to the question that the browser is showing to the page, by keyboard. */
    async agree(page) {
        const isOpen = () => page.evaluate(`return (await navigator.permissions.query({ name: 'loopback-network' })).state === 'prompt';`);
        for (let tries = 0; await isOpen(); tries += 1) {
            if (tries === 20) throw new Error('the question did not go away');
            await this.screen.window('chromium');
            await this.screen.keys('alt+shift+a', 'Tab', 'Return'); // to the question, past "Block", on "Allow"
            await until(async () => !(await isOpen()), 'the end of the question', 3000).catch(() => {});
        }
    }

    /* The person's answer to "may this site reach programs on this computer?", given beforehand. */
    async allow(origin, isAllowed) {
        // it lasts as long as the session that said it
        this.session ??= await this.context.newCDPSession(this.context.pages()[0]);
        for (const name of ['loopback-network', 'local-network-access']) {
            await this.session.send('Browser.setPermission', { permission: { name }, setting: isAllowed ? 'granted' : 'denied', origin });
        }
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

    async #here() {
        await this.remote.ask('WebDriver:SwitchToWindow', { handle: this.handle });
        await this.remote.ask('WebDriver:SwitchToFrame', { id: null });
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

    async inFrame(body) {
        await this.#here();
        await this.remote.ask('WebDriver:SwitchToFrame', { id: 0 });
        const script = `const done = arguments[arguments.length - 1]; (async () => { ${body} })().then(done, (error) => done(String(error)));`;
        return (await this.remote.ask('WebDriver:ExecuteAsyncScript', { script, args: [] })).value;
    }

    async press(...keys) {
        await this.#here();
        const codes = { Tab: ['\uE004'], Enter: ['\uE007'] };
        const actions = keys.flatMap((key) => codes[key] ?? [...key]).flatMap((value) => [{ type: 'keyDown', value }, { type: 'keyUp', value }]);
        await this.remote.ask('WebDriver:PerformActions', { actions: [{ type: 'key', id: 'keyboard', actions }] });
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

    static async start(dir, { cas, hosts = [], publicPort } = {}) {
        const home = Firefox.home(dir);
        const profile = join(home, 'profile');
        if (cas) await trustingDatabase(profile, cas);
        const preferences = { ...FIREFOX_PREFERENCES, 'network.dns.localDomains': hosts.join(',') };
        if (publicPort) preferences['network.lna.address_space.public.override'] = `127.0.0.1:${publicPort}`;
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

    async agree(page) {
        await page.text(); // it is the page in front
        await this.remote.inside(`
            const { gBrowser, PopupNotifications } = Services.wm.getMostRecentWindow("navigator:browser");
            const question = PopupNotifications.getNotification("loopback-network", gBrowser.selectedBrowser);
            question.mainAction.callback({ checkboxChecked: false, source: "button" });
            PopupNotifications.remove(question);`);
    }

    async allow(origin, isAllowed) {
        await this.remote.inside(
            `const [origin, answer] = args;
            const principal = Services.scriptSecurityManager.createContentPrincipalFromOrigin(origin);
            for (const name of ['loopback-network', 'localhost']) Services.perms.addFromPrincipal(principal, name, answer);`,
            origin, isAllowed ? 1 : 2,
        );
    }

    async close() {
        this.remote?.socket.destroy();
        await this.program.stop();
    }
}
