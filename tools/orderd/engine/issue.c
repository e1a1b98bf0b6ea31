/* See issue.h. Three steps, each its own transaction or call:
 * 1. reserve: serial numbers, dates, seal number and nonce are stored (PREPARED);
 * 2. make: the CA signs exactly those, and gives the same bytes when asked again; the seal maker signs the seal;
 * 3. keep: what was made is stored (ISSUED), by whoever comes first. The answer is always read back from the store. */
#include "tools/orderd/engine/issue.h"

#include "module/formats/certificate.h"
#include "module/formats/certificate_request.h"
#include "module/formats/seal.h"
#include "openukey/formats.h"
#include "tools/orderd/engine/authority.h"
#include "tools/orderd/engine/issuance.h"
#include "tools/orderd/engine/issue_plan.h"
#include "tools/orderd/engine/signed.h"
#include "tools/orderd/engine/transition.h"
#include "tools/orderd/seal_picture.h"

#include <stdio.h>
#include <string.h>

/* Everything about one request, gathered step by step. */
struct work {
    struct task task;
    struct order order;
    struct issue_plan plan;
    struct octets csr; /* the one that is certified: the first that came with this key */
    char public_key[DIGEST_HEX_SIZE];
    struct issuance issuance;
    struct certificate_record sign;    /* as promised */
    struct certificate_record encrypt; /* serial "": there is none */
    struct authority_urls urls;
};

/* What a key of each algorithm gets. Only SM2 keys have a form in which an encryption key comes to them under the module; an RSA key
 * does both itself; ECDSA keys do not encrypt. */
static const struct {
    const char *column; /* certificates.algorithm */
    const char *usage;  /* of the signing certificate */
    bool has_pair, is_dual;
} products[CA_ALGORITHMS] = {
    [CA_SM2] = {"SM2", "SIGN", true, false},
    [CA_P256] = {"EC", "SIGN", false, false},
    [CA_RSA] = {"RSA", "BOTH", false, true},
};

static void work_clear(struct work *work) {
    issue_plan_clear(&work->plan);
    octets_free(&work->csr);
}

/* ---- the request ---- */

/* Does the old key vouch for the new one, and is it another? */
static enum order_error check_continuity(const struct work *work, EVP_PKEY *key,
                                         const struct octets *csr,
                                         const struct octets *continuity) {
    char digest[DIGEST_HEX_SIZE];
    char message[sizeof CONTINUITY_PREFIX + SECRET_SIZE + DIGEST_HEX_SIZE];
    const struct certificate *old = work->plan.old_certificate;
    if (old != NULL && EVP_PKEY_eq(X509_get0_pubkey(old->x509), key) == 1) {
        return ORDER_CSR_KEY_REUSED;
    }
    if (!work->plan.continuity) {
        return ORDER_OK;
    }
    if (!digest_sha256_hex(csr->data, csr->len, digest)) {
        return ORDER_INTERNAL;
    }
    int len =
        snprintf(message, sizeof message, "%s%s:%s", CONTINUITY_PREFIX, work->task.nonce, digest);
    return certificate_verify_message(NULL, old, message, (size_t)len, continuity->data,
                                      continuity->len) == FORMATS_OK
               ? ORDER_OK
               : ORDER_CONTINUITY_INVALID;
}

/* Is it a good PKCS#10 with a new key of the task's algorithm? */
static enum order_error check_request(struct work *work, const struct octets *csr,
                                      const struct octets *continuity) {
    struct certificate_request *request = NULL;
    enum order_error error = ORDER_CSR_INVALID;
    if (certificate_request_parse(NULL, csr->data, csr->len, &request) == FORMATS_OK &&
        ca_algorithm_of_key(request->key) == work->plan.algorithm) {
        error = digest_sha256_hex(request->spki.data, request->spki.len, work->public_key)
                    ? check_continuity(work, request->key, csr, continuity)
                    : ORDER_INTERNAL;
    }
    certificate_request_free(request);
    return error;
}

/* ---- 1: reserve ---- */

/* What a row refers to, or NULL. */
static const char *none_if_empty(const char *id) {
    return id[0] != '\0' ? id : NULL;
}

static enum order_error promise_certificate(const struct engine *engine, struct db *db,
                                            const struct work *work, const char *id,
                                            const char *pair, const char *serial, const char *usage,
                                            int64_t not_before, int64_t not_after) {
    return order_error_of(
        db_run(db, NULL,
               "INSERT INTO certificates (id, issuer, serial, subject, subject_dn, profile, "
               "algorithm, usage, not_before, not_after, token, state, order_id, replaces, pair, "
               "created) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, 'PENDING', $12, "
               "$13, $14, $15)",
               "ttttttttiitttti", id, engine->issuer, serial, work->order.subject,
               work->plan.subject_dn, engine->profile->id, products[work->plan.algorithm].column,
               usage, not_before * 1000, not_after * 1000, work->task.token, work->order.id,
               none_if_empty(work->plan.old.id), pair, engine_now_ms(engine)));
}

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
        .encryption_pair = products[work->plan.algorithm].has_pair,
        .dual_use = products[work->plan.algorithm].is_dual,
        .crl_url = stated ? work->urls.crl : NULL,
        .ocsp_url = stated ? work->urls.ocsp : NULL,
        .issuer_url = stated ? work->urls.issuer : NULL,
    };
}

static enum order_error draw_numbers(const struct engine *engine, const struct ca_request *request,
                                     struct ca_plan *plan, char seal[29]) {
    enum ca_error error = ca_plan(engine->ca, request, plan);
    if (error == CA_OK) {
        error = ca_seal_id(engine->ca, seal);
    }
    if (error == CA_BAD_REQUEST || error == CA_BAD_KEY) {
        return ORDER_CSR_INVALID;
    }
    return error == CA_OK ? ORDER_OK : ORDER_CA_FAILED;
}

static enum order_error prepare(const struct engine *engine, struct db *db, struct work *work) {
    struct ca_plan plan;
    char seal[29] = "";
    struct issuance *made = &work->issuance;
    int64_t now = engine_now(engine);
    int64_t not_after = work->plan.not_after;
    struct ca_request request = ca_request_of(engine, work, now, not_after);
    bool has_pair = request.encryption_pair;
    memset(made, 0, sizeof *made);
    enum order_error error = draw_numbers(engine, &request, &plan, seal);
    if (error != ORDER_OK) {
        return error;
    }
    if (!identifier_random(made->id) || !identifier_random(made->sign_certificate) ||
        (has_pair && !identifier_random(made->enc_certificate)) ||
        !secret_random(made->proof_nonce)) {
        return ORDER_INTERNAL;
    }
    snprintf(made->state, sizeof made->state, "PREPARED");
    if (work->plan.has_seal) {
        snprintf(made->seal, sizeof made->seal, "%s", seal);
    }
    error =
        promise_certificate(engine, db, work, made->sign_certificate, made->enc_certificate,
                            plan.sign_serial, products[work->plan.algorithm].usage, now, not_after);
    if (error == ORDER_OK && has_pair) {
        error = promise_certificate(engine, db, work, made->enc_certificate, made->sign_certificate,
                                    plan.encrypt_serial, "ENC", now, not_after);
    }
    if (error == ORDER_OK) {
        error = order_error_of(
            db_run(db, NULL,
                   "INSERT INTO issuances (id, task, public_key, csr, state, sign_certificate, "
                   "enc_certificate, seal, proof_nonce, created) "
                   "VALUES ($1, $2, $3, $4, 'PREPARED', $5, $6, $7, $8, $9)",
                   "tttbtttti", made->id, work->task.id, work->public_key, work->csr.data,
                   work->csr.len, made->sign_certificate, none_if_empty(made->enc_certificate),
                   made->seal, made->proof_nonce, engine_now_ms(engine)));
    }
    if (error == ORDER_OK) {
        json_t *data = json_pack("{s:s,s:s,s:s}", "issuance", made->id, "signSerial",
                                 plan.sign_serial, "encryptSerial", plan.encrypt_serial);
        error = order_note(engine, db, &work->order, "agent", "certificates prepared", data);
        json_decref(data);
    }
    return error;
}

/* Another key came before: what it got must never work. */
static enum order_error revoke_earlier(const struct engine *engine, struct db *db,
                                       const struct work *work) {
    struct issuance earlier;
    enum order_error error = issuance_live(db, work->task.id, &earlier);
    if (error == ORDER_NOT_FOUND) {
        return ORDER_OK;
    }
    return error == ORDER_OK ? issuance_revoke(engine, db, &work->order, &earlier) : error;
}

static enum order_error load_work(const struct engine *engine, struct db *db,
                                  const struct caller *caller, const char *task,
                                  struct work *work) {
    enum order_error error = task_load(db, caller, task, &work->task, &work->order);
    if (error == ORDER_OK) {
        error = issue_plan_of(engine, db, &work->order, &work->plan);
    }
    return error == ORDER_OK && !work->plan.certifies ? ORDER_NOT_OFFERED : error;
}

static enum order_error reserve_in_transaction(const struct engine *engine, struct db *db,
                                               const struct caller *caller, const char *task,
                                               const struct octets *csr,
                                               const struct octets *continuity, struct work *work) {
    enum order_error error = load_work(engine, db, caller, task, work);
    if (error == ORDER_OK) {
        error = check_request(work, csr, continuity);
    }
    if (error != ORDER_OK) {
        return error;
    }
    error = issuance_of_key(db, task, work->public_key, &work->issuance, &work->csr);
    if (error == ORDER_OK && strcmp(work->issuance.state, "REVOKED") == 0) {
        return ORDER_CSR_KEY_REUSED; /* it gave way to another key and may not come back */
    }
    if (error == ORDER_OK && strcmp(work->issuance.state, "PREPARED") != 0) {
        return ORDER_OK; /* the answer is there, whatever has become of the lease */
    }
    if (error != ORDER_OK && error != ORDER_NOT_FOUND) {
        return error;
    }
    bool is_new = error == ORDER_NOT_FOUND;
    error = issue_plan_check(engine, &work->plan);
    if (error == ORDER_OK) {
        error = task_extend(engine, db, &work->task);
    }
    if (error == ORDER_OK && is_new) {
        error = revoke_earlier(engine, db, work);
    }
    if (error == ORDER_OK && is_new) {
        error =
            octets_copy(&work->csr, csr->data, csr->len) == FORMATS_OK ? ORDER_OK : ORDER_INTERNAL;
    }
    return error == ORDER_OK && is_new ? prepare(engine, db, work) : error;
}

static enum order_error reserve(const struct engine *engine, struct db *db,
                                const struct caller *caller, const char *task,
                                const struct octets *csr, const struct octets *continuity,
                                struct work *work) {
    enum order_error error = order_error_of(db_begin(db));
    if (error == ORDER_OK) {
        error = reserve_in_transaction(engine, db, caller, task, csr, continuity, work);
    }
    if (error == ORDER_OK) {
        error = registry_certificate(db, work->issuance.sign_certificate, &work->sign);
    }
    if (error == ORDER_OK && work->issuance.enc_certificate[0] != '\0') {
        error = registry_certificate(db, work->issuance.enc_certificate, &work->encrypt);
    }
    if (error == ORDER_OK) {
        error = order_error_of(db_commit(db));
    }
    db_rollback(db);
    return error;
}

/* ---- 2: make ---- */

struct made {
    struct ca_issued issued;
    struct octets seal; /* empty: none */
    char picture[DIGEST_HEX_SIZE];
};

static void made_clear(struct made *made) {
    ca_issued_free(&made->issued);
    octets_free(&made->seal);
}

static const char *seal_name(const struct work *work) {
    return work->plan.picture != NULL ? work->plan.picture->name : work->plan.holder;
}

static enum order_error sign_seal(const struct engine *engine, const struct work *work,
                                  const unsigned char *picture, size_t picture_len,
                                  struct made *made) {
    struct ca_seal_request request = {
        .id = work->issuance.seal,
        .type = work->plan.seal_type,
        .name = seal_name(work),
        .width_mm = work->plan.width_mm,
        .height_mm = work->plan.height_mm,
        .picture = picture,
        .picture_len = picture_len,
        .certificates = &made->issued.sign_certificate,
        .certificate_count = 1,
        .created = engine_now(engine),
        .valid_start = work->sign.not_before,
        .valid_end = work->sign.not_after,
    };
    if (!digest_sha256_hex(picture, picture_len, made->picture)) {
        return ORDER_INTERNAL;
    }
    return ca_seal(engine->ca, &request, &made->seal) == CA_OK ? ORDER_OK : ORDER_CA_FAILED;
}

/* The seal of the plan, bound to the new certificate, valid as long as it. */
static enum order_error make_seal(const struct engine *engine, const struct work *work,
                                  struct made *made) {
    const struct issue_plan *plan = &work->plan;
    struct octets drawn = {NULL, 0};
    if (plan->picture != NULL) {
        return sign_seal(engine, work, plan->picture->picture, plan->picture->picture_len, made);
    }
    if (!seal_picture_png(plan->holder, plan->width_mm, plan->height_mm, &drawn)) {
        return ORDER_CA_FAILED;
    }
    enum order_error error = sign_seal(engine, work, drawn.data, drawn.len, made);
    octets_free(&drawn);
    return error;
}

static enum order_error make(const struct engine *engine, struct work *work, struct made *made) {
    struct ca_plan plan;
    struct ca_request request =
        ca_request_of(engine, work, work->sign.not_before, work->sign.not_after);
    memset(made, 0, sizeof *made);
    memset(&plan, 0, sizeof plan);
    snprintf(plan.sign_serial, sizeof plan.sign_serial, "%s", work->sign.serial);
    snprintf(plan.encrypt_serial, sizeof plan.encrypt_serial, "%s", work->encrypt.serial);
    if (ca_issue(engine->ca, &request, &plan, &made->issued) != CA_OK) {
        return ORDER_CA_FAILED;
    }
    return work->issuance.seal[0] != '\0' ? make_seal(engine, work, made) : ORDER_OK;
}

/* ---- 3: keep ---- */

static enum order_error keep_certificate(struct db *db, const char *id, const struct octets *der) {
    char sha256[DIGEST_HEX_SIZE];
    if (!digest_sha256_hex(der->data, der->len, sha256)) {
        return ORDER_INTERNAL;
    }
    return order_error_of(db_run(db, NULL,
                                 "UPDATE certificates SET sha256 = $2, der = $3 WHERE id = $1",
                                 "ttb", id, sha256, der->data, der->len));
}

static enum order_error keep_seal(const struct engine *engine, struct db *db,
                                  const struct work *work, const struct made *made) {
    return order_error_of(db_run(
        db, NULL,
        "INSERT INTO seals (id, type, name, subject, token, certificate, not_before, not_after, "
        "picture_sha256, der, state, order_id, replaces, created) "
        "VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, 'PENDING', $11, $12, $13)",
        "ttttttiitbtti", work->issuance.seal,
        work->plan.seal_type == SEAL_PERSONAL ? "PERSONAL" : "ORGANIZATION", seal_name(work),
        work->order.subject, work->task.token, work->issuance.sign_certificate,
        work->sign.not_before * 1000, work->sign.not_after * 1000, made->picture, made->seal.data,
        made->seal.len, work->order.id, none_if_empty(work->plan.old_seal.id),
        engine_now_ms(engine)));
}

static enum order_error keep_in_transaction(const struct engine *engine, struct db *db,
                                            const struct work *work, const struct made *made) {
    int64_t changed = 0;
    enum order_error error = order_error_of(db_run(
        db, &changed,
        "UPDATE issuances SET state = 'ISSUED', enveloped_key = $2 WHERE id = $1 AND state = "
        "'PREPARED'",
        "tb", work->issuance.id, made->issued.enveloped_key.data, made->issued.enveloped_key.len));
    if (error != ORDER_OK || changed == 0) {
        return error; /* the same request in another thread was faster: its seal is the one */
    }
    error = keep_certificate(db, work->issuance.sign_certificate, &made->issued.sign_certificate);
    if (error == ORDER_OK && made->issued.encrypt_certificate.len > 0) {
        error =
            keep_certificate(db, work->issuance.enc_certificate, &made->issued.encrypt_certificate);
    }
    if (error == ORDER_OK && made->seal.len > 0) {
        error = keep_seal(engine, db, work, made);
    }
    if (error == ORDER_OK) {
        json_t *data = json_pack("{s:s}", "issuance", work->issuance.id);
        error = order_note(engine, db, &work->order, "agent", "certificates issued", data);
        json_decref(data);
    }
    return error;
}

static enum order_error keep(const struct engine *engine, struct db *db, const struct work *work,
                             const struct made *made) {
    enum order_error error = order_error_of(db_begin(db));
    if (error == ORDER_OK) {
        error = keep_in_transaction(engine, db, work, made);
    }
    if (error == ORDER_OK) {
        error = order_error_of(db_commit(db));
    }
    db_rollback(db);
    return error;
}

/* ---- the answer ---- */

static enum order_error put_certificate(struct db *db, json_t *answer, const char *name,
                                        const char *id) {
    struct octets der = {NULL, 0};
    enum order_error error = registry_certificate_der(db, id, &der);
    if (error == ORDER_OK && json_object_set_new(answer, name, base64_json(&der)) != 0) {
        error = ORDER_INTERNAL;
    }
    octets_free(&der);
    return error;
}

/* One BYTEA of a row as base64. */
static enum order_error put_bytes(struct db *db, json_t *answer, const char *name, const char *sql,
                                  const char *id) {
    struct db_rows *rows = NULL;
    enum db_result result = db_query(db, &rows, sql, "t", id);
    if (result != DB_OK) {
        return order_error_of(result);
    }
    result = db_next(rows);
    enum order_error error = result == DB_DONE ? ORDER_CONFLICT : order_error_of(result);
    if (error == ORDER_OK) {
        struct octets bytes = {NULL, 0};
        const uint8_t *data = db_bytes(rows, 0, &bytes.len);
        bytes.data = (unsigned char *)(uintptr_t)data;
        error =
            json_object_set_new(answer, name, base64_json(&bytes)) == 0 ? ORDER_OK : ORDER_INTERNAL;
    }
    db_end(rows);
    return error;
}

static enum order_error make_answer(const struct engine *engine, struct db *db,
                                    const struct work *work, json_t **out) {
    json_t *answer = json_object();
    const struct issuance *issuance = &work->issuance;
    enum order_error error =
        put_certificate(db, answer, "signCertificate", issuance->sign_certificate);
    bool has_pair = issuance->enc_certificate[0] != '\0';
    if (error == ORDER_OK && has_pair) {
        error = put_certificate(db, answer, "encryptCertificate", issuance->enc_certificate);
    }
    if (error == ORDER_OK && has_pair) {
        error = put_bytes(db, answer, "envelopedKey",
                          "SELECT enveloped_key FROM issuances WHERE id = $1 AND state IN "
                          "('ISSUED', 'CONFIRMED')",
                          issuance->id);
    }
    if (error == ORDER_OK && issuance->seal[0] != '\0') {
        error =
            put_bytes(db, answer, "seal", "SELECT der FROM seals WHERE id = $1", issuance->seal);
        json_object_set_new(answer, "sealId", json_string(issuance->seal));
    }
    json_t *chain =
        json_pack("[o,o]", base64_json(&engine->issuing_der), base64_json(&engine->root_der));
    if (json_object_set_new(answer, "chain", chain) != 0 ||
        json_object_set_new(answer, "nonce", json_string(issuance->proof_nonce)) != 0) {
        error = error == ORDER_OK ? ORDER_INTERNAL : error;
    }
    if (error == ORDER_OK) {
        *out = json_incref(answer);
    }
    json_decref(answer);
    return error;
}

enum order_error issue_request(const struct engine *engine, struct db *db,
                               const struct caller *caller, const char *task,
                               const struct octets *csr, const struct octets *continuity,
                               json_t **out) {
    struct work work;
    struct made made;
    memset(&work, 0, sizeof work);
    *out = NULL;
    enum order_error error = reserve(engine, db, caller, task, csr, continuity, &work);
    if (error == ORDER_OK && strcmp(work.issuance.state, "PREPARED") == 0) {
        error = make(engine, &work, &made);
        if (error == ORDER_OK) {
            error = keep(engine, db, &work, &made);
        }
        made_clear(&made);
    }
    if (error == ORDER_OK) {
        error = make_answer(engine, db, &work, out);
    }
    work_clear(&work);
    return error;
}
