/* The entries of forms: one catalogue of what each must look like, and what is said when it does not (R028, R066, R067, R078-R080).
 * Which of them a business asks for is the profile's affair. */
#ifndef TOOLS_ORDERD_ENGINE_FIELD_H
#define TOOLS_ORDERD_ENGINE_FIELD_H

#include "tools/orderd/text.h"

#include <jansson.h>

enum field_type {
    FIELD_TEXT,  /* a string that `is_valid` judges */
    FIELD_YEARS, /* an integer: one of the terms that are sold */
    FIELD_TICK   /* true */
};

struct field {
    const char *name;
    enum field_type type;
    enum text wrong; /* one sentence that says what is wanted */
    size_t max;      /* bytes of text */
    bool (*is_valid)(const char *text);
};

/* The field of this name, or NULL. */
const struct field *field_find(const char *name);

/* Is `value` right for the field? Of FIELD_YEARS only the kind of value is judged. */
bool field_is_valid(const struct field *field, const json_t *value);

/* Refuse an entry: append {field, detail} to `errors`. */
void field_refuse(json_t *errors, const char *name, enum text wrong, enum language language);

/* The validators that others need too. */
bool phone_is_valid(const char *text);           /* 11 digits of a mobile number */
bool email_is_valid(const char *text);           /* one address */
bool name_is_valid(const char *text);            /* 1 to 64 characters, no control character */
bool identity_number_is_valid(const char *text); /* GB 11643: 17 digits and a check character */
bool social_credit_code_is_valid(
    const char *text); /* GB 32100: 18 characters, the last a check character (R265) */

/* Is this the number of such a credential? Of organisations USCC (checked) or ORG_CODE, of persons ID (checked) or another kind. */
bool credential_is_valid(bool organisation, const char *type, const char *number);

/* Which credential a bare number is of, as far as its form tells: of organisations USCC when its check character is right, else ORG_CODE; of
 * persons ID or RESIDENCE_PERMIT by the check digit, HK_MACAU_PERMIT and TAIWAN_PERMIT by their length, else PASSPORT. */
const char *credential_type_of(bool organisation, const char *number);

/* The kinds of credential of organisations or persons, ended by NULL. */
const char *const *credential_types(bool organisation);

/* 151****0305, 张*, a***@example.com: what others may see (R076). */
void mask_phone(const char *text, char *out, size_t size);
void mask_name(const char *text, char *out, size_t size);
void mask_email(const char *text, char *out, size_t size);
void mask_number(const char *text, char *out, size_t size); /* 9135**********0Y43 */

#endif
