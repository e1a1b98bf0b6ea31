/* What happens by itself when an order comes to a gate or to its end: what costs nothing is paid, the CA is asked, an invoice is asked
 * for, people are told. Part of the transition that brought the order there, and of its database transaction. */
#ifndef TOOLS_ORDERD_ENGINE_ADVANCE_H
#define TOOLS_ORDERD_ENGINE_ADVANCE_H

#include "tools/orderd/engine/order.h"

/* Outbox topics. Payload {order: internal id} with further members where the comment says so. */
#define TOPIC_APPLY_CA    "ca.apply"      /* freeze, unfreeze, revoke, unbind: engine/standing.h */
#define TOPIC_INVOICE     "invoice.issue" /* engine/invoice.h */
#define TOPIC_INVOICE_RED "invoice.reverse"
#define TOPIC_NOTIFY      "notify" /* and {state}: tell the applicant where the order stands */

/* The order has just come to its present state from `from` (STATE_COUNT: it is new). */
enum order_error order_advanced(const struct engine *engine, struct db *db, struct order *order,
                                enum order_state from);

#endif
