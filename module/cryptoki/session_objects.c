/* The store of session objects: finding, reading, changing, destroying. */
#include "module/cryptoki/session_objects.h"

#include "module/cryptoki/session_object_parts.h"
#include "module/cryptoki/sessions.h"

#include <openssl/crypto.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- one object ---- */

struct session_object *session_object_new(enum described_kind kind, CK_KEY_TYPE key_type) {
    struct session_object *object = calloc(1, sizeof(*object));
    if (object != NULL) {
        object->kind = kind;
        object->key_type = key_type;
    }
    return object;
}

static void forget_value(CK_ATTRIBUTE *attribute) {
    if (attribute->pValue != NULL) {
        OPENSSL_cleanse(attribute->pValue, attribute->ulValueLen);
        free(attribute->pValue);
    }
    *attribute = (CK_ATTRIBUTE){.type = attribute->type};
}

void session_object_free(struct session_object *object) {
    for (CK_ULONG i = 0; object != NULL && i < object->attribute_count; i++) {
        forget_value(&object->attributes[i]);
    }
    if (object != NULL) {
        free(object->attributes);
        free(object);
    }
}

static CK_ATTRIBUTE *own_attribute(const struct session_object *object, CK_ATTRIBUTE_TYPE type) {
    for (CK_ULONG i = 0; i < object->attribute_count; i++) {
        if (object->attributes[i].type == type) {
            return &object->attributes[i];
        }
    }
    return NULL;
}

CK_RV session_object_put(struct session_object *object, CK_ATTRIBUTE_TYPE type, const void *value,
                         size_t len) {
    void *copy = NULL;
    if (len > 0) {
        copy = malloc(len);
        if (copy == NULL) {
            return CKR_HOST_MEMORY;
        }
        memcpy(copy, value, len);
    }
    CK_ATTRIBUTE *attribute = own_attribute(object, type);
    if (attribute == NULL) {
        CK_ATTRIBUTE *more =
            realloc(object->attributes, (object->attribute_count + 1) * sizeof(*more));
        if (more == NULL) {
            free(copy);
            return CKR_HOST_MEMORY;
        }
        object->attributes = more;
        attribute = &more[object->attribute_count++];
        *attribute = (CK_ATTRIBUTE){.type = type};
    }
    forget_value(attribute);
    attribute->pValue = copy;
    attribute->ulValueLen = len;
    return CKR_OK;
}

CK_RV session_object_put_bool(struct session_object *object, CK_ATTRIBUTE_TYPE type, bool value) {
    const CK_BBOOL b = value ? CK_TRUE : CK_FALSE;
    return session_object_put(object, type, &b, sizeof(b));
}

CK_RV session_object_put_ulong(struct session_object *object, CK_ATTRIBUTE_TYPE type,
                               CK_ULONG value) {
    return session_object_put(object, type, &value, sizeof(value));
}

const CK_ATTRIBUTE *session_object_attribute(const struct session_object *object,
                                             CK_ATTRIBUTE_TYPE type) {
    return own_attribute(object, type);
}

bool session_object_is(const struct session_object *object, CK_ATTRIBUTE_TYPE type) {
    const CK_ATTRIBUTE *a = own_attribute(object, type);
    return a != NULL && a->ulValueLen == sizeof(CK_BBOOL) &&
           *(const CK_BBOOL *)a->pValue != CK_FALSE;
}

bool session_object_allows(const struct session_object *object, CK_MECHANISM_TYPE mechanism) {
    const CK_ATTRIBUTE *a = own_attribute(object, CKA_ALLOWED_MECHANISMS);
    if (a == NULL || a->ulValueLen == 0) {
        return true;
    }
    for (CK_ULONG at = 0; at + sizeof(mechanism) <= a->ulValueLen; at += sizeof(mechanism)) {
        if (memcmp((const unsigned char *)a->pValue + at, &mechanism, sizeof(mechanism)) == 0) {
            return true;
        }
    }
    return false;
}

/* ---- the store ---- */

CK_RV session_object_keep(struct slot *slot, CK_SESSION_HANDLE owner,
                          struct session_object *object) {
    struct session_object_list *list = &slot->session_objects;
    char id[40];
    object->owner = owner;
    object->handle = SESSION_OBJECT_BIT | (list->next + 1);
    snprintf(id, sizeof(id), "session:%lx", object->handle & ~SESSION_OBJECT_BIT);
    CK_RV rv = session_object_put(object, CKA_UNIQUE_ID, id, strlen(id));
    struct session_object **items = NULL;
    if (rv == CKR_OK && list->next + 1 >= SESSION_OBJECT_BIT) {
        rv = CKR_DEVICE_MEMORY; /* handles never return */
    }
    if (rv == CKR_OK) {
        items = realloc(list->items, (list->count + 1) * sizeof(struct session_object *));
        rv = items == NULL ? CKR_HOST_MEMORY : CKR_OK;
    }
    if (rv != CKR_OK) {
        session_object_free(object);
        return rv;
    }
    list->items = items;
    list->items[list->count++] = object;
    list->next++;
    return CKR_OK;
}

struct session_object *session_object_find(struct session *session, CK_OBJECT_HANDLE handle) {
    const struct session_object_list *list = &session->slot->session_objects;
    size_t low = 0, high = list->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (list->items[middle]->handle < handle) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    if (low == list->count || list->items[low]->handle != handle) {
        return NULL;
    }
    struct session_object *object = list->items[low];
    bool visible =
        !session_object_is(object, CKA_PRIVATE) || session_token(session)->login == NORMAL_USER;
    return visible ? object : NULL;
}

/* Frees the objects for which `goes` is true. */
static void drop(struct slot *slot,
                 bool (*goes)(const struct session_object *object, CK_ULONG argument),
                 CK_ULONG argument) {
    struct session_object_list *list = &slot->session_objects;
    size_t kept = 0;
    for (size_t i = 0; i < list->count; i++) {
        if (goes(list->items[i], argument)) {
            session_object_free(list->items[i]);
        } else {
            list->items[kept++] = list->items[i];
        }
    }
    list->count = kept;
    if (kept == 0) {
        free(list->items);
        list->items = NULL;
    }
}

static bool is_owned(const struct session_object *object, CK_ULONG owner) {
    return object->owner == owner;
}

static bool is_private(const struct session_object *object, CK_ULONG unused) {
    (void)unused;
    return session_object_is(object, CKA_PRIVATE);
}

static bool is_any(const struct session_object *object, CK_ULONG unused) {
    (void)object;
    (void)unused;
    return true;
}

static bool has_handle(const struct session_object *object, CK_ULONG handle) {
    return object->handle == handle;
}

void session_objects_drop_owner(struct slot *slot, CK_SESSION_HANDLE owner) {
    drop(slot, is_owned, owner);
}

void session_objects_drop_private(struct slot *slot) {
    drop(slot, is_private, 0);
}

void session_objects_drop_all(struct slot *slot) {
    drop(slot, is_any, 0);
}

CK_RV session_object_destroy(struct session *session, struct session_object *object) {
    if (!session_object_is(object, CKA_DESTROYABLE)) {
        return CKR_ACTION_PROHIBITED;
    }
    drop(session->slot, has_handle, object->handle);
    return CKR_OK;
}

/* ---- attributes as programs see them ---- */

/* CKR_ATTRIBUTE_SENSITIVE (3.2, 5.7.5, case 1), CKR_ATTRIBUTE_TYPE_INVALID (case 2). */
static CK_RV may_reveal(const struct session_object *object, CK_ATTRIBUTE_TYPE type) {
    const struct attribute_rule *rule = attribute_rule_find(type, object->kind);
    if (rule != NULL && (rule->flags & RULE_SECRET) != 0 &&
        (session_object_is(object, CKA_SENSITIVE) || !session_object_is(object, CKA_EXTRACTABLE))) {
        return CKR_ATTRIBUTE_SENSITIVE;
    }
    return own_attribute(object, type) == NULL ? CKR_ATTRIBUTE_TYPE_INVALID : CKR_OK;
}

CK_RV session_object_get_attributes(const struct session_object *object,
                                    CK_ATTRIBUTE_PTR attributes, CK_ULONG count) {
    CK_RV first = CKR_OK;
    for (CK_ULONG i = 0; i < count; i++) {
        CK_RV rv = may_reveal(object, attributes[i].type);
        if (rv == CKR_OK) {
            const CK_ATTRIBUTE *own = own_attribute(object, attributes[i].type);
            rv = attribute_deliver(&attributes[i], own->pValue, own->ulValueLen);
        } else {
            attributes[i].ulValueLen = CK_UNAVAILABLE_INFORMATION;
        }
        first = first == CKR_OK ? rv : first;
    }
    return first;
}

CK_RV session_object_may_become(const struct session_object *object,
                                const struct attribute_rule *rule, const CK_ATTRIBUTE *a) {
    CK_RV rv = attribute_rule_check_value(rule, a);
    if (rv != CKR_OK || rule->shape != SHAPE_BOOL) {
        return rv;
    }
    bool now = session_object_is(object, a->type);
    bool wanted = *(const CK_BBOOL *)a->pValue != CK_FALSE;
    bool stays = ((rule->flags & RULE_STAYS_TRUE) != 0 && now && !wanted) ||
                 ((rule->flags & RULE_STAYS_FALSE) != 0 && !now && wanted);
    return stays ? CKR_ATTRIBUTE_READ_ONLY : CKR_OK;
}

CK_RV session_object_set_attributes(struct session *session, struct session_object *object,
                                    struct template t) {
    (void)session;
    CK_RV rv = template_check(t);
    if (rv == CKR_OK && !session_object_is(object, CKA_MODIFIABLE)) {
        rv = CKR_ACTION_PROHIBITED;
    }
    for (CK_ULONG i = 0; i < t.count && rv == CKR_OK; i++) {
        const struct attribute_rule *rule = attribute_rule_find(t.items[i].type, object->kind);
        if (rule == NULL) {
            rv = CKR_ATTRIBUTE_TYPE_INVALID;
        } else if ((rule->flags & RULE_MODIFIABLE) == 0) {
            rv = CKR_ATTRIBUTE_READ_ONLY;
        } else {
            rv = session_object_may_become(object, rule, &t.items[i]);
        }
    }
    for (CK_ULONG i = 0; i < t.count && rv == CKR_OK; i++) { /* nothing was changed so far */
        rv = session_object_put(object, t.items[i].type, t.items[i].pValue, t.items[i].ulValueLen);
    }
    return rv;
}

/* A secret that cannot be read is no match, so that a search does not tell it. */
bool session_object_matches(const struct session_object *object, struct template t) {
    for (CK_ULONG i = 0; i < t.count; i++) {
        const CK_ATTRIBUTE *own = own_attribute(object, t.items[i].type);
        if (may_reveal(object, t.items[i].type) != CKR_OK ||
            own->ulValueLen != t.items[i].ulValueLen ||
            (own->ulValueLen > 0 && memcmp(own->pValue, t.items[i].pValue, own->ulValueLen) != 0)) {
            return false;
        }
    }
    return true;
}

CK_ULONG session_object_size(const struct session_object *object) {
    CK_ULONG size = sizeof(*object);
    for (CK_ULONG i = 0; i < object->attribute_count; i++) {
        size += sizeof(CK_ATTRIBUTE) + object->attributes[i].ulValueLen;
    }
    return size;
}
