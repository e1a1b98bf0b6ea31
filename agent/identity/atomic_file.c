/* Write beside, sync, rename. */
#include "agent/identity/atomic_file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static int write_all(int fd, const char *data, size_t len) {
    while (len > 0) {
        ssize_t written = write(fd, data, len);
        if (written < 0 && errno == EINTR) {
            continue;
        }
        if (written <= 0) {
            return -1;
        }
        data += written;
        len -= (size_t)written;
    }
    return 0;
}

static void sync_folder_of(const char *path) {
    char folder[PATH_MAX];
    const char *slash = strrchr(path, '/');
    size_t len = slash == NULL ? 0 : (size_t)(slash - path);
    if (len >= sizeof(folder)) {
        return;
    }
    memcpy(folder, path, len);
    folder[len] = 0;
    int fd = open(slash == NULL ? "."
                  : len == 0    ? "/"
                                : folder,
                  O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd >= 0) {
        fsync(fd);
        close(fd);
    }
}

int atomic_file_write(const char *path, const void *data, size_t len, mode_t mode) {
    char beside[PATH_MAX];
    int used = snprintf(beside, sizeof(beside), "%s.XXXXXX", path);
    if (used < 0 || (size_t)used >= sizeof(beside)) {
        errno = ENAMETOOLONG;
        return -1;
    }
    int fd = mkostemp(beside, O_CLOEXEC);
    if (fd < 0) {
        return -1;
    }
    int failed = fchmod(fd, mode) != 0 || write_all(fd, data, len) != 0 || fsync(fd) != 0;
    failed |= close(fd) != 0;
    if (failed || rename(beside, path) != 0) {
        int error = errno;
        unlink(beside);
        errno = error;
        return -1;
    }
    sync_folder_of(path);
    return 0;
}
