/* What reviewers, finance and operators do with orders; and the applicant's receipt. */
#include "tools/orderd/api/service.h"
#include "tools/orderd/engine/review.h"
#include "tools/orderd/engine/task.h"
#include "tools/orderd/engine/token.h"

static enum order_error do_queue(struct call *call, json_t **out) {
    return review_queue(&call->service->engine, call->db, &call->caller,
                        http_request_query_value(call->request, "cursor"), out);
}
CALL_HANDLER(queue, CALL_SESSION, 200)

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
static enum order_error do_send_back(struct call *call, const char *number, int64_t version,
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
static enum order_error do_refunded(struct call *call, const char *number, int64_t version,
                                    struct order *out) {
    return voucher_refunded(&call->service->engine, call->db, &call->caller, number, version,
                            call_text(call, "transaction", 64), out);
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
static enum order_error do_retry(struct call *call, const char *number, int64_t version,
                                 struct order *out) {
    return task_retry(&call->service->engine, call->db, &call->caller, number, version, out);
}
static enum order_error do_receive(struct call *call, const char *number, int64_t version,
                                   struct order *out) {
    return receipt_confirm(&call->service->engine, call->db, &call->caller, number, version, out);
}

CALL_WRITE_HANDLER(approve)
CALL_WRITE_HANDLER(send_back)
CALL_WRITE_HANDLER(reject)
CALL_WRITE_HANDLER(finance)
CALL_WRITE_HANDLER(refunded)
CALL_WRITE_HANDLER(papers)
CALL_WRITE_HANDLER(ship)
CALL_WRITE_HANDLER(give_up)
CALL_WRITE_HANDLER(retry)
CALL_WRITE_HANDLER(receive)

static enum order_error do_token_get(struct call *call, json_t **out) {
    return token_look(call->db, &call->caller, call_param(call, "serial"), out);
}

static enum order_error do_token_patch(struct call *call, json_t **out) {
    static const char *const members[] = {"state", "policies", NULL};
    const json_t *policies = json_object_get(http_request_json(call->request), "policies");
    bool good = call_members_are(call, members) && (policies == NULL || json_is_object(policies));
    return good ? token_change(&call->service->engine, call->db, &call->caller,
                               call_param(call, "serial"), call_text(call, "state", 16), policies,
                               out)
                : ORDER_BAD_REQUEST;
}

CALL_HANDLER(token_get, CALL_SESSION, 200)
CALL_HANDLER(token_patch, CALL_SESSION, 200)

const struct http_route api_staff_routes[] = {
    {"GET", "/v1/tokens/{serial}", token_get, HTTP_BODY_NONE, 0, 0},
    {"PATCH", "/v1/tokens/{serial}", token_patch, HTTP_BODY_JSON, 1024, 0},
    {"GET", "/v1/queue", queue, HTTP_BODY_NONE, 0, 0},
    {"POST", "/v1/orders/{no}:approve", approve, HTTP_BODY_JSON, 4096, 0},
    {"POST", "/v1/orders/{no}:return", send_back, HTTP_BODY_JSON, 4096, 0},
    {"POST", "/v1/orders/{no}:reject", reject, HTTP_BODY_JSON, 4096, 0},
    {"POST", "/v1/orders/{no}:finance", finance, HTTP_BODY_JSON, 4096, 0},
    {"POST", "/v1/orders/{no}:refunded", refunded, HTTP_BODY_JSON, 1024, 0},
    {"POST", "/v1/orders/{no}:papers", papers, HTTP_BODY_JSON, 1024, 0},
    {"POST", "/v1/orders/{no}:ship", ship, HTTP_BODY_JSON, 4096, 0},
    {"POST", "/v1/orders/{no}:give-up", give_up, HTTP_BODY_JSON, 4096, 0},
    {"POST", "/v1/orders/{no}:retry", retry, HTTP_BODY_JSON, 1024, 0},
    {"POST", "/v1/orders/{no}:receive", receive, HTTP_BODY_JSON, 1024, 0},
    {NULL, NULL, NULL, HTTP_BODY_NONE, 0, 0},
};
