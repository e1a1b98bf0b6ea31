/* Image file behind the flash operations: a copy for reading, pwrite for changing. */
#include "firmware-sim/ports/flash_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

static bool write_all(int fd, const uint8_t *bytes, size_t len, off_t at) {
    while (len) {
        ssize_t n = pwrite(fd, bytes, len, at);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return false;
        bytes += n;
        len -= (size_t)n;
        at += n;
    }
    return true;
}

static bool read_all(int fd, uint8_t *bytes, size_t len) {
    for (size_t at = 0; at < len;) {
        ssize_t n = pread(fd, bytes + at, len - at, (off_t)at);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return false;
        at += (size_t)n;
    }
    return true;
}

static enum flash_file_error take(struct flash_file *file, int fd) {
    *file = (struct flash_file){.fd = fd, .pages = FLASH_FILE_PAGES};
    if (fd < 0)
        return FLASH_FILE_SYSTEM;
    if (flock(fd, LOCK_EX | LOCK_NB) != 0)
        return errno == EWOULDBLOCK ? FLASH_FILE_IN_USE : FLASH_FILE_SYSTEM;
    file->bytes = malloc((size_t)file->pages * FLASH_PAGE);
    return file->bytes ? FLASH_FILE_OK : FLASH_FILE_SYSTEM;
}

enum flash_file_error flash_file_create(struct flash_file *file, const char *path) {
    size_t len = (size_t)FLASH_FILE_PAGES * FLASH_PAGE;
    enum flash_file_error err =
        take(file, open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, S_IRUSR | S_IWUSR));
    if (!err) {
        memset(file->bytes, 0xff, len);
        if (!write_all(file->fd, file->bytes, len, 0))
            err = FLASH_FILE_SYSTEM;
    }
    if (err)
        flash_file_close(file);
    return err;
}

enum flash_file_error flash_file_open(struct flash_file *file, const char *path) {
    struct stat st;
    enum flash_file_error err = take(file, open(path, O_RDWR | O_CLOEXEC));
    size_t len = (size_t)file->pages * FLASH_PAGE;
    if (!err && fstat(file->fd, &st) != 0)
        err = FLASH_FILE_SYSTEM;
    if (!err && (!S_ISREG(st.st_mode) || st.st_size != (off_t)len))
        err = FLASH_FILE_SIZE;
    if (!err && !read_all(file->fd, file->bytes, len))
        err = FLASH_FILE_SYSTEM;
    if (err)
        flash_file_close(file);
    return err;
}

void flash_file_close(struct flash_file *file) {
    int saved = errno;
    if (file->fd >= 0)
        close(file->fd);
    free(file->bytes);
    *file = (struct flash_file){.fd = -1};
    errno = saved;
}

static bool in_range(const struct flash_file *file, uint32_t addr, uint32_t len) {
    uint32_t size = file->pages * FLASH_PAGE;
    return addr <= size && len <= size - addr;
}

static bool flash_read(void *ctx, uint32_t addr, void *out, uint32_t len) {
    struct flash_file *file = ctx;
    if (!in_range(file, addr, len))
        return false;
    memcpy(out, file->bytes + addr, len);
    return true;
}

static bool flash_erase(void *ctx, uint32_t page) {
    struct flash_file *file = ctx;
    if (page >= file->pages)
        return false;
    uint8_t *bytes = file->bytes + (size_t)page * FLASH_PAGE;
    memset(bytes, 0xff, FLASH_PAGE);
    return write_all(file->fd, bytes, FLASH_PAGE, (off_t)page * FLASH_PAGE);
}

static bool flash_program(void *ctx, uint32_t addr, const void *words, uint32_t len) {
    struct flash_file *file = ctx;
    if (!in_range(file, addr, len) || addr % FLASH_WORD || len % FLASH_WORD)
        return false;
    for (uint32_t i = 0; i < len; i++)
        if (file->bytes[addr + i] != 0xff)
            return false; /* programmed before: a fault of the caller, as a chip would report */
    memcpy(file->bytes + addr, words, len);
    return write_all(file->fd, file->bytes + addr, len, (off_t)addr);
}

struct flash flash_file_flash(struct flash_file *file) {
    static const struct flash_ops ops = {flash_read, flash_erase, flash_program};
    return (struct flash){.ops = &ops, .ctx = file, .pages = file->pages};
}
