/* Seeing objects: visibility, what keys are for, reading and changing attributes. */
#include "module/cryptoki/objects.h"

#include "module/cryptoki/attributes.h"
#include "module/cryptoki/errors.h"
#include "module/cryptoki/sessions.h"
#include "module/cryptoki/templates.h"

#include <stdlib.h>
#include <string.h>

bool object_is_private(const struct token_object *object) {
    return (object->kind == OBJECT_PRIVATE_KEY && object->key->key.pin != KEY_PIN_NEVER) ||
           (object->file != NULL && object->file->file.is_private);
}

bool object_is_visible(const struct session *session, const struct token_object *object) {
    const struct token *token = session_token(session);
    bool is_known = token->login == NORMAL_USER ||
                    (token->login == SECURITY_OFFICER && token->facts.writer == SECURITY_OFFICER);
    if (object_is_private(object) && !is_known) {
        return false;
    }
    bool is_sm2 =
        (object->kind & OBJECT_OF_KEY) != 0 && object->key->key.algorithm == ALGORITHM_SM2;
    return !is_sm2 || session->module->sm2_objects != SM2_HIDDEN;
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
    case CKA_SIGN_RECOVER:
    case CKA_VERIFY_RECOVER:
        return (key->uses & KEY_SIGNS) != 0 && key->algorithm == ALGORITHM_RSA;
    case CKA_DECRYPT:
        return (key->uses & KEY_DECRYPTS) != 0;
    case CKA_WRAP:
    case CKA_ENCRYPT: /* done by the host, whether or not the card opens it again */
        return key->usage == USAGE_ENC || key->algorithm == ALGORITHM_RSA;
    case CKA_UNWRAP:
        return (key->uses & (KEY_UNWRAPS | KEY_DECRYPTS)) != 0;
    case CKA_ENCAPSULATE:
    case CKA_DECAPSULATE:
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
    } else {
        rv = attribute_deliver(attribute, value.data, value.len);
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
    if (is_session_object(handle)) {
        const struct session_object *object = session_object_find(session, handle);
        return object == NULL ? CKR_OBJECT_HANDLE_INVALID
                              : session_object_get_attributes(object, attributes, count);
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
    if (is_session_object(handle)) {
        struct session_object *own = session_object_find(session, handle);
        return own == NULL ? CKR_OBJECT_HANDLE_INVALID
                           : session_object_set_attributes(session, own,
                                                           (struct template){attributes, count});
    }
    if (!session->is_read_write) {
        return CKR_SESSION_READ_ONLY;
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
