/* One table says which attributes each kind of object has, where their values come from, and what they cost. */
#ifndef OPENUKEY_CRYPTOKI_ATTRIBUTES_H
#define OPENUKEY_CRYPTOKI_ATTRIBUTES_H

#include "module/cryptoki/objects.h"
#include "module/formats/octets.h"

#include <openssl/x509.h>

/* An object whose attributes are asked for; what was parsed for one attribute serves the next. */
struct attribute_source {
    struct session *session;
    struct token_object object;
    X509 *certificate; /* parsed when first needed */
};

/* A value; `data` is in the object, in `scratch`, or `owned`. */
struct attribute_value {
    const void *data;
    size_t len;
    uint8_t scratch[160];
    struct octets owned;
};

struct attribute_row {
    CK_ATTRIBUTE_TYPE type;
    unsigned kinds;  /* bits of enum object_kind */
    bool needs_card; /* may send commands the first time */
    CK_RV(*get)
    (struct attribute_source *source, const struct attribute_row *row, struct attribute_value *out);
};

/* The row, NULL if objects of this kind have no such attribute. */
const struct attribute_row *attribute_find(CK_ATTRIBUTE_TYPE type, enum object_kind kind);

/* The value. CKR_ATTRIBUTE_TYPE_INVALID, CKR_ATTRIBUTE_SENSITIVE, or what the card says. Free it after every call. */
CK_RV attribute_get(struct attribute_source *source, CK_ATTRIBUTE_TYPE type,
                    struct attribute_value *out);
void attribute_value_free(struct attribute_value *value);
void attribute_source_free(struct attribute_source *source);

#endif
