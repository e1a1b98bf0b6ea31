// Firefox's own remote control: frames over a socket (--marionette).
import { createConnection } from 'node:net';

// for a fresh profile that asks nothing
export const FIREFOX_PREFERENCES = {
    'marionette.port': 0, // a free one, which it writes to a file
    'browser.shell.checkDefaultBrowser': false,
    'browser.aboutwelcome.enabled': false,
    'browser.startup.page': 0,
    'browser.newtabpage.enabled': false,
    'startup.homepage_welcome_url': '',
    'termsofuse.bypassNotification': true,
    'datareporting.policy.dataSubmissionEnabled': false,
    'network.captive-portal-service.enabled': false,
    'network.connectivity-service.enabled': false,
    'app.update.enabled': false,
};

/* Frames are LENGTH:JSON; commands [0, id, name, arguments], answers [1, id, error, result]. */
export class Marionette {
    constructor(port) {
        this.bytes = Buffer.alloc(0);
        this.waiting = new Map();
        this.count = 0;
        this.socket = createConnection(port, '127.0.0.1');
        this.greeted = new Promise((done, fail) => {
            this.waiting.set('greeting', { done });
            this.socket.on('error', fail);
        });
        this.socket.on('data', (more) => this.#take(more));
        this.socket.on('close', () => this.waiting.forEach(({ fail }) => fail?.(new Error('Firefox has ended'))));
    }

    #take(more) {
        this.bytes = Buffer.concat([this.bytes, more]);
        for (let colon; (colon = this.bytes.indexOf(':')) > 0; ) {
            const end = colon + 1 + Number(this.bytes.subarray(0, colon));
            if (this.bytes.length < end) return;
            const message = JSON.parse(this.bytes.subarray(colon + 1, end));
            this.bytes = this.bytes.subarray(end);
            const [, id, error, result] = Array.isArray(message) ? message : [1, 'greeting', null, message];
            const asked = this.waiting.get(id);
            this.waiting.delete(id);
            if (error) asked?.fail(new Error(`${error.error}: ${error.message}`));
            else asked?.done(result);
        }
    }

    ask(name, args = {}) {
        const id = ++this.count;
        const body = JSON.stringify([0, id, name, args]);
        return new Promise((done, fail) => {
            this.waiting.set(id, { done, fail });
            this.socket.write(`${Buffer.byteLength(body)}:${body}`);
        });
    }

    /* Runs a function's body with the rights of Firefox itself. */
    async inside(body, ...args) {
        await this.ask('Marionette:SetContext', { value: 'chrome' });
        try {
            const script = `const done = arguments[arguments.length - 1]; const given = [...arguments].slice(0, -1);
                (async (...args) => { ${body} })(...given).then((value) => done({ value }), (error) => done({ error: String(error) }));`;
            const parameters = { script, args, newSandbox: false, sandbox: 'system' };
            const { value: answer } = await this.ask('WebDriver:ExecuteAsyncScript', parameters);
            if (answer.error) throw new Error(answer.error);
            return answer.value;
        } finally {
            await this.ask('Marionette:SetContext', { value: 'content' });
        }
    }
}
