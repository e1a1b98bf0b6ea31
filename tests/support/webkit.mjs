// WebKit (GTK's MiniBrowser) driven over WebDriver, in a mount namespace of its own, in which the machine trusts the given CAs and the
// hosts are this computer: WebKit takes both from the system.
import { appendFileSync, copyFileSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Program } from '../../tools/demo/program.mjs';
import { freePort } from '../../tools/demo/ports.mjs';
import { until } from './agent.mjs';
import { privateMountsMissing, writeWithMounts } from './private_mounts.mjs';
import { Screen } from './screen.mjs';
import { missing } from './world.mjs';

const ROOTS = '/etc/ssl/certs/ca-certificates.crt';

export class WebKit {
    static missing = () => missing('WebKitWebDriver', 'Xvfb') || privateMountsMissing() || (existsSync(ROOTS) ? false : `no ${ROOTS}`);

    static async start(dir, { cas, hosts }) {
        const home = join(dir, 'webkit');
        const roots = join(home, 'roots.pem');
        const names = join(home, 'hosts');
        mkdirSync(home, { mode: 0o700 });
        copyFileSync(ROOTS, roots);
        for (const ca of cas) appendFileSync(roots, readFileSync(ca));
        writeFileSync(names, `127.0.0.1 localhost ${hosts.join(' ')}\n::1 localhost\n`);
        const browser = new WebKit();
        browser.screen = await new Screen().start();
        try {
            const port = await freePort();
            const command = writeWithMounts(join(home, 'driver'), 'WebKitWebDriver', { [ROOTS]: roots, '/etc/hosts': names });
            browser.driver = await Program.start({
                name: 'WebKitWebDriver',
                command,
                args: [`--port=${port}`],
                ready: null,
                env: { HOME: home, XDG_RUNTIME_DIR: home, LIBGL_ALWAYS_SOFTWARE: '1', ...browser.screen.env },
            });
            browser.address = `http://127.0.0.1:${port}`;
            await until(() => browser.driver.exit || fetch(`${browser.address}/status`).then(() => true, () => false), 'WebKitWebDriver', 60_000);
            const capabilities = { alwaysMatch: { timeouts: { script: 120_000 } } };
            browser.session = `/session/${(await browser.#ask('POST', '/session', { capabilities })).sessionId}`;
        } catch (error) {
            await browser.close();
            throw error;
        }
        return browser;
    }

    async #ask(method, path, body) {
        const answer = await fetch(this.address + path, { method, body: body && JSON.stringify(body) });
        const { value } = await answer.json();
        if (!answer.ok) throw new Error(`${path}: ${JSON.stringify(value)}`);
        return value;
    }

    /* The window has one page at a time; as those of browsers.mjs, without frames(). */
    async open(url) {
        const page = {
            goto: (to) => this.#ask('POST', `${this.session}/url`, { url: to }),
            evaluate: async (body, ...args) => {
                const script = `const done = arguments[arguments.length - 1]; const args = [...arguments].slice(0, -1);
                    (async () => { ${body} })().then((value) => done({ value }), (error) => done({ error: String(error) }));`;
                const answer = await this.#ask('POST', `${this.session}/execute/async`, { script, args });
                if (answer.error) throw new Error(answer.error);
                return answer.value;
            },
            inFrame: async (body) => {
                await this.#ask('POST', `${this.session}/frame`, { id: 0 });
                return page.evaluate(body).finally(() => this.#ask('POST', `${this.session}/frame`, { id: null }));
            },
            press: async (...keys) => {
                const codes = { Tab: ['\uE004'], Enter: ['\uE007'] };
                const actions = keys.flatMap((key) => codes[key] ?? [...key]).flatMap((value) => [{ type: 'keyDown', value }, { type: 'keyUp', value }]);
                await this.#ask('POST', `${this.session}/actions`, { actions: [{ type: 'key', id: 'keyboard', actions }] });
            },
            close: async () => {},
        };
        await page.goto(url);
        return page;
    }

    async close() {
        if (this.session) await this.#ask('DELETE', this.session).catch(() => {});
        await this.driver?.stop();
        await this.screen.stop();
    }
}
