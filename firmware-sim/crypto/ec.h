/* P-256 and P-384: keys, ECDSA (FIPS 186-4 clause 6), ECDH (SP 800-56A cofactor one). Numbers are big-endian, as many bytes
 * as the curve's field. Secret scalars go through mbedTLS's blinded multiplication. */
#ifndef FIRMWARE_CRYPTO_EC_H
#define FIRMWARE_CRYPTO_EC_H

#include "firmware-sim/crypto/drbg.h"

#include <stddef.h>
#include <stdint.h>

enum ec_curve { EC_P256, EC_P384 };

enum ec_size {
    EC_NUMBER_MAX = 48,
    EC_POINT_MAX = 1 + 2 * EC_NUMBER_MAX,
    EC_DER_MAX = 8 + 2 * (EC_NUMBER_MAX + 1) /* of a signature */
};

enum ec_error {
    EC_OK = 0,
    EC_BAD_KEY,   /* not in 1..n-1; not a point of the curve */
    EC_BAD_INPUT, /* a digest longer than the field */
    EC_FAILED     /* random numbers or memory */
};

size_t ec_number_size(enum ec_curve curve);
/* Of an uncompressed point 04 || X || Y. */
size_t ec_point_size(enum ec_curve curve);

enum ec_error ec_generate(struct drbg *rng, enum ec_curve curve, uint8_t *d, uint8_t *point);
/* The public point of d. */
enum ec_error ec_public(struct drbg *rng, enum ec_curve curve, const uint8_t *d, uint8_t *point);

/* Signs a digest of 1 to field size bytes; der gets a DER SEQUENCE of r and s of *der_len bytes. The nonce is hedged: from an
 * HMAC-DRBG over d, the digest and fresh random numbers. */
enum ec_error ec_sign(struct drbg *rng, enum ec_curve curve, const uint8_t *d,
                      const uint8_t *digest, size_t digest_len, uint8_t der[EC_DER_MAX],
                      size_t *der_len);

/* The same with nonces and blinding factors from a function of the caller's: for known answers alone. */
typedef int ec_nonces(void *ctx, unsigned char *out, size_t len);
enum ec_error ec_sign_with(ec_nonces *nonces, void *ctx, enum ec_curve curve, const uint8_t *d,
                           const uint8_t *digest, size_t digest_len, uint8_t der[EC_DER_MAX],
                           size_t *der_len);

/* x gets the X of d times the point. */
enum ec_error ec_agree(struct drbg *rng, enum ec_curve curve, const uint8_t *d,
                       const uint8_t *point, uint8_t *x);

#endif
