/* See recovery.h. */
#include "tools/orderd/engine/recovery.h"

#include "module/formats/certificate.h"
#include "module/formats/sm2.h"
#include "openukey/formats.h"
#include "tools/orderd/engine/base64.h"
#include "tools/orderd/engine/form.h"

#include <openssl/x509.h>
#include <stdio.h>
#include <string.h>

/* One recovery as stored. */
struct recovery {
    char certificate[ID_SIZE];
    char recipient[DIGEST_HEX_SIZE];
    char nonce[SECRET_SIZE];
    char *sealed;            /* the secret; owned */
    struct octets envelope;  /* owned; empty until a key has asked */
    struct octets challenge; /* owned */
};

static void recovery_clear(struct recovery *recovery) {
    free(recovery->sealed);
    octets_free(&recovery->envelope);
    octets_free(&recovery->challenge);
    memset(recovery, 0, sizeof *recovery);
}

/* ---- which key ---- */

/* Newest first, but the pair in use on the order's own key last; never one whose download was taken back. */
#define ESCROWED                                                                                   \
    "SELECT c.id FROM certificates c WHERE c.subject = $1 AND c.usage = 'ENC' AND c.algorithm = "  \
    "'SM2' AND c.der IS NOT NULL AND c.state <> 'PENDING' AND ($2 = '' OR c.serial = $2) AND NOT " \
    "EXISTS (SELECT 1 FROM issuances i WHERE i.enc_certificate = c.id AND i.state = 'REVOKED') "   \
    "ORDER BY CASE WHEN c.token = $3 AND c.state = 'VALID' THEN 1 ELSE 0 END, c.created DESC, "    \
    "c.id LIMIT 1"

static enum order_error choose(struct db *db, const char *subject, const char *serial,
                               const char *token, char id[ID_SIZE]) {
    struct db_rows *rows = NULL;
    enum db_result result = db_query(db, &rows, ESCROWED, "ttt", subject, serial, token);
    if (result != DB_OK) {
        return order_error_of(result);
    }
    result = db_next(rows);
    snprintf(id, ID_SIZE, "%s", result == DB_OK ? db_text(rows, 0) : "");
    db_end(rows);
    return result == DB_DONE ? ORDER_NOTHING_TO_RECOVER : order_error_of(result);
}

enum order_error recovery_may_order(struct db *db, const char *subject) {
    char id[ID_SIZE];
    return choose(db, subject, "", "", id);
}

static enum order_error copy_bytes(struct db_rows *rows, int column, struct octets *out) {
    size_t len = 0;
    const uint8_t *bytes = db_bytes(rows, column, &len);
    return len == 0 || octets_copy(out, bytes, len) == FORMATS_OK ? ORDER_OK : ORDER_INTERNAL;
}

static enum order_error load(struct db *db, const char *order, struct recovery *out) {
    struct db_rows *rows = NULL;
    memset(out, 0, sizeof *out);
    enum db_result result =
        db_query(db, &rows,
                 "SELECT certificate, recipient, proof_nonce, secret_sealed, enveloped_key, "
                 "challenge FROM recoveries WHERE order_id = $1",
                 "t", order);
    if (result != DB_OK) {
        return order_error_of(result);
    }
    result = db_next(rows);
    enum order_error error = result == DB_DONE ? ORDER_NOT_FOUND : order_error_of(result);
    if (error == ORDER_OK) {
        snprintf(out->certificate, sizeof out->certificate, "%s", db_text(rows, 0));
        snprintf(out->recipient, sizeof out->recipient, "%s", db_text(rows, 1));
        snprintf(out->nonce, sizeof out->nonce, "%s", db_text(rows, 2));
        out->sealed = strdup(db_text(rows, 3));
        error = out->sealed != NULL ? copy_bytes(rows, 4, &out->envelope) : ORDER_INTERNAL;
    }
    if (error == ORDER_OK) {
        error = copy_bytes(rows, 5, &out->challenge);
    }
    db_end(rows);
    return error;
}

/* ---- approving ---- */

static enum order_error fix_key(const struct engine *engine, struct db *db,
                                const struct order *order) {
    char id[ID_SIZE] = "";
    json_t *form = NULL;
    enum order_error error = form_load(engine, db, order, &form);
    if (error == ORDER_OK) {
        error = choose(db, order->subject, form_text(form, "recoverSerial"), order->token, id);
    }
    json_decref(form);
    return error == ORDER_OK
               ? order_error_of(db_run(db, NULL,
                                       "INSERT INTO recoveries (order_id, certificate) VALUES ($1, "
                                       "$2) ON CONFLICT (order_id) DO NOTHING",
                                       "tt", order->id, id))
               : error;
}

/* What the KMC calls it. `certificate` must live as long as the result. */
static struct ca_recovery asked(const struct order *order,
                                const struct certificate_record *certificate) {
    return (struct ca_recovery){.reference = order->number, .encrypt_serial = certificate->serial};
}

enum order_error recovery_approve(const struct engine *engine, struct db *db,
                                  const struct order *order, const char *approver) {
    struct recovery recovery = {.sealed = NULL};
    struct certificate_record certificate;
    enum order_error error = fix_key(engine, db, order);
    if (error == ORDER_OK) {
        error = load(db, order->id, &recovery);
    }
    if (error == ORDER_OK) {
        error = registry_certificate(db, recovery.certificate, &certificate);
    }
    if (error == ORDER_OK) {
        struct ca_recovery wanted = asked(order, &certificate);
        enum ca_error said = ca_recovery_approve(engine->ca, &wanted, approver, engine_now(engine));
        error = said == CA_OK        ? ORDER_OK
                : said == CA_UNKNOWN ? ORDER_NOTHING_TO_RECOVER
                                     : ORDER_CA_FAILED;
    }
    recovery_clear(&recovery);
    return error;
}

/* ---- giving ---- */

/* Everything about one request. */
struct work {
    struct task task;
    struct order order;
    struct recovery recovery;
    struct certificate_record wanted; /* the encryption certificate whose key it is */
    struct octets old;                /* DER of it; owned */
    EVP_PKEY *recipient;              /* owned */
    char digest[DIGEST_HEX_SIZE];     /* of the recipient's SubjectPublicKeyInfo */
};

static void work_clear(struct work *work) {
    recovery_clear(&work->recovery);
    octets_free(&work->old);
    EVP_PKEY_free(work->recipient);
}

/* The certificate's own key, or one made on the token beside it, for which it vouches. */
static enum order_error take_recipient(struct db *db, struct work *work,
                                       const struct octets *recipient,
                                       const struct octets *continuity) {
    struct octets der = {NULL, 0};
    struct certificate *certificate = NULL;
    char message[sizeof CONTINUITY_PREFIX + SECRET_SIZE + DIGEST_HEX_SIZE];
    const unsigned char *at = recipient->data;
    enum order_error error = registry_certificate_der(db, work->order.certificate, &der);
    if (error != ORDER_OK ||
        certificate_parse(NULL, der.data, der.len, &certificate) != FORMATS_OK) {
        octets_free(&der);
        return error == ORDER_OK ? ORDER_INTERNAL : error;
    }
    if (recipient->len == 0) {
        work->recipient = X509_get_pubkey(certificate->x509);
        snprintf(work->digest, sizeof work->digest, "own");
    } else {
        work->recipient = d2i_PUBKEY(NULL, &at, (long)recipient->len);
        bool whole = work->recipient != NULL && at == recipient->data + recipient->len;
        error = whole && digest_sha256_hex(recipient->data, recipient->len, work->digest)
                    ? ORDER_OK
                    : ORDER_CSR_INVALID;
        int len = snprintf(message, sizeof message, "%s%s:%s", CONTINUITY_PREFIX, work->task.nonce,
                           work->digest);
        if (error == ORDER_OK &&
            certificate_verify_message(NULL, certificate, message, (size_t)len, continuity->data,
                                       continuity->len) != FORMATS_OK) {
            error = ORDER_CONTINUITY_INVALID;
        }
    }
    if (error == ORDER_OK && !sm2_key_is_sm2(work->recipient)) {
        error = ORDER_CSR_INVALID; /* the key is enveloped to SM2 */
    }
    certificate_free(certificate);
    octets_free(&der);
    return error;
}

/* Store who gets it, and what will prove it, before it is given. */
static enum order_error reserve(const struct engine *engine, struct db *db, struct work *work) {
    char secret[SECRET_SIZE];
    int64_t changed = 0;
    char *sealed = NULL;
    if (strcmp(work->recovery.recipient, work->digest) == 0) {
        return ORDER_OK;
    }
    if (work->recovery.recipient[0] != '\0') {
        return ORDER_RECOVERY_REFUSED;
    }
    if (!secret_random(secret) || !secret_random(work->recovery.nonce)) {
        return ORDER_INTERNAL;
    }
    enum order_error error = vault_seal(engine->vault, work->order.id, secret, &sealed);
    OPENSSL_cleanse(secret, sizeof secret);
    if (error == ORDER_OK) {
        error = order_error_of(
            db_run(db, &changed,
                   "UPDATE recoveries SET recipient = $2, proof_nonce = $3, secret_sealed = $4 "
                   "WHERE order_id = $1 AND recipient = ''",
                   "tttt", work->order.id, work->digest, work->recovery.nonce, sealed));
    }
    free(work->recovery.sealed);
    work->recovery.sealed = sealed;
    return error == ORDER_OK && changed != 1 ? ORDER_CONFLICT : error;
}

static enum order_error reserve_in_transaction(const struct engine *engine, struct db *db,
                                               const struct caller *caller, const char *id,
                                               const struct octets *recipient,
                                               const struct octets *continuity, struct work *work) {
    enum order_error error = task_load(db, caller, id, &work->task, &work->order);
    if (error == ORDER_OK && work->order.kind != KIND_KEY_RECOVERY) {
        error = ORDER_NOT_OFFERED;
    }
    if (error == ORDER_OK) {
        error = load(db, work->order.id, &work->recovery);
        error = error == ORDER_NOT_FOUND ? ORDER_RECOVERY_REFUSED : error; /* nobody approved it */
    }
    if (error == ORDER_OK) {
        error = take_recipient(db, work, recipient, continuity);
    }
    if (error == ORDER_OK) {
        error = task_extend(engine, db, &work->task);
    }
    if (error == ORDER_OK) {
        error = registry_certificate(db, work->recovery.certificate, &work->wanted);
    }
    if (error == ORDER_OK) {
        error = registry_certificate_der(db, work->recovery.certificate, &work->old);
    }
    return error == ORDER_OK ? reserve(engine, db, work) : error;
}

/* The secret, which only the recovered key can read. */
static enum order_error make_challenge(const struct engine *engine, struct work *work) {
    char *secret = NULL;
    struct certificate *certificate = NULL;
    enum order_error error =
        vault_unseal(engine->vault, work->order.id, work->recovery.sealed, &secret);
    if (error == ORDER_OK &&
        (certificate_parse(NULL, work->old.data, work->old.len, &certificate) != FORMATS_OK ||
         sm2_encrypt(NULL, X509_get0_pubkey(certificate->x509), secret, strlen(secret),
                     &work->recovery.challenge) != FORMATS_OK)) {
        error = ORDER_INTERNAL;
    }
    certificate_free(certificate);
    vault_free(secret);
    return error;
}

static enum order_error give(const struct engine *engine, struct db *db, struct work *work) {
    struct ca_recovery wanted = asked(&work->order, &work->wanted);
    enum ca_error said = ca_recover(engine->ca, &wanted, work->recipient, engine_now(engine),
                                    &work->recovery.envelope);
    if (said != CA_OK) {
        return said == CA_NOT_APPROVED || said == CA_UNKNOWN || said == CA_BAD_KEY
                   ? ORDER_RECOVERY_REFUSED
                   : ORDER_CA_FAILED;
    }
    enum order_error error = make_challenge(engine, work);
    int64_t changed = 0;
    if (error == ORDER_OK) {
        error = order_error_of(db_run(
            db, &changed,
            "UPDATE recoveries SET enveloped_key = $2, challenge = $3 WHERE order_id = $1 AND "
            "enveloped_key IS NULL",
            "tbb", work->order.id, work->recovery.envelope.data, work->recovery.envelope.len,
            work->recovery.challenge.data, work->recovery.challenge.len));
    }
    if (error == ORDER_OK && changed == 1) {
        json_t *data =
            json_pack("{s:s,s:s}", "task", work->task.id, "encryptSerial", work->wanted.serial);
        error = order_note(engine, db, &work->order, "agent", "key given back", data);
        json_decref(data);
    }
    if (error == ORDER_OK && changed == 0) { /* the same request in another thread was faster */
        recovery_clear(&work->recovery);
        error = load(db, work->order.id, &work->recovery);
    }
    return error;
}

/* Two transactions, with the KMC after the first: what it has given once it gives again. */
static enum order_error request(const struct engine *engine, struct db *db,
                                const struct caller *caller, const char *id,
                                const struct octets *recipient, const struct octets *continuity,
                                struct work *work) {
    enum order_error error = order_error_of(db_begin(db));
    if (error == ORDER_OK) {
        error = reserve_in_transaction(engine, db, caller, id, recipient, continuity, work);
    }
    if (error == ORDER_OK) {
        error = order_error_of(db_commit(db));
    }
    db_rollback(db);
    if (error != ORDER_OK || work->recovery.envelope.len > 0) {
        return error;
    }
    error = order_error_of(db_begin(db));
    if (error == ORDER_OK) {
        error = give(engine, db, work);
    }
    if (error == ORDER_OK) {
        error = order_error_of(db_commit(db));
    }
    db_rollback(db);
    return error;
}

enum order_error recovery_request(const struct engine *engine, struct db *db,
                                  const struct caller *caller, const char *task,
                                  const struct octets *recipient, const struct octets *continuity,
                                  json_t **out) {
    struct work work;
    memset(&work, 0, sizeof work);
    *out = NULL;
    enum order_error error = request(engine, db, caller, task, recipient, continuity, &work);
    if (error == ORDER_OK) {
        *out = json_pack("{s:o,s:o,s:o,s:s}", "certificate", base64_json(&work.old), "envelopedKey",
                         base64_json(&work.recovery.envelope), "challenge",
                         base64_json(&work.recovery.challenge), "nonce", work.recovery.nonce);
        error = *out != NULL ? ORDER_OK : ORDER_INTERNAL;
    }
    work_clear(&work);
    return error;
}

/* ---- confirming ---- */

static enum order_error check_recovered(const struct engine *engine, struct db *db,
                                        const struct order *order, const struct recovery *recovery,
                                        const struct octets *proof) {
    char message[sizeof RECOVERED_PREFIX + (size_t)2 * SECRET_SIZE + 1];
    char *secret = NULL;
    struct octets der = {NULL, 0};
    struct certificate *certificate = NULL;
    enum order_error error = vault_unseal(engine->vault, order->id, recovery->sealed, &secret);
    if (error == ORDER_OK) {
        error = registry_certificate_der(db, order->certificate, &der);
    }
    if (error == ORDER_OK) {
        int len =
            snprintf(message, sizeof message, "%s%s:%s", RECOVERED_PREFIX, recovery->nonce, secret);
        error = certificate_parse(NULL, der.data, der.len, &certificate) != FORMATS_OK
                    ? ORDER_INTERNAL
                : certificate_verify_message(NULL, certificate, message, (size_t)len, proof->data,
                                             proof->len) == FORMATS_OK
                    ? ORDER_OK
                    : ORDER_PROOF_INVALID;
    }
    OPENSSL_cleanse(message, sizeof message);
    certificate_free(certificate);
    octets_free(&der);
    vault_free(secret);
    return error;
}

enum order_error recovery_confirm(const struct engine *engine, struct db *db,
                                  const struct task *task, struct order *order, const char *sha256,
                                  const struct octets *proof) {
    struct recovery recovery = {.sealed = NULL};
    struct certificate_record certificate;
    enum order_error error = registry_certificate(db, order->certificate, &certificate);
    if (error == ORDER_OK && strcmp(certificate.sha256, sha256) != 0) {
        error = ORDER_CERTIFICATE_UNKNOWN;
    }
    if (error == ORDER_OK) {
        error = load(db, order->id, &recovery);
    }
    if (error == ORDER_OK && recovery.envelope.len == 0) {
        error = ORDER_TASK_NOT_LEASED;
    }
    if (error == ORDER_OK) {
        error = proof->len > 0 ? check_recovered(engine, db, order, &recovery, proof)
                               : ORDER_BAD_REQUEST;
    }
    if (error == ORDER_OK && strcmp(task->state, "FAILED") == 0) {
        error = ORDER_TASK_NOT_LEASED;
    }
    if (error == ORDER_OK && strcmp(task->state, "DONE") != 0) {
        json_t *data = json_pack("{s:s,s:s}", "task", task->id, "certificate", sha256);
        error = task_close(engine, db, task, order, T19_DONE, recovery.certificate, data);
        json_decref(data);
    }
    recovery_clear(&recovery);
    return error;
}
