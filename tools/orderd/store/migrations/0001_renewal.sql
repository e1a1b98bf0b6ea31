-- Entities of order-domain.md section 1 that a renewal needs. Text for SQLite and PostgreSQL alike:
-- times are milliseconds since 1970 in BIGINT, bytes are BYTEA, truth is 0 or 1 in BIGINT.

CREATE TABLE subjects (
    id              TEXT PRIMARY KEY,
    type            TEXT NOT NULL CHECK (type IN ('ORG', 'PERSON')),
    name            TEXT NOT NULL,
    credential_type TEXT NOT NULL,
    credential_no   TEXT NOT NULL,
    created         BIGINT NOT NULL,
    UNIQUE (credential_type, credential_no)
);

CREATE TABLE tokens (
    serial       TEXT PRIMARY KEY,
    manufacturer TEXT NOT NULL,
    label        TEXT NOT NULL,
    subject      TEXT NOT NULL REFERENCES subjects (id),
    state        TEXT NOT NULL CHECK (state IN ('UNFORMATTED', 'FORMATTED', 'ACTIVE', 'DAMAGED', 'PERM_LOST', 'SUSPENDED', 'TERMINATED')),
    created      BIGINT NOT NULL
);

CREATE TABLE orders (
    id             TEXT PRIMARY KEY,
    public_no      TEXT NOT NULL UNIQUE,
    profile        TEXT NOT NULL,
    kind           TEXT NOT NULL,
    lane           TEXT NOT NULL,
    subject        TEXT NOT NULL REFERENCES subjects (id),
    certificate    TEXT NOT NULL,
    token          TEXT NOT NULL REFERENCES tokens (serial),
    state          TEXT NOT NULL,
    version        BIGINT NOT NULL,
    is_open        BIGINT NOT NULL CHECK (is_open IN (0, 1)),
    years          BIGINT NOT NULL,
    amount_fen     BIGINT NOT NULL CHECK (amount_fen >= 0),
    handler_name   TEXT NOT NULL DEFAULT '',
    handler_phone  TEXT NOT NULL DEFAULT '',
    handler_email  TEXT NOT NULL DEFAULT '',
    created        BIGINT NOT NULL,
    updated        BIGINT NOT NULL
);
-- R046: one open order for a subject, profile and lane, kept by the database itself
CREATE UNIQUE INDEX orders_one_open ON orders (subject, profile, lane) WHERE is_open = 1;
CREATE INDEX orders_of_subject ON orders (subject, created);

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
    token       TEXT NOT NULL REFERENCES tokens (serial),
    state       TEXT NOT NULL CHECK (state IN ('PENDING', 'VALID', 'HELD', 'REVOKED', 'SUPERSEDED', 'EXPIRED')),
    order_id    TEXT REFERENCES orders (id),
    replaces    TEXT REFERENCES certificates (id),
    pair        TEXT,
    der         BYTEA,
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

CREATE TABLE order_gates (
    order_id  TEXT NOT NULL REFERENCES orders (id),
    position  BIGINT NOT NULL,
    gate      TEXT NOT NULL,
    status    TEXT NOT NULL CHECK (status IN ('OPEN', 'DONE', 'WAIVED', 'FAILED')),
    evidence  TEXT,
    PRIMARY KEY (order_id, position)
);

CREATE TABLE consents (
    id           TEXT PRIMARY KEY,
    order_id     TEXT NOT NULL REFERENCES orders (id),
    text_version TEXT NOT NULL,
    method       TEXT NOT NULL CHECK (method IN ('SMS', 'TOKEN_SIG')),
    statement    TEXT NOT NULL,
    digest       TEXT NOT NULL,
    signature    BYTEA NOT NULL,
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

CREATE TABLE issue_tasks (
    id          TEXT PRIMARY KEY,
    order_id    TEXT NOT NULL UNIQUE REFERENCES orders (id),
    kind        TEXT NOT NULL,
    token       TEXT NOT NULL REFERENCES tokens (serial),
    certificate TEXT NOT NULL REFERENCES certificates (id),
    state       TEXT NOT NULL CHECK (state IN ('OPEN', 'LEASED', 'DONE', 'FAILED')),
    nonce       TEXT NOT NULL,
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
    enc_certificate  TEXT NOT NULL REFERENCES certificates (id),
    seal             TEXT,
    enveloped_key    BYTEA,
    proof_nonce      TEXT NOT NULL,
    created          BIGINT NOT NULL,
    UNIQUE (task, public_key)
);
CREATE UNIQUE INDEX issuances_one_live ON issuances (task) WHERE state <> 'REVOKED';

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

CREATE TABLE sessions (
    token_hash  TEXT PRIMARY KEY,
    subject     TEXT NOT NULL REFERENCES subjects (id),
    certificate TEXT NOT NULL REFERENCES certificates (id),
    token       TEXT NOT NULL REFERENCES tokens (serial),
    created     BIGINT NOT NULL,
    expires     BIGINT NOT NULL
);

-- single-use challenges: a row is deleted when it is used
CREATE TABLE nonces (
    nonce   TEXT PRIMARY KEY,
    purpose TEXT NOT NULL,
    target  TEXT NOT NULL,
    expires BIGINT NOT NULL
);
CREATE INDEX nonces_expiry ON nonces (expires);

CREATE TABLE number_sequences (
    day  TEXT PRIMARY KEY,
    last BIGINT NOT NULL
);

-- The simulated payment provider's own book: a third party that happens to live in this file. The engine never reads it.
CREATE TABLE sim_payments (
    id         TEXT PRIMARY KEY,
    amount_fen BIGINT NOT NULL,
    title      TEXT NOT NULL,
    channel    TEXT NOT NULL,
    state      TEXT NOT NULL CHECK (state IN ('WAITING', 'SETTLED', 'REFUNDED')),
    txn        TEXT,
    created    BIGINT NOT NULL
);
