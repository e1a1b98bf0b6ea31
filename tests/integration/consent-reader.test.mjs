// What a screen reader gets of ukey-consent's window: every label, field and button, and whether one may agree.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { DesktopBus, noReader } from '../support/accessible.mjs';
import { build } from '../support/agent.mjs';
import { pairing, statement, strange } from '../support/dialog_requests.mjs';
import { Screen } from '../support/screen.mjs';
import { missing } from '../support/world.mjs';

const PROGRAM = 'ukey-consent';

describe('the consent window for a screen reader', { skip: missing('Xvfb', 'xdotool', 'dbus-daemon', 'dbus-send') || noReader }, () => {
    let screen, bus;
    before(async () => {
        screen = await new Screen().start();
        bus = await DesktopBus.start(screen);
    });
    after(async () => {
        await bus?.stop();
        await screen?.stop();
    });

    const show = async (request) => {
        const { ASAN_OPTIONS: _, ...environment } = process.env;
        const child = spawn(join(build, 'bin', PROGRAM), [], { env: { ...environment, ...bus.env }, stdio: ['pipe', 'pipe', 'ignore'] });
        child.stdin.end(JSON.stringify(request));
        let said = '';
        child.stdout.on('data', (data) => (said += data));
        const answer = new Promise((done) => child.on('close', () => done(said && JSON.parse(said).decision)));
        await screen.window(PROGRAM);
        return { answer };
    };
    const one = (elements, role, name) => {
        const found = elements.filter((element) => element.role === role && (name === undefined || element.name === name));
        assert.equal(found.length, 1, `one ${role} ${name ?? ''}`);
        return found[0];
    };
    const can = (element) => element.states.includes('sensitive');

    test('200 fields are there to be read, and Agree says when it wakes', { timeout: 300_000 }, async () => {
        const request = statement(200);
        const { answer } = await show(request);
        let elements = await bus.elements(PROGRAM, (seen) => seen.some(({ name }) => name === '同意并签名'));
        const dialog = one(elements, 'dialog');
        assert.equal(dialog.name, 'UKey 确认（请先阅读）');
        assert.equal(dialog.description, `${request.title}\n请求网站: ${request.origin}\n${request.message}`);
        one(elements, 'label', request.title);
        assert.equal(one(elements, 'label', request.origin).labelledBy, '请求网站');
        one(elements, 'label', request.message);
        const content = one(elements, 'text', '确认内容');
        assert.match(content.description, /空格键/);
        assert.ok(content.states.includes('focused') && !content.states.includes('editable'));
        const { subject, issuer } = request.certificate;
        assert.equal(content.text, [
            ...request.fields.flatMap(({ label, value }) => [label, value]), '所用证书', subject, '颁发者', issuer, '证书用途', '签名',
            '有效期至', '2027-03-01（还有 99 天）', 'UKey', '投标 UKey  3201000000012345',
        ].join('\n'));
        assert.equal(can(one(elements, 'push button', '拒绝')), true);
        const agree = one(elements, 'push button', '同意并签名');
        assert.equal(can(agree), false);
        assert.equal(agree.description, '请向下阅读到末尾后再确认');
        one(elements, 'label', '请向下阅读到末尾后再确认');
        for (const element of elements) {
            if (element.states.includes('focusable')) assert.ok(element.name, `a ${element.role} that can have the focus has a name`);
        }

        await screen.keys('ctrl+End');
        // the tree is read piece by piece: the window's name may be of before
        elements = await bus.elements(PROGRAM, (seen) => can(one(seen, 'push button', '同意并签名')) && one(seen, 'dialog').name === 'UKey 确认');
        assert.equal(one(elements, 'push button', '同意并签名').description, '已显示全部内容');
        one(elements, 'label', '已显示全部内容');
        await screen.keys('Tab', 'Tab');
        await bus.elements(PROGRAM, (seen) => one(seen, 'push button', '同意并签名').states.includes('focused'));
        await screen.keys('Return');
        assert.equal(await answer, 'agree');
    });

    test('what is spelled out is told from the same letters typed', { timeout: 120_000 }, async () => {
        const { answer } = await show(strange());
        const elements = await bus.elements(PROGRAM, (seen) => seen.some(({ role }) => role === 'text'));
        assert.deepEqual(elements.flatMap(({ marked }) => marked ?? []), ['\\u{200B}', '\\u{202E}', '\\u{202C}', '\\u{2066}', '\\u{0007}']);
        assert.ok(elements.some(({ role, name }) => role === 'label' && /不可见字符或控制字符/.test(name)));
        assert.equal(/[\u200B\u202A-\u202E\u2066-\u2069\u0007]/u.test(JSON.stringify(elements)), false);
        await screen.keys('Escape');
        assert.equal(await answer, 'refuse');
    });

    test('the choice to be remembered has its name and its state', { timeout: 120_000 }, async () => {
        const { answer } = await show(pairing());
        const box = (seen) => one(seen, 'check box', '记住对此网站的选择');
        const elements = await bus.elements(PROGRAM, (seen) => seen.some(({ role }) => role === 'check box') && can(one(seen, 'push button', '允许')));
        assert.equal(box(elements).states.includes('checked'), false);
        await screen.keys('shift+Tab', 'space');
        await bus.elements(PROGRAM, (seen) => box(seen).states.includes('checked'));
        await screen.keys('Escape');
        assert.equal(await answer, 'refuse');
    });
});
