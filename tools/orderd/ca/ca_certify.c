/* X.509 certificates by the CA's keys: fields, extensions, signature. */
#include "tools/orderd/ca/ca_internal.h"

#include <openssl/rand.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <string.h>

enum { SERIAL_SIZE = 16, URL_LEN_MAX = 500 };

enum ca_error ca_serial_draw(const struct ca *ca, char out[CA_SERIAL_TEXT]) {
    unsigned char serial[SERIAL_SIZE];
    if (RAND_bytes_ex(ca->libctx, serial, sizeof serial, 0) != 1)
        return CA_CRYPTO;
    serial[0] = (unsigned char)(0x40 | (serial[0] & 0x3F));
    octets_to_hex(serial, sizeof serial, out);
    for (char *p = out; *p != '\0'; p++)
        if (*p >= 'a')
            *p = (char)(*p - 'a' + 'A');
    return CA_OK;
}

bool ca_serial_is_sound(const char *serial) {
    return strlen(serial) == (size_t)2 * SERIAL_SIZE &&
           strspn(serial, "0123456789ABCDEF") == strlen(serial);
}

ASN1_INTEGER *ca_serial_integer(const char *serial) {
    BIGNUM *number = NULL;
    ASN1_INTEGER *integer = NULL;
    size_t len = strlen(serial);
    if (len > 0 && len < CA_SERIAL_TEXT && BN_hex2bn(&number, serial) == (int)len)
        integer = BN_to_ASN1_INTEGER(number, NULL);
    BN_free(number);
    return integer;
}

static bool extend(X509 *x509, X509 *issuer, int nid, const char *value) {
    X509V3_CTX ctx;
    X509V3_set_ctx(&ctx, issuer, x509, NULL, NULL, 0);
    X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, &ctx, nid, value);
    bool done = extension != NULL && X509_add_ext(x509, extension, -1) == 1;
    X509_EXTENSION_free(extension);
    return done;
}

/* Only characters that cannot be taken for the syntax of a configuration value. */
static bool url_is_sound(const char *url) {
    static const char allowed[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
                                  ":/.-_~?=&%[]";
    size_t len = strlen(url);
    return len > 0 && len <= URL_LEN_MAX && strspn(url, allowed) == len;
}

/* Adds "METHOD;URI:url" or "URI:url"; nothing when there is no URL. */
static enum ca_error extend_url(X509 *x509, X509 *issuer, int nid, const char *method,
                                const char *url) {
    char value[URL_LEN_MAX + 32];
    if (url == NULL)
        return CA_OK;
    if (!url_is_sound(url))
        return CA_ARGUMENT;
    snprintf(value, sizeof value, "%sURI:%s", method, url);
    return extend(x509, issuer, nid, value) ? CA_OK : CA_CRYPTO;
}

/* Both accesses are in one extension (RFC 5280 4.2.2.1). */
static enum ca_error extend_access(X509 *x509, X509 *issuer, const char *ocsp_url,
                                   const char *issuer_url) {
    char value[2 * URL_LEN_MAX + 64];
    if (ocsp_url == NULL || issuer_url == NULL)
        return extend_url(x509, issuer, NID_info_access, ocsp_url != NULL ? "OCSP;" : "caIssuers;",
                          ocsp_url != NULL ? ocsp_url : issuer_url);
    if (!url_is_sound(ocsp_url) || !url_is_sound(issuer_url))
        return CA_ARGUMENT;
    snprintf(value, sizeof value, "OCSP;URI:%s,caIssuers;URI:%s", ocsp_url, issuer_url);
    return extend(x509, issuer, NID_info_access, value) ? CA_OK : CA_CRYPTO;
}

static bool extend_responder(X509 *x509, X509 *issuer) {
    return extend(x509, issuer, NID_ext_key_usage, "OCSPSigning") &&
           extend(x509, issuer, NID_id_pkix_OCSP_noCheck, "NULL");
}

static bool fields_set(X509 *x509, const struct ca_certificate_request *request) {
    const unsigned char *p = request->subject;
    X509_NAME *subject = d2i_X509_NAME(NULL, &p, (long)request->subject_len);
    ASN1_INTEGER *serial = ca_serial_integer(request->serial);
    bool done = subject != NULL && p == request->subject + request->subject_len && serial != NULL &&
                X509_set_version(x509, X509_VERSION_3) == 1 &&
                X509_set_serialNumber(x509, serial) == 1 &&
                X509_set_subject_name(x509, subject) == 1 &&
                X509_set_issuer_name(x509, request->issuer != NULL
                                               ? X509_get_subject_name(request->issuer->x509)
                                               : subject) == 1 &&
                ASN1_TIME_set(X509_getm_notBefore(x509), (time_t)request->not_before) != NULL &&
                ASN1_TIME_set(X509_getm_notAfter(x509), (time_t)request->not_after) != NULL &&
                X509_set_pubkey(x509, request->key) == 1;
    X509_NAME_free(subject);
    ASN1_INTEGER_free(serial);
    return done;
}

enum ca_error ca_certify(const struct ca *ca, const struct ca_certificate_request *request,
                         struct octets *out) {
    *out = (struct octets){NULL, 0};
    enum ca_error error = CA_CRYPTO;
    EVP_MD_CTX *ctx = NULL;
    unsigned char *der = NULL;
    X509 *x509 = X509_new_ex(ca->libctx, NULL);
    if (x509 == NULL || !fields_set(x509, request))
        goto out;
    X509 *issuer = request->issuer != NULL ? request->issuer->x509 : x509;
    if (!extend(x509, issuer, NID_basic_constraints, request->basic_constraints) ||
        !extend(x509, issuer, NID_key_usage, request->key_usage) ||
        !extend(x509, issuer, NID_subject_key_identifier, "hash") ||
        !extend(x509, issuer, NID_authority_key_identifier, "keyid:always"))
        goto out;
    if (request->is_responder && !extend_responder(x509, issuer))
        goto out;
    error = extend_url(x509, issuer, NID_crl_distribution_points, "", request->crl_url);
    if (error == CA_OK)
        error = extend_access(x509, issuer, request->ocsp_url, request->issuer_url);
    if (error != CA_OK)
        goto out;
    error = CA_CRYPTO;
    ctx = ca_sign_context(ca, request->issuer != NULL ? request->issuer->key : request->key);
    if (ctx == NULL || X509_sign_ctx(x509, ctx) <= 0)
        goto out;
    int len = i2d_X509(x509, &der);
    if (len > 0)
        error = ca_error_of(octets_copy(out, der, (size_t)len));
out:
    OPENSSL_free(der);
    EVP_MD_CTX_free(ctx);
    X509_free(x509);
    return error;
}
