/* The order service inside the test program. It stands where agent/proxy stands: proxy_request() is here. */
#include "tests/unit/agent-key/fake_service.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "agent/proxy/proxy.h"
#include "module/formats/base64.h"
#include "module/formats/certificate.h"
#include "module/formats/certificate_request.h"
#include "module/formats/seal.h"
#include "module/formats/sm2.h"
#include "module/formats/sm2_envelope.h"
#include "openukey/formats.h"
#include "tools/orderd/ca/ca.h"
#include "tools/orderd/engine/jws.h"

struct fake_service fake;

static char home[200], anchors[256], old_sign_id[CERTIFICATE_ID];
static struct ca *ca, *other_ca;
static EVP_PKEY *jws_key, *foreign_key;
static char kid[JWS_KID_SIZE], foreign_kid[JWS_KID_SIZE];
static struct octets subject, other_subject;
static struct certificate *old_sign;
static struct octets old_seal, issued_spki;
static char old_seal_id[29];
static json_t *issued_answer;
static struct certificate *issued_sign;

#define OK(call) assert_int_equal((call), 0)

/* ---- the CA ---- */

static void write_pem(FILE *file, const struct octets *der) {
    struct octets pem;
    OK(certificate_to_pem(der->data, der->len, &pem));
    fwrite(pem.data, 1, pem.len, file);
    octets_free(&pem);
}

void fake_service_open(const char *folder) {
    char path[256];
    static const struct name_field fields[] = {{"C", "CN"}, {"O", "甲公司"}, {"CN", "甲公司"}};
    static const struct name_field others[] = {{"C", "CN"}, {"O", "乙公司"}, {"CN", "乙公司"}};
    const struct ca_options create = {.create = true, .now = time(NULL) - (int64_t)400 * FAKE_DAY};
    snprintf(home, sizeof home, "%s", folder);
    snprintf(path, sizeof path, "%s/ca", home);
    OK(ca_open(NULL, path, &create, &ca));
    snprintf(path, sizeof path, "%s/other-ca", home);
    OK(ca_open(NULL, path, &create, &other_ca));
    snprintf(anchors, sizeof anchors, "%s/anchors.pem", home);
    FILE *file = fopen(anchors, "w");
    write_pem(file, ca_root(ca));
    write_pem(file, ca_issuing(ca));
    fclose(file);
    assert_true(jws_key_make(&jws_key, kid));
    assert_true(jws_key_make(&foreign_key, foreign_kid));
    OK(name_from_fields(fields, 3, &subject));
    OK(name_from_fields(others, 3, &other_subject));
}

static void forget(void) {
    certificate_free(old_sign);
    certificate_free(issued_sign);
    octets_free(&old_seal);
    octets_free(&issued_spki);
    json_decref(issued_answer);
    old_sign = issued_sign = NULL;
    issued_answer = NULL;
    fake = (struct fake_service){0};
    snprintf(fake.token_serial, sizeof fake.token_serial, "%s", FAKE_SERIAL);
}

const char *fake_service_anchors(void) {
    return anchors;
}

static struct octets csr_of(EVP_PKEY *key) {
    unsigned char *spki = NULL;
    struct octets info, csr, signature;
    int len = i2d_PUBKEY(key, &spki);
    OK(certificate_request_build(subject.data, subject.len, spki, (size_t)len, &info));
    OK(sm2_sign(NULL, key, info.data, info.len, &signature));
    OK(certificate_request_assemble(NULL, &info, signature.data, signature.len, &csr));
    OPENSSL_free(spki);
    octets_free(&info);
    octets_free(&signature);
    return csr;
}

static struct ca_issued issue(struct ca *by, const struct octets *csr, const struct octets *name,
                              int64_t from, int64_t to) {
    const struct ca_request request = {.csr = csr->data,
                                       .csr_len = csr->len,
                                       .subject = name->data,
                                       .subject_len = name->len,
                                       .not_before = from,
                                       .not_after = to,
                                       .encryption_pair = true};
    struct ca_plan plan;
    struct ca_issued issued;
    OK(ca_plan(by, &request, &plan));
    OK(ca_issue(by, &request, &plan, &issued));
    return issued;
}

static struct octets make_seal(const char *id, const struct octets *certificate, int64_t from,
                               int64_t to) {
    static const unsigned char picture[] = "not really a picture";
    struct octets seal;
    const struct ca_seal_request request = {.id = id,
                                            .type = SEAL_ORGANIZATION,
                                            .name = "甲公司",
                                            .width_mm = 48,
                                            .height_mm = 48,
                                            .picture = picture,
                                            .picture_len = sizeof picture,
                                            .certificates = certificate,
                                            .certificate_count = 1,
                                            .created = from,
                                            .valid_start = from,
                                            .valid_end = to};
    OK(ca_seal(ca, &request, &seal));
    return seal;
}

/* An old pair with its seal, made once for each end: making it takes longer than the test. */
struct old_pair {
    int days;
    EVP_PKEY *sign, *encrypt;
    struct octets sign_certificate, encrypt_certificate, seal;
    char seal_id[29];
};

static struct old_pair old_pairs[4];

static void make_old(struct old_pair *old, int days) {
    struct sm2_envelope envelope;
    int64_t to = time(NULL) + (int64_t)days * FAKE_DAY, from = to - (int64_t)365 * FAKE_DAY;
    old->days = days;
    OK(sm2_key_generate(NULL, &old->sign));
    struct octets csr = csr_of(old->sign);
    struct ca_issued issued = issue(ca, &csr, &subject, from, to);
    octets_free(&csr);
    OK(sm2_envelope_parse(NULL, issued.enveloped_key.data, issued.enveloped_key.len, &envelope));
    OK(sm2_envelope_open(NULL, old->sign, &envelope, &old->encrypt));
    octets_free(&issued.enveloped_key);
    old->sign_certificate = issued.sign_certificate;
    old->encrypt_certificate = issued.encrypt_certificate;
    OK(ca_seal_id(ca, old->seal_id));
    old->seal = make_seal(old->seal_id, &old->sign_certificate, from, to);
}

static const struct old_pair *find_old(int days) {
    size_t i = 0;
    while (old_pairs[i].sign && old_pairs[i].days != days)
        i++;
    assert_true(i < sizeof old_pairs / sizeof *old_pairs);
    if (!old_pairs[i].sign)
        make_old(&old_pairs[i], days);
    return &old_pairs[i];
}

static void free_old_pairs(void) {
    for (size_t i = 0; i < sizeof old_pairs / sizeof *old_pairs; i++) {
        EVP_PKEY_free(old_pairs[i].sign);
        EVP_PKEY_free(old_pairs[i].encrypt);
        octets_free(&old_pairs[i].sign_certificate);
        octets_free(&old_pairs[i].encrypt_certificate);
        octets_free(&old_pairs[i].seal);
        old_pairs[i] = (struct old_pair){0};
    }
}

static void copy(struct octets *to, const struct octets *from) {
    OK(octets_copy(to, from->data, from->len));
}

void fake_service_begin(struct mock_key *key, int days) {
    const struct old_pair *old = find_old(days);
    struct mock_container *container = &key->containers[0];
    struct mock_file *file = &key->files[0];
    forget();
    EVP_PKEY_up_ref(old->sign);
    EVP_PKEY_up_ref(old->encrypt);
    container->exists = true;
    snprintf(container->name, sizeof container->name, "%s", "old");
    container->sign = old->sign;
    container->encrypt = old->encrypt;
    copy(&container->sign_certificate, &old->sign_certificate);
    copy(&container->encrypt_certificate, &old->encrypt_certificate);
    OK(certificate_parse(NULL, old->sign_certificate.data, old->sign_certificate.len, &old_sign));
    snprintf(old_sign_id, sizeof old_sign_id, "%s", old_sign->id);
    snprintf(old_seal_id, sizeof old_seal_id, "%s", old->seal_id);
    copy(&old_seal, &old->seal);
    file->exists = true;
    snprintf(file->name, sizeof file->name, "%s.esl", old_seal_id);
    copy(&file->content, &old->seal);
}

void fake_service_close(void) {
    forget();
    free_old_pairs();
    ca_close(ca);
    ca_close(other_ca);
    EVP_PKEY_free(jws_key);
    EVP_PKEY_free(foreign_key);
    octets_free(&subject);
    octets_free(&other_subject);
}

/* ---- what must be true of a key ---- */

static const struct mock_file *find_file(const struct mock_key *key, const char *seal_id) {
    char name[40];
    snprintf(name, sizeof name, "%s.esl", seal_id);
    for (size_t i = 0; i < MOCK_FILES; i++) {
        if (key->files[i].exists && strcmp(key->files[i].name, name) == 0)
            return &key->files[i];
    }
    return NULL;
}

static bool pair_is(EVP_PKEY *pair, const struct octets *der) {
    struct certificate *certificate = NULL;
    bool is = pair && der->len &&
              certificate_parse(NULL, der->data, der->len, &certificate) == FORMATS_OK &&
              EVP_PKEY_eq(X509_get0_pubkey(certificate->x509), pair) == 1;
    certificate_free(certificate);
    return is;
}

void fake_assert_old_works(const struct mock_key *key) {
    const struct mock_container *old = &key->containers[0];
    const struct mock_file *file = find_file(key, old_seal_id);
    assert_true(pair_is(old->sign, &old->sign_certificate));
    assert_true(pair_is(old->encrypt, &old->encrypt_certificate));
    assert_non_null(file);
    assert_true(octets_equal(&file->content, &old_seal));
}

void fake_assert_renewed(const struct mock_key *key) {
    const struct mock_container *old = &key->containers[0], *made = &key->containers[1];
    struct certificate *sign = NULL;
    assert_true(fake.is_completed);
    assert_int_equal(fake.issuances, 1);
    assert_null(old->sign); /* retired, with its certificate */
    assert_int_equal(old->sign_certificate.len, 0);
    assert_true(pair_is(old->encrypt, &old->encrypt_certificate)); /* for old mail */
    assert_true(pair_is(made->sign, &made->sign_certificate));
    assert_true(pair_is(made->encrypt, &made->encrypt_certificate));
    assert_string_equal(made->name, "R-" FAKE_ORDER);
    for (size_t i = 2; i < MOCK_CONTAINERS; i++)
        assert_false(key->containers[i].exists);
    OK(certificate_parse(NULL, made->sign_certificate.data, made->sign_certificate.len, &sign));
    assert_string_equal(sign->id, fake.new_sign_id);
    certificate_free(sign);
    assert_null(find_file(key, old_seal_id));
    const struct mock_file *file = find_file(key, fake.seal_id);
    assert_non_null(file);
    struct seal *seal = NULL;
    OK(seal_parse(NULL, file->content.data, file->content.len, &seal));
    assert_true(
        seal_lists_certificate(seal, made->sign_certificate.data, made->sign_certificate.len));
    seal_free(seal);
    assert_string_equal(key->pin, "123456");
}

/* ---- the requests ---- */

static json_t *show_order(void) {
    json_t *order = json_pack("{s:s, s:s, s:{s:s}, s:s}", "no", FAKE_ORDER, "state",
                              fake.is_completed ? "COMPLETED" : "READY_TO_ISSUE", "certificate",
                              "id", old_sign_id, "tokenSerial", fake.token_serial);
    if (fake.is_completed)
        json_object_set_new(order, "result",
                            json_pack("{s:{s:s}, s:{s:s}}", "signCertificate", "id",
                                      fake.new_sign_id, "seal", "id", fake.seal_id));
    return order;
}

static json_t *claim(const json_t *body) {
    char *jws = NULL;
    if (fake.is_completed ||
        strcmp(json_string_value(json_object_get(body, "certificate")), old_sign_id) != 0)
        return NULL;
    json_t *payload = json_pack(
        "{s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:[], s:s, s:I}", "task", "task-1", "order",
        fake.task == TASK_OF_OTHER_ORDER ? "R2025002" : FAKE_ORDER, "kind", "RENEW", "tokenSerial",
        fake.task == TASK_OF_OTHER_TOKEN ? "FFFF" : FAKE_SERIAL, "matchCertificate", old_sign_id,
        "alg", "SM2", "subjectDn", old_sign->subject.text, "steps", "nonce", "task-nonce",
        "notAfter", (json_int_t)time(NULL) + (fake.task == TASK_IS_OVER ? 0 : 600));
    bool is_foreign = fake.task == TASK_BY_FOREIGN_KEY;
    assert_true(jws_sign(is_foreign ? foreign_key : jws_key, is_foreign ? foreign_kid : kid,
                         payload, &jws));
    json_decref(payload);
    json_t *answer = json_pack("{s:s, s:i}", "task", jws, "lease", 600);
    free(jws);
    return answer;
}

/* Which certificates, for which lie. */
static struct ca_issued certify(const struct octets *csr) {
    int64_t now = time(NULL);
    int64_t from = fake.lie == LIE_NOT_YET ? now + FAKE_DAY : now;
    int64_t start = old_sign->not_after > now ? old_sign->not_after : now;
    int64_t to = fake.lie == LIE_NOT_LONGER ? old_sign->not_after
                 : fake.lie == LIE_CENTURY  ? start + (int64_t)36500 * FAKE_DAY
                                            : start + (int64_t)365 * FAKE_DAY;
    if (fake.lie == LIE_CENTURY) /* longer than the CA lives: it would not sign that itself */
        to = start + (int64_t)3000 * FAKE_DAY;
    EVP_PKEY *other = NULL;
    struct octets used = {0};
    if (fake.lie == LIE_OTHER_KEY) {
        OK(sm2_key_generate(NULL, &other));
        used = csr_of(other);
    }
    struct ca_issued issued =
        issue(fake.lie == LIE_OTHER_CA ? other_ca : ca, other ? &used : csr,
              fake.lie == LIE_OTHER_SUBJECT ? &other_subject : &subject, from, to);
    octets_free(&used);
    EVP_PKEY_free(other);
    return issued;
}

static struct octets seal_for(const struct ca_issued *issued, int64_t to) {
    int64_t now = time(NULL);
    const struct octets *listed =
        fake.lie == LIE_SEAL_OTHER ? &old_sign->der : &issued->sign_certificate;
    OK(ca_seal_id(ca, fake.seal_id));
    if (fake.lie == LIE_SEAL_OLD_NUMBER)
        snprintf(fake.seal_id, sizeof fake.seal_id, "%s", old_seal_id);
    struct octets seal =
        make_seal(fake.seal_id, listed, now - 100, fake.lie == LIE_SEAL_EXPIRED ? now - 10 : to);
    if (fake.lie == LIE_SEAL_BYTE)
        seal.data[seal.len - 1] ^= 1;
    return seal;
}

static json_t *answer_of(struct ca_issued *issued) {
    int64_t to = old_sign->not_after + (int64_t)365 * FAKE_DAY;
    struct octets seal = seal_for(issued, to);
    if (fake.lie == LIE_OTHER_ENVELOPE) {
        EVP_PKEY *one = NULL, *two = NULL;
        OK(sm2_key_generate(NULL, &one));
        OK(sm2_key_generate(NULL, &two));
        octets_free(&issued->enveloped_key);
        OK(sm2_envelope_make(NULL, one, two, &issued->enveloped_key));
        EVP_PKEY_free(one);
        EVP_PKEY_free(two);
    }
    bool is_swapped = fake.lie == LIE_SWAPPED;
    json_t *answer = json_pack(
        "{s:o, s:o, s:o, s:[o], s:o, s:s, s:s}", "signCertificate",
        base64_json(is_swapped ? &issued->encrypt_certificate : &issued->sign_certificate),
        "encryptCertificate",
        base64_json(is_swapped ? &issued->sign_certificate : &issued->encrypt_certificate),
        "envelopedKey", base64_json(&issued->enveloped_key), "chain",
        base64_json(ca_issuing(fake.lie == LIE_OTHER_CA ? other_ca : ca)), "seal",
        base64_json(&seal), "sealId",
        fake.lie == LIE_SEAL_NUMBER ? "00000000000000000000000000" : fake.seal_id, "nonce",
        "proof-nonce");
    if (fake.lie == LIE_GARBAGE)
        json_object_set_new(answer, "encryptCertificate", json_string("AAAA"));
    octets_free(&seal);
    return answer;
}

static bool continuity_is_good(const struct octets *csr, const json_t *body) {
    const char *text = json_string_value(json_object_get(body, "continuity"));
    struct octets signature;
    unsigned char digest[32];
    char hex[65], message[200];
    OK(base64_decode(text, strlen(text), &signature));
    EVP_Digest(csr->data, csr->len, digest, NULL, EVP_sha256(), NULL);
    octets_to_hex(digest, 32, hex);
    int len = snprintf(message, sizeof message, "%stask-nonce:%s", CONTINUITY_PREFIX, hex);
    bool is_good = certificate_verify_message(NULL, old_sign, message, (size_t)len, signature.data,
                                              signature.len) == FORMATS_OK;
    octets_free(&signature);
    return is_good;
}

static json_t *request_certificates(const json_t *body) {
    const char *text = json_string_value(json_object_get(body, "csr"));
    struct octets csr;
    struct certificate_request *request = NULL;
    OK(base64_decode(text, strlen(text), &csr));
    OK(certificate_request_parse(NULL, csr.data, csr.len, &request));
    assert_true(continuity_is_good(&csr, body));
    if (!octets_equal(&request->spki, &issued_spki)) {
        struct ca_issued issued = certify(&csr);
        fake.issuances++;
        json_decref(issued_answer);
        issued_answer = answer_of(&issued);
        certificate_free(issued_sign);
        OK(certificate_parse(NULL, issued.sign_certificate.data, issued.sign_certificate.len,
                             &issued_sign));
        snprintf(fake.new_sign_id, sizeof fake.new_sign_id, "%s", issued_sign->id);
        octets_free(&issued_spki);
        OK(octets_copy(&issued_spki, request->spki.data, request->spki.len));
        ca_issued_free(&issued);
    }
    certificate_request_free(request);
    octets_free(&csr);
    return json_incref(issued_answer);
}

static json_t *confirm(const json_t *body) {
    const char *text = json_string_value(json_object_get(body, "proof"));
    static const char message[] = PROOF_PREFIX "proof-nonce";
    struct octets proof;
    OK(base64_decode(text, strlen(text), &proof));
    assert_string_equal(json_string_value(json_object_get(body, "certificate")), fake.new_sign_id);
    OK(certificate_verify_message(NULL, issued_sign, message, sizeof message - 1, proof.data,
                                  proof.len));
    octets_free(&proof);
    fake.confirmations++;
    fake.is_completed = true;
    return json_pack("{s:s}", "state", "COMPLETED");
}

static json_t *serve(const char *method, const char *path, const json_t *body) {
    if (strcmp(path, "/v1/keys") == 0)
        return json_pack("{s:[o]}", "keys", jws_key_public(jws_key, kid));
    if (strcmp(path, "/v1/orders/" FAKE_ORDER) == 0 && strcmp(method, "GET") == 0)
        return show_order();
    if (strcmp(path, "/v1/tasks:claim") == 0)
        return claim(body);
    if (strcmp(path, "/v1/tasks/task-1/csr") == 0)
        return request_certificates(body);
    if (strcmp(path, "/v1/tasks/task-1/confirm") == 0)
        return confirm(body);
    if (strcmp(path, "/v1/tasks/task-1/fail") == 0)
        return json_pack("{s:s}", "state", "READY_TO_ISSUE");
    return NULL;
}

enum proxy_error proxy_request(struct proxy *proxy, const char *profile, const char *method,
                               const char *path, const struct proxy_header *headers, json_t *body,
                               struct proxy_answer *answer) {
    (void)proxy;
    *answer = (struct proxy_answer){0};
    assert_string_equal(profile, "default");
    assert_string_equal(headers[0].name, "Authorization");
    assert_string_equal(headers[0].value, "Bearer secret");
    unsigned request = ++fake.requests;
    if (fake.before)
        fake.before(request);
    if (request == fake.lost_at && !fake.loses_answer)
        return PROXY_ERROR_UNREACHABLE;
    answer->json = serve(method, path, body);
    answer->status = answer->json ? 200 : 409;
    if (!answer->json)
        answer->json = json_pack("{s:s, s:i}", "code", "WRONG_STATE", "status", 409);
    if (request == fake.lost_at) {
        proxy_answer_free(answer);
        return PROXY_ERROR_UNREACHABLE;
    }
    return PROXY_OK;
}

enum proxy_state proxy_state(struct proxy *proxy, const char *profile) {
    (void)proxy, (void)profile;
    return PROXY_STATE_UNKNOWN;
}

void proxy_answer_free(struct proxy_answer *answer) {
    json_decref(answer->json);
    *answer = (struct proxy_answer){0};
}
