/* Stamps of versions 4 and 1: made, read, checked step by step, and refused when any byte changes; seals of version 5. */
#include "module/formats/der.h"
#include "module/formats/seal_stamp.h"
#include "openukey/formats.h"
#include "tests/unit/formats/bench.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const unsigned char PICTURE[] = {0x89, 'P', 'N', 'G', 0x0D, 0x0A, 0x1A, 0x0A, 1, 2, 3};
static const char PATH[] = "/Doc_0/Signs/Sign_0/Signature.xml";
enum { STAMPED = JAN_2026 + DAY };

struct party {
    EVP_PKEY *key;
    X509 *x509;
    struct octets der;
};

static struct party root, maker, signer, encryptor, stranger;
static struct octets seal, stamp;
static struct octets hash;

static struct party party_of(const char *name, const struct party *issuer, const char *usage,
                             int64_t end) {
    struct party made = {.key = bench_sm2_key()};
    made.x509 = bench_certify(
        &(struct bench_certificate){.common_name = name,
                                    .key = made.key,
                                    .issuer = issuer != NULL ? issuer->x509 : NULL,
                                    .issuer_key = issuer != NULL ? issuer->key : made.key,
                                    .is_ca = issuer == NULL,
                                    .key_usage = usage,
                                    .not_before = JAN_2026 - DAY,
                                    .not_after = end,
                                    .serial = name[0]});
    made.der = bench_x509_der(made.x509);
    return made;
}

static void party_free(struct party *party) {
    EVP_PKEY_free(party->key);
    X509_free(party->x509);
    octets_free(&party->der);
}

static struct octets make_seal(const struct party *by, const struct octets *listed, int64_t end) {
    const struct seal_description description = {.id = "0123456789ABCDEF0123456789AB",
                                                 .vendor = "OpenUKey",
                                                 .type = SEAL_ORGANIZATION,
                                                 .name = "甲公司",
                                                 .created = JAN_2026,
                                                 .valid_start = JAN_2026,
                                                 .valid_end = end,
                                                 .picture_type = "PNG",
                                                 .picture = PICTURE,
                                                 .picture_len = sizeof PICTURE,
                                                 .width_mm = 48,
                                                 .height_mm = 48,
                                                 .certificates = listed,
                                                 .certificate_count = 1};
    struct octets info, signature, out;
    assert_ok(seal_info_build(&description, &info));
    assert_ok(sm2_sign(NULL, by->key, info.data, info.len, &signature));
    assert_ok(
        seal_assemble(NULL, &info, by->der.data, by->der.len, signature.data, signature.len, &out));
    octets_free(&info);
    octets_free(&signature);
    return out;
}

static struct octets make_stamp(const struct octets *with, const struct party *by, int64_t time) {
    struct stamp_description description = {.seal = with, .time = time, .property_info = PATH};
    struct octets tbs, signature, out;
    memcpy(description.data_hash, hash.data, SM3_SIZE);
    assert_ok(stamp_build(&description, &tbs));
    assert_ok(sm2_sign(NULL, by->key, tbs.data, tbs.len, &signature));
    assert_ok(stamp_assemble(NULL, &tbs, &by->der, &signature, &out));
    octets_free(&tbs);
    octets_free(&signature);
    return out;
}

static int make(void **state) {
    (void)state;
    root = party_of("root", NULL, "keyCertSign", JAN_2026 + 4000L * DAY);
    maker = party_of("maker", &root, "digitalSignature", JAN_2026 + 400L * DAY);
    signer = party_of("signer", &root, "digitalSignature", JAN_2026 + 90 * DAY);
    encryptor = party_of("encryptor", &root, "keyEncipherment", JAN_2026 + 90 * DAY);
    stranger = party_of("x", NULL, "keyCertSign", JAN_2026 + 400L * DAY);
    hash = bench_hex("000102030405060708090A0B0C0D0E0F101112131415161718191A1B1C1D1E1F");
    seal = make_seal(&maker, &signer.der, JAN_2026 + 90 * DAY);
    stamp = make_stamp(&seal, &signer, STAMPED);
    return 0;
}

static int drop(void **state) {
    (void)state;
    party_free(&root);
    party_free(&maker);
    party_free(&signer);
    party_free(&encryptor);
    party_free(&stranger);
    octets_free(&hash);
    octets_free(&seal);
    octets_free(&stamp);
    return 0;
}

/* The first check that fails; STAMP_FAULT_COUNT when it cannot be read. */
static enum stamp_fault judge(const struct octets *der, const struct octets *expected) {
    struct stamp *parsed = NULL;
    if (stamp_parse(NULL, der->data, der->len, &parsed) != FORMATS_OK)
        return STAMP_FAULT_COUNT;
    enum stamp_fault fault = stamp_check(parsed, expected, root.x509, NULL);
    stamp_free(parsed);
    return fault;
}

static void a_stamp_reads_back_as_it_was_made(void **state) {
    (void)state;
    struct stamp *parsed = NULL;
    assert_ok(stamp_parse(NULL, stamp.data, stamp.len, &parsed));
    assert_int_equal(parsed->version, 4);
    assert_true(parsed->has_time && !parsed->has_time_stamp);
    assert_int_equal(parsed->time, STAMPED);
    assert_string_equal(parsed->property_info, PATH);
    assert_true(octets_equal(&parsed->data_hash, &hash));
    assert_true(octets_equal(&parsed->certificate, &signer.der));
    assert_string_equal(parsed->seal->name, "甲公司");
    stamp_free(parsed);
    assert_int_equal(judge(&stamp, &hash), STAMP_FAULT_NONE);
}

static void every_check_of_the_standard_has_its_fault(void **state) {
    (void)state;
    const struct {
        const struct party *maker, *signer;
        const struct octets *listed;
        int64_t seal_end, time;
        enum stamp_fault fault;
    } cases[] = {
        {&maker, &signer, &maker.der, JAN_2026 + 90 * DAY, STAMPED, STAMP_FAULT_NOT_LISTED},
        {&maker, &signer, &signer.der, JAN_2026 + 1, STAMPED, STAMP_FAULT_SEAL_DATES},
        {&maker, &signer, &signer.der, JAN_2026 + 900L * DAY, JAN_2026 + 91 * DAY,
         STAMP_FAULT_TIME},
        {&maker, &signer, &signer.der, JAN_2026 + 90 * DAY, JAN_2026 - 2 * DAY, STAMP_FAULT_TIME},
        {&maker, &encryptor, &encryptor.der, JAN_2026 + 90 * DAY, STAMPED, STAMP_FAULT_KEY_USAGE},
        {&maker, &stranger, &stranger.der, JAN_2026 + 90 * DAY, STAMPED, STAMP_FAULT_KEY_USAGE},
        {&stranger, &signer, &signer.der, JAN_2026 + 90 * DAY, STAMPED, STAMP_FAULT_SEAL_MAKER},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct octets with = make_seal(cases[i].maker, cases[i].listed, cases[i].seal_end);
        struct octets made = make_stamp(&with, cases[i].signer, cases[i].time);
        if (judge(&made, &hash) != cases[i].fault)
            fail_msg("case %zu: %s", i, stamp_fault_code(judge(&made, &hash)));
        octets_free(&with);
        octets_free(&made);
    }
    assert_int_equal(judge(&stamp, &signer.der), STAMP_FAULT_HASH);
    assert_int_equal(judge(&stamp, NULL), STAMP_FAULT_NONE);
}

static void another_key_s_signature_is_not_packed(void **state) {
    (void)state;
    struct stamp_description description = {.seal = &seal, .time = STAMPED, .property_info = PATH};
    struct octets tbs, signature, out;
    assert_ok(stamp_build(&description, &tbs));
    assert_ok(sm2_sign(NULL, maker.key, tbs.data, tbs.len, &signature));
    assert_int_equal(stamp_assemble(NULL, &tbs, &signer.der, &signature, &out), FORMATS_SIGNATURE);
    assert_null(out.data);
    description.property_info = "\n";
    octets_free(&tbs);
    assert_int_equal(stamp_build(&description, &tbs), FORMATS_ARGUMENT);
    octets_free(&signature);
}

/* Two bits of every byte, with LONG=1 all. */
static void no_flipped_byte_is_accepted(void **state) {
    (void)state;
    bool is_long = getenv("LONG") != NULL;
    for (size_t i = 0; i < stamp.len; i++) {
        for (int bit = 0; bit < 8; bit++) {
            if (!is_long && bit != 0 && bit != 5)
                continue;
            stamp.data[i] ^= (unsigned char)(1 << bit);
            if (judge(&stamp, &hash) == STAMP_FAULT_NONE)
                fail_msg("byte %zu, bit %d", i, bit);
            stamp.data[i] ^= (unsigned char)(1 << bit);
        }
    }
    print_message("campaign: stamp: %zu bytes, each changed: refused\n", stamp.len);
}

/* SEQUENCE, OCTET STRING and so on around bytes. */
static struct octets wrap(unsigned char tag, const struct octets *parts, size_t count) {
    unsigned char head[4] = {tag};
    size_t len = 0, head_len = 2;
    struct octets out = {NULL, 0};
    for (size_t i = 0; i < count; i++)
        len += parts[i].len;
    if (len < 0x80) {
        head[1] = (unsigned char)len;
    } else if (len < 0x100) {
        head[1] = 0x81;
        head[2] = (unsigned char)len;
        head_len = 3;
    } else {
        head[1] = 0x82;
        head[2] = (unsigned char)(len >> 8);
        head[3] = (unsigned char)len;
        head_len = 4;
    }
    out.data = malloc(head_len + len);
    assert_non_null(out.data);
    memcpy(out.data, head, head_len);
    out.len = head_len;
    for (size_t i = 0; i < count; i++) {
        if (parts[i].len > 0)
            memcpy(out.data + out.len, parts[i].data, parts[i].len);
        out.len += parts[i].len;
    }
    return out;
}

static struct octets bits(const struct octets *bytes) {
    unsigned char none = 0;
    const struct octets parts[] = {{&none, 1}, *bytes};
    return wrap(0x03, parts, 2);
}

/* A stamp of GM/T 0031-2014 with a seal of version 4 in it; `time` as its BIT STRING holds it. */
static struct octets make_v1(const char *time_hex) {
    struct octets time = bench_hex(time_hex), signature;
    struct octets parts[] = {bench_hex("020101"),
                             wrap(0x30, NULL, 0),
                             bits(&time),
                             bits(&hash),
                             bench_hex("16012F"),
                             wrap(0x04, &signer.der, 1),
                             bench_hex("06082A811CCF55018375")};
    octets_free(&parts[1]);
    parts[1] = (struct octets){seal.data, seal.len};
    struct octets tbs = wrap(0x30, parts, 7);
    assert_ok(sm2_sign(NULL, signer.key, tbs.data, tbs.len, &signature));
    struct octets whole[] = {tbs, bits(&signature)};
    struct octets out = wrap(0x30, whole, 2);
    parts[1] = (struct octets){NULL, 0};
    for (size_t i = 0; i < 7; i++)
        octets_free(&parts[i]);
    octets_free(&whole[0]);
    octets_free(&whole[1]);
    octets_free(&time);
    octets_free(&signature);
    return out;
}

static void version_1_is_read_with_its_three_kinds_of_time(void **state) {
    (void)state;
    const struct {
        const char *time;
        enum stamp_fault fault;
    } cases[] = {
        {"170D3236303130323030303030305A", STAMP_FAULT_NONE}, /* DER UTCTime 260102000000Z */
        {"3236303130323030303030305A", STAMP_FAULT_NONE},     /* its text */
        {"30030101FF", STAMP_FAULT_TIME},                     /* a token: not read */
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct octets made = make_v1(cases[i].time);
        assert_int_equal(judge(&made, &hash), cases[i].fault);
        octets_free(&made);
    }
}

static struct octets retagged_seal(const char *more_hex) {
    struct seal *parsed = NULL;
    struct octets info, signature, more = bench_hex(more_hex);
    assert_ok(seal_parse(NULL, seal.data, seal.len, &parsed));
    assert_ok(octets_copy(&info, parsed->signed_info.data, parsed->signed_info.len));
    seal_free(parsed);
    /* header: SEQUENCE { "ES", INTEGER 4, ... */
    unsigned char *version = memmem(info.data, info.len,
                                    "\x16\x02"
                                    "ES\x02\x01\x04",
                                    7);
    assert_non_null(version);
    version[6] = 5;
    assert_ok(sm2_sign(NULL, maker.key, info.data, info.len, &signature));
    struct octets parts[] = {info, wrap(0x04, &maker.der, 1), bench_hex("06082A811CCF55018375"),
                             bits(&signature), more};
    struct octets out = wrap(0x30, parts, 5);
    for (size_t i = 0; i < 5; i++)
        octets_free(&parts[i]);
    octets_free(&signature);
    return out;
}

static void seals_of_version_5_are_read_with_and_without_time_stamp(void **state) {
    (void)state;
    struct octets plain = retagged_seal(""), stamped = retagged_seal("A0050303003000");
    struct seal *parsed = NULL;
    assert_ok(seal_parse(NULL, plain.data, plain.len, &parsed));
    assert_int_equal(parsed->version, 5);
    assert_ok(seal_check(parsed, root.x509, NULL, STAMPED));
    seal_free(parsed);
    assert_ok(seal_parse(NULL, stamped.data, stamped.len, &parsed));
    assert_int_equal(parsed->version, 5);
    assert_true(parsed->has_time_stamp);
    assert_ok(seal_verify_signature(parsed, NULL));
    assert_int_equal(seal_check(parsed, root.x509, NULL, STAMPED), FORMATS_UNSUPPORTED);
    seal_free(parsed);
    octets_free(&plain);
    octets_free(&stamped);
}

/* The stamp of another producer: a structure with a real signature. */
static void a_sample_stamp_verifies_and_its_changes_do_not(void **state) {
    (void)state;
    const char *folder = getenv("OPENUKEY_SEAL_SAMPLES");
    char path[512];
    static unsigned char bytes[STAMP_MAX];
    if (folder == NULL)
        skip();
    snprintf(path, sizeof path, "%s/SignedValueV4.dat", folder);
    FILE *file = fopen(path, "rb");
    if (file == NULL)
        skip();
    size_t len = fread(bytes, 1, sizeof bytes, file);
    fclose(file);
    struct stamp *parsed = NULL;
    assert_ok(stamp_parse(NULL, bytes, len, &parsed));
    assert_int_equal(parsed->version, 4);
    assert_string_equal(parsed->property_info, PATH);
    /* nobody here trusts its root: that is what is found, the signatures being right */
    assert_int_equal(stamp_check(parsed, NULL, root.x509, NULL), STAMP_FAULT_SIGNER);
    assert_ok(seal_verify_signature(parsed->seal, NULL));
    size_t signed_at = (size_t)((unsigned char *)memmem(bytes, len, PATH, strlen(PATH)) - bytes);
    stamp_free(parsed);
    bytes[signed_at] ^= 1;
    assert_ok(stamp_parse(NULL, bytes, len, &parsed));
    assert_int_equal(stamp_check(parsed, NULL, root.x509, NULL), STAMP_FAULT_SIGNATURE);
    stamp_free(parsed);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_stamp_reads_back_as_it_was_made),
        cmocka_unit_test(every_check_of_the_standard_has_its_fault),
        cmocka_unit_test(another_key_s_signature_is_not_packed),
        cmocka_unit_test(no_flipped_byte_is_accepted),
        cmocka_unit_test(version_1_is_read_with_its_three_kinds_of_time),
        cmocka_unit_test(seals_of_version_5_are_read_with_and_without_time_stamp),
        cmocka_unit_test(a_sample_stamp_verifies_and_its_changes_do_not),
    };
    return cmocka_run_group_tests(tests, make, drop);
}
