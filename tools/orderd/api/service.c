/* How calls begin and end; the one table that maps the engine's refusals to problem documents. */
#include "tools/orderd/api/service.h"

#include "agent/http/json.h"
#include "agent/log.h"
#include "tools/orderd/engine/limit.h"
#include "tools/orderd/engine/signed.h"
#include "tools/orderd/engine/view.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct problem_row {
    int status;
    const char *code;
    bool retryable;
};

static const struct problem_row problems[ORDER_ERRORS] = {
    [ORDER_STORE_FAILED] = {503, "STORE_UNAVAILABLE", true},
    [ORDER_STORE_BUSY] = {503, "STORE_BUSY", true},
    [ORDER_INTERNAL] = {500, "INTERNAL", true},
    [ORDER_CA_FAILED] = {503, "CA_UNAVAILABLE", true},
    [ORDER_PROVIDER_FAILED] = {503, "PROVIDER_UNAVAILABLE", true},
    [ORDER_BAD_REQUEST] = {400, "BAD_REQUEST", false},
    [ORDER_FIELDS_INVALID] = {422, "FIELDS_INVALID", false},
    [ORDER_IDEMPOTENCY_NEEDED] = {400, "IDEMPOTENCY_KEY_REQUIRED", false},
    [ORDER_IDEMPOTENCY_REUSED] = {422, "IDEMPOTENCY_KEY_REUSED", false},
    [ORDER_VERSION_NEEDED] = {428, "VERSION_REQUIRED", false},
    [ORDER_VERSION_CONFLICT] = {412, "VERSION_CONFLICT", true},
    [ORDER_CONFLICT] = {409, "CONFLICT", true},
    [ORDER_NOT_FOUND] = {404, "NOT_FOUND", false},
    [ORDER_WRONG_STATE] = {409, "WRONG_STATE", false},
    [ORDER_TOO_MANY] = {429, "RATE_LIMITED", true},
    [ORDER_LIST_FULL] = {409, "LIST_FULL", false},
    [ORDER_FORBIDDEN] = {403, "FORBIDDEN", false},
    [ORDER_PASSWORD_WRONG] = {403, "PASSWORD_WRONG", false},
    [ORDER_ACCOUNT_EXISTS] = {409, "ACCOUNT_EXISTS", false},
    [ORDER_CODE_WRONG] = {403, "CODE_WRONG", false},
    [ORDER_HANDOVER_REFUSED] = {403, "HANDOVER_REFUSED", false},
    [ORDER_CODE_TOO_SOON] = {429, "CODE_TOO_SOON", true},
    [ORDER_NAME_MISMATCH] = {422, "NAME_MISMATCH", false},
    [ORDER_NOT_OFFERED] = {409, "NOT_OFFERED", false},
    [ORDER_METHOD_NOT_OFFERED] = {409, "METHOD_NOT_OFFERED", false},
    [ORDER_DOCUMENT_REFUSED] = {422, "DOCUMENT_REFUSED", false},
    [ORDER_NOT_SEEN] = {409, "DOCUMENTS_NOT_SEEN", false},
    [ORDER_REASON_NEEDED] = {422, "REASON_REQUIRED", false},
    [ORDER_PAYER_MISMATCH] = {409, "PAYER_MISMATCH", false},
    [ORDER_SESSION_NEEDED] = {401, "SESSION_REQUIRED", false},
    [ORDER_SESSION_INVALID] = {401, "SESSION_EXPIRED", false},
    [ORDER_NONCE_INVALID] = {409, "NONCE_INVALID", true},
    [ORDER_ASSERTION_INVALID] = {403, "ASSERTION_INVALID", false},
    [ORDER_ORIGIN_REFUSED] = {403, "ORIGIN_REFUSED", false},
    [ORDER_CERTIFICATE_UNKNOWN] = {403, "CERTIFICATE_UNKNOWN", false},
    [ORDER_CERTIFICATE_UNTRUSTED] = {403, "CERTIFICATE_UNTRUSTED", false},
    [ORDER_CERTIFICATE_HELD] = {403, "CERTIFICATE_HELD", false},
    [ORDER_CERTIFICATE_REVOKED] = {403, "CERTIFICATE_REVOKED", false},
    [ORDER_CERTIFICATE_SUPERSEDED] = {403, "CERTIFICATE_SUPERSEDED", false},
    [ORDER_CERTIFICATE_EXPIRED] = {403, "CERTIFICATE_EXPIRED", false},
    [ORDER_CERTIFICATE_NOT_FOR_SIGNING] = {403, "CERTIFICATE_NOT_FOR_SIGNING", false},
    [ORDER_KIND_UNKNOWN] = {400, "KIND_UNKNOWN", false},
    [ORDER_RENEWAL_TOO_EARLY] = {409, "RENEWAL_TOO_EARLY", false},
    [ORDER_RENEWAL_TOO_LATE] = {409, "RENEWAL_TOO_LATE", false},
    [ORDER_OPEN_EXISTS] = {409, "OPEN_ORDER_EXISTS", false},
    [ORDER_STATEMENT_INVALID] = {422, "STATEMENT_INVALID", false},
    [ORDER_SIGNER_MISMATCH] = {403, "SIGNER_MISMATCH", false},
    [ORDER_CHANNEL_UNKNOWN] = {422, "CHANNEL_UNKNOWN", false},
    [ORDER_CALLBACK_REFUSED] = {403, "CALLBACK_REFUSED", false},
    [ORDER_PAYMENT_MISMATCH] = {409, "PAYMENT_MISMATCH", false},
    [ORDER_WRONG_TOKEN] = {409, "WRONG_TOKEN", false},
    [ORDER_TASK_NOT_LEASED] = {409, "TASK_NOT_CLAIMED", true},
    [ORDER_CSR_INVALID] = {422, "CSR_INVALID", false},
    [ORDER_CSR_KEY_REUSED] = {422, "CSR_KEY_REUSED", false},
    [ORDER_CONTINUITY_INVALID] = {403, "CONTINUITY_INVALID", false},
    [ORDER_PROOF_INVALID] = {403, "PROOF_INVALID", false},
    [ORDER_STEP_UNKNOWN] = {422, "STEP_UNKNOWN", false},
    [ORDER_STEP_OUT_OF_ORDER] = {409, "STEP_OUT_OF_ORDER", false},
    [ORDER_UNLOCK_UNKNOWN] = {409, "UNLOCK_UNAVAILABLE", false},
    [ORDER_CHALLENGE_USED] = {409, "CHALLENGE_USED", false},
    [ORDER_CHALLENGE_STALE] = {409, "CHALLENGE_STALE", false},
    [ORDER_UNLOCK_TRIES] = {409, "UNLOCK_TRIES_OVER", false},
    [ORDER_NOTHING_TO_RECOVER] = {409, "NOTHING_TO_RECOVER", false},
    [ORDER_RECOVERY_REFUSED] = {409, "RECOVERY_REFUSED", false},
    [ORDER_TOKEN_STATE] = {409, "TOKEN_STATE", false},
};

static enum language language_of_request(const struct http_request *request) {
    return http_request_language(request) == HTTP_LANGUAGE_ZH ? LANGUAGE_ZH : LANGUAGE_EN;
}

void respond_error(struct http_request *request, enum order_error error, json_t *extra) {
    enum language language = language_of_request(request);
    const struct problem_row *row = &problems[error];
    struct http_problem problem = {
        .status = row->status,
        .code = row->code,
        .title = text_error_title(error, language),
        .detail = text_error_detail(error, language),
        .retryable = row->retryable,
    };
    if (row->status == 429 || row->status == 503) {
        char seconds[24];
        json_int_t wait = json_integer_value(json_object_get(extra, LIMIT_WAIT));
        snprintf(seconds, sizeof seconds, "%" JSON_INTEGER_FORMAT, wait > 0 ? wait : 2);
        http_response_header(request, "Retry-After", seconds);
    }
    if (row->status == 401) {
        http_response_header(request, "WWW-Authenticate", "Bearer");
    }
    http_respond_problem(request, &problem, extra);
}

/* "Bearer TOKEN", exactly one such header. */
static const char *bearer(const struct http_request *request) {
    const char *value = http_request_header(request, "Authorization");
    if (value == NULL || http_request_header_count(request, "Authorization") != 1 ||
        strncasecmp(value, "Bearer ", 7) != 0 || strlen(value + 7) != SECRET_SIZE - 1) {
        return NULL;
    }
    return value + 7;
}

bool call_begin(struct call *call, struct http_request *request, enum call_need need) {
    enum order_error error = ORDER_OK;
    memset(call, 0, sizeof *call);
    call->request = request;
    call->service = http_request_context(request);
    call->caller.language = language_of_request(request);
    call->extra = json_object();
    call->db = db_pool_take(call->service->pool);
    if (call->db == NULL || call->extra == NULL) {
        log_error("store", "no connection to the database");
        error = ORDER_STORE_FAILED;
    }
    if (error == ORDER_OK && need != CALL_ANYBODY) {
        const char *token = bearer(request);
        error = token == NULL ? (http_request_header(request, "Authorization") == NULL
                                     ? ORDER_SESSION_NEEDED
                                     : ORDER_SESSION_INVALID)
                              : session_find(call->db, token, engine_now_ms(&call->service->engine),
                                             &call->caller.session);
    }
    if (error == ORDER_OK && need == CALL_SESSION && call->caller.session.kind == SESSION_QUERY) {
        error = ORDER_FORBIDDEN;
    }
    if (error != ORDER_OK) {
        call_end(call, error, 0, NULL);
    }
    return error == ORDER_OK;
}

void call_end(struct call *call, enum order_error error, int status, json_t *body) {
    if (error == ORDER_STORE_FAILED && call->db != NULL) {
        log_error("store", "%s", db_message(call->db));
    }
    db_pool_give(call->service->pool, call->db);
    call->db = NULL;
    if (error == ORDER_OK) {
        json_decref(call->extra);
        http_respond_json(call->request, status, body);
    } else {
        json_decref(body);
        respond_error(call->request, error, call->extra);
    }
    call->extra = NULL;
}

void call_end_order(struct call *call, enum order_error error, int status,
                    const struct order *order) {
    json_t *body = NULL;
    if (error == ORDER_OK) {
        error = view_order(&call->service->engine, call->db, order, &call->caller, &body);
    }
    if (error == ORDER_OK) {
        char tag[32];
        snprintf(tag, sizeof tag, "\"%" PRId64 "\"", order->version);
        http_response_header(call->request, "ETag", tag);
    }
    call_end(call, error, status, body);
}

void call_run(struct http_request *request, enum call_need need, int status, call_action *action) {
    struct call call;
    json_t *body = NULL;
    if (!call_begin(&call, request, need)) {
        return;
    }
    enum order_error error = action(&call, &body);
    if (error == ORDER_OK && strcmp(http_request_method(request), "GET") != 0) {
        worker_wake(call.service->worker);
    }
    call_end(&call, error, status, body);
}

void call_run_write(struct http_request *request, call_write *action) {
    struct call call;
    struct order order;
    int64_t version = 0;
    if (!call_begin(&call, request, CALL_SESSION)) {
        return;
    }
    enum order_error error = call_version(&call, &version);
    if (error == ORDER_OK) {
        error = action(&call, call_param(&call, "no"), version, &order);
    }
    if (error == ORDER_OK) {
        worker_wake(call.service->worker);
    }
    call_end_order(&call, error, 200, &order);
}

const char *call_owner(const struct call *call) {
    const struct session *session = &call->caller.session;
    return session->kind == SESSION_ACCOUNT ? session->account : session->subject;
}

enum order_error call_version(const struct call *call, int64_t *version) {
    const char *value = http_request_header(call->request, "If-Match");
    char *end = NULL;
    *version = -1;
    if (value == NULL) {
        return ORDER_VERSION_NEEDED;
    }
    size_t len = strlen(value);
    if (len < 3 || len > 20 || value[0] != '"' || !isdigit((unsigned char)value[1])) {
        return ORDER_BAD_REQUEST;
    }
    errno = 0;
    long long number = strtoll(value + 1, &end, 10);
    if (errno != 0 || strcmp(end, "\"") != 0) {
        return ORDER_BAD_REQUEST;
    }
    *version = number;
    return ORDER_OK;
}

enum order_error call_idempotency_key(const struct call *call, const char **key) {
    const char *value = http_request_header(call->request, "Idempotency-Key");
    *key = NULL;
    if (value == NULL || *value == '\0') {
        return ORDER_IDEMPOTENCY_NEEDED;
    }
    if (strlen(value) > IDEMPOTENCY_KEY_MAX) {
        return ORDER_BAD_REQUEST;
    }
    for (const char *at = value; *at != '\0'; at++) {
        if (*at <= 0x20 || *at >= 0x7f) {
            return ORDER_BAD_REQUEST;
        }
    }
    *key = value;
    return ORDER_OK;
}

enum order_error call_bytes(const struct call *call, const char *name, size_t max,
                            struct octets *out) {
    const char *text = call_text(call, name, (max + 2) / 3 * 4 + 4);
    *out = (struct octets){NULL, 0};
    return text != NULL && base64_read(text, max, out) ? ORDER_OK : ORDER_BAD_REQUEST;
}

const char *call_text(const struct call *call, const char *name, size_t max_len) {
    return json_member_string(http_request_json(call->request), name, max_len);
}

const char *call_param(const struct call *call, const char *name) {
    return http_request_param(call->request, name);
}

const char *call_bearer(const struct call *call) {
    return bearer(call->request);
}

bool call_members_are(const struct call *call, const char *const *names) {
    return json_members_are(http_request_json(call->request), names, NULL);
}

const struct http_route *const api_routes[] = {
    api_login_routes,        api_account_routes,      api_desk_routes,     api_query_routes,
    api_account_self_routes, api_handover_routes,     api_order_routes,    api_soft_routes,
    api_parcel_routes,       api_verification_routes, api_document_routes, api_staff_routes,
    api_payment_routes,      api_task_routes,         api_sim_routes,      api_platform_sim_routes,
    api_courier_sim_routes,  api_authority_routes,    api_page_routes,     NULL};
