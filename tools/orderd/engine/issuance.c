/* See issuance.h. */
#include "tools/orderd/engine/issuance.h"

#include "tools/orderd/engine/transition.h"

#include <stdio.h>
#include <string.h>

#define ISSUANCE_COLUMNS                                                                           \
    "SELECT id, state, sign_certificate, enc_certificate, seal, proof_nonce, csr FROM issuances "

static enum order_error read_issuance(struct db_rows *rows, struct issuance *out,
                                      struct octets *csr) {
    memset(out, 0, sizeof *out);
    enum db_result result = db_next(rows);
    enum order_error error = result == DB_DONE ? ORDER_NOT_FOUND : order_error_of(result);
    if (error == ORDER_OK) {
        snprintf(out->id, sizeof out->id, "%s", db_text(rows, 0));
        snprintf(out->state, sizeof out->state, "%s", db_text(rows, 1));
        snprintf(out->sign_certificate, sizeof out->sign_certificate, "%s", db_text(rows, 2));
        snprintf(out->enc_certificate, sizeof out->enc_certificate, "%s", db_text(rows, 3));
        snprintf(out->seal, sizeof out->seal, "%s", db_text(rows, 4));
        snprintf(out->proof_nonce, sizeof out->proof_nonce, "%s", db_text(rows, 5));
        if (csr != NULL) {
            size_t len = 0;
            const uint8_t *der = db_bytes(rows, 6, &len);
            octets_free(csr);
            error = octets_copy(csr, der, len) == FORMATS_OK ? ORDER_OK : ORDER_INTERNAL;
        }
    }
    db_end(rows);
    return error;
}

enum order_error issuance_live(struct db *db, const char *task, struct issuance *out) {
    struct db_rows *rows = NULL;
    enum db_result result =
        db_query(db, &rows, ISSUANCE_COLUMNS "WHERE task = $1 AND state <> 'REVOKED'", "t", task);
    return result == DB_OK ? read_issuance(rows, out, NULL) : order_error_of(result);
}

enum order_error issuance_of_key(struct db *db, const char *task, const char *public_key,
                                 struct issuance *out, struct octets *csr) {
    struct db_rows *rows = NULL;
    enum db_result result = db_query(
        db, &rows, ISSUANCE_COLUMNS "WHERE task = $1 AND public_key = $2", "tt", task, public_key);
    return result == DB_OK ? read_issuance(rows, out, csr) : order_error_of(result);
}

enum order_error issuance_revoke(const struct engine *engine, struct db *db,
                                 const struct order *order, const struct issuance *issuance) {
    int64_t changed = 0;
    enum order_error error = order_error_of(db_run(
        db, &changed,
        "UPDATE issuances SET state = 'REVOKED' WHERE id = $1 AND state IN ('PREPARED', 'ISSUED')",
        "t", issuance->id));
    if (error == ORDER_OK && changed != 1) {
        error = ORDER_WRONG_STATE;
    }
    if (error == ORDER_OK) {
        error = registry_certificate_move(db, issuance->sign_certificate, "PENDING", "REVOKED",
                                          engine_now_ms(engine));
    }
    if (error == ORDER_OK && issuance->enc_certificate[0] != '\0') {
        error = registry_certificate_move(db, issuance->enc_certificate, "PENDING", "REVOKED",
                                          engine_now_ms(engine));
    }
    if (error == ORDER_OK) {
        error = order_error_of(db_run(db, NULL, "UPDATE seals SET state = 'REVOKED' WHERE id = $1",
                                      "t", issuance->seal));
    }
    if (error == ORDER_OK) {
        json_t *data = json_pack("{s:s}", "issuance", issuance->id);
        error = order_note(engine, db, order, "agent", "certificates revoked", data);
        json_decref(data);
    }
    return error;
}
