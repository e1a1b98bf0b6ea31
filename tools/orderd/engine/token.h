/* Keys as the service knows them (order-domain.md 9): their states with the allowed changes as a table, their policies, and the unlock
 * key with which remote unlocks are answered (include/openukey/apdu.h, Remote unlock). */
#ifndef TOOLS_ORDERD_ENGINE_TOKEN_H
#define TOOLS_ORDERD_ENGINE_TOKEN_H

#include "tools/orderd/engine/caller.h"

#include <jansson.h>

enum token_size { UNLOCK_KEY_BYTES = 16 };

enum token_state {
    TOKEN_UNFORMATTED,
    TOKEN_FORMATTED, /* blank */
    TOKEN_ACTIVE,
    TOKEN_DAMAGED,
    TOKEN_PERM_LOST,
    TOKEN_SUSPENDED,
    TOKEN_TERMINATED,
    TOKEN_STATES
};

/* Who changes a key's state: a business of orders, or an operator by hand. */
enum token_mover { TOKEN_BY_OPERATION = 1, TOKEN_BY_OPERATOR = 2 };

enum token_policy {
    POLICY_RE_ENROLL, /* it was in use, and may be taken for a new certificate as a blank one may */
    POLICY_RENEW,     /* its certificate may be renewed */
    POLICY_PIN_RESET, /* one remote unlock may be answered; cleared by it */
    TOKEN_POLICIES
};

struct token_record {
    char serial[65];
    char subject[ID_SIZE]; /* "": nobody's yet */
    enum token_state state;
    bool policies[TOKEN_POLICIES];
    bool has_unlock_key;
};

/* "UNFORMATTED", ..., "RE_ENROLL", ... and back; *_STATES and *_POLICIES for other words. */
const char *token_state_name(enum token_state state);
enum token_state token_state_of(const char *name);
const char *token_policy_name(enum token_policy policy);
enum token_policy token_policy_of(const char *name);

/* Does the table allow this change to this mover? */
bool token_may_move(enum token_state from, enum token_state to, enum token_mover mover);

/* ORDER_NOT_FOUND when there is no such key. */
enum order_error token_find(struct db *db, const char *serial, struct token_record *out);

/* Change the state, in the caller's transaction; to the same state is nothing. ORDER_TOKEN_STATE when the table forbids it. */
enum order_error token_move(struct db *db, const char *serial, enum token_state to,
                            enum token_mover mover);

/* The same where a certificate's fate brings the key's along: a key that is in another state already, from where the table does not lead
 * there, stays as it is (a lost one is not terminated). */
enum order_error token_follow(struct db *db, const char *serial, enum token_state to);

/* May this key be taken for a certificate of the subject: blank, or in use by him, free of working certificates and RE_ENROLL? One that
 * is not known is from now on. ORDER_WRONG_TOKEN. In the caller's transaction, as the next. */
enum order_error token_take_blank(const struct engine *engine, struct db *db, const char *serial,
                                  const char *subject);

/* The key works for the subject from now on. ORDER_WRONG_TOKEN: it is somebody else's; ORDER_TOKEN_STATE. */
enum order_error token_put_to_use(struct db *db, const char *serial, const char *subject);

/* May a certificate on it be renewed: in use, and the policy RENEW? ORDER_TOKEN_STATE. */
enum order_error token_may_renew(struct db *db, const char *serial);

enum order_error token_set_policy(struct db *db, const char *serial, enum token_policy policy,
                                  bool allowed);

/* Keep the key's unlock key under seal; in the caller's transaction. */
enum order_error token_keep_unlock_key(const struct engine *engine, struct db *db,
                                       const char *serial,
                                       const unsigned char key[UNLOCK_KEY_BYTES]);

/* Read it back; the caller cleanses it. ORDER_UNLOCK_UNKNOWN when the service has none for this key. */
enum order_error token_unlock_key(const struct engine *engine, struct db *db, const char *serial,
                                  unsigned char key[UNLOCK_KEY_BYTES]);

/* ---- operators (R157 keeps applicants away from them) ---- */

/* *out is {serial, state, next: [...], policies: {...}, unlockable}. ORDER_FORBIDDEN for all but operators. */
enum order_error token_look(struct db *db, const struct caller *caller, const char *serial,
                            json_t **out);

/* Another state (NULL: as it is) and other policies (an object of booleans, or NULL), with an event. *out as token_look. */
enum order_error token_change(const struct engine *engine, struct db *db,
                              const struct caller *caller, const char *serial, const char *state,
                              const json_t *policies, json_t **out);

#endif
