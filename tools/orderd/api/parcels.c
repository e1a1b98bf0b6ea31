/* /v1/orders/{no}/shipment: where a parcel is; and the played courier. */
#include "tools/orderd/api/service.h"
#include "tools/orderd/engine/review.h"
#include "tools/orderd/engine/view.h"

#include <string.h>

static enum order_error do_show(struct call *call, json_t **out) {
    return shipment_view(&call->service->engine, call->db, &call->caller, call_param(call, "no"),
                         out);
}
CALL_HANDLER(show, CALL_SESSION, 200)

const struct http_route api_parcel_routes[] = {
    {"GET", "/v1/orders/{no}/shipment", show, HTTP_BODY_NONE, 0, 0},
    {NULL, NULL, NULL, HTTP_BODY_NONE, 0, 0},
};

/* ---- the played courier ---- */

static json_t *view_track(const struct parcel_track *track) {
    json_t *body =
        json_pack("{s:s,s:s}", "state", parcel_state_name(track->state), "url", track->url);
    if (track->since_ms > 0) {
        json_object_set_new(body, "since", view_time(track->since_ms / 1000));
    }
    return body;
}

static enum order_error do_follow(struct call *call, json_t **out) {
    struct parcel_track track;
    const struct courier *courier = call->service->engine.courier;
    if (!courier->track(courier->context, call->db, "", call_param(call, "parcel"), &track)) {
        return ORDER_PROVIDER_FAILED;
    }
    *out = view_track(&track);
    return ORDER_OK;
}

static enum order_error do_scan(struct call *call, json_t **out) {
    enum parcel_state state = parcel_state_of(call_param(call, "state"));
    const char *parcel = call_param(call, "parcel");
    if (state == PARCEL_UNKNOWN || state == PARCEL_STATES || strlen(parcel) > 64) {
        return ORDER_NOT_FOUND;
    }
    if (!courier_sim_scan(call->db, parcel, state, engine_now_ms(&call->service->engine))) {
        return ORDER_STORE_FAILED;
    }
    return do_follow(call, out);
}

CALL_HANDLER(follow, CALL_ANYBODY, 200)
CALL_HANDLER(scan, CALL_ANYBODY, 200)

const struct http_route api_courier_sim_routes[] = {
    {"GET", "/sim/courier/{parcel}", follow, HTTP_BODY_NONE, 0, 0},
    {"POST", "/sim/courier/{parcel}/{state}", scan, HTTP_BODY_JSON, 1024, 0},
    {NULL, NULL, NULL, HTTP_BODY_NONE, 0, 0},
};
