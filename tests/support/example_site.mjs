// The pages of agent/web as a portal on the internet serves them: HTTPS, hosts of its own, and the built SDK, which looks for the test's
// agent on its port and on no other.
import { existsSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { build, root } from './agent.mjs';
import { makeCertificate, startSite } from './site.mjs';

const TYPES = { html: 'text/html; charset=utf-8', js: 'text/javascript', mjs: 'text/javascript' };
const PORTS = '[24317, 24318, 24319, 24320]';

function served(path, agentPort) {
    const file = path.startsWith('/sdk/') ? join(build, 'gen', path) : join(root, 'agent/web', path);
    const type = TYPES[path.split('.').at(-1)];
    if (!type || !existsSync(file) || !statSync(file).isFile()) return null;
    const body = readFileSync(file, 'utf8');
    if (path.startsWith('/sdk/') && !body.includes(PORTS)) throw new Error(`${path} names its ports in another way`);
    return { type, body: body.replace(PORTS, `[${agentPort}]`) };
}

/* dir: for its certificate. agentPort(): of the agent, asked at each request. Besides the files of agent/web: /around?URL, a page that has
 * URL in a frame, and /around-allowed?URL, which gives it the right to reach this computer. Answers {port, ca, origin(host), close}. */
export async function startExampleSite(dir, hosts, agentPort) {
    const tls = await makeCertificate(dir, 'portal', hosts.map((host) => `DNS:${host}`));
    const site = await startSite(tls, ({ url }) => {
        const { pathname, search } = new URL(url, 'https://site');
        if (!pathname.startsWith('/around')) return served(pathname, agentPort());
        const allow = pathname === '/around-allowed' ? ' allow="loopback-network"' : '';
        return { type: TYPES.html, body: `<!doctype html><title>around</title><iframe width="900" height="600" src="${search.slice(1)}"${allow}></iframe>` };
    });
    return { ...site, ca: tls.ca, origin: (host) => `https://${host}:${site.port}` };
}
