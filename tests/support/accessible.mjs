// The desktop bus of a virtual screen, and on it what a screen reader would get of a program's windows (AT-SPI).
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Program, run } from '../../tools/demo/program.mjs';
import { until } from './agent.mjs';

const READER = fileURLToPath(new URL('accessible.py', import.meta.url));
const PYTHON = '/usr/bin/python3'; // Debian's own has the bindings
const BINDINGS = '/usr/lib/python3/dist-packages/gi';

export const noReader = !existsSync(BINDINGS) && 'not installed: python3-gi';

export class DesktopBus {
    static async start(screen) {
        const bus = new DesktopBus();
        bus.dir = mkdtempSync(join(tmpdir(), 'openukey-bus-'));
        bus.daemon = await Program.start({
            name: 'dbus-daemon',
            command: 'dbus-daemon',
            args: ['--session', '--nofork', '--nopidfile', '--nosyslog', '--print-address', `--address=unix:dir=${bus.dir}`],
            ready: /^(unix:.*)$/,
            env: { ...screen.env, XDG_RUNTIME_DIR: bus.dir, XDG_CACHE_HOME: bus.dir },
        });
        bus.env = { ...screen.env, DBUS_SESSION_BUS_ADDRESS: bus.daemon.ready, XDG_RUNTIME_DIR: bus.dir };
        // as a screen reader does when it starts: some toolkits say nothing before
        await run('dbus-send', ['--session', '--print-reply', '--dest=org.a11y.Bus', '/org/a11y/bus', 'org.freedesktop.DBus.Properties.Set',
            'string:org.a11y.Status', 'string:IsEnabled', 'variant:boolean:true'], { env: bus.env });
        return bus;
    }

    /* The program's tree (accessible.py), or null. */
    async tree(program) {
        return JSON.parse((await run(PYTHON, [READER, program], { env: this.env })).stdout);
    }

    /* Waits for the program and for `condition` on its elements; answers them: all, in the order of the tree. */
    async elements(program, condition = () => true) {
        const flat = (element) => [element, ...element.children.flatMap(flat)];
        let seen = [];
        try {
            await until(async () => {
                const tree = await this.tree(program);
                seen = tree ? flat(tree) : [];
                return tree && condition(seen);
            }, `${program} and what is waited for in it`, 60_000);
        } catch (error) {
            throw new Error(`${error.message}; a screen reader gets: ${JSON.stringify(seen.map(({ role, name }) => [role, name]))}`);
        }
        return seen;
    }

    async stop() {
        await this.daemon.stop();
        rmSync(this.dir, { recursive: true, force: true });
    }
}
