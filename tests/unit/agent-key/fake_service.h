/* An order service inside the test program, in the place of agent/proxy: one order, a real CA, and every misfortune on demand. */
#ifndef TESTS_AGENT_KEY_FAKE_SERVICE_H
#define TESTS_AGENT_KEY_FAKE_SERVICE_H

#include <stdbool.h>
#include <stdint.h>

#include "tests/unit/agent-key/mock_module.h"

#define FAKE_ORDER  "R2025001"
#define FAKE_SERIAL "0123456789ABCDEF0123456789ABCDEF"
enum { FAKE_DAY = 24 * 3600 };

/* What is wrong with the answer to the PKCS#10. */
enum fake_lie {
    LIE_NONE,
    LIE_OTHER_KEY,      /* the certificates are for a key that is not on the token */
    LIE_SWAPPED,        /* signing and encryption certificate change places */
    LIE_OTHER_ENVELOPE, /* the enveloped key is not the encryption certificate's */
    LIE_OTHER_SUBJECT,
    LIE_NOT_LONGER, /* ends when the old one does */
    LIE_CENTURY,
    LIE_NOT_YET, /* begins tomorrow */
    LIE_OTHER_CA,
    LIE_SEAL_BYTE,  /* one byte of the seal's signature is changed */
    LIE_SEAL_OTHER, /* the seal lists the old certificate only */
    LIE_SEAL_EXPIRED,
    LIE_SEAL_NUMBER,     /* sealId is not the seal's */
    LIE_SEAL_OLD_NUMBER, /* the new seal has the old one's number */
    LIE_GARBAGE,
    LIE_COUNT
};

/* What is wrong with the task. */
enum fake_task {
    TASK_IS_GOOD,
    TASK_OF_OTHER_ORDER,
    TASK_OF_OTHER_TOKEN,
    TASK_IS_OVER,
    TASK_BY_FOREIGN_KEY,
    TASK_LIES
};

struct fake_service {
    enum fake_lie lie;
    enum fake_task task;
    char token_serial[33];            /* the order's */
    unsigned lost_at;                 /* the nth request from now is lost; 0 none */
    bool loses_answer;                /* it arrives, its answer does not */
    unsigned requests;                /* so far */
    void (*before)(unsigned request); /* called at each request; may be NULL */
    /* what has become of it */
    unsigned issuances; /* certificates were made for that many public keys */
    unsigned confirmations;
    bool is_completed;
    char new_sign_id[65];
    char seal_id[29];
};

extern struct fake_service fake;

/* Make the CA in `folder` (once), the old pair and seal of `key`, which ends in `days` days. */
void fake_service_open(const char *folder);
void fake_service_close(void);
/* Forget the order's history; give `key` an old pair, certificates that end in `days` days, and a seal. */
void fake_service_begin(struct mock_key *key, int days);

/* PEM file with root and issuing CA. */
const char *fake_service_anchors(void);
/* The CA's view of what is on a key. */
void fake_assert_old_works(const struct mock_key *key);
void fake_assert_renewed(const struct mock_key *key);

#endif
