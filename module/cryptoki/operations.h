/* Cryptographic operations of a session: Init, one-shot, Update, Final.
 *
 * The rules of PKCS#11 3.2, 5.2 and 5.8 - 5.16, kept in one place each: an error ends the operation; a length query and
 * CKR_BUFFER_TOO_SMALL do not; a one-shot call after Update fails, and ends it. All functions are called with the
 * session's slot locked. */
#ifndef OPENUKEY_CRYPTOKI_OPERATIONS_H
#define OPENUKEY_CRYPTOKI_OPERATIONS_H

#include "module/cryptoki/mechanisms.h"
#include "module/formats/octets.h"

#include <openssl/types.h>

struct session;

enum operation_kind {
    OPERATION_DIGEST,
    OPERATION_SIGN,
    OPERATION_VERIFY,
    OPERATION_ENCRYPT,
    OPERATION_DECRYPT,
    OPERATION_KINDS
};

struct operation {
    const struct mechanism *mechanism; /* NULL: not active */
    struct mechanism_parameters parameters;
    CK_OBJECT_HANDLE key;
    EVP_MD_CTX *digest; /* of mechanisms that hash */
    bool is_updated;    /* multi-part from here on */
    bool is_opened;     /* result is there: decrypted, waiting for a large enough buffer */
    struct octets result;
};

/* Makes it inactive; secrets are cleansed. Harmless when inactive. */
void operation_end(struct operation *operation);

CK_RV digest_init(struct session *session, CK_MECHANISM_PTR mechanism);
CK_RV digest_once(struct session *session, CK_BYTE_PTR data, CK_ULONG len, CK_BYTE_PTR out,
                  CK_ULONG_PTR out_len);
CK_RV digest_update(struct session *session, CK_BYTE_PTR part, CK_ULONG len);
CK_RV digest_final(struct session *session, CK_BYTE_PTR out, CK_ULONG_PTR out_len);

CK_RV sign_init(struct session *session, CK_MECHANISM_PTR mechanism, CK_OBJECT_HANDLE key);
CK_RV sign_once(struct session *session, CK_BYTE_PTR data, CK_ULONG len, CK_BYTE_PTR out,
                CK_ULONG_PTR out_len);
CK_RV sign_update(struct session *session, CK_BYTE_PTR part, CK_ULONG len);
CK_RV sign_final(struct session *session, CK_BYTE_PTR out, CK_ULONG_PTR out_len);

CK_RV verify_init(struct session *session, CK_MECHANISM_PTR mechanism, CK_OBJECT_HANDLE key);
CK_RV verify_once(struct session *session, CK_BYTE_PTR data, CK_ULONG len, CK_BYTE_PTR signature,
                  CK_ULONG signature_len);
CK_RV verify_update(struct session *session, CK_BYTE_PTR part, CK_ULONG len);
CK_RV verify_final(struct session *session, CK_BYTE_PTR signature, CK_ULONG signature_len);

CK_RV encrypt_init(struct session *session, CK_MECHANISM_PTR mechanism, CK_OBJECT_HANDLE key);
CK_RV encrypt_once(struct session *session, CK_BYTE_PTR data, CK_ULONG len, CK_BYTE_PTR out,
                   CK_ULONG_PTR out_len);

CK_RV decrypt_init(struct session *session, CK_MECHANISM_PTR mechanism, CK_OBJECT_HANDLE key);
CK_RV decrypt_once(struct session *session, CK_BYTE_PTR data, CK_ULONG len, CK_BYTE_PTR out,
                   CK_ULONG_PTR out_len);

CK_RV random_generate(struct session *session, CK_BYTE_PTR out, CK_ULONG len);

#endif
