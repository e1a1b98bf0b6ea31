/* JWS with every kind of key that it knows: made in two steps, read back, refused when a character changes. */
#include "module/formats/jws.h"
#include "tests/unit/formats/bench.h"

#include <stdlib.h>
#include <string.h>

static const char TEXT[] = "{\"type\":\"statement\"}";
static const struct octets PAYLOAD = {(unsigned char *)TEXT, sizeof TEXT - 1};

struct fixture {
    const char *kind;
    EVP_PKEY *key;
    struct octets certificate, to_be_signed, signature;
};

static struct fixture fixtures[SCHEME_COUNT] = {
    [SCHEME_SM2] = {.kind = "SM2"},     [SCHEME_RSA_PKCS1] = {.kind = "RSA"},
    [SCHEME_RSA_PSS] = {.kind = "RSA"}, [SCHEME_P256] = {.kind = "P-256"},
    [SCHEME_P384] = {.kind = "P-384"},
};

static struct signed_facts facts_of(enum signature_scheme scheme) {
    return (struct signed_facts){.scheme = scheme,
                                 .signing_time = JAN_2026,
                                 .nonce = "nonce-1234",
                                 .origin = "https://portal.example",
                                 .purpose = "statement"};
}

static int make(void **state) {
    (void)state;
    for (enum signature_scheme scheme = 0; scheme < SCHEME_COUNT; scheme++) {
        struct fixture *f = &fixtures[scheme];
        const struct signed_facts facts = facts_of(scheme);
        f->key = bench_key(f->kind);
        X509 *x509 = bench_certify(&(struct bench_certificate){.common_name = "甲公司",
                                                               .key = f->key,
                                                               .issuer_key = f->key,
                                                               .not_before = JAN_2026,
                                                               .not_after = JAN_2026 + DAY});
        f->certificate = bench_x509_der(x509);
        X509_free(x509);
        if (scheme == SCHEME_SM2)
            continue;
        assert_ok(jws_message_begin(NULL, &facts, f->certificate.data, f->certificate.len, &PAYLOAD,
                                    &f->to_be_signed));
        f->signature = bench_sign(f->key, scheme == SCHEME_RSA_PSS, &f->to_be_signed);
    }
    return 0;
}

static int drop(void **state) {
    (void)state;
    for (enum signature_scheme scheme = 0; scheme < SCHEME_COUNT; scheme++) {
        EVP_PKEY_free(fixtures[scheme].key);
        octets_free(&fixtures[scheme].certificate);
        octets_free(&fixtures[scheme].to_be_signed);
        octets_free(&fixtures[scheme].signature);
    }
    return 0;
}

static struct octets assemble(enum signature_scheme scheme, bool detached) {
    const struct fixture *f = &fixtures[scheme];
    struct octets out;
    assert_ok(jws_message_assemble(NULL, scheme, &f->to_be_signed, &f->signature, detached, &out));
    assert_int_equal(strlen((const char *)out.data), out.len);
    return out;
}

static enum formats_error judge(const struct octets *text, const struct octets *payload) {
    struct jws_message *message = NULL;
    enum formats_error error =
        jws_message_parse(NULL, (const char *)text->data, text->len, &message);
    if (error == FORMATS_OK)
        error = jws_message_verify(message, payload);
    jws_message_free(message);
    return error;
}

static void a_message_gives_back_all_its_parts(void **state) {
    (void)state;
    for (enum signature_scheme scheme = SCHEME_RSA_PKCS1; scheme < SCHEME_COUNT; scheme++) {
        struct octets text = assemble(scheme, false);
        struct jws_message *message = NULL;
        assert_ok(jws_message_parse(NULL, (const char *)text.data, text.len, &message));
        assert_ok(jws_message_verify(message, NULL));
        assert_ok(jws_message_verify(message, &PAYLOAD));
        assert_int_equal(jws_message_verify(message, &text), FORMATS_MISMATCH);
        assert_int_equal(message->scheme, scheme);
        assert_true(octets_equal(&message->payload, &PAYLOAD));
        assert_true(octets_equal(&message->signer_der, &fixtures[scheme].certificate));
        assert_true(message->has_time);
        assert_int_equal(message->signing_time, JAN_2026);
        assert_string_equal(message->nonce, "nonce-1234");
        assert_string_equal(message->origin, "https://portal.example");
        assert_string_equal(message->purpose, "statement");
        jws_message_free(message);
        octets_free(&text);
    }
}

static void a_detached_message_needs_its_payload(void **state) {
    (void)state;
    struct octets text = assemble(SCHEME_P256, true);
    assert_non_null(strstr((const char *)text.data, ".."));
    assert_int_equal(judge(&text, NULL), FORMATS_ARGUMENT);
    assert_int_equal(judge(&text, &text), FORMATS_SIGNATURE);
    assert_ok(judge(&text, &PAYLOAD));
    octets_free(&text);
}

static void sm2_keys_make_none(void **state) {
    (void)state;
    const struct signed_facts facts = facts_of(SCHEME_SM2);
    struct octets out;
    assert_int_equal(jws_message_begin(NULL, &facts, fixtures[SCHEME_SM2].certificate.data,
                                       fixtures[SCHEME_SM2].certificate.len, &PAYLOAD, &out),
                     FORMATS_UNSUPPORTED);
}

/* Two bits of every character, with LONG=1 all. */
static void no_changed_character_is_accepted(void **state) {
    (void)state;
    bool is_long = getenv("LONG") != NULL;
    for (enum signature_scheme scheme = SCHEME_RSA_PKCS1; scheme < SCHEME_COUNT; scheme++) {
        struct octets text = assemble(scheme, false);
        for (size_t i = 0; i < text.len; i++) {
            for (int bit = 0; bit < 8; bit++) {
                if (!is_long && bit != 0 && bit != 5)
                    continue;
                text.data[i] ^= (unsigned char)(1 << bit);
                if (judge(&text, NULL) == FORMATS_OK)
                    fail_msg("%s: character %zu, bit %d", fixtures[scheme].kind, i, bit);
                text.data[i] ^= (unsigned char)(1 << bit);
            }
        }
        print_message("campaign: JWS %s: %zu characters, each changed: refused\n",
                      signature_scheme_facts(scheme)->jws_name, text.len);
        octets_free(&text);
    }
}

static void what_must_be_understood_or_is_missing_is_refused(void **state) {
    (void)state;
    static const char *const texts[] = {
        "",
        ".",
        "..",
        "e30..",           /* {} */
        "eyJhIjoxfQ.e30.", /* {"a":1} */
        "eyJhbGciOiJub25lIn0.e30.",
        "e30.e30.e30.e30.e30",
    };
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        const struct octets text = {(unsigned char *)(uintptr_t)texts[i], strlen(texts[i])};
        assert_int_not_equal(judge(&text, &PAYLOAD), FORMATS_OK);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_message_gives_back_all_its_parts),
        cmocka_unit_test(a_detached_message_needs_its_payload),
        cmocka_unit_test(sm2_keys_make_none),
        cmocka_unit_test(no_changed_character_is_accepted),
        cmocka_unit_test(what_must_be_understood_or_is_missing_is_refused),
    };
    return cmocka_run_group_tests(tests, make, drop);
}
