/* C_CopyObject and C_GetObjectSize: an object's attributes gathered from where it lives. */
#include "module/cryptoki/attributes.h"
#include "module/cryptoki/session_object_parts.h"
#include "module/cryptoki/sessions.h"

#include <stdlib.h>

static enum described_kind described_kind(const struct token_object *object) {
    const bool is_rsa = object->key != NULL && object->key->key.algorithm == ALGORITHM_RSA;
    switch (object->kind) {
    case OBJECT_PUBLIC_KEY:
        return is_rsa ? DESCRIBED_RSA_PUBLIC : DESCRIBED_EC_PUBLIC;
    case OBJECT_PRIVATE_KEY:
        return is_rsa ? DESCRIBED_RSA_PRIVATE : DESCRIBED_EC_PRIVATE;
    case OBJECT_CERTIFICATE:
        return DESCRIBED_CERTIFICATE;
    default:
        return DESCRIBED_DATA;
    }
}

/* All attributes of a token object that can be read. *out is the caller's (session_object_free). */
static CK_RV gather(struct session *session, CK_OBJECT_HANDLE handle, struct session_object **out) {
    struct attribute_source source = {.session = session};
    *out = NULL;
    CK_RV rv = object_find(session, handle, &source.object);
    if (rv != CKR_OK) {
        return rv;
    }
    size_t count;
    const struct attribute_rule *rules = attribute_rules(&count);
    const enum described_kind kind = described_kind(&source.object);
    struct session_object *object = session_object_new(kind, 0);
    rv = object == NULL ? CKR_HOST_MEMORY : CKR_OK;
    for (size_t i = 0; i < count && rv == CKR_OK; i++) {
        if ((rules[i].kinds & kind) == 0) {
            continue;
        }
        struct attribute_value value;
        rv = attribute_get(&source, rules[i].type, &value);
        if (rv == CKR_OK) {
            rv = session_object_put(object, rules[i].type, value.data, value.len);
        } else if (rv == CKR_ATTRIBUTE_SENSITIVE || rv == CKR_ATTRIBUTE_TYPE_INVALID) {
            rv = CKR_OK;
        }
        attribute_value_free(&value);
    }
    attribute_source_free(&source);
    if (rv != CKR_OK) {
        session_object_free(object);
        return rv;
    }
    *out = object;
    return CKR_OK;
}

/* A copy that goes onto the token: what C_CreateObject takes of its attributes. */
static CK_RV create_on_token(struct session *session, const struct session_object *draft,
                             CK_OBJECT_HANDLE_PTR out) {
    static const CK_ATTRIBUTE_TYPE wanted[] = {CKA_CLASS, CKA_TOKEN,       CKA_PRIVATE,
                                               CKA_LABEL, CKA_APPLICATION, CKA_OBJECT_ID,
                                               CKA_VALUE, CKA_ID,          CKA_CERTIFICATE_TYPE};
    enum { WANTED = sizeof(wanted) / sizeof(wanted[0]) };
    CK_ATTRIBUTE attributes[WANTED];
    CK_ULONG count = 0;
    if ((draft->kind & (DESCRIBED_DATA | DESCRIBED_CERTIFICATE)) == 0) {
        return CKR_TEMPLATE_INCONSISTENT; /* keys are made on the card */
    }
    for (size_t i = 0; i < WANTED; i++) {
        const CK_ATTRIBUTE *a = session_object_attribute(draft, wanted[i]);
        if (a != NULL && (wanted[i] != CKA_ID || a->ulValueLen > 0)) {
            attributes[count++] = *a;
        }
    }
    return object_create(session, attributes, count, out);
}

CK_RV object_copy(struct session *session, CK_OBJECT_HANDLE handle, CK_ATTRIBUTE_PTR attributes,
                  CK_ULONG count, CK_OBJECT_HANDLE_PTR out) {
    const struct session_object *original;
    struct session_object *gathered = NULL, *draft = NULL;
    if (out == NULL) {
        return CKR_ARGUMENTS_BAD;
    }
    *out = CK_INVALID_HANDLE;
    CK_RV rv = CKR_OK;
    if (is_session_object(handle)) {
        original = session_object_find(session, handle);
        rv = original == NULL ? CKR_OBJECT_HANDLE_INVALID : CKR_OK;
    } else {
        rv = gather(session, handle, &gathered);
        original = gathered;
    }
    if (rv == CKR_OK && !session_object_is(original, CKA_COPYABLE)) {
        rv = CKR_ACTION_PROHIBITED;
    }
    if (rv == CKR_OK) {
        rv = session_object_draft_copy(original->kind, original->attributes,
                                       original->attribute_count,
                                       (struct template){attributes, count}, &draft);
    }
    session_object_free(gathered);
    if (rv != CKR_OK) {
        return rv;
    }
    if (!session_object_is(draft, CKA_TOKEN)) {
        return session_object_adopt(session, draft, out);
    }
    rv = create_on_token(session, draft, out);
    session_object_free(draft);
    return rv;
}

CK_RV object_get_size(struct session *session, CK_OBJECT_HANDLE handle, CK_ULONG_PTR size) {
    struct session_object *gathered = NULL;
    const struct session_object *object;
    if (size == NULL) {
        return CKR_ARGUMENTS_BAD;
    }
    CK_RV rv = CKR_OK;
    if (is_session_object(handle)) {
        object = session_object_find(session, handle);
        rv = object == NULL ? CKR_OBJECT_HANDLE_INVALID : CKR_OK;
    } else {
        rv = gather(session, handle, &gathered);
        object = gathered;
    }
    if (rv == CKR_OK) {
        *size = session_object_size(object);
    }
    session_object_free(gathered);
    return rv;
}
