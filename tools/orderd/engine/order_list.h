/* Lists of orders: what somebody may see of them, by the filters of the manuals' lists (R055, R056, R231-R237). */
#ifndef TOOLS_ORDERD_ENGINE_ORDER_LIST_H
#define TOOLS_ORDERD_ENGINE_ORDER_LIST_H

#include "tools/orderd/engine/caller.h"

#include <jansson.h>

/* Each member NULL where it does not matter. */
struct order_filter {
    const char *
        state; /* "open" or "done": the two lists are disjoint and together are all (invariant 10) */
    const char *status;  /* names of states, with commas between them */
    const char *kind;    /* names of kinds, likewise */
    const char *type;    /* "ORG" or "PERSON" */
    const char *medium;  /* "UKEY" or "SOFT" */
    const char *name;    /* part of the subject's name */
    const char *number;  /* beginning of the order's number */
    const char *project; /* as filled in */
    const char *payment; /* state of a payment: "PAID", "PENDING", ... */
    const char *channel; /* way of a payment */
    const char *from;    /* first and last day of making, "YYYY-MM-DD" */
    const char *to;
    const char *cursor;
};

/* One page, the newest first: {orders: [...], next?}. ORDER_BAD_REQUEST when a filter is not of its form. */
enum order_error order_list(const struct engine *engine, struct db *db, const struct caller *caller,
                            const struct order_filter *filter, json_t **out);

/* R016: how many orders and certificates of the account wait for what: {inProcess, returned, rejected, toDownload, softToDownload,
 * certificates, soonToExpire, unreadMessages}. */
enum order_error order_counters(const struct engine *engine, struct db *db,
                                const struct caller *caller, json_t **out);

#endif
