/* Log lines to standard error, one write each, so that lines of several threads do not mix. */
#include "module/log.h"

#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

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

__attribute__((format(printf, 2, 0))) static void log_line(enum log_level level, const char *format,
                                                           va_list args) {
    if (!log_wants(level)) {
        return;
    }
    char line[512];
    struct timespec now;
    struct tm utc;
    clock_gettime(CLOCK_REALTIME, &now);
    gmtime_r(&now.tv_sec, &utc);
    int used =
        snprintf(line, sizeof(line), "openukey-pkcs11 %02d:%02d:%02d.%03ld %d %s: ", utc.tm_hour,
                 utc.tm_min, utc.tm_sec, now.tv_nsec / 1000000, (int)getpid(), level_names[level]);
    size_t at = used < 0 ? 0 : (size_t)used;
    int more = vsnprintf(line + at, sizeof(line) - at, format, args);
    at += more < 0 ? 0 : (size_t)more;
    if (at > sizeof(line) - 2) {
        at = sizeof(line) - 2;
    }
    line[at++] = '\n';
    (void)!write(STDERR_FILENO, line, at);
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
