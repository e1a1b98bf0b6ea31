-- Work on the key: what may be done to a key, answers to its unlock challenges, steps that agents report.

-- Policies of a key (order-domain.md 9), 0 or 1. pin_reset goes back to 0 by itself after one use.
ALTER TABLE tokens ADD COLUMN re_enroll BIGINT NOT NULL DEFAULT 1;
ALTER TABLE tokens ADD COLUMN renew BIGINT NOT NULL DEFAULT 1;
ALTER TABLE tokens ADD COLUMN renew_keep_old_enc BIGINT NOT NULL DEFAULT 1;
ALTER TABLE tokens ADD COLUMN pin_reset BIGINT NOT NULL DEFAULT 0;

-- The answer itself is not here: it follows from the key's unlock key and the challenge.
CREATE TABLE unlock_answers (
    token       TEXT NOT NULL REFERENCES tokens (serial),
    challenge   TEXT NOT NULL, -- hex
    task        TEXT NOT NULL REFERENCES issue_tasks (id),
    number      BIGINT NOT NULL, -- of the task's answers; the newest counts
    proof_nonce TEXT NOT NULL,
    expires     BIGINT NOT NULL,
    PRIMARY KEY (token, challenge),
    UNIQUE (task, number)
);

-- Which steps of a task are done on the key.
CREATE TABLE task_steps (
    task     TEXT NOT NULL REFERENCES issue_tasks (id),
    position BIGINT NOT NULL,
    at       BIGINT NOT NULL,
    PRIMARY KEY (task, position)
);
