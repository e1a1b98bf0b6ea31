/* The flash as an image file: every erase and every programmed word is in the file when the operation returns, so killing
 * the process is what cutting the power is to a chip. */
#ifndef FIRMWARE_PORTS_FLASH_FILE_H
#define FIRMWARE_PORTS_FLASH_FILE_H

#include "firmware-sim/core/flash.h"

enum { FLASH_FILE_PAGES = 256 }; /* 1 MiB */

struct flash_file {
    int fd;
    uint8_t *bytes; /* the same content, for reading; owned */
    uint32_t pages;
};

enum flash_file_error {
    FLASH_FILE_OK = 0,
    FLASH_FILE_SYSTEM, /* errno says what */
    FLASH_FILE_IN_USE, /* another process holds the image */
    FLASH_FILE_SIZE    /* truncated, or no image at all */
};

/* Makes a file of erased flash, exclusively locked. An existing file is refused with FLASH_FILE_SYSTEM (EEXIST). */
enum flash_file_error flash_file_create(struct flash_file *file, const char *path);
/* Opens an image and locks it. */
enum flash_file_error flash_file_open(struct flash_file *file, const char *path);
void flash_file_close(struct flash_file *file);

/* The flash that core works on; file must outlive it. */
struct flash flash_file_flash(struct flash_file *file);

#endif
