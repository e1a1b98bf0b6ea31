/* What the world may fetch without a session: what the portal offers; of the CA, task keys, certificates, CRL, OCSP. */
#include "tools/orderd/engine/authority.h"
#include "tools/orderd/api/service.h"
#include "tools/orderd/engine/base64.h"
#include "tools/orderd/engine/task_key.h"
#include "tools/orderd/engine/view.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

enum {
    CRL_CACHE_MS = 60000,
    OCSP_TEXT_SIZE = (CA_OCSP_REQUEST_MAX + 2) / 3 * 4 + 1 /* base64 of the longest request */
};

static void portal(struct http_request *request) {
    const struct service *service = http_request_context(request);
    enum language language =
        http_request_language(request) == HTTP_LANGUAGE_ZH ? LANGUAGE_ZH : LANGUAGE_EN;
    http_respond_json(request, 200, view_portal(&service->engine, language));
}

static void keys(struct http_request *request) {
    struct call call;
    json_t *set = NULL;
    if (call_begin(&call, request, CALL_ANYBODY)) {
        enum order_error error = task_key_publish(&call.service->engine, call.db, &set);
        call_end(&call, error, 200, set);
    }
}

static void certificate(struct http_request *request, const struct octets *der) {
    http_respond(request, 200, "application/x-x509-ca-cert", der->data, der->len);
}

static void root(struct http_request *request) {
    const struct service *service = http_request_context(request);
    certificate(request, &service->engine.root_der);
}

static void issuing(struct http_request *request) {
    const struct service *service = http_request_context(request);
    certificate(request, &service->engine.issuing_der);
}

static bool same_mark(const struct authority_mark *a, const struct authority_mark *b) {
    return a->count == b->count && a->latest == b->latest && a->reasons == b->reasons;
}

/* The kept CRL; made anew when a certificate was revoked, held or released since, or when it is older than a minute. Under crl_lock. The
 * mark is read first: what happens meanwhile makes the next one. */
static enum order_error fresh_crl(struct service *service, struct db *db) {
    int64_t now_ms = engine_now_ms(&service->engine);
    struct octets crl = {NULL, 0};
    struct authority_mark mark;
    enum order_error error = authority_mark_of(db, &mark);
    if (error != ORDER_OK || (service->crl.len > 0 && now_ms < service->crl_until_ms &&
                              same_mark(&mark, &service->crl_mark))) {
        return error;
    }
    error = authority_crl(&service->engine, db, &crl);
    if (error == ORDER_OK) {
        octets_free(&service->crl);
        service->crl = crl;
        service->crl_mark = mark;
        service->crl_until_ms = now_ms + CRL_CACHE_MS;
    }
    return error;
}

static void crl(struct http_request *request) {
    struct call call;
    struct octets copy = {NULL, 0};
    if (!call_begin(&call, request, CALL_ANYBODY)) {
        return;
    }
    struct service *service = call.service;
    pthread_mutex_lock(&service->crl_lock);
    enum order_error error = fresh_crl(service, call.db);
    if (error == ORDER_OK &&
        octets_copy(&copy, service->crl.data, service->crl.len) != FORMATS_OK) {
        error = ORDER_INTERNAL;
    }
    pthread_mutex_unlock(&service->crl_lock);
    if (error != ORDER_OK) {
        call_end(&call, error, 0, NULL);
        return;
    }
    db_pool_give(service->pool, call.db);
    json_decref(call.extra);
    http_respond(request, 200, "application/pkix-crl", copy.data, copy.len);
    octets_free(&copy);
}

/* ---- OCSP (RFC 6960 appendix A, RFC 5019) ---- */

static void answer_ocsp(struct http_request *request, const void *der, size_t len, bool is_get) {
    struct call call;
    struct octets answer = {NULL, 0};
    bool has_nonce = false;
    if (!call_begin(&call, request, CALL_ANYBODY)) {
        return;
    }
    enum order_error error = authority_ocsp(&call.service->engine, call.db, der, len, &answer);
    if (error != ORDER_OK) {
        call_end(&call, error, 0, NULL);
        return;
    }
    db_pool_give(call.service->pool, call.db);
    json_decref(call.extra);
    if (is_get && ca_ocsp_check(der, len, &has_nonce) == CA_OK && !has_nonce) {
        /* RFC 5019 6.2: caches may keep it as long as it is good */
        char value[64];
        snprintf(value, sizeof value, "public, max-age=%d, no-transform, must-revalidate",
                 (int)CA_OCSP_SECONDS);
        http_response_header(request, "Cache-Control", value);
    }
    http_respond(request, 200, "application/ocsp-response", answer.data, answer.len);
    octets_free(&answer);
}

static void ocsp_posted(struct http_request *request) {
    size_t len = 0;
    const char *body = http_request_body(request, &len);
    answer_ocsp(request, body, len, false);
}

static int hex_value(char digit) {
    const char *digits = "0123456789abcdef";
    const char *at = digit != '\0' ? strchr(digits, tolower((unsigned char)digit)) : NULL;
    return at != NULL ? (int)(at - digits) : -1;
}

/* Undoes percent-encoding of a text that is to be base64. False: too long, or not so encoded. */
static bool percent_read(const char *text, char out[OCSP_TEXT_SIZE]) {
    size_t len = 0;
    for (; *text != '\0' && len < OCSP_TEXT_SIZE - 1; text++) {
        char c = *text;
        if (c == '%') {
            int high = hex_value(text[1]);
            int low = high >= 0 ? hex_value(text[2]) : -1;
            if (low < 0 || high + low == 0) {
                return false;
            }
            c = (char)(high * 16 + low);
            text += 2;
        }
        out[len++] = c;
    }
    out[len] = '\0';
    return *text == '\0';
}

/* The path is the base64 of the request, its '/', '+' and '=' percent-encoded or not. What is not that is a request as malformed as any. */
static void ocsp_gotten(struct http_request *request) {
    char text[OCSP_TEXT_SIZE];
    struct octets der = {NULL, 0};
    const char *path = http_request_param(request, "request");
    bool good =
        path != NULL && percent_read(path, text) && base64_read(text, CA_OCSP_REQUEST_MAX, &der);
    answer_ocsp(request, good ? (const void *)der.data : "", good ? der.len : 0, true);
    octets_free(&der);
}

const struct http_route api_authority_routes[] = {
    {"GET", "/v1/portal", portal, HTTP_BODY_NONE, 0, 0},
    {"GET", "/v1/keys", keys, HTTP_BODY_NONE, 0, 0},
    {"GET", "/ca/root.crt", root, HTTP_BODY_NONE, 0, 0},
    {"GET", "/ca/issuing.crt", issuing, HTTP_BODY_NONE, 0, 0},
    {"GET", "/ca/crl", crl, HTTP_BODY_NONE, 0, 0},
    {"POST", "/ca/ocsp", ocsp_posted, HTTP_BODY_RAW, CA_OCSP_REQUEST_MAX, 0},
    {"GET", "/ca/ocsp/{request...}", ocsp_gotten, HTTP_BODY_NONE, 0, 0},
    {NULL, NULL, NULL, HTTP_BODY_NONE, 0, 0},
};
