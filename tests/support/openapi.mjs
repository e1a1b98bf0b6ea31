// Holds answers against an API's OpenAPI document: path, method, status, type of content, every member of the body. What the document
// does not describe is an error of the document or of the program; either way the test that saw it fails.
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import Ajv from 'ajv/dist/2020.js';
import { parse } from 'yaml';

const FORMATS = {
    'date-time': /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/,
    date: /^\d{4}-\d\d-\d\d$/,
    email: /^[^@\s]+@[^@\s]+$/,
    uri: /^https:\/\/\S+$/,
};
const CODE = /\b[A-Z][A-Z_]*[A-Z]\b/g;
const typeOf = (code) => `urn:openukey:problem:${code.toLowerCase().replaceAll('_', '-')}`;

/* An object whose members are listed has no others. */
function close(node) {
    if (!node || typeof node !== 'object') return;
    if (node.properties && !('additionalProperties' in node)) node.additionalProperties = false;
    for (const child of Object.values(node)) close(child);
}

const pointer = (...parts) => parts.map((part) => `/${encodeURIComponent(String(part).replaceAll('~', '~0').replaceAll('/', '~1'))}`).join('');

/* `{name}` stands for one segment, or where `open` says so for several; the path that says more in its own words is looked at first. */
function matcher(template, open) {
    const pattern = template.split(/(\{\w+\})/).map((part) => {
        if (!part.startsWith('{')) return part.replace(/[.*+?^$()|[\]\\]/g, '\\$&');
        return open.includes(part.slice(1, -1)) ? '.*' : '[^/]+?';
    });
    return { template, words: template.replace(/\{\w+\}/g, '').length, matches: new RegExp(`^${pattern.join('')}$`) };
}

export class Contract {
    /* `open`: names of path parameters that may hold "/". */
    constructor(file, { open = [] } = {}) {
        this.document = parse(readFileSync(file, 'utf8'));
        close(this.document);
        this.paths = Object.keys(this.document.paths).map((path) => matcher(path, open)).sort((a, b) => b.words - a.words);
        this.ajv = new Ajv({ strict: false, allErrors: true });
        for (const [name, format] of Object.entries(FORMATS)) this.ajv.addFormat(name, format);
        this.ajv.addSchema(this.document, 'api');
        this.validators = new Map();
        this.everywhere = this.document['x-everywhere'] ?? {};
    }

    #validate(place, value) {
        if (!this.validators.has(place)) this.validators.set(place, this.ajv.compile({ $ref: `api#${place}` }));
        const validate = this.validators.get(place);
        if (validate(value)) return [];
        return validate.errors.map(({ instancePath, message, params }) => `body${instancePath} ${message} ${JSON.stringify(params)}`);
    }

    /* The object at a place, references followed: [object, place]. */
    #resolve(place) {
        const object = place.split('/').slice(1).reduce((at, part) => at?.[decodeURIComponent(part).replaceAll('~1', '/').replaceAll('~0', '~')], this.document);
        return object?.$ref && !object.schema ? this.#resolve(object.$ref.slice(1)) : [object, place];
    }

    #checkProblem({ body, status, headers }, codes) {
        const errors = this.#validate('/components/schemas/Problem', body);
        if ([429, 503].includes(status) && !('retry-after' in headers)) errors.push('no header Retry-After');
        if (body.status !== status) errors.push(`status ${body.status} inside`);
        if (body.type !== typeOf(body.code ?? '')) errors.push(`type ${body.type} for ${body.code}`);
        const known = [...codes, ...(this.everywhere[status] ?? [])];
        if (known.length && !known.includes(body.code)) errors.push(`${body.code} is not among ${known.join(', ')}`);
        return errors;
    }

    #checkContent(response, place, answer) {
        const { headers, raw, body } = answer;
        const [type] = (headers['content-type'] ?? '').split(';');
        if (!response.content) return raw.length ? [`a body (${type}) where none is described`] : [];
        const kind = [type, '*/*'].find((one) => one in response.content);
        if (!kind) return [`content type "${type}"`];
        if (kind === 'application/problem+json') return this.#checkProblem(answer, response.description.match(CODE) ?? []);
        return response.content[kind].schema ? this.#validate(`${place}${pointer('content', kind, 'schema')}`, body) : [];
    }

    /* What an accepted request said must be described, too. */
    #checkRequest(place, json) {
        const [body, at] = this.#resolve(`${place}/requestBody`);
        const where = `${at}${pointer('content', 'application/json', 'schema')}`;
        return body?.content?.['application/json']?.schema ? this.#validate(where, json).map((text) => `request: ${text}`) : [];
    }

    #errors(method, path, answer, json) {
        // a browser's preflight
        if (method === 'OPTIONS' && answer.status === 204) return answer.raw.length ? ['a body'] : [];
        const found = this.paths.find(({ matches }) => matches.test(path));
        const place = found ? `/paths${pointer(found.template, method.toLowerCase())}` : undefined;
        const operation = place && this.#resolve(place)[0];
        const described = [answer.status, 'default'].find((one) => operation?.responses[one]);
        if (described === undefined || (described === 'default' && answer.status in this.everywhere && /problem/.test(answer.headers['content-type']))) {
            if (!(answer.status in this.everywhere)) return ['status not described'];
            return this.#checkProblem(answer, []);
        }
        if (described === 'default') return [];
        const [response, where] = this.#resolve(`${place}${pointer('responses', described)}`);
        const errors = method === 'HEAD' ? [] : this.#checkContent(response, where, answer);
        for (const [name, { required }] of Object.entries(response.headers ?? {})) {
            if (required && !(name.toLowerCase() in answer.headers)) errors.push(`no header ${name}`);
        }
        return answer.status < 300 && json !== undefined ? [...errors, ...this.#checkRequest(place, json)] : errors;
    }

    /* `answer`: {status, headers, raw (bytes or text), body (parsed, if it is JSON)}; `json`: what was sent, if it was JSON. Throws. */
    check(method, url, answer, json) {
        const [path] = url.split('?');
        const errors = this.#errors(method, path, answer, json);
        if (errors.length) {
            throw new Error(`${method} ${path} -> ${answer.status}: not as the API's document says\n  ${errors.join('\n  ')}\n  ${String(answer.raw).slice(0, 600)}`);
        }
    }
}

const document = (name) => fileURLToPath(new URL(`../../docs/api/${name}.yaml`, import.meta.url));
let orderd;
let agent;
export const orderdContract = () => (orderd ??= new Contract(document('orderd'), { open: ['request'] }));
export const agentContract = () => (agent ??= new Contract(document('agent'), { open: ['path'] }));

/* `fetch` whose answers are held against one of these contracts. `report` hears what is wrong: who fetches may take an error for a
 * broken line and try for ever. */
export function heldFetch(fetch, report, ...contracts) {
    return async (url, init = {}) => {
        const answer = await fetch(url, init);
        const raw = Buffer.from(await answer.clone().arrayBuffer());
        const headers = Object.fromEntries(answer.headers);
        const body = /json/.test(headers['content-type'] ?? '') ? JSON.parse(raw) : raw.toString();
        const said = { status: answer.status, headers, raw, body };
        const { pathname } = new URL(url);
        const wrongs = contracts.map(({ contract, below = '' }) => {
            if (!pathname.startsWith(below)) return `${pathname} is not below ${below}`;
            try {
                contract.check((init.method ?? 'GET').toUpperCase(), pathname.slice(below.length), said);
                return undefined;
            } catch ({ message }) {
                return message;
            }
        });
        if (wrongs.every(Boolean)) report(wrongs.join('\n'));
        return answer;
    };
}
