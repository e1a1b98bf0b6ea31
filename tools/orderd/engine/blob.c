/* See blob.h. */
#include "tools/orderd/engine/blob.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static bool is_digest(const char *text) {
    return strlen(text) == DIGEST_HEX_SIZE - 1 &&
           strspn(text, "0123456789abcdef") == DIGEST_HEX_SIZE - 1;
}

/* STORE/ab/abcd..., and its folder. */
static bool place(const char *store, const char *sha256, char folder[PATH_MAX],
                  char path[PATH_MAX]) {
    return snprintf(folder, PATH_MAX, "%s/%.2s", store, sha256) < PATH_MAX &&
           snprintf(path, PATH_MAX, "%s/%.2s/%s", store, sha256, sha256) < PATH_MAX;
}

static bool write_whole(int fd, const unsigned char *data, size_t len) {
    while (len > 0) {
        ssize_t done = write(fd, data, len);
        if (done < 0 && errno == EINTR) {
            continue;
        }
        if (done <= 0) {
            return false;
        }
        data += done;
        len -= (size_t)done;
    }
    return fsync(fd) == 0;
}

/* The name in the folder must survive a power cut too. */
static bool sync_folder(const char *folder) {
    int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    bool done = fd >= 0 && fsync(fd) == 0;
    if (fd >= 0) {
        close(fd);
    }
    return done;
}

static bool write_beside(const char *folder, const char *path, const void *data, size_t len) {
    char beside[PATH_MAX];
    if (snprintf(beside, sizeof beside, "%s/.new-XXXXXX", folder) >= (int)sizeof beside) {
        return false;
    }
    int fd = mkostemp(beside, O_CLOEXEC);
    if (fd < 0) {
        return false;
    }
    bool done = write_whole(fd, data, len);
    done = close(fd) == 0 && done;
    done = done && rename(beside, path) == 0 && sync_folder(folder);
    if (!done) {
        unlink(beside);
    }
    return done;
}

enum order_error blob_put(const char *store, const void *data, size_t len,
                          char sha256[DIGEST_HEX_SIZE]) {
    char folder[PATH_MAX];
    char path[PATH_MAX];
    if (!digest_sha256_hex(data, len, sha256) || !place(store, sha256, folder, path)) {
        return ORDER_INTERNAL;
    }
    if (access(path, F_OK) == 0) {
        return ORDER_OK;
    }
    if ((mkdir(store, 0700) != 0 && errno != EEXIST) ||
        (mkdir(folder, 0700) != 0 && errno != EEXIST) || !write_beside(folder, path, data, len)) {
        return ORDER_STORE_FAILED;
    }
    return ORDER_OK;
}

enum order_error blob_get(const char *store, const char *sha256, size_t max, struct octets *out) {
    char folder[PATH_MAX];
    char path[PATH_MAX];
    char made[DIGEST_HEX_SIZE];
    struct stat status;
    *out = (struct octets){NULL, 0};
    if (!is_digest(sha256) || !place(store, sha256, folder, path)) {
        return ORDER_NOT_FOUND;
    }
    FILE *file = fopen(path, "rbe");
    if (file == NULL) {
        return errno == ENOENT ? ORDER_NOT_FOUND : ORDER_STORE_FAILED;
    }
    enum order_error error = ORDER_STORE_FAILED;
    if (fstat(fileno(file), &status) == 0 && status.st_size >= 0 && (size_t)status.st_size <= max) {
        out->len = (size_t)status.st_size;
        out->data = malloc(out->len + 1);
        if (out->data != NULL && fread(out->data, 1, out->len, file) == out->len) {
            error = digest_sha256_hex(out->data, out->len, made) && strcmp(made, sha256) == 0
                        ? ORDER_OK
                        : ORDER_INTERNAL;
        }
    }
    fclose(file);
    if (error != ORDER_OK) {
        octets_free(out);
    }
    return error;
}
