/* Seeing objects: visibility, what keys are for, reading and changing attributes, search. */
#include "module/cryptoki/objects.h"

#include "module/cryptoki/attributes.h"
#include "module/cryptoki/errors.h"
#include "module/cryptoki/sessions.h"

#include <stdlib.h>
#include <string.h>

bool object_is_visible(const struct session *session, const struct token_object *object) {
    bool is_private = object->kind == OBJECT_PRIVATE_KEY ||
                      (object->file != NULL && object->file->file.is_private);
    const struct token *token = session_token(session);
    bool is_known = token->login == NORMAL_USER ||
                    (token->login == SECURITY_OFFICER && token->facts.writer == SECURITY_OFFICER);
    if (is_private && !is_known) {
        return false;
    }
    bool is_sm2_key =
        (object->kind & OBJECT_KEYS) != 0 && object->key->key.algorithm == ALGORITHM_SM2;
    return !is_sm2_key || session->module->sm2_objects != SM2_HIDDEN;
}

CK_RV object_find(struct session *session, CK_OBJECT_HANDLE handle, struct token_object *out) {
    enum token_error err = token_object_find(session_token(session), handle, out);
    if (err == TOKEN_OK && !object_is_visible(session, out)) {
        return CKR_OBJECT_HANDLE_INVALID;
    }
    return rv_from_token(err);
}

bool key_is_for(const struct token *token, const struct token_object *object,
                CK_ATTRIBUTE_TYPE usage) {
    const struct token_key *key = &object->key->key;
    (void)token;
    switch (usage) {
    case CKA_SIGN:
    case CKA_VERIFY:
        return (key->uses & KEY_SIGNS) != 0;
    case CKA_DECRYPT:
        return (key->uses & KEY_DECRYPTS) != 0;
    case CKA_ENCRYPT: /* done by the host, whether or not the card opens it again */
        return key->usage == USAGE_ENC || key->algorithm == ALGORITHM_RSA;
    case CKA_UNWRAP:
        return (key->uses & KEY_UNWRAPS) != 0;
    case CKA_DERIVE:
        return (key->uses & KEY_DERIVES) != 0;
    default:
        return false;
    }
}

/* One attribute into the caller's place (PKCS#11 3.2, 5.7.5, cases 1 to 5). */
static CK_RV read_attribute(struct attribute_source *source, CK_ATTRIBUTE_PTR attribute) {
    struct attribute_value value;
    CK_RV rv = attribute_get(source, attribute->type, &value);
    if (rv != CKR_OK) {
        attribute->ulValueLen = CK_UNAVAILABLE_INFORMATION;
    } else if (attribute->pValue == NULL) {
        attribute->ulValueLen = value.len;
    } else if (attribute->ulValueLen < value.len) {
        attribute->ulValueLen = CK_UNAVAILABLE_INFORMATION;
        rv = CKR_BUFFER_TOO_SMALL;
    } else {
        if (value.len > 0) {
            memcpy(attribute->pValue, value.data, value.len);
        }
        attribute->ulValueLen = value.len;
    }
    attribute_value_free(&value);
    return rv;
}

static bool is_about_one_attribute(CK_RV rv) {
    return rv == CKR_OK || rv == CKR_ATTRIBUTE_SENSITIVE || rv == CKR_ATTRIBUTE_TYPE_INVALID ||
           rv == CKR_BUFFER_TOO_SMALL;
}

CK_RV object_get_attributes(struct session *session, CK_OBJECT_HANDLE handle,
                            CK_ATTRIBUTE_PTR attributes, CK_ULONG count) {
    if (attributes == NULL && count > 0) {
        return CKR_ARGUMENTS_BAD;
    }
    struct attribute_source source = {.session = session};
    CK_RV rv = object_find(session, handle, &source.object);
    CK_RV first = rv;
    for (CK_ULONG i = 0; i < count && is_about_one_attribute(rv); i++) {
        rv = read_attribute(&source, &attributes[i]);
        if (first == CKR_OK || !is_about_one_attribute(rv)) {
            first = rv;
        }
    }
    attribute_source_free(&source);
    return first;
}

/* A text or id value of a template as we keep it. */
static bool copy_label(const CK_ATTRIBUTE *attribute, char label[ATTRIBUTE_LABEL_MAX + 1]) {
    if (attribute->ulValueLen > ATTRIBUTE_LABEL_MAX ||
        (attribute->ulValueLen > 0 && attribute->pValue == NULL) ||
        (attribute->ulValueLen > 0 &&
         memchr(attribute->pValue, 0, attribute->ulValueLen) != NULL)) {
        return false;
    }
    if (attribute->ulValueLen > 0) {
        memcpy(label, attribute->pValue, attribute->ulValueLen);
    }
    label[attribute->ulValueLen] = '\0';
    return true;
}

CK_RV object_set_attributes(struct session *session, CK_OBJECT_HANDLE handle,
                            CK_ATTRIBUTE_PTR attributes, CK_ULONG count) {
    const uint8_t *id = NULL;
    size_t id_len = 0;
    char label[ATTRIBUTE_LABEL_MAX + 1];
    bool has_label = false;
    struct token_object object;
    if (attributes == NULL || count == 0) {
        return CKR_ARGUMENTS_BAD;
    }
    CK_RV rv = rv_from_token(token_look(session_token(session)));
    if (rv == CKR_OK) {
        rv = object_find(session, handle, &object);
    }
    for (CK_ULONG i = 0; i < count && rv == CKR_OK; i++) {
        const CK_ATTRIBUTE *a = &attributes[i];
        if (attribute_find(a->type, object.kind) == NULL) {
            rv = CKR_ATTRIBUTE_TYPE_INVALID;
        } else if (object.kind == OBJECT_DATA || (a->type != CKA_ID && a->type != CKA_LABEL)) {
            rv = CKR_ATTRIBUTE_READ_ONLY;
        } else if (a->type == CKA_LABEL) {
            has_label = copy_label(a, label);
            rv = has_label ? CKR_OK : CKR_ATTRIBUTE_VALUE_INVALID;
        } else {
            bool good = a->pValue != NULL && a->ulValueLen > 0 && a->ulValueLen <= ATTRIBUTE_ID_MAX;
            rv = good ? CKR_OK : CKR_ATTRIBUTE_VALUE_INVALID;
            id = a->pValue;
            id_len = a->ulValueLen;
        }
    }
    if (rv != CKR_OK) {
        return rv;
    }
    return rv_from_token(token_objects_set_attributes(session_token(session), object.key, id,
                                                      id_len, has_label ? label : NULL));
}

/* ---- search ---- */

/* True if the object has all values of the template; cheap attributes are compared first, so that the card is only
 * asked about objects that the others leave over. */
static CK_RV matches(struct session *session, const struct token_object *object,
                     const CK_ATTRIBUTE *template, CK_ULONG count, bool *out) {
    struct attribute_source source = {.session = session, .object = *object};
    CK_RV rv = CKR_OK;
    *out = true;
    for (int pass = 0; pass < 2 && *out && rv == CKR_OK; pass++) {
        for (CK_ULONG i = 0; i < count && *out && rv == CKR_OK; i++) {
            const struct attribute_row *row = attribute_find(template[i].type, object->kind);
            if (row == NULL) {
                *out = false;
                break;
            }
            if (row->needs_card != (pass == 1)) {
                continue;
            }
            struct attribute_value value;
            rv = attribute_get(&source, template[i].type, &value);
            *out = rv == CKR_OK && value.len == template[i].ulValueLen &&
                   (value.len == 0 || memcmp(value.data, template[i].pValue, value.len) == 0);
            attribute_value_free(&value);
            if (rv == CKR_ATTRIBUTE_SENSITIVE || rv == CKR_ATTRIBUTE_TYPE_INVALID) {
                rv = CKR_OK; /* just no match */
            }
        }
    }
    attribute_source_free(&source);
    return rv;
}

/* The kinds that a template's CKA_CLASS leaves over. */
static unsigned wanted_kinds(const CK_ATTRIBUTE *template, CK_ULONG count) {
    for (CK_ULONG i = 0; i < count; i++) {
        CK_OBJECT_CLASS class;
        if (template[i].type == CKA_CLASS && template[i].ulValueLen == sizeof(class)) {
            memcpy(&class, template[i].pValue, sizeof(class));
            return class == CKO_PRIVATE_KEY   ? OBJECT_PRIVATE_KEY
                   : class == CKO_PUBLIC_KEY  ? OBJECT_PUBLIC_KEY
                   : class == CKO_CERTIFICATE ? OBJECT_CERTIFICATE
                   : class == CKO_DATA        ? OBJECT_DATA
                                              : 0;
        }
    }
    return OBJECT_OF_KEY | OBJECT_DATA;
}

/* The id and label of a template. */
static struct object_filter wanted_names(const CK_ATTRIBUTE *template, CK_ULONG count) {
    struct object_filter filter = {.id = NULL};
    for (CK_ULONG i = 0; i < count; i++) {
        if (template[i].type == CKA_ID && template[i].ulValueLen > 0) {
            filter.id = template[i].pValue;
            filter.id_len = template[i].ulValueLen;
        } else if (template[i].type == CKA_LABEL && template[i].ulValueLen > 0) {
            filter.label = template[i].pValue;
            filter.label_len = template[i].ulValueLen;
        }
    }
    return filter;
}

CK_RV find_init(struct session *session, CK_ATTRIBUTE_PTR template, CK_ULONG count) {
    if (session->is_finding) {
        return CKR_OPERATION_ACTIVE;
    }
    if (template == NULL && count > 0) {
        return CKR_ARGUMENTS_BAD;
    }
    for (CK_ULONG i = 0; i < count; i++) {
        if (template[i].pValue == NULL && template[i].ulValueLen > 0) {
            return CKR_ATTRIBUTE_VALUE_INVALID;
        }
    }
    unsigned kinds = wanted_kinds(template, count);
    struct token_object *objects = NULL;
    size_t object_count = 0;
    CK_RV rv = CKR_OK;
    if (kinds != 0) {
        const struct object_filter filter = wanted_names(template, count);
        rv = rv_from_token(
            token_objects_list(session_token(session), kinds, &filter, &objects, &object_count));
    }
    CK_OBJECT_HANDLE *found = NULL;
    CK_ULONG found_count = 0;
    if (rv == CKR_OK) {
        found = calloc(object_count + 1, sizeof(*found));
        rv = found == NULL ? CKR_HOST_MEMORY : CKR_OK;
    }
    for (size_t i = 0; i < object_count && rv == CKR_OK; i++) {
        bool match = false;
        if (object_is_visible(session, &objects[i])) {
            rv = matches(session, &objects[i], template, count, &match);
        }
        if (match) {
            found[found_count++] = objects[i].handle;
        }
    }
    free(objects);
    if (rv != CKR_OK) {
        free(found);
        return rv;
    }
    session->is_finding = true;
    session->found = found;
    session->found_count = found_count;
    session->found_next = 0;
    return CKR_OK;
}

CK_RV find_next(struct session *session, CK_OBJECT_HANDLE_PTR out, CK_ULONG max,
                CK_ULONG_PTR count) {
    if (!session->is_finding) {
        return CKR_OPERATION_NOT_INITIALIZED;
    }
    if (count == NULL || (out == NULL && max > 0)) {
        return CKR_ARGUMENTS_BAD;
    }
    CK_ULONG n = session->found_count - session->found_next;
    n = n < max ? n : max;
    if (n > 0) {
        memcpy(out, session->found + session->found_next, n * sizeof(*out));
        session->found_next += n;
    }
    *count = n;
    return CKR_OK;
}

CK_RV find_final(struct session *session) {
    if (!session->is_finding) {
        return CKR_OPERATION_NOT_INITIALIZED;
    }
    free(session->found);
    session->found = NULL;
    session->is_finding = false;
    return CKR_OK;
}
