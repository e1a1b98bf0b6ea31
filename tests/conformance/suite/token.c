/* 5.5.7 - 5.5.9: PINs are changed and changed back; last of all the token is initialised anew. */
#include "tests/conformance/suite/suite.h"

#include <stdio.h>
#include <string.h>

#define CHECK(name) static void name(const struct rule *rule __attribute__((unused)))

static CK_UTF8CHAR old_pin[64], new_pin[64] = "2468135";
static CK_ULONG old_len, new_len = 7;

static void pins(void) {
    old_len = (CK_ULONG)snprintf((char *)old_pin, sizeof(old_pin), "%s", setting.pin);
}

CHECK(set_user) {
    pins();
    CK_SESSION_HANDLE session = user_session();
    OK(p11.C_SetPIN(session, old_pin, old_len, new_pin, new_len));
    OK(p11.C_Logout(session));
    CK_RV with_old = p11.C_Login(session, CKU_USER, old_pin, old_len);
    CK_RV with_new = p11.C_Login(session, CKU_USER, new_pin, new_len);
    OK(p11.C_SetPIN(session, new_pin, new_len, old_pin, old_len));
    expect_rv(with_old, CKR_PIN_INCORRECT, "C_Login(");
    expect_rv(with_new, CKR_OK, "C_Login(");
}
CHECK(set_public) {
    pins();
    CK_SESSION_HANDLE session = read_write();
    OK(p11.C_SetPIN(session, old_pin, old_len, new_pin, new_len));
    OK(p11.C_SetPIN(session, new_pin, new_len, old_pin, old_len));
    login_user(session);
}
CHECK(set_wrong) {
    pins();
    CK_SESSION_HANDLE session = user_session();
    EXPECT(CKR_PIN_INCORRECT, p11.C_SetPIN(session, new_pin, new_len, new_pin, new_len));
    OK(p11.C_CloseSession(session));
    user_session();
}
CHECK(set_length) {
    pins();
    CK_UTF8CHAR longest[512];
    memset(longest, '1', sizeof(longest));
    CK_TOKEN_INFO info = token_info();
    CK_SESSION_HANDLE session = user_session();
    if (info.ulMinPinLen > 0) {
        ONE_OF(p11.C_SetPIN(session, old_pin, old_len, new_pin, info.ulMinPinLen - 1),
               CKR_PIN_LEN_RANGE, CKR_PIN_INVALID);
    }
    if (info.ulMaxPinLen < sizeof(longest)) {
        ONE_OF(p11.C_SetPIN(session, old_pin, old_len, longest, info.ulMaxPinLen + 1),
               CKR_PIN_LEN_RANGE, CKR_PIN_INVALID);
    }
}
CHECK(set_read_only) {
    pins();
    EXPECT(CKR_SESSION_READ_ONLY, p11.C_SetPIN(read_only(), old_pin, old_len, new_pin, new_len));
}
CHECK(set_bad) {
    pins();
    initialize();
    EXPECT(CKR_SESSION_HANDLE_INVALID,
           p11.C_SetPIN(CK_INVALID_HANDLE, old_pin, old_len, new_pin, new_len));
}
CHECK(set_officer) {
    pins();
    CK_SESSION_HANDLE session = officer_session();
    CK_UTF8CHAR so_pin[64], other[64];
    CK_ULONG len = (CK_ULONG)snprintf((char *)so_pin, sizeof(so_pin), "%s", setting.so_pin);
    memcpy(other, so_pin, len);
    other[0] = other[0] == '7' ? '8' : '7';
    OK(p11.C_SetPIN(session, so_pin, len, other, len));
    OK(p11.C_Logout(session));
    CK_RV rv = p11.C_Login(session, CKU_SO, other, len);
    OK(p11.C_SetPIN(session, other, len, so_pin, len));
    expect_rv(rv, CKR_OK, "C_Login(");
}

CHECK(init_pin_user) {
    pins();
    EXPECT(CKR_USER_NOT_LOGGED_IN, p11.C_InitPIN(user_session(), old_pin, old_len));
}
CHECK(init_pin_nobody) {
    pins();
    EXPECT(CKR_USER_NOT_LOGGED_IN, p11.C_InitPIN(read_write(), old_pin, old_len));
}
CHECK(init_pin_officer) {
    pins();
    CK_SESSION_HANDLE session = officer_session();
    OK(p11.C_InitPIN(session, new_pin, new_len));
    OK(p11.C_Logout(session));
    CK_RV rv = p11.C_Login(session, CKU_USER, new_pin, new_len);
    if (rv == CKR_OK) {
        OK(p11.C_SetPIN(session, new_pin, new_len, old_pin, old_len));
    }
    expect_rv(rv, CKR_OK, "C_Login(");
}

CHECK(init_session_exists) {
    CK_UTF8CHAR so_pin[64], label[32];
    memset(label, ' ', sizeof(label));
    if (setting.so_pin == NULL || !setting.may_initialize) {
        rule_not_applicable("the token may not be initialised (no --initialize)");
    }
    CK_ULONG len = (CK_ULONG)snprintf((char *)so_pin, sizeof(so_pin), "%s", setting.so_pin);
    CK_SLOT_ID slot = the_slot();
    read_only();
    EXPECT(CKR_SESSION_EXISTS, p11.C_InitToken(slot, so_pin, len, label));
}
CHECK(init_wrong) {
    CK_UTF8CHAR so_pin[64], label[32];
    memset(label, ' ', sizeof(label));
    if (setting.so_pin == NULL || !setting.may_initialize) {
        rule_not_applicable("the token may not be initialised (no --initialize)");
    }
    CK_ULONG len = (CK_ULONG)snprintf((char *)so_pin, sizeof(so_pin), "%s", setting.so_pin);
    so_pin[0] ^= 1;
    EXPECT(CKR_PIN_INCORRECT, p11.C_InitToken(the_slot(), so_pin, len, label));
    officer_session();
}
CHECK(init_all) {
    CK_UTF8CHAR so_pin[64], label[32];
    CK_TOKEN_INFO info;
    CK_OBJECT_HANDLE found;
    memset(label, ' ', sizeof(label));
    memcpy(label, "new name", 8);
    if (setting.so_pin == NULL || !setting.may_initialize) {
        rule_not_applicable("the token may not be initialised (no --initialize)");
    }
    CK_SLOT_ID slot = the_slot();
    make_data(user_session(), true, false);
    OK(p11.C_CloseAllSessions(slot));
    CK_ULONG len = (CK_ULONG)snprintf((char *)so_pin, sizeof(so_pin), "%s", setting.so_pin);
    OK(p11.C_InitToken(slot, so_pin, len, label));
    /* some modules move a token that was initialised to another slot */
    setting.label = "new name";
    slot = the_slot();
    OK(p11.C_GetTokenInfo(slot, &info));
    HOLDS(memcmp(info.label, label, 32) == 0, "the label is the new one");
    HOLDS((info.flags & CKF_TOKEN_INITIALIZED) != 0, "CKF_TOKEN_INITIALIZED is set");
    HOLDS((info.flags & CKF_USER_PIN_INITIALIZED) == 0, "the user has no PIN yet");
    /* all but those that cannot be destroyed (profiles) */
    CK_ATTRIBUTE destroyable = {CKA_DESTROYABLE, &yes, sizeof(yes)};
    HOLDS(find_all(read_only(), &destroyable, 1, &found, 1) == 0, "all objects are gone");
    OK(p11.C_CloseAllSessions(slot));
    CK_SESSION_HANDLE session = officer_session();
    pins();
    OK(p11.C_InitPIN(session, old_pin, old_len));
    OK(p11.C_Logout(session));
    login_user(session);
}

/* clang-format off */
static const struct rule table[] = {
    {"5.5.9", "C_SetPIN", "the user's new PIN is taken, the old one is wrong from then on", set_user, NULL},
    {"5.5.9", "C_SetPIN", "in a public session changes the user's PIN", set_public, NULL},
    {"5.5.9", "C_SetPIN", "a wrong old PIN: CKR_PIN_INCORRECT", set_wrong, NULL},
    {"5.5.9", "C_SetPIN", "too short or too long: CKR_PIN_LEN_RANGE", set_length, NULL},
    {"5.5.9", "C_SetPIN", "not by a read-only session: CKR_SESSION_READ_ONLY", set_read_only, NULL},
    {"5.5.9", "C_SetPIN", "no such session: CKR_SESSION_HANDLE_INVALID", set_bad, NULL},
    {"5.5.9", "C_SetPIN", "in the officer's session changes the officer's PIN", set_officer, NULL},
    {"5.5.8", "C_InitPIN", "by the user: CKR_USER_NOT_LOGGED_IN", init_pin_user, NULL},
    {"5.5.8", "C_InitPIN", "by nobody: CKR_USER_NOT_LOGGED_IN", init_pin_nobody, NULL},
    {"5.5.8", "C_InitPIN", "by the officer gives the user a PIN", init_pin_officer, NULL},
    {"5.5.7", "C_InitToken", "while a session is open: CKR_SESSION_EXISTS", init_session_exists, NULL},
    {"5.5.7", "C_InitToken", "a wrong officer's PIN: CKR_PIN_INCORRECT", init_wrong, NULL},
    {"5.5.7", "C_InitToken", "destroys all objects; the label is new, the user has no PIN until C_InitPIN", init_all, NULL},
};
/* clang-format on */
RULE_LIST(token_rules, table);
