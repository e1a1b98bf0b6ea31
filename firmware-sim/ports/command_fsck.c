/* ukey-sim fsck: looks for damage, restores the last good commit. */
#include "firmware-sim/core/store_check.h"
#include "firmware-sim/ports/commands.h"
#include "firmware-sim/ports/image.h"
#include "firmware-sim/ports/options.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { FACTORY_BYTES = 512 }; /* the factory record lies within */

static void say_number(enum message message, const char *path, uint32_t number) {
    char text[16];
    snprintf(text, sizeof text, "%u", (unsigned)number);
    message_print(stdout, message, path, text);
}

/* A factory page of which one byte is wrong is mended: its digest tells when it is right again. */
static bool mend_factory(struct flash_file *file, const struct flash *flash,
                         struct factory *factory) {
    uint8_t *page = file->bytes[0];
    for (unsigned i = 0; page && i < FACTORY_BYTES; i++) {
        uint8_t was = page[i];
        for (unsigned value = 0; value < 256; value++) {
            page[i] = (uint8_t)value;
            if (value != was && factory_read(flash, factory) == FACTORY_OK)
                return true;
        }
        page[i] = was;
    }
    return false;
}

/* Says where a damaged store is damaged, and brings it to its last good commit. */
static bool mend_store(const struct flash *flash, const struct factory *factory,
                       struct store *store, const char *path, uint32_t *commit) {
    struct store_damage damage;
    char pages[40];
    enum store_error err = store_salvage(store, flash, factory->mac_key, &damage);
    if (damage.header)
        say_number(MSG_FSCK_PAGE, path, damage.header_page);
    if (damage.log && damage.first_page == damage.last_page) {
        say_number(MSG_FSCK_PAGE, path, damage.first_page);
    } else if (damage.log) {
        snprintf(pages, sizeof pages, "%u-%u", (unsigned)damage.first_page,
                 (unsigned)damage.last_page);
        message_print(stdout, MSG_FSCK_PAGE, path, pages);
    }
    *commit = store->seq - 1;
    return err == STORE_OK && store_repair(store) == STORE_OK;
}

/* The repaired key takes the image's place; the damaged one is kept beside it. */
static int replace(const struct flash_file *file, const char *path) {
    char suffix[32], temporary[4096], kept[4096];
    snprintf(suffix, sizeof suffix, "%ld.new", (long)getpid());
    if (!image_beside(path, suffix, temporary, sizeof temporary) ||
        !image_beside(path, "damaged", kept, sizeof kept) || !flash_file_save(file, temporary))
        return system_failure(path);
    if (rename(path, kept) == 0 && rename(temporary, path) == 0) {
        message_print(stdout, MSG_FSCK_KEPT, path, kept);
        return EXIT_SUCCESS;
    }
    int status = system_failure(path);
    unlink(temporary);
    return status;
}

static int check(struct flash_file *file, const char *path, bool only_look) {
    static struct store store;
    struct factory factory;
    uint32_t page, commit;
    struct flash flash = flash_file_flash(file);
    bool damaged = file->missing < file->pages;
    if (damaged)
        say_number(MSG_FSCK_TRUNCATED, path, file->missing);
    enum factory_error factory_err = factory_read(&flash, &factory);
    if (factory_err) {
        if (factory_err == FACTORY_DAMAGED)
            say_number(MSG_FSCK_PAGE, path, 0);
        if (!mend_factory(file, &flash, &factory))
            return factory_err == FACTORY_DAMAGED ? failure(MSG_FSCK_LOST, path, NULL)
                                                  : failure(MSG_NOT_AN_IMAGE, path, NULL);
        if (factory_err == FACTORY_NOT_OURS)
            say_number(MSG_FSCK_PAGE, path, 0);
        damaged = true;
    }
    if (store_mount(&store, &flash, factory.mac_key, &page) != STORE_OK) {
        damaged = true;
        if (!mend_store(&flash, &factory, &store, path, &commit))
            return failure(MSG_FSCK_LOST, path, NULL);
    } else {
        commit = store.seq - 1;
    }
    if (damaged && store.count == 0) /* as it was before it became a key */
        return failure(MSG_FSCK_LOST, path, NULL);
    say_number(damaged ? MSG_FSCK_COMMIT : MSG_FSCK_SOUND, path, commit);
    if (!damaged)
        return EXIT_SUCCESS;
    return only_look ? EXIT_FAILURE : replace(file, path);
}

int command_fsck(int argc, char **argv) {
    enum { CHECK };
    struct option options[] = {[CHECK] = {.name = "--check", .is_flag = true}, {.name = NULL}};
    const char *path = NULL;
    struct arguments arguments = {.values = &path, .max = 1};
    struct flash_file file;
    int status = options_parse(argc, argv, options, &arguments, NULL);
    if (status)
        return status;
    enum flash_file_error err = flash_file_open_copy(&file, path);
    if (err)
        return image_failure(err, path);
    status = check(&file, path, options[CHECK].value != NULL);
    flash_file_close(&file);
    return status;
}
