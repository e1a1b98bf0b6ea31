-- The keys that sign task documents: the present one, the next one, and past ones until what they signed has expired.
CREATE TABLE task_keys (
    kid    TEXT PRIMARY KEY,
    state  TEXT NOT NULL CHECK (state IN ('NEXT', 'PRESENT', 'LAST')),
    jwk    TEXT NOT NULL,
    sealed TEXT NOT NULL, -- the private key; of a past one nothing
    since  BIGINT NOT NULL
);
CREATE UNIQUE INDEX task_keys_one ON task_keys (state) WHERE state <> 'LAST';
