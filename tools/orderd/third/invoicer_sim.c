/* See invoicer.h. */
#include "tools/orderd/third/invoicer.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The invoice of this id gets its number once. */
static bool draw_number(struct db *db, const struct invoice_request *request, char number[32]) {
    struct db_rows *rows = NULL;
    bool found = false;
    if (db_run(db, NULL,
               "INSERT INTO sim_invoices (id, number, state, created) SELECT $1, 'SIM' || "
               "(1000000 + COUNT(*)), 'ISSUED', $2 FROM sim_invoices WHERE true ON CONFLICT (id) "
               "DO NOTHING",
               "ti", request->id, request->now_ms) != DB_OK ||
        db_query(db, &rows, "SELECT number FROM sim_invoices WHERE id = $1", "t", request->id) !=
            DB_OK) {
        return false;
    }
    if (db_next(rows) == DB_OK) {
        snprintf(number, 32, "%s", db_text(rows, 0));
        found = true;
    }
    db_end(rows);
    return found;
}

/* A page of plain text as PDF 1.4: only ASCII is drawn, since no font is embedded. */
static bool draw_page(const struct invoice_request *request, const char *number,
                      struct octets *file) {
    char content[512];
    char *page = NULL;
    size_t offsets[6] = {0};
    size_t size = 0;
    FILE *out = open_memstream(&page, &size);
    if (out == NULL) {
        return false;
    }
    int len = snprintf(content, sizeof content,
                       "BT /F1 16 Tf 72 760 Td (SIMULATED INVOICE %s) Tj 0 -28 Td /F1 12 Tf "
                       "(Tax number %.20s) Tj 0 -20 Td (Amount CNY %" PRId64 ".%02d) Tj ET",
                       number, request->tax_number, request->amount_fen / 100,
                       (int)(request->amount_fen % 100));
    fputs("%PDF-1.4\n", out);
    static const char page_object[] = "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] "
                                      "/Contents 4 0 R /Resources << /Font << /F1 5 0 R >> >> >>";
    static const char *const objects[] = {
        "<< /Type /Catalog /Pages 2 0 R >>",
        "<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        page_object,
        NULL,
        "<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
    };
    for (size_t i = 0; i < 5; i++) {
        fflush(out);
        offsets[i + 1] = size;
        if (objects[i] != NULL) {
            fprintf(out, "%zu 0 obj\n%s\nendobj\n", i + 1, objects[i]);
        } else {
            fprintf(out, "%zu 0 obj\n<< /Length %d >>\nstream\n%s\nendstream\nendobj\n", i + 1, len,
                    content);
        }
    }
    fflush(out);
    size_t start = size;
    fputs("xref\n0 6\n0000000000 65535 f \n", out);
    for (size_t i = 1; i < 6; i++) {
        fprintf(out, "%010zu 00000 n \n", offsets[i]);
    }
    fprintf(out, "trailer\n<< /Size 6 /Root 1 0 R >>\nstartxref\n%zu\n%%%%EOF\n", start);
    bool done = fclose(out) == 0;
    *file = (struct octets){(unsigned char *)page, done ? size : 0};
    return done;
}

static bool issue(void *context, struct db *db, const struct invoice_request *request,
                  char number[32], struct octets *file) {
    (void)context;
    *file = (struct octets){NULL, 0};
    return draw_number(db, request, number) && draw_page(request, number, file);
}

static bool reverse(void *context, struct db *db, const char *id) {
    (void)context;
    return db_run(db, NULL, "UPDATE sim_invoices SET state = 'RED' WHERE id = $1", "t", id) ==
           DB_OK;
}

const struct invoicer invoicer_sim = {
    .name = "sim", .context = NULL, .issue = issue, .reverse = reverse};
