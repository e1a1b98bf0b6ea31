// Many requests to one agent: 64 connections that stay, sites that listen, a key that comes and goes, signatures now and then, wrong
// requests. Nothing unexpected is answered, and the agent holds no more memory, descriptors or threads than before. LONG=1: 200 000 of them.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { readFileSync, readdirSync } from 'node:fs';
import test from 'node:test';
import { makeFetch } from '../../tools/demo/https-fetch.mjs';
import { RawWebSocket, until } from '../support/agent.mjs';
import { OTHER_KEY, makeWorld } from '../support/world.mjs';

const CONNECTIONS = 64;
const LISTENERS = 16;
const [WARM, REST] = process.env.LONG ? [10_000, 190_000] : [1_000, 4_000];
const MOST_KIB = 1024;
const MOST_THREADS = 96 + 8; // one for each connection (docs/agent.md, Limits), and the agent's own
const QUIET_MS = 20_000; // in which the agent gives back what it does not need
const sites = Array.from({ length: CONNECTIONS }, (_, i) => `https://site${i}.cn`);

/* What the sites ask, again and again: `guest` is the key that comes and goes. */
function requests(own, certificate, guest) {
    const statement = JSON.stringify({ certificate, nonce: '@', statement: { title: '确认', fields: [{ label: '金额', value: '1 元' }] } });
    const key = (id, good, absent) => [
        { method: 'GET', path: `/v1/tokens/${id}/certificates`, good: [...good, ...absent] },
        { method: 'GET', path: `/v1/tokens/${id}/seals`, good: [...good, ...absent] },
    ];
    const gone = ['NO_TOKEN', 'TOKEN_REMOVED'];
    return [
        { method: 'GET', path: '/.well-known/openukey', good: ['200'] },
        { method: 'GET', path: '/v1/tokens', good: ['200'] },
        ...key(own, ['200'], []),
        ...key(guest, ['200'], gone),
        { method: 'GET', path: '/v1/tokens', good: ['200'] },
        { method: 'POST', path: `/v1/tokens/${own}/sign`, body: statement, good: ['PIN_REQUIRED'] },
        { method: 'POST', path: '/v1/verify', body: JSON.stringify({ signature: 'MIIB', content: 'AAAA' }), good: ['200', 'BAD_REQUEST'] },
        { method: 'POST', path: '/v1/verify', body: '{"signature":', good: ['BAD_REQUEST'] },
        { method: 'GET', path: `/v1/tokens/${'0'.repeat(16)}/certificates`, good: ['NO_TOKEN'] },
        { method: 'DELETE', path: '/v1/tokens', good: ['METHOD_NOT_ALLOWED'] },
        { method: 'GET', path: '/v1/nothing', good: ['NOT_FOUND'] },
        { method: 'GET', path: '/v1/jobs/none', good: ['JOB_NOT_FOUND'] },
    ];
}

/* Runs the client to its end and answers its report. */
async function load(world, count, plan) {
    const args = [world.agentPort, world.agentCaFile, CONNECTIONS, count].map(String);
    const client = spawn(world.binary('agent-load'), args, { stdio: ['pipe', 'pipe', 'inherit'] });
    let said = '';
    client.stdout.on('data', (data) => (said += data));
    client.stdin.end(JSON.stringify(plan));
    const code = await new Promise((resolve, reject) => client.on('error', reject).on('close', resolve));
    assert.equal(code, 0, 'agent-load');
    return JSON.parse(said);
}

test('200 000 requests leave nothing behind', async (t) => {
    const world = await makeWorld(t, { keys: { key: {}, guest: { changes: OTHER_KEY } }, agentConfig: { origins: { allow: sites } } });
    const agent = await world.page();
    const tokens = await world.seen(2);
    const certificates = await Promise.all(tokens.map((token) => agent.certificates({ token })));
    const guest = tokens.find((_, i) => certificates[i][0].subject.commonName === OTHER_KEY.subject.CN);
    const own = tokens.find((token) => token !== guest);
    const sign = certificates[tokens.indexOf(own)].find((one) => one.usage === 'sign');
    await agent.verifyPin({ token: own });

    const pair = async (origin) => {
        const fetch = makeFetch({ ca: world.agentCa, origin });
        const answer = await fetch(`${world.agentUrl}/v1/pairing`, { method: 'POST', headers: { 'content-type': 'application/json' }, body: '{}' });
        assert.equal(answer.status, 201);
        return { origin, session: (await answer.json()).session };
    };
    const paired = await Promise.all(sites.map(pair));
    const listeners = [];
    for (const { origin, session } of paired.slice(0, LISTENERS)) {
        const listener = await RawWebSocket.open({ port: world.agentPort, ca: world.agentCa }, { origin });
        assert.equal(listener.status, 101);
        listener.answersPings = true;
        listener.send({ session });
        listeners.push(listener);
    }

    const { pid } = world.agent;
    const status = (name) => Number(new RegExp(`^${name}:\\s+(\\d+)`, 'm').exec(readFileSync(`/proc/${pid}/status`, 'utf8'))[1]);
    const descriptors = () => readdirSync(`/proc/${pid}/fd`).length;
    const said = [];

    /* What it holds when nothing goes on: the least of a while, in a long run, because only that looks at memory. */
    const held = async () => {
        const end = Date.now() + (process.env.LONG ? QUIET_MS : 0);
        let memory = status('RssAnon');
        while (Date.now() < end) {
            await new Promise((done) => setTimeout(done, 500));
            memory = Math.min(memory, status('RssAnon'));
        }
        return { memory, threads: status('Threads'), descriptors: descriptors() };
    };

    /* `count` requests, while keys come and go and documents are signed; the guest is there at the end. */
    const round = async (count) => {
        let over = false;
        let plugs = 0;
        let signatures = 0;
        let threads = 0;
        const hotplug = (async () => {
            const [listener] = listeners;
            const told = (action) => listener.messages.filter((message) => message.type === 'token' && message.action === action).length;
            while (!over) {
                const [removed, inserted] = [told('removed'), told('inserted')];
                await world.guest.unplug();
                await until(() => told('removed') > removed, 'the news that a key is gone', 60_000);
                await world.guest.plug();
                await until(() => told('inserted') > inserted, 'the news that a key is there', 60_000);
                plugs += 1;
            }
        })();
        const signing = (async () => {
            while (!over) {
                const document = { name: 'a.txt', content: Buffer.from(`content ${signatures}`).toString('base64') };
                const { signature } = await agent.sign({ token: own, certificate: sign.id, nonce: randomUUID(), document });
                assert.ok(signature);
                signatures += 1;
                threads = Math.max(threads, status('Threads'));
                await new Promise((done) => setTimeout(done, 100));
            }
        })();
        const plan = { host: `localhost:${world.agentPort}`, sites: paired, requests: requests(own.id, sign.id, guest.id) };
        const report = await load(world, count, plan).finally(() => (over = true));
        await Promise.all([hotplug, signing]);
        assert.deepEqual(report.wrong, []);
        assert.equal(Object.values(report.answers).reduce((a, b) => a + b), count);
        assert.ok(threads <= MOST_THREADS, `${threads} threads`);
        said.push(
            `${count} requests in ${report.seconds.toFixed(0)} s, key plugged ${plugs} times, ${signatures} signatures, ${report.opened} connections, ${threads} threads`,
        );
        return report;
    };

    await round(WARM);
    // the connections of the client have been taken down
    const settled = () => descriptors() < 16 + LISTENERS + CONNECTIONS / 2;
    await until(settled, 'the end of connections', 60_000);
    const before = await held();
    await round(REST);
    await until(() => descriptors() <= before.descriptors && status('Threads') <= before.threads, 'descriptors and threads as before', 60_000);
    const after = await held();
    for (const listener of listeners) {
        assert.ok(listener.messages.some((message) => message.type === 'token' && message.action === 'removed'), JSON.stringify(listener.messages.slice(0, 3)));
        assert.equal(listener.closed ?? false, false);
        listener.close();
    }
    t.diagnostic(`campaign: ${said.join('; ')}; RssAnon ${before.memory} KiB, then ${after.memory} KiB; ${after.descriptors} descriptors, ${after.threads} threads`);
    // a sanitizer keeps freed memory
    if (process.env.LONG && !process.env.SAN) assert.ok(after.memory - before.memory < MOST_KIB, `${before.memory} KiB, then ${after.memory} KiB`);
});
