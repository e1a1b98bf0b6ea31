/* Text from outside made safe to look at: what cannot be seen, or changes how other text is seen, is spelled out. */
#ifndef OPENUKEY_PINENTRY_VISIBLE_H
#define OPENUKEY_PINENTRY_VISIBLE_H

#include <stdbool.h>
#include <stddef.h>

/* A copy of `len` bytes of UTF-8 in which control, bidi, invisible, private and non-characters, line ends and lone runs of combining
 * marks stand as \u{XXXX}, and bytes that are not UTF-8 as \x{XX}. With `keep_lines`, '\n' stays. NUL-terminated, to be freed
 * with free(); NULL when memory is out. *escaped (may be NULL) tells whether anything had to be spelled out. */
char *visible_text(const char *text, size_t len, bool keep_lines, bool *escaped);

/* The next bytes of `shown`, which visible_text() made of the NUL-terminated *text, that are either all as written or all spelled out
 * (*is_escape), at most `max` characters of *text. Returns how many bytes, 0 at the end, and moves *text on by what they stand for: so
 * that what is spelled out can be marked, and told from the same letters written by somebody. */
size_t visible_run(const char **text, const char *shown, size_t max, bool *is_escape);

/* Decode one character of UTF-8 (RFC 3629: no overlong forms, no surrogates, at most U+10FFFF). Returns its length in bytes, or 0 if
 * the bytes are not one. */
size_t visible_decode_utf8(const char *text, size_t len, unsigned *character);

#endif
