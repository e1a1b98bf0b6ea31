// Web sites for tests: one HTTPS server that is many hosts (all of *.test), and a plain one, both on loopback; and the NSS databases that
// make a browser trust what a person would trust.
import { mkdirSync, readFileSync } from 'node:fs';
import { createServer as createHttpServer } from 'node:http';
import { createServer as createHttpsServer } from 'node:https';
import { join } from 'node:path';
import { run } from '../../tools/demo/program.mjs';

const PAGE = '<!doctype html><meta charset="utf-8"><title>site</title><p>A page.';

/* A CA and a leaf for `names`, in `dir`: {ca, key, cert} (paths). */
export async function makeCertificate(dir, name, names) {
    const file = (suffix) => join(dir, `${name}.${suffix}`);
    await run('openssl', [
        ...['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '30', '-subj', `/CN=${name} CA`],
        ...['-addext', 'basicConstraints=critical,CA:TRUE', '-addext', 'keyUsage=critical,keyCertSign'],
        ...['-keyout', file('ca.key'), '-out', file('ca.pem')],
    ]);
    await signLeaf({ ca: file('ca.pem'), caKey: file('ca.key'), key: file('key'), cert: file('pem'), names });
    return { ca: file('ca.pem'), key: file('key'), cert: file('pem') };
}

/* A leaf for `names` (DNS:..., or IP:...) signed by a CA whose key is there. */
export async function signLeaf({ ca, caKey, key, cert, names }) {
    await run('openssl', [
        ...['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '30', '-subj', '/CN=site'],
        ...['-CA', ca, '-CAkey', caKey, '-addext', `subjectAltName=${names.join(',')}`, '-addext', 'basicConstraints=critical,CA:FALSE'],
        ...['-addext', 'extendedKeyUsage=serverAuth', '-keyout', key, '-out', cert],
    ]);
}

/* Serves PAGE at every path of every host, or what respond(request) says ({type, body}, null: no such thing); answers {port, close}. */
export async function startSite(tls, respond = () => ({ type: 'text/html', body: PAGE })) {
    const answer = (request, response) => {
        const found = respond(request);
        response.writeHead(found ? 200 : 404, { 'Content-Type': found?.type ?? 'text/plain', 'Cache-Control': 'no-store' }).end(found?.body);
    };
    const server = tls
        ? createHttpsServer({ key: readFileSync(tls.key), cert: readFileSync(tls.cert) }, answer)
        : createHttpServer(answer);
    await new Promise((done) => server.listen(0, '127.0.0.1', done));
    return {
        port: server.address().port,
        close: () => {
            server.closeAllConnections();
            return new Promise((done) => server.close(done));
        },
    };
}

/* Makes an NSS database in `folder` that trusts the CAs of these PEM files. */
export async function trustingDatabase(folder, cas) {
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    await run('certutil', ['-N', '-d', `sql:${folder}`, '--empty-password']);
    for (const [i, ca] of cas.entries()) await run('certutil', ['-A', '-d', `sql:${folder}`, '-n', `ca ${i}`, '-t', 'C,,', '-i', ca]);
}
