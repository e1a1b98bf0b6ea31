/* See first_pin.h. */
#include "tools/orderd/engine/first_pin.h"

#include "module/formats/sm2.h"
#include "tools/orderd/engine/base64.h"
#include "tools/orderd/engine/form.h"
#include "tools/orderd/engine/message.h"
#include "tools/orderd/engine/outbox.h"

#include <openssl/crypto.h>
#include <openssl/rand.h>
#include <openssl/x509.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PIN_LEN = 8, ABOUT_SIZE = ID_SIZE + 96 };

struct first_pin {
    char token[65];
    char state[8]; /* DRAWN, ON_KEY, TOLD */
    char way[16];
    char *sealed; /* owned */
};

static void about_of(const char *order, const char *token, char about[ABOUT_SIZE]) {
    snprintf(about, ABOUT_SIZE, "first pin %s %s", order, token);
}

static enum order_error load(struct db *db, const char *order, struct first_pin *out) {
    struct db_rows *rows = NULL;
    memset(out, 0, sizeof *out);
    enum db_result result = db_query(
        db, &rows, "SELECT token, state, way, pin_sealed FROM first_pins WHERE order_id = $1", "t",
        order);
    if (result != DB_OK) {
        return order_error_of(result);
    }
    result = db_next(rows);
    enum order_error error = result == DB_DONE ? ORDER_NOT_FOUND : order_error_of(result);
    if (error == ORDER_OK) {
        snprintf(out->token, sizeof out->token, "%s", db_text(rows, 0));
        snprintf(out->state, sizeof out->state, "%s", db_text(rows, 1));
        snprintf(out->way, sizeof out->way, "%s", db_text(rows, 2));
        out->sealed = strdup(db_text(rows, 3));
        error = out->sealed != NULL ? ORDER_OK : ORDER_INTERNAL;
    }
    db_end(rows);
    return error;
}

/* ---- drawing and giving ---- */

/* Eight characters without those that look alike: about 40 bits, and it must be changed. */
static bool draw(char out[PIN_LEN + 1]) {
    static const char alphabet[] = "23456789ABCDEFGHJKLMNPQRSTUVWXYZ";
    unsigned char bytes[PIN_LEN];
    if (RAND_priv_bytes(bytes, sizeof bytes) != 1) {
        return false;
    }
    for (size_t i = 0; i < PIN_LEN; i++) {
        out[i] = alphabet[bytes[i] % 32];
    }
    out[PIN_LEN] = '\0';
    OPENSSL_cleanse(bytes, sizeof bytes);
    return true;
}

/* The PIN of this order's key; another key gets another. *pin: vault_free. */
static enum order_error draw_or_find(const struct engine *engine, struct db *db,
                                     const struct task *task, const struct order *order,
                                     char **pin) {
    char drawn[PIN_LEN + 1] = "";
    char about[ABOUT_SIZE];
    char *sealed = NULL;
    struct first_pin known = {.sealed = NULL};
    about_of(order->id, task->token, about);
    enum order_error error = load(db, order->id, &known);
    if (error == ORDER_OK && strcmp(known.state, "DRAWN") != 0) {
        error = ORDER_WRONG_STATE; /* that key is made */
    } else if (error == ORDER_OK && strcmp(known.token, task->token) == 0) {
        error = vault_unseal(engine->vault, about, known.sealed, pin);
        free(known.sealed);
        return error;
    }
    free(known.sealed);
    if (error != ORDER_OK && error != ORDER_NOT_FOUND) {
        return error;
    }
    error = draw(drawn) ? vault_seal(engine->vault, about, drawn, &sealed) : ORDER_INTERNAL;
    if (error == ORDER_OK) {
        error = order_error_of(
            db_run(db, NULL,
                   "INSERT INTO first_pins (order_id, token, pin_sealed, state) VALUES ($1, $2, "
                   "$3, 'DRAWN') ON CONFLICT (order_id) DO UPDATE SET token = $2, pin_sealed = $3",
                   "ttt", order->id, task->token, sealed));
    }
    free(sealed);
    if (error == ORDER_OK) {
        *pin = strdup(drawn);
        error = *pin != NULL ? ORDER_OK : ORDER_INTERNAL;
    }
    OPENSSL_cleanse(drawn, sizeof drawn);
    return error;
}

static enum order_error encrypt(const struct octets *recipient, const char *pin, json_t **out) {
    struct octets cipher = {NULL, 0};
    const unsigned char *at = recipient->data;
    EVP_PKEY *key = d2i_PUBKEY(NULL, &at, (long)recipient->len);
    enum order_error error = ORDER_CSR_INVALID;
    if (key != NULL && at == recipient->data + recipient->len && sm2_key_is_sm2(key)) {
        error = sm2_encrypt(NULL, key, pin, strlen(pin), &cipher) == FORMATS_OK ? ORDER_OK
                                                                                : ORDER_INTERNAL;
    }
    if (error == ORDER_OK) {
        *out = json_pack("{s:o,s:b}", "sealedPin", base64_json(&cipher), "mustChange", 1);
        error = *out != NULL ? ORDER_OK : ORDER_INTERNAL;
    }
    octets_free(&cipher);
    EVP_PKEY_free(key);
    return error;
}

static enum order_error give(const struct engine *engine, struct db *db,
                             const struct caller *caller, const char *id,
                             const struct octets *recipient, json_t **out) {
    struct task task;
    struct order order;
    char *pin = NULL;
    enum order_error error = task_load(db, caller, id, &task, &order);
    if (error == ORDER_OK && issue_way_of(&order) != WAY_OPERATOR) {
        error = ORDER_NOT_OFFERED;
    }
    if (error == ORDER_OK) {
        error = task_extend(engine, db, &task);
    }
    if (error == ORDER_OK) {
        error = draw_or_find(engine, db, &task, &order, &pin);
    }
    if (error == ORDER_OK) {
        error = encrypt(recipient, pin, out);
    }
    vault_free(pin);
    return error;
}

enum order_error first_pin_give(const struct engine *engine, struct db *db,
                                const struct caller *caller, const char *task,
                                const struct octets *recipient, json_t **out) {
    *out = NULL;
    enum order_error error = order_error_of(db_begin(db));
    if (error == ORDER_OK) {
        error = give(engine, db, caller, task, recipient, out);
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

/* ---- the key is made ---- */

enum order_error first_pin_set(const struct engine *engine, struct db *db, const struct task *task,
                               const struct order *order) {
    int64_t changed = 0;
    enum order_error error = order_error_of(db_run(
        db, &changed,
        "UPDATE first_pins SET state = 'ON_KEY' WHERE order_id = $1 AND token = $2 AND state "
        "= 'DRAWN'",
        "tt", order->id, task->token));
    if (error == ORDER_OK && changed == 1) {
        json_t *payload = json_pack("{s:s}", "order", order->id);
        error = payload != NULL ? outbox_put(db, TOPIC_FIRST_PIN, payload, engine_now_ms(engine))
                                : ORDER_INTERNAL;
        json_decref(payload);
    }
    return error;
}

enum order_error first_pin_forget(struct db *db, const char *order) {
    return order_error_of(db_run(
        db, NULL, "DELETE FROM first_pins WHERE order_id = $1 AND state = 'DRAWN'", "t", order));
}

/* ---- telling ---- */

/* Who is told, and how: by the check that the order went through. Owned by the caller: fields. */
struct listener {
    bool by_transfer;
    const char *phone;
    const char *email;
    json_t *fields; /* of the check, or NULL */
    json_t *form;
};

static void listener_clear(struct listener *listener) {
    json_decref(listener->fields);
    json_decref(listener->form);
}

/* The check of the organisation or person; else of the handler. */
static enum order_error read_check(const struct engine *engine, struct db *db,
                                   const struct order *order, struct listener *out) {
    char about[ABOUT_SIZE];
    struct db_rows *rows = NULL;
    enum db_result result = db_query(
        db, &rows,
        "SELECT id, method, fields_sealed FROM verifications WHERE order_id = $1 AND state = "
        "'PASSED' ORDER BY CASE role WHEN 'HANDLER' THEN 1 ELSE 0 END, created DESC LIMIT 1",
        "t", order->id);
    if (result != DB_OK) {
        return order_error_of(result);
    }
    result = db_next(rows);
    enum order_error error = result == DB_DONE ? ORDER_OK : order_error_of(result);
    if (result == DB_OK) {
        out->by_transfer = strcmp(db_text(rows, 1), "TRANSFER") == 0;
        snprintf(about, sizeof about, "check %s", db_text(rows, 0));
        error = vault_unseal_json(engine->vault, about, db_text(rows, 2), &out->fields);
    }
    db_end(rows);
    return error;
}

static enum order_error find_listener(const struct engine *engine, struct db *db,
                                      const struct order *order, struct listener *out) {
    static const char *const phones[] = {"legalPhone", "phone", "handlerPhone"};
    memset(out, 0, sizeof *out);
    enum order_error error = form_load(engine, db, order, &out->form);
    if (error == ORDER_OK) {
        error = read_check(engine, db, order, out);
    }
    if (error == ORDER_OK) {
        out->phone = form_text(out->form, "handlerPhone");
        out->email = form_text(out->form, "handlerEmail");
        /* the first of them that was checked */
        bool found = out->fields == NULL;
        for (size_t i = 0; i < sizeof phones / sizeof phones[0] && !found; i++) {
            found = form_text(out->fields, phones[i])[0] != '\0';
            if (found) {
                out->phone = form_text(out->fields, phones[i]);
            }
        }
    }
    return error;
}

static const char *way_of(const struct listener *listener) {
    return listener->by_transfer ? "TRANSFER" : listener->phone[0] != '\0' ? "SMS" : "MAIL";
}

static enum order_error send_text(const struct engine *engine, struct db *db,
                                  const struct order *order, const struct listener *listener,
                                  const char *pin) {
    char with_pin[512];
    char body[512];
    bool sms = listener->phone[0] != '\0';
    text_fill(TEXT_FIRST_PIN, LANGUAGE_ZH, "pin", pin, with_pin, sizeof with_pin);
    text_replace(with_pin, "number", order->number, body, sizeof body);
    enum order_error error =
        message_put(engine, db, sms ? listener->phone : listener->email,
                    sms ? NULL : text_get(TEXT_FIRST_PIN_SUBJECT, LANGUAGE_ZH), body);
    OPENSSL_cleanse(with_pin, sizeof with_pin);
    OPENSSL_cleanse(body, sizeof body);
    return error;
}

/* Another 0.01 yuan; the outbox item's number makes it one, however often this is tried. */
static enum order_error send_transfer(const struct engine *engine, struct db *db, const char *id,
                                      const struct order *order, const struct listener *listener,
                                      const char *pin) {
    struct subject_record subject;
    struct identity_answer answer;
    enum order_error error = registry_subject(engine, db, order->subject, &subject);
    if (error == ORDER_OK) {
        const struct identity_person person = {
            .name = subject.name,
            .number = subject.credential_no,
            .phone = "",
            .bank_card = "",
            .bank_account = form_text(listener->fields, "bankAccount"),
        };
        const struct identity_provider *provider = engine->identity;
        error = provider->transfer(provider->context, db, id, &person, pin, engine_now_ms(engine),
                                   &answer)
                    ? ORDER_OK
                    : ORDER_PROVIDER_FAILED;
    }
    return error;
}

/* Told and forgotten at once. */
static enum order_error tell(const struct engine *engine, struct db *db, const struct order *order,
                             const struct listener *listener, const char *pin) {
    enum order_error error = order_error_of(db_begin(db));
    if (error == ORDER_OK && !listener->by_transfer) {
        error = send_text(engine, db, order, listener, pin);
    }
    if (error == ORDER_OK) {
        error = order_error_of(
            db_run(db, NULL,
                   "UPDATE first_pins SET state = 'TOLD', pin_sealed = '', way = $2 WHERE order_id "
                   "= $1",
                   "tt", order->id, way_of(listener)));
    }
    if (error == ORDER_OK) {
        json_t *data = json_pack("{s:s}", "way", way_of(listener));
        error = order_note(engine, db, order, "service", "first PIN told", data);
        json_decref(data);
    }
    if (error == ORDER_OK) {
        error = order_error_of(db_commit(db));
    }
    db_rollback(db);
    return error;
}

enum order_error first_pin_tell(const struct engine *engine, struct db *db, const char *id,
                                const char *number) {
    char about[ABOUT_SIZE];
    char *pin = NULL;
    struct order order;
    struct first_pin known = {.sealed = NULL};
    struct listener listener = {.fields = NULL};
    enum order_error error = order_load_id(db, number, &order);
    if (error == ORDER_OK) {
        error = load(db, order.id, &known);
    }
    if (error != ORDER_OK || strcmp(known.state, "ON_KEY") != 0) {
        free(known.sealed);
        return error == ORDER_NOT_FOUND ? ORDER_OK : error;
    }
    about_of(order.id, known.token, about);
    error = vault_unseal(engine->vault, about, known.sealed, &pin);
    if (error == ORDER_OK) {
        error = find_listener(engine, db, &order, &listener);
    }
    if (error == ORDER_OK && listener.by_transfer) {
        error = send_transfer(engine, db, id, &order, &listener, pin);
    }
    if (error == ORDER_OK) {
        error = tell(engine, db, &order, &listener, pin);
    }
    listener_clear(&listener);
    vault_free(pin);
    free(known.sealed);
    return error;
}

enum order_error first_pin_view(const struct engine *engine, struct db *db,
                                const struct order *order, json_t **out) {
    struct first_pin known = {.sealed = NULL};
    struct listener listener = {.fields = NULL};
    *out = NULL;
    enum order_error error = load(db, order->id, &known);
    free(known.sealed);
    if (error != ORDER_OK || strcmp(known.state, "DRAWN") == 0) {
        return error == ORDER_NOT_FOUND ? ORDER_OK : error;
    }
    bool told = strcmp(known.state, "TOLD") == 0;
    if (!told) {
        error = find_listener(engine, db, order, &listener);
    }
    if (error == ORDER_OK) {
        *out = json_pack("{s:s,s:s}", "way", told ? known.way : way_of(&listener), "state",
                         told ? "TOLD" : "WAITING");
        error = *out != NULL ? ORDER_OK : ORDER_INTERNAL;
    }
    listener_clear(&listener);
    return error;
}
