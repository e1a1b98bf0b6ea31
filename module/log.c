/* Log lines and spy lines. */
#include "module/log.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { LINE_SIZE = 2048 };

static const char *const level_names[] = {"error", "warn", "info", "debug"};
static atomic_int current_level = LOG_LEVEL_WARN;

bool log_level_parse(const char *name, enum log_level *out) {
    for (size_t i = 0; i < sizeof(level_names) / sizeof(level_names[0]); i++) {
        if (strcmp(name, level_names[i]) == 0) {
            *out = (enum log_level)i;
            return true;
        }
    }
    return false;
}

void log_set_level(enum log_level level) {
    current_level = (int)level;
}

bool log_wants(enum log_level level) {
    return (int)level <= current_level;
}

static atomic_int log_fd = STDERR_FILENO;
static atomic_int spy_fd = -1;

static int open_end(const char *path) {
    return open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NOCTTY, 0600);
}

void log_set_file(const char *path) {
    int fd = path[0] != '\0' ? open_end(path) : STDERR_FILENO;
    if (fd < 0) {
        fd = STDERR_FILENO;
        log_error("%s: %s", path, strerror(errno));
    }
    int before = atomic_exchange(&log_fd, fd);
    if (before != STDERR_FILENO) {
        close(before);
    }
}

bool log_set_spy(const char *path) {
    int fd = open_end(path);
    if (fd < 0) {
        log_error("%s: %s", path, strerror(errno));
        return false;
    }
    int before = atomic_exchange(&spy_fd, fd);
    if (before >= 0) {
        close(before);
    }
    return true;
}

/* One line, one write, so that lines of several threads do not mix. */
__attribute__((format(printf, 3, 0))) static void write_line(int fd, const char *kind,
                                                             const char *format, va_list args) {
    char line[LINE_SIZE];
    struct timespec now;
    struct tm utc;
    clock_gettime(CLOCK_REALTIME, &now);
    gmtime_r(&now.tv_sec, &utc);
    int used =
        snprintf(line, sizeof(line), "openukey-pkcs11 %02d:%02d:%02d.%03ld %d %s: ", utc.tm_hour,
                 utc.tm_min, utc.tm_sec, now.tv_nsec / 1000000, (int)getpid(), kind);
    size_t at = used < 0 ? 0 : (size_t)used;
    int more = vsnprintf(line + at, sizeof(line) - at, format, args);
    at += more < 0 ? 0 : (size_t)more;
    if (at > sizeof(line) - 2) {
        at = sizeof(line) - 2;
    }
    line[at++] = '\n';
    (void)!write(fd, line, at);
}

__attribute__((format(printf, 2, 0))) static void log_line(enum log_level level, const char *format,
                                                           va_list args) {
    if (log_wants(level)) {
        write_line(log_fd, level_names[level], format, args);
    }
}

void log_spy(const char *format, ...) {
    va_list args;
    int fd = spy_fd;
    if (fd >= 0) {
        va_start(args, format);
        write_line(fd, "spy", format, args);
        va_end(args);
    }
}

#define LOG_FUNCTION(name, level)                                                                  \
    void name(const char *format, ...) {                                                           \
        va_list args;                                                                              \
        va_start(args, format);                                                                    \
        log_line(level, format, args);                                                             \
        va_end(args);                                                                              \
    }

LOG_FUNCTION(log_error, LOG_LEVEL_ERROR)
LOG_FUNCTION(log_warn, LOG_LEVEL_WARN)
LOG_FUNCTION(log_info, LOG_LEVEL_INFO)
LOG_FUNCTION(log_debug, LOG_LEVEL_DEBUG)
