/* Cryptographic operations as one sees them from outside: five kinds, each with the mechanisms that the module has keys for.
 * Rules that hold for all of them are checked with each. */
#ifndef OPENUKEY_CONFORMANCE_CASES_H
#define OPENUKEY_CONFORMANCE_CASES_H

#include "tests/conformance/suite/suite.h"

enum kind { ENCRYPT, DECRYPT, DIGEST, SIGN, VERIFY };

/* One mechanism ready to be used. */
struct use {
    enum kind kind;
    CK_MECHANISM mechanism;
    CK_OBJECT_HANDLE key;
    CK_BYTE in[512]; /* what goes in: data, or ciphertext for DECRYPT */
    CK_ULONG in_len;
    CK_BYTE out[512]; /* DECRYPT: the plaintext; VERIFY: the signature; DIGEST: nothing yet */
    CK_ULONG out_len;
    bool has_parts;     /* takes Update and Final */
    bool is_repeatable; /* the same input gives the same output */
};

/* The uses of one kind that the module and its keys allow; `next` is 0 to begin with. The session is the user's.
 * False when there are no more. */
bool use_next(CK_SESSION_HANDLE session, enum kind kind, unsigned *next, struct use *use);

CK_RV use_init(CK_SESSION_HANDLE session, const struct use *use);
/* VERIFY takes the signature from out and its length from *out_len. */
CK_RV use_once(CK_SESSION_HANDLE session, const struct use *use, CK_BYTE *out, CK_ULONG *out_len);
/* A part of the input; *out_len is 0 for kinds whose Update gives nothing. */
CK_RV use_update(CK_SESSION_HANDLE session, const struct use *use, CK_ULONG at, CK_ULONG len,
                 CK_BYTE *out, CK_ULONG *out_len);
CK_RV use_final(CK_SESSION_HANDLE session, const struct use *use, CK_BYTE *out, CK_ULONG *out_len);

/* Runs `body` for each use of a kind, in a fresh session with the user logged in; the rule does not apply if there is none. */
#define FOR_EACH_USE(kind, use, session)                                                           \
    for (struct use_walk walk = use_walk_begin(kind); use_walk_next(&walk, &(use), &(session));)
/* Inside: this use has no part in the rule. A rule without part for any does not apply. */
#define SKIP_USE                                                                                   \
    {                                                                                              \
        walk.skipped++;                                                                            \
        continue;                                                                                  \
    }
struct use_walk {
    enum kind kind;
    unsigned next, seen, skipped;
};
struct use_walk use_walk_begin(enum kind kind);
bool use_walk_next(struct use_walk *walk, struct use *use, CK_SESSION_HANDLE *session);

#endif
