/* Files of the CA's directory: bounded reads, atomic private writes, one lock. */
#include "tools/orderd/ca/ca_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/crypto.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

enum ca_error ca_file_read(const struct ca *ca, const char *name, struct octets *out) {
    *out = (struct octets){NULL, 0};
    int fd = openat(ca->directory_fd, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0)
        return errno == ENOENT ? CA_UNKNOWN : CA_STORE;
    unsigned char bytes[CA_FILE_MAX];
    size_t len = 0;
    enum ca_error error = CA_OK;
    while (len < sizeof bytes) {
        ssize_t n = read(fd, bytes + len, sizeof bytes - len);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            error = CA_STORE;
        if (n <= 0)
            break;
        len += (size_t)n;
    }
    close(fd);
    if (error == CA_OK && (len == 0 || len == sizeof bytes))
        error = CA_CORRUPT;
    if (error == CA_OK)
        error = ca_error_of(octets_copy(out, bytes, len));
    OPENSSL_cleanse(bytes, sizeof bytes);
    return error;
}

static bool write_all(int fd, const unsigned char *data, size_t len) {
    while (len > 0) {
        ssize_t n = write(fd, data, len);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return false;
        data += n;
        len -= (size_t)n;
    }
    return true;
}

/* Makes a rename in the folder of `name` durable. */
static bool folder_sync(const struct ca *ca, const char *name) {
    char folder[128] = ".";
    const char *slash = strrchr(name, '/');
    if (slash != NULL)
        snprintf(folder, sizeof folder, "%.*s", (int)(slash - name), name);
    int fd = openat(ca->directory_fd, folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    bool done = fd >= 0 && fsync(fd) == 0;
    if (fd >= 0)
        close(fd);
    return done;
}

enum ca_error ca_file_write(const struct ca *ca, const char *name, const struct octets *content) {
    char temporary[160];
    if (snprintf(temporary, sizeof temporary, "%s.new", name) >= (int)sizeof temporary)
        return CA_ARGUMENT;
    int fd = openat(ca->directory_fd, temporary,
                    O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0)
        return CA_STORE;
    bool done =
        fchmod(fd, 0600) == 0 && write_all(fd, content->data, content->len) && fsync(fd) == 0;
    int saved = errno;
    done = close(fd) == 0 && done;
    if (done && renameat(ca->directory_fd, temporary, ca->directory_fd, name) == 0 &&
        folder_sync(ca, name))
        return CA_OK;
    if (!done)
        errno = saved;
    saved = errno;
    unlinkat(ca->directory_fd, temporary, 0);
    errno = saved;
    return CA_STORE;
}

enum ca_error ca_folder_make(const struct ca *ca, const char *name) {
    return mkdirat(ca->directory_fd, name, 0700) == 0 || errno == EEXIST ? CA_OK : CA_STORE;
}

enum ca_error ca_lock(struct ca *ca) {
    pthread_mutex_lock(&ca->mutex);
    while (flock(ca->lock_fd, LOCK_EX) != 0) {
        if (errno == EINTR)
            continue;
        pthread_mutex_unlock(&ca->mutex);
        return CA_STORE;
    }
    return CA_OK;
}

void ca_unlock(struct ca *ca) {
    flock(ca->lock_fd, LOCK_UN);
    pthread_mutex_unlock(&ca->mutex);
}
