/* See task.h. What is signed for a task is in issue.c. */
#include "tools/orderd/engine/task.h"

#include "module/formats/calendar.h"
#include "module/formats/certificate.h"
#include "openukey/formats.h"
#include "tools/orderd/engine/issuance.h"
#include "tools/orderd/engine/jws.h"
#include "tools/orderd/engine/transition.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- reading ---- */

#define TASK_COLUMNS                                                                               \
    "SELECT id, order_id, token, certificate, state, nonce, lease_until FROM issue_tasks "

static enum order_error read_task(struct db_rows *rows, struct task *out) {
    memset(out, 0, sizeof *out);
    enum db_result result = db_next(rows);
    if (result == DB_OK) {
        snprintf(out->id, sizeof out->id, "%s", db_text(rows, 0));
        snprintf(out->order, sizeof out->order, "%s", db_text(rows, 1));
        snprintf(out->token, sizeof out->token, "%s", db_text(rows, 2));
        snprintf(out->certificate, sizeof out->certificate, "%s", db_text(rows, 3));
        snprintf(out->state, sizeof out->state, "%s", db_text(rows, 4));
        snprintf(out->nonce, sizeof out->nonce, "%s", db_text(rows, 5));
        out->lease_until_ms = db_int(rows, 6);
    }
    db_end(rows);
    return result == DB_DONE ? ORDER_NOT_FOUND : order_error_of(result);
}

static enum order_error task_of_order(struct db *db, const char *order, struct task *out) {
    struct db_rows *rows = NULL;
    enum db_result result = db_query(db, &rows, TASK_COLUMNS "WHERE order_id = $1", "t", order);
    return result == DB_OK ? read_task(rows, out) : order_error_of(result);
}

enum order_error task_load(struct db *db, const struct caller *caller, const char *id,
                           struct task *task, struct order *order) {
    struct db_rows *rows = NULL;
    enum db_result result = db_query(db, &rows, TASK_COLUMNS "WHERE id = $1", "t", id);
    enum order_error error = result == DB_OK ? read_task(rows, task) : order_error_of(result);
    if (error == ORDER_OK) {
        error = order_load_id(db, task->order, order);
    }
    if (error == ORDER_OK && strcmp(order->subject, caller->session.subject) != 0) {
        error = ORDER_NOT_FOUND;
    }
    return error;
}

/* ---- claiming ---- */

static const char *const renew_steps[] = {
    "read-key",   "match",     "generate", "request", "unwrap", "write-certificates",
    "write-seal", "read-back", "prove",    "confirm", "retire"};

/* The signed task document. */
static enum order_error task_document(const struct engine *engine, const struct task *task,
                                      const struct order *order,
                                      const struct certificate_record *certificate, json_t **out) {
    char *jws = NULL;
    json_t *steps = json_array();
    for (size_t i = 0; i < sizeof renew_steps / sizeof renew_steps[0]; i++) {
        json_array_append_new(steps, json_string(renew_steps[i]));
    }
    char not_after[21];
    calendar_rfc3339(task->lease_until_ms / 1000, not_after);
    json_t *payload = json_pack("{s:s,s:s,s:s,s:s,s:s,s:s,s:s,s:o,s:s,s:s}", "task", task->id,
                                "order", order->number, "kind", kind_name(order->kind),
                                "tokenSerial", task->token, "matchCertificate", certificate->sha256,
                                "alg", certificate->algorithm, "subjectDn", certificate->subject_dn,
                                "steps", steps, "nonce", task->nonce, "notAfter", not_after);
    enum order_error error = ORDER_INTERNAL;
    if (payload != NULL && jws_sign(engine->task_key, engine->task_kid, payload, &jws)) {
        *out = json_pack("{s:s,s:i}", "task", jws, "lease", (int)TASK_LEASE_SECONDS);
        error = *out != NULL ? ORDER_OK : ORDER_INTERNAL;
    }
    free(jws);
    json_decref(payload);
    return error;
}

static enum order_error make_task(const struct engine *engine, struct db *db,
                                  const struct order *order, struct task *out) {
    int64_t now_ms = engine_now_ms(engine);
    memset(out, 0, sizeof *out);
    snprintf(out->order, sizeof out->order, "%s", order->id);
    snprintf(out->token, sizeof out->token, "%s", order->token);
    snprintf(out->certificate, sizeof out->certificate, "%s", order->certificate);
    if (!identifier_random(out->id) || !secret_random(out->nonce)) {
        return ORDER_INTERNAL;
    }
    return order_error_of(
        db_run(db, NULL,
               "INSERT INTO issue_tasks (id, order_id, kind, token, certificate, state, nonce, "
               "lease_until, expires, created) VALUES ($1, $2, $3, $4, $5, 'OPEN', $6, 0, 0, $7)",
               "tttttti", out->id, order->id, kind_name(order->kind), order->token,
               order->certificate, out->nonce, now_ms));
}

/* The certificate must be neither on hold nor revoked; its end was judged when the order was made. */
static enum order_error check_standing(const struct engine *engine,
                                       const struct certificate_record *certificate) {
    enum order_error error = registry_certificate_usable(engine, certificate);
    return error == ORDER_CERTIFICATE_EXPIRED ? ORDER_OK : error;
}

static enum order_error lease(const struct engine *engine, struct db *db, struct order *order,
                              struct task *task) {
    enum order_error error = ORDER_OK;
    task->lease_until_ms = engine_now_ms(engine) + (int64_t)TASK_LEASE_SECONDS * 1000;
    json_t *data = json_pack("{s:s}", "task", task->id);
    if (order->state == STATE_ISSUING) {
        error = order_note(engine, db, order, "agent", "task claimed again", data);
    } else {
        error = transition_apply(engine, db, order, T18_CLAIM, "agent", NULL, data);
    }
    json_decref(data);
    int64_t changed = 0;
    if (error == ORDER_OK) {
        error = order_error_of(
            db_run(db, &changed,
                   "UPDATE issue_tasks SET state = 'LEASED', lease_until = $2, expires = $2 WHERE "
                   "id = $1 AND state IN ('OPEN', 'LEASED')",
                   "ti", task->id, task->lease_until_ms));
    }
    return error == ORDER_OK && changed != 1 ? ORDER_WRONG_STATE : error;
}

static enum order_error claim_in_transaction(const struct engine *engine, struct db *db,
                                             const struct caller *caller, const char *number,
                                             const char *serial, const char *sha256, json_t **out) {
    struct order order;
    struct task task = {.lease_until_ms = 0};
    struct certificate_record certificate;
    enum order_error error = order_of_caller(db, caller, number, &order);
    if (error == ORDER_OK) {
        error = registry_certificate(db, order.certificate, &certificate);
    }
    if (error == ORDER_OK &&
        (strcmp(order.token, serial) != 0 || strcmp(certificate.sha256, sha256) != 0 ||
         strcmp(caller->session.certificate, order.certificate) != 0)) {
        error = ORDER_WRONG_TOKEN;
    }
    if (error == ORDER_OK && order.state != STATE_READY_TO_ISSUE && order.state != STATE_ISSUING) {
        error = ORDER_WRONG_STATE;
    }
    if (error == ORDER_OK) {
        error = check_standing(engine, &certificate);
    }
    if (error == ORDER_OK) {
        error = task_of_order(db, order.id, &task);
        error = error == ORDER_NOT_FOUND ? make_task(engine, db, &order, &task) : error;
    }
    if (error == ORDER_OK) {
        error = lease(engine, db, &order, &task);
    }
    return error == ORDER_OK ? task_document(engine, &task, &order, &certificate, out) : error;
}

enum order_error task_claim(const struct engine *engine, struct db *db, const struct caller *caller,
                            const char *number, const char *serial, const char *sha256,
                            json_t **out) {
    *out = NULL;
    enum order_error error = order_error_of(db_begin(db));
    if (error == ORDER_OK) {
        error = claim_in_transaction(engine, db, caller, number, serial, sha256, out);
    }
    if (error == ORDER_OK) {
        error = order_error_of(db_commit(db));
    }
    db_rollback(db);
    if (error != ORDER_OK) {
        json_decref(*out);
        *out = NULL;
    }
    return error;
}

/* ---- confirming ---- */

static enum order_error answer_state(const struct order *order, json_t **out) {
    *out = json_pack("{s:s}", "state", state_name(order->state));
    return *out != NULL ? ORDER_OK : ORDER_INTERNAL;
}

/* Has the new key signed the nonce? */
static enum order_error check_proof(struct db *db, const struct issuance *issuance,
                                    const struct octets *proof) {
    struct octets der = {NULL, 0};
    struct certificate *certificate = NULL;
    char message[sizeof PROOF_PREFIX + SECRET_SIZE];
    int len = snprintf(message, sizeof message, "%s%s", PROOF_PREFIX, issuance->proof_nonce);
    enum order_error error = registry_certificate_der(db, issuance->sign_certificate, &der);
    if (error == ORDER_OK) {
        error = ORDER_PROOF_INVALID;
        if (certificate_parse(NULL, der.data, der.len, &certificate) != FORMATS_OK) {
            error = ORDER_INTERNAL;
        } else if (certificate_verify_message(NULL, certificate, message, (size_t)len, proof->data,
                                              proof->len) == FORMATS_OK) {
            error = ORDER_OK;
        }
    }
    certificate_free(certificate);
    octets_free(&der);
    return error;
}

/* Old out, new in: certificates and seals. The order of the statements keeps invariant 4 at every one of them. */
static enum order_error swap_certificates(const struct engine *engine, struct db *db,
                                          const struct order *order,
                                          const struct issuance *issuance) {
    struct certificate_record old;
    enum order_error error = registry_certificate(db, order->certificate, &old);
    if (error == ORDER_OK) {
        error = registry_certificate_move(db, old.id, "VALID", "SUPERSEDED", engine_now_ms(engine));
    }
    if (error == ORDER_OK && old.pair[0] != '\0') {
        error = order_error_of(
            db_run(db, NULL,
                   "UPDATE certificates SET state = 'SUPERSEDED' WHERE id = $1 AND state = 'VALID'",
                   "t", old.pair));
    }
    if (error == ORDER_OK) {
        error = registry_certificate_move(db, issuance->sign_certificate, "PENDING", "VALID",
                                          engine_now_ms(engine));
    }
    if (error == ORDER_OK) {
        error = registry_certificate_move(db, issuance->enc_certificate, "PENDING", "VALID",
                                          engine_now_ms(engine));
    }
    if (error == ORDER_OK && issuance->seal[0] != '\0') {
        error = order_error_of(db_run(
            db, NULL,
            "UPDATE seals SET state = 'SUPERSEDED' WHERE certificate = $1 AND state = 'VALID'", "t",
            old.id));
    }
    if (error == ORDER_OK && issuance->seal[0] != '\0') {
        error = order_error_of(
            db_run(db, NULL, "UPDATE seals SET state = 'VALID' WHERE id = $1 AND state = 'PENDING'",
                   "t", issuance->seal));
    }
    return error;
}

static enum order_error finish(const struct engine *engine, struct db *db, const struct task *task,
                               struct order *order, const struct issuance *issuance,
                               const char *sha256) {
    int64_t changed = 0;
    enum order_error error = order_error_of(db_run(
        db, &changed, "UPDATE issuances SET state = 'CONFIRMED' WHERE id = $1 AND state = 'ISSUED'",
        "t", issuance->id));
    if (error == ORDER_OK && changed != 1) {
        error = ORDER_CONFLICT;
    }
    if (error == ORDER_OK) {
        error = swap_certificates(engine, db, order, issuance);
    }
    if (error == ORDER_OK) {
        error = order_error_of(
            db_run(db, NULL, "UPDATE issue_tasks SET state = 'DONE' WHERE id = $1", "t", task->id));
    }
    json_t *data = json_pack("{s:s,s:s}", "task", task->id, "certificate", sha256);
    if (error == ORDER_OK) {
        error = transition_apply(engine, db, order, T19_DONE, "agent", issuance->id, data);
    }
    json_decref(data);
    return error;
}

static enum order_error confirm_in_transaction(const struct engine *engine, struct db *db,
                                               const struct caller *caller, const char *id,
                                               const char *sha256, const struct octets *proof,
                                               json_t **out) {
    struct task task = {.lease_until_ms = 0};
    struct order order;
    struct issuance issuance;
    struct certificate_record certificate;
    enum order_error error = task_load(db, caller, id, &task, &order);
    if (error == ORDER_OK) {
        error = issuance_live(db, id, &issuance);
        error = error == ORDER_NOT_FOUND ? ORDER_TASK_NOT_LEASED : error;
    }
    if (error == ORDER_OK) {
        error = registry_certificate(db, issuance.sign_certificate, &certificate);
    }
    if (error == ORDER_OK && strcmp(certificate.sha256, sha256) != 0) {
        error = ORDER_CERTIFICATE_UNKNOWN;
    }
    if (error == ORDER_OK) {
        error = check_proof(db, &issuance, proof);
    }
    if (error == ORDER_OK && strcmp(issuance.state, "CONFIRMED") != 0) {
        struct certificate_record old;
        error = registry_certificate(db, order.certificate, &old);
        error = error == ORDER_OK ? check_standing(engine, &old) : error;
        if (error == ORDER_OK) {
            error = finish(engine, db, &task, &order, &issuance, sha256);
        }
    }
    return error == ORDER_OK ? answer_state(&order, out) : error;
}

enum order_error task_confirm(const struct engine *engine, struct db *db,
                              const struct caller *caller, const char *id, const char *sha256,
                              const struct octets *proof, json_t **out) {
    *out = NULL;
    enum order_error error = order_error_of(db_begin(db));
    if (error == ORDER_OK) {
        error = confirm_in_transaction(engine, db, caller, id, sha256, proof, out);
    }
    if (error == ORDER_OK) {
        error = order_error_of(db_commit(db));
    }
    db_rollback(db);
    if (error != ORDER_OK) {
        json_decref(*out);
        *out = NULL;
    }
    return error;
}

/* ---- giving up ---- */

static enum order_error set_task(struct db *db, const char *id, const char *state) {
    return order_error_of(db_run(db, NULL,
                                 "UPDATE issue_tasks SET state = $2, lease_until = 0 WHERE id = $1",
                                 "tt", id, state));
}

/* T21: nothing of what was issued may ever be used. */
static enum order_error fail_for_good(const struct engine *engine, struct db *db,
                                      const struct task *task, struct order *order, json_t *data) {
    struct issuance issuance;
    enum order_error error = issuance_live(db, task->id, &issuance);
    if (error == ORDER_OK) {
        error = issuance_revoke(engine, db, order, &issuance);
    }
    if (error == ORDER_OK || error == ORDER_NOT_FOUND) {
        error = set_task(db, task->id, "FAILED");
    }
    return error == ORDER_OK ? transition_apply(engine, db, order, T21_FAILED, "agent", NULL, data)
                             : error;
}

static enum order_error fail_for_now(const struct engine *engine, struct db *db,
                                     const struct task *task, struct order *order,
                                     const char *actor, json_t *data) {
    enum order_error error = set_task(db, task->id, "OPEN");
    return error == ORDER_OK
               ? transition_apply(engine, db, order, T20_LEASE_OVER, actor, NULL, data)
               : error;
}

enum order_error task_fail(const struct engine *engine, struct db *db, const struct caller *caller,
                           const char *id, const char *code, bool permanent, json_t **out) {
    struct task task = {.lease_until_ms = 0};
    struct order order;
    *out = NULL;
    json_t *data = json_pack("{s:s,s:s}", "task", id, "code", code);
    enum order_error error = order_error_of(db_begin(db));
    if (error == ORDER_OK) {
        error = task_load(db, caller, id, &task, &order);
    }
    if (error == ORDER_OK && strcmp(task.state, "LEASED") != 0) {
        /* said before, or over anyway: harmless unless it is a change of mind */
        error = permanent && strcmp(task.state, "FAILED") != 0 ? ORDER_TASK_NOT_LEASED : ORDER_OK;
    } else if (error == ORDER_OK) {
        error = permanent ? fail_for_good(engine, db, &task, &order, data)
                          : fail_for_now(engine, db, &task, &order, "agent", data);
    }
    if (error == ORDER_OK) {
        error = answer_state(&order, out);
    }
    if (error == ORDER_OK) {
        error = order_error_of(db_commit(db));
    }
    db_rollback(db);
    json_decref(data);
    if (error != ORDER_OK) {
        json_decref(*out);
        *out = NULL;
    }
    return error;
}

static enum order_error find_over(const struct engine *engine, struct db *db, struct task *out) {
    struct db_rows *rows = NULL;
    enum db_result result =
        db_query(db, &rows, TASK_COLUMNS "WHERE state = 'LEASED' AND lease_until <= $1 LIMIT 1",
                 "i", engine_now_ms(engine));
    return result == DB_OK ? read_task(rows, out) : order_error_of(result);
}

enum order_error task_sweep(const struct engine *engine, struct db *db, int *count) {
    enum order_error error = ORDER_OK;
    *count = 0;
    while (error == ORDER_OK) {
        struct task task = {.lease_until_ms = 0};
        struct order order;
        error = order_error_of(db_begin(db));
        if (error == ORDER_OK) {
            error = find_over(engine, db, &task);
        }
        if (error == ORDER_OK) {
            error = order_load_id(db, task.order, &order);
        }
        if (error == ORDER_OK) {
            error = fail_for_now(engine, db, &task, &order, "scheduler", NULL);
        }
        if (error == ORDER_OK) {
            error = order_error_of(db_commit(db));
            (*count)++;
        }
        db_rollback(db);
    }
    return error == ORDER_NOT_FOUND ? ORDER_OK : error;
}

enum order_error task_retry(const struct engine *engine, struct db *db, const char *number) {
    struct order order;
    struct task task = {.lease_until_ms = 0};
    enum order_error error = order_error_of(db_begin(db));
    if (error == ORDER_OK) {
        error = order_load(db, number, &order);
    }
    if (error == ORDER_OK) {
        error = task_of_order(db, order.id, &task);
    }
    if (error == ORDER_OK) {
        error = transition_apply(engine, db, &order, T27_RETRY, "operator", NULL, NULL);
    }
    if (error == ORDER_OK) {
        error = set_task(db, task.id, "OPEN");
    }
    if (error == ORDER_OK) {
        error = order_error_of(db_commit(db));
    }
    db_rollback(db);
    return error;
}
