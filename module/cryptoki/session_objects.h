/* Session objects: kept on the host, seen by every session with the token, gone with the session that made them (3.2,
 * 4.4; 5.6). Keys, certificates and data; what they are made of is cleansed when they go.
 *
 * Their handles have the bit SESSION_OBJECT_BIT, which handles of token objects never have, and are never used twice.
 * Everything here is called with the slot locked. */
#ifndef OPENUKEY_CRYPTOKI_SESSION_OBJECTS_H
#define OPENUKEY_CRYPTOKI_SESSION_OBJECTS_H

#include "module/cryptoki/attribute_rules.h"

#include <openssl/types.h>
#include <stdint.h>

struct session;
struct slot;

#define SESSION_OBJECT_BIT 0x40000000UL

struct session_object {
    CK_OBJECT_HANDLE handle;
    CK_SESSION_HANDLE owner;
    enum described_kind kind;
    CK_KEY_TYPE key_type;     /* of keys */
    CK_ATTRIBUTE *attributes; /* every one that it has, defaults too */
    CK_ULONG attribute_count;
};

/* What a slot has of them. */
struct session_object_list {
    struct session_object **items; /* by rising handle */
    size_t count;
    CK_OBJECT_HANDLE next; /* without the bit */
};

static inline bool is_session_object(CK_OBJECT_HANDLE handle) {
    return (handle & SESSION_OBJECT_BIT) != 0;
}

/* ---- looking ---- */

/* The object, NULL if there is none or it is private and the user is not logged in. Good until the next call that makes
 * or destroys one. */
struct session_object *session_object_find(struct session *session, CK_OBJECT_HANDLE handle);

/* An attribute as it is kept, secret ones too; NULL if the object does not have it. */
const CK_ATTRIBUTE *session_object_attribute(const struct session_object *object,
                                             CK_ATTRIBUTE_TYPE type);
/* A boolean attribute; false if the object does not have it. */
bool session_object_is(const struct session_object *object, CK_ATTRIBUTE_TYPE type);
/* CKA_ALLOWED_MECHANISMS is empty or names it. */
bool session_object_allows(const struct session_object *object, CK_MECHANISM_TYPE mechanism);

/* A public or private key for OpenSSL; the caller's (EVP_PKEY_free). NULL: not a key, or out of memory. */
EVP_PKEY *session_object_pkey(OSSL_LIB_CTX *libctx, const struct session_object *object);

/* ---- making ---- */

/* C_CreateObject for CKA_TOKEN false. */
CK_RV session_object_create(struct session *session, struct template t, CK_OBJECT_HANDLE_PTR out);

/* What a mechanism made a key of. */
struct key_origin {
    enum birth birth;            /* not BORN_CREATED */
    CK_MECHANISM_TYPE mechanism; /* of BORN_GENERATED */
    CK_OBJECT_CLASS object_class;
    CK_KEY_TYPE key_type; /* the template's, if it says one, must be the same */
    /* CKA_VALUE; or CKA_MODULUS, CKA_EC_POINT, ...: what the template may not say */
    const CK_ATTRIBUTE *material;
    CK_ULONG material_count;
    /* of BORN_DERIVED: the base key's */
    bool base_always_sensitive, base_never_extractable;
};

/* The new key of C_GenerateKey, C_GenerateKeyPair, C_UnwrapKey, C_DeriveKey, for CKA_TOKEN false: the template's attributes,
 * the material, and what follows from the origin. CKA_VALUE_LEN, if the template says it, must be the value's.
 * Errors: of attribute_rules_check, CKR_TEMPLATE_INCONSISTENT, CKR_ATTRIBUTE_VALUE_INVALID (a value that is no such key),
 * CKR_USER_NOT_LOGGED_IN (a private object for a session that is not the user's), CKR_HOST_MEMORY. */
CK_RV session_object_make_key(struct session *session, struct template t,
                              const struct key_origin *origin, CK_OBJECT_HANDLE_PTR out);

/* ---- changing ---- */

CK_RV session_object_get_attributes(const struct session_object *object,
                                    CK_ATTRIBUTE_PTR attributes, CK_ULONG count);
CK_RV session_object_set_attributes(struct session *session, struct session_object *object,
                                    struct template t);
bool session_object_matches(const struct session_object *object, struct template t);
/* Bytes that it takes. */
CK_ULONG session_object_size(const struct session_object *object);
CK_RV session_object_destroy(struct session *session, struct session_object *object);

/* The token's CKO_PROFILE objects: which profiles of PKCS #11 it keeps. They are no session's, and go with the token. */
CK_RV session_objects_add_profiles(struct slot *slot);

/* The objects of a session that ends; the private ones of all sessions, at logout; all. */
void session_objects_drop_owner(struct slot *slot, CK_SESSION_HANDLE owner);
void session_objects_drop_private(struct slot *slot);
void session_objects_drop_all(struct slot *slot);

#endif
