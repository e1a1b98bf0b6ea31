// ukey-consent alone on a virtual screen: what the person sees, and that only who has seen the end can agree. Keyboard only.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { run } from '../../tools/demo/program.mjs';
import { build, until } from '../support/agent.mjs';
import { documents, pairing, statement, strange } from '../support/dialog_requests.mjs';
import { Screen } from '../support/screen.mjs';
import { missing } from '../support/world.mjs';

const program = join(build, 'bin/ukey-consent');
const READY = '^UKey 确认$'; // the title when Agree can be chosen
const MARK = /#F[EF]D[67]9[EF]/; // the ground of what is spelled out

describe('the consent window', { skip: missing('Xvfb', 'xdotool', 'import') }, () => {
    let screen;
    before(async () => {
        screen = await new Screen().start();
    });
    after(() => screen?.stop());

    // as the agent starts it: without the runner's wish to see what GTK keeps until the end
    const { ASAN_OPTIONS: _, ...environment } = process.env;
    /* The window on its screen: {id, child, answer}. */
    const show = async (request) => {
        const child = spawn(program, [], { env: { ...environment, ...screen.env, NO_AT_BRIDGE: '1' }, stdio: ['pipe', 'pipe', 'inherit'] });
        child.stdin.on('error', () => {});
        child.stdin.end(JSON.stringify(request));
        let said = '';
        child.stdout.on('data', (data) => (said += data));
        const answer = new Promise((done) => child.on('close', (code) => done({ code, ...(said && JSON.parse(said)) })));
        return { child, answer, id: await screen.window('ukey-consent') };
    };
    const isReady = async () => (await screen.windows(READY, 'name')).length > 0;
    const ready = () => until(isReady, 'Agree can be chosen', 60_000);
    const colours = async (id) => (await run('import', ['-window', id, '-depth', '8', '-format', '%c', 'histogram:info:-'], { env: screen.env })).stdout;

    /* Turns pages until Agree can be chosen; how many. */
    const readOn = async () => {
        let pages = 0;
        await until(async () => {
            if (await isReady()) return true;
            await screen.keys('space');
            pages++;
        }, 'the end was seen', 120_000);
        return pages;
    };
    const agreed = { code: 0, decision: 'agree' }, refused = { code: 0, decision: 'refuse' };

    for (const [what, request, most] of [['200 fields', statement(200), 10], ['a batch of 50 documents', documents(50), 10]]) {
        test(`of ${what} every page has to be turned before Agree is awake`, { timeout: 300_000 }, async () => {
            const window = await show(request);
            await screen.keys('Tab', 'Tab', 'Return', 'Return'); // Refuse, then back in the text
            assert.ok((await readOn()) >= most, 'it took many pages');
            await screen.keys('Tab', 'Tab', 'Return');
            assert.deepEqual(await window.answer, agreed);
        });
    }

    test('one document is agreed to at once, for its end is seen', { timeout: 120_000 }, async () => {
        const window = await show({ ...documents(1), certificate: undefined });
        await ready();
        await screen.keys('Tab', 'Tab', 'Return');
        assert.deepEqual(await window.answer, agreed);
    });

    test('bidi and control characters are spelled out on a ground of their own, and the same letters typed are not', { timeout: 300_000 }, async () => {
        const grounds = async (request) => {
            const window = await show(request);
            await readOn();
            await screen.keys('ctrl+Home');
            let seen = '';
            await until(async () => (seen = await colours(window.id)).length > 500, 'it is drawn', 60_000);
            await screen.keys('Escape');
            assert.deepEqual(await window.answer, refused);
            return MARK.test(seen);
        };
        const fields = (value) => ({ ...strange(), title: '核对', fields: [{ label: '收款人', value }] });
        assert.equal(await grounds(fields('付款给 \u202EXYZ')), true, 'bidi');
        assert.equal(await grounds(fields('6222\u00070000')), true, 'control');
        assert.equal(await grounds({ ...fields('6222'), title: '核对\u200B' }), true, 'in the title');
        assert.equal(await grounds(fields('\\u{202E}XYZ')), false, 'typed by somebody');
    });

    test('with nothing to read, pairing waits for its guard and for the person', { timeout: 120_000 }, async () => {
        const window = await show(pairing());
        await ready();
        await screen.keys('shift+Tab', 'space', 'Tab', 'Tab', 'Return');
        assert.deepEqual(await window.answer, { ...agreed, choice: 'always' });
    });

    test('when nobody waits for the answer the window goes', { timeout: 120_000 }, async () => {
        const window = await show(statement(200));
        window.child.stdout.destroy();
        await until(async () => (await screen.windows('ukey-consent')).length === 0, 'the window is gone', 60_000);
    });

    test('a certificate that is not described as it should be is not shown', async () => {
        for (const wrong of [{ daysLeft: '99' }, { usage: 'anything' }, { subject: 7 }, { more: '' }]) {
            const request = { ...statement(2), certificate: { ...statement(2).certificate, ...wrong } };
            const { code, stderr } = await run(program, [], { input: JSON.stringify(request), env: screen.env, allow: [1] });
            assert.equal(code, 1);
            assert.match(stderr, /bad request/);
        }
    });
});
