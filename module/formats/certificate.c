/* One X.509 certificate in the words that people and pages use. */
#include "module/formats/certificate.h"

#include "module/formats/calendar.h"
#include "module/formats/der.h"
#include "module/formats/sm2.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdlib.h>
#include <string.h>

const char *certificate_usage_name(enum certificate_usage usage) {
    return usage == CERTIFICATE_SIGN ? "sign" : usage == CERTIFICATE_ENCRYPT ? "encrypt" : "both";
}

const char *certificate_algorithm_name(enum certificate_algorithm algorithm) {
    return algorithm == CERTIFICATE_SM2   ? "SM2"
           : algorithm == CERTIFICATE_RSA ? "RSA"
           : algorithm == CERTIFICATE_EC  ? "EC"
                                          : "OTHER";
}

/* The first value of an attribute as UTF-8 on the heap; "" when absent. FORMATS_MALFORMED: not
 * text, or a NUL inside. */
static enum formats_error name_value(const X509_NAME *name, int nid, char **out) {
    int index = X509_NAME_get_index_by_NID(name, nid, -1);
    unsigned char *utf8 = NULL;
    int len = 0;
    if (index >= 0) {
        len =
            ASN1_STRING_to_UTF8(&utf8, X509_NAME_ENTRY_get_data(X509_NAME_get_entry(name, index)));
        if (len < 0 || memchr(utf8, 0, (size_t)len) != NULL) {
            OPENSSL_free(utf8);
            return FORMATS_MALFORMED;
        }
    }
    *out = strndup(utf8 == NULL ? "" : (const char *)utf8, (size_t)len);
    OPENSSL_free(utf8);
    return *out != NULL ? FORMATS_OK : FORMATS_MEMORY;
}

static enum formats_error name_text(const X509_NAME *name, char **out) {
    enum formats_error error = FORMATS_MEMORY;
    BIO *bio = BIO_new(BIO_s_mem());
    char *text = NULL;
    if (bio != NULL &&
        X509_NAME_print_ex(bio, name, 0, XN_FLAG_RFC2253 & ~(unsigned long)ASN1_STRFLGS_ESC_MSB) >=
            0) {
        long len = BIO_get_mem_data(bio, &text);
        *out = strndup(len > 0 ? text : "", len > 0 ? (size_t)len : 0);
        if (*out != NULL)
            error = FORMATS_OK;
    }
    BIO_free(bio);
    return error;
}

enum formats_error certificate_name_text(const unsigned char *der, size_t len, char **out) {
    const unsigned char *at = der;
    X509_NAME *name = len <= CERTIFICATE_MAX ? d2i_X509_NAME(NULL, &at, (long)len) : NULL;
    enum formats_error error =
        name != NULL && at == der + len ? name_text(name, out) : FORMATS_MALFORMED;
    X509_NAME_free(name);
    return error;
}

static enum formats_error name_read(const X509_NAME *name, struct certificate_name *out) {
    const struct {
        int nid;
        char **value;
    } parts[] = {
        {NID_commonName, &out->common_name},
        {NID_organizationName, &out->organization},
        {NID_organizationalUnitName, &out->organizational_unit},
        {NID_organizationIdentifier, &out->organization_identifier},
        {NID_serialNumber, &out->serial_number},
        {NID_stateOrProvinceName, &out->state},
        {NID_localityName, &out->locality},
        {NID_countryName, &out->country},
    };
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
        enum formats_error error = name_value(name, parts[i].nid, parts[i].value);
        if (error != FORMATS_OK)
            return error;
    }
    const unsigned char *der = NULL;
    size_t len = 0;
    if (X509_NAME_get0_der(name, &der, &len) != 1)
        return FORMATS_MEMORY;
    enum formats_error error = octets_copy(&out->der, der, len);
    return error == FORMATS_OK ? name_text(name, &out->text) : error;
}

static void name_free(struct certificate_name *name) {
    free(name->common_name);
    free(name->organization);
    free(name->organizational_unit);
    free(name->organization_identifier);
    free(name->serial_number);
    free(name->state);
    free(name->locality);
    free(name->country);
    free(name->text);
    octets_free(&name->der);
}

static enum certificate_usage usage_of(X509 *x509) {
    uint32_t bits = X509_get_key_usage(x509);
    const uint32_t signs = KU_DIGITAL_SIGNATURE | KU_NON_REPUDIATION | KU_KEY_CERT_SIGN;
    const uint32_t encrypts = KU_KEY_ENCIPHERMENT | KU_DATA_ENCIPHERMENT | KU_KEY_AGREEMENT;
    if (bits == UINT32_MAX || ((bits & signs) != 0 && (bits & encrypts) != 0))
        return CERTIFICATE_BOTH;
    return (bits & encrypts) != 0 ? CERTIFICATE_ENCRYPT : CERTIFICATE_SIGN;
}

static enum formats_error serial_text(const X509 *x509, char out[CERTIFICATE_SERIAL]) {
    const ASN1_INTEGER *serial = X509_get0_serialNumber(x509);
    int len = ASN1_STRING_length(serial);
    if (len < 1 || len > 20 || ASN1_STRING_type(serial) == V_ASN1_NEG_INTEGER)
        return FORMATS_MALFORMED;
    octets_to_hex(ASN1_STRING_get0_data(serial), (size_t)len, out);
    for (char *p = out; *p != '\0'; p++)
        if (*p >= 'a')
            *p = (char)(*p - 'a' + 'A');
    return FORMATS_OK;
}

static enum formats_error facts_read(OSSL_LIB_CTX *libctx, struct certificate *certificate) {
    X509 *x509 = certificate->x509;
    unsigned char digest[32];
    if (EVP_Q_digest(libctx, "SHA256", NULL, certificate->der.data, certificate->der.len, digest,
                     NULL) != 1)
        return FORMATS_CRYPTO;
    octets_to_hex(digest, sizeof digest, certificate->id);
    enum formats_error error = serial_text(x509, certificate->serial);
    if (error == FORMATS_OK)
        error = name_read(X509_get_subject_name(x509), &certificate->subject);
    if (error == FORMATS_OK)
        error = name_read(X509_get_issuer_name(x509), &certificate->issuer);
    if (error != FORMATS_OK)
        return error;
    if (!der_time(X509_get0_notBefore(x509), &certificate->not_before) ||
        !der_time(X509_get0_notAfter(x509), &certificate->not_after))
        return FORMATS_MALFORMED;
    if ((X509_get_extension_flags(x509) & EXFLAG_INVALID) != 0)
        return FORMATS_MALFORMED;
    certificate->usage = usage_of(x509);
    certificate->is_ca = X509_check_ca(x509) == 1;
    const EVP_PKEY *key = X509_get0_pubkey(x509);
    certificate->algorithm = sm2_key_is_sm2(key)                        ? CERTIFICATE_SM2
                             : key != NULL && EVP_PKEY_is_a(key, "RSA") ? CERTIFICATE_RSA
                             : key != NULL && EVP_PKEY_is_a(key, "EC")  ? CERTIFICATE_EC
                                                                        : CERTIFICATE_OTHER;
    certificate->key_bits = key != NULL ? EVP_PKEY_get_bits(key) : 0;
    return FORMATS_OK;
}

enum formats_error certificate_parse(OSSL_LIB_CTX *libctx, const unsigned char *der, size_t len,
                                     struct certificate **out) {
    *out = NULL;
    if (len > CERTIFICATE_MAX)
        return FORMATS_TOO_LARGE;
    struct certificate *certificate = calloc(1, sizeof *certificate);
    if (certificate == NULL)
        return FORMATS_MEMORY;
    atomic_init(&certificate->references, 1);
    enum formats_error error = FORMATS_MALFORMED;
    ERR_set_mark();
    certificate->x509 = der_x509(libctx, der, len);
    if (certificate->x509 != NULL)
        error = octets_copy(&certificate->der, der, len);
    if (error == FORMATS_OK)
        error = facts_read(libctx, certificate);
    ERR_pop_to_mark();
    if (error == FORMATS_OK)
        *out = certificate;
    else
        certificate_free(certificate);
    return error;
}

enum formats_error certificate_parse_pem(OSSL_LIB_CTX *libctx, const char *pem, size_t len,
                                         struct certificate **out) {
    *out = NULL;
    if (len > (size_t)4 * CERTIFICATE_MAX)
        return FORMATS_TOO_LARGE;
    char *name = NULL;
    char *header = NULL;
    unsigned char *der = NULL;
    long der_len = 0;
    enum formats_error error = FORMATS_MALFORMED;
    BIO *bio = BIO_new_mem_buf(pem, (int)len);
    if (bio == NULL)
        return FORMATS_MEMORY;
    ERR_set_mark();
    if (PEM_read_bio(bio, &name, &header, &der, &der_len) == 1 &&
        strcmp(name, PEM_STRING_X509) == 0)
        error = certificate_parse(libctx, der, (size_t)der_len, out);
    ERR_pop_to_mark();
    OPENSSL_free(name);
    OPENSSL_free(header);
    OPENSSL_free(der);
    BIO_free(bio);
    return error;
}

struct certificate *certificate_keep(struct certificate *certificate) {
    atomic_fetch_add(&certificate->references, 1);
    return certificate;
}

void certificate_free(struct certificate *certificate) {
    if (certificate == NULL || atomic_fetch_sub(&certificate->references, 1) != 1)
        return;
    X509_free(certificate->x509);
    octets_free(&certificate->der);
    name_free(&certificate->subject);
    name_free(&certificate->issuer);
    free(certificate);
}

enum formats_error certificate_to_pem(const unsigned char *der, size_t len, struct octets *out) {
    *out = (struct octets){NULL, 0};
    if (len > CERTIFICATE_MAX)
        return FORMATS_TOO_LARGE;
    enum formats_error error = FORMATS_MEMORY;
    char *text = NULL;
    BIO *bio = BIO_new(BIO_s_mem());
    if (bio != NULL && PEM_write_bio(bio, PEM_STRING_X509, "", der, (long)len) > 0 &&
        BIO_write(bio, "", 1) == 1) {
        long text_len = BIO_get_mem_data(bio, &text);
        error = octets_copy(out, text, (size_t)text_len);
        if (error == FORMATS_OK)
            out->len--; /* the NUL follows */
    }
    BIO_free(bio);
    return error;
}

int64_t certificate_days_left(const struct certificate *certificate, int64_t now) {
    return calendar_days_between(now, certificate->not_after);
}

enum formats_error certificate_verify_dates(const struct certificate *certificate, int64_t now) {
    if (now < certificate->not_before)
        return FORMATS_NOT_YET_VALID;
    return now > certificate->not_after ? FORMATS_EXPIRED : FORMATS_OK;
}

enum formats_error certificate_key_verify(OSSL_LIB_CTX *libctx, EVP_PKEY *key, const void *message,
                                          size_t len, const unsigned char *signature,
                                          size_t signature_len) {
    if (sm2_key_is_sm2(key))
        return sm2_verify(libctx, key, message, len, signature, signature_len);
    if (!EVP_PKEY_is_a(key, "RSA") && !EVP_PKEY_is_a(key, "EC"))
        return FORMATS_UNSUPPORTED;
    enum formats_error error = FORMATS_SIGNATURE;
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    ERR_set_mark();
    if (ctx == NULL)
        error = FORMATS_MEMORY;
    else if (EVP_DigestVerifyInit_ex(ctx, NULL, "SHA256", libctx, NULL, key, NULL) != 1)
        error = FORMATS_CRYPTO;
    else if (EVP_DigestVerify(ctx, signature, signature_len, len > 0 ? message : (const void *)"",
                              len) == 1)
        error = FORMATS_OK;
    ERR_pop_to_mark();
    EVP_MD_CTX_free(ctx);
    return error;
}

enum formats_error certificate_verify_message(OSSL_LIB_CTX *libctx,
                                              const struct certificate *certificate,
                                              const void *message, size_t len,
                                              const unsigned char *signature,
                                              size_t signature_len) {
    if (certificate->algorithm == CERTIFICATE_OTHER)
        return FORMATS_UNSUPPORTED;
    return certificate_key_verify(libctx, X509_get0_pubkey(certificate->x509), message, len,
                                  signature, signature_len);
}

bool certificate_same_key(const struct certificate *a, const struct certificate *b) {
    const EVP_PKEY *key_a = X509_get0_pubkey(a->x509);
    const EVP_PKEY *key_b = X509_get0_pubkey(b->x509);
    return key_a != NULL && key_b != NULL && EVP_PKEY_eq(key_a, key_b) == 1;
}

bool certificate_is_pair(const struct certificate *a, const struct certificate *b) {
    return octets_equal(&a->subject.der, &b->subject.der) &&
           octets_equal(&a->issuer.der, &b->issuer.der) && a->not_before == b->not_before &&
           a->not_after == b->not_after &&
           ((a->usage == CERTIFICATE_SIGN && b->usage == CERTIFICATE_ENCRYPT) ||
            (a->usage == CERTIFICATE_ENCRYPT && b->usage == CERTIFICATE_SIGN));
}
