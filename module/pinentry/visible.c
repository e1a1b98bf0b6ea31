/* Spelling out what a reader could not see. */
#include "module/pinentry/visible.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Unicode 15: Cc, Cf, Zl, Zp, default-ignorable code points, fillers and blanks that look like nothing, private use, non-characters.
 * Sorted. */
static const struct range {
    uint32_t first, last;
} unseen[] = {
    {0x0000, 0x001F},   {0x007F, 0x009F},   {0x00AD, 0x00AD},   {0x034F, 0x034F},
    {0x0600, 0x0605},   {0x061C, 0x061C},   {0x06DD, 0x06DD},   {0x070F, 0x070F},
    {0x0890, 0x0891},   {0x08E2, 0x08E2},   {0x115F, 0x1160},   {0x17B4, 0x17B5},
    {0x180B, 0x180F},   {0x200B, 0x200F},   {0x2028, 0x202E},   {0x2060, 0x206F},
    {0x2800, 0x2800},   {0x3164, 0x3164},   {0xE000, 0xF8FF},   {0xFDD0, 0xFDEF},
    {0xFE00, 0xFE0F},   {0xFEFF, 0xFEFF},   {0xFFA0, 0xFFA0},   {0xFFF0, 0xFFFB},
    {0xFFFE, 0xFFFF},   {0x110BD, 0x110BD}, {0x110CD, 0x110CD}, {0x13430, 0x1343F},
    {0x1BCA0, 0x1BCA3}, {0x1D173, 0x1D17A}, {0x1FFFE, 0x1FFFF}, {0xE0000, 0x10FFFF},
};

/* Marks that are drawn over the character before them, in the blocks made of nothing else. */
static const struct range combining[] = {
    {0x0300, 0x036F}, {0x0483, 0x0489}, {0x1AB0, 0x1AFF},
    {0x1DC0, 0x1DFF}, {0x20D0, 0x20FF}, {0xFE20, 0xFE2F},
};

enum { COMBINING_RUN_MAX = 2, ESCAPE_MAX = 12 };

static bool is_in(const struct range *ranges, size_t count, uint32_t character) {
    for (size_t i = 0; i < count; i++) {
        if (character >= ranges[i].first && character <= ranges[i].last)
            return true;
    }
    return false;
}

size_t visible_decode_utf8(const char *text, size_t len, unsigned *character) {
    const unsigned char *byte = (const unsigned char *)text;
    if (len == 0)
        return 0;
    if (byte[0] < 0x80) {
        *character = byte[0];
        return 1;
    }
    size_t size = byte[0] >= 0xF0 ? 4 : byte[0] >= 0xE0 ? 3 : 2;
    if (byte[0] < 0xC2 || byte[0] > 0xF4 || size > len)
        return 0;
    unsigned value = byte[0] & (0x7FU >> size);
    for (size_t i = 1; i < size; i++) {
        if ((byte[i] & 0xC0) != 0x80)
            return 0;
        value = value << 6 | (byte[i] & 0x3FU);
    }
    static const unsigned smallest[] = {0, 0, 0x80, 0x800, 0x10000};
    if (value < smallest[size] || value > 0x10FFFF || (value >= 0xD800 && value <= 0xDFFF))
        return 0;
    *character = value;
    return size;
}

char *visible_text(const char *text, size_t len, bool keep_lines, bool *escaped) {
    if (escaped)
        *escaped = false;
    if (len > SIZE_MAX / ESCAPE_MAX - 1)
        return NULL;
    char *shown = malloc(len * ESCAPE_MAX + 1);
    if (!shown)
        return NULL;
    size_t used = 0;
    unsigned marks = 0;
    for (size_t at = 0; at < len;) {
        unsigned character = 0;
        size_t size = visible_decode_utf8(text + at, len - at, &character);
        bool is_mark =
            size > 0 && is_in(combining, sizeof combining / sizeof *combining, character);
        marks = is_mark ? marks + 1 : 0;
        if (size > 0 && ((keep_lines && character == '\n') ||
                         (!is_in(unseen, sizeof unseen / sizeof *unseen, character) &&
                          !(is_mark && (marks > COMBINING_RUN_MAX || at == 0))))) {
            memcpy(shown + used, text + at, size);
            used += size;
        } else {
            if (escaped)
                *escaped = true;
            used +=
                (size_t)snprintf(shown + used, ESCAPE_MAX + 1, size > 0 ? "\\u{%04X}" : "\\x{%02X}",
                                 size > 0 ? character : (unsigned char)text[at]);
            size = size > 0 ? size : 1;
        }
        at += size;
    }
    shown[used] = '\0';
    char *fitted = realloc(shown, used + 1);
    return fitted ? fitted : shown;
}

size_t visible_run(const char **text, const char *shown, size_t max, bool *is_escape) {
    size_t used = 0;
    *is_escape = shown[0] == '\\' && **text != '\\';
    for (size_t i = 0; i < max && shown[used] != '\0'; i++) {
        unsigned character = 0;
        size_t size = visible_decode_utf8(*text, strnlen(*text, 4), &character);
        bool is_spelled = shown[used] == '\\' && **text != '\\';
        if (is_spelled != *is_escape)
            break;
        used += is_spelled ? strcspn(shown + used, "}") + 1 : size;
        *text += size > 0 ? size : 1;
    }
    return used;
}
