// Pictures of the consent program's windows for docs/screenshots, in Chinese, from a virtual screen: make screenshots.
import { spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { documents, pairing, raw, statement, strange } from '../../tests/support/dialog_requests.mjs';
import { until } from '../../tests/support/agent.mjs';
import { Screen } from '../../tests/support/screen.mjs';
import { run } from '../demo/program.mjs';

const root = resolve(fileURLToPath(new URL('../..', import.meta.url)));
const program = join(root, process.env.BUILD ?? 'build/gcc', 'bin/ukey-consent');
const folder = join(root, 'docs/screenshots');
mkdirSync(folder, { recursive: true });

// without animations the picture is the window as it stays
const home = mkdtempSync(join(tmpdir(), 'openukey-screenshots-'));
mkdirSync(join(home, 'gtk-3.0'));
writeFileSync(join(home, 'gtk-3.0/settings.ini'), '[Settings]\ngtk-enable-animations=0\n');
const screen = await new Screen().start();
try {
    for (const [name, request] of Object.entries({
        pairing: pairing(), statement: statement(), 'statement-200-fields': statement(200), 'control-characters': strange(),
        document: documents(1), batch: documents(50), raw: raw(),
    })) {
        const asked = spawn(program, [], { env: { ...process.env, ...screen.env, NO_AT_BRIDGE: '1', XDG_CONFIG_HOME: home }, stdio: ['pipe', 'ignore', 'inherit'] });
        const ended = new Promise((done) => asked.on('close', done));
        asked.stdin.end(JSON.stringify(request));
        const window = await screen.window('ukey-consent');
        const long = request.fields?.length > 20;
        if (name === 'batch') await screen.keys('space', 'space');
        if (!long) {
            await until(async () => {
                if ((await screen.windows('^UKey 确认$', 'name')).length > 0) return true;
                if (request.fields) await screen.keys('space');
            }, 'Agree can be chosen', 60_000);
            if (request.fields) await screen.keys('ctrl+Home');
        }
        await run('import', ['-window', window, '-strip', '-colors', '64', `PNG8:${join(folder, `consent-${name}.png`)}`], { env: screen.env });
        await screen.keys('Escape');
        await ended;
    }
} finally {
    await screen.stop();
    rmSync(home, { recursive: true });
}
