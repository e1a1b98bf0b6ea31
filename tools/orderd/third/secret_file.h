/* Secrets that the played third parties share with the service. */
#ifndef TOOLS_ORDERD_THIRD_SECRET_FILE_H
#define TOOLS_ORDERD_THIRD_SECRET_FILE_H

#include <stdbool.h>
#include <stddef.h>

/* Read `size` bytes from the file, or make them (random, mode 0600). False when neither works. */
bool secret_file_open(const char *path, unsigned char *out, size_t size);

#endif
