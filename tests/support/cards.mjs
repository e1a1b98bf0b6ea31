// A plugged-in simulated key with key pairs for every driver of the module: GM by layout A and B, PIV.
import { execFileSync } from 'node:child_process';
import { chmodSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fillPiv } from '../../tools/bench/piv-key.mjs';
import { overSocket } from '../../tools/bench/wire.mjs';
import { SimDesk } from './sim.mjs';

export const CARDS = ['GM, layout A', 'GM, layout B', 'PIV'];
const PIN = '123456';

async function gm(desk, layout) {
    const file = (name) => join(desk.dir, name);
    const ukey = join(desk.build, 'bin/ukey');
    const sim = file('sim.sh');
    writeFileSync(sim, `#!/bin/sh\nif [ "$1" = format ]; then shift; exec ${desk.sim} format --layout ${layout} "$@"; fi\nexec ${desk.sim} "$@"\n`);
    chmodSync(sim, 0o755);
    writeFileSync(file('profile.json'), JSON.stringify({
        token: { serial: '0F0E0D0C0B0A09080706050403020100', label: 'Card' },
        pin: { user: PIN, admin: '12345678' },
        subject: { C: 'CN', CN: 'Card' },
        validity: { notBefore: { days: -1 }, notAfter: { days: 30 } },
        containers: [
            { name: 'sm2', algorithm: 'SM2', encryptionPair: true },
            { name: 'rsa', algorithm: 'RSA' },
        ],
    }));
    execFileSync(ukey, ['ca', 'init', file('ca')]);
    const key = desk.image('key');
    execFileSync(ukey, ['provision', file('profile.json'), '--ca', file('ca'), '--out', key.image, '--sim', sim], { stdio: ['ignore', 'ignore', 'inherit'] });
    return { key: await key.start(), officer: '12345678' };
}

async function piv(desk) {
    const key = await desk.blank('key', 'FEED0001', '--application', 'piv').start();
    const wire = await overSocket(key.socket);
    await fillPiv(wire, desk.dir, 4);
    wire.close();
    await key.stop();
    return { key: await key.start(), officer: '010203040506070801020304050607080102030405060708' };
}

/* {desk, key, conf, pin, officer}: the key runs until the test ends; conf sees it alone. lines: more of openukey.conf. */
export async function plugIn(t, card, lines = '') {
    const desk = new SimDesk(t);
    chmodSync(desk.dir, 0o700);
    const { key, officer } = card === 'PIV' ? await piv(desk) : await gm(desk, card.at(-1));
    const conf = join(desk.dir, 'openukey.conf');
    writeFileSync(conf, `socket-dir = ${desk.dir}\npcsc = off\nusb = off\nsm2-objects = vendor\n${lines}`);
    return { desk, key, conf, pin: PIN, officer };
}
