/* See authority.h. */
#include "tools/orderd/engine/authority.h"

#include "agent/log.h"
#include "module/formats/certificate.h"
#include "tools/orderd/engine/identifier.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { CRL_DAYS = 7, CRL_ENTRIES_MAX = 100000 };

static X509 *read_x509(const struct octets *der) {
    const unsigned char *at = der->data;
    return d2i_X509(NULL, &at, (long)der->len);
}

/* The issuing CA's name, as it stands in every row of certificates. */
static bool read_issuer(struct engine *engine) {
    struct certificate *issuing = NULL;
    bool good = certificate_parse(NULL, engine->issuing_der.data, engine->issuing_der.len,
                                  &issuing) == FORMATS_OK;
    if (good) {
        snprintf(engine->issuer, sizeof engine->issuer, "%s", issuing->subject.text);
    }
    certificate_free(issuing);
    return good;
}

enum order_error authority_load(struct engine *engine, const char *directory,
                                enum ca_algorithm algorithm) {
    const struct ca_options options = {
        .create = true, .now = engine_now(engine), .algorithm = algorithm, .name = engine->ca_name};
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
    return engine->root != NULL && engine->issuing != NULL && read_issuer(engine) ? ORDER_OK
                                                                                  : ORDER_CA_FAILED;
}

bool authority_urls_of(const struct engine *engine, struct authority_urls *out) {
    if (engine->ca_url == NULL) {
        return false;
    }
    snprintf(out->crl, sizeof out->crl, "%s/ca/crl", engine->ca_url);
    snprintf(out->ocsp, sizeof out->ocsp, "%s/ca/ocsp", engine->ca_url);
    snprintf(out->issuer, sizeof out->issuer, "%s/ca/issuing.crt", engine->ca_url);
    return true;
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

/* One that is held is so for no other reason than that. */
static enum ca_reason reason_of(const char *state, int64_t reason) {
    return strcmp(state, "HELD") == 0 ? CA_REASON_HOLD : (enum ca_reason)reason;
}

static bool add_revocation(struct revocations *list, size_t room, struct db_rows *rows) {
    if (list->count == room) {
        return false;
    }
    snprintf(list->serials[list->count], CA_SERIAL_TEXT, "%s", db_text(rows, 0));
    list->entries[list->count] = (struct ca_revoked){
        .serial = list->serials[list->count],
        .time = db_int(rows, 2) / 1000,
        .reason = reason_of(db_text(rows, 1), db_int(rows, 3)),
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
                 "SELECT serial, state, revoked, reason FROM certificates WHERE state IN "
                 "('REVOKED', 'HELD') ORDER BY serial",
                 "");
    if (result != DB_OK) {
        return order_error_of(result);
    }
    while ((result = db_next(rows)) == DB_OK && add_revocation(list, room, rows)) {
    }
    db_end(rows);
    return result == DB_DONE ? ORDER_OK : ORDER_INTERNAL;
}

enum order_error authority_mark_of(struct db *db, struct authority_mark *out) {
    struct db_rows *rows = NULL;
    memset(out, 0, sizeof *out);
    enum db_result result =
        db_query(db, &rows,
                 "SELECT COUNT(*), COALESCE(MAX(revoked), 0), COALESCE(SUM(reason), 0) FROM "
                 "certificates WHERE state IN ('REVOKED', 'HELD')",
                 "");
    if (result != DB_OK) {
        return order_error_of(result);
    }
    result = db_next(rows);
    if (result == DB_OK) {
        *out = (struct authority_mark){db_int(rows, 0), db_int(rows, 1), db_int(rows, 2)};
    }
    db_end(rows);
    return order_error_of(result);
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

/* ---- OCSP ---- */

struct looking {
    const struct engine *engine;
    struct db *db;
    enum order_error error;
};

/* A certificate that was promised but never signed is nobody's; all others are good until they are revoked or held: that one has been
 * replaced or has expired says nothing about its key. */
static enum ca_standing standing_of(const char *state, bool is_signed) {
    if (strcmp(state, "REVOKED") == 0 || strcmp(state, "HELD") == 0) {
        return CA_STANDING_REVOKED;
    }
    return is_signed ? CA_STANDING_GOOD : CA_STANDING_UNKNOWN;
}

static bool look(void *context, const char *serial, enum ca_standing *standing,
                 struct ca_revoked *revoked) {
    struct looking *looking = context;
    struct db_rows *rows = NULL;
    enum db_result result =
        db_query(looking->db, &rows,
                 "SELECT state, COALESCE(revoked, 0), reason, CASE WHEN der IS NULL THEN 0 ELSE 1 "
                 "END FROM certificates WHERE issuer = $1 AND serial = $2",
                 "tt", looking->engine->issuer, serial);
    if (result == DB_OK) {
        result = db_next(rows);
        if (result == DB_OK) {
            const char *state = db_text(rows, 0);
            *standing = standing_of(state, db_int(rows, 3) != 0);
            revoked->time = db_int(rows, 1) / 1000;
            revoked->reason = reason_of(state, db_int(rows, 2));
        }
        db_end(rows);
    }
    looking->error = result == DB_DONE ? ORDER_OK : order_error_of(result);
    return looking->error == ORDER_OK;
}

enum order_error authority_ocsp(const struct engine *engine, struct db *db, const void *request,
                                size_t len, struct octets *out) {
    struct looking looking = {engine, db, ORDER_OK};
    enum ca_error error =
        ca_ocsp(engine->ca, request, len, look, &looking, engine_now(engine), out);
    if (looking.error != ORDER_OK) {
        log_error("ca", "a certificate's standing cannot be read: %s", db_message(db));
    }
    return error == CA_OK ? ORDER_OK : ORDER_CA_FAILED;
}
