/* The block protocol T=1 (ISO/IEC 7816-3, clause 11; rule numbers of 11.6.2 in comments). */
#include "module/transport/t1.h"

#include <string.h>

enum {
    HEAD = 3, /* node address, protocol control, length */
    IFSD = 254,
    MORE = 0x20, /* I-block: the chain goes on */
    I_SEQUENCE = 0x40,
    R_BLOCK = 0x80,
    R_SEQUENCE = 0x10,
    R_PARITY = 1,
    R_OTHER = 2,
    S_BLOCK = 0xC0,
    S_RESPONSE = 0x20,
    S_RESYNCH = 0,
    S_IFS = 1,
    S_ABORT = 2,
    S_WTX = 3,
    TRIES = 3, /* of a block, before giving up (7.4) */
    EXTENSIONS = 4096
};

enum kind { KIND_I, KIND_R, KIND_S };

struct block {
    uint8_t control;
    const uint8_t *data;
    size_t len;
};

static enum kind kind_of(uint8_t control) {
    return (control & R_BLOCK) == 0 ? KIND_I : (control & S_BLOCK) == S_BLOCK ? KIND_S : KIND_R;
}

static uint16_t crc16(const uint8_t *bytes, size_t len) {
    uint16_t crc = 0xFFFF; /* ISO/IEC 13239 */
    for (size_t i = 0; i < len; i++) {
        crc ^= bytes[i];
        for (int bit = 0; bit < 8; bit++) {
            crc = (uint16_t)((crc & 1) != 0 ? crc >> 1 ^ 0x8408 : crc >> 1);
        }
    }
    return (uint16_t)~crc;
}

/* Check bytes over a block; returns how many. */
static size_t put_check(const struct t1 *t1, const uint8_t *bytes, size_t len, uint8_t out[2]) {
    if (t1->has_crc) {
        uint16_t crc = crc16(bytes, len);
        out[0] = (uint8_t)(crc >> 8);
        out[1] = (uint8_t)crc;
        return 2;
    }
    out[0] = 0;
    for (size_t i = 0; i < len; i++) {
        out[0] ^= bytes[i];
    }
    return 1;
}

static bool parse(const struct t1 *t1, const uint8_t *bytes, size_t len, struct block *out) {
    uint8_t check[2];
    size_t check_len = t1->has_crc ? 2 : 1;
    if (len < HEAD + check_len || bytes[0] != 0 || bytes[2] > IFSD ||
        len != HEAD + (size_t)bytes[2] + check_len) {
        return false;
    }
    put_check(t1, bytes, HEAD + (size_t)bytes[2], check);
    *out = (struct block){.control = bytes[1], .data = bytes + HEAD, .len = bytes[2]};
    return memcmp(check, bytes + len - check_len, check_len) == 0;
}

static enum transport_error carry(const struct t1 *t1, uint8_t control, const uint8_t *data,
                                  size_t len, uint8_t waiting, uint8_t in[T1_BLOCK_MAX],
                                  size_t *in_len) {
    uint8_t out[T1_BLOCK_MAX] = {0, control, (uint8_t)len};
    if (len > 0) {
        memcpy(out + HEAD, data, len);
    }
    size_t out_len = HEAD + len;
    out_len += put_check(t1, out, out_len, out + out_len);
    enum transport_error err = t1->carry(t1->state, out, out_len, waiting, in, in_len);
    explicit_bzero(out, sizeof(out));
    return err;
}

/* Sends a block until an I- or R-block comes back that makes sense, or the S-response asked for. S-requests of the card are
 * answered on the way; a block that arrived broken is asked for again. */
static enum transport_error converse(struct t1 *t1, uint8_t control, const uint8_t *data,
                                     size_t len, uint8_t in[T1_BLOCK_MAX], struct block *got) {
    uint8_t first_control = control, again[1] = {0};
    const uint8_t *first_data = data;
    size_t first_len = len;
    uint8_t waiting = 1;
    int tries = 0;
    for (int rounds = 0; rounds < EXTENSIONS; rounds++) {
        size_t in_len = 0;
        enum transport_error err = carry(t1, control, data, len, waiting, in, &in_len);
        waiting = 1;
        if (err != TRANSPORT_OK) {
            return err;
        }
        if (!parse(t1, in, in_len, got)) {
            if (++tries >= TRIES) {
                return TRANSPORT_IO;
            }
            if (kind_of(first_control) == KIND_S) { /* said once more */
                control = first_control;
                data = first_data;
                len = first_len;
            } else { /* rule 7.1: asked for once more, by its number */
                control = (uint8_t)(R_BLOCK | R_PARITY | (t1->receive_n != 0 ? R_SEQUENCE : 0));
                data = NULL;
                len = 0;
            }
            continue;
        }
        if (kind_of(got->control) != KIND_S) {
            return TRANSPORT_OK;
        }
        if ((got->control & S_RESPONSE) != 0) {
            return got->control == (first_control | S_RESPONSE) ? TRANSPORT_OK : TRANSPORT_IO;
        }
        uint8_t what = got->control & 0x1F;
        if (what != S_ABORT && (what == S_RESYNCH || what > S_WTX || got->len != 1)) {
            return TRANSPORT_IO; /* rule 6.4: only the host resynchronises */
        }
        if (what == S_ABORT) {
            return TRANSPORT_IO;
        }
        again[0] = got->data[0];
        if (what == S_IFS) {
            if (again[0] == 0 || again[0] > IFSD) {
                return TRANSPORT_IO;
            }
            t1->ifsc = again[0]; /* rule 4 */
        } else {
            waiting = again[0] > 0 ? again[0] : 1; /* rule 3 */
        }
        control = (uint8_t)(S_BLOCK | S_RESPONSE | what);
        data = again;
        len = 1;
    }
    return TRANSPORT_TIMEOUT;
}

enum transport_error t1_begin(struct t1 *t1) {
    const uint8_t ifsd = IFSD;
    uint8_t in[T1_BLOCK_MAX];
    struct block got;
    t1->send_n = t1->receive_n = 0;
    enum transport_error err = converse(t1, S_BLOCK | S_IFS, &ifsd, 1, in, &got);
    if (err == TRANSPORT_OK &&
        (got.control != (S_BLOCK | S_IFS | S_RESPONSE) || got.len != 1 || got.data[0] != IFSD)) {
        err = TRANSPORT_IO;
    }
    return err;
}

/* The command, block by block; the last one's answer, the first of the response, is left in `got`. */
static enum transport_error send_chain(struct t1 *t1, const uint8_t *command, size_t command_len,
                                       uint8_t in[T1_BLOCK_MAX], struct block *got) {
    size_t sent = 0;
    int repeats = 0;
    for (;;) {
        size_t len = command_len - sent < t1->ifsc ? command_len - sent : t1->ifsc;
        bool more = sent + len < command_len;
        uint8_t control = (uint8_t)((t1->send_n != 0 ? I_SEQUENCE : 0) | (more ? MORE : 0));
        enum transport_error err = converse(t1, control, command + sent, len, in, got);
        if (err != TRANSPORT_OK) {
            return err;
        }
        if (kind_of(got->control) == KIND_I) {
            if (more) {
                return TRANSPORT_IO; /* an answer before the question's end */
            }
            t1->send_n ^= 1;
            return TRANSPORT_OK;
        }
        bool is_next = ((got->control & R_SEQUENCE) != 0) != (t1->send_n != 0);
        if (is_next && more) { /* rule 2.2: taken, go on */
            t1->send_n ^= 1;
            sent += len;
            repeats = 0;
        } else if (++repeats >= TRIES) { /* else rule 7.1: once more */
            return TRANSPORT_IO;
        }
    }
}

enum transport_error t1_transmit(struct t1 *t1, const uint8_t *command, size_t command_len,
                                 uint8_t *response, size_t response_size, size_t *response_len) {
    uint8_t in[T1_BLOCK_MAX];
    struct block got = {0};
    size_t len = 0;
    *response_len = 0;
    enum transport_error err = send_chain(t1, command, command_len, in, &got);
    while (err == TRANSPORT_OK) {
        bool more = (got.control & MORE) != 0;
        if (kind_of(got.control) != KIND_I ||
            ((got.control & I_SEQUENCE) != 0) != (t1->receive_n != 0) ||
            got.len > response_size - len) {
            err = TRANSPORT_IO;
            break;
        }
        memcpy(response + len, got.data, got.len);
        len += got.len;
        t1->receive_n ^= 1;
        if (!more) {
            break;
        }
        err = converse(t1, (uint8_t)(R_BLOCK | (t1->receive_n != 0 ? R_SEQUENCE : 0)), NULL, 0, in,
                       &got);
    }
    explicit_bzero(in, sizeof(in));
    *response_len = err == TRANSPORT_OK ? len : 0;
    return err;
}
