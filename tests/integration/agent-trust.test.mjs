// `ukey-agent trust` in homes and images that are made here: every place where browsers keep whom they trust, and what stands there already.
import assert from 'node:assert/strict';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { run } from '../../tools/demo/program.mjs';
import { TestAgent } from '../support/agent.mjs';
import { missing } from '../support/world.mjs';

const skip = missing('certutil');
const { binary } = TestAgent.prototype;

function write(path, text) {
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, typeof text === 'string' ? text : JSON.stringify(text));
}
const read = (path) => JSON.parse(readFileSync(path, 'utf8'));

/* A home, and `trust` in it. */
function person(t) {
    const home = mkdtempSync(join(tmpdir(), 'openukey-trust-'));
    t.after(() => rmSync(home, { recursive: true, force: true }));
    write(join(home, 'agent.json'), { state: 'state' });
    const env = { HOME: home, XDG_DATA_HOME: '', XDG_CONFIG_HOME: '' };
    const ask = (verb, ...args) => run(binary, ['trust', verb, '--config', join(home, 'agent.json'), ...args], { env, allow: [0, 1, 2] });
    const trust = async (verb, ...args) => {
        const { code, stdout, stderr } = await ask(verb, '--json', ...args);
        assert.notEqual(code, 2, stderr);
        const said = JSON.parse(stdout);
        assert.equal(said.done, code === 0);
        return { ...said, states: Object.fromEntries(said.places.map((place) => [place.path.replace(`${home}/`, ''), place.state])) };
    };
    return { home, ask, trust };
}

/* `folder`: where profiles.ini is. */
function profiles(folder, names) {
    const sections = names.map((name, i) => `[Profile${i}]\r\nName=${name}\r\nIsRelative=1\r\nPath=${name}\r\n`);
    write(join(folder, 'profiles.ini'), `[Install4F96D1932A9F858E]\nDefault=nowhere\n\n${sections.join('\n')}\n[General]\nVersion=2\n`);
    for (const name of names) mkdirSync(join(folder, name), { recursive: true });
}

test('every profile of every browser is found, once', { skip }, async (t) => {
    const { home, trust } = person(t);
    profiles(join(home, '.mozilla/firefox'), ['abc.default', 'def.work']);
    profiles(join(home, '.config/mozilla/firefox'), ['new.default']);
    profiles(join(home, 'snap/firefox/common/.mozilla/firefox'), ['snap.default']);
    profiles(join(home, '.var/app/org.mozilla.firefox/.mozilla/firefox'), ['flat.default']);
    mkdirSync(join(home, 'elsewhere'));
    const ini = join(home, '.mozilla/firefox/profiles.ini');
    writeFileSync(ini, `${readFileSync(ini)}[Profile8]\nName=far\nIsRelative=0\nPath=${home}/elsewhere\n[Profile9]\nIsRelative=1\nPath=gone\n`);
    mkdirSync(join(home, 'snap/chromium/2900'), { recursive: true });
    symlinkSync('2900', join(home, 'snap/chromium/current'));
    mkdirSync(join(home, 'snap/brave/450/.pki/nssdb'), { recursive: true });
    symlinkSync('450', join(home, 'snap/brave/current'));
    mkdirSync(join(home, '.var/app/com.google.Chrome'), { recursive: true });
    mkdirSync(join(home, '.var/app/org.chromium.Chromium/data/pki/nssdb'), { recursive: true });
    profiles(join(home, '.var/app/org.mozilla.firefox/config/mozilla/firefox'), ['flat.new']);
    profiles(join(home, '.var/app/io.gitlab.librewolf-community/.librewolf'), ['wolf.default']);
    mkdirSync(join(home, '.var/app/org.example.Notes'), { recursive: true });
    const all = [
        '.pki/nssdb', '.mozilla/firefox/abc.default', '.mozilla/firefox/def.work', 'elsewhere', '.config/mozilla/firefox/new.default',
        'snap/chromium/current/.pki/nssdb', 'snap/firefox/common/.mozilla/firefox/snap.default',
        '.var/app/org.mozilla.firefox/.mozilla/firefox/flat.default', '.var/app/com.google.Chrome/.pki/nssdb',
        'snap/brave/current/.pki/nssdb', '.var/app/org.chromium.Chromium/data/pki/nssdb', '.var/app/org.chromium.Chromium/.pki/nssdb',
        '.var/app/org.mozilla.firefox/config/mozilla/firefox/flat.new', '.var/app/io.gitlab.librewolf-community/.librewolf/wolf.default',
    ].sort();

    const before = await trust('status');
    assert.equal(before.done, false);
    assert.deepEqual(Object.keys(before.states).sort(), all);
    assert.deepEqual([...new Set(Object.values(before.states))], ['no-database']);
    for (let times = 0; times < 2; times += 1) {
        const installed = await trust('install');
        assert.ok(installed.done);
        assert.deepEqual([...new Set(Object.values(installed.states))], ['trusted']);
    }
    for (const path of all) {
        const { stdout } = await run('certutil', ['-L', '-d', `sql:${join(home, path)}`]);
        assert.equal(stdout.match(/OpenUKey local CA [0-9a-f]{12} +C,,/g).length, 1, path);
    }
    assert.ok((await trust('status')).done);
    for (let times = 0; times < 2; times += 1) {
        const removed = await trust('remove');
        assert.ok(removed.done);
        assert.deepEqual([...new Set(Object.values(removed.states))], ['missing']);
    }
    assert.equal((await trust('status')).done, false);
});

test('a profile with a main password is left as it was, and said to be locked', { skip }, async (t) => {
    const { home, trust } = person(t);
    profiles(join(home, '.mozilla/firefox'), ['locked', 'open']);
    const locked = join(home, '.mozilla/firefox/locked');
    write(join(home, 'password'), 'geheim-123\n');
    await run('certutil', ['-N', '-d', `sql:${locked}`, '-f', join(home, 'password')]);
    const { done, states } = await trust('install');
    assert.equal(done, false);
    assert.equal(states['.mozilla/firefox/locked'], 'locked');
    assert.equal(states['.mozilla/firefox/open'], 'trusted');
    assert.doesNotMatch((await run('certutil', ['-L', '-d', `sql:${locked}`])).stdout, /OpenUKey/);
});

test('policies for a managed machine are set beside what stands there, and taken out again without it', async (t) => {
    const { home, ask, trust } = person(t);
    const image = join(home, 'image');
    await run(binary, ['trust', 'remove', '--config', join(home, 'agent.json'), '--nssdb', join(home, 'none')]); // makes the identity
    const ca = join(home, 'state/tls/ca.pem');
    const firefox = join(image, 'etc/firefox/policies/policies.json');
    const theirs = join(image, 'etc/opt/chrome/policies/managed/50-company.json');
    const inFirefox = { policies: { DisableTelemetry: true, Certificates: { ImportEnterpriseRoots: true, Install: ['/etc/company.pem'] }, LocalNetworkAccess: { SkipDomains: ['intranet.company.cn'] } } };
    const inChrome = { HomepageLocation: 'https://company.cn', LoopbackNetworkAllowedForUrls: ['https://intranet.company.cn'] };
    write(firefox, inFirefox);
    write(theirs, inChrome);
    const site = ['--site', 'https://portal.cn', '--site', 'https://other.cn:8443'];
    const machine = (verb, ...more) => trust(verb, '--system', '--root', image, '--ca', ca, ...more);

    assert.equal((await machine('status', ...site)).done, false);
    for (let times = 0; times < 2; times += 1) assert.ok((await machine('install', ...site)).done);
    assert.ok((await machine('status', ...site)).done);
    assert.equal((await machine('status', '--site', 'https://third.cn')).done, false);

    const { policies } = read(firefox);
    assert.equal(policies.DisableTelemetry, true);
    assert.equal(policies.Certificates.ImportEnterpriseRoots, true);
    assert.deepEqual(policies.LocalNetworkAccess.SkipDomains, ['intranet.company.cn', 'portal.cn', 'other.cn']);
    const [first, inStore, ...more] = policies.Certificates.Install;
    assert.equal(first, '/etc/company.pem');
    assert.deepEqual(more, []);
    assert.match(inStore, /^\/usr\/local\/share\/ca-certificates\/openukey-[0-9a-f]{12}\.crt$/);
    assert.equal(readFileSync(join(image, inStore), 'utf8'), readFileSync(ca, 'utf8'));
    // a policy that one of their files names is set there: the last file that names it would win
    assert.deepEqual(read(theirs), { ...inChrome, LoopbackNetworkAllowedForUrls: ['https://intranet.company.cn', 'https://portal.cn', 'https://other.cn:8443'] });
    const { stdout: der } = await run('sh', ['-c', `openssl x509 -in '${ca}' -outform DER | base64 -w0`]);
    assert.deepEqual(read(join(dirname(theirs), 'openukey.json')), { CACertificates: [der.trim()] });
    assert.deepEqual(read(join(image, 'etc/chromium/policies/managed/openukey.json')), { CACertificates: [der.trim()], LoopbackNetworkAllowedForUrls: ['https://portal.cn', 'https://other.cn:8443'] });

    for (let times = 0; times < 2; times += 1) assert.ok((await machine('remove', ...site)).done);
    assert.deepEqual(read(firefox), inFirefox);
    assert.deepEqual(read(theirs), inChrome);
    assert.ok(!existsSync(join(image, inStore)) && !existsSync(join(dirname(theirs), 'openukey.json')));

    // what cannot be understood is not touched
    write(firefox, '{"policies": {"Certificates": {"Install": "no list"}}}');
    write(theirs, '// not JSON');
    const refused = await machine('install', ...site);
    assert.equal(refused.done, false);
    assert.equal(refused.places.find((place) => place.browser === 'Firefox').state, 'failed');
    assert.equal(readFileSync(firefox, 'utf8'), '{"policies": {"Certificates": {"Install": "no list"}}}');
    assert.equal(readFileSync(theirs, 'utf8'), '// not JSON');

    for (const bad of ['http://portal.cn', 'https://127.0.0.1', 'https://localhost:8443', 'portal.cn', 'https://portal.cn/path']) {
        assert.equal((await ask('install', '--system', '--root', image, '--ca', ca, '--site', bad)).code, 2, bad);
    }
});

test('a CA that could sign for other names is never made trusted by the whole machine', async (t) => {
    const { home, trust } = person(t);
    const other = join(home, 'other.pem');
    await run('openssl', ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-subj', '/CN=other', '-keyout', join(home, 'other.key'), '-out', other, '-addext', 'nameConstraints=critical,permitted;DNS:localhost,permitted;DNS:bank.cn']);
    const { done, states } = await trust('install', '--system', '--root', join(home, 'image'), '--ca', other);
    assert.equal(done, false);
    assert.deepEqual([...new Set(Object.values(states))], ['failed']);
    assert.ok(!existsSync(join(home, 'image')));
});
