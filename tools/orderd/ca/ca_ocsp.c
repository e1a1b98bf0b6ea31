/* The OCSP responder (RFC 6960): says of each certificate in a request how it stands, and signs that. */
#include "module/formats/der.h"
#include "tools/orderd/ca/ca_internal.h"

#include <openssl/err.h>
#include <openssl/ocsp.h>
#include <openssl/x509v3.h>
#include <string.h>

enum { CONTEXT_0 = 0xA0 };

/* ---- the request ---- */

/* True when the request states its version: DER leaves version 1 out, and there is no other. */
static bool version_is_stated(const unsigned char *der, size_t len) {
    const unsigned char *p = der;
    for (int depth = 0; depth < 2; depth++) {
        long content = 0;
        int tag = 0, class = 0;
        if ((ASN1_get_object(&p, &content, &tag, &class, (long)(der + len - p)) & 0x80) != 0 ||
            tag != V_ASN1_SEQUENCE)
            return true;
    }
    return p == der + len || *p == CONTEXT_0;
}

/* The nonce is the one extension that matters to us; whatever else is critical we cannot obey. */
static bool extension_is_fine(X509_EXTENSION *extension, bool *has_nonce) {
    if (OBJ_obj2nid(X509_EXTENSION_get_object(extension)) != NID_id_pkix_OCSP_Nonce)
        return X509_EXTENSION_get_critical(extension) == 0;
    int len = ASN1_STRING_length(X509_EXTENSION_get_data(extension));
    bool first = !*has_nonce;
    *has_nonce = true;
    return first && len > 0 && len <= CA_OCSP_NONCE_MAX;
}

static bool extensions_are_fine(OCSP_REQUEST *request, bool *has_nonce) {
    bool inner = false;
    for (int i = 0; i < OCSP_REQUEST_get_ext_count(request); i++)
        if (!extension_is_fine(OCSP_REQUEST_get_ext(request, i), has_nonce))
            return false;
    for (int i = 0; i < OCSP_request_onereq_count(request); i++) {
        OCSP_ONEREQ *one = OCSP_request_onereq_get0(request, i);
        for (int j = 0; j < OCSP_ONEREQ_get_ext_count(one); j++)
            if (!extension_is_fine(OCSP_ONEREQ_get_ext(one, j), &inner) || inner)
                return false;
    }
    return true;
}

static enum ca_error request_read(const unsigned char *der, size_t len, OCSP_REQUEST **out,
                                  bool *has_nonce) {
    *out = NULL;
    *has_nonce = false;
    if (len == 0 || len > CA_OCSP_REQUEST_MAX || version_is_stated(der, len) ||
        der_read(ASN1_ITEM_rptr(OCSP_REQUEST), der, len, CA_OCSP_REQUEST_MAX, out) != FORMATS_OK)
        return CA_BAD_REQUEST;
    int count = OCSP_request_onereq_count(*out);
    if (count >= 1 && count <= CA_OCSP_CERTIFICATES_MAX && extensions_are_fine(*out, has_nonce))
        return CA_OK;
    OCSP_REQUEST_free(*out);
    *out = NULL;
    return CA_BAD_REQUEST;
}

enum ca_error ca_ocsp_check(const unsigned char *der, size_t len, bool *has_nonce) {
    OCSP_REQUEST *request = NULL;
    enum ca_error error = request_read(der, len, &request, has_nonce);
    OCSP_REQUEST_free(request);
    return error;
}

/* ---- the answer ---- */

/* Upper-case hex of a serial number. False: none that we could have given. */
static bool serial_text(const ASN1_INTEGER *serial, char out[CA_SERIAL_TEXT]) {
    BIGNUM *number = ASN1_INTEGER_to_BN(serial, NULL);
    char *hex = number != NULL && BN_is_negative(number) == 0 ? BN_bn2hex(number) : NULL;
    bool fits = hex != NULL && strlen(hex) < CA_SERIAL_TEXT;
    if (fits)
        memcpy(out, hex, strlen(hex) + 1);
    OPENSSL_free(hex);
    BN_free(number);
    return fits;
}

/* Was the certificate issued by our issuing CA, by name and key? */
static bool issuer_is_ours(const struct ca *ca, OCSP_CERTID *id, ASN1_INTEGER *serial,
                           const ASN1_OBJECT *digest_name) {
    const EVP_MD *digest = EVP_get_digestbyobj(digest_name);
    if (digest == NULL)
        return false;
    OCSP_CERTID *ours = OCSP_cert_id_new(digest, X509_get_subject_name(ca->issuing.x509),
                                         X509_get0_pubkey_bitstr(ca->issuing.x509), serial);
    bool same = ours != NULL && OCSP_id_issuer_cmp(ours, id) == 0;
    OCSP_CERTID_free(ours);
    return same;
}

static bool is_certificate_of(const struct ca_identity *identity, const ASN1_INTEGER *serial) {
    return identity->x509 != NULL &&
           ASN1_INTEGER_cmp(X509_get0_serialNumber(identity->x509), serial) == 0;
}

static bool look_up(const struct ca *ca, OCSP_CERTID *id, ca_standing_look *look, void *context,
                    enum ca_standing *standing, struct ca_revoked *revoked) {
    char serial[CA_SERIAL_TEXT];
    ASN1_INTEGER *number = NULL;
    ASN1_OBJECT *digest = NULL;
    OCSP_id_get0_info(NULL, &digest, NULL, &number, id);
    *standing = CA_STANDING_UNKNOWN;
    if (!issuer_is_ours(ca, id, number, digest) || !serial_text(number, serial))
        return true;
    if (is_certificate_of(&ca->maker, number) || is_certificate_of(&ca->responder, number)) {
        *standing = CA_STANDING_GOOD;
        return true;
    }
    return look(context, serial, standing, revoked);
}

static bool status_add(OCSP_BASICRESP *basic, OCSP_CERTID *id, enum ca_standing standing,
                       const struct ca_revoked *revoked, int64_t now) {
    static const int statuses[] = {[CA_STANDING_UNKNOWN] = V_OCSP_CERTSTATUS_UNKNOWN,
                                   [CA_STANDING_GOOD] = V_OCSP_CERTSTATUS_GOOD,
                                   [CA_STANDING_REVOKED] = V_OCSP_CERTSTATUS_REVOKED};
    int reason = revoked->reason == CA_REASON_UNSPECIFIED ? OCSP_REVOKED_STATUS_NOSTATUS
                                                          : (int)revoked->reason;
    ASN1_GENERALIZEDTIME *from = ASN1_GENERALIZEDTIME_set(NULL, (time_t)now);
    ASN1_GENERALIZEDTIME *until = ASN1_GENERALIZEDTIME_set(NULL, (time_t)(now + CA_OCSP_SECONDS));
    ASN1_GENERALIZEDTIME *since = ASN1_GENERALIZEDTIME_set(NULL, (time_t)revoked->time);
    bool done =
        from != NULL && until != NULL && since != NULL &&
        OCSP_basic_add1_status(basic, id, statuses[standing], reason, since, from, until) != NULL;
    ASN1_GENERALIZEDTIME_free(from);
    ASN1_GENERALIZEDTIME_free(until);
    ASN1_GENERALIZEDTIME_free(since);
    return done;
}

static bool basic_sign(const struct ca *ca, OCSP_BASICRESP *basic, int64_t now) {
    /* OpenSSL would write the machine's time; the service's clock may be another, and there is no
     * other way to the member */
    ASN1_GENERALIZEDTIME *produced =
        (ASN1_GENERALIZEDTIME *)(uintptr_t)OCSP_resp_get0_produced_at(basic);
    EVP_MD_CTX *ctx = ca_sign_context(ca, ca->responder.key);
    bool done = ctx != NULL && ASN1_GENERALIZEDTIME_set(produced, (time_t)now) != NULL &&
                OCSP_basic_sign_ctx(basic, ca->responder.x509, ctx, NULL,
                                    OCSP_NOTIME | OCSP_RESPID_KEY) == 1;
    EVP_MD_CTX_free(ctx);
    return done;
}

/* *status is what the response says; a successful one has `basic`. */
static enum ca_error basic_make(const struct ca *ca, OCSP_REQUEST *request, ca_standing_look *look,
                                void *context, int64_t now, OCSP_BASICRESP **basic, int *status) {
    *basic = OCSP_BASICRESP_new();
    if (*basic == NULL)
        return CA_MEMORY;
    for (int i = 0; i < OCSP_request_onereq_count(request); i++) {
        enum ca_standing standing = CA_STANDING_UNKNOWN;
        struct ca_revoked revoked = {NULL, 0, CA_REASON_UNSPECIFIED};
        OCSP_CERTID *id = OCSP_onereq_get0_id(OCSP_request_onereq_get0(request, i));
        if (!look_up(ca, id, look, context, &standing, &revoked)) {
            *status = OCSP_RESPONSE_STATUS_TRYLATER;
            return CA_OK;
        }
        if (!status_add(*basic, id, standing, &revoked, now))
            return CA_CRYPTO;
    }
    *status = OCSP_RESPONSE_STATUS_SUCCESSFUL;
    /* 1: copied; 2: there is none */
    return OCSP_copy_nonce(*basic, request) >= 1 && basic_sign(ca, *basic, now) ? CA_OK : CA_CRYPTO;
}

static enum ca_error response_write(int status, OCSP_BASICRESP *basic, struct octets *out) {
    unsigned char *der = NULL;
    OCSP_RESPONSE *response =
        OCSP_response_create(status, status == OCSP_RESPONSE_STATUS_SUCCESSFUL ? basic : NULL);
    int len = response != NULL ? i2d_OCSP_RESPONSE(response, &der) : 0;
    enum ca_error error = len > 0 ? ca_error_of(octets_copy(out, der, (size_t)len)) : CA_CRYPTO;
    OPENSSL_free(der);
    OCSP_RESPONSE_free(response);
    return error;
}

enum ca_error ca_ocsp(struct ca *ca, const unsigned char *der, size_t len, ca_standing_look *look,
                      void *context, int64_t now, struct octets *out) {
    int status = OCSP_RESPONSE_STATUS_MALFORMEDREQUEST;
    bool has_nonce = false;
    OCSP_REQUEST *request = NULL;
    OCSP_BASICRESP *basic = NULL;
    *out = (struct octets){NULL, 0};
    if (ca->responder.x509 == NULL)
        return CA_ABSENT;
    enum ca_error error = CA_OK;
    ERR_set_mark();
    if (request_read(der, len, &request, &has_nonce) == CA_OK)
        error = basic_make(ca, request, look, context, now, &basic, &status);
    if (error == CA_OK)
        error = response_write(status, basic, out);
    ERR_pop_to_mark();
    OCSP_BASICRESP_free(basic);
    OCSP_REQUEST_free(request);
    return error;
}
