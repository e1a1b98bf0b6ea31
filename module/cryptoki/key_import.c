/* Private keys from outside onto the card: enveloped to a signing key that is there already. */
#include "module/cryptoki/errors.h"
#include "module/cryptoki/host_keys.h"
#include "module/cryptoki/key_creation.h"
#include "module/cryptoki/session_object_parts.h"
#include "module/cryptoki/sessions.h"

#include "module/log.h"

#include <openssl/crypto.h>
#include <openssl/rand.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>
#include <stdlib.h>
#include <string.h>

enum { SM4_BLOCK = 16 };

/* What the template may want of a key that decrypts on a card. */
static CK_RV check_wishes(struct template t, enum described_kind kind) {
    static const struct {
        CK_ATTRIBUTE_TYPE type;
        bool value;
    } wishes[] = {{CKA_PRIVATE, true}, {CKA_SENSITIVE, true},     {CKA_EXTRACTABLE, false},
                  {CKA_SIGN, false},   {CKA_SIGN_RECOVER, false}, {CKA_ALWAYS_AUTHENTICATE, false}};
    CK_RV rv = attribute_rules_check(t, kind, BORN_CREATED);
    for (size_t i = 0; i < sizeof(wishes) / sizeof(wishes[0]) && rv == CKR_OK; i++) {
        rv = template_requires_bool(t, wishes[i].type, wishes[i].value);
    }
    return rv;
}

/* The key for OpenSSL; the caller's. */
static CK_RV read_key(struct session *session, struct template t, enum described_kind kind,
                      CK_KEY_TYPE type, EVP_PKEY **out) {
    struct session_object *draft = session_object_new(kind, type);
    CK_RV rv = draft == NULL ? CKR_HOST_MEMORY : CKR_OK;
    *out = NULL;
    for (CK_ULONG i = 0; i < t.count && rv == CKR_OK; i++) {
        rv = session_object_put(draft, t.items[i].type, t.items[i].pValue, t.items[i].ulValueLen);
    }
    if (rv == CKR_OK) {
        *out = session_object_pkey(session->module->libctx, draft);
        rv = *out == NULL ? CKR_ATTRIBUTE_VALUE_INVALID : CKR_OK;
    }
    session_object_free(draft);
    return rv;
}

/* The signing pair of this label and algorithm whose container has room for an encryption pair. */
static CK_RV find_signer(struct session *session, const char *label, enum token_algorithm algorithm,
                         struct key_entry **out) {
    struct token_object *keys;
    size_t count;
    *out = NULL;
    CK_RV rv = rv_from_token(
        token_objects_list(session_token(session), OBJECT_PRIVATE_KEY, NULL, &keys, &count));
    for (size_t i = 0; i < count && rv == CKR_OK && *out == NULL; i++) {
        struct key_entry *entry = keys[i].key;
        if (entry->key.usage == USAGE_SIGN && entry->key.algorithm == algorithm &&
            !entry->key.has_sibling && strcmp(token_object_label(&keys[i]), label) == 0) {
            *out = entry;
        }
    }
    free(keys);
    if (rv == CKR_OK && *out == NULL) {
        log_info("no signing key %s without an encryption key: nothing takes this key in", label);
        rv = CKR_TEMPLATE_INCONSISTENT;
    }
    return rv;
}

static CK_RV import_sm2(struct session *session, EVP_PKEY *key, const struct key_entry *signer,
                        EVP_PKEY *recipient, struct template names, CK_OBJECT_HANDLE_PTR out) {
    struct octets envelope = {NULL, 0};
    if (sm2_envelope_make(session->module->libctx, recipient, key, &envelope) != FORMATS_OK) {
        return CKR_FUNCTION_FAILED;
    }
    CK_RV rv = card_pair_unwrap(session, mechanism_find(CKM_OPENUKEY_SM2_ENVELOPED_KEY),
                                signer->private_handle, envelope.data, envelope.len, names, out);
    octets_free(&envelope);
    return rv;
}

static CK_RV wrap_to(OSSL_LIB_CTX *libctx, EVP_PKEY *recipient, const uint8_t *key, size_t len,
                     struct octets *out) {
    uint8_t wrapped[RSA2048_SIZE];
    size_t wrapped_len = sizeof(wrapped);
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_pkey(libctx, recipient, NULL);
    bool good = ctx != NULL && EVP_PKEY_encrypt_init(ctx) == 1 &&
                EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_PADDING) == 1 &&
                EVP_PKEY_encrypt(ctx, wrapped, &wrapped_len, key, len) == 1;
    EVP_PKEY_CTX_free(ctx);
    return good && octets_copy(out, wrapped, wrapped_len) == FORMATS_OK ? CKR_OK
                                                                        : CKR_FUNCTION_FAILED;
}

/* RSAPrivateKey in DER, zero-padded to blocks, under SM4. */
static CK_RV encrypt_key(OSSL_LIB_CTX *libctx, const EVP_PKEY *key, const uint8_t sym[SM4_BLOCK],
                         struct octets *out) {
    unsigned char *der = NULL;
    int len = i2d_PrivateKey(key, &der), n = 0;
    const size_t padded = len > 0 ? ((size_t)len + SM4_BLOCK - 1) / SM4_BLOCK * SM4_BLOCK : 0;
    unsigned char *plain = padded > 0 ? calloc(1, padded) : NULL;
    unsigned char *cipher_text = padded > 0 ? calloc(1, padded) : NULL;
    EVP_CIPHER *cipher = EVP_CIPHER_fetch(libctx, "SM4-ECB", NULL);
    EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
    bool good = plain != NULL && cipher_text != NULL && cipher != NULL && ctx != NULL;
    if (good) {
        memcpy(plain, der, (size_t)len);
        good = EVP_EncryptInit_ex2(ctx, cipher, sym, NULL, NULL) == 1 &&
               EVP_CIPHER_CTX_set_padding(ctx, 0) == 1 &&
               EVP_EncryptUpdate(ctx, cipher_text, &n, plain, (int)padded) == 1 &&
               (size_t)n == padded && octets_copy(out, cipher_text, padded) == FORMATS_OK;
    }
    EVP_CIPHER_CTX_free(ctx);
    EVP_CIPHER_free(cipher);
    if (plain != NULL) {
        OPENSSL_cleanse(plain, padded);
    }
    free(plain);
    free(cipher_text);
    OPENSSL_clear_free(der, len > 0 ? (size_t)len : 0);
    return good ? CKR_OK : CKR_FUNCTION_FAILED;
}

static CK_RV import_rsa(struct session *session, const EVP_PKEY *key,
                        const struct key_entry *signer, EVP_PKEY *recipient, struct template names,
                        CK_OBJECT_HANDLE_PTR out) {
    OSSL_LIB_CTX *libctx = session->module->libctx;
    struct token *token = session_token(session);
    struct octets wrapped = {NULL, 0}, encrypted = {NULL, 0};
    uint8_t sym[SM4_BLOCK];
    const struct token_key place = signer->key; /* the entry does not outlive the change */
    CK_RV rv = RAND_priv_bytes_ex(libctx, sym, sizeof(sym), 0) == 1 ? CKR_OK : CKR_FUNCTION_FAILED;
    rv = rv == CKR_OK ? wrap_to(libctx, recipient, sym, sizeof(sym), &wrapped) : rv;
    rv = rv == CKR_OK ? encrypt_key(libctx, key, sym, &encrypted) : rv;
    OPENSSL_cleanse(sym, sizeof(sym));
    if (rv == CKR_OK) {
        enum token_error err = token_import_rsa(token, place.container, &wrapped, &encrypted);
        rv = err == TOKEN_BAD_DATA || err == TOKEN_DECRYPT_FAILED ? CKR_ATTRIBUTE_VALUE_INVALID
             : err == TOKEN_UNSUPPORTED                           ? CKR_TEMPLATE_INCONSISTENT
                                                                  : rv_from_token(err);
        token_objects_changed(token, place.container);
    }
    octets_free(&wrapped);
    octets_free(&encrypted);
    return rv != CKR_OK ? rv : card_pair_imported(session, place.container, names, out);
}

/* CKA_ID and CKA_LABEL for the new pair; the signing pair's own CKA_ID is not given twice. */
static struct template names_of(struct template t, const struct key_entry *signer,
                                CK_ATTRIBUTE names[2]) {
    static const CK_ATTRIBUTE_TYPE types[] = {CKA_LABEL, CKA_ID};
    CK_ULONG count = 0;
    for (size_t i = 0; i < 2; i++) {
        const CK_ATTRIBUTE *a = template_find(t, types[i]);
        bool is_signers = a != NULL && types[i] == CKA_ID &&
                          a->ulValueLen == signer->attributes.id_len &&
                          memcmp(a->pValue, signer->attributes.id, a->ulValueLen) == 0;
        if (a != NULL && a->ulValueLen > 0 && !is_signers) {
            names[count++] = *a;
        }
    }
    return (struct template){names, count};
}

CK_RV key_import(struct session *session, struct template t, CK_OBJECT_HANDLE_PTR out) {
    struct token *token = session_token(session);
    CK_ULONG type;
    EVP_PKEY *key = NULL, *recipient = NULL;
    struct key_entry *signer = NULL;
    const struct token_public_key *public_key;
    CK_ATTRIBUTE names[2];
    char label[ATTRIBUTE_LABEL_MAX + 1];
    if (template_find(t, CKA_KEY_TYPE) == NULL) {
        return CKR_TEMPLATE_INCOMPLETE;
    }
    CK_RV rv = template_ulong(t, CKA_KEY_TYPE, 0, &type);
    unsigned kind = rv == CKR_OK ? described_kind_of(CKO_PRIVATE_KEY, type) : 0;
    if (kind == 0) {
        return rv != CKR_OK ? rv : CKR_ATTRIBUTE_VALUE_INVALID;
    }
    const bool is_rsa = kind == DESCRIBED_RSA_PRIVATE;
    rv = check_wishes(t, (enum described_kind)kind);
    if (rv == CKR_OK && ((is_rsa && template_find(t, CKA_COEFFICIENT) == NULL) ||
                         !template_text(t, CKA_LABEL, label, ATTRIBUTE_LABEL_MAX))) {
        rv = CKR_TEMPLATE_INCOMPLETE;
    }
    rv = rv == CKR_OK ? read_key(session, t, (enum described_kind)kind, type, &key) : rv;
    const enum token_algorithm algorithm = is_rsa ? ALGORITHM_RSA : ALGORITHM_SM2;
    if (rv == CKR_OK && !is_rsa && !sm2_key_is_sm2(key)) {
        rv = CKR_CURVE_NOT_SUPPORTED;
    }
    if (rv == CKR_OK &&
        token_kind_find(&token->facts, algorithm, (uint32_t)EVP_PKEY_get_bits(key)) == NULL) {
        rv = CKR_KEY_SIZE_RANGE;
    }
    rv = rv == CKR_OK ? find_signer(session, label, algorithm, &signer) : rv;
    rv = rv == CKR_OK ? rv_from_token(token_object_public_key(token, signer, &public_key)) : rv;
    if (rv == CKR_OK) {
        recipient = host_public_key(session->module->libctx, public_key);
        rv = recipient == NULL ? CKR_FUNCTION_FAILED : CKR_OK;
    }
    if (rv == CKR_OK) {
        const struct template given = names_of(t, signer, names);
        rv = is_rsa ? import_rsa(session, key, signer, recipient, given, out)
                    : import_sm2(session, key, signer, recipient, given, out);
    }
    EVP_PKEY_free(key);
    EVP_PKEY_free(recipient);
    return rv;
}
