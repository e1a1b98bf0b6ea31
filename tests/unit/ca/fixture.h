/* A CA in a folder of its own, and a request to it: what the CA's tests begin with. */
#ifndef TESTS_UNIT_CA_FIXTURE_H
#define TESTS_UNIT_CA_FIXTURE_H

#include "module/formats/certificate.h"
#include "tests/unit/formats/bench.h"
#include "tools/orderd/ca/ca.h"

#define assert_ca(call) assert_int_equal((call), CA_OK)

struct fixture {
    char directory[64];
    struct ca *ca;
    EVP_PKEY *key;
    struct octets subject, csr;
    struct ca_request request;
};

extern const struct ca_options fixture_create;

/* A PKCS#10 of that key. */
struct octets fixture_csr(EVP_PKEY *key, const struct octets *subject);

/* A new CA (SM2), and a request for a pair. */
int fixture_make(void **state);
int fixture_drop(void **state);

/* A folder's CA, made with these options, and a request for a key of `type` ("SM2", "P-256", "RSA"). */
void fixture_open(struct fixture *f, const struct ca_options *options, const char *type);

/* A key of `type`. */
EVP_PKEY *fixture_key(const char *type);

struct certificate *fixture_certificate(const struct octets *der);

/* Does the certificate chain to the CA's root? */
enum formats_error fixture_verify(struct ca *ca, const struct octets *leaf, int64_t at);

#endif
