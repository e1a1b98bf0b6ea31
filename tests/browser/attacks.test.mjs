// The attack cases of docs/threat-model.md in which a browser has a say, in Chromium and in Firefox: what pages of other sites can do with
// an agent that runs on the same computer. Every name begins with the case's number. Browsers trust the agent and the sites' CA, as a
// person's would; every page here is on loopback, so that no permission prompt stands in for the agent's own defence.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { createServer as createHttpsServer } from 'node:https';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { run } from '../../tools/demo/program.mjs';
import { TestAgent, until } from '../support/agent.mjs';
import { Chromium, Firefox } from '../support/browsers.mjs';
import { makeCertificate, signLeaf, startSite } from '../support/site.mjs';

const SERIAL = 'BROWSERATTACK1';
const HOSTS = ['good.test', 'friend.test', 'evil.test', 'denied.test', 'good.test.evil.test', 'agood.test'];
const GETS = ['/.well-known/openukey', '/v1/tokens', '/v1/tokens/0123456789abcdef/certificates', '/v1/tokens/0123456789abcdef/seals', '/v1/jobs/1', '/v1/service/default/v1/keys', '/v1/events'];

/* The agent's CA certificate again, with a key that we have: the agent destroys its own. */
async function twinOfTheAgentsCa(agent) {
    const file = (name) => join(agent.dir, name);
    await run('openssl', ['genpkey', '-algorithm', 'EC', '-pkeyopt', 'ec_paramgen_curve:P-256', '-out', file('twin.key')]);
    await run('openssl', ['x509', '-in', join(agent.dir, 'state/tls/ca.pem'), '-signkey', file('twin.key'), '-set_serial', '0x4711', '-days', '30', '-out', file('twin.pem')]);
    const extensions = async (pem) => (await run('openssl', ['x509', '-in', pem, '-noout', '-ext', 'nameConstraints,basicConstraints,keyUsage'])).stdout;
    assert.equal(await extensions(file('twin.pem')), await extensions(join(agent.dir, 'state/tls/ca.pem')));
    assert.match(await extensions(file('twin.pem')), /Name Constraints: critical[^]*DNS:localhost/);
    await signLeaf({ ca: file('twin.pem'), caKey: file('twin.key'), key: file('twin-good.key'), cert: file('twin-good.pem'), names: ['DNS:localhost'] });
    await signLeaf({ ca: file('twin.pem'), caKey: file('twin.key'), key: file('twin-evil.key'), cert: file('twin-evil.pem'), names: ['DNS:evil.test'] });
    return { ca: file('twin.pem'), good: { key: file('twin-good.key'), cert: file('twin-good.pem') }, evil: { key: file('twin-evil.key'), cert: file('twin-evil.pem') } };
}

for (const Browser of [Chromium, Firefox]) {
    describe(Browser.name, { skip: Browser.missing() }, () => {
        let agent, tls, site, plain, twin, browser, session, base;
        const sites = [];
        const origin = (host) => `https://${host}:${site.port}`;

        before(async () => {
            agent = new TestAgent();
            tls = await makeCertificate(agent.dir, 'site', HOSTS.map((host) => `DNS:${host}`));
            site = await startSite(tls);
            plain = await startSite(null);
            sites.push(site, plain);
            agent.config.origins = { allow: [origin('good.test'), origin('friend.test')], deny: [origin('denied.test')] };
            await agent.plugKey(SERIAL);
            await agent.run();
            base = `https://localhost:${agent.port}`;
            session = await agent.pair(origin('good.test'));
            await until(async () => (await agent.request('GET', '/v1/tokens', { origin: origin('good.test'), session })).body.includes(SERIAL), 'the key');
            twin = await twinOfTheAgentsCa(agent);
            const cas = [tls.ca, join(agent.dir, 'state/tls/ca.pem'), twin.ca];
            browser = await Browser.start(agent.dir, { cas, hosts: HOSTS });
        });
        after(async () => {
            await browser?.close();
            for (const one of sites) await one.close();
            await agent?.close();
        });

        const FETCH = `const [url, options] = args;
            try {
                const answer = await fetch(url, options);
                return { status: answer.status, type: answer.type, text: await answer.text() };
            } catch (error) { return { error: error.name }; }`;
        const fetchFrom = async (page, path, options = {}) => page.evaluate(FETCH, path.startsWith('http') ? path : base + path, options);
        const REFUSED = { error: 'TypeError' };

        test('a paired page reads the keys: what the others below are kept from', async () => {
            const page = await browser.open(`${origin('good.test')}/`);
            const answer = await fetchFrom(page, '/v1/tokens', { headers: { 'OpenUKey-Session': session } });
            assert.equal(answer.status, 200);
            assert.ok(answer.text.includes(SERIAL));
            await page.close();
        });

        test('2: a name that was rebound to this computer is refused by the browser: the certificate is not for it', async () => {
            const page = await browser.open(`${origin('evil.test')}/`);
            for (const path of ['/.well-known/openukey', '/v1/tokens']) {
                assert.deepEqual(await fetchFrom(page, `https://evil.test:${agent.port}${path}`), REFUSED);
            }
            await page.goto(`https://evil.test:${agent.port}/.well-known/openukey`);
            assert.doesNotMatch(await page.text().catch(() => ''), /openukey-agent/);
            await page.close();
            assert.doesNotMatch(agent.logText, /HOST_REFUSED/, 'the request did not even reach the agent');
        });

        test('3: pages without an origin of their own get nothing', async () => {
            const page = await browser.open(`${origin('good.test')}/`);
            const answer = await page.evaluate(
                `const [url, session] = args;
                return new Promise((done) => {
                    addEventListener('message', (event) => done(event.data), { once: true });
                    const frame = document.createElement('iframe');
                    frame.sandbox = 'allow-scripts';
                    frame.srcdoc = '<script>fetch(' + JSON.stringify(url) + ', { headers: { "OpenUKey-Session": ' + JSON.stringify(session) +
                        '} }).then((a) => a.text(), (e) => "refused " + e.name).then((text) => parent.postMessage(text, "*"))<' + '/script>';
                    document.body.append(frame);
                });`,
                `${base}/v1/tokens`, session,
            );
            assert.equal(answer, 'refused TypeError');
            await page.close();
        });

        test('4: look-alikes of a paired site get nothing: other names around it, its other ports, its http', async () => {
            const asking = { headers: { 'OpenUKey-Session': session } };
            const other = await startSite(tls);
            sites.push(other);
            const alike = [origin('good.test.evil.test'), origin('agood.test'), `https://good.test:${other.port}`, `http://good.test:${plain.port}`];
            for (const from of alike) {
                const page = await browser.open(`${from}/`);
                assert.equal(await page.evaluate('return location.origin'), from);
                assert.deepEqual(await fetchFrom(page, '/v1/tokens', asking), REFUSED, from);
                await page.close();
            }
        });

        test('5: a preflight passes for who may ask there, and for nobody else', async () => {
            const asking = { headers: { 'OpenUKey-Session': session } };
            const posting = { method: 'POST', headers: { 'Content-Type': 'application/json' }, body: '{"x":1}' };
            const expected = {
                'evil.test': { tokens: REFUSED, pairing: 400 },
                'denied.test': { tokens: REFUSED, pairing: REFUSED },
                'friend.test': { tokens: 401, pairing: 400 },
                'good.test': { tokens: 200, pairing: 400 },
            };
            for (const [host, wanted] of Object.entries(expected)) {
                const page = await browser.open(`${origin(host)}/`);
                const said = async (path, options) => {
                    const answer = await fetchFrom(page, path, options);
                    return answer.status ?? answer;
                };
                assert.deepEqual({ tokens: await said('/v1/tokens', asking), pairing: await said('/v1/pairing', posting) }, wanted, host);
                await page.close();
            }
            const page = await browser.open(`http://localhost:${plain.port}/`);
            assert.deepEqual(await fetchFrom(page, '/v1/tokens', asking), REFUSED, 'http on loopback may be paired, and is not');
            await page.close();
        });

        test('6: a form posted from any page has no effect', async () => {
            const dialogs = agent.shown.length;
            for (const host of ['evil.test', 'good.test']) {
                for (const [enctype, path] of [['text/plain', '/v1/pairing'], ['application/x-www-form-urlencoded', '/v1/jobs'], ['multipart/form-data', '/v1/pairing']]) {
                    const page = await browser.open(`${origin(host)}/`);
                    await page.evaluate(
                        `const [action, enctype] = args;
                        const form = Object.assign(document.createElement('form'), { method: 'POST', action, enctype });
                        form.append(Object.assign(document.createElement('input'), { name: '{"a":"', value: '"}' }));
                        document.body.append(form);
                        setTimeout(() => form.submit(), 0);`,
                        base + path, enctype,
                    );
                    await until(async () => /urn:openukey:problem/.test(await page.text().catch(() => '')), 'the answer', 60_000);
                    assert.match(await page.text(), /UNSUPPORTED_MEDIA_TYPE|ORIGIN_REFUSED/, `${host} ${enctype}`);
                    await page.close();
                }
            }
            assert.equal(agent.shown.length, dialogs);
        });

        test('7: images, scripts, styles and plain GETs of every route give no data and do nothing', async () => {
            const dialogs = agent.shown.length;
            for (const host of ['evil.test', 'good.test']) {
                const page = await browser.open(`${origin(host)}/`);
                const loaded = await page.evaluate(
                    `const [urls] = args;
                    const load = (tag, name, url, more) => new Promise((done) => {
                        const element = Object.assign(document.createElement(tag), more);
                        element.onload = () => done(tag + ' ' + url);
                        element.onerror = () => done(null);
                        element[name] = url;
                        document.body.append(element);
                    });
                    const before = Object.keys(window).length;
                    const all = await Promise.all(urls.flatMap((url) => [load('img', 'src', url), load('script', 'src', url), load('link', 'href', url, { rel: 'stylesheet' })]));
                    return { loaded: all.filter(Boolean), globals: Object.keys(window).length - before };`,
                    GETS.map((path) => base + path),
                );
                assert.deepEqual(loaded, { loaded: [], globals: 0 }, host);
                const opaque = await fetchFrom(page, '/v1/tokens', { mode: 'no-cors' });
                assert.ok(opaque.error || (opaque.type === 'opaque' && opaque.text === ''), JSON.stringify(opaque));
                await page.close();
            }
            assert.equal(agent.shown.length, dialogs);
        });

        test('8: a WebSocket of an unpaired page is not opened', async () => {
            const connect = (page, first) => page.evaluate(
                `const [url, first] = args;
                return new Promise((done) => {
                    const socket = new WebSocket(url);
                    const said = [];
                    socket.onopen = () => { said.push('open'); socket.send(first); };
                    socket.onmessage = ({ data }) => { said.push(data); socket.close(); };
                    socket.onclose = () => done(said);
                });`,
                `wss://localhost:${agent.port}/v1/events`, first,
            );
            for (const host of ['evil.test', 'denied.test']) {
                const page = await browser.open(`${origin(host)}/`);
                assert.deepEqual(await connect(page, JSON.stringify({ session })), [], host);
                await page.close();
            }
            const friend = await browser.open(`${origin('friend.test')}/`);
            assert.deepEqual(await connect(friend, JSON.stringify({ session })), ['open'], "another site's session is worth nothing");
            await friend.close();
            const good = await browser.open(`${origin('good.test')}/`);
            assert.deepEqual(await connect(good, JSON.stringify({ session })), ['open', '{"type":"hello"}']);
            await good.close();
        });

        test('9: nothing of the agent can be framed', async () => {
            const page = await browser.open(`${origin('evil.test')}/`);
            await page.evaluate(
                `const [urls] = args;
                for (const url of urls) document.body.append(Object.assign(document.createElement('iframe'), { src: url }));`,
                ['/.well-known/openukey', '/', '/v1/tokens'].map((path) => base + path),
            );
            const isRefused = (url) => /^(chrome-error:|about:neterror|about:blockedpage)/.test(url);
            await until(async () => (await page.frames()).filter(isRefused).length === 3, 'the refusals', 60_000);
            await page.close();
        });

        test('10: a session is good in its own site only', async () => {
            const asking = { headers: { 'OpenUKey-Session': session } };
            const friend = await browser.open(`${origin('friend.test')}/`);
            const answer = await fetchFrom(friend, '/v1/tokens', asking);
            assert.equal(answer.status, 401);
            assert.equal(JSON.parse(answer.text).code, 'SESSION_INVALID');
            await friend.close();
            const evil = await browser.open(`${origin('evil.test')}/`);
            assert.deepEqual(await fetchFrom(evil, '/v1/tokens', asking), REFUSED);
            await evil.close();
        });

        test('15: a page that is closed takes its dialog with it', async () => {
            await agent.hold();
            const page = await browser.open(`${origin('evil.test')}/`);
            await page.evaluate(
                `const [url] = args;
                fetch(url, { method: 'POST', headers: { 'Content-Type': 'application/json' }, body: '{}' });`,
                `${base}/v1/pairing`,
            );
            await agent.dialogIsOpen();
            await page.close();
            await until(() => agent.dialogState === 'ended', 'the end of the dialog', 60_000);
            agent.giveUp();
            // and nobody has been paired
            const listed = await run(agent.binary, ['origins', 'list', '--json', '--config', agent.configFile]);
            assert.ok(!listed.stdout.includes('evil.test'));
        });

        test("23: the agent's CA can speak for this computer only", async () => {
            const serve = async ({ key, cert }) => {
                const server = createHttpsServer({ key: readFileSync(key), cert: readFileSync(cert) }, (request, response) =>
                    response.writeHead(200, { 'Access-Control-Allow-Origin': '*' }).end('hello'),
                );
                await new Promise((done) => server.listen(0, '127.0.0.1', done));
                sites.push({ close: () => (server.closeAllConnections(), server.close()) });
                return server.address().port;
            };
            const [good, evil] = [await serve(twin.good), await serve(twin.evil)];
            const page = await browser.open(`${origin('good.test')}/`);
            assert.equal((await fetchFrom(page, `https://localhost:${good}/`)).text, 'hello', 'the CA is trusted for localhost');
            assert.deepEqual(await fetchFrom(page, `https://evil.test:${evil}/`), REFUSED);
            await page.goto(`https://evil.test:${evil}/`);
            assert.doesNotMatch(await page.text().catch(() => ''), /^hello$/);
            await page.close();
        });

        test('28: an unpaired site learns that there is an agent, and no more', async () => {
            const dialogs = agent.shown.length;
            const page = await browser.open(`${origin('evil.test')}/`);
            const known = await fetchFrom(page, '/.well-known/openukey');
            assert.equal(known.status, 200);
            assert.deepEqual(Object.keys(JSON.parse(known.text)).sort(), ['api', 'name', 'version']);
            for (const path of GETS.slice(1)) {
                assert.deepEqual(await fetchFrom(page, path), REFUSED, path);
                await page.goto(base + path);
                assert.ok(!(await page.text().catch(() => '')).includes(SERIAL), path);
                await page.goto(`${origin('evil.test')}/`);
            }
            await page.close();
            assert.equal(agent.shown.length, dialogs);
        });
    });
}
