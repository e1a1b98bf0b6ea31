/* Inside the rooms of session objects: making one, attribute by attribute, and checking that a key is one. */
#ifndef OPENUKEY_CRYPTOKI_SESSION_OBJECT_PARTS_H
#define OPENUKEY_CRYPTOKI_SESSION_OBJECT_PARTS_H

#include "module/cryptoki/session_objects.h"

/* An empty object; NULL: out of memory. Cleansed when freed. */
struct session_object *session_object_new(enum described_kind kind, CK_KEY_TYPE key_type);
void session_object_free(struct session_object *object);

/* Adds or replaces. CKR_HOST_MEMORY. */
CK_RV session_object_put(struct session_object *object, CK_ATTRIBUTE_TYPE type, const void *value,
                         size_t len);
CK_RV session_object_put_bool(struct session_object *object, CK_ATTRIBUTE_TYPE type, bool value);
CK_RV session_object_put_ulong(struct session_object *object, CK_ATTRIBUTE_TYPE type,
                               CK_ULONG value);

/* Gives the finished object its handle and a place in the store, which owns it, also on failure (freed). The owner is a
 * session, or CK_INVALID_HANDLE. */
CK_RV session_object_keep(struct slot *slot, CK_SESSION_HANDLE owner,
                          struct session_object *object);

/* C_CopyObject: an object with the original's attributes (in the clear), where the template does not say otherwise. *out
 * is the caller's. CKR_ATTRIBUTE_READ_ONLY, CKR_ATTRIBUTE_TYPE_INVALID, CKR_ATTRIBUTE_VALUE_INVALID,
 * CKR_TEMPLATE_INCONSISTENT. */
CK_RV session_object_draft_copy(enum described_kind kind, const CK_ATTRIBUTE *attributes,
                                CK_ULONG count, struct template t, struct session_object **out);
/* Checks it and keeps it: it belongs to the store then, and is freed on failure. */
CK_RV session_object_adopt(struct session *session, struct session_object *object,
                           CK_OBJECT_HANDLE_PTR out);

/* The new value has the right shape and no attribute leaves a state for good. CKR_ATTRIBUTE_VALUE_INVALID,
 * CKR_ATTRIBUTE_READ_ONLY. */
CK_RV session_object_may_become(const struct session_object *object,
                                const struct attribute_rule *rule, const CK_ATTRIBUTE *a);

/* Checks the material of a key or certificate and adds what follows from it: CKA_VALUE_LEN, CKA_MODULUS_BITS,
 * CKA_PUBLIC_KEY_INFO, CKA_CHECK_VALUE. CKR_ATTRIBUTE_VALUE_INVALID, CKR_CURVE_NOT_SUPPORTED; CKR_TEMPLATE_INCONSISTENT: a
 * value that the template gave for one of these is another. */
CK_RV session_object_complete(OSSL_LIB_CTX *libctx, struct session_object *object);

#endif
