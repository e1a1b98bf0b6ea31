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

/* Staff with this role; any staff. */
bool caller_is(const struct caller *caller, enum role role);
bool caller_is_staff(const struct caller *caller);

/* Does the caller see personal data only masked? So do queries by a credential's number (R230, R076). */
bool caller_sees_masked(const struct caller *caller);

/* The name that events carry for this caller: "user", "reviewer", "finance", "operator". */
const char *caller_actor(const struct caller *caller);

/* May the caller act for this subject? A key for its own; an account for those it has proven to act for; staff for all.
 * ORDER_NOT_FOUND otherwise. A query session sees its subject and changes nothing: see caller_may_change. */
enum order_error caller_of_subject(struct db *db, const struct caller *caller, const char *subject);

/* It is proven that this account acts for the subject: its orders and certificates are the account's from now on. To name a subject in a
 * new order proves nothing; its approval does, or a code that went to the handler of an earlier one. In the caller's transaction; "" is no account. */
enum order_error caller_link(struct db *db, const char *account, const char *subject,
                             int64_t now_ms);

/* ORDER_FORBIDDEN for sessions that may only look. */
enum order_error caller_may_change(const struct caller *caller);

/* The order of this number, if the caller may see it, as one who made it or acts for its subject: ORDER_NOT_FOUND also for others'
 * orders. */
enum order_error order_of_caller(struct db *db, const struct caller *caller, const char *number,
                                 struct order *out);

/* The same, to be changed by its applicant: the version must be the one named (ORDER_VERSION_CONFLICT). */
enum order_error order_to_change(struct db *db, const struct caller *caller, const char *number,
                                 int64_t version, struct order *out);

/* The caller's certificate of this fingerprint, whatever its state; ORDER_CERTIFICATE_UNKNOWN also for others'. */
enum order_error certificate_of_caller(struct db *db, const struct caller *caller,
                                       const char *sha256, struct certificate_record *out);

#endif
