// A real Chromium, headless, with a fresh profile that trusts what the person would trust: nothing is switched off.
import { existsSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { run } from '../../tools/demo/program.mjs';
import { missing } from './world.mjs';

const CHROMIUM = '/usr/bin/chromium';
const FLAGS = [
    '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking',
    '--disable-component-update', '--disable-sync',
];

export const browserMissing = () => (existsSync(CHROMIUM) ? missing('certutil') : 'chromium is not installed');

/* The person's NSS database, in a home of its own: the agent's CA through the agent's own command, the service's by certutil. */
async function trust(world, home) {
    const database = join(home, '.pki', 'nssdb');
    mkdirSync(database, { recursive: true, mode: 0o700 });
    await run('certutil', ['-N', '-d', `sql:${database}`, '--empty-password']);
    await run('certutil', ['-A', '-d', `sql:${database}`, '-n', 'portal', '-t', 'C,,', '-i', world.serviceCaFile]);
    await run(world.binary('ukey-agent'), ['trust', 'install', '--config', world.agentConfigFile, '--nssdb', database], {
        env: { HOME: home },
    });
    return database;
}

/* Opens a browser in the world; ends with it. Answers a playwright page whose console and failures are kept in `page.heard`. */
export async function openBrowser(world, { locale = 'zh-CN', trusted = true, ...more } = {}) {
    const { chromium } = await import('playwright-core');
    const home = join(world.dir, `home-${Date.now()}`);
    mkdirSync(home, { mode: 0o700 });
    if (trusted) await trust(world, home);
    const context = await chromium.launchPersistentContext(join(home, 'profile'), {
        executablePath: CHROMIUM,
        headless: true,
        args: FLAGS,
        env: { ...process.env, HOME: home },
        locale,
        viewport: { width: 1100, height: 900 },
        ...more,
    });
    world.guests.push(() => context.close());
    const page = context.pages()[0] ?? (await context.newPage());
    page.heard = [];
    page.on('console', (message) => page.heard.push(`${message.type()}: ${message.text()}`));
    page.on('pageerror', (error) => page.heard.push(`error: ${error}`));
    return page;
}
