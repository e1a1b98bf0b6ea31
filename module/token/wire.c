/* Bounded reading and writing of card data. */
#include "module/token/wire.h"

#include <string.h>

static uint8_t *room_for(struct wire_writer *w, size_t len) {
    if (w->failed || len > w->size - w->len) {
        w->failed = true;
        return NULL;
    }
    uint8_t *at = w->data + w->len;
    w->len += len;
    return at;
}

static void put_integer(struct wire_writer *w, uint32_t value, unsigned width) {
    uint8_t *at = room_for(w, width);
    for (unsigned i = 0; at != NULL && i < width; i++) {
        unsigned shift = 8 * (w->order == BIG_ENDIAN_FIELDS ? width - 1 - i : i);
        at[i] = (uint8_t)(value >> shift);
    }
}

void wire_put_u8(struct wire_writer *w, uint8_t value) {
    put_integer(w, value, 1);
}

void wire_put_u16(struct wire_writer *w, uint16_t value) {
    put_integer(w, value, 2);
}

void wire_put_u32(struct wire_writer *w, uint32_t value) {
    put_integer(w, value, 4);
}

void wire_put_bytes(struct wire_writer *w, const void *data, size_t len) {
    uint8_t *at = room_for(w, len);
    if (at != NULL && len > 0) {
        memcpy(at, data, len);
    }
}

void wire_put_padded(struct wire_writer *w, const void *data, size_t len, size_t width) {
    if (len > width) {
        w->failed = true;
        return;
    }
    wire_put_bytes(w, data, len);
    uint8_t *padding = room_for(w, width - len);
    if (padding != NULL) {
        memset(padding, 0, width - len);
    }
}

const uint8_t *wire_view(struct wire_reader *r, size_t len) {
    if (r->failed || len > r->len - r->at) {
        r->failed = true;
        return NULL;
    }
    const uint8_t *at = r->data + r->at;
    r->at += len;
    return at;
}

static uint32_t integer(struct wire_reader *r, unsigned width) {
    const uint8_t *at = wire_view(r, width);
    uint32_t value = 0;
    for (unsigned i = 0; at != NULL && i < width; i++) {
        unsigned shift = 8 * (r->order == BIG_ENDIAN_FIELDS ? width - 1 - i : i);
        value |= (uint32_t)at[i] << shift;
    }
    return value;
}

uint8_t wire_u8(struct wire_reader *r) {
    return (uint8_t)integer(r, 1);
}

uint16_t wire_u16(struct wire_reader *r) {
    return (uint16_t)integer(r, 2);
}

uint32_t wire_u32(struct wire_reader *r) {
    return integer(r, 4);
}

void wire_bytes(struct wire_reader *r, void *out, size_t len) {
    const uint8_t *at = wire_view(r, len);
    if (at != NULL) {
        memcpy(out, at, len);
    } else {
        memset(out, 0, len);
    }
}

void wire_text(struct wire_reader *r, char *out, size_t width) {
    wire_bytes(r, out, width);
    out[width] = '\0';
}

bool wire_ended(const struct wire_reader *r) {
    return !r->failed && r->at == r->len;
}

size_t wire_left(const struct wire_reader *r) {
    return r->failed ? 0 : r->len - r->at;
}
