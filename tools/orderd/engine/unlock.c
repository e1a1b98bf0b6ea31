/* See unlock.h. */
#include "tools/orderd/engine/unlock.h"

#include "tools/orderd/engine/base64.h"
#include "tools/orderd/engine/token.h"
#include "tools/orderd/engine/transition.h"
#include "tools/orderd/engine/view.h"

#include <openssl/evp.h>
#include <stdio.h>
#include <string.h>

enum { SERIAL_BYTES = 32, CASE_MAX = 32, CHALLENGE_HEX = 2 * UNLOCK_CHALLENGE_BYTES + 1 };

_Static_assert(PUBLIC_NUMBER_SIZE - 1 <= CASE_MAX, "an order's number names the case to the key");

struct answer {
    char challenge[CHALLENGE_HEX];
    char task[ID_SIZE];
    char nonce[SECRET_SIZE];
    int64_t number;
    int64_t expires_ms;
};

bool unlock_wants_code(const struct engine *engine) {
    return engine->profile->unlock == UNLOCK_CHOSEN_PIN;
}

json_t *unlock_terms(const struct engine *engine, const struct order *order) {
    bool fixed = engine->profile->unlock == UNLOCK_FIXED_PIN;
    return json_pack("{s:s,s:s,s:b}", "case", order->number, "pin", fixed ? "FIXED" : "CHOSEN",
                     "mustChange", (int)fixed);
}

enum order_error unlock_may_order(struct db *db, const char *token) {
    struct token_record record;
    enum order_error error = token_find(db, token, &record);
    return error == ORDER_OK && !record.has_unlock_key ? ORDER_UNLOCK_UNKNOWN : error;
}

/* ---- rows ---- */

#define ANSWER_COLUMNS "SELECT challenge, task, proof_nonce, number, expires FROM unlock_answers "

static enum order_error read_answer(struct db_rows *rows, struct answer *out) {
    memset(out, 0, sizeof *out);
    enum db_result result = db_next(rows);
    if (result == DB_OK) {
        snprintf(out->challenge, sizeof out->challenge, "%s", db_text(rows, 0));
        snprintf(out->task, sizeof out->task, "%s", db_text(rows, 1));
        snprintf(out->nonce, sizeof out->nonce, "%s", db_text(rows, 2));
        out->number = db_int(rows, 3);
        out->expires_ms = db_int(rows, 4);
    }
    db_end(rows);
    return result == DB_DONE ? ORDER_NOT_FOUND : order_error_of(result);
}

static enum order_error newest(struct db *db, const char *task, struct answer *out) {
    struct db_rows *rows = NULL;
    enum db_result result = db_query(
        db, &rows, ANSWER_COLUMNS "WHERE task = $1 ORDER BY number DESC LIMIT 1", "t", task);
    return result == DB_OK ? read_answer(rows, out) : order_error_of(result);
}

static enum order_error of_challenge(struct db *db, const char *token, const char *challenge,
                                     struct answer *out) {
    struct db_rows *rows = NULL;
    enum db_result result = db_query(
        db, &rows, ANSWER_COLUMNS "WHERE token = $1 AND challenge = $2", "tt", token, challenge);
    return result == DB_OK ? read_answer(rows, out) : order_error_of(result);
}

/* ---- answering ---- */

/* K = HMAC-SM3(unlock key, "OpenUKey unlock" || 00 || serial32 || challenge16 || orderLen1 || order): apdu.h, Remote unlock. */
static enum order_error derive(const unsigned char key[UNLOCK_KEY_BYTES], const char *serial,
                               const struct octets *challenge, const char *number,
                               unsigned char out[UNLOCK_ANSWER_BYTES]) {
    static const char label[] = "OpenUKey unlock"; /* its NUL is the 00 */
    unsigned char text[sizeof label + SERIAL_BYTES + UNLOCK_CHALLENGE_BYTES + 1 + CASE_MAX] = {0};
    size_t serial_len = strlen(serial);
    size_t case_len = strlen(number);
    size_t made = 0;
    unsigned char *at = text + sizeof label;
    if (serial_len > SERIAL_BYTES || case_len > CASE_MAX) {
        return ORDER_WRONG_TOKEN;
    }
    memcpy(text, label, sizeof label);
    memcpy(at, serial, serial_len);
    at += SERIAL_BYTES;
    memcpy(at, challenge->data, UNLOCK_CHALLENGE_BYTES);
    at += UNLOCK_CHALLENGE_BYTES;
    *at++ = (unsigned char)case_len;
    memcpy(at, number, case_len);
    at += case_len;
    return EVP_Q_mac(NULL, "HMAC", NULL, "SM3", NULL, key, UNLOCK_KEY_BYTES, text,
                     (size_t)(at - text), out, UNLOCK_ANSWER_BYTES, &made) != NULL &&
                   made == UNLOCK_ANSWER_BYTES
               ? ORDER_OK
               : ORDER_INTERNAL;
}

static enum order_error put_answer(const struct engine *engine, struct db *db,
                                   const struct task *task, const struct order *order,
                                   struct answer *answer) {
    struct answer last = {.number = 0};
    enum order_error error = newest(db, task->id, &last);
    if (error != ORDER_OK && error != ORDER_NOT_FOUND) {
        return error;
    }
    answer->number = last.number + 1;
    answer->expires_ms = engine_now_ms(engine) + (int64_t)UNLOCK_ANSWER_SECONDS * 1000;
    if (!secret_random(answer->nonce)) {
        return ORDER_INTERNAL;
    }
    error = order_error_of(
        db_run(db, NULL,
               "INSERT INTO unlock_answers (token, challenge, task, number, proof_nonce, expires) "
               "VALUES ($1, $2, $3, $4, $5, $6)",
               "tttiti", task->token, answer->challenge, task->id, answer->number, answer->nonce,
               answer->expires_ms));
    if (error == ORDER_OK) {
        error = order_error_of(db_run(
            db, NULL, "UPDATE issue_tasks SET tries = tries + 1 WHERE id = $1", "t", task->id));
    }
    if (error == ORDER_OK) {
        json_t *data =
            json_pack("{s:s,s:I}", "task", task->id, "number", (json_int_t)answer->number);
        error = order_note(engine, db, order, "agent", "unlock answered", data);
        json_decref(data);
    }
    return error;
}

/* May one more be answered? */
static enum order_error check_allowed(struct db *db, const struct task *task) {
    struct token_record token;
    enum order_error error = token_find(db, task->token, &token);
    if (error == ORDER_OK && !token.policies[POLICY_PIN_RESET]) {
        error = ORDER_TOKEN_STATE;
    }
    return error == ORDER_OK && task->tries >= UNLOCK_ANSWERS_MAX ? ORDER_UNLOCK_TRIES : error;
}

static enum order_error find_or_put(const struct engine *engine, struct db *db,
                                    const struct task *task, const struct order *order,
                                    struct answer *answer) {
    struct answer known = {.number = 0};
    struct answer last = {.number = 0};
    enum order_error error = of_challenge(db, task->token, answer->challenge, &known);
    if (error == ORDER_NOT_FOUND) {
        error = check_allowed(db, task);
        return error == ORDER_OK ? put_answer(engine, db, task, order, answer) : error;
    }
    if (error == ORDER_OK && strcmp(known.task, task->id) != 0) {
        return ORDER_CHALLENGE_USED;
    }
    if (error == ORDER_OK) {
        error = newest(db, task->id, &last);
    }
    if (error == ORDER_OK && last.number != known.number) {
        return ORDER_CHALLENGE_USED; /* the key has made another one since and forgotten this */
    }
    if (error == ORDER_OK && known.expires_ms <= engine_now_ms(engine)) {
        return ORDER_CHALLENGE_STALE;
    }
    *answer = known;
    return error;
}

static enum order_error answer_in_transaction(const struct engine *engine, struct db *db,
                                              const struct caller *caller, const char *id,
                                              const char *serial, struct answer *answer,
                                              struct task *task, struct order *order) {
    enum order_error error = task_load(db, caller, id, task, order);
    if (error == ORDER_OK && order->kind != KIND_UNLOCK) {
        error = ORDER_NOT_OFFERED;
    }
    if (error == ORDER_OK && strcmp(task->token, serial) != 0) {
        error = ORDER_WRONG_TOKEN;
    }
    if (error == ORDER_OK) {
        error = task_extend(engine, db, task);
    }
    return error == ORDER_OK ? find_or_put(engine, db, task, order, answer) : error;
}

static enum order_error make_json(const struct engine *engine, struct db *db,
                                  const struct task *task, const struct order *order,
                                  const struct octets *challenge, const struct answer *answer,
                                  json_t **out) {
    unsigned char key[UNLOCK_KEY_BYTES] = {0};
    unsigned char response[UNLOCK_ANSWER_BYTES] = {0};
    struct octets bytes = {response, sizeof response};
    enum order_error error = token_unlock_key(engine, db, task->token, key);
    if (error == ORDER_OK) {
        error = derive(key, task->token, challenge, order->number, response);
    }
    if (error == ORDER_OK) {
        *out = json_pack("{s:o,s:s,s:o}", "response", base64_json(&bytes), "nonce", answer->nonce,
                         "expires", view_time(answer->expires_ms / 1000));
        error = *out != NULL ? ORDER_OK : ORDER_INTERNAL;
    }
    OPENSSL_cleanse(key, sizeof key);
    OPENSSL_cleanse(response, sizeof response);
    return error;
}

enum order_error unlock_answer(const struct engine *engine, struct db *db,
                               const struct caller *caller, const char *id, const char *serial,
                               const struct octets *challenge, json_t **out) {
    struct task task;
    struct order order;
    struct answer answer = {.number = 0};
    *out = NULL;
    if (challenge->len != UNLOCK_CHALLENGE_BYTES) {
        return ORDER_BAD_REQUEST;
    }
    for (size_t i = 0; i < UNLOCK_CHALLENGE_BYTES; i++) {
        snprintf(answer.challenge + 2 * i, 3, "%02x", challenge->data[i]);
    }
    enum order_error error = order_error_of(db_begin(db));
    if (error == ORDER_OK) {
        error = answer_in_transaction(engine, db, caller, id, serial, &answer, &task, &order);
    }
    if (error == ORDER_OK) {
        error = make_json(engine, db, &task, &order, challenge, &answer, out);
    }
    bool over = error == ORDER_UNLOCK_TRIES;
    if (over) {
        error = task_fail_for_good(engine, db, &task, &order, "UNLOCK_TRIES_OVER");
    }
    if (error == ORDER_OK) {
        error = order_error_of(db_commit(db));
    }
    db_rollback(db);
    if (error != ORDER_OK) {
        json_decref(*out);
        *out = NULL;
    }
    return error == ORDER_OK && over ? ORDER_UNLOCK_TRIES : error;
}

/* ---- confirming ---- */

static enum order_error check_worked(const struct engine *engine, struct db *db,
                                     const struct task *task, const struct order *order,
                                     const struct octets *proof) {
    struct answer answer = {.number = 0};
    enum order_error error = newest(db, task->id, &answer);
    if (error != ORDER_OK) {
        return error == ORDER_NOT_FOUND ? ORDER_TASK_NOT_LEASED : error;
    }
    if (proof->len > 0) {
        return task_check_proof(db, order->certificate, answer.nonce, proof);
    }
    if (engine->profile->unlock != UNLOCK_FIXED_PIN) {
        return ORDER_PROOF_INVALID;
    }
    return strcmp(task->state, "DONE") == 0 || answer.expires_ms > engine_now_ms(engine)
               ? ORDER_OK
               : ORDER_CHALLENGE_STALE;
}

enum order_error unlock_confirm(const struct engine *engine, struct db *db, const struct task *task,
                                struct order *order, const char *sha256,
                                const struct octets *proof) {
    struct certificate_record certificate;
    enum order_error error = registry_certificate(db, order->certificate, &certificate);
    if (error == ORDER_OK && strcmp(certificate.sha256, sha256) != 0) {
        error = ORDER_CERTIFICATE_UNKNOWN;
    }
    if (error == ORDER_OK) {
        error = check_worked(engine, db, task, order, proof);
    }
    if (error != ORDER_OK || strcmp(task->state, "DONE") == 0) {
        return error;
    }
    if (strcmp(task->state, "FAILED") == 0) {
        return ORDER_TASK_NOT_LEASED;
    }
    error = token_set_policy(db, task->token, POLICY_PIN_RESET, false);
    if (error == ORDER_OK) {
        json_t *data = json_pack("{s:s,s:s}", "task", task->id, "proof",
                                 proof->len > 0 ? "signature" : "agent");
        error = task_close(engine, db, task, order, T19_DONE, NULL, data);
        json_decref(data);
    }
    return error;
}
