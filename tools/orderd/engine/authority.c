/* See authority.h. */
#include "tools/orderd/engine/authority.h"

#include "agent/log.h"
#include "tools/orderd/engine/identifier.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { CRL_DAYS = 7, CRL_ENTRIES_MAX = 100000 };

static X509 *read_x509(const struct octets *der) {
    const unsigned char *at = der->data;
    return d2i_X509(NULL, &at, (long)der->len);
}

enum order_error authority_load(struct engine *engine, const char *directory) {
    struct ca_options options = {.create = true, .now = engine_now(engine)};
    enum ca_error error = ca_open(NULL, directory, &options, &engine->ca);
    if (error != CA_OK) {
        log_error("ca", "%s: %s", directory, ca_error_text(error));
        return ORDER_CA_FAILED;
    }
    const struct octets *root = ca_root(engine->ca);
    const struct octets *issuing = ca_issuing(engine->ca);
    if (octets_copy(&engine->root_der, root->data, root->len) != FORMATS_OK ||
        octets_copy(&engine->issuing_der, issuing->data, issuing->len) != FORMATS_OK) {
        return ORDER_INTERNAL;
    }
    engine->root = read_x509(&engine->root_der);
    engine->issuing = read_x509(&engine->issuing_der);
    return engine->root != NULL && engine->issuing != NULL ? ORDER_OK : ORDER_CA_FAILED;
}

void authority_unload(struct engine *engine) {
    X509_free(engine->root);
    X509_free(engine->issuing);
    octets_free(&engine->root_der);
    octets_free(&engine->issuing_der);
    ca_close(engine->ca);
    engine->root = NULL;
    engine->issuing = NULL;
    engine->ca = NULL;
}

/* ---- CRL ---- */

struct revocations {
    struct ca_revoked *entries;
    char (*serials)[CA_SERIAL_TEXT];
    size_t count;
};

static bool add_revocation(struct revocations *list, size_t room, const char *serial,
                           const char *state, int64_t time) {
    if (list->count == room) {
        return false;
    }
    snprintf(list->serials[list->count], CA_SERIAL_TEXT, "%s", serial);
    list->entries[list->count] = (struct ca_revoked){
        .serial = list->serials[list->count],
        .time = time,
        .reason = strcmp(state, "HELD") == 0 ? CA_REASON_HOLD : CA_REASON_SUPERSEDED,
    };
    list->count++;
    return true;
}

static enum order_error count_revoked(struct db *db, size_t *count) {
    struct db_rows *rows = NULL;
    enum db_result result = db_query(
        db, &rows, "SELECT COUNT(*) FROM certificates WHERE state IN ('REVOKED', 'HELD')", "");
    if (result != DB_OK) {
        return order_error_of(result);
    }
    result = db_next(rows);
    int64_t found = result == DB_OK ? db_int(rows, 0) : 0;
    db_end(rows);
    if (found < 0 || found > CRL_ENTRIES_MAX) {
        return ORDER_INTERNAL;
    }
    *count = (size_t)found;
    return order_error_of(result);
}

static enum order_error read_revoked(struct db *db, struct revocations *list) {
    size_t room = 0;
    struct db_rows *rows = NULL;
    enum order_error error = count_revoked(db, &room);
    if (error != ORDER_OK) {
        return error;
    }
    list->entries = calloc(room + 1, sizeof *list->entries);
    list->serials = calloc(room + 1, sizeof *list->serials);
    if (list->entries == NULL || list->serials == NULL) {
        return ORDER_INTERNAL;
    }
    enum db_result result =
        db_query(db, &rows,
                 "SELECT serial, state, revoked FROM certificates WHERE state IN "
                 "('REVOKED', 'HELD') ORDER BY serial",
                 "");
    if (result != DB_OK) {
        return order_error_of(result);
    }
    while ((result = db_next(rows)) == DB_OK &&
           add_revocation(list, room, db_text(rows, 0), db_text(rows, 1), db_int(rows, 2) / 1000)) {
    }
    db_end(rows);
    return result == DB_DONE ? ORDER_OK : ORDER_INTERNAL;
}

static enum order_error next_crl_number(struct db *db, int64_t *number) {
    struct db_rows *rows = NULL;
    enum db_result result =
        db_query(db, &rows,
                 "INSERT INTO number_sequences (day, last) VALUES ('crl', 1) "
                 "ON CONFLICT (day) DO UPDATE SET last = number_sequences.last + 1 RETURNING last",
                 "");
    if (result != DB_OK) {
        return order_error_of(result);
    }
    result = db_next(rows);
    *number = result == DB_OK ? db_int(rows, 0) : 0;
    db_end(rows);
    return order_error_of(result);
}

enum order_error authority_crl(const struct engine *engine, struct db *db, struct octets *out) {
    struct revocations list = {NULL, NULL, 0};
    int64_t number = 0;
    int64_t now = engine_now(engine);
    *out = (struct octets){NULL, 0};
    enum order_error error = order_error_of(db_begin(db));
    if (error == ORDER_OK) {
        error = next_crl_number(db, &number);
    }
    if (error == ORDER_OK) {
        error = read_revoked(db, &list);
    }
    if (error == ORDER_OK) {
        error = order_error_of(db_commit(db));
    }
    db_rollback(db);
    if (error == ORDER_OK && ca_crl(engine->ca, list.entries, list.count, number, now,
                                    now + (int64_t)CRL_DAYS * 24 * 3600, out) != CA_OK) {
        error = ORDER_CA_FAILED;
    }
    free(list.entries);
    free(list.serials);
    return error;
}
