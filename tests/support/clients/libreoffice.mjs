// LibreOffice, without a screen: exports a signed PDF and signs an ODT; pdfsig and xmlsec1 judge.
import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Program, run } from '../../../tools/demo/program.mjs';
import { PIN } from '../client_desk.mjs';
import { flip } from '../openssl.mjs';
import { missing } from '../world.mjs';
import { database, judgePdf } from './nss.mjs';

const SCRIPT = fileURLToPath(new URL('libreoffice_sign.py', import.meta.url));
const PYTHON = '/usr/bin/python3'; // the one that Debian's python3-uno belongs to

export const libreofficeMissing = () =>
    missing('soffice', 'pdfsig', 'xmlsec1', 'unzip') ||
    (existsSync('/usr/lib/python3/dist-packages/uno.py') ? false : 'python3-uno is not installed');

export async function libreoffice(desk, key) {
    const folder = join(desk.work, `office-${key.name}`);
    mkdirSync(folder);
    const nss = join(folder, 'nss');
    await database(desk, key, nss);
    const pipe = `openukey-${process.pid}-${key.name}`;
    const office = await Program.start({
        name: 'soffice',
        command: 'soffice',
        args: [
            ...['--headless', '--norestore', '--nologo', '--nodefault', `--accept=pipe,name=${pipe};urp`],
            `-env:UserInstallation=file://${join(folder, 'profile')}`,
        ],
        ready: null,
        // each token that NSS sees asks for its PIN; the script answers once
        env: { ...desk.env, ...desk.alone(key), MOZILLA_CERTIFICATE_FOLDER: nss, HOME: folder },
        cwd: folder,
    });
    try {
        const { stdout } = await run(PYTHON, [SCRIPT, pipe, PIN, `CN=${key.name}`, folder]);
        assert.match(stdout, /^signed; asked for the PIN 1 times$/m);
    } finally {
        await office.stop();
    }
    await judgePdf(desk, key, join(folder, 'document.pdf'));
    await judgeOdt(key, folder);
}

/* xmlsec1 verifies the signature with the CA's certificate, over the files of the archive where the signature names them. */
async function judgeOdt(key, folder) {
    const content = join(folder, 'content');
    await run('unzip', ['-q', join(folder, 'document.odt'), '-d', content]);
    const signature = join(content, 'META-INF', 'documentsignatures.xml');
    const xml = readFileSync(signature, 'utf8');
    for (const name of ['content.xml', 'styles.xml', 'META-INF/manifest.xml']) assert.ok(xml.includes(`URI="${name}"`), name);
    const verify = () =>
        run('xmlsec1', ['--verify', '--trusted-pem', key.ca, '--id-attr:Id', 'SignedProperties', signature], { cwd: content });
    assert.match((await verify()).stderr, /^OK/m);
    const text = join(content, 'content.xml');
    writeFileSync(text, flip(readFileSync(text), -20));
    await assert.rejects(verify());
}
