/* ukey-sim snapshot, restore, dump: images that are whole and not in use. */
#include "firmware-sim/ports/commands.h"
#include "firmware-sim/ports/dump.h"
#include "firmware-sim/ports/image.h"
#include "firmware-sim/ports/options.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* An image as a card would find it, in memory. */
struct view {
    struct flash_file file;
    struct flash flash;
    struct factory factory;
    struct store store;
};

/* Returns 0 or, having complained, an exit status. view_close in any case. */
static int view_open(struct view *view, const char *path) {
    uint32_t page = 0;
    view->file.fd = -1;
    enum flash_file_error err = flash_file_open_copy(&view->file, path);
    if (!err && view->file.missing < view->file.pages)
        return failure(MSG_NOT_AN_IMAGE, path, NULL);
    if (err)
        return image_failure(err, path);
    view->flash = flash_file_flash(&view->file);
    switch (factory_read(&view->flash, &view->factory)) {
    case FACTORY_OK:
        break;
    case FACTORY_DAMAGED:
        return card_failure(CARD_DAMAGED, path, 0);
    default:
        return card_failure(CARD_NOT_OURS, path, 0);
    }
    if (store_mount(&view->store, &view->flash, view->factory.mac_key, &page) != STORE_OK)
        return card_failure(CARD_DAMAGED, path, page);
    return 0;
}

static void view_close(struct view *view) {
    if (view->file.pages)
        flash_file_close(&view->file);
}

/* Writes the view to path, which is replaced as a whole. */
static int save(const struct view *view, const char *path) {
    char suffix[32], temporary[4096];
    snprintf(suffix, sizeof suffix, "%ld.new", (long)getpid());
    if (!image_beside(path, suffix, temporary, sizeof temporary) ||
        !flash_file_save(&view->file, temporary))
        return system_failure(path);
    if (rename(temporary, path) == 0)
        return EXIT_SUCCESS;
    int status = system_failure(path);
    unlink(temporary);
    return status;
}

/* Two names: what is copied, and what it becomes. */
static int copy(int argc, char **argv) {
    static struct view view;
    const struct option none = {.name = NULL};
    struct option options[] = {none};
    const char *names[2] = {NULL, NULL};
    struct arguments arguments = {.values = names, .max = 2};
    int status = options_parse(argc, argv, options, &arguments, NULL);
    if (!status && arguments.count < 2)
        status = usage_error(MSG_IMAGE_MISSING, NULL);
    if (status || !image_may_overwrite(names[1], &status))
        return status;
    status = view_open(&view, names[0]);
    if (!status)
        status = save(&view, names[1]);
    view_close(&view);
    return status;
}

int command_snapshot(int argc, char **argv) {
    return copy(argc, argv);
}

int command_restore(int argc, char **argv) {
    return copy(argc, argv);
}

int command_dump(int argc, char **argv) {
    enum { JSON, SECRETS };
    static struct view view;
    struct option options[] = {[JSON] = {.name = "--json", .is_flag = true},
                               [SECRETS] = {.name = "--secrets", .is_flag = true},
                               {.name = NULL}};
    const char *path = NULL;
    struct arguments arguments = {.values = &path, .max = 1};
    int status = options_parse(argc, argv, options, &arguments, NULL);
    if (!status && options[SECRETS].value && !options[JSON].value)
        status = usage_error(MSG_DUMP_FORMAT, NULL);
    if (status)
        return status;
    status = view_open(&view, path);
    if (!status && !options[JSON].value)
        dump_text(stdout, &view.factory, &view.store);
    else if (!status)
        dump_json(stdout, &view.file, &view.factory, &view.store, options[SECRETS].value != NULL);
    view_close(&view);
    if (!status && fflush(stdout) != 0)
        status = system_failure("stdout");
    return status;
}
