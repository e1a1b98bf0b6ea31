/* The small parts: wire fields, attribute records, templates, configuration, RSA paddings. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "module/cryptoki/config.h"
#include "module/cryptoki/host.h"
#include "module/cryptoki/rsa_padding.h"
#include "module/cryptoki/templates.h"
#include "module/token/attribute_records.h"

#include <openssl/rsa.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void fields_come_back_in_either_byte_order(void **state) {
    (void)state;
    for (int order = LITTLE_ENDIAN_FIELDS; order <= BIG_ENDIAN_FIELDS; order++) {
        uint8_t bytes[16];
        struct wire_writer w = {
            .data = bytes, .size = sizeof(bytes), .order = (enum byte_order)order};
        wire_put_u16(&w, 0x1234);
        wire_put_u32(&w, 0x89ABCDEF);
        wire_put_padded(&w, "ab", 2, 4);
        assert_false(w.failed);
        struct wire_reader r = {.data = bytes, .len = w.len, .order = w.order};
        char text[5];
        assert_int_equal(wire_u16(&r), 0x1234);
        assert_int_equal(wire_u32(&r), 0x89ABCDEF);
        wire_text(&r, text, 4);
        assert_string_equal(text, "ab");
        assert_true(wire_ended(&r));
        assert_int_equal(bytes[0], order == BIG_ENDIAN_FIELDS ? 0x12 : 0x34);
    }
}

static void a_field_too_many_fails_the_whole(void **state) {
    (void)state;
    uint8_t bytes[3] = {1, 2, 3};
    struct wire_reader r = {.data = bytes, .len = sizeof(bytes)};
    assert_int_equal(wire_u16(&r), 0x0201);
    assert_int_equal(wire_u16(&r), 0);
    assert_true(r.failed);
    assert_int_equal(wire_u8(&r), 0); /* and stays so */
    assert_false(wire_ended(&r));
    struct wire_writer w = {.data = bytes, .size = sizeof(bytes)};
    wire_put_u32(&w, 1);
    wire_put_u8(&w, 1);
    assert_true(w.failed);
    assert_int_equal(w.len, 0);
}

static size_t make_records(uint8_t *bytes, size_t size) {
    struct attribute_record one = {
        .container = "a", .usage = USAGE_SIGN, .has_id = true, .id = {1, 2}, .id_len = 2};
    struct attribute_record two = {
        .container = "b", .usage = USAGE_ENC, .has_label = true, .label = "label"};
    struct wire_writer w = {.data = bytes, .size = size, .order = BIG_ENDIAN_FIELDS};
    attribute_records_start(&w);
    attribute_records_add(&w, &one);
    attribute_records_add(&w, &two);
    attribute_records_end(&w);
    assert_false(w.failed);
    return w.len;
}

static void attribute_records_come_back(void **state) {
    (void)state;
    uint8_t bytes[200];
    size_t len = make_records(bytes, sizeof(bytes)), at = 0;
    struct attribute_record record;
    memset(bytes + len, 0, sizeof(bytes) - len); /* the file is longer than its records */
    assert_true(attribute_records_next(bytes, sizeof(bytes), &at, &record));
    assert_string_equal(record.container, "a");
    assert_true(record.has_id && !record.has_label && record.usage == USAGE_SIGN &&
                record.id_len == 2);
    assert_true(attribute_records_next(bytes, sizeof(bytes), &at, &record));
    assert_string_equal(record.label, "label");
    assert_true(!record.has_id && record.usage == USAGE_ENC);
    assert_false(attribute_records_next(bytes, sizeof(bytes), &at, &record));
}

static void attribute_records_cut_or_flipped_anywhere_do_no_harm(void **state) {
    (void)state;
    uint8_t bytes[200], copy[200];
    size_t len = make_records(bytes, sizeof(bytes));
    struct attribute_record record;
    for (size_t cut = 0; cut < len; cut++) {
        uint8_t *exact = malloc(cut + 1); /* so that a sanitizer sees every byte too far */
        memcpy(exact, bytes, cut);
        size_t at = 0, count = 0;
        while (attribute_records_next(exact, cut, &at, &record)) {
            count++;
        }
        assert_int_equal(count, 0); /* the header counts all records */
        free(exact);
    }
    for (size_t i = 0; i < len; i++) {
        for (int bit = 0; bit < 8; bit++) {
            memcpy(copy, bytes, len);
            copy[i] ^= (uint8_t)(1 << bit);
            size_t at = 0, count = 0;
            while (attribute_records_next(copy, len, &at, &record) && count < 10) {
                assert_true(strlen(record.container) <= TOKEN_CONTAINER_MAX);
                count++;
            }
            assert_true(count <= 3);
        }
    }
}

static void records_of_a_later_version_are_skipped(void **state) {
    (void)state;
    static const uint8_t file[] = {'O', 'U',      'K', 'A', 1, 0, 14,  0x77, 0, 2, 9,
                                   9,   ATTR_KEY, 0,   6,   1, 1, 'k', 0x66, 0, 0};
    struct attribute_record record;
    size_t at = 0;
    assert_true(attribute_records_next(file, sizeof(file), &at, &record));
    assert_string_equal(record.container, "k");
    assert_false(record.has_id || record.has_label);
}

static void templates_are_read_with_care(void **state) {
    (void)state;
    CK_BBOOL yes = CK_TRUE;
    CK_ULONG number = 7, out;
    CK_BYTE text[] = "abc";
    bool b;
    char label[8];
    CK_ATTRIBUTE items[] = {{CKA_TOKEN, &yes, sizeof(yes)},
                            {CKA_KEY_TYPE, &number, sizeof(number)},
                            {CKA_MODULUS_BITS, &number, 4},
                            {CKA_LABEL, text, 3}};
    struct template t = {items, 4};
    assert_int_equal(template_check(t), CKR_OK);
    assert_int_equal(template_ulong(t, CKA_KEY_TYPE, 0, &out), CKR_OK);
    assert_int_equal(out, 7);
    assert_int_equal(template_ulong(t, CKA_MODULUS_BITS, 0, &out), CKR_ATTRIBUTE_VALUE_INVALID);
    assert_int_equal(template_ulong(t, CKA_VALUE_LEN, 5, &out), CKR_OK);
    assert_int_equal(out, 5);
    assert_int_equal(template_bool(t, CKA_TOKEN, false, &b), CKR_OK);
    assert_true(b);
    assert_int_equal(template_requires_bool(t, CKA_TOKEN, false), CKR_TEMPLATE_INCONSISTENT);
    assert_int_equal(template_requires_ulong(t, CKA_KEY_TYPE, 8), CKR_TEMPLATE_INCONSISTENT);
    assert_int_equal(template_requires(t, CKA_ID, "x", 1), CKR_OK);
    assert_true(template_text(t, CKA_LABEL, label, 7));
    assert_string_equal(label, "abc");
    items[3].pValue = NULL;
    assert_int_equal(template_check(t), CKR_ATTRIBUTE_VALUE_INVALID);
    assert_int_equal(template_check((struct template){NULL, 1}), CKR_ARGUMENTS_BAD);
}

static void long_text_is_cut_at_a_whole_character(void **state) {
    (void)state;
    CK_BYTE text[] = "ab证书"; /* 2 + 3 + 3 bytes */
    char out[16];
    CK_ATTRIBUTE item = {CKA_LABEL, text, 8};
    struct template t = {&item, 1};
    assert_true(template_text(t, CKA_LABEL, out, 7));
    assert_string_equal(out, "ab证");
    assert_true(template_text(t, CKA_LABEL, out, 8));
    assert_string_equal(out, "ab证书");
}

static void configuration_lines_are_read_and_nonsense_is_skipped(void **state) {
    (void)state;
    struct config config;
    char path[] = "/tmp/openukey-conf-XXXXXX";
    int fd = mkstemp(path);
    FILE *file = fdopen(fd, "w");
    fputs("# comment\n\n  pcsc=off  # here too\nsocket-dir = /a b/c\nsm2-objects = hidden\nlog = "
          "info\n"
          "no-such-key = 1\nnot a line\npcsc = maybe\n",
          file);
    fclose(file);
    config_defaults(&config);
    assert_true(config.has_pcsc && config.has_sockets && config.sm2_objects == SM2_AUTO);
    log_set_level(LOG_LEVEL_ERROR);
    int saved = dup(STDERR_FILENO);
    assert_non_null(freopen("/dev/null", "w", stderr));
    config_read(&config, path);
    dup2(saved, STDERR_FILENO);
    close(saved);
    unlink(path);
    assert_false(config.has_pcsc);
    assert_string_equal(config.socket_dir, "/a b/c");
    assert_int_equal(config.sm2_objects, SM2_HIDDEN);
    assert_int_equal(config.log, LOG_LEVEL_INFO);
    assert_false(config_set(&config, "socket-dir", "relative"));
    assert_true(config_set(&config, "socket-dir", "off"));
    assert_false(config.has_sockets);
}

static void pss_encoding_is_accepted_by_openssl(void **state) {
    (void)state;
    EVP_PKEY *key = EVP_RSA_gen(2048);
    const struct {
        const char *digest, *mgf;
        size_t salt_len;
    } cases[] = {{"SHA1", "SHA1", 20},
                 {"SHA256", "SHA256", 32},
                 {"SHA256", "SHA512", 0},
                 {"SHA512", "SHA256", 190}};
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        uint8_t hash[64] = {7}, block[256], signature[256];
        size_t hash_len = host_digest_size(cases[i].digest), len = sizeof(signature);
        assert_int_equal(rsa_pss_encode(NULL, cases[i].digest, cases[i].mgf, cases[i].salt_len,
                                        hash, hash_len, 2048, block),
                         CKR_OK);
        EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new(key, NULL);
        EVP_PKEY_decrypt_init(ctx); /* the raw private operation */
        EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_NO_PADDING);
        assert_int_equal(EVP_PKEY_decrypt(ctx, signature, &len, block, sizeof(block)), 1);
        EVP_PKEY_CTX_free(ctx);
        ctx = EVP_PKEY_CTX_new(key, NULL);
        EVP_PKEY_verify_init(ctx);
        EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_PSS_PADDING);
        EVP_PKEY_CTX_set_signature_md(ctx, EVP_get_digestbyname(cases[i].digest));
        EVP_PKEY_CTX_set_rsa_mgf1_md(ctx, EVP_get_digestbyname(cases[i].mgf));
        EVP_PKEY_CTX_set_rsa_pss_saltlen(ctx, (int)cases[i].salt_len);
        assert_int_equal(EVP_PKEY_verify(ctx, signature, len, hash, hash_len), 1);
        EVP_PKEY_CTX_free(ctx);
    }
    uint8_t hash[64] = {0}, block[256];
    assert_int_equal(rsa_pss_encode(NULL, "SHA512", "SHA512", 191, hash, 64, 2048, block),
                     CKR_KEY_SIZE_RANGE);
    assert_int_equal(rsa_pss_encode(NULL, "SHA256", "SHA256", 32, hash, 20, 2048, block),
                     CKR_DATA_LEN_RANGE);
    EVP_PKEY_free(key);
}

/* 00 02 padding.. 00 message */
static void pkcs1_block(uint8_t block[256], size_t message_len) {
    memset(block, 0x55, 256);
    block[0] = 0;
    block[1] = 2;
    block[255 - message_len] = 0;
    memset(block + 256 - message_len, 'm', message_len);
}

static void pkcs1_padding_is_taken_off_or_refused(void **state) {
    (void)state;
    uint8_t block[256], out[256];
    size_t len;
    const size_t good[] = {0, 1, 100, 245};
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        pkcs1_block(block, good[i]);
        assert_int_equal(rsa_pkcs1_decode(block, 256, out, &len), CKR_OK);
        assert_int_equal(len, good[i]);
        for (size_t k = 0; k < len; k++) {
            assert_int_equal(out[k], 'm');
        }
    }
    pkcs1_block(block, 246); /* seven bytes of padding */
    assert_int_equal(rsa_pkcs1_decode(block, 256, out, &len), CKR_ENCRYPTED_DATA_INVALID);
    pkcs1_block(block, 10);
    block[0] = 1;
    assert_int_equal(rsa_pkcs1_decode(block, 256, out, &len), CKR_ENCRYPTED_DATA_INVALID);
    pkcs1_block(block, 10);
    block[1] = 1;
    assert_int_equal(rsa_pkcs1_decode(block, 256, out, &len), CKR_ENCRYPTED_DATA_INVALID);
    memset(block + 2, 0x55, 254); /* no zero at all */
    assert_int_equal(rsa_pkcs1_decode(block, 256, out, &len), CKR_ENCRYPTED_DATA_INVALID);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fields_come_back_in_either_byte_order),
        cmocka_unit_test(a_field_too_many_fails_the_whole),
        cmocka_unit_test(attribute_records_come_back),
        cmocka_unit_test(attribute_records_cut_or_flipped_anywhere_do_no_harm),
        cmocka_unit_test(records_of_a_later_version_are_skipped),
        cmocka_unit_test(templates_are_read_with_care),
        cmocka_unit_test(long_text_is_cut_at_a_whole_character),
        cmocka_unit_test(configuration_lines_are_read_and_nonsense_is_skipped),
        cmocka_unit_test(pss_encoding_is_accepted_by_openssl),
        cmocka_unit_test(pkcs1_padding_is_taken_off_or_refused),
    };
    return cmocka_run_group_tests_name("parts", tests, NULL, NULL);
}
