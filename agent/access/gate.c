/* The one place that every request passes before a handler may see it. A route that says nothing needs a session. */
#include "agent/access/gate.h"

#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "agent/access/host.h"
#include "agent/access/pairing_store.h"
#include "agent/access/peer.h"
#include "agent/api/api.h"

enum { PEER_UNKNOWN = 0, PEER_IS_US = 1 };

/* What was found out about a request; http_request_data of the agent's requests. */
struct caller {
    char origin[ORIGIN_TEXT_SIZE]; /* "" if there is none */
    enum origin_class origin_class;
    struct access_session session; /* id 0: none */
};

struct agent *agent_of(const struct http_request *request) {
    return http_request_context(request);
}

const struct access_session *agent_session(const struct http_request *request) {
    const struct caller *caller = http_request_data(request);
    return caller != NULL && caller->session.id != 0 ? &caller->session : NULL;
}

const char *agent_origin(const struct http_request *request) {
    const struct caller *caller = http_request_data(request);
    return caller != NULL && caller->origin[0] != 0 ? caller->origin : NULL;
}

struct policy_rules agent_rules(const struct http_request *request) {
    struct policy_rules rules;
    policy_rules(agent_of(request)->policy, agent_origin(request), &rules);
    return rules;
}

static bool refuse(struct http_request *request, enum agent_problem problem) {
    log_debug("access", "%s %s: %s", http_request_method(request), http_request_path(request),
              agent_problem_code(problem));
    agent_respond_problem(request, problem, NULL, NULL);
    return false;
}

/* ---- Host and peer ---- */

static bool check_host(struct http_request *request) {
    return (http_request_header_count(request, "Host") == 1 &&
            host_is_ours(http_request_header(request, "Host"), http_request_local_port(request))) ||
           refuse(request, PROBLEM_HOST_REFUSED);
}

/* Asked once a connection: its other end does not change. */
static bool check_peer(struct http_request *request) {
    uid_t uid;
    if (http_request_connection_mark(request) == PEER_IS_US) {
        return true;
    }
    if (!peer_find_uid(http_request_peer_address(request), http_request_peer_port(request),
                       http_request_local_port(request), &uid)) {
        log_warn("access", "a connection's owner could not be found: refused");
        return refuse(request, PROBLEM_PEER_REFUSED);
    }
    if (uid != geteuid()) {
        log_warn("access", "a connection of another user (uid %u) was refused", (unsigned)uid);
        return refuse(request, PROBLEM_PEER_REFUSED);
    }
    http_request_set_connection_mark(request, PEER_IS_US);
    return true;
}

/* ---- origin and CORS ---- */

static unsigned needed_access(const struct http_request *request) {
    const struct http_route *route = http_request_route(request);
    return route != NULL ? route->tag & AGENT_ROUTE_ACCESS : AGENT_ROUTE_SESSION;
}

static enum origin_class class_of(const struct agent *agent, const char *origin) {
    enum origin_class class = pairing_store_class(agent->pairings, origin);
    /* an origin whose session has ended may learn that, instead of meeting silence */
    return class == ORIGIN_ELIGIBLE && access_origin_is_known(agent->access, origin) ? ORIGIN_PAIRED
                                                                                     : class;
}

static void allow_cors(struct http_request *request, const struct caller *caller) {
    http_response_header(request, "Access-Control-Allow-Origin", caller->origin);
    http_response_header(request, "Access-Control-Expose-Headers",
                         "ETag, Location, Retry-After, Content-Language");
}

static bool is_preflight(const struct http_request *request) {
    return strcmp(http_request_method(request), "OPTIONS") == 0 &&
           http_request_header(request, "Access-Control-Request-Method") != NULL;
}

/* What a preflight asks about is another method's route: by its path. */
static bool path_is_for_eligible(const char *path) {
    const struct http_route *const tables[] = {wellknown_routes, pairing_routes};
    for (size_t i = 0; i < sizeof(tables) / sizeof(tables[0]); i++) {
        for (const struct http_route *row = tables[i]; row->method != NULL; row++) {
            if ((row->tag & AGENT_ROUTE_ACCESS) != AGENT_ROUTE_SESSION &&
                strcmp(row->pattern, path) == 0) {
                return true;
            }
        }
    }
    return false;
}

static void answer_preflight(struct http_request *request, const struct caller *caller) {
    allow_cors(request, caller);
    http_response_header(request, "Access-Control-Allow-Methods", "GET, POST, PUT, PATCH, DELETE");
    http_response_header(
        request, "Access-Control-Allow-Headers",
        "OpenUKey-Session, Content-Type, Authorization, Idempotency-Key, If-Match, "
        "Accept-Language");
    http_response_header(request, "Access-Control-Max-Age", "600");
    if (http_request_header(request, "Access-Control-Request-Private-Network") != NULL) {
        http_response_header(request, "Access-Control-Allow-Private-Network", "true");
    }
    http_respond_empty(request, 204);
}

static bool check_origin(struct http_request *request, struct caller *caller) {
    const struct agent *agent = agent_of(request);
    size_t count = http_request_header_count(request, "Origin");
    unsigned need = needed_access(request);
    http_response_header(request, "Vary", "Origin");
    if (count == 0) {
        return need == AGENT_ROUTE_OPEN || refuse(request, PROBLEM_ORIGIN_REFUSED);
    }
    const char *origin = http_request_header(request, "Origin");
    caller->origin_class = count == 1 ? class_of(agent, origin) : ORIGIN_REFUSED;
    if (caller->origin_class == ORIGIN_REFUSED) {
        return refuse(request, PROBLEM_ORIGIN_REFUSED);
    }
    memcpy(caller->origin, origin, strlen(origin) + 1);
    bool open = caller->origin_class == ORIGIN_PAIRED || need != AGENT_ROUTE_SESSION;
    if (is_preflight(request)) {
        if (!open && !path_is_for_eligible(http_request_path(request))) {
            return refuse(request, PROBLEM_ORIGIN_REFUSED);
        }
        answer_preflight(request, caller);
        return false;
    }
    if (open) {
        allow_cors(request, caller);
        return true;
    }
    /* somebody else's token is told to be that; an unpaired origin without one is nobody */
    return refuse(request, http_request_header(request, "OpenUKey-Session") != NULL
                               ? PROBLEM_SESSION_INVALID
                               : PROBLEM_ORIGIN_REFUSED);
}

/* ---- media type, rate, session ---- */

/* Only a body type that needs a preflight: a form cannot send it. */
static bool check_media_type(struct http_request *request) {
    static const char json[] = "application/json";
    const struct http_route *route = http_request_route(request);
    if (route != NULL && route->body == HTTP_BODY_STREAM) {
        return true; /* the dispatcher wants application/octet-stream, exactly: no form sends that either */
    }
    const char *method = http_request_method(request);
    if (strcmp(method, "POST") != 0 && strcmp(method, "PUT") != 0 && strcmp(method, "PATCH") != 0) {
        return true;
    }
    const char *type = http_request_header(request, "Content-Type");
    size_t len = sizeof(json) - 1;
    bool is_single = http_request_header_count(request, "Content-Type") == 1;
    bool is_json =
        is_single && strncasecmp(type, json, len) == 0 && strchr("; \t", type[len]) != NULL;
    bool is_passed_on = route != NULL && route->body == HTTP_BODY_PASS && is_single &&
                        strcasecmp(type, "application/octet-stream") == 0;
    return is_json || is_passed_on || refuse(request, PROBLEM_UNSUPPORTED_MEDIA_TYPE);
}

static bool check_rate(struct http_request *request, const struct caller *caller) {
    if (caller->origin[0] == 0 || access_rate_take(agent_of(request)->access, caller->origin, 0)) {
        return true;
    }
    http_response_header(request, "Retry-After", "60");
    return refuse(request, PROBLEM_RATE_LIMITED);
}

static bool check_session(struct http_request *request, struct caller *caller) {
    /* a WebSocket shows its session in its first message */
    if (needed_access(request) != AGENT_ROUTE_SESSION || http_request_is_websocket(request)) {
        return true;
    }
    const char *token = http_request_header(request, "OpenUKey-Session");
    if (token == NULL) {
        return refuse(request, PROBLEM_PAIRING_REQUIRED);
    }
    if (http_request_header_count(request, "OpenUKey-Session") != 1 ||
        !access_session_find(agent_of(request)->access, token, caller->origin, &caller->session)) {
        return refuse(request, PROBLEM_SESSION_INVALID);
    }
    return true;
}

/* May this site do what the route does? A WebSocket is for reading. */
static bool check_action(struct http_request *request) {
    const struct http_route *route = http_request_route(request);
    unsigned needed = http_request_is_websocket(request) ? POLICY_READ
                      : route != NULL                    ? route->tag & POLICY_ACTIONS
                                                         : 0;
    return needed == 0 || (agent_rules(request).actions & needed) == needed ||
           refuse(request, PROBLEM_ACTION_REFUSED);
}

bool gate_before(struct http_request *request) {
    struct caller *caller = http_request_alloc(request, sizeof(*caller));
    if (caller == NULL) {
        return refuse(request, PROBLEM_INTERNAL);
    }
    http_request_set_data(request, caller);
    return check_host(request) && check_peer(request) && check_origin(request, caller) &&
           check_rate(request, caller) && check_media_type(request) &&
           check_session(request, caller) && check_action(request);
}

/* ---- the one interactive action ---- */

bool agent_action_begin(struct http_request *request) {
    return access_action_begin(agent_of(request)->access) ||
           refuse(request, PROBLEM_ACTION_PENDING);
}

void agent_action_end(struct http_request *request) {
    access_action_end(agent_of(request)->access);
}

bool agent_action_is_over(const struct http_request *request) {
    const struct access_session *session = agent_session(request);
    return http_request_client_gone(request) ||
           (session != NULL && !access_session_is_alive(agent_of(request)->access, session->id));
}
