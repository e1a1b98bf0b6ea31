/* 5.6: sessions, without login. */
#include "tests/conformance/suite/suite.h"

#include <string.h>

#define CHECK(name) static void name(const struct rule *rule __attribute__((unused)))

CHECK(open_serial) {
    CK_SESSION_HANDLE session;
    EXPECT(CKR_SESSION_PARALLEL_NOT_SUPPORTED,
           p11.C_OpenSession(the_slot(), CKF_RW_SESSION, NULL, NULL, &session));
}
CHECK(open_bad) {
    CK_SESSION_HANDLE session;
    CK_SLOT_ID slot = the_slot();
    EXPECT(CKR_SLOT_ID_INVALID,
           p11.C_OpenSession(0xFFFFFFF0, CKF_SERIAL_SESSION, NULL, NULL, &session));
    EXPECT(CKR_ARGUMENTS_BAD, p11.C_OpenSession(slot, CKF_SERIAL_SESSION, NULL, NULL, NULL));
}
CHECK(open_handles) {
    CK_SESSION_HANDLE a = read_only(), b = read_only(), c = read_write();
    HOLDS(a != CK_INVALID_HANDLE && b != CK_INVALID_HANDLE && c != CK_INVALID_HANDLE,
          "no session has the handle CK_INVALID_HANDLE");
    HOLDS(a != b && b != c && a != c, "each session has a handle of its own");
}
CHECK(open_states) {
    HOLDS(state_of(read_only()) == CKS_RO_PUBLIC_SESSION, "a read-only session begins public");
    HOLDS(state_of(read_write()) == CKS_RW_PUBLIC_SESSION, "a read-write session begins public");
}
CHECK(open_many) {
    CK_SESSION_HANDLE session;
    CK_TOKEN_INFO info = token_info();
    CK_ULONG count = 300;
    if (info.ulMaxSessionCount != CK_EFFECTIVELY_INFINITE &&
        info.ulMaxSessionCount != CK_UNAVAILABLE_INFORMATION && info.ulMaxSessionCount < count) {
        count = info.ulMaxSessionCount;
    }
    for (CK_ULONG i = 0; i < count; i++) {
        OK(p11.C_OpenSession(the_slot(), CKF_SERIAL_SESSION | CKF_RW_SESSION, NULL, NULL,
                             &session));
    }
}
CHECK(open_inherits_login) {
    user_session();
    HOLDS(state_of(read_only()) == CKS_RO_USER_FUNCTIONS,
          "a session opened after the login is logged in");
    HOLDS(state_of(read_write()) == CKS_RW_USER_FUNCTIONS,
          "a session opened after the login is logged in");
}
CHECK(open_read_only_beside_officer) {
    CK_SESSION_HANDLE session;
    officer_session();
    EXPECT(CKR_SESSION_READ_WRITE_SO_EXISTS,
           p11.C_OpenSession(the_slot(), CKF_SERIAL_SESSION, NULL, NULL, &session));
}

CHECK(close_handle) {
    CK_SESSION_INFO info;
    CK_SESSION_HANDLE a = read_only(), b = read_only();
    OK(p11.C_CloseSession(a));
    EXPECT(CKR_SESSION_HANDLE_INVALID, p11.C_CloseSession(a));
    EXPECT(CKR_SESSION_HANDLE_INVALID, p11.C_GetSessionInfo(a, &info));
    OK(p11.C_GetSessionInfo(b, &info));
}
CHECK(close_bad) {
    initialize();
    EXPECT(CKR_SESSION_HANDLE_INVALID, p11.C_CloseSession(CK_INVALID_HANDLE));
    EXPECT(CKR_SESSION_HANDLE_INVALID, p11.C_CloseSession(0x7FFFFFF1));
}
CHECK(close_last_logs_out) {
    CK_SESSION_HANDLE session = user_session();
    OK(p11.C_CloseSession(session));
    HOLDS(state_of(read_write()) == CKS_RW_PUBLIC_SESSION,
          "closing the last session logs the user out");
}
CHECK(close_other_keeps_login) {
    CK_SESSION_HANDLE session = user_session(), other = read_only();
    OK(p11.C_CloseSession(session));
    HOLDS(state_of(other) == CKS_RO_USER_FUNCTIONS, "the login stays as long as a session is open");
}
CHECK(close_destroys_objects) {
    CK_SESSION_HANDLE stays = user_session(), session = read_write();
    CK_OBJECT_HANDLE object = make_data(session, false, false);
    HOLDS(exists(stays, object), "a session object is seen by the application's other sessions");
    OK(p11.C_CloseSession(session));
    HOLDS(!exists(stays, object), "closing a session destroys the objects made in it");
}
CHECK(close_keeps_others_objects) {
    CK_SESSION_HANDLE stays = user_session(), session = read_write();
    CK_OBJECT_HANDLE object = make_data(stays, false, false);
    OK(p11.C_CloseSession(session));
    HOLDS(exists(stays, object), "closing a session leaves other sessions' objects alone");
}
CHECK(close_keeps_token_objects) {
    CK_SESSION_HANDLE stays = user_session(), session = read_write();
    CK_OBJECT_HANDLE object = make_data(session, true, false);
    OK(p11.C_CloseSession(session));
    bool there = exists(stays, object);
    if (there) {
        OK(p11.C_DestroyObject(stays, object));
    }
    HOLDS(there, "token objects outlive the session");
}

CHECK(close_all) {
    CK_SESSION_INFO info;
    CK_SESSION_HANDLE a = user_session(), b = read_only();
    OK(p11.C_CloseAllSessions(the_slot()));
    EXPECT(CKR_SESSION_HANDLE_INVALID, p11.C_GetSessionInfo(a, &info));
    EXPECT(CKR_SESSION_HANDLE_INVALID, p11.C_GetSessionInfo(b, &info));
    HOLDS(state_of(read_write()) == CKS_RW_PUBLIC_SESSION, "C_CloseAllSessions logs out");
}
CHECK(close_all_bad) {
    initialize();
    EXPECT(CKR_SLOT_ID_INVALID, p11.C_CloseAllSessions(0xFFFFFFF0));
}
CHECK(close_all_none) {
    OK(p11.C_CloseAllSessions(the_slot()));
}

CHECK(info_fields) {
    CK_SESSION_INFO info;
    CK_SESSION_HANDLE session = read_write(), other = read_only();
    OK(p11.C_GetSessionInfo(session, &info));
    HOLDS(info.slotID == the_slot(), "slotID is the token's slot");
    HOLDS((info.flags & (CKF_SERIAL_SESSION | CKF_RW_SESSION)) ==
              (CKF_SERIAL_SESSION | CKF_RW_SESSION),
          "a read-write session has both flags");
    OK(p11.C_GetSessionInfo(other, &info));
    HOLDS((info.flags & CKF_SERIAL_SESSION) != 0 && (info.flags & CKF_RW_SESSION) == 0,
          "a read-only session has CKF_SERIAL_SESSION alone");
}
CHECK(info_bad) {
    CK_SESSION_INFO info;
    CK_SESSION_HANDLE session = read_only();
    EXPECT(CKR_SESSION_HANDLE_INVALID, p11.C_GetSessionInfo(CK_INVALID_HANDLE, &info));
    EXPECT(CKR_ARGUMENTS_BAD, p11.C_GetSessionInfo(session, NULL));
}

CHECK(cancel_find) {
    NEED(C_SessionCancel);
    CK_OBJECT_HANDLE object;
    CK_ULONG count;
    CK_SESSION_HANDLE session = read_only();
    OK(p11.C_FindObjectsInit(session, NULL, 0));
    OK(p11.C_SessionCancel(session, CKF_FIND_OBJECTS));
    EXPECT(CKR_OPERATION_NOT_INITIALIZED, p11.C_FindObjects(session, &object, 1, &count));
    OK(p11.C_FindObjectsInit(session, NULL, 0));
}
CHECK(cancel_digest) {
    NEED(C_SessionCancel);
    CK_BYTE data[3] = {1, 2, 3};
    CK_MECHANISM mechanism = {CKM_SHA256, NULL, 0};
    CK_SESSION_HANDLE session = read_only();
    if (!has_mechanism(CKM_SHA256, CKF_DIGEST)) {
        rule_not_applicable("no CKM_SHA256");
    }
    OK(p11.C_DigestInit(session, &mechanism));
    OK(p11.C_SessionCancel(session, CKF_DIGEST));
    EXPECT(CKR_OPERATION_NOT_INITIALIZED, p11.C_DigestUpdate(session, data, 3));
}
CHECK(cancel_others_stay) {
    NEED(C_SessionCancel);
    CK_BYTE data[3] = {1, 2, 3};
    CK_MECHANISM mechanism = {CKM_SHA256, NULL, 0};
    CK_SESSION_HANDLE session = read_only();
    if (!has_mechanism(CKM_SHA256, CKF_DIGEST)) {
        rule_not_applicable("no CKM_SHA256");
    }
    OK(p11.C_DigestInit(session, &mechanism));
    OK(p11.C_FindObjectsInit(session, NULL, 0));
    OK(p11.C_SessionCancel(session, CKF_FIND_OBJECTS));
    OK(p11.C_DigestUpdate(session, data, 3));
}
CHECK(cancel_nothing) {
    NEED(C_SessionCancel);
    OK(p11.C_SessionCancel(read_only(), CKF_SIGN | CKF_DIGEST));
}
CHECK(cancel_bad) {
    NEED(C_SessionCancel);
    initialize();
    EXPECT(CKR_SESSION_HANDLE_INVALID, p11.C_SessionCancel(CK_INVALID_HANDLE, CKF_SIGN));
}

/* ---- operation state ---- */

static CK_SESSION_HANDLE digesting(CK_BYTE *first, CK_ULONG len) {
    CK_MECHANISM mechanism = {CKM_SHA256, NULL, 0};
    CK_SESSION_HANDLE session = read_only();
    if (!has_mechanism(CKM_SHA256, CKF_DIGEST)) {
        rule_not_applicable("no CKM_SHA256");
    }
    OK(p11.C_DigestInit(session, &mechanism));
    OK(p11.C_DigestUpdate(session, first, len));
    return session;
}
CHECK(state_roundtrip) {
    CK_BYTE part[5] = "abcde", state[4096], one[32], two[32];
    CK_ULONG len = 0, one_len = 32, two_len = 32;
    CK_SESSION_HANDLE session = digesting(part, 5), other = read_only();
    CK_RV rv = p11.C_GetOperationState(session, NULL, &len);
    if (rv == CKR_STATE_UNSAVEABLE) {
        rule_not_applicable("the state cannot be saved");
    }
    OK(rv);
    HOLDS(len > 0 && len <= sizeof(state), "the length of the state is told");
    CK_ULONG small = len - 1;
    EXPECT(CKR_BUFFER_TOO_SMALL, p11.C_GetOperationState(session, state, &small));
    OK(p11.C_GetOperationState(session, state, &len));
    OK(p11.C_SetOperationState(other, state, len, CK_INVALID_HANDLE, CK_INVALID_HANDLE));
    OK(p11.C_DigestUpdate(session, part, 5));
    OK(p11.C_DigestUpdate(other, part, 5));
    OK(p11.C_DigestFinal(session, one, &one_len));
    OK(p11.C_DigestFinal(other, two, &two_len));
    HOLDS(one_len == two_len && memcmp(one, two, one_len) == 0,
          "an operation goes on in another session where its state was saved");
}
CHECK(state_none) {
    CK_ULONG len = 0;
    EXPECT(CKR_OPERATION_NOT_INITIALIZED, p11.C_GetOperationState(read_only(), NULL, &len));
}
CHECK(state_invalid) {
    CK_BYTE state[40] = "this is no operation state of anybody's";
    EXPECT(CKR_SAVED_STATE_INVALID, p11.C_SetOperationState(read_only(), state, sizeof(state),
                                                            CK_INVALID_HANDLE, CK_INVALID_HANDLE));
}
CHECK(state_key_not_needed) {
    CK_BYTE part[5] = "abcde", state[4096];
    CK_ULONG len = sizeof(state);
    CK_SESSION_HANDLE session = digesting(part, 5);
    CK_OBJECT_HANDLE key = make_secret(session, CKK_GENERIC_SECRET, false);
    CK_RV rv = p11.C_GetOperationState(session, state, &len);
    if (rv == CKR_STATE_UNSAVEABLE) {
        rule_not_applicable("the state cannot be saved");
    }
    OK(rv);
    EXPECT(CKR_KEY_NOT_NEEDED,
           p11.C_SetOperationState(read_only(), state, len, key, CK_INVALID_HANDLE));
}

/* clang-format off */
static const struct rule table[] = {
    {"5.6.1", "C_OpenSession", "without CKF_SERIAL_SESSION: CKR_SESSION_PARALLEL_NOT_SUPPORTED", open_serial, NULL},
    {"5.6.1", "C_OpenSession", "no such slot: CKR_SLOT_ID_INVALID; NULL: CKR_ARGUMENTS_BAD", open_bad, NULL},
    {"5.6.1", "C_OpenSession", "handles differ and are never CK_INVALID_HANDLE", open_handles, NULL},
    {"5.6.1", "C_OpenSession", "sessions begin public where nobody is logged in", open_states, NULL},
    {"5.6.1", "C_OpenSession", "as many sessions as ulMaxSessionCount says (300 tried)", open_many, NULL},
    {"5.6.1", "C_OpenSession", "a new session has the login state of the others", open_inherits_login, NULL},
    {"5.6.1", "C_OpenSession", "no read-only session beside the officer's: CKR_SESSION_READ_WRITE_SO_EXISTS", open_read_only_beside_officer, NULL},
    {"5.6.2", "C_CloseSession", "the handle is no longer valid, others are", close_handle, NULL},
    {"5.6.2", "C_CloseSession", "no such session: CKR_SESSION_HANDLE_INVALID", close_bad, NULL},
    {"5.6.2", "C_CloseSession", "closing the last session logs out", close_last_logs_out, NULL},
    {"5.6.2", "C_CloseSession", "closing one of several sessions keeps the login", close_other_keeps_login, NULL},
    {"5.6.2", "C_CloseSession", "destroys the session's objects, which other sessions saw", close_destroys_objects, NULL},
    {"5.6.2", "C_CloseSession", "leaves the objects of other sessions", close_keeps_others_objects, NULL},
    {"5.6.2", "C_CloseSession", "leaves token objects", close_keeps_token_objects, NULL},
    {"5.6.3", "C_CloseAllSessions", "closes all sessions with the token and logs out", close_all, NULL},
    {"5.6.3", "C_CloseAllSessions", "no such slot: CKR_SLOT_ID_INVALID", close_all_bad, NULL},
    {"5.6.3", "C_CloseAllSessions", "is content with no session", close_all_none, NULL},
    {"5.6.4", "C_GetSessionInfo", "slot and flags are those of C_OpenSession", info_fields, NULL},
    {"5.6.4", "C_GetSessionInfo", "no such session: CKR_SESSION_HANDLE_INVALID; NULL: CKR_ARGUMENTS_BAD", info_bad, NULL},
    {"5.6.5", "C_SessionCancel", "ends a search", cancel_find, NULL},
    {"5.6.5", "C_SessionCancel", "ends the operations that its flags name", cancel_digest, NULL},
    {"5.6.5", "C_SessionCancel", "leaves the operations that its flags do not name", cancel_others_stay, NULL},
    {"5.6.5", "C_SessionCancel", "is content where nothing is active", cancel_nothing, NULL},
    {"5.6.5", "C_SessionCancel", "no such session: CKR_SESSION_HANDLE_INVALID", cancel_bad, NULL},
    {"5.6.6", "C_GetOperationState", "a saved digest goes on elsewhere and comes out the same", state_roundtrip, NULL},
    {"5.6.6", "C_GetOperationState", "nothing active: CKR_OPERATION_NOT_INITIALIZED", state_none, NULL},
    {"5.6.7", "C_SetOperationState", "what no state is: CKR_SAVED_STATE_INVALID", state_invalid, NULL},
    {"5.6.7", "C_SetOperationState", "a key that the operation does not use: CKR_KEY_NOT_NEEDED", state_key_not_needed, NULL},
};
/* clang-format on */
RULE_LIST(session_rules, table);
