/* Fuzzes the reading of OCSP requests: what is taken has the bounds that were promised, and is the same when it is read again from
 * memory of exactly its length. */
#include "tools/orderd/ca/ca.h"

#include <openssl/ocsp.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool holds) {
    if (!holds) {
        abort();
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    bool has_nonce = true;
    uint8_t *copy = malloc(size > 0 ? size : 1);
    check(copy != NULL);
    memcpy(copy, data, size);
    if (ca_ocsp_check(copy, size, &has_nonce) == CA_OK) {
        const unsigned char *p = copy;
        unsigned char *again = NULL;
        OCSP_REQUEST *request = d2i_OCSP_REQUEST(NULL, &p, (long)size);
        check(request != NULL && p == copy + size && size <= CA_OCSP_REQUEST_MAX);
        check(i2d_OCSP_REQUEST(request, &again) == (int)size && memcmp(again, copy, size) == 0);
        int count = OCSP_request_onereq_count(request);
        check(count >= 1 && count <= CA_OCSP_CERTIFICATES_MAX);
        int nonce = OCSP_REQUEST_get_ext_by_NID(request, NID_id_pkix_OCSP_Nonce, -1);
        check((nonce >= 0) == has_nonce);
        OPENSSL_free(again);
        OCSP_REQUEST_free(request);
    }
    free(copy);
    return 0;
}
