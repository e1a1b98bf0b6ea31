// Answers of the agent, and of services behind it, as values or errors.
import { abortError, localError, problemError } from './errors.mjs';

export const isSessionLoss = (code) => code === 'SESSION_INVALID' || code === 'PAIRING_REQUIRED';
export const isProblem = (response) => (response.headers.get('Content-Type') ?? '').includes('problem+json');

export async function readJson(response, lang, signal) {
    const text = await response.text().catch((cause) => {
        if (signal?.aborted) throw abortError(signal, lang, cause);
        throw localError('BAD_ANSWER', lang, { status: response.status, retryable: true, cause });
    });
    let body = null;
    if (text) {
        try {
            body = JSON.parse(text);
        } catch {
            throw localError('BAD_ANSWER', lang, { status: response.status });
        }
    }
    if (!response.ok) throw problemError(body, response.status, lang);
    return body;
}
