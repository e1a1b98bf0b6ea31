// Runs in a mount namespace whose /etc and /usr/local/share/ca-certificates are copies (browser/trust-machine.test.mjs): what a browser with a
// fresh profile, and curl, see of an agent before `trust install --system`, after it, and after `trust remove --system`; and, in between, what
// pages at a public address are given without their person being asked. As JSON.
// usage: machine_browsers.mjs Chromium|Firefox FOLDER URL UKEY-AGENT CA SITE OTHER-SITE SITES-CA
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { run } from '../../tools/demo/program.mjs';
import { until } from './agent.mjs';
import * as browsers from './browsers.mjs';

const [name, folder, url, agent, ca, site, other, sitesCa] = process.argv.slice(2);
const Browser = browsers[name];
const moments = [];

/* Each time somebody else's first start of the browser. */
async function look() {
    const dir = join(folder, `${name}-${moments.length}`);
    mkdirSync(dir, { mode: 0o700 });
    const browser = await Browser.start(dir);
    let page = '';
    try {
        const tab = await browser.open(url);
        await until(async () => (page = await tab.text().catch(() => '')) !== '', 'something to read', 60_000);
    } finally {
        await browser.close();
    }
    const { code, stdout } = await run('curl', ['--silent', '--max-time', '60', url], { allow: [0, 35, 60] });
    moments.push({ page, curl: code === 0 ? stdout : `refused (${code})` });
}

/* The site is named to the machine, the other one is not: its page waits for its person's leave, which nobody gives. */
async function ask() {
    const dir = join(folder, `${name}-sites`);
    mkdirSync(dir, { mode: 0o700 });
    const hosts = [site, other].map((one) => new URL(one).hostname);
    const browser = await Browser.start(dir, { cas: [sitesCa], hosts, publicPort: new URL(site).port });
    const said = {};
    try {
        for (const [who, from, patience] of [['site', site, 90_000], ['other', other, 5_000]]) {
            const tab = await browser.open(`${from}/`);
            said[who] = await tab.evaluate(
                `const [url, patience] = args;
                const asked = fetch(url).then((answer) => answer.text(), (error) => 'refused: ' + error.name);
                return Promise.race([asked, new Promise((done) => setTimeout(done, patience, 'waits'))]);`,
                url, patience,
            );
        }
    } finally {
        await browser.close();
    }
    return said;
}

async function trust(verb) {
    const { stdout } = await run(agent, ['trust', verb, '--system', '--json', '--ca', ca, '--site', site], { allow: [0, 1] });
    return JSON.parse(stdout);
}

await look();
const installed = await trust('install');
await look();
const sites = await ask();
const removed = await trust('remove');
await look();
process.stdout.write(`${JSON.stringify({ moments, installed, removed, sites })}\n`);
process.exit(0);
