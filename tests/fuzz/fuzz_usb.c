/* Fuzzes a USB reader and its card: the input is the class descriptor, then every message that the reader sends; what is done
 * with it is what the module does. Also the parsers by themselves. */
#include "module/transport/deadline.h"
#include "module/transport/short_apdu.h"
#include "tests/unit/module/fake_usb.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { TIMEOUT_MS = 60000, COMMAND_MAX = 5000, RESPONSE_MAX = 5000 };

static const uint8_t *input;
static size_t left;
static uint8_t sequence;

static uint8_t next(void) {
    if (left == 0) {
        return 0;
    }
    left--;
    return *input++;
}

static void take(const uint8_t *message, size_t len) {
    sequence = len > 6 ? message[6] : 0;
}

/* A message of the input: flags, length, bytes. With flag 1 the header is put right, so that the fuzzer gets further. */
static size_t give(uint8_t *out, size_t size) {
    if (left == 0) {
        return 0;
    }
    uint8_t flags = next();
    size_t len = next() | (size_t)((flags & 0x80) != 0 ? next() : 0) << 8;
    len = len < size ? len : size;
    len = len < left ? len : left;
    memcpy(out, input, len);
    input += len;
    left -= len;
    if ((flags & 1) != 0 && len >= CCID_HEADER) {
        out[0] = (flags & 2) != 0 ? CCID_SLOT_STATUS : CCID_DATA_BLOCK;
        out[1] = (uint8_t)(len - CCID_HEADER);
        out[2] = (uint8_t)((len - CCID_HEADER) >> 8);
        out[3] = out[4] = out[5] = 0;
        out[6] = sequence;
        out[7] = (flags & 4) != 0 ? out[7] : 0;
    }
    return len;
}

static size_t notify(uint8_t *out, size_t size) {
    return (next() & 1) != 0 ? give(out, size) : 0;
}

static void use(struct usb_reader *reader) {
    static uint8_t command[COMMAND_MAX], response[RESPONSE_MAX];
    const char *reason;
    bool present, changed;
    size_t response_len;
    usb_reader_status(reader, deadline_after(TIMEOUT_MS), &present, &changed);
    if (usb_reader_power_on(reader, deadline_after(TIMEOUT_MS), &reason) != TRANSPORT_OK) {
        return;
    }
    for (int i = 0; i < 4 && left > 0; i++) {
        size_t len = 4 + (size_t)next() * 16;
        enum transport_error err =
            usb_reader_transmit(reader, command, len, response, sizeof(response), &response_len,
                                deadline_after(TIMEOUT_MS));
        bool sane = err == TRANSPORT_OK ? response_len >= 2 && response_len <= sizeof(response)
                                        : response_len == 0;
        if (!sane) {
            fprintf(stderr, "fuzz_usb: a response of %zu bytes with error %d\n", response_len, err);
            abort();
        }
    }
    usb_reader_status(reader, deadline_after(TIMEOUT_MS), &present, &changed);
}

static enum transport_error carry(void *state, const uint8_t *command, size_t command_len,
                                  uint8_t *response, size_t size, size_t *len) {
    (void)state;
    (void)command;
    (void)command_len;
    *len = give(response, size);
    return left == 0 ? TRANSPORT_TIMEOUT : TRANSPORT_OK;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct usb_reader *reader;
    const char *reason;
    struct ccid_facts facts;
    struct ccid_answer answer;
    struct ccid_atr atr;
    bool present;
    input = data;
    left = size;
    ccid_parse_descriptors(data, size, &facts);
    ccid_parse_answer(data, size, &answer);
    ccid_parse_atr(data, size, &atr);
    ccid_parse_notification(data, size, &present);

    uint8_t kind = next();
    if (kind == 0xFF) {
        uint8_t command[600] = {0x80, 0x10, 0, 0, 0, 2, 0}, response[700];
        size_t len;
        short_apdu_transmit(carry, NULL, command, 7 + 512 + 2, response, sizeof(response), &len);
        return 0;
    }
    fake_usb = (struct fake_usb){.take = take,
                                 .give = give,
                                 .notify = notify,
                                 .has_interrupt = (kind & 1) != 0,
                                 .descriptors_len = 54};
    uint8_t *d = fake_usb.descriptors;
    for (size_t i = 0; i < 54; i++) {
        d[i] = 0;
    }
    if ((kind & 2) != 0) {
        for (size_t i = 0; i < 54; i++) {
            d[i] = next();
        }
    } else { /* one that is good: its level and features, and how long its messages are */
        d[0] = 54;
        d[1] = 0x21;
        d[5] = 7;
        d[40] = next();
        d[42] = (uint8_t)(1U << (kind >> 2 & 3)) & 7;
        d[44] = next();
        d[45] = (uint8_t)(1 + (next() & 7));
    }
    if (usb_reader_open(&fake_usb_library, NULL, &fake_usb_place, &reader, &reason) ==
        TRANSPORT_OK) {
        use(reader);
        usb_reader_close(reader);
    }
    return 0;
}
