// Old pages say at best "error 185..."; this says on the page what a person can do, in one line that can be closed.

const CLOSE = { 'zh-CN': '关闭', en: 'Close' };
const QUIET = new Set(['USER_CANCELLED', 'ABORTED']);

export class Notices {
    #document;
    #line = null;

    /* document: null for none. */
    constructor(document) {
        this.#document = document;
    }

    show(error, lang) {
        if (!this.#document?.body || QUIET.has(error.code)) return;
        this.clear();
        const line = this.#document.createElement('div');
        line.id = 'openukey-notice';
        line.lang = lang;
        line.setAttribute('role', 'alert');
        line.dataset.code = error.code;
        Object.assign(line.style, {
            position: 'fixed', top: '0', left: '0', right: '0', zIndex: '2147483647', padding: '12px 16px', font: '16px/1.5 sans-serif',
            color: '#3b2300', background: '#fff3d6', borderBottom: '2px solid #b26a00',
        });
        const text = this.#document.createElement('span');
        text.textContent = error.detail ? `${error.title}：${error.detail}` : error.title;
        if (lang === 'en') text.textContent = error.detail ? `${error.title}. ${error.detail}` : error.title;
        const close = this.#document.createElement('button');
        close.type = 'button';
        close.textContent = CLOSE[lang];
        Object.assign(close.style, { marginLeft: '16px', font: 'inherit' });
        close.addEventListener('click', () => this.clear());
        line.append(text, close);
        this.#document.body.prepend(line);
        this.#line = line;
    }

    clear() {
        this.#line?.remove();
        this.#line = null;
    }
}
