/* Sessions, login and PINs by the standard's rules; PINs that must be changed; remote unlock. */
#include "session_fixture.h"

#include <string.h>

static CK_UTF8CHAR user_pin[] = "123456", so_pin[] = "12345678", other_pin[] = "abcdef";
static CK_MECHANISM sha256_rsa = {CKM_SHA256_RSA_PKCS, NULL, 0};

static const CK_OPENUKEY_FUNCTIONS *vendor(void) {
    CK_INTERFACE *interface;
    CK_UTF8CHAR name[] = "OpenUKey";
    assert_rv(C_GetInterface(name, NULL, &interface, 0), CKR_OK);
    return interface->pFunctionList;
}

static CK_STATE state_of(CK_SESSION_HANDLE handle) {
    CK_SESSION_INFO info;
    assert_rv(C_GetSessionInfo(handle, &info), CKR_OK);
    assert_int_equal(info.slotID, 0);
    return info.state;
}

static CK_RV sign_with(CK_OBJECT_HANDLE key) {
    CK_BYTE data[] = "x", signature[256];
    CK_ULONG len = sizeof(signature);
    CK_RV rv = C_SignInit(session, &sha256_rsa, key);
    return rv != CKR_OK ? rv : C_Sign(session, data, 1, signature, &len);
}

static CK_RV never_called(CK_SESSION_HANDLE handle, CK_NOTIFICATION event,
                          CK_VOID_PTR application) {
    (void)handle, (void)event, (void)application;
    fail();
    return CKR_OK;
}

static void sessions_open_by_the_rules(void **state) {
    (void)state;
    CK_SESSION_HANDLE handle;
    CK_SESSION_INFO info;
    assert_rv(C_OpenSession(0, 0, NULL, NULL, &handle), CKR_SESSION_PARALLEL_NOT_SUPPORTED);
    assert_rv(C_OpenSession(0, CKF_RW_SESSION, NULL, NULL, &handle),
              CKR_SESSION_PARALLEL_NOT_SUPPORTED);
    assert_rv(C_OpenSession(0, CKF_SERIAL_SESSION | CKF_ASYNC_SESSION, NULL, NULL, &handle),
              CKR_SESSION_ASYNC_NOT_SUPPORTED);
    assert_rv(C_OpenSession(0, CKF_SERIAL_SESSION, NULL, NULL, NULL), CKR_ARGUMENTS_BAD);
    assert_rv(C_OpenSession(77, CKF_SERIAL_SESSION, NULL, NULL, &handle), CKR_SLOT_ID_INVALID);
    assert_rv(C_OpenSession(0, CKF_SERIAL_SESSION, &handle, never_called, &handle), CKR_OK);
    assert_rv(C_GetSessionInfo(handle, &info), CKR_OK);
    assert_int_equal(info.flags, CKF_SERIAL_SESSION);
    assert_int_equal(info.ulDeviceError, 0);
    assert_rv(C_GetSessionInfo(handle, NULL), CKR_ARGUMENTS_BAD);
    assert_rv(C_CloseAllSessions(77), CKR_SLOT_ID_INVALID);
}

static void login_is_the_programs_not_the_sessions(void **state) {
    (void)state;
    CK_SESSION_HANDLE read_only;
    assert_rv(C_OpenSession(0, CKF_SERIAL_SESSION, NULL, NULL, &read_only), CKR_OK);
    assert_int_equal(state_of(session), CKS_RW_PUBLIC_SESSION);
    assert_int_equal(state_of(read_only), CKS_RO_PUBLIC_SESSION);
    assert_rv(C_Login(read_only, CKU_USER, user_pin, 6), CKR_OK);
    assert_int_equal(state_of(session), CKS_RW_USER_FUNCTIONS);
    assert_int_equal(state_of(read_only), CKS_RO_USER_FUNCTIONS);
    assert_rv(C_Login(session, CKU_USER, user_pin, 6), CKR_USER_ALREADY_LOGGED_IN);
    assert_rv(C_Login(session, CKU_SO, so_pin, 8), CKR_USER_ANOTHER_ALREADY_LOGGED_IN);
    assert_rv(C_CloseSession(read_only), CKR_OK);
    assert_int_equal(state_of(session), CKS_RW_USER_FUNCTIONS); /* others stay logged in */
    assert_rv(C_Logout(session), CKR_OK);
    assert_rv(C_Logout(session), CKR_USER_NOT_LOGGED_IN);
    assert_rv(C_Login(session, 9, user_pin, 6), CKR_USER_TYPE_INVALID);
    assert_rv(C_Login(session, CKU_USER, NULL, 0), CKR_ARGUMENTS_BAD);
    assert_rv(C_Login(0x12345, CKU_USER, user_pin, 6), CKR_SESSION_HANDLE_INVALID);
}

static void a_user_name_is_refused_and_none_is_login(void **state) {
    (void)state;
    CK_UTF8CHAR name[] = "alice";
    assert_rv(C_LoginUser(session, CKU_USER, user_pin, 6, name, 5), CKR_ARGUMENTS_BAD);
    assert_int_equal(state_of(session), CKS_RW_PUBLIC_SESSION);
    assert_rv(C_LoginUser(session, CKU_USER, user_pin, 6, NULL, 0), CKR_OK);
    assert_int_equal(state_of(session), CKS_RW_USER_FUNCTIONS);
}

static void a_key_pin_is_wanted_only_by_keys_that_ask_for_it(void **state) {
    (void)state;
    assert_rv(C_Login(session, CKU_CONTEXT_SPECIFIC, user_pin, 6), CKR_OPERATION_NOT_INITIALIZED);
    fixture_login();
    CK_OBJECT_HANDLE key = fixture_find(CKO_PRIVATE_KEY, "rsa");
    CK_BBOOL always = 9;
    CK_ATTRIBUTE t = {CKA_ALWAYS_AUTHENTICATE, &always, sizeof(always)};
    assert_rv(C_GetAttributeValue(session, key, &t, 1), CKR_OK);
    assert_int_equal(always, CK_FALSE);
    assert_rv(C_SignInit(session, &sha256_rsa, key), CKR_OK);
    assert_rv(C_Login(session, CKU_CONTEXT_SPECIFIC, user_pin, 6), CKR_OPERATION_NOT_INITIALIZED);
}

static void logout_ends_what_was_private(void **state) {
    (void)state;
    CK_BYTE data[] = "x", signature[256], digest[32];
    CK_ULONG len = sizeof(signature), digest_len = sizeof(digest);
    CK_MECHANISM sha256 = {CKM_SHA256, NULL, 0};
    fixture_login();
    CK_OBJECT_HANDLE key = fixture_find(CKO_PRIVATE_KEY, "rsa");
    CK_OBJECT_HANDLE public_key = fixture_find(CKO_PUBLIC_KEY, "rsa");
    assert_rv(C_SignInit(session, &sha256_rsa, key), CKR_OK);
    assert_rv(C_DigestInit(session, &sha256), CKR_OK);
    assert_rv(C_Logout(session), CKR_OK);
    assert_rv(C_Sign(session, data, 1, signature, &len), CKR_OPERATION_NOT_INITIALIZED);
    assert_rv(C_Digest(session, data, 1, digest, &digest_len), CKR_OK); /* nothing private */
    fixture_login();
    assert_rv(sign_with(key), CKR_KEY_HANDLE_INVALID); /* also after a new login */
    CK_OBJECT_HANDLE again = fixture_find(CKO_PRIVATE_KEY, "rsa");
    assert_int_not_equal(again, key);
    assert_rv(sign_with(again), CKR_OK);
    assert_int_equal(fixture_find(CKO_PUBLIC_KEY, "rsa"), public_key);
}

static void pins_are_set_in_the_states_of_the_standard(void **state) {
    (void)state;
    CK_SESSION_HANDLE mine = session, read_only;
    CK_UTF8CHAR new_so[] = "87654321";
    assert_rv(C_InitPIN(session, other_pin, 6), CKR_USER_NOT_LOGGED_IN);
    /* public: the user's */
    assert_rv(C_SetPIN(session, user_pin, 6, other_pin, 6), CKR_OK);
    assert_rv(C_SetPIN(session, other_pin, 6, user_pin, 6), CKR_OK);
    assert_rv(C_SetPIN(session, NULL, 0, user_pin, 6), CKR_ARGUMENTS_BAD);
    assert_rv(C_SetPIN(session, user_pin, 6, NULL, 0), CKR_ARGUMENTS_BAD);
    /* the security officer's own */
    assert_rv(C_Login(session, CKU_SO, so_pin, 8), CKR_OK);
    assert_rv(C_SetPIN(session, user_pin, 6, new_so, 8), CKR_PIN_INCORRECT);
    assert_rv(C_SetPIN(session, so_pin, 8, new_so, 8), CKR_OK);
    assert_rv(C_InitPIN(session, NULL, 0), CKR_ARGUMENTS_BAD);
    assert_rv(C_InitPIN(session, user_pin, 3), CKR_PIN_LEN_RANGE);
    assert_rv(C_InitPIN(session, user_pin, 6), CKR_OK); /* with the new PIN, remembered */
    assert_rv(C_Logout(session), CKR_OK);
    assert_rv(C_Login(session, CKU_SO, so_pin, 8), CKR_PIN_INCORRECT);
    /* never from a read-only session */
    assert_rv(C_OpenSession(0, CKF_SERIAL_SESSION, NULL, NULL, &read_only), CKR_OK);
    session = read_only;
    assert_rv(C_SetPIN(session, user_pin, 6, other_pin, 6), CKR_SESSION_READ_ONLY);
    assert_rv(C_InitPIN(session, user_pin, 6), CKR_SESSION_READ_ONLY);
    session = mine;
}

static void the_officers_flags_tell_his_tries(void **state) {
    (void)state;
    CK_TOKEN_INFO info;
    const CK_FLAGS all =
        CKF_SO_PIN_COUNT_LOW | CKF_SO_PIN_FINAL_TRY | CKF_SO_PIN_LOCKED | CKF_SO_PIN_TO_BE_CHANGED;
    const struct {
        uint8_t left;
        CK_FLAGS flags;
    } cases[] = {{10, 0},
                 {2, CKF_SO_PIN_COUNT_LOW},
                 {1, CKF_SO_PIN_COUNT_LOW | CKF_SO_PIN_FINAL_TRY},
                 {0, CKF_SO_PIN_LOCKED}};
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        fake_card.so_left = cases[i].left;
        fake_card.maybe_used = true;
        assert_rv(C_GetTokenInfo(0, &info), CKR_OK);
        assert_int_equal(info.flags & all, cases[i].flags);
    }
    assert_rv(C_Login(session, CKU_SO, so_pin, 8), CKR_PIN_LOCKED);
}

static void initialisation_wants_no_session_open(void **state) {
    (void)state;
    CK_UTF8CHAR label[33] = "new label                       ";
    assert_rv(C_InitToken(0, so_pin, 8, label), CKR_SESSION_EXISTS);
    assert_rv(C_CloseAllSessions(0), CKR_OK);
    assert_rv(C_InitToken(0, so_pin, 8, NULL), CKR_ARGUMENTS_BAD);
    assert_rv(C_InitToken(0, NULL, 0, label), CKR_ARGUMENTS_BAD);
    assert_rv(C_InitToken(0, user_pin, 6, label), CKR_PIN_INCORRECT);
    assert_int_equal(fake_card.so_left, 9);
    assert_rv(C_InitToken(0, user_pin, 2, label), CKR_PIN_INCORRECT); /* too short: not tried */
    assert_int_equal(fake_card.so_left, 9);
    fake_card.so_left = 0;
    assert_rv(C_InitToken(0, so_pin, 8, label), CKR_PIN_LOCKED);
}

static void nothing_counts_as_validated(void **state) {
    (void)state;
    CK_FLAGS flags = 1;
    assert_rv(C_GetSessionValidationFlags(session, CKS_LAST_VALIDATION_OK, &flags), CKR_OK);
    assert_int_equal(flags, 0);
    assert_rv(C_GetSessionValidationFlags(session, CKS_LAST_VALIDATION_OK, NULL),
              CKR_ARGUMENTS_BAD);
    assert_rv(C_GetSessionValidationFlags(session, 12, &flags), CKR_ARGUMENTS_BAD);
    assert_rv(C_GetSessionValidationFlags(99, CKS_LAST_VALIDATION_OK, &flags),
              CKR_SESSION_HANDLE_INVALID);
}

static void a_pin_that_must_be_changed_opens_nothing_else(void **state) {
    (void)state;
    CK_TOKEN_INFO info;
    CK_OPENUKEY_DEVICE_INFO device;
    assert_rv(vendor()->InitPIN(session, other_pin, 6, CK_TRUE), CKR_USER_NOT_LOGGED_IN);
    assert_rv(C_Login(session, CKU_SO, so_pin, 8), CKR_OK);
    assert_rv(vendor()->InitPIN(session, other_pin, 6, CK_TRUE), CKR_OK);
    assert_true(fake_card.must_change);
    assert_rv(C_Logout(session), CKR_OK);
    assert_rv(C_GetTokenInfo(0, &info), CKR_OK);
    assert_true((info.flags & CKF_USER_PIN_TO_BE_CHANGED) != 0);
    assert_rv(vendor()->GetDeviceInfo(0, &device), CKR_OK);
    assert_true((device.flags & CKF_OPENUKEY_USER_PIN_MUST_CHANGE) != 0);
    assert_rv(C_Login(session, CKU_USER, other_pin, 6), CKR_OK);
    assert_rv(sign_with(fixture_find(CKO_PRIVATE_KEY, "rsa")), CKR_PIN_EXPIRED);
    assert_rv(C_SetPIN(session, other_pin, 6, user_pin, 6), CKR_OK);
    assert_rv(sign_with(fixture_find(CKO_PRIVATE_KEY, "rsa")), CKR_OK);
    assert_rv(C_GetTokenInfo(0, &info), CKR_OK);
    assert_true((info.flags & CKF_USER_PIN_TO_BE_CHANGED) == 0);
    fake_card.has_vendor_ins = false; /* another maker's card cannot mark PINs */
    fake_card.maybe_used = true;      /* so that the facts are read anew */
    assert_rv(C_Logout(session), CKR_OK);
    assert_rv(C_GetTokenInfo(0, &info), CKR_OK);
    assert_rv(C_Login(session, CKU_SO, so_pin, 8), CKR_OK);
    assert_rv(vendor()->InitPIN(session, other_pin, 6, CK_TRUE), CKR_FUNCTION_NOT_SUPPORTED);
    assert_rv(vendor()->InitPIN(session, other_pin, 6, CK_FALSE), CKR_OK);
}

static void a_service_unlocks_from_afar(void **state) {
    (void)state;
    CK_BYTE key[16] = "an unlock key .", order[] = "case 4711", response[32];
    CK_OPENUKEY_UNLOCK_CHALLENGE challenge;
    assert_rv(vendor()->UnlockBegin(0, order, 9, &challenge), CKR_FUNCTION_NOT_SUPPORTED);
    assert_rv(vendor()->SetUnlockKey(0, key, 15), CKR_ARGUMENTS_BAD);
    assert_rv(vendor()->SetUnlockKey(0, key, 16), CKR_OK);
    assert_memory_equal(fake_card.unlock_key, key, 16);
    assert_rv(vendor()->UnlockBegin(0, order, 0, &challenge), CKR_ARGUMENTS_BAD);
    assert_rv(vendor()->UnlockBegin(0, order, 33, &challenge), CKR_ARGUMENTS_BAD);
    assert_rv(vendor()->UnlockBegin(5, order, 9, &challenge), CKR_SLOT_ID_INVALID);

    fixture_login();
    CK_OBJECT_HANDLE private_key = fixture_find(CKO_PRIVATE_KEY, "rsa");
    fake_card.user_left = 0;
    assert_rv(vendor()->UnlockBegin(0, order, 9, &challenge), CKR_OK);
    assert_int_equal(challenge.ulTriesLeft, 10);
    assert_int_equal(challenge.ulOrderLen, 9);
    assert_memory_equal(challenge.order, order, 9);
    assert_memory_equal(challenge.serial, "00112233445566778899AABBCCDDEEFF", 32);
    memset(response, 7, sizeof(response));
    assert_rv(vendor()->UnlockFinish(0, &challenge, response, 32, other_pin, 6, CK_FALSE),
              CKR_PIN_INCORRECT);
    fake_card_unlock_response(key, response);
    assert_rv(vendor()->UnlockFinish(0, &challenge, response, 32, other_pin, 6, CK_FALSE),
              CKR_OPERATION_NOT_INITIALIZED); /* a challenge is good for one try */
    assert_rv(vendor()->UnlockBegin(0, order, 9, &challenge), CKR_OK);
    assert_int_equal(challenge.ulTriesLeft, 9);
    fake_card_unlock_response(key, response);
    assert_rv(vendor()->UnlockFinish(0, &challenge, response, 31, other_pin, 6, CK_FALSE),
              CKR_ARGUMENTS_BAD);
    assert_rv(vendor()->UnlockFinish(0, &challenge, response, 32, other_pin, 2, CK_FALSE),
              CKR_PIN_LEN_RANGE);
    assert_rv(vendor()->UnlockFinish(0, &challenge, response, 32, other_pin, 6, CK_TRUE), CKR_OK);
    assert_int_equal(state_of(session), CKS_RW_PUBLIC_SESSION); /* logged out */
    assert_rv(sign_with(private_key), CKR_KEY_HANDLE_INVALID);
    assert_rv(C_Login(session, CKU_USER, other_pin, 6), CKR_OK);
    assert_true(fake_card.must_change);
    fake_card.unlock_left = 0;
    assert_rv(vendor()->UnlockBegin(0, order, 9, &challenge), CKR_PIN_LOCKED);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_open, fixture_close)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(sessions_open_by_the_rules),
        TEST(login_is_the_programs_not_the_sessions),
        TEST(a_user_name_is_refused_and_none_is_login),
        TEST(a_key_pin_is_wanted_only_by_keys_that_ask_for_it),
        TEST(logout_ends_what_was_private),
        TEST(pins_are_set_in_the_states_of_the_standard),
        TEST(the_officers_flags_tell_his_tries),
        TEST(initialisation_wants_no_session_open),
        TEST(nothing_counts_as_validated),
        TEST(a_pin_that_must_be_changed_opens_nothing_else),
        TEST(a_service_unlocks_from_afar),
    };
    int failed = cmocka_run_group_tests_name("pins", tests, NULL, NULL);
    fake_card_free();
    return failed;
}
