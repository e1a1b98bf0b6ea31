/* Bounded reader and writer. */
#include "firmware-sim/core/wire.h"

#include <string.h>

struct wire_reader wire_reader(const void *data, size_t len) {
    return (struct wire_reader){.p = data, .left = len};
}

const uint8_t *wire_take(struct wire_reader *r, size_t len) {
    if (r->bad || len > r->left) {
        r->bad = true;
        return NULL;
    }
    const uint8_t *p = r->p;
    r->p += len;
    r->left -= len;
    return p;
}

void wire_copy(struct wire_reader *r, void *out, size_t len) {
    const uint8_t *p = wire_take(r, len);
    if (p)
        memcpy(out, p, len);
    else
        memset(out, 0, len);
}

uint8_t wire_u8(struct wire_reader *r) {
    const uint8_t *p = wire_take(r, 1);
    return p ? p[0] : 0;
}

static uint32_t integer(struct wire_reader *r, size_t size) {
    const uint8_t *p = wire_take(r, size);
    uint32_t v = 0;
    for (size_t i = 0; p && i < size; i++)
        v |= (uint32_t)p[i] << 8 * (r->big_endian ? size - 1 - i : i);
    return v;
}

uint16_t wire_u16(struct wire_reader *r) {
    return (uint16_t)integer(r, 2);
}

uint32_t wire_u32(struct wire_reader *r) {
    return integer(r, 4);
}

bool wire_done(const struct wire_reader *r) {
    return !r->bad && r->left == 0;
}

struct wire_writer wire_writer(void *buf, size_t max) {
    return (struct wire_writer){.buf = buf, .max = max};
}

uint8_t *wire_room(struct wire_writer *w, size_t len) {
    if (w->bad || len > w->max - w->len) {
        w->bad = true;
        return NULL;
    }
    uint8_t *p = w->buf + w->len;
    w->len += len;
    return p;
}

void wire_put(struct wire_writer *w, const void *data, size_t len) {
    uint8_t *p = wire_room(w, len);
    if (p && len)
        memcpy(p, data, len);
}

void wire_put_u8(struct wire_writer *w, uint8_t v) {
    wire_put(w, &v, 1);
}

static void put_integer(struct wire_writer *w, uint32_t v, size_t size) {
    uint8_t b[4];
    for (size_t i = 0; i < size; i++)
        b[i] = (uint8_t)(v >> 8 * (w->big_endian ? size - 1 - i : i));
    wire_put(w, b, size);
}

void wire_put_u16(struct wire_writer *w, uint16_t v) {
    put_integer(w, v, 2);
}

void wire_put_u32(struct wire_writer *w, uint32_t v) {
    put_integer(w, v, 4);
}

size_t wire_padded_text(const uint8_t *field, size_t size) {
    size_t len = 0;
    while (len < size && field[len] != 0)
        len++;
    for (size_t i = len; i < size; i++)
        if (field[i] != 0)
            return size + 1;
    return len;
}
