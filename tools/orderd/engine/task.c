/* See task.h. What is signed for a task is in issue.c. */
#include "tools/orderd/engine/task.h"

#include "module/formats/calendar.h"
#include "module/formats/certificate.h"
#include "openukey/formats.h"
#include "tools/orderd/engine/download.h"
#include "tools/orderd/engine/first_pin.h"
#include "tools/orderd/engine/issuance.h"
#include "tools/orderd/engine/judge.h"
#include "tools/orderd/engine/otp.h"
#include "tools/orderd/engine/recovery.h"
#include "tools/orderd/engine/step.h"
#include "tools/orderd/engine/task_key.h"
#include "tools/orderd/engine/token.h"
#include "tools/orderd/engine/unlock.h"
#include "tools/orderd/engine/view.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- reading ---- */

#define TASK_COLUMNS                                                                               \
    "SELECT id, order_id, token, certificate, state, nonce, lease_until, tries FROM issue_tasks "

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
        out->tries = db_int(rows, 7);
    }
    db_end(rows);
    return result == DB_DONE ? ORDER_NOT_FOUND : order_error_of(result);
}

static enum order_error task_of_order(struct db *db, const char *order, struct task *out) {
    struct db_rows *rows = NULL;
    enum db_result result = db_query(db, &rows, TASK_COLUMNS "WHERE order_id = $1", "t", order);
    return result == DB_OK ? read_task(rows, out) : order_error_of(result);
}

static enum order_error may_work(struct db *db, const struct caller *caller,
                                 const struct order *order) {
    const struct session *session = &caller->session;
    bool own = order->account[0] != '\0' && strcmp(order->account, session->account) == 0;
    bool may = false;
    enum order_error error = caller_of_subject(db, caller, order->subject);
    switch (issue_way_of(order)) {
    case WAY_KEY:
        may = session->kind == SESSION_KEY;
        break;
    case WAY_CODE:
    case WAY_FILE:
    case WAY_HOLDER:
        may = own || (order->account[0] == '\0' && session->kind == SESSION_KEY);
        break;
    case WAY_OPERATOR:
        may = caller_is(caller, ROLE_OPERATOR) && !own;
        break;
    case WAY_NONE:
        return error == ORDER_OK ? ORDER_NOT_OFFERED : error;
    }
    return error == ORDER_OK && !may ? ORDER_FORBIDDEN : error;
}

enum order_error task_order(struct db *db, const struct caller *caller, const char *number,
                            struct order *out) {
    enum order_error error = order_load(db, number, out);
    return error == ORDER_OK ? may_work(db, caller, out) : error;
}

enum order_error task_load(struct db *db, const struct caller *caller, const char *id,
                           struct task *task, struct order *order) {
    struct db_rows *rows = NULL;
    enum db_result result = db_query(db, &rows, TASK_COLUMNS "WHERE id = $1", "t", id);
    enum order_error error = result == DB_OK ? read_task(rows, task) : order_error_of(result);
    if (error == ORDER_OK) {
        error = order_load_id(db, task->order, order);
    }
    return error == ORDER_OK ? may_work(db, caller, order) : error;
}

/* ---- claiming ---- */

/* The signed task document. */
static enum order_error task_document(const struct engine *engine, struct db *db,
                                      const struct task *task, const struct order *order,
                                      const struct issue_plan *plan, json_t **out) {
    char *jws = NULL;
    json_t *steps = json_array();
    const char *names[STEPS_MAX];
    size_t count = step_names(plan, names);
    for (size_t i = 0; i < count; i++) {
        json_array_append_new(steps, json_string(names[i]));
    }
    bool matches = plan->way == WAY_KEY || plan->way == WAY_HOLDER;
    char not_after[21];
    calendar_rfc3339(task->lease_until_ms / 1000, not_after);
    json_t *payload = json_pack(
        "{s:s,s:s,s:s,s:s,s:s*,s:s,s:s,s:o,s:s,s:s,s:o*}", "task", task->id, "order", order->number,
        "kind", kind_name(order->kind), "tokenSerial", task->token, "matchCertificate",
        matches ? plan->old.sha256 : NULL, "alg", ca_algorithm_name(plan->algorithm), "subjectDn",
        plan->subject_dn, "steps", steps, "nonce", task->nonce, "notAfter", not_after, "unlock",
        order->kind == KIND_UNLOCK ? unlock_terms(engine, order) : NULL);
    enum order_error error =
        payload != NULL ? task_key_sign(engine, db, payload, &jws) : ORDER_INTERNAL;
    if (error == ORDER_OK) {
        *out = json_pack("{s:s,s:i}", "task", jws, "lease", (int)TASK_LEASE_SECONDS);
        error = *out != NULL ? ORDER_OK : ORDER_INTERNAL;
    }
    free(jws);
    json_decref(payload);
    return error;
}

static enum order_error make_task(const struct engine *engine, struct db *db,
                                  const struct order *order, const char *serial, struct task *out) {
    int64_t now_ms = engine_now_ms(engine);
    memset(out, 0, sizeof *out);
    snprintf(out->order, sizeof out->order, "%s", order->id);
    snprintf(out->token, sizeof out->token, "%s", serial);
    snprintf(out->state, sizeof out->state, "OPEN");
    snprintf(out->certificate, sizeof out->certificate, "%s", order->certificate);
    if (!identifier_random(out->id) || !secret_random(out->nonce)) {
        return ORDER_INTERNAL;
    }
    return order_error_of(
        db_run(db, NULL,
               "INSERT INTO issue_tasks (id, order_id, kind, token, certificate, state, nonce, "
               "lease_until, expires, created) VALUES ($1, $2, $3, $4, $5, 'OPEN', $6, 0, 0, $7)",
               "tttttti", out->id, order->id, kind_name(order->kind), out->token,
               order->certificate, out->nonce, now_ms));
}

/* T18, or T13 of a key that is produced; once claimed, only the lease is renewed. */
static enum order_error lease(const struct engine *engine, struct db *db, struct order *order,
                              struct task *task) {
    enum order_error error = ORDER_OK;
    task->lease_until_ms = engine_now_ms(engine) + (int64_t)TASK_LEASE_SECONDS * 1000;
    json_t *data = json_pack("{s:s}", "task", task->id);
    if (order->state == STATE_ISSUING || order->state == STATE_PRODUCING) {
        error = order_note(engine, db, order, "agent", "task claimed again", data);
    } else {
        error = transition_apply(engine, db, order,
                                 order->state == STATE_APPROVED ? T13_PRODUCE : T18_CLAIM, "agent",
                                 NULL, data);
    }
    json_decref(data);
    int64_t changed = 0;
    if (error == ORDER_OK) {
        error = order_error_of(
            db_run(db, &changed,
                   "UPDATE issue_tasks SET state = 'LEASED', lease_until = $2, expires = $2, token "
                   "= $3 WHERE id = $1 AND state IN ('OPEN', 'LEASED')",
                   "tit", task->id, task->lease_until_ms, task->token));
    }
    return error == ORDER_OK && changed != 1 ? ORDER_WRONG_STATE : error;
}

static bool is_ready(const struct order *order) {
    enum gate next = order_next_gate(order);
    if (issue_way_of(order) == WAY_OPERATOR) {
        return next == GATE_PRODUCE &&
               (order->state == STATE_APPROVED || order->state == STATE_PRODUCING);
    }
    return next == GATE_ISSUE &&
           (order->state == STATE_READY_TO_ISSUE || order->state == STATE_ISSUING);
}

/* Another blank key than before, when the first was given back: what was made for the first must never work. */
static enum order_error change_key(const struct engine *engine, struct db *db,
                                   const struct order *order, const char *serial,
                                   struct task *task) {
    struct issuance earlier;
    if (strcmp(task->token, serial) == 0) {
        return ORDER_OK;
    }
    if (strcmp(task->state, "OPEN") != 0) {
        return ORDER_WRONG_TOKEN;
    }
    snprintf(task->token, sizeof task->token, "%s", serial);
    enum order_error error = issuance_live(db, task->id, &earlier);
    if (error == ORDER_OK) {
        error = issuance_revoke(engine, db, order, &earlier);
    }
    return error == ORDER_OK || error == ORDER_NOT_FOUND ? step_forget(db, task->id) : error;
}

/* Is the key in hand the one for this order? */
static enum order_error check_key(const struct engine *engine, struct db *db,
                                  const struct caller *caller, const struct claim *claim,
                                  const struct order *order, const struct issue_plan *plan) {
    if (plan->way != WAY_KEY && plan->way != WAY_HOLDER) {
        return token_take_blank(engine, db, claim->serial, order->subject);
    }
    bool same = strcmp(order->token, claim->serial) == 0 && claim->sha256 != NULL &&
                strcmp(plan->old.sha256, claim->sha256) == 0;
    /* the holder cannot log in with a key whose PIN is locked */
    bool known =
        plan->way == WAY_HOLDER || strcmp(caller->session.certificate, order->certificate) == 0;
    if (!same || !known) {
        return ORDER_WRONG_TOKEN;
    }
    return order->kind == KIND_RENEW ? token_may_renew(db, claim->serial) : ORDER_OK;
}

static enum order_error claim_in_transaction(const struct engine *engine, struct db *db,
                                             const struct caller *caller, const struct claim *claim,
                                             struct issue_plan *plan, json_t **out) {
    struct order order;
    struct task task = {.lease_until_ms = 0};
    enum order_error error = task_order(db, caller, claim->number, &order);
    if (error == ORDER_OK) {
        error = issue_plan_of(engine, db, &order, plan);
    }
    if (error == ORDER_OK && plan->way == WAY_FILE) {
        error = ORDER_NOT_OFFERED; /* nothing of it comes to a key */
    }
    if (error == ORDER_OK) {
        error = check_key(engine, db, caller, claim, &order, plan);
    }
    if (error == ORDER_OK && !is_ready(&order)) {
        error = ORDER_WRONG_STATE;
    }
    if (error == ORDER_OK) {
        error = issue_plan_check(engine, plan);
    }
    if (error == ORDER_OK) {
        error = task_of_order(db, order.id, &task);
        error =
            error == ORDER_NOT_FOUND ? make_task(engine, db, &order, claim->serial, &task) : error;
    }
    if (error == ORDER_OK) {
        error = change_key(engine, db, &order, claim->serial, &task);
    }
    if (error == ORDER_OK) {
        error = lease(engine, db, &order, &task);
    }
    return error == ORDER_OK ? task_document(engine, db, &task, &order, plan, out) : error;
}

/* A code is compared before anything else happens: each wrong one counts. */
static enum order_error check_code(const struct engine *engine, struct db *db,
                                   const struct caller *caller, const struct claim *claim) {
    struct order order;
    enum order_error error = task_order(db, caller, claim->number, &order);
    if (error != ORDER_OK || !download_wants_code(engine, &order)) {
        return error;
    }
    if (!is_ready(&order)) {
        return ORDER_WRONG_STATE;
    }
    return claim->code != NULL ? download_check(engine, db, &order, claim->code) : ORDER_CODE_WRONG;
}

enum order_error task_claim(const struct engine *engine, struct db *db, const struct caller *caller,
                            const struct claim *claim, json_t **out) {
    struct issue_plan plan;
    memset(&plan, 0, sizeof plan);
    *out = NULL;
    enum order_error error = check_code(engine, db, caller, claim);
    if (error == ORDER_OK) {
        error = order_error_of(db_begin(db));
    }
    if (error == ORDER_OK) {
        error = claim_in_transaction(engine, db, caller, claim, &plan, out);
    }
    if (error == ORDER_OK) {
        error = order_error_of(db_commit(db));
    }
    db_rollback(db);
    issue_plan_clear(&plan);
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

enum order_error task_check_proof(struct db *db, const char *id, const char *nonce,
                                  const struct octets *proof) {
    struct octets der = {NULL, 0};
    struct certificate *certificate = NULL;
    char message[sizeof PROOF_PREFIX + SECRET_SIZE];
    int len = snprintf(message, sizeof message, "%s%s", PROOF_PREFIX, nonce);
    enum order_error error = registry_certificate_der(db, id, &der);
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

enum order_error task_close(const struct engine *engine, struct db *db, const struct task *task,
                            struct order *order, enum transition transition, const char *evidence,
                            json_t *data) {
    if (order->token[0] == '\0') {
        snprintf(order->token, sizeof order->token, "%s", task->token);
    }
    enum order_error error = order_error_of(
        db_run(db, NULL, "UPDATE issue_tasks SET state = 'DONE' WHERE id = $1", "t", task->id));
    if (error == ORDER_OK) {
        error = download_use_up(db, order);
    }
    if (error == ORDER_OK) {
        error = first_pin_set(engine, db, task, order);
    }
    return error == ORDER_OK
               ? transition_apply(engine, db, order, transition, "agent", evidence, data)
               : error;
}

static enum order_error finish(const struct engine *engine, struct db *db, const struct task *task,
                               struct order *order, const struct issue_plan *plan,
                               const struct issuance *issuance, const char *sha256) {
    int64_t changed = 0;
    enum order_error error = order_error_of(db_run(
        db, &changed, "UPDATE issuances SET state = 'CONFIRMED' WHERE id = $1 AND state = 'ISSUED'",
        "t", issuance->id));
    if (error == ORDER_OK && changed != 1) {
        error = ORDER_CONFLICT;
    }
    if (error == ORDER_OK) {
        error =
            issue_plan_take_over(engine, db, order, plan, task->token, issuance->sign_certificate,
                                 issuance->enc_certificate, issuance->seal);
    }
    json_t *data = json_pack("{s:s,s:s}", "task", task->id, "certificate", sha256);
    if (error == ORDER_OK) {
        error = task_close(engine, db, task, order,
                           plan->way == WAY_OPERATOR ? T13_PRODUCED : T19_DONE, issuance->id, data);
    }
    json_decref(data);
    return error;
}

static enum order_error confirm_as_planned(const struct engine *engine, struct db *db,
                                           const struct task *task, struct order *order,
                                           const struct issuance *issuance, const char *sha256) {
    struct issue_plan plan;
    enum order_error error = issue_plan_of(engine, db, order, &plan);
    if (error == ORDER_OK) {
        error = issue_plan_check(engine, &plan);
    }
    if (error == ORDER_OK) {
        error = finish(engine, db, task, order, &plan, issuance, sha256);
    }
    issue_plan_clear(&plan);
    return error;
}

static enum order_error confirm_issued(const struct engine *engine, struct db *db,
                                       const struct task *task, struct order *order,
                                       const char *sha256, const struct octets *proof) {
    struct issuance issuance;
    struct certificate_record certificate;
    enum order_error error =
        proof->len > 0 ? issuance_live(db, task->id, &issuance) : ORDER_BAD_REQUEST;
    error = error == ORDER_NOT_FOUND ? ORDER_TASK_NOT_LEASED : error;
    if (error == ORDER_OK) {
        error = registry_certificate(db, issuance.sign_certificate, &certificate);
    }
    if (error == ORDER_OK && strcmp(certificate.sha256, sha256) != 0) {
        error = ORDER_CERTIFICATE_UNKNOWN;
    }
    if (error == ORDER_OK) {
        error = task_check_proof(db, issuance.sign_certificate, issuance.proof_nonce, proof);
    }
    if (error == ORDER_OK && strcmp(issuance.state, "CONFIRMED") != 0) {
        error = confirm_as_planned(engine, db, task, order, &issuance, sha256);
    }
    return error;
}

static enum order_error confirm_in_transaction(const struct engine *engine, struct db *db,
                                               const struct caller *caller, const char *id,
                                               const char *sha256, const struct octets *proof,
                                               json_t **out) {
    struct task task = {.lease_until_ms = 0};
    struct order order;
    enum order_error error = task_load(db, caller, id, &task, &order);
    if (error == ORDER_OK && order.kind == KIND_UNLOCK) {
        error = unlock_confirm(engine, db, &task, &order, sha256, proof);
    } else if (error == ORDER_OK && order.kind == KIND_KEY_RECOVERY) {
        error = recovery_confirm(engine, db, &task, &order, sha256, proof);
    } else if (error == ORDER_OK) {
        error = confirm_issued(engine, db, &task, &order, sha256, proof);
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

/* A key that is being produced stays in the workshop: an operator takes it up again, or another key. */
static enum order_error give_back(const struct engine *engine, struct db *db, struct order *order,
                                  enum transition transition, const char *actor, json_t *data) {
    return order->state == STATE_PRODUCING
               ? order_note(engine, db, order, actor, "task given back", data)
               : transition_apply(engine, db, order, transition, actor, NULL, data);
}

/* What was made for an unconfirmed task must never work. */
static enum order_error undo(const struct engine *engine, struct db *db, const struct task *task,
                             const struct order *order) {
    struct issuance issuance;
    enum order_error error = issuance_live(db, task->id, &issuance);
    if (error == ORDER_OK) {
        error = issuance_revoke(engine, db, order, &issuance);
    }
    if (error == ORDER_OK || error == ORDER_NOT_FOUND) {
        error = step_forget(db, task->id);
    }
    return error;
}

enum order_error task_fail_for_good(const struct engine *engine, struct db *db,
                                    const struct task *task, struct order *order,
                                    const char *code) {
    enum order_error error = undo(engine, db, task, order);
    if (error == ORDER_OK) {
        error = set_task(db, task->id, order->state == STATE_PRODUCING ? "OPEN" : "FAILED");
    }
    if (error == ORDER_OK) {
        json_t *data = json_pack("{s:s,s:s}", "task", task->id, "code", code);
        error = give_back(engine, db, order, T21_FAILED, "agent", data);
        json_decref(data);
    }
    return error;
}

enum order_error task_abandon(const struct engine *engine, struct db *db,
                              const struct order *order) {
    struct task task = {.lease_until_ms = 0};
    enum order_error error = task_of_order(db, order->id, &task);
    if (error == ORDER_OK &&
        (strcmp(task.state, "DONE") == 0 || strcmp(task.state, "LEASED") == 0)) {
        return ORDER_WRONG_STATE;
    }
    if (error == ORDER_OK) {
        error = undo(engine, db, &task, order);
    }
    if (error == ORDER_OK) {
        error = set_task(db, task.id, "FAILED");
    }
    if ((error == ORDER_OK || error == ORDER_NOT_FOUND) && order->kind == KIND_UNLOCK) {
        error = token_set_policy(db, order->token, POLICY_PIN_RESET, false);
    }
    if (error == ORDER_OK || error == ORDER_NOT_FOUND) {
        error = download_use_up(db, order);
    }
    if (error == ORDER_OK) {
        error = first_pin_forget(db, order->id);
    }
    return error;
}

static enum order_error fail_for_now(const struct engine *engine, struct db *db,
                                     const struct task *task, struct order *order,
                                     const char *actor, json_t *data) {
    enum order_error error = set_task(db, task->id, "OPEN");
    return error == ORDER_OK ? give_back(engine, db, order, T20_LEASE_OVER, actor, data) : error;
}

enum order_error task_fail(const struct engine *engine, struct db *db, const struct caller *caller,
                           const char *id, const char *code, bool permanent, json_t **out) {
    struct task task = {.lease_until_ms = 0};
    struct order order = {.state = STATE_DRAFT};
    *out = NULL;
    json_t *data = json_pack("{s:s,s:s}", "task", id, "code", code);
    enum order_error error = order_error_of(db_begin(db));
    if (error == ORDER_OK) {
        error = task_load(db, caller, id, &task, &order);
    }
    if (error == ORDER_OK && strcmp(task.state, "LEASED") != 0) {
        /* said before, or over anyway: harmless unless it is a change of mind */
        bool said = strcmp(task.state, "FAILED") == 0 || order.state == STATE_PRODUCING;
        error = permanent && !said ? ORDER_TASK_NOT_LEASED : ORDER_OK;
    } else if (error == ORDER_OK) {
        error = permanent ? task_fail_for_good(engine, db, &task, &order, code)
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

static enum order_error retry(const struct engine *engine, struct db *db, const char *actor,
                              struct order *order) {
    struct task task = {.lease_until_ms = 0};
    enum order_error error = task_of_order(db, order->id, &task);
    error = error == ORDER_NOT_FOUND ? ORDER_WRONG_STATE : error;
    if (error == ORDER_OK) {
        error = transition_apply(engine, db, order, T27_RETRY, actor, NULL, NULL);
    }
    if (error == ORDER_OK) {
        error = set_task(db, task.id, "OPEN");
    }
    return error == ORDER_OK
               ? order_error_of(db_run(db, NULL, "UPDATE issue_tasks SET tries = 0 WHERE id = $1",
                                       "t", task.id))
               : error;
}

enum order_error task_retry(const struct engine *engine, struct db *db, const struct caller *caller,
                            const char *number, int64_t version, struct order *out) {
    enum order_error error = order_error_of(db_begin(db));
    if (error == ORDER_OK) {
        error = caller != NULL ? order_to_judge(db, caller, ROLE_OPERATOR, number, version, out)
                               : order_load(db, number, out);
    }
    if (error == ORDER_OK) {
        error = retry(engine, db, caller != NULL ? caller_actor(caller) : "operator", out);
    }
    if (error == ORDER_OK) {
        error = order_error_of(db_commit(db));
    }
    db_rollback(db);
    return error;
}

/* ---- steps, and where it stands ---- */

enum order_error task_extend(const struct engine *engine, struct db *db, const struct task *task) {
    int64_t now_ms = engine_now_ms(engine);
    int64_t changed = 0;
    enum order_error error = order_error_of(
        db_run(db, &changed,
               "UPDATE issue_tasks SET lease_until = $2 WHERE id = $1 AND state = 'LEASED' AND "
               "lease_until > $3",
               "tii", task->id, now_ms + (int64_t)TASK_LEASE_SECONDS * 1000, now_ms));
    return error == ORDER_OK && changed != 1 ? ORDER_TASK_NOT_LEASED : error;
}

static enum order_error show(const struct engine *engine, struct db *db, const struct task *task,
                             const struct order *order, const struct issue_plan *plan,
                             json_t **out) {
    json_t *steps = NULL;
    int64_t left_ms = task->lease_until_ms - engine_now_ms(engine);
    bool leased = strcmp(task->state, "LEASED") == 0 && left_ms > 0;
    enum order_error error = step_list(db, task->id, plan, &steps);
    if (error == ORDER_OK) {
        *out = json_pack("{s:s,s:s,s:s,s:s,s:I,s:o}", "task", task->id, "order", order->number,
                         "kind", kind_name(order->kind), "state", task->state, "lease",
                         (json_int_t)(leased ? left_ms / 1000 : 0), "steps", steps);
        error = *out != NULL ? ORDER_OK : ORDER_INTERNAL;
    }
    return error;
}

enum order_error task_look(const struct engine *engine, struct db *db, const struct caller *caller,
                           const char *id, json_t **out) {
    struct task task = {.lease_until_ms = 0};
    struct order order;
    struct issue_plan plan;
    memset(&plan, 0, sizeof plan);
    *out = NULL;
    enum order_error error = task_load(db, caller, id, &task, &order);
    if (error == ORDER_OK) {
        error = issue_plan_of(engine, db, &order, &plan);
    }
    if (error == ORDER_OK) {
        error = show(engine, db, &task, &order, &plan, out);
    }
    issue_plan_clear(&plan);
    return error;
}

static enum order_error report(const struct engine *engine, struct db *db,
                               const struct caller *caller, const char *id, const char *step) {
    struct task task = {.lease_until_ms = 0};
    struct order order;
    struct issue_plan plan;
    memset(&plan, 0, sizeof plan);
    enum order_error error = task_load(db, caller, id, &task, &order);
    if (error == ORDER_OK) {
        error = issue_plan_of(engine, db, &order, &plan);
    }
    /* what is said once more about a finished task is harmless */
    if (error == ORDER_OK && strcmp(task.state, "DONE") != 0) {
        error = task_extend(engine, db, &task);
    }
    if (error == ORDER_OK) {
        error = step_report(db, id, &plan, step, engine_now_ms(engine));
    }
    issue_plan_clear(&plan);
    return error;
}

enum order_error task_step(const struct engine *engine, struct db *db, const struct caller *caller,
                           const char *id, const char *step, json_t **out) {
    *out = NULL;
    enum order_error error = order_error_of(db_begin(db));
    if (error == ORDER_OK) {
        error = report(engine, db, caller, id, step);
    }
    if (error == ORDER_OK) {
        error = order_error_of(db_commit(db));
    }
    db_rollback(db);
    return error == ORDER_OK ? task_look(engine, db, caller, id, out) : error;
}
