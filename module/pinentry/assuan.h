/* The Assuan line protocol, client side, as far as pinentry needs it: making command lines, understanding answer lines.
 * Nothing here does input or output. */
#ifndef OPENUKEY_PINENTRY_ASSUAN_H
#define OPENUKEY_PINENTRY_ASSUAN_H

#include <stdbool.h>
#include <stddef.h>

enum {
    ASSUAN_LINE_MAX = 1002,    /* a line with its LF: libassuan's limit */
    ASSUAN_ARGUMENT_MAX = 993, /* of SETDESC: measured, pinentry 1.2.1 hangs up on longer ones */
};

enum assuan_line {
    ASSUAN_OK,
    ASSUAN_ERR,
    ASSUAN_DATA,   /* "D ..." */
    ASSUAN_IGNORE, /* status and comment lines */
    ASSUAN_BAD,    /* INQUIRE, which we never invite, and anything else */
};

/* The errors that tell a person's decision from a fault (low 16 bits of libgpg-error's numbers). */
enum assuan_code {
    ASSUAN_CODE_TIMEOUT = 62,
    ASSUAN_CODE_CANCELED = 99,
    ASSUAN_CODE_NOT_CONFIRMED = 114,
    ASSUAN_CODE_FULLY_CANCELED = 198,
};

/* Write "COMMAND argument\n" with '%', CR, LF and other control characters of the argument percent-escaped. `argument` may be NULL.
 * Returns the length, or 0 if it does not fit (argument over ASSUAN_ARGUMENT_MAX once escaped, line over ASSUAN_LINE_MAX). */
size_t assuan_command(char line[ASSUAN_LINE_MAX + 1], const char *command, const char *argument);

/* What an answer line (without LF; a CR at its end is ignored) is. *value points behind the keyword, *value_len tells its length. */
enum assuan_line assuan_parse(const char *line, size_t len, const char **value, size_t *value_len);

/* The error number of an ERR line's value, or -1. Its low 16 bits are an enum assuan_code or another. */
long assuan_error_code(const char *value, size_t len);

/* Undo the percent-escaping of a D line; appends to `data` (`size` bytes, *used of them in use). False on a bad escape, a NUL byte
 * or when it does not fit. */
bool assuan_decode(const char *value, size_t len, char *data, size_t size, size_t *used);

#endif
