/* SM2EnvelopedKey: made by the KMC, read on the way to a token's import command. */
#include "module/formats/sm2_envelope.h"

#include "module/formats/der.h"
#include "module/formats/sm2_cipher_asn1.h"
#include "openukey/formats.h"

#include <openssl/rand.h>
#include <string.h>

typedef struct sm2_enveloped_key_asn1 {
    X509_ALGOR *sym_alg;
    SM2_CIPHER *sym_key;
    ASN1_BIT_STRING *public_key;
    ASN1_BIT_STRING *encrypted_private;
} SM2_ENVELOPED_KEY;

/* clang-format off */
ASN1_SEQUENCE(SM2_ENVELOPED_KEY) = {
    ASN1_SIMPLE(SM2_ENVELOPED_KEY, sym_alg, X509_ALGOR),
    ASN1_SIMPLE(SM2_ENVELOPED_KEY, sym_key, SM2_CIPHER),
    ASN1_SIMPLE(SM2_ENVELOPED_KEY, public_key, ASN1_BIT_STRING),
    ASN1_SIMPLE(SM2_ENVELOPED_KEY, encrypted_private, ASN1_BIT_STRING),
} static_ASN1_SEQUENCE_END(SM2_ENVELOPED_KEY);
/* clang-format on */

#define ENVELOPE_ITEM ASN1_ITEM_rptr(SM2_ENVELOPED_KEY)

/* SM4-ECB without padding; `len` is a multiple of 16. */
static enum formats_error sm4_ecb(OSSL_LIB_CTX *libctx, const unsigned char *key, bool encrypt,
                                  const unsigned char *in, size_t len, unsigned char *out) {
    int n = 0;
    int last = 0;
    enum formats_error error = FORMATS_CRYPTO;
    EVP_CIPHER *sm4 = EVP_CIPHER_fetch(libctx, "SM4-ECB", NULL);
    EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
    if (sm4 != NULL && ctx != NULL &&
        EVP_CipherInit_ex2(ctx, sm4, key, NULL, encrypt ? 1 : 0, NULL) == 1 &&
        EVP_CIPHER_CTX_set_padding(ctx, 0) == 1 &&
        EVP_CipherUpdate(ctx, out, &n, in, (int)len) == 1 &&
        EVP_CipherFinal_ex(ctx, out + n, &last) == 1 && n + last == (int)len)
        error = FORMATS_OK;
    EVP_CIPHER_CTX_free(ctx);
    EVP_CIPHER_free(sm4);
    return error;
}

enum formats_error sm2_envelope_make(OSSL_LIB_CTX *libctx, EVP_PKEY *recipient, EVP_PKEY *pair,
                                     struct octets *out) {
    *out = (struct octets){NULL, 0};
    unsigned char sym[SM2_ENVELOPE_SYM_KEY];
    unsigned char d[SM2_SCALAR];
    unsigned char encrypted[SM2_SCALAR];
    unsigned char point_octets[1 + 2 * SM2_SCALAR] = {0x04};
    struct sm2_point point;
    struct sm2_cipher parts;
    struct octets cipher = {NULL, 0};
    enum formats_error error = FORMATS_MEMORY;
    SM2_ENVELOPED_KEY *asn1 = (SM2_ENVELOPED_KEY *)ASN1_item_new(ENVELOPE_ITEM);
    if (asn1 == NULL)
        goto out;
    error = sm2_key_scalar(pair, d);
    if (error == FORMATS_OK)
        error = sm2_key_point(pair, &point);
    if (error == FORMATS_OK && RAND_priv_bytes_ex(libctx, sym, sizeof sym, 0) != 1)
        error = FORMATS_CRYPTO;
    if (error == FORMATS_OK)
        error = sm4_ecb(libctx, sym, true, d, sizeof d, encrypted);
    if (error == FORMATS_OK)
        error = sm2_encrypt(libctx, recipient, sym, sizeof sym, &cipher);
    if (error == FORMATS_OK)
        error = sm2_cipher_parse(cipher.data, cipher.len, &parts);
    if (error == FORMATS_OK)
        error = sm2_cipher_to_asn1(&parts, asn1->sym_key);
    if (error == FORMATS_OK)
        error = der_algorithm_set(asn1->sym_alg, OID_SM4_ECB);
    if (error != FORMATS_OK)
        goto out;
    memcpy(point_octets + 1, point.x, SM2_SCALAR);
    memcpy(point_octets + 1 + SM2_SCALAR, point.y, SM2_SCALAR);
    error = der_bits_set(asn1->public_key, point_octets, sizeof point_octets) &&
                    der_bits_set(asn1->encrypted_private, encrypted, sizeof encrypted)
                ? der_write(ENVELOPE_ITEM, asn1, out)
                : FORMATS_MEMORY;
out:
    OPENSSL_cleanse(sym, sizeof sym);
    OPENSSL_cleanse(d, sizeof d);
    octets_free(&cipher);
    ASN1_item_free((ASN1_VALUE *)asn1, ENVELOPE_ITEM);
    return error;
}

enum formats_error sm2_envelope_parse(OSSL_LIB_CTX *libctx, const unsigned char *der, size_t len,
                                      struct sm2_envelope *out) {
    memset(out, 0, sizeof *out);
    SM2_ENVELOPED_KEY *asn1 = NULL;
    EVP_PKEY *key = NULL;
    struct sm2_cipher cipher;
    enum formats_error error = der_read(ENVELOPE_ITEM, der, len, SM2_ENVELOPE_MAX, &asn1);
    if (error != FORMATS_OK)
        goto out;
    error = FORMATS_UNSUPPORTED;
    if (!der_algorithm_is(asn1->sym_alg, OID_SM4_ECB) && !der_algorithm_is(asn1->sym_alg, OID_SM4))
        goto out;
    error = sm2_cipher_from_asn1(asn1->sym_key, &cipher);
    if (error != FORMATS_OK)
        goto out;
    const unsigned char *point = ASN1_STRING_get0_data(asn1->public_key);
    const unsigned char *encrypted = ASN1_STRING_get0_data(asn1->encrypted_private);
    int encrypted_len = ASN1_STRING_length(asn1->encrypted_private);
    error = FORMATS_MALFORMED;
    if (cipher.cipher_len != SM2_ENVELOPE_SYM_KEY || !der_bits_are_bytes(asn1->public_key) ||
        !der_bits_are_bytes(asn1->encrypted_private) ||
        ASN1_STRING_length(asn1->public_key) != 1 + 2 * SM2_SCALAR || point[0] != 0x04 ||
        (encrypted_len != SM2_SCALAR && encrypted_len != SM2_ENVELOPE_PRIVATE_FIELD))
        goto out;
    out->sym_alg = SM2_ENVELOPE_SYM_SM4_ECB;
    out->c1 = cipher.c1;
    memcpy(out->c3, cipher.c3, SM3_SIZE);
    memcpy(out->cipher, cipher.cipher, SM2_ENVELOPE_SYM_KEY);
    memcpy(out->public_key.x, point + 1, SM2_SCALAR);
    memcpy(out->public_key.y, point + 1 + SM2_SCALAR, SM2_SCALAR);
    memcpy(out->encrypted_private + SM2_ENVELOPE_PRIVATE_FIELD - encrypted_len, encrypted,
           (size_t)encrypted_len);
    error = sm2_key_from_point(libctx, &out->public_key, &key);
out:
    if (error != FORMATS_OK)
        memset(out, 0, sizeof *out);
    EVP_PKEY_free(key);
    ASN1_item_free((ASN1_VALUE *)asn1, ENVELOPE_ITEM);
    return error;
}

enum formats_error sm2_envelope_open(OSSL_LIB_CTX *libctx, EVP_PKEY *recipient,
                                     const struct sm2_envelope *envelope, EVP_PKEY **pair) {
    *pair = NULL;
    unsigned char plain[SM2_ENVELOPE_PRIVATE_FIELD] = {0};
    struct octets der = {NULL, 0};
    struct octets sym = {NULL, 0};
    struct sm2_point point;
    struct sm2_cipher cipher = {
        .c1 = envelope->c1, .cipher = envelope->cipher, .cipher_len = SM2_ENVELOPE_SYM_KEY};
    memcpy(cipher.c3, envelope->c3, SM3_SIZE);
    enum formats_error error = sm2_cipher_to_der(&cipher, &der);
    if (error == FORMATS_OK)
        error = sm2_decrypt(libctx, recipient, der.data, der.len, &sym);
    if (error == FORMATS_OK)
        error = sm4_ecb(libctx, sym.data, false, envelope->encrypted_private, sizeof plain, plain);
    if (error == FORMATS_OK) /* ECB: the last 32 bytes are d, whatever stands before them */
        error = sm2_key_from_scalar(libctx, plain + sizeof plain - SM2_SCALAR, pair);
    if (error == FORMATS_OK)
        error = sm2_key_point(*pair, &point);
    if (error == FORMATS_OK && memcmp(&point, &envelope->public_key, sizeof point) != 0)
        error = FORMATS_KEY;
    if (error != FORMATS_OK) {
        EVP_PKEY_free(*pair);
        *pair = NULL;
    }
    OPENSSL_cleanse(plain, sizeof plain);
    octets_free(&der);
    octets_free(&sym);
    return error;
}
