/* Reads orders with their gates. */
#include "tools/orderd/engine/order.h"

#include <stdio.h>
#include <string.h>

#define ORDER_COLUMNS                                                                              \
    "SELECT id, public_no, kind, state, subject, account, certificate, token, source, linked, "    \
    "closing, version, years, amount_fen, created, updated, medium, locked FROM orders "

#define COPY(field, rows, column) snprintf(field, sizeof(field), "%s", db_text(rows, column))

enum gate order_next_gate(const struct order *order) {
    return flow_next(order->gates, order->gate_count, NULL);
}

static enum order_error read_gates(struct db *db, struct order *order) {
    struct db_rows *rows = NULL;
    enum db_result result = db_query(
        db, &rows, "SELECT gate, status FROM order_gates WHERE order_id = $1 ORDER BY position",
        "t", order->id);
    if (result != DB_OK) {
        return order_error_of(result);
    }
    enum order_error error = ORDER_OK;
    while (error == ORDER_OK && (result = db_next(rows)) == DB_OK) {
        struct flow_gate gate = {gate_of(db_text(rows, 0)), GATE_OPEN};
        if (order->gate_count == FLOW_GATES_MAX || gate.gate == GATE_COUNT ||
            !gate_status_of(db_text(rows, 1), &gate.status)) {
            error = ORDER_INTERNAL;
        } else {
            order->gates[order->gate_count++] = gate;
        }
    }
    db_end(rows);
    return error != ORDER_OK || result == DB_DONE ? error : order_error_of(result);
}

static enum order_error read_order(struct db *db, struct db_rows *rows, struct order *out) {
    memset(out, 0, sizeof *out);
    enum db_result result = db_next(rows);
    if (result != DB_OK) {
        db_end(rows);
        return result == DB_DONE ? ORDER_NOT_FOUND : order_error_of(result);
    }
    COPY(out->id, rows, 0);
    COPY(out->number, rows, 1);
    out->kind = kind_of(db_text(rows, 2));
    out->state = state_of(db_text(rows, 3));
    COPY(out->subject, rows, 4);
    COPY(out->account, rows, 5);
    COPY(out->certificate, rows, 6);
    COPY(out->token, rows, 7);
    COPY(out->source, rows, 8);
    COPY(out->linked, rows, 9);
    out->closing = state_of(db_text(rows, 10));
    out->version = db_int(rows, 11);
    out->years = db_int(rows, 12);
    out->amount_fen = db_int(rows, 13);
    out->created_ms = db_int(rows, 14);
    out->updated_ms = db_int(rows, 15);
    out->medium = medium_of(db_text(rows, 16));
    COPY(out->locked, rows, 17);
    db_end(rows);
    if (out->kind == KIND_COUNT || out->state == STATE_COUNT || out->medium == MEDIUM_COUNT) {
        return ORDER_INTERNAL;
    }
    return read_gates(db, out);
}

enum order_error order_load(struct db *db, const char *number, struct order *out) {
    struct db_rows *rows = NULL;
    enum db_result result = db_query(db, &rows, ORDER_COLUMNS "WHERE public_no = $1", "t", number);
    return result == DB_OK ? read_order(db, rows, out) : order_error_of(result);
}

enum order_error order_load_id(struct db *db, const char *id, struct order *out) {
    struct db_rows *rows = NULL;
    enum db_result result = db_query(db, &rows, ORDER_COLUMNS "WHERE id = $1", "t", id);
    return result == DB_OK ? read_order(db, rows, out) : order_error_of(result);
}

enum order_error order_load_open(struct db *db, const char *subject, const char *profile,
                                 const char *lane, struct order *out) {
    struct db_rows *rows = NULL;
    enum db_result result =
        db_query(db, &rows,
                 ORDER_COLUMNS "WHERE subject = $1 AND profile = $2 AND lane = $3 AND is_open = 1",
                 "ttt", subject, profile, lane);
    return result == DB_OK ? read_order(db, rows, out) : order_error_of(result);
}
