/* What a PIV card answers, taken apart. */
#include "module/token/piv_parse.h"

#include "module/token/tlv.h"

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/x509.h>
#include <string.h>
#include <zlib.h>

enum { PIV_RSA1024 = 0x06 };

static const struct piv_key_algorithm algorithms[] = {
    {PIV_RSA1024, ALGORITHM_RSA, 1024}, {PIV_RSA2048, ALGORITHM_RSA, 2048},
    {PIV_RSA3072, ALGORITHM_RSA, 3072}, {PIV_RSA4096, ALGORITHM_RSA, 4096},
    {PIV_P256, ALGORITHM_EC, 256},      {PIV_P384, ALGORITHM_EC, 384},
};

const struct piv_key_algorithm *piv_algorithm_find(uint8_t number) {
    for (size_t i = 0; i < sizeof(algorithms) / sizeof(algorithms[0]); i++) {
        if (algorithms[i].number == number) {
            return &algorithms[i];
        }
    }
    return NULL;
}

static uint8_t algorithm_number(enum token_algorithm algorithm, uint32_t bits) {
    for (size_t i = 0; i < sizeof(algorithms) / sizeof(algorithms[0]); i++) {
        if (algorithms[i].algorithm == algorithm && algorithms[i].bits == bits) {
            return algorithms[i].number;
        }
    }
    return 0;
}

enum token_error piv_parse_select(const uint8_t *data, size_t len, char name[PIV_NAME_MAX + 1]) {
    enum { APPLICATION = 0x61, LABEL = 0x50 };
    const struct wire_reader r = tlv_reader(data, len);
    struct wire_reader template, label;
    name[0] = '\0';
    if (!tlv_find(&r, APPLICATION, &template)) {
        return TOKEN_DEVICE;
    }
    if (tlv_find(&template, LABEL, &label) && label.len <= PIV_NAME_MAX) {
        size_t n = 0;
        while (n < label.len && label.data[n] >= ' ' && label.data[n] < 0x7F) {
            name[n] = (char)label.data[n];
            n++;
        }
        name[n] = '\0';
    }
    return TOKEN_OK;
}

/* The one byte that an element has. */
static bool find_byte(const struct wire_reader *r, uint32_t tag, size_t index, size_t count,
                      uint8_t *out) {
    struct wire_reader value;
    *out = 0;
    if (!tlv_find(r, tag, &value) || value.len != count) {
        return false;
    }
    *out = value.data[index];
    return true;
}

static enum token_error parse_rsa(const struct wire_reader *r, uint32_t bits,
                                  struct token_public_key *out) {
    struct wire_reader modulus, exponent;
    if (!tlv_find(r, PIV_TAG_MODULUS, &modulus) || !tlv_find(r, PIV_TAG_EXPONENT, &exponent)) {
        return TOKEN_DEVICE;
    }
    while (modulus.len > 0 && modulus.data[0] == 0) {
        modulus.data++;
        modulus.len--;
    }
    if (modulus.len != bits / 8 || modulus.len > sizeof(out->modulus) ||
        (modulus.data[0] & 0x80) == 0 || exponent.len == 0 || exponent.len > 4) {
        return TOKEN_DEVICE;
    }
    uint32_t e = 0;
    for (size_t i = 0; i < exponent.len; i++) {
        e = e << 8 | exponent.data[i];
    }
    if (e < 3 || (e & 1) == 0) {
        return TOKEN_DEVICE;
    }
    out->exponent = e;
    memcpy(out->modulus, modulus.data, modulus.len);
    out->modulus_len = modulus.len;
    return TOKEN_OK;
}

enum token_error piv_parse_public_key(const uint8_t *data, size_t len, uint8_t algorithm,
                                      struct token_public_key *out) {
    enum { UNCOMPRESSED = 0x04 };
    const struct piv_key_algorithm *known = piv_algorithm_find(algorithm);
    const struct wire_reader r = tlv_reader(data, len);
    *out = (struct token_public_key){.modulus_len = 0};
    if (known == NULL) {
        return TOKEN_DEVICE;
    }
    struct token_public_key key = {.algorithm = known->algorithm, .bits = known->bits};
    if (known->algorithm == ALGORITHM_RSA) {
        enum token_error err = parse_rsa(&r, known->bits, &key);
        if (err != TOKEN_OK) {
            return err;
        }
    } else {
        struct wire_reader point;
        if (!tlv_find(&r, PIV_TAG_POINT, &point) || point.len != 1 + 2 * (size_t)known->bits / 8 ||
            point.len > sizeof(key.ec_point) || point.data[0] != UNCOMPRESSED) {
            return TOKEN_DEVICE;
        }
        memcpy(key.ec_point, point.data, point.len);
        key.ec_point_len = point.len;
    }
    *out = key;
    return TOKEN_OK;
}

enum token_error piv_parse_generated(const uint8_t *data, size_t len, uint8_t algorithm,
                                     struct token_public_key *out) {
    const struct wire_reader r = tlv_reader(data, len);
    struct wire_reader key;
    *out = (struct token_public_key){.modulus_len = 0};
    return tlv_find(&r, PIV_TAG_PUBLIC_KEY, &key)
               ? piv_parse_public_key(key.data, key.len, algorithm, out)
               : TOKEN_DEVICE;
}

enum {
    METADATA_ALGORITHM = 0x01,
    METADATA_POLICY,
    METADATA_ORIGIN,
    METADATA_KEY,
    METADATA_TRIES = 6
};
enum { METADATA_DEFAULT = 5 };

enum token_error piv_parse_metadata(const uint8_t *data, size_t len, struct piv_metadata *out) {
    enum { GENERATED = 1 };
    const struct wire_reader r = tlv_reader(data, len);
    struct wire_reader key;
    uint8_t origin;
    *out = (struct piv_metadata){.algorithm = 0};
    struct piv_metadata found = {.algorithm = 0};
    if (!find_byte(&r, METADATA_ALGORITHM, 0, 1, &found.algorithm) ||
        piv_algorithm_find(found.algorithm) == NULL) {
        return TOKEN_DEVICE;
    }
    find_byte(&r, METADATA_POLICY, 0, 2, &found.pin_policy);
    found.is_generated = find_byte(&r, METADATA_ORIGIN, 0, 1, &origin) && origin == GENERATED;
    if (tlv_find(&r, METADATA_KEY, &key)) {
        found.has_public_key =
            piv_parse_public_key(key.data, key.len, found.algorithm, &found.public_key) == TOKEN_OK;
        if (!found.has_public_key) {
            return TOKEN_DEVICE;
        }
    }
    *out = found;
    return TOKEN_OK;
}

enum token_error piv_parse_tries(const uint8_t *data, size_t len, struct token_pin *out) {
    const struct wire_reader r = tlv_reader(data, len);
    uint8_t is_default;
    *out = (struct token_pin){.max = TOKEN_TRIES_UNKNOWN, .left = TOKEN_TRIES_UNKNOWN};
    struct token_pin found = *out;
    if (!find_byte(&r, METADATA_TRIES, 0, 2, &found.max) ||
        !find_byte(&r, METADATA_TRIES, 1, 2, &found.left)) {
        return TOKEN_DEVICE;
    }
    found.is_default = find_byte(&r, METADATA_DEFAULT, 0, 1, &is_default) && is_default != 0;
    *out = found;
    return TOKEN_OK;
}

enum token_error piv_parse_management(const uint8_t *data, size_t len, uint8_t *algorithm) {
    const struct wire_reader r = tlv_reader(data, len);
    return find_byte(&r, METADATA_ALGORITHM, 0, 1, algorithm) ? TOKEN_OK : TOKEN_DEVICE;
}

enum token_error piv_parse_object(const uint8_t *data, size_t len, struct wire_reader *content) {
    const struct wire_reader r = tlv_reader(data, len);
    if (!tlv_find(&r, PIV_TAG_DATA, content)) {
        return TOKEN_DEVICE;
    }
    return content->len > 0 ? TOKEN_OK : TOKEN_NOT_FOUND;
}

/* zlib takes both gzip and zlib heads, as cards have both. */
static enum token_error unpack(const uint8_t *data, size_t len, struct octets *out) {
    enum { ANY_HEAD = 32 + MAX_WBITS };
    uint8_t *bytes = OPENSSL_malloc(PIV_CERTIFICATE_MAX);
    z_stream z = {.next_in = (z_const Bytef *)(uintptr_t)data, .avail_in = (uInt)len};
    if (bytes == NULL || inflateInit2(&z, ANY_HEAD) != Z_OK) {
        OPENSSL_free(bytes);
        return TOKEN_MEMORY;
    }
    z.next_out = bytes;
    z.avail_out = PIV_CERTIFICATE_MAX;
    int done = inflate(&z, Z_FINISH);
    size_t unpacked = PIV_CERTIFICATE_MAX - z.avail_out;
    inflateEnd(&z);
    enum token_error err = done == Z_STREAM_END && unpacked > 0 ? TOKEN_OK : TOKEN_DEVICE;
    if (err == TOKEN_OK && octets_copy(out, bytes, unpacked) != FORMATS_OK) {
        err = TOKEN_MEMORY;
    }
    OPENSSL_free(bytes);
    return err;
}

enum token_error piv_parse_certificate(const uint8_t *data, size_t len, struct octets *out) {
    enum { CERTIFICATE = 0x70, INFO = 0x71, GZIP = 0x01 };
    struct wire_reader content, certificate;
    uint8_t info = 0;
    *out = (struct octets){NULL, 0};
    enum token_error err = piv_parse_object(data, len, &content);
    if (err != TOKEN_OK) {
        return err;
    }
    if (!tlv_find(&content, CERTIFICATE, &certificate)) {
        return TOKEN_DEVICE;
    }
    if (certificate.len == 0) {
        return TOKEN_NOT_FOUND;
    }
    find_byte(&content, INFO, 0, 1, &info);
    if ((info & GZIP) != 0) {
        return unpack(certificate.data, certificate.len, out);
    }
    if (certificate.len > PIV_CERTIFICATE_MAX) {
        return TOKEN_DEVICE;
    }
    return octets_copy(out, certificate.data, certificate.len) == FORMATS_OK ? TOKEN_OK
                                                                             : TOKEN_MEMORY;
}

static bool take_rsa(const EVP_PKEY *pkey, struct token_public_key *out) {
    BIGNUM *n = NULL, *e = NULL;
    bool good = EVP_PKEY_get_bn_param(pkey, OSSL_PKEY_PARAM_RSA_N, &n) == 1 &&
                EVP_PKEY_get_bn_param(pkey, OSSL_PKEY_PARAM_RSA_E, &e) == 1 &&
                BN_num_bytes(n) <= (int)sizeof(out->modulus) && BN_num_bits(e) <= 32;
    if (good) {
        out->modulus_len = (size_t)BN_bn2bin(n, out->modulus);
        out->exponent = (uint32_t)BN_get_word(e);
        out->bits = (uint32_t)BN_num_bits(n);
        out->algorithm = ALGORITHM_RSA;
    }
    BN_free(n);
    BN_free(e);
    return good;
}

static bool take_ec(const EVP_PKEY *pkey, struct token_public_key *out) {
    char group[32];
    size_t len;
    if (EVP_PKEY_get_group_name(pkey, group, sizeof(group), &len) != 1) {
        return false;
    }
    bool is_p256 = strcmp(group, "prime256v1") == 0 || strcmp(group, "P-256") == 0;
    bool is_p384 = strcmp(group, "secp384r1") == 0 || strcmp(group, "P-384") == 0;
    if (!is_p256 && !is_p384) {
        return false;
    }
    BIGNUM *x = NULL, *y = NULL;
    out->algorithm = ALGORITHM_EC;
    out->bits = is_p256 ? 256 : 384;
    int field = (int)out->bits / 8;
    bool good = EVP_PKEY_get_bn_param(pkey, OSSL_PKEY_PARAM_EC_PUB_X, &x) == 1 &&
                EVP_PKEY_get_bn_param(pkey, OSSL_PKEY_PARAM_EC_PUB_Y, &y) == 1 &&
                BN_bn2binpad(x, out->ec_point + 1, field) == field &&
                BN_bn2binpad(y, out->ec_point + 1 + field, field) == field;
    out->ec_point[0] = 0x04;
    out->ec_point_len = 1 + 2 * (size_t)field;
    BN_free(x);
    BN_free(y);
    return good;
}

enum token_error piv_certified_key(OSSL_LIB_CTX *libctx, const uint8_t *der, size_t len,
                                   uint8_t *algorithm, struct token_public_key *out) {
    const unsigned char *at = der;
    X509 *x509 = X509_new_ex(libctx, NULL);
    *algorithm = 0;
    *out = (struct token_public_key){.modulus_len = 0};
    struct token_public_key key = {.modulus_len = 0};
    if (x509 == NULL) {
        return TOKEN_MEMORY;
    }
    const EVP_PKEY *pkey = d2i_X509(&x509, &at, (long)len) != NULL ? X509_get0_pubkey(x509) : NULL;
    bool good = pkey != NULL && ((EVP_PKEY_is_a(pkey, "RSA") && take_rsa(pkey, &key)) ||
                                 (EVP_PKEY_is_a(pkey, "EC") && take_ec(pkey, &key)));
    X509_free(x509);
    uint8_t number = good ? algorithm_number(key.algorithm, key.bits) : 0;
    if (number == 0) {
        return TOKEN_DEVICE;
    }
    *algorithm = number;
    *out = key;
    return TOKEN_OK;
}

enum token_error piv_parse_chuid(const uint8_t *data, size_t len, uint8_t guid[PIV_GUID_SIZE]) {
    enum { GUID = 0x34 };
    struct wire_reader content, value;
    enum token_error err = piv_parse_object(data, len, &content);
    if (err != TOKEN_OK) {
        return err;
    }
    if (!tlv_find(&content, GUID, &value) || value.len != PIV_GUID_SIZE) {
        return TOKEN_DEVICE;
    }
    memcpy(guid, value.data, PIV_GUID_SIZE);
    return TOKEN_OK;
}

enum token_error piv_parse_history(const uint8_t *data, size_t len, unsigned *count) {
    enum {
        WITH_CERTIFICATE = 0xC1,
        WITHOUT = 0xC2,
        RETIRED = PIV_RETIRED_LAST - PIV_RETIRED_FIRST + 1
    };
    struct wire_reader content;
    uint8_t with, without;
    *count = 0;
    enum token_error err = piv_parse_object(data, len, &content);
    if (err != TOKEN_OK) {
        return err;
    }
    if (!find_byte(&content, WITH_CERTIFICATE, 0, 1, &with) ||
        !find_byte(&content, WITHOUT, 0, 1, &without)) {
        return TOKEN_DEVICE;
    }
    *count = (unsigned)with + without < RETIRED ? (unsigned)with + without : RETIRED;
    return TOKEN_OK;
}

enum token_error piv_parse_authentication(const uint8_t *data, size_t len, uint32_t tag,
                                          struct wire_reader *value) {
    const struct wire_reader r = tlv_reader(data, len);
    struct wire_reader template;
    *value = tlv_reader(NULL, 0);
    return tlv_find(&r, PIV_TAG_AUTHENTICATION, &template) && tlv_find(&template, tag, value)
               ? TOKEN_OK
               : TOKEN_DEVICE;
}

/* A DER INTEGER, not negative, into a field of fixed size. */
static bool take_integer(struct wire_reader *r, size_t field, uint8_t *out) {
    enum { INTEGER = 0x02 };
    uint32_t tag;
    struct wire_reader value;
    if (!tlv_next(r, &tag, &value) || tag != INTEGER || value.len == 0 ||
        (value.data[0] & 0x80) != 0) {
        return false;
    }
    while (value.len > 0 && value.data[0] == 0) {
        value.data++;
        value.len--;
    }
    if (value.len > field) {
        return false;
    }
    memset(out, 0, field - value.len);
    if (value.len > 0) {
        memcpy(out + field - value.len, value.data, value.len);
    }
    return true;
}

enum token_error piv_parse_signature(const uint8_t *der, size_t len, size_t field, uint8_t *out) {
    enum { SEQUENCE = 0x30 };
    struct wire_reader r = tlv_reader(der, len), sequence;
    uint32_t tag;
    if (!tlv_next(&r, &tag, &sequence) || tag != SEQUENCE || !wire_ended(&r) ||
        !take_integer(&sequence, field, out) || !take_integer(&sequence, field, out + field) ||
        !wire_ended(&sequence)) {
        memset(out, 0, 2 * field);
        return TOKEN_DEVICE;
    }
    return TOKEN_OK;
}
