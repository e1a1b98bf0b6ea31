/* See caller.h. */
#include "tools/orderd/engine/caller.h"

#include <string.h>

bool caller_is(const struct caller *caller, enum role role) {
    return caller->session.kind == SESSION_ACCOUNT && caller->session.role == role;
}

bool caller_is_staff(const struct caller *caller) {
    return caller->session.kind == SESSION_ACCOUNT && caller->session.role != ROLE_USER;
}

bool caller_sees_masked(const struct caller *caller) {
    return caller->session.kind == SESSION_QUERY;
}

const char *caller_actor(const struct caller *caller) {
    return caller_is_staff(caller) ? role_actor(caller->session.role) : "user";
}

static enum order_error account_has(struct db *db, const char *account, const char *subject) {
    struct db_rows *rows = NULL;
    enum db_result result =
        db_query(db, &rows, "SELECT 1 FROM account_subjects WHERE account = $1 AND subject = $2",
                 "tt", account, subject);
    if (result != DB_OK) {
        return order_error_of(result);
    }
    result = db_next(rows);
    db_end(rows);
    return result == DB_DONE ? ORDER_NOT_FOUND : order_error_of(result);
}

enum order_error caller_of_subject(struct db *db, const struct caller *caller,
                                   const char *subject) {
    if (caller->session.kind == SESSION_ACCOUNT) {
        return caller_is_staff(caller) ? ORDER_OK
                                       : account_has(db, caller->session.account, subject);
    }
    return strcmp(subject, caller->session.subject) == 0 ? ORDER_OK : ORDER_NOT_FOUND;
}

enum order_error caller_link(struct db *db, const char *account, const char *subject,
                             int64_t now_ms) {
    if (account[0] == '\0') {
        return ORDER_OK;
    }
    return order_error_of(
        db_run(db, NULL,
               "INSERT INTO account_subjects (account, subject, created) VALUES ($1, $2, $3) ON "
               "CONFLICT (account, subject) DO NOTHING",
               "tti", account, subject, now_ms));
}

enum order_error caller_may_change(const struct caller *caller) {
    return caller->session.kind == SESSION_QUERY ? ORDER_FORBIDDEN : ORDER_OK;
}

enum order_error order_of_caller(struct db *db, const struct caller *caller, const char *number,
                                 struct order *out) {
    enum order_error error = order_load(db, number, out);
    if (error == ORDER_OK && caller->session.account[0] != '\0' &&
        strcmp(out->account, caller->session.account) == 0) {
        return ORDER_OK;
    }
    return error == ORDER_OK ? caller_of_subject(db, caller, out->subject) : error;
}

enum order_error order_to_change(struct db *db, const struct caller *caller, const char *number,
                                 int64_t version, struct order *out) {
    enum order_error error = caller_may_change(caller);
    if (error == ORDER_OK && caller_is_staff(caller)) {
        error = ORDER_FORBIDDEN; /* staff judges, and never changes what it judges */
    }
    if (error == ORDER_OK) {
        error = order_of_caller(db, caller, number, out);
    }
    return error == ORDER_OK && out->version != version ? ORDER_VERSION_CONFLICT : error;
}

enum order_error certificate_of_caller(struct db *db, const struct caller *caller,
                                       const char *sha256, struct certificate_record *out) {
    enum order_error error = registry_certificate_by_sha256(db, sha256, out);
    if (error == ORDER_OK) {
        error = caller_of_subject(db, caller, out->subject);
    }
    return error == ORDER_NOT_FOUND ? ORDER_CERTIFICATE_UNKNOWN : error;
}
