// The real dialogs on a real (virtual) screen, driven by the keyboard: ukey-consent and pinentry-gtk-2 under Xvfb.
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { existsSync } from 'node:fs';
import { after, before, describe, test } from 'node:test';
import { run } from '../../tools/demo/program.mjs';
import { until } from '../support/agent.mjs';
import { Screen } from '../support/screen.mjs';
import { makeWorld, missing } from '../support/world.mjs';

const PINENTRY = '/usr/bin/pinentry-gtk-2';
const skip = missing('Xvfb', 'xdotool') || (!existsSync(PINENTRY) && `${PINENTRY} is not installed`);

const settle = () => new Promise((done) => setTimeout(done, 900)); // ukey-consent takes no key for its first 0.7 s, on purpose

describe('real dialogs', { skip }, () => {
    let screen, world, agent, token, certificate;

    before(async () => {
        screen = await new Screen().start();
        const env = { ...screen.env, GTK_IM_MODULE: 'gtk-im-context-simple', NO_AT_BRIDGE: '1' };
        world = await makeWorld(null, { agentEnv: env });
        await world.agent.stop();
        world.options.agentConfig = {
            consent: world.binary('ukey-consent'),
            pinentry: PINENTRY,
            origins: { allow: [world.serviceUrl] },
        };
        await world.startAgent();
        await world.seen();
        agent = await world.page({ lang: 'zh-CN' });
        token = await agent.token();
        certificate = (await agent.certificates({ token })).find((one) => one.usage === 'sign').id;
    });
    after(async () => {
        await world?.close();
        await screen?.stop();
    });

    const statement = (count) => ({
        title: '确认',
        fields: Array.from({ length: count }, (_, i) => ({ label: `字段 ${i}`, value: `内容 ${i}` })),
    });
    const sign = (count) => {
        const asked = agent.sign({ token, certificate, statement: statement(count), nonce: randomUUID() });
        asked.catch(() => {}); // how it ends is asked for below
        return asked;
    };

    test('a PIN typed into pinentry-gtk-2 is verified', async () => {
        const asked = agent.verifyPin({ token });
        asked.catch(() => {});
        await screen.window('pinentry');
        await screen.xdotool('type', '--delay', '40', '123456');
        await screen.keys('Return');
        assert.deepEqual(await asked, { verified: true, mustChange: false });
    });

    test('a short statement is agreed to with the keyboard', async () => {
        const asked = sign(3);
        await screen.window('ukey-consent');
        await settle();
        await screen.keys('Return', 'Tab', 'Tab', 'Return'); // Enter in the text does nothing; Refuse, then Agree
        assert.equal((await asked).format, 'gm-signed-data');
    });

    test('of 200 fields, Agree cannot be reached before the end has been seen', async () => {
        const asked = sign(200);
        await screen.window('ukey-consent');
        await settle();
        await screen.keys('Tab', 'Tab', 'Return'); // Refuse, and back in the text: Agree is asleep
        await settle();
        assert.equal((await screen.windows('ukey-consent')).length, 1);
        await screen.keys('ctrl+End');
        await settle();
        await screen.keys('Tab', 'Tab', 'Return');
        assert.equal((await asked).format, 'gm-signed-data');
    });

    test('Escape refuses', async () => {
        const asked = sign(3);
        await screen.window('ukey-consent');
        await screen.keys('Escape');
        await assert.rejects(asked, { code: 'USER_CANCELLED' });
    });

    test('closing the window refuses', async () => {
        const asked = sign(3);
        const window = await screen.window('ukey-consent');
        await screen.xdotool('windowclose', window);
        await assert.rejects(asked, { code: 'USER_CANCELLED' });
    });

    test('a site is paired once, for good, or never again, as its person says with the keyboard', async () => {
        const pair = (site) => {
            const asked = world.connect({ origin: site }).then((page) => page.tokens());
            asked.catch(() => {});
            return asked;
        };
        const listed = async () => JSON.parse((await run(world.binary('ukey-agent'), ['origins', 'list', '--json', '--config', world.agentConfigFile])).stdout);
        const decisionOn = async (site) => (await listed()).find((one) => one.origin === site)?.decision;
        const decide = async (site, ...keys) => {
            const asked = pair(site);
            await screen.window('ukey-consent');
            await settle();
            await screen.keys(...keys);
            return asked;
        };
        // the focus is on Refuse; before it stands the check box, behind it Agree
        await decide('https://once.test', 'Tab', 'Return');
        assert.equal(await decisionOn('https://once.test'), undefined);
        await decide('https://always.test', 'shift+Tab', 'space', 'Tab', 'Tab', 'Return');
        assert.equal(await decisionOn('https://always.test'), 'always');
        await assert.rejects(decide('https://never.test', 'shift+Tab', 'space', 'Tab', 'Return'), { code: 'USER_CANCELLED' });
        assert.equal(await decisionOn('https://never.test'), 'never');
        await assert.rejects(decide('https://closed.test', 'shift+Tab', 'space', 'Escape'), { code: 'USER_CANCELLED' });
        assert.equal(await decisionOn('https://closed.test'), undefined, 'what was not said is not remembered');
        await assert.rejects(pair('https://never.test'), { code: 'ORIGIN_REFUSED' });
    });

    test('without a display the dialog is unavailable, and says why', async () => {
        const { code, stderr } = await run(world.binary('ukey-consent'), [], {
            input: '{}', env: { DISPLAY: '', WAYLAND_DISPLAY: '', LC_ALL: 'C' }, allow: [3],
        });
        assert.equal(code, 3);
        assert.match(stderr, /no display/);
    });
});
