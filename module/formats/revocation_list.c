/* Reading and asking revocation lists. */
#include "module/formats/revocation_list.h"

#include "module/formats/der.h"
#include "module/formats/sm2.h"

#include <limits.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <stdlib.h>

struct revocation_list {
    X509_CRL *crl;
    int64_t made, next;
};

/* OpenSSL 3.0 has no way to give a CRL the SM2 identity. */
static bool verify_sm2(OSSL_LIB_CTX *libctx, X509_CRL *crl, EVP_PKEY *key) {
    const ASN1_BIT_STRING *signature = NULL;
    unsigned char *tbs = NULL;
    X509_CRL_get0_signature(crl, &signature, NULL);
    int len = i2d_re_X509_CRL_tbs(crl, &tbs);
    bool is_right = len > 0 && signature != NULL &&
                    sm2_verify(libctx, key, tbs, (size_t)len, ASN1_STRING_get0_data(signature),
                               (size_t)ASN1_STRING_length(signature)) == FORMATS_OK;
    OPENSSL_free(tbs);
    return is_right;
}

/* An extension that says that it is not the whole list of its issuer, or that nobody here understands. */
static bool is_narrowed(const X509_CRL *crl) {
    for (int i = 0; i < X509_CRL_get_ext_count(crl); i++)
        if (X509_EXTENSION_get_critical(X509_CRL_get_ext(crl, i)))
            return true;
    return X509_CRL_get_ext_by_NID(crl, NID_delta_crl, -1) >= 0;
}

enum formats_error revocation_list_read(OSSL_LIB_CTX *libctx, const unsigned char *der, size_t len,
                                        X509 *issuer, struct revocation_list **out) {
    const unsigned char *at = der;
    *out = NULL;
    if (len > REVOCATION_LIST_MAX)
        return FORMATS_TOO_LARGE;
    struct revocation_list *list = calloc(1, sizeof *list);
    if (list == NULL)
        return FORMATS_MEMORY;
    ERR_set_mark();
    EVP_PKEY *key = X509_get0_pubkey(issuer);
    enum formats_error error = FORMATS_MALFORMED;
    list->crl = d2i_X509_CRL(NULL, &at, (long)len);
    if (list->crl == NULL || at != der + len || key == NULL ||
        !der_time(X509_CRL_get0_lastUpdate(list->crl), &list->made) ||
        (X509_CRL_get0_nextUpdate(list->crl) != NULL &&
         !der_time(X509_CRL_get0_nextUpdate(list->crl), &list->next)))
        goto out;
    if (X509_NAME_cmp(X509_CRL_get_issuer(list->crl), X509_get_subject_name(issuer)) != 0)
        error = FORMATS_MISMATCH;
    else if (is_narrowed(list->crl))
        error = FORMATS_UNSUPPORTED;
    else if (sm2_key_is_sm2(key) ? !verify_sm2(libctx, list->crl, key)
                                 : X509_CRL_verify(list->crl, key) != 1)
        error = FORMATS_SIGNATURE;
    else
        error = FORMATS_OK;
out:
    ERR_pop_to_mark();
    if (error == FORMATS_OK)
        *out = list;
    else
        revocation_list_free(list);
    return error;
}

void revocation_list_free(struct revocation_list *list) {
    if (list == NULL)
        return;
    X509_CRL_free(list->crl);
    free(list);
}

int64_t revocation_list_made(const struct revocation_list *list) {
    return list->made;
}

int64_t revocation_list_next(const struct revocation_list *list) {
    return list->next;
}

bool revocation_list_covers(const struct revocation_list *list, X509 *certificate) {
    return X509_NAME_cmp(X509_CRL_get_issuer(list->crl), X509_get_issuer_name(certificate)) == 0;
}

bool revocation_list_has(const struct revocation_list *list, X509 *certificate, int64_t *when) {
    X509_REVOKED *entry = NULL;
    if (X509_CRL_get0_by_cert(list->crl, &entry, certificate) != 1 || entry == NULL)
        return false;
    if (when != NULL)
        der_time(X509_REVOKED_get0_revocationDate(entry), when);
    return true;
}
