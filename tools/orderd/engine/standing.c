/* See standing.h. */
#include "tools/orderd/engine/standing.h"

#include "tools/orderd/engine/registry.h"
#include "tools/orderd/engine/token.h"
#include "tools/orderd/engine/transition.h"

#include <string.h>

static enum order_error move_one(const struct engine *engine, struct db *db, const char *id,
                                 const char *from, const char *to, int reason) {
    enum order_error error = registry_certificate_move(db, id, from, to, engine_now_ms(engine));
    return error == ORDER_OK
               ? order_error_of(db_run(db, NULL,
                                       "UPDATE certificates SET reason = $2 WHERE id = $1", "ti",
                                       id, (int64_t)reason))
               : error;
}

/* What hangs on the certificate. */
static enum order_error move_hanging(struct db *db, const struct certificate_record *record,
                                     const char *to) {
    bool revoked = strcmp(to, "REVOKED") == 0;
    enum order_error error = ORDER_OK;
    if (revoked) {
        error = order_error_of(db_run(db, NULL,
                                      "UPDATE seals SET state = 'REVOKED' WHERE certificate = $1 "
                                      "AND state IN ('PENDING', 'VALID')",
                                      "t", record->id));
    }
    if (error == ORDER_OK && record->token[0] != '\0') {
        error = token_follow(db, record->token,
                             revoked                   ? TOKEN_TERMINATED
                             : strcmp(to, "HELD") == 0 ? TOKEN_SUSPENDED
                                                       : TOKEN_ACTIVE);
    }
    return error;
}

enum order_error standing_move(const struct engine *engine, struct db *db, const char *certificate,
                               const char *from, const char *to, int reason) {
    struct certificate_record record;
    enum order_error error = registry_certificate(db, certificate, &record);
    if (error == ORDER_OK) {
        error = move_one(engine, db, record.id, from, to, reason);
    }
    if (error == ORDER_OK && record.pair[0] != '\0') {
        error = move_one(engine, db, record.pair, from, to, reason);
    }
    return error == ORDER_OK ? move_hanging(db, &record, to) : error;
}

static enum order_error change(const struct engine *engine, struct db *db,
                               const struct order *order) {
    struct certificate_record record;
    enum order_error error = registry_certificate(db, order->certificate, &record);
    if (error != ORDER_OK) {
        return error;
    }
    switch (order->kind) {
    case KIND_FREEZE:
        return standing_move(engine, db, record.id, "VALID", "HELD", CA_REASON_HOLD);
    case KIND_UNFREEZE:
        return standing_move(engine, db, record.id, "HELD", "VALID", CA_REASON_UNSPECIFIED);
    case KIND_REVOKE:
        return standing_move(engine, db, record.id, record.state, "REVOKED", CA_REASON_CESSATION);
    case KIND_UNBIND:
        return order_error_of(
            db_run(db, NULL, "DELETE FROM account_subjects WHERE account = $1 AND subject = $2",
                   "tt", order->account, order->subject));
    default:
        return ORDER_INTERNAL;
    }
}

static enum order_error apply(const struct engine *engine, struct db *db, const char *id,
                              bool refuse) {
    struct order order;
    enum order_error error = order_error_of(db_begin(db));
    if (error == ORDER_OK) {
        error = order_load_id(db, id, &order);
    }
    if (error == ORDER_OK && transition_is_allowed(&order, T26_APPLIED)) {
        error = refuse ? ORDER_OK : change(engine, db, &order);
        if (error == ORDER_OK) {
            error = transition_apply(engine, db, &order, refuse ? T26_REFUSED : T26_APPLIED, "ca",
                                     order.certificate, NULL);
        }
    }
    if (error == ORDER_OK) {
        error = order_error_of(db_commit(db));
    }
    db_rollback(db);
    return error;
}

enum order_error standing_apply(const struct engine *engine, struct db *db, const char *id) {
    enum order_error error = apply(engine, db, id, false);
    /* the certificate has become another meanwhile (renewed, revoked, held): asking again cannot help */
    return error == ORDER_CONFLICT ? apply(engine, db, id, true) : error;
}
