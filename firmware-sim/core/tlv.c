/* BER-TLV. */
#include "firmware-sim/core/tlv.h"

enum { TAG_MORE = 0x1F, TAG_BYTES_MAX = 3, LENGTH_1 = 0x81, LENGTH_2 = 0x82 };

static uint32_t take_tag(struct wire_reader *in) {
    uint8_t byte = wire_u8(in);
    uint32_t tag = byte;
    if ((byte & TAG_MORE) != TAG_MORE)
        return tag;
    for (unsigned i = 1; i < TAG_BYTES_MAX; i++) {
        byte = wire_u8(in);
        tag = tag << 8 | byte;
        if (!(byte & 0x80))
            return tag;
    }
    in->bad = true;
    return 0;
}

static size_t take_length(struct wire_reader *in) {
    uint8_t first = wire_u8(in);
    if (first < 0x80)
        return first;
    if (first == LENGTH_1)
        return wire_u8(in);
    if (first == LENGTH_2) {
        size_t high = wire_u8(in);
        return high << 8 | wire_u8(in);
    }
    in->bad = true;
    return 0;
}

bool tlv_next(struct wire_reader *in, uint32_t *tag, struct wire_reader *value) {
    *tag = 0;
    *value = wire_reader(NULL, 0);
    if (in->bad || in->left == 0)
        return false;
    *tag = take_tag(in);
    size_t len = take_length(in);
    const uint8_t *content = wire_take(in, len);
    if (!content)
        return false;
    *value = wire_reader(content, len);
    return true;
}

struct wire_reader tlv_take(struct wire_reader *in, uint32_t tag) {
    uint32_t found;
    struct wire_reader value;
    if (tlv_next(in, &found, &value) && found == tag)
        return value;
    in->bad = true;
    return wire_reader(NULL, 0);
}

static unsigned tag_size(uint32_t tag) {
    return tag > 0xFFFF ? 3 : tag > 0xFF ? 2 : 1;
}

static unsigned length_size(size_t len) {
    return len > 0xFF ? 3 : len > 0x7F ? 2 : 1;
}

void tlv_put_head(struct wire_writer *out, uint32_t tag, size_t len) {
    for (unsigned i = tag_size(tag); i-- > 0;)
        wire_put_u8(out, (uint8_t)(tag >> 8 * i));
    unsigned size = length_size(len);
    if (size > 1)
        wire_put_u8(out, (uint8_t)(0x7F + size));
    if (size > 2)
        wire_put_u8(out, (uint8_t)(len >> 8));
    wire_put_u8(out, (uint8_t)len);
}

void tlv_put(struct wire_writer *out, uint32_t tag, const void *value, size_t len) {
    tlv_put_head(out, tag, len);
    wire_put(out, value, len);
}

size_t tlv_size(uint32_t tag, size_t len) {
    return tag_size(tag) + length_size(len) + len;
}
