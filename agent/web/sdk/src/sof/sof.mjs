// The functions that pages written for the closed assistants call (GM/T 0020: SOF_GetUserList and its kin), on top of the SDK. What differs
// from those assistants is in docs/sdk.md.
import { languageOf } from '../texts.mjs';
import { base64, base64Bytes, hex, randomBytes, utf8, utf8Text } from './bytes.mjs';
import { digestFor, envelopeFor, hasSigned, parseCertificate } from './certificate.mjs';
import { CERT_INFO, DEVICE_INFO, SOR } from './codes.mjs';

/* What a page has asked for wrongly; sor: the number that it is told. */
class BadCall extends Error {
    constructor(sor, message) {
        super(message);
        this.sor = sor;
    }
}

const certificateOf = (text) => {
    try {
        return parseCertificate(text);
    } catch {
        throw new BadCall(SOR.CERTIFICATE, '不是证书 (not a certificate)');
    }
};
const decoded = (text) => {
    try {
        return base64Bytes(text);
    } catch {
        throw new BadCall(SOR.INDATA, '不是 Base64 (not base64)');
    }
};

/* ---- who and where ---- */

/* Every certificate on every plugged key, with its key. */
async function everything(agent) {
    const all = [];
    for (const token of await agent.tokens()) {
        for (const certificate of await agent.certificates({ token })) all.push({ token, certificate });
    }
    return all;
}

const isSigner = ({ certificate }) => certificate.hasPrivateKey && certificate.usage !== 'encrypt';
const nameOf = ({ subject, subjectText }) => subject.commonName || subject.organization || subjectText;
const bare = (pem) => pem.replace(/-----[^-]*-----|\s/g, '');

/* The certificate behind a CertID of SOF_GetUserList. */
async function entryOf(agent, certId) {
    const found = (await everything(agent)).find(({ certificate }) => certificate.id === certId);
    if (!found) throw new BadCall(SOR.INDATA, '没有这个证书，UKey 可能已拔出 (no such certificate: the key may have been pulled)');
    return found;
}

/* A key by its serial number or id, or by a CertID of it. */
async function tokenOf(agent, name) {
    const tokens = await agent.tokens();
    return tokens.find((token) => token.serial === name || token.id === name) ?? (await entryOf(agent, name)).token;
}

/* A certificate as such, or by its CertID. */
async function givenCertificate(agent, text) {
    if (!/^[0-9a-f]{64}$/.test(text)) return certificateOf(text);
    return parseCertificate((await entryOf(agent, text)).certificate.pem);
}

/* What needs the PIN: asks for it when this session has not, or no more. */
async function withPin(agent, token, action) {
    try {
        return await action();
    } catch (error) {
        if (error?.code !== 'PIN_REQUIRED') throw error;
        await agent.verifyPin({ token });
        return action();
    }
}

/* ---- the functions: name -> (sof, arguments); what they answer when they fail is below ---- */

async function login({ agent, pins }, certId, pin) {
    const { token } = await entryOf(agent, certId);
    let answer;
    try {
        // policy decides whether the page's PIN is taken; mostly it is not
        if (!pin || !pins.areTaken) answer = await agent.verifyPin({ token });
        else answer = await agent.verifyPin({ token, pin: String(pin) });
    } catch (error) {
        if (error?.code !== 'BAD_REQUEST' || !pin) throw error;
        pins.areTaken = false;
        answer = await agent.verifyPin({ token });
    }
    if (answer.mustChange) await agent.changePin({ token });
    return true;
}

async function signBare({ agent }, certId, data) {
    const { token, certificate } = await entryOf(agent, certId);
    const digest = await digestFor(parseCertificate(certificate.pem), utf8(data));
    const request = { token, certificate: certificate.id, digest: base64(digest) };
    return (await withPin(agent, token, () => agent.sign(request))).signature;
}

const DOCUMENT_NAME = { 'zh-CN': '网页提交的数据', en: 'Data of the web page' };

async function signMessage({ agent }, certId, data, attached) {
    const { token, certificate } = await entryOf(agent, certId);
    const document = { name: `${DOCUMENT_NAME[agent.lang]}.txt`, content: base64(utf8(data)) };
    const request = { token, certificate: certificate.id, nonce: hex(randomBytes(16)), document, attached };
    return (await withPin(agent, token, () => agent.sign(request))).signature;
}

async function verifyMessage({ agent }, signature, data) {
    const content = data === undefined ? {} : { content: base64(utf8(data)) };
    const verdict = await agent.verify({ signature: bare(signature), ...content });
    if (!verdict.valid) throw new BadCall(SOR.VERIFY, `${verdict.result}: ${verdict.reason}`);
    return true;
}

async function verifyBare(_, certificate, data, signature) {
    const isRight = await hasSigned(certificateOf(certificate), utf8(data), decoded(signature)).catch(() => false);
    if (!isRight) throw new BadCall(SOR.VERIFY, '签名与原文不符 (the signature does not fit)');
    return true;
}

async function exportCertificate({ agent }, certId) {
    return bare((await entryOf(agent, certId)).certificate.pem);
}

async function exportExchangeCertificate({ agent }, certId) {
    const { certificate } = await entryOf(agent, certId);
    if (certificate.usage === 'both') return bare(certificate.pem);
    if (!certificate.pair) throw new BadCall(SOR.INDATA, '没有加密证书 (no encryption certificate)');
    return bare((await entryOf(agent, certificate.pair)).certificate.pem);
}

async function certInfo({ agent }, certificate, type) {
    const tell = CERT_INFO[Number(type)];
    if (!tell) throw new BadCall(SOR.NOT_SUPPORTED, `SOF_GetCertInfo(${type})`);
    return tell(await givenCertificate(agent, certificate));
}

async function deviceInfo({ agent }, key, type) {
    const tell = DEVICE_INFO[Number(type)];
    if (!tell) throw new BadCall(SOR.NOT_SUPPORTED, `SOF_GetDeviceInfo(${type})`);
    return tell(await tokenOf(agent, key));
}

const VALIDITY = { trusted: 0, untrusted: -1, expired: -2, 'not-yet-valid': -5, unknown: -1 };

// 0 good, -1 not trusted, -2 expired, -3 revoked, -5 not yet valid, -6 not known: it is on no plugged key
async function validateCertificate({ agent }, text) {
    const { der } = await givenCertificate(agent, text);
    const found = (await everything(agent)).find(({ certificate }) => bare(certificate.pem) === base64(der));
    if (!found) return -6;
    const { chain, revocation } = found.certificate;
    return revocation.state === 'revoked' ? -3 : VALIDITY[chain];
}

async function encryptData({ agent }, certificate, data) {
    const recipient = await givenCertificate(agent, certificate);
    if (recipient.key.type !== 'SM2' && recipient.key.type !== 'RSA') throw new BadCall(SOR.NOT_SUPPORTED, recipient.key.type);
    return base64(await envelopeFor(recipient, utf8(data)));
}

async function decryptData({ agent }, certId, envelope) {
    const { token } = await entryOf(agent, certId);
    const { content } = await withPin(agent, token, () => agent.decrypt({ token, envelope: bare(envelope) }));
    return utf8Text(base64Bytes(content));
}

async function changePin({ agent }, certId) {
    await agent.changePin({ token: (await entryOf(agent, certId)).token });
    return true;
}

const TEXTS_ANSWERED = {
    SOF_GetVersion: [SOR.UNKNOWN, async ({ agent }) => `OpenUKey ${agent.version}`],
    SOF_GetUserList: [
        SOR.UNKNOWN,
        async ({ agent }) => {
            const signers = (await everything(agent)).filter(isSigner);
            return signers.map(({ certificate }) => `${nameOf(certificate)}||${certificate.id}`).join('&&&');
        },
    ],
    SOF_ExportUserCert: [SOR.CERTIFICATE, exportCertificate],
    SOF_ExportExChangeUserCert: [SOR.CERTIFICATE, exportExchangeCertificate],
    SOF_GetCertInfo: [SOR.CERTIFICATE, certInfo],
    SOF_GetCertInfoByOid: [SOR.CERTIFICATE, async ({ agent }, text, oid) => (await givenCertificate(agent, text)).find(String(oid))],
    SOF_GetDeviceInfo: [SOR.INDATA, deviceInfo],
    SOF_SignData: [SOR.SIGN, signBare],
    SOF_SignDataByP7: [SOR.SIGN, (sof, certId, data) => signMessage(sof, certId, data, true)],
    // flag 0: with the data inside; 1: without
    SOF_SignMessage: [SOR.SIGN, (sof, flag, certId, data) => signMessage(sof, certId, data, Number(flag) === 0)],
    SOF_EncryptData: [SOR.ENCRYPT, encryptData],
    SOF_DecryptData: [SOR.DECRYPT, decryptData],
    SOF_GenRandom: [SOR.INDATA, async (_, count) => base64(randomBytes(Number(count)))],
};
const TRUTHS_ANSWERED = {
    SOF_Login: [SOR.LOGIN, login],
    SOF_Logout: [
        SOR.UNKNOWN,
        async ({ agent }) => {
            await agent.unpair();
            return true;
        },
    ],
    SOF_ChangePassWd: [SOR.LOGIN, changePin],
    SOF_VerifySignedData: [SOR.VERIFY, verifyBare],
    SOF_VerifySignedDataByP7: [SOR.PKCS7, verifyMessage],
    SOF_VerifySignedMessage: [SOR.PKCS7, verifyMessage],
};
const NUMBERS_ANSWERED = {
    SOF_GetPinRetryCount: [SOR.INDATA, async ({ agent }, key) => (await tokenOf(agent, key)).pin.triesLeft ?? -1],
    SOF_ValidateCert: [SOR.CERTIFICATE, validateCertificate],
};

const kind = (failed, calls) => Object.entries(calls).map(([name, [sor, run]]) => [name, { failed, sor, run }]);
const CALLS = new Map([...kind('', TEXTS_ANSWERED), ...kind(false, TRUTHS_ANSWERED), ...kind(-1, NUMBERS_ANSWERED)]);

// Errors that say that the agent cannot be used at all
const NO_AGENT = new Set([
    'NOT_RUNNING', 'UNTRUSTED_TLS', 'LNA_PROMPT', 'LNA_DENIED', 'INSECURE_CONTEXT', 'ORIGIN_REFUSED', 'VERSION_MISMATCH', 'TIMEOUT',
]);

export class Sof {
    #connect;
    #options;
    #notices;
    #agent = null;
    #connecting = null;
    #listeners = new Set();
    #last = Promise.resolve();
    #pins = { areTaken: true };
    #lastError = { sor: SOR.OK, text: '', cause: null };

    /* connect: the SDK's. options: for it. notices: where persons are told what to do. */
    constructor({ connect, options = {}, notices }) {
        this.#connect = connect;
        this.#options = options;
        this.#notices = notices;
    }

    /** The error of the last call: an AgentError, an Error, or null. */
    get lastError() {
        return this.#lastError.cause;
    }

    get #lang() {
        return this.#agent?.lang ?? languageOf(this.#options.lang || globalThis.document?.documentElement.lang || globalThis.navigator?.language);
    }

    /* The functions by name. Each takes a callback (and a context for it) behind its arguments, which gets {retVal, ctx}; and answers a
     * promise of the same value, which is never rejected. */
    functions() {
        const all = {};
        for (const [name, call] of CALLS) all[name] = (...args) => this.#enqueue(call, args);
        all.SOF_GetLastError = (...args) => this.#answer(this.#lastError.sor, args);
        for (const name of ['SOF_GetLastErrMsg', 'SOF_GetErrorMsg']) all[name] = (...args) => this.#answer(this.#lastError.text, args);
        all.SetOnUsbKeyChangeCallBack = (listener) => this.#onChange(listener);
        return all;
    }

    /* One after the other: the agent shows one dialog at a time. */
    #enqueue(call, args) {
        const end = args.findIndex((one) => typeof one === 'function');
        const given = end < 0 ? args : args.slice(0, end);
        const answered = this.#last.then(async () => this.#answer(await this.#run(call, given), args));
        this.#last = answered.catch(() => {});
        return answered;
    }

    #answer(retVal, args) {
        const at = args.findIndex((one) => typeof one === 'function');
        // a mistake in the page's own callback is the page's, not ours
        if (at >= 0) queueMicrotask(() => args[at]({ retVal, ctx: args[at + 1] }));
        return Promise.resolve(retVal);
    }

    async #run({ failed, sor, run }, args) {
        try {
            const value = await run({ agent: await this.#connected(), pins: this.#pins }, ...args);
            this.#lastError = { sor: SOR.OK, text: '', cause: null };
            this.#notices.clear();
            return value;
        } catch (error) {
            this.#failed(error, sor);
            return failed;
        }
    }

    #failed(error, sor) {
        const isOurs = error?.name === 'AgentError';
        const isGone = isOurs && NO_AGENT.has(error.code);
        this.#lastError = { sor: isGone ? SOR.INITIALIZE : (error.sor ?? sor), text: error.message, cause: error };
        if (isGone) {
            // it may come back on another port
            this.#agent?.close();
            this.#agent = null;
            this.#connecting = null;
        }
        if (isOurs) this.#notices.show(error, this.#lang);
    }

    async #connected() {
        this.#connecting ??= this.#connect({ ...this.#options, onWaiting: (problem) => this.#notices.show(problem, this.#lang) });
        try {
            this.#agent = await this.#connecting;
        } catch (error) {
            this.#connecting = null;
            throw error;
        }
        for (const listener of this.#listeners) this.#agent.on('token', listener);
        return this.#agent;
    }

    async #onChange(listener) {
        this.#listeners.add(() => listener());
        try {
            await this.#connected();
            return true;
        } catch (error) {
            this.#failed(error, SOR.INITIALIZE);
            return false;
        }
    }
}
