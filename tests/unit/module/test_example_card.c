/* The example of docs/how-to/add-a-card.md at work: its driver, found among the others, behind a card in a few lines. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "module/token/key_use.h"
#include "module/token/token_objects.h"

#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* the one line */
extern const struct token_driver toy_driver;
const struct token_driver *const token_drivers[] = {&gm_driver, &piv_driver, &toy_driver, NULL};

const struct token_driver *token_driver_by_atr(const uint8_t *atr, size_t len) {
    (void)atr, (void)len;
    return NULL;
}

/* ---- the card ---- */

static struct {
    struct connection base;
    EVP_PKEY *key;
    bool selected, verified;
    unsigned commands;
    bool cuts_answers; /* one byte too few */
} toy;

static size_t answer(uint8_t *response, const void *data, size_t len, uint16_t sw) {
    if (len > 0) {
        memcpy(response, data, len);
    }
    len -= toy.cuts_answers && len > 0 ? 1 : 0;
    response[len] = (uint8_t)(sw >> 8);
    response[len + 1] = (uint8_t)sw;
    return len + 2;
}

static size_t sign(const uint8_t *digest, size_t len, uint8_t *response) {
    uint8_t der[80], rs[64];
    size_t der_len = sizeof(der);
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new(toy.key, NULL);
    assert_int_equal(EVP_PKEY_sign_init(ctx), 1);
    assert_int_equal(EVP_PKEY_sign(ctx, der, &der_len, digest, len), 1);
    const unsigned char *at = der;
    ECDSA_SIG *signature = d2i_ECDSA_SIG(NULL, &at, (long)der_len);
    BN_bn2binpad(ECDSA_SIG_get0_r(signature), rs, 32);
    BN_bn2binpad(ECDSA_SIG_get0_s(signature), rs + 32, 32);
    ECDSA_SIG_free(signature);
    EVP_PKEY_CTX_free(ctx);
    return answer(response, rs, sizeof(rs), 0x9000);
}

static size_t execute(const uint8_t *c, size_t len, uint8_t *response) {
    if (len >= 12 && c[1] == 0xA4 && memcmp(c + 5, "TOYCARD", 7) == 0) {
        toy.selected = true;
        return answer(response, NULL, 0, 0x9000);
    }
    if (!toy.selected || c[0] != 0) {
        return answer(response, NULL, 0, c[0] != 0 ? 0x6E00 : 0x6A82);
    }
    if (c[1] == 0x20) {
        toy.verified = c[4] == 4 && memcmp(c + 5, "1234", 4) == 0;
        return answer(response, NULL, 0, toy.verified ? 0x9000 : 0x63C2);
    }
    if (c[1] == 0xCA) {
        uint8_t point[65];
        size_t point_len;
        EVP_PKEY_get_octet_string_param(toy.key, OSSL_PKEY_PARAM_PUB_KEY, point, sizeof(point),
                                        &point_len);
        return answer(response, point, sizeof(point), 0x9000);
    }
    return toy.verified ? sign(c + 5, c[4], response) : answer(response, NULL, 0, 0x6982);
}

static enum transport_error toy_transmit(struct connection *connection, const uint8_t *command,
                                         size_t len, uint8_t *response, size_t size,
                                         size_t *response_len, uint32_t timeout_ms) {
    (void)connection, (void)size, (void)timeout_ms;
    toy.commands++;
    *response_len = execute(command, len, response);
    return TRANSPORT_OK;
}

static enum transport_error toy_begin(struct connection *connection, uint32_t timeout_ms,
                                      struct transaction_start *start) {
    (void)connection, (void)timeout_ms;
    *start = (struct transaction_start){.maybe_used = true};
    return TRANSPORT_OK;
}

static enum transport_error toy_end(struct connection *connection) {
    (void)connection;
    return TRANSPORT_OK;
}

static enum transport_error toy_reset(struct connection *connection, uint32_t timeout_ms) {
    (void)connection, (void)timeout_ms;
    toy.selected = toy.verified = false;
    return TRANSPORT_OK;
}

static void toy_disconnect(struct connection *connection) {
    (void)connection;
}

static const struct transport_ops toy_ops = {.name = "toy",
                                             .begin = toy_begin,
                                             .end = toy_end,
                                             .transmit = toy_transmit,
                                             .reset = toy_reset,
                                             .disconnect = toy_disconnect};

/* ---- tests ---- */

static struct token *token;
static const struct token_settings settings = {.cache_dir = ""};

static int setup(void **state) {
    (void)state;
    toy.key = EVP_EC_gen("P-256");
    toy.base.ops = &toy_ops;
    toy.selected = toy.verified = toy.cuts_answers = false;
    toy.commands = 0;
    return token_open(&toy.base, NULL, &settings, &token) == TOKEN_OK ? 0 : -1;
}

static int teardown(void **state) {
    (void)state;
    token_free(token);
    EVP_PKEY_free(toy.key);
    return 0;
}

static struct key_entry *only_key(void) {
    struct token_object *objects;
    size_t count;
    assert_int_equal(token_objects_list(token, OBJECT_PRIVATE_KEY, NULL, &objects, &count),
                     TOKEN_OK);
    assert_int_equal(count, 1);
    struct key_entry *entry = objects[0].key;
    free(objects);
    return entry;
}

static void the_card_is_recognised_after_those_that_are_asked_first(void **state) {
    (void)state;
    assert_ptr_equal(token->driver, &toy_driver);
    assert_string_equal(token->facts.label, "Toy");
}

static void the_key_signs_after_login_and_its_public_key_says_so(void **state) {
    (void)state;
    const uint8_t digest[32] = {1, 2, 3};
    uint8_t signature[64];
    size_t len;
    struct key_entry *key = only_key();
    assert_int_equal(token_use_key(token, key, PRIVATE_ECDSA, digest, sizeof(digest), signature,
                                   sizeof(signature), &len),
                     TOKEN_NOT_LOGGED_IN);
    assert_int_equal(token_login(token, NORMAL_USER, (const uint8_t *)"9999", 4), TOKEN_PIN_WRONG);
    assert_int_equal(token_login(token, NORMAL_USER, (const uint8_t *)"1234", 4), TOKEN_OK);
    token_leave(token);
    assert_int_equal(token_use_key(token, key, PRIVATE_ECDSA, digest, sizeof(digest), signature,
                                   sizeof(signature), &len),
                     TOKEN_OK);
    const struct token_public_key *public_key;
    assert_int_equal(token_object_public_key(token, key, &public_key), TOKEN_OK);
    assert_true(key_proof(NULL, public_key, PRIVATE_ECDSA, digest, sizeof(digest), signature, len));
    signature[5] ^= 1;
    assert_false(
        key_proof(NULL, public_key, PRIVATE_ECDSA, digest, sizeof(digest), signature, len));
}

static void logout_without_a_command_for_it_resets_the_card(void **state) {
    (void)state;
    assert_int_equal(token_login(token, NORMAL_USER, (const uint8_t *)"1234", 4), TOKEN_OK);
    assert_int_equal(token_logout(token), TOKEN_OK);
    assert_false(toy.verified);
}

static void what_the_card_cannot_do_is_unsupported(void **state) {
    (void)state;
    const uint8_t pin[] = {'1', '2', '3', '4'};
    struct token_file file = {.name = "x", .size = 1};
    assert_int_equal(token_initialize(token, pin, 4, "x"), TOKEN_UNSUPPORTED);
    assert_int_equal(token_change_pin(token, NORMAL_USER, pin, 4, pin, 4), TOKEN_UNSUPPORTED);
    assert_int_equal(token_generate_key(token, "x", ALGORITHM_EC, 256), TOKEN_UNSUPPORTED);
    assert_int_equal(token_delete_container(token, "key 1"), TOKEN_UNSUPPORTED);
    assert_int_equal(token_create_file(token, &file, pin, 1), TOKEN_UNSUPPORTED);
    uint8_t random[8] = {0};
    assert_int_equal(token_random(token, random, sizeof(random)), TOKEN_OK); /* the host's */
}

static void a_cut_answer_is_a_device_error(void **state) {
    (void)state;
    struct key_entry *key = only_key();
    const struct token_public_key *public_key;
    toy.cuts_answers = true;
    assert_int_equal(token_object_public_key(token, key, &public_key), TOKEN_DEVICE);
}

/* The guide shows the driver whole: what it shows is what is compiled here. */
static void the_guide_shows_this_driver(void **state) {
    (void)state;
    static char guide[64 * 1024], source[32 * 1024];
    FILE *a = fopen("docs/how-to/add-a-card.md", "re");
    FILE *b = fopen("tests/unit/module/example_driver.c", "re");
    assert_non_null(a);
    assert_non_null(b);
    guide[fread(guide, 1, sizeof(guide) - 1, a)] = '\0';
    source[fread(source, 1, sizeof(source) - 1, b)] = '\0';
    fclose(a);
    fclose(b);
    assert_non_null(strstr(guide, source));
}

int main(void) {
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(the_card_is_recognised_after_those_that_are_asked_first),
        T(the_key_signs_after_login_and_its_public_key_says_so),
        T(logout_without_a_command_for_it_resets_the_card),
        T(what_the_card_cannot_do_is_unsupported),
        T(a_cut_answer_is_a_device_error),
        cmocka_unit_test(the_guide_shows_this_driver),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
