/* BER-TLV on top of the bounded reader and writer. */
#include "module/token/tlv.h"

enum { TAG_MORE = 0x1F, TAG_CONTINUES = 0x80, LENGTH_LONG = 0x80, LENGTH_BYTES_MAX = 3 };

struct wire_reader tlv_reader(const uint8_t *data, size_t len) {
    return (struct wire_reader){.data = data, .len = len, .order = BIG_ENDIAN_FIELDS};
}

static bool take_tag(struct wire_reader *r, uint32_t *tag) {
    *tag = wire_u8(r);
    if ((*tag & TAG_MORE) != TAG_MORE) {
        return !r->failed;
    }
    for (int i = 0; i < 2; i++) {
        uint8_t next = wire_u8(r);
        *tag = *tag << 8 | next;
        if ((next & TAG_CONTINUES) == 0) {
            return !r->failed;
        }
    }
    r->failed = true;
    return false;
}

static bool take_length(struct wire_reader *r, size_t *len) {
    *len = wire_u8(r);
    if (*len < LENGTH_LONG) {
        return !r->failed;
    }
    size_t bytes = *len - LENGTH_LONG;
    if (bytes == 0 || bytes > LENGTH_BYTES_MAX) {
        r->failed = true;
        return false;
    }
    *len = 0;
    while (bytes-- > 0) {
        *len = *len << 8 | wire_u8(r);
    }
    return !r->failed;
}

bool tlv_next(struct wire_reader *r, uint32_t *tag, struct wire_reader *value) {
    size_t len = 0;
    *tag = 0;
    *value = tlv_reader(NULL, 0);
    if (r->failed || r->at == r->len) {
        return false;
    }
    if (!take_tag(r, tag) || !take_length(r, &len)) {
        return false;
    }
    const uint8_t *bytes = wire_view(r, len);
    if (bytes == NULL) {
        return false;
    }
    *value = tlv_reader(bytes, len);
    return true;
}

bool tlv_find(const struct wire_reader *r, uint32_t tag, struct wire_reader *value) {
    struct wire_reader rest = *r;
    uint32_t found;
    while (tlv_next(&rest, &found, value)) {
        if (found == tag) {
            return true;
        }
    }
    *value = tlv_reader(NULL, 0);
    return false;
}

static unsigned tag_bytes(uint32_t tag) {
    return tag > 0xFFFF ? 3 : tag > 0xFF ? 2 : 1;
}

static unsigned length_bytes(size_t len) {
    return len < LENGTH_LONG ? 1 : len <= 0xFF ? 2 : len <= 0xFFFF ? 3 : 4;
}

size_t tlv_head_size(uint32_t tag, size_t len) {
    return (size_t)tag_bytes(tag) + length_bytes(len);
}

void tlv_put_head(struct wire_writer *w, uint32_t tag, size_t len) {
    for (unsigned left = tag_bytes(tag); left > 0; left--) {
        wire_put_u8(w, (uint8_t)(tag >> (8 * (left - 1))));
    }
    unsigned bytes = length_bytes(len);
    if (bytes == 1) {
        wire_put_u8(w, (uint8_t)len);
        return;
    }
    wire_put_u8(w, (uint8_t)(LENGTH_LONG + bytes - 1));
    for (unsigned left = bytes - 1; left > 0; left--) {
        wire_put_u8(w, (uint8_t)(len >> (8 * (left - 1))));
    }
}

void tlv_put(struct wire_writer *w, uint32_t tag, const void *value, size_t len) {
    tlv_put_head(w, tag, len);
    wire_put_bytes(w, value, len);
}
