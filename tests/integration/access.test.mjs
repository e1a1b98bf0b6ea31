// Who may ask the agent: by Host, by Origin, by Unix user. Every refusal is refused before a token is touched.
import assert from 'node:assert/strict';
import { request } from 'node:https';
import { after, before, describe, test } from 'node:test';
import { run } from '../../tools/demo/program.mjs';
import { makeWorld, missing } from '../support/world.mjs';

describe('who may ask the agent', () => {
    let world;
    let session;
    after(() => world?.close());
    before(async () => {
        world = await makeWorld(null);
        const answer = await ask('POST', '/v1/pairing', { origin: world.serviceUrl, body: '{}' });
        assert.equal(answer.status, 201);
        session = answer.json.session;
    });

    function ask(method, path, { origin, host, headers = {}, body, address = '127.0.0.1' } = {}) {
        const all = { ...headers };
        if (origin !== undefined) all.origin = origin;
        if (host !== undefined) all.host = host;
        if (body !== undefined) all['content-type'] ??= 'application/json';
        return new Promise((resolve, reject) => {
            const asked = request(
                { host: address, port: world.agentPort, servername: 'localhost', ca: world.agentCa, method, path, headers: all, setHost: host === undefined },
                (answer) => {
                    const chunks = [];
                    answer.on('data', (chunk) => chunks.push(chunk));
                    answer.on('end', () => {
                        const text = Buffer.concat(chunks).toString();
                        let json = null;
                        try {
                            json = JSON.parse(text);
                        } catch {
                            // not JSON
                        }
                        resolve({ status: answer.statusCode, headers: answer.headers, text, json });
                    });
                },
            );
            asked.on('error', reject);
            asked.end(body);
        });
    }
    const host = (name = 'localhost') => `${name}:${world.agentPort}`;
    const withSession = { get 'openukey-session'() { return session; } };

    test('the paired page may list the keys, on both loopback addresses', async () => {
        for (const [address, name] of [['127.0.0.1', 'localhost'], ['127.0.0.1', '127.0.0.1'], ['::1', '[::1]']]) {
            const answer = await ask('GET', '/v1/tokens', { origin: world.serviceUrl, host: host(name), address, headers: withSession });
            assert.equal(answer.status, 200, name);
            assert.equal(answer.json.tokens.length, 1);
            assert.equal(answer.headers['access-control-allow-origin'], world.serviceUrl);
        }
    });

    test('a foreign Host is refused', async () => {
        for (const name of ['evil.test', `evil.test:${world.agentPort}`, 'localhost:1', `localhost.:${world.agentPort}`, '']) {
            const answer = await ask('GET', '/v1/tokens', { origin: world.serviceUrl, host: name, headers: withSession });
            assert.ok([400, 421].includes(answer.status), `${name}: ${answer.status}`);
            assert.doesNotMatch(answer.text, /serial/);
        }
    });

    test('a foreign, missing or look-alike Origin is refused, even with a good session', async () => {
        const url = new URL(world.serviceUrl);
        const foreign = [
            'https://evil.test', 'null', undefined, 'http://evil.test', `http://localhost:${url.port}`, `https://localhost:${url.port}.evil.test`,
            `https://user@localhost:${url.port}`, `HTTPS://LOCALHOST:${url.port}`, 'file://',
        ];
        for (const origin of foreign) {
            const answer = await ask('GET', '/v1/tokens', { origin, host: host(), headers: withSession });
            assert.ok([401, 403].includes(answer.status), `${origin}: ${answer.status}`);
            assert.doesNotMatch(answer.text, /serial/);
        }
    });

    test('an origin that is neither https nor loopback learns nothing and gets no CORS header', async () => {
        for (const path of ['/.well-known/openukey', '/v1/tokens']) {
            const answer = await ask('OPTIONS', path, {
                origin: 'http://evil.test', host: host(), headers: { 'access-control-request-method': 'GET' },
            });
            assert.equal(answer.headers['access-control-allow-origin'], undefined, path);
        }
    });

    test('a form post from any page has no effect', async () => {
        const before = world.dialogs.shown.length;
        const answer = await ask('POST', '/v1/pairing', {
            origin: 'https://evil.test', host: host(), headers: { 'content-type': 'text/plain' }, body: '{}',
        });
        assert.ok([403, 415].includes(answer.status));
        assert.equal(world.dialogs.shown.length, before, 'nobody was asked');
    });

    test('a session works for its own origin only', async () => {
        world.dialogs.agree('pairing');
        const answer = await ask('GET', '/v1/tokens', { origin: 'https://other.test', host: host(), headers: withSession });
        assert.equal(answer.status, 401);
    });

    test('a page that the person refuses gets no session', async () => {
        world.dialogs.refuse('pairing');
        const answer = await ask('POST', '/v1/pairing', { origin: 'https://refused.test', host: host(), body: '{}' });
        world.dialogs.agree('pairing');
        assert.deepEqual([answer.status, answer.json.code], [403, 'USER_CANCELLED']);
        assert.equal(world.dialogs.shown.at(-1).origin, 'https://refused.test');
    });

    const skip = process.getuid() !== 0 ? 'only root can become another user' : missing('setpriv');
    test('another Unix user of this computer is refused', { skip }, async () => {
        const script = `require('https').get({host:'127.0.0.1',port:${world.agentPort},path:'/.well-known/openukey',rejectUnauthorized:false,
            headers:{host:'${host()}',origin:'https://portal.test'}},(r)=>{let t='';r.on('data',(d)=>t+=d).on('end',()=>console.log(r.statusCode,t))})
            .on('error',(e)=>console.log('refused',e.code))`;
        const asOther = await run('setpriv', ['--reuid=65534', '--regid=65534', '--clear-groups', process.execPath, '-e', script], {
            env: { HOME: '/nonexistent', NODE_EXTRA_CA_CERTS: '' },
        });
        assert.match(asOther.stdout, /^(403 .*PEER_REFUSED|refused )/);
        const asOurselves = await run(process.execPath, ['-e', script]);
        assert.match(asOurselves.stdout, /^200 .*openukey-agent/);
    });
});
