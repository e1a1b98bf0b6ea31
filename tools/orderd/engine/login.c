/* See login.h. */
#include "tools/orderd/engine/login.h"

#include "tools/orderd/engine/signed.h"
#include "tools/orderd/engine/transition.h"

#include <string.h>

enum order_error login_challenge(const struct engine *engine, struct db *db,
                                 char nonce[SECRET_SIZE], int64_t *expires_ms) {
    int64_t now_ms = engine_now_ms(engine);
    *expires_ms = now_ms + (int64_t)NONCE_LOGIN_SECONDS * 1000;
    enum order_error error = order_error_of(db_begin(db));
    if (error == ORDER_OK) {
        error = nonce_make(db, "login", "", now_ms, NONCE_LOGIN_SECONDS, nonce);
    }
    if (error == ORDER_OK) {
        error = order_error_of(db_commit(db));
    }
    db_rollback(db);
    return error;
}

static const char *text_of(const json_t *object, const char *name) {
    const char *text = json_string_value(json_object_get(object, name));
    return text != NULL ? text : "";
}

/* The object must be exactly the one that the agent signs for a login at this service. */
static enum order_error check_content(const struct engine *engine, const json_t *content,
                                      const char *order) {
    size_t members = order != NULL ? 6 : 5;
    if (json_object_size(content) != members || strcmp(text_of(content, "type"), "login") != 0 ||
        strcmp(text_of(content, "version"), "1") != 0 ||
        strcmp(text_of(content, "service"), engine->service) != 0 ||
        (order != NULL && strcmp(text_of(content, "order"), order) != 0)) {
        return ORDER_ASSERTION_INVALID;
    }
    return engine_origin_is_allowed(engine, text_of(content, "origin")) ? ORDER_OK
                                                                        : ORDER_ORIGIN_REFUSED;
}

/* T25: the order is bound to this certificate; if it waits for its key, it goes on. */
static enum order_error pass_key_gate(const struct engine *engine, struct db *db,
                                      const char *number, const struct certificate_record *signer) {
    struct order order;
    enum order_error error = order_load(db, number, &order);
    if (error == ORDER_OK && strcmp(order.subject, signer->subject) != 0) {
        error = ORDER_NOT_FOUND;
    }
    if (error == ORDER_OK && strcmp(order.certificate, signer->id) != 0) {
        error = ORDER_WRONG_TOKEN;
    }
    if (error == ORDER_OK && transition_is_allowed(&order, T25_KEY_LOGIN)) {
        error = transition_apply(engine, db, &order, T25_KEY_LOGIN, "user", signer->sha256, NULL);
    }
    return error;
}

/* A renewal that was cut after its certificates had been written leaves both certificates on the key, and the newer one is offered first. It
 * has been issued but not confirmed: whoever signs with it may go on with the order that made it, as the certificate it is to replace. */
static enum order_error stand_for_replaced(struct db *db, struct certificate_record *certificate) {
    struct order order;
    if (strcmp(certificate->state, "PENDING") != 0 || certificate->order[0] == '\0') {
        return ORDER_OK;
    }
    enum order_error error = order_load_id(db, certificate->order, &order);
    if (error == ORDER_OK && !state_is_final(order.state)) {
        error = registry_certificate(db, order.certificate, certificate);
    }
    return error;
}

static enum order_error open_session(const struct engine *engine, struct db *db, const char *order,
                                     struct login *out) {
    int64_t now_ms = engine_now_ms(engine);
    enum order_error error = order_error_of(db_begin(db));
    if (error == ORDER_OK && order != NULL) {
        error = pass_key_gate(engine, db, order, &out->certificate);
    }
    if (error == ORDER_OK) {
        memcpy(out->session.subject, out->certificate.subject, sizeof out->session.subject);
        memcpy(out->session.certificate, out->certificate.id, sizeof out->session.certificate);
        memcpy(out->session.token, out->certificate.token, sizeof out->session.token);
        out->expires_ms = now_ms + (int64_t)SESSION_SECONDS * 1000;
        error = session_open(db, &out->session, now_ms, out->secret);
    }
    if (error == ORDER_OK) {
        error = order_error_of(db_commit(db));
    }
    db_rollback(db);
    return error;
}

enum order_error login_verify(const struct engine *engine, struct db *db,
                              const struct octets *assertion, const char *order,
                              struct login *out) {
    struct signed_object object;
    char target[8];
    memset(out, 0, sizeof *out);
    enum order_error error = signed_object_read(engine, db, assertion, &object);
    if (object.content != NULL) {
        /* whatever else is wrong, this nonce is used now */
        enum order_error used = nonce_use(db, text_of(object.content, "nonce"), "login",
                                          engine_now_ms(engine), target, sizeof target);
        error = error == ORDER_OK ? used : error;
    }
    if (error == ORDER_OK) {
        error = check_content(engine, object.content, order);
    }
    if (error == ORDER_OK) {
        out->certificate = object.signer;
        error = stand_for_replaced(db, &out->certificate);
    }
    if (error == ORDER_OK) {
        error = registry_certificate_usable(engine, &out->certificate);
    }
    if (error == ORDER_OK) {
        error = open_session(engine, db, order, out);
    }
    signed_object_clear(&object);
    return error;
}
