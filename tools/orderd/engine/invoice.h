/* Invoices (order-domain.md 6; R240-R247): on receipt, on payment or on request, as the portal does it. */
#ifndef TOOLS_ORDERD_ENGINE_INVOICE_H
#define TOOLS_ORDERD_ENGINE_INVOICE_H

#include "tools/orderd/engine/caller.h"

#include <jansson.h>

enum invoice_limit { INVOICE_FILE_MAX = 4 << 20 };

/* R246: ask for the invoice of a paid order, with {invoiceTitle, invoiceTaxNumber, invoiceEmail, ...} instead of what the form said.
 * `extra` receives `errors`. *out is the invoice object. Asking again gives the same invoice. */
enum order_error invoice_request(const struct engine *engine, struct db *db,
                                 const struct caller *caller, const char *number,
                                 const json_t *fields, json_t **out, json_t *extra);

/* Have the invoice issued (TOPIC_INVOICE), mail it, and move on an order that waited for it (T30). Harmless when it was done. */
enum order_error invoice_issue(const struct engine *engine, struct db *db, const char *order);

/* The order's money went back: its invoice is taken back too (TOPIC_INVOICE_RED). Harmless when there is none or it was done. */
enum order_error invoice_reverse(const struct engine *engine, struct db *db, const char *order);

/* {state, number?, title}; state NONE when there is none. */
enum order_error invoice_view(const struct engine *engine, struct db *db, const struct order *order,
                              json_t **out);

/* The issued invoice's file. *bytes is the caller's. */
enum order_error invoice_get(const struct engine *engine, struct db *db,
                             const struct caller *caller, const char *number, struct octets *bytes);

#endif
