/* Using private keys: signatures and the decryption of content keys. */
#include <string.h>

#include "agent/token/plugged.h"
#include "module/formats/sm2.h"

enum token_error token_private_key(const struct cryptoki *cryptoki, CK_SESSION_HANDLE session,
                                   const struct token_key_id *id, CK_OBJECT_HANDLE *object) {
    CK_OBJECT_CLASS class = CKO_PRIVATE_KEY;
    struct token_key_id key = *id;
    CK_ATTRIBUTE template[] = {{CKA_CLASS, &class, sizeof class}, {CKA_ID, key.bytes, key.len}};
    *object = CK_INVALID_HANDLE;
    return id->len ? cryptoki_find_one(cryptoki, session, template, 2, object) : TOKEN_NOT_FOUND;
}

enum token_error token_require_login(const struct cryptoki *cryptoki, CK_SESSION_HANDLE session) {
    CK_SESSION_INFO info;
    CK_RV rv = cryptoki->functions->C_GetSessionInfo(session, &info);
    if (rv != CKR_OK)
        return cryptoki_error(rv, "C_GetSessionInfo");
    return info.state == CKS_RO_USER_FUNCTIONS || info.state == CKS_RW_USER_FUNCTIONS
               ? TOKEN_OK
               : TOKEN_LOGIN_NEEDED;
}

/* ---- signatures ---- */

static const CK_MECHANISM_TYPE signing[SCHEME_COUNT] = {
    [SCHEME_SM2] = CKM_SM2_SM3,
    [SCHEME_RSA_PKCS1] = CKM_SHA256_RSA_PKCS,
    [SCHEME_RSA_PSS] = CKM_SHA256_RSA_PKCS_PSS,
    [SCHEME_P256] = CKM_ECDSA_SHA256,
    [SCHEME_P384] = CKM_ECDSA_SHA384,
};

/* One signature to make. */
struct signing {
    const struct token_key_id *key;
    CK_MECHANISM *mechanism;
    enum signature_scheme scheme;
    struct octets message;
    const struct token_pin *pin;
};

/* For the use that has just begun in this session, where a PIN is given for it. */
static CK_RV login_for_use(const struct cryptoki *cryptoki, CK_SESSION_HANDLE session,
                           const struct token_pin *pin) {
    if (!pin || !pin->text)
        return CKR_OK;
    /* Cryptoki's prototype takes the PIN without const; it does not write to it */
    return cryptoki->functions->C_Login(session, CKU_CONTEXT_SPECIFIC,
                                        (CK_UTF8CHAR *)(uintptr_t)pin->text, pin->len);
}

static enum token_error sign(const struct cryptoki *cryptoki, CK_SESSION_HANDLE session,
                             CK_OBJECT_HANDLE key, const struct signing *what,
                             struct octets *signature) {
    const CK_FUNCTION_LIST *f = cryptoki->functions;
    CK_BYTE raw[SCHEME_SIGNATURE_MAX];
    CK_ULONG raw_len = sizeof raw;
    CK_RV rv = f->C_SignInit(session, what->mechanism, key);
    if (rv == CKR_OK)
        rv = login_for_use(cryptoki, session, what->pin);
    if (rv == CKR_OK)
        rv = f->C_Sign(session, what->message.data, what->message.len, raw, &raw_len);
    if (rv != CKR_OK)
        return cryptoki_error(rv, "signing");
    return signature_to_der(what->scheme, raw, raw_len, signature) == FORMATS_OK ? TOKEN_OK
                                                                                 : TOKEN_FAILED;
}

static enum token_error sign_with(struct token *token, const struct signing *what,
                                  struct octets *signature) {
    const struct cryptoki *cryptoki = &token->owner->cryptoki;
    CK_OBJECT_HANDLE key;
    CK_SESSION_HANDLE session;
    *signature = (struct octets){0};
    enum token_error error = token_begin(token, false, &session);
    if (error)
        return error;
    error = token_require_login(cryptoki, session);
    if (!error)
        error = token_private_key(cryptoki, session, what->key, &key);
    if (!error)
        error = sign(cryptoki, session, key, what, signature);
    return token_end(token, session, error);
}

enum token_error token_key_wants_pin(struct token *token, const struct token_key_id *id,
                                     bool *wants_pin) {
    const struct cryptoki *cryptoki = &token->owner->cryptoki;
    CK_BBOOL wants = CK_FALSE;
    CK_ATTRIBUTE attribute = {CKA_ALWAYS_AUTHENTICATE, &wants, sizeof wants};
    CK_OBJECT_HANDLE key;
    CK_SESSION_HANDLE session;
    *wants_pin = false;
    enum token_error error = token_begin(token, false, &session);
    if (error)
        return error;
    error = token_require_login(cryptoki, session);
    if (!error)
        error = token_private_key(cryptoki, session, id, &key);
    /* a module that does not know the attribute has no such keys */
    if (!error && cryptoki->functions->C_GetAttributeValue(session, key, &attribute, 1) == CKR_OK)
        *wants_pin = wants == CK_TRUE;
    return token_end(token, session, error);
}

enum token_error token_sign(struct token *token, const struct token_key_id *id,
                            enum signature_scheme scheme, const void *message, size_t len,
                            const struct token_pin *pin, struct octets *signature) {
    CK_RSA_PKCS_PSS_PARAMS pss = {.hashAlg = CKM_SHA256, .mgf = CKG_MGF1_SHA256, .sLen = 32};
    CK_MECHANISM mechanism = {.mechanism = signing[scheme]};
    /* Cryptoki's prototype takes the data without const; it does not write to it */
    const struct signing what = {.key = id,
                                 .mechanism = &mechanism,
                                 .scheme = scheme,
                                 .message = {(unsigned char *)(uintptr_t)message, len},
                                 .pin = pin};
    if (scheme == SCHEME_RSA_PSS) {
        mechanism.pParameter = &pss;
        mechanism.ulParameterLen = sizeof pss;
    }
    return sign_with(token, &what, signature);
}

enum token_error token_sign_digest(struct token *token, const struct token_key_id *id,
                                   enum signature_scheme scheme, const void *digest, size_t len,
                                   const struct token_pin *pin, struct octets *signature) {
    /* DigestInfo of SHA-256 (RFC 8017, 9.2) up to the digest */
    static const unsigned char info[] = {0x30, 0x31, 0x30, 0x0D, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01,
                                         0x65, 0x03, 0x04, 0x02, 0x01, 0x05, 0x00, 0x04, 0x20};
    unsigned char message[sizeof info + SCHEME_DIGEST_MAX];
    CK_MECHANISM mechanism = {.mechanism = CKM_ECDSA};
    size_t used = 0;
    *signature = (struct octets){0};
    if (len != signature_scheme_facts(scheme)->digest_len || scheme == SCHEME_RSA_PSS)
        return TOKEN_UNSUPPORTED;
    if (scheme == SCHEME_SM2) {
        mechanism.mechanism = CKM_SM2;
    } else if (scheme == SCHEME_RSA_PKCS1) {
        mechanism.mechanism = CKM_RSA_PKCS;
        memcpy(message, info, sizeof info);
        used = sizeof info;
    }
    memcpy(message + used, digest, len);
    const struct signing what = {.key = id,
                                 .mechanism = &mechanism,
                                 .scheme = scheme,
                                 .message = {message, used + len},
                                 .pin = pin};
    return sign_with(token, &what, signature);
}

/* ---- decryption ---- */

static enum token_error decrypt(const struct cryptoki *cryptoki, CK_SESSION_HANDLE session,
                                CK_OBJECT_HANDLE key, enum token_decryption how,
                                const struct octets *cipher, const struct token_pin *pin,
                                struct octets *plain) {
    CK_RSA_PKCS_OAEP_PARAMS oaep = {
        .hashAlg = how == TOKEN_DECRYPT_OAEP_SHA1 ? CKM_SHA_1 : CKM_SHA256,
        .mgf = how == TOKEN_DECRYPT_OAEP_SHA1 ? CKG_MGF1_SHA1 : CKG_MGF1_SHA256,
        .source = CKZ_DATA_SPECIFIED};
    CK_MECHANISM mechanism = {
        .mechanism = CKM_RSA_PKCS_OAEP, .pParameter = &oaep, .ulParameterLen = sizeof oaep};
    CK_BYTE out[SCHEME_SIGNATURE_MAX];
    CK_ULONG out_len = sizeof out;
    if (how == TOKEN_DECRYPT_SM2)
        mechanism = (CK_MECHANISM){.mechanism = CKM_SM2_ENCRYPT};
    else if (how == TOKEN_DECRYPT_RSA_PKCS1)
        mechanism = (CK_MECHANISM){.mechanism = CKM_RSA_PKCS};
    CK_RV rv = cryptoki->functions->C_DecryptInit(session, &mechanism, key);
    if (rv == CKR_OK)
        rv = login_for_use(cryptoki, session, pin);
    if (rv == CKR_OK)
        rv = cryptoki->functions->C_Decrypt(session, cipher->data, cipher->len, out, &out_len);
    enum token_error error = TOKEN_OK;
    if (rv != CKR_OK)
        error = cryptoki_error(rv, "decrypting");
    else if (octets_copy(plain, out, out_len) != FORMATS_OK)
        error = TOKEN_MEMORY;
    OPENSSL_cleanse(out, sizeof out);
    return error;
}

enum token_error token_decrypt(struct token *token, const struct token_key_id *id,
                               enum token_decryption how, const void *cipher, size_t len,
                               const struct token_pin *pin, struct octets *plain) {
    const struct cryptoki *cryptoki = &token->owner->cryptoki;
    struct octets bytes = {0};
    struct sm2_cipher parts;
    CK_OBJECT_HANDLE key;
    CK_SESSION_HANDLE session;
    *plain = (struct octets){0};
    enum formats_error made = how != TOKEN_DECRYPT_SM2 ? octets_copy(&bytes, cipher, len)
                                                       : sm2_cipher_parse(cipher, len, &parts);
    if (made == FORMATS_OK && how == TOKEN_DECRYPT_SM2)
        made = sm2_cipher_to_raw(&parts, &bytes);
    if (made != FORMATS_OK)
        return made == FORMATS_MEMORY ? TOKEN_MEMORY : TOKEN_FAILED;
    enum token_error error = token_begin(token, false, &session);
    if (!error) {
        error = token_require_login(cryptoki, session);
        if (!error)
            error = token_private_key(cryptoki, session, id, &key);
        if (!error)
            error = decrypt(cryptoki, session, key, how, &bytes, pin, plain);
        error = token_end(token, session, error);
    }
    octets_free(&bytes);
    return error;
}
