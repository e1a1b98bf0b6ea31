/* RFC 8785 canonical JSON for what we sign: objects and arrays of strings and safe integers,
 * nothing else. */
#ifndef OPENUKEY_FORMATS_CANONICAL_JSON_H
#define OPENUKEY_FORMATS_CANONICAL_JSON_H

#include "module/formats/octets.h"

#include <jansson.h>

enum canonical_json_size { CANONICAL_JSON_MAX = 65536, CANONICAL_JSON_DEPTH = 8 };

/* *out = the canonical bytes (UTF-8, not NUL-terminated in len, but a NUL follows). The root must
 * be an object. FORMATS_UNSUPPORTED for a real number, true, false, null, an integer beyond
 * +-(2^53-1), or a NUL inside a string; FORMATS_TOO_LARGE past the bounds. */
enum formats_error canonical_json_write(const json_t *object, struct octets *out);

/* Reads bytes that must already be canonical: parses strictly (duplicate keys refused), writes
 * again, compares. FORMATS_MISMATCH when they are JSON but not canonical. *out is the caller's
 * (json_decref). */
enum formats_error canonical_json_read(const void *bytes, size_t len, json_t **out);

#endif
