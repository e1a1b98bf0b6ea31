// A simulated PIV card beside a world's other keys: RSA in 9A, P-256 in 9E, their certificates from a CA of its own.
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fillPiv } from '../../tools/bench/piv-key.mjs';
import { overSocket } from '../../tools/bench/wire.mjs';
import { Program } from '../../tools/demo/program.mjs';

const openssl = (...args) => execFileSync('openssl', args, { stdio: ['ignore', 'pipe', 'pipe'] });

/* A CA (P-256) in `dir`: its certificate's file, and issue(public key, name), which answers a DER certificate. */
export function smallCa(dir) {
    mkdirSync(dir, { recursive: true });
    const path = (name) => join(dir, name);
    if (!existsSync(path('root.pem'))) {
        openssl('req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-keyout', path('root.key'), '-out', path('root.pem'),
            '-subj', '/O=OpenUKey tests/CN=PIV root', '-days', '300', '-addext', 'keyUsage=critical,keyCertSign,cRLSign');
    }
    return {
        file: path('root.pem'),
        issue(key, name) {
            writeFileSync(path(`${name}.pub`), key.export({ type: 'spki', format: 'pem' }));
            writeFileSync(path('ext'), `keyUsage=digitalSignature${key.asymmetricKeyType === 'rsa' ? ',keyEncipherment' : ''}\nsubjectKeyIdentifier=hash\n`);
            openssl('req', '-new', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-keyout', path('any.key'), '-out', path('any.csr'), '-subj', `/O=OpenUKey tests/CN=${name}`);
            openssl('x509', '-req', '-in', path('any.csr'), '-force_pubkey', path(`${name}.pub`), '-CA', path('root.pem'), '-CAkey', path('root.key'),
                '-days', '200', '-extfile', path('ext'), '-outform', 'DER', '-out', path(`${name}.der`));
            return readFileSync(path(`${name}.der`));
        },
    };
}

/* Makes the card and plugs it in; it ends with the world. rsa: the slots that get RSA-2048 besides 9A. */
export async function plugPivCard(world, ca, { rsa = [] } = {}) {
    const image = join(world.dir, 'piv.img');
    execFileSync(world.binary('ukey-sim'), ['format', '--serial', 'FEED0001', '--application', 'piv', image]);
    const start = (socket) =>
        Program.start({
            name: 'ukey-sim (piv)',
            command: world.binary('ukey-sim'),
            args: ['run', '--socket', socket, '--control', join(world.dir, 'piv.ctl'), image],
            ready: /^ready ?(.*)$/,
            log: join(world.dir, 'piv.log'),
        });
    const filling = join(world.dir, 'piv-filling.sock');
    const first = await start(filling);
    const wire = await overSocket(filling);
    await fillPiv(wire, world.dir, 4, (dir, key, name) => ca.issue(key, name), rsa);
    wire.close();
    await first.stop();
    const card = await start(join(world.sockets, 'piv.sock'));
    world.guests.push(() => card.stop());
    return card;
}
