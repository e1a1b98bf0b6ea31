/* Issuing by plan: what a plan has made is kept as one file, issued/SERIAL, and comes back when the
 * plan is repeated. */
#include "module/formats/certificate_request.h"
#include "module/formats/der.h"
#include "module/formats/sm2.h"
#include "module/formats/sm2_envelope.h"
#include "tools/orderd/ca/ca_internal.h"

#include <stdio.h>
#include <string.h>

/* issued/SERIAL: the request's digest and what was made for it; absent parts are empty. */
typedef struct issued_asn1 {
    ASN1_OCTET_STRING *request;
    ASN1_OCTET_STRING *sign;
    ASN1_OCTET_STRING *encrypt;
    ASN1_OCTET_STRING *envelope;
} ISSUED;

/* clang-format off */
ASN1_SEQUENCE(ISSUED) = {
    ASN1_SIMPLE(ISSUED, request, ASN1_OCTET_STRING),
    ASN1_SIMPLE(ISSUED, sign, ASN1_OCTET_STRING),
    ASN1_SIMPLE(ISSUED, encrypt, ASN1_OCTET_STRING),
    ASN1_SIMPLE(ISSUED, envelope, ASN1_OCTET_STRING),
} static_ASN1_SEQUENCE_END(ISSUED);
/* clang-format on */

#define ISSUED_ITEM ASN1_ITEM_rptr(ISSUED)

void ca_issued_free(struct ca_issued *issued) {
    octets_free(&issued->sign_certificate);
    octets_free(&issued->encrypt_certificate);
    octets_free(&issued->enveloped_key);
}

/* Reads and judges the request. */
static enum ca_error request_open(const struct ca *ca, const struct ca_request *request,
                                  struct certificate_request **csr) {
    *csr = NULL;
    const unsigned char *p = request->subject;
    if (request->subject == NULL || request->subject_len == 0 || request->subject_len > 4096 ||
        request->not_after < request->not_before || (request->encryption_pair && request->dual_use))
        return CA_ARGUMENT;
    X509_NAME *subject = d2i_X509_NAME(NULL, &p, (long)request->subject_len);
    bool sound = subject != NULL && p == request->subject + request->subject_len &&
                 X509_NAME_entry_count(subject) > 0;
    X509_NAME_free(subject);
    if (!sound)
        return CA_ARGUMENT;
    enum formats_error error =
        certificate_request_parse(ca->libctx, request->csr, request->csr_len, csr);
    if (error == FORMATS_MEMORY)
        return CA_MEMORY;
    if (error != FORMATS_OK)
        return CA_BAD_REQUEST;
    enum ca_algorithm algorithm = ca_algorithm_of_key((*csr)->key);
    if (algorithm == CA_ANY_ALGORITHM || (request->encryption_pair && algorithm != CA_SM2) ||
        (request->dual_use && algorithm != CA_RSA)) {
        certificate_request_free(*csr);
        *csr = NULL;
        return CA_BAD_KEY;
    }
    return CA_OK;
}

enum ca_error ca_plan(struct ca *ca, const struct ca_request *request, struct ca_plan *out) {
    struct certificate_request *csr = NULL;
    memset(out, 0, sizeof *out);
    enum ca_error error = request_open(ca, request, &csr);
    certificate_request_free(csr);
    if (error == CA_OK)
        error = ca_serial_draw(ca, out->sign_serial);
    if (error == CA_OK && request->encryption_pair)
        error = ca_serial_draw(ca, out->encrypt_serial);
    return error;
}

/* What makes a request the same: key, subject, dates, kind. Not the PKCS#10's signature: a retry
 * signs anew. */
static enum ca_error request_digest(const struct ca *ca, const struct ca_request *request,
                                    const struct octets *spki, const struct ca_plan *plan,
                                    unsigned char out[SM3_SIZE]) {
    char facts[256];
    /* the last figure was the length of an address that earlier versions counted in; they gave none */
    int facts_len = snprintf(
        facts, sizeof facts, "%s %s %lld %lld %d %d %zu %zu 0", plan->sign_serial,
        plan->encrypt_serial, (long long)request->not_before, (long long)request->not_after,
        request->encryption_pair, request->dual_use, spki->len, request->subject_len);
    enum ca_error error = CA_CRYPTO;
    EVP_MD *sm3 = EVP_MD_fetch(ca->libctx, "SM3", NULL);
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    if (facts_len > 0 && (size_t)facts_len < sizeof facts && sm3 != NULL && ctx != NULL &&
        EVP_DigestInit_ex2(ctx, sm3, NULL) == 1 &&
        EVP_DigestUpdate(ctx, facts, (size_t)facts_len) == 1 &&
        EVP_DigestUpdate(ctx, spki->data, spki->len) == 1 &&
        EVP_DigestUpdate(ctx, request->subject, request->subject_len) == 1 &&
        EVP_DigestFinal_ex(ctx, out, NULL) == 1)
        error = CA_OK;
    EVP_MD_CTX_free(ctx);
    EVP_MD_free(sm3);
    return error;
}

static enum ca_error part_read(const ASN1_OCTET_STRING *part, struct octets *out) {
    return ca_error_of(
        octets_copy(out, ASN1_STRING_get0_data(part), (size_t)ASN1_STRING_length(part)));
}

/* What is kept under this serial; `digest` (may be NULL) must be its request's. */
static enum ca_error kept_read(const struct ca *ca, const char *serial, const unsigned char *digest,
                               struct ca_issued *out) {
    memset(out, 0, sizeof *out);
    char name[64];
    struct octets file;
    ISSUED *issued = NULL;
    if (!ca_serial_is_sound(serial))
        return CA_UNKNOWN;
    snprintf(name, sizeof name, "issued/%s", serial);
    enum ca_error error = ca_file_read(ca, name, &file);
    if (error != CA_OK)
        return error;
    if (der_read(ISSUED_ITEM, file.data, file.len, CA_FILE_MAX, &issued) != FORMATS_OK ||
        ASN1_STRING_length(issued->request) != SM3_SIZE)
        error = CA_CORRUPT;
    else if (digest != NULL &&
             memcmp(ASN1_STRING_get0_data(issued->request), digest, SM3_SIZE) != 0)
        error = CA_PLAN_MISMATCH;
    if (error == CA_OK)
        error = part_read(issued->sign, &out->sign_certificate);
    if (error == CA_OK)
        error = part_read(issued->encrypt, &out->encrypt_certificate);
    if (error == CA_OK)
        error = part_read(issued->envelope, &out->enveloped_key);
    if (error != CA_OK)
        ca_issued_free(out);
    ASN1_item_free((ASN1_VALUE *)issued, ISSUED_ITEM);
    octets_free(&file);
    return error;
}

static bool part_set(ASN1_OCTET_STRING *part, const struct octets *in) {
    return ASN1_OCTET_STRING_set(part, in->data != NULL ? in->data : (const unsigned char *)"",
                                 (int)in->len) == 1;
}

static enum ca_error kept_write(const struct ca *ca, const char *serial,
                                const unsigned char digest[SM3_SIZE],
                                const struct ca_issued *issued) {
    char name[64];
    struct octets file = {NULL, 0};
    enum ca_error error = CA_MEMORY;
    ISSUED *asn1 = (ISSUED *)ASN1_item_new(ISSUED_ITEM);
    if (asn1 != NULL && ASN1_OCTET_STRING_set(asn1->request, digest, SM3_SIZE) == 1 &&
        part_set(asn1->sign, &issued->sign_certificate) &&
        part_set(asn1->encrypt, &issued->encrypt_certificate) &&
        part_set(asn1->envelope, &issued->enveloped_key))
        error = ca_error_of(der_write(ISSUED_ITEM, asn1, &file));
    snprintf(name, sizeof name, "issued/%s", serial);
    if (error == CA_OK)
        error = ca_file_write(ca, name, &file);
    octets_free(&file);
    ASN1_item_free((ASN1_VALUE *)asn1, ISSUED_ITEM);
    return error;
}

/* Signs both certificates and wraps the encryption key. The escrow is written first: a key that was
 * certified is never lost. */
static enum ca_error make(const struct ca *ca, const struct ca_request *request,
                          const struct certificate_request *csr, const struct ca_plan *plan,
                          struct ca_issued *out) {
    EVP_PKEY *pair = NULL;
    enum ca_error error = CA_OK;
    struct ca_certificate_request wanted = {
        .subject = request->subject,
        .subject_len = request->subject_len,
        .key = csr->key,
        .issuer = &ca->issuing,
        .serial = plan->sign_serial,
        .not_before = request->not_before,
        .not_after = request->not_after,
        .basic_constraints = "critical,CA:FALSE",
        .key_usage = request->dual_use ? "critical,digitalSignature,nonRepudiation,keyEncipherment,"
                                         "dataEncipherment"
                                       : "critical,digitalSignature,nonRepudiation",
        .crl_url = request->crl_url,
        .ocsp_url = request->ocsp_url,
        .issuer_url = request->issuer_url,
    };
    if (request->encryption_pair)
        error = ca_escrow_pair(ca, plan->encrypt_serial, CA_ESCROW_MAKE, &pair);
    if (error == CA_OK)
        error = ca_certify(ca, &wanted, &out->sign_certificate);
    if (error == CA_OK && pair != NULL) {
        wanted.key = pair;
        wanted.serial = plan->encrypt_serial;
        wanted.key_usage = "critical,keyEncipherment,dataEncipherment,keyAgreement";
        error = ca_certify(ca, &wanted, &out->encrypt_certificate);
        if (error == CA_OK)
            error = ca_error_of(sm2_envelope_make(ca->libctx, csr->key, pair, &out->enveloped_key));
    }
    EVP_PKEY_free(pair);
    return error;
}

enum ca_error ca_issue(struct ca *ca, const struct ca_request *request, const struct ca_plan *plan,
                       struct ca_issued *out) {
    memset(out, 0, sizeof *out);
    struct certificate_request *csr = NULL;
    unsigned char digest[SM3_SIZE];
    if (!ca_serial_is_sound(plan->sign_serial) ||
        (request->encryption_pair ? !ca_serial_is_sound(plan->encrypt_serial)
                                  : plan->encrypt_serial[0] != '\0'))
        return CA_ARGUMENT;
    enum ca_error error = request_open(ca, request, &csr);
    if (error == CA_OK)
        error = request_digest(ca, request, &csr->spki, plan, digest);
    if (error == CA_OK)
        error = ca_lock(ca);
    if (error != CA_OK)
        goto out;
    error = kept_read(ca, plan->sign_serial, digest, out);
    if (error == CA_UNKNOWN) {
        error = make(ca, request, csr, plan, out);
        if (error == CA_OK)
            error = kept_write(ca, plan->sign_serial, digest, out);
    }
    ca_unlock(ca);
out:
    if (error != CA_OK)
        ca_issued_free(out);
    certificate_request_free(csr);
    return error;
}

enum ca_error ca_issued_find(struct ca *ca, const char *sign_serial, struct ca_issued *out) {
    return kept_read(ca, sign_serial, NULL, out);
}
