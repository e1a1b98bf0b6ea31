/* /v1/handover: people whom a registration platform hands over; and the played platform. */
#include "tools/orderd/engine/handover.h"
#include "tools/orderd/api/service.h"
#include "tools/orderd/engine/view.h"
#include "tools/orderd/third/platform_sim.h"

#include <stdlib.h>
#include <string.h>

static const char *token_of(const struct call *call) {
    static const char *const members[] = {"token", NULL};
    return call_members_are(call, members) ? call_text(call, "token", PLATFORM_TOKEN_MAX) : NULL;
}

static enum order_error do_log_in(struct call *call, json_t **out) {
    struct account_login login;
    const char *token = token_of(call);
    enum order_error error =
        token == NULL
            ? ORDER_BAD_REQUEST
            : handover_login(&call->service->engine, call->db, token,
                             http_request_peer_address(call->request), &login, call->extra);
    if (error == ORDER_OK) {
        *out = view_login(&login);
    }
    return error;
}

static enum order_error do_link(struct call *call, json_t **out) {
    const char *token = token_of(call);
    *out = json_pack("{s:b}", "linked", 1);
    return token == NULL ? ORDER_BAD_REQUEST
                         : handover_link(&call->service->engine, call->db, &call->caller, token,
                                         http_request_peer_address(call->request), call->extra);
}

CALL_HANDLER(log_in, CALL_ANYBODY, 200)
CALL_HANDLER(link, CALL_SESSION, 200)

const struct http_route api_handover_routes[] = {
    {"POST", "/v1/handover", log_in, HTTP_BODY_JSON, 16384, 0},
    {"POST", "/v1/account/partners", link, HTTP_BODY_JSON, 16384, 0},
    {NULL, NULL, NULL, HTTP_BODY_NONE, 0, 0},
};

/* ---- the played platform ---- */

static void put_default(json_t *claims, const char *name, json_t *value) {
    if (json_object_get(claims, name) == NULL) {
        json_object_set_new(claims, name, value);
    } else {
        json_decref(value);
    }
}

/* Somebody is logged in there and presses "apply": the body says who, and whatever else the token is to say. */
static enum order_error do_hand_over(struct call *call, json_t **out) {
    const struct engine *engine = &call->service->engine;
    char id[ID_SIZE];
    json_t *claims = json_deep_copy(http_request_json(call->request));
    char *token = NULL;
    if (identifier_random(id)) {
        put_default(claims, "id", json_string(id));
        put_default(claims, "audience", json_string(engine->service));
        put_default(claims, "issued", json_integer((json_int_t)engine_now(engine)));
        put_default(claims, "expires", json_integer((json_int_t)engine_now(engine) + 120));
        token = platform_sim_token(engine->platform->context, claims);
    }
    json_decref(claims);
    *out = token != NULL ? json_pack("{s:s}", "token", token) : NULL;
    free(token);
    return *out != NULL ? ORDER_OK : ORDER_INTERNAL;
}
CALL_HANDLER(hand_over, CALL_ANYBODY, 200)

const struct http_route api_platform_sim_routes[] = {
    {"POST", "/sim/platform/handover", hand_over, HTTP_BODY_JSON, 8192, 0},
    {NULL, NULL, NULL, HTTP_BODY_NONE, 0, 0},
};
