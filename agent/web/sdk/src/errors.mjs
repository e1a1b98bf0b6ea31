// What can go wrong, as one class of errors with stable codes.
import { TEXTS, languageOf } from './texts.mjs';
import { DEFAULT_PORTS } from './facts.mjs';

/** Every failure of the SDK: `code` is stable, `title` and `detail` are for a person. */
export class AgentError extends Error {
    constructor(fields) {
        super(fields.detail ? `${fields.title} (${fields.detail})` : fields.title || fields.code);
        this.name = 'AgentError';
        this.code = fields.code;
        this.status = fields.status ?? 0;
        this.title = fields.title ?? fields.code;
        this.detail = fields.detail ?? '';
        this.retryable = fields.retryable ?? false;
        if (fields.triesLeft !== undefined) this.triesLeft = fields.triesLeft;
        if (fields.problem !== undefined) this.problem = fields.problem;
        if (fields.cause !== undefined) this.cause = fields.cause;
    }
}

/* text: the key of the text, where it is not the code. */
export function localError(code, lang, { url, text = code, ...more } = {}) {
    const [title, detail] = TEXTS[languageOf(lang)][text] || [code, ''];
    const where = url || `https://localhost:${DEFAULT_PORTS[0]}/.well-known/openukey`;
    return new AgentError({ code, title, detail: detail.replace('{url}', where), ...more });
}

// A problem document (RFC 9457), from the agent or passed through from a service
export function problemError(problem, status, lang) {
    if (!problem || typeof problem.code !== 'string') return localError('BAD_ANSWER', lang, { status });
    return new AgentError({
        code: problem.code,
        status: problem.status ?? status,
        title: problem.title,
        detail: problem.detail,
        retryable: problem.retryable,
        triesLeft: problem.triesLeft,
        problem,
    });
}

/* The caller's signal has ended it: by its own time limit, or on purpose. */
export function abortError(signal, lang, cause) {
    const code = signal?.reason?.name === 'TimeoutError' ? 'TIMEOUT' : 'ABORTED';
    return localError(code, lang, { retryable: code === 'TIMEOUT', ...(cause ? { cause } : {}) });
}

const TLS_CAUSES = /CERT|SIGNATURE|ERR_TLS|SSL/;

export function networkError(cause, lang, more) {
    // Browsers do not tell a page why a fetch failed; node does
    const reason = cause?.cause?.code || cause?.code || '';
    if (TLS_CAUSES.test(String(reason))) return localError('UNTRUSTED_TLS', lang, { cause, ...more });
    return localError('NOT_RUNNING', lang, { cause, retryable: true, ...more });
}
