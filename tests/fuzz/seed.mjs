// A seed under construction: frames of fuzz_apdu.c, each sent to its card as soon as it is added, so that what comes next can
// follow from the answer, and so that a command that should succeed but does not is seen here.
import { spawnSync } from 'node:child_process';
import { createCipheriv } from 'node:crypto';
import { writeFileSync } from 'node:fs';

export const KIND = { gm: 0, piv: 1, init: 2 };
const FRAME = { command: 0, reset: 1, powerCycle: 2, login: 3, administration: 4 };
const CHAIN = 0x10;

export const hex = (bytes) => Buffer.from(bytes).toString('hex');
export const bytes = (text) => Buffer.from(text.replaceAll(' ', ''), 'hex');
export const u16 = (n) => Buffer.from([n & 255, n >> 8]);
export const u32 = (n) => Buffer.from([n & 255, (n >> 8) & 255, (n >> 16) & 255, n >>> 24]);
export const text = (string, size = 0) => Buffer.concat([Buffer.from(string), Buffer.alloc(Math.max(0, size - Buffer.byteLength(string)))]);
export const sm4 = (key, data) => {
    const cipher = createCipheriv('sm4-ecb', key, null).setAutoPadding(false);
    return Buffer.concat([cipher.update(data), cipher.final()]);
};
const macOf = (key, challenge, data) => {
    const padded = Buffer.concat([data, Buffer.from([0x80]), Buffer.alloc(15 - (data.length % 16))]);
    const cipher = createCipheriv('sm4-cbc', key, Buffer.concat([challenge, Buffer.alloc(8)])).setAutoPadding(false);
    return Buffer.concat([cipher.update(padded), cipher.final()]).subarray(-16).subarray(0, 4);
};

/* What the cards of these seeds answer: [{command, data, sw}]. */
export function talk(fuzzer, ...paths) {
    const run = spawnSync(fuzzer, ['-runs=1', ...paths], { encoding: 'utf8', env: { ...process.env, OPENUKEY_FUZZ_TALK: '1' }, maxBuffer: 1 << 26 });
    if (run.status !== 0) throw new Error(`the fuzzer ended with ${run.status}: ${run.stderr.slice(-2000)}`);
    const lines = run.stdout.trim().split('\n').filter(Boolean).map((line) => line.split(' '));
    return lines.map(([command, answer]) => ({ command, data: answer.slice(0, -4), sw: answer.slice(-4) }));
}

export class Seed {
    constructor(kind, fuzzer, path) {
        this.parts = [Buffer.from([KIND[kind]])];
        this.fuzzer = fuzzer;
        this.path = path;
    }

    get bytes() {
        return Buffer.concat(this.parts);
    }

    #add(frame) {
        this.parts.push(Buffer.from(frame));
        writeFileSync(this.path, this.bytes);
        return talk(this.fuzzer, this.path).at(-1);
    }

    #ok(answer, what) {
        if (answer.sw !== '9000') throw new Error(`${what}: ${answer.command} was answered ${answer.sw}`);
        return bytes(answer.data);
    }

    reset() {
        this.#add([FRAME.reset]);
        return this;
    }

    powerCycle() {
        this.#add([FRAME.powerCycle]);
        return this;
    }

    login() {
        this.#ok(this.#add([FRAME.login]), 'login');
        return this;
    }

    administration() {
        this.#ok(this.#add([FRAME.administration]), 'administration');
        return this;
    }

    /* A command as it is; {data, sw}. */
    raw(command) {
        return this.#add([FRAME.command, command.length & 255, command.length >> 8, ...command]);
    }

    static apdu(cla, ins, p1, p2, data, { le, extended = data.length > 255 } = {}) {
        const size = extended ? [0, data.length >> 8, data.length & 255] : [data.length];
        const end = le === undefined ? [] : extended || le > 256 ? (data.length ? [le >> 8, le & 255] : [0, le >> 8, le & 255]) : [le & 255];
        return Buffer.concat([Buffer.from([cla, ins, p1, p2]), data.length ? Buffer.from(size) : Buffer.alloc(0), data, Buffer.from(end)]);
    }

    /* A command that must succeed, its answer fetched whole; the answer's data. */
    send(cla, ins, p1 = 0, p2 = 0, data = Buffer.alloc(0), options = {}) {
        let answer = this.raw(Seed.apdu(cla, ins, p1, p2, data, options));
        let all = answer.data;
        while (answer.sw.startsWith('61')) {
            answer = this.raw(bytes(`00c00000${answer.sw.slice(2)}`));
            all += answer.data;
        }
        return this.#ok({ ...answer, data: all }, `${hex([cla, ins, p1, p2])}`);
    }

    /* The same as a chain of short commands. */
    chain(cla, ins, p1, p2, data, step = 255) {
        let at = 0;
        for (; data.length - at > step; at += step) this.#ok(this.raw(Seed.apdu(cla | CHAIN, ins, p1, p2, data.subarray(at, at + step))), 'a part');
        return this.send(cla, ins, p1, p2, data.subarray(at));
    }

    /* A GM command under a MAC with that key: data, encrypted, MAC. */
    maced(ins, p1, p2, front, secret, key) {
        const challenge = this.send(0x80, 0x50, 0, 0, undefined, { le: 8 });
        const data = Buffer.concat([front, sm4(key, secret)]);
        const head = Buffer.from([0x84, ins, p1, p2, 0, 0, data.length + 4]);
        return this.send(0x84, ins, p1, p2, Buffer.concat([data, macOf(key, challenge, Buffer.concat([head, data]))]));
    }
}
