// A real pcscd of our own: its socket, its configuration and its one virtual reader (vpcd) are private, so it needs no root
// and does not touch the system's. It inherits the listening socket as systemd would hand it over.
import { existsSync, mkdirSync, renameSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { Program } from './program.mjs';

const DRIVER = '/usr/lib/pcsc/drivers/serial/libifdvpcd.so';
const PCSCD = ['/usr/sbin/pcscd', '/usr/bin/pcscd', '/sbin/pcscd'].find(existsSync);

export const pcscdMissing = () =>
    !PCSCD ? 'pcscd is not installed' : !existsSync(DRIVER) ? 'the vpcd driver (vsmartcard-vpcd) is not installed' : null;

const listening = (server, ...where) =>
    new Promise((resolve, reject) => server.once('error', reject).listen(...where, () => resolve(server)));

/* Two TCP ports in a row, free on this computer: vpcd listens on one for each of its two slots. */
async function freePortPair() {
    for (let attempt = 0; attempt < 50; attempt++) {
        const first = await listening(createServer(), 0, '0.0.0.0');
        const { port } = first.address();
        const second = await listening(createServer(), port + 1, '0.0.0.0').catch(() => null);
        await new Promise((done) => first.close(done));
        if (second) {
            await new Promise((done) => second.close(done));
            return port;
        }
    }
    throw new Error('no two free ports in a row');
}

/* Starts it in `dir`; answers {program, port, env}: programs that get `env` talk to it, keys connect to `port`. */
export async function startPcscd(dir) {
    const missing = pcscdMissing();
    if (missing) throw new Error(missing);
    const port = await freePortPair();
    const config = join(dir, 'reader.conf.d');
    mkdirSync(config, { recursive: true });
    writeFileSync(
        join(config, 'vpcd'),
        `FRIENDLYNAME "Virtual PCD"\nDEVICENAME /dev/null:${port}\nLIBPATH ${DRIVER}\nCHANNELID ${port}\n`,
    );
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
        ready: null,
        log: join(dir, 'pcscd.log'),
        stdio: ['ignore', 'pipe', 'pipe', server._handle.fd],
    });
    await new Promise((done) => server.close(done));
    return { program, port, env: { PCSCLITE_CSOCK_NAME: socket } };
}
