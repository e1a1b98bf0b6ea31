/* BER-TLV on top of the bounded reader and writer: the data objects of ISO 7816-4 cards. */
#ifndef OPENUKEY_TOKEN_TLV_H
#define OPENUKEY_TOKEN_TLV_H

#include "module/token/wire.h"

/* Takes the next element: tag of up to three bytes, definite length of up to three bytes after 8x. False at the end, and
 * when the element is not whole: then r->failed is set. */
bool tlv_next(struct wire_reader *r, uint32_t *tag, struct wire_reader *value);

/* The first element with this tag among those of `r`, which is not moved. False: there is none, or what stands before
 * it is malformed. */
bool tlv_find(const struct wire_reader *r, uint32_t tag, struct wire_reader *value);

/* A reader of bytes. */
struct wire_reader tlv_reader(const uint8_t *data, size_t len);

/* Bytes that tag and length take before `len` bytes of value. */
size_t tlv_head_size(uint32_t tag, size_t len);
void tlv_put_head(struct wire_writer *w, uint32_t tag, size_t len);
void tlv_put(struct wire_writer *w, uint32_t tag, const void *value, size_t len);

#endif
