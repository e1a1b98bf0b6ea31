/* SM2 encryption and the presentations of its ciphertext: DER SM2Cipher (GM/T 0009 7.2) and raw C1
 * || C3 || C2. */
#include "module/formats/der.h"
#include "module/formats/sm2_cipher_asn1.h"

#include <openssl/err.h>
#include <string.h>

/* The coordinates are INTEGERs whose content bytes we want as they are, so they are read as octet
 * strings under INTEGER's own tag: some CAs write 32 bytes with the high bit set, which an INTEGER
 * reader takes as negative. */
#define VERBATIM_INTEGER(type, field)                                                              \
    ASN1_EX_TYPE(ASN1_TFLG_IMPTAG | ASN1_TFLG_UNIVERSAL, V_ASN1_INTEGER, type, field,              \
                 ASN1_OCTET_STRING)

/* clang-format off */
ASN1_SEQUENCE(SM2_CIPHER) = {
    VERBATIM_INTEGER(SM2_CIPHER, x),
    VERBATIM_INTEGER(SM2_CIPHER, y),
    ASN1_SIMPLE(SM2_CIPHER, hash, ASN1_OCTET_STRING),
    ASN1_SIMPLE(SM2_CIPHER, cipher_text, ASN1_OCTET_STRING),
} ASN1_SEQUENCE_END(SM2_CIPHER);
/* clang-format on */

/* Content bytes of an INTEGER, 1..32 or 00 and 32, to 32 bytes. */
static bool coordinate_read(const ASN1_OCTET_STRING *in, unsigned char out[SM2_SCALAR]) {
    const unsigned char *data = ASN1_STRING_get0_data(in);
    int len = ASN1_STRING_length(in);
    if (len == SM2_SCALAR + 1 && data[0] == 0) {
        data++;
        len--;
    }
    if (len < 1 || len > SM2_SCALAR)
        return false;
    memset(out, 0, SM2_SCALAR);
    memcpy(out + SM2_SCALAR - len, data, (size_t)len);
    return true;
}

/* The minimal unsigned content bytes. */
static bool coordinate_write(ASN1_OCTET_STRING *out, const unsigned char in[SM2_SCALAR]) {
    unsigned char content[SM2_SCALAR + 1] = {0};
    memcpy(content + 1, in, SM2_SCALAR);
    size_t skip = 0;
    while (skip < SM2_SCALAR && content[skip] == 0 && content[skip + 1] < 0x80)
        skip++;
    return ASN1_OCTET_STRING_set(out, content + skip, (int)(sizeof content - skip)) == 1;
}

enum formats_error sm2_cipher_from_asn1(const SM2_CIPHER *in, struct sm2_cipher *out) {
    int len = ASN1_STRING_length(in->cipher_text);
    memset(out, 0, sizeof *out);
    if (!coordinate_read(in->x, out->c1.x) || !coordinate_read(in->y, out->c1.y) ||
        ASN1_STRING_length(in->hash) != SM3_SIZE || len < 1)
        return FORMATS_MALFORMED;
    if (len > SM2_PLAIN_MAX)
        return FORMATS_TOO_LARGE;
    memcpy(out->c3, ASN1_STRING_get0_data(in->hash), SM3_SIZE);
    out->cipher = ASN1_STRING_get0_data(in->cipher_text);
    out->cipher_len = (size_t)len;
    return FORMATS_OK;
}

enum formats_error sm2_cipher_to_asn1(const struct sm2_cipher *in, SM2_CIPHER *out) {
    if (in->cipher_len < 1 || in->cipher_len > SM2_PLAIN_MAX)
        return FORMATS_ARGUMENT;
    if (!coordinate_write(out->x, in->c1.x) || !coordinate_write(out->y, in->c1.y) ||
        ASN1_OCTET_STRING_set(out->hash, in->c3, SM3_SIZE) != 1 ||
        ASN1_OCTET_STRING_set(out->cipher_text, in->cipher, (int)in->cipher_len) != 1)
        return FORMATS_MEMORY;
    return FORMATS_OK;
}

enum formats_error sm2_cipher_parse(const unsigned char *der, size_t len, struct sm2_cipher *out) {
    memset(out, 0, sizeof *out);
    SM2_CIPHER *asn1 = NULL;
    enum formats_error error =
        der_read(ASN1_ITEM_rptr(SM2_CIPHER), der, len, SM2_PLAIN_MAX + 128, &asn1);
    if (error == FORMATS_OK)
        error = sm2_cipher_from_asn1(asn1, out);
    if (error == FORMATS_OK)
        out->cipher = der + len - out->cipher_len; /* C2 is the last field */
    else
        memset(out, 0, sizeof *out);
    ASN1_item_free((ASN1_VALUE *)asn1, ASN1_ITEM_rptr(SM2_CIPHER));
    return error;
}

enum formats_error sm2_cipher_to_der(const struct sm2_cipher *cipher, struct octets *out) {
    *out = (struct octets){NULL, 0};
    SM2_CIPHER *asn1 = (SM2_CIPHER *)ASN1_item_new(ASN1_ITEM_rptr(SM2_CIPHER));
    enum formats_error error = asn1 == NULL ? FORMATS_MEMORY : sm2_cipher_to_asn1(cipher, asn1);
    if (error == FORMATS_OK)
        error = der_write(ASN1_ITEM_rptr(SM2_CIPHER), asn1, out);
    ASN1_item_free((ASN1_VALUE *)asn1, ASN1_ITEM_rptr(SM2_CIPHER));
    return error;
}

enum formats_error sm2_cipher_to_raw(const struct sm2_cipher *cipher, struct octets *out) {
    *out = (struct octets){NULL, 0};
    if (cipher->cipher_len < 1 || cipher->cipher_len > SM2_PLAIN_MAX)
        return FORMATS_ARGUMENT;
    unsigned char raw[SM2_RAW_CIPHER_OVERHEAD + SM2_PLAIN_MAX];
    raw[0] = 0x04;
    memcpy(raw + 1, cipher->c1.x, SM2_SCALAR);
    memcpy(raw + 33, cipher->c1.y, SM2_SCALAR);
    memcpy(raw + 65, cipher->c3, SM3_SIZE);
    memcpy(raw + SM2_RAW_CIPHER_OVERHEAD, cipher->cipher, cipher->cipher_len);
    return octets_copy(out, raw, SM2_RAW_CIPHER_OVERHEAD + cipher->cipher_len);
}

enum formats_error sm2_cipher_from_raw(const unsigned char *raw, size_t len,
                                       struct sm2_cipher *out) {
    memset(out, 0, sizeof *out);
    if (raw == NULL || len <= SM2_RAW_CIPHER_OVERHEAD || raw[0] != 0x04)
        return FORMATS_MALFORMED;
    if (len > SM2_RAW_CIPHER_OVERHEAD + SM2_PLAIN_MAX)
        return FORMATS_TOO_LARGE;
    memcpy(out->c1.x, raw + 1, SM2_SCALAR);
    memcpy(out->c1.y, raw + 33, SM2_SCALAR);
    memcpy(out->c3, raw + 65, SM3_SIZE);
    out->cipher = raw + SM2_RAW_CIPHER_OVERHEAD;
    out->cipher_len = len - SM2_RAW_CIPHER_OVERHEAD;
    return FORMATS_OK;
}

enum formats_error sm2_encrypt(OSSL_LIB_CTX *libctx, EVP_PKEY *key, const void *plain, size_t len,
                               struct octets *out) {
    *out = (struct octets){NULL, 0};
    if (plain == NULL || len < 1 || len > SM2_PLAIN_MAX)
        return FORMATS_ARGUMENT;
    struct sm2_point point;
    EVP_PKEY *native = NULL;
    EVP_PKEY_CTX *ctx = NULL;
    unsigned char der[SM2_PLAIN_MAX + 256];
    size_t der_len = sizeof der;
    enum formats_error error = sm2_key_point(key, &point);
    if (error == FORMATS_OK)
        error = sm2_key_from_point(libctx, &point, &native);
    if (error != FORMATS_OK)
        goto out;
    ctx = EVP_PKEY_CTX_new_from_pkey(libctx, native, NULL);
    error = FORMATS_CRYPTO;
    if (ctx == NULL || EVP_PKEY_encrypt_init(ctx) != 1 ||
        EVP_PKEY_encrypt(ctx, der, &der_len, plain, len) != 1)
        goto out;
    error = octets_copy(out, der, der_len);
out:
    EVP_PKEY_CTX_free(ctx);
    EVP_PKEY_free(native);
    return error;
}

enum formats_error sm2_decrypt(OSSL_LIB_CTX *libctx, EVP_PKEY *key, const unsigned char *der,
                               size_t len, struct octets *out) {
    *out = (struct octets){NULL, 0};
    struct sm2_cipher cipher;
    struct octets clean = {NULL, 0};
    EVP_PKEY *native = NULL;
    EVP_PKEY_CTX *ctx = NULL;
    unsigned char d[SM2_SCALAR];
    unsigned char plain[SM2_PLAIN_MAX + 256];
    size_t plain_len = sizeof plain;
    enum formats_error error = sm2_cipher_parse(der, len, &cipher);
    if (error == FORMATS_OK)
        error = sm2_cipher_to_der(&cipher, &clean); /* OpenSSL wants strict DER */
    if (error == FORMATS_OK)
        error = sm2_key_scalar(key, d);
    if (error == FORMATS_OK)
        error = sm2_key_from_scalar(libctx, d, &native);
    if (error != FORMATS_OK)
        goto out;
    ERR_set_mark();
    ctx = EVP_PKEY_CTX_new_from_pkey(libctx, native, NULL);
    if (ctx == NULL || EVP_PKEY_decrypt_init(ctx) != 1)
        error = FORMATS_CRYPTO;
    else if (EVP_PKEY_decrypt(ctx, plain, &plain_len, clean.data, clean.len) != 1 ||
             plain_len != cipher.cipher_len)
        error = FORMATS_KEY;
    else
        error = octets_copy(out, plain, plain_len);
    ERR_pop_to_mark();
out:
    OPENSSL_cleanse(d, sizeof d);
    OPENSSL_cleanse(plain, sizeof plain);
    octets_free(&clean);
    EVP_PKEY_CTX_free(ctx);
    EVP_PKEY_free(native);
    return error;
}
