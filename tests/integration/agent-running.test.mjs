// The agent as a program that runs for months: policy, reload, taking back what was allowed, the audit journal, kill -9, several users,
// a clock that the test turns.
import assert from 'node:assert/strict';
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'node:test';
import { Program, run } from '../../tools/demo/program.mjs';
import { TestAgent, build, root, until } from '../support/agent.mjs';
import { missing } from '../support/world.mjs';

const PORTAL = 'https://portal.cn';
const OTHER = 'https://other.cn';

const tokens = (agent, origin, session) => agent.request('GET', '/v1/tokens', { origin, session });
const command = (agent, args, allow = [0]) =>
    run(agent.binary, [...args, '--config', agent.configFile], { allow, env: { LC_ALL: 'C', ...agent.env } });

/* Tells the agent to read again, and waits until it has. */
async function reload(agent) {
    const count = () => agent.logText.split('agent: reloaded').length;
    const before = count();
    process.kill(agent.program.pid, 'SIGHUP');
    await until(() => count() > before, 'the reload');
}

function policy(agent, rules) {
    agent.config.policy = 'policy.json';
    writeFileSync(join(agent.dir, 'policy.json'), typeof rules === 'string' ? rules : JSON.stringify(rules), { mode: 0o644 });
}

test('a policy pairs, refuses and limits sites, and SIGHUP reads it again without ending sessions', async (t) => {
    const agent = await TestAgent.start(t, { ready: false });
    policy(agent, {
        origins: { [PORTAL]: { pairing: 'always', actions: ['read', 'jobs'] }, 'https://refused.cn': { pairing: 'never' } },
    });
    await agent.run();
    agent.answer({ decision: 'refuse' });
    const session = await agent.pair(PORTAL);
    assert.equal(agent.shown.length, 0, 'nobody is asked');
    const ask = (method, path, more) => agent.request(method, path, { origin: PORTAL, session, ...more });
    assert.equal((await ask('GET', '/v1/tokens')).status, 200);
    for (const [method, path] of [
        ['POST', '/v1/tokens/0123456789abcdef/verify-pin'], ['POST', '/v1/tokens/0123456789abcdef/change-pin'],
        ['POST', '/v1/tokens/0123456789abcdef/sign'], ['POST', '/v1/tokens/0123456789abcdef/login-assertion'],
        ['GET', '/v1/service/default/v1/keys'],
    ]) {
        const answer = await ask(method, path, method === 'POST' ? { json: {} } : {});
        assert.deepEqual([answer.status, answer.json.code], [403, 'ACTION_REFUSED'], path);
        assert.equal(answer.headers['access-control-allow-origin'], PORTAL, 'the page may read why');
    }
    assert.equal((await ask('GET', '/v1/jobs/x')).json.code, 'JOB_NOT_FOUND');
    assert.equal((await agent.request('POST', '/v1/pairing', { origin: 'https://refused.cn', json: {} })).json.code, 'ORIGIN_REFUSED');
    agent.answer({ decision: 'agree', choice: 'once' });
    const other = await agent.pair(OTHER);
    const listener = await agent.webSocket({ origin: OTHER });
    listener.send({ session: other });
    assert.deepEqual(await listener.next(), { type: 'hello' });

    // a mistake changes nothing, and is named in the log
    policy(agent, { origin: {} });
    await reload(agent);
    assert.match(agent.logText, /the policy stays what it was: .*policy\.json: unknown key origin/);
    assert.equal((await tokens(agent, PORTAL, session)).status, 200);

    // events need "read"; sessions live on
    policy(agent, { actions: ['verify'], origins: { [PORTAL]: { pairing: 'always' } } });
    await reload(agent);
    assert.equal((await tokens(agent, PORTAL, session)).json.code, 'ACTION_REFUSED');
    assert.equal((await agent.webSocket({ origin: PORTAL })).status, 403);
    assert.equal((await tokens(agent, OTHER, other)).json.code, 'ACTION_REFUSED');
    assert.equal(await listener.next(), null, 'who listened hears no more');

    // who is no longer paired, or refused from now on, loses its session at once
    policy(agent, {});
    await reload(agent);
    assert.equal((await tokens(agent, PORTAL, session)).status, 401);
    assert.equal((await tokens(agent, OTHER, other)).status, 200);
    const again = await agent.webSocket({ origin: OTHER });
    again.send({ session: other });
    assert.deepEqual(await again.next(), { type: 'hello' });
    policy(agent, { origins: { [OTHER]: { pairing: 'never' } } });
    await reload(agent);
    assert.deepEqual(await again.next(), { type: 'session', state: 'ended' });
    assert.equal((await tokens(agent, OTHER, other)).status, 403);
});

test('a policy that cannot be used keeps the agent from starting, with the reason', async (t) => {
    const agent = await TestAgent.start(t, { ready: false });
    policy(agent, { origins: { [PORTAL]: { raw_sign: 'ask' } } });
    await assert.rejects(() => agent.run(), /policy\.json: origins\.https:\/\/portal\.cn: unknown key raw_sign/);
    policy(agent, {});
    chmodSync(join(agent.dir, 'policy.json'), 0o666);
    await assert.rejects(() => agent.run(), /nobody else may write/);
});

const cannotHide = process.getuid() !== 0 ? 'only root can put a file into /etc of its own' : missing('unshare');
test("the machine's policy in /etc rules over the configured one", { skip: cannotHide }, async (t) => {
    const agent = await TestAgent.start(t, { ready: false });
    policy(agent, { origins: { [PORTAL]: { pairing: 'always' } } });
    writeFileSync(agent.configFile, JSON.stringify(agent.config));
    const etc = join(agent.dir, 'etc');
    mkdirSync(etc, { mode: 0o755 });
    writeFileSync(join(etc, 'agent-policy.json'), JSON.stringify({ origins: { [OTHER]: { pairing: 'always' } } }), { mode: 0o644 });
    const had = existsSync('/etc/openukey');
    if (!had) mkdirSync('/etc/openukey');
    t.after(() => had || rmSync('/etc/openukey', { recursive: true }));
    const script = 'mount --bind "$0" /etc/openukey && exec "$@"';
    const listed = await run('unshare', ['-m', 'sh', '-c', script, etc, agent.binary, 'origins', 'list', '--json', '--config', agent.configFile], {
        allow: [0, 1, 32],
    });
    if (listed.code !== 0 && /mount|unshare/.test(listed.stderr)) return t.skip('no mounts here');
    assert.deepEqual(JSON.parse(listed.stdout), [{ origin: OTHER, decision: 'always', by: 'policy' }]);
});

test('what was allowed is listed and taken back, while the agent runs and while it does not', async (t) => {
    const agent = await TestAgent.start(t, { ready: false });
    agent.config.origins = { allow: ['https://allowed.cn'], deny: ['https://denied.cn'] };
    await agent.run();
    agent.answer({ decision: 'agree', choice: 'always' });
    const kept = await agent.pair(PORTAL);
    agent.answer({ decision: 'agree', choice: 'once' });
    const once = await agent.pair(OTHER);
    const listed = JSON.parse((await command(agent, ['origins', 'list', '--json'])).stdout);
    assert.match(listed.find((one) => one.origin === PORTAL).since, /^\d{4}-\d\d-\d\dT/);
    assert.deepEqual(
        listed.map(({ origin, decision, by }) => [origin, decision, by]),
        [['https://allowed.cn', 'always', 'configuration'], ['https://denied.cn', 'never', 'configuration'], [PORTAL, 'always', 'person']],
    );
    assert.match((await command(agent, ['origins', 'list'])).stdout, /always +person +https:\/\/portal\.cn +since /);

    // revoked: its sessions are over when the command ends, and it has to ask again; so is one that was allowed once
    assert.match((await command(agent, ['origins', 'revoke', PORTAL])).stdout, /revoked, its sessions have ended/);
    assert.equal((await tokens(agent, PORTAL, kept)).status, 401);
    assert.equal((await tokens(agent, OTHER, once)).status, 200);
    await command(agent, ['origins', 'revoke', OTHER]);
    assert.equal((await tokens(agent, OTHER, once)).status, 401);
    const dialogs = agent.shown.length;
    await agent.pair(PORTAL);
    assert.equal(agent.shown.length, dialogs + 1);
    assert.match((await command(agent, ['origins', 'revoke', 'https://allowed.cn'])).stdout, /pair it again/);

    // refused for good, by command and by the person in the dialog
    const again = await agent.pair(OTHER);
    await command(agent, ['origins', 'deny', OTHER]);
    await until(async () => (await tokens(agent, OTHER, again)).status === 403, 'the refusal');
    agent.answer({ decision: 'refuse', choice: 'never' });
    assert.equal((await agent.request('POST', '/v1/pairing', { origin: 'https://never.cn', json: {} })).json.code, 'USER_CANCELLED');
    const shown = agent.shown.length;
    agent.answer({ decision: 'agree', choice: 'once' });
    for (const origin of [OTHER, 'https://never.cn']) {
        const answer = await agent.request('POST', '/v1/pairing', { origin, json: {} });
        assert.deepEqual([answer.status, answer.json.code], [403, 'ORIGIN_REFUSED']);
        assert.equal(answer.headers['access-control-allow-origin'], undefined);
    }
    assert.equal(agent.shown.length, shown, 'nobody is asked again');

    await agent.stop();
    assert.match((await command(agent, ['origins', 'revoke', 'https://never.cn'])).stdout, /revoked$/m);
    await agent.run();
    await agent.pair('https://never.cn');
    for (const wrong of [['origins'], ['origins', 'revoke'], ['origins', 'deny', 'http://a.cn'], ['origins', 'list', 'x'], ['origins', 'nonsense', PORTAL]]) {
        assert.equal((await command(agent, wrong, [2])).code, 2, wrong.join(' '));
    }
});

/* ---- the journal ---- */

const journal = (agent) => join(agent.dir, 'state/audit');
const entries = async (agent) => (await command(agent, ['audit', 'list', '--json'])).stdout.trim().split('\n').map((line) => JSON.parse(line));

test('the journal says who asked what and what was answered, and nothing else', async (t) => {
    const agent = await TestAgent.start(t);
    const session = await agent.pair(PORTAL);
    agent.answer({ decision: 'refuse' });
    await agent.request('POST', '/v1/pairing', { origin: OTHER, json: {} });
    agent.answer('crash');
    await agent.request('POST', '/v1/pairing', { origin: OTHER, json: {} });
    await command(agent, ['origins', 'revoke', PORTAL]);
    await agent.stop();
    const said = (await entries(agent)).map(({ event, origin, answer, choice }) => [event, origin, answer, choice]);
    assert.deepEqual(said, [
        ['start', undefined, undefined, undefined],
        ['pairing', PORTAL, 'given', 'once'],
        ['pairing', OTHER, 'refused', undefined],
        ['pairing', OTHER, 'refused', undefined],
        ['revoked', PORTAL, undefined, undefined],
        ['reload', undefined, undefined, undefined],
        ['stop', undefined, undefined, undefined],
    ]);
    assert.match((await command(agent, ['audit', 'list'])).stdout, /Z {2}pairing {2}https:\/\/portal\.cn {2}answer="given" {2}choice="once"\n/);
    assert.match((await command(agent, ['audit', 'verify'])).stdout, /^lines 1 to 7: unbroken$/m);
    for (const name of readdirSync(journal(agent))) {
        const path = join(journal(agent), name);
        assert.equal(statSync(path).mode & 0o777, 0o600, name);
        assert.ok(!readFileSync(path, 'utf8').includes(session));
    }
    for (const wrong of [['audit'], ['audit', 'nonsense'], ['audit', 'verify', '--json']]) {
        assert.equal((await command(agent, wrong, [2])).code, 2);
    }
});

test('audit verify finds a changed, a removed and an inserted line, and a cut end', async (t) => {
    const agent = await TestAgent.start(t);
    for (let i = 0; i < 5; i++) await agent.pair(`https://a${i}.cn`);
    await agent.stop();
    const file = join(journal(agent), '000000000001.jsonl');
    const whole = readFileSync(file, 'utf8');
    const lines = whole.trimEnd().split('\n');
    const tampered = {
        changed: [lines.map((line, i) => (i === 2 ? line.replace('"once"', '"none"') : line)), /:4: line 3 is not the one that line 4 follows: changed/],
        removed: [lines.filter((_, i) => i !== 3), /lines 4 to 4 are missing/],
        inserted: [[...lines.slice(0, 3), lines[2], ...lines.slice(3)], /inserted/],
        'its last line gone': [lines.slice(0, -1), /the end is missing: lines 7 to 7 were written/],
        cut: [lines.slice(0, -2), /the end is missing: lines 6 to 7 were written/],
        last: [[...lines.slice(0, -1), lines.at(-1).replace('stop', 'stpo')], /the last line is not the one that was written/],
    };
    for (const [what, [changed, pattern]] of Object.entries(tampered)) {
        writeFileSync(file, `${changed.join('\n')}\n`);
        const { code, stderr } = await command(agent, ['audit', 'verify'], [1]);
        assert.equal(code, 1, what);
        assert.match(stderr, pattern, what);
    }
    rmSync(file);
    assert.match((await command(agent, ['audit', 'verify'], [1])).stderr, /the end is missing: lines 1 to 7 were written/);
    writeFileSync(file, whole);
    await command(agent, ['audit', 'verify']);
    rmSync(journal(agent), { recursive: true });
    assert.match((await command(agent, ['audit', 'verify'], [1])).stderr, /there is no journal/);
});

test('an agent that is killed at any moment goes on with its journal', async (t) => {
    const agent = await TestAgent.start(t);
    for (let round = 0; round < 4; round++) {
        const asking = Array.from({ length: 6 }, (_, i) => agent.pair(`https://r${round}x${i}.cn`).catch(() => {}));
        await asking[0];
        agent.program.child.kill('SIGKILL');
        await agent.program.ended;
        agent.keepAlive.destroy();
        await Promise.all(asking);
        await agent.run();
        await command(agent, ['audit', 'verify']);
    }
    const starts = (await entries(agent)).filter(({ event }) => event === 'start');
    assert.equal(starts.length, 5);
});

test('a consent that cannot be written down is none', async (t) => {
    const agent = await TestAgent.start(t);
    renameSync(journal(agent), `${journal(agent)}.away`);
    writeFileSync(journal(agent), '');
    const answer = await agent.request('POST', '/v1/pairing', { origin: PORTAL, json: {} });
    assert.deepEqual([answer.status, answer.json.code], [500, 'DIALOG_UNAVAILABLE']);
    rmSync(journal(agent));
    renameSync(`${journal(agent)}.away`, journal(agent));
    await agent.pair(PORTAL);
    await command(agent, ['audit', 'verify']);
});

/* ---- time, users, programs ---- */

test('sessions end by the clock, which the test turns', async (t) => {
    const agent = await TestAgent.start(t, { config: { clock: '2026-03-01T09:00:00+08:00' } });
    const session = await agent.pair(PORTAL);
    const turn = async (clock) => {
        agent.config.clock = clock;
        writeFileSync(agent.configFile, JSON.stringify(agent.config));
        await reload(agent);
    };
    for (let minutes = 25; minutes < 700; minutes += 25) {
        const time = new Date(Date.parse('2026-03-01T01:00:00Z') + minutes * 60_000).toISOString().replace('.000', '');
        await turn(time);
        assert.equal((await tokens(agent, PORTAL, session)).status, 200, `in use, after ${minutes} minutes`);
    }
    await turn('2026-03-01T21:30:00+08:00');
    assert.equal((await tokens(agent, PORTAL, session)).status, 401, 'twelve hours are over');
    const idle = await agent.pair(PORTAL);
    await turn('2026-03-01T22:01:00+08:00');
    assert.equal((await tokens(agent, PORTAL, idle)).status, 401, 'nobody used it for half an hour');
    assert.equal((await entries(agent))[0].time.slice(0, 13), '2026-03-01T01');
});

const cannotBecome = process.getuid() !== 0 ? 'only root can become another user' : missing('setpriv');
test("two users of one machine have an agent each: the second one's takes the next port", { skip: cannotBecome }, async (t) => {
    const agent = await TestAgent.start(t);
    const dir = mkdtempSync(join(tmpdir(), 'openukey-other-'));
    t.after(() => rmSync(dir, { recursive: true, force: true }));
    mkdirSync(join(dir, 'keys'), { mode: 0o700 });
    const config = { ...agent.config, ports: [agent.port, 0], consent: '/bin/false', moduleOptions: { 'socket-dir': 'keys', pcsc: 'off' } };
    writeFileSync(join(dir, 'agent.json'), JSON.stringify(config));
    await run('chown', ['-R', '65534:65534', dir]);
    const reachable = await run('setpriv', ['--reuid=65534', '--regid=65534', '--clear-groups', 'test', '-x', agent.binary], { allow: [0, 1] });
    if (reachable.code !== 0) return t.skip('the other user cannot reach the build');
    const other = await Program.start({
        command: 'setpriv', args: ['--reuid=65534', '--regid=65534', '--clear-groups', agent.binary, '--config', join(dir, 'agent.json')], cwd: '/',
    });
    t.after(() => other.stop());
    const port = Number(new URL(other.ready).port);
    assert.notEqual(port, agent.port);
    assert.match(other.said, new RegExp(`port ${agent.port} is held by another UKey agent`));
    // each refuses the other's user
    const ca = readFileSync(join(dir, 'state/tls/ca.pem'), 'utf8');
    const answer = await agent.raw(`GET /.well-known/openukey HTTP/1.1\r\nHost: localhost:${port}\r\nConnection: close\r\n\r\n`, { port, ca });
    assert.match(answer, /^HTTP\/1.1 403 [^]*PEER_REFUSED/);
    assert.equal((await agent.request('GET', '/.well-known/openukey')).status, 200);
});

test('without a configuration the agent has its defaults, in the folders of its user', async (t) => {
    const home = mkdtempSync(join(tmpdir(), 'openukey-home-'));
    t.after(() => rmSync(home, { recursive: true, force: true }));
    const env = { HOME: home, XDG_CONFIG_HOME: '', XDG_STATE_HOME: '', LC_ALL: 'C' };
    const binary = join(build, 'bin/ukey-agent');
    if (existsSync('/etc/openukey/agent.json')) return t.skip('this machine has a configuration');
    assert.equal((await run(binary, ['origins', 'list'], { env })).stdout, '');
    mkdirSync(join(home, '.config/openukey'), { recursive: true });
    writeFileSync(join(home, '.config/openukey/agent.json'), '{"ports":[0],"origins":{"allow":["https://portal.cn"]},"moduleOptions":{"socket-dir":"off","pcsc":"off","usb":"off"}}');
    assert.match((await run(binary, ['origins', 'list'], { env })).stdout, /https:\/\/portal\.cn/);
    const program = await Program.start({ command: binary, env });
    t.after(() => program.stop());
    assert.match(program.ready, /^https:\/\/localhost:\d+$/);
    assert.equal(statSync(join(home, '.local/state/openukey/agent')).mode & 0o777, 0o700);
    assert.match((await run(binary, ['audit', 'verify'], { env })).stdout, /unbroken/);
});

test('the systemd user service is well-formed and hardened, and so is the desktop entry', async (t) => {
    const dir = mkdtempSync(join(tmpdir(), 'openukey-unit-'));
    t.after(() => rmSync(dir, { recursive: true, force: true }));
    const fill = (name) => {
        const path = join(dir, name);
        // the program must be there to be verified
        writeFileSync(path, readFileSync(join(root, `agent/autostart/${name}.in`), 'utf8').replaceAll('@PREFIX@/bin', join(build, 'bin')));
        return path;
    };
    const unit = fill('ukey-agent.service');
    if (!missing('systemd-analyze')) {
        const env = { XDG_RUNTIME_DIR: dir, LC_ALL: 'C' };
        const { stderr } = await run('systemd-analyze', ['--user', 'verify', '--man=no', unit], { env });
        assert.equal(stderr, '');
        const { stdout } = await run('systemd-analyze', ['security', '--offline=true', '--threshold=70', '--no-pager', unit], { env });
        assert.match(stdout, /Overall exposure level for ukey-agent\.service: [0-6]\.\d/);
    }
    const entry = fill('ukey-agent.desktop');
    if (!missing('desktop-file-validate')) assert.equal((await run('desktop-file-validate', [entry])).stdout, '');
});
