/* What somebody finds on his own desk: counters, messages, certificates, the address book, invoice titles. */
#include "tools/orderd/api/service.h"
#include "tools/orderd/engine/card.h"
#include "tools/orderd/engine/certificate_list.h"
#include "tools/orderd/engine/inbox.h"
#include "tools/orderd/engine/order_list.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static enum order_error do_counters(struct call *call, json_t **out) {
    return order_counters(&call->service->engine, call->db, &call->caller, out);
}

static enum order_error do_certificates(struct call *call, json_t **out) {
    struct certificate_filter filter = {
        .state = http_request_query_value(call->request, "state"),
        .expires = http_request_query_value(call->request, "expires"),
        .cursor = http_request_query_value(call->request, "cursor"),
    };
    return certificate_list(&call->service->engine, call->db, &call->caller, &filter, out);
}

CALL_HANDLER(counters, CALL_SESSION, 200)
CALL_HANDLER(certificates, CALL_SESSION, 200)

/* ---- messages ---- */

static enum order_error do_messages(struct call *call, json_t **out) {
    const char *unread = http_request_query_value(call->request, "unread");
    if (unread != NULL && strcmp(unread, "true") != 0 && strcmp(unread, "false") != 0) {
        return ORDER_BAD_REQUEST;
    }
    return inbox_list(&call->service->engine, call->db, &call->caller,
                      unread != NULL && strcmp(unread, "true") == 0,
                      http_request_query_value(call->request, "cursor"), out);
}

static enum order_error do_read_message(struct call *call, json_t **out) {
    return inbox_read(call->db, &call->caller, call_param(call, "id"), out);
}

static enum order_error do_read_messages(struct call *call, json_t **out) {
    return inbox_read(call->db, &call->caller, NULL, out);
}

CALL_HANDLER(messages, CALL_SESSION, 200)
CALL_HANDLER(read_message, CALL_SESSION, 200)
CALL_HANDLER(read_messages, CALL_SESSION, 200)

/* ---- cards ---- */

static enum card_kind kind_of_path(const struct call *call) {
    return strncmp(http_request_path(call->request), "/v1/addresses", 13) == 0 ? CARD_ADDRESS
                                                                               : CARD_INVOICE_TITLE;
}

static enum order_error do_cards(struct call *call, json_t **out) {
    return card_list(&call->service->engine, call->db, &call->caller, kind_of_path(call), out);
}

static void tell_version(struct call *call, const json_t *card) {
    char tag[32];
    snprintf(tag, sizeof tag, "\"%" JSON_INTEGER_FORMAT "\"",
             json_integer_value(json_object_get(card, "version")));
    http_response_header(call->request, "ETag", tag);
}

static enum order_error do_add_card(struct call *call, json_t **out) {
    const char *key = NULL;
    const json_t *body = http_request_json(call->request);
    enum order_error error = call_idempotency_key(call, &key);
    if (error == ORDER_OK) {
        struct idempotency what = {call_owner(call), key, body};
        error = card_add(&call->service->engine, call->db, &call->caller, kind_of_path(call), body,
                         &what, out, call->extra);
    }
    if (error == ORDER_OK) {
        tell_version(call, *out);
    }
    return error;
}

static enum order_error do_change_card(struct call *call, json_t **out) {
    int64_t version = 0;
    enum order_error error = call_version(call, &version);
    if (error == ORDER_OK) {
        error = card_change(&call->service->engine, call->db, &call->caller, kind_of_path(call),
                            call_param(call, "id"), version, http_request_json(call->request), out,
                            call->extra);
    }
    if (error == ORDER_OK) {
        tell_version(call, *out);
    }
    return error;
}

static enum order_error do_remove_card(struct call *call, json_t **out) {
    int64_t version = 0;
    enum order_error error = call_version(call, &version);
    if (error == ORDER_OK) {
        error = card_remove(call->db, &call->caller, kind_of_path(call), call_param(call, "id"),
                            version);
    }
    *out = json_pack("{s:b}", "removed", 1);
    return error;
}

CALL_HANDLER(cards, CALL_SESSION, 200)
CALL_HANDLER(add_card, CALL_SESSION, 201)
CALL_HANDLER(change_card, CALL_SESSION, 200)
CALL_HANDLER(remove_card, CALL_SESSION, 200)

const struct http_route api_desk_routes[] = {
    {"GET", "/v1/account/counters", counters, HTTP_BODY_NONE, 0, 0},
    {"GET", "/v1/certificates", certificates, HTTP_BODY_NONE, 0, 0},
    {"GET", "/v1/messages", messages, HTTP_BODY_NONE, 0, 0},
    {"POST", "/v1/messages:read", read_messages, HTTP_BODY_JSON, 1024, 0},
    {"POST", "/v1/messages/{id}:read", read_message, HTTP_BODY_JSON, 1024, 0},
    {"GET", "/v1/addresses", cards, HTTP_BODY_NONE, 0, 0},
    {"POST", "/v1/addresses", add_card, HTTP_BODY_JSON, 4096, 0},
    {"PUT", "/v1/addresses/{id}", change_card, HTTP_BODY_JSON, 4096, 0},
    {"DELETE", "/v1/addresses/{id}", remove_card, HTTP_BODY_NONE, 0, 0},
    {"GET", "/v1/invoice-titles", cards, HTTP_BODY_NONE, 0, 0},
    {"POST", "/v1/invoice-titles", add_card, HTTP_BODY_JSON, 4096, 0},
    {"PUT", "/v1/invoice-titles/{id}", change_card, HTTP_BODY_JSON, 4096, 0},
    {"DELETE", "/v1/invoice-titles/{id}", remove_card, HTTP_BODY_NONE, 0, 0},
    {NULL, NULL, NULL, HTTP_BODY_NONE, 0, 0},
};
