/* Public keys of a token as SubjectPublicKeyInfo: SM2, EC and RSA. */
#include <openssl/asn1t.h>
#include <openssl/crypto.h>
#include <openssl/objects.h>
#include <openssl/x509.h>

#include "agent/token/plugged.h"
#include "module/formats/der.h"
#include "openukey/formats.h"

enum { POINT_MAX = 256, MODULUS_MAX = 1024, EXPONENT_MAX = 16 };

/* RSAPublicKey (RFC 8017, A.1.1) */
typedef struct rsa_numbers_asn1 {
    ASN1_INTEGER *modulus;
    ASN1_INTEGER *exponent;
} RSA_NUMBERS;

/* clang-format off */
ASN1_SEQUENCE(RSA_NUMBERS) = {
    ASN1_SIMPLE(RSA_NUMBERS, modulus, ASN1_INTEGER),
    ASN1_SIMPLE(RSA_NUMBERS, exponent, ASN1_INTEGER),
} static_ASN1_SEQUENCE_END(RSA_NUMBERS);
/* clang-format on */

/* SubjectPublicKeyInfo of an algorithm, its parameters and the key's bits. Takes over none of them. */
static enum token_error spki_make(int algorithm, ASN1_OBJECT *curve, const unsigned char *key,
                                  size_t len, struct octets *spki) {
    unsigned char *der = NULL, *bits = OPENSSL_memdup(key, len);
    X509_PUBKEY *info = X509_PUBKEY_new();
    ASN1_OBJECT *parameters = curve ? OBJ_dup(curve) : NULL;
    enum token_error error = TOKEN_MEMORY;
    if (info && bits && (parameters || !curve) &&
        X509_PUBKEY_set0_param(info, OBJ_nid2obj(algorithm), curve ? V_ASN1_OBJECT : V_ASN1_NULL,
                               parameters, bits, (int)len) == 1) {
        bits = NULL;
        parameters = NULL;
        int der_len = i2d_X509_PUBKEY(info, &der);
        if (der_len > 0 && octets_copy(spki, der, (size_t)der_len) == FORMATS_OK)
            error = TOKEN_OK;
    }
    OPENSSL_free(der);
    OPENSSL_free(bits);
    ASN1_OBJECT_free(parameters);
    X509_PUBKEY_free(info);
    return error;
}

/* A point comes as DER OCTET STRING (PKCS#11 2.40 6.3.3), from some modules without the wrapping; parameters as the curve's OID, or
 * not at all (SM2). */
static enum token_error ec_spki(const struct octets *point, const struct octets *parameters,
                                struct octets *spki) {
    ASN1_OBJECT *curve = NULL;
    ASN1_OCTET_STRING *wrapped = NULL;
    const unsigned char *at = parameters->data, *bytes = point->data;
    size_t len = point->len;
    if (der_read(ASN1_ITEM_rptr(ASN1_OCTET_STRING), point->data, point->len, POINT_MAX, &wrapped) ==
        FORMATS_OK) {
        bytes = ASN1_STRING_get0_data(wrapped);
        len = (size_t)ASN1_STRING_length(wrapped);
    }
    curve = parameters->len ? d2i_ASN1_OBJECT(NULL, &at, (long)parameters->len)
                            : der_oid(OID_SM2_CURVE);
    enum token_error error = TOKEN_NOT_FOUND;
    if (curve && len > 1 && bytes[0] == 0x04)
        error = spki_make(NID_X9_62_id_ecPublicKey, curve, bytes, len, spki);
    ASN1_OBJECT_free(curve);
    ASN1_OCTET_STRING_free(wrapped);
    return error;
}

static bool number_set(ASN1_INTEGER *integer, const struct octets *bytes) {
    BIGNUM *number = BN_bin2bn(bytes->data, (int)bytes->len, NULL);
    bool done = number && BN_to_ASN1_INTEGER(number, integer);
    BN_free(number);
    return done;
}

static enum token_error rsa_spki(const struct octets *modulus, const struct octets *exponent,
                                 struct octets *spki) {
    const ASN1_ITEM *item = ASN1_ITEM_rptr(RSA_NUMBERS);
    RSA_NUMBERS *numbers = (RSA_NUMBERS *)ASN1_item_new(item);
    struct octets der = {0};
    enum token_error error = TOKEN_MEMORY;
    if (numbers && number_set(numbers->modulus, modulus) &&
        number_set(numbers->exponent, exponent) && der_write(item, numbers, &der) == FORMATS_OK)
        error = spki_make(NID_rsaEncryption, NULL, der.data, der.len, spki);
    octets_free(&der);
    ASN1_item_free((ASN1_VALUE *)numbers, item);
    return error;
}

enum token_error token_object_spki(const struct cryptoki *cryptoki, CK_SESSION_HANDLE session,
                                   CK_OBJECT_HANDLE object, struct octets *spki) {
    struct octets point = {0}, parameters = {0}, modulus = {0}, exponent = {0};
    CK_KEY_TYPE type = CKK_SM2;
    CK_ATTRIBUTE attribute = {CKA_KEY_TYPE, &type, sizeof type};
    enum token_error error = TOKEN_OK;
    if (cryptoki->functions->C_GetAttributeValue(session, object, &attribute, 1) == CKR_OK &&
        type == CKK_RSA) {
        error = cryptoki_read(cryptoki, session, object, CKA_MODULUS, MODULUS_MAX, &modulus);
        if (!error)
            error = cryptoki_read(cryptoki, session, object, CKA_PUBLIC_EXPONENT, EXPONENT_MAX,
                                  &exponent);
        if (!error)
            error = rsa_spki(&modulus, &exponent, spki);
    } else {
        error = cryptoki_read(cryptoki, session, object, CKA_EC_POINT, POINT_MAX, &point);
        if (!error && type != CKK_SM2)
            error = cryptoki_read(cryptoki, session, object, CKA_EC_PARAMS, POINT_MAX, &parameters);
        if (!error)
            error = ec_spki(&point, &parameters, spki);
    }
    octets_free(&point);
    octets_free(&parameters);
    octets_free(&modulus);
    octets_free(&exponent);
    return error;
}

enum token_error token_read_public_key(struct token *token, const struct token_key_id *id,
                                       struct octets *spki) {
    const struct cryptoki *cryptoki = &token->owner->cryptoki;
    CK_OBJECT_CLASS class = CKO_PUBLIC_KEY;
    struct token_key_id key = *id;
    CK_ATTRIBUTE template[] = {{CKA_CLASS, &class, sizeof class}, {CKA_ID, key.bytes, key.len}};
    CK_OBJECT_HANDLE object;
    CK_SESSION_HANDLE session;
    *spki = (struct octets){0};
    if (id->len == 0)
        return TOKEN_NOT_FOUND;
    enum token_error error = token_begin(token, false, &session);
    if (error)
        return error;
    error = cryptoki_find_one(cryptoki, session, template, 2, &object);
    if (!error)
        error = token_object_spki(cryptoki, session, object, spki);
    return token_end(token, session, error);
}
