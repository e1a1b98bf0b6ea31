/* An image as JSON, or as lines for a person. */
#include "firmware-sim/ports/dump.h"

#include "firmware-sim/ports/dump_names.h"

#include <mbedtls/platform_util.h>
#include <string.h>

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
    struct dump_name name;
    const char *separator = "\n";
    fputs("  \"objects\": [", out);
    for (bool more = store_next(store, 0, UINT32_MAX, &id); more;
         more = id != UINT32_MAX && store_next(store, id + 1, UINT32_MAX, &id)) {
        dump_name(store, factory->application, id, &name);
        (void)store_length(store, id, &len);
        fprintf(out, "%s    {\"id\": \"%08x\", \"kind\": \"%s\", \"name\": ", separator,
                (unsigned)id, name.kind);
        put_text(out, (const uint8_t *)name.name, sizeof name.name);
        fprintf(out, ", \"bytes\": %u, \"secret\": %s", (unsigned)len,
                name.secret ? "true" : "false");
        if (!name.secret || secrets)
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

/* For a terminal. */
static void put_plain(FILE *out, const uint8_t *text, size_t max) {
    for (size_t i = 0; i < max && text[i]; i++)
        fputc(text[i] < ' ' || text[i] == 0x7f ? '?' : text[i], out);
    fputc('\n', out);
}

void dump_text(FILE *out, const struct factory *factory, const struct store *store) {
    uint32_t id = 0, len;
    struct dump_name name;
    fputs("serial: ", out);
    put_plain(out, factory->serial, sizeof factory->serial);
    fputs("manufacturer: ", out);
    put_plain(out, factory->manufacturer, sizeof factory->manufacturer);
    fprintf(out, "application: %s\n", factory->application == FACTORY_PIV ? "PIV" : "GM");
    fprintf(out, "store: %u commits, %u objects, %u of %u bytes free\n", (unsigned)store->seq - 1,
            (unsigned)store->count, (unsigned)store_free_space(store),
            (unsigned)store_total_space(store));
    for (bool more = store_next(store, 0, UINT32_MAX, &id); more;
         more = id != UINT32_MAX && store_next(store, id + 1, UINT32_MAX, &id)) {
        dump_name(store, factory->application, id, &name);
        (void)store_length(store, id, &len);
        fprintf(out, "%08x %5u %-6s %-14s ", (unsigned)id, (unsigned)len,
                name.secret ? "secret" : "public", name.kind);
        put_plain(out, (const uint8_t *)name.name, sizeof name.name);
    }
}
