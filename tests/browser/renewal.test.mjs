// The renewal from the portal's page in headless Chromium. The tests look at what a person sees.
import assert from 'node:assert/strict';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { browserMissing, openBrowser } from '../support/browser.mjs';
import { OTHER_KEY, daysLeft, makeWorld as make } from '../support/world.mjs';

// the page looks for the agent on its well-known ports
const makeWorld = (t, options) => make(t, { ...options, wellKnownPorts: true });
const skip = browserMissing();
const WAIT_MS = 30_000;

// A picture of the page, for people: SCREENSHOTS=folder
async function picture(page, name) {
    const folder = process.env.SCREENSHOTS;
    if (!folder) return;
    mkdirSync(folder, { recursive: true });
    await page.screenshot({ path: join(folder, `${name}.png`), fullPage: true });
}

const shows = (page, selector) => page.locator(selector).waitFor({ state: 'visible', timeout: WAIT_MS });
const factOf = (page, name) => page.locator(`[data-fact="${name}"]:visible`).first().innerText();
const stepNow = (page) => page.locator('#steps [aria-current=step]').getAttribute('data-step');
const focused = (page) => page.evaluate(() => document.activeElement?.id);

// What the page said wrong, without what the browser itself says of a refused request
const complaints = (page) => page.heard.filter((line) => /error|violat/i.test(line) && !/Failed to load resource/.test(line));

async function logIn(page) {
    await shows(page, '#panel-key');
    await page.click('#login');
}

async function fillIn(page) {
    await shows(page, '#panel-form');
    await page.fill('#handlerName', '李四');
    await page.fill('#handlerPhone', '13800138000');
    await page.fill('#handlerEmail', 'lisi@example.cn');
    await page.click('#form button[type=submit]');
}

async function payInPopup(page) {
    await shows(page, '#panel-pay');
    await page.click('#pay');
    await shows(page, '#pay-link');
    const [popup] = await Promise.all([page.waitForEvent('popup'), page.click('#pay-link')]);
    await popup.getByRole('button').first().waitFor({ timeout: WAIT_MS });
    await picture(popup, 'pay-provider');
    await popup.getByRole('button').first().click();
    return popup;
}

test('a bidder renews the certificate on the portal page, in Chinese', { skip }, async (t) => {
    const world = await makeWorld(t);
    const page = await openBrowser(world);

    await page.goto(`${world.serviceUrl}/`);
    await picture(page, 'home');
    await page.getByRole('link', { name: /证书更新/ }).click();

    await shows(page, '#panel-key');
    await picture(page, 'key');
    assert.equal(await page.locator('html').getAttribute('lang'), 'zh-CN');
    assert.equal(await page.title(), '证书更新');
    assert.equal(await stepNow(page), 'key');
    const { serial, label } = world.key.manifest.token ?? world.key.manifest;
    assert.equal(await factOf(page, 'serial'), serial);
    assert.equal(await factOf(page, 'label'), label);
    assert.match(await page.locator('#certificates').innerText(), /签名[\s\S]*SM2[\s\S]*加密[\s\S]*SM2/);
    assert.equal(await factOf(page, 'seal-size'), '48mm*48mm');
    assert.equal(await factOf(page, 'seal-type'), '单位印章');
    assert.equal(await factOf(page, 'seal-state'), '有效');
    assert.ok(await page.locator('#seals img').evaluate((img) => img.complete && img.naturalWidth > 0), 'the seal is shown');
    const oldEnd = (await page.locator('#certificates tr[data-usage=sign] td').nth(2).innerText()).trim();

    await page.click('#login');
    await shows(page, '#panel-form');
    assert.equal(await stepNow(page), 'form');
    assert.equal(await focused(page), 'form-title');

    // an empty form names the fields and takes the person to the first
    await page.click('#form button[type=submit]');
    assert.equal(await page.locator('#handlerName-error').innerText(), '请填写经办人姓名。');
    assert.equal(await page.locator('#handlerPhone').getAttribute('aria-invalid'), 'true');
    assert.equal(await focused(page), 'handlerName');
    await picture(page, 'form-wrong');
    await fillIn(page);

    await shows(page, '#panel-confirm');
    await picture(page, 'confirm');
    const statement = await page.locator('#statement').innerText();
    for (const text of ['李四', '13800138000', 'lisi@example.cn', serial]) assert.ok(statement.includes(text), text);
    await page.click('#sign');

    const popup = await payInPopup(page);
    await shows(page, '#panel-done');
    await popup.close();
    await picture(page, 'done');
    assert.equal(await stepNow(page), 'done');
    assert.equal(await focused(page), 'done-title');
    assert.equal(await factOf(page, 'before'), oldEnd);
    assert.equal(await factOf(page, 'after'), oldEnd.replace(/^\d{4}/, (year) => String(Number(year) + 1)));
    assert.equal(await factOf(page, 'token'), serial);
    assert.equal(await factOf(page, 'pin'), '不变');
    assert.deepEqual(complaints(page), []);

    // in the other language, without losing the page
    await page.getByRole('button', { name: 'English' }).click();
    assert.equal(await page.locator('html').getAttribute('lang'), 'en');
    assert.equal(await factOf(page, 'pin'), 'unchanged');
    assert.equal(await page.locator('#done-title').innerText(), 'The certificate is renewed');

    // and what the service says now
    assert.equal((await world.validSignCertificates()).length, 1);
});

test('the progress of the writing can be followed, and a pulled key can be put back', { skip }, async (t) => {
    const world = await makeWorld(t);
    const page = await openBrowser(world, { locale: 'en-US' });
    await page.goto(`${world.serviceUrl}/renew`);
    await logIn(page);
    await fillIn(page);
    await shows(page, '#panel-confirm');
    await page.click('#sign');
    const talk = await world.key.talk();
    world.guests.push(() => talk.close());
    await talk.say('hold before 4C');
    await payInPopup(page);

    await shows(page, '#panel-write');
    assert.equal(await talk.next(), 'held 4C');
    await shows(page, '[data-job-step=write-certificates].running');
    await picture(page, 'write');
    assert.match(await page.locator('#write-warning').innerText(), /do not unplug/i);
    assert.ok(Number(await page.locator('#progress').getAttribute('value')) > 40);
    assert.ok(await page.locator('[data-job-step=generate].done').isVisible());

    await talk.say('remove');
    await shows(page, '#problem');
    await picture(page, 'pulled');
    assert.equal(await page.locator('#problem').getAttribute('data-code'), 'TOKEN_REMOVED');
    assert.equal(await page.locator('#problem-retry').innerText(), 'Continue');
    assert.match(await page.locator('#problem-next').innerText(), /old certificate still works/);
    assert.equal(await focused(page), 'problem');

    await talk.say('insert');
    await page.click('#problem-retry');
    await shows(page, '#panel-done');
    assert.deepEqual(complaints(page), []);
    assert.equal((await world.validSignCertificates()).length, 1);
});

test('a wrong PIN is told with the tries left, and the next try goes on', { skip }, async (t) => {
    const world = await makeWorld(t);
    const page = await openBrowser(world);
    world.dialogs.typePin('000000');
    await page.goto(`${world.serviceUrl}/renew`);
    await logIn(page);
    await shows(page, '#problem');
    await picture(page, 'wrong-pin');
    assert.equal(await page.locator('#problem-code').innerText(), 'PIN_WRONG');
    assert.match(await page.locator('#problem-next').innerText(), /还可以试 \d+ 次/);
    world.dialogs.typePin('123456');
    await page.click('#problem-retry');
    await shows(page, '#panel-form');
    assert.equal(await page.locator('#problem').isVisible(), false);
});

test('without a key the page waits for one and goes on by itself; with two it asks to leave one', { skip }, async (t) => {
    const world = await makeWorld(t, {
        keys: { key: { plug: false }, other: { plug: false, changes: OTHER_KEY } },
    });
    const page = await openBrowser(world);
    await page.goto(`${world.serviceUrl}/renew`);
    await shows(page, '#problem');
    assert.equal(await page.locator('#problem').getAttribute('data-code'), 'NO_TOKEN');
    await picture(page, 'no-key');
    await world.key.plug();
    await shows(page, '#panel-key');
    await world.other.plug();
    await shows(page, '#problem[data-code=SEVERAL_TOKENS]');
    await world.other.unplug();
    await shows(page, '#panel-key');
    assert.equal(await page.locator('#problem').isVisible(), false);
});

test('an order that was left is taken up again where it stopped', { skip }, async (t) => {
    const world = await makeWorld(t);
    const page = await openBrowser(world, { locale: 'en-US' });
    await page.goto(`${world.serviceUrl}/renew`);
    await logIn(page);
    await fillIn(page);
    await shows(page, '#panel-confirm');
    const number = (await page.locator('#statement').innerText()).match(/\d{8}[A-Z]\d{4}/)[0];

    await page.reload();
    await logIn(page);
    await shows(page, '#panel-confirm');
    assert.match(await page.locator('#statement').innerText(), new RegExp(number));
    await page.click('#sign');
    await shows(page, '#panel-pay');

    await page.reload();
    await logIn(page);
    await shows(page, '#panel-pay');
    assert.equal(await stepNow(page), 'pay');
});

test('a certificate with 120 days left is refused with the reason and the earliest date', { skip }, async (t) => {
    const world = await makeWorld(t, { keys: { key: { changes: daysLeft(120) } } });
    const page = await openBrowser(world);
    await page.goto(`${world.serviceUrl}/renew`);
    await logIn(page);
    await shows(page, '#panel-refused');
    await picture(page, 'refused');
    assert.equal(await page.locator('#refused-code').innerText(), 'RENEWAL_TOO_EARLY');
    assert.match(await page.locator('#refused-reason').innerText(), /90 天/);
    assert.match(await factOf(page, 'earliest'), /^\d{4}-\d{2}-\d{2}$/);
    assert.deepEqual(await world.rows('SELECT * FROM orders'), []);
});

test('without the agent the page says what to start', { skip }, async (t) => {
    const world = await makeWorld(t);
    const page = await openBrowser(world);
    await world.agent.stop();
    await page.goto(`${world.serviceUrl}/renew`);
    await shows(page, '#problem');
    await picture(page, 'no-agent');
    assert.equal(await page.locator('#problem-code').innerText(), 'NOT_RUNNING');
    await world.startAgent();
    await page.click('#problem-retry');
    await shows(page, '#panel-key');
});
