-- Accounts that were closed, and those that a registration platform hands over.

ALTER TABLE accounts ADD COLUMN closed BIGINT NOT NULL DEFAULT 0; -- when; its row stays because orders name it

-- R008, R012: who somebody is at a partner platform, and what the platform says of him and his subject: {subject, fields}, under seal.
CREATE TABLE partner_links (
    partner       TEXT NOT NULL,
    user_hash     TEXT NOT NULL,
    account       TEXT NOT NULL REFERENCES accounts (id),
    subject       TEXT REFERENCES subjects (id),
    fields_sealed TEXT NOT NULL,
    created       BIGINT NOT NULL,
    updated       BIGINT NOT NULL,
    PRIMARY KEY (partner, user_hash)
);
CREATE INDEX partner_links_of_account ON partner_links (account, subject);

-- Hand-over tokens that were used: each counts once.
CREATE TABLE partner_tokens (
    token_hash TEXT PRIMARY KEY,
    expires    BIGINT NOT NULL
);

-- R012: names of the form's entries that came from upstream, with commas around them: they are not edited here.
ALTER TABLE orders ADD COLUMN locked TEXT NOT NULL DEFAULT '';
