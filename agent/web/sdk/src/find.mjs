// Finding the agent, and saying what stands in the way when it cannot be found.
import { abortError, localError, networkError, problemError } from './errors.mjs';
import { API, DEFAULT_PORTS } from './facts.mjs';
import { isInForeignFrame, loopbackOption, loopbackPermission } from './loopback.mjs';
import { TEXTS, languageOf } from './texts.mjs';
import { alarm, endingWith, linkedSignal } from './waiting.mjs';

const PROBE_TIMEOUT_MS = 3000;
const ASKED_AFTER_MS = 500; // a request that takes longer while the permission is undecided waits for the person

export function settle(options = {}) {
    return {
        lang: languageOf(options.lang || globalThis.document?.documentElement?.lang || globalThis.navigator?.language),
        ports: options.ports ?? DEFAULT_PORTS,
        fetch: options.fetch ?? ((...args) => globalThis.fetch(...args)),
        WebSocket: options.WebSocket === undefined ? globalThis.WebSocket : options.WebSocket,
        onWaiting: options.onWaiting ?? (() => {}),
        signal: options.signal,
    };
}

// Asks one port who it is. Answers {found: identity} or {problem: AgentError}; strangers are a problem, not a crash.
async function probe(port, { fetch, lang, signal }, timeoutMs) {
    const url = `https://localhost:${port}/.well-known/openukey`;
    const link = linkedSignal(signal, timeoutMs);
    try {
        const response = await fetch(url, {
            cache: 'no-store',
            credentials: 'omit',
            headers: { 'Accept-Language': lang },
            signal: link.signal,
            ...loopbackOption(),
        });
        const body = await response.json().catch(() => null);
        if (response.ok && body?.name === 'openukey-agent') {
            if (body.api !== API) return { problem: localError('VERSION_MISMATCH', lang, { url }) };
            return { found: { ...body, port, base: `https://localhost:${port}` } };
        }
        if (body?.code === 'ORIGIN_REFUSED') return { problem: problemError(body, response.status, lang) };
        return { problem: localError('NOT_RUNNING', lang, { url, status: response.status }) };
    } catch (error) {
        if (signal?.aborted) throw abortError(signal, lang, error);
        if (link.timedOut()) return { problem: localError('TIMEOUT', lang, { url, retryable: true }) };
        return { problem: networkError(error, lang, { url }) };
    } finally {
        link.done();
    }
}

const denied = (lang) => localError('LNA_DENIED', lang, isInForeignFrame() ? { text: 'LNA_FRAME' } : {});

// The most telling of several problems: an answer beats a silence
const TELLING = ['ORIGIN_REFUSED', 'VERSION_MISMATCH', 'UNTRUSTED_TLS', 'TIMEOUT', 'NOT_RUNNING'];

// One question at a time: Firefox ends a request whose question is replaced by another one's
let turn = Promise.resolve();

async function inTurn(signal, action) {
    const before = turn;
    let leave;
    const left = new Promise((done) => (leave = done));
    turn = before.then(() => left);
    try {
        await endingWith(signal, before);
        return await action();
    } finally {
        leave();
    }
}

// Looks at one port after the other. Answers {found} or {problem}; note(name, ok, value) hears of every check.
async function survey(settled, note) {
    const { lang, signal, onWaiting } = settled;
    const isSecure = globalThis.isSecureContext !== false;
    note('secure-context', isSecure, String(isSecure));
    if (!isSecure) return { problem: localError('INSECURE_CONTEXT', lang) };
    const permission = await loopbackPermission();
    note('loopback-permission', permission !== 'denied', permission);
    if (permission !== 'prompt') return scan(settled, note, permission);
    // While the browser asks the person, the fetch hangs by design: no timeout then, but a word on what to do. The browser asks only
    // once something has answered on a port, and not pages that come from this computer.
    const timer = setTimeout(() => onWaiting(localError('LNA_PROMPT', lang, { retryable: true })), ASKED_AFTER_MS);
    try {
        return await inTurn(signal, async () => scan(settled, note, await loopbackPermission()));
    } catch (error) {
        throw signal?.aborted ? abortError(signal, lang, error) : error;
    } finally {
        clearTimeout(timer);
    }
}

async function scan(settled, note, permission) {
    const { lang, ports } = settled;
    if (permission === 'denied') return { problem: denied(lang) };
    let worst = null;
    for (const port of ports) {
        const { found, problem } = await probe(port, settled, permission === 'prompt' ? 0 : PROBE_TIMEOUT_MS);
        note(`port-${port}`, Boolean(found), found ? found.version : problem.code);
        if (found) return { found };
        if (!worst || TELLING.indexOf(problem.code) < TELLING.indexOf(worst.code)) worst = problem;
    }
    const now = await loopbackPermission();
    if (now === 'denied') return { problem: denied(lang) };
    if (now === 'prompt' && worst?.code === 'NOT_RUNNING') {
        // nobody is there, or the person waved the question away: a page cannot tell
        return { problem: localError('NOT_RUNNING', lang, { text: 'NOT_RUNNING_OR_ASKED', retryable: true }) };
    }
    return { problem: worst ?? localError('NOT_RUNNING', lang) };
}

export async function findAgent(settled) {
    const { found, problem } = await survey(settled, () => {});
    if (problem) throw problem;
    return found;
}

/** Says what stands between this page and the agent: {ok, code, title, detail, checks}. Never throws, never pairs, and does not wait
 * for the person: while the browser asks, the code is LNA_PROMPT. */
export async function diagnose(options) {
    const settled = settle(options);
    const checks = [];
    const note = (name, ok, value) => checks.push({ name, ok, value });
    const undecided = alarm();
    let isWaiting = null;
    const onWaiting = (problem) => {
        isWaiting = problem;
        settled.onWaiting(problem);
    };
    const surveyed = survey({ ...settled, onWaiting }, note).catch((problem) => ({ problem }));
    // the survey goes on behind an answer that says "undecided", so that the browser's question stays open
    const late = undecided.wait(PROBE_TIMEOUT_MS).then(async () => (isWaiting ? { problem: isWaiting } : surveyed));
    const { found, problem } = await Promise.race([surveyed, late]);
    undecided.ring();
    if (found) {
        const [title, detail] = TEXTS[settled.lang].OK;
        return { ok: true, code: 'OK', title, detail, agent: found, checks: [...checks] };
    }
    return { ok: false, code: problem.code, title: problem.title, detail: problem.detail, checks: [...checks] };
}
