/* Image file behind the flash operations: a copy of what is programmed for reading, pwrite for changing. */
#include "firmware-sim/ports/flash_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

enum { WEAR_SIZE = 4 };

/* Does nothing for a copy in memory. */
static bool write_all(int fd, const uint8_t *bytes, size_t len, off_t at) {
    while (len && fd >= 0) {
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

/* Reads up to len bytes; *got tells how many there were. */
static bool read_some(int fd, uint8_t *bytes, size_t len, off_t at, size_t *got) {
    for (*got = 0; *got < len;) {
        ssize_t n = pread(fd, bytes + *got, len - *got, at + (off_t)*got);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return false;
        if (n == 0)
            break;
        *got += (size_t)n;
    }
    return true;
}

static bool page_is_erased(const uint8_t *page) {
    return page[0] == 0xff && memcmp(page, page + 1, FLASH_PAGE - 1) == 0;
}

/* A page of its own to write into, erased if there was none; NULL without memory. */
static uint8_t *page_for_writing(struct flash_file *file, uint32_t page) {
    if (!file->bytes[page]) {
        file->bytes[page] = malloc(FLASH_PAGE);
        if (file->bytes[page])
            memset(file->bytes[page], 0xff, FLASH_PAGE);
    }
    return file->bytes[page];
}

static enum flash_file_error take(struct flash_file *file, int fd) {
    *file = (struct flash_file){.fd = fd, .pages = FLASH_FILE_PAGES, .missing = FLASH_FILE_PAGES};
    if (fd < 0)
        return FLASH_FILE_SYSTEM;
    if (flock(fd, LOCK_EX | LOCK_NB) != 0)
        return errno == EWOULDBLOCK ? FLASH_FILE_IN_USE : FLASH_FILE_SYSTEM;
    file->bytes = calloc(file->pages, sizeof *file->bytes);
    file->erases = calloc(file->pages, sizeof *file->erases);
    return file->bytes && file->erases ? FLASH_FILE_OK : FLASH_FILE_SYSTEM;
}

/* Reads the pages that the file has, keeping those that are not erased, and the wear record. */
static bool load(struct flash_file *file) {
    uint8_t page[FLASH_PAGE], wear[FLASH_FILE_PAGES * WEAR_SIZE];
    size_t got;
    for (uint32_t i = 0; i < file->pages; i++) {
        if (!read_some(file->fd, page, FLASH_PAGE, (off_t)i * FLASH_PAGE, &got))
            return false;
        if (got < FLASH_PAGE && i < file->missing)
            file->missing = i;
        memset(page + got, 0xff, FLASH_PAGE - got);
        if (page_is_erased(page))
            continue;
        if (!page_for_writing(file, i))
            return false;
        memcpy(file->bytes[i], page, FLASH_PAGE);
    }
    if (!read_some(file->fd, wear, sizeof wear, FLASH_FILE_FLASH_SIZE, &got))
        return false;
    for (uint32_t i = 0; i < file->pages && got == sizeof wear; i++) {
        const uint8_t *p = wear + (size_t)i * WEAR_SIZE;
        file->erases[i] =
            (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
    }
    return true;
}

static bool wear_write(const struct flash_file *file, int fd, uint32_t page) {
    uint32_t n = file->erases[page];
    uint8_t raw[WEAR_SIZE] = {(uint8_t)n, (uint8_t)(n >> 8), (uint8_t)(n >> 16),
                              (uint8_t)(n >> 24)};
    return write_all(fd, raw, sizeof raw, FLASH_FILE_FLASH_SIZE + (off_t)page * WEAR_SIZE);
}

/* All of it, to any file. */
static bool write_whole(const struct flash_file *file, int fd) {
    uint8_t erased[FLASH_PAGE];
    memset(erased, 0xff, sizeof erased);
    for (uint32_t i = 0; i < file->pages; i++)
        if (!write_all(fd, file->bytes[i] ? file->bytes[i] : erased, FLASH_PAGE,
                       (off_t)i * FLASH_PAGE) ||
            !wear_write(file, fd, i))
            return false;
    return true;
}

enum flash_file_error flash_file_create(struct flash_file *file, const char *path) {
    enum flash_file_error err =
        take(file, open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, S_IRUSR | S_IWUSR));
    if (!err && !write_whole(file, file->fd))
        err = FLASH_FILE_SYSTEM;
    if (err)
        flash_file_close(file);
    return err;
}

static enum flash_file_error open_size(struct flash_file *file, const char *path, int flags,
                                       off_t min) {
    struct stat st;
    enum flash_file_error err = take(file, open(path, flags | O_CLOEXEC));
    if (!err && fstat(file->fd, &st) != 0)
        err = FLASH_FILE_SYSTEM;
    if (!err && (!S_ISREG(st.st_mode) || st.st_size < min || st.st_size > FLASH_FILE_SIZE_ALL))
        err = FLASH_FILE_SIZE;
    /* either the pages alone, as older images have, or with the wear record */
    if (!err && min == FLASH_FILE_FLASH_SIZE && st.st_size != min &&
        st.st_size != FLASH_FILE_SIZE_ALL)
        err = FLASH_FILE_SIZE;
    if (!err && !load(file))
        err = FLASH_FILE_SYSTEM;
    if (err)
        flash_file_close(file);
    return err;
}

enum flash_file_error flash_file_open(struct flash_file *file, const char *path) {
    return open_size(file, path, O_RDWR, FLASH_FILE_FLASH_SIZE);
}

enum flash_file_error flash_file_open_copy(struct flash_file *file, const char *path) {
    enum flash_file_error err = open_size(file, path, O_RDONLY, 1);
    if (!err) {
        close(file->fd);
        file->fd = -1;
    }
    return err;
}

bool flash_file_save(const struct flash_file *file, const char *path) {
    int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, S_IRUSR | S_IWUSR);
    if (fd < 0)
        return false;
    bool ok = write_whole(file, fd) && fsync(fd) == 0;
    int saved = errno;
    close(fd);
    if (!ok)
        unlink(path);
    errno = saved;
    return ok;
}

void flash_file_close(struct flash_file *file) {
    int saved = errno;
    if (file->fd >= 0)
        close(file->fd);
    for (uint32_t i = 0; file->bytes && i < file->pages; i++)
        free(file->bytes[i]);
    free(file->bytes);
    free(file->erases);
    *file = (struct flash_file){.fd = -1};
    errno = saved;
}

static bool in_range(const struct flash_file *file, uint32_t addr, uint32_t len) {
    uint32_t size = file->pages * FLASH_PAGE;
    return addr <= size && len <= size - addr;
}

static bool flash_read(void *ctx, uint32_t addr, void *out, uint32_t len) {
    const struct flash_file *file = ctx;
    uint8_t *to = out;
    if (!in_range(file, addr, len))
        return false;
    for (uint32_t n; len; addr += n, to += n, len -= n) {
        const uint8_t *page = file->bytes[addr / FLASH_PAGE];
        uint32_t at = addr % FLASH_PAGE;
        n = FLASH_PAGE - at < len ? FLASH_PAGE - at : len;
        if (page)
            memcpy(to, page + at, n);
        else
            memset(to, 0xff, n);
    }
    return true;
}

static bool flash_erase(void *ctx, uint32_t page) {
    struct flash_file *file = ctx;
    uint8_t erased[FLASH_PAGE];
    if (page >= file->pages)
        return false;
    memset(erased, 0xff, sizeof erased);
    free(file->bytes[page]);
    file->bytes[page] = NULL;
    file->erases[page]++;
    return write_all(file->fd, erased, FLASH_PAGE, (off_t)page * FLASH_PAGE) &&
           wear_write(file, file->fd, page);
}

static bool flash_program(void *ctx, uint32_t addr, const void *words, uint32_t len) {
    struct flash_file *file = ctx;
    const uint8_t *from = words;
    if (!in_range(file, addr, len) || addr % FLASH_WORD || len % FLASH_WORD)
        return false;
    for (uint32_t n; len; addr += n, from += n, len -= n) {
        uint8_t *page = page_for_writing(file, addr / FLASH_PAGE);
        uint32_t at = addr % FLASH_PAGE;
        n = FLASH_PAGE - at < len ? FLASH_PAGE - at : len;
        for (uint32_t i = 0; page && i < n; i++)
            if (page[at + i] != 0xff)
                return false; /* programmed before: a fault of the caller, as a chip would report */
        if (!page)
            return false;
        memcpy(page + at, from, n);
        if (!write_all(file->fd, page + at, n, (off_t)addr))
            return false;
    }
    return true;
}

struct flash flash_file_flash(struct flash_file *file) {
    static const struct flash_ops ops = {flash_read, flash_erase, flash_program};
    return (struct flash){.ops = &ops, .ctx = file, .pages = file->pages};
}
