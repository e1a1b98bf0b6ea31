/* The OCSP responder: what it says, for whom, and what it says to nonsense. */
#include "module/formats/sm2.h"
#include "tests/unit/ca/fixture.h"

#include <openssl/err.h>
#include <openssl/ocsp.h>
#include <openssl/rand.h>
#include <string.h>

static int make_p256(void **state) {
    static struct fixture f;
    const struct ca_options options = {.create = true, .now = JAN_2026, .algorithm = CA_P256};
    fixture_open(&f, &options, "P-256");
    *state = &f;
    return 0;
}

/* The store behind the responder: one row. */
struct store {
    char serial[CA_SERIAL_TEXT];
    enum ca_standing standing;
    struct ca_revoked revoked;
    bool fails;
    int asked;
};

static bool look(void *context, const char *serial, enum ca_standing *standing,
                 struct ca_revoked *revoked) {
    struct store *store = context;
    store->asked++;
    if (strcmp(serial, store->serial) == 0) {
        *standing = store->standing;
        *revoked = store->revoked;
    }
    return !store->fails;
}

static struct octets der_of(OCSP_REQUEST *request) {
    unsigned char *der = NULL;
    struct octets out;
    int len = i2d_OCSP_REQUEST(request, &der);
    assert_true(len > 0);
    assert_ok(octets_copy(&out, der, (size_t)len));
    OPENSSL_free(der);
    return out;
}

static OCSP_CERTID *id_of(const struct ca *ca, const char *serial, const EVP_MD *digest) {
    struct certificate *issuing = fixture_certificate(ca_issuing(ca));
    BIGNUM *number = NULL;
    BN_hex2bn(&number, serial);
    ASN1_INTEGER *integer = BN_to_ASN1_INTEGER(number, NULL);
    OCSP_CERTID *id = OCSP_cert_id_new(digest, X509_get_subject_name(issuing->x509),
                                       X509_get0_pubkey_bitstr(issuing->x509), integer);
    ASN1_INTEGER_free(integer);
    BN_free(number);
    certificate_free(issuing);
    return id;
}

static OCSP_REQUEST *request_for(const struct ca *ca, const char *serial, const EVP_MD *digest) {
    OCSP_REQUEST *request = OCSP_REQUEST_new();
    OCSP_request_add0_id(request, id_of(ca, serial, digest));
    return request;
}

/* The status of the answer, and of the first certificate in it (-1: none). */
struct said {
    int status, standing, reason;
    int64_t since;
    OCSP_BASICRESP *basic;
};

static struct said answer(struct ca *ca, const struct octets *request, struct store *store) {
    struct octets out;
    struct said said = {.standing = -1, .reason = -1};
    assert_ca(ca_ocsp(ca, request->data, request->len, look, store, JAN_2026, &out));
    const unsigned char *p = out.data;
    OCSP_RESPONSE *response = d2i_OCSP_RESPONSE(NULL, &p, (long)out.len);
    assert_non_null(response);
    assert_ptr_equal(p, out.data + out.len);
    said.status = OCSP_response_status(response);
    if (said.status == OCSP_RESPONSE_STATUS_SUCCESSFUL) {
        ASN1_GENERALIZEDTIME *since = NULL, *from, *until;
        struct tm tm;
        said.basic = OCSP_response_get1_basic(response);
        said.standing = OCSP_single_get0_status(OCSP_resp_get0(said.basic, 0), &said.reason, &since,
                                                &from, &until);
        if (since != NULL) {
            assert_int_equal(ASN1_TIME_to_tm(since, &tm), 1);
            said.since = timegm(&tm);
        }
        assert_int_equal(ASN1_TIME_to_tm(OCSP_resp_get0_produced_at(said.basic), &tm), 1);
        assert_int_equal(timegm(&tm), JAN_2026);
        assert_int_equal(ASN1_TIME_to_tm(until, &tm), 1);
        assert_int_equal(timegm(&tm), JAN_2026 + CA_OCSP_SECONDS);
    }
    OCSP_RESPONSE_free(response);
    octets_free(&out);
    return said;
}

static struct said ask(struct fixture *f, OCSP_REQUEST *request, struct store *store) {
    struct octets der = der_of(request);
    struct said said = answer(f->ca, &der, store);
    octets_free(&der);
    return said;
}

static void each_standing_is_said_with_time_and_reason(void **state) {
    struct fixture *f = *state;
    static const struct {
        struct store store;
        int standing, reason;
    } rows[] = {
        {{"4A01", CA_STANDING_GOOD, {NULL, 0, CA_REASON_UNSPECIFIED}, false, 0},
         V_OCSP_CERTSTATUS_GOOD,
         -1},
        {{"4A01", CA_STANDING_REVOKED, {NULL, JAN_2026 - 5, CA_REASON_KEY_COMPROMISE}, false, 0},
         V_OCSP_CERTSTATUS_REVOKED,
         OCSP_REVOKED_STATUS_KEYCOMPROMISE},
        {{"4A01", CA_STANDING_REVOKED, {NULL, JAN_2026 - 5, CA_REASON_HOLD}, false, 0},
         V_OCSP_CERTSTATUS_REVOKED,
         OCSP_REVOKED_STATUS_CERTIFICATEHOLD},
        {{"4A01", CA_STANDING_REVOKED, {NULL, JAN_2026 - 5, CA_REASON_UNSPECIFIED}, false, 0},
         V_OCSP_CERTSTATUS_REVOKED,
         -1},
        {{"4A02", CA_STANDING_GOOD, {NULL, 0, CA_REASON_UNSPECIFIED}, false, 0},
         V_OCSP_CERTSTATUS_UNKNOWN,
         -1},
    };
    const EVP_MD *digests[] = {EVP_sha1(), EVP_sha256(), EVP_sm3()};
    for (size_t i = 0; i < sizeof rows / sizeof *rows * 3; i++) {
        struct store store = rows[i / 3].store;
        OCSP_REQUEST *request = request_for(f->ca, "4A01", digests[i % 3]);
        struct said said = ask(f, request, &store);
        assert_int_equal(said.status, OCSP_RESPONSE_STATUS_SUCCESSFUL);
        assert_int_equal(said.standing, rows[i / 3].standing);
        assert_int_equal(said.reason, rows[i / 3].reason);
        assert_int_equal(said.since, store.standing == CA_STANDING_REVOKED ? JAN_2026 - 5 : 0);
        assert_int_equal(store.asked, 1);
        OCSP_BASICRESP_free(said.basic);
        OCSP_REQUEST_free(request);
    }
}

/* OpenSSL's own judgement of signature, delegation and key usage. */
static void the_answer_is_signed_by_a_responder_that_the_issuing_ca_appointed(void **state) {
    struct fixture *f = *state;
    struct store store = {"4A01", CA_STANDING_GOOD, {0}, false, 0};
    OCSP_REQUEST *request = request_for(f->ca, "4A01", EVP_sha1());
    struct said said = ask(f, request, &store);
    struct certificate *root = fixture_certificate(ca_root(f->ca));
    struct certificate *issuing = fixture_certificate(ca_issuing(f->ca));
    X509_STORE *trusted = X509_STORE_new();
    STACK_OF(X509) *chain = sk_X509_new_null();
    X509_STORE_add_cert(trusted, root->x509);
    X509_VERIFY_PARAM_set_time(X509_STORE_get0_param(trusted), JAN_2026);
    sk_X509_push(chain, issuing->x509);
    assert_int_equal(OCSP_basic_verify(said.basic, chain, trusted, 0), 1);
    const STACK_OF(X509) *certificates = OCSP_resp_get0_certs(said.basic);
    assert_int_equal(sk_X509_num(certificates), 1);
    X509 *responder = sk_X509_value(certificates, 0);
    assert_true((X509_get_extended_key_usage(responder) & XKU_OCSP_SIGN) != 0);
    assert_true(X509_get_ext_by_NID(responder, NID_id_pkix_OCSP_noCheck, -1) >= 0);
    sk_X509_free(chain);
    X509_STORE_free(trusted);
    certificate_free(root);
    certificate_free(issuing);
    OCSP_BASICRESP_free(said.basic);
    OCSP_REQUEST_free(request);
}

static void a_nonce_comes_back_and_only_then(void **state) {
    struct fixture *f = *state;
    struct store store = {"4A01", CA_STANDING_GOOD, {0}, false, 0};
    static const int sizes[] = {0, 1, 16, 32, 128};
    unsigned char nonce[128];
    RAND_bytes(nonce, sizeof nonce);
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        OCSP_REQUEST *request = request_for(f->ca, "4A01", EVP_sha1());
        if (sizes[i] > 0)
            OCSP_request_add1_nonce(request, nonce, sizes[i]);
        struct octets der = der_of(request);
        bool has_nonce = sizes[i] == 0;
        assert_ca(ca_ocsp_check(der.data, der.len, &has_nonce));
        assert_int_equal(has_nonce, sizes[i] > 0);
        struct said said = answer(f->ca, &der, &store);
        assert_int_equal(OCSP_check_nonce(request, said.basic), sizes[i] > 0 ? 1 : 2);
        octets_free(&der);
        OCSP_BASICRESP_free(said.basic);
        OCSP_REQUEST_free(request);
    }
}

static void another_issuer_s_certificates_are_unknown_and_not_looked_up(void **state) {
    struct fixture *f = *state;
    struct fixture other = {.ca = NULL};
    void *second = &other;
    struct store store = {"4A01", CA_STANDING_GOOD, {0}, false, 0};
    fixture_open(&other, &fixture_create, "SM2");
    OCSP_REQUEST *request = request_for(other.ca, "4A01", EVP_sha1());
    struct said said = ask(f, request, &store);
    assert_int_equal(said.standing, V_OCSP_CERTSTATUS_UNKNOWN);
    assert_int_equal(store.asked, 0);
    OCSP_BASICRESP_free(said.basic);
    OCSP_REQUEST_free(request);
    assert_int_equal(fixture_drop(&second), 0);
}

static void the_ca_s_own_certificates_are_good(void **state) {
    struct fixture *f = *state;
    struct store store = {"", CA_STANDING_UNKNOWN, {0}, false, 0};
    struct certificate *maker = fixture_certificate(ca_seal_maker(f->ca));
    OCSP_REQUEST *request = request_for(f->ca, maker->serial, EVP_sha1());
    struct said said = ask(f, request, &store);
    assert_int_equal(said.standing, V_OCSP_CERTSTATUS_GOOD);
    certificate_free(maker);
    OCSP_BASICRESP_free(said.basic);
    OCSP_REQUEST_free(request);
}

static void a_store_that_cannot_be_read_is_no_good_answer(void **state) {
    struct fixture *f = *state;
    struct store store = {"4A01", CA_STANDING_GOOD, {0}, true, 0};
    OCSP_REQUEST *request = request_for(f->ca, "4A01", EVP_sha1());
    struct said said = ask(f, request, &store);
    assert_int_equal(said.status, OCSP_RESPONSE_STATUS_TRYLATER);
    assert_null(said.basic);
    OCSP_REQUEST_free(request);
}

static void refused(struct fixture *f, const struct octets *der) {
    struct store store = {"4A01", CA_STANDING_GOOD, {0}, false, 0};
    bool has_nonce;
    assert_int_equal(ca_ocsp_check(der->data, der->len, &has_nonce), CA_BAD_REQUEST);
    struct said said = answer(f->ca, der, &store);
    assert_int_equal(said.status, OCSP_RESPONSE_STATUS_MALFORMEDREQUEST);
    assert_int_equal(store.asked, 0);
}

static void what_is_no_request_is_called_malformed(void **state) {
    struct fixture *f = *state;
    OCSP_REQUEST *request = request_for(f->ca, "4A01", EVP_sha1());
    struct octets der = der_of(request);
    struct octets part = der;
    bool has_nonce;
    assert_ca(ca_ocsp_check(der.data, der.len, &has_nonce));
    for (part.len = 0; part.len < der.len; part.len++)
        refused(f, &part);
    unsigned char more[256];
    memcpy(more, der.data, der.len);
    more[der.len] = 0;
    refused(f, &(struct octets){more, der.len + 1});
    /* version 2: [0] EXPLICIT INTEGER 1 before the list */
    assert_true(der.len < 120);
    memmove(more + 9, der.data + 4, der.len - 4);
    memcpy(more, ((unsigned char[]){0x30, 0, 0x30, 0, 0xA0, 0x03, 0x02, 0x01, 0x01}), 9);
    more[1] = (unsigned char)(der.data[1] + 5);
    more[3] = (unsigned char)(der.data[3] + 5);
    refused(f, &(struct octets){more, der.len + 5});
    OCSP_REQUEST_free(request);
    octets_free(&der);
}

static void
none_or_too_many_certificates_too_much_nonce_and_unknown_demands_are_refused(void **state) {
    struct fixture *f = *state;
    unsigned char nonce[200] = {1};
    struct octets der;
    OCSP_REQUEST *request = OCSP_REQUEST_new();
    der = der_of(request);
    refused(f, &der);
    octets_free(&der);
    for (int i = 0; i < CA_OCSP_CERTIFICATES_MAX; i++)
        OCSP_request_add0_id(request, id_of(f->ca, "4A01", EVP_sha1()));
    struct store store = {"4A01", CA_STANDING_GOOD, {0}, false, 0};
    struct said said = ask(f, request, &store);
    assert_int_equal(OCSP_resp_count(said.basic), CA_OCSP_CERTIFICATES_MAX);
    OCSP_BASICRESP_free(said.basic);
    OCSP_request_add0_id(request, id_of(f->ca, "4A01", EVP_sha1()));
    der = der_of(request);
    refused(f, &der);
    octets_free(&der);
    OCSP_REQUEST_free(request);

    request = request_for(f->ca, "4A01", EVP_sha1());
    OCSP_request_add1_nonce(request, nonce, sizeof nonce);
    der = der_of(request);
    refused(f, &der);
    octets_free(&der);
    OCSP_REQUEST_free(request);

    request = request_for(f->ca, "4A01", EVP_sha1());
    ASN1_OCTET_STRING *value = ASN1_OCTET_STRING_new();
    ASN1_OCTET_STRING_set(value, nonce, 4);
    X509_EXTENSION *extension =
        X509_EXTENSION_create_by_NID(NULL, NID_id_pkix_OCSP_archiveCutoff, 1, value);
    OCSP_REQUEST_add_ext(request, extension, -1);
    der = der_of(request);
    refused(f, &der);
    octets_free(&der);
    X509_EXTENSION_free(extension);
    ASN1_OCTET_STRING_free(value);
    OCSP_REQUEST_free(request);
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, make_p256, fixture_drop)
    const struct CMUnitTest tests[] = {
        TEST(each_standing_is_said_with_time_and_reason),
        TEST(the_answer_is_signed_by_a_responder_that_the_issuing_ca_appointed),
        TEST(a_nonce_comes_back_and_only_then),
        TEST(another_issuer_s_certificates_are_unknown_and_not_looked_up),
        TEST(the_ca_s_own_certificates_are_good),
        TEST(a_store_that_cannot_be_read_is_no_good_answer),
        TEST(what_is_no_request_is_called_malformed),
        TEST(none_or_too_many_certificates_too_much_nonce_and_unknown_demands_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
