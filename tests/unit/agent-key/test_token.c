/* agent/token: keys come and go, the PIN's last try is left alone, nothing goes on with another key. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/log.h"
#include "agent/token/token.h"
#include "module/formats/sm2.h"
#include "tests/unit/agent-key/mock_module.h"

static struct tokens *tokens;

/* What the watcher has told. */
static pthread_mutex_t told_lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t told_more = PTHREAD_COND_INITIALIZER;
static char told[64]; /* one + or - an event */

static void changed(void *context, struct token *token, bool is_inserted) {
    (void)context;
    (void)token;
    pthread_mutex_lock(&told_lock);
    told[strlen(told)] = is_inserted ? '+' : '-';
    pthread_cond_broadcast(&told_more);
    pthread_mutex_unlock(&told_lock);
}

static void wait_told(const char *expected) {
    pthread_mutex_lock(&told_lock);
    while (strlen(told) < strlen(expected))
        pthread_cond_wait(&told_more, &told_lock);
    assert_string_equal(told, expected);
    pthread_mutex_unlock(&told_lock);
}

static int open_empty(void **state) {
    (void)state;
    mock_reset();
    memset(told, 0, sizeof told);
    const struct tokens_options options = {.module = NULL, .changed = changed};
    return tokens_open(&options, &tokens);
}

/* One key with a signing pair in container "old", plugged in and known. */
static int open_one(void **state) {
    (void)state;
    mock_reset();
    memset(told, 0, sizeof told);
    struct mock_key *key = mock_key_make(0, "A1");
    key->containers[0].exists = true;
    snprintf(key->containers[0].name, sizeof key->containers[0].name, "%s", "old");
    sm2_key_generate(NULL, &key->containers[0].sign);
    const struct tokens_options options = {.module = NULL, .changed = changed};
    return tokens_open(&options, &tokens);
}

static int close_all(void **state) {
    (void)state;
    tokens_close(tokens);
    mock_reset();
    return 0;
}

static struct token *only(void) {
    struct token *list[TOKEN_MAX];
    assert_int_equal(tokens_list(tokens, list), 1);
    return list[0];
}

static void keys_that_come_and_go_are_told(void **state) {
    (void)state;
    struct token *list[TOKEN_MAX];
    assert_int_equal(tokens_list(tokens, list), 0);
    struct mock_key *key = mock_key_make(0, "A1");
    wait_told("+");
    struct token *token = only();
    struct token_facts facts;
    assert_int_equal(token_read_facts(token, &facts), TOKEN_OK);
    assert_string_equal(facts.serial, "A1");
    assert_string_equal(facts.manufacturer, "Mock Maker");
    assert_int_equal(facts.tries_left, 10);
    assert_int_equal(strlen(facts.id), 16);
    mock_pull(key);
    wait_told("+-");
    assert_false(token_is_present(token));
    assert_int_equal(token_read_facts(token, &facts), TOKEN_REMOVED);
    assert_null(tokens_find(tokens, token_id(token)));
    token_release(token);
}

static void a_key_plugged_in_again_is_another_token_with_the_same_id(void **state) {
    (void)state;
    struct token *before = only();
    assert_int_equal(token_login(before, "123456", 6, false, NULL), TOKEN_OK);
    mock_wait_for_watcher();
    /* so fast that both changes are one event */
    mock_pull(&mock_keys[0]);
    mock_plug(&mock_keys[0]);
    wait_told("-+");
    struct token *after = only();
    assert_ptr_not_equal(before, after);
    assert_string_equal(token_id(before), token_id(after));
    assert_false(token_is_present(before));
    assert_false(token_is_logged_in(after));
    struct octets signature;
    struct token_pair pair;
    assert_int_equal(token_find_pair(after, "old", TOKEN_USE_SIGN, &pair), TOKEN_OK);
    assert_int_equal(token_sign(before, &pair.id, SCHEME_SM2, "x", 1, NULL, &signature),
                     TOKEN_REMOVED);
    assert_int_equal(token_sign(after, &pair.id, SCHEME_SM2, "x", 1, NULL, &signature),
                     TOKEN_LOGIN_NEEDED);
    octets_free(&pair.spki);
    token_release(before);
    token_release(after);
}

static void another_key_in_the_same_slot_is_noticed(void **state) {
    (void)state;
    struct token *before = only();
    mock_wait_for_watcher();
    mock_pull(&mock_keys[0]);
    snprintf(mock_keys[0].serial, sizeof mock_keys[0].serial, "%s", "B2");
    mock_plug(&mock_keys[0]);
    wait_told("-+");
    struct token *after = only();
    assert_string_not_equal(token_id(before), token_id(after));
    token_release(before);
    token_release(after);
}

static void a_wrong_pin_costs_a_try_and_the_last_one_is_left_alone(void **state) {
    (void)state;
    struct token *token = only();
    int left = 0;
    mock_keys[0].tries = 3;
    assert_int_equal(token_login(token, "000000", 6, false, &left), TOKEN_PIN_WRONG);
    assert_int_equal(left, 2);
    assert_int_equal(token_login(token, "000000", 6, false, &left), TOKEN_PIN_WRONG);
    assert_int_equal(left, 1);
    assert_int_equal(token_login(token, "123456", 6, false, &left), TOKEN_PIN_LAST_TRY);
    assert_int_equal(mock_keys[0].tries, 1);
    assert_int_equal(token_login(token, "000000", 6, true, &left), TOKEN_PIN_WRONG);
    assert_int_equal(left, 0);
    assert_int_equal(token_login(token, "123456", 6, true, &left), TOKEN_PIN_LOCKED);
    token_release(token);
}

static void a_pin_of_the_wrong_length_costs_nothing(void **state) {
    (void)state;
    struct token *token = only();
    assert_int_equal(token_login(token, "12345", 5, false, NULL), TOKEN_PIN_LENGTH);
    assert_int_equal(token_login(token, "12345678901234567", 17, false, NULL), TOKEN_PIN_LENGTH);
    assert_int_equal(token_login(token, "", 0, false, NULL), TOKEN_PIN_LENGTH);
    assert_int_equal(mock_keys[0].tries, 10);
    token_release(token);
}

static void a_pin_is_verified_even_when_somebody_is_logged_in(void **state) {
    (void)state;
    struct token *token = only();
    assert_int_equal(token_login(token, "123456", 6, false, NULL), TOKEN_OK);
    assert_true(token_is_logged_in(token));
    assert_int_equal(token_login(token, "000000", 6, false, NULL), TOKEN_PIN_WRONG);
    assert_false(token_is_logged_in(token));
    token_release(token);
}

static void a_held_login_stays_until_the_job_ends(void **state) {
    (void)state;
    struct token *token = only();
    assert_int_equal(token_hold(token, true), TOKEN_LOGIN_NEEDED);
    assert_int_equal(token_login(token, "123456", 6, false, NULL), TOKEN_OK);
    assert_int_equal(token_hold(token, true), TOKEN_OK);
    assert_int_equal(token_hold(token, true), TOKEN_BUSY);
    assert_int_equal(token_login(token, "123456", 6, false, NULL), TOKEN_BUSY);
    token_logout(token);
    assert_true(mock_keys[0].is_logged_in);
    token_hold_end(token);
    assert_false(mock_keys[0].is_logged_in);
    assert_int_equal(token_hold(token, true), TOKEN_LOGIN_NEEDED);
    token_release(token);
}

static void a_signature_is_der_and_verifies(void **state) {
    (void)state;
    struct token *token = only();
    struct token_pair pair;
    struct octets signature;
    assert_int_equal(token_find_pair(token, "old", TOKEN_USE_SIGN, &pair), TOKEN_OK);
    assert_int_equal(token_sign(token, &pair.id, SCHEME_SM2, "data", 4, NULL, &signature),
                     TOKEN_LOGIN_NEEDED);
    assert_int_equal(token_login(token, "123456", 6, false, NULL), TOKEN_OK);
    assert_int_equal(token_sign(token, &pair.id, SCHEME_SM2, "data", 4, NULL, &signature),
                     TOKEN_OK);
    assert_int_equal(
        sm2_verify(NULL, mock_keys[0].containers[0].sign, "data", 4, signature.data, signature.len),
        FORMATS_OK);
    octets_free(&signature);
    struct token_key_id other = {.bytes = {1}, .len = 1};
    assert_int_equal(token_sign(token, &other, SCHEME_SM2, "data", 4, NULL, &signature),
                     TOKEN_NOT_FOUND);
    octets_free(&pair.spki);
    token_release(token);
}

static void a_key_pulled_in_the_middle_of_any_call_is_removed(void **state) {
    (void)state;
    for (unsigned nth = 1;; nth++) {
        mock_plug(&mock_keys[0]);
        tokens_rescan(tokens);
        mock_wait_for_watcher();
        struct token *token = only();
        struct token_pair pair = {0};
        struct octets signature = {0};
        assert_int_equal(token_login(token, "123456", 6, false, NULL), TOKEN_OK);
        mock_pull_at(nth, nth % 2);
        enum token_error error = token_find_pair(token, "old", TOKEN_USE_SIGN, &pair);
        if (!error)
            error = token_sign(token, &pair.id, SCHEME_SM2, "data", 4, NULL, &signature);
        bool was_pulled = mock_calls() >= nth;
        mock_pull_at(0, false);
        octets_free(&pair.spki);
        octets_free(&signature);
        if (was_pulled) {
            /* pulled after the last call, the signature has come through */
            assert_true(error == TOKEN_REMOVED || error == TOKEN_OK);
            tokens_rescan(tokens);
            mock_wait_for_watcher();
            assert_false(token_is_present(token));
        }
        token_release(token);
        if (!was_pulled) {
            assert_int_equal(error, TOKEN_OK);
            assert_true(nth > 5);
            break;
        }
    }
}

static void files_are_written_replaced_read_and_deleted(void **state) {
    (void)state;
    struct token *token = only();
    struct octets content;
    struct token_files files;
    assert_int_equal(token_write_file(token, "a.esl", "x", 1), TOKEN_LOGIN_NEEDED);
    assert_int_equal(token_login(token, "123456", 6, false, NULL), TOKEN_OK);
    assert_int_equal(token_write_file(token, "a.esl", "one", 3), TOKEN_OK);
    assert_int_equal(token_write_file(token, "a.esl", "three", 5), TOKEN_OK);
    assert_int_equal(token_write_file(token, "other", "x", 1), TOKEN_OK);
    assert_int_equal(token_read_files(token, ".esl", &files), TOKEN_OK);
    assert_int_equal(files.count, 1);
    assert_string_equal(files.list[0].name, "a.esl");
    assert_int_equal(files.list[0].content.len, 5);
    token_files_free(&files);
    assert_int_equal(token_delete_file(token, "a.esl"), TOKEN_OK);
    assert_int_equal(token_delete_file(token, "a.esl"), TOKEN_OK);
    assert_int_equal(token_read_file(token, "a.esl", &content), TOKEN_NOT_FOUND);
    token_release(token);
}

/* A certificate with that serial number for the first key's signing pair; nobody asks who has signed it. */
static void put_certificate(long serial) {
    struct mock_container *container = &mock_keys[0].containers[0];
    EVP_PKEY *issuer = EVP_EC_gen("P-256");
    X509 *made = X509_new();
    unsigned char *der = NULL;
    ASN1_INTEGER_set(X509_get_serialNumber(made), serial);
    X509_gmtime_adj(X509_getm_notBefore(made), 0);
    X509_gmtime_adj(X509_getm_notAfter(made), 86400);
    assert_int_equal(X509_set_pubkey(made, container->sign), 1);
    assert_true(X509_sign(made, issuer, EVP_sha256()) > 0);
    int len = i2d_X509(made, &der);
    assert_true(len > 0);
    octets_free(&container->sign_certificate);
    assert_int_equal(octets_copy(&container->sign_certificate, der, (size_t)len), FORMATS_OK);
    OPENSSL_free(der);
    X509_free(made);
    EVP_PKEY_free(issuer);
}

static void a_certificate_is_parsed_again_only_when_it_is_another(void **state) {
    (void)state;
    struct token *token = only();
    struct token_certificates first, same, other, none;
    put_certificate(1);
    assert_int_equal(token_read_certificates(token, &first), TOKEN_OK);
    assert_int_equal(token_read_certificates(token, &same), TOKEN_OK);
    assert_int_equal(first.count, 1);
    assert_int_equal(same.count, 1);
    assert_ptr_equal(same.list[0].certificate, first.list[0].certificate);
    put_certificate(2);
    assert_int_equal(token_read_certificates(token, &other), TOKEN_OK);
    assert_string_equal(other.list[0].certificate->serial, "02");
    token_certificates_free(&first);
    /* whoever has one keeps it, whatever is on the key by now, and when that has gone */
    octets_free(&mock_keys[0].containers[0].sign_certificate);
    assert_int_equal(token_read_certificates(token, &none), TOKEN_OK);
    assert_int_equal(none.count, 0);
    token_certificates_free(&none);
    token_release(token);
    mock_pull(&mock_keys[0]);
    wait_told("-");
    assert_string_equal(same.list[0].certificate->serial, "01");
    token_certificates_free(&same);
    token_certificates_free(&other);
}

static void two_keys_are_two_tokens(void **state) {
    (void)state;
    struct token *list[TOKEN_MAX];
    mock_key_make(1, "B2");
    wait_told("+");
    assert_int_equal(tokens_list(tokens, list), 2);
    assert_string_not_equal(token_id(list[0]), token_id(list[1]));
    mock_pull(&mock_keys[0]);
    wait_told("+-");
    assert_true(token_is_present(list[1]));
    token_release(list[0]);
    token_release(list[1]);
}

static void a_module_that_is_none_is_refused(void **state) {
    (void)state;
    struct tokens *none = NULL;
    const struct tokens_options options = {.module = "/nonexistent/module.so"};
    assert_int_not_equal(tokens_open(&options, &none), 0);
    const struct tokens_option settings[] = {{"no-such-option", "x"}, {NULL, NULL}};
    const struct tokens_options bad = {.module = NULL, .settings = settings};
    assert_int_not_equal(tokens_open(&bad, &none), 0);
    assert_null(none);
}

int main(void) {
#define EMPTY(test) cmocka_unit_test_setup_teardown(test, open_empty, close_all)
#define ONE(test)   cmocka_unit_test_setup_teardown(test, open_one, close_all)
    const struct CMUnitTest tests[] = {
        EMPTY(keys_that_come_and_go_are_told),
        ONE(a_key_plugged_in_again_is_another_token_with_the_same_id),
        ONE(another_key_in_the_same_slot_is_noticed),
        ONE(a_wrong_pin_costs_a_try_and_the_last_one_is_left_alone),
        ONE(a_pin_of_the_wrong_length_costs_nothing),
        ONE(a_pin_is_verified_even_when_somebody_is_logged_in),
        ONE(a_held_login_stays_until_the_job_ends),
        ONE(a_signature_is_der_and_verifies),
        ONE(a_key_pulled_in_the_middle_of_any_call_is_removed),
        ONE(files_are_written_replaced_read_and_deleted),
        ONE(a_certificate_is_parsed_again_only_when_it_is_another),
        ONE(two_keys_are_two_tokens),
        cmocka_unit_test(a_module_that_is_none_is_refused),
    };
    log_set_level(LOG_LEVEL_ERROR);
    return cmocka_run_group_tests_name("agent/token", tests, NULL, NULL);
}
