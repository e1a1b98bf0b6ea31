/* 5.6.8 - 5.6.10: who is logged in. Wrong PINs are given once, and a right one after each. */
#include "tests/conformance/suite/suite.h"

#include <stdio.h>
#include <string.h>

#define CHECK(name) static void name(const struct rule *rule __attribute__((unused)))

static CK_UTF8CHAR pin[64];
static CK_ULONG pin_len;

static void right_pin(void) {
    pin_len = (CK_ULONG)snprintf((char *)pin, sizeof(pin), "%s", setting.pin);
}
static void wrong_pin(void) {
    right_pin();
    pin[pin_len - 1] = pin[pin_len - 1] == '9' ? '8' : '9';
}

CHECK(login_states) {
    CK_SESSION_HANDLE ro = read_only(), rw = read_write();
    login_user(ro);
    HOLDS(state_of(ro) == CKS_RO_USER_FUNCTIONS && state_of(rw) == CKS_RW_USER_FUNCTIONS,
          "the login holds for all sessions with the token");
}
CHECK(login_twice) {
    CK_SESSION_HANDLE session = user_session();
    right_pin();
    EXPECT(CKR_USER_ALREADY_LOGGED_IN, p11.C_Login(session, CKU_USER, pin, pin_len));
}
CHECK(login_wrong) {
    CK_SESSION_HANDLE session = read_write();
    wrong_pin();
    EXPECT(CKR_PIN_INCORRECT, p11.C_Login(session, CKU_USER, pin, pin_len));
    HOLDS(state_of(session) == CKS_RW_PUBLIC_SESSION, "a wrong PIN logs nobody in");
    login_user(session);
}
CHECK(login_wrong_counts) {
    CK_SESSION_HANDLE session = read_write();
    wrong_pin();
    EXPECT(CKR_PIN_INCORRECT, p11.C_Login(session, CKU_USER, pin, pin_len));
    CK_FLAGS after = token_info().flags;
    login_user(session);
    CK_FLAGS healed = token_info().flags;
    HOLDS((after & CKF_USER_PIN_COUNT_LOW) != 0,
          "CKF_USER_PIN_COUNT_LOW is set since a wrong PIN was given");
    HOLDS((healed & CKF_USER_PIN_COUNT_LOW) == 0, "the right PIN clears it");
}
CHECK(login_type) {
    CK_SESSION_HANDLE session = read_write();
    right_pin();
    EXPECT(CKR_USER_TYPE_INVALID, p11.C_Login(session, 99, pin, pin_len));
}
CHECK(login_bad_session) {
    initialize();
    right_pin();
    EXPECT(CKR_SESSION_HANDLE_INVALID, p11.C_Login(0x7FFFFFF1, CKU_USER, pin, pin_len));
}
CHECK(login_null) {
    CK_SESSION_HANDLE session = read_write();
    if ((token_info().flags & CKF_PROTECTED_AUTHENTICATION_PATH) != 0) {
        rule_not_applicable("the token asks for the PIN itself");
    }
    ONE_OF(p11.C_Login(session, CKU_USER, NULL, 6), CKR_ARGUMENTS_BAD, CKR_PIN_INCORRECT);
}
CHECK(login_context) {
    CK_SESSION_HANDLE session = user_session();
    right_pin();
    EXPECT(CKR_OPERATION_NOT_INITIALIZED, p11.C_Login(session, CKU_CONTEXT_SPECIFIC, pin, pin_len));
}
CHECK(login_officer) {
    HOLDS(state_of(officer_session()) == CKS_RW_SO_FUNCTIONS,
          "the officer's session is CKS_RW_SO_FUNCTIONS");
}
CHECK(login_officer_read_only) {
    CK_UTF8CHAR so_pin[64];
    if (setting.so_pin == NULL) {
        rule_not_applicable("the PIN of the security officer is not known");
    }
    snprintf((char *)so_pin, sizeof(so_pin), "%s", setting.so_pin);
    CK_SESSION_HANDLE session = read_write();
    read_only();
    EXPECT(CKR_SESSION_READ_ONLY_EXISTS,
           p11.C_Login(session, CKU_SO, so_pin, strlen(setting.so_pin)));
}
CHECK(login_other) {
    CK_SESSION_HANDLE session = officer_session();
    right_pin();
    EXPECT(CKR_USER_ANOTHER_ALREADY_LOGGED_IN, p11.C_Login(session, CKU_USER, pin, pin_len));
}
CHECK(login_officer_sees_no_private) {
    CK_OBJECT_HANDLE object;
    CK_ATTRIBUTE private[] = {ATTRIBUTE(CKA_PRIVATE, yes)};
    HOLDS(find_all(officer_session(), private, 1, &object, 1) == 0,
          "private objects are the user's, not the officer's");
}

CHECK(login_user_call) {
    NEED(C_LoginUser);
    CK_SESSION_HANDLE session = read_write();
    right_pin();
    CK_RV rv = p11.C_LoginUser(session, CKU_USER, pin, pin_len, NULL, 0);
    OK(rv);
    HOLDS(state_of(session) == CKS_RW_USER_FUNCTIONS, "C_LoginUser logs in");
    EXPECT(CKR_USER_ALREADY_LOGGED_IN, p11.C_LoginUser(session, CKU_USER, pin, pin_len, NULL, 0));
}
CHECK(login_user_wrong) {
    NEED(C_LoginUser);
    CK_SESSION_HANDLE session = read_write();
    wrong_pin();
    EXPECT(CKR_PIN_INCORRECT, p11.C_LoginUser(session, CKU_USER, pin, pin_len, NULL, 0));
    login_user(session);
}

CHECK(logout_states) {
    CK_SESSION_HANDLE session = user_session(), other = read_only();
    OK(p11.C_Logout(session));
    HOLDS(state_of(session) == CKS_RW_PUBLIC_SESSION && state_of(other) == CKS_RO_PUBLIC_SESSION,
          "all sessions are public again");
}
CHECK(logout_nobody) {
    EXPECT(CKR_USER_NOT_LOGGED_IN, p11.C_Logout(read_write()));
}
CHECK(logout_bad) {
    initialize();
    EXPECT(CKR_SESSION_HANDLE_INVALID, p11.C_Logout(CK_INVALID_HANDLE));
}
CHECK(logout_private_handles) {
    CK_SESSION_HANDLE session = user_session();
    CK_OBJECT_HANDLE key = any_object(session, CKO_PRIVATE_KEY);
    OK(p11.C_Logout(session));
    HOLDS(!exists(session, key), "handles of private objects are invalid after the logout");
    login_user(session);
    HOLDS(!exists(session, key), "and stay so after another login");
}
CHECK(logout_destroys_private_session_objects) {
    CK_SESSION_HANDLE session = user_session();
    CK_OBJECT_HANDLE object = make_data(session, false, true);
    OK(p11.C_Logout(session));
    HOLDS(!exists(session, object), "private session objects are destroyed");
    login_user(session);
    CK_OBJECT_HANDLE found;
    CK_ATTRIBUTE template[] = {TEXT(CKA_LABEL, "conformance"), ATTRIBUTE(CKA_TOKEN, no)};
    HOLDS(find_all(session, template, 2, &found, 1) == 0, "they do not come back");
}
CHECK(logout_keeps_public_objects) {
    CK_SESSION_HANDLE session = user_session();
    CK_OBJECT_HANDLE object = make_data(session, false, false);
    OK(p11.C_Logout(session));
    HOLDS(exists(session, object), "public session objects stay");
}

/* clang-format off */
static const struct rule table[] = {
    {"5.6.8", "C_Login", "one login is a login of all sessions with the token", login_states, NULL},
    {"5.6.8", "C_Login", "logged in already: CKR_USER_ALREADY_LOGGED_IN", login_twice, NULL},
    {"5.6.8", "C_Login", "a wrong PIN: CKR_PIN_INCORRECT, nobody logged in", login_wrong, NULL},
    {"5.6.8", "C_Login", "a wrong PIN sets CKF_USER_PIN_COUNT_LOW, the right one clears it", login_wrong_counts, NULL},
    {"5.6.8", "C_Login", "no such user type: CKR_USER_TYPE_INVALID", login_type, NULL},
    {"5.6.8", "C_Login", "no such session: CKR_SESSION_HANDLE_INVALID", login_bad_session, NULL},
    {"5.6.8", "C_Login", "NULL PIN without protected path fails", login_null, NULL},
    {"5.6.8", "C_Login", "CKU_CONTEXT_SPECIFIC without operation: CKR_OPERATION_NOT_INITIALIZED", login_context, NULL},
    {"5.6.8", "C_Login", "the officer's state is CKS_RW_SO_FUNCTIONS", login_officer, NULL},
    {"5.6.8", "C_Login", "the officer beside a read-only session: CKR_SESSION_READ_ONLY_EXISTS", login_officer_read_only, NULL},
    {"5.6.8", "C_Login", "the user beside the officer: CKR_USER_ANOTHER_ALREADY_LOGGED_IN", login_other, NULL},
    {"5.6.8", "C_Login", "the officer sees no private objects", login_officer_sees_no_private, NULL},
    {"5.6.9", "C_LoginUser", "logs in as C_Login does", login_user_call, NULL},
    {"5.6.9", "C_LoginUser", "a wrong PIN: CKR_PIN_INCORRECT", login_user_wrong, NULL},
    {"5.6.10", "C_Logout", "all sessions become public", logout_states, NULL},
    {"5.6.10", "C_Logout", "nobody logged in: CKR_USER_NOT_LOGGED_IN", logout_nobody, NULL},
    {"5.6.10", "C_Logout", "no such session: CKR_SESSION_HANDLE_INVALID", logout_bad, NULL},
    {"5.6.10", "C_Logout", "handles of private objects become invalid for ever", logout_private_handles, NULL},
    {"5.6.10", "C_Logout", "private session objects are destroyed", logout_destroys_private_session_objects, NULL},
    {"5.6.10", "C_Logout", "public session objects stay", logout_keeps_public_objects, NULL},
};
/* clang-format on */
RULE_LIST(login_rules, table);
