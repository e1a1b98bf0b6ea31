/* What an uploaded file really is (R113): asked of ukey-inspect in a child process with little memory and time, no files, no network. */
#ifndef TOOLS_ORDERD_THIRD_INSPECTOR_H
#define TOOLS_ORDERD_THIRD_INSPECTOR_H

#include <stdbool.h>
#include <stddef.h>

struct inspection {
    bool good;     /* it is what its content says, whole */
    char why[16];  /* else: "format", "damaged", "pixels", "empty", "bytes", "resources" */
    char mime[32]; /* "image/jpeg" ... */
    int width, height, dpi;
    bool colour;
};

/* Inspect `len` bytes with the program at `path`. False: it could not be run. */
bool inspector_run(const char *path, const void *data, size_t len, struct inspection *out);

#endif
