/* What the world may fetch of the CA: task keys, certificates, CRL. */
#include "tools/orderd/engine/authority.h"
#include "tools/orderd/api/service.h"
#include "tools/orderd/engine/jws.h"

enum { CRL_CACHE_MS = 60000 };

static void keys(struct http_request *request) {
    const struct service *service = http_request_context(request);
    json_t *key = jws_key_public(service->engine.task_key, service->engine.task_kid);
    http_respond_json(request, 200, json_pack("{s:[o]}", "keys", key));
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

/* The kept CRL, made anew when it is older than a minute. Under crl_lock. */
static enum order_error fresh_crl(struct service *service, struct db *db) {
    int64_t now_ms = engine_now_ms(&service->engine);
    struct octets crl = {NULL, 0};
    if (service->crl.len > 0 && now_ms < service->crl_until_ms) {
        return ORDER_OK;
    }
    enum order_error error = authority_crl(&service->engine, db, &crl);
    if (error == ORDER_OK) {
        octets_free(&service->crl);
        service->crl = crl;
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

const struct http_route api_authority_routes[] = {
    {"GET", "/v1/keys", keys, HTTP_BODY_NONE, 0, 0},
    {"GET", "/ca/root.crt", root, HTTP_BODY_NONE, 0, 0},
    {"GET", "/ca/issuing.crt", issuing, HTTP_BODY_NONE, 0, 0},
    {"GET", "/ca/crl", crl, HTTP_BODY_NONE, 0, 0},
    {NULL, NULL, NULL, HTTP_BODY_NONE, 0, 0},
};
