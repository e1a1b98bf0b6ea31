/* Bounded reader and writer for everything that comes from or goes to the outside: APDU data fields and stored records.
 * A reader that runs past its end, and a writer past its room, turn bad and stay bad; so one parses all, asks once, then
 * acts. Integers are little-endian unless the reader or writer is told otherwise (layout profiles of
 * include/openukey/apdu.h). */
#ifndef FIRMWARE_CORE_WIRE_H
#define FIRMWARE_CORE_WIRE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct wire_reader {
    const uint8_t *p;
    size_t left;
    bool bad;
    bool big_endian; /* false after wire_reader */
};

struct wire_writer {
    uint8_t *buf;
    size_t len, max;
    bool bad;
    bool big_endian; /* false after wire_writer */
};

struct wire_reader wire_reader(const void *data, size_t len);
/* The next len bytes in place, or NULL (and bad) if there are fewer. */
const uint8_t *wire_take(struct wire_reader *r, size_t len);
/* Copies the next len bytes; zeros if there are fewer. */
void wire_copy(struct wire_reader *r, void *out, size_t len);
uint8_t wire_u8(struct wire_reader *r);
uint16_t wire_u16(struct wire_reader *r);
uint32_t wire_u32(struct wire_reader *r);
/* True if everything was there and nothing is left. */
bool wire_done(const struct wire_reader *r);

struct wire_writer wire_writer(void *buf, size_t max);
void wire_put(struct wire_writer *w, const void *data, size_t len);
/* len bytes of room to fill in place, or NULL (and bad). */
uint8_t *wire_room(struct wire_writer *w, size_t len);
void wire_put_u8(struct wire_writer *w, uint8_t v);
void wire_put_u16(struct wire_writer *w, uint16_t v);
void wire_put_u32(struct wire_writer *w, uint32_t v);

/* Text without NUL inside a zero-padded field of size bytes: its length, or size + 1 if bytes follow the first NUL. */
size_t wire_padded_text(const uint8_t *field, size_t size);

#endif
