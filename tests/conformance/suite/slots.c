/* 5.5: slots, tokens, mechanisms; what needs no change of the token. */
#include "tests/conformance/suite/suite.h"

#include <string.h>

#define CHECK(name) static void name(const struct rule *rule __attribute__((unused)))

static CK_SLOT_ID no_such_slot(void) {
    CK_SLOT_ID slots[64], id = 0xFFFFFF;
    CK_ULONG count = 64;
    initialize();
    OK(p11.C_GetSlotList(CK_FALSE, slots, &count));
    for (CK_ULONG i = 0; i < count; i++) {
        id = slots[i] >= id ? slots[i] + 1 : id;
    }
    return id;
}

CHECK(list_count) {
    CK_SLOT_ID slots[64];
    CK_ULONG count = 0, filled = 64;
    initialize();
    OK(p11.C_GetSlotList(CK_FALSE, NULL, &count));
    OK(p11.C_GetSlotList(CK_FALSE, slots, &filled));
    HOLDS(count == filled && count > 0, "both ways of asking give the same count");
    for (CK_ULONG i = 0; i < count; i++) {
        for (CK_ULONG j = i + 1; j < count; j++) {
            HOLDS(slots[i] != slots[j], "each slot has an identifier of its own");
        }
    }
}
CHECK(list_small) {
    CK_SLOT_ID slots[1] = {0xABCD};
    CK_ULONG count = 0, room = 0;
    initialize();
    OK(p11.C_GetSlotList(CK_FALSE, NULL, &count));
    EXPECT(CKR_BUFFER_TOO_SMALL, p11.C_GetSlotList(CK_FALSE, slots, &room));
    HOLDS(room == count, "the count that is needed is told");
    HOLDS(slots[0] == 0xABCD, "nothing is written");
}
CHECK(list_null) {
    initialize();
    EXPECT(CKR_ARGUMENTS_BAD, p11.C_GetSlotList(CK_FALSE, NULL, NULL));
}
CHECK(list_present) {
    CK_SLOT_ID slots[64];
    CK_ULONG count = 64;
    CK_SLOT_INFO info;
    initialize();
    OK(p11.C_GetSlotList(CK_TRUE, slots, &count));
    for (CK_ULONG i = 0; i < count; i++) {
        OK(p11.C_GetSlotInfo(slots[i], &info));
        HOLDS((info.flags & CKF_TOKEN_PRESENT) != 0, "only slots with a token are listed");
    }
}
CHECK(list_stays) {
    CK_SLOT_ID before[64], after[64];
    CK_ULONG a = 64, b = 64;
    initialize();
    OK(p11.C_GetSlotList(CK_FALSE, before, &a));
    OK(p11.C_GetSlotList(CK_FALSE, after, &b));
    HOLDS(a == b && memcmp(before, after, a * sizeof(before[0])) == 0,
          "an identifier stays that of its slot");
}

CHECK(info_padding) {
    CK_SLOT_INFO info;
    memset(&info, 0, sizeof(info));
    OK(p11.C_GetSlotInfo(the_slot(), &info));
    HOLDS(memchr(info.slotDescription, '\0', 64) == NULL &&
              memchr(info.manufacturerID, '\0', 32) == NULL,
          "texts are padded with spaces and hold no NUL");
    HOLDS((info.flags & CKF_TOKEN_PRESENT) != 0, "the token's slot has CKF_TOKEN_PRESENT");
}
CHECK(info_bad) {
    CK_SLOT_INFO info;
    EXPECT(CKR_SLOT_ID_INVALID, p11.C_GetSlotInfo(no_such_slot(), &info));
    EXPECT(CKR_ARGUMENTS_BAD, p11.C_GetSlotInfo(the_slot(), NULL));
}

CHECK(token_padding) {
    CK_TOKEN_INFO info = token_info();
    HOLDS(memchr(info.label, '\0', 32) == NULL && memchr(info.manufacturerID, '\0', 32) == NULL &&
              memchr(info.model, '\0', 16) == NULL && memchr(info.serialNumber, '\0', 16) == NULL,
          "texts are padded with spaces and hold no NUL");
}
CHECK(token_clock) {
    CK_TOKEN_INFO info = token_info();
    if ((info.flags & CKF_CLOCK_ON_TOKEN) == 0) {
        rule_not_applicable("the token has no clock");
    }
    for (int i = 0; i < 14; i++) {
        HOLDS(info.utcTime[i] >= '0' && info.utcTime[i] <= '9', "utcTime is YYYYMMDDhhmmss00");
    }
}
CHECK(token_pins) {
    CK_TOKEN_INFO info = token_info();
    size_t len = strlen(setting.pin);
    HOLDS(info.ulMinPinLen <= len && len <= info.ulMaxPinLen,
          "the PIN's length lies between ulMinPinLen and ulMaxPinLen");
    HOLDS((info.flags & CKF_USER_PIN_INITIALIZED) != 0, "CKF_USER_PIN_INITIALIZED is set");
}
CHECK(token_counts) {
    CK_TOKEN_INFO before = token_info();
    if (before.ulSessionCount == CK_UNAVAILABLE_INFORMATION) {
        rule_not_applicable("the count of sessions is not told");
    }
    HOLDS(before.ulSessionCount == 0, "no session is open at first");
    read_only();
    read_write();
    CK_TOKEN_INFO after = token_info();
    HOLDS(after.ulSessionCount == 2 && after.ulRwSessionCount == 1,
          "open sessions and read-write ones are counted");
}
CHECK(token_limits) {
    CK_TOKEN_INFO info = token_info();
    HOLDS(info.ulMaxSessionCount == CK_EFFECTIVELY_INFINITE ||
              info.ulMaxSessionCount == CK_UNAVAILABLE_INFORMATION ||
              info.ulMaxRwSessionCount == CK_EFFECTIVELY_INFINITE ||
              info.ulMaxRwSessionCount == CK_UNAVAILABLE_INFORMATION ||
              info.ulMaxRwSessionCount <= info.ulMaxSessionCount,
          "there cannot be more read-write sessions than sessions");
}
CHECK(token_login) {
    CK_TOKEN_INFO info = token_info();
    CK_OBJECT_HANDLE key;
    CK_ATTRIBUTE template[] = {ATTRIBUTE(CKA_PRIVATE, yes), ATTRIBUTE(CKA_TOKEN, yes)};
    if (find_all(user_session(), template, 2, &key, 1) == 0) {
        rule_not_applicable("the token holds nothing private");
    }
    HOLDS((info.flags & CKF_LOGIN_REQUIRED) != 0,
          "a token whose objects need a login has CKF_LOGIN_REQUIRED");
}
CHECK(token_bad) {
    CK_TOKEN_INFO info;
    EXPECT(CKR_SLOT_ID_INVALID, p11.C_GetTokenInfo(no_such_slot(), &info));
    EXPECT(CKR_ARGUMENTS_BAD, p11.C_GetTokenInfo(the_slot(), NULL));
}
CHECK(token_dual) {
    CK_TOKEN_INFO info = token_info();
    CK_BYTE part[16] = {0}, out[64];
    CK_ULONG len = sizeof(out);
    CK_RV rv = p11.C_DigestEncryptUpdate(read_only(), part, sizeof(part), out, &len);
    HOLDS((rv != CKR_FUNCTION_NOT_SUPPORTED) == ((info.flags & CKF_DUAL_CRYPTO_OPERATIONS) != 0),
          "CKF_DUAL_CRYPTO_OPERATIONS says whether the functions of 5.17 work");
}

CHECK(event_none) {
    CK_SLOT_ID slot;
    initialize();
    for (int i = 0; i < 4; i++) {
        CK_RV rv = p11.C_WaitForSlotEvent(CKF_DONT_BLOCK, &slot, NULL);
        if (rv == CKR_NO_EVENT) {
            return;
        }
        OK(rv);
    }
    rule_failed("there is always an event");
}

CHECK(mechanisms_count) {
    CK_MECHANISM_TYPE types[512];
    CK_ULONG count = 0, filled = 512, room = 1;
    OK(p11.C_GetMechanismList(the_slot(), NULL, &count));
    HOLDS(count > 0 && count <= 512, "there are mechanisms");
    OK(p11.C_GetMechanismList(the_slot(), types, &filled));
    HOLDS(filled == count, "both ways of asking give the same count");
    if (count > 1) {
        EXPECT(CKR_BUFFER_TOO_SMALL, p11.C_GetMechanismList(the_slot(), types, &room));
        HOLDS(room == count, "CKR_BUFFER_TOO_SMALL tells how many there are");
    }
}
CHECK(mechanisms_bad) {
    CK_ULONG count = 0;
    EXPECT(CKR_SLOT_ID_INVALID, p11.C_GetMechanismList(no_such_slot(), NULL, &count));
    EXPECT(CKR_ARGUMENTS_BAD, p11.C_GetMechanismList(the_slot(), NULL, NULL));
}
CHECK(mechanisms_info) {
    CK_MECHANISM_TYPE types[512];
    CK_ULONG count = 512;
    CK_MECHANISM_INFO info;
    OK(p11.C_GetMechanismList(the_slot(), types, &count));
    for (CK_ULONG i = 0; i < count; i++) {
        context_set(mechanism_name(types[i]));
        OK(p11.C_GetMechanismInfo(the_slot(), types[i], &info));
        HOLDS(info.ulMinKeySize <= info.ulMaxKeySize,
              "the least key size is not above the greatest");
    }
}
CHECK(mechanism_info_bad) {
    CK_MECHANISM_INFO info;
    EXPECT(CKR_MECHANISM_INVALID, p11.C_GetMechanismInfo(the_slot(), 0x7FFFFFF0UL, &info));
    EXPECT(CKR_SLOT_ID_INVALID, p11.C_GetMechanismInfo(no_such_slot(), CKM_SHA256, &info));
    EXPECT(CKR_ARGUMENTS_BAD, p11.C_GetMechanismInfo(the_slot(), CKM_SHA256, NULL));
}
CHECK(mechanism_flags_digest) {
    static const CK_MECHANISM_TYPE digests[] = {CKM_SHA_1, CKM_SHA256, CKM_SHA384, CKM_SHA512,
                                                CKM_SM3};
    unsigned seen = 0;
    CK_MECHANISM_INFO info;
    CK_SESSION_HANDLE session = read_only();
    for (size_t i = 0; i < COUNT(digests); i++) {
        CK_MECHANISM mechanism = {digests[i], NULL, 0};
        context_set(mechanism_name(digests[i]));
        if (p11.C_GetMechanismInfo(the_slot(), digests[i], &info) == CKR_OK &&
            (info.flags & CKF_DIGEST) != 0) {
            OK(p11.C_DigestInit(session, &mechanism));
            OK(p11.C_CloseSession(session));
            session = read_only();
            seen++;
        }
    }
    if (seen == 0) {
        rule_not_applicable("no digest");
    }
}

/* clang-format off */
static const struct rule table[] = {
    {"5.5.1", "C_GetSlotList", "counts and fills alike; identifiers differ", list_count, NULL},
    {"5.5.1", "C_GetSlotList", "too little room: CKR_BUFFER_TOO_SMALL, the count, nothing written", list_small, NULL},
    {"5.5.1", "C_GetSlotList", "NULL for the count is CKR_ARGUMENTS_BAD", list_null, NULL},
    {"5.5.1", "C_GetSlotList", "with tokenPresent only slots with a token are listed", list_present, NULL},
    {"5.5.1", "C_GetSlotList", "slots keep their identifiers", list_stays, NULL},
    {"5.5.2", "C_GetSlotInfo", "texts are padded; CKF_TOKEN_PRESENT tells the token", info_padding, NULL},
    {"5.5.2", "C_GetSlotInfo", "no such slot: CKR_SLOT_ID_INVALID; NULL: CKR_ARGUMENTS_BAD", info_bad, NULL},
    {"5.5.3", "C_GetTokenInfo", "texts are padded with spaces", token_padding, NULL},
    {"5.5.3", "C_GetTokenInfo", "a token with a clock tells its time in 16 digits", token_clock, NULL},
    {"5.5.3", "C_GetTokenInfo", "limits of the PIN's length are true; CKF_USER_PIN_INITIALIZED", token_pins, NULL},
    {"5.5.3", "C_GetTokenInfo", "counts this application's sessions", token_counts, NULL},
    {"5.5.3", "C_GetTokenInfo", "limits of sessions fit each other", token_limits, NULL},
    {"5.5.3", "C_GetTokenInfo", "CKF_LOGIN_REQUIRED where objects need a login", token_login, NULL},
    {"5.5.3", "C_GetTokenInfo", "no such slot: CKR_SLOT_ID_INVALID; NULL: CKR_ARGUMENTS_BAD", token_bad, NULL},
    {"5.5.3", "C_GetTokenInfo", "CKF_DUAL_CRYPTO_OPERATIONS says whether dual functions work", token_dual, NULL},
    {"5.5.4", "C_WaitForSlotEvent", "CKF_DONT_BLOCK without event answers CKR_NO_EVENT", event_none, NULL},
    {"5.5.5", "C_GetMechanismList", "counts, fills, and tells CKR_BUFFER_TOO_SMALL with the count", mechanisms_count, NULL},
    {"5.5.5", "C_GetMechanismList", "no such slot: CKR_SLOT_ID_INVALID; NULL: CKR_ARGUMENTS_BAD", mechanisms_bad, NULL},
    {"5.5.6", "C_GetMechanismInfo", "knows every mechanism of the list", mechanisms_info, NULL},
    {"5.5.6", "C_GetMechanismInfo", "unknown mechanism: CKR_MECHANISM_INVALID; bad slot and NULL told", mechanism_info_bad, NULL},
    {"5.5.6", "C_GetMechanismInfo", "a mechanism with CKF_DIGEST digests", mechanism_flags_digest, NULL},
};
/* clang-format on */
RULE_LIST(slot_rules, table);
