// What the renewal page shows: given data, it fills the panels. It asks nobody anything.
import { hasText, text, translatePage } from '/renew-texts.mjs';

export const STEPS = ['key', 'login', 'form', 'confirm', 'pay', 'write', 'done'];
const PANELS = ['key', 'refused', 'form', 'confirm', 'pay', 'write', 'done'];
const ZONE = 'Asia/Shanghai';

const $ = (id) => document.getElementById(id);
let lang = 'zh-CN';
let shown = { step: 'key', panel: null };

export const t = (key, values) => text(lang, key, values);

export function setLanguage(next) {
    lang = next;
    translatePage(lang);
    document.title = t('renew.title');
    showSteps(shown.step);
}

function element(name, attributes = {}, ...children) {
    const node = document.createElement(name);
    for (const [key, value] of Object.entries(attributes)) {
        if (value !== undefined && value !== null) node.setAttribute(key, value);
    }
    node.append(...children.filter((child) => child !== null && child !== undefined));
    return node;
}

// Moments are shown as in the certificate: the day and the second, in China's time
export function moment(iso) {
    const date = new Date(iso);
    if (!iso || Number.isNaN(date.getTime())) return '';
    const parts = Object.fromEntries(
        new Intl.DateTimeFormat('en-GB', {
            timeZone: ZONE,
            year: 'numeric',
            month: '2-digit',
            day: '2-digit',
            hour: '2-digit',
            minute: '2-digit',
            second: '2-digit',
            hourCycle: 'h23',
        })
            .formatToParts(date)
            .map(({ type, value }) => [type, value]),
    );
    return `${parts.year}-${parts.month}-${parts.day} ${parts.hour}:${parts.minute}:${parts.second}`;
}

export const day = (iso) => (/^\d{4}-\d{2}-\d{2}$/.test(iso ?? '') ? iso : moment(iso).slice(0, 10));

export function money(fen) {
    return `¥ ${Math.trunc(fen / 100)}.${String(fen % 100).padStart(2, '0')}`;
}

export const daysText = (days) => (days >= 0 ? t('days', { days }) : t('days.past', { days: -days }));

function facts(list, rows) {
    list.replaceChildren(
        ...rows
            .filter(([, value]) => value !== undefined && value !== null && value !== '')
            .map(([label, value, name]) =>
                element('div', {}, element('dt', {}, label), element('dd', { 'data-fact': name }, value)),
            ),
    );
}

/* ---- steps, panels, what is going on ---- */

export function showSteps(step) {
    shown.step = step;
    const now = STEPS.indexOf(step);
    $('steps').replaceChildren(
        ...STEPS.map((name, i) => {
            const done = i < now || step === 'done';
            const item = element(
                'li',
                { 'data-step': name, class: done ? 'past' : null, 'aria-current': i === now ? 'step' : null },
                element('span', { class: 'number', 'aria-hidden': 'true' }, done ? '✓' : String(i + 1)),
                element('span', { class: 'name' }, t(`step.${name}`)),
            );
            if (done && i !== now) item.append(element('span', { class: 'unseen' }, t('step.finished')));
            return item;
        }),
    );
}

// Shows one panel (null: none) and moves the focus to its heading, so that a screen reader says where we are
export function showPanel(panel, step, { focus = true } = {}) {
    const changed = shown.panel !== panel;
    shown.panel = panel;
    for (const name of PANELS) $(`panel-${name}`).hidden = name !== panel;
    if (step) showSteps(step);
    if (panel && changed && focus) $(`${panel}-title`).focus();
}

export const panelShown = () => shown.panel;

export function say(key, values) {
    $('status').textContent = key ? t(key, values) : '';
    $('status').classList.remove('busy');
}

export function busy(key) {
    say(key);
    $('status').classList.add('busy');
}

export function disable(isDisabled) {
    for (const control of document.querySelectorAll('main button:not(#problem-retry)')) {
        control.disabled = isDisabled;
    }
}

/* ---- problems ---- */

export function showProblem(error, { retryKey, focus = true }) {
    const values = { tries: error.triesLeft ?? '?' };
    const nextKey = hasText(lang, `next.${error.code}`) ? `next.${error.code}` : 'next.default';
    $('problem-title').textContent = error.title ?? error.message;
    $('problem-detail').textContent = error.detail ?? '';
    $('problem-detail').hidden = !error.detail;
    $('problem-next').textContent = t(nextKey, values);
    $('problem-code').textContent = error.code ?? 'INTERNAL';
    $('problem-retry').textContent = t(retryKey ?? 'problem.retry');
    $('problem').dataset.code = error.code ?? 'INTERNAL';
    $('problem').hidden = false;
    say(null);
    if (focus) $('problem').focus();
}

export function hideProblem() {
    $('problem').hidden = true;
    delete $('problem').dataset.code;
}

/* ---- the key ---- */

export function showKey(token, certificates, seals) {
    facts($('key-facts'), [
        [t('key.label'), token.label, 'label'],
        [t('key.serial'), token.serial, 'serial'],
        [t('key.maker'), token.manufacturer, 'maker'],
        [t('key.pin'), t(`pin.${token.pin.state}`), 'pin'],
    ]);
    const rows = certificates.map((certificate) =>
        element(
            'tr',
            { 'data-usage': certificate.usage, class: certificate.current ? 'current' : null },
            element(
                'td',
                {},
                t(`usage.${certificate.usage}`),
                certificate.current ? element('span', { class: 'tag' }, t('certificate.current')) : null,
                element('span', { class: 'small' }, certificate.algorithm),
            ),
            element(
                'td',
                {},
                certificate.subject.commonName ?? certificate.subjectText,
                element('span', { class: 'small' }, certificate.issuer?.commonName ?? certificate.issuerText),
            ),
            element('td', {}, moment(certificate.notAfter)),
            element('td', { class: certificate.daysLeft < 90 ? 'soon' : null }, daysText(certificate.daysLeft)),
        ),
    );
    if (!rows.length) rows.push(element('tr', {}, element('td', { colspan: '4' }, t('key.noCertificate'))));
    $('certificates').tBodies[0].replaceChildren(...rows);
    $('seals').replaceChildren(
        ...(seals.length ? seals.map(sealCard) : [element('p', {}, t('key.noSeal'))]),
    );
}

const PICTURES = new Set(['png', 'jpg', 'jpeg', 'gif', 'bmp']);

function sealCard(seal) {
    const card = element('figure', { class: 'seal', 'data-seal': seal.id });
    const type = String(seal.picture?.type ?? '').toLowerCase();
    if (PICTURES.has(type)) {
        card.append(
            element('img', {
                src: `data:image/${type === 'jpg' ? 'jpeg' : type};base64,${seal.picture.data}`,
                alt: t('seal.picture', { name: seal.name }),
                width: '132',
            }),
        );
    }
    const list = element('dl', { class: 'facts' });
    facts(list, [
        [t('seal.type'), t(`seal.${seal.type}`), 'seal-type'],
        [t('seal.size'), seal.size?.text, 'seal-size'],
        [t('seal.valid'), `${day(seal.validStart)} – ${day(seal.validEnd)}`, 'seal-valid'],
        [t('seal.state'), t(`verification.${seal.verification?.result}`), 'seal-state'],
    ]);
    card.append(element('figcaption', {}, element('strong', {}, seal.name), list));
    return card;
}

/* ---- refused, form ---- */

export function showRefused(answer) {
    $('refused-reason').textContent = answer.reason;
    $('refused-code').textContent = answer.code;
    $('panel-refused').dataset.code = answer.code;
    facts($('refused-facts'), [
        [t('refused.daysLeft'), Number.isInteger(answer.daysLeft) ? daysText(answer.daysLeft) : '', 'daysLeft'],
        [t('refused.earliest'), day(answer.earliest), 'earliest'],
        [t('refused.latest'), day(answer.latest), 'latest'],
    ]);
}

export function showForm({ subject, notAfter, daysLeft, terms, years, handler }) {
    $('form-lead').textContent = t('form.lead', { subject, date: moment(notAfter), days: daysText(daysLeft) });
    const chosen = Number(new FormData($('form')).get('years')) || years || terms[0]?.years;
    $('terms').replaceChildren(
        ...terms.map((term) => {
            const input = element('input', { type: 'radio', name: 'years', value: String(term.years) });
            input.checked = term.years === chosen;
            return element(
                'label',
                { class: 'choice' },
                input,
                ' ',
                element('strong', {}, t('form.term', { years: term.years })),
                element('span', { class: 'price' }, money(term.amountFen)),
                element('span', { class: 'small' }, t('form.until', { date: day(term.validUntil) })),
            );
        }),
    );
    for (const [name, value] of Object.entries(handler ?? {})) {
        if (value && $(name) && !$(name).value) $(name).value = value;
    }
}

// Marks fields as wrong: {field: text}; the first one gets the focus
export function showWrong(wrong) {
    for (const name of ['handlerName', 'handlerPhone', 'handlerEmail']) {
        const note = $(`${name}-error`);
        note.textContent = wrong[name] ?? '';
        note.hidden = !wrong[name];
        if (wrong[name]) $(name).setAttribute('aria-invalid', 'true');
        else $(name).removeAttribute('aria-invalid');
    }
    const first = Object.keys(wrong).find((name) => $(name));
    if (first) $(first).focus();
}

/* ---- confirm, pay ---- */

export function showStatement(statement) {
    $('statement-title').textContent = statement.title;
    facts(
        $('statement'),
        statement.fields.map((field, i) => [field.label, field.value, `statement-${i}`]),
    );
}

export function showPayment(amountFen, payUrl) {
    $('amount').textContent = money(amountFen);
    $('pay-form').hidden = Boolean(payUrl);
    $('paying').hidden = !payUrl;
    if (payUrl) {
        $('pay-link').href = payUrl;
        $('pay-link').focus();
    } else {
        $('pay-link').removeAttribute('href');
    }
}

/* ---- write ---- */

export function showJob(job) {
    $('progress').value = job.progress;
    $('percent').textContent = `${job.progress} %`;
    $('job-steps').replaceChildren(
        ...job.steps.map((step) =>
            element(
                'li',
                { class: step.state, 'data-job-step': step.name, 'aria-current': step.state === 'running' ? 'step' : null },
                element('span', { class: 'dot', 'aria-hidden': 'true' }, step.state === 'done' ? '✓' : ''),
                element('span', {}, hasText(lang, `job.${step.name}`) ? t(`job.${step.name}`) : step.title),
                element('span', { class: 'unseen' }, ` ${t(`state.${step.state}`)}`),
            ),
        ),
    );
    const now = job.steps.find((step) => step.state === 'running');
    if (now) $('status').textContent = hasText(lang, `job.${now.name}`) ? t(`job.${now.name}`) : now.title;
    $('status').classList.toggle('busy', job.state === 'running');
}

/* ---- done ---- */

export function showResult(order, certificates) {
    const before = order.certificate?.notAfter;
    const sign = order.result?.signCertificate;
    facts($('result'), [
        [t('result.order'), order.no, 'order'],
        [t('result.subject'), order.subject?.name ?? order.subject?.commonName ?? String(order.subject ?? ''), 'subject'],
        [t('result.token'), order.tokenSerial, 'token'],
        [t('result.before'), moment(before), 'before'],
        [t('result.after'), moment(sign?.notAfter ?? certificates?.notAfter), 'after'],
        [t('result.certificate'), sign?.serial, 'sign-serial'],
        [t('result.encrypt'), order.result?.encryptCertificate?.serial, 'encrypt-serial'],
        [t('result.seal'), moment(order.result?.seal?.validEnd), 'seal-until'],
        [t('result.pin'), t('result.pin.same'), 'pin'],
    ]);
}
