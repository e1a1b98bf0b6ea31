/* SM2 key agreement: the standard's example, and both sides of it with the card on either. */
#include "session_fixture.h"

#include "fake_agreement.h"
#include "sm2_exchange.h"

#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>

static CK_BBOOL no = CK_FALSE, yes = CK_TRUE;
static char own_name[] = "the holder", peer_name[] = "a service";
static CK_BYTE peer_point[65], peer_ephemeral[65], own_ephemeral[65];

static void give(const struct sm2_point *point, CK_BYTE out[65]) {
    out[0] = 4;
    memcpy(out + 1, point->x, 32);
    memcpy(out + 33, point->y, 32);
}

static void take(const CK_BYTE bytes[65], struct sm2_point *point) {
    assert_int_equal(bytes[0], 4);
    memcpy(point->x, bytes + 1, 32);
    memcpy(point->y, bytes + 33, 32);
}

/* The other side, with keys of its own; its points are in peer_point and peer_ephemeral. */
static struct sm2_exchange other_side(bool is_initiator) {
    struct sm2_exchange x = {
        .is_initiator = is_initiator, .own_id = peer_name, .peer_id = own_name};
    EVP_PKEY *key = NULL, *ephemeral = NULL;
    sm2_key_generate(NULL, &key);
    sm2_key_generate(NULL, &ephemeral);
    sm2_exchange_own(&x, key, ephemeral);
    sm2_key_point(fake_card.sm2_enc, &x.peer);
    give(&x.own, peer_point);
    give(&x.own_ephemeral, peer_ephemeral);
    EVP_PKEY_free(key);
    EVP_PKEY_free(ephemeral);
    return x;
}

static CK_OPENUKEY_SM2_AGREEMENT_PARAMS parameters(CK_ULONG step) {
    return (CK_OPENUKEY_SM2_AGREEMENT_PARAMS){.ulStep = step,
                                              .pOwnId = (CK_BYTE *)own_name,
                                              .ulOwnIdLen = strlen(own_name),
                                              .pPeerId = (CK_BYTE *)peer_name,
                                              .ulPeerIdLen = strlen(peer_name),
                                              .pPeerPoint = peer_point,
                                              .pPeerEphemeral = peer_ephemeral,
                                              .pOwnEphemeral = own_ephemeral};
}

static CK_RV derive(CK_OPENUKEY_SM2_AGREEMENT_PARAMS *params, CK_OBJECT_HANDLE *out) {
    CK_MECHANISM mechanism = {CKM_OPENUKEY_SM2_AGREEMENT, params, sizeof(*params)};
    CK_ATTRIBUTE template[] = {{CKA_TOKEN, &no, 1},
                               {CKA_SENSITIVE, &no, 1},
                               {CKA_EXTRACTABLE, &yes, 1},
                               {CKA_ENCRYPT, &yes, 1}};
    return C_DeriveKey(session, &mechanism, fixture_find_usage(CKO_PRIVATE_KEY, "sm2", CKA_DERIVE),
                       template, 4, out);
}

static void assert_value(CK_OBJECT_HANDLE key, const uint8_t expected[16]) {
    uint8_t value[16];
    CK_KEY_TYPE type;
    CK_ATTRIBUTE attributes[] = {{CKA_VALUE, value, 16}, {CKA_KEY_TYPE, &type, sizeof(type)}};
    assert_rv(C_GetAttributeValue(session, key, attributes, 2), CKR_OK);
    assert_memory_equal(value, expected, 16);
    assert_int_equal(type, CKK_SM4);
    assert_int_equal(fake_agreement_keys(), 0); /* the card has forgotten it */
}

static void the_other_side_gives_the_standards_example(void **state) {
    (void)state; /* GB/T 32918.5, C.3 */
    struct sm2_exchange x = {
        .is_initiator = true, .own_id = SM2_DEFAULT_ID, .peer_id = SM2_DEFAULT_ID};
    EVP_PKEY *keys[4];
    static const char *const scalars[] = {
        "81EB26E941BB5AF16DF116495F90695272AE2CD63D6C4AE1678418BE48230029",
        "D4DE15474DB74D06491C440D305E012400990F3E390C7E87153C12DB2EA60BB3",
        "785129917D45A9EA5437A59356B82338EAADDA6CEB199088F14AE10DEFA229B5",
        "7E07124814B309489125EAED101113164EBF0F3458C5BD88335C1F9D596243D6"};
    uint8_t scalar[32], expected[16], key[16];
    for (size_t i = 0; i < 4; i++) {
        fixture_hex(scalars[i], scalar);
        assert_int_equal(sm2_key_from_scalar(NULL, scalar, &keys[i]), FORMATS_OK);
    }
    fixture_hex("6C89347354DE2484C60B4AB1FDE4C6E5", expected);
    sm2_exchange_own(&x, keys[0], keys[1]);
    sm2_key_point(keys[2], &x.peer);
    sm2_key_point(keys[3], &x.peer_ephemeral);
    assert_true(sm2_exchange_key(&x, key));
    assert_memory_equal(key, expected, 16);
    for (size_t i = 0; i < 4; i++) {
        EVP_PKEY_free(keys[i]);
    }
}

static void a_responding_card_agrees_with_the_initiator(void **state) {
    (void)state;
    struct sm2_exchange other = other_side(true);
    CK_OPENUKEY_SM2_AGREEMENT_PARAMS params = parameters(CK_OPENUKEY_AGREEMENT_RESPOND);
    CK_OBJECT_HANDLE key;
    uint8_t expected[16];
    fixture_login();
    assert_rv(derive(&params, &key), CKR_OK);
    take(own_ephemeral, &other.peer_ephemeral);
    assert_true(sm2_exchange_key(&other, expected));
    assert_value(key, expected);
}

static void an_initiating_card_agrees_with_the_responder(void **state) {
    (void)state;
    struct sm2_exchange other = other_side(false);
    CK_OPENUKEY_SM2_AGREEMENT_PARAMS params = parameters(CK_OPENUKEY_AGREEMENT_BEGIN);
    CK_OBJECT_HANDLE key = 77;
    uint8_t expected[16];
    fixture_login();
    assert_rv(derive(&params, &key), CKR_OK);
    assert_int_equal(key, CK_INVALID_HANDLE);
    take(own_ephemeral, &other.peer_ephemeral);
    assert_true(sm2_exchange_key(&other, expected));
    params.ulStep = CK_OPENUKEY_AGREEMENT_FINISH;
    assert_rv(derive(&params, &key), CKR_OK);
    assert_value(key, expected);
    assert_rv(derive(&params, &key), CKR_MECHANISM_PARAM_INVALID); /* used up */
}

static void bad_agreements_are_refused(void **state) {
    (void)state;
    other_side(true);
    CK_OBJECT_HANDLE key;
    CK_OPENUKEY_SM2_AGREEMENT_PARAMS params = parameters(4);
    fixture_login();
    assert_rv(derive(&params, &key), CKR_MECHANISM_PARAM_INVALID);
    params = parameters(CK_OPENUKEY_AGREEMENT_RESPOND);
    params.pPeerPoint = NULL;
    assert_rv(derive(&params, &key), CKR_MECHANISM_PARAM_INVALID);
    params = parameters(CK_OPENUKEY_AGREEMENT_RESPOND);
    params.pOwnEphemeral = NULL;
    assert_rv(derive(&params, &key), CKR_MECHANISM_PARAM_INVALID);
    params = parameters(CK_OPENUKEY_AGREEMENT_RESPOND);
    peer_ephemeral[20] ^= 1; /* not on the curve: the card says so */
    assert_rv(derive(&params, &key), CKR_MECHANISM_PARAM_INVALID);
    CK_MECHANISM mechanism = {CKM_OPENUKEY_SM2_AGREEMENT, &params, sizeof(params)};
    assert_rv(C_DeriveKey(session, &mechanism, fixture_find_usage(CKO_PRIVATE_KEY, "sm2", CKA_SIGN),
                          NULL, 0, &key),
              CKR_KEY_FUNCTION_NOT_PERMITTED);
    mechanism.ulParameterLen--;
    assert_rv(C_DeriveKey(session, &mechanism,
                          fixture_find_usage(CKO_PRIVATE_KEY, "sm2", CKA_DERIVE), NULL, 0, &key),
              CKR_MECHANISM_PARAM_INVALID);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_open, fixture_close)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(the_other_side_gives_the_standards_example),
        TEST(a_responding_card_agrees_with_the_initiator),
        TEST(an_initiating_card_agrees_with_the_responder),
        TEST(bad_agreements_are_refused),
    };
    int failed = cmocka_run_group_tests_name("agreement", tests, NULL, NULL);
    fake_card_free();
    return failed;
}
