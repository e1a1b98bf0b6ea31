// The renewal as a bidder does it: key, PIN and login, details, confirmation, payment, writing to the key, result.
// This file decides what happens next; renew-view.mjs shows it.
import { connect } from '/sdk/openukey.mjs';
import { startLanguage } from '/renew-texts.mjs';
import * as view from '/renew-view.mjs';

const $ = (id) => document.getElementById(id);
const POLL_MS = 1000;

// What we know so far. `redraw` shows the present panel again, in another language.
const state = {
    agent: null,
    service: null,
    token: null,
    certificates: [],
    seals: [],
    session: null,
    eligibility: null,
    order: null,
    payUrl: '',
    job: null,
    busy: false,
    waiting: null, // aborts what waits for the payment
    redraw: () => {},
};

const newKey = () => crypto.randomUUID();
// The service's session has ended: log in again, the order is kept
const SESSION_LOST = new Set(['SESSION_EXPIRED', 'SESSION_REQUIRED', 'UNAUTHORIZED']);
const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

/* ---- one action at a time; a failure is shown with the way on ---- */

const KEY_GONE = new Set(['NO_TOKEN', 'SEVERAL_TOKENS', 'TOKEN_REMOVED', 'NOT_RUNNING']);

async function act(action) {
    if (state.busy) return;
    state.busy = true;
    view.hideProblem();
    view.disable(true);
    try {
        await action();
    } catch (error) {
        if (error.code === 'ABORTED') return;
        if (error.code === 'NOT_RUNNING') state.agentLost = true;
        const writing = view.panelShown() === 'write';
        if (writing) state.retry = () => act(resume);
        else if (KEY_GONE.has(error.code)) state.retry = () => act(findKey);
        else if (SESSION_LOST.has(error.code)) state.retry = () => act(logIn);
        else state.retry = () => act(action);
        view.showProblem(error, { retryKey: writing ? 'problem.continue' : 'problem.retry' });
    } finally {
        state.busy = false;
        view.disable(false);
    }
}

/* ---- 1: the agent and the key ---- */

async function ensureAgent() {
    if (state.agent && !state.agentLost) return;
    view.busy('busy.connect');
    const authorization = state.service?.authorization ?? '';
    state.agent?.close();
    state.agent = await connect({ lang: document.documentElement.lang, onWaiting: () => view.busy('busy.allow') });
    state.agentLost = false;
    state.service = state.agent.service('default');
    state.service.authorization = authorization;
    state.agent.on('token', onToken);
}

async function findKey() {
    view.showPanel(null, 'key');
    await ensureAgent();
    view.busy('busy.read');
    state.token = null;
    const token = await state.agent.token();
    state.certificates = await state.agent.certificates({ token });
    state.seals = await state.agent.seals({ token });
    state.token = token;
    state.redraw = () => view.showKey(state.token, state.certificates, state.seals);
    state.redraw();
    view.say(null);
    view.showPanel('key', 'key');
}

const start = () => act(findKey);

// A key came or went while the page was open
function onToken({ action, token }) {
    const waitsForKey = ['NO_TOKEN', 'SEVERAL_TOKENS'].includes($('problem').dataset.code);
    if (waitsForKey && !state.busy) {
        start();
    } else if (action === 'removed' && token.id === state.token?.id && !state.job && view.panelShown() !== 'done') {
        // what was not written yet starts again from the key; the order is kept by the service
        state.waiting?.abort();
        view.say('say.removed');
        if (!state.busy) start();
    } else if (action === 'inserted' && view.panelShown() === 'key' && !state.busy) {
        start();
    }
}

/* ---- 2: PIN, login, may it be renewed? ---- */

async function logIn() {
    view.showSteps('login');
    view.busy('busy.pin');
    await state.agent.verifyPin({ token: state.token });
    view.busy('busy.login');
    state.session = await state.service.login({ token: state.token });
    view.busy('busy.eligibility');
    const { orders } = listOf(await state.service.request('GET', '/v1/orders?state=open'));
    const open = orders.find((order) => order.kind === 'RENEW');
    if (open) {
        view.say('say.resumed', { no: open.no });
        await goOn(open);
        return;
    }
    await askEligibility();
    if (!state.eligibility.eligible) {
        state.redraw = () => view.showRefused(state.eligibility);
        state.redraw();
        view.say(null);
        view.showPanel('refused', 'login');
        return;
    }
    showForm();
}

// The service may answer a list or an object that holds one
const listOf = (answer) => ({ orders: Array.isArray(answer) ? answer : (answer.orders ?? []) });

async function askEligibility() {
    state.eligibility = await state.service.request('POST', '/v1/eligibility', {
        json: { certificate: state.session.certificate.id },
    });
}

/* ---- the order decides which step is next ---- */

const finished = (gate) => gate.state === 'DONE' || gate.state === 'WAIVED';

async function goOn(order) {
    state.order = order;
    if (order.state === 'COMPLETED') return showDone();
    const gate = order.gates.find((one) => !finished(one))?.name;
    if (gate === 'FORM') {
        if (!state.eligibility?.terms) await askEligibility();
        return showForm();
    }
    if (gate === 'CONFIRM') return showConfirm();
    if (gate === 'PAY') return showPay();
    return write();
}

async function reload() {
    state.order = await state.service.request('GET', `/v1/orders/${state.order.no}`);
    return state.order;
}

const orderRequest = (method, suffix, more = {}) =>
    state.service.request(method, `/v1/orders/${state.order.no}${suffix}`, { ifMatch: state.order.version, ...more });

async function cancelOrder() {
    if (state.order) {
        if (!window.confirm(view.t('order.cancel.sure', { no: state.order.no }))) return;
        await reload();
        await orderRequest('POST', ':cancel', { json: {} });
    }
    const no = state.order?.no;
    state.waiting?.abort();
    state.order = null;
    await findKey();
    if (no) view.say('say.cancelled', { no });
}

/* ---- 3: details ---- */

function showForm() {
    const certificate = state.order?.certificate ?? state.session.certificate;
    state.redraw = () =>
        view.showForm({
            subject: subjectName(),
            notAfter: certificate.notAfter,
            daysLeft: state.eligibility.daysLeft,
            terms: state.eligibility.terms,
            years: state.order?.years,
            handler: handlerOf(state.order),
        });
    state.redraw();
    if (!$('status').textContent || $('status').classList.contains('busy')) view.say(null);
    view.showPanel('form', 'form');
}

function subjectName() {
    const own = state.certificates.find((one) => one.id === state.session.certificate.id);
    return own?.subject?.commonName ?? state.session.certificate.subject;
}

function handlerOf(order) {
    const handler = order?.handler ?? {};
    return {
        handlerName: handler.name ?? handler.handlerName,
        handlerPhone: handler.phone ?? handler.handlerPhone,
        handlerEmail: handler.email ?? handler.handlerEmail,
    };
}

function readForm() {
    const data = new FormData($('form'));
    const read = (name) => String(data.get(name) ?? '').trim();
    const values = {
        years: Number(read('years')),
        handlerName: read('handlerName'),
        handlerPhone: read('handlerPhone'),
        handlerEmail: read('handlerEmail'),
    };
    const wrong = {};
    if (!values.handlerName) wrong.handlerName = view.t('wrong.handlerName');
    if (!/^1\d{10}$/.test(values.handlerPhone)) wrong.handlerPhone = view.t('wrong.handlerPhone');
    if (!/^[^\s@]+@[^\s@]+\.[^\s@]+$/.test(values.handlerEmail)) wrong.handlerEmail = view.t('wrong.handlerEmail');
    return { values, wrong };
}

// The order; or, when another window has made it meanwhile, that one
async function createOrder() {
    state.createKey ??= newKey();
    try {
        return await state.service.request('POST', '/v1/orders', {
            json: { kind: 'RENEW', certificate: state.session.certificate.id },
            idempotencyKey: state.createKey,
        });
    } catch (error) {
        const { order } = error.problem ?? {};
        if (error.code !== 'OPEN_ORDER_EXISTS' || !order) throw error;
        return state.service.request('GET', `/v1/orders/${order}`);
    } finally {
        state.createKey = undefined;
    }
}

async function submitForm() {
    const { values } = readForm();
    view.busy('busy.order');
    if (!state.order) {
        state.order = await createOrder();
    } else {
        await reload();
    }
    try {
        state.order = (await orderRequest('PATCH', '', { json: values })) ?? (await reload());
        state.order = (await orderRequest('POST', ':submit', { json: {} })) ?? (await reload());
    } catch (error) {
        const named = wrongFields(error);
        if (!named) throw error;
        view.say(null);
        view.showWrong(named);
        return;
    }
    await goOn(state.order);
}

// The service names the fields that it refuses
function wrongFields(error) {
    const { errors, field } = error.problem ?? {};
    if (typeof field === 'string') return { [field]: error.detail || error.title };
    if (!Array.isArray(errors)) return null;
    return Object.fromEntries(errors.map((one) => [one.field, one.detail ?? one.message ?? error.title]));
}

/* ---- 4: confirmation, shown by the agent and signed on the key ---- */

async function showConfirm() {
    const statement = await state.service.request('GET', `/v1/orders/${state.order.no}/statement`);
    state.statement = statement;
    state.redraw = () => view.showStatement(state.statement);
    state.redraw();
    view.say(null);
    view.showPanel('confirm', 'confirm');
}

async function signConfirmation() {
    view.busy('busy.sign');
    const { nonce, ...statement } = await state.service.request('GET', `/v1/orders/${state.order.no}/statement`);
    const { signature } = await state.agent.sign({
        token: state.token,
        certificate: state.session.certificate.id,
        statement,
        nonce,
    });
    view.busy('busy.confirm');
    await reload();
    state.order = (await orderRequest('POST', ':confirm', { json: { signature } })) ?? (await reload());
    await goOn(state.order);
}

async function edit() {
    await reload();
    if (!state.eligibility?.terms) await askEligibility();
    showForm();
}

/* ---- 5: payment ---- */

function showPay() {
    state.payUrl = '';
    state.redraw = () => view.showPayment(state.order.amountFen, state.payUrl);
    state.redraw();
    view.say(null);
    view.showPanel('pay', 'pay');
}

async function pay() {
    view.busy('busy.pay');
    const channel = new FormData($('pay-form')).get('channel');
    const payment = await state.service.request('POST', `/v1/orders/${state.order.no}/payments`, {
        json: { channel },
        idempotencyKey: `${state.order.no}-${channel}`,
    });
    const url = new URL(payment.payUrl, location.href);
    if (url.protocol !== 'https:' && url.hostname !== 'localhost') throw new Error('unexpected payment address');
    state.payUrl = url.href;
    state.redraw();
    view.say(null);
    waitForPayment();
}

// Polls until the service knows of the payment, then goes on by itself
async function waitForPayment() {
    state.waiting?.abort();
    const control = new AbortController();
    state.waiting = control;
    while (!control.signal.aborted) {
        await pause(POLL_MS);
        if (control.signal.aborted) return;
        let paid;
        try {
            const order = await state.service.request('GET', `/v1/orders/${state.order.no}`, { signal: control.signal });
            paid = order.gates.find((gate) => gate.name === 'PAY')?.state === 'DONE' && order;
        } catch (error) {
            if (error.code === 'ABORTED') return;
            if (error.retryable || error.code === 'SERVICE_UNREACHABLE') continue;
            await act(() => Promise.reject(error));
            return;
        }
        if (paid && !control.signal.aborted) {
            view.say('say.paid');
            await act(() => goOn(paid));
            return;
        }
    }
}

/* ---- 6: onto the key ---- */

async function write() {
    view.showPanel('write', 'write');
    view.busy('busy.job');
    const leaving = (event) => event.preventDefault();
    window.addEventListener('beforeunload', leaving);
    try {
        state.job = await state.agent.jobs.renew({
            service: 'default',
            order: state.order.no,
            authorization: state.service.authorization,
            token: state.token.id,
        });
        state.job.on('progress', (job) => {
            state.redraw = () => view.showJob(job);
            state.redraw();
        });
        const job = await state.job.finished();
        state.jobResult = job.result;
    } finally {
        state.job = null;
        window.removeEventListener('beforeunload', leaving);
    }
    await reload();
    await showDone();
}

// After an interruption: the same key again, then where it stopped
async function resume() {
    await ensureAgent();
    view.busy('busy.read');
    const token = await state.agent.token();
    if (!token.pin.verified) {
        view.busy('busy.pin');
        await state.agent.verifyPin({ token });
    }
    state.token = token;
    try {
        await reload();
    } catch (error) {
        if (!SESSION_LOST.has(error.code)) throw error;
        await logIn();
        return;
    }
    await goOn(state.order);
}

/* ---- 7: result ---- */

async function showDone() {
    state.redraw = () => view.showResult(state.order, state.jobResult);
    state.redraw();
    view.say(null);
    view.showPanel('done', 'done');
}

/* ---- the page's own events ---- */

function listen() {
    $('login').addEventListener('click', () => act(logIn));
    $('form').addEventListener('submit', (event) => {
        event.preventDefault();
        const { wrong } = readForm();
        view.showWrong(wrong);
        if (!Object.keys(wrong).length) act(submitForm);
    });
    $('sign').addEventListener('click', () => act(signConfirmation));
    $('edit').addEventListener('click', () => act(edit));
    $('pay-form').addEventListener('submit', (event) => {
        event.preventDefault();
        act(pay);
    });
    $('problem-retry').addEventListener('click', () => state.retry?.());
    for (const button of document.querySelectorAll('.cancel-order')) {
        button.addEventListener('click', () => act(cancelOrder));
    }
}

listen();
startLanguage((lang) => {
    view.setLanguage(lang);
    if (state.agent) state.agent.lang = lang;
    state.redraw();
});
start();
