/* 5.1.3, 5.5.4, 5.6.1: the token leaves its slot and comes back. */
#include "tests/conformance/suite/suite.h"

#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>

#define CHECK(name) static void name(const struct rule *rule __attribute__((unused)))

static void do_remove(void) {
    if (setting.remove == NULL) {
        rule_not_applicable("this token cannot be pulled out (no --remove, --insert)");
    }
    HOLDS(system(setting.remove) == 0, "the command of --remove works");
}
static void do_insert(void) {
    HOLDS(system(setting.insert) == 0, "the command of --insert works");
}
/* C_GetSlotInfo tells the truth within a moment. */
static bool present_soon(CK_SLOT_ID slot, bool wanted) {
    CK_SLOT_INFO info;
    CK_ULONG count;
    for (int i = 0; i < 300; i++) {
        OK(p11.C_GetSlotList(CK_FALSE, NULL, &count));
        OK(p11.C_GetSlotInfo(slot, &info));
        if (((info.flags & CKF_TOKEN_PRESENT) != 0) == wanted) {
            return true;
        }
        usleep(100000);
    }
    return false;
}

CHECK(session_ends) {
    CK_SESSION_HANDLE session = user_session();
    CK_SLOT_ID slot = the_slot();
    CK_SESSION_INFO info;
    CK_TOKEN_INFO token;
    do_remove();
    bool seen = present_soon(slot, false);
    CK_RV told = p11.C_GetTokenInfo(slot, &token);
    do_insert();
    HOLDS(seen, "CKF_TOKEN_PRESENT goes");
    HOLDS(present_soon(slot, true), "CKF_TOKEN_PRESENT comes back");
    expect_rv(told, CKR_TOKEN_NOT_PRESENT, "C_GetTokenInfo(");
    ONE_OF(p11.C_GetSessionInfo(session, &info), CKR_SESSION_HANDLE_INVALID, CKR_DEVICE_REMOVED,
           CKR_SESSION_CLOSED);
    HOLDS(state_of(read_write()) == CKS_RW_PUBLIC_SESSION, "after its return nobody is logged in");
}
CHECK(open_absent) {
    CK_SESSION_HANDLE session;
    CK_SLOT_ID slot = the_slot();
    do_remove();
    present_soon(slot, false);
    CK_RV rv = p11.C_OpenSession(slot, CKF_SERIAL_SESSION, NULL, NULL, &session);
    do_insert();
    expect_rv(rv, CKR_TOKEN_NOT_PRESENT, "C_OpenSession(");
}
CHECK(objects_end) {
    CK_SESSION_HANDLE session = user_session();
    CK_SLOT_ID slot = the_slot();
    CK_OBJECT_HANDLE object = make_data(session, false, false), found;
    do_remove();
    present_soon(slot, false);
    do_insert();
    present_soon(slot, true);
    CK_ATTRIBUTE template[] = {TEXT(CKA_LABEL, "conformance"), ATTRIBUTE(CKA_TOKEN, no)};
    session = read_write();
    HOLDS(find_all(session, template, 2, &found, 1) == 0 && !exists(session, object),
          "session objects do not outlive the removal");
}
CHECK(slot_stays) {
    CK_SLOT_ID slot = the_slot();
    do_remove();
    present_soon(slot, false);
    do_insert();
    present_soon(slot, true);
    HOLDS(the_slot() == slot, "the token comes back in its slot");
}
CHECK(event_dont_block) {
    CK_SLOT_ID slot = the_slot(), told = ~0UL;
    while (p11.C_WaitForSlotEvent(CKF_DONT_BLOCK, &told, NULL) == CKR_OK) {
    }
    do_remove();
    CK_RV rv = CKR_NO_EVENT;
    for (int i = 0; i < 300 && rv == CKR_NO_EVENT; i++) {
        rv = p11.C_WaitForSlotEvent(CKF_DONT_BLOCK, &told, NULL);
        usleep(rv == CKR_NO_EVENT ? 100000 : 0);
    }
    do_insert();
    present_soon(slot, true);
    expect_rv(rv, CKR_OK, "C_WaitForSlotEvent(");
    HOLDS(told == slot, "the event names the slot");
}
static void *remove_soon(void *nothing) {
    usleep(300000);
    return system(setting.remove) == 0 ? nothing : NULL;
}
CHECK(event_block) {
    pthread_t thread;
    CK_SLOT_ID slot = the_slot(), told = ~0UL;
    if (setting.remove == NULL) {
        rule_not_applicable("this token cannot be pulled out (no --remove, --insert)");
    }
    while (p11.C_WaitForSlotEvent(CKF_DONT_BLOCK, &told, NULL) == CKR_OK) {
    }
    HOLDS(pthread_create(&thread, NULL, remove_soon, NULL) == 0, "a thread begins");
    CK_RV rv = p11.C_WaitForSlotEvent(0, &told, NULL);
    pthread_join(thread, NULL);
    do_insert();
    present_soon(slot, true);
    expect_rv(rv, CKR_OK, "C_WaitForSlotEvent(");
    HOLDS(told == slot, "the event names the slot");
}
static void *finalize_soon(void *nothing) {
    usleep(300000);
    p11.C_Finalize(NULL);
    return nothing;
}
CHECK(event_finalize) {
    pthread_t thread;
    CK_SLOT_ID told;
    initialize();
    CK_RV rv = CKR_OK;
    while (rv == CKR_OK) {
        rv = p11.C_WaitForSlotEvent(CKF_DONT_BLOCK, &told, NULL);
    }
    HOLDS(pthread_create(&thread, NULL, finalize_soon, NULL) == 0, "a thread begins");
    rv = p11.C_WaitForSlotEvent(0, &told, NULL);
    pthread_join(thread, NULL);
    expect_rv(rv, CKR_CRYPTOKI_NOT_INITIALIZED, "C_WaitForSlotEvent(");
}

/* clang-format off */
static const struct rule table[] = {
    {"5.5.4", "C_WaitForSlotEvent", "C_Finalize ends the waiting: CKR_CRYPTOKI_NOT_INITIALIZED", event_finalize, NULL},
    {"5.5.4", "C_WaitForSlotEvent", "CKF_DONT_BLOCK tells a removal once, with its slot", event_dont_block, NULL},
    {"5.5.4", "C_WaitForSlotEvent", "waits for a removal", event_block, NULL},
    {"5.1.3", "removal", "ends sessions and login; CKF_TOKEN_PRESENT and CKR_TOKEN_NOT_PRESENT tell it", session_ends, NULL},
    {"5.1.3", "removal", "ends session objects", objects_end, NULL},
    {"5.1.3", "removal", "the token comes back in the same slot", slot_stays, NULL},
    {"5.6.1", "C_OpenSession", "without token: CKR_TOKEN_NOT_PRESENT", open_absent, NULL},
};
/* clang-format on */
RULE_LIST(removal_rules, table);
