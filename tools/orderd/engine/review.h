/* Staff judges (T09-T14, T27, T29; R131, R132, R150-R157): finance the transfers, reviewers the documents, operators everything that is
 * done with hands. Nobody judges their own order, and what two must approve is approved by two. */
#ifndef TOOLS_ORDERD_ENGINE_REVIEW_H
#define TOOLS_ORDERD_ENGINE_REVIEW_H

#include "tools/orderd/engine/caller.h"

#include <jansson.h>

enum review_limit { REASON_MAX = 600, CARRIER_MAX = 64, VOUCHER_MAX = 4 << 20 };

enum review_decision { REVIEW_APPROVE, REVIEW_RETURN, REVIEW_REJECT };

/* The orders that wait for the caller's role, the longest waiting first, a page after `cursor` (NULL: the first): {orders, next?}.
 * ORDER_FORBIDDEN for applicants, ORDER_BAD_REQUEST for what is no cursor. */
enum order_error review_queue(const struct engine *engine, struct db *db,
                              const struct caller *caller, const char *cursor, json_t **out);

/* T10-T12 of a reviewer. Approving needs every document to have been looked at (ORDER_NOT_SEEN); returning and rejecting need a reason.
 * Of kinds that two must approve the first approval is noted, and the order still waits. */
enum order_error review_decide(const struct engine *engine, struct db *db,
                               const struct caller *caller, const char *number, int64_t version,
                               enum review_decision decision, const char *reason,
                               struct order *out);

/* T08: the applicant has transferred the money; `payer` is whose account it came from. `extra` as material_put. */
enum order_error voucher_put(const struct engine *engine, struct db *db,
                             const struct caller *caller, const char *number, int64_t version,
                             const char *payer, const void *data, size_t len, struct order *out,
                             json_t *extra);

/* The newest voucher of the order: picture, payer and what the payer should be (R131). *bytes is the caller's. */
enum order_error voucher_get(const struct engine *engine, struct db *db,
                             const struct caller *caller, const char *number, struct octets *bytes,
                             char mime[32]);

/* T09 of finance: `transaction` is the bank's number of what came (accepting), `reason` why not (refusing). A payer that is not the
 * applicant cannot be accepted. */
enum order_error voucher_decide(const struct engine *engine, struct db *db,
                                const struct caller *caller, const char *number, int64_t version,
                                bool accept, const char *transaction, const char *reason,
                                struct order *out);

/* T28 of finance: a transfer was sent back, `transaction` is the bank's number of that. */
enum order_error voucher_refunded(const struct engine *engine, struct db *db,
                                  const struct caller *caller, const char *number, int64_t version,
                                  const char *transaction, struct order *out);

/* T29, T14 and T27 of an operator. What cannot be done on a key any more is given up with the money going back; not while a key is in
 * somebody's hands, nor once one works (ORDER_WRONG_STATE). */
enum order_error operator_papers(const struct engine *engine, struct db *db,
                                 const struct caller *caller, const char *number, int64_t version,
                                 struct order *out);
enum order_error operator_ship(const struct engine *engine, struct db *db,
                               const struct caller *caller, const char *number, int64_t version,
                               const char *carrier, const char *carrier_no, struct order *out);
enum order_error operator_give_up(const struct engine *engine, struct db *db,
                                  const struct caller *caller, const char *number, int64_t version,
                                  const char *reason, struct order *out);

/* The same from the service's own command line, by whoever may run it. */
enum order_error operator_give_up_here(const struct engine *engine, struct db *db,
                                       const char *number, struct order *out);

/* T16 of the applicant; and of the scheduler, for parcels that nobody has confirmed for the profile's days (R165). */
enum order_error receipt_confirm(const struct engine *engine, struct db *db,
                                 const struct caller *caller, const char *number, int64_t version,
                                 struct order *out);
enum order_error receipt_sweep(const struct engine *engine, struct db *db, int *count);

/* Where the order's parcel is (R162): {mode, state, carrier, parcel, shipped, received?, recipient?, track?: {state, url, since?}}. The
 * courier is asked while it is under way; when he cannot be reached, `track` is absent. ORDER_NOT_FOUND before anything was sent. */
enum order_error shipment_view(const struct engine *engine, struct db *db,
                               const struct caller *caller, const char *number, json_t **out);

#endif
