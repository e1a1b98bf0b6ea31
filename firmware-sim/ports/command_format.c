/* ukey-sim format: a key as it leaves the factory. */
#include "firmware-sim/applets/gm/gm.h"
#include "firmware-sim/applets/piv/piv.h"
#include "firmware-sim/ports/commands.h"
#include "firmware-sim/ports/entropy.h"
#include "firmware-sim/ports/image.h"
#include "firmware-sim/ports/options.h"

#include <openukey/apdu.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static bool set_text(uint8_t *field, size_t size, const struct option *option) {
    char limit[16];
    size_t len = strlen(option->value);
    if (len == 0 || len > size) {
        snprintf(limit, sizeof limit, "%zu", size);
        message_print(stderr, MSG_TEXT_TOO_LONG, option->name, limit);
        message_print(stderr, MSG_USAGE_HINT, NULL, NULL);
        return false;
    }
    memcpy(field, option->value, len);
    return true;
}

/* Thirty hexadecimal digits, as real keys have. */
static bool random_serial(char serial[31]) {
    struct entropy entropy = {0};
    unsigned char bytes[15];
    if (entropy_read(&entropy, bytes, sizeof bytes) != 0)
        return false;
    for (size_t i = 0; i < sizeof bytes; i++)
        snprintf(serial + 2 * i, 3, "%02X", bytes[i]);
    return true;
}

static bool set_application(struct factory *factory, const char *name) {
    static const char *const names[] = {[FACTORY_GM] = "gm", [FACTORY_PIV] = "piv"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (strcmp(names[i], name) == 0) {
            factory->application = (enum factory_application)i;
            return true;
        }
    }
    usage_error(MSG_UNKNOWN_APPLICATION, name);
    return false;
}

static bool format_application(struct store *store, const struct factory *factory,
                               const char *label) {
    return factory->application == FACTORY_PIV ? piv_format(store, factory)
                                               : gm_format(store, label);
}

/* The layout profile of the GM application's commands. */
static bool set_layout(struct factory *factory, const char *name) {
    int layout = gm_layout_find(name);
    if (layout < 0) {
        usage_error(MSG_UNKNOWN_LAYOUT, name);
        return false;
    }
    factory->layout = (uint8_t)layout;
    return true;
}

static bool write_blank_key(struct flash_file *file, const struct factory *factory,
                            const char *label) {
    static struct store store;
    struct flash flash = flash_file_flash(file);
    uint32_t page;
    return factory_write(&flash, factory) == FACTORY_OK &&
           store_format(&flash, factory->mac_key) == STORE_OK &&
           store_mount(&store, &flash, factory->mac_key, &page) == STORE_OK &&
           format_application(&store, factory, label) && fsync(file->fd) == 0;
}

int command_format(int argc, char **argv) {
    enum { SERIAL, LABEL, MANUFACTURER, APPLICATION, LAYOUT };
    char serial[31], suffix[32], temporary[4096];
    struct option options[] = {[SERIAL] = {.name = "--serial", .value = serial},
                               [LABEL] = {.name = "--label", .value = "OpenUKey"},
                               [MANUFACTURER] = {.name = "--manufacturer", .value = "OpenUKey"},
                               [APPLICATION] = {.name = "--application", .value = "gm"},
                               [LAYOUT] = {.name = "--layout", .value = "A"},
                               {.name = NULL}};
    struct entropy entropy = {0};
    struct factory factory = {0};
    struct flash_file file;
    uint8_t label[GM_LABEL_MAX];
    const char *path = NULL;
    struct arguments arguments = {.values = &path, .max = 1};

    if (!random_serial(serial) ||
        entropy_read(&entropy, factory.mac_key, sizeof factory.mac_key) != 0)
        return failure(MSG_NO_RANDOM, NULL, NULL);
    int status = options_parse(argc, argv, options, &arguments, NULL);
    if (status)
        return status;
    if (!set_text(factory.serial, sizeof factory.serial, &options[SERIAL]) ||
        !set_text(factory.manufacturer, sizeof factory.manufacturer, &options[MANUFACTURER]) ||
        !set_text(label, sizeof label, &options[LABEL]) ||
        !set_application(&factory, options[APPLICATION].value) ||
        !set_layout(&factory, options[LAYOUT].value))
        return EXIT_USAGE;
    memcpy(factory.issuer, factory.manufacturer, sizeof factory.issuer);
    if (!image_may_overwrite(path, &status))
        return status;

    snprintf(suffix, sizeof suffix, "%ld.new", (long)getpid());
    if (!image_beside(path, suffix, temporary, sizeof temporary))
        return system_failure(path);
    enum flash_file_error err = flash_file_create(&file, temporary);
    if (err)
        return image_failure(err, temporary);
    if (!write_blank_key(&file, &factory, options[LABEL].value) || rename(temporary, path) != 0) {
        status = system_failure(path);
        unlink(temporary);
    }
    flash_file_close(&file);
    return status;
}
