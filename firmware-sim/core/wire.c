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

uint16_t wire_u16(struct wire_reader *r) {
    const uint8_t *p = wire_take(r, 2);
    unsigned v = p ? p[0] | (unsigned)p[1] << 8 : 0;
    return (uint16_t)v;
}

uint32_t wire_u32(struct wire_reader *r) {
    const uint8_t *p = wire_take(r, 4);
    return p ? (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24
             : 0;
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

void wire_put_u16(struct wire_writer *w, uint16_t v) {
    uint8_t b[2] = {(uint8_t)v, (uint8_t)(v >> 8)};
    wire_put(w, b, sizeof b);
}

void wire_put_u32(struct wire_writer *w, uint32_t v) {
    uint8_t b[4] = {(uint8_t)v, (uint8_t)(v >> 8), (uint8_t)(v >> 16), (uint8_t)(v >> 24)};
    wire_put(w, b, sizeof b);
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
