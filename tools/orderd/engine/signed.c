/* See signed.h. */
#include "tools/orderd/engine/signed.h"

#include "module/formats/canonical_json.h"
#include "module/formats/gm_cms.h"

#include <string.h>

static enum order_error find_signer(const struct engine *engine, struct db *db, X509 *x509,
                                    struct certificate_record *out) {
    struct octets der = {NULL, 0};
    char sha256[DIGEST_HEX_SIZE];
    int len = i2d_X509(x509, &der.data);
    if (len <= 0) {
        return ORDER_INTERNAL;
    }
    der.len = (size_t)len;
    enum order_error error = ORDER_INTERNAL;
    if (digest_sha256_hex(der.data, der.len, sha256)) {
        error = registry_certificate_by_sha256(db, sha256, out);
        error = error == ORDER_NOT_FOUND ? ORDER_CERTIFICATE_UNKNOWN : error;
    }
    if (error == ORDER_OK) {
        error = registry_check_chain(engine, &der);
    }
    if (error == ORDER_OK && strcmp(out->usage, "ENC") == 0) {
        error = ORDER_CERTIFICATE_NOT_FOR_SIGNING;
    }
    octets_free(&der);
    return error;
}

enum order_error signed_object_read(const struct engine *engine, struct db *db,
                                    const struct octets *der, struct signed_object *out) {
    struct gm_cms *cms = NULL;
    size_t len = 0;
    enum order_error error = ORDER_ASSERTION_INVALID;
    memset(out, 0, sizeof *out);

    if (gm_cms_parse(NULL, der->data, der->len, &cms) != FORMATS_OK) {
        goto out;
    }
    const unsigned char *content = gm_cms_content(cms, &len);
    X509 *signer = gm_cms_signer(cms);
    if (content == NULL || signer == NULL || gm_cms_verify(cms, NULL, 0, NULL) != FORMATS_OK ||
        canonical_json_read(content, len, &out->content) != FORMATS_OK) {
        goto out;
    }
    if (octets_copy(&out->bytes, content, len) != FORMATS_OK) {
        error = ORDER_INTERNAL;
        goto out;
    }
    error = find_signer(engine, db, signer, &out->signer);
out:
    gm_cms_free(cms);
    return error;
}

void signed_object_clear(struct signed_object *object) {
    json_decref(object->content);
    octets_free(&object->bytes);
    object->content = NULL;
}
