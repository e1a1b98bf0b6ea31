/* Chains of certificates up to a given root, SM2 included. */
#include "module/formats/certificate.h"
#include "module/formats/der.h"
#include "module/formats/sm2.h"

#include <openssl/err.h>
#include <openssl/x509_vfy.h>
#include <string.h>

/* A private copy that, signed with SM2, verifies under the default identity: OpenSSL 3 keeps the
 * identity in the X509 itself. */
static X509 *identified_copy(OSSL_LIB_CTX *libctx, X509 *x509) {
    unsigned char *der = NULL;
    int len = i2d_X509(x509, &der);
    X509 *copy = len > 0 ? der_x509(libctx, der, (size_t)len) : NULL;
    OPENSSL_free(der);
    if (copy != NULL && X509_get_signature_nid(copy) != NID_SM2_with_SM3)
        return copy;
    ASN1_OCTET_STRING *id = ASN1_OCTET_STRING_new();
    if (copy == NULL || id == NULL ||
        ASN1_OCTET_STRING_set(id, (const unsigned char *)SM2_DEFAULT_ID,
                              (int)strlen(SM2_DEFAULT_ID)) != 1) {
        ASN1_OCTET_STRING_free(id);
        X509_free(copy);
        return NULL;
    }
    X509_set0_distinguishing_id(copy, id);
    return copy;
}

static bool push_copy(OSSL_LIB_CTX *libctx, STACK_OF(X509) *stack, X509 *x509) {
    X509 *copy = identified_copy(libctx, x509);
    if (copy != NULL && sk_X509_push(stack, copy) > 0)
        return true;
    X509_free(copy);
    return false;
}

static enum formats_error error_of(int code) {
    switch (code) {
    case X509_V_ERR_CERT_HAS_EXPIRED:
        return FORMATS_EXPIRED;
    case X509_V_ERR_CERT_NOT_YET_VALID:
        return FORMATS_NOT_YET_VALID;
    case X509_V_ERR_CERT_SIGNATURE_FAILURE:
        return FORMATS_SIGNATURE;
    case X509_V_ERR_OUT_OF_MEM:
        return FORMATS_MEMORY;
    default:
        return FORMATS_UNTRUSTED;
    }
}

enum formats_error certificate_verify_chain(OSSL_LIB_CTX *libctx, X509 *leaf,
                                            STACK_OF(X509) *intermediates, X509 *root, int64_t at) {
    if (leaf == NULL || root == NULL)
        return FORMATS_ARGUMENT;
    enum formats_error error = FORMATS_MEMORY;
    ERR_set_mark();
    X509 *target = identified_copy(libctx, leaf);
    STACK_OF(X509) *trusted = sk_X509_new_null();
    STACK_OF(X509) *untrusted = sk_X509_new_null();
    X509_STORE_CTX *ctx = X509_STORE_CTX_new_ex(libctx, NULL);
    if (target == NULL || trusted == NULL || untrusted == NULL || ctx == NULL ||
        !push_copy(libctx, trusted, root))
        goto out;
    for (int i = 0; i < sk_X509_num(intermediates); i++)
        if (!push_copy(libctx, untrusted, sk_X509_value(intermediates, i)))
            goto out;
    if (X509_STORE_CTX_init(ctx, NULL, target, untrusted) != 1)
        goto out;
    X509_STORE_CTX_set0_trusted_stack(ctx, trusted);
    X509_VERIFY_PARAM *param = X509_STORE_CTX_get0_param(ctx);
    X509_VERIFY_PARAM_set_time(param, (time_t)at);
    X509_VERIFY_PARAM_set_flags(param, X509_V_FLAG_CHECK_SS_SIGNATURE);
    error = X509_verify_cert(ctx) == 1 ? FORMATS_OK : error_of(X509_STORE_CTX_get_error(ctx));
out:
    X509_STORE_CTX_free(ctx);
    sk_X509_pop_free(untrusted, X509_free);
    sk_X509_pop_free(trusted, X509_free);
    X509_free(target);
    ERR_pop_to_mark();
    return error;
}

bool certificate_is_signed_by(OSSL_LIB_CTX *libctx, X509 *x509, X509 *issuer) {
    if (X509_NAME_cmp(X509_get_issuer_name(x509), X509_get_subject_name(issuer)) != 0)
        return false;
    ERR_set_mark();
    X509 *copy = identified_copy(libctx, x509);
    EVP_PKEY *key = X509_get0_pubkey(issuer);
    bool is_signed = copy != NULL && key != NULL && X509_verify(copy, key) == 1;
    ERR_pop_to_mark();
    X509_free(copy);
    return is_signed;
}
