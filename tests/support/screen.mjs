// A virtual screen (Xvfb) without a window manager, and a keyboard (xdotool).
import { spawn } from 'node:child_process';
import { run } from '../../tools/demo/program.mjs';
import { until } from './agent.mjs';

export class Screen {
    async start() {
        // -noreset: else the server begins anew whenever its last client ends, and refuses who comes meanwhile
        this.server = spawn('Xvfb', ['-displayfd', '3', '-noreset', '-screen', '0', '900x700x24', '-nolisten', 'tcp'], {
            stdio: ['ignore', 'ignore', 'ignore', 'pipe'],
        });
        const number = await new Promise((done, fail) => {
            this.server.stdio[3].once('data', (data) => done(String(data).trim()));
            this.server.once('exit', () => fail(new Error('Xvfb ended')));
        });
        this.env = { DISPLAY: `:${number}` };
        return this;
    }

    async stop() {
        const ended = new Promise((done) => this.server.once('exit', done));
        this.server.kill();
        await ended;
    }

    async xdotool(...args) {
        return (await run('xdotool', args, { env: this.env, allow: [0, 1] })).stdout.trim();
    }

    /* Visible windows whose property `by` ('class' or 'name') matches. */
    windows(pattern, by = 'class') {
        return this.xdotool('search', '--onlyvisible', `--${by}`, pattern).then((text) => text.split('\n').filter(Boolean));
    }

    /* Waits for the window and gives it the keyboard (there is no window manager that would). */
    async window(pattern, by) {
        await until(async () => (await this.windows(pattern, by)).length > 0, `a window of ${pattern}`, 60_000);
        const window = (await this.windows(pattern, by)).at(-1);
        await this.xdotool('windowfocus', window);
        return window;
    }

    keys(...names) {
        return this.xdotool('key', '--delay', '60', ...names);
    }
}
