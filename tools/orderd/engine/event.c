/* See event.h. The row in event_chain serialises writers, in PostgreSQL too: it is updated first. */
#include "tools/orderd/engine/event.h"

#include "module/formats/canonical_json.h"
#include "tools/orderd/engine/identifier.h"

#include <string.h>

struct event_row {
    int64_t seq;
    const char *order;
    const char *actor;
    const char *type;
    const char *data;
    int64_t at_ms;
    const char *prev_hash;
};

static bool row_hash(const struct event_row *row, char out[DIGEST_HEX_SIZE]) {
    struct octets text = {NULL, 0};
    json_t *object = json_pack("{s:I,s:s,s:s,s:s,s:s,s:I,s:s}", "seq", (json_int_t)row->seq,
                               "order", row->order, "actor", row->actor, "type", row->type, "data",
                               row->data, "at", (json_int_t)row->at_ms, "prev", row->prev_hash);
    bool made = object != NULL && canonical_json_write(object, &text) == FORMATS_OK &&
                digest_sm3_hex(text.data, text.len, out);
    octets_free(&text);
    json_decref(object);
    return made;
}

/* Take the next number and the hash to continue from. */
static enum order_error take_place(struct db *db, int64_t *seq, char prev[DIGEST_HEX_SIZE]) {
    struct db_rows *rows = NULL;
    enum db_result result = db_query(
        db, &rows, "UPDATE event_chain SET seq = seq + 1 WHERE id = 1 RETURNING seq, hash", "");
    if (result != DB_OK) {
        return order_error_of(result);
    }
    result = db_next(rows);
    if (result == DB_OK) {
        *seq = db_int(rows, 0);
        strncpy(prev, db_text(rows, 1), DIGEST_HEX_SIZE - 1);
        prev[DIGEST_HEX_SIZE - 1] = '\0';
    }
    db_end(rows);
    return order_error_of(result);
}

enum order_error event_append(struct db *db, const struct event *event) {
    char prev[DIGEST_HEX_SIZE] = "";
    char hash[DIGEST_HEX_SIZE] = "";
    int64_t seq = 0;
    struct octets data = {NULL, 0};
    json_t *empty = json_object();
    enum order_error error = ORDER_INTERNAL;

    if (empty == NULL ||
        canonical_json_write(event->data != NULL ? event->data : empty, &data) != FORMATS_OK) {
        goto out;
    }
    error = take_place(db, &seq, prev);
    if (error != ORDER_OK) {
        goto out;
    }
    struct event_row row = {seq,
                            event->order != NULL ? event->order : "",
                            event->actor,
                            event->type,
                            (const char *)data.data,
                            event->at_ms,
                            prev};
    if (!row_hash(&row, hash)) {
        error = ORDER_INTERNAL;
        goto out;
    }
    error = order_error_of(
        db_run(db, NULL,
               "INSERT INTO events (seq, order_id, actor, type, data, at, prev_hash, hash) "
               "VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
               "itttt"
               "itt",
               seq, event->order, event->actor, event->type, row.data, event->at_ms, prev, hash));
    if (error == ORDER_OK) {
        error = order_error_of(
            db_run(db, NULL, "UPDATE event_chain SET hash = $1 WHERE id = 1", "t", hash));
    }
out:
    octets_free(&data);
    json_decref(empty);
    return error;
}

/* Does the walk end where event_chain says it ends? */
static enum order_error verify_end(struct db *db, int64_t last_seq, const char *last_hash) {
    struct db_rows *rows = NULL;
    enum db_result result =
        db_query(db, &rows, "SELECT seq, hash FROM event_chain WHERE id = 1", "");
    if (result != DB_OK) {
        return order_error_of(result);
    }
    result = db_next(rows);
    enum order_error error = ORDER_CONFLICT;
    if (result == DB_OK && db_int(rows, 0) == last_seq &&
        strcmp(db_text(rows, 1), last_hash) == 0) {
        error = ORDER_OK;
    }
    db_end(rows);
    return error;
}

enum order_error event_verify(struct db *db, int64_t *count) {
    char prev[DIGEST_HEX_SIZE] = "";
    char hash[DIGEST_HEX_SIZE] = "";
    struct db_rows *rows = NULL;
    *count = 0;
    enum db_result result = db_query(
        db, &rows,
        "SELECT seq, order_id, actor, type, data, at, prev_hash, hash FROM events ORDER BY seq",
        "");
    if (result != DB_OK) {
        return order_error_of(result);
    }
    enum order_error error = ORDER_OK;
    while (error == ORDER_OK && (result = db_next(rows)) == DB_OK) {
        struct event_row row = {db_int(rows, 0),  db_text(rows, 1), db_text(rows, 2),
                                db_text(rows, 3), db_text(rows, 4), db_int(rows, 5),
                                db_text(rows, 6)};
        (*count)++;
        if (row.seq != *count || strcmp(row.prev_hash, prev) != 0 || !row_hash(&row, hash) ||
            strcmp(db_text(rows, 7), hash) != 0) {
            error = ORDER_CONFLICT;
        }
        memcpy(prev, hash, sizeof prev);
    }
    db_end(rows);
    if (error == ORDER_OK && result != DB_DONE) {
        error = order_error_of(result);
    }
    if (error == ORDER_OK) {
        error = verify_end(db, *count, prev);
        *count += error == ORDER_CONFLICT ? 1 : 0;
    }
    return error;
}
