// Every operation of docs/api/agent.yaml has a call in the SDK, and every event a listener.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { connect } from '../../../agent/web/sdk/src/index.mjs';
import { agentContract } from '../../support/openapi.mjs';

const { document } = agentContract();
const ID = '0123456789abcdef';
const json = (body) => new Response(JSON.stringify(body), { headers: { 'Content-Type': 'application/json' } });
const ANSWER = { name: 'openukey-agent', api: 'v1', version: '1', session: 's', tokens: [{ id: ID }], id: 'j', state: 'done', steps: [] };

/* What the SDK does for each operation; an operation that is not here fails the test below. */
const CALLS = {
    describe: () => {}, // connect() did
    pair: (agent) => agent.pair(),
    unpair: (agent) => agent.unpair(),
    listen: (agent) => agent.on('token', () => {}),
    listTokens: (agent) => agent.tokens(),
    listCertificates: (agent) => agent.certificates({ token: ID }),
    listSeals: (agent) => agent.seals({ token: ID }),
    verifyPin: (agent) => agent.verifyPin({ token: ID }),
    changePin: (agent) => agent.changePin({ token: ID }),
    sign: (agent) => agent.sign({ token: ID, certificate: 'c', nonce: 'n', statement: { title: 't', fields: [] } }),
    signLoginAssertion: (agent) => agent.loginAssertion({ token: ID, service: 's', nonce: 'n' }),
    decrypt: (agent) => agent.decrypt({ token: ID, envelope: '' }),
    stamp: (agent) => agent.stamp({ token: ID, seal: 's', name: 'n', propertyInfo: 'p' }),
    verify: (agent) => agent.verify({ signature: '' }),
    uploadDocument: (agent) => agent.uploadDocument('x'),
    startJob: (agent) => Promise.all(document.components.schemas.JobKind.enum.map((kind) => agent.jobs[kind]({ order: 'o', authorization: 'a' }))),
    getJob: (agent) => agent.jobs.get('j'),
    cancelJob: (agent) => agent.jobs.cancel('j'),
    listServices: (agent) => agent.services(),
    service: async (agent) => {
        for (const method of ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE']) await agent.service('default').fetch('/v1/orders', { method });
    },
};

const sockets = [];
class Socket extends EventTarget {
    constructor(url) {
        super();
        sockets.push(this);
        this.url = url;
    }
    send() {}
    close() {}
    push(message) {
        this.dispatchEvent(Object.assign(new Event('message'), { data: JSON.stringify(message) }));
    }
}

async function recordingAgent() {
    const asked = [];
    const fetch = async (url, { method = 'GET' } = {}) => {
        asked.push(`${method} ${new URL(url).pathname}`);
        return json(ANSWER);
    };
    const agent = await connect({ fetch, WebSocket: Socket, lang: 'en' });
    return { agent, asked };
}

test('every operation of the OpenAPI document has a call of the SDK', async () => {
    for (const [path, item] of Object.entries(document.paths)) {
        for (const method of Object.keys(item).filter((key) => !['parameters', 'description'].includes(key))) {
            const operation = item[method].operationId ?? 'service';
            assert.ok(CALLS[operation], `${operation}: no call of the SDK is known for ${method} ${path}`);
            const { agent, asked } = await recordingAgent();
            await CALLS[operation](agent);
            asked.push(...sockets.splice(0).map(({ url }) => `GET ${new URL(url).pathname}`));
            const pattern = new RegExp(`^${method.toUpperCase()} ${path.replace('{path}', '.+').replace(/\{\w+\}/g, '[^/]+')}$`);
            assert.ok(asked.some((one) => pattern.test(one)), `${operation}: ${method} ${path} was not asked, but ${asked.join(', ')}`);
            agent.close();
        }
    }
});

test('every type of event of the OpenAPI document reaches a listener', async () => {
    const { agent } = await recordingAgent();
    const types = document.components.schemas.Event.oneOf.map(({ properties }) => properties.type.const).filter((type) => type !== 'hello');
    const heard = [];
    for (const type of types) agent.on(type, (event) => heard.push([type, event]));
    const [socket] = sockets.splice(0);
    const token = { id: ID };
    socket.push({ type: 'hello' });
    for (const message of [
        { type: 'token', action: 'removed', token }, { type: 'job', job: { id: 'j' } }, { type: 'service', service: 'default', state: 'offline' },
        { type: 'session', state: 'ended' },
    ]) {
        socket.push(message);
    }
    assert.deepEqual(heard, [
        ['token', { action: 'removed', token }], ['job', { id: 'j' }], ['service', { service: 'default', state: 'offline' }],
        ['session', { state: 'ended' }],
    ]);
    assert.deepEqual([...new Set(heard.map(([type]) => type))].sort(), [...types].sort());
    agent.close();
});
