// The example page and the old page (sof.js) in Chromium, Firefox and WebKit, served from an address that counts as the internet: with Local
// Network Access granted, denied and undecided, and in a frame of another site. The person uses the keyboard alone.
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { until } from '../support/agent.mjs';
import { Chromium, Firefox } from '../support/browsers.mjs';
import { startExampleSite } from '../support/example_site.mjs';
import { privateMountsMissing } from '../support/private_mounts.mjs';
import { Screen } from '../support/screen.mjs';
import { WebKit } from '../support/webkit.mjs';
import { makeWorld, missing } from '../support/world.mjs';

const HOSTS = ['granted.test', 'around.test', 'framed.test', 'denied.test', 'undecided.test'];
const EXAMPLE = '/example/index.html';
const OLD = '/example/sof.html';
const MS = 90_000;
const cannotMount = privateMountsMissing();

const VALUE = (id) => `const at = document.getElementById('${id}'); return at ? (at.value ?? at.textContent) : '';`;
const CODE = `return document.getElementById('status')?.dataset.code ?? '';`;
const NOTICE = `const at = document.getElementById('openukey-notice'); return at ? [at.dataset.code, at.getAttribute('role'), at.textContent] : null;`;
const USER_OR_NOTICE = `return document.getElementById('user').value || document.getElementById('openukey-notice')?.dataset.code || '';`;
const FOCUS = `return document.activeElement?.id ?? '';`;

/* Goes to the element with Tab, as a person without a mouse does. */
async function tabTo(page, id) {
    for (let i = 0; i < 20; i += 1) {
        if ((await page.evaluate(FOCUS)) === id) return;
        await page.press('Tab');
    }
    assert.fail(`the keyboard does not reach ${id}`);
}

/* What keeps a person with a screen reader from using the page: controls without a name, and the like. */
const OBSTACLES = `
    const wrong = [];
    if (!document.documentElement.lang) wrong.push('no language');
    if (!document.title) wrong.push('no title');
    if (document.querySelectorAll('h1').length !== 1) wrong.push('not one heading');
    if (!document.querySelector('main')) wrong.push('no main');
    if (!document.querySelector('[role=status]')) wrong.push('nothing that is read out');
    for (const control of document.querySelectorAll('input, select, textarea, button')) {
        const name = control.localName === 'button' ? control.textContent.trim() : [...control.labels].map((label) => label.textContent.trim()).join();
        if (!name) wrong.push(control.outerHTML);
        if (control.tabIndex !== 0) wrong.push('not reached by Tab: ' + control.outerHTML);
    }
    return wrong;`;

for (const Browser of [Chromium, Firefox, WebKit]) {
    const gated = { skip: Browser === WebKit && 'WebKit lets every page reach this computer' };
    describe(Browser.name, { skip: Browser.missing() }, () => {
        let world, site, browser, cas;

        before(async () => {
            world = await makeWorld(null);
            site = await startExampleSite(world.dir, HOSTS, () => world.agentPort);
            cas = [site.ca, world.agentCaFile];
            const sites = ['granted.test', 'around.test', 'framed.test'].map(site.origin);
            // a managed machine's policy for Chromium, because a grant of the remote control's would hold in any frame
            const policy = Browser === Chromium && !cannotMount ? { LoopbackNetworkAllowedForUrls: sites } : null;
            browser = await Browser.start(world.dir, { cas, hosts: HOSTS, publicPort: site.port, policy });
            if (!policy) for (const one of sites) await browser.allow?.(one, true);
            await browser.allow?.(site.origin('denied.test'), false);
        });
        after(async () => {
            await browser?.close();
            await site?.close();
            await world?.close();
        });

        const open = (host, path) => browser.open(site.origin(host) + path);
        const value = (page, id) => page.evaluate(VALUE(id));

        test('the example page signs what its person has agreed to, by keyboard', async () => {
            const page = await open('granted.test', EXAMPLE);
            assert.deepEqual(await page.evaluate(OBSTACLES), []);
            await tabTo(page, 'amount');
            await page.press('7');
            await page.press('Enter');
            await until(() => value(page, 'signature'), 'the signature', MS).catch(async () => assert.fail(await value(page, 'status')));
            await until(async () => /^已签名：.*CN=/.test(await value(page, 'status')), 'the word of it', MS);
            const shown = world.dialogs.shown.at(-1);
            assert.deepEqual([shown.kind, shown.origin], ['statement', site.origin('granted.test')]);
            assert.match(JSON.stringify(shown.fields), /金额.*7 元|金额.*7.* 元/);
            const agent = await world.page();
            const verdict = await agent.verify({ signature: await value(page, 'signature') });
            assert.deepEqual([verdict.valid, verdict.origin], [true, site.origin('granted.test')]);
            await page.close();
        });

        test('the old page logs in through sof.js, by keyboard, and the PIN of its field is ignored', async () => {
            const page = await open('granted.test', OLD);
            assert.deepEqual(await page.evaluate(OBSTACLES), []);
            await tabTo(page, 'list');
            await page.press('Enter');
            await until(() => value(page, 'user'), 'the list', MS);
            await tabTo(page, 'pin');
            await page.press('000000', 'Enter');
            await until(() => value(page, 'signature'), 'the signature', MS).catch(async () => assert.fail(await value(page, 'status')));
            await until(async () => (await value(page, 'status')) === '登录成功', 'the verdict', MS);
            assert.equal(await page.evaluate(NOTICE), null);
            assert.deepEqual(world.dialogs.shown.at(-1).origin, site.origin('granted.test'));
            await page.close();
        });

        test('a page hears over its WebSocket that the key was pulled and put back', async () => {
            const page = await open('granted.test', EXAMPLE);
            await page.evaluate(`
                window.heard = [];
                class Heard extends WebSocket {
                    constructor(url) {
                        super(url);
                        this.addEventListener('message', ({ data }) => heard.push(JSON.parse(data).type));
                    }
                }
                const { connect } = await import('/sdk/openukey.mjs');
                const agent = await connect({ WebSocket: Heard });
                agent.on('token', ({ action }) => heard.push(action));`);
            const heard = (last) => async () => (await page.evaluate('return heard;')).includes(last);
            await until(heard('hello'), 'the WebSocket', MS);
            await world.key.unplug();
            await until(heard('removed'), 'the end of the key', MS);
            await world.key.plug();
            await until(heard('inserted'), 'the key', MS);
            assert.deepEqual((await page.evaluate('return heard;')).filter((one) => one !== 'job'), ['hello', 'token', 'removed', 'token', 'inserted']);
            await page.close();
        });

        test('where the browser was told to refuse, both pages say where to change that', gated, async () => {
            const page = await open('denied.test', EXAMPLE);
            await tabTo(page, 'sign');
            await page.press('Enter');
            await until(async () => (await page.evaluate(CODE)) === 'LNA_DENIED', 'the word of it', MS);
            assert.match(await value(page, 'status'), /网站设置中允许/);
            await page.close();
            const old = await open('denied.test', OLD);
            await tabTo(old, 'list');
            await old.press('Enter');
            await until(() => old.evaluate(NOTICE), 'the notice', MS);
            const [code, role, text] = await old.evaluate(NOTICE);
            assert.deepEqual([code, role], ['LNA_DENIED', 'alert']);
            assert.match(text, /网站设置中允许/);
            // and it can be closed without a mouse
            await old.evaluate('document.querySelector("#openukey-notice button").focus();');
            await old.press('Enter');
            assert.equal(await old.evaluate(NOTICE), null);
            await old.close();
        });

        test('a frame of another site works when the page around passes the right on, and else says so', { skip: Browser === Chromium && cannotMount }, async () => {
            for (const [path, isAllowed] of [['/around', Browser === WebKit], ['/around-allowed', true]]) {
                for (const inner of [EXAMPLE, OLD]) {
                    const page = await open('around.test', `${path}?${site.origin('framed.test')}${inner}`);
                    const start = inner === OLD ? 'list' : 'sign';
                    await until(() => page.inFrame(`return Boolean(document.getElementById('${start}'));`).catch(() => false), 'the frame', MS);
                    await page.inFrame(`document.getElementById('${start}').click();`);
                    const said = () => page.inFrame(inner === OLD ? USER_OR_NOTICE : CODE);
                    const wanted = isAllowed ? (inner === OLD ? /^[0-9a-f]{64}$/ : /^OK$/) : /^LNA_DENIED$/;
                    await until(async () => wanted.test(await said()), `${inner} in ${path}`, MS).catch(async (error) => assert.fail(`${error.message}: ${await said()}`));
                    if (!isAllowed) assert.match(await page.inFrame('return document.body.innerText;'), /allow="loopback-network"/);
                    await page.close();
                }
            }
        });

        test('while the person has not decided, the page says what to do, and goes on when they allow it', { skip: gated.skip || (Browser === Chromium && missing('Xvfb', 'xdotool')) }, async (t) => {
            let asking = browser;
            if (Browser === Chromium) {
                // without a window Chromium answers its own question with no
                const page = await open('undecided.test', EXAMPLE);
                await tabTo(page, 'sign');
                await page.press('Enter');
                await until(async () => (await page.evaluate(CODE)) === 'LNA_DENIED', 'the word of it', MS);
                await page.close();
                const screen = await new Screen().start();
                t.after(() => screen.stop());
                asking = await Browser.start(join(world.dir, 'asking'), { cas, publicPort: site.port, screen });
                t.after(() => asking.close());
            }
            const page = await asking.open(`${site.origin('undecided.test')}${EXAMPLE}`);
            await page.evaluate(`document.getElementById('sign').click();`);
            await until(async () => (await page.evaluate(CODE)) === 'LNA_PROMPT', 'the word of it', MS);
            assert.match(await value(page, 'status'), /请在地址栏旁的提示中选择“允许”/);
            const old = await asking.open(`${site.origin('undecided.test')}${OLD}`);
            await old.evaluate(`document.getElementById('list').click();`);
            await until(async () => (await old.evaluate(NOTICE))?.[0] === 'LNA_PROMPT', 'the notice', MS);
            const diagnosis = await old.evaluate('const { ok, code, detail } = await OpenUKey.diagnose({ lang: "en" }); return { ok, code, detail };');
            assert.deepEqual(diagnosis, { ok: false, code: 'LNA_PROMPT', detail: 'Choose "Allow" in the prompt beside the address bar.' });
            await asking.agree(old);
            await until(async () => /^[0-9a-f]{64}$/.test(await value(old, 'user')), 'the list', MS);
            assert.equal(await old.evaluate(NOTICE), null);
            await old.close();
            await page.close();
        });
    });
}
