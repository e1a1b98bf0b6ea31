// A desk with a key and other people's programs on it: the module configured by openukey.conf as a user has it, behind the
// socket or the real pcscd, and ways to run pkcs11-tool, openssl with libp11's engine, and keycheck. No agent, no service.
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { House } from '../../tools/demo/house.mjs';
import { Program, run } from '../../tools/demo/program.mjs';

export const PIN = '123456';

/* Why this machine has no simulated USB device, or false. */
export const usbMissing = () =>
    existsSync(join(process.env.BUILD ?? 'build/gcc', 'bin/ukey-sim-usb')) ? false : 'ukey-sim-usb is not built: libumockdev-dev was not there';

const CONTAINERS = [
    { name: 'openukey-sm2', algorithm: 'SM2', encryptionPair: true },
    { name: 'openukey-rsa', algorithm: 'RSA' },
];

export class Desk extends House {
    /* options: transport ('socket' | 'pcsc' | 'usb'), conf: further lines of openukey.conf. Ends with the test `t`. */
    static async make(t, options = {}) {
        return new Desk(options).open(t);
    }

    async open(t) {
        t.after(() => this.close());
        await this.startTransport();
        const lines = Object.entries({ ...this.moduleOptions, ...this.options.conf }).map(([name, value]) => `${name} = ${value}`);
        this.conf = join(this.dir, 'openukey.conf');
        writeFileSync(this.conf, `# of a test\n${lines.join('\n')}\n`);
        this.work = join(this.dir, 'work');
        mkdirSync(this.work);
        this.env = await this.environment();
        return this;
    }

    /* A key with an SM2 container of two pairs and an RSA one, certified by a CA of this desk; plugged in. */
    async withKey() {
        await this.makeCa();
        const key = await this.provision('key', 'org-expiring-30-days', { changes: { containers: CONTAINERS } });
        await this.whileAppearing(async () => (this.key = await key.plug()));
        return this;
    }

    /* A second key, with one SM2 container; plugged in. */
    async withOtherKey() {
        const changes = { token: { serial: '0123456789ABCDEF', label: 'Other key' }, containers: CONTAINERS.slice(0, 1) };
        const key = await this.provision('other', 'org-expiring-30-days', { changes });
        await this.whileAppearing(async () => (this.other = await key.plug()));
        return this;
    }

    /* A key as it leaves the factory; plugged in. */
    async withBlankKey() {
        const name = 'blank';
        const image = join(this.dir, `${name}.img`);
        await run(this.binary('ukey-sim'), ['format', '--serial', 'B1A4C000000000000000000000000001', image]);
        const where = this.pcscd
            ? ['--vpcd', `127.0.0.1:${this.pcscd.port}`, '--socket', join(this.dir, `${name}.sock`)]
            : ['--socket', join(this.sockets, `${name}.sock`)];
        await this.whileAppearing(async () => {
            this.blank = await Program.start({
                name: 'ukey-sim (blank)',
                command: this.binary('ukey-sim'),
                args: ['run', ...where, image],
                ready: /^ready ?(.*)$/,
                log: join(this.dir, `${name}.log`),
            });
        });
        return this;
    }

    /* Plugs something in and waits until the module tells that it is there: pcscd looks at its readers only now and then,
     * and may still have a removal to tell. */
    async whileAppearing(plug) {
        if (this.usbSocket) return void (await plug()); // programs find it when they start
        const { program, next } = await this.keycheckLines('wait', '9');
        await next();
        await plug();
        for (let event = { present: false }; event && !event.present; ) event = await next();
        await program.stop();
    }

    async close() {
        await this.blank?.stop();
        await super.close();
    }

    /* Programs that are not built with the sanitizer need its library first. */
    async environment() {
        const env = { OPENUKEY_CONF: this.conf, XDG_CACHE_HOME: join(this.dir, 'cache'), ...this.pcscd?.env };
        if (process.env.SAN?.includes('address')) {
            const { stdout } = await run('gcc', ['-print-file-name=libasan.so']);
            Object.assign(env, { LD_PRELOAD: stdout.trim(), ASAN_OPTIONS: 'detect_leaks=0' });
        }
        return env;
    }

    /* A program of this desk, as run() and Program.start() take it: for a USB key, in the world where there is one. */
    command(command, args, env = {}) {
        if (!this.usbSocket) return { command, args, env };
        const usbEnv = { ...env, ASAN_OPTIONS: 'verify_asan_link_order=0:detect_leaks=0' };
        return { command: this.binary('ukey-sim-usb'), args: [this.usbSocket, '--', command, ...args], env: usbEnv };
    }

    file(name, bytes) {
        const path = join(this.work, name);
        if (bytes !== undefined) writeFileSync(path, bytes);
        return path;
    }

    /* pkcs11-tool with our module; logged in if `pin` is given. */
    async pkcs11Tool(args, { pin, allow } = {}) {
        const login = pin ? ['--login', '--pin', pin] : [];
        const tool = this.command('pkcs11-tool', ['--module', this.module, ...login, ...args], this.env);
        return run(tool.command, tool.args, { env: tool.env, allow, cwd: this.work });
    }

    /* A configuration that gives OpenSSL libp11's engine `pkcs11` with our module. */
    engineConfig() {
        const lines = ['openssl_conf = init', '[init]', 'engines = engines', '[engines]', 'pkcs11 = pkcs11'];
        lines.push('[pkcs11]', 'engine_id = pkcs11', `MODULE_PATH = ${this.module}`, 'init = 0', '');
        return this.file('engine.cnf', lines.join('\n'));
    }

    async opensslEngine(args, { allow } = {}) {
        return run('openssl', args, { env: { ...this.env, OPENSSL_CONF: this.engineConfig() }, allow, cwd: this.work });
    }

    openssl(args, { allow } = {}) {
        return run('openssl', args, { allow, cwd: this.work });
    }

    /* What keycheck says, as an object. */
    async keycheck(...args) {
        const options = Object.entries(this.moduleOptions).flatMap(([name, value]) => ['--option', `${name}=${value}`]);
        const check = this.command(this.binary('keycheck'), [this.module, ...options, '--pin', PIN, ...args], this.pcscd?.env);
        const { stdout } = await run(check.command, check.args, { env: check.env, allow: [0, 1] });
        return JSON.parse(stdout);
    }

    /* keycheck left running: {program, next()} gives its lines as objects. */
    async keycheckLines(...args) {
        const options = Object.entries(this.moduleOptions).flatMap(([name, value]) => ['--option', `${name}=${value}`]);
        const program = await Program.start({
            name: 'keycheck',
            ...this.command(this.binary('keycheck'), [this.module, ...options, '--pin', PIN, ...args], this.pcscd?.env),
            ready: null,
        });
        const queue = [];
        const waiting = [];
        program.lines.on('line', (line) => (waiting.length ? waiting.shift()(JSON.parse(line)) : queue.push(JSON.parse(line))));
        program.lines.on('close', () => waiting.splice(0).forEach((done) => done(null)));
        const next = () => (queue.length ? Promise.resolve(queue.shift()) : new Promise((done) => waiting.push(done)));
        return { program, next };
    }
}
