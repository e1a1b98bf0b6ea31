/* Log lines on stderr. */
#include "agent/log.h"

#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static atomic_int threshold = LOG_LEVEL_INFO;

void log_set_level(enum log_level level) {
    atomic_store(&threshold, (int)level);
}

void log_write(enum log_level level, const char *room, const char *format, ...) {
    static const char *const names[] = {"error", "warn", "info", "debug"};
    if ((int)level > atomic_load(&threshold)) {
        return;
    }
    char line[1024], time_text[32];
    time_t now = time(NULL);
    struct tm utc;
    strftime(time_text, sizeof(time_text), "%Y-%m-%dT%H:%M:%SZ", gmtime_r(&now, &utc));
    int head = snprintf(line, sizeof(line), "%s %s %s: ", time_text, names[level], room);
    if (head < 0 || (size_t)head >= sizeof(line)) {
        return;
    }
    va_list args;
    va_start(args, format);
    vsnprintf(line + head, sizeof(line) - (size_t)head - 1, format, args);
    va_end(args);
    size_t len = strlen(line);
    for (size_t i = 0; i < len; i++) {
        unsigned char c = (unsigned char)line[i];
        if (c < 0x20 || c == 0x7F) {
            line[i] = '?';
        }
    }
    line[len++] = '\n';
    /* one write: lines of several threads do not mix */
    ssize_t written = write(STDERR_FILENO, line, len);
    (void)written;
}
