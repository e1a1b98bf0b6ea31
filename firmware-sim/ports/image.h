/* Opening an image for a command, and saying why it cannot be. */
#ifndef FIRMWARE_PORTS_IMAGE_H
#define FIRMWARE_PORTS_IMAGE_H

#include "firmware-sim/core/card.h"
#include "firmware-sim/ports/flash_file.h"

/* Both complain about path and return the exit status. */
int image_failure(enum flash_file_error err, const char *path);
int card_failure(enum card_error err, const char *path, uint32_t page);

/* True, or *status set after a complaint: path may be made anew, as there is no file, or an image that nobody uses. */
bool image_may_overwrite(const char *path, int *status);

/* The name of a new file beside path, to be renamed to it. False with errno. */
bool image_beside(const char *path, const char *suffix, char *out, size_t size);

#endif
