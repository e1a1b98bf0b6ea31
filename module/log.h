/* Log lines to standard error or a file; the spy mode's lines to a file of their own. Never a PIN, a key or a plaintext: log the name of such a thing instead. */
#ifndef OPENUKEY_MODULE_LOG_H
#define OPENUKEY_MODULE_LOG_H

#include <stdbool.h>

enum log_level { LOG_LEVEL_ERROR, LOG_LEVEL_WARN, LOG_LEVEL_INFO, LOG_LEVEL_DEBUG };

/* "error", "warn", "info", "debug". False: not a level. */
bool log_level_parse(const char *name, enum log_level *out);

/* Lines above `level` are dropped; LOG_LEVEL_WARN to begin with. */
void log_set_level(enum log_level level);
bool log_wants(enum log_level level);

/* Further lines go to the end of this file, made if need be, for the user alone; "": to standard error. */
void log_set_file(const char *path);

/* Where log_spy() writes; false when the file cannot be had. Without it log_spy() does nothing. */
bool log_set_spy(const char *path);

#define LOG_FORMAT __attribute__((format(printf, 1, 2)))
void log_error(const char *format, ...) LOG_FORMAT;
void log_warn(const char *format, ...) LOG_FORMAT;
void log_info(const char *format, ...) LOG_FORMAT;
void log_debug(const char *format, ...) LOG_FORMAT;
void log_spy(const char *format, ...) LOG_FORMAT;

#endif
