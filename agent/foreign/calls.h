/* The calls that the agent makes of a foreign module, by number, and what is measured alike on both sides. */
#ifndef AGENT_FOREIGN_CALLS_H
#define AGENT_FOREIGN_CALLS_H

/* A request is the call's number and its arguments in the order of Cryptoki's prototype; the answer is the CK_RV and, when that is
 * CKR_OK (for CALL_GET_ATTRIBUTES: always), what the call gives. */
enum foreign_call {
    CALL_INITIALIZE = 1,     /* path -> */
    CALL_GET_SLOTS,          /* -> n, slot numbers of those with a token */
    CALL_GET_SLOT_INFO,      /* slot -> CK_SLOT_INFO */
    CALL_GET_TOKEN_INFO,     /* slot -> CK_TOKEN_INFO */
    CALL_GET_MECHANISMS,     /* slot -> n, types */
    CALL_GET_MECHANISM_INFO, /* slot, type -> CK_MECHANISM_INFO */
    CALL_OPEN_SESSION,       /* slot, flags -> session number */
    CALL_CLOSE_SESSION,      /* session -> */
    CALL_GET_SESSION_INFO,   /* session -> CK_SESSION_INFO */
    CALL_LOGIN,              /* session, user, PIN -> */
    CALL_LOGOUT,             /* session -> */
    CALL_SET_PIN,            /* session, old PIN, new PIN -> */
    CALL_FIND_INIT,          /* session, template -> */
    CALL_FIND,               /* session, max -> n, handles */
    CALL_FIND_FINAL,         /* session -> */
    CALL_GET_ATTRIBUTES,     /* session, object, n, (type, has room, room) -> n, (length, bytes) */
    CALL_SIGN_INIT,          /* session, mechanism, key -> */
    CALL_SIGN,               /* session, data, room -> signature */
    CALL_DECRYPT_INIT,       /* session, mechanism, key -> */
    CALL_DECRYPT,            /* session, data, room -> data */
};

enum foreign_limit {
    FOREIGN_SLOTS_MAX = 32,
    FOREIGN_SESSIONS_MAX = 64,
    FOREIGN_MECHANISMS_MAX = 512,
    FOREIGN_ATTRIBUTES_MAX = 16,
    FOREIGN_OBJECTS_MAX = 256,
    FOREIGN_PIN_MAX = 255,
    FOREIGN_PARAMETER_MAX = 256, /* bytes of a mechanism's parameter, which holds no pointers */
};

#endif
