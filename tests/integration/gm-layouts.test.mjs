// The GM driver speaks each layout of the command set: it makes a whole key by it (application, PINs, pairs, the envelope of an
// encryption pair, certificates, seal), and pkcs11-tool and openssl then use and judge that key.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { chmodSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { run } from '../../tools/demo/program.mjs';
import { SimDesk } from '../support/sim.mjs';
import { missing } from '../support/world.mjs';

const skip = missing('pkcs11-tool', 'openssl');
const ANY = [...Array(256).keys()];
const PIN = '12345678';

for (const layout of ['A', 'B']) {
    test(`a key of layout ${layout} is made and used`, { skip }, async (t) => {
        const desk = new SimDesk(t);
        chmodSync(desk.dir, 0o700);
        const file = (name) => join(desk.dir, name);
        const conf = file('openukey.conf');
        writeFileSync(conf, `socket-dir = ${desk.dir}\npcsc = off\ncache = off\nsm2-objects = vendor\n`);
        const sim = file('sim.sh');
        writeFileSync(sim, `#!/bin/sh\nif [ "$1" = format ]; then shift; exec ${desk.sim} format --layout ${layout} "$@"; fi\nexec ${desk.sim} "$@"\n`);
        chmodSync(sim, 0o755);
        const profile = file('profile.json');
        writeFileSync(profile, JSON.stringify({
            token: { serial: '0F0E0D0C0B0A09080706050403020100', label: 'Layout' },
            pin: { user: PIN, admin: 'admin-pin-1' },
            subject: { C: 'CN', CN: 'Layout' },
            validity: { notBefore: { days: -1 }, notAfter: { days: 30 } },
            containers: [
                { name: 'sm2', algorithm: 'SM2', encryptionPair: true },
                { name: 'rsa', algorithm: 'RSA' },
            ],
            seal: { type: 'organization', widthMm: 40, heightMm: 40, name: 'Layout' },
        }));
        const ukey = join(desk.build, 'bin/ukey');
        execFileSync(ukey, ['ca', 'init', file('ca')]);
        const key = desk.image('key');
        execFileSync(ukey, ['provision', profile, '--ca', file('ca'), '--out', key.image, '--sim', sim], { stdio: ['ignore', 'ignore', 'inherit'] });
        await key.start();
        const asan = process.env.SAN?.includes('address') ? { LD_PRELOAD: (await run('gcc', ['-print-file-name=libasan.so'])).stdout.trim() } : {};
        const tool = (args, { conf: other, ...options } = {}) => run('pkcs11-tool', ['--module', join(desk.build, 'lib/openukey-pkcs11.so'), ...args], {
            env: { OPENUKEY_CONF: other ?? conf, ASAN_OPTIONS: 'detect_leaks=0', ...asan }, cwd: desk.dir, ...options });

        const { stdout: listed } = await tool(['--login', '--pin', PIN, '--list-objects']);
        assert.equal(listed.match(/Private Key Object/g).length, 3, 'two signing pairs and an encryption pair from its envelope');
        assert.equal(listed.match(/Certificate Object/g).length, 3);
        const id = /label:\s+rsa\s+ID:\s+([0-9a-f]+)/.exec(listed.split('Private Key Object; RSA')[1])[1];
        writeFileSync(file('other.conf'), `socket-dir = ${desk.dir}\npcsc = off\ncache = off\ngm-layout = ${layout === 'A' ? 'B' : 'A'}\n`);
        const misled = await tool(['--login', '--pin', PIN, '--list-objects'], { allow: ANY, conf: file('other.conf') });
        assert.notEqual(misled.code, 0, 'the other layout does not do');
        writeFileSync(file('message'), Buffer.alloc(1000, 'layout'));
        await tool(['--read-object', '--type', 'cert', '--id', id, '-o', 'rsa.crt']);
        await run('openssl', ['x509', '-inform', 'DER', '-in', 'rsa.crt', '-noout', '-pubkey', '-out', 'rsa.pub'], { cwd: desk.dir });
        for (const mechanism of ['SHA256-RSA-PKCS', 'SHA256-RSA-PKCS-PSS']) {
            await tool(['--login', '--pin', PIN, '--sign', '-m', mechanism, '--id', id, '-i', 'message', '-o', 'signature']);
            const pss = mechanism.endsWith('PSS') ? ['-sigopt', 'rsa_padding_mode:pss'] : [];
            const { stdout } = await run('openssl', ['dgst', '-sha256', '-verify', 'rsa.pub', ...pss, '-signature', 'signature', 'message'], { cwd: desk.dir });
            assert.match(stdout, /Verified OK/);
        }
        const { stdout: agreed } = await run(join(desk.build, 'bin/agreementcheck'), [join(desk.build, 'lib/openukey-pkcs11.so'), PIN], { env: { OPENUKEY_CONF: conf, ASAN_OPTIONS: 'detect_leaks=0' } });
        assert.equal(agreed, 'responder: agreed\ninitiator: agreed\n', 'SM2 key agreement, checked in software');
        await tool(['--login', '--pin', PIN, '--write-object', 'message', '--type', 'data', '--label', 'note']);
        await tool(['--read-object', '--type', 'data', '--label', 'note', '-o', 'note']);
        assert.equal((await run('cmp', ['note', 'message'], { cwd: desk.dir, allow: ANY })).code, 0);

        const wrong = await tool(['--login', '--pin', '87654321', '--list-objects'], { allow: ANY });
        assert.match(wrong.stderr, /CKR_PIN_INCORRECT/);
        await tool(['--login', '--pin', PIN, '--change-pin', '--new-pin', 'other-pin']);
        assert.match((await tool(['--login', '--pin', PIN, '--list-objects'], { allow: ANY })).stderr, /CKR_PIN_INCORRECT/);
        await tool(['--login', '--login-type', 'so', '--so-pin', 'admin-pin-1', '--init-pin', '--new-pin', PIN]);
        await tool(['--login', '--pin', PIN, '--list-objects']);
        await tool(['--init-token', '--so-pin', 'admin-pin-1', '--label', 'Anew']);
        assert.doesNotMatch((await tool(['--list-objects'])).stdout, /Object/);
    });
}
