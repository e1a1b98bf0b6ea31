/* Assuan lines, after the libassuan manual's "Client requests" and "Server responses". */
#include "module/pinentry/assuan.h"

#include <stdio.h>
#include <string.h>

size_t assuan_command(char line[ASSUAN_LINE_MAX + 1], const char *command, const char *argument) {
    size_t used = strlen(command), limit = 0;
    line[0] = '\0';
    if (used + 1 > ASSUAN_LINE_MAX)
        return 0;
    memcpy(line, command, used);
    if (argument) {
        line[used++] = ' ';
        limit = used + ASSUAN_ARGUMENT_MAX;
        if (limit > ASSUAN_LINE_MAX - 1)
            limit = ASSUAN_LINE_MAX - 1;
        for (const unsigned char *c = (const unsigned char *)argument; *c; c++) {
            bool escape = *c < 0x20 || *c == 0x7F || *c == '%';
            if (used + (escape ? 3 : 1) > limit) {
                line[0] = '\0';
                return 0;
            }
            if (escape)
                used += (size_t)snprintf(line + used, 4, "%%%02X", *c);
            else
                line[used++] = (char)*c;
        }
    }
    line[used++] = '\n';
    line[used] = '\0';
    return used;
}

/* True if the line is `keyword`, alone or with a value behind a space. */
static bool line_is(const char *line, size_t len, const char *keyword, const char **value,
                    size_t *value_len) {
    size_t keyword_len = strlen(keyword);
    if (len < keyword_len || memcmp(line, keyword, keyword_len) != 0)
        return false;
    if (len > keyword_len && line[keyword_len] != ' ')
        return false;
    size_t from = len > keyword_len ? keyword_len + 1 : len;
    *value = line + from;
    *value_len = len - from;
    return true;
}

enum assuan_line assuan_parse(const char *line, size_t len, const char **value, size_t *value_len) {
    if (len > 0 && line[len - 1] == '\r')
        len--;
    *value = line + len;
    *value_len = 0;
    if (line_is(line, len, "OK", value, value_len))
        return ASSUAN_OK;
    if (line_is(line, len, "ERR", value, value_len))
        return ASSUAN_ERR;
    if (line_is(line, len, "D", value, value_len))
        return ASSUAN_DATA;
    if (line_is(line, len, "S", value, value_len) || (len > 0 && line[0] == '#'))
        return ASSUAN_IGNORE;
    return ASSUAN_BAD;
}

long assuan_error_code(const char *value, size_t len) {
    long code = 0;
    size_t at = 0;
    for (; at < len && value[at] >= '0' && value[at] <= '9'; at++) {
        code = code * 10 + (value[at] - '0');
        if (code > 0xFFFFFFFFL)
            return -1;
    }
    if (at == 0 || (at < len && value[at] != ' '))
        return -1;
    return code;
}

static int hex_digit(char c) {
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    return -1;
}

bool assuan_decode(const char *value, size_t len, char *data, size_t size, size_t *used) {
    for (size_t at = 0; at < len; at++) {
        char byte = value[at];
        if (byte == '%') {
            if (len - at < 3)
                return false;
            int high = hex_digit(value[at + 1]), low = hex_digit(value[at + 2]);
            if (high < 0 || low < 0)
                return false;
            byte = (char)(high << 4 | low);
            at += 2;
        }
        if (byte == '\0' || *used >= size)
            return false;
        data[(*used)++] = byte;
    }
    return true;
}
