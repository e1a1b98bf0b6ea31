/* Reading the templates that programs give. */
#ifndef OPENUKEY_CRYPTOKI_TEMPLATES_H
#define OPENUKEY_CRYPTOKI_TEMPLATES_H

#include "pkcs11.h"

#include <stdbool.h>
#include <stddef.h>

struct template {
    const CK_ATTRIBUTE *items;
    CK_ULONG count;
};

/* The attribute, NULL if absent. */
const CK_ATTRIBUTE *template_find(struct template t, CK_ATTRIBUTE_TYPE type);

/* A value of the right size into *out; `fallback` if absent. CKR_ATTRIBUTE_VALUE_INVALID. */
CK_RV template_ulong(struct template t, CK_ATTRIBUTE_TYPE type, CK_ULONG fallback, CK_ULONG *out);
CK_RV template_bool(struct template t, CK_ATTRIBUTE_TYPE type, bool fallback, bool *out);

/* CKR_OK if the attribute is absent or has exactly this value, else CKR_TEMPLATE_INCONSISTENT. */
CK_RV template_requires(struct template t, CK_ATTRIBUTE_TYPE type, const void *value, size_t len);
CK_RV template_requires_bool(struct template t, CK_ATTRIBUTE_TYPE type, bool value);
CK_RV template_requires_ulong(struct template t, CK_ATTRIBUTE_TYPE type, CK_ULONG value);

/* A label without NUL into out, cut to `max` bytes at a whole UTF-8 character. False if absent or empty. */
bool template_text(struct template t, CK_ATTRIBUTE_TYPE type, char *out, size_t max);

/* A value into a place of C_GetAttributeValue (3.2, 5.7.5, cases 3 to 5): its length alone when the place has no room to
 * write to. CKR_BUFFER_TOO_SMALL. */
CK_RV attribute_deliver(CK_ATTRIBUTE_PTR place, const void *value, size_t len);

/* No value pointer is missing. CKR_ARGUMENTS_BAD, CKR_ATTRIBUTE_VALUE_INVALID. */
CK_RV template_check(struct template t);

#endif
