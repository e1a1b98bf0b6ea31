/* Names of objects, from their numbers and what the records say. */
#include "firmware-sim/ports/dump_names.h"

#include "firmware-sim/applets/gm/objects.h"
#include "firmware-sim/applets/piv/piv_internal.h"

#include <openukey/piv.h>
#include <stdio.h>
#include <string.h>

enum { SPACE_DEVICE = 1, SPACE_APPLICATION = 2 };

static void set(struct dump_name *out, const char *kind, bool secret) {
    out->kind = kind;
    out->secret = secret;
}

/* --- GM: SPACE / application / container or file / what of it --- */

static void put(struct dump_name *out, const char *what) {
    size_t len = strlen(out->name);
    snprintf(out->name + len, sizeof out->name - len, "%s%s", len ? "/" : "", what);
}

static void put_name(struct dump_name *out, const struct gm_name *name) {
    char text[GM_CONTAINER_NAME_MAX + 1] = {0};
    size_t len = name->len < sizeof text ? name->len : sizeof text - 1;
    memcpy(text, name->text, len);
    put(out, text);
}

static void put_usage(struct dump_name *out, unsigned usage) {
    char text[32];
    snprintf(text, sizeof text, "history %u", usage - GM_KEY_HISTORY);
    put(out, usage == GM_KEY_SIGN ? "sign" : usage == GM_KEY_ENC ? "encrypt" : text);
}

static void name_container_part(const struct store *store, uint32_t id, struct dump_name *out) {
    unsigned app = id >> 24 & 15, slot = id >> 8 & 0xfff, part = id & 0xff;
    struct gm_container_info info;
    if (gm_container_read(store, app, slot, &info) == STORE_OK)
        put_name(out, &info.name);
    if (part == PART_INFO) {
        set(out, "container", false);
        return;
    }
    for (unsigned usage = 0; usage <= GM_KEY_LAST; usage++) {
        bool certificate = gm_cert_id(app, slot, usage) == id;
        if (!certificate && gm_key_id(app, slot, usage) != id)
            continue;
        set(out, certificate ? "certificate" : "key", !certificate);
        put_usage(out, usage);
    }
}

static void name_file_part(const struct store *store, uint32_t id, struct dump_name *out) {
    unsigned app = id >> 24 & 15, index = id >> 8 & 0xfff, part = id & 0xff;
    struct gm_file_info info;
    bool found = gm_file_read(store, app, index, &info) == STORE_OK;
    if (found)
        put_name(out, &info.name);
    set(out, part ? "file content" : "file", part && !(found && info.read_rights == GM_ANYONE));
}

static void name_gm_device(uint32_t id, struct dump_name *out) {
    static const struct {
        uint32_t id;
        const char *kind;
        bool secret;
    } table[] = {
        {OBJECT_LABEL, "label", false},
        {OBJECT_DEVICE_KEY, "device key", true},
        {OBJECT_DEVICE_TRIES, "device tries", false},
        {OBJECT_CHANGES, "change counter", false},
        {OBJECT_UNLOCK_KEY, "unlock key", true},
        {OBJECT_UNLOCK_TRIES, "unlock tries", false},
    };
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++)
        if (table[i].id == id)
            set(out, table[i].kind, table[i].secret);
}

static void name_gm(const struct store *store, uint32_t id, struct dump_name *out) {
    unsigned app = id >> 24 & 15;
    struct gm_app_info info;
    if (id >> 28 == SPACE_DEVICE)
        name_gm_device(id, out);
    if (id >> 28 != SPACE_APPLICATION)
        return;
    if (gm_app_read(store, app, &info) == STORE_OK)
        put_name(out, &info.name);
    switch ((enum gm_object_kind)(id >> 20 & 15)) {
    case KIND_APP_INFO:
        set(out, "application", false);
        break;
    case KIND_PIN:
        put(out, (id >> 8 & 0xfff) == GM_PIN_ADMIN ? "admin" : "user");
        set(out, id & 0xff ? "PIN tries" : "PIN", !(id & 0xff));
        break;
    case KIND_CONTAINER:
        name_container_part(store, id, out);
        break;
    case KIND_FILE:
        name_file_part(store, id, out);
        break;
    default:
        break;
    }
}

/* --- PIV: SP 800-73-4 part 1, tables 3 and 4b --- */

static const char *slot_name(uint8_t slot) {
    switch (slot) {
    case PIV_AUTHENTICATION:
        return "PIV Authentication";
    case PIV_SIGNATURE:
        return "Digital Signature";
    case PIV_KEY_MANAGEMENT:
        return "Key Management";
    case PIV_CARD_AUTHENTICATION:
        return "Card Authentication";
    default:
        return "Retired Key Management";
    }
}

static const char *algorithm_name(uint8_t algorithm) {
    static const struct {
        uint8_t algorithm;
        const char *name;
    } table[] = {{PIV_3DES, "3DES"},        {PIV_AES128, "AES-128"},   {PIV_AES192, "AES-192"},
                 {PIV_AES256, "AES-256"},   {PIV_P256, "P-256"},       {PIV_P384, "P-384"},
                 {PIV_RSA2048, "RSA-2048"}, {PIV_RSA3072, "RSA-3072"}, {PIV_RSA4096, "RSA-4096"}};
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++)
        if (table[i].algorithm == algorithm)
            return table[i].name;
    return "unknown algorithm";
}

/* The slot whose certificate the object is; 0 if it is no certificate. */
static uint8_t slot_of(uint32_t tag) {
    switch (tag) {
    case PIV_OBJECT_CERT_9E:
        return PIV_CARD_AUTHENTICATION;
    case PIV_OBJECT_CERT_9A:
        return PIV_AUTHENTICATION;
    case PIV_OBJECT_CERT_9C:
        return PIV_SIGNATURE;
    case PIV_OBJECT_CERT_9D:
        return PIV_KEY_MANAGEMENT;
    default:
        return tag >= PIV_OBJECT_CERT_82 && tag < PIV_OBJECT_IRIS
                   ? (uint8_t)(PIV_RETIRED_FIRST + (tag - PIV_OBJECT_CERT_82))
                   : 0;
    }
}

static const char *object_name(uint32_t tag) {
    static const struct {
        uint32_t tag;
        const char *name;
    } table[] = {{PIV_OBJECT_CHUID, "Card Holder Unique Identifier"},
                 {PIV_OBJECT_FINGERPRINTS, "Cardholder Fingerprints"},
                 {PIV_OBJECT_SECURITY, "Security Object"},
                 {PIV_OBJECT_CCC, "Card Capability Container"},
                 {PIV_OBJECT_FACE, "Cardholder Facial Image"},
                 {PIV_OBJECT_PRINTED, "Printed Information"},
                 {PIV_OBJECT_KEY_HISTORY, "Key History Object"},
                 {PIV_OBJECT_IRIS, "Cardholder Iris Images"},
                 {PIV_OBJECT_SM_SIGNER, "Secure Messaging Certificate Signer"},
                 {PIV_OBJECT_LAST, "Pairing Code Reference Data"}};
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++)
        if (table[i].tag == tag)
            return table[i].name;
    return tag >= PIV_OBJECT_VENDOR_FIRST ? "Host Data" : "Object";
}

static void name_piv_reference(uint32_t id, struct dump_name *out) {
    static const struct {
        uint32_t id;
        const char *kind, *name;
        bool secret;
    } table[] = {
        {ID_PIN, "PIN", "80 PIN", true},
        {ID_PIN_TRIES, "PIN tries", "80 PIN", false},
        {ID_PUK, "PIN", "81 PUK", true},
        {ID_PUK_TRIES, "PIN tries", "81 PUK", false},
    };
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        if (table[i].id == id) {
            set(out, table[i].kind, table[i].secret);
            put(out, table[i].name);
        }
    }
}

static void name_piv(const struct store *store, uint32_t id, struct dump_name *out) {
    uint8_t algorithm = 0, slot = (uint8_t)id;
    if (id == ID_MANAGEMENT || (id > ID_KEY && id <= ID_KEY + 0xFF)) {
        (void)store_read(store, id, 0, &algorithm, 1);
        set(out, id == ID_MANAGEMENT ? "management key" : "key", true);
        snprintf(out->name, sizeof out->name, "%02X %s, %s",
                 id == ID_MANAGEMENT ? (unsigned)PIV_MANAGEMENT : slot,
                 id == ID_MANAGEMENT ? "Card Management" : slot_name(slot),
                 algorithm_name(algorithm));
    } else if (id > ID_OBJECT && id <= ID_LAST) {
        uint32_t tag = id - ID_OBJECT;
        slot = slot_of(tag);
        set(out, slot ? "certificate" : "object", piv_object_is_protected(tag));
        if (slot)
            snprintf(out->name, sizeof out->name, "%06X %02X %s", (unsigned)tag, slot,
                     slot_name(slot));
        else
            snprintf(out->name, sizeof out->name, "%06X %s", (unsigned)tag, object_name(tag));
    } else {
        name_piv_reference(id, out);
    }
}

void dump_name(const struct store *store, enum factory_application application, uint32_t id,
               struct dump_name *out) {
    *out = (struct dump_name){.kind = "object", .secret = true};
    if (application == FACTORY_PIV)
        name_piv(store, id, out);
    else
        name_gm(store, id, out);
}
