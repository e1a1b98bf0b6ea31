/* See review.h: transfers and their vouchers (R130-R133). */
#include "tools/orderd/engine/review.h"

#include "tools/orderd/engine/blob.h"
#include "tools/orderd/engine/field.h"
#include "tools/orderd/engine/judge.h"
#include "tools/orderd/engine/material.h"
#include "tools/orderd/engine/payment.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct document_limits picture = {FORMAT_JPEG | FORMAT_PNG | FORMAT_BMP | FORMAT_PDF,
                                               VOUCHER_MAX, 0, false};

struct voucher {
    char id[ID_SIZE];
    char payment[ID_SIZE];
    char sha256[DIGEST_HEX_SIZE];
    char mime[32];
    char *payer; /* vault_free */
};

/* The voucher that waits for finance, or the last. */
static enum order_error load_voucher(const struct engine *engine, struct db *db,
                                     const struct order *order, struct voucher *out) {
    char about[ID_SIZE + 16];
    struct db_rows *rows = NULL;
    memset(out, 0, sizeof *out);
    enum db_result result =
        db_query(db, &rows,
                 "SELECT id, payment, sha256, mime, payer_sealed FROM vouchers WHERE order_id = $1 "
                 "ORDER BY created DESC, id LIMIT 1",
                 "t", order->id);
    if (result != DB_OK) {
        return order_error_of(result);
    }
    result = db_next(rows);
    enum order_error error = result == DB_DONE ? ORDER_NOT_FOUND : order_error_of(result);
    if (error == ORDER_OK) {
        snprintf(out->id, sizeof out->id, "%s", db_text(rows, 0));
        snprintf(out->payment, sizeof out->payment, "%s", db_text(rows, 1));
        snprintf(out->sha256, sizeof out->sha256, "%s", db_text(rows, 2));
        snprintf(out->mime, sizeof out->mime, "%s", db_text(rows, 3));
        snprintf(about, sizeof about, "voucher %s", out->id);
        error = vault_unseal(engine->vault, about, db_text(rows, 4), &out->payer);
    }
    db_end(rows);
    return error;
}

/* ---- the applicant ---- */

/* Nothing is paid by a picture that nobody judges. */
static bool finance_judges(const struct order *order) {
    bool judges = false;
    for (size_t i = 0; i < order->gate_count; i++) {
        judges = judges || order->gates[i].gate == GATE_PAY_REVIEW;
    }
    return judges;
}

static enum order_error write_voucher(const struct engine *engine, struct db *db,
                                      const struct order *order, const char *payer,
                                      const char *sha256, const char *mime, char id[ID_SIZE]) {
    char payment[ID_SIZE];
    char about[ID_SIZE + 16];
    char *sealed = NULL;
    int64_t now_ms = engine_now_ms(engine);
    if (!identifier_random(id) || !identifier_random(payment)) {
        return ORDER_INTERNAL;
    }
    snprintf(about, sizeof about, "voucher %s", id);
    enum order_error error = vault_seal(engine->vault, about, payer, &sealed);
    if (error == ORDER_OK) {
        error = order_error_of(
            db_run(db, NULL,
                   "INSERT INTO payments (id, order_id, channel, provider, amount_fen, state, "
                   "pay_url, created, updated) VALUES ($1, $2, 'TRANSFER', 'bank', $3, 'PENDING', "
                   "'', $4, $4)",
                   "ttii", payment, order->id, order->amount_fen, now_ms));
    }
    if (error == ORDER_OK) {
        error = order_error_of(
            db_run(db, NULL,
                   "INSERT INTO vouchers (id, order_id, payment, sha256, mime, payer_sealed, "
                   "state, created) VALUES ($1, $2, $3, $4, $5, $6, 'UPLOADED', $7)",
                   "tttttti", id, order->id, payment, sha256, mime, sealed, now_ms));
    }
    free(sealed);
    return error;
}

enum order_error voucher_put(const struct engine *engine, struct db *db,
                             const struct caller *caller, const char *number, int64_t version,
                             const char *payer, const void *data, size_t len, struct order *out,
                             json_t *extra) {
    char sha256[DIGEST_HEX_SIZE];
    char id[ID_SIZE];
    struct inspection inspection = {.good = false};
    json_t *errors = json_array();
    enum order_error error = order_to_change(db, caller, number, version, out);
    if (error == ORDER_OK && !transition_is_allowed(out, T08_VOUCHER)) {
        error = ORDER_WRONG_STATE;
    }
    if (error == ORDER_OK &&
        ((engine->profile->channels & CHANNEL_TRANSFER) == 0 || !finance_judges(out))) {
        error = ORDER_CHANNEL_UNKNOWN;
    }
    if (error == ORDER_OK && !name_is_valid(payer)) {
        field_refuse(errors, "payer", TEXT_FIELD_NAME, caller->language);
    }
    if (error == ORDER_OK) {
        error = material_inspect(engine, &picture, "voucher", data, len, caller->language,
                                 &inspection, errors);
    }
    if (error == ORDER_OK && json_array_size(errors) > 0) {
        json_object_set(extra, "errors", errors);
        error = ORDER_DOCUMENT_REFUSED;
    }
    json_decref(errors);
    if (error == ORDER_OK) {
        error = blob_put(engine->blobs, data, len, sha256);
    }
    if (error == ORDER_OK) {
        error = order_error_of(db_begin(db));
    }
    if (error == ORDER_OK) {
        error = write_voucher(engine, db, out, payer, sha256, inspection.mime, id);
    }
    if (error == ORDER_OK) {
        error = transition_apply(engine, db, out, T08_VOUCHER, caller_actor(caller), id, NULL);
    }
    if (error == ORDER_OK) {
        error = order_error_of(db_commit(db));
    }
    db_rollback(db);
    return error;
}

enum order_error voucher_get(const struct engine *engine, struct db *db,
                             const struct caller *caller, const char *number, struct octets *bytes,
                             char mime[32]) {
    struct order order;
    struct voucher voucher = {.payer = NULL};
    *bytes = (struct octets){NULL, 0};
    enum order_error error = order_of_caller(db, caller, number, &order);
    if (error == ORDER_OK) {
        error = load_voucher(engine, db, &order, &voucher);
    }
    if (error == ORDER_OK) {
        snprintf(mime, 32, "%s", voucher.mime);
        error = blob_get(engine->blobs, voucher.sha256, VOUCHER_MAX, bytes);
    }
    vault_free(voucher.payer);
    return error;
}

/* ---- finance ---- */

static enum order_error move(const struct engine *engine, struct db *db,
                             const struct voucher *voucher, bool accept, const char *transaction,
                             const char *reason) {
    enum order_error error = order_error_of(
        db_run(db, NULL, "UPDATE vouchers SET state = $2, reason = $3 WHERE id = $1", "ttt",
               voucher->id, accept ? "ACCEPTED" : "REJECTED", reason != NULL ? reason : ""));
    if (error != ORDER_OK) {
        return error;
    }
    enum db_result result = db_run(
        db, NULL, "UPDATE payments SET state = $2, provider_txn = $3, updated = $4 WHERE id = $1",
        "ttti", voucher->payment, accept ? "PAID" : "FAILED", accept ? transaction : NULL,
        engine_now_ms(engine));
    return result == DB_CONSTRAINT ? ORDER_PAYMENT_MISMATCH : order_error_of(result);
}

static enum order_error decide(const struct engine *engine, struct db *db,
                               const struct caller *caller, bool accept, const char *transaction,
                               const char *reason, struct order *order) {
    struct voucher voucher = {.payer = NULL};
    struct subject_record subject;
    enum transition transition = accept ? T09_FINANCE_OK : T09_FINANCE_NO;
    enum order_error error =
        transition_is_allowed(order, transition) ? ORDER_OK : ORDER_WRONG_STATE;
    if (error == ORDER_OK) {
        error = load_voucher(engine, db, order, &voucher);
    }
    if (error == ORDER_OK) {
        error = registry_subject(engine, db, order->subject, &subject);
    }
    if (error == ORDER_OK && accept &&
        (voucher.payer == NULL || strcmp(voucher.payer, subject.name) != 0)) {
        error = ORDER_PAYER_MISMATCH; /* R131 */
    }
    if (error == ORDER_OK) {
        error = move(engine, db, &voucher, accept, transaction, reason);
    }
    if (error == ORDER_OK) {
        error = review_note(engine, db, caller, order, "FINANCE", accept ? "APPROVED" : "REJECTED",
                            reason);
    }
    if (error == ORDER_OK) {
        error =
            transition_apply(engine, db, order, transition, caller_actor(caller), voucher.id, NULL);
    }
    vault_free(voucher.payer);
    return error;
}

enum order_error voucher_decide(const struct engine *engine, struct db *db,
                                const struct caller *caller, const char *number, int64_t version,
                                bool accept, const char *transaction, const char *reason,
                                struct order *out) {
    if (accept ? transaction == NULL || transaction[0] == '\0'
               : reason == NULL || reason[0] == '\0') {
        return ORDER_REASON_NEEDED;
    }
    enum order_error error = order_error_of(db_begin(db));
    if (error == ORDER_OK) {
        error = order_to_judge(db, caller, ROLE_FINANCE, number, version, out);
    }
    if (error == ORDER_OK) {
        error = decide(engine, db, caller, accept, transaction, reason, out);
    }
    if (error == ORDER_OK) {
        error = order_error_of(db_commit(db));
    }
    db_rollback(db);
    return error;
}

enum order_error voucher_refunded(const struct engine *engine, struct db *db,
                                  const struct caller *caller, const char *number, int64_t version,
                                  const char *transaction, struct order *out) {
    if (transaction == NULL || transaction[0] == '\0') {
        return ORDER_REASON_NEEDED;
    }
    enum order_error error = order_error_of(db_begin(db));
    if (error == ORDER_OK) {
        error = order_to_judge(db, caller, ROLE_FINANCE, number, version, out);
    }
    if (error == ORDER_OK) {
        error = payment_refunded(engine, db, out, caller_actor(caller), transaction);
    }
    if (error == ORDER_OK) {
        error = order_error_of(db_commit(db));
    }
    db_rollback(db);
    return error;
}
