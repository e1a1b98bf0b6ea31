/* BER-TLV (ISO/IEC 7816-4 clause 5.2.2) read from and written to command data: tags of up to three bytes, definite lengths of
 * up to 65535. A tag is its bytes as a number: 5FC105. */
#ifndef FIRMWARE_CORE_TLV_H
#define FIRMWARE_CORE_TLV_H

#include "firmware-sim/core/wire.h"

/* The next object of in; *value is its content. False at the end, and when in is malformed: then in is bad. */
bool tlv_next(struct wire_reader *in, uint32_t *tag, struct wire_reader *value);
/* The next object must be of that tag; else in turns bad and the value is empty. */
struct wire_reader tlv_take(struct wire_reader *in, uint32_t tag);

/* Tag and length alone; the caller puts len bytes. */
void tlv_put_head(struct wire_writer *out, uint32_t tag, size_t len);
void tlv_put(struct wire_writer *out, uint32_t tag, const void *value, size_t len);
/* Bytes that an object of that tag with len bytes of content takes. */
size_t tlv_size(uint32_t tag, size_t len);

#endif
