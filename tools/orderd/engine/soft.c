/* See soft.h. As on a key (issue.c) in three steps: reserve (numbers and dates are stored), make (the CA signs exactly those), keep. A crash
 * between them is mended by the next request: with the same PKCS#10 it goes on, with a new one, as for another PKCS#12, what was
 * promised is revoked. A key that the service makes is never stored, so there is nothing to lose but the file that was given. */
#include "tools/orderd/engine/soft.h"

#include "module/formats/certificate_request.h"
#include "tools/orderd/engine/authority.h"
#include "tools/orderd/engine/base64.h"
#include "tools/orderd/engine/download.h"
#include "tools/orderd/engine/field.h"
#include "tools/orderd/engine/issue_plan.h"
#include "tools/orderd/engine/otp.h"
#include "tools/orderd/engine/soft_file.h"
#include "tools/orderd/engine/transition.h"

#include <stdio.h>
#include <string.h>

/* A row of soft_issuances. */
struct soft_row {
    char id[ID_SIZE];
    char state[16]; /* PREPARED, ISSUED, CONFIRMED, REVOKED */
    char certificate[ID_SIZE];
};

struct work {
    struct order order;
    struct issue_plan plan;
    EVP_PKEY *key; /* made here; NULL when the holder made it */
    struct octets csr;
    char public_key[DIGEST_HEX_SIZE];
    bool is_rsa, is_sm2;
    struct soft_row row;
    struct certificate_record certificate; /* as promised */
    struct authority_urls urls;
};

static void work_clear(struct work *work) {
    issue_plan_clear(&work->plan);
    EVP_PKEY_free(work->key);
    octets_free(&work->csr);
}

/* ---- rows ---- */

static enum order_error read_row(struct db_rows *rows, struct soft_row *out) {
    memset(out, 0, sizeof *out);
    enum db_result result = db_next(rows);
    if (result == DB_OK) {
        snprintf(out->id, sizeof out->id, "%s", db_text(rows, 0));
        snprintf(out->state, sizeof out->state, "%s", db_text(rows, 1));
        snprintf(out->certificate, sizeof out->certificate, "%s", db_text(rows, 2));
    }
    db_end(rows);
    return result == DB_DONE ? ORDER_NOT_FOUND : order_error_of(result);
}

/* The one that counts. */
static enum order_error find_live(struct db *db, const char *order, struct soft_row *out) {
    struct db_rows *rows = NULL;
    enum db_result result = db_query(db, &rows,
                                     "SELECT id, state, certificate FROM soft_issuances WHERE "
                                     "order_id = $1 AND state <> 'REVOKED'",
                                     "t", order);
    return result == DB_OK ? read_row(rows, out) : order_error_of(result);
}

static enum order_error find_of_key(struct db *db, const struct work *work, struct soft_row *out) {
    struct db_rows *rows = NULL;
    enum db_result result = db_query(db, &rows,
                                     "SELECT id, state, certificate FROM soft_issuances WHERE "
                                     "order_id = $1 AND public_key = $2",
                                     "tt", work->order.id, work->public_key);
    return result == DB_OK ? read_row(rows, out) : order_error_of(result);
}

enum order_error soft_certificate(struct db *db, const struct order *order, char id[ID_SIZE]) {
    struct soft_row row;
    enum order_error error = find_live(db, order->id, &row);
    snprintf(id, ID_SIZE, "%s", error == ORDER_OK ? row.certificate : "");
    return error == ORDER_OK && strcmp(row.state, "CONFIRMED") != 0 ? ORDER_NOT_FOUND : error;
}

/* ---- who may, and what is wished ---- */

static enum order_error order_to_issue(struct db *db, const struct caller *caller,
                                       const char *number, struct order *out) {
    enum order_error error = caller_may_change(caller);
    if (error == ORDER_OK) {
        error = order_of_caller(db, caller, number, out);
    }
    if (error == ORDER_OK && strcmp(out->account, caller->session.account) != 0) {
        error = ORDER_FORBIDDEN; /* the code was mailed to whoever applied */
    }
    return error == ORDER_OK && out->medium != MEDIUM_SOFT ? ORDER_NOT_OFFERED : error;
}

static enum order_error refuse(json_t *extra, const char *name, enum text wrong,
                               enum language language) {
    json_t *errors = json_array();
    field_refuse(errors, name, wrong, language);
    json_object_set_new(extra, "errors", errors);
    return ORDER_FIELDS_INVALID;
}

static enum order_error take_wish(const struct soft_wish *wish, enum language language,
                                  struct work *work, json_t *extra) {
    if (wish->csr != NULL) {
        return octets_copy(&work->csr, wish->csr->data, wish->csr->len) == FORMATS_OK
                   ? ORDER_OK
                   : ORDER_INTERNAL;
    }
    if (!passphrase_is_valid(wish->passphrase)) {
        return refuse(extra, "passphrase", TEXT_FIELD_PASSPHRASE, language);
    }
    work->key = soft_file_key(wish->algorithm != NULL ? wish->algorithm : "RSA-2048");
    if (work->key == NULL) {
        return refuse(extra, "algorithm", TEXT_FIELD_ALGORITHM, language);
    }
    return soft_file_request(work->key, &work->csr) ? ORDER_OK : ORDER_INTERNAL;
}

/* Is it a good PKCS#10, and of which key? */
static enum order_error read_request(struct work *work) {
    struct certificate_request *request = NULL;
    enum order_error error = ORDER_CSR_INVALID;
    if (certificate_request_parse(NULL, work->csr.data, work->csr.len, &request) == FORMATS_OK) {
        work->is_rsa = EVP_PKEY_is_a(request->key, "RSA") == 1;
        work->is_sm2 = EVP_PKEY_is_a(request->key, "SM2") == 1;
        error = digest_sha256_hex(request->spki.data, request->spki.len, work->public_key)
                    ? ORDER_OK
                    : ORDER_INTERNAL;
    }
    certificate_request_free(request);
    return error;
}

/* ---- 1: reserve ---- */

/* An RSA key signs and decrypts; the others sign. */
static struct ca_request ca_request_of(const struct engine *engine, struct work *work,
                                       int64_t not_before, int64_t not_after) {
    bool stated = authority_urls_of(engine, &work->urls);
    return (struct ca_request){
        .csr = work->csr.data,
        .csr_len = work->csr.len,
        .subject = work->plan.subject.data,
        .subject_len = work->plan.subject.len,
        .not_before = not_before,
        .not_after = not_after,
        .dual_use = work->is_rsa,
        .crl_url = stated ? work->urls.crl : NULL,
        .ocsp_url = stated ? work->urls.ocsp : NULL,
        .issuer_url = stated ? work->urls.issuer : NULL,
    };
}

static enum order_error promise(const struct engine *engine, struct db *db, const struct work *work,
                                const char *serial) {
    return order_error_of(db_run(
        db, NULL,
        "INSERT INTO certificates (id, issuer, serial, subject, subject_dn, profile, algorithm, "
        "usage, not_before, not_after, state, order_id, created) VALUES ($1, $2, $3, $4, $5, $6, "
        "$7, $8, $9, $10, 'PENDING', $11, $12)",
        "ttttttttiiti", work->row.certificate, engine->issuer, serial, work->order.subject,
        work->plan.subject_dn, engine->profile->id,
        work->is_rsa   ? "RSA"
        : work->is_sm2 ? "SM2"
                       : "EC",
        work->is_rsa ? "BOTH" : "SIGN", engine_now(engine) * 1000, work->plan.not_after * 1000,
        work->order.id, engine_now_ms(engine)));
}

static enum order_error prepare(const struct engine *engine, struct db *db, struct work *work) {
    struct ca_plan plan;
    struct ca_request request =
        ca_request_of(engine, work, engine_now(engine), work->plan.not_after);
    enum ca_error drawn = ca_plan(engine->ca, &request, &plan);
    if (drawn != CA_OK) {
        return drawn == CA_BAD_REQUEST || drawn == CA_BAD_KEY ? ORDER_CSR_INVALID : ORDER_CA_FAILED;
    }
    memset(&work->row, 0, sizeof work->row);
    if (!identifier_random(work->row.id) || !identifier_random(work->row.certificate)) {
        return ORDER_INTERNAL;
    }
    snprintf(work->row.state, sizeof work->row.state, "PREPARED");
    enum order_error error = promise(engine, db, work, plan.sign_serial);
    if (error == ORDER_OK) {
        error = order_error_of(
            db_run(db, NULL,
                   "INSERT INTO soft_issuances (id, order_id, public_key, csr, state, certificate, "
                   "created) VALUES ($1, $2, $3, $4, 'PREPARED', $5, $6)",
                   "tttbti", work->row.id, work->order.id, work->public_key, work->csr.data,
                   work->csr.len, work->row.certificate, engine_now_ms(engine)));
    }
    if (error == ORDER_OK) {
        json_t *data =
            json_pack("{s:s,s:s}", "issuance", work->row.id, "signSerial", plan.sign_serial);
        error = order_note(engine, db, &work->order, "user", "certificates prepared", data);
        json_decref(data);
    }
    return error;
}

/* Another key came before: what it got must never work. */
static enum order_error revoke_earlier(const struct engine *engine, struct db *db,
                                       const struct work *work) {
    struct soft_row earlier;
    enum order_error error = find_live(db, work->order.id, &earlier);
    if (error != ORDER_OK) {
        return error == ORDER_NOT_FOUND ? ORDER_OK : error;
    }
    error = order_error_of(db_run(
        db, NULL, "UPDATE soft_issuances SET state = 'REVOKED' WHERE id = $1", "t", earlier.id));
    if (error == ORDER_OK) {
        error = registry_certificate_move(db, earlier.certificate, "PENDING", "REVOKED",
                                          engine_now_ms(engine));
    }
    if (error == ORDER_OK) {
        json_t *data = json_pack("{s:s}", "issuance", earlier.id);
        error = order_note(engine, db, &work->order, "user", "certificates revoked", data);
        json_decref(data);
    }
    return error;
}

static enum order_error reserve_in_transaction(const struct engine *engine, struct db *db,
                                               const struct caller *caller, const char *number,
                                               struct work *work) {
    enum order_error error = order_to_issue(db, caller, number, &work->order);
    if (error == ORDER_OK && !transition_is_allowed(&work->order, T18_CLAIM)) {
        error = ORDER_WRONG_STATE;
    }
    if (error == ORDER_OK) {
        error = issue_plan_of(engine, db, &work->order, &work->plan);
    }
    if (error != ORDER_OK) {
        return error;
    }
    error = find_of_key(db, work, &work->row);
    if (error == ORDER_OK) {
        return strcmp(work->row.state, "REVOKED") == 0 ? ORDER_CSR_KEY_REUSED : ORDER_OK;
    }
    error = error == ORDER_NOT_FOUND ? revoke_earlier(engine, db, work) : error;
    return error == ORDER_OK ? prepare(engine, db, work) : error;
}

static enum order_error reserve(const struct engine *engine, struct db *db,
                                const struct caller *caller, const char *number,
                                struct work *work) {
    enum order_error error = order_error_of(db_begin(db));
    if (error == ORDER_OK) {
        error = reserve_in_transaction(engine, db, caller, number, work);
    }
    if (error == ORDER_OK) {
        error = registry_certificate(db, work->row.certificate, &work->certificate);
    }
    if (error == ORDER_OK) {
        error = order_error_of(db_commit(db));
    }
    db_rollback(db);
    return error;
}

/* ---- 2 and 3: make and keep ---- */

static enum order_error keep(const struct engine *engine, struct db *db, const struct work *work,
                             const struct octets *der) {
    char sha256[DIGEST_HEX_SIZE];
    int64_t changed = 0;
    enum order_error error =
        digest_sha256_hex(der->data, der->len, sha256) ? ORDER_OK : ORDER_INTERNAL;
    if (error == ORDER_OK) {
        error = order_error_of(db_begin(db));
    }
    if (error == ORDER_OK) {
        error = order_error_of(db_run(
            db, &changed,
            "UPDATE soft_issuances SET state = 'ISSUED' WHERE id = $1 AND state = 'PREPARED'", "t",
            work->row.id));
    }
    if (error == ORDER_OK && changed == 1) {
        error = order_error_of(db_run(db, NULL,
                                      "UPDATE certificates SET sha256 = $2, der = $3 WHERE id = $1",
                                      "ttb", work->row.certificate, sha256, der->data, der->len));
    }
    if (error == ORDER_OK && changed == 1) {
        json_t *data = json_pack("{s:s}", "issuance", work->row.id);
        error = order_note(engine, db, &work->order, "user", "certificates issued", data);
        json_decref(data);
    }
    if (error == ORDER_OK) {
        error = order_error_of(db_commit(db));
    }
    db_rollback(db);
    return error;
}

static enum order_error make(const struct engine *engine, struct db *db, struct work *work) {
    struct ca_plan plan;
    struct ca_issued issued;
    struct ca_request request =
        ca_request_of(engine, work, work->certificate.not_before, work->certificate.not_after);
    memset(&plan, 0, sizeof plan);
    snprintf(plan.sign_serial, sizeof plan.sign_serial, "%s", work->certificate.serial);
    if (ca_issue(engine->ca, &request, &plan, &issued) != CA_OK) {
        return ORDER_CA_FAILED;
    }
    enum order_error error = keep(engine, db, work, &issued.sign_certificate);
    ca_issued_free(&issued);
    return error;
}

static enum order_error make_answer(const struct engine *engine, struct db *db,
                                    const struct work *work, const char *passphrase, json_t **out) {
    struct octets chain[2] = {engine->issuing_der, engine->root_der};
    struct octets der = {NULL, 0};
    struct octets file = {NULL, 0};
    enum order_error error = registry_certificate_der(db, work->row.certificate, &der);
    if (error == ORDER_OK && work->key != NULL &&
        !soft_file_make(work->key, &der, chain, 2, work->plan.holder, passphrase, &file)) {
        error = ORDER_INTERNAL;
    }
    if (error == ORDER_OK) {
        *out = json_pack("{s:o,s:[o,o]}", "certificate", base64_json(&der), "chain",
                         base64_json(&chain[0]), base64_json(&chain[1]));
        if (work->key != NULL) {
            json_object_set_new(*out, "pkcs12", base64_json(&file));
        }
        error = *out != NULL ? ORDER_OK : ORDER_INTERNAL;
    }
    octets_free(&der);
    octets_free(&file);
    return error;
}

/* A code is compared before anything else happens: each wrong one counts. */
static enum order_error check_code(const struct engine *engine, struct db *db,
                                   const struct caller *caller, const char *number,
                                   const char *code) {
    struct order order;
    enum order_error error = order_to_issue(db, caller, number, &order);
    if (error == ORDER_OK && !transition_is_allowed(&order, T18_CLAIM)) {
        error = ORDER_WRONG_STATE;
    }
    return error == ORDER_OK ? download_check(engine, db, &order, code) : error;
}

enum order_error soft_issue(const struct engine *engine, struct db *db, const struct caller *caller,
                            const char *number, const struct soft_wish *wish, json_t **out,
                            json_t *extra) {
    struct work work;
    memset(&work, 0, sizeof work);
    *out = NULL;
    enum order_error error = check_code(engine, db, caller, number, wish->code);
    if (error == ORDER_OK) {
        error = take_wish(wish, caller->language, &work, extra);
    }
    if (error == ORDER_OK) {
        error = read_request(&work);
    }
    if (error == ORDER_OK) {
        error = reserve(engine, db, caller, number, &work);
    }
    if (error == ORDER_OK && strcmp(work.row.state, "PREPARED") == 0) {
        error = make(engine, db, &work);
    }
    if (error == ORDER_OK) {
        error = make_answer(engine, db, &work, wish->passphrase, out);
    }
    work_clear(&work);
    return error;
}

/* ---- the confirmation ---- */

static enum order_error bring_in(const struct engine *engine, struct db *db, struct order *order,
                                 const struct soft_row *row) {
    int64_t changed = 0;
    enum order_error error = order_error_of(
        db_run(db, &changed,
               "UPDATE soft_issuances SET state = 'CONFIRMED' WHERE id = $1 AND state = 'ISSUED'",
               "t", row->id));
    if (error == ORDER_OK && changed != 1) {
        error = ORDER_CONFLICT;
    }
    if (error == ORDER_OK) {
        error = registry_certificate_move(db, row->certificate, "PENDING", "VALID",
                                          engine_now_ms(engine));
    }
    if (error == ORDER_OK) {
        error = otp_use_up(db, OTP_DOWNLOAD, order->number);
    }
    return error == ORDER_OK ? transition_apply(engine, db, order, T19_DONE, "user", row->id, NULL)
                             : error;
}

static enum order_error confirm(const struct engine *engine, struct db *db,
                                const struct caller *caller, const char *number, const char *sha256,
                                struct order *out) {
    struct soft_row row;
    struct certificate_record certificate;
    enum order_error error = order_to_issue(db, caller, number, out);
    if (error == ORDER_OK) {
        error = find_live(db, out->id, &row);
        error = error == ORDER_NOT_FOUND ? ORDER_WRONG_STATE : error;
    }
    if (error == ORDER_OK) {
        error = registry_certificate(db, row.certificate, &certificate);
    }
    if (error == ORDER_OK && strcmp(certificate.sha256, sha256) != 0) {
        error = ORDER_CERTIFICATE_UNKNOWN;
    }
    return error == ORDER_OK && strcmp(row.state, "CONFIRMED") != 0
               ? bring_in(engine, db, out, &row)
               : error;
}

enum order_error soft_confirm(const struct engine *engine, struct db *db,
                              const struct caller *caller, const char *number, const char *sha256,
                              struct order *out) {
    enum order_error error = order_error_of(db_begin(db));
    if (error == ORDER_OK) {
        error = confirm(engine, db, caller, number, sha256, out);
    }
    if (error == ORDER_OK) {
        error = order_error_of(db_commit(db));
    }
    db_rollback(db);
    return error;
}
