/* The agent as its rooms see it: what they share, how a handler learns who asks, which routes there are. */
#ifndef AGENT_API_API_H
#define AGENT_API_API_H

#include <stdbool.h>

#include "agent/access/access.h"
#include "agent/access/policy.h"
#include "agent/api/events.h"
#include "agent/api/messages.h"
#include "agent/config.h"
#include "agent/http/http.h"
#include "agent/log.h"
#include "agent/proxy/proxy.h"

struct audit;
struct pairing_store;
struct key; /* the key rooms' own state (token, consent, jobs): only they look inside */

/* One per process; made by main. The server's context (http_request_context) is this. */
struct agent {
    const struct agent_config *config;
    struct policy *policy;
    struct audit *audit;
    struct access *access;
    struct pairing_store *pairings;
    struct events *events;
    struct proxy *proxy;
    struct key *key;            /* set by key_open */
    struct http_server *server; /* NULL until it listens */
    uint16_t port;
};

/* ---- a route's tag: what a request needs before its handler runs (the default is the strictest) ----
 * One of these, and with AGENT_ROUTE_SESSION the actions that the site must be allowed: AGENT_ROUTE_SESSION | POLICY_SIGN. */
enum agent_route_tag {
    AGENT_ROUTE_SESSION =
        0, /* a paired origin's session: Host, peer, origin and session have been checked */
    AGENT_ROUTE_ELIGIBLE,    /* any eligible origin: pairing */
    AGENT_ROUTE_OPEN,        /* anyone on this machine of this user: /.well-known/openukey */
    AGENT_ROUTE_ACCESS = 15, /* the bits of a tag that hold one of these */
};

/* The agent of this request. */
struct agent *agent_of(const struct http_request *request);
/* Who asks: never NULL in the handler of an AGENT_ROUTE_SESSION route. Lives as long as the request. */
const struct access_session *agent_session(const struct http_request *request);
/* The canonical origin of an AGENT_ROUTE_ELIGIBLE or _SESSION request, or NULL where there is none. */
const char *agent_origin(const struct http_request *request);
/* What the policy lays down for the asking site, in the handler of an AGENT_ROUTE_SESSION route. */
struct policy_rules agent_rules(const struct http_request *request);

/* Begin the one interactive action: false means that ACTION_PENDING has been answered. True needs one agent_action_end().
 * While a dialog is open, watch agent_action_is_over(). */
bool agent_action_begin(struct http_request *request);
void agent_action_end(struct http_request *request);
/* The page has gone, its session has ended or the agent is stopping: close the dialog. */
bool agent_action_is_over(const struct http_request *request);

/* ---- the routes, a table a resource ---- */
extern const struct http_route wellknown_routes[];
extern const struct http_route pairing_routes[];
extern const struct http_route service_routes[];

/* ---- what the key rooms supply (agent_key): tokens, certificates, seals, PIN, sign, login, jobs ---- */
extern const struct http_route *const key_routes[]; /* tables, ended by NULL */
/* Load the module, start watching tokens, take up journaled jobs. Called before the server listens. -1: the log says why. */
int key_open(struct agent *agent);
/* Stop watching, close dialogs, end jobs at a safe point. Called after the server has stopped. */
void key_close(struct agent *agent);
/* Log the token out (access_options.token_logout). Called from any thread, without locks held. */
void key_token_logout(struct agent *agent, const char *token_id);

#endif
