/* Calls that make keys: generation, wrapping, derivation (PKCS#11 3.2, 5.18). Called with the slot locked. */
#ifndef OPENUKEY_CRYPTOKI_KEY_CREATION_H
#define OPENUKEY_CRYPTOKI_KEY_CREATION_H

#include "module/cryptoki/keys.h"
#include "module/cryptoki/templates.h"

/* C_GenerateKey: secret keys of the session. */
CK_RV key_generate(struct session *session, CK_MECHANISM_PTR mechanism, struct template t,
                   CK_OBJECT_HANDLE_PTR out);
/* C_GenerateKeyPair: on the card (CKA_TOKEN true, or not said), or of the session. */
CK_RV key_pair_generate(struct session *session, CK_MECHANISM_PTR mechanism,
                        struct template public_template, struct template private_template,
                        CK_OBJECT_HANDLE_PTR public_key, CK_OBJECT_HANDLE_PTR private_key);

CK_RV key_wrap(struct session *session, CK_MECHANISM_PTR mechanism, CK_OBJECT_HANDLE wrapping_key,
               CK_OBJECT_HANDLE key, CK_BYTE_PTR out, CK_ULONG_PTR out_len);
/* A key of the session, or with CKM_OPENUKEY_SM2_ENVELOPED_KEY an encryption pair on the card. */
CK_RV key_unwrap(struct session *session, CK_MECHANISM_PTR mechanism,
                 CK_OBJECT_HANDLE unwrapping_key, CK_BYTE_PTR wrapped, CK_ULONG wrapped_len,
                 struct template t, CK_OBJECT_HANDLE_PTR out);

/* Secret keys of the session. */
CK_RV key_derive(struct session *session, CK_MECHANISM_PTR mechanism, CK_OBJECT_HANDLE base_key,
                 struct template t, CK_OBJECT_HANDLE_PTR out);
CK_RV key_encapsulate(struct session *session, CK_MECHANISM_PTR mechanism,
                      CK_OBJECT_HANDLE public_key, struct template t, CK_BYTE_PTR ciphertext,
                      CK_ULONG_PTR ciphertext_len, CK_OBJECT_HANDLE_PTR out);
CK_RV key_decapsulate(struct session *session, CK_MECHANISM_PTR mechanism,
                      CK_OBJECT_HANDLE private_key, struct template t, CK_BYTE_PTR ciphertext,
                      CK_ULONG ciphertext_len, CK_OBJECT_HANDLE_PTR out);

/* sm2_agreement.c: C_DeriveKey with CKM_OPENUKEY_SM2_AGREEMENT. */
CK_RV sm2_agree(struct session *session, const struct mechanism *mechanism,
                CK_OPENUKEY_SM2_AGREEMENT_PARAMS *params, const struct key *key, struct template t,
                CK_OBJECT_HANDLE_PTR out);

/* ---- what these share ---- */

/* A secret key of the session from its bytes. type: CK_UNAVAILABLE_INFORMATION takes the template's. */
CK_RV secret_key_make(struct session *session, struct template t, enum birth birth,
                      CK_MECHANISM_TYPE mechanism, CK_KEY_TYPE type, const struct key *base,
                      const uint8_t *value, size_t len, CK_OBJECT_HANDLE_PTR out);

/* A public or private key of the session from OpenSSL's. */
CK_RV pair_key_make(struct session *session, struct template t, enum birth birth,
                    CK_MECHANISM_TYPE mechanism, CK_OBJECT_CLASS object_class, const EVP_PKEY *key,
                    CK_OBJECT_HANDLE_PTR out);

/* key_on_card.c: generation on the card; the encryption pair out of an envelope. */
CK_RV card_pair_generate(struct session *session, const struct mechanism *mechanism,
                         struct template public_template, struct template private_template,
                         CK_OBJECT_HANDLE_PTR public_key, CK_OBJECT_HANDLE_PTR private_key);
CK_RV card_pair_unwrap(struct session *session, const struct mechanism *mechanism,
                       CK_OBJECT_HANDLE unwrapping_key, const uint8_t *wrapped, size_t wrapped_len,
                       struct template t, CK_OBJECT_HANDLE_PTR out);

/* An encryption pair has come into the container: gives it the template's CKA_ID and CKA_LABEL; its private key's handle. */
CK_RV card_pair_imported(struct session *session, const char *container, struct template t,
                         CK_OBJECT_HANDLE_PTR out);

/* key_import.c: C_CreateObject of a private key with CKA_TOKEN. It becomes the encryption pair of the container whose
 * signing pair has the template's CKA_LABEL and the same algorithm, and goes there under that pair's public key. It
 * decrypts; what signs is made in the card. CKR_TEMPLATE_INCONSISTENT: no such container, it has an encryption pair, or
 * the template wants more; CKR_KEY_SIZE_RANGE; CKR_TEMPLATE_INCOMPLETE: an RSA key without its primes. */
CK_RV key_import(struct session *session, struct template t, CK_OBJECT_HANDLE_PTR out);

/* What a template says of a pair to be made: the bits of its modulus or field; for curves OpenSSL's name.
 * CKR_TEMPLATE_INCOMPLETE, CKR_CURVE_NOT_SUPPORTED. */
struct pair_wish {
    CK_ULONG bits;
    const char *curve;
};
CK_RV pair_wish_read(enum key_family family, struct template public_template,
                     struct pair_wish *out);

#endif
