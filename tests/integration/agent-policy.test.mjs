// Every key of the policy file, and every value that it can have, does on a running agent what openukey-agent-policy(5) says. The rows below
// are held against the keys that the reader knows and those that the page describes: a key without a row fails.
import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { TestAgent, root, until } from '../support/agent.mjs';
import { agentContract } from '../support/openapi.mjs';

const [SITE, OTHER] = ['https://portal.cn', 'https://other.cn:8443'];
const KEY = '/v1/tokens/0123456789abcdef'; // not plugged in: what is let through ends at 404 or 400

/* What each action opens. */
const OPENS = {
    read: [['GET', '/v1/tokens'], ['GET', `${KEY}/certificates`], ['GET', `${KEY}/seals`], ['WebSocket', '/v1/events']],
    pin: [['POST', `${KEY}/verify-pin`]],
    'change-pin': [['POST', `${KEY}/change-pin`]],
    sign: [['POST', `${KEY}/sign`], ['POST', '/v1/documents']],
    login: [['POST', `${KEY}/login-assertion`]],
    decrypt: [['POST', `${KEY}/decrypt`]],
    stamp: [['POST', `${KEY}/stamp`]],
    verify: [['POST', '/v1/verify']],
    jobs: [['POST', '/v1/jobs'], ['GET', '/v1/jobs/1'], ['DELETE', '/v1/jobs/1']],
    service: [['GET', '/v1/service/default/x'], ['POST', '/v1/service/default/x'], ['PUT', '/v1/service/default/x'], ['PATCH', '/v1/service/default/x'], ['DELETE', '/v1/service/default/x']],
};
/* What needs no action. */
const FREE = ['GET /.well-known/openukey', 'POST /v1/pairing', 'DELETE /v1/pairing'];
/* What needs two. */
const READ_AND_SERVICE = ['GET', '/v1/service'];
const ACTIONS = Object.keys(OPENS);

let agent;
before(async () => {
    agent = new TestAgent();
    agent.config.policy = 'policy.json';
    write({});
    await agent.run();
});
after(() => agent?.close());

function write(rules) {
    writeFileSync(join(agent.dir, 'policy.json'), JSON.stringify(rules), { mode: 0o644 });
}

async function rule(rules) {
    const count = () => agent.logText.split('agent: reloaded').length;
    const earlier = count();
    write(rules);
    process.kill(agent.program.pid, 'SIGHUP');
    await until(() => count() > earlier, 'the reload');
    assert.doesNotMatch(agent.logText.split('agent: reloaded').at(-2), /the policy stays what it was/);
}

/* "refused", "asks" or "paired": what a site meets that wants to be paired, while its person would refuse. */
async function pairing(origin) {
    agent.answer({ decision: 'refuse' });
    const dialogs = agent.shown.length;
    const { status, json } = await agent.request('POST', '/v1/pairing', { origin, json: {} });
    const isAsked = agent.shown.length > dialogs;
    return status === 201 ? 'paired' : isAsked ? 'asks' : json.code === 'ORIGIN_REFUSED' ? 'refused' : json.code;
}

/* May the site do that? */
async function may(origin, session, [method, path]) {
    if (method === 'WebSocket') {
        const socket = await agent.webSocket({ origin });
        socket.close();
        return socket.status === 101;
    }
    const { json } = await agent.request(method, path, { origin, session, ...(/^P/.test(method) ? { json: {} } : {}) });
    return json?.code !== 'ACTION_REFUSED';
}

/* The actions that the site may do: all of the requests of each, or none. */
async function allowed(origin, session) {
    const found = [];
    for (const action of ACTIONS) {
        const answers = [];
        for (const request of OPENS[action]) answers.push(await may(origin, session, request));
        assert.equal(new Set(answers).size, 1, `${action}: ${answers}`);
        if (answers[0]) found.push(action);
    }
    assert.equal(await may(origin, session, READ_AND_SERVICE), ['read', 'service'].every((one) => found.includes(one)));
    return found;
}

const always = (more = {}) => ({ pairing: 'always', ...more });
const session = () => agent.pair(SITE);
const pageSaysPin = async () => (await agent.request('POST', `${KEY}/verify-pin`, { origin: SITE, session: await session(), json: { pin: '123456' } })).json.code;
const signsDigest = async () =>
    (await agent.request('POST', `${KEY}/sign`, { origin: SITE, session: await session(), json: { certificate: '0'.repeat(64), digest: Buffer.alloc(32).toString('base64') } })).json.code;

const ROWS = {
    'pairing = ask': async () => {
        await rule({ pairing: 'ask' });
        assert.deepEqual([await pairing(SITE), await pairing(OTHER)], ['asks', 'asks']);
    },
    'pairing = never': async () => {
        await rule({ pairing: 'never', origins: { [SITE]: { pairing: 'ask' } } });
        assert.deepEqual([await pairing(SITE), await pairing(OTHER)], ['asks', 'refused']);
    },
    'origins.pairing = always': async () => {
        await rule({ origins: { [SITE]: always() } });
        assert.deepEqual([await pairing(SITE), await pairing('https://portal.cn:8443'), await pairing(OTHER)], ['paired', 'asks', 'asks']);
    },
    'origins.pairing = ask': async () => {
        await rule({ pairing: 'never', origins: { [OTHER]: { pairing: 'ask' } } });
        assert.deepEqual([await pairing(SITE), await pairing(OTHER)], ['refused', 'asks']);
    },
    'origins.pairing = never': async () => {
        await rule({ origins: { [SITE]: { pairing: 'never' } } });
        assert.deepEqual([await pairing(SITE), await pairing(OTHER)], ['refused', 'asks']);
    },
    'origins.pin = native': async () => {
        await rule({ origins: { [SITE]: always({ pin: 'native' }) } });
        assert.equal(await pageSaysPin(), 'BAD_REQUEST');
    },
    'origins.pin = page': async () => {
        await rule({ origins: { [SITE]: always({ pin: 'page' }) } });
        assert.equal(await pageSaysPin(), 'NO_TOKEN');
    },
    'origins.raw-sign = never': async () => {
        await rule({ origins: { [SITE]: always({ 'raw-sign': 'never' }) } });
        assert.equal(await signsDigest(), 'ACTION_REFUSED');
    },
    'origins.raw-sign = ask': async () => {
        await rule({ origins: { [SITE]: always({ 'raw-sign': 'ask' }) } });
        assert.equal(await signsDigest(), 'NO_TOKEN');
    },
};
for (const action of ACTIONS) {
    const others = ACTIONS.filter((one) => one !== action);
    ROWS[`actions = ${action}`] = async () => {
        // sites that are not named, and named ones without a list of their own
        await rule({ actions: [action], origins: { [SITE]: always() } });
        assert.deepEqual(await allowed(SITE, await session()), [action]);
    };
    ROWS[`origins.actions = ${action}`] = async () => {
        // a list of its own counts, and not everybody's
        await rule({ actions: [action], origins: { [SITE]: always({ actions: others }) } });
        assert.deepEqual(await allowed(SITE, await session()), others);
    };
}

for (const [row, run] of Object.entries(ROWS)) test(row, { timeout: 120_000 }, run);

test('a key that nobody has laid down changes nothing: persons decide, all actions are allowed, PINs are typed and digests refused', async () => {
    await rule({ origins: { [SITE]: always() } });
    assert.deepEqual(await allowed(SITE, await session()), ACTIONS);
    assert.deepEqual([await pageSaysPin(), await signsDigest(), await pairing(OTHER)], ['BAD_REQUEST', 'ACTION_REFUSED', 'asks']);
});

/* What agent/access/policy.c takes: {key: [values]}. */
function known() {
    const source = readFileSync(join(root, 'agent/access/policy.c'), 'utf8');
    const strings = (text) => [...text.matchAll(/"([^"]+)"/g)].map(([, word]) => word);
    const words = (name) => [...new RegExp(`struct word ${name}\\[\\] = \\{([^;]*)\\};`, 's').exec(source)[1].matchAll(/\{"([^"]+)",/g)].map(([, word]) => word);
    const keysOf = (reader) => strings(new RegExp(`static int ${reader}\\([^;]*?keys\\[\\] = \\{([^}]*)\\}`, 's').exec(source)[1]);
    const values = { pairing: words('pairings'), actions: words('actions'), pin: words('pins'), 'raw-sign': words('raw_signs') };
    const everybodys = keysOf('take_document').filter((key) => key !== 'origins');
    return [
        // "always" for every site is refused: unit/agent-core/test_policy
        ...everybodys.flatMap((key) => values[key].filter((value) => !(key === 'pairing' && value === 'always')).map((value) => `${key} = ${value}`)),
        ...keysOf('take_site').flatMap((key) => values[key].map((value) => `origins.${key} = ${value}`)),
    ];
}

test('each key and value that the agent knows has a row above, and is in the manual page', () => {
    assert.deepEqual(Object.keys(ROWS).sort(), known().sort());
    const page = readFileSync(join(root, 'docs/man/openukey-agent-policy.5'), 'utf8').replaceAll('\\-', '-');
    const [everybodys, sites] = page.split('.BI origins');
    for (const row of Object.keys(ROWS)) {
        const [, isSites, key, value] = /^(origins\.)?(\S+) = (\S+)$/.exec(row);
        const text = isSites ? sites : everybodys;
        const entry = new RegExp(`^\\.BR ${key} " = " .*$`, 'm').exec(text);
        assert.ok(entry, `${row}: the page does not describe ${key}`);
        if (key === 'actions') assert.match(everybodys, new RegExp(`^\\.B ${value}$`, 'm'), row);
        else assert.match(entry[0], new RegExp(`\\b${value}\\b`), row);
    }
});

test('each operation of the API is opened by an action above, or said to need none', () => {
    const { paths } = agentContract().document;
    const operations = Object.entries(paths).flatMap(([path, item]) => ['get', 'put', 'post', 'delete', 'patch'].filter((method) => item[method]).map((method) => `${method.toUpperCase()} ${path}`));
    const general = ([method, path]) => `${method === 'WebSocket' ? 'GET' : method} ${path.replace(KEY, '/v1/tokens/{id}').replace('/jobs/1', '/jobs/{id}').replace('/default/x', '/{profile}/{path}')}`;
    assert.deepEqual(operations.sort(), [...Object.values(OPENS).flat().map(general), general(READ_AND_SERVICE), ...FREE].sort());
});
