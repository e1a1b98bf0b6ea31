/* See inbox.h. Messages hold what happened, not its words: those are of the reader's language. */
#include "tools/orderd/engine/inbox.h"

#include "tools/orderd/engine/form.h"
#include "tools/orderd/engine/page.h"
#include "tools/orderd/engine/view.h"

#include <stdio.h>
#include <string.h>

/* "Order {number}: {state}", in the portal's words. */
static json_t *words_of(const struct engine *engine, const json_t *data, enum language language) {
    char with_number[256];
    char text[512];
    enum order_state state = state_of(form_text(data, "state"));
    text_fill(TEXT_MESSAGE_STATE, language, "number", form_text(data, "order"), with_number,
              sizeof with_number);
    text_replace(with_number, "state",
                 state != STATE_COUNT ? view_state_words(engine, state, language) : "", text,
                 sizeof text);
    return json_string(text);
}

static enum order_error add_row(const struct engine *engine, struct db_rows *rows,
                                enum language language, json_t *list) {
    json_t *data = json_loads(db_text(rows, 2), 0, NULL);
    json_t *item =
        json_pack("{s:s,s:s,s:s,s:o,s:b,s:o}", "id", db_text(rows, 0), "topic", db_text(rows, 1),
                  "order", form_text(data, "order"), "text", words_of(engine, data, language),
                  "read", (int)db_int(rows, 3), "created", view_time(db_int(rows, 4) / 1000));
    json_decref(data);
    return json_array_append_new(list, item) == 0 ? ORDER_OK : ORDER_INTERNAL;
}

static enum order_error count_unread(struct db *db, const struct caller *caller, json_t *body) {
    struct db_rows *rows = NULL;
    enum db_result result =
        db_query(db, &rows, "SELECT COUNT(*) FROM messages WHERE account = $1 AND is_read = 0", "t",
                 caller->session.account);
    if (result != DB_OK) {
        return order_error_of(result);
    }
    result = db_next(rows);
    json_object_set_new(body, "unread", json_integer(result == DB_OK ? db_int(rows, 0) : 0));
    db_end(rows);
    return order_error_of(result);
}

static enum order_error read_page(const struct engine *engine, struct db *db,
                                  const struct caller *caller, bool unread_only,
                                  const struct page *page, json_t *body) {
    struct db_rows *rows = NULL;
    int64_t created = 0;
    char id[PAGE_ID_SIZE] = "";
    json_t *list = json_object_get(body, "messages");
    enum db_result result = db_query(
        db, &rows,
        "SELECT id, topic, data, is_read, created FROM messages WHERE account = $1 AND ($2 = 0 OR "
        "is_read = 0) AND (created < $3 OR (created = $3 AND id < $4)) ORDER BY created DESC, id "
        "DESC LIMIT $5",
        "tiiti", caller->session.account, (int64_t)unread_only, page->created_ms, page->id,
        (int64_t)PAGE_ROWS + 1);
    enum order_error error = order_error_of(result);
    while (error == ORDER_OK && (result = db_next(rows)) == DB_OK) {
        if (json_array_size(list) == PAGE_ROWS) {
            page_next(body, created, id);
            break;
        }
        created = db_int(rows, 4);
        snprintf(id, sizeof id, "%s", db_text(rows, 0));
        error = add_row(engine, rows, caller->language, list);
    }
    db_end(rows);
    return error == ORDER_OK && result != DB_OK && result != DB_DONE ? order_error_of(result)
                                                                     : error;
}

enum order_error inbox_list(const struct engine *engine, struct db *db, const struct caller *caller,
                            bool unread_only, const char *cursor, json_t **out) {
    struct page page;
    *out = NULL;
    if (caller->session.kind != SESSION_ACCOUNT) {
        return ORDER_FORBIDDEN;
    }
    if (!page_read(cursor, &page)) {
        return ORDER_BAD_REQUEST;
    }
    *out = json_pack("{s:[]}", "messages");
    enum order_error error = read_page(engine, db, caller, unread_only, &page, *out);
    return error == ORDER_OK ? count_unread(db, caller, *out) : error;
}

enum order_error inbox_read(struct db *db, const struct caller *caller, const char *id,
                            json_t **out) {
    int64_t changed = 0;
    *out = NULL;
    if (caller->session.kind != SESSION_ACCOUNT) {
        return ORDER_FORBIDDEN;
    }
    enum order_error error = order_error_of(db_run(
        db, &changed, "UPDATE messages SET is_read = 1 WHERE account = $1 AND ($2 = '' OR id = $2)",
        "tt", caller->session.account, id != NULL ? id : ""));
    if (error == ORDER_OK && id != NULL && changed == 0) {
        error = ORDER_NOT_FOUND;
    }
    if (error == ORDER_OK) {
        *out = json_object();
        error = count_unread(db, caller, *out);
    }
    return error;
}
