/* Changing keys: new pairs, certificates, files, retirement. */
#include <stdlib.h>
#include <string.h>

#include "agent/token/plugged.h"
#include "module/formats/sm2.h"

/* What a pair for a scheme is made of. */
static const struct pair_recipe {
    CK_MECHANISM_TYPE mechanism;
    CK_BYTE curve[10]; /* DER OBJECT IDENTIFIER */
    CK_ULONG curve_len;
    CK_ULONG bits; /* without these and without a curve no such pairs are made */
} recipes[SCHEME_COUNT] = {
    [SCHEME_SM2] = {CKM_SM2_KEY_PAIR_GEN,
                    {0x06, 0x08, 0x2A, 0x81, 0x1C, 0xCF, 0x55, 0x01, 0x82, 0x2D},
                    10,
                    0},
    [SCHEME_RSA_PKCS1] = {CKM_RSA_PKCS_KEY_PAIR_GEN, {0}, 0, 2048},
    [SCHEME_P256] = {CKM_EC_KEY_PAIR_GEN,
                     {0x06, 0x08, 0x2A, 0x86, 0x48, 0xCE, 0x3D, 0x03, 0x01, 0x07},
                     10,
                     0},
};

enum token_error token_generate(struct token *token, const char *label,
                                enum signature_scheme scheme, struct token_pair *pair) {
    const struct cryptoki *cryptoki = &token->owner->cryptoki;
    struct pair_recipe recipe = recipes[scheme];
    CK_MECHANISM mechanism = {.mechanism = recipe.mechanism};
    CK_BBOOL yes = CK_TRUE;
    char name[TOKEN_LABEL_MAX];
    CK_OBJECT_HANDLE public_key, private_key;
    CK_SESSION_HANDLE session;
    *pair = (struct token_pair){0};
    size_t len = strnlen(label, sizeof name);
    if (len == 0 || len == sizeof name)
        return TOKEN_FAILED;
    if (!recipe.bits && !recipe.curve_len)
        return TOKEN_UNSUPPORTED;
    memcpy(name, label, len);
    CK_ATTRIBUTE public_template[] = {
        {CKA_TOKEN, &yes, sizeof yes},
        {CKA_VERIFY, &yes, sizeof yes},
        {CKA_LABEL, name, len},
        recipe.bits ? (CK_ATTRIBUTE){CKA_MODULUS_BITS, &recipe.bits, sizeof recipe.bits}
                    : (CK_ATTRIBUTE){CKA_EC_PARAMS, recipe.curve, recipe.curve_len}};
    CK_ATTRIBUTE private_template[] = {{CKA_TOKEN, &yes, sizeof yes},
                                       {CKA_PRIVATE, &yes, sizeof yes},
                                       {CKA_SENSITIVE, &yes, sizeof yes},
                                       {CKA_SIGN, &yes, sizeof yes},
                                       {CKA_LABEL, name, len}};
    enum token_error error = token_begin(token, true, &session);
    if (error)
        return error;
    CK_RV rv = cryptoki->functions->C_GenerateKeyPair(
        session, &mechanism, public_template, 4, private_template, 5, &public_key, &private_key);
    if (rv != CKR_OK)
        error = cryptoki_error(rv, "generating a key pair");
    error = token_end(token, session, error);
    /* what counts is what the key has now, found as a resumed job will find it */
    return error ? error : token_find_pair(token, label, TOKEN_USE_SIGN, pair);
}

enum token_error token_unwrap(struct token *token, const struct token_key_id *id, const char *label,
                              const unsigned char *envelope, size_t len) {
    const struct cryptoki *cryptoki = &token->owner->cryptoki;
    CK_MECHANISM mechanism = {.mechanism = CKM_OPENUKEY_SM2_ENVELOPED_KEY};
    char name[TOKEN_LABEL_MAX];
    CK_OBJECT_HANDLE key, made;
    CK_SESSION_HANDLE session;
    size_t name_len = strnlen(label, sizeof name);
    if (name_len == sizeof name)
        return TOKEN_FAILED;
    memcpy(name, label, name_len);
    CK_ATTRIBUTE template[] = {{CKA_LABEL, name, name_len}};
    enum token_error error = token_begin(token, true, &session);
    if (error)
        return error;
    error = token_require_login(cryptoki, session);
    if (!error)
        error = token_private_key(cryptoki, session, id, &key);
    if (!error) {
        CK_RV rv = cryptoki->functions->C_UnwrapKey(
            session, &mechanism, key, (CK_BYTE *)(uintptr_t)envelope, len, template, 1, &made);
        if (rv != CKR_OK)
            error = cryptoki_error(rv, "unwrapping the encryption key");
    }
    return token_end(token, session, error);
}

enum token_error token_write_certificate(struct token *token, const struct token_key_id *id,
                                         const char *label, const struct certificate *certificate) {
    const struct cryptoki *cryptoki = &token->owner->cryptoki;
    CK_OBJECT_CLASS class = CKO_CERTIFICATE;
    CK_CERTIFICATE_TYPE type = CKC_X_509;
    CK_BBOOL yes = CK_TRUE;
    struct token_key_id key = *id;
    char name[TOKEN_LABEL_MAX];
    CK_OBJECT_HANDLE made;
    CK_SESSION_HANDLE session;
    size_t name_len = strnlen(label, sizeof name);
    if (name_len == sizeof name)
        return TOKEN_FAILED;
    memcpy(name, label, name_len);
    CK_ATTRIBUTE template[] = {
        {CKA_CLASS, &class, sizeof class},
        {CKA_CERTIFICATE_TYPE, &type, sizeof type},
        {CKA_TOKEN, &yes, sizeof yes},
        {CKA_ID, key.bytes, key.len},
        {CKA_LABEL, name, name_len},
        {CKA_VALUE, certificate->der.data, certificate->der.len},
        {CKA_SUBJECT, certificate->subject.der.data, certificate->subject.der.len}};
    enum token_error error = token_begin(token, true, &session);
    if (error)
        return error;
    CK_RV rv = cryptoki->functions->C_CreateObject(session, template,
                                                   sizeof template / sizeof *template, &made);
    if (rv != CKR_OK)
        error = cryptoki_error(rv, "writing a certificate");
    return token_end(token, session, error);
}

/* Destroy every data object of that name. */
static enum token_error destroy_files(const struct cryptoki *cryptoki, CK_SESSION_HANDLE session,
                                      char *name, size_t len) {
    CK_OBJECT_CLASS class = CKO_DATA;
    CK_ATTRIBUTE template[] = {{CKA_CLASS, &class, sizeof class}, {CKA_LABEL, name, len}};
    CK_OBJECT_HANDLE objects[TOKEN_OBJECTS_MAX];
    size_t found = 0;
    enum token_error error = cryptoki_find(cryptoki, session, template, 2, objects, &found);
    for (size_t i = 0; i < found && !error; i++) {
        CK_RV rv = cryptoki->functions->C_DestroyObject(session, objects[i]);
        if (rv != CKR_OK)
            error = cryptoki_error(rv, "deleting a file");
    }
    return error;
}

enum token_error token_write_file(struct token *token, const char *name, const void *content,
                                  size_t len) {
    const struct cryptoki *cryptoki = &token->owner->cryptoki;
    CK_OBJECT_CLASS class = CKO_DATA;
    CK_BBOOL yes = CK_TRUE, no = CK_FALSE;
    char label[TOKEN_LABEL_MAX];
    CK_OBJECT_HANDLE made;
    CK_SESSION_HANDLE session;
    size_t label_len = strnlen(name, sizeof label);
    if (label_len == 0 || label_len == sizeof label)
        return TOKEN_FAILED;
    memcpy(label, name, label_len);
    CK_ATTRIBUTE template[] = {{CKA_CLASS, &class, sizeof class},
                               {CKA_TOKEN, &yes, sizeof yes},
                               {CKA_PRIVATE, &no, sizeof no},
                               {CKA_LABEL, label, label_len},
                               {CKA_VALUE, (void *)(uintptr_t)content, len}};
    enum token_error error = token_begin(token, true, &session);
    if (error)
        return error;
    error = destroy_files(cryptoki, session, label, label_len);
    if (!error) {
        CK_RV rv = cryptoki->functions->C_CreateObject(session, template,
                                                       sizeof template / sizeof *template, &made);
        if (rv != CKR_OK)
            error = cryptoki_error(rv, "writing a file");
    }
    return token_end(token, session, error);
}

enum token_error token_delete_file(struct token *token, const char *name) {
    char label[TOKEN_LABEL_MAX];
    CK_SESSION_HANDLE session;
    size_t len = strnlen(name, sizeof label);
    if (len == 0 || len == sizeof label)
        return TOKEN_FAILED;
    memcpy(label, name, len);
    enum token_error error = token_begin(token, true, &session);
    if (error)
        return error;
    error = destroy_files(&token->owner->cryptoki, session, label, len);
    return token_end(token, session, error);
}

enum token_error token_retire(struct token *token, const struct token_key_id *id) {
    const struct cryptoki *cryptoki = &token->owner->cryptoki;
    CK_OBJECT_HANDLE key;
    CK_SESSION_HANDLE session;
    enum token_error error = token_begin(token, true, &session);
    if (error)
        return error;
    error = token_require_login(cryptoki, session);
    if (!error)
        error = token_private_key(cryptoki, session, id, &key);
    if (!error) {
        CK_RV rv = cryptoki->vendor ? cryptoki->vendor->RetireKey(session, key)
                                    : cryptoki->functions->C_DestroyObject(session, key);
        if (rv != CKR_OK)
            error = cryptoki_error(rv, "retiring the old signing key");
    } else if (error == TOKEN_NOT_FOUND) {
        error = TOKEN_OK;
    }
    return token_end(token, session, error);
}
