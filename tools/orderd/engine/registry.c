/* See registry.h. */
#include "tools/orderd/engine/registry.h"

#include "module/formats/certificate.h"

#include <stdio.h>
#include <string.h>

#define COPY(field, rows, column) snprintf(field, sizeof(field), "%s", db_text(rows, column))

static const char CREDENTIAL[] = "credential"; /* what the vault calls it */

#define SUBJECT_COLUMNS "SELECT id, type, name, credential_type, credential_sealed FROM subjects "

static enum order_error read_subject(const struct engine *engine, struct db_rows *rows,
                                     struct subject_record *out) {
    char *number = NULL;
    memset(out, 0, sizeof *out);
    enum db_result result = db_next(rows);
    enum order_error error = result == DB_DONE ? ORDER_NOT_FOUND : order_error_of(result);
    if (error == ORDER_OK) {
        COPY(out->id, rows, 0);
        COPY(out->type, rows, 1);
        COPY(out->name, rows, 2);
        COPY(out->credential_type, rows, 3);
        error = vault_unseal(engine->vault, CREDENTIAL, db_text(rows, 4), &number);
    }
    if (error == ORDER_OK) {
        snprintf(out->credential_no, sizeof out->credential_no, "%s", number);
    }
    vault_free(number);
    db_end(rows);
    return error;
}

enum order_error registry_subject(const struct engine *engine, struct db *db, const char *id,
                                  struct subject_record *out) {
    struct db_rows *rows = NULL;
    enum db_result result = db_query(db, &rows, SUBJECT_COLUMNS "WHERE id = $1", "t", id);
    return result == DB_OK ? read_subject(engine, rows, out) : order_error_of(result);
}

enum order_error registry_subject_find(const struct engine *engine, struct db *db,
                                       const char *credential_type, const char *credential_no,
                                       struct subject_record *out) {
    char hash[DIGEST_HEX_SIZE];
    struct db_rows *rows = NULL;
    enum order_error error = vault_hash(engine->vault, CREDENTIAL, credential_no, hash);
    if (error == ORDER_OK) {
        error = order_error_of(db_query(
            db, &rows, SUBJECT_COLUMNS "WHERE credential_type = $1 AND credential_hash = $2", "tt",
            credential_type, hash));
    }
    return error == ORDER_OK ? read_subject(engine, rows, out) : error;
}

static enum order_error insert_subject(const struct engine *engine, struct db *db,
                                       struct subject_record *subject) {
    char hash[DIGEST_HEX_SIZE];
    char *sealed = NULL;
    if (!identifier_random(subject->id)) {
        return ORDER_INTERNAL;
    }
    enum order_error error = vault_hash(engine->vault, CREDENTIAL, subject->credential_no, hash);
    if (error == ORDER_OK) {
        error = vault_seal(engine->vault, CREDENTIAL, subject->credential_no, &sealed);
    }
    if (error == ORDER_OK) {
        error = order_error_of(
            db_run(db, NULL,
                   "INSERT INTO subjects (id, type, name, credential_type, credential_sealed, "
                   "credential_hash, created) VALUES ($1, $2, $3, $4, $5, $6, $7)",
                   "tttttti", subject->id, subject->type, subject->name, subject->credential_type,
                   sealed, hash, engine_now_ms(engine)));
    }
    vault_free(sealed);
    return error;
}

enum order_error registry_subject_ensure(const struct engine *engine, struct db *db,
                                         struct subject_record *out) {
    struct subject_record known;
    enum order_error error =
        registry_subject_find(engine, db, out->credential_type, out->credential_no, &known);
    if (error == ORDER_NOT_FOUND) {
        return insert_subject(engine, db, out);
    }
    if (error == ORDER_OK) {
        snprintf(out->id, sizeof out->id, "%s", known.id);
        error = strcmp(known.name, out->name) == 0 && strcmp(known.type, out->type) == 0
                    ? ORDER_OK
                    : ORDER_NAME_MISMATCH;
    }
    return error;
}

#define CERTIFICATE_COLUMNS                                                                        \
    "SELECT id, sha256, serial, subject, subject_dn, algorithm, usage, state, token, pair, "       \
    "order_id, not_before, not_after FROM certificates "

static enum order_error read_certificate(struct db_rows *rows, struct certificate_record *out) {
    memset(out, 0, sizeof *out);
    enum db_result result = db_next(rows);
    if (result == DB_OK) {
        COPY(out->id, rows, 0);
        COPY(out->sha256, rows, 1);
        COPY(out->serial, rows, 2);
        COPY(out->subject, rows, 3);
        COPY(out->subject_dn, rows, 4);
        COPY(out->algorithm, rows, 5);
        COPY(out->usage, rows, 6);
        COPY(out->state, rows, 7);
        COPY(out->token, rows, 8);
        COPY(out->pair, rows, 9);
        COPY(out->order, rows, 10);
        out->not_before = db_int(rows, 11) / 1000;
        out->not_after = db_int(rows, 12) / 1000;
    }
    db_end(rows);
    return result == DB_DONE ? ORDER_NOT_FOUND : order_error_of(result);
}

enum order_error registry_certificate(struct db *db, const char *id,
                                      struct certificate_record *out) {
    struct db_rows *rows = NULL;
    enum db_result result = db_query(db, &rows, CERTIFICATE_COLUMNS "WHERE id = $1", "t", id);
    return result == DB_OK ? read_certificate(rows, out) : order_error_of(result);
}

enum order_error registry_certificate_by_sha256(struct db *db, const char *sha256,
                                                struct certificate_record *out) {
    struct db_rows *rows = NULL;
    enum db_result result =
        db_query(db, &rows, CERTIFICATE_COLUMNS "WHERE sha256 = $1", "t", sha256);
    return result == DB_OK ? read_certificate(rows, out) : order_error_of(result);
}

enum order_error registry_certificate_der(struct db *db, const char *id, struct octets *out) {
    struct db_rows *rows = NULL;
    *out = (struct octets){NULL, 0};
    enum db_result result = db_query(
        db, &rows, "SELECT der FROM certificates WHERE id = $1 AND der IS NOT NULL", "t", id);
    if (result != DB_OK) {
        return order_error_of(result);
    }
    result = db_next(rows);
    enum order_error error = result == DB_DONE ? ORDER_NOT_FOUND : order_error_of(result);
    if (error == ORDER_OK) {
        size_t len = 0;
        const uint8_t *der = db_bytes(rows, 0, &len);
        error = octets_copy(out, der, len) == FORMATS_OK ? ORDER_OK : ORDER_INTERNAL;
    }
    db_end(rows);
    return error;
}

enum order_error registry_seal_of(struct db *db, const char *certificate, struct seal_record *out) {
    struct db_rows *rows = NULL;
    memset(out, 0, sizeof *out);
    enum db_result result =
        db_query(db, &rows,
                 "SELECT id, not_before, not_after, der FROM seals WHERE certificate = $1 AND "
                 "state IN ('PENDING', 'VALID') ORDER BY created DESC LIMIT 1",
                 "t", certificate);
    if (result != DB_OK) {
        return order_error_of(result);
    }
    result = db_next(rows);
    enum order_error error = result == DB_DONE ? ORDER_NOT_FOUND : order_error_of(result);
    if (error == ORDER_OK) {
        size_t len = 0;
        COPY(out->id, rows, 0);
        out->not_before = db_int(rows, 1) / 1000;
        out->not_after = db_int(rows, 2) / 1000;
        const uint8_t *der = db_bytes(rows, 3, &len);
        error = octets_copy(&out->der, der, len) == FORMATS_OK ? ORDER_OK : ORDER_INTERNAL;
    }
    db_end(rows);
    return error;
}

enum order_error registry_certificate_move(struct db *db, const char *id, const char *from,
                                           const char *to, int64_t now_ms) {
    int64_t changed = 0;
    enum order_error error = order_error_of(
        db_run(db, &changed,
               "UPDATE certificates SET state = $3, revoked = CASE WHEN $3 IN ('REVOKED', 'HELD') "
               "THEN $4 ELSE revoked END WHERE id = $1 AND state = $2",
               "ttti", id, from, to, now_ms));
    return error == ORDER_OK && changed != 1 ? ORDER_CONFLICT : error;
}

enum order_error registry_certificate_usable(const struct engine *engine,
                                             const struct certificate_record *record) {
    static const struct {
        const char *state;
        enum order_error error;
    } refusals[] = {
        {"HELD", ORDER_CERTIFICATE_HELD},
        {"REVOKED", ORDER_CERTIFICATE_REVOKED},
        {"SUPERSEDED", ORDER_CERTIFICATE_SUPERSEDED},
        {"PENDING", ORDER_CERTIFICATE_UNKNOWN},
        {"EXPIRED", ORDER_CERTIFICATE_EXPIRED},
    };
    for (size_t i = 0; i < sizeof refusals / sizeof refusals[0]; i++) {
        if (strcmp(record->state, refusals[i].state) == 0) {
            return refusals[i].error;
        }
    }
    struct window window =
        renewal_window(&engine->profile->renewal, record->not_after, engine_now(engine));
    return window.result == WINDOW_TOO_LATE ? ORDER_CERTIFICATE_EXPIRED : ORDER_OK;
}

enum order_error registry_check_chain(const struct engine *engine, const struct octets *der) {
    struct certificate *certificate = NULL;
    enum order_error error = ORDER_CERTIFICATE_UNTRUSTED;
    STACK_OF(X509) *intermediates = sk_X509_new_null();
    if (intermediates == NULL || sk_X509_push(intermediates, engine->issuing) == 0) {
        error = ORDER_INTERNAL;
        goto out;
    }
    if (certificate_parse(NULL, der->data, der->len, &certificate) != FORMATS_OK) {
        goto out;
    }
    int64_t now = engine_now(engine);
    /* OpenSSL takes the second notAfter itself as too late */
    int64_t last = certificate->not_after - 1;
    int64_t at = now < last ? now : last;
    if (certificate_verify_chain(NULL, certificate->x509, intermediates, engine->root, at) ==
        FORMATS_OK) {
        error = ORDER_OK;
    }
out:
    certificate_free(certificate);
    sk_X509_free(intermediates);
    return error;
}
