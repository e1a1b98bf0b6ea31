/* See certificate_list.h. */
#include "tools/orderd/engine/certificate_list.h"

#include "tools/orderd/engine/page.h"
#include "tools/orderd/engine/view.h"

#include <stdio.h>
#include <string.h>

/* `state` as it is shown: nobody writes a row at the moment when a certificate ends. */
#define SHOWN_STATE                                                                                \
    "CASE WHEN c.state = 'VALID' AND c.not_after < $4 THEN 'EXPIRED' ELSE c.state END"

static const char list_sql[] =
    "SELECT c.id, c.sha256, c.serial, c.subject_dn, c.not_before, c.not_after, " SHOWN_STATE
    ", c.algorithm, c.usage, COALESCE(c.token, ''), s.name, COALESCE(o.public_no, ''), c.created, "
    "s.type FROM certificates c JOIN subjects s ON s.id = c.subject LEFT JOIN orders o ON o.id = "
    "c.order_id WHERE ($1 = 1 OR c.subject = $2 OR c.subject IN (SELECT subject FROM "
    "account_subjects WHERE account = $3)) AND c.usage <> 'ENC' AND c.sha256 IS NOT NULL AND "
    "c.state <> 'PENDING' AND ($5 = '' OR " SHOWN_STATE " = $5) AND ($6 = 0 OR (c.state = 'VALID' "
    "AND c.not_after >= $4 AND c.not_after < $6)) AND (c.created < $7 OR (c.created = $7 AND c.id "
    "< $8)) ORDER BY c.created DESC, c.id DESC LIMIT $9";

/* What can be done with a certificate in this state, where the portal does it (R049, R052, R220). */
static json_t *actions_of(const struct engine *engine, const char *state, enum subject_type subject,
                          bool soft) {
    static const struct {
        enum order_kind kind;
        const char *states;
        bool for_soft;
    } allowed[] = {
        {KIND_RENEW, "VALID EXPIRED", false}, {KIND_CHANGE, "VALID", false},
        {KIND_REPLACE, "VALID HELD", false},  {KIND_UNLOCK, "VALID", false},
        {KIND_FREEZE, "VALID", true},         {KIND_UNFREEZE, "HELD", true},
        {KIND_REVOKE, "VALID HELD", true},    {KIND_KEY_RECOVERY, "VALID", false},
        {KIND_UNBIND, "VALID HELD", true},
    };
    json_t *list = json_array();
    for (size_t i = 0; i < sizeof allowed / sizeof allowed[0]; i++) {
        bool here = !soft || allowed[i].for_soft;
        if (here && strstr(allowed[i].states, state) != NULL &&
            profile_flow(engine->profile, allowed[i].kind, subject) != NULL) {
            json_array_append_new(list, json_string(kind_name(allowed[i].kind)));
        }
    }
    return list;
}

static json_t *view_row(const struct engine *engine, struct db_rows *rows) {
    const char *token = db_text(rows, 9);
    return json_pack(
        "{s:s,s:s,s:s,s:o,s:o,s:s,s:s,s:s,s:s,s:s,s:s,s:s,s:o}", "id", db_text(rows, 1), "serial",
        db_text(rows, 2), "subject", db_text(rows, 3), "notBefore",
        view_time(db_int(rows, 4) / 1000), "notAfter", view_time(db_int(rows, 5) / 1000), "state",
        db_text(rows, 6), "algorithm", db_text(rows, 7), "usage", db_text(rows, 8), "tokenSerial",
        token, "medium", medium_name(token[0] != '\0' ? MEDIUM_UKEY : MEDIUM_SOFT), "holder",
        db_text(rows, 10), "order", db_text(rows, 11), "actions",
        actions_of(engine, db_text(rows, 6), subject_type_of(db_text(rows, 13)), token[0] == '\0'));
}

/* The seals that are bound to the listed certificates. */
static enum order_error add_seals(struct db *db, json_t *list, char ids[][ID_SIZE]) {
    size_t i = 0;
    json_t *item = NULL;
    json_array_foreach(list, i, item) {
        struct seal_record seal;
        enum order_error error = registry_seal_of(db, ids[i], &seal);
        if (error == ORDER_OK) {
            json_object_set_new(item, "seal",
                                json_pack("{s:s,s:o,s:o}", "id", seal.id, "validStart",
                                          view_time(seal.not_before), "validEnd",
                                          view_time(seal.not_after)));
        }
        octets_free(&seal.der);
        if (error != ORDER_OK && error != ORDER_NOT_FOUND) {
            return error;
        }
    }
    return ORDER_OK;
}

static enum order_error read_page(const struct engine *engine, struct db *db,
                                  const struct caller *caller,
                                  const struct certificate_filter *filter, const struct page *page,
                                  json_t *body) {
    const struct session *session = &caller->session;
    char ids[PAGE_ROWS][ID_SIZE];
    struct db_rows *rows = NULL;
    int64_t created = 0;
    int64_t now_ms = engine_now_ms(engine);
    int64_t soon_ms =
        filter->expires == NULL
            ? 0
            : now_ms + (int64_t)engine->profile->renewal.before_days * 24 * 3600 * 1000;
    json_t *list = json_object_get(body, "certificates");
    enum db_result result =
        db_query(db, &rows, list_sql, "ittitiiti", (int64_t)caller_is_staff(caller),
                 session->subject[0] != '\0' ? session->subject : "-",
                 session->account[0] != '\0' ? session->account : "-", now_ms,
                 filter->state != NULL ? filter->state : "", soon_ms, page->created_ms, page->id,
                 (int64_t)PAGE_ROWS + 1);
    enum order_error error = order_error_of(result);
    size_t count = 0;
    while (error == ORDER_OK && (result = db_next(rows)) == DB_OK) {
        if (count == PAGE_ROWS) {
            page_next(body, created, ids[count - 1]);
            break;
        }
        created = db_int(rows, 12);
        snprintf(ids[count++], ID_SIZE, "%s", db_text(rows, 0));
        error =
            json_array_append_new(list, view_row(engine, rows)) == 0 ? ORDER_OK : ORDER_INTERNAL;
    }
    db_end(rows);
    if (error == ORDER_OK && result != DB_OK && result != DB_DONE) {
        error = order_error_of(result);
    }
    return error == ORDER_OK ? add_seals(db, list, ids) : error;
}

enum order_error certificate_list(const struct engine *engine, struct db *db,
                                  const struct caller *caller,
                                  const struct certificate_filter *filter, json_t **out) {
    struct page page;
    *out = NULL;
    if (caller_sees_masked(caller)) {
        return ORDER_FORBIDDEN;
    }
    if (!page_read(filter->cursor, &page) ||
        (filter->expires != NULL && strcmp(filter->expires, "soon") != 0)) {
        return ORDER_BAD_REQUEST;
    }
    *out = json_pack("{s:[]}", "certificates");
    return read_page(engine, db, caller, filter, &page, *out);
}
