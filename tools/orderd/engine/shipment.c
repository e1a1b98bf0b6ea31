/* See review.h: what operators do with hands, parcels and their receipt (R102, R160-R168). */
#include "tools/orderd/engine/review.h"

#include "tools/orderd/engine/form.h"
#include "tools/orderd/engine/judge.h"
#include "tools/orderd/engine/task.h"
#include "tools/orderd/engine/view.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* One transition of an operator, with what belongs to it in the same transaction. */
typedef enum order_error operation(const struct engine *engine, struct db *db,
                                   const struct caller *caller, struct order *order,
                                   const void *arguments);

static enum order_error operate(const struct engine *engine, struct db *db,
                                const struct caller *caller, const char *number, int64_t version,
                                operation *run, const void *arguments, struct order *out) {
    enum order_error error = order_error_of(db_begin(db));
    if (error == ORDER_OK) {
        error = order_to_judge(db, caller, ROLE_OPERATOR, number, version, out);
    }
    if (error == ORDER_OK) {
        error = run(engine, db, caller, out, arguments);
    }
    if (error == ORDER_OK) {
        error = order_error_of(db_commit(db));
    }
    db_rollback(db);
    return error;
}

static enum order_error papers(const struct engine *engine, struct db *db,
                               const struct caller *caller, struct order *order,
                               const void *arguments) {
    (void)arguments;
    return transition_apply(engine, db, order, T29_PAPERS, caller_actor(caller),
                            caller->session.account, NULL);
}

enum order_error operator_papers(const struct engine *engine, struct db *db,
                                 const struct caller *caller, const char *number, int64_t version,
                                 struct order *out) {
    return operate(engine, db, caller, number, version, papers, NULL, out);
}

/* ---- shipping ---- */

struct parcel {
    const char *carrier;
    const char *number;
};

/* Where it goes, as the form says it. */
static enum order_error address_of(const struct engine *engine, struct db *db,
                                   const struct order *order, bool *pickup, char **sealed) {
    static const char *const names[] = {"recipientName", "recipientPhone", "recipientRegion",
                                        "recipientAddress"};
    char about[ID_SIZE + 16];
    json_t *form = NULL;
    json_t *address = json_object();
    snprintf(about, sizeof about, "parcel %s", order->id);
    enum order_error error = form_load(engine, db, order, &form);
    if (error == ORDER_OK) {
        *pickup = strcmp(form_text(form, "delivery"), "PICKUP") == 0;
        for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
            json_object_set_new(address, names[i], json_string(form_text(form, names[i])));
        }
        error = vault_seal_json(engine->vault, about, address, sealed);
    }
    json_decref(address);
    json_decref(form);
    return error;
}

static enum order_error ship(const struct engine *engine, struct db *db,
                             const struct caller *caller, struct order *order,
                             const void *arguments) {
    const struct parcel *parcel = arguments;
    char *sealed = NULL;
    bool pickup = false;
    enum order_error error = transition_is_allowed(order, T14_SHIP) ? ORDER_OK : ORDER_WRONG_STATE;
    if (error == ORDER_OK) {
        error = address_of(engine, db, order, &pickup, &sealed);
    }
    if (error == ORDER_OK && !pickup && parcel->number[0] == '\0') {
        error = ORDER_REASON_NEEDED; /* a courier's parcel has a number (R162) */
    }
    if (error == ORDER_OK) {
        error = order_error_of(db_run(
            db, NULL,
            "INSERT INTO shipments (order_id, mode, address_sealed, carrier, carrier_no, state, "
            "shipped) VALUES ($1, $2, $3, $4, $5, 'SHIPPED', $6)",
            "ttttti", order->id, pickup ? "PICKUP" : "COURIER", sealed, parcel->carrier,
            parcel->number, engine_now_ms(engine)));
    }
    free(sealed);
    if (error == ORDER_OK) {
        json_t *data = json_pack("{s:s,s:s}", "carrier", parcel->carrier, "parcel", parcel->number);
        error = transition_apply(engine, db, order, T14_SHIP, caller_actor(caller),
                                 caller->session.account, data);
        json_decref(data);
    }
    return error;
}

enum order_error operator_ship(const struct engine *engine, struct db *db,
                               const struct caller *caller, const char *number, int64_t version,
                               const char *carrier, const char *carrier_no, struct order *out) {
    struct parcel parcel = {carrier != NULL ? carrier : "", carrier_no != NULL ? carrier_no : ""};
    return operate(engine, db, caller, number, version, ship, &parcel, out);
}

static enum order_error give_up(const struct engine *engine, struct db *db,
                                const struct caller *caller, struct order *order,
                                const void *arguments) {
    enum order_error error =
        transition_is_allowed(order, T27_GIVE_UP) ? ORDER_OK : ORDER_WRONG_STATE;
    if (error == ORDER_OK && caller->session.account[0] != '\0') {
        error = review_note(engine, db, caller, order, "MATERIAL", "REJECTED", arguments);
    }
    if (error == ORDER_OK) {
        error = task_abandon(engine, db, order);
    }
    return error == ORDER_OK
               ? order_reject(engine, db, caller, order, T27_GIVE_UP, T27_GIVE_UP_REFUND)
               : error;
}

enum order_error operator_give_up_here(const struct engine *engine, struct db *db,
                                       const char *number, struct order *out) {
    const struct caller here = {.session = {.kind = SESSION_ACCOUNT, .role = ROLE_OPERATOR}};
    enum order_error error = order_error_of(db_begin(db));
    if (error == ORDER_OK) {
        error = order_load(db, number, out);
    }
    if (error == ORDER_OK) {
        error = give_up(engine, db, &here, out, NULL);
    }
    if (error == ORDER_OK) {
        error = order_error_of(db_commit(db));
    }
    db_rollback(db);
    return error;
}

enum order_error operator_give_up(const struct engine *engine, struct db *db,
                                  const struct caller *caller, const char *number, int64_t version,
                                  const char *reason, struct order *out) {
    if (reason == NULL || reason[0] == '\0') {
        return ORDER_REASON_NEEDED;
    }
    return operate(engine, db, caller, number, version, give_up, reason, out);
}

/* ---- receipt ---- */

static enum order_error receive(const struct engine *engine, struct db *db, struct order *order,
                                const char *actor, const char *state) {
    enum order_error error = order_error_of(
        db_run(db, NULL,
               "UPDATE shipments SET state = $2, received = $3 WHERE order_id = $1 AND state = "
               "'SHIPPED'",
               "tti", order->id, state, engine_now_ms(engine)));
    return error == ORDER_OK ? transition_apply(engine, db, order, T16_RECEIVE, actor, NULL, NULL)
                             : error;
}

enum order_error receipt_confirm(const struct engine *engine, struct db *db,
                                 const struct caller *caller, const char *number, int64_t version,
                                 struct order *out) {
    enum order_error error = order_error_of(db_begin(db));
    if (error == ORDER_OK) {
        error = order_to_change(db, caller, number, version, out);
    }
    if (error == ORDER_OK) {
        error = receive(engine, db, out, caller_actor(caller), "RECEIVED");
    }
    if (error == ORDER_OK) {
        error = order_error_of(db_commit(db));
    }
    db_rollback(db);
    return error;
}

static enum order_error find_forgotten(const struct engine *engine, struct db *db,
                                       char id[ID_SIZE]) {
    struct db_rows *rows = NULL;
    int64_t before =
        engine_now_ms(engine) - (int64_t)engine->profile->receipt_days * 24 * 3600 * 1000;
    enum db_result result =
        db_query(db, &rows,
                 "SELECT o.id FROM orders o JOIN shipments s ON s.order_id = o.id WHERE o.state = "
                 "'SHIPPED' AND s.state = 'SHIPPED' AND s.shipped <= $1 LIMIT 1",
                 "i", before);
    if (result != DB_OK) {
        return order_error_of(result);
    }
    result = db_next(rows);
    snprintf(id, ID_SIZE, "%s", result == DB_OK ? db_text(rows, 0) : "");
    db_end(rows);
    return result == DB_DONE ? ORDER_NOT_FOUND : order_error_of(result);
}

enum order_error receipt_sweep(const struct engine *engine, struct db *db, int *count) {
    enum order_error error = ORDER_OK;
    *count = 0;
    while (error == ORDER_OK) {
        char id[ID_SIZE];
        struct order order;
        error = order_error_of(db_begin(db));
        if (error == ORDER_OK) {
            error = find_forgotten(engine, db, id);
        }
        if (error == ORDER_OK) {
            error = order_load_id(db, id, &order);
        }
        if (error == ORDER_OK) {
            error = receive(engine, db, &order, "scheduler", "AUTO_RECEIVED");
        }
        if (error == ORDER_OK) {
            error = order_error_of(db_commit(db));
            (*count)++;
        }
        db_rollback(db);
    }
    return error == ORDER_NOT_FOUND ? ORDER_OK : error;
}

/* ---- looking ---- */

static enum order_error view_row(const struct engine *engine, const struct order *order,
                                 struct db_rows *rows, json_t **out) {
    char about[ID_SIZE + 16];
    json_t *address = NULL;
    snprintf(about, sizeof about, "parcel %s", order->id);
    enum order_error error = vault_unseal_json(engine->vault, about, db_text(rows, 4), &address);
    if (error == ORDER_OK) {
        *out = json_pack("{s:s,s:s,s:s,s:s,s:o,s:o}", "mode", db_text(rows, 0), "state",
                         db_text(rows, 1), "carrier", db_text(rows, 2), "parcel", db_text(rows, 3),
                         "recipient", address, "shipped", view_time(db_int(rows, 5) / 1000));
        if (db_int(rows, 6) > 0) {
            json_object_set_new(*out, "received", view_time(db_int(rows, 6) / 1000));
        }
    }
    return error;
}

static void add_track(const struct engine *engine, struct db *db, json_t *shipment) {
    struct parcel_track track;
    const char *parcel = form_text(shipment, "parcel");
    if (parcel[0] == '\0' ||
        !engine->courier->track(engine->courier->context, db, form_text(shipment, "carrier"),
                                parcel, &track)) {
        return;
    }
    json_t *object =
        json_pack("{s:s,s:s}", "state", parcel_state_name(track.state), "url", track.url);
    if (track.since_ms > 0) {
        json_object_set_new(object, "since", view_time(track.since_ms / 1000));
    }
    json_object_set_new(shipment, "track", object);
}

enum order_error shipment_view(const struct engine *engine, struct db *db,
                               const struct caller *caller, const char *number, json_t **out) {
    struct order order;
    struct db_rows *rows = NULL;
    *out = NULL;
    enum order_error error = order_of_caller(db, caller, number, &order);
    if (error == ORDER_OK) {
        error = order_error_of(
            db_query(db, &rows,
                     "SELECT mode, state, carrier, carrier_no, address_sealed, shipped, received "
                     "FROM shipments WHERE order_id = $1",
                     "t", order.id));
    }
    if (error == ORDER_OK) {
        enum db_result result = db_next(rows);
        error = result == DB_DONE ? ORDER_NOT_FOUND : order_error_of(result);
    }
    if (error == ORDER_OK) {
        error = view_row(engine, &order, rows, out);
    }
    db_end(rows);
    if (error == ORDER_OK) {
        add_track(engine, db, *out);
    }
    return error;
}
