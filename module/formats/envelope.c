/* Reading envelopes and opening their content. */
#include "module/formats/envelope.h"

#include "module/formats/der.h"
#include "module/formats/signed_data_asn1.h"
#include "openukey/formats.h"

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/rand.h>
#include <openssl/x509v3.h>
#include <stdlib.h>
#include <string.h>

/* KeyTransRecipientInfo (RFC 5652 6.2.1), RecipientInfo of GM/T 0010 */
typedef struct recipient_asn1 {
    ASN1_INTEGER *version;
    ASN1_TYPE *who; /* IssuerAndSerialNumber, or [0] subjectKeyIdentifier */
    X509_ALGOR *algorithm;
    ASN1_OCTET_STRING *key;
} RECIPIENT;

/* clang-format off */
ASN1_SEQUENCE(RECIPIENT) = {
    ASN1_SIMPLE(RECIPIENT, version, ASN1_INTEGER),
    ASN1_SIMPLE(RECIPIENT, who, ASN1_ANY),
    ASN1_SIMPLE(RECIPIENT, algorithm, X509_ALGOR),
    ASN1_SIMPLE(RECIPIENT, key, ASN1_OCTET_STRING),
} static_ASN1_SEQUENCE_END(RECIPIENT);
/* clang-format on */

typedef struct encrypted_content_asn1 {
    ASN1_OBJECT *type;
    X509_ALGOR *algorithm;
    ASN1_OCTET_STRING *content;
} ENCRYPTED_CONTENT;

/* clang-format off */
ASN1_SEQUENCE(ENCRYPTED_CONTENT) = {
    ASN1_SIMPLE(ENCRYPTED_CONTENT, type, ASN1_OBJECT),
    ASN1_SIMPLE(ENCRYPTED_CONTENT, algorithm, X509_ALGOR),
    ASN1_IMP_OPT(ENCRYPTED_CONTENT, content, ASN1_OCTET_STRING, 0),
} static_ASN1_SEQUENCE_END(ENCRYPTED_CONTENT);
/* clang-format on */

typedef struct enveloped_asn1 {
    ASN1_INTEGER *version;
    STACK_OF(ASN1_TYPE) *originator;
    STACK_OF(ASN1_TYPE) *recipients;
    ENCRYPTED_CONTENT *content;
    STACK_OF(X509_ATTRIBUTE) *attributes;
} ENVELOPED;

/* clang-format off */
ASN1_SEQUENCE(ENVELOPED) = {
    ASN1_SIMPLE(ENVELOPED, version, ASN1_INTEGER),
    ASN1_IMP_SEQUENCE_OF_OPT(ENVELOPED, originator, ASN1_ANY, 0),
    ASN1_SET_OF(ENVELOPED, recipients, ASN1_ANY),
    ASN1_SIMPLE(ENVELOPED, content, ENCRYPTED_CONTENT),
    ASN1_IMP_SET_OF_OPT(ENVELOPED, attributes, X509_ATTRIBUTE, 1),
} static_ASN1_SEQUENCE_END(ENVELOPED);
/* clang-format on */

struct envelope {
    ENVELOPED *asn1;
    const char *cipher; /* as OpenSSL names it */
    size_t key_size;
    struct octets iv; /* a view; empty: none */
};

/* ---- reading ---- */

/* The content cipher; an IV where the mode has one. */
static enum formats_error cipher_read(struct envelope *envelope) {
    static const struct {
        const char *oid, *with_iv, *without_iv;
        size_t key_size;
    } ciphers[] = {
        {OID_AES128_CBC, "AES-128-CBC", NULL, 16},
        {OID_AES192_CBC, "AES-192-CBC", NULL, 24},
        {OID_AES256_CBC, "AES-256-CBC", NULL, 32},
        {OID_SM4_CBC, "SM4-CBC", NULL, 16},
        {OID_SM4_ECB, NULL, "SM4-ECB", 16},
        {OID_SM4, "SM4-CBC", "SM4-ECB", 16}, /* the mode unsaid: by what the producers do */
    };
    const ASN1_OBJECT *object = NULL;
    const void *value = NULL;
    int type = V_ASN1_UNDEF;
    X509_ALGOR_get0(&object, &type, &value, envelope->asn1->content->algorithm);
    bool has_iv = type == V_ASN1_OCTET_STRING;
    if (has_iv) {
        const ASN1_STRING *iv = value;
        envelope->iv = (struct octets){(unsigned char *)ASN1_STRING_get0_data(iv),
                                       (size_t)ASN1_STRING_length(iv)};
        if (envelope->iv.len != 16)
            return FORMATS_MALFORMED;
    }
    for (size_t i = 0; i < sizeof ciphers / sizeof *ciphers; i++) {
        if (!der_oid_is(object, ciphers[i].oid))
            continue;
        envelope->cipher = has_iv ? ciphers[i].with_iv : ciphers[i].without_iv;
        envelope->key_size = ciphers[i].key_size;
    }
    return envelope->cipher != NULL ? FORMATS_OK : FORMATS_UNSUPPORTED;
}

enum formats_error envelope_parse(const unsigned char *der, size_t len, struct envelope **out) {
    *out = NULL;
    CONTENT_INFO *outer = NULL;
    struct octets inner;
    struct envelope *envelope = calloc(1, sizeof *envelope);
    if (envelope == NULL)
        return FORMATS_MEMORY;
    enum formats_error error =
        der_read(ASN1_ITEM_rptr(CONTENT_INFO), der, len, ENVELOPE_MAX, &outer);
    if (error == FORMATS_OK && !der_oid_is(outer->type, OID_ENVELOPED_DATA) &&
        !der_oid_is(outer->type, OID_GM_ENVELOPED_DATA))
        error = FORMATS_UNSUPPORTED;
    if (error == FORMATS_OK)
        error = der_any_is_sequence(outer->content, &inner)
                    ? der_read(ASN1_ITEM_rptr(ENVELOPED), inner.data, inner.len, ENVELOPE_MAX,
                               &envelope->asn1)
                    : FORMATS_MALFORMED;
    if (error == FORMATS_OK && (envelope->asn1->content->content == NULL ||
                                ASN1_STRING_length(envelope->asn1->content->content) == 0))
        error = FORMATS_MALFORMED;
    if (error == FORMATS_OK &&
        sk_ASN1_TYPE_num(envelope->asn1->recipients) > ENVELOPE_RECIPIENTS_MAX)
        error = FORMATS_TOO_LARGE;
    if (error == FORMATS_OK)
        error = cipher_read(envelope);
    ASN1_item_free((ASN1_VALUE *)outer, ASN1_ITEM_rptr(CONTENT_INFO));
    if (error == FORMATS_OK)
        *out = envelope;
    else
        envelope_free(envelope);
    return error;
}

void envelope_free(struct envelope *envelope) {
    if (envelope == NULL)
        return;
    ASN1_item_free((ASN1_VALUE *)envelope->asn1, ASN1_ITEM_rptr(ENVELOPED));
    free(envelope);
}

/* ---- the recipient ---- */

/* By issuer and serial number, or by subject key identifier. */
static bool is_for(const ASN1_TYPE *who, X509 *certificate) {
    struct octets der;
    if (der_any_is_sequence(who, &der)) {
        PKCS7_ISSUER_AND_SERIAL *named = NULL;
        if (der_read(ASN1_ITEM_rptr(PKCS7_ISSUER_AND_SERIAL), der.data, der.len, ENVELOPE_MAX,
                     &named) != FORMATS_OK)
            return false;
        bool is_it = X509_NAME_cmp(X509_get_issuer_name(certificate), named->issuer) == 0 &&
                     ASN1_INTEGER_cmp(X509_get0_serialNumber(certificate), named->serial) == 0;
        ASN1_item_free((ASN1_VALUE *)named, ASN1_ITEM_rptr(PKCS7_ISSUER_AND_SERIAL));
        return is_it;
    }
    const ASN1_OCTET_STRING *own = X509_get0_subject_key_id(certificate);
    if (who->type != V_ASN1_OTHER || own == NULL)
        return false;
    const ASN1_STRING *tagged = who->value.asn1_string; /* 80, length, bytes */
    const unsigned char *bytes = ASN1_STRING_get0_data(tagged);
    int len = ASN1_STRING_length(own);
    return len < 128 && ASN1_STRING_length(tagged) == len + 2 && bytes[0] == 0x80 &&
           bytes[1] == len && memcmp(bytes + 2, ASN1_STRING_get0_data(own), (size_t)len) == 0;
}

static enum envelope_way way_of(const X509_ALGOR *algorithm) {
    /* RSAES-OAEP-params (RFC 4055): SHA-256 and MGF1 with it, its parameters NULL or absent; all defaults are SHA-1 */
    static const unsigned char with_null[] = {
        0x30, 0x2F, 0xA0, 0x0F, 0x30, 0x0D, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65,
        0x03, 0x04, 0x02, 0x01, 0x05, 0x00, 0xA1, 0x1C, 0x30, 0x1A, 0x06, 0x09, 0x2A,
        0x86, 0x48, 0x86, 0xF7, 0x0D, 0x01, 0x01, 0x08, 0x30, 0x0D, 0x06, 0x09, 0x60,
        0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x01, 0x05, 0x00};
    static const unsigned char without[] = {
        0x30, 0x2B, 0xA0, 0x0D, 0x30, 0x0B, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04,
        0x02, 0x01, 0xA1, 0x1A, 0x30, 0x18, 0x06, 0x09, 0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 0x01,
        0x01, 0x08, 0x30, 0x0B, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x01};
    const ASN1_OBJECT *object = NULL;
    const void *value = NULL;
    int type = V_ASN1_UNDEF;
    X509_ALGOR_get0(&object, &type, &value, algorithm);
    if (der_algorithm_is(algorithm, OID_RSA_ENCRYPTION))
        return ENVELOPE_RSA_PKCS1;
    if (der_algorithm_is(algorithm, OID_SM2_ENCRYPT) || der_algorithm_is(algorithm, OID_SM2_CURVE))
        return ENVELOPE_SM2;
    if (!der_oid_is(object, OID_RSA_OAEP) || type != V_ASN1_SEQUENCE)
        return ENVELOPE_OTHER;
    const struct octets sha256[] = {{(unsigned char *)(uintptr_t)with_null, sizeof with_null},
                                    {(unsigned char *)(uintptr_t)without, sizeof without}};
    const ASN1_STRING *string = value;
    const struct octets parameters = {(unsigned char *)(uintptr_t)ASN1_STRING_get0_data(string),
                                      (size_t)ASN1_STRING_length(string)};
    if (parameters.len == 2)
        return ENVELOPE_OAEP_SHA1;
    return octets_equal(&parameters, &sha256[0]) || octets_equal(&parameters, &sha256[1])
               ? ENVELOPE_OAEP_SHA256
               : ENVELOPE_OTHER;
}

bool envelope_find(const struct envelope *envelope, X509 *certificate, enum envelope_way *way,
                   struct octets *encrypted_key) {
    const STACK_OF(ASN1_TYPE) *recipients = envelope->asn1->recipients;
    for (int i = 0; i < sk_ASN1_TYPE_num(recipients); i++) {
        struct octets der;
        RECIPIENT *recipient = NULL;
        if (!der_any_is_sequence(sk_ASN1_TYPE_value(recipients, i), &der) ||
            der_read(ASN1_ITEM_rptr(RECIPIENT), der.data, der.len, ENVELOPE_MAX, &recipient) !=
                FORMATS_OK)
            continue;
        bool is_found = is_for(recipient->who, certificate);
        if (is_found) {
            /* the view is of the envelope itself: the key ends the recipient's bytes */
            size_t len = (size_t)ASN1_STRING_length(recipient->key);
            *way = way_of(recipient->algorithm);
            *encrypted_key = (struct octets){der.data + der.len - len, len};
        }
        ASN1_item_free((ASN1_VALUE *)recipient, ASN1_ITEM_rptr(RECIPIENT));
        if (is_found)
            return true;
    }
    return false;
}

/* ---- the content ---- */

size_t envelope_content_size(const struct envelope *envelope) {
    return (size_t)ASN1_STRING_length(envelope->asn1->content->content);
}

enum formats_error envelope_open(OSSL_LIB_CTX *libctx, const struct envelope *envelope,
                                 const struct octets *content_key, struct octets *plain) {
    unsigned char key[ENVELOPE_KEY_MAX];
    const ASN1_OCTET_STRING *content = envelope->asn1->content->content;
    int content_len = ASN1_STRING_length(content), first = 0, last = 0;
    *plain = (struct octets){NULL, 0};
    if (RAND_bytes_ex(libctx, key, sizeof key, 0) != 1)
        return FORMATS_CRYPTO;
    if (content_key->len == envelope->key_size)
        memcpy(key, content_key->data, content_key->len);
    enum formats_error error = FORMATS_KEY;
    ERR_set_mark();
    EVP_CIPHER *cipher = EVP_CIPHER_fetch(libctx, envelope->cipher, NULL);
    EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
    unsigned char *out = malloc((size_t)content_len + EVP_MAX_BLOCK_LENGTH);
    if (cipher == NULL)
        error = FORMATS_CRYPTO;
    else if (ctx == NULL || out == NULL)
        error = FORMATS_MEMORY;
    else if (EVP_DecryptInit_ex2(ctx, cipher, key, envelope->iv.data, NULL) == 1 &&
             EVP_DecryptUpdate(ctx, out, &first, ASN1_STRING_get0_data(content), content_len) ==
                 1 &&
             EVP_DecryptFinal_ex(ctx, out + first, &last) == 1)
        error = octets_copy(plain, out, (size_t)first + (size_t)last);
    ERR_pop_to_mark();
    if (out != NULL)
        OPENSSL_cleanse(out, (size_t)content_len + EVP_MAX_BLOCK_LENGTH);
    free(out);
    OPENSSL_cleanse(key, sizeof key);
    EVP_CIPHER_CTX_free(ctx);
    EVP_CIPHER_free(cipher);
    return error;
}
