/* The KMC's record, kmc.log: one line for each approval, recovery and refusal, each hashed with the
 * one before, so that a line that was changed or taken out shows. */
#include "module/formats/calendar.h"
#include "module/formats/sm2.h"
#include "tools/orderd/ca/ca_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { HASH = 2 * SM3_SIZE, LINE_MAX_BYTES = 512 };

static const char LOG[] = "kmc.log";

/* The hash that stands at a line's end: over the hash before it and the text. */
static enum ca_error line_hash(const struct ca *ca, const char before[HASH + 1], const char *text,
                               size_t len, char out[HASH + 1]) {
    unsigned char both[HASH + LINE_MAX_BYTES]; /* no text: nothing ends it */
    unsigned char digest[SM3_SIZE];
    size_t used = 0;
    for (; before[used] != '\0'; used++) {
        both[used] = (unsigned char)before[used];
    }
    memcpy(both + used, text, len);
    enum ca_error error = ca_error_of(sm3_digest(ca->libctx, both, used + len, digest));
    octets_to_hex(digest, SM3_SIZE, out);
    return error;
}

/* Reads on from line to line; `last` becomes the last line's hash, *end where the whole lines end:
 * what follows was cut off in the middle of being written, and so was never answered. */
static enum ca_error log_read(const struct ca *ca, FILE *file, char last[HASH + 1], off_t *end,
                              size_t *lines) {
    char line[LINE_MAX_BYTES + HASH + 2];
    enum ca_error error = CA_OK;
    last[0] = '\0';
    *end = 0;
    *lines = 0;
    while (error == CA_OK && fgets(line, sizeof line, file) != NULL) {
        char hash[HASH + 1];
        size_t len = strlen(line);
        if (len == 0 || line[len - 1] != '\n') {
            error = feof(file) != 0 ? CA_OK : CA_CORRUPT;
            break;
        }
        line[--len] = '\0';
        if (len <= HASH || len - HASH > LINE_MAX_BYTES)
            return CA_CORRUPT;
        error = line_hash(ca, last, line, len - HASH, hash);
        if (error == CA_OK && strcmp(hash, line + len - HASH) != 0)
            error = CA_CORRUPT;
        memcpy(last, hash, sizeof hash);
        *end += (off_t)len + 1;
        (*lines)++;
    }
    return error == CA_OK && ferror(file) != 0 ? CA_STORE : error;
}

static enum ca_error append(const struct ca *ca, FILE *file, const char *text) {
    char last[HASH + 1];
    char hash[HASH + 1];
    off_t end = 0;
    size_t lines = 0;
    enum ca_error error = log_read(ca, file, last, &end, &lines);
    if (error == CA_OK)
        error = line_hash(ca, last, text, strlen(text), hash);
    if (error != CA_OK)
        return error;
    bool done = ftruncate(fileno(file), end) == 0 && fseeko(file, end, SEEK_SET) == 0 &&
                fprintf(file, "%s%s\n", text, hash) > 0 && fflush(file) == 0 &&
                fsync(fileno(file)) == 0;
    return done ? CA_OK : CA_STORE;
}

static FILE *log_open(const struct ca *ca, int flags, const char *mode) {
    int fd = openat(ca->directory_fd, LOG, flags | O_CLOEXEC | O_NOFOLLOW, 0600);
    FILE *file = fd >= 0 ? fdopen(fd, mode) : NULL;
    if (file == NULL && fd >= 0)
        close(fd);
    return file;
}

enum ca_error ca_record(const struct ca *ca, int64_t now, const char *what,
                        const struct ca_recovery *recovery, const char *who) {
    char time[21];
    char text[LINE_MAX_BYTES];
    calendar_rfc3339(now, time);
    int len = snprintf(text, sizeof text, "%s %s %s %s %s ", time, what, recovery->reference,
                       recovery->encrypt_serial, who);
    if (len < 0 || (size_t)len >= sizeof text)
        return CA_ARGUMENT;
    FILE *file = log_open(ca, O_RDWR | O_CREAT, "r+");
    if (file == NULL)
        return CA_STORE;
    enum ca_error error = append(ca, file, text);
    if (fclose(file) != 0 && error == CA_OK)
        error = CA_STORE;
    return error;
}

enum ca_error ca_recovery_log_check(struct ca *ca, size_t *lines) {
    char last[HASH + 1];
    off_t end = 0;
    size_t count = 0;
    enum ca_error error = ca_lock(ca);
    if (error != CA_OK)
        return error;
    FILE *file = log_open(ca, O_RDONLY, "r");
    if (file != NULL) {
        error = log_read(ca, file, last, &end, &count);
        fclose(file);
    } else if (errno != ENOENT) {
        error = CA_STORE;
    }
    ca_unlock(ca);
    if (lines != NULL)
        *lines = count;
    return error;
}
