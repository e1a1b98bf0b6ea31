/* Prints calls for the spy mode. What is printed of a value follows from its type in the parameters' text. */
#include "module/cryptoki/spy.h"

#include "module/cryptoki/config.h"
#include "module/log.h"

#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum { TEXT_SIZE = 1500, NAME_SIZE = 64, SHOWN_ATTRIBUTES = 24, SHOWN_HANDLES = 8 };

struct text {
    char bytes[TEXT_SIZE];
    size_t len;
};

struct parameter {
    char type[NAME_SIZE], name[NAME_SIZE];
};

__attribute__((format(printf, 2, 3))) static void put(struct text *text, const char *format, ...) {
    va_list args;
    va_start(args, format);
    int n = vsnprintf(text->bytes + text->len, sizeof(text->bytes) - text->len, format, args);
    va_end(args);
    text->len += n < 0 ? 0 : (size_t)n;
    if (text->len >= sizeof(text->bytes)) {
        text->len = sizeof(text->bytes) - 1;
    }
}

/* "(TYPE name, TYPE name)": takes the next one; false at the end. */
static bool next_parameter(const char **at, struct parameter *out) {
    *at += strspn(*at, "(, ");
    size_t type = strcspn(*at, " )");
    const char *name = *at + type + strspn(*at + type, " ");
    size_t len = strcspn(name, ",)");
    if (type == 0 || len == 0 || type >= NAME_SIZE || len >= NAME_SIZE) {
        return false;
    }
    snprintf(out->type, sizeof(out->type), "%.*s", (int)type, *at);
    snprintf(out->name, sizeof(out->name), "%.*s", (int)len, name);
    *at = name + len;
    return true;
}

static bool ends_with(const char *text, const char *end) {
    size_t len = strlen(text), end_len = strlen(end);
    return len >= end_len && strcmp(text + len - end_len, end) == 0;
}

/* ---- values ---- */

/* Attributes that are a number or a truth value, and no secret. */
static bool is_number(CK_ATTRIBUTE_TYPE type) {
    switch (type) {
    case CKA_CLASS:
    case CKA_TOKEN:
    case CKA_PRIVATE:
    case CKA_CERTIFICATE_TYPE:
    case CKA_KEY_TYPE:
    case CKA_SENSITIVE:
    case CKA_ENCRYPT:
    case CKA_DECRYPT:
    case CKA_WRAP:
    case CKA_UNWRAP:
    case CKA_SIGN:
    case CKA_SIGN_RECOVER:
    case CKA_VERIFY:
    case CKA_VERIFY_RECOVER:
    case CKA_DERIVE:
    case CKA_MODULUS_BITS:
    case CKA_VALUE_LEN:
    case CKA_EXTRACTABLE:
    case CKA_LOCAL:
    case CKA_MODIFIABLE:
    case CKA_COPYABLE:
    case CKA_DESTROYABLE:
    case CKA_ALWAYS_AUTHENTICATE:
        return true;
    default:
        return false;
    }
}

static void put_attribute(struct text *text, const CK_ATTRIBUTE *a, bool has_value) {
    CK_ULONG number = 0;
    put(text, "0x%lX", a->type);
    if (a->ulValueLen == CK_UNAVAILABLE_INFORMATION) {
        put(text, ": unavailable");
    } else if (has_value && a->pValue != NULL && is_number(a->type) &&
               (a->ulValueLen == sizeof(CK_ULONG) || a->ulValueLen == sizeof(CK_BBOOL))) {
        memcpy(&number, a->pValue, a->ulValueLen);
        put(text, "=0x%lX", number);
    } else {
        put(text, ": %s%lu bytes", a->pValue == NULL ? "NULL, " : "", a->ulValueLen);
    }
}

static void put_attributes(struct text *text, const CK_ATTRIBUTE *attributes, CK_ULONG count,
                           bool have_values) {
    if (attributes == NULL) {
        put(text, "NULL");
        return;
    }
    put(text, "{");
    for (CK_ULONG i = 0; i < count && i < SHOWN_ATTRIBUTES; i++) {
        put(text, i == 0 ? "" : ", ");
        put_attribute(text, &attributes[i], have_values);
    }
    put(text, count > SHOWN_ATTRIBUTES ? ", ...}" : "}");
}

static bool is_handle_pointer(const char *type) {
    return ends_with(type, "_HANDLE_PTR") || strcmp(type, "CK_SLOT_ID_PTR") == 0 ||
           strcmp(type, "CK_MECHANISM_TYPE_PTR") == 0;
}

/* `next` is the following parameter (NULL at the end), its value behind this one's. have_values: what a template points to has been
 * written. */
static void put_value(struct text *text, const struct parameter *p, const struct parameter *next,
                      const uintptr_t *value, bool have_values) {
    const void *pointer = (const void *)value[0]; /* NOLINT(performance-no-int-to-ptr) */
    if (!ends_with(p->type, "_PTR") && strcmp(p->type, "CK_NOTIFY") != 0) {
        bool is_plain = strncmp(p->name, "ul", 2) == 0 || p->name[0] == 'h';
        put(text, is_plain ? "%s=%lu" : "%s=0x%lX", p->name, (unsigned long)value[0]);
    } else if (pointer == NULL) {
        put(text, "%s=NULL", p->name);
    } else if (strcmp(p->type, "CK_MECHANISM_PTR") == 0) {
        const CK_MECHANISM *mechanism = pointer;
        put(text, "%s={0x%lX, %lu bytes}", p->name, mechanism->mechanism,
            mechanism->ulParameterLen);
    } else if (strcmp(p->type, "CK_ATTRIBUTE_PTR") == 0) {
        put(text, "%s=", p->name);
        put_attributes(text, pointer, next != NULL ? (CK_ULONG)value[1] : 1, have_values);
    } else if (strcmp(p->type, "CK_ULONG_PTR") == 0) {
        put(text, "*%s=%lu", p->name, *(const CK_ULONG *)pointer);
    } else if (next != NULL && strcmp(next->type, "CK_ULONG") == 0 && !is_handle_pointer(p->type)) {
        put(text, "%s=[%lu bytes]", p->name, (unsigned long)value[1]);
    } else {
        put(text, "%s=...", p->name);
    }
}

/* ---- lines ---- */

void spy_before(const struct spy_call *call) {
    struct text text = {.len = 0};
    struct parameter now, next;
    const char *at = call->params;
    bool has = next_parameter(&at, &now);
    bool have_values = strcmp(call->name, "C_GetAttributeValue") != 0; /* its own are to come */
    put(&text, "%s(", call->name);
    for (size_t i = 0; has && i < call->count; i++) {
        bool has_next = i + 1 < call->count && next_parameter(&at, &next);
        put(&text, i == 0 ? "" : ", ");
        put_value(&text, &now, has_next ? &next : NULL, &call->values[i], have_values);
        now = next;
        has = has_next;
    }
    put(&text, ")");
    log_spy("%s", text.bytes);
}

/* What the call has written: counts, handles, attributes. */
static void put_results(struct text *text, const struct spy_call *call, CK_RV rv) {
    struct parameter p;
    const char *at = call->params;
    CK_ULONG count = 1;
    for (int round = 0; round < 2; round++, at = call->params) {
        for (size_t i = 0; i < call->count && next_parameter(&at, &p); i++) {
            const void *pointer =
                (const void *)call->values[i]; /* NOLINT(performance-no-int-to-ptr) */
            if (!ends_with(p.type, "_PTR") || pointer == NULL) {
                continue;
            }
            if (round == 0 && strcmp(p.type, "CK_ULONG_PTR") == 0) {
                count = *(const CK_ULONG *)pointer;
                put(text, ", *%s=%lu", p.name, count);
            } else if (round == 1 && is_handle_pointer(p.type) && rv == CKR_OK) {
                put(text, ", %s={", p.name);
                for (CK_ULONG k = 0; k < count && k < SHOWN_HANDLES; k++) {
                    put(text, "%s0x%lX", k == 0 ? "" : ", ", ((const CK_ULONG *)pointer)[k]);
                }
                put(text, count > SHOWN_HANDLES ? ", ...}" : "}");
            } else if (round == 1 && strcmp(call->name, "C_GetAttributeValue") == 0 &&
                       strcmp(p.type, "CK_ATTRIBUTE_PTR") == 0) {
                put(text, ", ");
                put_attributes(text, pointer, (CK_ULONG)call->values[i + 1], true);
            }
        }
    }
}

static bool has_written(const struct spy_call *call, CK_RV rv) {
    return rv == CKR_OK || rv == CKR_BUFFER_TOO_SMALL ||
           (strcmp(call->name, "C_GetAttributeValue") == 0 &&
            (rv == CKR_ATTRIBUTE_SENSITIVE || rv == CKR_ATTRIBUTE_TYPE_INVALID));
}

/* After an error, buffers may hold anything; after BUFFER_TOO_SMALL, only lengths are good. */
void spy_after(const struct spy_call *call, CK_RV rv) {
    struct text text = {.len = 0};
    put(&text, "%s = 0x%lX%s", call->name, rv, rv == CKR_OK ? " (ok)" : "");
    if (has_written(call, rv)) {
        put_results(&text, call, rv);
    }
    log_spy("%s", text.bytes);
}

/* ---- asked for? ---- */

static pthread_once_t once = PTHREAD_ONCE_INIT;
static bool is_wanted;

static void look(void) {
    struct config config;
    config_load(&config);
    is_wanted = config.spy[0] != '\0' && log_set_spy(config.spy);
}

bool spy_is_wanted(void) {
    pthread_once(&once, look);
    return is_wanted;
}
