// A real pcscd of our own: its socket, its configuration and its one virtual reader (vpcd) are private, so it needs no root
// and does not touch the system's. It inherits the listening socket as systemd would hand it over. Or one with libccid, on a
// simulated USB bus.
import { existsSync, mkdirSync, renameSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { freePort } from './ports.mjs';
import { Program } from './program.mjs';

const DRIVER = '/usr/lib/pcsc/drivers/serial/libifdvpcd.so';
const PCSCD = ['/usr/sbin/pcscd', '/usr/bin/pcscd', '/sbin/pcscd'].find(existsSync);

export const pcscdMissing = () =>
    !PCSCD ? 'pcscd is not installed' : !existsSync(DRIVER) ? 'the vpcd driver (vsmartcard-vpcd) is not installed' : null;

const listening = (server, ...where) =>
    new Promise((resolve, reject) => server.once('error', reject).listen(...where, () => resolve(server)));

/* Starts it in `dir`, its reader called `name`; answers {program, port, env}: programs that get `env` talk to it, keys connect to
 * `port`. With `usb`, the environment of a program under `ukey-sim usb`, its readers are what is on that bus instead. */
export async function startPcscd(dir, { name = 'Virtual PCD', usb } = {}) {
    const missing = pcscdMissing();
    if (missing) throw new Error(missing);
    const port = usb ? null : await freePort(2); // vpcd listens on one for each of its two slots
    const config = join(dir, 'reader.conf.d');
    mkdirSync(config, { recursive: true });
    if (!usb) {
        writeFileSync(
            join(config, 'vpcd'),
            `FRIENDLYNAME "${name}"\nDEVICENAME /dev/null:${port}\nLIBPATH ${DRIVER}\nCHANNELID ${port}\n`,
        );
    }
    const socket = join(dir, 'pcscd.sock');
    const server = await listening(createServer(), join(dir, 'pcscd.new'));
    // closing removes the name it was made under, so it gets another one first
    renameSync(join(dir, 'pcscd.new'), socket);
    const program = await Program.start({
        name: 'pcscd',
        command: 'sh',
        args: [
            '-c',
            'LISTEN_PID=$$ LISTEN_FDS=1 exec "$0" --foreground --config "$1" --error',
            PCSCD,
            config,
        ],
        env: usb,
        ready: null,
        log: join(dir, 'pcscd.log'),
        stdio: ['ignore', 'pipe', 'pipe', server._handle.fd],
    });
    await new Promise((done) => server.close(done));
    return { program, port, env: { PCSCLITE_CSOCK_NAME: socket } };
}
