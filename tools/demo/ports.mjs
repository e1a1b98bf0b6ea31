// Free TCP ports for programs that are told their port. Taken below the range that the system hands out by itself, so that
// no client's or other program's own choice gets in between now and the start; drawn at random, so that tests side by side differ.
import { randomInt } from 'node:crypto';
import { createServer } from 'node:net';

const FIRST = 10_000;
const LAST = 24_000; // the agent's well-known ports are above

function canListen(port, host) {
    return new Promise((done) => {
        const server = createServer();
        server.once('error', (error) => done(['EADDRNOTAVAIL', 'EAFNOSUPPORT'].includes(error.code)));
        server.listen(port, host, () => server.close(() => done(true)));
    });
}

/* The first of `count` ports in a row, each free on every address of this computer. */
export async function freePort(count = 1) {
    for (let attempt = 0; attempt < 200; attempt++) {
        const first = randomInt(FIRST, LAST - count);
        let free = true;
        for (let port = first; free && port < first + count; port++) {
            for (const host of ['127.0.0.1', '::1', '0.0.0.0']) free &&= await canListen(port, host);
        }
        if (free) return first;
    }
    throw new Error(`no ${count} free port(s) between ${FIRST} and ${LAST}`);
}
