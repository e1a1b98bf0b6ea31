// The agent's TLS identity near its end, by a clock that the test turns: the next one is trusted beside the old one, then takes its place.
import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { connect } from 'node:tls';
import { run } from '../../tools/demo/program.mjs';
import { TestAgent, until } from '../support/agent.mjs';
import { missing } from '../support/world.mjs';

const DAY = 86_400_000;
const skip = missing('certutil');

/* An agent whose person has a Chromium and a Firefox that trust it. */
async function trusted(t) {
    const agent = await TestAgent.start(t, { ready: false });
    const start = Date.now();
    const at = (days) => new Date(start + days * DAY).toISOString().replace(/\.\d+/, '');
    agent.config.clock = at(0);
    const env = { HOME: agent.dir, XDG_DATA_HOME: '', XDG_CONFIG_HOME: '' };
    const firefox = join(agent.dir, '.mozilla/firefox');
    mkdirSync(join(firefox, 'a.default'), { recursive: true });
    writeFileSync(join(firefox, 'profiles.ini'), '[Profile0]\nIsRelative=1\nPath=a.default\n');
    await agent.run({ env });
    const command = (verb) => run(agent.binary, ['trust', verb, '--json', '--config', agent.configFile], { env, allow: [0, 1] });
    await command('install');
    return Object.assign(agent, {
        env,
        command,
        turn(days) {
            agent.config.clock = at(days);
            writeFileSync(agent.configFile, JSON.stringify(agent.config));
            process.kill(agent.program.child.pid, 'SIGHUP');
        },
        /* How many CAs of ours each database trusts. */
        async trusts() {
            const folders = [join(agent.dir, '.pki/nssdb'), join(firefox, 'a.default')];
            return Promise.all(folders.map(async (folder) => ((await run('certutil', ['-L', '-d', `sql:${folder}`])).stdout.match(/OpenUKey local CA \w+ +C,,/g) ?? []).length));
        },
        served: () =>
            new Promise((done, fail) => {
                // dates are the turned clock's, so the test itself looks at who signed
                const socket = connect({ host: '127.0.0.1', port: agent.port, servername: 'localhost', rejectUnauthorized: false }, () => {
                    done(new X509Certificate(socket.getPeerX509Certificate().raw));
                    socket.destroy();
                });
                socket.on('error', fail);
            }),
        onDisk: (name) => new X509Certificate(readFileSync(join(agent.dir, 'state/tls', name))),
        has: (name) => existsSync(join(agent.dir, 'state/tls', name)),
    });
}
const isBy = (leaf, ca) => leaf.verify(ca.publicKey);

test('the next identity is trusted beside the old one, then takes its place; open connections stay', { skip }, async (t) => {
    const agent = await trusted(t);
    const old = agent.onDisk('ca.pem');
    assert.ok(isBy(await agent.served(), old));
    agent.turn(820 - 31);
    await until(() => agent.logText.includes('reloaded'), 'the reload', 60_000);
    assert.ok(!agent.has('next'));

    agent.turn(820 - 29);
    await until(async () => (await agent.trusts()).every((count) => count === 2), 'trust in both', 60_000);
    const next = agent.onDisk('next/ca.pem');
    assert.ok(isBy(await agent.served(), old), 'browsers that are open know the old one only');
    assert.equal(JSON.parse((await agent.command('status')).stdout).done, true);
    assert.equal((await agent.request('GET', '/.well-known/openukey')).status, 200);
    const { localPort } = Object.values(agent.keepAlive.freeSockets)[0][0];

    agent.turn(820 - 21);
    await until(async () => isBy(await agent.served(), next), 'the next identity', 60_000);
    await until(async () => (await agent.trusts()).every((count) => count === 1), 'the end of trust in the old one', 60_000);
    await until(() => !agent.has('previous.pem'), 'the end', 60_000);
    assert.equal(agent.onDisk('ca.pem').fingerprint256, next.fingerprint256);
    assert.ok(!agent.has('next') && !agent.has('previous.pem'));
    assert.ok(localPort > 0);
    assert.equal(JSON.parse((await agent.command('status')).stdout).done, true);

    await agent.stop();
    await agent.run({ env: agent.env });
    assert.ok(isBy(await agent.served(), next));
});

test('the agent waits for a place that does not trust the next identity, but not beyond the end of the old one', { skip }, async (t) => {
    const agent = await trusted(t);
    const old = agent.onDisk('ca.pem');
    // whoever is asked to trust the next one cannot: a main password came in between
    writeFileSync(join(agent.dir, 'empty'), '\n');
    writeFileSync(join(agent.dir, 'password'), 'geheim-123\n');
    await run('certutil', ['-W', '-d', `sql:${join(agent.dir, '.mozilla/firefox/a.default')}`, '-f', join(agent.dir, 'empty'), '-@', join(agent.dir, 'password')]);
    agent.turn(820 - 29);
    await until(() => /a\.default does not trust the next TLS identity yet/.test(agent.logText), 'the warning', 60_000);
    agent.turn(820 - 2);
    await until(() => agent.logText.match(/does not trust the next TLS identity yet/g).length >= 2, 'another look', 60_000);
    assert.ok(isBy(await agent.served(), old));
    const next = agent.onDisk('next/ca.pem');
    agent.turn(821);
    await until(async () => isBy(await agent.served(), next), 'the next identity', 60_000);
});

test('a switch that was broken off anywhere is finished at the next start', { skip }, async (t) => {
    const agent = await trusted(t);
    agent.turn(820 - 29);
    await until(() => agent.has('next/ca.pem'), 'the next identity', 60_000);
    await until(async () => (await agent.trusts()).every((count) => count === 2), 'trust in both', 60_000);
    const next = agent.onDisk('next/ca.pem');
    await agent.stop();
    for (const name of ['key.pem', 'cert.pem']) {
        await run('mv', [join(agent.dir, 'state/tls/next', name), join(agent.dir, 'state/tls', name)]);
        if (name === 'key.pem') continue;
        await agent.run({ env: agent.env });
        assert.ok(isBy(await agent.served(), next));
    }
});
