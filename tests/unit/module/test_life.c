/* A token's life under the module: removal, foreign resets, PIN states, slot events, fork, finalisation. */
#include "session_fixture.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static CK_BYTE message[] = "message";
static CK_MECHANISM sha256_rsa = {CKM_SHA256_RSA_PKCS, NULL, 0};

static CK_RV sign(CK_OBJECT_HANDLE key) {
    CK_BYTE signature[256];
    CK_ULONG len = sizeof(signature);
    CK_RV rv = C_SignInit(session, &sha256_rsa, key);
    return rv != CKR_OK ? rv : C_Sign(session, message, sizeof(message), signature, &len);
}

static CK_OBJECT_HANDLE logged_in_key(void) {
    fixture_login();
    return fixture_find(CKO_PRIVATE_KEY, "rsa");
}

static CK_STATE session_state(void) {
    CK_SESSION_INFO info;
    assert_rv(C_GetSessionInfo(session, &info), CKR_OK);
    return info.state;
}

static void removal_is_told_once_then_the_session_is_gone(void **state) {
    (void)state;
    CK_OBJECT_HANDLE key = logged_in_key();
    fake_card_remove();
    assert_rv(sign(key), CKR_DEVICE_REMOVED);
    assert_rv(sign(key), CKR_SESSION_HANDLE_INVALID);
    CK_SESSION_HANDLE other;
    assert_rv(C_OpenSession(0, CKF_SERIAL_SESSION, NULL, NULL, &other), CKR_TOKEN_NOT_PRESENT);
}

static void a_key_put_in_again_starts_logged_out(void **state) {
    (void)state;
    CK_OBJECT_HANDLE key = logged_in_key();
    fake_card_remove();
    fake_card_insert();
    assert_rv(sign(key), CKR_DEVICE_REMOVED);
    assert_rv(C_OpenSession(0, CKF_SERIAL_SESSION, NULL, NULL, &session), CKR_OK);
    assert_int_equal(session_state(), CKS_RO_PUBLIC_SESSION);
    assert_int_equal(fixture_find(CKO_PRIVATE_KEY, "rsa"), CK_INVALID_HANDLE);
}

static void another_key_with_the_same_reader_is_not_taken_for_the_first(void **state) {
    (void)state;
    CK_OBJECT_HANDLE key = logged_in_key();
    fake_card_remove();
    fake_card_insert();
    CK_ULONG count = 0;
    assert_rv(C_GetSlotList(CK_TRUE, NULL, &count), CKR_OK); /* the module sees the change here */
    assert_int_equal(count, 1);
    assert_rv(sign(key), CKR_SESSION_HANDLE_INVALID);
}

static void login_survives_a_foreign_reset_without_asking(void **state) {
    (void)state;
    CK_OBJECT_HANDLE key = logged_in_key();
    assert_rv(sign(key), CKR_OK);
    fake_card_foreign_reset();
    assert_rv(sign(key), CKR_OK);
    assert_int_equal(session_state(), CKS_RW_USER_FUNCTIONS);
    fake_card.user_verified = false; /* another program logged out */
    assert_rv(sign(key), CKR_OK);
}

static void login_is_not_restored_with_the_last_try(void **state) {
    (void)state;
    CK_OBJECT_HANDLE key = logged_in_key();
    fake_card_foreign_reset();
    fake_card.user_left = 1;
    assert_rv(sign(key), CKR_USER_NOT_LOGGED_IN);
    assert_int_equal(fake_card.user_left, 1);
    assert_int_equal(session_state(), CKS_RW_PUBLIC_SESSION);
}

static void a_pin_changed_elsewhere_costs_one_try_and_logs_out(void **state) {
    (void)state;
    CK_OBJECT_HANDLE key = logged_in_key();
    fake_card_foreign_reset();
    strcpy(fake_card.user_pin, "654321");
    assert_rv(sign(key), CKR_USER_NOT_LOGGED_IN);
    assert_rv(sign(key), CKR_KEY_HANDLE_INVALID); /* out of sight now */
    assert_int_equal(fake_card.user_left, 9);
}

static void the_cards_login_of_another_program_is_not_ours(void **state) {
    (void)state;
    assert_rv(C_GetSlotList(CK_TRUE, NULL, &(CK_ULONG){0}), CKR_OK);
    fake_card.application_open = true;
    fake_card.user_verified = true;
    assert_int_equal(fixture_find(CKO_PRIVATE_KEY, "rsa"), CK_INVALID_HANDLE);
    assert_int_equal(session_state(), CKS_RW_PUBLIC_SESSION);
}

static void pin_flags_tell_how_many_tries_are_left(void **state) {
    (void)state;
    CK_TOKEN_INFO info;
    CK_UTF8CHAR wrong[] = "111111", right[] = "123456";
    const struct {
        uint8_t left;
        CK_FLAGS flags;
    } cases[] = {{10, 0},
                 {9, CKF_USER_PIN_COUNT_LOW},
                 {1, CKF_USER_PIN_COUNT_LOW | CKF_USER_PIN_FINAL_TRY},
                 {0, CKF_USER_PIN_LOCKED}};
    const CK_FLAGS all = CKF_USER_PIN_COUNT_LOW | CKF_USER_PIN_FINAL_TRY | CKF_USER_PIN_LOCKED;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        fake_card.user_left = cases[i].left;
        fake_card.maybe_used = true;
        assert_rv(C_GetTokenInfo(0, &info), CKR_OK);
        assert_int_equal(info.flags & all, cases[i].flags);
    }
    assert_rv(C_Login(session, CKU_USER, right, 6), CKR_PIN_LOCKED);
    fake_card.user_left = 2;
    assert_rv(C_Login(session, CKU_USER, wrong, 6), CKR_PIN_INCORRECT);
    assert_rv(C_GetTokenInfo(0, &info), CKR_OK);
    assert_int_equal(info.flags & all, CKF_USER_PIN_COUNT_LOW | CKF_USER_PIN_FINAL_TRY);
    assert_rv(C_Login(session, CKU_USER, wrong, 2), CKR_PIN_INCORRECT); /* too short: not tried */
    assert_int_equal(fake_card.user_left, 1);
}

static void pins_are_changed_and_reset(void **state) {
    (void)state;
    CK_UTF8CHAR old[] = "123456", new[] = "abcdefgh", so[] = "12345678";
    assert_rv(C_SetPIN(session, new, 8, old, 6), CKR_PIN_INCORRECT);
    assert_rv(C_SetPIN(session, old, 6, new, 3), CKR_PIN_LEN_RANGE);
    assert_rv(C_SetPIN(session, old, 6, new, 8), CKR_OK);
    assert_rv(C_Login(session, CKU_USER, new, 8), CKR_OK);
    assert_rv(C_Login(session, CKU_USER, new, 8), CKR_USER_ALREADY_LOGGED_IN);
    assert_rv(C_Login(session, CKU_SO, so, 8), CKR_USER_ANOTHER_ALREADY_LOGGED_IN);
    assert_rv(C_InitPIN(session, old, 6), CKR_USER_NOT_LOGGED_IN);
    assert_rv(C_Logout(session), CKR_OK);
    fake_card.user_left = 0;
    assert_rv(C_Login(session, CKU_SO, so, 8), CKR_OK);
    assert_rv(C_InitPIN(session, old, 6), CKR_OK);
    assert_rv(C_Logout(session), CKR_OK);
    assert_rv(C_Login(session, CKU_USER, old, 6), CKR_OK);
}

static void security_officer_and_read_only_sessions_exclude_each_other(void **state) {
    (void)state;
    CK_UTF8CHAR so[] = "12345678";
    CK_SESSION_HANDLE read_only;
    assert_rv(C_OpenSession(0, CKF_SERIAL_SESSION, NULL, NULL, &read_only), CKR_OK);
    assert_rv(C_Login(session, CKU_SO, so, 8), CKR_SESSION_READ_ONLY_EXISTS);
    assert_rv(C_CloseSession(read_only), CKR_OK);
    assert_rv(C_Login(session, CKU_SO, so, 8), CKR_OK);
    assert_rv(C_OpenSession(0, CKF_SERIAL_SESSION, NULL, NULL, &read_only),
              CKR_SESSION_READ_WRITE_SO_EXISTS);
    assert_int_equal(session_state(), CKS_RW_SO_FUNCTIONS);
}

static void closing_the_last_session_logs_out_on_the_card(void **state) {
    (void)state;
    fixture_login();
    assert_true(fake_card.user_verified);
    assert_rv(C_CloseSession(session), CKR_OK);
    assert_false(fake_card.user_verified);
    assert_rv(C_CloseSession(session), CKR_SESSION_HANDLE_INVALID);
}

static void sessions_are_unbounded_and_their_handles_never_return(void **state) {
    (void)state;
    enum { MANY = 3000 };
    static CK_SESSION_HANDLE handles[MANY];
    CK_TOKEN_INFO info;
    for (int i = 0; i < MANY; i++) {
        assert_rv(C_OpenSession(0, CKF_SERIAL_SESSION, NULL, NULL, &handles[i]), CKR_OK);
    }
    assert_rv(C_GetTokenInfo(0, &info), CKR_OK);
    assert_int_equal(info.ulSessionCount, MANY + 1);
    assert_int_equal(info.ulRwSessionCount, 1);
    assert_rv(C_CloseAllSessions(0), CKR_OK);
    assert_rv(C_OpenSession(0, CKF_SERIAL_SESSION, NULL, NULL, &session), CKR_OK);
    assert_true(session > handles[MANY - 1]);
}

static void slot_events_are_told_once(void **state) {
    (void)state;
    CK_SLOT_ID slot = 99;
    assert_rv(C_WaitForSlotEvent(CKF_DONT_BLOCK, &slot, NULL), CKR_NO_EVENT);
    fake_card_remove();
    assert_rv(C_WaitForSlotEvent(CKF_DONT_BLOCK, &slot, NULL), CKR_OK);
    assert_int_equal(slot, 0);
    assert_rv(C_WaitForSlotEvent(CKF_DONT_BLOCK, &slot, NULL), CKR_NO_EVENT);
    fake_card_insert();
    assert_rv(C_WaitForSlotEvent(CKF_DONT_BLOCK, &slot, NULL), CKR_OK);
}

static void *finalize_later(void *wait_has_begun) {
    (void)wait_has_begun;
    usleep(50000);
    C_Finalize(NULL);
    return NULL;
}

static void finalize_ends_a_blocked_wait(void **state) {
    (void)state;
    CK_SLOT_ID slot;
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, finalize_later, NULL), 0);
    assert_rv(C_WaitForSlotEvent(0, &slot, NULL), CKR_CRYPTOKI_NOT_INITIALIZED);
    pthread_join(thread, NULL);
    assert_rv(C_GetSlotList(CK_TRUE, NULL, &(CK_ULONG){0}), CKR_CRYPTOKI_NOT_INITIALIZED);
}

static void a_forked_child_starts_uninitialised(void **state) {
    (void)state;
    pid_t child = fork();
    if (child == 0) {
        CK_SESSION_INFO info;
        bool good = C_GetSessionInfo(session, &info) == CKR_CRYPTOKI_NOT_INITIALIZED &&
                    C_Initialize(NULL) == CKR_OK &&
                    C_GetSessionInfo(session, &info) == CKR_SESSION_HANDLE_INVALID &&
                    C_Finalize(NULL) == CKR_OK;
        _exit(good ? 0 : 1);
    }
    int status = -1;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    assert_rv(sign(logged_in_key()), CKR_OK); /* the parent goes on */
}

static void every_call_wants_initialisation_first(void **state) {
    (void)state;
    assert_rv(C_Finalize(NULL), CKR_OK);
    assert_rv(C_Finalize(NULL), CKR_CRYPTOKI_NOT_INITIALIZED);
    CK_INFO info;
    assert_rv(C_GetInfo(&info), CKR_CRYPTOKI_NOT_INITIALIZED);
    assert_rv(C_CopyObject(1, 1, NULL, 0, NULL), CKR_CRYPTOKI_NOT_INITIALIZED);
    CK_C_INITIALIZE_ARGS args = {.flags = CKF_OS_LOCKING_OK, .pReserved = &info};
    assert_rv(C_Initialize(&args), CKR_ARGUMENTS_BAD);
    args.pReserved = NULL;
    assert_rv(C_Initialize(&args), CKR_OK);
    assert_rv(C_Initialize(&args), CKR_CRYPTOKI_ALREADY_INITIALIZED);
    assert_rv(C_CopyObject(1, 1, NULL, 0, NULL), CKR_SESSION_HANDLE_INVALID);
}

static void a_transaction_lasts_one_call(void **state) {
    (void)state;
    CK_OBJECT_HANDLE key = logged_in_key();
    unsigned before = fake_card.transactions;
    assert_rv(sign(key), CKR_OK);
    assert_false(fake_card.in_transaction);
    assert_int_equal(fake_card.transactions, before + 1);
}

static void interfaces_are_complete(void **state) {
    (void)state;
    CK_ULONG count = 0;
    CK_INTERFACE list[8], *interface;
    CK_FUNCTION_LIST *functions;
    CK_VERSION v3_0 = {3, 0}, v9 = {9, 9};
    assert_rv(C_GetInterfaceList(NULL, &count), CKR_OK);
    assert_int_equal(count, 4);
    assert_rv(C_GetInterfaceList(list, &count), CKR_OK);
    assert_rv(C_GetInterface(NULL, NULL, &interface, 0), CKR_OK);
    const CK_FUNCTION_LIST_3_2 *newest = interface->pFunctionList;
    assert_int_equal(newest->version.major, 3);
    assert_int_equal(newest->version.minor, 2);
    const void *const *entries = (const void *const *)&newest->C_Initialize;
    size_t entry_count =
        (sizeof(*newest) - offsetof(CK_FUNCTION_LIST_3_2, C_Initialize)) / sizeof(void *);
    for (size_t i = 0; i < entry_count; i++) {
        assert_non_null(entries[i]);
    }
    assert_rv(C_GetInterface(NULL, &v3_0, &interface, 0), CKR_OK);
    assert_int_equal(((const CK_VERSION *)interface->pFunctionList)->minor, 0);
    assert_rv(C_GetInterface(NULL, &v9, &interface, 0), CKR_FUNCTION_FAILED);
    assert_rv(C_GetFunctionList(&functions), CKR_OK);
    assert_int_equal(functions->version.minor, 40);
    assert_ptr_equal(functions->C_Sign, newest->C_Sign);
}

static void device_info_has_the_whole_serial(void **state) {
    (void)state;
    CK_INTERFACE *interface;
    CK_UTF8CHAR name[] = "OpenUKey";
    CK_OPENUKEY_DEVICE_INFO info;
    CK_TOKEN_INFO token;
    assert_rv(C_GetInterface(name, NULL, &interface, 0), CKR_OK);
    const CK_OPENUKEY_FUNCTIONS *vendor = interface->pFunctionList;
    assert_rv(vendor->GetDeviceInfo(0, &info), CKR_OK);
    assert_string_equal(info.serial, "00112233445566778899AABBCCDDEEFF");
    assert_int_equal(info.userTries, 10);
    assert_rv(vendor->GetDeviceInfo(7, &info), CKR_SLOT_ID_INVALID);
    assert_rv(vendor->SetOption("pcsc", "off"), CKR_CRYPTOKI_ALREADY_INITIALIZED);
    assert_rv(vendor->SetOption("pcsc", "perhaps"), CKR_ARGUMENTS_BAD);
    assert_rv(C_GetTokenInfo(0, &token), CKR_OK);
    assert_memory_equal(token.serialNumber, "8899AABBCCDDEEFF", 16);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_open, fixture_close)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(removal_is_told_once_then_the_session_is_gone),
        TEST(a_key_put_in_again_starts_logged_out),
        TEST(another_key_with_the_same_reader_is_not_taken_for_the_first),
        TEST(login_survives_a_foreign_reset_without_asking),
        TEST(login_is_not_restored_with_the_last_try),
        TEST(a_pin_changed_elsewhere_costs_one_try_and_logs_out),
        TEST(the_cards_login_of_another_program_is_not_ours),
        TEST(pin_flags_tell_how_many_tries_are_left),
        TEST(pins_are_changed_and_reset),
        TEST(security_officer_and_read_only_sessions_exclude_each_other),
        TEST(closing_the_last_session_logs_out_on_the_card),
        TEST(sessions_are_unbounded_and_their_handles_never_return),
        TEST(slot_events_are_told_once),
        TEST(finalize_ends_a_blocked_wait),
        TEST(a_forked_child_starts_uninitialised),
        TEST(every_call_wants_initialisation_first),
        TEST(a_transaction_lasts_one_call),
        TEST(interfaces_are_complete),
        TEST(device_info_has_the_whole_serial),
    };
    int failed = cmocka_run_group_tests_name("life", tests, NULL, NULL);
    fake_card_free();
    return failed;
}
