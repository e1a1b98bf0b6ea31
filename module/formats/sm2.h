/* SM2 and SM3 for software keys and public keys, on OpenSSL (GB/T 32918, GB/T 32905).
 * Every function takes the OSSL_LIB_CTX to work in (NULL: the process default). The identity is
 * always the default one, "1234567812345678", unless a function takes another. */
#ifndef OPENUKEY_FORMATS_SM2_H
#define OPENUKEY_FORMATS_SM2_H

#include "module/formats/octets.h"

#include <openssl/evp.h>

enum sm2_size {
    SM2_SCALAR = 32,        /* a coordinate, r, s, d, e */
    SM2_RAW_SIGNATURE = 64, /* r || s */
    SM2_DER_SIGNATURE_MAX = 72,
    SM3_SIZE = 32,
    SM2_PLAIN_MAX = 4096,         /* longest plaintext that encrypt and decrypt take */
    SM2_RAW_CIPHER_OVERHEAD = 97, /* 04 || X || Y || C3 */
    SM2_ID_MAX = 8191             /* Z counts the identity in 16 bits of bits */
};

#define SM2_DEFAULT_ID "1234567812345678"

/* A public key or C1: two big-endian coordinates. */
struct sm2_point {
    unsigned char x[SM2_SCALAR];
    unsigned char y[SM2_SCALAR];
};

/* --- keys --- */

/* New key pair. *out is the caller's (EVP_PKEY_free). */
enum formats_error sm2_key_generate(OSSL_LIB_CTX *libctx, EVP_PKEY **out);

/* Public key from its point; FORMATS_KEY when it is not on the curve. *out is the caller's. */
enum formats_error sm2_key_from_point(OSSL_LIB_CTX *libctx, const struct sm2_point *point,
                                      EVP_PKEY **out);

/* Key pair from d (32 bytes, big-endian); FORMATS_KEY when d is not in [1, n-2]. *out is the
 * caller's. */
enum formats_error sm2_key_from_scalar(OSSL_LIB_CTX *libctx, const unsigned char d[SM2_SCALAR],
                                       EVP_PKEY **out);

/* Public key from a DER SubjectPublicKeyInfo (id-ecPublicKey with the SM2 curve).
 * FORMATS_UNSUPPORTED for another algorithm. */
enum formats_error sm2_key_from_spki(OSSL_LIB_CTX *libctx, const unsigned char *der, size_t len,
                                     EVP_PKEY **out);

/* True when the key is on the SM2 curve, whatever name OpenSSL gives its type. */
bool sm2_key_is_sm2(const EVP_PKEY *key);

/* The public point of an SM2 key. FORMATS_KEY when it is not one. */
enum formats_error sm2_key_point(const EVP_PKEY *key, struct sm2_point *out);

/* The private scalar of a software key pair, for the KMC. The caller cleanses `d`. */
enum formats_error sm2_key_scalar(const EVP_PKEY *key, unsigned char d[SM2_SCALAR]);

/* DER SubjectPublicKeyInfo of a point. */
enum formats_error sm2_point_to_spki(const struct sm2_point *point, struct octets *out);

/* The point in a DER SubjectPublicKeyInfo; checks that it is on the curve. */
enum formats_error sm2_point_from_spki(OSSL_LIB_CTX *libctx, const unsigned char *der, size_t len,
                                       struct sm2_point *out);

/* --- digests --- */

enum formats_error sm3_digest(OSSL_LIB_CTX *libctx, const void *data, size_t len,
                              unsigned char out[SM3_SIZE]);

/* SM3 begun with Z(id, public key) (GB/T 32918.2 5.5): the message is still to come, by EVP_DigestUpdate, and the final
 * value is e. id NULL: the default identity. *out is the caller's (EVP_MD_CTX_free). FORMATS_TOO_LARGE: id_len. */
enum formats_error sm2_message_digest_begin(OSSL_LIB_CTX *libctx, const struct sm2_point *key,
                                            const void *id, size_t id_len, EVP_MD_CTX **out);

/* e = SM3(Z(id, public key) || message) (GB/T 32918.2 5.5, 6.1), what a card signs as a bare
 * 32-byte digest. id NULL: the default identity. id_len at most SM2_ID_MAX. */
enum formats_error sm2_message_digest(OSSL_LIB_CTX *libctx, const struct sm2_point *key,
                                      const void *id, size_t id_len, const void *message,
                                      size_t len, unsigned char e[SM3_SIZE]);

/* --- signatures --- */

/* Signs a message with a software key pair; *out = DER SM2Signature. */
enum formats_error sm2_sign(OSSL_LIB_CTX *libctx, EVP_PKEY *key, const void *message, size_t len,
                            struct octets *out);

/* FORMATS_OK when `signature` (DER SEQUENCE{r,s}) is `key`'s over the message, else
 * FORMATS_SIGNATURE or FORMATS_MALFORMED. */
enum formats_error sm2_verify(OSSL_LIB_CTX *libctx, EVP_PKEY *key, const void *message, size_t len,
                              const unsigned char *signature, size_t signature_len);

/* The same for raw r || s. */
enum formats_error sm2_verify_raw(OSSL_LIB_CTX *libctx, EVP_PKEY *key, const void *message,
                                  size_t len, const unsigned char signature[SM2_RAW_SIGNATURE]);

/* r || s to DER SM2Signature and back. From DER: strict, r and s in [1, 2^256), no trailing bytes.
 */
enum formats_error sm2_signature_to_der(const unsigned char raw[SM2_RAW_SIGNATURE],
                                        struct octets *out);
enum formats_error sm2_signature_from_der(const unsigned char *der, size_t len,
                                          unsigned char raw[SM2_RAW_SIGNATURE]);

/* --- encryption --- */

/* Encrypts 1..SM2_PLAIN_MAX bytes to a public key; *out = DER SM2Cipher {x, y, C3, C2}. */
enum formats_error sm2_encrypt(OSSL_LIB_CTX *libctx, EVP_PKEY *key, const void *plain, size_t len,
                               struct octets *out);

/* Opens a DER SM2Cipher with a software key pair. FORMATS_KEY when C3 does not agree. */
enum formats_error sm2_decrypt(OSSL_LIB_CTX *libctx, EVP_PKEY *key, const unsigned char *der,
                               size_t len, struct octets *out);

/* The parts of an SM2Cipher (GM/T 0009 7.2). `cipher` points into the input. */
struct sm2_cipher {
    struct sm2_point c1;
    unsigned char c3[SM3_SIZE];
    const unsigned char *cipher;
    size_t cipher_len; /* 1..SM2_PLAIN_MAX */
};

/* Reads DER SM2Cipher. Tolerant as real CAs need it: coordinates of 32 bytes with the high bit set
 * and no leading zero are read as unsigned. Everything else is strict. Pointers live as long as
 * `der`. */
enum formats_error sm2_cipher_parse(const unsigned char *der, size_t len, struct sm2_cipher *out);
enum formats_error sm2_cipher_to_der(const struct sm2_cipher *cipher, struct octets *out);

/* 04 || X || Y || C3 || C2, the presentation of C_Encrypt and C_Decrypt; and back. */
enum formats_error sm2_cipher_to_raw(const struct sm2_cipher *cipher, struct octets *out);
enum formats_error sm2_cipher_from_raw(const unsigned char *raw, size_t len,
                                       struct sm2_cipher *out);

#endif
