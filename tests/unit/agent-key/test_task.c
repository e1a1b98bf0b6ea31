/* agent/jobs/task: only a task of this service, for this order, key and certificate is carried out. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/jobs/task.h"
#include "module/formats/base64.h"

#define NOW 1700000000

static struct task_expectation expected = {
    .order = "R2025001",
    .kind = "RENEW",
    .token_serial = "0123456789ABCDEF",
    .certificate = "aabbcc",
    .subject = "CN=x,C=CN",
    .now = NOW,
};

static EVP_PKEY *key, *foreign;
static json_t *keys;

/* base64url of bytes; to be freed. */
static char *url(const void *data, size_t len) {
    char *text = base64_encode(data, len);
    for (char *c = text; *c; c++) {
        *c = *c == '+' ? '-' : *c == '/' ? '_' : *c;
        if (*c == '=') {
            *c = '\0';
            break;
        }
    }
    return text;
}

static char *coordinate(EVP_PKEY *of, const char *name) {
    unsigned char bytes[32];
    BIGNUM *number = NULL;
    assert_int_equal(EVP_PKEY_get_bn_param(of, name, &number), 1);
    assert_int_equal(BN_bn2binpad(number, bytes, 32), 32);
    BN_free(number);
    return url(bytes, 32);
}

static int make_keys(void **state) {
    (void)state;
    key = EVP_EC_gen("P-256");
    foreign = EVP_EC_gen("P-256");
    char *x = coordinate(key, OSSL_PKEY_PARAM_EC_PUB_X);
    char *y = coordinate(key, OSSL_PKEY_PARAM_EC_PUB_Y);
    keys =
        json_pack("{s:[{s:s, s:s}, {s:s, s:s, s:s, s:s, s:s, s:s}]}", "keys", "kid", "other", "kty",
                  "RSA", "kid", "k1", "kty", "EC", "crv", "P-256", "x", x, "y", y, "use", "sig");
    free(x);
    free(y);
    return key && foreign && keys ? 0 : -1;
}

static int free_keys(void **state) {
    (void)state;
    EVP_PKEY_free(key);
    EVP_PKEY_free(foreign);
    json_decref(keys);
    return 0;
}

/* header.payload.signature, signed with ES256 whatever the header says. */
static char *sign(EVP_PKEY *with, const char *header, const char *payload) {
    char *h = url(header, strlen(header)), *p = url(payload, strlen(payload));
    size_t size = strlen(h) + strlen(p) + 200;
    char *jws = malloc(size);
    int len = snprintf(jws, size, "%s.%s", h, p);
    unsigned char der[100], raw[64];
    size_t der_len = sizeof der;
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    assert_int_equal(EVP_DigestSignInit(context, NULL, EVP_sha256(), NULL, with), 1);
    assert_int_equal(EVP_DigestSign(context, der, &der_len, (unsigned char *)jws, (size_t)len), 1);
    EVP_MD_CTX_free(context);
    const unsigned char *at = der;
    ECDSA_SIG *signature = d2i_ECDSA_SIG(NULL, &at, (long)der_len);
    BN_bn2binpad(ECDSA_SIG_get0_r(signature), raw, 32);
    BN_bn2binpad(ECDSA_SIG_get0_s(signature), raw + 32, 32);
    ECDSA_SIG_free(signature);
    char *s = url(raw, sizeof raw);
    snprintf(jws + len, size - (size_t)len, ".%s", s);
    free(h);
    free(p);
    free(s);
    return jws;
}

#define HEADER "{\"alg\":\"ES256\",\"kid\":\"k1\"}"

/* The good payload with one member replaced (value NULL: removed; else JSON text). */
static char *payload(const char *member, const char *value) {
    json_t *json =
        json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:[s], s:s, s:I}", "task", "task-1", "order",
                  "R2025001", "kind", "RENEW", "tokenSerial", "0123456789ABCDEF",
                  "matchCertificate", "aabbcc", "alg", "SM2", "subjectDn", "CN=x,C=CN", "steps",
                  "generate", "nonce", "n-1", "notAfter", (json_int_t)NOW + 60);
    if (member && value)
        json_object_set_new(json, member, json_loads(value, JSON_DECODE_ANY, NULL));
    else if (member)
        json_object_del(json, member);
    char *text = json_dumps(json, JSON_COMPACT);
    json_decref(json);
    return text;
}

static enum task_error verify(EVP_PKEY *with, const char *header, const char *member,
                              const char *value, struct task *task) {
    char *text = payload(member, value);
    char *jws = sign(with, header, text);
    enum task_error error = task_verify(jws, keys, &expected, task);
    free(jws);
    free(text);
    return error;
}

static enum task_error with(const char *member, const char *value) {
    struct task task;
    return verify(key, HEADER, member, value, &task);
}

static void a_task_of_the_service_is_accepted(void **state) {
    (void)state;
    struct task task;
    assert_int_equal(verify(key, HEADER, NULL, NULL, &task), TASK_OK);
    assert_string_equal(task.id, "task-1");
    assert_string_equal(task.nonce, "n-1");
    assert_int_equal(task.not_after, NOW + 60);
    assert_int_equal(with("notAfter", "\"2023-11-14T22:14:20Z\""), TASK_OK);
}

static void a_pinned_list_of_keys_serves_as_well(void **state) {
    (void)state;
    struct task task;
    char *text = payload(NULL, NULL);
    char *jws = sign(key, HEADER, text);
    assert_int_equal(task_verify(jws, json_object_get(keys, "keys"), &expected, &task), TASK_OK);
    free(jws);
    free(text);
}

static void other_algorithms_are_refused(void **state) {
    (void)state;
    struct task task;
    static const char *const headers[] = {"{\"alg\":\"none\",\"kid\":\"k1\"}",
                                          "{\"alg\":\"HS256\",\"kid\":\"k1\"}",
                                          "{\"alg\":\"ES384\",\"kid\":\"k1\"}",
                                          "{\"alg\":\"es256\",\"kid\":\"k1\"}",
                                          "{\"kid\":\"k1\"}",
                                          "{\"alg\":[\"ES256\"],\"kid\":\"k1\"}"};
    for (size_t i = 0; i < sizeof headers / sizeof *headers; i++)
        assert_int_equal(verify(key, headers[i], NULL, NULL, &task), TASK_ALGORITHM);
    assert_int_equal(
        verify(key, "{\"alg\":\"ES256\",\"kid\":\"k1\",\"crit\":[\"x\"]}", NULL, NULL, &task),
        TASK_MALFORMED);
    assert_int_equal(verify(key, "{\"alg\":\"ES256\"}", NULL, NULL, &task), TASK_MALFORMED);
}

static void a_foreign_key_is_refused(void **state) {
    (void)state;
    struct task task;
    assert_int_equal(verify(foreign, HEADER, NULL, NULL, &task), TASK_SIGNATURE);
    assert_int_equal(verify(key, "{\"alg\":\"ES256\",\"kid\":\"k2\"}", NULL, NULL, &task),
                     TASK_FOREIGN);
    assert_int_equal(verify(key, "{\"alg\":\"ES256\",\"kid\":\"other\"}", NULL, NULL, &task),
                     TASK_FOREIGN);
    /* a key that the task brings along is not one of ours */
    assert_int_equal(
        verify(foreign,
               "{\"alg\":\"ES256\",\"kid\":\"mine\",\"jwk\":{\"kty\":\"EC\",\"kid\":\"mine\"}}",
               NULL, NULL, &task),
        TASK_FOREIGN);
}

static void an_expired_task_is_refused(void **state) {
    (void)state;
    assert_int_equal(with("notAfter", "1700000001"), TASK_OK);
    assert_int_equal(with("notAfter", "1700000000"), TASK_EXPIRED);
    assert_int_equal(with("notAfter", "0"), TASK_EXPIRED);
    assert_int_equal(with("notAfter", NULL), TASK_MALFORMED);
    assert_int_equal(with("notAfter", "\"tomorrow\""), TASK_MALFORMED);
}

static void a_task_for_something_else_is_refused(void **state) {
    (void)state;
    assert_int_equal(with("order", "\"R2025002\""), TASK_OTHER_ORDER);
    assert_int_equal(with("order", NULL), TASK_OTHER_ORDER);
    assert_int_equal(with("kind", "\"CHANGE\""), TASK_OTHER_KIND);
    assert_int_equal(with("alg", "\"RSA\""), TASK_OTHER_KIND);
    assert_int_equal(with("tokenSerial", "\"0123456789ABCDE\""), TASK_OTHER_TOKEN);
    assert_int_equal(with("tokenSerial", "null"), TASK_OTHER_TOKEN);
    assert_int_equal(with("matchCertificate", "\"aabbcd\""), TASK_OTHER_CERTIFICATE);
    assert_int_equal(with("subjectDn", "\"CN=y,C=CN\""), TASK_OTHER_SUBJECT);
    assert_int_equal(with("task", NULL), TASK_MALFORMED);
    assert_int_equal(with("task", "\"../orders\""), TASK_MALFORMED);
    assert_int_equal(with("nonce", "7"), TASK_MALFORMED);
}

/* Signed by the service, but not as it writes them. */
static void each_member_is_needed_and_of_its_kind(void **state) {
    (void)state;
    static const char *const members[] = {"task",     "order",     "kind",  "tokenSerial",
                                          "alg",      "subjectDn", "steps", "matchCertificate",
                                          "notAfter", "nonce"};
    static const char *const values[] = {NULL, "null", "true", "-1", "\"\"", "{}", "[7]", "[[]]"};
    for (size_t i = 0; i < sizeof members / sizeof *members; i++) {
        for (size_t k = 0; k < sizeof values / sizeof *values; k++) {
            if (with(members[i], values[k]) == TASK_OK)
                fail_msg("%s: %s is taken", members[i], values[k] ? values[k] : "nothing");
        }
    }
    assert_int_equal(with("unlock", "{}"), TASK_MALFORMED); /* it is no unlock */
}

static void a_task_is_for_the_key_s_algorithm(void **state) {
    (void)state;
    const struct task_expectation before = expected;
    static const char *const names[] = {"SM2", "RSA-2048", "P-256"};
    static const enum signature_scheme schemes[] = {SCHEME_SM2, SCHEME_RSA_PKCS1, SCHEME_P256};
    for (size_t i = 0; i < 3; i++) {
        char text[16];
        struct task task;
        snprintf(text, sizeof text, "\"%s\"", names[i]);
        assert_int_equal(verify(key, HEADER, "alg", text, &task), TASK_OK); /* a new key: any */
        assert_int_equal(task.scheme, schemes[i]);
        for (size_t k = 0; k < 3; k++) {
            expected.algorithm = names[k];
            assert_int_equal(with("alg", text), i == k ? TASK_OK : TASK_OTHER_KIND);
        }
        expected = before;
    }
}

static void a_task_for_a_blank_key_names_no_certificate(void **state) {
    (void)state;
    const struct task_expectation before = expected;
    expected.certificate = NULL;
    assert_int_equal(with(NULL, NULL), TASK_OTHER_CERTIFICATE);
    assert_int_equal(with("matchCertificate", "null"), TASK_OK);
    assert_int_equal(with("matchCertificate", NULL), TASK_OK);
    expected = before;
}

static void the_terms_of_an_unlock_are_read_whole(void **state) {
    (void)state;
    static const char good[] = "{\"pin\":\"CHOSEN\",\"mustChange\":false,\"case\":\"U1\"}";
    static const char *const bad[] = {
        "null",
        "[]",
        "{}",
        "{\"pin\":\"CHOSEN\",\"mustChange\":false}",
        "{\"pin\":\"CHOSEN\",\"mustChange\":false,\"case\":\"\"}",
        "{\"pin\":\"CHOSEN\",\"mustChange\":false,\"case\":7}",
        "{\"pin\":\"CHOSEN\",\"mustChange\":0,\"case\":\"U1\"}",
        "{\"pin\":\"CHOSEN\",\"case\":\"U1\"}",
        "{\"pin\":\"chosen\",\"mustChange\":false,\"case\":\"U1\"}",
        "{\"pin\":7,\"mustChange\":false,\"case\":\"U1\"}",
        "{\"mustChange\":false,\"case\":\"U1\"}",
        "{\"pin\":\"CHOSEN\",\"mustChange\":false,\"case\":\"123456789012345678901234567890123\"}"};
    const struct task_expectation before = expected;
    json_t *json = NULL;
    char *text = payload("kind", "\"UNLOCK\"");
    expected.kind = "UNLOCK";
    json = json_loads(text, 0, NULL);
    free(text);
    for (size_t i = 0; i <= sizeof bad / sizeof *bad; i++) {
        struct task task;
        const char *terms = i ? bad[i - 1] : good;
        json_object_set_new(json, "unlock", json_loads(terms, JSON_DECODE_ANY, NULL));
        text = json_dumps(json, JSON_COMPACT);
        char *jws = sign(key, HEADER, text);
        if ((task_verify(jws, keys, &expected, &task) == TASK_OK) != (i == 0))
            fail_msg("%s", terms);
        free(jws);
        free(text);
    }
    json_decref(json);
    expected = before;
}

static void every_flipped_character_is_noticed(void **state) {
    (void)state;
    struct task task;
    char *text = payload(NULL, NULL);
    char *jws = sign(key, HEADER, text);
    size_t len = strlen(jws);
    for (size_t i = 0; i < len; i++) {
        char was = jws[i];
        jws[i] = was == 'A' ? 'B' : 'A';
        if (task_verify(jws, keys, &expected, &task) == TASK_OK)
            fail_msg("character %zu of %zu may be changed", i, len);
        jws[i] = was;
    }
    assert_int_equal(task_verify(jws, keys, &expected, &task), TASK_OK);
    free(jws);
    free(text);
}

static void what_is_no_jws_is_refused(void **state) {
    (void)state;
    struct task task;
    static const char *const texts[] = {"",    ".",     "..",       "...",
                                        "a.b", "a.b.c", "e30.e30.", "e30.e30.e30.e30"};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        assert_int_not_equal(task_verify(texts[i], keys, &expected, &task), TASK_OK);
    char *text = payload(NULL, NULL);
    char *jws = sign(key, HEADER, text);
    json_t *empty = json_array();
    assert_int_equal(task_verify(jws, empty, &expected, &task), TASK_FOREIGN);
    assert_int_equal(task_verify(jws, NULL, &expected, &task), TASK_FOREIGN);
    json_decref(empty);
    free(jws);
    /* signed, but with a name twice */
    jws = sign(key, HEADER, "{\"task\":\"a\",\"task\":\"b\"}");
    assert_int_equal(task_verify(jws, keys, &expected, &task), TASK_MALFORMED);
    free(jws);
    free(text);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_task_of_the_service_is_accepted),
        cmocka_unit_test(a_pinned_list_of_keys_serves_as_well),
        cmocka_unit_test(other_algorithms_are_refused),
        cmocka_unit_test(a_foreign_key_is_refused),
        cmocka_unit_test(an_expired_task_is_refused),
        cmocka_unit_test(a_task_for_something_else_is_refused),
        cmocka_unit_test(each_member_is_needed_and_of_its_kind),
        cmocka_unit_test(a_task_is_for_the_key_s_algorithm),
        cmocka_unit_test(a_task_for_a_blank_key_names_no_certificate),
        cmocka_unit_test(the_terms_of_an_unlock_are_read_whole),
        cmocka_unit_test(every_flipped_character_is_noticed),
        cmocka_unit_test(what_is_no_jws_is_refused),
    };
    return cmocka_run_group_tests_name("agent/jobs/task", tests, make_keys, free_keys);
}
