// `ukey-agent trust install --system` makes every user of a machine trust the agent: fresh profiles of real browsers by their policies, curl by
// the system's store; and no longer after `remove`. The site that is named to it reaches the agent from a public address unasked, another one does
// not. In a mount namespace of its own, so that this machine stays as it is.
import assert from 'node:assert/strict';
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { run } from '../../tools/demo/program.mjs';
import { TestAgent } from '../support/agent.mjs';
import { Chromium, Firefox } from '../support/browsers.mjs';
import { makeCertificate, startSite } from '../support/site.mjs';
import { missing } from '../support/world.mjs';

const inside = fileURLToPath(new URL('../support/machine_browsers.mjs', import.meta.url));
const BUNDLE = '/etc/ssl/certs/ca-certificates.crt';
const STORE = '/usr/local/share/ca-certificates';
const cannot = process.getuid() !== 0 ? 'only root can trust for a whole machine' : missing('unshare', 'curl', 'update-ca-certificates');

let agent, folder, site, tls;
before(async () => {
    if (cannot) return;
    agent = await new TestAgent().run();
    folder = mkdtempSync(join(tmpdir(), 'openukey-machine-'));
    tls = await makeCertificate(folder, 'site', ['DNS:portal.test', 'DNS:other.test']);
    site = await startSite(tls);
});
after(async () => {
    await agent?.close();
    await site?.close();
    if (folder) rmSync(folder, { recursive: true, force: true });
});

for (const Browser of [Chromium, Firefox]) {
    test(`a fresh profile of ${Browser.name} trusts the agent after "trust install --system" and lets the named site alone reach it unasked, and no longer trusts it after "remove"`, { skip: cannot || Browser.missing(), timeout: 600_000 }, async (t) => {
        const machine = join(folder, Browser.name);
        mkdirSync(machine, { mode: 0o700 });
        await run('cp', ['-a', '/etc', join(machine, 'etc')]);
        if (existsSync(STORE)) cpSync(STORE, join(machine, 'store'), { recursive: true });
        else mkdirSync(join(machine, 'store'));
        const bundle = () => [readFileSync(BUNDLE, 'utf8').length, statSync(BUNDLE).mtimeMs];
        const untouched = bundle();

        const script = `mkdir -p ${STORE} && mount --bind "$0/etc" /etc && mount --bind "$0/store" ${STORE} && exec "$@"`;
        const url = `https://localhost:${agent.port}/.well-known/openukey`;
        const { code, stdout, stderr } = await run(
            'unshare',
            ['-m', 'sh', '-c', script, machine, process.execPath, inside, Browser.name, machine, url, agent.binary, join(agent.dir, 'state/tls/ca.pem'), ...['portal', 'other'].map((name) => `https://${name}.test:${site.port}`), tls.ca],
            { allow: [0, 1, 32] },
        );
        if (code !== 0 && /^(mount|unshare):/m.test(stderr)) return t.skip('no mounts here');
        assert.equal(code, 0, stderr);
        const { moments, installed, removed, sites } = JSON.parse(stdout.trim().split('\n').at(-1));

        assert.deepEqual(installed.places.map(({ state }) => state), Array(5).fill('trusted'));
        assert.deepEqual(removed.places.map(({ state }) => state), Array(5).fill('missing'));
        for (const who of ['page', 'curl']) {
            assert.deepEqual(moments.map((moment) => /openukey-agent/.test(moment[who])), [false, true, false], `${who}: ${JSON.stringify(moments)}`);
        }
        assert.match(sites.site, /openukey-agent/);
        assert.match(sites.other, /^(waits|refused)/);
        assert.deepEqual(bundle(), untouched, 'this machine is as it was');
    });
}
