/* The module in a program that has made an ENGINE its default for RSA and EC keys, as `openssl -engine` and `curl --engine` do:
 * what the module does on the host still works, although engines know no library contexts. */
#define OPENSSL_SUPPRESS_DEPRECATED
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "module/cryptoki/host_keys.h"

#include <openssl/engine.h>
#include <openssl/evp.h>
#include <string.h>

static OSSL_LIB_CTX *libctx;
static ENGINE *engine;
static EVP_PKEY_METHOD *methods[2];
static const int nids[2] = {EVP_PKEY_RSA, EVP_PKEY_EC};

/* Methods that can do nothing. */
static int find_method(ENGINE *e, EVP_PKEY_METHOD **method, const int **list, int nid) {
    (void)e;
    if (method == NULL) {
        *list = nids;
        return 2;
    }
    *method = nid == nids[0] ? methods[0] : nid == nids[1] ? methods[1] : NULL;
    return *method != NULL;
}

static int set_up(void **state) {
    (void)state;
    libctx = OSSL_LIB_CTX_new();
    engine = ENGINE_new();
    for (size_t i = 0; i < 2; i++) {
        methods[i] = EVP_PKEY_meth_new(nids[i], 0);
    }
    return libctx != NULL && ENGINE_set_id(engine, "foreign") == 1 &&
                   ENGINE_set_name(engine, "foreign") == 1 &&
                   ENGINE_set_pkey_meths(engine, find_method) == 1 &&
                   ENGINE_set_default_pkey_meths(engine) == 1
               ? 0
               : -1;
}

static int tear_down(void **state) {
    (void)state;
    ENGINE_unregister_pkey_meths(engine);
    ENGINE_free(engine); /* and the methods */
    OSSL_LIB_CTX_free(libctx);
    return 0;
}

static void the_engine_is_in_the_way_of_keys_by_name(void **state) {
    (void)state;
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(libctx, "EC", NULL);
    assert_true(ctx == NULL || EVP_PKEY_fromdata_init(ctx) != 1);
    EVP_PKEY_CTX_free(ctx);
}

static void public_keys_of_the_token_are_made(void **state) {
    (void)state;
    struct token_public_key ec = {.algorithm = ALGORITHM_EC, .bits = 256};
    struct token_public_key rsa = {
        .algorithm = ALGORITHM_RSA, .bits = 2048, .exponent = 65537, .modulus_len = 256};
    memset(rsa.modulus, 0xC1, rsa.modulus_len);
    EVP_PKEY *made = host_generate_ec(libctx, "P-256");
    assert_non_null(made);
    assert_int_equal(EVP_PKEY_get_octet_string_param(made, "pub", ec.ec_point, sizeof(ec.ec_point),
                                                     &ec.ec_point_len),
                     1);
    EVP_PKEY *key = host_public_key(libctx, &ec);
    assert_non_null(key);
    assert_int_equal(EVP_PKEY_eq(key, made), 1);
    EVP_PKEY_free(key);
    EVP_PKEY_free(made);
    key = host_public_key(libctx, &rsa);
    assert_non_null(key);
    assert_int_equal(EVP_PKEY_get_bits(key), 2048);
    EVP_PKEY_free(key);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_engine_is_in_the_way_of_keys_by_name),
        cmocka_unit_test(public_keys_of_the_token_are_made),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
