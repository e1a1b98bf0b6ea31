-- R037: certificates that go into a file. One row for each public key that a SOFT order has asked to be certified. PREPARED: everything
-- that will be signed is stored, nothing is signed. The keys themselves are never here.
CREATE TABLE soft_issuances (
    id          TEXT PRIMARY KEY,
    order_id    TEXT NOT NULL REFERENCES orders (id),
    public_key  TEXT NOT NULL,
    csr         BYTEA NOT NULL,
    state       TEXT NOT NULL CHECK (state IN ('PREPARED', 'ISSUED', 'CONFIRMED', 'REVOKED')),
    certificate TEXT NOT NULL REFERENCES certificates (id),
    created     BIGINT NOT NULL,
    UNIQUE (order_id, public_key)
);
CREATE UNIQUE INDEX soft_issuances_one_live ON soft_issuances (order_id) WHERE state <> 'REVOKED';
