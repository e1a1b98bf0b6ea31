/* mbedTLS 2.28 for the firmware: what core, applets and crypto use, nothing else; no heap but a static arena; tables in
 * flash rather than RAM. */
#ifndef FIRMWARE_PORTS_ARM_MBEDTLS_CONFIG_H
#define FIRMWARE_PORTS_ARM_MBEDTLS_CONFIG_H

/* platform: memory from the arena, no standard functions */
#define MBEDTLS_HAVE_ASM
#define MBEDTLS_PLATFORM_C
#define MBEDTLS_PLATFORM_MEMORY
#define MBEDTLS_PLATFORM_NO_STD_FUNCTIONS
#define MBEDTLS_MEMORY_BUFFER_ALLOC_C
#define MBEDTLS_MEMORY_ALIGN_MULTIPLE 4
#define MBEDTLS_PLATFORM_EXIT_MACRO   port_arena_broken
void port_arena_broken(int status);

/* numbers: up to RSA-4096; small windows, for they are RAM */
#define MBEDTLS_BIGNUM_C
#define MBEDTLS_GENPRIME
#define MBEDTLS_MPI_MAX_SIZE    512
#define MBEDTLS_MPI_WINDOW_SIZE 2

#define MBEDTLS_RSA_C
#define MBEDTLS_PKCS1_V15
#define MBEDTLS_OID_C

#define MBEDTLS_ECP_C
#define MBEDTLS_ECP_DP_SECP256R1_ENABLED
#define MBEDTLS_ECP_DP_SECP384R1_ENABLED
#define MBEDTLS_ECP_NIST_OPTIM
#define MBEDTLS_ECP_MAX_BITS          384
#define MBEDTLS_ECP_WINDOW_SIZE       4
#define MBEDTLS_ECP_FIXED_POINT_OPTIM 0
#define MBEDTLS_ECP_NO_INTERNAL_RNG   /* without f_rng goes public data only: verification */
#define MBEDTLS_ECDSA_C
#define MBEDTLS_ECDH_C
#define MBEDTLS_ASN1_PARSE_C
#define MBEDTLS_ASN1_WRITE_C

#define MBEDTLS_MD_C
#define MBEDTLS_SHA1_C
#define MBEDTLS_SHA224_C
#define MBEDTLS_SHA256_C
#define MBEDTLS_SHA256_SMALLER
#define MBEDTLS_SHA512_C
#define MBEDTLS_SHA512_SMALLER

#define MBEDTLS_AES_C
#define MBEDTLS_AES_ROM_TABLES
#define MBEDTLS_AES_FEWER_TABLES
#define MBEDTLS_DES_C
#define MBEDTLS_CIPHER_MODE_CBC

#define MBEDTLS_CTR_DRBG_C
#define MBEDTLS_HMAC_DRBG_C

#include <mbedtls/check_config.h>

#endif
