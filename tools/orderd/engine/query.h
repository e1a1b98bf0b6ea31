/* Asking without an account (R230, R050, R077): whoever knows a credential's number and holds the phone that an approved order of it named
 * sees where its orders stand, masked, for a quarter of an hour; or lets an account act for its subject. Nobody learns whether a
 * credential is known here: every answer is the same, and as fast, until the right code comes. */
#ifndef TOOLS_ORDERD_ENGINE_QUERY_H
#define TOOLS_ORDERD_ENGINE_QUERY_H

#include "tools/orderd/engine/account.h"

/* Outbox topic. Payload {sealed}: credential and party. */
#define TOPIC_QUERY "query.code"

enum query_limit {
    QUERY_CODES_MINUTE = 1, /* codes asked for by one credential in a minute, in an hour ... */
    QUERY_CODES_HOUR = 5,
    QUERY_ADDRESS_HOUR = 20, /* ... and from one address in an hour */
    QUERY_TRIES_HOUR = 10    /* codes tried for one credential in an hour */
};

struct query {
    const char *credential_type;
    const char *credential_no;
    bool legal; /* the code goes to the legal representative's phone, not the handler's (R077) */
};

/* Ask for a code, from `address`. It is sent if there is a phone to send it to. `extra` receives `errors` with ORDER_FIELDS_INVALID, the
 * wait with ORDER_TOO_MANY. */
enum order_error query_ask(const struct engine *engine, struct db *db, const struct query *query,
                           const char *address, enum language language, json_t *extra);

/* Send it, once for each outbox item. */
enum order_error query_send(const struct engine *engine, struct db *db, const char *id,
                            const json_t *payload);

/* Open the session that only looks; another of the same subject ends. ORDER_CODE_WRONG says the same of all that can be wrong. */
enum order_error query_open(const struct engine *engine, struct db *db, const struct query *query,
                            const char *code, struct account_login *out, json_t *extra);

/* The caller's account acts for the credential's subject from now on: *out is {subject: {type, name}}. */
enum order_error query_link(const struct engine *engine, struct db *db, const struct caller *caller,
                            const struct query *query, const char *code, json_t **out,
                            json_t *extra);

#endif
