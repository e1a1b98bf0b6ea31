-- What people have beside their orders; and by which orders are found.

ALTER TABLE orders ADD COLUMN medium TEXT NOT NULL DEFAULT 'UKEY' CHECK (medium IN ('UKEY', 'SOFT')); -- R037
ALTER TABLE orders ADD COLUMN project TEXT NOT NULL DEFAULT ''; -- R023, R055: as the form has it

-- The address book and the invoice titles of an account (R161, R248).
CREATE TABLE cards (
    id            TEXT PRIMARY KEY,
    account       TEXT NOT NULL REFERENCES accounts (id),
    kind          TEXT NOT NULL CHECK (kind IN ('ADDRESS', 'INVOICE_TITLE')),
    fields_sealed TEXT NOT NULL,
    is_default    BIGINT NOT NULL CHECK (is_default IN (0, 1)),
    version       BIGINT NOT NULL,
    created       BIGINT NOT NULL
);
CREATE INDEX cards_of_account ON cards (account, kind, created);
CREATE UNIQUE INDEX cards_one_default ON cards (account, kind) WHERE is_default = 1;
