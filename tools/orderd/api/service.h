/* What the HTTP handlers share: the server's context, one call's state, and how calls begin and end. */
#ifndef TOOLS_ORDERD_API_SERVICE_H
#define TOOLS_ORDERD_API_SERVICE_H

#include "agent/http/http.h"
#include "tools/orderd/engine/account.h"
#include "tools/orderd/engine/application.h"
#include "tools/orderd/engine/authority.h"
#include "tools/orderd/engine/engine.h"
#include "tools/orderd/store/pool.h"
#include "tools/orderd/third/payment_sim.h"
#include "tools/orderd/third/worker.h"

#include <pthread.h>

/* The longest body that carries a signed object. */
#define SIGNED_BODY_MAX ((size_t)400 * 1024)

/* The server's context (http_request_context). */
struct service {
    struct engine engine;
    struct db_pool *pool;
    struct payment_sim *sim; /* NULL when there are no simulators */
    struct worker *worker;
    pthread_mutex_t
        crl_lock; /* the CRL is made anew when it would say something else, or is a minute old */
    struct octets crl;
    struct authority_mark crl_mark;
    int64_t crl_until_ms;
};

/* One request being handled. */
struct call {
    struct http_request *request;
    struct service *service;
    struct db *db;
    struct caller caller; /* session empty unless the call needed one */
    json_t *extra;        /* members for the problem document, if it comes to one */
};

/* CALL_LOOK: a session that may only look will do. */
enum call_need { CALL_ANYBODY, CALL_LOOK, CALL_SESSION };

/* Take a connection and, unless anybody may call, the session of the bearer token. False: the request has been answered. */
bool call_begin(struct call *call, struct http_request *request, enum call_need need);

/* Answer with `status` and `body` (reference taken over), or with the problem that `error` means; give the connection back. */
void call_end(struct call *call, enum order_error error, int status, json_t *body);

/* The same for an order object: adds its ETag. */
void call_end_order(struct call *call, enum order_error error, int status,
                    const struct order *order);

/* What most handlers are: one function between beginning and end. Something that answers with an object of its own ... */
typedef enum order_error call_action(struct call *call, json_t **out);
void call_run(struct http_request *request, enum call_need need, int status, call_action *action);

/* ... and something done to the order {no} of the path, at the version of If-Match; its answer is the order. What the outbox got is
 * delivered at once. */
typedef enum order_error call_write(struct call *call, const char *number, int64_t version,
                                    struct order *out);
void call_run_write(struct http_request *request, call_write *action);

/* Handlers of a table of routes that are one of these: `name` runs do_name. */
#define CALL_HANDLER(name, need, status)                                                           \
    static void name(struct http_request *request) {                                               \
        call_run(request, need, status, do_##name);                                                \
    }
#define CALL_WRITE_HANDLER(name)                                                                   \
    static void name(struct http_request *request) {                                               \
        call_run_write(request, do_##name);                                                        \
    }

/* What a login gives, for its answer; the bearer token is cleansed. */
json_t *view_login(struct account_login *login);

/* Who repeats a request: keys of Idempotency-Key are apart for each of these. */
const char *call_owner(const struct call *call);

/* If-Match: "version". ORDER_VERSION_NEEDED when absent, ORDER_BAD_REQUEST when it is not a version. */
enum order_error call_version(const struct call *call, int64_t *version);

/* Idempotency-Key, or ORDER_IDEMPOTENCY_NEEDED; 1 to IDEMPOTENCY_KEY_MAX visible characters. */
enum order_error call_idempotency_key(const struct call *call, const char **key);

/* A base64 member of the body, at most `max` bytes; ORDER_BAD_REQUEST otherwise. *out is the caller's. */
enum order_error call_bytes(const struct call *call, const char *name, size_t max,
                            struct octets *out);

/* A string member of the body, or NULL. */
const char *call_text(const struct call *call, const char *name, size_t max_len);

/* A name of the path's pattern. */
const char *call_param(const struct call *call, const char *name);

/* The bearer token of a call that has a session. */
const char *call_bearer(const struct call *call);

/* The body has these members only (a list ended by NULL). */
bool call_members_are(const struct call *call, const char *const *names);

/* Answer with a problem, outside a call. */
void respond_error(struct http_request *request, enum order_error error, json_t *extra);

/* The routes; each file of this folder has a table. */
extern const struct http_route api_login_routes[];
extern const struct http_route api_account_routes[];
extern const struct http_route api_desk_routes[];
extern const struct http_route api_account_self_routes[];
extern const struct http_route api_handover_routes[];
extern const struct http_route api_platform_sim_routes[];
extern const struct http_route api_soft_routes[];
extern const struct http_route api_parcel_routes[];
extern const struct http_route api_courier_sim_routes[];
extern const struct http_route api_query_routes[];
extern const struct http_route api_order_routes[];
extern const struct http_route api_verification_routes[];
extern const struct http_route api_document_routes[];
extern const struct http_route api_staff_routes[];
extern const struct http_route api_payment_routes[];
extern const struct http_route api_task_routes[];
extern const struct http_route api_authority_routes[];
extern const struct http_route api_page_routes[];
extern const struct http_route api_sim_routes[]; /* only with simulators */

/* All of them, ended by NULL, in the order in which they are asked. */
extern const struct http_route *const api_routes[];

#endif
