/* A program's own TLS identity for this machine: a leaf for localhost, signed by a CA that can sign nothing else and whose
 * key no longer exists. The agent uses it, and the order service for its development identity. */
#ifndef AGENT_IDENTITY_IDENTITY_H
#define AGENT_IDENTITY_IDENTITY_H

#include <limits.h>
#include <openssl/x509.h>
#include <stdbool.h>
#include <stdint.h>
#include <time.h>

#define IDENTITY_LEAF_DAYS  820  /* at most 825, what browsers accept */
#define IDENTITY_RENEW_DAYS 30   /* a new identity is made when less than that is left */
#define IDENTITY_BACKDATE   3600 /* seconds: for clocks that run behind */

struct identity {
    char ca[PATH_MAX];             /* PEM: the CA certificate, to be trusted by browsers */
    char certificate[PATH_MAX];    /* PEM: the leaf */
    char key[PATH_MAX];            /* PEM: the leaf's key, mode 0600 */
    int64_t not_before, not_after; /* of the leaf, Unix seconds */
    bool is_new;                   /* made just now: it is not trusted anywhere yet */
};

enum identity_error {
    IDENTITY_OK = 0,
    IDENTITY_ERROR_DIRECTORY, /* the folder cannot be made, or belongs to someone else, or others may write to it */
    IDENTITY_ERROR_WRITE,  /* a file cannot be written; errno tells */
    IDENTITY_ERROR_CRYPTO, /* keys or certificates cannot be made */
};

/* Use the identity in `directory` (made with mode 0700 if absent), or make one if there is none, if it is damaged, if
 * others may read its key, or if it ends within IDENTITY_RENEW_DAYS of `now`. A new identity has new keys; the CA's key is
 * destroyed once it has signed the leaf, and never written. `owner` names the program in the CA's name ("OpenUKey agent").
 * The CA (P-256) has critical name constraints: DNS localhost, IP 127.0.0.1/32 and ::1/128. */
enum identity_error identity_ensure(const char *directory, const char *owner, time_t now,
                                    struct identity *identity);

/* The same, but an identity stays until its end: who makes the next one while it lasts is identity_next(). The CA of one that had to be
 * replaced is kept as "previous". */
enum identity_error identity_hold(const char *directory, const char *owner, time_t now,
                                  struct identity *identity);

/* The identity that is held, and, when it ends within IDENTITY_RENEW_DAYS or has ended, the one to come after it, in "directory/next", made when absent.
 * Else next->ca is empty. */
enum identity_error identity_next(const char *directory, const char *owner, time_t now,
                                  struct identity *identity, struct identity *next);

/* The next identity takes the place of the one that is held; its CA is kept as "previous". Broken off at any point, the next
 * identity_hold() finishes it. */
enum identity_error identity_switch(const char *directory, struct identity *identity);

/* The kept CA; false: there is none. */
bool identity_previous_ca(const char *directory, char path[PATH_MAX]);

/* True for a CA that has our critical name constraints: whoever trusts it trusts it for this machine alone. */
bool identity_is_confined(const X509 *ca);

const char *identity_error_text(enum identity_error error);

#endif
