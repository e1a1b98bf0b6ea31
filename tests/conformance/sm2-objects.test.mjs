// What `sm2-objects` does to programs that know nothing of SM2: every client with every setting, an SM2 key beside the RSA key
// that it uses. docs/module.md has the table; the default is what breaks none. The short run tries the cheap ones.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { absent, ClientDesk, notSanitized } from '../support/client_desk.mjs';
import { chromium, chromiumMissing } from '../support/clients/chromium.mjs';
import { firefox, firefoxMissing } from '../support/clients/firefox.mjs';
import { certtool, gnutlsCli, p11tool, commands as gnutlsCommands } from '../support/clients/gnutls.mjs';
import { jarsigner, keytool, commands as javaCommands } from '../support/clients/java.mjs';
import { libreoffice, libreofficeMissing } from '../support/clients/libreoffice.mjs';
import { cmsutil, modutilAndCertutil, pdfsig, signtool, commands as nssCommands } from '../support/clients/nss.mjs';
import { gitCommit, login, loginWithoutAgent, signFile, sshdMissing, withAgent, commands as sshCommands } from '../support/clients/openssh.mjs';
import { curl, engineMissing, opensslEngine, osslsigncode } from '../support/clients/openssl_engine.mjs';
import { ownTest, pkcs11Tool } from '../support/clients/pkcs11_tool.mjs';
import { openvpn, openvpnMissing, pkiMissing, strongswanPki } from '../support/clients/vpn.mjs';

const throughAgent = (client) => (desk, key) => withAgent(desk, (agent) => client(desk, key, agent));
const NEVER = [];

// program, what it does, the settings that break it; `quick` is in the short run
const CLIENTS = [
    { name: 'pkcs11-tool', client: pkcs11Tool, breaks: NEVER, quick: true },
    { name: 'pkcs11-tool --test', client: ownTest, breaks: NEVER },
    { name: 'p11tool', client: p11tool, breaks: NEVER },
    { name: 'certtool', client: certtool, breaks: NEVER },
    { name: 'gnutls-cli', client: gnutlsCli, breaks: NEVER },
    { name: 'openssl (engine)', client: opensslEngine, breaks: ['vendor'], quick: true },
    { name: 'curl', client: curl, breaks: ['vendor'] },
    { name: 'osslsigncode', client: osslsigncode, breaks: ['vendor'] },
    { name: 'ssh', client: loginWithoutAgent, breaks: NEVER },
    { name: 'ssh-agent, ssh-keygen -Y', client: throughAgent(signFile), breaks: ['ec'], quick: true },
    { name: 'ssh-agent, ssh', client: throughAgent(login), breaks: ['ec'] },
    { name: 'ssh-agent, git', client: throughAgent(gitCommit), breaks: ['ec'] },
    { name: 'modutil, certutil', client: modutilAndCertutil, breaks: NEVER },
    { name: 'cmsutil', client: cmsutil, breaks: NEVER },
    { name: 'signtool', client: signtool, breaks: NEVER },
    { name: 'pdfsig', client: pdfsig, breaks: NEVER },
    { name: 'keytool', client: keytool, breaks: ['vendor', 'ec'], quick: true },
    { name: 'jarsigner', client: jarsigner, breaks: ['vendor', 'ec'] },
    { name: 'openvpn', client: openvpn, breaks: NEVER },
    { name: 'strongSwan pki', client: strongswanPki, breaks: NEVER },
    { name: 'LibreOffice', client: libreoffice, breaks: NEVER },
    { name: 'Firefox', client: firefox, breaks: NEVER },
    { name: 'Chromium', client: chromium, breaks: NEVER },
];

const skip =
    absent(...gnutlsCommands, ...sshCommands, ...nssCommands, ...javaCommands, 'git') || sshdMissing() || engineMissing('curl', 'osslsigncode') ||
    openvpnMissing() || pkiMissing() || libreofficeMissing() || firefoxMissing() || chromiumMissing() || notSanitized;

for (const presentation of ['vendor', 'ec', 'hidden']) {
    test(`sm2-objects = ${presentation}`, { skip }, async (t) => {
        const desk = await ClientDesk.make(t, { piv: false, conf: { 'sm2-objects': presentation } });
        const [key] = desk.identities;
        for (const { name, client, breaks } of CLIENTS.filter(({ quick }) => quick || process.env.LONG)) {
            const broken = breaks.includes(presentation);
            await t.test(`${broken ? 'breaks' : 'does no harm to'} ${name}`, async (t) => {
                const failure = await client(desk, key).then(
                    () => null,
                    (error) => error,
                );
                if (failure) t.diagnostic(String(failure.message).split('\n').slice(0, 6).join(' | '));
                assert.equal(failure !== null, broken, failure?.stack ?? `${name} works with ${presentation}`);
            });
        }
    });
}
