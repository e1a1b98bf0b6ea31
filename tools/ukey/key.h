/* What provisioning does with a key, over Cryptoki alone. Every function that returns false has
 * complained. */
#ifndef TOOLS_UKEY_KEY_H
#define TOOLS_UKEY_KEY_H

#include "module/formats/octets.h"

#include <pkcs11.h>

struct key {
    void *library;
    CK_FUNCTION_LIST *functions;
    const CK_OPENUKEY_FUNCTIONS *vendor;
    bool is_initialized; /* C_Initialize has been called */
    CK_SLOT_ID slot;
    CK_SESSION_HANDLE session;
    char serial[33]; /* of the whole device */
};

enum key_algorithm { KEY_SM2, KEY_RSA };

/* Loads the module and takes the one key whose socket is in `socket_folder`. key_close in any case.
 */
bool key_open(struct key *key, const char *module, const char *socket_folder);
void key_close(struct key *key);

/* C_InitToken with the administrator's PIN, C_InitPIN with the user's; then a session in which the
 * user is logged in. */
bool key_initialize(struct key *key, const char *label, const char *admin_pin,
                    const char *user_pin);

/* Gives the key the 16 bytes that remote unlocks are made with, and sees that one can begin. */
bool key_set_unlock_key(struct key *key, const unsigned char *unlock_key, size_t len);

/* Logs out; from now on the user's PIN must be changed before it opens anything. */
bool key_demand_change(struct key *key, const char *admin_pin, const char *user_pin);

/* Logs out and uses up wrong PINs until the user has `tries_left`. */
bool key_use_up_tries(struct key *key, const char *user_pin, int tries_left);

/* A new container named `name` with a signing pair; *spki = DER SubjectPublicKeyInfo. */
bool key_generate(struct key *key, const char *name, enum key_algorithm algorithm,
                  CK_OBJECT_HANDLE *private_key, struct octets *spki);

/* Signs a message: DER SM2Signature (SM3 with Z), or RSA PKCS#1 v1.5 with SHA-256. */
bool key_sign(struct key *key, CK_OBJECT_HANDLE private_key, enum key_algorithm algorithm,
              const void *message, size_t len, struct octets *signature);

/* The encryption pair of the container of signing key `private_key`, out of a DER SM2EnvelopedKey.
 */
bool key_unwrap(struct key *key, CK_OBJECT_HANDLE private_key, const struct octets *envelope);

bool key_write_certificate(struct key *key, const char *label, const struct octets *der,
                           const struct octets *subject);

/* The private key of the certificate with exactly these bytes, found as any program finds it:
 * certificate, its CKA_ID, key. */
bool key_find_private(struct key *key, const struct octets *certificate,
                      CK_OBJECT_HANDLE *private_key);

/* Opens an SM2 ciphertext 04 || X || Y || C3 || C2, or RSA PKCS#1 v1.5. */
bool key_decrypt(struct key *key, CK_OBJECT_HANDLE private_key, enum key_algorithm algorithm,
                 const struct octets *cipher, struct octets *plain);

/* A data object that everyone may read. */
bool key_write_file(struct key *key, const char *name, const struct octets *content);
bool key_read_file(struct key *key, const char *name, struct octets *content);

#endif
