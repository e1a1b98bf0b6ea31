/* The conformance suite: a rule is one "must" of PKCS#11 3.1, checked in a process of its own against any module.
 *
 * A check runs with the module loaded and not initialised. It says what it found by EXPECT and its sisters, which end it
 * at the first thing that is not as the standard wants; coming to its end is a pass. A function that answers
 * CKR_FUNCTION_NOT_SUPPORTED, or that the module does not have, makes a rule not applicable. */
#ifndef OPENUKEY_CONFORMANCE_SUITE_H
#define OPENUKEY_CONFORMANCE_SUITE_H

#include "pkcs11.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum verdict { PASS, FAIL, NOT_APPLICABLE };

struct rule {
    const char *clause;   /* of PKCS#11 3.1, e.g. "5.6.2" */
    const char *function; /* or the subject, where the clause is of no function */
    const char *text;     /* what must be, in our words */
    void (*check)(const struct rule *rule);
    const void *argument; /* of checks that several rules share */
};

struct rule_list {
    const struct rule *rules;
    size_t count;
};
extern const struct rule_list general_rules, slot_rules, session_rules, login_rules, object_rules,
    attribute_rules, template_rules, operation_rules, digest_rules, sign_rules, recover_rules,
    dual_rules, message_rules, key_rules, random_rules, removal_rules, token_rules;
#define RULE_LIST(name, table)                                                                     \
    const struct rule_list name = {table, sizeof(table) / sizeof((table)[0])}

/* What the command line said. */
struct setting {
    const char *module;
    const char *pin, *so_pin, *label; /* label: the token to test; NULL: the first one */
    const char *remove, *insert;      /* shell commands; NULL: the token stays */
    bool may_initialize;              /* C_InitToken, at the end of all */
};
extern struct setting setting;

/* The module's functions; those that it does not have are NULL. */
extern CK_FUNCTION_LIST_3_2 p11;
extern void *p11_library;

/* The function behind the last use_...() of cases.h, for messages. */
extern char last_call[40];

/* Names for messages. */
const char *rv_name(CK_RV rv);
const char *mechanism_name(CK_MECHANISM_TYPE type);

/* Put before what goes wrong from here on, e.g. a mechanism's name. */
void context_set(const char *text);

_Noreturn void rule_failed(const char *format, ...) __attribute__((format(printf, 1, 2)));
_Noreturn void rule_not_applicable(const char *format, ...) __attribute__((format(printf, 1, 2)));

void expect_rv(CK_RV got, CK_RV want, const char *call);
void expect_one_of(CK_RV got, const CK_RV *wanted, size_t count, const char *call);
void expect_error(CK_RV got, const char *call);
void expect_true(bool holds, const char *what);

#define EXPECT(want, call) expect_rv((call), (want), #call)
#define OK(call)           expect_rv((call), CKR_OK, #call)
#define ONE_OF(call, ...)                                                                          \
    expect_one_of((call), (const CK_RV[]){__VA_ARGS__},                                            \
                  sizeof((const CK_RV[]){__VA_ARGS__}) / sizeof(CK_RV), #call)
#define ANY_ERROR(call)        expect_error((call), #call)
#define HOLDS(condition, what) expect_true((condition), (what))
/* The function is there: p11.C_X. */
#define NEED(function)                                                                             \
    do {                                                                                           \
        if ((p11.function) == NULL)                                                                \
            rule_not_applicable("the module has no " #function);                                   \
    } while (0)

/* ---- ways to a session (each initialises the module, if it is not yet) ---- */

void initialize(void);
CK_SLOT_ID the_slot(void); /* with the token under test */
CK_SESSION_HANDLE open_session(CK_FLAGS more);
CK_SESSION_HANDLE read_write(void);
CK_SESSION_HANDLE read_only(void);
CK_SESSION_HANDLE user_session(void); /* read-write, user logged in */
void login_user(CK_SESSION_HANDLE session);
/* Not applicable if the token knows no security officer or --so-pin was not given. */
CK_SESSION_HANDLE officer_session(void);
CK_STATE state_of(CK_SESSION_HANDLE session);
CK_TOKEN_INFO token_info(void);

/* ---- objects ---- */

CK_ULONG find_all(CK_SESSION_HANDLE session, CK_ATTRIBUTE *attributes, CK_ULONG count,
                  CK_OBJECT_HANDLE *out, CK_ULONG max);
bool is_found(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE object);
bool exists(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE object);
/* Not one that wants the PIN for each use. CK_INVALID_HANDLE if there is none. */
CK_OBJECT_HANDLE find_key(CK_SESSION_HANDLE session, CK_OBJECT_CLASS class, CK_KEY_TYPE type,
                          CK_ATTRIBUTE_TYPE usage);
/* The public key with a private key's CKA_ID. */
CK_OBJECT_HANDLE public_of(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE private_key);
/* Any object that the session sees; not applicable if there is none. */
CK_OBJECT_HANDLE any_object(CK_SESSION_HANDLE session, CK_OBJECT_CLASS class);
bool attribute_bool(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE object, CK_ATTRIBUTE_TYPE type);
CK_ULONG attribute_ulong(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE object,
                         CK_ATTRIBUTE_TYPE type);
/* Length of the value; fails the rule if there is none. */
CK_ULONG attribute_bytes(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE object, CK_ATTRIBUTE_TYPE type,
                         CK_BYTE *out, CK_ULONG size);

/* A data object "conformance" with value "value"; on the token or of the session. Not applicable where it cannot be. */
CK_OBJECT_HANDLE make_data(CK_SESSION_HANDLE session, bool on_token, bool is_private);
/* A secret session key that does all it can, sensitive or not. */
CK_OBJECT_HANDLE make_secret(CK_SESSION_HANDLE session, CK_KEY_TYPE type, bool extractable);

bool has_mechanism(CK_MECHANISM_TYPE type, CK_FLAGS flag);

#define ATTRIBUTE(type, variable)                                                                  \
    { (type), &(variable), sizeof(variable) }
#define TEXT(type, literal)                                                                        \
    { (type), (void *)(uintptr_t)(literal), sizeof(literal) - 1 }
#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

extern CK_BBOOL yes, no;
extern CK_OBJECT_CLASS class_data, class_secret, class_private, class_public, class_certificate;
extern CK_KEY_TYPE type_aes, type_generic, type_sm4, type_rsa, type_ec;

#endif
