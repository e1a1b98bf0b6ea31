/* What every command that takes an image does with it. */
#include "firmware-sim/ports/image.h"

#include "firmware-sim/core/factory.h"
#include "firmware-sim/ports/options.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

int image_failure(enum flash_file_error err, const char *path) {
    switch (err) {
    case FLASH_FILE_IN_USE:
        return failure(MSG_IN_USE, path, NULL);
    case FLASH_FILE_SIZE:
        return failure(MSG_NOT_AN_IMAGE, path, NULL);
    default:
        return system_failure(path);
    }
}

int card_failure(enum card_error err, const char *path, uint32_t page) {
    char number[16];
    switch (err) {
    case CARD_DAMAGED:
        snprintf(number, sizeof number, "%u", (unsigned)page);
        return failure(MSG_DAMAGED, path, number);
    case CARD_NOT_OURS:
        return failure(MSG_NOT_AN_IMAGE, path, NULL);
    case CARD_RANDOM:
        return failure(MSG_NO_RANDOM, NULL, NULL);
    default:
        return system_failure(path);
    }
}

bool image_may_overwrite(const char *path, int *status) {
    struct flash_file file;
    struct factory factory;
    struct stat st;
    *status = 0;
    if (stat(path, &st) != 0) {
        *status = errno == ENOENT ? 0 : system_failure(path);
        return *status == 0;
    }
    enum flash_file_error err = flash_file_open(&file, path);
    if (err) {
        *status = err == FLASH_FILE_SIZE ? failure(MSG_NOT_OVERWRITTEN, path, NULL)
                                         : image_failure(err, path);
        return false;
    }
    struct flash flash = flash_file_flash(&file);
    if (factory_read(&flash, &factory) == FACTORY_NOT_OURS)
        *status = failure(MSG_NOT_OVERWRITTEN, path, NULL);
    flash_file_close(&file);
    return *status == 0;
}

bool image_beside(const char *path, const char *suffix, char *out, size_t size) {
    int len = snprintf(out, size, "%s.%s", path, suffix);
    if (len > 0 && (size_t)len < size)
        return true;
    errno = ENAMETOOLONG;
    return false;
}
