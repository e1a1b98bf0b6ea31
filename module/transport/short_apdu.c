/* Commands of extended length over a way that carries short ones only. */
#include "module/transport/short_apdu.h"

#include <string.h>

enum {
    HEAD = 4,
    EXTENDED_HEAD = 7,
    LC_MAX = 255,
    RESPONSE_MAX = 258,
    CLA_CHAIN = 0x10,
    INS_GET_RESPONSE = 0xC0,
    SW1_MORE = 0x61,
    SW1_WRONG_LE = 0x6C,
    PARTS_MAX = 1024
};

struct parts {
    const uint8_t *head, *data;
    size_t data_len;
    bool has_le;
    uint8_t le; /* as a short one: 0 is 256 */
};

/* False: not a command of extended length. */
static bool parse(const uint8_t *command, size_t len, struct parts *out) {
    if (len < EXTENDED_HEAD || command[HEAD] != 0) {
        return false;
    }
    size_t number = (size_t)command[HEAD + 1] << 8 | command[HEAD + 2];
    *out = (struct parts){.head = command, .data = command + EXTENDED_HEAD};
    size_t le = number;
    if (len > EXTENDED_HEAD) { /* the number is Lc; perhaps Le follows */
        out->data_len = number;
        out->has_le = len == EXTENDED_HEAD + number + 2;
        if (number == 0 || (!out->has_le && len != EXTENDED_HEAD + number)) {
            return false;
        }
        le = out->has_le ? (size_t)command[len - 2] << 8 | command[len - 1] : 0;
    } else {
        out->has_le = true;
    }
    out->le = le > LC_MAX ? 0 : (uint8_t)le;
    return true;
}

static size_t put(uint8_t *out, const struct parts *p, size_t from, size_t len, bool is_last,
                  uint8_t le) {
    size_t at = HEAD;
    memcpy(out, p->head, HEAD);
    out[0] |= is_last ? 0 : CLA_CHAIN;
    if (len > 0) {
        out[at++] = (uint8_t)len;
        memcpy(out + at, p->data + from, len);
        at += len;
    }
    if (is_last && p->has_le) {
        out[at++] = le;
    }
    return at;
}

enum transport_error short_apdu_transmit(short_apdu_carry *carry, void *state,
                                         const uint8_t *command, size_t command_len,
                                         uint8_t *response, size_t response_size,
                                         size_t *response_len) {
    struct parts p;
    uint8_t out[HEAD + 1 + LC_MAX + 1], in[RESPONSE_MAX];
    size_t sent = 0, have = 0, in_len = 0;
    *response_len = 0;
    if (!parse(command, command_len, &p)) {
        return carry(state, command, command_len, response, response_size, response_len);
    }
    enum transport_error err;
    bool is_last, le_is_corrected = false;
    uint8_t le = p.le;
    for (;;) { /* the command */
        size_t len = p.data_len - sent < LC_MAX ? p.data_len - sent : LC_MAX;
        is_last = sent + len == p.data_len;
        err = carry(state, out, put(out, &p, sent, len, is_last, le), in, sizeof(in), &in_len);
        if (err == TRANSPORT_OK && in_len < 2) {
            err = TRANSPORT_IO;
        }
        if (err != TRANSPORT_OK) {
            break;
        }
        if (is_last && in[in_len - 2] == SW1_WRONG_LE && !le_is_corrected) {
            le = in[in_len - 1];
            le_is_corrected = true;
            continue;
        }
        bool is_taken = in[in_len - 2] == 0x90 && in[in_len - 1] == 0;
        sent += len;
        if (is_last || !is_taken) {
            break;
        }
    }
    for (int parts = 0; err == TRANSPORT_OK; parts++) { /* the response */
        size_t len = in_len - 2;
        bool more = in[len] == SW1_MORE;
        if (len + 2 > response_size - have || parts > PARTS_MAX) {
            err = TRANSPORT_IO;
            break;
        }
        memcpy(response + have, in, more ? len : in_len);
        have += more ? len : in_len;
        if (!more) {
            *response_len = have;
            break;
        }
        const uint8_t get[] = {(uint8_t)(p.head[0] & 0x03), INS_GET_RESPONSE, 0, 0, in[len + 1]};
        err = carry(state, get, sizeof(get), in, sizeof(in), &in_len);
        if (err == TRANSPORT_OK && in_len < 2) {
            err = TRANSPORT_IO;
        }
    }
    explicit_bzero(out, sizeof(out));
    explicit_bzero(in, sizeof(in));
    return err;
}
