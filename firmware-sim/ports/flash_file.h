/* The flash as an image file: every erase and every programmed word is in the file when the operation returns, so killing
 * the process is what cutting the power is to a chip.
 *
 * File: the pages, then a wear record: for each page how often it was erased, 4 bytes little-endian. An image without the
 * wear record (an older one) counts from zero. */
#ifndef FIRMWARE_PORTS_FLASH_FILE_H
#define FIRMWARE_PORTS_FLASH_FILE_H

#include "firmware-sim/core/flash.h"

#include <stddef.h>

enum {
    FLASH_FILE_PAGES = 256, /* 1 MiB */
    FLASH_FILE_FLASH_SIZE = FLASH_FILE_PAGES * FLASH_PAGE,
    FLASH_FILE_SIZE_ALL = FLASH_FILE_FLASH_SIZE + FLASH_FILE_PAGES * 4
};

struct flash_file {
    int fd;           /* -1: a copy in memory */
    uint8_t **bytes;  /* content by page for reading; NULL: erased. Owned */
    uint32_t *erases; /* by page; owned */
    uint32_t pages;
    uint32_t missing; /* opened as a copy: pages from here on were not in the file; else pages */
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
/* A copy in memory of an image that nobody uses: what is done to it does not reach the file. A truncated image is taken, its
 * missing bytes as erased; FLASH_FILE_SIZE if it is empty or too long. */
enum flash_file_error flash_file_open_copy(struct flash_file *file, const char *path);
/* Writes all of it to a new file, synced. False with errno; then there is no file. */
bool flash_file_save(const struct flash_file *file, const char *path);
void flash_file_close(struct flash_file *file);

/* The flash that core works on; file must outlive it. */
struct flash flash_file_flash(struct flash_file *file);

#endif
