/* See secret_file.h. */
#include "tools/orderd/third/secret_file.h"

#include "agent/identity/atomic_file.h"

#include <openssl/rand.h>
#include <stdio.h>

bool secret_file_open(const char *path, unsigned char *out, size_t size) {
    FILE *file = fopen(path, "re");
    if (file != NULL) {
        size_t got = fread(out, 1, size, file);
        fclose(file);
        return got == size;
    }
    return RAND_priv_bytes(out, (int)size) == 1 && atomic_file_write(path, out, size, 0600) == 0;
}
