/* See payment_sim.h. */
#include "tools/orderd/third/payment_sim.h"

#include "agent/http/json.h"
#include "module/formats/octets.h"
#include "tools/orderd/engine/identifier.h"
#include "tools/orderd/engine/outbox.h"
#include "tools/orderd/third/secret_file.h"

#include <openssl/crypto.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

bool payment_sim_open(struct payment_sim *sim, const char *secret_file, const char *public_url) {
    memset(sim, 0, sizeof *sim);
    sim->public_url = public_url;
    return secret_file_open(secret_file, sim->secret, sizeof sim->secret);
}

bool payment_sim_sign(const struct payment_sim *sim, const char *body, size_t len,
                      char signature[SIM_SIGNATURE_SIZE]) {
    unsigned char mac[32];
    unsigned int mac_len = 0;
    signature[0] = '\0';
    if (HMAC(EVP_sha256(), sim->secret, sizeof sim->secret, (const unsigned char *)body, len, mac,
             &mac_len) == NULL ||
        mac_len != sizeof mac) {
        return false;
    }
    octets_to_hex(mac, sizeof mac, signature);
    return true;
}

/* ---- as the engine sees it ---- */

static bool serves(void *context, const char *channel) {
    (void)context;
    return strcmp(channel, "ALIPAY") == 0 || strcmp(channel, "WECHAT") == 0;
}

static bool create(void *context, struct db *db, const struct payment_request *request, char *url,
                   size_t size) {
    const struct payment_sim *sim = context;
    int len = snprintf(url, size, "%s/sim/pay/%s", sim->public_url, request->id);
    return len > 0 && (size_t)len < size &&
           db_run(db, NULL,
                  "INSERT INTO sim_payments (id, amount_fen, title, channel, state, created) "
                  "VALUES ($1, $2, $3, $4, 'WAITING', $5)",
                  "titti", request->id, request->amount_fen, request->title, request->channel,
                  request->now_ms) == DB_OK;
}

static bool read_notice(const json_t *object, struct payment_notice *notice) {
    const char *id = json_member_string(object, "payment", sizeof notice->id - 1);
    const char *transaction =
        json_member_string(object, "transaction", sizeof notice->transaction - 1);
    const char *result = json_member_string(object, "result", 8);
    const json_t *amount = json_object_get(object, "amountFen");
    if (id == NULL || transaction == NULL || result == NULL || strcmp(result, "PAID") != 0 ||
        !json_is_integer(amount)) {
        return false;
    }
    snprintf(notice->id, sizeof notice->id, "%s", id);
    snprintf(notice->transaction, sizeof notice->transaction, "%s", transaction);
    notice->amount_fen = json_integer_value(amount);
    return true;
}

static bool read_callback(void *context, const char *body, size_t len, const char *signature,
                          struct payment_notice *notice) {
    const struct payment_sim *sim = context;
    char expected[SIM_SIGNATURE_SIZE];
    memset(notice, 0, sizeof *notice);
    if (strlen(signature) != SIM_SIGNATURE_SIZE - 1 ||
        !payment_sim_sign(sim, body, len, expected) ||
        CRYPTO_memcmp(expected, signature, SIM_SIGNATURE_SIZE - 1) != 0) {
        return false;
    }
    json_t *object = json_parse_strict(body, len, NULL, 0);
    bool good = object != NULL && read_notice(object, notice);
    json_decref(object);
    return good;
}

static bool refund(void *context, struct db *db, const char *id, int64_t amount_fen) {
    (void)context;
    int64_t changed = 0;
    return db_run(
               db, &changed,
               "UPDATE sim_payments SET state = 'REFUNDED' WHERE id = $1 AND amount_fen = $2 AND "
               "state IN ('SETTLED', 'REFUNDED')",
               "ti", id, amount_fen) == DB_OK &&
           changed == 1;
}

struct payment_provider payment_sim_provider(struct payment_sim *sim) {
    return (struct payment_provider){
        .name = "sim",
        .context = sim,
        .serves = serves,
        .create = create,
        .read_callback = read_callback,
        .refund = refund,
    };
}

/* ---- its own side ---- */

static enum order_error load(struct db *db, const char *id, struct payment_sim_view *out,
                             char *transaction, size_t size) {
    struct db_rows *rows = NULL;
    memset(out, 0, sizeof *out);
    enum db_result result = db_query(
        db, &rows, "SELECT title, channel, state, amount_fen, txn FROM sim_payments WHERE id = $1",
        "t", id);
    if (result != DB_OK) {
        return order_error_of(result);
    }
    result = db_next(rows);
    if (result == DB_OK) {
        snprintf(out->title, sizeof out->title, "%s", db_text(rows, 0));
        snprintf(out->channel, sizeof out->channel, "%s", db_text(rows, 1));
        snprintf(out->state, sizeof out->state, "%s", db_text(rows, 2));
        out->amount_fen = db_int(rows, 3);
        snprintf(transaction, size, "%s", db_text(rows, 4));
    }
    db_end(rows);
    return result == DB_DONE ? ORDER_NOT_FOUND : order_error_of(result);
}

enum order_error payment_sim_show(struct db *db, const char *id, struct payment_sim_view *out) {
    char transaction[40];
    return load(db, id, out, transaction, sizeof transaction);
}

/* R264: 28 digits. */
static bool draw_transaction(char out[29]) {
    unsigned char bytes[28];
    if (RAND_bytes(bytes, sizeof bytes) != 1) {
        return false;
    }
    for (size_t i = 0; i < sizeof bytes; i++) {
        out[i] = (char)('0' + bytes[i] % 10);
    }
    out[28] = '\0';
    return true;
}

enum order_error payment_sim_settle(struct db *db, const char *id, int64_t now_ms) {
    struct payment_sim_view view;
    char transaction[40];
    enum order_error error = order_error_of(db_begin(db));
    if (error == ORDER_OK) {
        error = load(db, id, &view, transaction, sizeof transaction);
    }
    if (error == ORDER_OK && strcmp(view.state, "WAITING") == 0) {
        error =
            draw_transaction(transaction)
                ? order_error_of(db_run(
                      db, NULL, "UPDATE sim_payments SET state = 'SETTLED', txn = $2 WHERE id = $1",
                      "tt", id, transaction))
                : ORDER_INTERNAL;
    }
    if (error == ORDER_OK) {
        json_t *payload = json_pack("{s:s}", "id", id);
        error =
            payload != NULL ? outbox_put(db, TOPIC_SIM_CALLBACK, payload, now_ms) : ORDER_INTERNAL;
        json_decref(payload);
    }
    if (error == ORDER_OK) {
        error = order_error_of(db_commit(db));
    }
    db_rollback(db);
    return error;
}

enum order_error payment_sim_notice(const struct payment_sim *sim, struct db *db, const char *id,
                                    char body[SIM_BODY_SIZE], char signature[SIM_SIGNATURE_SIZE]) {
    struct payment_sim_view view;
    char transaction[40];
    enum order_error error = load(db, id, &view, transaction, sizeof transaction);
    if (error != ORDER_OK) {
        return error;
    }
    int len = snprintf(body, SIM_BODY_SIZE,
                       "{\"payment\":\"%s\",\"transaction\":\"%s\",\"amountFen\":%lld,"
                       "\"result\":\"PAID\"}",
                       id, transaction, (long long)view.amount_fen);
    return len > 0 && len < SIM_BODY_SIZE && payment_sim_sign(sim, body, (size_t)len, signature)
               ? ORDER_OK
               : ORDER_INTERNAL;
}
