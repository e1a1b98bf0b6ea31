// A terminal with a screen that tests can read, and a keyboard: a pty (pty.py) and xterm's emulator without its window.
import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import headless from '@xterm/headless';
import { until } from './agent.mjs';

const DRIVER = fileURLToPath(new URL('pty.py', import.meta.url));

export class Terminal {
    static async open({ rows = 24, columns = 80 } = {}) {
        const terminal = new Terminal();
        terminal.emulator = new headless.Terminal({ rows, cols: columns, scrollback: 10_000, allowProposedApi: true });
        terminal.written = Buffer.alloc(0); // all that programs wrote to it
        terminal.pty = spawn('python3', [DRIVER, rows, columns], { stdio: ['pipe', 'pipe', 'inherit'] });
        terminal.pty.stdin.on('error', () => {});
        await new Promise((done, fail) => {
            terminal.pty.once('exit', () => fail(new Error('the pty ended')));
            terminal.pty.stdout.on('data', (data) => {
                if (!terminal.device) {
                    const end = data.indexOf('\n');
                    terminal.device = data.subarray(0, end).toString();
                    data = data.subarray(end + 1);
                    done();
                }
                terminal.written = Buffer.concat([terminal.written, data]);
                terminal.emulator.write(data);
            });
        });
        return terminal;
    }

    #order(order) {
        this.pty.stdin.write(`${JSON.stringify(order)}\n`);
    }

    type(text) {
        this.#order({ type: text });
    }

    resize(rows, columns) {
        this.emulator.resize(columns, rows);
        this.#order({ size: [rows, columns] });
    }

    hangUp() {
        this.#order({ hangup: true });
    }

    async close() {
        const ended = new Promise((done) => this.pty.once('exit', done));
        this.pty.stdin.end();
        await ended;
    }

    /* The lines that the person sees now, without the empty ones at the end. */
    get screen() {
        const { active } = this.emulator.buffer;
        return this.#lines(active.baseY, active.baseY + this.emulator.rows).map(({ text }) => text);
    }

    /* All that has been on it, lines that have scrolled away too: {text, isWrapped} (by the terminal, for want of columns). */
    get lines() {
        return this.#lines(0, this.emulator.buffer.active.length);
    }

    #lines(from, to) {
        const lines = [];
        for (let y = from; y < to; y++) {
            const line = this.emulator.buffer.active.getLine(y);
            lines.push({ text: line?.translateToString(true) ?? '', isWrapped: line?.isWrapped ?? false });
        }
        while (lines.at(-1)?.text === '') lines.pop();
        return lines;
    }

    /* What stands on the screen in reverse video. */
    get reversed() {
        const { active } = this.emulator.buffer;
        let text = '';
        for (let y = active.baseY; y < active.baseY + this.emulator.rows; y++) {
            for (let x = 0; x < this.emulator.cols; x++) {
                const cell = active.getLine(y)?.getCell(x);
                if (cell?.isInverse()) text += cell.getChars();
            }
        }
        return text;
    }

    /* Waits until the screen's text matches. */
    async shows(pattern, ms = 60_000) {
        try {
            await until(() => pattern.test(this.screen.join('\n')), String(pattern), ms);
        } catch (error) {
            throw new Error(`${error.message}; the terminal shows:\n${this.screen.join('\n')}`);
        }
        return this.screen;
    }
}
