// Events: a WebSocket while it lasts, opened again with growing pauses when it breaks; without one, the plugged keys are looked at.
import { isSessionLoss } from './wire.mjs';

const POLL_MS = 1000;
const FIRST_PAUSE_MS = 1000;
const LONGEST_PAUSE_MS = 15000;

export class EventFeed {
    #url;
    #WebSocket;
    #emitter;
    #session;
    #sessionEnded;
    #tokens;
    #socket = null;
    #timer = undefined;
    #state = 'off'; // 'on', 'off', or 'paused': its session has ended
    #failures = 0;
    #known = null; // the plugged keys as last told: Map of id to token
    #told = 0; // counts what was pushed about keys

    /* url: of the WebSocket. session(): the session now. sessionEnded(): it is over; pauses us. tokens(): the plugged keys now. */
    constructor({ url, WebSocket, emitter, session, sessionEnded, tokens }) {
        this.#url = url;
        this.#WebSocket = WebSocket;
        this.#emitter = emitter;
        this.#session = session;
        this.#sessionEnded = sessionEnded;
        this.#tokens = tokens;
        /** Are events being pushed now? */
        this.live = false;
    }

    watch(listener) {
        const off = this.#emitter.on('job', listener);
        this.start();
        return off;
    }

    start() {
        if (this.#state !== 'off') return;
        this.#state = 'on';
        this.#open();
    }

    stop() {
        this.#hangUp('off');
    }

    /* The session has ended: nothing more comes until resume(). */
    pause() {
        if (this.#state === 'on') this.#hangUp('paused');
    }

    /* There is a new session. */
    resume() {
        if (this.#state !== 'paused') return;
        this.#state = 'on';
        this.#failures = 0;
        this.#open();
    }

    #hangUp(state) {
        this.#state = state;
        clearTimeout(this.#timer);
        const socket = this.#socket;
        this.#socket = null;
        this.live = false;
        socket?.close();
    }

    #open() {
        if (!this.#WebSocket) {
            this.#poll();
            return;
        }
        let socket;
        try {
            socket = new this.#WebSocket(this.#url);
        } catch {
            this.#WebSocket = null; // forbidden here (a content security policy, say)
            this.#poll();
            return;
        }
        this.#socket = socket;
        socket.addEventListener('open', () => socket.send(JSON.stringify({ session: this.#session() })));
        socket.addEventListener('message', (event) => {
            if (this.#socket === socket) this.#receive(event.data);
        });
        socket.addEventListener('close', () => {
            if (this.#socket === socket) this.#dropped();
        });
    }

    #receive(data) {
        let message;
        try {
            message = JSON.parse(data);
        } catch {
            return;
        }
        if (message.type === 'hello') {
            this.live = true;
            this.#failures = 0;
            this.#look(); // what happened while nobody listened
        } else if (message.type === 'token') {
            this.#told += 1;
            if (message.action === 'inserted') this.#known?.set(message.token.id, message.token);
            else this.#known?.delete(message.token.id);
            this.#emitter.emit('token', { action: message.action, token: message.token });
        } else if (message.type === 'job') {
            this.#emitter.emit('job', message.job);
        } else if (message.type === 'service') {
            this.#emitter.emit('service', { service: message.service, state: message.state });
        } else if (message.type === 'session') {
            this.#sessionEnded();
        }
    }

    async #dropped() {
        this.live = false;
        this.#socket = null;
        // the agent hangs up on a session that has ended: another socket would not help
        await this.#look();
        if (this.#state !== 'on') return;
        this.#failures += 1;
        this.#later(Math.min(LONGEST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** (this.#failures - 1)), () => this.#open());
    }

    #later(ms, action) {
        clearTimeout(this.#timer);
        this.#timer = setTimeout(action, ms);
        this.#timer?.unref?.(); // node: a page's feed must not keep a program alive
    }

    async #poll() {
        await this.#look();
        if (this.#state === 'on') this.#later(POLL_MS, () => this.#poll());
    }

    /* Tells of the keys that came and went since the last look. */
    async #look() {
        let now;
        const told = this.#told;
        try {
            now = new Map((await this.#tokens()).map((token) => [token.id, token]));
        } catch (error) {
            // anything else: the next request of the page says what is wrong
            if (isSessionLoss(error?.code)) this.#sessionEnded();
            return;
        }
        if (this.#state !== 'on') return;
        if (told !== this.#told) {
            await this.#look(); // older than what was pushed meanwhile
            return;
        }
        const before = this.#known ?? now;
        this.#known = now;
        for (const [id, token] of before) {
            if (!now.has(id)) this.#emitter.emit('token', { action: 'removed', token });
        }
        for (const [id, token] of now) {
            if (!before.has(id)) this.#emitter.emit('token', { action: 'inserted', token });
        }
    }
}
