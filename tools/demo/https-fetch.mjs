// fetch for node with a CA of one's own and an Origin, as the SDK wants it (node's own fetch takes neither).
import { request } from 'node:https';

/* ca: PEM text that must verify the server. origin: what a browser would send for the page. */
export function makeFetch({ ca, origin }) {
    return (url, init = {}) =>
        new Promise((resolve, reject) => {
            const headers = Object.fromEntries(new Headers(init.headers));
            if (origin !== undefined) headers.origin = origin;
            const body = init.body === undefined || init.body === null ? undefined : Buffer.from(init.body);
            if (body) headers['content-length'] = String(body.length);
            const fail = (error) => reject(Object.assign(new TypeError('fetch failed'), { cause: error }));
            const asked = request(url, { method: init.method ?? 'GET', headers, ca, signal: init.signal }, (answer) => {
                const chunks = [];
                answer.on('data', (chunk) => chunks.push(chunk));
                answer.on('error', fail);
                answer.on('end', () => {
                    const empty = [101, 204, 205, 304].includes(answer.statusCode);
                    const lines = new Headers();
                    for (const [name, value] of Object.entries(answer.headers)) lines.set(name, String(value));
                    resolve(new Response(empty ? null : Buffer.concat(chunks), { status: answer.statusCode, headers: lines }));
                });
            });
            asked.on('error', (error) => (init.signal?.aborted ? reject(init.signal.reason ?? error) : fail(error)));
            asked.end(body);
        });
}
