/* See signed.h. */
#include "tools/orderd/engine/signed.h"

#include "module/formats/canonical_json.h"
#include "module/formats/signed_data.h"

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

/* What the signature says of itself, if it says it, is what the object says: an object of a login that was signed as a document,
 * or for another site, is no login. */
static bool agrees(const char *stated, const json_t *content, const char *member) {
    const char *value = json_string_value(json_object_get(content, member));
    return stated == NULL || (value != NULL && strcmp(stated, value) == 0);
}

enum order_error signed_object_read(const struct engine *engine, struct db *db,
                                    const struct octets *der, struct signed_object *out) {
    struct signed_data *message = NULL;
    enum order_error error = ORDER_ASSERTION_INVALID;
    memset(out, 0, sizeof *out);

    if (signed_data_parse(NULL, der->data, der->len, &message) != FORMATS_OK) {
        goto out;
    }
    const struct octets *content = &message->content;
    if (!message->has_content || signed_data_verify(message, NULL) != FORMATS_OK ||
        canonical_json_read(content->data, content->len, &out->content) != FORMATS_OK ||
        !agrees(message->purpose, out->content, "type") ||
        !agrees(message->origin, out->content, "origin")) {
        goto out;
    }
    if (octets_copy(&out->bytes, content->data, content->len) != FORMATS_OK) {
        error = ORDER_INTERNAL;
        goto out;
    }
    error = find_signer(engine, db, message->signer, &out->signer);
out:
    signed_data_free(message);
    return error;
}

void signed_object_clear(struct signed_object *object) {
    json_decref(object->content);
    octets_free(&object->bytes);
    object->content = NULL;
}
