// Keys as `ukey provision` makes them: openssl and pkcs11-tool say whether they are what the profile asked for.
import assert from 'node:assert/strict';
import { createCipheriv, createHmac } from 'node:crypto';
import { copyFileSync, existsSync, mkdirSync, readFileSync, readdirSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { profiles } from '../../tools/demo/house.mjs';
import { run } from '../../tools/demo/program.mjs';
import { sealParts, parse } from '../support/der.mjs';
import { SimDesk } from '../support/sim.mjs';
import { World, flip, fromPem, missing } from '../support/world.mjs';

const DAY = 86400_000;
const shanghaiDay = (time) => Math.floor((new Date(time).getTime() + 8 * 3600_000) / DAY);

/* A CA, a place for keys, nothing running. */
async function makeWorkshop(t) {
    const world = new World({});
    t.after(() => world.close());
    await world.makeCa();
    return world;
}

const certificate = (key, usage) => fromPem(key.manifest.certificates.find((one) => one.usage === usage).pem);
const chain = (world) => ({ root: world.rootFile, issuing: world.issuingFile });

const endOf = async (world, der) => new Date((await world.openssl.describe(der, '-enddate')).replace('notAfter=', ''));

/* pkcs11-tool on the plugged key. */
async function pkcs11Tool(world, ...args) {
    const conf = join(world.dir, 'openukey.conf');
    writeFileSync(conf, `socket-dir = ${world.sockets}\npcsc = off\nsm2-objects = vendor\n`);
    const asan = process.env.SAN?.includes('address') ? { LD_PRELOAD: (await run('gcc', ['-print-file-name=libasan.so'])).stdout.trim() } : {};
    return run('pkcs11-tool', ['--module', world.module, ...args], {
        env: { OPENUKEY_CONF: conf, ASAN_OPTIONS: 'detect_leaks=0', LC_ALL: 'C.UTF-8', ...asan },
    });
}

describe('a provisioned key', () => {
    test('has certificates that openssl verifies to the CA, and not with a byte flipped', async (t) => {
        const world = await makeWorkshop(t);
        const key = await world.provision('key', 'org-expiring-30-days');
        for (const usage of ['sign', 'encrypt']) {
            const der = certificate(key, usage);
            assert.equal(await world.openssl.verifyCertificate(der, chain(world)), true, usage);
            assert.equal(await world.openssl.verifyCertificate(flip(der, -4), chain(world)), false, usage);
            assert.equal(await world.openssl.verifyCertificate(flip(der, 40), chain(world)), false, usage);
        }
        assert.match(await world.openssl.describe(certificate(key, 'sign'), '-ext', 'keyUsage'), /critical\s+Digital Signature, Non Repudiation$/);
        assert.match(
            await world.openssl.describe(certificate(key, 'encrypt'), '-ext', 'keyUsage'),
            /critical\s+Key Encipherment, Data Encipherment, Key Agreement$/,
        );
        assert.match(await world.openssl.describe(certificate(key, 'sign'), '-ext', 'basicConstraints'), /CA:FALSE/);
        const serial = (await world.openssl.describe(certificate(key, 'sign'), '-serial')).replace('serial=', '');
        assert.match(serial, /^[4-7][0-9A-F]{31}$/, 'sixteen random bytes');
    });

    test('has a seal whose signature openssl verifies, made for its signing certificate', async (t) => {
        const world = await makeWorkshop(t);
        const key = await world.provision('key', 'org-expiring-30-days');
        const [{ id, der }] = key.manifest.seals;
        const bytes = Buffer.from(der, 'base64');
        const { signed, certificate: maker, signature } = sealParts(bytes);
        const good = { certificate: maker, data: signed, signature };
        assert.equal(await world.openssl.verifySignature(good), true);
        assert.equal(await world.openssl.verifySignature({ ...good, data: flip(signed, -1) }), false);
        assert.equal(await world.openssl.verifySignature({ ...good, signature: flip(signature, -1) }), false);
        assert.equal(await world.openssl.verifyCertificate(maker, chain(world)), true);
        const [header, esId, property, picture] = parse(signed).items;
        assert.equal(header.items[1].content[0], 4);
        assert.equal(esId.content.toString(), id);
        assert.equal(property.items[0].content[0], 1, 'an organisation seal');
        assert.equal(property.items[1].content.toString(), '长沙示范建设工程有限公司');
        assert.deepEqual(property.items[3].items.map((one) => one.content), [certificate(key, 'sign')]);
        assert.equal(picture.items[1].content.subarray(1, 4).toString(), 'PNG');
        assert.deepEqual([picture.items[2].content[0], picture.items[3].content[0]], [48, 48]);
    });

    test('shows a seal picture of its own when the profile names one', async (t) => {
        const world = await makeWorkshop(t);
        const drawn = await world.provision('drawn', 'org-expiring-30-days');
        const picture = parse(sealParts(Buffer.from(drawn.manifest.seals[0].der, 'base64')).signed).items[3].items[1].content;
        writeFileSync(join(world.dir, 'mine.png'), Buffer.concat([picture, Buffer.from('mine')]));
        copyFileSync(join(profiles, 'org-expiring-30-days.json'), join(world.dir, 'profile.json'));
        const profile = JSON.parse(readFileSync(join(world.dir, 'profile.json'), 'utf8'));
        profile.seal = { ...profile.seal, picture: 'mine.png', widthMm: 40, heightMm: 30, type: 'personal', name: '张三' };
        writeFileSync(join(world.dir, 'profile.json'), JSON.stringify(profile));
        const key = await world.provision('key', join(world.dir, 'profile.json'));
        const info = parse(sealParts(Buffer.from(key.manifest.seals[0].der, 'base64')).signed).items;
        assert.equal(info[2].items[0].content[0], 2);
        assert.equal(info[2].items[1].content.toString(), '张三');
        assert.deepEqual(info[3].items[1].content, readFileSync(join(world.dir, 'mine.png')));
        assert.deepEqual([info[3].items[2].content[0], info[3].items[3].content[0]], [40, 30]);
    });

    test('shows pkcs11-tool its objects, and signs with RSA as openssl wants it', { skip: missing('pkcs11-tool') }, async (t) => {
        const world = await makeWorkshop(t);
        const key = await world.provision('key', 'org-expiring-30-days');
        assert.deepEqual(key.manifest.certificates.map(({ algorithm }) => algorithm), ['SM2', 'SM2'], 'RSA is not registered');
        await key.plug();
        const { stdout } = await pkcs11Tool(world, '--login', '--pin', '123456', '--list-objects');
        assert.equal(stdout.match(/^Private Key Object/gm).length, 3);
        assert.equal(stdout.match(/^Certificate Object/gm).length, 3);
        assert.match(stdout, new RegExp(`${key.manifest.seals[0].id}\\.esl`));
        const rsaId = /Private Key Object; RSA[\s\S]*?ID: +([0-9a-f]+)/.exec(stdout)[1];
        const [data, signature, der] = ['data', 'sig', 'crt'].map((name) => join(world.dir, `rsa.${name}`));
        writeFileSync(data, 'signed on the key');
        const sign = ['--sign', '--mechanism', 'SHA256-RSA-PKCS', '--input-file', data, '--output-file', signature];
        await pkcs11Tool(world, '--login', '--pin', '123456', '--id', rsaId, ...sign);
        await pkcs11Tool(world, '--id', rsaId, '--read-object', '--type', 'cert', '--output-file', der);
        assert.equal(await world.openssl.verifyCertificate(readFileSync(der), chain(world)), true);
        const publicKey = await world.openssl.publicKey(readFileSync(der));
        const verify = (file) => run('openssl', ['dgst', '-sha256', '-verify', publicKey, '-signature', signature, file], { allow: [0, 1] });
        assert.equal((await verify(data)).code, 0);
        assert.equal((await verify(world.openssl.file('signed on the kez'))).code, 1);
    });

    test('ends on the Shanghai day that the profile counts to', async (t) => {
        const world = await makeWorkshop(t);
        const days = {
            'org-89-days': 89, 'org-90-days': 90, 'org-expired-10-days': -10, 'org-expired-365-days': -365, 'org-expired-366-days': -366,
        };
        // one second before and at Shanghai's midnight
        for (const clock of ['2026-03-31T15:59:59Z', '2026-04-01T00:00:00+08:00']) {
            for (const [profile, left] of Object.entries(days)) {
                const key = await world.provision(`${profile}-${clock.length}`, profile, { clock });
                const end = await endOf(world, certificate(key, 'sign'));
                assert.equal(shanghaiDay(end) - shanghaiDay(clock), left, `${profile} at ${clock}`);
                assert.equal(shanghaiDay(end.getTime() + 1000), shanghaiDay(end) + 1, 'the last second of its day');
                assert.deepEqual(await endOf(world, certificate(key, 'encrypt')), end);
            }
        }
    });

    test('is left with the PIN tries that the profile asks for', { skip: missing('pkcs11-tool') }, async (t) => {
        const world = await makeWorkshop(t);
        const flags = async (profile) => {
            const key = await world.provision(profile, profile);
            await key.plug();
            const { stdout } = await pkcs11Tool(world, '--list-token-slots');
            await key.unplug();
            return /token flags +: (.*)/.exec(stdout)[1];
        };
        assert.doesNotMatch(await flags('org-expiring-30-days'), /count low|final|locked/);
        assert.match(await flags('org-pin-one-left'), /final user PIN try/);
        assert.match(await flags('org-pin-locked'), /user PIN locked/);
    });

    test('takes a certificate of more than 2048 bytes, and one of more than 4096 is refused', { skip: missing('pkcs11-tool', 'openssl') }, async (t) => {
        const world = await makeWorkshop(t);
        const key = await world.provision('key', 'org-expiring-30-days');
        await key.plug();
        const path = (name) => join(world.dir, name);
        const login = ['--login', '--pin', '123456'];
        await pkcs11Tool(world, ...login, '--keypairgen', '--key-type', 'rsa:2048', '--label', 'long', '--id', '77');
        await pkcs11Tool(world, '--read-object', '--type', 'pubkey', '--id', '77', '--output-file', path('77.der'));
        await run('openssl', ['genrsa', '-out', path('ca.key'), '2048']);
        const certify = async (names) => {
            const list = Array.from({ length: names }, (_, i) => `DNS:name-${i}-of-a-very-long-list.openukey.example`).join(',');
            await run('openssl', ['req', '-new', '-key', path('ca.key'), '-subj', '/CN=long', '-addext', `subjectAltName=${list}`, '-out', path('c.csr')]);
            await run('openssl', ['x509', '-req', '-in', path('c.csr'), '-copy_extensions', 'copy', '-force_pubkey', path('77.der'), '-signkey', path('ca.key'), '-outform', 'DER', '-out', path('c.der')]);
            return readFileSync(path('c.der'));
        };
        const write = () => pkcs11Tool(world, ...login, '--write-object', path('c.der'), '--type', 'cert', '--id', '77');
        for (const names of [40, 70]) {
            const der = await certify(names);
            assert.ok(der.length > 2048 && der.length <= 4096, `${der.length} bytes`);
            await write();
            await pkcs11Tool(world, '--read-object', '--type', 'cert', '--id', '77', '--output-file', path('back.der'));
            assert.deepEqual(readFileSync(path('back.der')), der);
        }
        assert.ok((await certify(90)).length > 4096);
        await assert.rejects(write(), /CKR_/);
    });

    test('has a PIN that opens nothing until it is changed, if the profile says so', { skip: missing('pkcs11-tool') }, async (t) => {
        const world = await makeWorkshop(t);
        const key = await world.provision('key', 'org-pin-must-change');
        await key.plug();
        const tool = (...args) => pkcs11Tool(world, ...args);
        const generate = (pin) => tool('--login', '--pin', pin, '--keypairgen', '--key-type', 'rsa:2048', '--label', 'more');
        assert.match((await tool('--list-token-slots')).stdout, /user PIN to be changed/);
        await assert.rejects(generate('123456'), /CKR_PIN_EXPIRED/);
        await tool('--login', '--pin', '123456', '--change-pin', '--new-pin', '654321');
        assert.doesNotMatch((await tool('--list-token-slots')).stdout, /to be changed/);
        assert.match((await generate('654321')).stdout, /Private Key Object/);
    });

    test('is unlocked from afar with the unlock key of its profile', { skip: missing('pkcs11-tool') }, async (t) => {
        const world = await makeWorkshop(t);
        const key = await world.provision('key', 'org-pin-locked');
        await key.plug();
        const [socket] = readdirSync(world.sockets).filter((name) => name.endsWith('.sock'));
        const host = await new SimDesk(t).hostAt(join(world.sockets, socket));
        const { pin } = JSON.parse(readFileSync(join(profiles, 'org-pin-locked.json'), 'utf8'));
        // include/openukey/apdu.h, "Remote unlock", as the service and the holder's host do it
        const [application] = Buffer.from((await host.apdu('80220000000000')).data, 'hex').toString().split('\0');
        const hex = (...parts) => Buffer.concat(parts).toString('hex');
        const byte = (n) => Buffer.from([n]);
        const opened = await host.apdu(hex(Buffer.from([0x80, 0x26, 0, 0, application.length]), Buffer.from(application)));
        const id = Buffer.from(opened.data, 'hex').subarray(8, 10);
        const order = Buffer.from('CASE-1');
        const begun = await host.apdu(hex(Buffer.from([0x80, 0xd6, 0, 0, 3 + order.length]), id, byte(order.length), order));
        assert.equal(begun.sw, '9000');
        const challenge = Buffer.from(begun.data, 'hex').subarray(0, 48); // serial, challenge
        const about = Buffer.concat([challenge, byte(order.length), order]);
        const once = createHmac('sm3', Buffer.from(pin.unlockKey, 'hex')).update(Buffer.concat([Buffer.from('OpenUKey unlock\0'), about])).digest();
        const cipher = createCipheriv('sm4-ecb', once.subarray(0, 16), null).setAutoPadding(false);
        const body = Buffer.concat([id, byte(0), cipher.update(Buffer.concat([Buffer.from('998877'), Buffer.alloc(10)]))]);
        const mac = createHmac('sm3', once.subarray(16)).update(Buffer.concat([Buffer.from('80d80000', 'hex'), about, body])).digest().subarray(0, 16);
        assert.equal((await host.apdu(hex(Buffer.from([0x80, 0xd8, 0, 0, 35]), body, mac))).sw, '9000');
        host.close();
        await pkcs11Tool(world, '--login', '--pin', '998877', '--list-objects', '--type', 'privkey');
        assert.doesNotMatch((await pkcs11Tool(world, '--list-token-slots')).stdout, /user PIN locked/);
    });
});

describe('a provisioning that fails', () => {
    async function refused(t, changes, pattern, env = {}) {
        const world = await makeWorkshop(t);
        const profile = join(world.dir, 'profile.json');
        const temporary = join(world.dir, 'tmp');
        mkdirSync(temporary);
        writeFileSync(profile, changes(JSON.parse(readFileSync(join(profiles, 'org-expiring-30-days.json'), 'utf8'))));
        const [image, manifest] = [join(world.dir, 'k.img'), join(world.dir, 'k.json')];
        const { code, stderr } = await run(
            world.binary('ukey'),
            ['provision', profile, '--ca', world.ca, '--out', image, '--manifest', manifest],
            { allow: [1], env: { TMPDIR: temporary, LC_ALL: 'C', ...env } },
        );
        assert.equal(code, 1);
        assert.match(stderr, pattern);
        assert.deepEqual([existsSync(image), existsSync(manifest), readdirSync(temporary)], [false, false, []], 'nothing is left');
    }

    test('names the member that is wrong, in English and in Chinese', async (t) => {
        await refused(t, (profile) => JSON.stringify({ ...profile, colour: 'red' }), /unknown member "colour"/);
        await refused(t, (profile) => JSON.stringify({ ...profile, colour: 'red' }), /未知成员“colour”/, { LC_ALL: 'zh_CN.UTF-8' });
        await refused(t, (profile) => JSON.stringify({ ...profile, subject: { C: 'CHN' } }), /"subject"/);
        await refused(t, (profile) => JSON.stringify({ ...profile, containers: {} }), /"containers"/);
        await refused(t, (profile) => JSON.stringify({ ...profile, containers: [] }), /"container"/);
        await refused(t, (profile) => JSON.stringify({ ...profile, pin: { user: '12345' } }), /"user"/);
        await refused(t, (profile) => JSON.stringify({ ...profile, pin: { unlockKey: '00112233445566778899aabbccddee' } }), /"unlockKey"/);
        await refused(t, (profile) => JSON.stringify({ ...profile, pin: { unlockKey: 'not hexadecimal, but 32 letters!' } }), /"unlockKey"/);
        await refused(t, (profile) => JSON.stringify({ ...profile, pin: { mustChange: 1 } }), /"mustChange"/);
        await refused(t, (profile) => JSON.stringify({ ...profile, validity: { notBefore: { days: 2 }, notAfter: { days: 1 } } }), /"validity"/);
        await refused(t, (profile) => JSON.stringify(profile).replace('{', '{"pin":{},'), /JSON/);
    });

    test('leaves nothing behind when the simulator or the module is not there', async (t) => {
        const world = await makeWorkshop(t);
        const profile = join(profiles, 'org-expiring-30-days.json');
        const temporary = join(world.dir, 'tmp');
        mkdirSync(temporary);
        const image = join(world.dir, 'k.img');
        for (const more of [['--sim', '/nonexistent/sim'], ['--sim', '/bin/false'], ['--module', '/nonexistent.so']]) {
            await run(world.binary('ukey'), ['provision', profile, '--ca', world.ca, '--out', image, ...more], {
                allow: [1],
                env: { TMPDIR: temporary },
            });
            assert.deepEqual([existsSync(image), readdirSync(temporary)], [false, []], more.join(' '));
        }
    });

    test('says how to make the CA that is not there, and tells wrong usage by status 2', async (t) => {
        const world = await makeWorkshop(t);
        const ukey = (args, code) => run(world.binary('ukey'), args, { allow: [code], env: { LC_ALL: 'C' } });
        const profile = join(profiles, 'org-expiring-30-days.json');
        const absent = join(world.dir, 'no-ca');
        const { stderr } = await ukey(['provision', profile, '--ca', absent, '--out', join(world.dir, 'k.img')], 1);
        assert.match(stderr, /ukey ca init .*no-ca/);
        await ukey([], 2);
        await ukey(['provision', profile], 2);
        await ukey(['provision', '--bad'], 2);
        await ukey(['provision', profile, '--ca'], 2);
        await ukey(['ca', 'init', absent, '--clock', 'tomorrow'], 2);
        assert.match((await ukey(['--help'], 0)).stdout, /ukey provision PROFILE/);
        assert.match((await ukey(['--version'], 0)).stdout, /^ukey \d+\.\d+\.\d+$/m);
    });
});

test('a CA that is made twice stays the same, and its files are private', async (t) => {
    const world = await makeWorkshop(t);
    const before = readFileSync(world.rootFile, 'utf8');
    await run(world.binary('ukey'), ['ca', 'init', world.ca]);
    assert.equal(readFileSync(world.rootFile, 'utf8'), before);
    for (const name of readdirSync(world.ca)) assert.equal(statSync(join(world.ca, name)).mode & 0o077, 0, name);
});
