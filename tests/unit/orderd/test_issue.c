/* Issuing, cut off between any two of its steps: whatever failed, the same request again ends with the certificates that were promised
 * first. The CA's calls are wrapped, so that each can fail before or after it has done its work. */
#include "tests/unit/orderd/fixture.h"

#include "module/formats/certificate.h"
#include "module/formats/certificate_request.h"
#include "module/formats/sm2.h"
#include "openukey/formats.h"
#include "tools/orderd/engine/authority.h"
#include "tools/orderd/engine/issue.h"
#include "tools/orderd/engine/signed.h"
#include "tools/orderd/engine/task_key.h"
#include "tools/orderd/engine/transition.h"
#include "tools/orderd/import.h"

#include <stdio.h>
#include <string.h>

/* ---- where it is cut ---- */

enum cut { CUT_NOWHERE, CUT_PLAN, CUT_ISSUE_BEFORE, CUT_ISSUE_AFTER, CUT_SEAL, CUT_COUNT };
static enum cut cut;

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
    return cut == CUT_PLAN ? CA_STORE : __real_ca_plan(ca, request, out);
}

enum ca_error __wrap_ca_issue(struct ca *ca, const struct ca_request *request,
                              const struct ca_plan *plan, struct ca_issued *out) {
    if (cut == CUT_ISSUE_BEFORE) {
        memset(out, 0, sizeof *out);
        return CA_STORE;
    }
    enum ca_error error = __real_ca_issue(ca, request, plan, out);
    if (cut == CUT_ISSUE_AFTER) {
        ca_issued_free(out);
        return CA_STORE;
    }
    return error;
}

enum ca_error __wrap_ca_seal(struct ca *ca, const struct ca_seal_request *request,
                             struct octets *out) {
    *out = (struct octets){NULL, 0};
    return cut == CUT_SEAL ? CA_STORE : __real_ca_seal(ca, request, out);
}

/* ---- a key with certificates and a seal ---- */

static EVP_PKEY *old_key;
static struct order order;
static char task_id[ID_SIZE];
static char task_nonce[SECRET_SIZE];

static struct octets request_of(EVP_PKEY *key, const struct octets *subject) {
    struct sm2_point point;
    struct octets spki = {NULL, 0};
    struct octets info = {NULL, 0};
    struct octets signature = {NULL, 0};
    struct octets out = {NULL, 0};
    assert_int_equal(sm2_key_point(key, &point), FORMATS_OK);
    assert_int_equal(sm2_point_to_spki(&point, &spki), FORMATS_OK);
    assert_int_equal(
        certificate_request_build(subject->data, subject->len, spki.data, spki.len, &info),
        FORMATS_OK);
    assert_int_equal(sm2_sign(NULL, key, info.data, info.len, &signature), FORMATS_OK);
    assert_int_equal(certificate_request_assemble(NULL, &info, signature.data, signature.len, &out),
                     FORMATS_OK);
    octets_free(&spki);
    octets_free(&info);
    octets_free(&signature);
    return out;
}

static struct octets holder_name(void) {
    struct name_field fields[] = {
        {"C", "CN"}, {"O", "甲公司"}, {"organizationIdentifier", "91430000X"}, {"CN", "甲公司"}};
    struct octets name = {NULL, 0};
    assert_int_equal(name_from_fields(fields, 4, &name), FORMATS_OK);
    return name;
}

static void import_key(struct fixture *fixture) {
    static const unsigned char picture[] = {0x89, 'P', 'N', 'G', '\r', '\n', 0x1a, '\n'};
    struct ca *ca = fixture->engine.ca;
    struct octets name = holder_name();
    struct octets csr = request_of(old_key, &name);
    struct ca_request request = {.csr = csr.data,
                                 .csr_len = csr.len,
                                 .subject = name.data,
                                 .subject_len = name.len,
                                 .not_before = at("2025-04-01T00:00:00+08:00"),
                                 .not_after = at("2026-04-01T12:00:00+08:00"),
                                 .encryption_pair = true};
    struct ca_plan plan;
    struct ca_issued issued;
    struct octets seal = {NULL, 0};
    char id[29];
    assert_int_equal(ca_plan(ca, &request, &plan), CA_OK);
    assert_int_equal(ca_issue(ca, &request, &plan, &issued), CA_OK);
    assert_int_equal(ca_seal_id(ca, id), CA_OK);
    struct ca_seal_request described = {.id = id,
                                        .type = 1,
                                        .name = "甲公司",
                                        .width_mm = 48,
                                        .height_mm = 48,
                                        .picture = picture,
                                        .picture_len = sizeof picture,
                                        .certificates = &issued.sign_certificate,
                                        .certificate_count = 1,
                                        .created = request.not_before,
                                        .valid_start = request.not_before,
                                        .valid_end = request.not_after};
    assert_int_equal(ca_seal(ca, &described, &seal), CA_OK);
    json_t *manifest =
        json_pack("{s:{s:s},s:[{s:o},{s:o}],s:[{s:o}]}", "token", "serial", "TOKEN9",
                  "certificates", "der", base64_json(&issued.sign_certificate), "der",
                  base64_json(&issued.encrypt_certificate), "seals", "der", base64_json(&seal));
    struct import_count count;
    char error[IMPORT_ERROR_SIZE];
    if (!import_manifest(&fixture->engine, fixture->db, manifest, &count, error)) {
        fail_msg("%s", error);
    }
    assert_int_equal(count.certificates, 2);
    assert_int_equal(count.seals, 1);
    struct certificate_record record;
    struct certificate *parsed = NULL;
    assert_int_equal(
        certificate_parse(NULL, issued.sign_certificate.data, issued.sign_certificate.len, &parsed),
        FORMATS_OK);
    assert_int_equal(registry_certificate_by_sha256(fixture->db, parsed->id, &record), ORDER_OK);
    snprintf(fixture->caller.session.subject, sizeof fixture->caller.session.subject, "%s",
             record.subject);
    snprintf(fixture->caller.session.certificate, sizeof fixture->caller.session.certificate, "%s",
             record.id);
    snprintf(fixture->caller.session.token, sizeof fixture->caller.session.token, "%s",
             record.token);
    certificate_free(parsed);
    json_decref(manifest);
    octets_free(&seal);
    octets_free(&csr);
    octets_free(&name);
    ca_issued_free(&issued);
}

/* A paid order whose task is claimed. */
static int open_claimed(void **state) {
    static const enum transition steps[] = {T25_KEY_LOGIN, T02_SUBMIT, T06_CONFIRM, T07_PAID};
    char path[96];
    cut = CUT_NOWHERE;
    fixture_open(state);
    struct fixture *fixture = *state;
    snprintf(path, sizeof path, "%s/ca", fixture->folder);
    assert_int_equal(authority_load(&fixture->engine, path, CA_SM2), ORDER_OK);
    assert_int_equal(task_key_ensure(&fixture->engine, fixture->db), ORDER_OK);
    assert_int_equal(sm2_key_generate(NULL, &old_key), FORMATS_OK);
    import_key(fixture);
    order = fixture_order(fixture);
    for (size_t i = 0; i < 4; i++) {
        assert_int_equal(
            transition_apply(&fixture->engine, fixture->db, &order, steps[i], "user", NULL, NULL),
            ORDER_OK);
    }
    struct certificate_record record;
    json_t *claimed = NULL;
    assert_int_equal(registry_certificate(fixture->db, order.certificate, &record), ORDER_OK);
    struct claim claim = {
        .number = order.number, .serial = "TOKEN9", .sha256 = record.sha256, .code = NULL};
    assert_int_equal(task_claim(&fixture->engine, fixture->db, &fixture->caller, &claim, &claimed),
                     ORDER_OK);
    json_decref(claimed);
    struct db_rows *rows = NULL;
    assert_int_equal(db_query(fixture->db, &rows, "SELECT id, nonce FROM issue_tasks", ""), DB_OK);
    assert_int_equal(db_next(rows), DB_OK);
    snprintf(task_id, sizeof task_id, "%s", db_text(rows, 0));
    snprintf(task_nonce, sizeof task_nonce, "%s", db_text(rows, 1));
    db_end(rows);
    return 0;
}

static int close_claimed(void **state) {
    struct fixture *fixture = *state;
    EVP_PKEY_free(old_key);
    authority_unload(&fixture->engine);
    return fixture_close(state);
}

/* Ask for certificates for `key`; the old key vouches for the request. */
static enum order_error ask(struct fixture *fixture, EVP_PKEY *key, json_t **answer) {
    char digest[DIGEST_HEX_SIZE];
    char message[256];
    struct octets name = holder_name();
    struct octets csr = request_of(key, &name);
    struct octets continuity = {NULL, 0};
    assert_true(digest_sha256_hex(csr.data, csr.len, digest));
    int len = snprintf(message, sizeof message, "%s%s:%s", CONTINUITY_PREFIX, task_nonce, digest);
    assert_int_equal(sm2_sign(NULL, old_key, message, (size_t)len, &continuity), FORMATS_OK);
    enum order_error error = issue_request(&fixture->engine, fixture->db, &fixture->caller, task_id,
                                           &csr, &continuity, answer);
    octets_free(&name);
    octets_free(&csr);
    octets_free(&continuity);
    return error;
}

static enum order_error prove(struct fixture *fixture, EVP_PKEY *key, const json_t *answer) {
    struct octets der = {NULL, 0};
    struct octets proof = {NULL, 0};
    char message[128];
    char sha256[DIGEST_HEX_SIZE];
    json_t *result = NULL;
    assert_true(
        base64_read(json_string_value(json_object_get(answer, "signCertificate")), 8192, &der));
    assert_true(digest_sha256_hex(der.data, der.len, sha256));
    int len = snprintf(message, sizeof message, "%s%s", PROOF_PREFIX,
                       json_string_value(json_object_get(answer, "nonce")));
    assert_int_equal(sm2_sign(NULL, key, message, (size_t)len, &proof), FORMATS_OK);
    enum order_error error = task_confirm(&fixture->engine, fixture->db, &fixture->caller, task_id,
                                          sha256, &proof, &result);
    json_decref(result);
    octets_free(&der);
    octets_free(&proof);
    return error;
}

#define VALID_SIGNING                                                                              \
    "SELECT COUNT(*) FROM certificates WHERE token = 'TOKEN9' AND usage = 'SIGN' AND state = "     \
    "'VALID'"

static void cut_anywhere_the_same_request_ends_with_one_valid_certificate(void **state) {
    struct fixture *fixture = *state;
    EVP_PKEY *key = NULL;
    json_t *answer = NULL;
    json_t *again = NULL;
    assert_int_equal(sm2_key_generate(NULL, &key), FORMATS_OK);
    for (unsigned i = CUT_PLAN; i < CUT_COUNT; i++) {
        cut = (enum cut)i;
        assert_int_equal(ask(fixture, key, &answer), ORDER_CA_FAILED);
        assert_null(answer);
        assert_int_equal(fixture_count(fixture, VALID_SIGNING), 1);
    }
    cut = CUT_NOWHERE;
    assert_int_equal(ask(fixture, key, &answer), ORDER_OK);
    assert_int_equal(ask(fixture, key, &again), ORDER_OK);
    assert_true(json_equal(answer, again));
    /* serial numbers were drawn once */
    assert_int_equal(
        fixture_count(fixture, "SELECT COUNT(*) FROM certificates WHERE token = 'TOKEN9'"), 4);
    assert_int_equal(fixture_count(fixture, VALID_SIGNING), 1);
    assert_int_equal(prove(fixture, key, answer), ORDER_OK);
    assert_int_equal(prove(fixture, key, answer), ORDER_OK);
    assert_int_equal(fixture_count(fixture, VALID_SIGNING " AND order_id IS NOT NULL"), 1);
    assert_int_equal(fixture_count(fixture, VALID_SIGNING), 1);
    assert_int_equal(fixture_count(fixture, "SELECT COUNT(*) FROM seals WHERE state = 'VALID'"), 1);
    assert_int_equal(
        fixture_count(fixture, "SELECT COUNT(*) FROM seals WHERE state = 'SUPERSEDED'"), 1);
    json_decref(answer);
    json_decref(again);
    EVP_PKEY_free(key);
}

static void what_will_be_signed_is_stored_before_it_is_signed(void **state) {
    struct fixture *fixture = *state;
    EVP_PKEY *key = NULL;
    json_t *answer = NULL;
    assert_int_equal(sm2_key_generate(NULL, &key), FORMATS_OK);
    cut = CUT_ISSUE_BEFORE;
    assert_int_equal(ask(fixture, key, &answer), ORDER_CA_FAILED);
    assert_int_equal(fixture_count(fixture, "SELECT COUNT(*) FROM certificates WHERE state = "
                                            "'PENDING' AND der IS NULL AND length(serial) > 15"),
                     2);
    EVP_PKEY_free(key);
}

static void a_key_that_was_only_promised_gives_way_to_another(void **state) {
    struct fixture *fixture = *state;
    EVP_PKEY *first = NULL;
    EVP_PKEY *second = NULL;
    json_t *answer = NULL;
    assert_int_equal(sm2_key_generate(NULL, &first), FORMATS_OK);
    assert_int_equal(sm2_key_generate(NULL, &second), FORMATS_OK);
    cut = CUT_ISSUE_AFTER;
    assert_int_equal(ask(fixture, first, &answer), ORDER_CA_FAILED);
    cut = CUT_NOWHERE;
    assert_int_equal(ask(fixture, second, &answer), ORDER_OK);
    assert_int_equal(
        fixture_count(fixture, "SELECT COUNT(*) FROM certificates WHERE state = 'REVOKED'"), 2);
    json_t *refused = NULL;
    assert_int_equal(ask(fixture, first, &refused), ORDER_CSR_KEY_REUSED);
    assert_int_equal(prove(fixture, second, answer), ORDER_OK);
    assert_int_equal(fixture_count(fixture, VALID_SIGNING), 1);
    json_decref(answer);
    EVP_PKEY_free(first);
    EVP_PKEY_free(second);
}

static void after_the_lease_nothing_is_promised_but_what_was_given_is_given_again(void **state) {
    struct fixture *fixture = *state;
    EVP_PKEY *key = NULL;
    EVP_PKEY *other = NULL;
    json_t *answer = NULL;
    json_t *again = NULL;
    int count = 0;
    assert_int_equal(sm2_key_generate(NULL, &key), FORMATS_OK);
    assert_int_equal(sm2_key_generate(NULL, &other), FORMATS_OK);
    assert_int_equal(ask(fixture, key, &answer), ORDER_OK);
    fixture_turn(fixture, "2026-03-01T10:30:00+08:00");
    assert_int_equal(task_sweep(&fixture->engine, fixture->db, &count), ORDER_OK);
    assert_int_equal(count, 1);
    assert_int_equal(ask(fixture, other, &again), ORDER_TASK_NOT_LEASED);
    assert_int_equal(ask(fixture, key, &again), ORDER_OK);
    assert_true(json_equal(answer, again));
    assert_int_equal(prove(fixture, key, answer), ORDER_OK);
    json_decref(answer);
    json_decref(again);
    EVP_PKEY_free(key);
    EVP_PKEY_free(other);
}

static void a_certificate_revoked_meanwhile_is_not_renewed(void **state) {
    struct fixture *fixture = *state;
    EVP_PKEY *key = NULL;
    json_t *answer = NULL;
    assert_int_equal(sm2_key_generate(NULL, &key), FORMATS_OK);
    assert_int_equal(ask(fixture, key, &answer), ORDER_OK);
    fixture_sql(fixture, "UPDATE certificates SET state = 'REVOKED' WHERE token = 'TOKEN9' AND "
                         "state = 'VALID'");
    assert_int_equal(prove(fixture, key, answer), ORDER_CERTIFICATE_REVOKED);
    assert_int_equal(fixture_count(fixture, VALID_SIGNING), 0);
    json_decref(answer);
    EVP_PKEY_free(key);
}

#define WITH(test) cmocka_unit_test_setup_teardown(test, open_claimed, close_claimed)

int main(void) {
    const struct CMUnitTest tests[] = {
        WITH(cut_anywhere_the_same_request_ends_with_one_valid_certificate),
        WITH(what_will_be_signed_is_stored_before_it_is_signed),
        WITH(a_key_that_was_only_promised_gives_way_to_another),
        WITH(after_the_lease_nothing_is_promised_but_what_was_given_is_given_again),
        WITH(a_certificate_revoked_meanwhile_is_not_renewed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
