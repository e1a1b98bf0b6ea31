/* See review.h: documents and their decisions. */
#include "tools/orderd/engine/review.h"

#include "tools/orderd/engine/answer.h"
#include "tools/orderd/engine/form.h"
#include "tools/orderd/engine/judge.h"
#include "tools/orderd/engine/material.h"
#include "tools/orderd/engine/page.h"
#include "tools/orderd/engine/payment.h"
#include "tools/orderd/engine/recovery.h"
#include "tools/orderd/engine/standing.h"
#include "tools/orderd/engine/token.h"
#include "tools/orderd/engine/transition.h"
#include "tools/orderd/engine/view.h"

#include <stdio.h>
#include <string.h>

/* ---- the queue ---- */

#define QUEUE(waiting)                                                                             \
    "SELECT public_no FROM orders WHERE $1 > $2 AND (" waiting                                     \
    ") AND (updated > $3 OR (updated = $3 AND public_no > $4)) ORDER BY updated, public_no LIMIT " \
    "$5"

/* The query for the orders that wait for a role; $1: now, $2: who has rested since then has been forgotten, $3 and $4:
 * the place after which it begins, $5: how many. */
static const char *queue_of(enum role role) {
    switch (role) {
    case ROLE_REVIEWER:
        return QUEUE("state = 'IN_REVIEW'");
    case ROLE_FINANCE:
        /* and what was transferred, which goes back by hand */
        return QUEUE("state = 'PAY_REVIEW' OR (state = 'REFUNDING' AND EXISTS (SELECT 1 FROM "
                     "payments p WHERE p.order_id = orders.id AND p.channel = 'TRANSFER' AND "
                     "p.state = 'REFUNDING'))");
    case ROLE_OPERATOR:
        /* and what can never be downloaded, as its end has come, or is not */
        return QUEUE("state IN ('AWAIT_PAPERS', 'APPROVED', 'PRODUCING', 'ISSUE_FAILED') OR "
                     "(state = 'READY_TO_ISSUE' AND (updated <= $2 OR (kind IN ('CHANGE', "
                     "'REPLACE') AND EXISTS (SELECT 1 FROM certificates c WHERE c.id = "
                     "orders.certificate AND c.not_after <= $1))))");
    default:
        return NULL;
    }
}

/* What waits for longest comes first, so the rows after a cursor are the later ones. */
static bool read_place(const char *cursor, struct page *out) {
    bool good = page_read(cursor, out);
    if (cursor == NULL) {
        out->created_ms = -1;
    }
    return good;
}

/* The numbers of one page and of one more. */
static enum order_error read_queue(const struct engine *engine, struct db *db, const char *sql,
                                   const struct page *place, char numbers[][PUBLIC_NUMBER_SIZE],
                                   size_t *count) {
    struct db_rows *rows = NULL;
    int64_t now_ms = engine_now_ms(engine);
    int64_t forgotten_ms = now_ms - (int64_t)engine->profile->idle_days * 24 * 3600 * 1000;
    *count = 0;
    enum db_result result = db_query(db, &rows, sql, "iiiti", now_ms, forgotten_ms,
                                     place->created_ms, place->id, (int64_t)PAGE_ROWS + 1);
    if (result != DB_OK) {
        return order_error_of(result);
    }
    while (*count <= PAGE_ROWS && (result = db_next(rows)) == DB_OK) {
        snprintf(numbers[(*count)++], PUBLIC_NUMBER_SIZE, "%s", db_text(rows, 0));
    }
    db_end(rows);
    return result == DB_DONE || result == DB_OK ? ORDER_OK : order_error_of(result);
}

enum order_error review_queue(const struct engine *engine, struct db *db,
                              const struct caller *caller, const char *cursor, json_t **out) {
    char numbers[PAGE_ROWS + 1][PUBLIC_NUMBER_SIZE];
    size_t count = 0;
    struct page place;
    struct order order = {.updated_ms = 0};
    const char *sql =
        caller->session.kind == SESSION_ACCOUNT ? queue_of(caller->session.role) : NULL;
    *out = NULL;
    if (sql == NULL) {
        return ORDER_FORBIDDEN;
    }
    if (!read_place(cursor, &place)) {
        return ORDER_BAD_REQUEST;
    }
    enum order_error error = read_queue(engine, db, sql, &place, numbers, &count);
    json_t *list = json_array();
    for (size_t i = 0; error == ORDER_OK && i < count && i < PAGE_ROWS; i++) {
        json_t *item = NULL;
        error = order_load(db, numbers[i], &order);
        if (error == ORDER_OK) {
            error = view_order(engine, db, &order, caller, &item);
        }
        if (error == ORDER_OK) {
            json_array_append_new(list, item);
        }
    }
    if (error != ORDER_OK) {
        json_decref(list);
        return error;
    }
    *out = json_pack("{s:o}", "orders", list);
    if (*out != NULL && count > PAGE_ROWS) {
        page_next(*out, order.updated_ms, order.number);
    }
    return *out != NULL ? ORDER_OK : ORDER_INTERNAL;
}

/* ---- deciding ---- */

static const char *const decisions[] = {
    [REVIEW_APPROVE] = "APPROVED", [REVIEW_RETURN] = "RETURNED", [REVIEW_REJECT] = "REJECTED"};

enum order_error order_to_judge(struct db *db, const struct caller *caller, enum role role,
                                const char *number, int64_t version, struct order *out) {
    if (!caller_is(caller, role)) {
        return ORDER_FORBIDDEN;
    }
    enum order_error error = order_load(db, number, out);
    if (error == ORDER_OK && strcmp(out->account, caller->session.account) == 0) {
        error = ORDER_FORBIDDEN; /* R157 */
    }
    return error == ORDER_OK && out->version != version ? ORDER_VERSION_CONFLICT : error;
}

enum order_error review_note(const struct engine *engine, struct db *db,
                             const struct caller *caller, const struct order *order,
                             const char *part, const char *decision, const char *reason) {
    char id[ID_SIZE];
    if (!identifier_random(id)) {
        return ORDER_INTERNAL;
    }
    return order_error_of(
        db_run(db, NULL,
               "INSERT INTO reviews (id, order_id, part, reviewer, decision, reason, round, "
               "created) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
               "ttttttii", id, order->id, part, caller->session.account, decision,
               reason != NULL ? reason : "", order->version, engine_now_ms(engine)));
}

/* Has this reviewer approved the order as it is now? */
static enum order_error has_approved(struct db *db, const struct caller *caller,
                                     const struct order *order, bool *out) {
    struct db_rows *rows = NULL;
    enum db_result result = db_query(
        db, &rows,
        "SELECT 1 FROM reviews WHERE order_id = $1 AND part = 'MATERIAL' AND decision = 'APPROVED' "
        "AND round = $2 AND reviewer = $3",
        "tit", order->id, order->version, caller->session.account);
    if (result != DB_OK) {
        return order_error_of(result);
    }
    result = db_next(rows);
    *out = result == DB_OK;
    db_end(rows);
    return result == DB_DONE ? ORDER_OK : order_error_of(result);
}

/* How many others have approved the order as it is now: nothing but approvals has happened since. */
static enum order_error count_others(struct db *db, const struct caller *caller,
                                     const struct order *order, int64_t *count) {
    struct db_rows *rows = NULL;
    enum db_result result = db_query(
        db, &rows,
        "SELECT COUNT(DISTINCT reviewer) FROM reviews WHERE order_id = $1 AND part = 'MATERIAL' "
        "AND decision = 'APPROVED' AND round = $2 AND reviewer <> $3",
        "tit", order->id, order->version, caller->session.account);
    if (result != DB_OK) {
        return order_error_of(result);
    }
    result = db_next(rows);
    *count = result == DB_OK ? db_int(rows, 0) : 0;
    db_end(rows);
    return order_error_of(result);
}

/* What is final with the approval: the security answer, that the account acts for the subject, and the end of a lost certificate. */
static enum order_error approved(const struct engine *engine, struct db *db,
                                 const struct order *order) {
    struct certificate_record old;
    json_t *form = NULL;
    enum order_error error = form_load(engine, db, order, &form);
    if (error == ORDER_OK) {
        error = answer_keep(db, order, form);
    }
    if (error == ORDER_OK && order->kind == KIND_NEW) {
        error = caller_link(db, order->account, order->subject, engine_now_ms(engine));
    }
    if (error == ORDER_OK && order->kind == KIND_REPLACE &&
        strcmp(form_text(form, "reason"), "DAMAGED") != 0) {
        error = registry_certificate(db, order->certificate, &old);
        bool held = error == ORDER_OK && strcmp(old.state, "HELD") == 0;
        if (held) {
            error = token_follow(db, old.token, TOKEN_PERM_LOST);
        }
        if (error == ORDER_OK && held) {
            error = standing_move(engine, db, old.id, "HELD", "REVOKED", CA_REASON_KEY_COMPROMISE);
        }
    }
    json_decref(form);
    return error;
}

static enum order_error approve(const struct engine *engine, struct db *db,
                                const struct caller *caller, struct order *order) {
    bool seen = false;
    bool again = false;
    int64_t others = 0;
    enum order_error error = transition_is_allowed(order, T10_APPROVE)
                                 ? material_is_seen(db, order, caller->session.account, &seen)
                                 : ORDER_WRONG_STATE;
    if (error == ORDER_OK && !seen) {
        error = ORDER_NOT_SEEN;
    }
    if (error == ORDER_OK) {
        error = has_approved(db, caller, order, &again);
    }
    if (error == ORDER_OK && again) {
        return ORDER_OK; /* said before, and still waiting for the other one */
    }
    if (error == ORDER_OK) {
        error = count_others(db, caller, order, &others);
    }
    if (error == ORDER_OK) {
        error = review_note(engine, db, caller, order, "MATERIAL", "APPROVED", NULL);
    }
    if (error == ORDER_OK && order->kind == KIND_KEY_RECOVERY) {
        error = recovery_approve(engine, db, order, caller->session.account);
    }
    if (error == ORDER_OK && (engine->profile->two_persons & KINDS(order->kind)) != 0 &&
        others == 0) {
        return order_note(engine, db, order, caller_actor(caller), "first approval", NULL);
    }
    if (error == ORDER_OK) {
        error = approved(engine, db, order);
    }
    return error == ORDER_OK ? transition_apply(engine, db, order, T10_APPROVE,
                                                caller_actor(caller), caller->session.account, NULL)
                             : error;
}

enum order_error order_reject(const struct engine *engine, struct db *db,
                              const struct caller *caller, struct order *order,
                              enum transition plain, enum transition refund) {
    bool paid = false;
    enum order_error error = payment_is_made(db, order, &paid);
    if (error == ORDER_OK && paid) {
        order->closing = STATE_REJECTED;
    }
    if (error == ORDER_OK) {
        error = transition_apply(engine, db, order, paid ? refund : plain, caller_actor(caller),
                                 caller->session.account, NULL);
    }
    return error == ORDER_OK && paid ? payment_give_back(engine, db, order) : error;
}

static enum order_error judge(const struct engine *engine, struct db *db,
                              const struct caller *caller, enum review_decision decision,
                              const char *reason, struct order *order) {
    if (decision == REVIEW_APPROVE) {
        return approve(engine, db, caller, order);
    }
    enum order_error error =
        review_note(engine, db, caller, order, "MATERIAL", decisions[decision], reason);
    if (error != ORDER_OK) {
        return error;
    }
    return decision == REVIEW_RETURN
               ? transition_apply(engine, db, order, T11_RETURN, caller_actor(caller),
                                  caller->session.account, NULL)
               : order_reject(engine, db, caller, order, T12_REJECT, T12_REJECT_REFUND);
}

enum order_error review_decide(const struct engine *engine, struct db *db,
                               const struct caller *caller, const char *number, int64_t version,
                               enum review_decision decision, const char *reason,
                               struct order *out) {
    if (decision != REVIEW_APPROVE && (reason == NULL || reason[0] == '\0')) {
        return ORDER_REASON_NEEDED;
    }
    enum order_error error = order_error_of(db_begin(db));
    if (error == ORDER_OK) {
        error = order_to_judge(db, caller, ROLE_REVIEWER, number, version, out);
    }
    if (error == ORDER_OK) {
        error = judge(engine, db, caller, decision, reason, out);
    }
    if (error == ORDER_OK) {
        error = order_error_of(db_commit(db));
    }
    db_rollback(db);
    return error;
}
