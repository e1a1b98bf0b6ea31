/* Whoever issues electronic invoices, as the engine sees it. */
#ifndef TOOLS_ORDERD_THIRD_INVOICER_H
#define TOOLS_ORDERD_THIRD_INVOICER_H

#include "module/formats/octets.h"
#include "tools/orderd/store/db.h"

struct invoice_request {
    const char *id; /* the order's internal id; the same again is the same invoice */
    const char *title;
    const char *tax_number;
    int64_t amount_fen;
    int64_t now_ms;
};

struct invoicer {
    const char *name;
    void *context;
    /* The invoice's number and its file (PDF, the caller's). False: cannot be reached now. */
    bool (*issue)(void *context, struct db *db, const struct invoice_request *request,
                  char number[32], struct octets *file);
    /* Take the invoice of this order back (a red one). Harmless when there is none or it was done. False: cannot be reached now. */
    bool (*reverse)(void *context, struct db *db, const char *id);
};

/* The played one: numbers of its own book (table sim_invoices), and a one-page PDF. */
extern const struct invoicer invoicer_sim;

#endif
