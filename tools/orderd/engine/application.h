/* An application up to its confirmation: may it be, make the order, fill it in, submit, cancel, copy (T01-T03, T22, T23; R020, R041-R053,
 * R210, R215). Every kind of business goes through here; what differs is in the profile and in kind_rules. */
#ifndef TOOLS_ORDERD_ENGINE_APPLICATION_H
#define TOOLS_ORDERD_ENGINE_APPLICATION_H

#include "tools/orderd/engine/caller.h"
#include "tools/orderd/engine/idempotency.h"

/* What is applied for. */
struct application {
    enum order_kind kind;
    const char *certificate; /* SHA-256 hex of the certificate that it is about; NULL for NEW */
    struct subject_record *subject; /* of NEW: who it is for, but for the id; else NULL */
    enum medium medium;             /* R037: what a NEW certificate's key is kept in */
    struct subject_record *
        linked; /* of NEW: who a second order is for, made together with this one (R022); or NULL */
    const char *source; /* number of a finished order whose data are copied (R041), or NULL */
};

/* May this certificate (SHA-256 hex) be renewed now? *out is the answer object {eligible, code, reason, daysLeft, earliest, latest,
 * terms}; a certificate that is not the caller's is CERTIFICATE_UNKNOWN. */
enum order_error application_eligibility(const struct engine *engine, struct db *db,
                                         const struct caller *caller, const char *sha256,
                                         json_t **out);

/* T01 (and T25, when a key that is logged in applies): make an order. *out is the order object, or the one that the same idempotency
 * key made before. `extra` receives `order` with ORDER_OPEN_EXISTS, `earliest` or `latest` with a closed window. */
enum order_error application_create(const struct engine *engine, struct db *db,
                                    const struct caller *caller,
                                    const struct application *application,
                                    const struct idempotency *idempotency, json_t **out,
                                    json_t *extra);

/* T03: take over what `patch` names. An edit after the confirmation makes it void and closes open payments.
 * `extra` receives `errors` [{field, detail}] with ORDER_FIELDS_INVALID. */
enum order_error application_edit(const struct engine *engine, struct db *db,
                                  const struct caller *caller, const char *number, int64_t version,
                                  const json_t *patch, struct order *out, json_t *extra);

/* T02: what is open of the form is filled in. */
enum order_error application_submit(const struct engine *engine, struct db *db,
                                    const struct caller *caller, const char *number,
                                    int64_t version, struct order *out, json_t *extra);

/* T22: money that came goes back first. */
enum order_error application_cancel(const struct engine *engine, struct db *db,
                                    const struct caller *caller, const char *number,
                                    int64_t version, struct order *out);

/* T23: end unpaid orders that have rested for the profile's idle days. *count: how many. */
enum order_error application_expire_idle(const struct engine *engine, struct db *db, int *count);

#endif
