// Two ways to a simulated key: its unix socket (include/openukey/simlink.h), and vpcd, with this program in pcscd's place.
import { once } from 'node:events';
import { connect, createServer } from 'node:net';

// Takes bytes as they come, gives them in pieces as they are asked for.
class Inbox {
    bytes = Buffer.alloc(0);
    constructor(stream) {
        stream.on('data', (data) => {
            this.bytes = Buffer.concat([this.bytes, data]);
            this.wake?.();
        });
    }
    async take(length) {
        while (this.bytes.length < length) await new Promise((done) => { this.wake = done; });
        const taken = this.bytes.subarray(0, length);
        this.bytes = this.bytes.subarray(length);
        return taken;
    }
}

export async function overSocket(path) {
    const stream = connect(path);
    await once(stream, 'connect');
    const inbox = new Inbox(stream);
    const ask = async (type, payload) => {
        const frame = Buffer.alloc(5 + payload.length);
        frame.writeUInt32BE(1 + payload.length);
        frame[4] = type;
        payload.copy(frame, 5);
        stream.write(frame);
        return (await inbox.take((await inbox.take(4)).readUInt32BE())).subarray(1);
    };
    await ask(1, Buffer.from([1]));
    await ask(2, Buffer.alloc(4, 0xff));
    return { transmit: (apdu) => ask(4, apdu), close: () => stream.destroy() };
}

// Listens where the key is told to connect to; then `ready` gives the way in.
export async function vpcdServer() {
    const server = createServer();
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const ready = once(server, 'connection').then(async ([stream]) => {
        stream.setNoDelay(true);
        const inbox = new Inbox(stream);
        const say = (bytes) => stream.write(Buffer.concat([Buffer.from([bytes.length >> 8, bytes.length & 255]), bytes]));
        const transmit = async (apdu) => {
            say(apdu);
            return inbox.take((await inbox.take(2)).readUInt16BE());
        };
        say(Buffer.from([1])); // power on
        await transmit(Buffer.from([4])); // the ATR
        return { transmit, close: () => { stream.destroy(); server.close(); } };
    });
    return { port: server.address().port, ready };
}
