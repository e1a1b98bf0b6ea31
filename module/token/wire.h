/* Bounded reading and writing of card data: a field that does not fit marks the whole as failed, so that one check at
 * the end, before anything is used, is enough. */
#ifndef OPENUKEY_TOKEN_WIRE_H
#define OPENUKEY_TOKEN_WIRE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum byte_order { LITTLE_ENDIAN_FIELDS, BIG_ENDIAN_FIELDS };

struct wire_writer {
    uint8_t *data;
    size_t size;
    size_t len;
    enum byte_order order;
    bool failed;
};

struct wire_reader {
    const uint8_t *data;
    size_t len;
    size_t at;
    enum byte_order order;
    bool failed;
};

void wire_put_u8(struct wire_writer *w, uint8_t value);
void wire_put_u16(struct wire_writer *w, uint16_t value);
void wire_put_u32(struct wire_writer *w, uint32_t value);
void wire_put_bytes(struct wire_writer *w, const void *data, size_t len);
/* Text, then zeros up to `width`; longer text fails. */
void wire_put_padded(struct wire_writer *w, const void *data, size_t len, size_t width);

/* A failed reader gives zeros. */
uint8_t wire_u8(struct wire_reader *r);
uint16_t wire_u16(struct wire_reader *r);
uint32_t wire_u32(struct wire_reader *r);
/* Copies exactly `len` bytes; zeros them when there are fewer. */
void wire_bytes(struct wire_reader *r, void *out, size_t len);
/* A view of `len` bytes; NULL when there are fewer. */
const uint8_t *wire_view(struct wire_reader *r, size_t len);
/* A zero-padded text field of `width` bytes into out (width + 1 bytes, NUL-terminated). */
void wire_text(struct wire_reader *r, char *out, size_t width);
/* Nothing failed and nothing is left. */
bool wire_ended(const struct wire_reader *r);
size_t wire_left(const struct wire_reader *r);

#endif
