/* Cryptographic operations of a session.
 *
 * Every C_*Init is operation_init() with the kind of operation; operation_rules.h has the rules that all share. What the
 * calls of one kind do is in digest.c, signatures.c, encryption.c, dual.c, messages.c and operation_state.c. All
 * functions are called with the session's slot locked. */
#ifndef OPENUKEY_CRYPTOKI_OPERATIONS_H
#define OPENUKEY_CRYPTOKI_OPERATIONS_H

#include "module/cryptoki/mechanisms.h"
#include "module/formats/octets.h"

#include <openssl/types.h>

struct session;
struct host_cipher;

enum operation_kind {
    OPERATION_DIGEST,
    OPERATION_SIGN,
    OPERATION_SIGN_RECOVER,
    OPERATION_VERIFY,
    OPERATION_VERIFY_RECOVER,
    OPERATION_VERIFY_SIGNATURE, /* C_VerifySignature*: the signature was given first */
    OPERATION_ENCRYPT,
    OPERATION_DECRYPT,
    OPERATION_MESSAGE_ENCRYPT,
    OPERATION_MESSAGE_DECRYPT,
    OPERATION_MESSAGE_SIGN,
    OPERATION_MESSAGE_VERIFY,
    OPERATION_KINDS
};

struct operation {
    const struct mechanism *mechanism; /* NULL: not active */
    struct mechanism_parameters parameters;
    CK_OBJECT_HANDLE key;
    size_t output_size;         /* of a digest, signature or MAC */
    EVP_MD_CTX *digest;         /* of mechanisms that hash */
    EVP_MAC_CTX *mac;           /* of MACs */
    struct host_cipher *cipher; /* of ciphers */

    bool is_updated;   /* multi-part from here on */
    bool is_private;   /* ends at logout */
    bool needs_login;  /* the key wants the PIN once for each operation (CKA_ALWAYS_AUTHENTICATE) */
    bool is_logged_in; /* and has got it, by C_Login(CKU_CONTEXT_SPECIFIC) */

    struct octets input, result; /* of a decryption whose result waits for a larger buffer */
    struct octets signature;     /* C_VerifySignatureInit's */

    /* of message kinds */
    bool is_in_message;
    uint64_t messages; /* counter of generated IVs */
};

/* Makes it inactive; secrets are cleansed. Harmless when inactive. */
void operation_end(struct operation *operation);

/* C_DigestInit (key 0), C_SignInit, ...: mechanism, key, and whatever the mechanism needs from the start. A NULL mechanism
 * ends an active operation (3.0). */
CK_RV operation_init(struct session *session, enum operation_kind kind, CK_MECHANISM_PTR mechanism,
                     CK_OBJECT_HANDLE key);
/* C_DigestUpdate, C_SignUpdate, C_VerifyUpdate, C_VerifySignatureUpdate. */
CK_RV operation_update(struct session *session, enum operation_kind kind, CK_BYTE_PTR part,
                       CK_ULONG len);
/* C_SessionCancel. */
CK_RV operations_cancel(struct session *session, CK_FLAGS flags);
/* At logout: the operations with private objects end (3.2, 5.6.9). */
void operations_end_private(struct session *session);
/* The operation that waits for C_Login(CKU_CONTEXT_SPECIFIC); NULL: none. */
struct operation *operation_awaiting_login(struct session *session);

CK_RV digest_once(struct session *session, CK_BYTE_PTR data, CK_ULONG len, CK_BYTE_PTR out,
                  CK_ULONG_PTR out_len);
CK_RV digest_key(struct session *session, CK_OBJECT_HANDLE key);
CK_RV digest_final(struct session *session, CK_BYTE_PTR out, CK_ULONG_PTR out_len);

CK_RV sign_once(struct session *session, CK_BYTE_PTR data, CK_ULONG len, CK_BYTE_PTR out,
                CK_ULONG_PTR out_len);
CK_RV sign_final(struct session *session, CK_BYTE_PTR out, CK_ULONG_PTR out_len);
CK_RV sign_recover(struct session *session, CK_BYTE_PTR data, CK_ULONG len, CK_BYTE_PTR out,
                   CK_ULONG_PTR out_len);

CK_RV verify_once(struct session *session, CK_BYTE_PTR data, CK_ULONG len, CK_BYTE_PTR signature,
                  CK_ULONG signature_len);
CK_RV verify_final(struct session *session, CK_BYTE_PTR signature, CK_ULONG signature_len);
CK_RV verify_recover(struct session *session, CK_BYTE_PTR signature, CK_ULONG signature_len,
                     CK_BYTE_PTR out, CK_ULONG_PTR out_len);
CK_RV verify_signature_init(struct session *session, CK_MECHANISM_PTR mechanism,
                            CK_OBJECT_HANDLE key, CK_BYTE_PTR signature, CK_ULONG signature_len);
CK_RV verify_signature_once(struct session *session, CK_BYTE_PTR data, CK_ULONG len);
CK_RV verify_signature_final(struct session *session);

/* OPERATION_ENCRYPT and OPERATION_DECRYPT. */
CK_RV crypt_once(struct session *session, enum operation_kind kind, CK_BYTE_PTR data, CK_ULONG len,
                 CK_BYTE_PTR out, CK_ULONG_PTR out_len);
CK_RV crypt_update(struct session *session, enum operation_kind kind, CK_BYTE_PTR part,
                   CK_ULONG len, CK_BYTE_PTR out, CK_ULONG_PTR out_len);
CK_RV crypt_final(struct session *session, enum operation_kind kind, CK_BYTE_PTR out,
                  CK_ULONG_PTR out_len);

/* C_DigestEncryptUpdate, C_SignEncryptUpdate; C_DecryptDigestUpdate, C_DecryptVerifyUpdate: what is encrypted, or comes
 * out of the decryption, goes to the operation `kind` as well. */
CK_RV dual_encrypt_update(struct session *session, enum operation_kind kind, CK_BYTE_PTR part,
                          CK_ULONG len, CK_BYTE_PTR out, CK_ULONG_PTR out_len);
CK_RV dual_decrypt_update(struct session *session, enum operation_kind kind, CK_BYTE_PTR part,
                          CK_ULONG len, CK_BYTE_PTR out, CK_ULONG_PTR out_len);

/* Messages (5.10, 5.12, 5.15, 5.17). Encryption and decryption: `kind` is OPERATION_MESSAGE_ENCRYPT or _DECRYPT. */
CK_RV message_crypt(struct session *session, enum operation_kind kind, CK_VOID_PTR parameter,
                    CK_ULONG parameter_len, CK_BYTE_PTR associated, CK_ULONG associated_len,
                    CK_BYTE_PTR in, CK_ULONG len, CK_BYTE_PTR out, CK_ULONG_PTR out_len);
CK_RV message_crypt_begin(struct session *session, enum operation_kind kind, CK_VOID_PTR parameter,
                          CK_ULONG parameter_len, CK_BYTE_PTR associated, CK_ULONG associated_len);
CK_RV message_crypt_next(struct session *session, enum operation_kind kind, CK_VOID_PTR parameter,
                         CK_ULONG parameter_len, CK_BYTE_PTR in, CK_ULONG len, CK_BYTE_PTR out,
                         CK_ULONG_PTR out_len, CK_FLAGS flags);
CK_RV message_sign(struct session *session, CK_VOID_PTR parameter, CK_ULONG parameter_len,
                   CK_BYTE_PTR data, CK_ULONG len, CK_BYTE_PTR out, CK_ULONG_PTR out_len);
CK_RV message_verify(struct session *session, CK_VOID_PTR parameter, CK_ULONG parameter_len,
                     CK_BYTE_PTR data, CK_ULONG len, CK_BYTE_PTR signature, CK_ULONG signature_len);
/* Both kinds of signing and verifying. */
CK_RV message_begin(struct session *session, enum operation_kind kind, CK_VOID_PTR parameter,
                    CK_ULONG parameter_len);
CK_RV message_sign_next(struct session *session, CK_VOID_PTR parameter, CK_ULONG parameter_len,
                        CK_BYTE_PTR part, CK_ULONG len, CK_BYTE_PTR out, CK_ULONG_PTR out_len);
CK_RV message_verify_next(struct session *session, CK_VOID_PTR parameter, CK_ULONG parameter_len,
                          CK_BYTE_PTR part, CK_ULONG len, CK_BYTE_PTR signature,
                          CK_ULONG signature_len);
CK_RV message_final(struct session *session, enum operation_kind kind);

CK_RV random_generate(struct session *session, CK_BYTE_PTR out, CK_ULONG len);

#endif
