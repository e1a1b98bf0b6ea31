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
            env: { ...process.env, ...desk.env, ...screen.env, HOME: home },
            viewport: null,
        });
        const page = context.pages()[0];
        await page.setContent('<title>before</title><input autofocus>'); // with the keyboard, which the address has otherwise
        await page.click('input');
        let loaded = false;
        const loading = page.goto(server.url, { timeout: 60_000 }).then(() => (loaded = true));
        loading.catch(() => {});
        const browser = await screen.window('before', 'name');
        await screen.window('Unlock Security Device', 'name');
        await screen.xdotool('type', '--delay', '30', PIN);
        await screen.keys('Return');
        await until(async () => !(await screen.windows('Unlock Security Device', 'name')).length, 'the PIN');
        // which certificate? The one that the server's CA has made, a dialog in the window asks; nothing tells when it is there
        await until(
            async () => {
                await screen.xdotool('windowfocus', browser);
                await screen.keys('Return');
                return loaded;
            },
            'the page',
            60_000,
        );
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
