/* The token's objects as Cryptoki shows them: attributes, search, creation, destruction. Called with the slot locked. */
#ifndef OPENUKEY_CRYPTOKI_OBJECTS_H
#define OPENUKEY_CRYPTOKI_OBJECTS_H

#include "module/token/token_objects.h"
#include "pkcs11.h"

struct session;

/* The object behind a handle, if this session may see it. CKR_OBJECT_HANDLE_INVALID. */
CK_RV object_find(struct session *session, CK_OBJECT_HANDLE handle, struct token_object *out);

/* CKA_PRIVATE: a private key that never asks for a PIN (PIV 9E) is not. */
bool object_is_private(const struct token_object *object);

/* Private objects need the user's login; SM2 keys and certificates may be hidden by the settings. */
bool object_is_visible(const struct session *session, const struct token_object *object);

/* True if the key does this: CKA_SIGN, CKA_DECRYPT, CKA_UNWRAP of private keys, CKA_VERIFY, CKA_ENCRYPT of public keys.
 * An SM2 signing key does not decrypt, an encryption key does not sign; an RSA signing key does both where the card can. */
bool key_is_for(const struct token *token, const struct token_object *key, CK_ATTRIBUTE_TYPE usage);

CK_RV object_get_attributes(struct session *session, CK_OBJECT_HANDLE handle,
                            CK_ATTRIBUTE_PTR attributes, CK_ULONG count);
/* CKA_ID and CKA_LABEL of keys and certificates; a pair and its certificate share them. */
CK_RV object_set_attributes(struct session *session, CK_OBJECT_HANDLE handle,
                            CK_ATTRIBUTE_PTR attributes, CK_ULONG count);

/* What the object takes on the token, as far as it is known: the values of its attributes. */
CK_RV object_get_size(struct session *session, CK_OBJECT_HANDLE handle, CK_ULONG_PTR size);

CK_RV find_init(struct session *session, CK_ATTRIBUTE_PTR attributes, CK_ULONG count);
CK_RV find_next(struct session *session, CK_OBJECT_HANDLE_PTR out, CK_ULONG max,
                CK_ULONG_PTR count);
CK_RV find_final(struct session *session);

/* With CKA_TOKEN: certificates (to the key that they certify) and data objects (files); else session objects. */
CK_RV object_create(struct session *session, CK_ATTRIBUTE_PTR attributes, CK_ULONG count,
                    CK_OBJECT_HANDLE_PTR out);
/* A session object into another; a token's public key, certificate or data into a session object. */
CK_RV object_copy(struct session *session, CK_OBJECT_HANDLE handle, CK_ATTRIBUTE_PTR attributes,
                  CK_ULONG count, CK_OBJECT_HANDLE_PTR out);
CK_RV object_destroy(struct session *session, CK_OBJECT_HANDLE handle);
/* The vendor interface's RetireKey. */
CK_RV object_retire_key(struct session *session, CK_OBJECT_HANDLE handle);

#endif
