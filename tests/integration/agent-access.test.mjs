// Pairing, sessions and the command line of the real ukey-agent.
import assert from 'node:assert/strict';
import { existsSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import test, { after, before } from 'node:test';
import { Program, run } from '../../tools/demo/program.mjs';
import { TestAgent, until } from '../support/agent.mjs';

const GOOD = 'https://good.cn'; // paired by configuration in this agent
const CORS = 'access-control-allow-origin';

let agent;
let session;

before(async () => {
    agent = new TestAgent();
    agent.config.origins = { allow: [GOOD] };
    await agent.run();
    session = await agent.pair(GOOD);
});

after(() => agent?.close());

test('a site is paired by a person: shown its origin, refused, remembered, and asked one at a time', async () => {
    const first = 'https://first.cn';
    agent.answer({ decision: 'refuse' });
    const refused = await agent.request('POST', '/v1/pairing', { origin: first, json: {}, headers: { 'Accept-Language': 'en' } });
    assert.equal(refused.status, 403);
    assert.equal(refused.json.code, 'USER_CANCELLED');
    assert.equal(refused.headers[CORS], first);
    const shown = agent.shown.at(-1);
    assert.equal(shown.kind, 'pairing');
    assert.equal(shown.origin, first);
    assert.equal(shown.lang, 'en');
    assert.deepEqual(shown.choices, ['once', 'always', 'never']);
    for (const nonsense of ['', '{}', 'agree', '{"decision":"agreed"}', '{"decision":"agree"}x', '{"decision":"agree","decision":"agree"}']) {
        agent.answer(nonsense);
        const answer = await agent.request('POST', '/v1/pairing', { origin: `https://n${nonsense.length}.cn`, json: {} });
        assert.equal(answer.status, 403, nonsense);
    }
    assert.equal((await agent.request('POST', '/v1/pairing', { origin: first, json: { origin: GOOD } })).status, 400);

    // two at once: the second is told to wait, and so is the same site again
    agent.answer({ decision: 'agree', choice: 'always' });
    await agent.hold();
    const pending = agent.request('POST', '/v1/pairing', { origin: first, json: {} });
    await agent.dialogIsOpen();
    const second = await agent.request('POST', '/v1/pairing', { origin: 'https://second.cn', json: {} });
    assert.equal(second.status, 409);
    assert.equal(second.json.code, 'ACTION_PENDING');
    agent.release();
    const paired = await pending;
    assert.equal(paired.status, 201);
    assert.equal(paired.json.decision, 'always');
    assert.equal(paired.json.origin, first);
    assert.match(paired.json.session, /^[A-Za-z0-9_-]{43}$/);

    // remembered: no dialog any more
    const dialogs = agent.shown.length;
    agent.answer({ decision: 'refuse' });
    const again = await agent.request('POST', '/v1/pairing', { origin: first, json: {} });
    assert.equal(again.status, 201);
    assert.notEqual(again.json.session, paired.json.session);
    assert.equal(agent.shown.length, dialogs);
    // "once" is not
    agent.answer({ decision: 'agree', choice: 'once' });
    await agent.pair('https://second.cn');
    await agent.pair('https://second.cn');
    assert.equal(agent.shown.length, dialogs + 2);
});

test('when the page goes away, its dialog goes', async () => {
    await agent.hold();
    const leaving = new AbortController();
    const pending = agent.request('POST', '/v1/pairing', { origin: 'https://leaving.cn', json: {}, signal: leaving.signal });
    await agent.dialogIsOpen();
    leaving.abort();
    await assert.rejects(pending);
    await until(() => agent.dialogState === 'ended', 'the end of the dialog');
    rmSync(join(agent.dir, 'hold'));
    // the next action may begin once the agent has seen its program end
    await until(async () => (await agent.request('POST', '/v1/pairing', { origin: 'https://other.cn', json: {} })).status === 201, 'the next action');
});

test('a site that nags with dialogs is stopped', async () => {
    agent.answer({ decision: 'refuse' });
    let limited = null;
    for (let i = 0; i < 10 && limited === null; i++) {
        const answer = await agent.request('POST', '/v1/pairing', { origin: 'https://nag.cn', json: {} });
        if (answer.status === 429) limited = { answer, after: i };
    }
    agent.answer({ decision: 'agree', choice: 'once' });
    assert.equal(limited.answer.json.code, 'RATE_LIMITED');
    assert.equal(limited.answer.json.retryable, true);
    assert.equal(limited.after, 6);
});

test('every origin has its share of requests a minute', async () => {
    const mine = await agent.pair('https://busy.cn');
    let limited = null;
    for (let i = 0; i < 1400 && !limited; i += 50) {
        const answers = await Promise.all(Array.from({ length: 50 }, () => agent.request('GET', '/v1/jobs/x', { origin: 'https://busy.cn', session: mine })));
        limited = answers.find((answer) => answer.status === 429);
    }
    assert.equal(limited?.json.code, 'RATE_LIMITED');
    assert.ok(Number(limited.headers['retry-after']) > 0);
    assert.equal((await agent.request('GET', '/v1/tokens', { origin: GOOD, session })).status, 200, 'others are not disturbed');
});

test('pairings that a person chose for good outlive the agent; sessions do not; one agent works in a state folder', async (t) => {
    const own = await TestAgent.start(t);
    own.answer({ decision: 'agree', choice: 'always' });
    const before = await own.pair('https://kept.cn');
    const twin = await Program.start({ command: own.binary, args: ['--config', own.configFile], ready: null });
    assert.equal((await twin.ended).code, 1);
    assert.match(twin.said, /another agent is already running/);
    const ended = await own.stop();
    assert.deepEqual(ended, { code: 0, signal: null }, 'SIGTERM ends it cleanly');
    await own.run();
    own.answer({ decision: 'refuse' });
    assert.equal((await own.request('GET', '/v1/tokens', { origin: 'https://kept.cn', session: before })).status, 401);
    assert.equal((await own.request('POST', '/v1/pairing', { origin: 'https://kept.cn', json: {} })).json.decision, 'always');
    assert.equal(own.shown.length, 1);
});

test('a mistake in the configuration is named, and --help and --version answer', async (t) => {
    const own = await TestAgent.start(t, { config: { statee: 'x' }, ready: false });
    await assert.rejects(() => own.run(), /unknown key statee/);
    assert.match((await run(own.binary, ['--help'], { env: { LANG: 'en_US.UTF-8', LC_ALL: '' } })).stdout, /usage: ukey-agent/);
    assert.match((await run(own.binary, ['--help'], { env: { LANG: 'zh_CN.UTF-8', LC_ALL: '' } })).stdout, /用法/);
    assert.match((await run(own.binary, ['--version'])).stdout, /^ukey-agent \d/);
    assert.equal((await run(own.binary, ['--nonsense'], { allow: [2] })).code, 2);
    assert.equal((await run(own.binary, ['--config'], { allow: [2] })).code, 2);
});

test('browsers are made to trust the agent, and no longer', { skip: !existsSync('/usr/bin/certutil') && 'needs certutil' }, async (t) => {
    const own = await TestAgent.start(t);
    const nssdb = join(own.dir, 'nss', 'db');
    const trust = (verb, allow = [0]) => run(own.binary, ['trust', verb, '--config', own.configFile, '--nssdb', nssdb], { allow });
    assert.match((await trust('status', [1])).stdout, /no database/);
    assert.match((await trust('install')).stdout, /: trusted/);
    assert.match((await trust('status')).stdout, /: trusted/);
    const { stdout } = await run('certutil', ['-d', `sql:${nssdb}`, '-L']);
    assert.match(stdout, /OpenUKey local CA [0-9a-f]{12}\s+C,,/);
    assert.match((await trust('remove')).stdout, /not trusted/);
    assert.match((await trust('status', [1])).stdout, /not trusted/);
    assert.equal((await run(own.binary, ['trust', 'nonsense', '--config', own.configFile], { allow: [2] })).code, 2);
});
