// The agent with everything at once: many sites that pair, read, listen and leave, keys that come and go, reloads, sites that are revoked.
// Nothing unexpected is answered and the agent ends cleanly. `make check-threads` runs this with an agent and a module that
// ThreadSanitizer watches (STRESS_BUILD).
import assert from 'node:assert/strict';
import { readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'node:test';
import { run } from '../../tools/demo/program.mjs';
import { TestAgent, until } from '../support/agent.mjs';

const SITES = 12;
const ROUNDS = process.env.LONG ? 200 : 12;

// what a site may hear at any moment of this; anything else is wrong
const EXPECTED = new Set([
    'PAIRING_REQUIRED', 'SESSION_INVALID', 'ORIGIN_REFUSED', 'ACTION_PENDING', 'RATE_LIMITED', 'NO_TOKEN', 'TOKEN_REMOVED', 'TOKEN_ERROR',
    'JOB_NOT_FOUND', 'PIN_REQUIRED', 'DIALOG_UNAVAILABLE', 'USER_CANCELLED',
]);

test('many sites, keys that come and go, reloads and revocations at once', async (t) => {
    const agent = await TestAgent.start(t, { ready: false });
    const origins = Array.from({ length: SITES }, (_, i) => `https://site${i}.cn`);
    agent.config.policy = 'policy.json';
    agent.config.log = 'info';
    const rules = (never) => JSON.stringify({
        origins: Object.fromEntries(origins.map((origin, i) => [origin, { pairing: i === never ? 'never' : 'always' }])),
    });
    writeFileSync(join(agent.dir, 'policy.json'), rules(-1), { mode: 0o644 });
    await agent.run({ build: process.env.STRESS_BUILD });
    let over = false;
    let answers = 0;

    const ask = async (method, path, more) => {
        const answer = await agent.request(method, path, more);
        answers += 1;
        if (answer.status >= 400) assert.ok(EXPECTED.has(answer.json?.code), `${method} ${path}: ${answer.status} ${answer.body}`);
        return answer;
    };
    const visit = async (origin, round) => {
        const paired = await ask('POST', '/v1/pairing', { origin, json: {} });
        if (paired.status !== 201) return;
        const { session } = paired.json;
        const mine = { origin, session };
        const socket = await agent.webSocket({ origin });
        if (socket.status === 101) socket.send({ session });
        const { json } = await ask('GET', '/v1/tokens', mine);
        const id = json.tokens?.[0]?.id ?? '0123456789abcdef';
        await Promise.all([
            ask('GET', `/v1/tokens/${id}/certificates`, mine), ask('GET', `/v1/tokens/${id}/seals`, mine), ask('GET', '/v1/jobs/none', mine),
            ask('POST', `/v1/tokens/${id}/verify-pin`, { ...mine, json: {} }), ask('GET', '/.well-known/openukey', { origin }),
        ]);
        if (round % 3) await ask('DELETE', '/v1/pairing', mine);
        socket.close();
    };
    const sites = origins.map(async (origin) => {
        for (let round = 0; round < ROUNDS; round++) await visit(origin, round);
    });
    const hotplug = ['SHARINGAGENT1', 'SHARINGAGENT2'].map(async (serial) => {
        while (!over) {
            const key = await agent.plugKey(serial);
            await until(() => over || answers % 7 === 0, 'some answers', 60_000);
            await key.stop();
        }
    });
    const reloads = (async () => {
        for (let i = 0; !over; i++) {
            writeFileSync(join(agent.dir, 'policy.json'), rules(i % (2 * SITES)), { mode: 0o644 });
            process.kill(agent.program.pid, 'SIGHUP');
            await run(agent.binary, ['origins', 'revoke', origins[i % SITES], '--config', agent.configFile]);
        }
    })();
    // an agent that has ended says why
    const why = (error) => agent.program.ended.then(() => assert.fail(`${error.message}: ${agent.program.said}`));
    await Promise.all(sites)
        .catch((error) => (error.code === 'ECONNRESET' ? why(error) : Promise.reject(error)))
        .finally(() => (over = true));
    await Promise.all([...hotplug, reloads]);
    assert.ok(answers >= SITES * ROUNDS);
    await run(agent.binary, ['audit', 'verify', '--config', agent.configFile]);
    const quiet = () => readdirSync(`/proc/${agent.program.pid}/fd`).length < 100;
    await until(quiet, 'its descriptors', 60_000);
    assert.deepEqual(await agent.stop(), { code: 0, signal: null }, agent.program.said);
});
