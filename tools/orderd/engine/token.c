/* See token.h. */
#include "tools/orderd/engine/token.h"

#include "tools/orderd/engine/event.h"

#include <openssl/crypto.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- the table (after Dogtag TPS) ---- */

static const char *const states[TOKEN_STATES] = {
    [TOKEN_UNFORMATTED] = "UNFORMATTED", [TOKEN_FORMATTED] = "FORMATTED",
    [TOKEN_ACTIVE] = "ACTIVE",           [TOKEN_DAMAGED] = "DAMAGED",
    [TOKEN_PERM_LOST] = "PERM_LOST",     [TOKEN_SUSPENDED] = "SUSPENDED",
    [TOKEN_TERMINATED] = "TERMINATED"};

struct move {
    enum token_state from, to;
    unsigned movers; /* set of enum token_mover */
};
enum { BOTH = TOKEN_BY_OPERATION | TOKEN_BY_OPERATOR };

static const struct move moves[] = {
    {TOKEN_UNFORMATTED, TOKEN_FORMATTED, BOTH},
    {TOKEN_FORMATTED, TOKEN_ACTIVE, TOKEN_BY_OPERATION},
    {TOKEN_FORMATTED, TOKEN_DAMAGED, TOKEN_BY_OPERATOR},
    {TOKEN_FORMATTED, TOKEN_PERM_LOST, TOKEN_BY_OPERATOR},
    {TOKEN_FORMATTED, TOKEN_UNFORMATTED, TOKEN_BY_OPERATOR},
    {TOKEN_ACTIVE, TOKEN_DAMAGED, BOTH},
    {TOKEN_ACTIVE, TOKEN_PERM_LOST, BOTH},
    {TOKEN_ACTIVE, TOKEN_SUSPENDED, BOTH},
    {TOKEN_ACTIVE, TOKEN_TERMINATED, BOTH},
    {TOKEN_SUSPENDED, TOKEN_ACTIVE, BOTH},
    {TOKEN_SUSPENDED, TOKEN_DAMAGED, TOKEN_BY_OPERATION},
    {TOKEN_SUSPENDED, TOKEN_PERM_LOST, BOTH},
    {TOKEN_SUSPENDED, TOKEN_TERMINATED, BOTH},
    /* the change of name revokes the old pair while the new one comes to the same key */
    {TOKEN_TERMINATED, TOKEN_ACTIVE, TOKEN_BY_OPERATION},
    {TOKEN_TERMINATED, TOKEN_UNFORMATTED, TOKEN_BY_OPERATOR},
};

/* The column has the policy's name in lower case. */
static const struct {
    const char *name;
    const char *update;
} policies[TOKEN_POLICIES] = {
    [POLICY_RE_ENROLL] = {"RE_ENROLL", "UPDATE tokens SET re_enroll = $2 WHERE serial = $1"},
    [POLICY_RENEW] = {"RENEW", "UPDATE tokens SET renew = $2 WHERE serial = $1"},
    [POLICY_PIN_RESET] = {"PIN_RESET", "UPDATE tokens SET pin_reset = $2 WHERE serial = $1"},
};

const char *token_state_name(enum token_state state) {
    return states[state];
}

enum token_state token_state_of(const char *name) {
    unsigned i = 0;
    while (i < TOKEN_STATES && strcmp(states[i], name) != 0) {
        i++;
    }
    return (enum token_state)i;
}

const char *token_policy_name(enum token_policy policy) {
    return policies[policy].name;
}

enum token_policy token_policy_of(const char *name) {
    unsigned i = 0;
    while (i < TOKEN_POLICIES && strcmp(policies[i].name, name) != 0) {
        i++;
    }
    return (enum token_policy)i;
}

bool token_may_move(enum token_state from, enum token_state to, enum token_mover mover) {
    for (size_t i = 0; i < sizeof moves / sizeof moves[0]; i++) {
        if (moves[i].from == from && moves[i].to == to) {
            return (moves[i].movers & mover) != 0;
        }
    }
    return false;
}

/* ---- rows ---- */

enum order_error token_find(struct db *db, const char *serial, struct token_record *out) {
    struct db_rows *rows = NULL;
    memset(out, 0, sizeof *out);
    enum db_result result =
        db_query(db, &rows,
                 "SELECT serial, state, re_enroll, renew, pin_reset, CASE WHEN unlock_sealed = '' "
                 "THEN 0 ELSE 1 END, subject FROM tokens WHERE serial = $1",
                 "t", serial);
    if (result != DB_OK) {
        return order_error_of(result);
    }
    result = db_next(rows);
    if (result == DB_OK) {
        snprintf(out->serial, sizeof out->serial, "%s", db_text(rows, 0));
        out->state = token_state_of(db_text(rows, 1));
        for (int i = 0; i < TOKEN_POLICIES; i++) {
            out->policies[i] = db_int(rows, 2 + i) == 1;
        }
        out->has_unlock_key = db_int(rows, 2 + TOKEN_POLICIES) == 1;
        snprintf(out->subject, sizeof out->subject, "%s", db_text(rows, 3 + TOKEN_POLICIES));
    }
    db_end(rows);
    return result == DB_DONE ? ORDER_NOT_FOUND : order_error_of(result);
}

enum order_error token_move(struct db *db, const char *serial, enum token_state to,
                            enum token_mover mover) {
    struct token_record token;
    int64_t changed = 0;
    enum order_error error = token_find(db, serial, &token);
    if (error != ORDER_OK || token.state == to) {
        return error;
    }
    if (!token_may_move(token.state, to, mover)) {
        return ORDER_TOKEN_STATE;
    }
    error = order_error_of(db_run(db, &changed,
                                  "UPDATE tokens SET state = $3 WHERE serial = $1 AND state = $2",
                                  "ttt", serial, states[token.state], states[to]));
    return error == ORDER_OK && changed != 1 ? ORDER_CONFLICT : error;
}

enum order_error token_follow(struct db *db, const char *serial, enum token_state to) {
    enum order_error error = token_move(db, serial, to, TOKEN_BY_OPERATION);
    return error == ORDER_TOKEN_STATE || error == ORDER_NOT_FOUND ? ORDER_OK : error;
}

/* Does a certificate on it work, or wait to work again? */
static enum order_error is_certified(struct db *db, const char *serial, bool *certified) {
    struct db_rows *rows = NULL;
    enum order_error error = order_error_of(db_query(
        db, &rows,
        "SELECT 1 FROM certificates WHERE token = $1 AND state IN ('VALID', 'HELD') LIMIT 1", "t",
        serial));
    if (error != ORDER_OK) {
        return error;
    }
    enum db_result result = db_next(rows);
    db_end(rows);
    *certified = result == DB_OK;
    return result == DB_DONE ? ORDER_OK : order_error_of(result);
}

enum order_error token_take_blank(const struct engine *engine, struct db *db, const char *serial,
                                  const char *subject) {
    struct token_record token;
    bool certified = true;
    enum order_error error = order_error_of(
        db_run(db, NULL,
               "INSERT INTO tokens (serial, manufacturer, label, state, created) VALUES ($1, '', "
               "'', $3, $2) ON CONFLICT (serial) DO NOTHING",
               "tit", serial, engine_now_ms(engine), states[TOKEN_FORMATTED]));
    if (error == ORDER_OK) {
        error = token_find(db, serial, &token);
    }
    if (error == ORDER_OK) {
        error = is_certified(db, serial, &certified);
    }
    if (error != ORDER_OK) {
        return error;
    }
    bool free = token.subject[0] == '\0' || strcmp(token.subject, subject) == 0;
    bool ready = token.state == TOKEN_FORMATTED ||
                 (token.state == TOKEN_ACTIVE && token.policies[POLICY_RE_ENROLL]);
    return free && ready && !certified ? ORDER_OK : ORDER_WRONG_TOKEN;
}

enum order_error token_put_to_use(struct db *db, const char *serial, const char *subject) {
    int64_t changed = 0;
    enum order_error error = token_move(db, serial, TOKEN_ACTIVE, TOKEN_BY_OPERATION);
    if (error == ORDER_OK) {
        error = order_error_of(db_run(db, &changed,
                                      "UPDATE tokens SET subject = $2 WHERE serial = $1 AND "
                                      "(subject IS NULL OR subject = $2)",
                                      "tt", serial, subject));
    }
    return error == ORDER_OK && changed != 1 ? ORDER_WRONG_TOKEN : error;
}

enum order_error token_may_renew(struct db *db, const char *serial) {
    struct token_record token;
    enum order_error error = token_find(db, serial, &token);
    bool may = error == ORDER_OK && token.state == TOKEN_ACTIVE && token.policies[POLICY_RENEW];
    return error == ORDER_OK && !may ? ORDER_TOKEN_STATE : error;
}

enum order_error token_set_policy(struct db *db, const char *serial, enum token_policy policy,
                                  bool allowed) {
    return order_error_of(
        db_run(db, NULL, policies[policy].update, "ti", serial, (int64_t)(allowed ? 1 : 0)));
}

/* ---- the unlock key ---- */

enum { HEX_SIZE = 2 * UNLOCK_KEY_BYTES + 1, ABOUT_SIZE = 80 };

static void about_of(const char *serial, char about[ABOUT_SIZE]) {
    snprintf(about, ABOUT_SIZE, "unlock %s", serial);
}

enum order_error token_keep_unlock_key(const struct engine *engine, struct db *db,
                                       const char *serial,
                                       const unsigned char key[UNLOCK_KEY_BYTES]) {
    char hex[HEX_SIZE];
    char about[ABOUT_SIZE];
    char *sealed = NULL;
    about_of(serial, about);
    for (size_t i = 0; i < UNLOCK_KEY_BYTES; i++) {
        snprintf(hex + 2 * i, 3, "%02x", key[i]);
    }
    enum order_error error = vault_seal(engine->vault, about, hex, &sealed);
    OPENSSL_cleanse(hex, sizeof hex);
    if (error == ORDER_OK) {
        error = order_error_of(db_run(db, NULL,
                                      "UPDATE tokens SET unlock_sealed = $2 WHERE serial = $1",
                                      "tt", serial, sealed));
    }
    vault_free(sealed);
    return error;
}

enum order_error token_unlock_key(const struct engine *engine, struct db *db, const char *serial,
                                  unsigned char key[UNLOCK_KEY_BYTES]) {
    char about[ABOUT_SIZE];
    char *hex = NULL;
    size_t len = 0;
    struct db_rows *rows = NULL;
    about_of(serial, about);
    enum db_result result =
        db_query(db, &rows, "SELECT unlock_sealed FROM tokens WHERE serial = $1", "t", serial);
    if (result != DB_OK) {
        return order_error_of(result);
    }
    result = db_next(rows);
    enum order_error error = result == DB_DONE ? ORDER_UNLOCK_UNKNOWN : order_error_of(result);
    if (error == ORDER_OK) {
        error = db_text(rows, 0)[0] == '\0'
                    ? ORDER_UNLOCK_UNKNOWN
                    : vault_unseal(engine->vault, about, db_text(rows, 0), &hex);
    }
    db_end(rows);
    if (error == ORDER_OK && (OPENSSL_hexstr2buf_ex(key, UNLOCK_KEY_BYTES, &len, hex, '\0') != 1 ||
                              len != UNLOCK_KEY_BYTES)) {
        error = ORDER_INTERNAL;
    }
    vault_free(hex);
    return error;
}

/* ---- operators ---- */

enum order_error token_look(struct db *db, const struct caller *caller, const char *serial,
                            json_t **out) {
    struct token_record token;
    *out = NULL;
    enum order_error error =
        caller_is(caller, ROLE_OPERATOR) ? token_find(db, serial, &token) : ORDER_FORBIDDEN;
    if (error != ORDER_OK) {
        return error;
    }
    json_t *next = json_array();
    json_t *allowed = json_object();
    for (unsigned to = 0; to < TOKEN_STATES; to++) {
        if (token_may_move(token.state, (enum token_state)to, TOKEN_BY_OPERATOR)) {
            json_array_append_new(next, json_string(states[to]));
        }
    }
    for (unsigned i = 0; i < TOKEN_POLICIES; i++) {
        json_object_set_new(allowed, policies[i].name, json_boolean(token.policies[i]));
    }
    *out = json_pack("{s:s,s:s,s:o,s:o,s:b}", "serial", token.serial, "state", states[token.state],
                     "next", next, "policies", allowed, "unlockable", (int)token.has_unlock_key);
    return *out != NULL ? ORDER_OK : ORDER_INTERNAL;
}

static enum order_error change_policies(struct db *db, const char *serial, const json_t *wanted) {
    const char *name = NULL;
    json_t *value = NULL;
    json_object_foreach((json_t *)wanted, name, value) {
        enum token_policy policy = token_policy_of(name);
        if (policy == TOKEN_POLICIES || !json_is_boolean(value)) {
            return ORDER_BAD_REQUEST;
        }
        enum order_error error = token_set_policy(db, serial, policy, json_is_true(value));
        if (error != ORDER_OK) {
            return error;
        }
    }
    return ORDER_OK;
}

static enum order_error change(const struct engine *engine, struct db *db,
                               const struct caller *caller, const char *serial, const char *state,
                               const json_t *wanted) {
    struct token_record token;
    enum token_state to = state != NULL ? token_state_of(state) : TOKEN_STATES;
    enum order_error error =
        state != NULL && to == TOKEN_STATES ? ORDER_BAD_REQUEST : token_find(db, serial, &token);
    if (error == ORDER_OK && state != NULL) {
        error = token_move(db, serial, to, TOKEN_BY_OPERATOR);
    }
    if (error == ORDER_OK && wanted != NULL) {
        error = change_policies(db, serial, wanted);
    }
    if (error == ORDER_OK) {
        /* events hold texts and numbers only */
        char *said = wanted != NULL ? json_dumps(wanted, JSON_COMPACT | JSON_SORT_KEYS) : NULL;
        json_t *data = json_pack("{s:s,s:s,s:s,s:s}", "token", serial, "from", states[token.state],
                                 "to", state != NULL ? state : states[token.state], "policies",
                                 said != NULL ? said : "");
        free(said);
        struct event event = {NULL, caller_actor(caller), "key changed", data,
                              engine_now_ms(engine)};
        error = data != NULL ? event_append(db, &event) : ORDER_INTERNAL;
        json_decref(data);
    }
    return error;
}

enum order_error token_change(const struct engine *engine, struct db *db,
                              const struct caller *caller, const char *serial, const char *state,
                              const json_t *wanted, json_t **out) {
    *out = NULL;
    if (!caller_is(caller, ROLE_OPERATOR)) {
        return ORDER_FORBIDDEN;
    }
    enum order_error error = order_error_of(db_begin(db));
    if (error == ORDER_OK) {
        error = change(engine, db, caller, serial, state, wanted);
    }
    if (error == ORDER_OK) {
        error = order_error_of(db_commit(db));
    }
    db_rollback(db);
    return error == ORDER_OK ? token_look(db, caller, serial, out) : error;
}
