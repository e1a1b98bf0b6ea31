/* A card that answers nonsense, half answers, or dies at any command: error codes only, and nothing wrong is told. */
#include "session_fixture.h"

#include "module/formats/sm2.h"

#include <stdlib.h>
#include <string.h>

static CK_BYTE data[] = "data";

/* What a program does from start to signature and decryption. True if a signature came out that verifies; a signature
 * that does not verify is a failure of the test unless `may_lie`. */
static bool whole_use(bool may_lie) {
    CK_SESSION_HANDLE s = CK_INVALID_HANDLE;
    CK_UTF8CHAR pin[] = "123456";
    CK_TOKEN_INFO info;
    CK_OBJECT_HANDLE objects[16];
    CK_ULONG count = 0, len;
    CK_BYTE signature[64], value[2048] = {0};
    CK_MECHANISM sm2 = {CKM_SM2_SM3, NULL, 0};
    bool verified = false;
    C_GetTokenInfo(0, &info);
    if (C_OpenSession(0, CKF_SERIAL_SESSION | CKF_RW_SESSION, NULL, NULL, &s) != CKR_OK) {
        return false;
    }
    C_Login(s, CKU_USER, pin, 6);
    if (C_FindObjectsInit(s, NULL, 0) == CKR_OK) {
        C_FindObjects(s, objects, 16, &count);
        C_FindObjectsFinal(s);
    }
    for (CK_ULONG i = 0; i < count; i++) {
        CK_ATTRIBUTE attributes[] = {{CKA_VALUE, value, sizeof(value)},
                                     {CKA_PUBLIC_KEY_INFO, value, sizeof(value)},
                                     {CKA_SUBJECT, value, sizeof(value)}};
        C_GetAttributeValue(s, objects[i], attributes, 3);
        len = sizeof(signature);
        if (C_SignInit(s, &sm2, objects[i]) == CKR_OK &&
            C_Sign(s, data, 4, signature, &len) == CKR_OK) {
            assert_int_equal(len, 64);
            bool good = sm2_verify_raw(NULL, fake_card.sm2_sign, data, 4, signature) == FORMATS_OK;
            assert_true(good || may_lie);
            verified |= good;
        }
    }
    C_CloseAllSessions(0);
    return verified;
}

static void reinsert(void) {
    fake_card_remove();
    fake_card_insert();
    C_GetSlotList(CK_TRUE, NULL, &(CK_ULONG){0});
}

static void prepare(void) {
    strcpy(fake_card.files[0].name, "file");
    fake_card.files[0].size = 100;
    fake_card.files[0].read_rights = GM_ANYONE;
    memset(fake_card.certificate, 0x30, 300);
    fake_card.certificate_len = 300;
}

static void a_whole_use_signs(void **state) {
    (void)state;
    prepare();
    reinsert();
    assert_true(whole_use(false));
}

static void the_card_may_die_at_every_command(void **state) {
    (void)state;
    prepare();
    for (unsigned at = 1;; at++) {
        fake_card.present = true;
        reinsert();
        fake_card.lose_power_at = at;
        bool done = whole_use(false);
        if (fake_card.lose_power_at != 0) {
            assert_true(done);
            assert_true(at > 15);
            fake_card.lose_power_at = 0;
            return;
        }
    }
}

struct cut {
    unsigned at; /* which response */
    size_t keep; /* how many bytes of data are left */
    unsigned seen;
};

static void cut_response(struct fake_card *card, uint8_t *response, size_t *len, size_t size) {
    (void)size;
    struct cut *cut = card->mangle_state;
    size_t data_len = *len - 2;
    if (cut->seen++ == cut->at && cut->keep < data_len) {
        response[cut->keep] = response[data_len];
        response[cut->keep + 1] = response[data_len + 1];
        *len = cut->keep + 2;
    }
}

static void every_response_may_be_cut_short(void **state) {
    (void)state;
    static const size_t keeps[] = {0, 1, 2, 3, 5, 8, 33, 67, 100, 286};
    struct cut cut = {0, 0, 0};
    prepare();
    for (cut.at = 0; cut.at < 40; cut.at++) {
        for (size_t i = 0; i < sizeof(keeps) / sizeof(keeps[0]); i++) {
            cut.keep = keeps[i];
            cut.seen = 0;
            fake_card.mangle = NULL;
            fake_card.user_left = fake_card.so_left = 10;
            reinsert();
            fake_card.mangle_state = &cut;
            fake_card.mangle = cut_response;
            whole_use(false);
        }
    }
    fake_card.mangle = NULL;
}

static void random_response(struct fake_card *card, uint8_t *response, size_t *len, size_t size) {
    unsigned *seed = card->mangle_state;
    if (rand_r(seed) % 8 != 0) {
        return;
    }
    size_t new_len = (size_t)rand_r(seed) % (size - 2);
    if (rand_r(seed) % 2 == 0) {
        new_len = *len - 2; /* the right length with wrong bytes */
    }
    for (size_t i = 0; i < new_len; i++) {
        response[i] = (uint8_t)rand_r(seed);
    }
    response[new_len] = rand_r(seed) % 4 == 0 ? (uint8_t)rand_r(seed) : 0x90;
    response[new_len + 1] = 0;
    *len = new_len + 2;
}

static void responses_may_be_random(void **state) {
    (void)state;
    unsigned seed;
    prepare();
    for (unsigned run = 1; run <= 300; run++) {
        seed = run;
        fake_card.mangle = NULL;
        fake_card.user_left = fake_card.so_left = 10;
        reinsert();
        fake_card.mangle_state = &seed;
        fake_card.mangle = random_response;
        whole_use(
            true); /* random bytes where a signature or a public key should be cannot be told apart here */
    }
    fake_card.mangle = NULL;
}

static void every_status_word_becomes_an_error(void **state) {
    (void)state;
    static const uint16_t words[] = {0x6581, 0x6700, 0x6982, 0x6983, 0x6984, 0x6985, 0x698A,
                                     0x6A80, 0x6A81, 0x6A84, 0x6A88, 0x6A91, 0x6A93, 0x6A94,
                                     0x6A95, 0x6B00, 0x6D00, 0x6F00, 0x1234, 0x0000};
    CK_MECHANISM sm2 = {CKM_SM2_SM3, NULL, 0};
    CK_BYTE signature[64];
    fixture_login();
    CK_OBJECT_HANDLE key = fixture_find_usage(CKO_PRIVATE_KEY, "sm2", CKA_SIGN);
    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        CK_ULONG len = sizeof(signature);
        fake_card.fail_ins = INS_ECC_SIGN;
        fake_card.fail_sw = words[i];
        fake_card.fail_count = 100;
        assert_rv(C_SignInit(session, &sm2, key), CKR_OK);
        assert_int_not_equal(C_Sign(session, data, 4, signature, &len), CKR_OK);
        assert_true(fake_card.fail_count >= 97); /* repeated at most once for each cause */
        fake_card.fail_count = 0;
        CK_UTF8CHAR pin[] = "123456";
        C_Login(session, CKU_USER, pin, 6);
    }
}

static void a_card_of_another_kind_is_not_recognised(void **state) {
    (void)state;
    CK_TOKEN_INFO info;
    CK_SESSION_HANDLE other;
    reinsert();
    fake_card.fail_ins = INS_GET_DEV_INFO;
    fake_card.fail_sw = SW_UNKNOWN_INS;
    fake_card.fail_count = 100;
    assert_rv(C_GetTokenInfo(0, &info), CKR_TOKEN_NOT_RECOGNIZED);
    assert_rv(C_OpenSession(0, CKF_SERIAL_SESSION, NULL, NULL, &other), CKR_TOKEN_NOT_RECOGNIZED);
    fake_card.fail_count = 0;
    assert_rv(C_GetTokenInfo(0, &info), CKR_OK);
}

static void a_card_without_vendor_instructions_still_signs(void **state) {
    (void)state;
    CK_MECHANISM decrypt = {CKM_RSA_PKCS, NULL, 0};
    fake_card.has_vendor_ins = false;
    reinsert();
    assert_true(whole_use(false));
    assert_rv(C_OpenSession(0, CKF_SERIAL_SESSION, NULL, NULL, &session), CKR_OK);
    fixture_login();
    CK_OBJECT_HANDLE key = fixture_find(CKO_PRIVATE_KEY, "rsa");
    assert_rv(C_DecryptInit(session, &decrypt, key), CKR_KEY_FUNCTION_NOT_PERMITTED);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_open, fixture_close)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(a_whole_use_signs),
        TEST(the_card_may_die_at_every_command),
        TEST(every_response_may_be_cut_short),
        TEST(responses_may_be_random),
        TEST(every_status_word_becomes_an_error),
        TEST(a_card_of_another_kind_is_not_recognised),
        TEST(a_card_without_vendor_instructions_still_signs),
    };
    int failed = cmocka_run_group_tests_name("broken card", tests, NULL, NULL);
    fake_card_free();
    return failed;
}
