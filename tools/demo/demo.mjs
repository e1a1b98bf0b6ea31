// make demo: the main job end to end on this computer. Starts a simulated key, the order service and the agent, and does
// through the agent's HTTPS API what a bidder does when the certificate nears its end.
// usage: node tools/demo/demo.mjs [--once] [--transport socket|pcsc] [--keep]
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { Bidder } from './bidder.mjs';
import { House } from './house.mjs';
import { run } from './program.mjs';

const { values: options } = parseArgs({
    options: {
        once: { type: 'boolean', default: false },
        transport: { type: 'string', default: 'socket' },
        keep: { type: 'boolean', default: false },
        help: { type: 'boolean', default: false },
    },
});
if (options.help || !['socket', 'pcsc'].includes(options.transport)) {
    console.log('usage: node tools/demo/demo.mjs [--once] [--transport socket|pcsc] [--keep]');
    process.exit(options.help ? 0 : 2);
}

const plain = !process.stdout.isTTY;
const bold = (text) => (plain ? text : `\u001b[1m${text}\u001b[0m`);
const dim = (text) => (plain ? text : `\u001b[2m${text}\u001b[0m`);
const say = (text = '') => console.log(text);
const fact = (label, value) => say(`     ${`${label}`.padEnd(15)} ${value}`);
const title = (number, text) => say(`\n${bold(`${number}. ${text}`)}`);

// a moment as the certificates mean it: China's time
const moment = (iso) => new Date(Date.parse(iso) + 8 * 3600_000).toISOString().replace('T', ' ').slice(0, 19);
const validity = (one) => `${moment(one.notBefore)} to ${moment(one.notAfter)}`;

function expect(what, isTrue) {
    if (!isTrue) throw new Error(`not as expected: ${what}`);
}

const PROFILE = 'org-expiring-30-days';
const SECOND = {
    token: { serial: '5A5A5A5A5A5A5A5A5A5A5A5A5A5A5A', label: 'Second key' },
    subject: { O: '长沙另一家建筑有限公司', CN: '长沙另一家建筑有限公司', organizationIdentifier: '91430100MA0000002B' },
};

const house = new House({ transport: options.transport, keep: options.keep, wellKnownPorts: true });
let stopping = null;

function stop() {
    stopping ??= house.close();
    return stopping;
}

// the reader of our output has gone (| head): nobody is left to tell, but what was started must end
process.stdout.on('error', async () => {
    await stop();
    process.exit(1);
});

// Ctrl-C before the end is not a success
let finished = false;
for (const signal of ['SIGINT', 'SIGTERM']) {
    process.on(signal, async () => {
        say('');
        await stop();
        process.exit(finished ? 0 : 130);
    });
}

async function startParts() {
    say(bold('OpenUKey: the renewal of a certificate, end to end'));
    say(dim(`state ${house.dir}`));
    await house.makeCa();
    await house.writeServiceConfig();
    const key = await house.addKey('key', PROFILE);
    // for whoever opens the portal afterwards
    if (!options.once) house.second = await house.addKey('second', PROFILE, { changes: SECOND });
    say('   ukey          made a test CA and a key whose certificate ends in 30 days');
    await house.startService();
    say(`   ukey-orderd   ${house.serviceUrl}`);
    await house.startTransport();
    if (house.pcscd) say(`   pcscd         private, virtual reader on port ${house.pcscd.port}`);
    await key.plug();
    say(`   ukey-sim      plugged in (${house.pcscd ? 'behind pcscd' : 'unix socket'})`);
    await house.startAgent();
    say(`   ukey-agent    ${house.agentUrl}`);
    await house.seen(1);
    return key;
}

const TURNING = { pending: ' ', running: '>', done: 'x' };

// One line for each step of the job, when it is done
function tellProgress() {
    const told = new Set();
    return (job) => {
        for (const step of job.steps) {
            if (step.state !== 'done' || told.has(step.name)) continue;
            told.add(step.name);
            const percent = Math.round((100 * told.size) / job.steps.length);
            say(`     [${TURNING.done}] ${step.title.padEnd(52)} ${String(percent).padStart(3)} %`);
        }
    };
}

async function renew() {
    const agent = await house.page();
    const bidder = new Bidder({ agent, payingFetch: house.serviceFetch });

    title(1, 'The page sees the plugged key');
    await bidder.look();
    const { token, certificates, seals } = bidder;
    fact('label', token.label);
    fact('serial', token.serial);
    for (const one of certificates) {
        fact(`${one.usage} cert`, `${one.algorithm} ${one.subject.commonName}, until ${moment(one.notAfter)} (${one.daysLeft} days)`);
    }
    for (const seal of seals) {
        fact('seal', `${seal.name}, ${seal.type}, ${seal.size.text}, until ${moment(seal.validEnd)}, ${seal.verification.result}`);
    }
    const old = certificates.find((one) => one.usage === 'sign' && one.current);
    expect('an SM2 signing and an SM2 encryption certificate', certificates.filter((c) => c.algorithm === 'SM2').length >= 2 && old);
    expect('a valid seal of 48mm*48mm', seals.some((s) => s.size.text === '48mm*48mm' && s.verification.result === 'valid'));

    title(2, 'The PIN is verified in the native dialog');
    await bidder.verifyPin();
    fact('asked by', "the agent's pinentry program (scripted here); the page never saw the PIN");

    title(3, 'Log in with the key, ask eligibility, order');
    const session = await bidder.logIn();
    fact('logged in as', session.certificate.subject);
    fact('key', session.tokenSerial);
    const answer = await bidder.askEligibility();
    fact('eligible', `${answer.code}: ${answer.reason} ${answer.daysLeft} days left`);
    expect('a certificate that can be renewed', answer.eligible);
    await bidder.createOrder();
    fact('order', `${bidder.order.no}, ${bidder.order.state}`);
    await bidder.fillIn();
    fact('details', `${bidder.order.years} year(s), handler ${bidder.order.handler.name}, ${bidder.order.handler.phone}`);

    title(4, 'The confirmation is shown by the agent and signed on the key; then paid');
    await bidder.confirm();
    const shown = house.dialogs.shown.at(-1);
    say(`     ${dim('shown in the native dialog:')} ${shown.title} ${dim(`(asked by ${shown.origin})`)}`);
    for (const { label, value } of shown.fields) say(`       ${label}: ${value}`);
    fact('signed', `${bidder.confirmation.format}, ${Buffer.from(bidder.confirmation.signature, 'base64').length} bytes; the service verified it`);
    await bidder.pay();
    fact('paid', `CNY ${(bidder.payment.amountFen / 100).toFixed(2)}, ${bidder.payment.channel ?? 'ALIPAY'}, by the provider's callback`);

    title(5, 'The renewal runs on the key: do not unplug');
    await bidder.write(tellProgress());
    await bidder.refresh();
    expect('a completed order', bidder.order.state === 'COMPLETED');

    title(6, 'Result');
    await bidder.look();
    const now = bidder.certificates.find((one) => one.usage === 'sign' && one.current);
    fact('before', validity(old));
    fact('now', validity(now));
    const seal = bidder.seals.find((one) => one.verification.result === 'valid' && one.validEnd >= now.notAfter.slice(0, 10));
    fact('seal', seal ? `${seal.name}, until ${moment(seal.validEnd)}, ${seal.verification.result}` : 'none');
    fact('PIN', 'unchanged');
    expect('a new certificate', now.id !== old.id);
    const wanted = moment(old.notAfter).replace(/^\d{4}/, (year) => String(Number(year) + bidder.order.years));
    expect(`validity continues from the old end date (${wanted})`, moment(now.notAfter) === wanted);
    expect('a valid new seal', Boolean(seal));
    await checkFromOutside(now);
}

// A program that is not ours says the same, link by link (openssl 3.0 gives the SM2 identifier to the named certificate only)
async function checkFromOutside(certificate) {
    const path = join(house.dir, 'new.pem');
    writeFileSync(path, certificate.pem);
    const verify = ['verify', '-vfyopt', 'distid:1234567812345678'];
    await run('openssl', [...verify, '-partial_chain', '-trusted', house.issuingFile, path]);
    await run('openssl', [...verify, '-CAfile', house.rootFile, house.issuingFile]);
    fact('openssl verify', 'the new certificate and its CA: OK');
}

async function offerPortal() {
    await house.keys[0].unplug();
    await house.second.plug();
    say(`\n${bold('Try it yourself; the portal stays up until Ctrl-C:')} ${house.serviceUrl}/renew`);
    say('A second key, whose certificate ends in 30 days too, is plugged in now. The scripted programs answer the dialogs.');
    say('Let a browser on this computer trust the two test identities, then restart it (certutil is in libnss3-tools):');
    say(`   ${house.binary('ukey-agent')} trust install --config ${house.agentConfigFile}`);
    say(`   certutil -A -d sql:$HOME/.pki/nssdb -n openukey-demo-service -t C,, -i ${house.serviceCaFile}`);
    say('and take them away again afterwards:');
    say(`   ${house.binary('ukey-agent')} trust remove --config ${house.agentConfigFile}`);
    say('   certutil -D -d sql:$HOME/.pki/nssdb -n openukey-demo-service');
    // until Ctrl-C, or until the agent ends by itself
    const alive = setInterval(() => {}, 3600_000);
    const { code, signal } = await house.agent.ended;
    clearInterval(alive);
    if (!stopping) throw new Error(`ukey-agent ended: ${signal ?? code}`);
}

try {
    if (!existsSync(house.binary('ukey-agent'))) throw new Error(`nothing is built in ${house.build}: run make all`);
    await startParts();
    await renew();
    finished = true;
    say(`\n${bold('Done: the certificate is renewed.')}`);
    if (!options.once) await offerPortal();
} catch (error) {
    process.exitCode = 1;
    // told to end, what breaks then is no news
    if (!stopping) console.error(`\nThe demo failed: ${error.stack ?? error}`);
    for (const name of stopping ? [] : ['agent.log', 'orderd.log', 'key.log']) {
        const path = join(house.dir, name);
        if (existsSync(path)) console.error(`--- ${name}\n${readFileSync(path, 'utf8').split('\n').slice(-25).join('\n')}`);
    }
} finally {
    await stop();
}
