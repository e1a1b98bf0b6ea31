/* What the tests of module/formats share: cmocka's includes, bytes from hex, throwaway SM2
 * certificates. */
#ifndef OPENUKEY_TESTS_FORMATS_BENCH_H
#define OPENUKEY_TESTS_FORMATS_BENCH_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "module/formats/octets.h"

#include <openssl/x509.h>

enum { JAN_2026 = 1767225600 /* 2026-01-01T00:00:00Z */, DAY = 86400 };

#define assert_ok(call) assert_int_equal((call), FORMATS_OK)

/* Bytes of a hex text (blanks allowed); the caller frees. */
struct octets bench_hex(const char *hex);

/* What a throwaway certificate says. */
struct bench_certificate {
    const char *common_name;
    EVP_PKEY *key;        /* its public key */
    X509 *issuer;         /* NULL: self-signed */
    EVP_PKEY *issuer_key; /* SM2, RSA or EC */
    bool is_ca;
    const char *key_usage; /* as in openssl.cnf; NULL: none */
    int64_t not_before, not_after;
    long serial;
};

X509 *bench_certify(const struct bench_certificate *wanted);
struct octets bench_x509_der(X509 *x509);
EVP_PKEY *bench_sm2_key(void);
/* "RSA" (2048 bits), "P-256", "P-384" or "SM2". */
EVP_PKEY *bench_key(const char *kind);
/* Signs with a software key as a token would: DER for SM2 and ECDSA. `pss`: with RSA. */
struct octets bench_sign(EVP_PKEY *key, bool pss, const struct octets *message);

#endif
