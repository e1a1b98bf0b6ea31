/* JSON of an image. */
#include "firmware-sim/ports/dump.h"

#include "firmware-sim/applets/gm/objects.h"

#include <mbedtls/platform_util.h>
#include <string.h>

enum { SPACE_DEVICE = 1, SPACE_APPLICATION = 2, HISTORY_CERTS = 0x20, HISTORY_CERTS_END = 0x30 };

static void put_text(FILE *out, const uint8_t *text, size_t max) {
    fputc('"', out);
    for (size_t i = 0; i < max && text[i]; i++) {
        if (text[i] == '"' || text[i] == '\\')
            fprintf(out, "\\%c", text[i]);
        else if (text[i] < ' ')
            fprintf(out, "\\u%04x", text[i]);
        else
            fputc(text[i], out);
    }
    fputc('"', out);
}

/* What an object of the GM application is; *secret is left alone unless it is public. */
static const char *gm_kind(const struct store *store, uint32_t id, bool *secret) {
    unsigned app = id >> 24 & 15, index = id >> 8 & 0xfff, part = id & 0xff;
    struct gm_file_info info;
    if (id >> 28 == SPACE_DEVICE) {
        *secret = id != OBJECT_LABEL && id != OBJECT_CHANGES && id != OBJECT_DEVICE_TRIES;
        return id == OBJECT_LABEL ? "label" : id == OBJECT_CHANGES ? "change counter" : "device";
    }
    if (id >> 28 != SPACE_APPLICATION)
        return "object";
    switch ((enum gm_object_kind)(id >> 20 & 15)) {
    case KIND_APP_INFO:
        *secret = false;
        return "application";
    case KIND_PIN:
        *secret = part != 1;
        return part == 1 ? "PIN tries" : "PIN";
    case KIND_CONTAINER:
        if (part == PART_INFO || part == PART_CERT || part == PART_CERT + 1 ||
            (part >= HISTORY_CERTS && part < HISTORY_CERTS_END))
            *secret = false;
        return part == PART_INFO ? "container" : *secret ? "key" : "certificate";
    case KIND_FILE:
        if (part == 0 ||
            (gm_file_read(store, app, index, &info) == STORE_OK && info.read_rights == GM_ANYONE))
            *secret = false;
        return part == 0 ? "file" : "file content";
    default:
        return "object";
    }
}

static void put_value(FILE *out, const struct store *store, uint32_t id, uint32_t len) {
    uint8_t content[STORE_OBJECT_MAX];
    if (store_read(store, id, 0, content, len) == STORE_OK) {
        fputs(", \"value\": \"", out);
        for (uint32_t i = 0; i < len; i++)
            fprintf(out, "%02x", content[i]);
        fputc('"', out);
    }
    mbedtls_platform_zeroize(content, sizeof content);
}

static void put_objects(FILE *out, const struct factory *factory, const struct store *store,
                        bool secrets) {
    uint32_t id = 0, len;
    const char *separator = "\n";
    fputs("  \"objects\": [", out);
    for (bool more = store_next(store, 0, UINT32_MAX, &id); more;
         more = id != UINT32_MAX && store_next(store, id + 1, UINT32_MAX, &id)) {
        bool secret = true;
        const char *kind =
            factory->application == FACTORY_GM ? gm_kind(store, id, &secret) : "object";
        (void)store_length(store, id, &len);
        fprintf(out, "%s    {\"id\": \"%08x\", \"kind\": \"%s\", \"bytes\": %u, \"secret\": %s",
                separator, (unsigned)id, kind, (unsigned)len, secret ? "true" : "false");
        if (!secret || secrets)
            put_value(out, store, id, len);
        fputc('}', out);
        separator = ",\n";
    }
    fputs("\n  ]\n", out);
}

static void put_wear(FILE *out, const struct flash_file *file) {
    uint64_t total = 0;
    uint32_t most = 0;
    for (uint32_t i = 0; i < file->pages; i++) {
        total += file->erases[i];
        if (file->erases[i] > most)
            most = file->erases[i];
    }
    fprintf(out, "  \"wear\": {\"pages\": %u, \"erasures\": %llu, \"most\": %u, \"byPage\": [",
            (unsigned)file->pages, (unsigned long long)total, (unsigned)most);
    for (uint32_t i = 0; i < file->pages; i++)
        fprintf(out, "%s%u", i ? ", " : "", (unsigned)file->erases[i]);
    fputs("]},\n", out);
}

void dump_json(FILE *out, const struct flash_file *file, const struct factory *factory,
               const struct store *store, bool secrets) {
    fputs("{\n  \"serial\": ", out);
    put_text(out, factory->serial, sizeof factory->serial);
    fputs(",\n  \"manufacturer\": ", out);
    put_text(out, factory->manufacturer, sizeof factory->manufacturer);
    fputs(",\n  \"issuer\": ", out);
    put_text(out, factory->issuer, sizeof factory->issuer);
    fprintf(out, ",\n  \"application\": \"%s\",\n",
            factory->application == FACTORY_PIV ? "PIV" : "GM");
    fprintf(
        out,
        "  \"store\": {\"commits\": %u, \"objects\": %u, \"totalBytes\": %u, \"freeBytes\": %u},\n",
        (unsigned)store->seq - 1, (unsigned)store->count, (unsigned)store_total_space(store),
        (unsigned)store_free_space(store));
    put_wear(out, file);
    put_objects(out, factory, store, secrets);
    fputs("}\n", out);
}
