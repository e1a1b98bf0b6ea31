/* See order_list.h. One statement with all filters; an empty one lets everything pass. */
#include "tools/orderd/engine/order_list.h"

#include "module/formats/calendar.h"
#include "tools/orderd/engine/page.h"
#include "tools/orderd/engine/view.h"

#include <stdio.h>
#include <string.h>

enum { DAY_MS = 24 * 3600 * 1000, PATTERN_SIZE = 600, NAMES_SIZE = 400 };

static const char *or_empty(const char *text) {
    return text != NULL ? text : "";
}

/* Text as LIKE takes it literally, with `before` and '%' around it. */
static bool pattern_of(const char *text, const char *before, char out[PATTERN_SIZE]) {
    size_t len = 0;
    out[0] = '\0';
    if (text == NULL) {
        return true;
    }
    if (strlen(text) > 256) {
        return false;
    }
    len = (size_t)snprintf(out, PATTERN_SIZE, "%s", before);
    for (; *text != '\0'; text++) {
        if (*text == '%' || *text == '_' || *text == '\\') {
            out[len++] = '\\';
        }
        out[len++] = *text;
    }
    snprintf(out + len, PATTERN_SIZE - len, "%%");
    return true;
}

/* "A,B" as ",A,B,", each of them one that `known` knows. */
static bool names_of(const char *list, bool (*known)(const char *name), char out[NAMES_SIZE]) {
    char name[32];
    out[0] = '\0';
    if (list == NULL) {
        return true;
    }
    if (strlen(list) + 3 > NAMES_SIZE) {
        return false;
    }
    for (const char *at = list;; at++) {
        size_t len = strcspn(at, ",");
        if (len == 0 || len >= sizeof name) {
            return false;
        }
        snprintf(name, sizeof name, "%.*s", (int)len, at);
        if (!known(name)) {
            return false;
        }
        at += len;
        if (*at == '\0') {
            break;
        }
    }
    snprintf(out, NAMES_SIZE, ",%s,", list);
    return true;
}

static bool is_state(const char *name) {
    return state_of(name) != STATE_COUNT;
}

static bool is_kind(const char *name) {
    return kind_of(name) != KIND_COUNT;
}

static bool is_one_of(const char *text, const char *a, const char *b) {
    return text == NULL || strcmp(text, a) == 0 || strcmp(text, b) == 0;
}

/* What the statement takes. */
struct terms {
    int64_t open; /* 1 unfinished, 0 finished, -1 both */
    char states[NAMES_SIZE];
    char kinds[NAMES_SIZE];
    char name[PATTERN_SIZE];
    char number[PATTERN_SIZE];
    int64_t from_ms;
    int64_t to_ms;
    struct page page;
};

static bool read_day(const char *text, int64_t otherwise, int64_t *out_ms) {
    int64_t seconds = 0;
    *out_ms = otherwise;
    if (text == NULL) {
        return true;
    }
    char start[32];
    int len = snprintf(start, sizeof start, "%.10sT00:00:00+08:00", text);
    if (strlen(text) != 10 || len <= 0 || !calendar_parse_rfc3339(start, &seconds)) {
        return false;
    }
    *out_ms = seconds * 1000;
    return true;
}

static bool read_terms(const struct order_filter *filter, struct terms *out) {
    out->open = filter->state == NULL ? -1 : strcmp(filter->state, "open") == 0 ? 1 : 0;
    bool good =
        is_one_of(filter->state, "open", "done") && is_one_of(filter->type, "ORG", "PERSON") &&
        is_one_of(filter->medium, "UKEY", "SOFT") &&
        names_of(filter->status, is_state, out->states) &&
        names_of(filter->kind, is_kind, out->kinds) && pattern_of(filter->name, "%", out->name) &&
        pattern_of(filter->number, "", out->number) && read_day(filter->from, 0, &out->from_ms) &&
        read_day(filter->to, INT64_MAX - DAY_MS, &out->to_ms) &&
        page_read(filter->cursor, &out->page);
    if (good) {
        out->to_ms += DAY_MS;
    }
    return good;
}

static const char list_sql[] =
    "SELECT o.public_no FROM orders o JOIN subjects s ON s.id = o.subject WHERE "
    "($1 = 1 OR o.subject = $2 OR o.account = $3 OR o.subject IN (SELECT subject FROM "
    "account_subjects WHERE account = $3)) AND "
    "($4 = -1 OR o.is_open = $4) AND ($5 = '' OR $5 LIKE '%,' || o.state || ',%') AND "
    "($6 = '' OR $6 LIKE '%,' || o.kind || ',%') AND ($7 = '' OR s.type = $7) AND "
    "($8 = '' OR o.medium = $8) AND ($9 = '' OR LOWER(s.name) LIKE LOWER($9) ESCAPE '\\') AND "
    "($10 = '' OR LOWER(o.public_no) LIKE LOWER($10) ESCAPE '\\') AND "
    "($11 = '' OR o.project = $11) AND "
    "($12 = '' OR EXISTS (SELECT 1 FROM payments p WHERE p.order_id = o.id AND p.state = $12)) AND "
    "($13 = '' OR EXISTS (SELECT 1 FROM payments p WHERE p.order_id = o.id AND p.channel = $13)) "
    "AND o.created >= $14 AND o.created < $15 AND "
    "(o.created < $16 OR (o.created = $16 AND o.public_no < $17)) "
    "ORDER BY o.created DESC, o.public_no DESC LIMIT $18";

/* The numbers of one page and of one more. */
static enum order_error read_numbers(struct db *db, const struct caller *caller,
                                     const struct order_filter *filter, const struct terms *terms,
                                     char numbers[][PUBLIC_NUMBER_SIZE], size_t *count) {
    const struct session *session = &caller->session;
    struct db_rows *rows = NULL;
    *count = 0;
    enum db_result result =
        db_query(db, &rows, list_sql, "ittitttttttttiiiti", (int64_t)caller_is_staff(caller),
                 session->subject[0] != '\0' ? session->subject : "-",
                 session->account[0] != '\0' ? session->account : "-", terms->open, terms->states,
                 terms->kinds, or_empty(filter->type), or_empty(filter->medium), terms->name,
                 terms->number, or_empty(filter->project), or_empty(filter->payment),
                 or_empty(filter->channel), terms->from_ms, terms->to_ms, terms->page.created_ms,
                 terms->page.id, (int64_t)PAGE_ROWS + 1);
    if (result != DB_OK) {
        return order_error_of(result);
    }
    while (*count <= PAGE_ROWS && (result = db_next(rows)) == DB_OK) {
        snprintf(numbers[(*count)++], PUBLIC_NUMBER_SIZE, "%s", db_text(rows, 0));
    }
    db_end(rows);
    return result == DB_DONE || result == DB_OK ? ORDER_OK : order_error_of(result);
}

enum order_error order_list(const struct engine *engine, struct db *db, const struct caller *caller,
                            const struct order_filter *filter, json_t **out) {
    struct order order = {.created_ms = 0};
    struct terms terms;
    char numbers[PAGE_ROWS + 1][PUBLIC_NUMBER_SIZE];
    size_t count = 0;
    *out = NULL;
    if (!read_terms(filter, &terms)) {
        return ORDER_BAD_REQUEST;
    }
    json_t *list = json_array();
    json_t *body = json_pack("{s:O}", "orders", list);
    enum order_error error = read_numbers(db, caller, filter, &terms, numbers, &count);
    for (size_t i = 0; error == ORDER_OK && i < count && i < PAGE_ROWS; i++) {
        json_t *item = NULL;
        error = order_load(db, numbers[i], &order);
        if (error == ORDER_OK) {
            error = view_order(engine, db, &order, caller, &item);
        }
        if (error == ORDER_OK && json_array_append_new(list, item) != 0) {
            error = ORDER_INTERNAL;
        }
    }
    if (error == ORDER_OK && count > PAGE_ROWS) {
        page_next(body, order.created_ms, order.number);
    }
    json_decref(list);
    if (error == ORDER_OK) {
        *out = json_incref(body);
    }
    json_decref(body);
    return error;
}

/* ---- counters ---- */

static const struct {
    const char *name;
    const char *sql; /* $1 the account, $2 now, $3 the end of the profile's renewal window */
} counters[] = {
    {"inProcess", "SELECT COUNT(*) FROM orders WHERE account = $1 AND is_open = 1 AND $2 < $3"},
    {"returned", "SELECT COUNT(*) FROM orders WHERE account = $1 AND state = 'RETURNED' AND $2 < "
                 "$3"},
    {"rejected", "SELECT COUNT(*) FROM orders WHERE account = $1 AND state = 'REJECTED' AND $2 < "
                 "$3"},
    {"toDownload", "SELECT COUNT(*) FROM orders WHERE account = $1 AND medium = 'UKEY' AND state "
                   "IN ('READY_TO_ISSUE', 'ISSUING') AND $2 < $3"},
    {"softToDownload", "SELECT COUNT(*) FROM orders WHERE account = $1 AND medium = 'SOFT' AND "
                       "state IN ('READY_TO_ISSUE', 'ISSUING') AND $2 < $3"},
    {"certificates", "SELECT COUNT(*) FROM certificates c JOIN account_subjects a ON a.subject = "
                     "c.subject WHERE a.account = $1 AND c.usage <> 'ENC' AND c.state IN ('VALID', "
                     "'HELD') AND $2 < $3"},
    {"soonToExpire", "SELECT COUNT(*) FROM certificates c JOIN account_subjects a ON a.subject = "
                     "c.subject WHERE a.account = $1 AND c.usage <> 'ENC' AND c.state = 'VALID' "
                     "AND c.not_after >= $2 AND c.not_after < $3"},
    {"unreadMessages", "SELECT COUNT(*) FROM messages WHERE account = $1 AND is_read = 0 AND $2 < "
                       "$3"},
};

enum order_error order_counters(const struct engine *engine, struct db *db,
                                const struct caller *caller, json_t **out) {
    enum order_error error = ORDER_OK;
    int64_t now_ms = engine_now_ms(engine);
    int64_t soon_ms = now_ms + (int64_t)engine->profile->renewal.before_days * DAY_MS;
    json_t *body = json_object();
    *out = NULL;
    if (caller->session.kind != SESSION_ACCOUNT) {
        error = ORDER_FORBIDDEN;
    }
    for (size_t i = 0; error == ORDER_OK && i < sizeof counters / sizeof counters[0]; i++) {
        struct db_rows *rows = NULL;
        error = order_error_of(
            db_query(db, &rows, counters[i].sql, "tii", caller->session.account, now_ms, soon_ms));
        if (error == ORDER_OK) {
            error = order_error_of(db_next(rows));
            json_object_set_new(body, counters[i].name, json_integer(db_int(rows, 0)));
        }
        db_end(rows);
    }
    if (error == ORDER_OK) {
        *out = json_incref(body);
    }
    json_decref(body);
    return error;
}
