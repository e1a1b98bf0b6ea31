/* pin-entry = dialog: the person is asked by pinentry, here a script that answers from a file. */
#include "session_fixture.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char folder[] = "/tmp/openukey-pin-dialog-XXXXXX";
static char program[64], answers[64], heard[64];

/* Speaks Assuan: answers GETPIN with the next line of `answers` (none: cancelled; "-": silence), notes what it was told. */
static void write_program(void) {
    FILE *file = fopen(program, "we");
    assert_non_null(file);
    fprintf(file,
            "#!/bin/sh\n"
            "echo 'OK ready'\n"
            "while read -r line; do\n"
            "    echo \"$line\" >> %s\n"
            "    case $line in\n"
            "    GETPIN)\n"
            "        answer=$(head -n 1 %s)\n"
            "        sed -i 1d %s\n"
            "        case $answer in\n"
            "        '') echo 'ERR 83886179 Operation cancelled <Pinentry>' ;;\n"
            "        -) sleep 600 ;;\n"
            "        *) echo \"D $answer\"; echo OK ;;\n"
            "        esac ;;\n"
            "    BYE) echo OK; exit ;;\n"
            "    *) echo OK ;;\n"
            "    esac\n"
            "done\n",
            heard, answers, answers);
    assert_int_equal(fclose(file), 0);
    assert_int_equal(chmod(program, 0700), 0);
}

static void answer_with(const char *lines) {
    FILE *file = fopen(answers, "we");
    assert_non_null(file);
    fputs(lines, file);
    assert_int_equal(fclose(file), 0);
    unlink(heard);
}

static bool was_told(const char *what) {
    char line[1024];
    bool found = false;
    FILE *file = fopen(heard, "re");
    while (file != NULL && !found && fgets(line, sizeof(line), file) != NULL) {
        found = strstr(line, what) != NULL;
    }
    if (file != NULL) {
        fclose(file);
    }
    return found;
}

static int dialog_open(void **state) {
    CK_INTERFACE *interface;
    CK_UTF8CHAR name[] = "OpenUKey";
    CK_SLOT_ID slot;
    CK_ULONG count = 1;
    if (fixture_open(state) != 0 || C_Finalize(NULL) != CKR_OK ||
        C_GetInterface(name, NULL, &interface, 0) != CKR_OK) {
        return -1;
    }
    const CK_OPENUKEY_FUNCTIONS *vendor = interface->pFunctionList;
    setenv("LC_ALL", "C", 1);
    return vendor->SetOption("pin-entry", "dialog") != CKR_OK ||
                   vendor->SetOption("pinentry", program) != CKR_OK ||
                   C_Initialize(NULL) != CKR_OK ||
                   C_GetSlotList(CK_TRUE, &slot, &count) != CKR_OK ||
                   C_OpenSession(slot, CKF_SERIAL_SESSION | CKF_RW_SESSION, NULL, NULL, &session) !=
                       CKR_OK
               ? -1
               : 0;
}

static void the_token_says_that_it_asks(void **state) {
    (void)state;
    CK_TOKEN_INFO info = {.flags = 0};
    assert_rv(C_GetTokenInfo(0, &info), CKR_OK);
    assert_true((info.flags & CKF_PROTECTED_AUTHENTICATION_PATH) != 0);
}

static void a_login_without_pin_asks_the_person(void **state) {
    (void)state;
    CK_SESSION_INFO info;
    answer_with("123456\n");
    unsigned before = fake_card.transactions;
    assert_rv(C_Login(session, CKU_USER, NULL, 0), CKR_OK);
    assert_int_equal(fake_card.transactions, before + 2); /* none lasts while the person types */
    assert_rv(C_GetSessionInfo(session, &info), CKR_OK);
    assert_int_equal(info.state, CKS_RW_USER_FUNCTIONS);
    assert_true(was_told("Fake key"));
    assert_true(was_told("00112233445566778899AABBCCDDEEFF"));
    assert_false(was_told("SETERROR"));
}

static void a_wrong_pin_is_told_and_the_next_window_counts(void **state) {
    (void)state;
    answer_with("999999\n");
    assert_rv(C_Login(session, CKU_USER, NULL, 0), CKR_PIN_INCORRECT);
    answer_with("123456\n");
    assert_rv(C_Login(session, CKU_USER, NULL, 0), CKR_OK);
    assert_true(was_told("SETERROR Tries left: 9"));
}

static void a_person_who_cancels_is_not_asked_again(void **state) {
    (void)state;
    answer_with("");
    assert_rv(C_Login(session, CKU_USER, NULL, 0), CKR_FUNCTION_CANCELED);
    assert_int_equal(fake_card.user_left, 10);
    assert_rv(C_Login(session, CKU_SO, NULL, 0), CKR_FUNCTION_CANCELED);
}

static void a_program_may_still_bring_the_pin(void **state) {
    (void)state;
    answer_with("");
    fixture_login();
    assert_false(was_told("GETPIN"));
}

static void new_pins_are_typed_twice(void **state) {
    (void)state;
    answer_with("123456\nabcdef\nabcdeg\nabcdef\nabcdef\n");
    assert_rv(C_SetPIN(session, NULL, 0, NULL, 0), CKR_OK);
    assert_string_equal(fake_card.user_pin, "abcdef");
    assert_true(was_told("SETERROR The two were different."));
    answer_with("abcdef\nx1\nx2\nx3\nx4\nx5\nx6\n");
    assert_rv(C_SetPIN(session, NULL, 0, NULL, 0), CKR_PIN_INVALID);
    assert_string_equal(fake_card.user_pin, "abcdef");
    answer_with("12345678\n");
    assert_rv(C_Login(session, CKU_SO, NULL, 0), CKR_OK);
    assert_true(was_told("Administrator PIN"));
    answer_with("fedcba\nfedcba\n");
    assert_rv(C_InitPIN(session, NULL, 0), CKR_OK);
    assert_string_equal(fake_card.user_pin, "fedcba");
}

static void a_missing_pinentry_is_an_error(void **state) {
    (void)state;
    CK_INTERFACE *interface;
    CK_UTF8CHAR name[] = "OpenUKey";
    assert_rv(C_Finalize(NULL), CKR_OK);
    assert_rv(C_GetInterface(name, NULL, &interface, 0), CKR_OK);
    const CK_OPENUKEY_FUNCTIONS *vendor = interface->pFunctionList;
    assert_rv(vendor->SetOption("pinentry", "pinentry"), CKR_ARGUMENTS_BAD); /* not by PATH */
    assert_rv(vendor->SetOption("pinentry", "/nonexistent/pinentry"), CKR_OK);
    assert_rv(C_Initialize(NULL), CKR_OK);
    assert_rv(C_OpenSession(0, CKF_SERIAL_SESSION, NULL, NULL, &session), CKR_OK);
    assert_rv(C_Login(session, CKU_USER, NULL, 0), CKR_FUNCTION_FAILED);
}

static void *finalize_once_asked(void *unused) {
    (void)unused;
    while (!was_told("GETPIN")) {
        usleep(10000);
    }
    C_Finalize(NULL);
    return NULL;
}

static void finalize_closes_the_window(void **state) {
    (void)state;
    pthread_t thread;
    answer_with("-\n");
    assert_int_equal(pthread_create(&thread, NULL, finalize_once_asked, NULL), 0);
    assert_rv(C_Login(session, CKU_USER, NULL, 0), CKR_FUNCTION_CANCELED);
    pthread_join(thread, NULL);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, dialog_open, fixture_close)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(the_token_says_that_it_asks),
        TEST(a_login_without_pin_asks_the_person),
        TEST(a_wrong_pin_is_told_and_the_next_window_counts),
        TEST(a_person_who_cancels_is_not_asked_again),
        TEST(a_program_may_still_bring_the_pin),
        TEST(new_pins_are_typed_twice),
        TEST(finalize_closes_the_window),
        TEST(a_missing_pinentry_is_an_error),
    };
    if (mkdtemp(folder) == NULL) {
        return 1;
    }
    snprintf(program, sizeof(program), "%s/pinentry", folder);
    snprintf(answers, sizeof(answers), "%s/answers", folder);
    snprintf(heard, sizeof(heard), "%s/heard", folder);
    write_program();
    int failed = cmocka_run_group_tests_name("pin dialog", tests, NULL, NULL);
    fake_card_free();
    unlink(program);
    unlink(answers);
    unlink(heard);
    rmdir(folder);
    return failed;
}
