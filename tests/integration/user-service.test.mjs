// The agent as a service of a real systemd user manager, with the unit that is installed: it starts, signs, shows its dialogs, is told to
// read again, comes back after a crash, and stays down after a mistake, all within what the unit allows it.
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'node:test';
import { root, until } from '../support/agent.mjs';
import { Screen } from '../support/screen.mjs';
import { UserSystemd, userSystemdMissing } from '../support/user_systemd.mjs';
import { makeWorld, missing } from '../support/world.mjs';

const UNIT = 'ukey-agent';
const PATIENCE = 60_000;

test('the agent runs as a systemd user service, hardened as its unit says', { skip: userSystemdMissing() || missing('Xvfb', 'xdotool', 'pinentry-gtk-2'), timeout: 300_000 }, async (t) => {
    const world = await makeWorld(t);
    await world.agent.stop();
    const screen = await new Screen().start();
    t.after(() => screen.stop());
    const home = join(world.dir, 'home');
    const units = join(home, '.config/systemd/user');
    mkdirSync(join(units, `${UNIT}.service.d`), { recursive: true });
    mkdirSync(join(home, '.config/openukey'), { recursive: true });
    mkdirSync(join(home, 'usr'));
    symlinkSync(join(world.build, 'bin'), join(home, 'usr/bin'));
    symlinkSync(world.agentConfigFile, join(home, '.config/openukey/agent.json'));
    const unit = readFileSync(join(root, 'agent/autostart/ukey-agent.service.in'), 'utf8').replaceAll('@PREFIX@', join(home, 'usr'));
    writeFileSync(join(units, `${UNIT}.service`), unit);
    // there is no journal in here
    const [out, log] = ['out', 'log'].map((name) => join(home, name));
    writeFileSync(join(units, `${UNIT}.service.d/output.conf`), `[Service]\nStandardOutput=append:${out}\nStandardError=append:${log}\n`);
    writeFileSync(out, '');

    const systemd = await UserSystemd.start(t, { home, log: join(world.dir, 'systemd.log') });
    const told = (path, text) => readFileSync(path, 'utf8').split(text).length - 1;
    const state = () => systemd.property(UNIT, 'ActiveState');
    const start = async (verb) => {
        const before = told(out, 'ready ');
        const { code, stderr } = await systemd.ctl(verb, UNIT);
        assert.equal(code, 0, stderr);
        await until(() => told(out, 'ready ') > before, 'the service', PATIENCE);
        world.agent = { pid: `${await systemd.property(UNIT, 'MainPID')} of the service`, stop: () => {}, badEnd: null };
        return parseInt(world.agent.pid, 10);
    };
    const sign = async (agent) => {
        const token = await agent.token();
        const certificate = (await agent.certificates({ token })).find((one) => one.usage === 'sign').id;
        return agent.sign({ token, certificate, nonce: randomUUID(), document: { name: 'a.txt', content: Buffer.from('text').toString('base64') } });
    };

    const pid = await start('start');
    const status = (await systemd.run('cat', [`/proc/${pid}/status`])).stdout;
    assert.match(status, /^NoNewPrivs:\t1$/m);
    assert.match(status, /^Seccomp:\t2$/m);
    assert.match((await systemd.run('cat', [`/proc/${pid}/limits`])).stdout, /^Max core file size +0 +0 /m);
    await world.seen();
    const agent = await world.page();
    await agent.verifyPin({ token: await agent.token() });
    assert.equal((await sign(agent)).format, 'gm-signed-data');

    // read again: the session lives on
    const reloads = told(log, 'agent: reloaded');
    assert.equal((await systemd.ctl('reload', UNIT)).code, 0);
    await until(() => told(log, 'agent: reloaded') > reloads, 'the reload', PATIENCE);
    assert.equal((await sign(agent)).format, 'gm-signed-data');

    // crashed: it is back by itself, and nobody is logged in
    const before = told(out, 'ready ');
    await systemd.run('kill', ['-KILL', String(pid)]);
    await until(() => told(out, 'ready ') > before, 'the agent again', PATIENCE);
    assert.equal(await systemd.property(UNIT, 'NRestarts'), '1');
    world.agent.pid = 'after the crash';
    assert.equal((await (await world.page()).token()).pin.verified, false);

    // the real dialogs, on a screen
    await systemd.ctl('set-environment', `DISPLAY=${screen.env.DISPLAY}`);
    Object.assign(world.options, { agentConfig: { consent: world.binary('ukey-consent'), pinentry: 'pinentry-gtk-2' } });
    await world.writeAgentConfig();
    await start('restart');
    const connecting = world.connect({ origin: 'https://shown.test' });
    const escape = async (asked, name) => {
        asked.catch(() => {});
        const window = await screen.window(name);
        // it closes when its keyboard has come; keys of the first moments are no answer
        await until(async () => (await screen.keys('Escape'), !(await screen.windows(name)).includes(window)), 'the end of the window', PATIENCE);
        await assert.rejects(asked, { code: 'USER_CANCELLED' });
    };
    await escape((async () => (await connecting).tokens())(), 'ukey-consent');
    world.options.agentConfig.origins = { allow: ['https://shown.test'] };
    await world.writeAgentConfig();
    await start('restart');
    const shown = await world.page({ origin: 'https://shown.test' });
    await until(async () => (await shown.tokens()).length === 1, 'the key', PATIENCE);
    await escape(shown.verifyPin({ token: await shown.token() }), 'pinentry');
    assert.equal(await state(), 'active');

    assert.equal((await systemd.ctl('stop', UNIT)).code, 0);
    assert.deepEqual([await state(), await systemd.property(UNIT, 'Result')], ['inactive', 'success']);

    // a mistake in the configuration is not tried again and again
    world.options.agentConfig = { nonsense: 1 };
    await world.writeAgentConfig();
    await systemd.ctl('start', UNIT);
    await until(async () => (await state()) === 'failed', 'the failure', PATIENCE);
    assert.deepEqual([await systemd.property(UNIT, 'ExecMainStatus'), await systemd.property(UNIT, 'NRestarts')], ['2', '0']);
    assert.match(readFileSync(log, 'utf8'), /unknown key nonsense/);
});
