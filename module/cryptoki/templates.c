/* Reading the templates that programs give. */
#include "module/cryptoki/templates.h"

#include <string.h>

const CK_ATTRIBUTE *template_find(struct template t, CK_ATTRIBUTE_TYPE type) {
    for (CK_ULONG i = 0; i < t.count; i++) {
        if (t.items[i].type == type) {
            return t.items + i;
        }
    }
    return NULL;
}

CK_RV template_check(struct template t) {
    if (t.items == NULL && t.count > 0) {
        return CKR_ARGUMENTS_BAD;
    }
    for (CK_ULONG i = 0; i < t.count; i++) {
        if (t.items[i].pValue == NULL && t.items[i].ulValueLen > 0) {
            return CKR_ATTRIBUTE_VALUE_INVALID;
        }
    }
    return CKR_OK;
}

CK_RV attribute_deliver(CK_ATTRIBUTE_PTR place, const void *value, size_t len) {
    if (place->pValue != NULL && place->ulValueLen < len) {
        place->ulValueLen = CK_UNAVAILABLE_INFORMATION;
        return CKR_BUFFER_TOO_SMALL;
    }
    if (place->pValue != NULL && len > 0) {
        memcpy(place->pValue, value, len);
    }
    place->ulValueLen = len;
    return CKR_OK;
}

CK_RV template_ulong(struct template t, CK_ATTRIBUTE_TYPE type, CK_ULONG fallback, CK_ULONG *out) {
    const CK_ATTRIBUTE *a = template_find(t, type);
    *out = fallback;
    if (a == NULL) {
        return CKR_OK;
    }
    if (a->ulValueLen != sizeof(*out)) {
        return CKR_ATTRIBUTE_VALUE_INVALID;
    }
    memcpy(out, a->pValue, sizeof(*out));
    return CKR_OK;
}

CK_RV template_bool(struct template t, CK_ATTRIBUTE_TYPE type, bool fallback, bool *out) {
    const CK_ATTRIBUTE *a = template_find(t, type);
    *out = fallback;
    if (a == NULL) {
        return CKR_OK;
    }
    if (a->ulValueLen != sizeof(CK_BBOOL)) {
        return CKR_ATTRIBUTE_VALUE_INVALID;
    }
    *out = *(const CK_BBOOL *)a->pValue != CK_FALSE;
    return CKR_OK;
}

CK_RV template_requires(struct template t, CK_ATTRIBUTE_TYPE type, const void *value, size_t len) {
    const CK_ATTRIBUTE *a = template_find(t, type);
    bool good =
        a == NULL || (a->ulValueLen == len && (len == 0 || memcmp(a->pValue, value, len) == 0));
    return good ? CKR_OK : CKR_TEMPLATE_INCONSISTENT;
}

CK_RV template_requires_bool(struct template t, CK_ATTRIBUTE_TYPE type, bool value) {
    bool given;
    CK_RV rv = template_bool(t, type, value, &given);
    return rv == CKR_OK && given != value ? CKR_TEMPLATE_INCONSISTENT : rv;
}

CK_RV template_requires_ulong(struct template t, CK_ATTRIBUTE_TYPE type, CK_ULONG value) {
    CK_ULONG given;
    CK_RV rv = template_ulong(t, type, value, &given);
    return rv == CKR_OK && given != value ? CKR_TEMPLATE_INCONSISTENT : rv;
}

bool template_text(struct template t, CK_ATTRIBUTE_TYPE type, char *out, size_t max) {
    const CK_ATTRIBUTE *a = template_find(t, type);
    out[0] = '\0';
    if (a == NULL || a->ulValueLen == 0 || memchr(a->pValue, 0, a->ulValueLen) != NULL) {
        return false;
    }
    const unsigned char *text = a->pValue;
    size_t len = a->ulValueLen;
    if (len > max) {
        len = max;
        while (len > 0 && (text[len] & 0xC0) == 0x80) {
            len--; /* not in the middle of a character */
        }
    }
    memcpy(out, text, len);
    out[len] = '\0';
    return len > 0;
}
