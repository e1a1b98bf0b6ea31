/* A private key at work, and the proof that it was this one.
 *
 * Where nobody can tell whether another program used the card since our last transaction (PC/SC), asking the card before
 * each signature would cost a command. The signature itself tells: it is checked with the public key that programs were
 * told of, on the host. Only when the check fails, or cannot be made, is the card looked at. */
#ifndef OPENUKEY_TOKEN_KEY_USE_H
#define OPENUKEY_TOKEN_KEY_USE_H

#include "module/token/token_objects.h"

/* Can the result of this operation be checked with the public key? */
bool key_proof_is_possible(enum private_operation operation);

/* True if `out` is what this key's private half makes of `in`. Operations that cannot be checked: false. */
bool key_proof(OSSL_LIB_CTX *libctx, const struct token_public_key *key,
               enum private_operation operation, const uint8_t *in, size_t in_len,
               const uint8_t *out, size_t out_len);

/* The driver's private_operation, healed, with exactly the key that the entry stands for. TOKEN_NOT_FOUND: another
 * program has put another key in its place, which has other handles now. TOKEN_DEVICE: the card's result is wrong.
 * `out` holds nothing then. */
enum token_error token_use_key(struct token *token, struct key_entry *entry,
                               enum private_operation operation, const uint8_t *in, size_t in_len,
                               uint8_t *out, size_t out_size, size_t *out_len);

#endif
