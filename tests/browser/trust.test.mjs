// Browsers trust the agent after `ukey-agent trust install`, as a person types it, and no longer after `trust remove`.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { run } from '../../tools/demo/program.mjs';
import { TestAgent, until } from '../support/agent.mjs';
import { Chromium, Firefox } from '../support/browsers.mjs';

for (const Browser of [Chromium, Firefox]) {
    describe(Browser.name, { skip: Browser.missing() }, () => {
        let agent;
        before(async () => {
            agent = await new TestAgent().run();
        });
        after(() => agent?.close());

        const trust = (verb) =>
            run(agent.binary, ['trust', verb, '--config', agent.configFile], {
                env: { HOME: Browser.home(agent.dir), XDG_DATA_HOME: '', XDG_CONFIG_HOME: '' },
            });
        /* What the browser shows of the agent, started for it. */
        async function seen() {
            const browser = await Browser.start(agent.dir);
            try {
                const page = await browser.open(`https://localhost:${agent.port}/.well-known/openukey`);
                // the page, or what the browser says instead of it, comes when the browser is ready
                let text = '';
                await until(async () => (text = await page.text().catch(() => '')) !== '', 'something to read', 60_000);
                return text;
            } finally {
                await browser.close();
            }
        }

        test('a fresh profile does not trust the agent, does after install, and no longer after remove', async () => {
            // the profile is there when the person installs trust
            assert.doesNotMatch(await seen(), /openukey-agent/);
            await trust('install');
            assert.match(await seen(), /openukey-agent/);
            await trust('remove');
            assert.doesNotMatch(await seen(), /openukey-agent/);
        });
    });
}
