// "This key holds data already. Continue?" (R183): asked by ukey-consent on a virtual screen, and answered with the keyboard.
import assert from 'node:assert/strict';
import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { until } from '../support/agent.mjs';
import { JobBench } from '../support/job_bench.mjs';
import { Screen } from '../support/screen.mjs';
import { missing } from '../support/world.mjs';

const TITLE = '此 UKey 中已有数据，是否继续？';
const READY = '^UKey 确认$'; // the window's title when Agree can be chosen

/* What was answered, as the audit journal has it. */
const answers = ({ agentState }) => {
    const folder = join(agentState, 'audit');
    const lines = readdirSync(folder).filter((name) => name.endsWith('.jsonl')).flatMap((name) => readFileSync(join(folder, name), 'utf8').split('\n'));
    return lines.filter((line) => line.includes('"job-confirm"')).map((line) => JSON.parse(line).answer);
};
const idsOf = ({ certificates, seals }) => [...certificates, ...seals].map(({ id }) => id).sort();

test('a key that holds data is filled only if its person says so', { skip: missing('Xvfb', 'xdotool') }, async (t) => {
    const screen = await new Screen().start();
    t.after(() => screen.stop());
    const bench = await JobBench.make(t, 'replace', { agentEnv: { ...screen.env, GTK_IM_MODULE: 'gtk-im-context-simple', NO_AT_BRIDGE: '1' } });
    const useDialog = async (consent) => {
        await bench.agent.stop();
        Object.assign(bench.options.agentConfig, { consent, origins: { allow: [bench.serviceUrl] } });
        await bench.startAgent();
        await bench.seen();
    };
    const isReady = async () => (await screen.windows(READY, 'name')).length > 0;
    /* The job until it asks: how it ends, later. */
    const ask = async () => {
        const agent = await bench.page({ lang: 'zh-CN' });
        const token = await agent.token();
        await agent.verifyPin({ token });
        const job = await agent.jobs.replace({ ...bench.ready, token: token.id });
        const ended = job.finished();
        ended.catch(() => {}); // how it ends is asked for below
        await screen.window('ukey-consent');
        await until(isReady, 'Agree can be chosen', 60_000);
        return { ended };
    };
    const answer = async (...keys) => {
        const { ended } = await ask();
        await screen.keys(...keys);
        return ended;
    };
    const nothingWritten = async () => {
        assert.deepEqual(idsOf(await bench.look()), idsOf(bench.before));
        assert.deepEqual(await bench.rows('SELECT id FROM issuances'), []);
    };

    await t.test('it is asked in the words of the manuals, with what the key holds', async () => {
        bench.dialogs.refuse('confirm');
        const agent = await bench.page({ lang: 'zh-CN' });
        const token = await agent.token();
        await agent.verifyPin({ token });
        const job = await agent.jobs.replace({ ...bench.ready, token: token.id });
        await assert.rejects(job.finished(), { code: 'USER_CANCELLED' });
        const shown = bench.dialogs.shown.at(-1);
        assert.deepEqual([shown.title, shown.origin], [TITLE, bench.serviceUrl]);
        const values = shown.fields.map(({ value }) => value);
        for (const value of [bench.ready.order, bench.before.sign.subjectText]) assert.ok(values.includes(value), value);
        await nothingWritten();
    });
    await useDialog(bench.binary('ukey-consent'));
    await t.test('refused with Escape, and with the button, nothing is written or asked for', async () => {
        await assert.rejects(answer('Escape'), { code: 'USER_CANCELLED' });
        await nothingWritten();
        await assert.rejects(answer('Tab', 'Return'), { code: 'USER_CANCELLED' });
        await nothingWritten();
    });
    await t.test('the agent ends while it is asked: so does the window, and nothing is written', async () => {
        const { ended } = await ask();
        await bench.agent.stop();
        await assert.rejects(ended);
        await until(async () => (await screen.windows('ukey-consent')).length === 0, 'the window is gone', 60_000);
        await bench.startAgent();
        await bench.seen();
        await nothingWritten();
    });
    await t.test('agreed to, the new certificate comes beside what is there, which works on', async () => {
        const job = await answer('Tab', 'Tab', 'Return');
        await useDialog(bench.dialogs.consent); // what is signed from here on is not this test's
        await bench.assertDone(job);
    });
    await t.test('what was answered is in the audit journal', () => {
        assert.deepEqual(answers(bench), ['refused', 'refused', 'refused', 'gone', 'given']);
    });
});
