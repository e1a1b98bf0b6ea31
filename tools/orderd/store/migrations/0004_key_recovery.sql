-- Which escrowed key an order gives back, from its first approval on; and what was given, once a key has asked.
CREATE TABLE recoveries (
    order_id      TEXT PRIMARY KEY REFERENCES orders (id),
    certificate   TEXT NOT NULL REFERENCES certificates (id),
    recipient     TEXT NOT NULL DEFAULT '', -- SHA-256 of the SubjectPublicKeyInfo that it goes to
    enveloped_key BYTEA,
    challenge     BYTEA, -- the secret, encrypted to the certificate
    secret_sealed TEXT NOT NULL DEFAULT '',
    proof_nonce   TEXT NOT NULL DEFAULT ''
);
