-- Entities of order-domain.md section 1. Text for SQLite and PostgreSQL alike: times are milliseconds since 1970 in BIGINT,
-- bytes are BYTEA, truth is 0 or 1 in BIGINT. Columns named *_sealed hold personal data under the service's own key (engine/vault.h);
-- columns named *_hash hold the keyed hash by which such data is looked up.

-- ---- who ----

CREATE TABLE subjects (
    id                TEXT PRIMARY KEY,
    type              TEXT NOT NULL CHECK (type IN ('ORG', 'PERSON')),
    name              TEXT NOT NULL,
    credential_type   TEXT NOT NULL,
    credential_sealed TEXT NOT NULL,
    credential_hash   TEXT NOT NULL,
    answer_question   TEXT NOT NULL DEFAULT '', -- R032: the security question, and a slow hash of its answer
    answer_hash       TEXT NOT NULL DEFAULT '',
    created           BIGINT NOT NULL,
    UNIQUE (credential_type, credential_hash)
);

CREATE TABLE accounts (
    id            TEXT PRIMARY KEY,
    role          TEXT NOT NULL CHECK (role IN ('USER', 'REVIEWER', 'FINANCE', 'OPERATOR')),
    name          TEXT NOT NULL, -- what lists call it; of staff the login name
    phone_sealed  TEXT NOT NULL DEFAULT '',
    phone_hash    TEXT UNIQUE,
    email_sealed  TEXT NOT NULL DEFAULT '',
    email_hash    TEXT UNIQUE,
    password_hash TEXT NOT NULL,
    real_name     TEXT NOT NULL CHECK (real_name IN ('NONE', 'PASSED')),
    person_sealed TEXT NOT NULL DEFAULT '', -- {name, idType, idNumber} as verified
    partner       TEXT NOT NULL DEFAULT '', -- the registration platform that hands this account over (R008, R012)
    state         TEXT NOT NULL CHECK (state IN ('ACTIVE', 'LOCKED')),
    created       BIGINT NOT NULL
);

-- An account may act for these subjects.
CREATE TABLE account_subjects (
    account TEXT NOT NULL REFERENCES accounts (id),
    subject TEXT NOT NULL REFERENCES subjects (id),
    created BIGINT NOT NULL,
    PRIMARY KEY (account, subject)
);

CREATE TABLE messages (
    id       TEXT PRIMARY KEY,
    account  TEXT NOT NULL REFERENCES accounts (id),
    order_id TEXT,
    topic    TEXT NOT NULL,
    data     TEXT NOT NULL,
    is_read  BIGINT NOT NULL DEFAULT 0,
    created  BIGINT NOT NULL
);
CREATE INDEX messages_of_account ON messages (account, created);

-- Who is logged in: with a key, an account, or a query by credential and SMS (R230).
CREATE TABLE sessions (
    token_hash  TEXT PRIMARY KEY,
    kind        TEXT NOT NULL CHECK (kind IN ('KEY', 'ACCOUNT', 'QUERY')),
    role        TEXT NOT NULL DEFAULT 'USER',
    account     TEXT REFERENCES accounts (id),
    subject     TEXT REFERENCES subjects (id),
    certificate TEXT,
    token       TEXT,
    created     BIGINT NOT NULL,
    expires     BIGINT NOT NULL
);

-- Single-use challenges: a row is deleted when it is used.
CREATE TABLE nonces (
    nonce   TEXT PRIMARY KEY,
    purpose TEXT NOT NULL,
    target  TEXT NOT NULL,
    expires BIGINT NOT NULL
);
CREATE INDEX nonces_expiry ON nonces (expires);

-- One-time codes (order-domain.md 7). Of several for one purpose, target and recipient the newest counts.
CREATE TABLE otp_codes (
    id             TEXT PRIMARY KEY,
    purpose        TEXT NOT NULL,
    target         TEXT NOT NULL,
    recipient_hash TEXT NOT NULL,
    code_hash      TEXT NOT NULL,
    tries          BIGINT NOT NULL DEFAULT 0,
    used           BIGINT NOT NULL DEFAULT 0,
    resend_at      BIGINT NOT NULL,
    expires        BIGINT NOT NULL,
    created        BIGINT NOT NULL
);
CREATE INDEX otp_codes_of_target ON otp_codes (purpose, target, recipient_hash, created);

-- Limits per account, phone and address: how often `what` happened in the window that began at `since`.
CREATE TABLE limits (
    what  TEXT NOT NULL,
    who   TEXT NOT NULL,
    since BIGINT NOT NULL,
    times BIGINT NOT NULL,
    PRIMARY KEY (what, who)
);

-- ---- what the CA knows ----

CREATE TABLE tokens (
    serial        TEXT PRIMARY KEY,
    manufacturer  TEXT NOT NULL,
    label         TEXT NOT NULL,
    medium_no     TEXT NOT NULL DEFAULT '',
    card_no       TEXT NOT NULL DEFAULT '',
    subject       TEXT REFERENCES subjects (id), -- of a blank key nobody's
    state         TEXT NOT NULL CHECK (state IN ('UNFORMATTED', 'FORMATTED', 'ACTIVE', 'DAMAGED', 'PERM_LOST', 'SUSPENDED', 'TERMINATED')),
    unlock_sealed TEXT NOT NULL DEFAULT '', -- the key's unlock key (token.md), for one-time answers to its challenges
    created       BIGINT NOT NULL
);

CREATE TABLE orders (
    id          TEXT PRIMARY KEY,
    public_no   TEXT NOT NULL UNIQUE,
    profile     TEXT NOT NULL,
    kind        TEXT NOT NULL,
    lane        TEXT NOT NULL,
    subject     TEXT NOT NULL REFERENCES subjects (id),
    account     TEXT REFERENCES accounts (id),
    certificate TEXT NOT NULL DEFAULT '', -- the certificate that the order is about; of NEW none
    token       TEXT NOT NULL DEFAULT '', -- serial of the key that it is on, once known
    state       TEXT NOT NULL,
    version     BIGINT NOT NULL,
    is_open     BIGINT NOT NULL CHECK (is_open IN (0, 1)),
    years       BIGINT NOT NULL,
    amount_fen  BIGINT NOT NULL CHECK (amount_fen >= 0),
    form_sealed TEXT NOT NULL DEFAULT '', -- what was filled in: a JSON object, member by field (engine/field.h)
    closing     TEXT NOT NULL DEFAULT '', -- while REFUNDING: what it will be then
    source      TEXT NOT NULL DEFAULT '', -- the order that this one copies or continues
    linked      TEXT NOT NULL DEFAULT '', -- R022: orders that are made together share this
    created     BIGINT NOT NULL,
    updated     BIGINT NOT NULL
);
-- R046: one open order for a subject, profile and lane, kept by the database itself
CREATE UNIQUE INDEX orders_one_open ON orders (subject, profile, lane) WHERE is_open = 1;
CREATE INDEX orders_of_subject ON orders (subject, created);
CREATE INDEX orders_of_account ON orders (account, created);

-- PENDING: promised to the CA and perhaps signed, not yet proven to work on the key
CREATE TABLE certificates (
    id          TEXT PRIMARY KEY,
    sha256      TEXT UNIQUE,
    issuer      TEXT NOT NULL,
    serial      TEXT NOT NULL,
    subject     TEXT NOT NULL REFERENCES subjects (id),
    subject_dn  TEXT NOT NULL,
    profile     TEXT NOT NULL,
    algorithm   TEXT NOT NULL,
    usage       TEXT NOT NULL CHECK (usage IN ('SIGN', 'ENC', 'BOTH')),
    public_key  BYTEA,
    not_before  BIGINT NOT NULL,
    not_after   BIGINT NOT NULL,
    token       TEXT REFERENCES tokens (serial), -- of a soft certificate none
    state       TEXT NOT NULL CHECK (state IN ('PENDING', 'VALID', 'HELD', 'REVOKED', 'SUPERSEDED', 'EXPIRED')),
    order_id    TEXT REFERENCES orders (id),
    replaces    TEXT REFERENCES certificates (id),
    pair        TEXT,
    der         BYTEA,
    reason      BIGINT NOT NULL DEFAULT 0, -- RFC 5280 CRLReason, while HELD or REVOKED
    created     BIGINT NOT NULL,
    revoked     BIGINT, -- since when it is REVOKED or HELD
    UNIQUE (issuer, serial)
);
-- invariant 4: at most one working signing certificate of a kind for a subject on a token
CREATE UNIQUE INDEX certificates_one_valid ON certificates (subject, profile, token, algorithm)
    WHERE usage <> 'ENC' AND state = 'VALID';

CREATE TABLE seals (
    id             TEXT PRIMARY KEY,
    type           TEXT NOT NULL,
    name           TEXT NOT NULL,
    subject        TEXT NOT NULL REFERENCES subjects (id),
    token          TEXT NOT NULL REFERENCES tokens (serial),
    certificate    TEXT NOT NULL REFERENCES certificates (id),
    not_before     BIGINT NOT NULL,
    not_after      BIGINT NOT NULL,
    picture_sha256 TEXT NOT NULL,
    der            BYTEA NOT NULL,
    state          TEXT NOT NULL CHECK (state IN ('PENDING', 'VALID', 'REVOKED', 'SUPERSEDED')),
    order_id       TEXT REFERENCES orders (id),
    replaces       TEXT REFERENCES seals (id),
    created        BIGINT NOT NULL
);

-- ---- an order's parts ----

CREATE TABLE order_gates (
    order_id  TEXT NOT NULL REFERENCES orders (id),
    position  BIGINT NOT NULL,
    gate      TEXT NOT NULL,
    status    TEXT NOT NULL CHECK (status IN ('OPEN', 'DONE', 'WAIVED', 'FAILED')),
    evidence  TEXT,
    PRIMARY KEY (order_id, position)
);

CREATE TABLE verifications (
    id            TEXT PRIMARY KEY,
    order_id      TEXT NOT NULL REFERENCES orders (id),
    role          TEXT NOT NULL CHECK (role IN ('ORG', 'HANDLER', 'PERSON')),
    method        TEXT NOT NULL,
    state         TEXT NOT NULL CHECK (state IN ('PENDING', 'PASSED', 'FAILED', 'EXPIRED')),
    fields_sealed TEXT NOT NULL,
    provider_ref  TEXT NOT NULL DEFAULT '',
    secret_hash   TEXT NOT NULL DEFAULT '', -- of the postscript or the link
    tries         BIGINT NOT NULL DEFAULT 0,
    wrong         TEXT NOT NULL DEFAULT '', -- the item that did not agree
    expires       BIGINT NOT NULL,
    created       BIGINT NOT NULL,
    updated       BIGINT NOT NULL
);
CREATE INDEX verifications_of_order ON verifications (order_id, created);

-- The bytes are in the blob store, by their SHA-256.
CREATE TABLE documents (
    order_id TEXT NOT NULL REFERENCES orders (id),
    type     TEXT NOT NULL,
    sha256   TEXT NOT NULL,
    mime     TEXT NOT NULL,
    bytes    BIGINT NOT NULL,
    width    BIGINT NOT NULL,
    height   BIGINT NOT NULL,
    dpi      BIGINT NOT NULL,
    colour   BIGINT NOT NULL,
    viewed   TEXT NOT NULL DEFAULT '', -- the reviewer who has seen it
    created  BIGINT NOT NULL,
    PRIMARY KEY (order_id, type)
);

CREATE TABLE consents (
    id           TEXT PRIMARY KEY,
    order_id     TEXT NOT NULL REFERENCES orders (id),
    text_version TEXT NOT NULL,
    method       TEXT NOT NULL CHECK (method IN ('SMS', 'TOKEN_SIG', 'ANSWER')),
    statement    TEXT NOT NULL,
    digest       TEXT NOT NULL,
    signature    BYTEA, -- of TOKEN_SIG
    otp          TEXT,  -- of SMS: the code's id
    origin       TEXT NOT NULL,
    address      TEXT,
    created      BIGINT NOT NULL
);

CREATE TABLE payments (
    id           TEXT PRIMARY KEY,
    order_id     TEXT NOT NULL REFERENCES orders (id),
    channel      TEXT NOT NULL,
    provider     TEXT NOT NULL,
    amount_fen   BIGINT NOT NULL,
    state        TEXT NOT NULL CHECK (state IN ('CREATED', 'PENDING', 'PAID', 'FAILED', 'CLOSED', 'REFUNDING', 'REFUNDED')),
    provider_txn TEXT UNIQUE,
    pay_url      TEXT NOT NULL,
    created      BIGINT NOT NULL,
    updated      BIGINT NOT NULL
);
CREATE INDEX payments_of_order ON payments (order_id, created);

-- R130-R133: the picture of a transfer, judged by finance.
CREATE TABLE vouchers (
    id           TEXT PRIMARY KEY,
    order_id     TEXT NOT NULL REFERENCES orders (id),
    payment      TEXT NOT NULL REFERENCES payments (id),
    sha256       TEXT NOT NULL,
    mime         TEXT NOT NULL,
    payer_sealed TEXT NOT NULL,
    state        TEXT NOT NULL CHECK (state IN ('UPLOADED', 'ACCEPTED', 'REJECTED')),
    reason       TEXT NOT NULL DEFAULT '',
    created      BIGINT NOT NULL
);

CREATE TABLE reviews (
    id       TEXT PRIMARY KEY,
    order_id TEXT NOT NULL REFERENCES orders (id),
    part     TEXT NOT NULL CHECK (part IN ('MATERIAL', 'FINANCE')),
    reviewer TEXT NOT NULL REFERENCES accounts (id),
    decision TEXT NOT NULL CHECK (decision IN ('APPROVED', 'RETURNED', 'REJECTED')),
    reason   TEXT NOT NULL DEFAULT '',
    round    BIGINT NOT NULL, -- the order's version that was judged
    created  BIGINT NOT NULL
);
CREATE INDEX reviews_of_order ON reviews (order_id, created);

CREATE TABLE shipments (
    order_id       TEXT PRIMARY KEY REFERENCES orders (id),
    mode           TEXT NOT NULL CHECK (mode IN ('COURIER', 'PICKUP')),
    address_sealed TEXT NOT NULL,
    carrier        TEXT NOT NULL DEFAULT '',
    carrier_no     TEXT NOT NULL DEFAULT '',
    state          TEXT NOT NULL CHECK (state IN ('NONE', 'SHIPPED', 'RECEIVED', 'AUTO_RECEIVED')),
    shipped        BIGINT NOT NULL DEFAULT 0,
    received       BIGINT NOT NULL DEFAULT 0
);

CREATE TABLE invoices (
    order_id     TEXT PRIMARY KEY REFERENCES orders (id),
    fields_sealed TEXT NOT NULL,
    state        TEXT NOT NULL CHECK (state IN ('NONE', 'APPLIED', 'ISSUED', 'FAILED', 'RED')),
    provider_ref TEXT NOT NULL DEFAULT '',
    number       TEXT NOT NULL DEFAULT '',
    sha256       TEXT NOT NULL DEFAULT '',
    created      BIGINT NOT NULL,
    updated      BIGINT NOT NULL
);

-- ---- work on the key ----

CREATE TABLE issue_tasks (
    id          TEXT PRIMARY KEY,
    order_id    TEXT NOT NULL UNIQUE REFERENCES orders (id),
    kind        TEXT NOT NULL,
    token       TEXT NOT NULL DEFAULT '',
    certificate TEXT NOT NULL DEFAULT '',
    state       TEXT NOT NULL CHECK (state IN ('OPEN', 'LEASED', 'DONE', 'FAILED')),
    nonce       TEXT NOT NULL,
    tries       BIGINT NOT NULL DEFAULT 0, -- of an unlock: answers given
    lease_until BIGINT NOT NULL,
    expires     BIGINT NOT NULL,
    created     BIGINT NOT NULL
);

-- One row for each public key a task has asked to be certified. PREPARED: everything that will be signed is stored, nothing is signed.
-- `seal` is the number drawn for the re-issued seal; its row in seals comes with the certificates.
CREATE TABLE issuances (
    id               TEXT PRIMARY KEY,
    task             TEXT NOT NULL REFERENCES issue_tasks (id),
    public_key       TEXT NOT NULL,
    csr              BYTEA NOT NULL,
    state            TEXT NOT NULL CHECK (state IN ('PREPARED', 'ISSUED', 'CONFIRMED', 'REVOKED')),
    sign_certificate TEXT NOT NULL REFERENCES certificates (id),
    enc_certificate  TEXT REFERENCES certificates (id),
    seal             TEXT,
    enveloped_key    BYTEA,
    proof_nonce      TEXT NOT NULL,
    created          BIGINT NOT NULL,
    UNIQUE (task, public_key)
);
CREATE UNIQUE INDEX issuances_one_live ON issuances (task) WHERE state <> 'REVOKED';

-- ---- the record, and what must be told ----

-- Append-only; each row's hash covers the row and the hash before it. event_chain holds the end, so that a cut tail shows.
CREATE TABLE events (
    seq       BIGINT PRIMARY KEY,
    order_id  TEXT,
    actor     TEXT NOT NULL,
    type      TEXT NOT NULL,
    data      TEXT NOT NULL,
    at        BIGINT NOT NULL,
    prev_hash TEXT NOT NULL,
    hash      TEXT NOT NULL
);
CREATE INDEX events_of_order ON events (order_id, seq);
CREATE TABLE event_chain (
    id   BIGINT PRIMARY KEY CHECK (id = 1),
    seq  BIGINT NOT NULL,
    hash TEXT NOT NULL
);
INSERT INTO event_chain (id, seq, hash) VALUES (1, 0, '');

CREATE TABLE outbox (
    id         TEXT PRIMARY KEY,
    topic      TEXT NOT NULL,
    payload    TEXT NOT NULL,
    attempts   BIGINT NOT NULL DEFAULT 0,
    not_before BIGINT NOT NULL,
    done       BIGINT NOT NULL DEFAULT 0,
    created    BIGINT NOT NULL
);
CREATE INDEX outbox_due ON outbox (not_before) WHERE done = 0;

CREATE TABLE idempotency (
    account      TEXT NOT NULL,
    key          TEXT NOT NULL,
    request_hash TEXT NOT NULL,
    response     TEXT NOT NULL,
    expires      BIGINT NOT NULL,
    PRIMARY KEY (account, key)
);

CREATE TABLE number_sequences (
    day  TEXT PRIMARY KEY,
    last BIGINT NOT NULL
);

-- ---- the simulated third parties' own books: others that happen to live in this file; the engine never reads them ----

CREATE TABLE sim_payments (
    id         TEXT PRIMARY KEY,
    amount_fen BIGINT NOT NULL,
    title      TEXT NOT NULL,
    channel    TEXT NOT NULL,
    state      TEXT NOT NULL CHECK (state IN ('WAITING', 'SETTLED', 'REFUNDED')),
    txn        TEXT,
    created    BIGINT NOT NULL
);
-- What the SMS and mail providers were given; an id comes once, whatever is repeated.
CREATE TABLE sim_deliveries (
    id        TEXT PRIMARY KEY,
    medium    TEXT NOT NULL CHECK (medium IN ('SMS', 'MAIL')),
    recipient TEXT NOT NULL,
    subject   TEXT NOT NULL,
    body      TEXT NOT NULL,
    created   BIGINT NOT NULL
);
CREATE TABLE sim_transfers (
    id         TEXT PRIMARY KEY,
    account_no TEXT NOT NULL,
    name       TEXT NOT NULL,
    postscript TEXT NOT NULL,
    created    BIGINT NOT NULL
);
CREATE TABLE sim_faces (
    id       TEXT PRIMARY KEY,
    name     TEXT NOT NULL,
    id_no    TEXT NOT NULL,
    state    TEXT NOT NULL CHECK (state IN ('WAITING', 'PASSED', 'FAILED')),
    created  BIGINT NOT NULL
);
CREATE TABLE sim_invoices (
    id      TEXT PRIMARY KEY,
    number  TEXT NOT NULL,
    state   TEXT NOT NULL CHECK (state IN ('ISSUED', 'RED')),
    created BIGINT NOT NULL
);
