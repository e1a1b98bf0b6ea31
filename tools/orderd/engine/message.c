/* See message.h. */
#include "tools/orderd/engine/message.h"

#include "tools/orderd/engine/form.h"
#include "tools/orderd/engine/view.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char SEALED_AS[] = "message";

enum order_error message_put(const struct engine *engine, struct db *db, const char *recipient,
                             const char *subject, const char *body) {
    char *sealed = NULL;
    json_t *content = json_pack("{s:s,s:s,s:s}", "to", recipient, "subject",
                                subject != NULL ? subject : "", "body", body);
    enum order_error error = content != NULL
                                 ? vault_seal_json(engine->vault, SEALED_AS, content, &sealed)
                                 : ORDER_INTERNAL;
    if (error == ORDER_OK) {
        json_t *payload =
            json_pack("{s:s,s:s}", "medium", subject != NULL ? "MAIL" : "SMS", "sealed", sealed);
        error = payload != NULL ? outbox_put(db, TOPIC_MESSAGE, payload, engine_now_ms(engine))
                                : ORDER_INTERNAL;
        json_decref(payload);
    }
    free(sealed);
    json_decref(content);
    return error;
}

enum order_error message_deliver(const struct engine *engine, struct db *db, const char *id,
                                 const json_t *payload) {
    json_t *content = NULL;
    enum order_error error =
        vault_unseal_json(engine->vault, SEALED_AS, form_text(payload, "sealed"), &content);
    if (error == ORDER_OK) {
        struct message message = {
            .id = id,
            .medium = form_text(payload, "medium"),
            .recipient = form_text(content, "to"),
            .subject = form_text(content, "subject"),
            .body = form_text(content, "body"),
            .now_ms = engine_now_ms(engine),
        };
        const struct messenger *messenger = engine->messenger;
        error = messenger->send(messenger->context, db, &message) ? ORDER_OK : ORDER_STORE_FAILED;
    }
    json_decref(content);
    return error;
}

/* ---- where the order stands ---- */

static enum order_error tell_account(const struct engine *engine, struct db *db, const char *id,
                                     const struct order *order, enum order_state state) {
    json_t *data = json_pack("{s:s,s:s}", "order", order->number, "state", state_name(state));
    char *text = data != NULL ? json_dumps(data, JSON_COMPACT) : NULL;
    enum order_error error =
        text == NULL ? ORDER_INTERNAL
                     : order_error_of(db_run(
                           db, NULL,
                           "INSERT INTO messages (id, account, order_id, topic, data, created) "
                           "VALUES ($1, $2, $3, 'state', $4, $5) ON CONFLICT (id) DO NOTHING",
                           "tttti", id, order->account, order->id, text, engine_now_ms(engine)));
    free(text);
    json_decref(data);
    return error;
}

static enum order_error tell_handler(const struct engine *engine, struct db *db,
                                     const struct order *order, const json_t *form,
                                     const char *state) {
    char with_number[256];
    char body[512];
    const char *phone = form_text(form, "handlerPhone");
    const char *email = form_text(form, "handlerEmail");
    text_fill(TEXT_MESSAGE_STATE, LANGUAGE_ZH, "number", order->number, with_number,
              sizeof with_number);
    text_replace(with_number, "state", state, body, sizeof body);
    enum order_error error =
        phone[0] != '\0' ? message_put(engine, db, phone, NULL, body) : ORDER_OK;
    if (error == ORDER_OK && email[0] != '\0') {
        error =
            message_put(engine, db, email, text_get(TEXT_MESSAGE_STATE_SUBJECT, LANGUAGE_ZH), body);
    }
    return error;
}

enum order_error message_notify(const struct engine *engine, struct db *db, const char *id,
                                const json_t *payload) {
    struct order order;
    json_t *form = NULL;
    bool first = false;
    enum order_state told = state_of(form_text(payload, "state"));
    enum order_error error = order_error_of(db_begin(db));
    if (error == ORDER_OK) {
        error = outbox_first(db, id, &first);
    }
    if (error == ORDER_OK && first && told != STATE_COUNT) {
        error = order_load_id(db, form_text(payload, "order"), &order);
        if (error == ORDER_OK) {
            error = form_load(engine, db, &order, &form);
        }
        const char *state = order.state == told ? view_order_words(engine, &order, LANGUAGE_ZH)
                                                : view_state_words(engine, told, LANGUAGE_ZH);
        if (error == ORDER_OK && order.account[0] != '\0') {
            error = tell_account(engine, db, id, &order, told);
        }
        if (error == ORDER_OK) {
            error = tell_handler(engine, db, &order, form, state);
        }
    }
    if (error == ORDER_OK) {
        error = order_error_of(db_commit(db));
    }
    db_rollback(db);
    json_decref(form);
    return error;
}
