/* Certificate revocation lists of the issuing CA. */
#include "tools/orderd/ca/ca_internal.h"

#include <openssl/x509v3.h>

static bool entry_add(X509_CRL *crl, const struct ca_revoked *entry) {
    bool done = false;
    X509_REVOKED *revoked = X509_REVOKED_new();
    ASN1_INTEGER *serial = ca_serial_integer(entry->serial);
    ASN1_TIME *time = ASN1_TIME_set(NULL, (time_t)entry->time);
    ASN1_ENUMERATED *reason = ASN1_ENUMERATED_new();
    if (revoked != NULL && serial != NULL && time != NULL && reason != NULL &&
        X509_REVOKED_set_serialNumber(revoked, serial) == 1 &&
        X509_REVOKED_set_revocationDate(revoked, time) == 1 &&
        ASN1_ENUMERATED_set(reason, (long)entry->reason) == 1 &&
        (entry->reason == CA_REASON_UNSPECIFIED ||
         X509_REVOKED_add1_ext_i2d(revoked, NID_crl_reason, reason, 0, 0) == 1) &&
        X509_CRL_add0_revoked(crl, revoked) == 1) {
        revoked = NULL;
        done = true;
    }
    X509_REVOKED_free(revoked);
    ASN1_INTEGER_free(serial);
    ASN1_TIME_free(time);
    ASN1_ENUMERATED_free(reason);
    return done;
}

static bool times_set(X509_CRL *crl, int64_t this_update, int64_t next_update) {
    ASN1_TIME *last = ASN1_TIME_set(NULL, (time_t)this_update);
    ASN1_TIME *next = ASN1_TIME_set(NULL, (time_t)next_update);
    bool done = last != NULL && next != NULL && X509_CRL_set1_lastUpdate(crl, last) == 1 &&
                X509_CRL_set1_nextUpdate(crl, next) == 1;
    ASN1_TIME_free(last);
    ASN1_TIME_free(next);
    return done;
}

static bool extensions_set(const struct ca *ca, X509_CRL *crl, int64_t number) {
    X509V3_CTX ctx;
    ASN1_INTEGER *value = ASN1_INTEGER_new();
    X509V3_set_ctx(&ctx, ca->issuing.x509, NULL, NULL, crl, 0);
    X509_EXTENSION *key_id =
        X509V3_EXT_conf_nid(NULL, &ctx, NID_authority_key_identifier, "keyid:always");
    bool done = value != NULL && key_id != NULL && ASN1_INTEGER_set_int64(value, number) == 1 &&
                X509_CRL_add_ext(crl, key_id, -1) == 1 &&
                X509_CRL_add1_ext_i2d(crl, NID_crl_number, value, 0, 0) == 1;
    ASN1_INTEGER_free(value);
    X509_EXTENSION_free(key_id);
    return done;
}

enum ca_error ca_crl(struct ca *ca, const struct ca_revoked *revoked, size_t count, int64_t number,
                     int64_t this_update, int64_t next_update, struct octets *out) {
    *out = (struct octets){NULL, 0};
    if (number < 0 || next_update < this_update)
        return CA_ARGUMENT;
    enum ca_error error = CA_CRYPTO;
    unsigned char *der = NULL;
    EVP_MD_CTX *ctx = NULL;
    X509_CRL *crl = X509_CRL_new_ex(ca->libctx, NULL);
    if (crl == NULL || X509_CRL_set_version(crl, X509_CRL_VERSION_2) != 1 ||
        X509_CRL_set_issuer_name(crl, X509_get_subject_name(ca->issuing.x509)) != 1 ||
        !times_set(crl, this_update, next_update))
        goto out;
    for (size_t i = 0; i < count; i++) {
        if (!entry_add(crl, &revoked[i])) {
            error = CA_ARGUMENT;
            goto out;
        }
    }
    ctx = ca_sign_context(ca, ca->issuing.key);
    if (ctx == NULL || X509_CRL_sort(crl) != 1 || !extensions_set(ca, crl, number) ||
        X509_CRL_sign_ctx(crl, ctx) <= 0)
        goto out;
    int len = i2d_X509_CRL(crl, &der);
    if (len > 0)
        error = ca_error_of(octets_copy(out, der, (size_t)len));
out:
    OPENSSL_free(der);
    EVP_MD_CTX_free(ctx);
    X509_CRL_free(crl);
    return error;
}
