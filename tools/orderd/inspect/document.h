/* What a document really is: its kind by its first bytes, whether it is whole and can be decoded, pixels, resolution, colour. */
#ifndef TOOLS_ORDERD_INSPECT_DOCUMENT_H
#define TOOLS_ORDERD_INSPECT_DOCUMENT_H

#include <stddef.h>
#include <stdio.h>

/* Writes one line of JSON to `out`: {ok: true, mime, width, height, dpi, colour} or {ok: false, why}. A picture of more pixels than
 * `pixels_max` is not decoded. Never fails otherwise. */
void document_inspect(const unsigned char *data, size_t len, long long pixels_max, FILE *out);

#endif
