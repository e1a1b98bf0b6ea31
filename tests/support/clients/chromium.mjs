// Chromium on a virtual screen: logs in to a TLS site with the token's certificate; its dialogs are answered by the keyboard.
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { until } from '../agent.mjs';
import { PIN } from '../client_desk.mjs';
import { Screen } from '../screen.mjs';
import { missing } from '../world.mjs';
import { database } from './nss.mjs';

const CHROMIUM = '/usr/bin/chromium';
const FLAGS = [
    ...['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking'],
    ...['--disable-component-update', '--disable-sync', '--disable-search-engine-choice-screen', '--window-position=0,0'],
];

export const chromiumMissing = () =>
    existsSync(CHROMIUM) ? missing('certutil', 'modutil', 'Xvfb', 'xdotool') : 'chromium is not installed';

export async function chromium(desk, key) {
    const { chromium: launcher } = await import('playwright-core');
    const home = join(desk.work, `chromium-${key.name}`);
    const nss = await database(desk, key, join(home, '.pki', 'nssdb'));
    await desk.client('certutil', ['-A', '-d', nss, '-n', 'server ca', '-t', 'C,,', '-i', desk.server.ca]);
    const server = await desk.tlsServer(key);
    const screen = await new Screen().start();
    let context;
    try {
        context = await launcher.launchPersistentContext(join(home, 'profile'), {
            executablePath: CHROMIUM,
            headless: false,
            args: FLAGS,
            env: { ...process.env, ...desk.env, ...desk.alone(key), ...screen.env, HOME: home },
            viewport: null,
        });
        const page = context.pages()[0];
        await page.setContent('<title>before</title><input autofocus>'); // with the keyboard, which the address has otherwise
        await page.click('input');
        let loaded = false;
        const loading = page.goto(server.url, { timeout: 60_000 }).then(() => (loaded = true));
        loading.catch(() => {});
        const browser = await screen.window('before', 'name');
        // a dialog in the window asks which certificate (there is one of the CA that the server names), then a window asks for
        // the PIN; nothing tells when the first is there
        let asked = 0;
        await until(
            async () => {
                const [pin] = await screen.windows('Unlock Security Device', 'name');
                await screen.xdotool('windowfocus', pin ?? browser);
                if (pin && asked++ === 0) await screen.xdotool('type', '--delay', '30', PIN);
                await screen.keys('Return');
                if (pin) await until(async () => !(await screen.windows('Unlock Security Device', 'name')).length, 'the PIN', 60_000);
                return loaded;
            },
            'the page',
            60_000,
        );
        assert.equal(asked, 1);
        await loading;
        const text = await page.innerText('body');
        assert.match(text, new RegExp(`Subject: CN=${key.name}\n`));
        assert.match(text, /Protocol\s*: TLSv1.3/);
    } finally {
        await context?.close();
        await screen.stop();
        await server.stop();
    }
}
