/* The keys of operations: on the token or of the session, seen alike. */
#ifndef OPENUKEY_CRYPTOKI_KEYS_H
#define OPENUKEY_CRYPTOKI_KEYS_H

#include "module/cryptoki/mechanisms.h"
#include "module/cryptoki/objects.h"
#include "module/cryptoki/session_objects.h"

struct key {
    CK_OBJECT_HANDLE handle;
    CK_OBJECT_CLASS object_class;
    CK_KEY_TYPE type;
    enum key_family family;
    CK_ULONG size;                       /* bits; bytes of secret keys */
    struct key_entry *entry;             /* of a key on the token */
    const struct session_object *object; /* of one of the session */
};

/* The key with this handle, whatever it is good for. Private keys on the token need the user's login.
 * CKR_KEY_HANDLE_INVALID, CKR_USER_NOT_LOGGED_IN. Good until the next call that changes objects. */
CK_RV key_find(struct session *session, CK_OBJECT_HANDLE handle, struct key *out);

/* The same for a mechanism: of its family and a size that it takes, of the class that the usage (CKA_SIGN, ...) is for,
 * allowed to do it (CKA_ALLOWED_MECHANISMS too), and able to. Besides CKR_KEY_TYPE_INCONSISTENT, CKR_KEY_SIZE_RANGE,
 * CKR_KEY_FUNCTION_NOT_PERMITTED, CKR_MECHANISM_INVALID. */
CK_RV key_find_for(struct session *session, const struct mechanism *mechanism,
                   CK_OBJECT_HANDLE handle, CK_ATTRIBUTE_TYPE usage, struct key *out);

/* An operation with it ends at logout. */
bool key_is_private_object(const struct key *key);
/* It wants the PIN before each use. */
bool key_is_always_authenticated(const struct key *key);

/* The key type that a family's keys have; `given` may be any of those that it has. */
bool key_type_fits(enum key_family family, CK_KEY_TYPE given);

/* A public key, or a private key of the session, for OpenSSL; the caller's (EVP_PKEY_free). */
CK_RV key_pkey(struct session *session, const struct key *key, EVP_PKEY **out);

/* The bytes of a secret key, for as long as the object is there. */
const uint8_t *key_secret(const struct key *key, size_t *len);

/* Can it do that where it is? */
bool key_can(const struct session *session, const struct key *key,
             enum private_operation operation);

/* What a private key does (driver.h), on the card or, with a key of the session, on the host.
 * CKR_DATA_INVALID, CKR_ENCRYPTED_DATA_INVALID, CKR_KEY_HANDLE_INVALID (another program took it away), and the card's. */
CK_RV key_private_operation(struct session *session, const struct key *key,
                            enum private_operation operation, const uint8_t *in, size_t in_len,
                            uint8_t *out, size_t out_size, size_t *out_len);

#endif
