/* Strict reading and checked access of JSON that comes from outside (jansson). */
#ifndef AGENT_HTTP_JSON_H
#define AGENT_HTTP_JSON_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define JSON_STRICT_MAX_DEPTH 32

/* Parse one JSON document of `len` bytes (RFC 8259): duplicate names, bad UTF-8, NUL in strings, anything after the end
 * and nesting deeper than JSON_STRICT_MAX_DEPTH are refused. New reference, or NULL with a short English reason in
 * `error` (`error_size` bytes; may be NULL). */
json_t *json_parse_strict(const char *text, size_t len, char *error, size_t error_size);

/* The same for a file of at most `max` bytes. */
json_t *json_read_file_strict(const char *path, size_t max, char *error, size_t error_size);

/* The string member `name`, or NULL if absent, not a string, empty, or longer than `max_len` bytes. Borrowed. */
const char *json_member_string(const json_t *object, const char *name, size_t max_len);

/* True if every member of `object` is one of `names` (ended by NULL); else *unknown (may be NULL) is the first foreign one. */
bool json_members_are(const json_t *object, const char *const *names, const char **unknown);

#endif
