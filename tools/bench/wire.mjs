// Ways to a simulated key: its unix socket (include/openukey/simlink.h), and a real pcscd through ukey-pcsc-wire. Each can
// transmit a command, say how often a second some commands are answered one after another, and close.
import { once } from 'node:events';
import { connect } from 'node:net';
import { Program } from '../demo/program.mjs';

const name = (command) => command.subarray(0, 4).toString('hex');

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
    const transmit = (apdu) => ask(4, apdu);
    const rate = async (commands, seconds) => {
        const began = performance.now();
        let count = 0;
        do {
            for (const command of commands) {
                const sw = (await transmit(command)).subarray(-2).toString('hex');
                if (sw !== '9000') throw new Error(`${name(command)}: ${sw}`);
            }
            count += 1;
        } while (performance.now() < began + seconds * 1000);
        return count / ((performance.now() - began) / 1000);
    };
    return { transmit, rate, close: () => stream.destroy() };
}

// `wire` is the program; `env` leads it to its pcscd.
export async function overPcsc(wire, env) {
    const program = await Program.start({ name: 'ukey-pcsc-wire', command: wire, env, stdio: ['pipe', 'pipe', 'pipe'] });
    const ask = async (request) => {
        program.child.stdin.write(`${request}\n`);
        const [answer] = await Promise.race([once(program.lines, 'line'), program.ended.then(() => ['error ended'])]);
        if (answer.startsWith('error')) throw new Error(`${request.slice(0, 20)}: ${answer}`);
        return answer;
    };
    return {
        transmit: async (apdu) => Buffer.from(await ask(`send ${apdu.toString('hex')}`), 'hex'),
        rate: async (commands, seconds) => Number(await ask(`rate ${seconds} ${commands.map((c) => c.toString('hex')).join(' ')}`)),
        close: () => program.stop(),
    };
}

