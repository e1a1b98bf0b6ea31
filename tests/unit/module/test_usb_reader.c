/* USB readers of every level, well-behaved and not: the reader's end is written here from the CCID specification and
 * ISO/IEC 7816-3, the card echoes the command. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "module/transport/deadline.h"
#include "module/transport/short_apdu.h"
#include "module/transport/t1.h"
#include "tests/unit/module/fake_usb.h"

#include <stdlib.h>
#include <string.h>

enum { QUEUE = 64, MESSAGE = 2100, APDU_SIZE = 70000, SECONDS_30 = 30000 };

/* The reader and its card. */
static struct {
    uint8_t level; /* 1 TPDU, 2 short, 4 extended */
    uint32_t features;
    bool is_present, is_powered;
    unsigned extensions;       /* time extensions before the next answer */
    unsigned stale;            /* answers of an older message before it */
    bool is_mute;              /* says nothing any more */
    unsigned voltage_refusals; /* of power-on */
    uint8_t protocol[7];

    uint8_t queue[QUEUE][MESSAGE];
    size_t queue_len[QUEUE], first, last;

    uint8_t apdu[APDU_SIZE];
    size_t apdu_len;
    size_t answer_at, answer_len; /* of a response longer than a message */

    /* T=1 of the card */
    uint8_t send_n, receive_n;
    unsigned broken_blocks, time_requests, size_requests, lost_blocks;
    size_t out_at;
    uint8_t last_block[T1_BLOCK_MAX];
    size_t last_block_len;
    unsigned blocks;
} card;

static const uint8_t atr_t1[] = {0x3B, 0x80, 0x80, 0x01, 0x01}; /* T=0 first, then T=1 */
static const uint8_t atr_t1_only[] = {0x3B, 0x90, 0x11, 0x81, 0x31, 0xFE, 0x45, 0x00};
static const uint8_t atr_t0[] = {0x3B, 0x00};
static const uint8_t *atr;
static size_t atr_len;

static void put_answer(uint8_t type, uint8_t sequence, uint8_t status, uint8_t error, uint8_t last,
                       const uint8_t *data, size_t len) {
    uint8_t *out = card.queue[card.last % QUEUE];
    assert_true(len <= MESSAGE - 10);
    uint8_t icc = !card.is_present ? 2 : card.is_powered ? 0 : 1;
    const uint8_t head[10] = {type, (uint8_t)len, (uint8_t)(len >> 8),     0,     0,
                              0,    sequence,     (uint8_t)(status | icc), error, last};
    memcpy(out, head, sizeof(head));
    if (len > 0) {
        memcpy(out + 10, data, len);
    }
    card.queue_len[card.last++ % QUEUE] = 10 + len;
}

/* Before every answer: what a reader may send besides. */
static void prelude(uint8_t type, uint8_t sequence) {
    for (; card.stale > 0; card.stale--) {
        put_answer(type, (uint8_t)(sequence - 1), 0, 0, 0, NULL, 0);
    }
    for (; card.extensions > 0; card.extensions--) {
        put_answer(type, sequence, 0x80, 1, 0, NULL, 0);
    }
}

/* The card's answer to card.apdu, in its place: the command and 9000. */
static void run_apdu(void) {
    card.apdu[card.apdu_len++] = 0x90;
    card.apdu[card.apdu_len++] = 0x00;
    card.answer_len = card.apdu_len;
    card.answer_at = 0;
}

enum { ROOM = 2048 - 10 };

static void next_part(uint8_t sequence) {
    size_t left = card.answer_len - card.answer_at, len = left < ROOM ? left : ROOM;
    bool is_first = card.answer_at == 0, is_last = len == left;
    put_answer(0x80, sequence, 0, 0, is_first ? (is_last ? 0 : 1) : (is_last ? 2 : 3),
               card.apdu + card.answer_at, len);
    card.answer_at += len;
}

/* ---- the card's T=1 ---- */

static size_t block(uint8_t *out, uint8_t control, const uint8_t *data, size_t len) {
    out[0] = 0;
    out[1] = control;
    out[2] = (uint8_t)len;
    if (len > 0) {
        memmove(out + 3, data, len);
    }
    out[3 + len] = 0;
    for (size_t i = 0; i < 3 + len; i++) {
        out[3 + len] ^= out[i];
    }
    return 4 + len;
}

static size_t next_information_block(uint8_t *out) {
    enum { PIECE = 100 };
    size_t left = card.answer_len - card.out_at, len = left < PIECE ? left : PIECE;
    uint8_t control = (uint8_t)((card.send_n != 0 ? 0x40 : 0) | (len < left ? 0x20 : 0));
    size_t n = block(out, control, card.apdu + card.out_at, len);
    card.out_at += len;
    card.send_n ^= 1;
    return n;
}

static size_t take_block(const uint8_t *in, size_t len, uint8_t *out) {
    uint8_t sum = 0;
    card.blocks++;
    for (size_t i = 0; i < len; i++) {
        sum ^= in[i];
    }
    assert_int_equal(sum, 0);
    assert_int_equal(len, 4 + (size_t)in[2]);
    if (in[1] == 0xC1) { /* IFS request: a response, and a new start */
        card.send_n = card.receive_n = 0;
        return block(out, 0xE1, in + 3, 1);
    }
    if (in[1] == 0xE3 || in[1] == 0xE1) { /* our request was granted: what was asked before */
        memcpy(out, card.last_block, card.last_block_len);
        return card.last_block_len;
    }
    if ((in[1] & 0xC0) == 0x80) { /* R-block: the next one, or the same once more */
        bool is_in_chain = (card.last_block[1] & 0xA0) == 0x20; /* ours goes on */
        bool wants_next = is_in_chain && ((in[1] & 0x10) != 0) == (card.send_n != 0);
        if (!wants_next) {
            memcpy(out, card.last_block, card.last_block_len);
            return card.last_block_len;
        }
        return next_information_block(out);
    }
    assert_int_equal((in[1] & 0x40) != 0, card.receive_n != 0);
    card.receive_n ^= 1;
    if (card.out_at != 0 || card.apdu_len == 0) {
        card.apdu_len = card.out_at = 0;
    }
    memcpy(card.apdu + card.apdu_len, in + 3, in[2]);
    card.apdu_len += in[2];
    if ((in[1] & 0x20) != 0) {
        return block(out, (uint8_t)(0x80 | (card.receive_n != 0 ? 0x10 : 0)), NULL, 0);
    }
    run_apdu();
    return next_information_block(out);
}

static void exchange_block(const uint8_t *in, size_t len, uint8_t sequence) {
    uint8_t out[T1_BLOCK_MAX];
    size_t n = take_block(in, len, out);
    if (in[1] != 0xE3 && in[1] != 0xE1) {
        memcpy(card.last_block, out, n);
        card.last_block_len = n;
    }
    if (((in[1] & 0x80) == 0 || in[1] == 0xE3) && card.time_requests > 0) {
        const uint8_t multiplier = 3;
        card.time_requests--;
        n = block(out, 0xC3, &multiplier, 1);
    } else if ((in[1] & 0x80) == 0 && card.size_requests > 0) {
        const uint8_t size = 50;
        card.size_requests--;
        n = block(out, 0xC1, &size, 1);
    } else if (card.broken_blocks > 0) {
        card.broken_blocks--;
        out[n - 1] ^= 1;
    }
    if (card.lost_blocks > 0) {
        card.lost_blocks--;
        put_answer(0x80, sequence, 0x40, 0xFD, 0, NULL, 0); /* parity error */
        return;
    }
    put_answer(0x80, sequence, 0, 0, 0, out, n);
}

static void transfer(const uint8_t *m, size_t len) {
    uint8_t level = m[8];
    if (!card.is_powered) {
        put_answer(0x80, m[6], 0x40, 0xFE, 0, NULL, 0);
        return;
    }
    if (card.level == 1) {
        exchange_block(m + 10, len, m[6]);
        return;
    }
    if (level == 0x10) {
        next_part(m[6]);
        return;
    }
    if (level == 0 || level == 1) {
        card.apdu_len = 0;
    }
    assert_true(card.level != 2 || len <= 261);
    memcpy(card.apdu + card.apdu_len, m + 10, len);
    card.apdu_len += len;
    if (level == 1 || level == 3) {
        put_answer(0x80, m[6], 0, 0, 0x10, NULL, 0);
        return;
    }
    run_apdu();
    next_part(m[6]);
}

static void take(const uint8_t *m, size_t whole) {
    size_t len = (size_t)m[1] | (size_t)m[2] << 8;
    assert_int_equal(whole, 10 + len);
    if (card.is_mute && m[0] != CCID_ABORT && m[0] != CCID_POWER_OFF) {
        return;
    }
    uint8_t type = m[0] == CCID_POWER_ON || m[0] == CCID_XFR_BLOCK ? 0x80
                   : m[0] == CCID_SET_PARAMETERS                   ? 0x82
                                                                   : 0x81;
    prelude(type, m[6]);
    switch (m[0]) {
    case CCID_POWER_ON:
        if (!card.is_present || card.voltage_refusals > 0) {
            card.voltage_refusals -= card.voltage_refusals > 0;
            put_answer(0x80, m[6], 0x40, 0xFE, 0, NULL, 0);
            break;
        }
        card.is_powered = true;
        put_answer(0x80, m[6], 0, 0, 0, atr, atr_len);
        break;
    case CCID_XFR_BLOCK:
        transfer(m, len);
        break;
    case CCID_SET_PARAMETERS:
        memcpy(card.protocol, m + 10, sizeof(card.protocol));
        put_answer(0x82, m[6], 0, 0, 1, m + 10, len);
        break;
    case CCID_POWER_OFF:
        card.is_powered = false;
        put_answer(0x81, m[6], 0, 0, 0, NULL, 0);
        break;
    default:
        put_answer(0x81, m[6], 0, 0, 0, NULL, 0);
        break;
    }
}

static size_t give(uint8_t *out, size_t size) {
    if (card.first == card.last) {
        return 0;
    }
    size_t len = card.queue_len[card.first % QUEUE];
    assert_true(len <= size);
    memcpy(out, card.queue[card.first++ % QUEUE], len);
    return len;
}

/* ---- tests ---- */

static struct usb_reader *reader;

static void describe(uint8_t level, uint32_t features) {
    uint8_t *d = fake_usb.descriptors;
    uint32_t all = features | (uint32_t)level << 16;
    memset(&card, 0, sizeof(card));
    fake_usb = (struct fake_usb){.take = take, .give = give, .descriptors_len = 54};
    memset(d, 0, 54);
    d[0] = 54;
    d[1] = 0x21;
    d[5] = 7;
    for (int i = 0; i < 4; i++) {
        d[40 + i] = (uint8_t)(all >> 8 * i);
    }
    uint32_t max = level == 1 || level == 2 ? 271 : 2048;
    d[44] = (uint8_t)max;
    d[45] = (uint8_t)(max >> 8);
    card.level = level;
    card.features = features;
    card.is_present = true;
    atr = atr_t1;
    atr_len = sizeof(atr_t1);
}

static void open_reader(void) {
    const char *reason;
    assert_int_equal(usb_reader_open(&fake_usb_library, NULL, &fake_usb_place, &reader, &reason),
                     TRANSPORT_OK);
}

static void power_on(void) {
    const char *reason;
    open_reader();
    assert_int_equal(usb_reader_power_on(reader, deadline_after(SECONDS_30), &reason),
                     TRANSPORT_OK);
}

static void close_reader(void) {
    usb_reader_close(reader);
    reader = NULL;
    assert_int_equal(fake_usb.claims, fake_usb.releases);
}

static enum transport_error echo(size_t len) {
    static uint8_t command[APDU_SIZE], response[APDU_SIZE];
    size_t response_len;
    for (size_t i = 0; i < len; i++) {
        command[i] = (uint8_t)(i * 7 + 1);
    }
    enum transport_error err = usb_reader_transmit(reader, command, len, response, sizeof(response),
                                                   &response_len, deadline_after(SECONDS_30));
    if (err == TRANSPORT_OK) {
        assert_int_equal(response_len, len + 2);
        assert_memory_equal(response, command, len);
    } else {
        assert_int_equal(response_len, 0);
    }
    return err;
}

static void commands_of_all_lengths_go_through_an_extended_reader(void **state) {
    (void)state;
    describe(4, CCID_AUTO_PARAMETERS | CCID_AUTO_VOLTAGE);
    power_on();
    static const size_t lengths[] = {4, 5, 261, 2036, 2037, 2038, 2039, 4076, 4077, 30000, 65544};
    for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
        assert_int_equal(echo(lengths[i]), TRANSPORT_OK);
    }
    close_reader();
}

static void commands_of_all_lengths_go_through_t1(void **state) {
    (void)state;
    for (int only = 0; only < 2; only++) {
        describe(1, CCID_AUTO_VOLTAGE);
        atr = only ? atr_t1_only : atr_t1;
        atr_len = only ? sizeof(atr_t1_only) : sizeof(atr_t1);
        power_on();
        assert_int_equal(card.protocol[5], only ? 0xFE : 32); /* IFSC */
        assert_int_equal(card.protocol[3], only ? 0x45 : 0x4D);
        static const size_t lengths[] = {4, 31, 32, 33, 100, 254, 255, 256, 600, 4000};
        for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
            card.apdu_len = 0;
            assert_int_equal(echo(lengths[i]), TRANSPORT_OK);
        }
        close_reader();
    }
}

static void t1_repeats_what_was_broken_and_grants_time_and_sizes(void **state) {
    (void)state;
    describe(1, CCID_AUTO_VOLTAGE);
    power_on();
    card.apdu_len = 0;
    card.broken_blocks = 2;
    assert_int_equal(echo(300), TRANSPORT_OK);
    card.apdu_len = 0;
    card.lost_blocks = 1;
    assert_int_equal(echo(300), TRANSPORT_OK);
    card.apdu_len = 0;
    card.time_requests = 5;
    assert_int_equal(echo(20), TRANSPORT_OK);
    card.apdu_len = 0;
    card.size_requests = 1;
    assert_int_equal(echo(20), TRANSPORT_OK);
    card.apdu_len = 0;
    card.blocks = 0;
    assert_int_equal(echo(150), TRANSPORT_OK); /* in pieces of 50 now */
    assert_int_equal(card.blocks, 3 + 1);
    card.apdu_len = 0;
    card.broken_blocks = 1000;
    assert_int_equal(echo(20), TRANSPORT_IO);
    close_reader();
}

static void time_extensions_and_stale_answers_are_passed_over(void **state) {
    (void)state;
    describe(4, CCID_AUTO_PARAMETERS | CCID_AUTO_VOLTAGE);
    power_on();
    card.extensions = 20;
    card.stale = 3;
    assert_int_equal(echo(100), TRANSPORT_OK);
    close_reader();
}

static void a_mute_reader_is_told_to_abort_and_the_card_is_switched_off(void **state) {
    (void)state;
    describe(4, CCID_AUTO_PARAMETERS | CCID_AUTO_VOLTAGE);
    power_on();
    card.is_mute = true;
    assert_int_equal(echo(10), TRANSPORT_TIMEOUT);
    assert_int_equal(fake_usb.aborts, 1);
    assert_false(card.is_powered);
    card.is_mute = false;
    assert_int_equal(echo(10), TRANSPORT_REMOVED); /* the connection is of no further use */
    close_reader();
    open_reader(); /* but the reader is */
    const char *reason;
    assert_int_equal(usb_reader_power_on(reader, deadline_after(SECONDS_30), &reason),
                     TRANSPORT_OK);
    assert_int_equal(echo(10), TRANSPORT_OK);
    close_reader();
}

static void a_card_that_was_changed_is_gone(void **state) {
    (void)state;
    bool present, changed;
    describe(4, CCID_AUTO_PARAMETERS | CCID_AUTO_VOLTAGE);
    power_on();
    assert_int_equal(usb_reader_status(reader, deadline_after(SECONDS_30), &present, &changed),
                     TRANSPORT_OK);
    assert_true(present && !changed);
    card.is_powered = false; /* taken out and put in again */
    assert_int_equal(usb_reader_status(reader, deadline_after(SECONDS_30), &present, &changed),
                     TRANSPORT_OK);
    assert_true(present && changed);
    assert_int_equal(echo(10), TRANSPORT_REMOVED);
    card.is_present = false;
    assert_int_equal(usb_reader_status(reader, deadline_after(SECONDS_30), &present, &changed),
                     TRANSPORT_OK);
    assert_false(present);
    fake_usb.is_gone = true;
    assert_int_equal(usb_reader_status(reader, deadline_after(SECONDS_30), &present, &changed),
                     TRANSPORT_NO_READER);
    close_reader();
}

static void a_reader_pulled_out_at_work_is_gone_not_broken(void **state) {
    (void)state;
    describe(4, CCID_AUTO_PARAMETERS | CCID_AUTO_VOLTAGE);
    power_on();
    fake_usb.is_breaking = true;
    assert_int_equal(echo(10), TRANSPORT_NO_READER);
    close_reader();
}

static unsigned notifications;

static size_t notify(uint8_t *out, size_t size) {
    static const uint8_t message[] = {0x50, 0x03};
    if (notifications == 0 || size < sizeof(message)) {
        return 0;
    }
    notifications--;
    memcpy(out, message, sizeof(message));
    return sizeof(message);
}

static void the_interrupt_pipe_tells_of_a_card_that_came_or_went(void **state) {
    (void)state;
    bool present, changed;
    describe(4, CCID_AUTO_PARAMETERS | CCID_AUTO_VOLTAGE);
    fake_usb.has_interrupt = true;
    fake_usb.notify = notify;
    notifications = 2;
    open_reader();
    assert_int_equal(usb_reader_status(reader, deadline_after(SECONDS_30), &present, &changed),
                     TRANSPORT_OK);
    assert_true(present && changed);
    assert_int_equal(usb_reader_status(reader, deadline_after(SECONDS_30), &present, &changed),
                     TRANSPORT_OK);
    assert_true(present && !changed);
    close_reader();
}

static void voltages_are_tried_one_after_another(void **state) {
    (void)state;
    describe(4, CCID_AUTO_PARAMETERS);
    card.voltage_refusals = 2;
    power_on();
    assert_int_equal(echo(10), TRANSPORT_OK);
    close_reader();
}

static void what_cannot_be_spoken_is_refused_with_a_reason(void **state) {
    (void)state;
    const char *reason = "";
    describe(0, CCID_AUTO_VOLTAGE); /* characters */
    assert_int_equal(usb_reader_open(&fake_usb_library, NULL, &fake_usb_place, &reader, &reason),
                     TRANSPORT_NO_READER);
    assert_true(strstr(reason, "characters") != NULL);
    describe(4, 0);
    fake_usb.descriptors_len = 20;
    assert_int_equal(usb_reader_open(&fake_usb_library, NULL, &fake_usb_place, &reader, &reason),
                     TRANSPORT_NO_READER);
    describe(4, 0);
    fake_usb.is_claimed_elsewhere = true;
    assert_int_equal(usb_reader_open(&fake_usb_library, NULL, &fake_usb_place, &reader, &reason),
                     TRANSPORT_BUSY);
    assert_true(strstr(reason, "pcscd") != NULL);
    assert_null(reader);
    describe(1, CCID_AUTO_VOLTAGE);
    atr = atr_t0;
    atr_len = sizeof(atr_t0);
    open_reader();
    assert_int_equal(usb_reader_power_on(reader, deadline_after(SECONDS_30), &reason),
                     TRANSPORT_IO);
    assert_true(strstr(reason, "T=0") != NULL);
    close_reader();
    describe(4, CCID_AUTO_VOLTAGE);
    card.is_present = false;
    open_reader();
    assert_int_equal(usb_reader_power_on(reader, deadline_after(SECONDS_30), &reason),
                     TRANSPORT_REMOVED);
    close_reader();
}

/* ---- short commands ---- */

/* A card that knows chaining and GET RESPONSE: it answers with the data it got, and 9000. */
static struct {
    uint8_t data[4096];
    size_t len, at;
    unsigned commands;
    bool wants_other_le;
} short_card;

static enum transport_error carry_short(void *state, const uint8_t *command, size_t len,
                                        uint8_t *response, size_t size, size_t *response_len) {
    (void)state;
    assert_true(len <= 261);
    short_card.commands++;
    size_t n = 0;
    if (command[1] != 0xC0) {
        size_t lc = len > 5 ? command[4] : 0;
        memcpy(short_card.data + short_card.len, command + 5, lc);
        short_card.len += lc;
        if ((command[0] & 0x10) != 0) {
            memcpy(response, (const uint8_t[]){0x90, 0x00}, 2);
            *response_len = 2;
            return TRANSPORT_OK;
        }
        if (short_card.wants_other_le) {
            short_card.wants_other_le = false;
            short_card.len = 0;
            memcpy(response, (const uint8_t[]){0x6C, 0x10}, 2);
            *response_len = 2;
            return TRANSPORT_OK;
        }
    }
    n = short_card.len - short_card.at < 256 ? short_card.len - short_card.at : 256;
    assert_true(n + 2 <= size);
    memcpy(response, short_card.data + short_card.at, n);
    short_card.at += n;
    size_t left = short_card.len - short_card.at;
    response[n] = left > 0 ? 0x61 : 0x90;
    response[n + 1] = left > 0 && left < 256 ? (uint8_t)left : 0;
    *response_len = n + 2;
    return TRANSPORT_OK;
}

static void extended_commands_become_chains_of_short_ones(void **state) {
    (void)state;
    static const struct {
        size_t len;
        unsigned commands;
    } cases[] = {{1, 1}, {255, 1}, {256, 2}, {257, 2 + 1}, {510, 2 + 1}, {2048, 9 + 7}};
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        uint8_t command[4096] = {0x80, 0x74, 0, 0, 0}, response[4096];
        size_t len = cases[i].len, response_len;
        command[5] = (uint8_t)(len >> 8);
        command[6] = (uint8_t)len;
        for (size_t k = 0; k < len; k++) {
            command[7 + k] = (uint8_t)(k * 11);
        }
        memset(&short_card, 0, sizeof(short_card));
        assert_int_equal(short_apdu_transmit(carry_short, NULL, command, 7 + len + 2, response,
                                             sizeof(response), &response_len),
                         TRANSPORT_OK);
        assert_int_equal(response_len, len + 2);
        assert_memory_equal(response, command + 7, len);
        assert_int_equal(short_card.commands, cases[i].commands);
        memset(&short_card, 0, sizeof(short_card));
        assert_int_equal(short_apdu_transmit(carry_short, NULL, command, 7 + len + 2, response, 3,
                                             &response_len),
                         len > 1 ? TRANSPORT_IO : TRANSPORT_OK);
    }
    memset(&short_card, 0, sizeof(short_card));
    short_card.wants_other_le = true;
    const uint8_t command[] = {0x80, 0x04, 0, 0, 0, 1, 32};
    uint8_t response[300];
    size_t response_len;
    assert_int_equal(short_apdu_transmit(carry_short, NULL, command, sizeof(command), response,
                                         sizeof(response), &response_len),
                     TRANSPORT_OK);
    assert_int_equal(short_card.commands, 2);
}

static void answers_to_reset_are_understood(void **state) {
    (void)state;
    static const uint8_t canokey[] = {0x3B, 0xF7, 0x11, 0x00, 0x00, 0x81, 0x31, 0xFE, 0x65,
                                      0x43, 0x61, 0x6E, 0x6F, 0x6B, 0x65, 0x79, 0x99};
    struct ccid_atr out;
    assert_true(ccid_parse_atr(canokey, sizeof(canokey), &out));
    assert_true(out.has_t1 && !out.has_t0 && out.first_protocol == 1);
    assert_int_equal(out.ifsc, 0xFE);
    assert_int_equal(out.waiting, 0x65);
    assert_false(out.has_crc);
    assert_true(ccid_parse_atr(atr_t0, sizeof(atr_t0), &out));
    assert_true(out.has_t0 && !out.has_t1 && out.ifsc == 32);
    for (size_t len = 0; len < 16; len++) {
        assert_false(
            ccid_parse_atr(canokey, len, &out)); /* cut short (the check byte is not looked at) */
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(commands_of_all_lengths_go_through_an_extended_reader),
        cmocka_unit_test(commands_of_all_lengths_go_through_t1),
        cmocka_unit_test(t1_repeats_what_was_broken_and_grants_time_and_sizes),
        cmocka_unit_test(time_extensions_and_stale_answers_are_passed_over),
        cmocka_unit_test(a_mute_reader_is_told_to_abort_and_the_card_is_switched_off),
        cmocka_unit_test(a_card_that_was_changed_is_gone),
        cmocka_unit_test(a_reader_pulled_out_at_work_is_gone_not_broken),
        cmocka_unit_test(the_interrupt_pipe_tells_of_a_card_that_came_or_went),
        cmocka_unit_test(voltages_are_tried_one_after_another),
        cmocka_unit_test(what_cannot_be_spoken_is_refused_with_a_reason),
        cmocka_unit_test(extended_commands_become_chains_of_short_ones),
        cmocka_unit_test(answers_to_reset_are_understood),
    };
    return cmocka_run_group_tests_name("usb_reader", tests, NULL, NULL);
}
