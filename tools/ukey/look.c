/* The keys that are plugged in, as JSON. */
#include "tools/ukey/look.h"

#include "module/formats/calendar.h"
#include "module/formats/certificate.h"

#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SLOTS_MAX = 64, OBJECTS_MAX = 128, TEXT_MAX = 256, ID_MAX = 64 };

static void find_symbol(void *library, const char *name, void *function) {
    void *symbol = dlsym(library, name);
    memcpy(function, &symbol, sizeof symbol);
}

bool look_open(struct look *look, const char *module) {
    CK_RV (*get_list)(CK_FUNCTION_LIST_PTR_PTR) = NULL;
    CK_RV (*get_interface)(CK_UTF8CHAR_PTR, CK_VERSION_PTR, CK_INTERFACE_PTR_PTR, CK_FLAGS) = NULL;
    CK_UTF8CHAR vendor[] = "OpenUKey";
    CK_INTERFACE *interface = NULL;
    CK_C_INITIALIZE_ARGS arguments = {.flags = CKF_OS_LOCKING_OK};
    *look = (struct look){0};
    look->library = dlopen(module, RTLD_NOW | RTLD_LOCAL);
    if (look->library == NULL) {
        look->error = dlerror();
        return false;
    }
    find_symbol(look->library, "C_GetFunctionList", &get_list);
    find_symbol(look->library, "C_GetInterface", &get_interface);
    if (get_list == NULL || get_list(&look->p11) != CKR_OK) {
        look->error = "C_GetFunctionList";
        return false;
    }
    if (get_interface != NULL && get_interface(vendor, NULL, &interface, 0) == CKR_OK &&
        interface != NULL)
        look->vendor = interface->pFunctionList;
    look->rv = look->p11->C_Initialize(&arguments);
    if (look->rv != CKR_OK)
        look->error = "C_Initialize";
    return look->rv == CKR_OK;
}

void look_close(struct look *look) {
    if (look->p11 != NULL && look->rv == CKR_OK)
        look->p11->C_Finalize(NULL);
    /* the library stays: the process is about to end */
    *look = (struct look){0};
}

/* A padded field of Cryptoki. */
static json_t *padded(const CK_UTF8CHAR *field, size_t size) {
    while (size > 0 && field[size - 1] == ' ')
        size--;
    json_t *text = json_stringn((const char *)field, size);
    return text != NULL ? text : json_string("");
}

static json_t *text_or_empty(const char *text) {
    json_t *json = json_string(text != NULL ? text : "");
    return json != NULL ? json : json_string("");
}

/* ---- objects ---- */

static bool read_attribute(const struct look *look, CK_SESSION_HANDLE session,
                           CK_OBJECT_HANDLE object, CK_ATTRIBUTE_TYPE type, void *out,
                           CK_ULONG *len) {
    CK_ATTRIBUTE attribute = {type, out, *len};
    if (look->p11->C_GetAttributeValue(session, object, &attribute, 1) != CKR_OK)
        return false;
    *len = attribute.ulValueLen;
    return true;
}

static json_t *label_of(const struct look *look, CK_SESSION_HANDLE session,
                        CK_OBJECT_HANDLE object) {
    char label[TEXT_MAX];
    CK_ULONG len = sizeof label;
    if (!read_attribute(look, session, object, CKA_LABEL, label, &len))
        len = 0;
    json_t *json = json_stringn(label, len);
    return json != NULL ? json : json_string("");
}

static json_t *certificate_json(const struct look *look, CK_SESSION_HANDLE session,
                                CK_OBJECT_HANDLE object, int64_t now) {
    static CK_BYTE der[CERTIFICATE_MAX];
    CK_BYTE id[ID_MAX];
    CK_ULONG len = sizeof der, id_len = sizeof id;
    char id_hex[2 * ID_MAX + 1] = "", from[21], to[21];
    struct certificate *c = NULL;
    if (!read_attribute(look, session, object, CKA_VALUE, der, &len) ||
        certificate_parse(NULL, der, len, &c) != FORMATS_OK)
        return NULL;
    if (read_attribute(look, session, object, CKA_ID, id, &id_len))
        octets_to_hex(id, id_len, id_hex);
    calendar_rfc3339(c->not_before, from);
    calendar_rfc3339(c->not_after, to);
    json_t *json = json_pack(
        "{s:o, s:s, s:s, s:s, s:i, s:o, s:o, s:o, s:s, s:s, s:s, s:I}", "label",
        label_of(look, session, object), "id", id_hex, "usage", certificate_usage_name(c->usage),
        "algorithm", certificate_algorithm_name(c->algorithm), "bits", c->key_bits, "subject",
        text_or_empty(c->subject.text), "name", text_or_empty(c->subject.common_name), "issuer",
        text_or_empty(c->issuer.text), "serial", c->serial, "notBefore", from, "notAfter", to,
        "daysLeft", (json_int_t)certificate_days_left(c, now));
    certificate_free(c);
    return json;
}

static CK_ULONG find(const struct look *look, CK_SESSION_HANDLE session, CK_OBJECT_CLASS class,
                     CK_OBJECT_HANDLE objects[OBJECTS_MAX]) {
    CK_ATTRIBUTE template[] = {{CKA_CLASS, &class, sizeof class}};
    CK_ULONG count = 0;
    if (look->p11->C_FindObjectsInit(session, template, 1) == CKR_OK) {
        if (look->p11->C_FindObjects(session, objects, OBJECTS_MAX, &count) != CKR_OK)
            count = 0;
        look->p11->C_FindObjectsFinal(session);
    }
    return count;
}

static void add_objects(const struct look *look, CK_SLOT_ID slot, json_t *key, int64_t now) {
    CK_SESSION_HANDLE session;
    CK_OBJECT_HANDLE objects[OBJECTS_MAX];
    json_t *certificates = json_array(), *files = json_array();
    if (look->p11->C_OpenSession(slot, CKF_SERIAL_SESSION, NULL, NULL, &session) == CKR_OK) {
        CK_ULONG count = find(look, session, CKO_CERTIFICATE, objects);
        for (CK_ULONG i = 0; i < count; i++) {
            json_t *certificate = certificate_json(look, session, objects[i], now);
            if (certificate != NULL)
                json_array_append_new(certificates, certificate);
        }
        count = find(look, session, CKO_DATA, objects);
        for (CK_ULONG i = 0; i < count; i++)
            json_array_append_new(files, label_of(look, session, objects[i]));
        look->p11->C_CloseSession(session);
    }
    json_object_set_new(key, "certificates", certificates);
    json_object_set_new(key, "files", files);
}

/* ---- keys ---- */

static json_t *tries(CK_ULONG left, CK_ULONG max) {
    json_t *json = json_object();
    if (left != CK_UNAVAILABLE_INFORMATION)
        json_object_set_new(json, "tries", json_integer((json_int_t)left));
    if (max != CK_UNAVAILABLE_INFORMATION)
        json_object_set_new(json, "max", json_integer((json_int_t)max));
    return json;
}

/* What every module tells: flags instead of numbers. */
static CK_ULONG tries_by_flags(CK_FLAGS flags, CK_FLAGS locked, CK_FLAGS final) {
    return (flags & locked) != 0 ? 0 : (flags & final) != 0 ? 1 : CK_UNAVAILABLE_INFORMATION;
}

static void add_facts(const struct look *look, CK_SLOT_ID slot, const CK_TOKEN_INFO *info,
                      json_t *key) {
    CK_OPENUKEY_DEVICE_INFO device;
    bool initialized = (info->flags & CKF_TOKEN_INITIALIZED) != 0;
    json_t *pin, *so_pin;
    if (look->vendor != NULL && look->vendor->GetDeviceInfo(slot, &device) == CKR_OK) {
        json_object_set_new(key, "serial", text_or_empty(device.serial));
        json_object_set_new(key, "simulated",
                            json_boolean((device.flags & CKF_OPENUKEY_SIMULATED) != 0));
        pin = tries(device.userTries, device.userMax);
        so_pin = tries(device.adminTries, device.adminMax);
        json_object_set_new(pin, "default", json_boolean(initialized && device.userPinDefault));
    } else {
        json_object_set_new(key, "serial", padded(info->serialNumber, sizeof info->serialNumber));
        pin = tries(tries_by_flags(info->flags, CKF_USER_PIN_LOCKED, CKF_USER_PIN_FINAL_TRY),
                    CK_UNAVAILABLE_INFORMATION);
        so_pin = tries(tries_by_flags(info->flags, CKF_SO_PIN_LOCKED, CKF_SO_PIN_FINAL_TRY),
                       CK_UNAVAILABLE_INFORMATION);
    }
    json_object_set_new(pin, "mustChange",
                        json_boolean((info->flags & CKF_USER_PIN_TO_BE_CHANGED) != 0));
    json_object_set_new(key, "pin", pin);
    json_object_set_new(key, "soPin", so_pin);
    json_object_set_new(key, "initialized", json_boolean(initialized));
}

static json_t *key_json(const struct look *look, CK_SLOT_ID slot, int64_t now) {
    CK_SLOT_INFO slot_info = {0};
    CK_TOKEN_INFO info;
    char text[32];
    CK_RV rv = look->p11->C_GetSlotInfo(slot, &slot_info);
    bool present = rv == CKR_OK && (slot_info.flags & CKF_TOKEN_PRESENT) != 0;
    json_t *key = json_pack("{s:I, s:o, s:b}", "slot", (json_int_t)slot, "reader",
                            padded(slot_info.slotDescription, sizeof slot_info.slotDescription),
                            "present", (int)present);
    if (!present)
        return key;
    rv = look->p11->C_GetTokenInfo(slot, &info);
    if (rv != CKR_OK) {
        snprintf(text, sizeof text, "0x%08lX", rv);
        json_object_set_new(key, "error", json_string(text));
        return key;
    }
    json_object_set_new(key, "label", padded(info.label, sizeof info.label));
    json_object_set_new(key, "manufacturer",
                        padded(info.manufacturerID, sizeof info.manufacturerID));
    json_object_set_new(key, "model", padded(info.model, sizeof info.model));
    add_facts(look, slot, &info, key);
    add_objects(look, slot, key, now);
    return key;
}

json_t *look_at_keys(struct look *look, int64_t now) {
    CK_SLOT_ID slots[SLOTS_MAX];
    CK_ULONG count = SLOTS_MAX;
    json_t *keys = json_array();
    if (look->p11->C_GetSlotList(CK_FALSE, slots, &count) != CKR_OK)
        count = 0;
    for (CK_ULONG i = 0; i < count; i++)
        json_array_append_new(keys, key_json(look, slots[i], now));
    return keys;
}
