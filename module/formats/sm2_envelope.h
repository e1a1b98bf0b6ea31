/* SM2EnvelopedKey (GM/T 0009-2012 7.4, GB/T 35276-2017): an encryption key pair on its way from the
 * KMC to a token. */
#ifndef OPENUKEY_FORMATS_SM2_ENVELOPE_H
#define OPENUKEY_FORMATS_SM2_ENVELOPE_H

#include "module/formats/sm2.h"

enum sm2_envelope_size {
    SM2_ENVELOPE_MAX = 1024,         /* longest DER that parse takes */
    SM2_ENVELOPE_SYM_KEY = 16,       /* SM4 */
    SM2_ENVELOPE_PRIVATE_FIELD = 64, /* encPri of INS_IMPORT_ECC_KEY_PAIR */
    SM2_ENVELOPE_SYM_SM4_ECB = 0x401 /* symAlg of INS_IMPORT_ECC_KEY_PAIR (GM/T 0016) */
};

/* The fields, in the sizes that INS_IMPORT_ECC_KEY_PAIR wants. Nothing in it is secret without the
 * recipient's key. */
struct sm2_envelope {
    uint32_t sym_alg;    /* always SM2_ENVELOPE_SYM_SM4_ECB */
    struct sm2_point c1; /* SM2Cipher of the SM4 key */
    unsigned char c3[SM3_SIZE];
    unsigned char cipher[SM2_ENVELOPE_SYM_KEY]; /* C2, 16 bytes */
    struct sm2_point public_key;                /* of the encryption pair; on the curve */
    unsigned char
        encrypted_private[SM2_ENVELOPE_PRIVATE_FIELD]; /* ECB; the last 32 decrypted bytes are d */
};

/* KMC side: wraps `pair` (a software SM2 key pair) to the recipient's signing public key under a
 * fresh SM4 key. *out = DER. */
enum formats_error sm2_envelope_make(OSSL_LIB_CTX *libctx, EVP_PKEY *recipient, EVP_PKEY *pair,
                                     struct octets *out);

/* Token side. Accepts SM4 and SM4-ECB, parameters absent or NULL, DER-negative 32-byte coordinates,
 * 32 or 64 bytes of encrypted d. FORMATS_UNSUPPORTED for another symmetric algorithm, FORMATS_KEY
 * when the public key is not on the curve. */
enum formats_error sm2_envelope_parse(OSSL_LIB_CTX *libctx, const unsigned char *der, size_t len,
                                      struct sm2_envelope *out);

/* Opens an envelope with the recipient's software key pair, checks d*G against the public key;
 * *pair is the caller's. What a card does inside; for tests and for key recovery. */
enum formats_error sm2_envelope_open(OSSL_LIB_CTX *libctx, EVP_PKEY *recipient,
                                     const struct sm2_envelope *envelope, EVP_PKEY **pair);

#endif
