// Types of the OpenUKey SDK.

export const VERSION: string;

/** Codes that the SDK itself gives; the agent and the services add theirs (docs/api/agent.yaml). */
export type LocalCode =
    | 'NOT_RUNNING' | 'UNTRUSTED_TLS' | 'LNA_PROMPT' | 'LNA_DENIED' | 'INSECURE_CONTEXT' | 'ORIGIN_REFUSED'
    | 'VERSION_MISMATCH' | 'NO_TOKEN' | 'SEVERAL_TOKENS' | 'TIMEOUT' | 'ABORTED' | 'BAD_ANSWER'
    | 'JOB_INTERRUPTED' | 'JOB_CANCELLED' | 'JOB_FAILED';

export interface Problem {
    type?: string;
    title: string;
    status: number;
    code: string;
    detail?: string;
    retryable?: boolean;
    triesLeft?: number;
    [member: string]: unknown;
}

export class AgentError extends Error {
    readonly code: LocalCode | string;
    /** HTTP status, 0 if there was no answer. */
    readonly status: number;
    /** One line for a person, in the language asked for. */
    readonly title: string;
    /** What happened or what to do, for a person. */
    readonly detail: string;
    readonly retryable: boolean;
    /** PIN tries left, where the error is about a PIN. */
    readonly triesLeft?: number;
    readonly problem?: Problem;
    readonly cause?: unknown;
}

export interface Cancellable {
    signal?: AbortSignal;
}

export interface ConnectOptions extends Cancellable {
    /** 'zh-CN' or 'en'; else the page's language. */
    lang?: string;
    ports?: number[];
    /** Called while the browser asks the person whether this page may reach the agent (LNA_PROMPT): say so on the page. */
    onWaiting?: (problem: AgentError) => void;
    fetch?: typeof fetch;
    /** null: poll instead. */
    WebSocket?: typeof WebSocket | null;
}

export interface Capability {
    available: boolean;
    reason?: 'FOREIGN_MODULE' | 'CARD_TYPE';
}

export interface Token {
    id: string;
    label: string;
    serial: string;
    manufacturer: string;
    model: string;
    reader: string;
    /** The PKCS#11 module of another maker that it came through; null for our own. */
    module: string | null;
    /** false: a blank key. */
    initialized: boolean;
    capabilities: Record<'sign' | 'decrypt' | 'stamp' | 'changePin' | 'jobs' | 'unlock', Capability>;
    pin: { state: 'ok' | 'low' | 'last' | 'locked' | 'unset'; triesLeft: number | null; verified: boolean; mustChange: boolean };
}

export interface Name {
    commonName?: string;
    organization?: string;
    organizationalUnit?: string;
    organizationIdentifier?: string;
    serialNumber?: string;
    state?: string;
    locality?: string;
    country?: string;
}

export interface Certificate {
    /** SHA-256 of the DER, hex. */
    id: string;
    usage: 'sign' | 'encrypt' | 'both';
    keyId: string;
    algorithm: 'SM2' | 'RSA' | 'EC';
    subject: Name;
    subjectText: string;
    issuer: Name;
    issuerText: string;
    serial: string;
    notBefore: string;
    notAfter: string;
    daysLeft: number;
    /** The other certificate of the same pair. */
    pair: string | null;
    hasPrivateKey: boolean;
    /** Part of the newest valid pair. */
    current: boolean;
    pem: string;
    keyBits: number;
    /** Up to a root of the configured services; unknown: none is configured. */
    chain: Chain;
    revocation: Revocation;
}

export type Chain = 'trusted' | 'untrusted' | 'expired' | 'not-yet-valid' | 'unknown';

export interface Revocation {
    state: 'good' | 'revoked' | 'unknown';
    /** When the list was made. */
    checked?: string;
    revoked?: string;
}

/** A person or an organisation as one: a dual pair, or a certificate alone. */
export interface Identity {
    name: string;
    organizationIdentifier: string;
    algorithm: 'SM2' | 'RSA' | 'EC' | 'OTHER';
    sign: string | null;
    encrypt: string | null;
    daysLeft: number;
    hasPrivateKey: boolean;
    current: boolean;
}

export interface Seal {
    id: string;
    name: string;
    type: 'organization' | 'personal';
    size: { widthMm: number; heightMm: number; text: string };
    created: string;
    validStart: string;
    validEnd: string;
    version: number;
    maker: string;
    picture: { type: string; data: string };
    certificates: string[];
    verification: { result: 'valid' | 'invalid' | 'expired' | 'not-yet-valid' | 'untrusted' | 'revoked'; reason: string };
    der?: string;
}

export interface Statement {
    title: string;
    fields: { label: string; value: string }[];
    order?: string;
    digest?: string;
}

export interface Digests {
    /** hexadecimal, as the others */
    sm3: string;
    sha256: string;
    sha384: string;
}

/** A file inside the request (base64), or one that uploadDocument() has brought. */
export type SignDocument = { name: string; content: string } | { name: string; id: string };

export interface SignOptions {
    certificate: string;
    nonce: string;
    /** Left out: 'gm-signed-data' for SM2 keys, 'cms' for RSA and EC keys. */
    format?: 'gm-signed-data' | 'cms' | 'jws';
    attached?: boolean;
    padding?: 'pkcs1' | 'pss';
}

export interface SignAnswer {
    format: 'gm-signed-data' | 'cms' | 'jws' | 'raw';
    algorithm: string;
    certificate: string;
    /** base64 of DER, or a compact JWS */
    signature: string;
}

export interface DocumentSignature {
    name: string;
    size: number;
    digests: Digests;
    signature: string;
}

export interface Signer {
    id: string;
    algorithm: 'SM2' | 'RSA' | 'EC' | 'OTHER';
    subjectText: string;
    issuerText: string;
    serial: string;
    notBefore: string;
    notAfter: string;
    chain: Chain;
    revocation: Revocation;
}

export interface Verification {
    format: string;
    valid: boolean;
    result: 'valid' | 'invalid' | 'untrusted' | 'expired' | 'not-yet-valid' | 'revoked';
    reason: string;
    detail: string;
    signer?: Signer;
    algorithm?: string;
    signingTime?: string;
    nonce?: string;
    origin?: string;
    purpose?: string;
    content?: string;
    propertyInfo?: string;
    hash?: string;
    seal?: Seal;
}

export interface JobRequest extends Cancellable {
    service?: string;
    order: string;
    /** The page's token for the order service. */
    authorization: string;
    /** The authorisation code that the service sent for the order, where it wants one. */
    code?: string;
    token?: string;
}

/** Base64 of DER. */
export interface JobInstall {
    signCertificate?: string;
    encryptCertificate?: string;
    envelopedKey?: string;
    chain?: string[];
    seal?: string;
    sealId?: string;
}

export interface JobState {
    id: string;
    kind: 'enrol' | 'renew' | 'change' | 'replace' | 'unlock' | 'recover' | 'install';
    service?: string;
    order: string;
    token: string;
    state: 'running' | 'done' | 'failed' | 'interrupted' | 'cancelled';
    progress: number;
    step: string;
    steps: { name: string; title: string; state: 'pending' | 'running' | 'done' }[];
    problem?: Problem;
    result?: { signCertificate?: string; encryptCertificate?: string; notBefore?: string; notAfter?: string; seal?: string; mustChange?: boolean };
}

export interface Job {
    readonly id: string;
    readonly last: JobState;
    on(type: 'progress', listener: (job: JobState) => void): () => void;
    cancel(options?: Cancellable): Promise<JobState>;
    finished(options?: Cancellable): Promise<JobState>;
}

export interface KeySession {
    token: string;
    expires: string;
    certificate: { id: string; subject: string; notBefore: string; notAfter: string; serial: string; state: string };
    tokenSerial: string;
}

export interface Service {
    /** The service's bearer token; set by login(). */
    authorization: string;
    fetch(path: string, init?: RequestInit): Promise<Response>;
    request<T = unknown>(
        method: string,
        path: string,
        options?: Cancellable & { json?: unknown; idempotencyKey?: string; ifMatch?: string | number },
    ): Promise<T>;
    login(options?: Cancellable & { token?: string | Token; certificate?: string; order?: string }): Promise<KeySession>;
}

export interface ServiceState {
    profile: string;
    /** Whether the newest request to it was answered. */
    state: 'unknown' | 'online' | 'offline';
    /** Ids of the plugged keys that are its customers'. */
    tokens: string[];
}

export interface Events {
    token: { action: 'inserted' | 'removed'; token: Token };
    job: JobState;
    /** A service that did not answer, or that answers again. */
    service: { service: string; state: 'online' | 'offline' };
    /** The page's session is over; its next request pairs again. */
    session: { state: 'ended' };
}

type OnToken = Cancellable & { token?: string | Token };

export interface Agent {
    readonly url: string;
    readonly version: string;
    lang: string;
    readonly jobs: {
        enrol(request: JobRequest): Promise<Job>;
        renew(request: JobRequest): Promise<Job>;
        change(request: JobRequest): Promise<Job>;
        replace(request: JobRequest): Promise<Job>;
        unlock(request: JobRequest): Promise<Job>;
        recover(request: JobRequest): Promise<Job>;
        install(request: Cancellable & { service?: string; order: string; token?: string; install: JobInstall }): Promise<Job>;
        get(id: string, options?: Cancellable): Promise<JobState>;
        watch(id: string): Job;
        cancel(id: string, options?: Cancellable): Promise<JobState>;
    };
    pair(options?: Cancellable): Promise<{ session: string; origin: string; decision: 'once' | 'always' }>;
    /** Ends the session: keys whose PIN only this page had verified are logged out. */
    unpair(options?: Cancellable): Promise<void>;
    tokens(options?: Cancellable): Promise<Token[]>;
    token(options?: Cancellable): Promise<Token>;
    certificates(options?: OnToken): Promise<Certificate[]>;
    identities(options?: OnToken): Promise<Identity[]>;
    seals(options?: OnToken): Promise<Seal[]>;
    /** `pin` is refused unless the computer's policy says pin = page for this site. */
    verifyPin(options?: OnToken & { pin?: string }): Promise<{ verified: true; mustChange: boolean }>;
    /** Opens the agent's own dialogs for the old and the new PIN. */
    changePin(options?: OnToken): Promise<{ changed: true }>;
    uploadDocument(document: BodyInit, options?: Cancellable): Promise<{ id: string; size: number; digests: Digests }>;
    /** The canonical text that was shown and signed comes with the signature. */
    sign(request: OnToken & SignOptions & { statement: Statement }): Promise<SignAnswer & { statement: string }>;
    sign(request: OnToken & SignOptions & { document: SignDocument }): Promise<SignAnswer & DocumentSignature>;
    sign(
        request: OnToken & SignOptions & { documents: SignDocument[] },
    ): Promise<Omit<SignAnswer, 'signature'> & { signatures: DocumentSignature[] }>;
    sign(request: OnToken & { certificate: string; digest: string }): Promise<SignAnswer>;
    decrypt(request: OnToken & { envelope: string }): Promise<{ content: string; certificate: string }>;
    stamp(
        request: OnToken & {
            seal: string;
            name: string;
            propertyInfo: string;
            certificate?: string;
            hash?: string;
            content?: string;
            document?: string;
        },
    ): Promise<{ format: 'ses-signature-v4'; stamp: string; certificate: string; seal: string; time: string }>;
    verify(request: Cancellable & { signature: string; content?: string; document?: string }): Promise<Verification>;
    loginAssertion(
        request: OnToken & { service: string; nonce: string; order?: string; certificate?: string },
    ): Promise<{ assertion: string; certificate: string }>;
    services(options?: Cancellable): Promise<ServiceState[]>;
    service(profile?: string): Service;
    on<T extends keyof Events>(type: T, listener: (event: Events[T]) => void): () => void;
    off<T extends keyof Events>(type: T, listener: (event: Events[T]) => void): void;
    close(): void;
    request<T = unknown>(method: string, path: string, options?: Cancellable & { json?: unknown }): Promise<T>;
    fetch(path: string, init?: RequestInit): Promise<Response>;
}

export interface Diagnosis {
    ok: boolean;
    code: 'OK' | LocalCode | string;
    title: string;
    detail: string;
    agent?: { name: string; api: string; version: string; port: number; base: string };
    checks: { name: string; ok: boolean; value: string }[];
}

export function connect(options?: ConnectOptions): Promise<Agent>;
export function diagnose(options?: ConnectOptions): Promise<Diagnosis>;
