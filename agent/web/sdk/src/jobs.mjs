// Work on the key, followed to its end.
import { Emitter } from './emitter.mjs';
import { abortError, localError, problemError } from './errors.mjs';
import { alarm } from './waiting.mjs';

const JOB_POLL_MS = 250;
const JOB_POLL_BESIDE_EVENTS_MS = 2000;
export const JOB_KINDS = ['enrol', 'renew', 'change', 'replace', 'unlock', 'recover', 'install'];
const FINAL = new Set(['done', 'failed', 'interrupted', 'cancelled']);

export class Job {
    #agent;
    #feed;
    #emitter = new Emitter();

    constructor(agent, state, feed) {
        this.#agent = agent;
        this.#feed = feed;
        this.id = state.id;
        this.last = state;
    }

    /** 'progress' job: called for every change until the job ends. */
    on(type, listener) {
        return this.#emitter.on(type, listener);
    }

    cancel({ signal } = {}) {
        return this.#agent.jobs.cancel(this.id, { signal });
    }

    /** Waits for the end; answers the job with its result, or throws its problem as an AgentError. */
    async finished({ signal } = {}) {
        const pause = alarm();
        const off = this.#feed.watch((job) => {
            if (job.id !== this.id) return;
            this.#take(job);
            pause.ring();
        });
        try {
            if (this.last.state) this.#emitter.emit('progress', this.last);
            else this.#take(await this.#agent.jobs.get(this.id, { signal })); // one that was only named
            while (!FINAL.has(this.last.state)) {
                await pause.wait(this.#feed.live ? JOB_POLL_BESIDE_EVENTS_MS : JOB_POLL_MS, signal);
                if (signal?.aborted) throw abortError(signal, this.#agent.lang);
                // events may be lost with their socket: what the agent answers is what counts
                this.#take(await this.#agent.jobs.get(this.id, { signal }));
            }
        } finally {
            off();
        }
        if (this.last.state === 'done') return this.last;
        if (this.last.problem) throw problemError(this.last.problem, this.last.problem.status, this.#agent.lang);
        throw localError(`JOB_${this.last.state.toUpperCase()}`, this.#agent.lang, { retryable: true });
    }

    #take(job) {
        const changed = JSON.stringify(this.last) !== JSON.stringify(job);
        this.last = job;
        if (changed) this.#emitter.emit('progress', job);
    }
}
