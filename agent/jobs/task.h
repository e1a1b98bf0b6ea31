/* The task document of the order service: a JWS (RFC 7515, compact form, ES256 only), signed by a key of the service's configured
 * set, for exactly this order, key and certificate. Anything else is refused. */
#ifndef AGENT_JOBS_TASK_H
#define AGENT_JOBS_TASK_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "module/formats/signature_scheme.h"

enum task_limit {
    TASK_JWS_MAX = 16 * 1024,
    TASK_TEXT_MAX = 512,
    TASK_NAME_MAX = 2048,
    TASK_STEPS_MAX = 24,
    TASK_STEP_SIZE = 32
};

enum task_error {
    TASK_OK = 0,
    TASK_MALFORMED, /* not a JWS, not the members that a task has */
    TASK_ALGORITHM, /* not ES256 */
    TASK_FOREIGN,   /* signed by a key that is not in the set */
    TASK_SIGNATURE, /* the signature does not verify */
    TASK_EXPIRED,
    TASK_OTHER_ORDER,
    TASK_OTHER_KIND,
    TASK_OTHER_TOKEN,
    TASK_OTHER_CERTIFICATE,
    TASK_OTHER_SUBJECT,
    TASK_MEMORY,
};

/* "SM2", "RSA-2048", "P-256": what tasks call the key of a certificate. NULL: no tasks are about such keys. */
const char *task_algorithm(const X509 *certificate);

/* Short English text for logs and details; never NULL. */
const char *task_error_text(enum task_error error);

/* What the task must say. */
struct task_expectation {
    const char *order;
    const char *kind; /* "RENEW" */
    const char *token_serial;
    const char *
        certificate; /* hex SHA-256 of the one on the key that it is about; NULL: it must name none */
    const char *subject; /* as text; NULL: whatever it says */
    const char *
        algorithm; /* of the certificate's key, as task_algorithm() names it; NULL: one that we know */
    int64_t now; /* Unix seconds */
};

/* What the terms of an unlock are. */
struct task_unlock {
    char number[33];  /* the case that the key is told; empty: the task is no unlock */
    bool is_fixed;    /* the PIN is TASK_FIXED_PIN, else the person chooses it */
    bool must_change; /* it opens nothing before it is changed */
};

#define TASK_FIXED_PIN "12345678"

/* A verified task. */
struct task {
    char id[TASK_TEXT_MAX + 1];
    char nonce[TASK_TEXT_MAX + 1];
    char subject[TASK_NAME_MAX + 1]; /* as text */
    int64_t not_after;
    enum signature_scheme scheme; /* of the key that it is about */
    struct task_unlock unlock;
    size_t step_count;
    char steps[TASK_STEPS_MAX]
              [TASK_STEP_SIZE]; /* those that the service wants to hear of, in order */
};

/* Verify `jws` against the JWK set `keys` ({"keys":[...]} or the bare list) and the expectation. */
enum task_error task_verify(const char *jws, const json_t *keys,
                            const struct task_expectation *expected, struct task *task);

#endif
