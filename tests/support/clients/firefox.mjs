// Firefox, without a screen, through Marionette (its own remote control): logs in to a TLS site with the token's certificate.
import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Program } from '../../../tools/demo/program.mjs';
import { until } from '../agent.mjs';
import { PIN } from '../client_desk.mjs';
import { FIREFOX_PREFERENCES, Marionette } from '../marionette.mjs';
import { missing } from '../world.mjs';
import { database } from './nss.mjs';

export const firefoxMissing = () => missing('firefox-esr', 'certutil', 'modutil');

const PREFERENCES = { ...FIREFOX_PREFERENCES, 'security.default_personal_cert': 'Select Automatically' };

// Stands where Firefox's dialogs are, which a Firefox without a screen cannot show: gives the PIN once
const ANSWER_PIN = `
    const [pin] = args;
    const asked = (globalThis.pinAsked = []);
    const prompt = {
        QueryInterface: ChromeUtils.generateQI(["nsIPrompt"]),
        promptPassword(title, text, password) {
            asked.push(text);
            password.value = pin;
            return asked.length === 1;
        },
        alert(title, text) { asked.push("alert: " + text); },
        confirm() { return true; },
    };
    const prompts = {
        QueryInterface: ChromeUtils.generateQI(["nsIPromptFactory"]),
        getPrompt: (window, iid) => prompt.QueryInterface(iid),
    };
    const factory = {
        QueryInterface: ChromeUtils.generateQI(["nsIFactory"]),
        createInstance: (iid) => prompts.QueryInterface(iid),
    };
    const id = Components.ID(Services.uuid.generateUUID().toString());
    Components.manager.QueryInterface(Ci.nsIComponentRegistrar).registerFactory(id, "PIN", "@mozilla.org/prompter;1", factory);`;
// not WebDriver:Navigate, which does not answer as long as the PIN is asked for
const NAVIGATE = `
    const [address] = args;
    const window = Services.wm.getMostRecentWindow("navigator:browser");
    const triggeringPrincipal = Services.scriptSecurityManager.getSystemPrincipal();
    window.setTimeout(() => window.gBrowser.selectedBrowser.fixupAndLoadURIString(address, { triggeringPrincipal }), 0);`;
const TEXT = 'return document.URL + "\\n" + (document.body ? document.body.innerText : "")';

export async function firefox(desk, key) {
    const folder = join(desk.work, `firefox-${key.name}`);
    const profile = join(folder, 'profile');
    mkdirSync(profile, { recursive: true });
    const database_ = await database(desk, key, profile);
    await desk.client('certutil', ['-A', '-d', database_, '-n', 'server ca', '-t', 'C,,', '-i', desk.server.ca]);
    const lines = Object.entries(PREFERENCES).map(([name, value]) => `user_pref(${JSON.stringify(name)}, ${JSON.stringify(value)});\n`);
    writeFileSync(join(profile, 'user.js'), lines.join(''));
    const server = await desk.tlsServer(key);
    const browser = await Program.start({
        name: 'firefox',
        command: 'firefox-esr',
        args: ['--headless', '--marionette', '--remote-allow-system-access', '--no-remote', '--profile', profile],
        ready: null,
        env: { ...desk.env, ...desk.alone(key), HOME: folder, MOZ_HEADLESS: '1' },
        cwd: folder,
    });
    try {
        const portFile = join(profile, 'MarionetteActivePort');
        await until(() => browser.exit || (existsSync(portFile) && readFileSync(portFile, 'utf8').trim()), 'Firefox', 60_000);
        assert.equal(browser.exit, null, browser.said);
        const remote = new Marionette(Number(readFileSync(portFile, 'utf8')));
        await remote.greeted;
        const capabilities = { alwaysMatch: { pageLoadStrategy: 'none', unhandledPromptBehavior: 'ignore' } };
        await remote.ask('WebDriver:NewSession', { capabilities });
        await remote.inside(ANSWER_PIN, PIN);
        await remote.inside(NAVIGATE, server.url);
        let text = '';
        await until(
            async () => {
                text = (await remote.ask('WebDriver:ExecuteScript', { script: TEXT, args: [] }).catch(() => ({ value: '' }))).value;
                return /Client certificate|^about:(neterror|certerror)/.test(text);
            },
            'the page',
            60_000,
        );
        assert.match(text, new RegExp(`Subject: CN=${key.name}\n`));
        assert.match(text, /Protocol\s*: TLSv1.3/);
        const asked = await remote.inside('return globalThis.pinAsked');
        assert.equal(asked.length, 1, String(asked));
        remote.socket.destroy();
    } finally {
        await browser.stop();
        await server.stop();
    }
}
