/* Renewal up to the confirmation: may it be, make the order, fill it in, submit, cancel (T01-T03, T22, T23; R210, R215). */
#ifndef TOOLS_ORDERD_ENGINE_RENEWAL_H
#define TOOLS_ORDERD_ENGINE_RENEWAL_H

#include "tools/orderd/engine/idempotency.h"
#include "tools/orderd/engine/order.h"
#include "tools/orderd/engine/session.h"
#include "tools/orderd/text.h"

/* Who asks, and in which language the answer is. */
struct caller {
    struct session session;
    enum language language;
};

/* May this certificate (SHA-256 hex) be renewed now? *out is the answer object {eligible, code, reason, daysLeft, earliest, latest,
 * terms}; a certificate that is not the caller's subject's is CERTIFICATE_UNKNOWN. */
enum order_error renewal_eligibility(const struct engine *engine, struct db *db,
                                     const struct caller *caller, const char *sha256, json_t **out);

/* T01 and T25: make an order for the certificate that the caller logged in with. *out is the order object, or the one that the same
 * idempotency key made before. `extra` receives `order` with ORDER_OPEN_EXISTS, `earliest` or `latest` with a closed window. */
enum order_error renewal_create(const struct engine *engine, struct db *db,
                                const struct caller *caller, const char *sha256,
                                const struct idempotency *idempotency, json_t **out, json_t *extra);

/* The caller's order of this number, as it is now. ORDER_NOT_FOUND also for others' orders. */
enum order_error order_of_caller(struct db *db, const struct caller *caller, const char *number,
                                 struct order *out);

/* T03: set years and handler as far as `patch` names them. An edit after the confirmation makes it void and closes open payments.
 * `extra` receives `errors` [{field, detail}] with ORDER_FIELDS_INVALID. */
enum order_error renewal_edit(const struct engine *engine, struct db *db,
                              const struct caller *caller, const char *number, int64_t version,
                              const json_t *patch, struct order *out, json_t *extra);

/* T02: everything is filled in. */
enum order_error renewal_submit(const struct engine *engine, struct db *db,
                                const struct caller *caller, const char *number, int64_t version,
                                struct order *out, json_t *extra);

/* T22. */
enum order_error renewal_cancel(const struct engine *engine, struct db *db,
                                const struct caller *caller, const char *number, int64_t version,
                                struct order *out);

/* T23: end unpaid orders that have rested for the profile's idle days. *count: how many. */
enum order_error renewal_expire_idle(const struct engine *engine, struct db *db, int *count);

#endif
