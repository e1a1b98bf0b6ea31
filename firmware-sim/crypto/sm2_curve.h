/* The SM2 curve (GB/T 32918.5-2017) as an mbedTLS group with fast reduction. */
#ifndef FIRMWARE_CRYPTO_SM2_CURVE_H
#define FIRMWARE_CRYPTO_SM2_CURVE_H

#include <mbedtls/ecp.h>

/* The one group. Its constants are static; mbedTLS caches the comb table of G in it at first use, so keep using this one.
 * Single-threaded, as a card is. */
mbedtls_ecp_group *sm2_curve(void);

/* Gives the cached table back (a card never does; a test that counts memory may). */
void sm2_curve_free(void);

/* n := n mod p, or a representative of the same class in (-p, 2^257), for 0 <= n < 2^512. The group's modp; shown for its test. */
int sm2_curve_reduce(mbedtls_mpi *n);

#endif
