/* Strict reading and writing of DER over OpenSSL's templates. */
#include "module/formats/der.h"

#include <limits.h>
#include <openssl/err.h>
#include <string.h>
#include <time.h>

enum formats_error der_write(const ASN1_ITEM *item, const void *value, struct octets *out) {
    *out = (struct octets){NULL, 0};
    unsigned char *der = NULL;
    int len = ASN1_item_i2d(value, &der, item);
    if (len <= 0)
        return FORMATS_MEMORY;
    enum formats_error error = octets_copy(out, der, (size_t)len);
    OPENSSL_clear_free(der, (size_t)len);
    return error;
}

enum formats_error der_read(const ASN1_ITEM *item, const unsigned char *der, size_t len, size_t max,
                            void *out) {
    *(void **)out = NULL;
    if (len > max || len > LONG_MAX)
        return FORMATS_TOO_LARGE;
    if (der == NULL || len == 0)
        return FORMATS_MALFORMED;
    const unsigned char *p = der;
    ERR_set_mark();
    ASN1_VALUE *value = ASN1_item_d2i(NULL, &p, (long)len, item);
    ERR_pop_to_mark();
    if (value == NULL)
        return FORMATS_MALFORMED;
    struct octets again = {NULL, 0};
    enum formats_error error = FORMATS_MALFORMED;
    if (p != der + len)
        goto out;
    error = der_write(item, value, &again);
    if (error != FORMATS_OK)
        goto out;
    if (again.len != len || memcmp(again.data, der, len) != 0) {
        error = FORMATS_MALFORMED;
        goto out;
    }
    *(void **)out = value;
    value = NULL;
out:
    octets_free(&again);
    ASN1_item_free(value, item);
    return error;
}

bool der_oid_is(const ASN1_OBJECT *object, const char *oid) {
    char text[80];
    int n = object == NULL ? 0 : OBJ_obj2txt(text, sizeof text, object, 1);
    return n > 0 && (size_t)n < sizeof text && strcmp(text, oid) == 0;
}

ASN1_OBJECT *der_oid(const char *oid) {
    return OBJ_txt2obj(oid, 1);
}

enum formats_error der_algorithm_set(X509_ALGOR *algorithm, const char *oid) {
    ASN1_OBJECT *object = der_oid(oid);
    if (object == NULL || X509_ALGOR_set0(algorithm, object, V_ASN1_UNDEF, NULL) != 1) {
        ASN1_OBJECT_free(object);
        return FORMATS_MEMORY;
    }
    return FORMATS_OK;
}

bool der_algorithm_is(const X509_ALGOR *algorithm, const char *oid) {
    const ASN1_OBJECT *object = NULL;
    int type = V_ASN1_UNDEF;
    X509_ALGOR_get0(&object, &type, NULL, algorithm);
    return der_oid_is(object, oid) && (type == V_ASN1_UNDEF || type == V_ASN1_NULL);
}

bool der_bits_set(ASN1_BIT_STRING *bits, const void *data, size_t len) {
    if (len > INT_MAX || ASN1_BIT_STRING_set(bits, (unsigned char *)data, (int)len) != 1)
        return false;
    bits->flags &= ~0x07L;
    bits->flags |= ASN1_STRING_FLAG_BITS_LEFT;
    return true;
}

bool der_bits_are_bytes(const ASN1_BIT_STRING *bits) {
    return (bits->flags & ASN1_STRING_FLAG_BITS_LEFT) != 0 && (bits->flags & 0x07) == 0;
}

ASN1_TYPE *der_any_sequence(const unsigned char *der, size_t len) {
    ASN1_TYPE *any = NULL;
    if (der_read(ASN1_ITEM_rptr(ASN1_ANY), der, len, LONG_MAX, &any) != FORMATS_OK)
        return NULL;
    if (any->type != V_ASN1_SEQUENCE) {
        ASN1_TYPE_free(any);
        return NULL;
    }
    return any;
}

bool der_any_is_sequence(const ASN1_TYPE *any, struct octets *view) {
    if (any == NULL || any->type != V_ASN1_SEQUENCE || any->value.sequence->length <= 0)
        return false;
    *view = (struct octets){any->value.sequence->data, (size_t)any->value.sequence->length};
    return true;
}

X509 *der_x509(OSSL_LIB_CTX *libctx, const unsigned char *der, size_t len) {
    if (der == NULL || len == 0 || len > LONG_MAX)
        return NULL;
    X509 *x509 = X509_new_ex(libctx, NULL);
    const unsigned char *p = der;
    ERR_set_mark();
    if (x509 != NULL && (d2i_X509(&x509, &p, (long)len) == NULL || p != der + len)) {
        X509_free(x509);
        x509 = NULL;
    }
    ERR_pop_to_mark();
    return x509;
}

bool der_time(const ASN1_TIME *time, int64_t *out) {
    struct tm tm;
    *out = 0;
    if (time == NULL || ASN1_TIME_to_tm(time, &tm) != 1)
        return false;
    *out = timegm(&tm);
    return true;
}
