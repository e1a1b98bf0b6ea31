/* What reviewers, finance and operators do with orders; and the applicant's receipt. */
#include "tools/orderd/api/service.h"
#include "tools/orderd/engine/review.h"

#include <string.h>

static void queue(struct http_request *request) {
    struct call call;
    json_t *body = NULL;
    if (!call_begin(&call, request, CALL_SESSION)) {
        return;
    }
    enum order_error error = review_queue(&call.service->engine, call.db, &call.caller, &body);
    call_end(&call, error, 200, body);
}

/* What every decision has: the order's number, the version that was judged, and a body. */
typedef enum order_error decide(struct call *call, const char *number, int64_t version,
                                struct order *out);

static void run(struct http_request *request, decide *action) {
    struct call call;
    struct order order;
    int64_t version = 0;
    if (!call_begin(&call, request, CALL_SESSION)) {
        return;
    }
    enum order_error error = call_version(&call, &version);
    if (error == ORDER_OK) {
        error = action(&call, http_request_param(request, "no"), version, &order);
    }
    if (error == ORDER_OK) {
        worker_wake(call.service->worker);
    }
    call_end_order(&call, error, 200, &order);
}

static const char *reason_of(const struct call *call) {
    return call_text(call, "reason", REASON_MAX);
}

static enum order_error decide_as(struct call *call, enum review_decision decision,
                                  const char *number, int64_t version, struct order *out) {
    return review_decide(&call->service->engine, call->db, &call->caller, number, version, decision,
                         reason_of(call), out);
}

static enum order_error do_approve(struct call *call, const char *number, int64_t version,
                                   struct order *out) {
    return decide_as(call, REVIEW_APPROVE, number, version, out);
}
static enum order_error do_return(struct call *call, const char *number, int64_t version,
                                  struct order *out) {
    return decide_as(call, REVIEW_RETURN, number, version, out);
}
static enum order_error do_reject(struct call *call, const char *number, int64_t version,
                                  struct order *out) {
    return decide_as(call, REVIEW_REJECT, number, version, out);
}
static enum order_error do_finance(struct call *call, const char *number, int64_t version,
                                   struct order *out) {
    const json_t *accept = json_object_get(http_request_json(call->request), "accept");
    if (!json_is_boolean(accept)) {
        return ORDER_BAD_REQUEST;
    }
    return voucher_decide(&call->service->engine, call->db, &call->caller, number, version,
                          json_is_true(accept), call_text(call, "transaction", 64), reason_of(call),
                          out);
}
static enum order_error do_papers(struct call *call, const char *number, int64_t version,
                                  struct order *out) {
    return operator_papers(&call->service->engine, call->db, &call->caller, number, version, out);
}
static enum order_error do_ship(struct call *call, const char *number, int64_t version,
                                struct order *out) {
    return operator_ship(&call->service->engine, call->db, &call->caller, number, version,
                         call_text(call, "carrier", CARRIER_MAX),
                         call_text(call, "parcel", CARRIER_MAX), out);
}
static enum order_error do_give_up(struct call *call, const char *number, int64_t version,
                                   struct order *out) {
    return operator_give_up(&call->service->engine, call->db, &call->caller, number, version,
                            reason_of(call), out);
}
static enum order_error do_receive(struct call *call, const char *number, int64_t version,
                                   struct order *out) {
    return receipt_confirm(&call->service->engine, call->db, &call->caller, number, version, out);
}

static void approve(struct http_request *request) {
    run(request, do_approve);
}
static void send_back(struct http_request *request) {
    run(request, do_return);
}
static void reject(struct http_request *request) {
    run(request, do_reject);
}
static void finance(struct http_request *request) {
    run(request, do_finance);
}
static void papers(struct http_request *request) {
    run(request, do_papers);
}
static void ship(struct http_request *request) {
    run(request, do_ship);
}
static void give_up(struct http_request *request) {
    run(request, do_give_up);
}
static void receive(struct http_request *request) {
    run(request, do_receive);
}

const struct http_route api_staff_routes[] = {
    {"GET", "/v1/queue", queue, HTTP_BODY_NONE, 0, 0},
    {"POST", "/v1/orders/{no}:approve", approve, HTTP_BODY_JSON, 4096, 0},
    {"POST", "/v1/orders/{no}:return", send_back, HTTP_BODY_JSON, 4096, 0},
    {"POST", "/v1/orders/{no}:reject", reject, HTTP_BODY_JSON, 4096, 0},
    {"POST", "/v1/orders/{no}:finance", finance, HTTP_BODY_JSON, 4096, 0},
    {"POST", "/v1/orders/{no}:papers", papers, HTTP_BODY_JSON, 1024, 0},
    {"POST", "/v1/orders/{no}:ship", ship, HTTP_BODY_JSON, 4096, 0},
    {"POST", "/v1/orders/{no}:give-up", give_up, HTTP_BODY_JSON, 4096, 0},
    {"POST", "/v1/orders/{no}:receive", receive, HTTP_BODY_JSON, 1024, 0},
    {NULL, NULL, NULL, HTTP_BODY_NONE, 0, 0},
};
