/* Who asks, and in which language the answer is; whose orders and certificates they may see and change. */
#ifndef TOOLS_ORDERD_ENGINE_CALLER_H
#define TOOLS_ORDERD_ENGINE_CALLER_H

#include "tools/orderd/engine/order.h"
#include "tools/orderd/engine/registry.h"
#include "tools/orderd/engine/session.h"
#include "tools/orderd/text.h"

struct caller {
    struct session session;
    enum language language;
};

/* Staff with this role. */
bool caller_is(const struct caller *caller, enum role role);

/* The name that events carry for this caller: "user", "reviewer", "finance", "operator". */
const char *caller_actor(const struct caller *caller);

/* May the caller act for this subject? A key for its own; an account for those it is linked to; staff for all. ORDER_NOT_FOUND
 * otherwise. A query session sees its subject and changes nothing: see caller_may_change. */
enum order_error caller_of_subject(struct db *db, const struct caller *caller, const char *subject);

/* ORDER_FORBIDDEN for sessions that may only look. */
enum order_error caller_may_change(const struct caller *caller);

/* The order of this number, if the caller may see it: ORDER_NOT_FOUND also for others' orders. */
enum order_error order_of_caller(struct db *db, const struct caller *caller, const char *number,
                                 struct order *out);

/* The same, to be changed by its applicant: the version must be the one named (ORDER_VERSION_CONFLICT). */
enum order_error order_to_change(struct db *db, const struct caller *caller, const char *number,
                                 int64_t version, struct order *out);

/* The caller's certificate of this fingerprint, whatever its state; ORDER_CERTIFICATE_UNKNOWN also for others'. */
enum order_error certificate_of_caller(struct db *db, const struct caller *caller,
                                       const char *sha256, struct certificate_record *out);

#endif
