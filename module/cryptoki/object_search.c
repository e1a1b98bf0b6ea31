/* Search: a snapshot of the handles that match, taken by C_FindObjectsInit (PKCS#11 3.2, 5.7.7 - 5.7.9). */
#include "module/cryptoki/attributes.h"
#include "module/cryptoki/errors.h"
#include "module/cryptoki/sessions.h"
#include "module/cryptoki/templates.h"

#include <stdlib.h>
#include <string.h>

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

/* The kinds of token objects that a template's CKA_CLASS and CKA_TOKEN leave over. */
static unsigned wanted_kinds(struct template t) {
    CK_ULONG class;
    bool on_token;
    if (template_bool(t, CKA_TOKEN, true, &on_token) != CKR_OK || !on_token) {
        return 0;
    }
    if (template_find(t, CKA_CLASS) == NULL) {
        return OBJECT_OF_KEY | OBJECT_DATA;
    }
    if (template_ulong(t, CKA_CLASS, 0, &class) != CKR_OK) {
        return 0;
    }
    return class == CKO_PRIVATE_KEY   ? OBJECT_PRIVATE_KEY
           : class == CKO_PUBLIC_KEY  ? OBJECT_PUBLIC_KEY
           : class == CKO_CERTIFICATE ? OBJECT_CERTIFICATE
           : class == CKO_DATA        ? OBJECT_DATA
                                      : 0;
}

/* The id and label of a template. */
static struct object_filter wanted_names(struct template t) {
    struct object_filter filter = {.id = NULL};
    for (CK_ULONG i = 0; i < t.count; i++) {
        if (t.items[i].type == CKA_ID && t.items[i].ulValueLen > 0) {
            filter.id = t.items[i].pValue;
            filter.id_len = t.items[i].ulValueLen;
        } else if (t.items[i].type == CKA_LABEL && t.items[i].ulValueLen > 0) {
            filter.label = t.items[i].pValue;
            filter.label_len = t.items[i].ulValueLen;
        }
    }
    return filter;
}

/* Handles found so far; grows as needed. */
struct findings {
    CK_OBJECT_HANDLE *handles;
    CK_ULONG count, room;
};

static CK_RV findings_add(struct findings *findings, CK_OBJECT_HANDLE handle) {
    if (findings->count == findings->room) {
        CK_ULONG room = findings->room * 2 + 16;
        CK_OBJECT_HANDLE *more = realloc(findings->handles, room * sizeof(*more));
        if (more == NULL) {
            return CKR_HOST_MEMORY;
        }
        findings->handles = more;
        findings->room = room;
    }
    findings->handles[findings->count++] = handle;
    return CKR_OK;
}

static CK_RV find_token_objects(struct session *session, struct template t,
                                struct findings *findings) {
    unsigned kinds = wanted_kinds(t);
    struct token_object *objects = NULL;
    size_t count = 0;
    CK_RV rv = CKR_OK;
    if (kinds != 0) {
        const struct object_filter filter = wanted_names(t);
        rv = rv_from_token(
            token_objects_list(session_token(session), kinds, &filter, &objects, &count));
    }
    for (size_t i = 0; i < count && rv == CKR_OK; i++) {
        bool match = false;
        if (object_is_visible(session, &objects[i])) {
            rv = matches(session, &objects[i], t.items, t.count, &match);
        }
        if (match && rv == CKR_OK) {
            rv = findings_add(findings, objects[i].handle);
        }
    }
    free(objects);
    return rv;
}

static CK_RV find_session_objects(struct session *session, struct template t,
                                  struct findings *findings) {
    const struct session_object_list *list = &session->slot->session_objects;
    CK_RV rv = CKR_OK;
    for (size_t i = 0; i < list->count && rv == CKR_OK; i++) {
        const struct session_object *object =
            session_object_find(session, list->items[i]->handle); /* NULL: not for these eyes */
        if (object != NULL && session_object_matches(object, t)) {
            rv = findings_add(findings, object->handle);
        }
    }
    return rv;
}

CK_RV find_init(struct session *session, CK_ATTRIBUTE_PTR attributes, CK_ULONG count) {
    const struct template t = {attributes, count};
    if (session->is_finding) {
        return CKR_OPERATION_ACTIVE;
    }
    CK_RV rv = template_check(t);
    struct findings findings = {NULL, 0, 0};
    if (rv == CKR_OK) {
        rv = find_token_objects(session, t, &findings);
    }
    if (rv == CKR_OK) {
        rv = find_session_objects(session, t, &findings);
    }
    if (rv != CKR_OK) {
        free(findings.handles);
        return rv;
    }
    session->is_finding = true;
    session->found = findings.handles;
    session->found_count = findings.count;
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
