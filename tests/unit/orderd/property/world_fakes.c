/* What stands in for slow or outer things, by the linker's --wrap: none of the engine's own rules is in here.
 *   - the clock shows what the sequence says; slow hashes have one round; blobs are not written; pictures are not looked at;
 *   - the CA is played while a sequence runs: the certificates of world_keys.c with the planned serial numbers. It checks that a serial
 *     number never certifies two things (invariant 7 as the CA sees it);
 *   - signatures are digests over the signer's public key and the message: cheap to make and to check, impossible to mix up;
 *   - third parties are the service's own simulators, which fail when the sequence says so. */
#include "tests/unit/orderd/property/world.h"

#include "module/formats/canonical_json.h"
#include "module/formats/certificate.h"
#include "tools/orderd/engine/blob.h"
#include "tools/orderd/engine/signed.h"
#include "tools/orderd/seal_picture.h"

#include <stdlib.h>
#include <string.h>

/* NOLINTBEGIN(bugprone-reserved-identifier,cert-dcl37-c,cert-dcl51-cpp): the linker's names */

/* ---- time, hashes, files ---- */

int64_t __wrap_clock_now_ms(const struct service_clock *clock);
int64_t __wrap_clock_now_ms(const struct service_clock *clock) {
    (void)clock;
    return world_now->now_ms;
}

int __real_PKCS5_PBKDF2_HMAC(const char *pass, int passlen, const unsigned char *salt, int saltlen,
                             int iter, const EVP_MD *digest, int keylen, unsigned char *out);
int __wrap_PKCS5_PBKDF2_HMAC(const char *pass, int passlen, const unsigned char *salt, int saltlen,
                             int iter, const EVP_MD *digest, int keylen, unsigned char *out);
int __wrap_PKCS5_PBKDF2_HMAC(const char *pass, int passlen, const unsigned char *salt, int saltlen,
                             int iter, const EVP_MD *digest, int keylen, unsigned char *out) {
    (void)iter;
    return __real_PKCS5_PBKDF2_HMAC(pass, passlen, salt, saltlen, 1, digest, keylen, out);
}

enum order_error __wrap_blob_put(const char *store, const void *data, size_t len,
                                 char sha256[DIGEST_HEX_SIZE]);
enum order_error __wrap_blob_put(const char *store, const void *data, size_t len,
                                 char sha256[DIGEST_HEX_SIZE]) {
    (void)store;
    return digest_sha256_hex(data, len, sha256) ? ORDER_OK : ORDER_INTERNAL;
}

enum order_error __wrap_blob_get(const char *store, const char *sha256, size_t max,
                                 struct octets *out);
enum order_error __wrap_blob_get(const char *store, const char *sha256, size_t max,
                                 struct octets *out) {
    (void)store;
    (void)max;
    return octets_copy(out, sha256, strlen(sha256)) == FORMATS_OK ? ORDER_OK : ORDER_INTERNAL;
}

/* The first letter says what the file is. */
bool __wrap_inspector_run(const char *path, const void *data, size_t len, struct inspection *out);
bool __wrap_inspector_run(const char *path, const void *data, size_t len, struct inspection *out) {
    const char *letter = data;
    (void)path;
    memset(out, 0, sizeof *out);
    out->good = len > 0 && letter[0] != 'B';
    snprintf(out->why, sizeof out->why, "%s", out->good ? "" : "damaged");
    snprintf(out->mime, sizeof out->mime, "%s", letter[0] == 'G' ? "image/gif" : "image/jpeg");
    out->width = 1000;
    out->height = 1000;
    out->dpi = letter[0] == 'J' ? 300 : 72;
    out->colour = letter[0] == 'J';
    return true;
}

bool __wrap_seal_picture_png(const char *name, int width_mm, int height_mm, struct octets *png);
bool __wrap_seal_picture_png(const char *name, int width_mm, int height_mm, struct octets *png) {
    (void)width_mm;
    (void)height_mm;
    return octets_copy(png, name, strlen(name)) == FORMATS_OK;
}

/* ---- signatures ---- */

struct octets world_sign(const char *holder, const char *message) {
    struct octets out = {NULL, 0};
    char text[TEXT_MAX];
    char digest[DIGEST_HEX_SIZE];
    int len = snprintf(text, sizeof text, "%s %s", holder, message);
    if (digest_sha256_hex(text, (size_t)len, digest)) {
        (void)octets_copy(&out, digest, strlen(digest));
    }
    return out;
}

enum formats_error __real_certificate_verify_message(OSSL_LIB_CTX *libctx,
                                                     const struct certificate *certificate,
                                                     const void *message, size_t len,
                                                     const unsigned char *signature,
                                                     size_t signature_len);
enum formats_error __wrap_certificate_verify_message(OSSL_LIB_CTX *libctx,
                                                     const struct certificate *certificate,
                                                     const void *message, size_t len,
                                                     const unsigned char *signature,
                                                     size_t signature_len);
enum formats_error __wrap_certificate_verify_message(OSSL_LIB_CTX *libctx,
                                                     const struct certificate *certificate,
                                                     const void *message, size_t len,
                                                     const unsigned char *signature,
                                                     size_t signature_len) {
    char holder[DIGEST_HEX_SIZE];
    char text[TEXT_MAX];
    unsigned char *spki = NULL;
    (void)libctx;
    int spki_len = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(certificate->x509), &spki);
    if (spki_len <= 0 || !digest_sha256_hex(spki, (size_t)spki_len, holder)) {
        return FORMATS_MEMORY;
    }
    OPENSSL_free(spki);
    snprintf(text, sizeof text, "%.*s", (int)len, (const char *)message);
    struct octets made = world_sign(holder, text);
    struct octets given = {(unsigned char *)(uintptr_t)signature, signature_len};
    bool same = octets_equal(&made, &given);
    octets_free(&made);
    return same ? FORMATS_OK : FORMATS_SIGNATURE;
}

/* {"signer": certificate's SHA-256, "content": {...}} stands for a SignedData by that certificate. */
enum order_error __wrap_signed_object_read(const struct engine *engine, struct db *db,
                                           const struct octets *der, struct signed_object *out);
enum order_error __wrap_signed_object_read(const struct engine *engine, struct db *db,
                                           const struct octets *der, struct signed_object *out) {
    (void)engine;
    memset(out, 0, sizeof *out);
    json_t *object = json_loadb((const char *)der->data, der->len, 0, NULL);
    const char *signer = json_string_value(json_object_get(object, "signer"));
    json_t *content = json_object_get(object, "content");
    enum order_error error = ORDER_ASSERTION_INVALID;
    if (signer != NULL && canonical_json_write(content, &out->bytes) == FORMATS_OK) {
        out->content = json_incref(content);
        error = registry_certificate_by_sha256(db, signer, &out->signer);
        error = error == ORDER_NOT_FOUND ? ORDER_CERTIFICATE_UNKNOWN : error;
    }
    json_decref(object);
    return error;
}

/* ---- the CA ---- */

enum ca_error __real_ca_plan(struct ca *ca, const struct ca_request *request, struct ca_plan *out);
enum ca_error __wrap_ca_plan(struct ca *ca, const struct ca_request *request, struct ca_plan *out);
enum ca_error __real_ca_issue(struct ca *ca, const struct ca_request *request,
                              const struct ca_plan *plan, struct ca_issued *out);
enum ca_error __wrap_ca_issue(struct ca *ca, const struct ca_request *request,
                              const struct ca_plan *plan, struct ca_issued *out);
enum ca_error __real_ca_seal(struct ca *ca, const struct ca_seal_request *request,
                             struct octets *out);
enum ca_error __wrap_ca_seal(struct ca *ca, const struct ca_seal_request *request,
                             struct octets *out);

enum ca_error __wrap_ca_plan(struct ca *ca, const struct ca_request *request, struct ca_plan *out) {
    return (world_now->failures & FAIL_CA) != 0 ? CA_STORE : __real_ca_plan(ca, request, out);
}

/* A copy of the certificate with another serial number of the same length. */
static bool renumber(const struct octets *der, const char *from, const char *to,
                     struct octets *out) {
    unsigned char old[CA_SERIAL_TEXT];
    long len = 0;
    unsigned char *bytes = OPENSSL_hexstr2buf(from, &len);
    unsigned char *wanted = OPENSSL_hexstr2buf(to, NULL);
    bool done = bytes != NULL && wanted != NULL && strlen(from) == strlen(to) &&
                octets_copy(out, der->data, der->len) == FORMATS_OK;
    if (done) {
        memcpy(old, bytes, (size_t)len);
        unsigned char *place = memmem(out->data, out->len, old, (size_t)len);
        done = place != NULL;
        if (done) {
            memcpy(place, wanted, (size_t)len);
        }
    }
    OPENSSL_free(bytes);
    OPENSSL_free(wanted);
    return done;
}

static const struct pool_key *key_of(const struct ca_request *request) {
    for (unsigned i = 0; i < POOL_KEYS; i++) {
        const struct octets *csr = &world_now->keys[i].csr;
        if (csr->len == request->csr_len && memcmp(csr->data, request->csr, csr->len) == 0) {
            return &world_now->keys[i];
        }
    }
    return NULL;
}

/* The same number, the same certificate. */
static void note_certified(const struct ca_request *request, const struct ca_plan *plan) {
    struct world *world = world_now;
    char text[2 * DIGEST_HEX_SIZE + 64];
    char csr[DIGEST_HEX_SIZE];
    char subject[DIGEST_HEX_SIZE];
    char what[DIGEST_HEX_SIZE];
    if (!digest_sha256_hex(request->csr, request->csr_len, csr) ||
        !digest_sha256_hex(request->subject, request->subject_len, subject)) {
        return;
    }
    int len = snprintf(text, sizeof text, "%s %s %lld %lld", csr, subject,
                       (long long)request->not_before, (long long)request->not_after);
    (void)digest_sha256_hex(text, (size_t)len, what);
    for (size_t i = 0; i < world->certified_count; i++) {
        if (strcmp(world->certified[i].serial, plan->sign_serial) == 0) {
            world_expect(world, strcmp(world->certified[i].what, what) == 0,
                         "serial number %s was to certify two things", plan->sign_serial);
            return;
        }
    }
    struct certified *certified = &world->certified[world->certified_count];
    world->certified_count += world->certified_count + 1 < 256 ? 1 : 0;
    snprintf(certified->serial, sizeof certified->serial, "%s", plan->sign_serial);
    memcpy(certified->what, what, sizeof what);
}

enum ca_error __wrap_ca_issue(struct ca *ca, const struct ca_request *request,
                              const struct ca_plan *plan, struct ca_issued *out) {
    const struct pool_key *key = key_of(request);
    memset(out, 0, sizeof *out);
    if (key == NULL || key->sign.len == 0) {
        return __real_ca_issue(ca, request, plan, out); /* world_keys.c makes the pool */
    }
    if ((world_now->failures & FAIL_CA) != 0) {
        return CA_STORE;
    }
    note_certified(request, plan);
    bool done =
        (world_now->failures & FAIL_CA_AFTER) == 0 &&
        renumber(&key->sign, key->sign_serial, plan->sign_serial, &out->sign_certificate) &&
        renumber(&key->encrypt, key->encrypt_serial, plan->encrypt_serial,
                 &out->encrypt_certificate) &&
        octets_copy(&out->enveloped_key, key->enveloped.data, key->enveloped.len) == FORMATS_OK;
    if (!done) {
        ca_issued_free(out);
    }
    return done ? CA_OK : CA_STORE;
}

enum ca_error __wrap_ca_seal(struct ca *ca, const struct ca_seal_request *request,
                             struct octets *out) {
    *out = (struct octets){NULL, 0};
    if (world_now->seal.len == 0) {
        return __real_ca_seal(ca, request, out);
    }
    return octets_copy(out, world_now->seal.data, world_now->seal.len) == FORMATS_OK ? CA_OK
                                                                                     : CA_MEMORY;
}

/* NOLINTEND(bugprone-reserved-identifier,cert-dcl37-c,cert-dcl51-cpp) */

/* ---- third parties ---- */

static struct payment_provider payments;
static struct identity_provider identity;

static bool fails(enum failure failure) {
    return (world_now->failures & (unsigned)failure) != 0;
}

static bool pay_create(void *context, struct db *db, const struct payment_request *request,
                       char *url, size_t size) {
    return !fails(FAIL_PAYMENTS) && payments.create(context, db, request, url, size);
}

static bool pay_refund(void *context, struct db *db, const char *id, int64_t amount_fen) {
    return !fails(FAIL_PAYMENTS) && payments.refund(context, db, id, amount_fen);
}

static bool send(void *context, struct db *db, const struct message *message) {
    return !fails(FAIL_MESSENGER) && messenger_sim.send(context, db, message);
}

static bool check(void *context, struct db *db, enum verify_method method,
                  const struct identity_person *person, struct identity_answer *out) {
    return !fails(FAIL_IDENTITY) && identity.check(context, db, method, person, out);
}

static bool transfer(void *context, struct db *db, const char *id,
                     const struct identity_person *person, const char *postscript, int64_t now_ms,
                     struct identity_answer *out) {
    world_keep_secret(world_now, postscript);
    return !fails(FAIL_IDENTITY) &&
           identity.transfer(context, db, id, person, postscript, now_ms, out);
}

static bool face_begin(void *context, struct db *db, const char *id,
                       const struct identity_person *person, int64_t now_ms,
                       char url[IDENTITY_URL_SIZE]) {
    return !fails(FAIL_IDENTITY) && identity.face_begin(context, db, id, person, now_ms, url);
}

static bool invoice(void *context, struct db *db, const struct invoice_request *request,
                    char number[32], struct octets *file) {
    return !fails(FAIL_INVOICER) && invoicer_sim.issue(context, db, request, number, file);
}

void world_third_parties(struct world *world) {
    world->book.public_url = "https://portal.test";
    memset(world->book.secret, 7, sizeof world->book.secret);
    payments = payment_sim_provider(&world->book);
    world->payments = payments;
    world->payments.create = pay_create;
    world->payments.refund = pay_refund;
    world->messenger = messenger_sim;
    world->messenger.send = send;
    identity = identity_sim_provider("https://portal.test");
    world->identity = identity;
    world->identity.check = check;
    world->identity.transfer = transfer;
    world->identity.face_begin = face_begin;
    world->invoicer = invoicer_sim;
    world->invoicer.issue = invoice;
    world->engine->payments = &world->payments;
    world->engine->messenger = &world->messenger;
    world->engine->identity = &world->identity;
    world->engine->invoicer = &world->invoicer;
    world->engine->blobs = "/nonexistent";
    world->engine->inspector = "/nonexistent";
}
