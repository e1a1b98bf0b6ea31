/* The CCID message layer: what a host sends, byte by byte, and what it must get back. */
#include "firmware-sim/ports/ccid.h"
#include "tests/unit/firmware-sim/testing.h"

#include <stdlib.h>

static struct ccid ccid;

static const uint8_t atr[] = {0x3B, 0x80, 0x01, 0x81};

static int setup(void **state) {
    (void)state;
    ccid_init(&ccid, true);
    return 0;
}

/* A message of `type` with `len` bytes and the three message-specific bytes. */
static enum ccid_action send_message(uint8_t type, uint8_t seq, uint8_t a, uint16_t bc,
                                     const uint8_t *data, size_t len) {
    static uint8_t message[CCID_MESSAGE_MAX];
    memset(message, 0, sizeof message);
    message[0] = type;
    message[1] = (uint8_t)len;
    message[2] = (uint8_t)(len >> 8);
    message[6] = seq;
    message[7] = a;
    message[8] = (uint8_t)bc;
    message[9] = (uint8_t)(bc >> 8);
    if (len)
        memcpy(message + CCID_HEAD, data, len);
    return ccid_bulk_out(&ccid, message, CCID_HEAD + len);
}

static enum ccid_action send_empty(uint8_t type, uint8_t seq) {
    return send_message(type, seq, 0, 0, NULL, 0);
}

/* type, length, sequence, bStatus, bError, last byte */
static void assert_reply(uint8_t type, size_t len, uint8_t seq, uint8_t status, uint8_t error,
                         uint8_t last) {
    assert_int_equal(ccid.reply[0], type);
    assert_int_equal(ccid.reply_len, CCID_HEAD + len);
    assert_int_equal(ccid.reply[1] | ccid.reply[2] << 8, len);
    assert_int_equal(ccid.reply[5], 0);
    assert_int_equal(ccid.reply[6], seq);
    assert_int_equal(ccid.reply[7], status);
    assert_int_equal(ccid.reply[8], error);
    assert_int_equal(ccid.reply[9], last);
}

static void power_on(void) {
    assert_int_equal(send_empty(0x62, 1), CCID_POWER_ON);
    ccid_powered(&ccid, atr, sizeof atr);
    assert_reply(0x80, sizeof atr, 1, 0, 0, 0);
}

static void powering_on_gives_the_atr_and_the_slot_tells_its_state(void **state) {
    (void)state;
    assert_int_equal(send_empty(0x65, 7), CCID_REPLY);
    assert_reply(0x81, 0, 7, 1, 0, 0); /* there, not active */
    power_on();
    assert_memory_equal(ccid.reply + CCID_HEAD, atr, sizeof atr);
    send_empty(0x65, 8);
    assert_reply(0x81, 0, 8, 0, 0, 0);
    assert_int_equal(send_empty(0x63, 9), CCID_POWER_OFF);
    ccid_unpowered(&ccid);
    assert_reply(0x81, 0, 9, 1, 0, 0);
    assert_int_equal(send_empty(0x63, 10), CCID_REPLY); /* off already: the card is left alone */
}

static void an_absent_card_is_absent_in_every_answer(void **state) {
    (void)state;
    ccid_init(&ccid, false);
    assert_int_equal(send_empty(0x62, 1), CCID_REPLY);
    assert_reply(0x80, 0, 1, 0x42, 0xFE, 0);
    assert_int_equal(send_message(0x6F, 2, 0, 0, atr, sizeof atr), CCID_REPLY);
    assert_reply(0x80, 0, 2, 0x42, 0xFE, 0);
    send_empty(0x65, 3);
    assert_reply(0x81, 0, 3, 2, 0, 0);
}

static void a_block_without_power_is_refused(void **state) {
    (void)state;
    assert_int_equal(send_message(0x6F, 2, 0, 0, atr, sizeof atr), CCID_REPLY);
    assert_reply(0x80, 0, 2, 0x41, 0xFE, 0);
}

static void a_command_is_run_and_its_answer_sent(void **state) {
    static const uint8_t command[] = {0x80, 0x22, 0, 0, 0, 0, 0}, answer[] = {1, 2, 0x90, 0};
    (void)state;
    power_on();
    assert_int_equal(send_message(0x6F, 5, 0, 0, command, sizeof command), CCID_TRANSMIT);
    assert_int_equal(ccid.apdu_len, sizeof command);
    assert_memory_equal(ccid.apdu, command, sizeof command);
    ccid_wait(&ccid);
    assert_reply(0x80, 0, 5, 0x80, 1, 0);
    ccid_answered(&ccid, answer, sizeof answer);
    assert_reply(0x80, sizeof answer, 5, 0, 0, 0);
    assert_memory_equal(ccid.reply + CCID_HEAD, answer, sizeof answer);
}

static void long_commands_and_answers_go_in_chains(void **state) {
    enum { BLOCK = CCID_MESSAGE_MAX - CCID_HEAD, LEN = 2 * BLOCK + 100 };
    static uint8_t bytes[LEN];
    (void)state;
    for (size_t i = 0; i < LEN; i++)
        bytes[i] = (uint8_t)(i * 7);
    power_on();
    assert_int_equal(send_message(0x6F, 1, 0, 1, bytes, BLOCK), CCID_REPLY);
    assert_reply(0x80, 0, 1, 0, 0, 0x10); /* go on */
    assert_int_equal(send_message(0x6F, 2, 0, 3, bytes + BLOCK, BLOCK), CCID_REPLY);
    assert_reply(0x80, 0, 2, 0, 0, 0x10);
    assert_int_equal(send_message(0x6F, 3, 0, 2, bytes + (size_t)2 * BLOCK, 100), CCID_TRANSMIT);
    assert_int_equal(ccid.apdu_len, LEN);
    assert_memory_equal(ccid.apdu, bytes, LEN);

    ccid_answered(&ccid, bytes, LEN);
    assert_reply(0x80, BLOCK, 3, 0, 0, 1);
    assert_memory_equal(ccid.reply + CCID_HEAD, bytes, BLOCK);
    assert_int_equal(send_message(0x6F, 4, 0, 0x10, NULL, 0), CCID_REPLY);
    assert_reply(0x80, BLOCK, 4, 0, 0, 3);
    assert_int_equal(send_message(0x6F, 5, 0, 0x10, NULL, 0), CCID_REPLY);
    assert_reply(0x80, 100, 5, 0, 0, 2);
    assert_memory_equal(ccid.reply + CCID_HEAD, bytes + (size_t)2 * BLOCK, 100);
    /* nothing is left */
    assert_int_equal(send_message(0x6F, 6, 0, 0x10, NULL, 0), CCID_REPLY);
    assert_reply(0x80, 0, 6, 0x40, 8, 0);
}

static void a_broken_chain_is_refused_and_a_new_command_goes(void **state) {
    static const uint8_t command[] = {0x80, 0x22, 0, 0};
    (void)state;
    power_on();
    /* the end of a chain that never began */
    assert_int_equal(send_message(0x6F, 1, 0, 2, command, 4), CCID_REPLY);
    assert_reply(0x80, 0, 1, 0x40, 8, 0);
    /* a new command within a chain */
    assert_int_equal(send_message(0x6F, 2, 0, 1, command, 4), CCID_REPLY);
    assert_int_equal(send_message(0x6F, 3, 0, 0, command, 4), CCID_REPLY);
    assert_reply(0x80, 0, 3, 0x40, 8, 0);
    /* no such level */
    assert_int_equal(send_message(0x6F, 4, 0, 4, command, 4), CCID_REPLY);
    assert_reply(0x80, 0, 4, 0x40, 8, 0);
    assert_int_equal(send_message(0x6F, 5, 0, 0, command, 4), CCID_TRANSMIT);
    assert_int_equal(ccid.apdu_len, 4);
}

static void a_chain_longer_than_any_command_is_refused(void **state) {
    enum { BLOCK = CCID_MESSAGE_MAX - CCID_HEAD };
    static const uint8_t block[BLOCK];
    (void)state;
    power_on();
    enum ccid_action action = send_message(0x6F, 1, 0, 1, block, BLOCK);
    unsigned blocks = 1;
    for (; action == CCID_REPLY && ccid.reply[9] == 0x10 && blocks < 100; blocks++)
        action = send_message(0x6F, 2, 0, 3, block, BLOCK);
    assert_int_equal(blocks, CCID_APDU_MAX / BLOCK + 1);
    assert_reply(0x80, 0, 2, 0x40, 0xFC, 0);
}

static void an_empty_command_is_refused(void **state) {
    (void)state;
    power_on();
    assert_int_equal(send_message(0x6F, 1, 0, 0, NULL, 0), CCID_REPLY);
    assert_reply(0x80, 0, 1, 0x40, 1, 0);
}

static void parameters_are_given_set_and_reset(void **state) {
    static const uint8_t other[7] = {0x95, 0x10, 0, 0x4D, 0, 0xFE, 0};
    (void)state;
    assert_int_equal(send_empty(0x6C, 1), CCID_REPLY);
    assert_reply(0x82, 7, 1, 1, 0, 1);
    assert_int_equal(ccid.reply[CCID_HEAD], 0x11);
    assert_int_equal(send_message(0x61, 2, 1, 0, other, 7), CCID_REPLY);
    assert_memory_equal(ccid.reply + CCID_HEAD, other, 7);
    send_empty(0x6C, 3);
    assert_memory_equal(ccid.reply + CCID_HEAD, other, 7);
    send_empty(0x6D, 4);
    assert_int_equal(ccid.reply[CCID_HEAD], 0x11);
    send_message(0x61, 5, 0, 0, other, 5); /* T=0 */
    assert_reply(0x82, 0, 5, 0x41, 7, 0);
    send_message(0x61, 6, 1, 0, other, 5); /* too short */
    assert_reply(0x82, 0, 6, 0x41, 1, 0);
}

static void
unknown_messages_and_other_slots_are_refused_with_the_right_kind_of_answer(void **state) {
    static const struct {
        uint8_t message, answer;
    } kinds[] = {{0x6B, 0x83}, {0x6A, 0x81}, {0x69, 0x80}, {0x71, 0x81},
                 {0x73, 0x84}, {0x00, 0x81}, {0xFF, 0x81}};
    uint8_t message[CCID_HEAD] = {0x65, 0, 0, 0, 0, 1, 9};
    (void)state;
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        assert_int_equal(send_empty(kinds[i].message, 4), CCID_REPLY);
        assert_reply(kinds[i].answer, 0, 4, 0x41, 0, 0);
    }
    assert_int_equal(ccid_bulk_out(&ccid, message, sizeof message), CCID_REPLY);
    assert_reply(0x81, 0, 9, 0x41, 5, 0);
}

static void a_transfer_that_is_not_what_its_header_says_is_refused(void **state) {
    uint8_t message[3 * CCID_PACKET] = {0x6F, 20, 0, 0, 0, 0, 3};
    (void)state;
    power_on();
    /* too short to be anything */
    assert_int_equal(ccid_bulk_out(&ccid, message, CCID_HEAD - 1), CCID_MORE);
    assert_int_equal(ccid_bulk_out(&ccid, message, 0), CCID_MORE);
    /* a byte short, a byte long */
    assert_int_equal(ccid_bulk_out(&ccid, message, 29), CCID_REPLY);
    assert_reply(0x80, 0, 3, 0x40, 1, 0);
    assert_int_equal(ccid_bulk_out(&ccid, message, 31), CCID_REPLY);
    assert_reply(0x80, 0, 3, 0x40, 1, 0);
    /* longer than any message; its remaining packets are no messages */
    message[1] = message[2] = message[3] = message[4] = 0xff;
    assert_int_equal(ccid_bulk_out(&ccid, message, sizeof message), CCID_REPLY);
    assert_reply(0x80, 0, 3, 0x40, 1, 0);
    assert_int_equal(ccid_bulk_out(&ccid, message, sizeof message), CCID_MORE);
    assert_int_equal(ccid_bulk_out(&ccid, message, 5), CCID_MORE); /* the short packet */
    assert_int_equal(send_empty(0x65, 4), CCID_REPLY);
    assert_reply(0x81, 0, 4, 0, 0, 0);
}

static void a_message_may_come_in_packets(void **state) {
    static uint8_t message[CCID_HEAD + 150] = {0x6F, 150, 0, 0, 0, 0, 3};
    (void)state;
    power_on();
    for (size_t i = 0; i < 150; i++)
        message[CCID_HEAD + i] = (uint8_t)i;
    assert_int_equal(ccid_bulk_out(&ccid, message, 64), CCID_MORE);
    assert_int_equal(ccid_bulk_out(&ccid, message + 64, 64), CCID_MORE);
    assert_int_equal(ccid_bulk_out(&ccid, message + 128, 32), CCID_TRANSMIT);
    assert_int_equal(ccid.apdu_len, 150);
    assert_memory_equal(ccid.apdu, message + CCID_HEAD, 150);
}

static void a_busy_slot_says_so_and_the_command_is_answered_still(void **state) {
    static const uint8_t command[] = {0x80, 0x50, 0, 0}, answer[] = {0x90, 0};
    (void)state;
    power_on();
    assert_int_equal(send_message(0x6F, 20, 0, 0, command, 4), CCID_TRANSMIT);
    assert_int_equal(send_message(0x6F, 21, 0, 0, command, 4), CCID_REPLY);
    assert_reply(0x80, 0, 21, 0x40, 0xE0, 0);
    ccid_answered(&ccid, answer, 2);
    assert_reply(0x80, 2, 20, 0, 0, 0);
}

static void pulling_the_card_answers_the_running_command(void **state) {
    static const uint8_t command[] = {0x80, 0x50, 0, 0};
    (void)state;
    power_on();
    assert_false(ccid_card_changed(&ccid, true));
    send_message(0x6F, 20, 0, 0, command, 4);
    assert_true(ccid_card_changed(&ccid, false));
    assert_reply(0x80, 0, 20, 0x42, 0xFE, 0);
    assert_false(ccid_card_changed(&ccid, true));
    send_empty(0x65, 1);
    assert_reply(0x81, 0, 1, 1, 0, 0); /* a new card has no power yet */
}

static bool ask(uint8_t type, uint8_t request, uint16_t value, uint16_t len, uint8_t *out,
                size_t *got) {
    const uint8_t setup_packet[8] = {type, request, (uint8_t)value, (uint8_t)(value >> 8),
                                     0,    0,       (uint8_t)len,   (uint8_t)(len >> 8)};
    return ccid_control(&ccid, setup_packet, out, got);
}

static void an_abort_takes_both_its_halves(void **state) {
    static const uint8_t command[] = {0x80, 0x50, 0, 0};
    uint8_t out[CCID_DESCRIPTOR_MAX];
    size_t len;
    (void)state;
    power_on();
    send_message(0x6F, 1, 0, 1, command, 4); /* a chain begins */
    assert_true(ask(0x21, 0x01, 9 << 8, 0, out, &len));
    assert_int_equal(send_message(0x6F, 2, 0, 2, command, 4), CCID_REPLY);
    assert_reply(0x80, 0, 2, 0x40, 0xFF, 0); /* aborted */
    assert_int_equal(send_empty(0x72, 9), CCID_REPLY);
    assert_reply(0x81, 0, 9, 0, 0, 0);
    assert_int_equal(send_message(0x6F, 10, 0, 0, command, 4), CCID_TRANSMIT);
}

static void descriptors_are_well_formed_and_cut_to_what_is_asked(void **state) {
    uint8_t out[CCID_DESCRIPTOR_MAX];
    size_t len, at, endpoints = 0, classes = 0;
    (void)state;
    assert_true(ask(0x80, 6, 0x0100, 64, out, &len));
    assert_int_equal(len, 18);
    assert_int_equal(out[8] | out[9] << 8, CCID_VENDOR);
    assert_int_equal(out[10] | out[11] << 8, CCID_PRODUCT);
    assert_true(ask(0x80, 6, 0x0100, 8, out, &len));
    assert_int_equal(len, 8);
    assert_true(ask(0x80, 6, 0x0200, 255, out, &len));
    assert_int_equal(len, out[2] | out[3] << 8);
    for (at = 0; at < len; at += out[at]) {
        assert_true(out[at] >= 2 && at + out[at] <= len);
        endpoints += out[at + 1] == 5;
        if (out[at + 1] == 0x21) {
            classes++;
            assert_int_equal(out[at], 54);
            assert_int_equal(out[at + 44] | out[at + 45] << 8, CCID_MESSAGE_MAX);
        }
    }
    assert_int_equal(endpoints, 2);
    assert_int_equal(classes, 1);
    for (uint16_t i = 0; i <= 3; i++) {
        assert_true(ask(0x80, 6, 0x0300 | i, 255, out, &len));
        assert_int_equal(len, out[0]);
    }
    assert_false(ask(0x80, 6, 0x0304, 255, out, &len));
    assert_false(ask(0x80, 6, 0x0201, 255, out, &len));
    assert_false(ask(0x80, 6, 0x0F00, 255, out, &len));
    assert_false(ask(0xC0, 1, 0, 255, out, &len));
    assert_false(ask(0x00, 9, 2, 0, out, &len)); /* no second configuration */
    assert_true(ask(0x00, 9, 1, 0, out, &len));
}

/* Any bytes at all: nothing may be read or written where it must not (the sanitizers look), the state stays sound. */
static void no_bytes_bring_it_out_of_step(void **state) {
    static uint8_t bytes[4 * CCID_MESSAGE_MAX];
    static const uint8_t answer[] = {0x90, 0};
    (void)state;
    srand(1);
    for (unsigned round = 0; round < 20000; round++) {
        size_t len = (size_t)rand() % (round % 8 == 0 ? sizeof bytes : 80);
        for (size_t i = 0; i < len; i++)
            bytes[i] = (uint8_t)(rand() >> 4);
        if (round % 3 == 0 && len > CCID_HEAD) { /* often nearly right */
            static const uint8_t types[] = {0x62, 0x63, 0x65, 0x6F, 0x6F, 0x6C, 0x61, 0x72};
            bytes[0] = types[(unsigned)rand() % sizeof types];
            bytes[1] = (uint8_t)(len - CCID_HEAD);
            bytes[2] = (uint8_t)((len - CCID_HEAD) >> 8);
            bytes[3] = bytes[4] = bytes[5] = 0;
            bytes[8] = (uint8_t)(rand() % 20);
            bytes[9] = 0;
        }
        switch (ccid_bulk_out(&ccid, bytes, len)) {
        case CCID_POWER_ON:
            ccid_powered(&ccid, atr, sizeof atr);
            break;
        case CCID_POWER_OFF:
            ccid_unpowered(&ccid);
            break;
        case CCID_TRANSMIT:
            assert_in_range(ccid.apdu_len, 1, CCID_APDU_MAX);
            if (rand() % 4)
                ccid_answered(&ccid, answer, sizeof answer);
            break;
        default:
            break;
        }
        assert_true(ccid.reply_len <= CCID_MESSAGE_MAX && ccid.in_len <= CCID_MESSAGE_MAX);
        if (ccid.busy && rand() % 4 == 0)
            ccid_answered(&ccid, bytes, sizeof bytes);
        ccid_card_changed(&ccid, rand() % 50 != 0);
    }
}

#define T(name) cmocka_unit_test_setup(name, setup)

int main(void) {
    const struct CMUnitTest tests[] = {
        T(powering_on_gives_the_atr_and_the_slot_tells_its_state),
        T(an_absent_card_is_absent_in_every_answer),
        T(a_block_without_power_is_refused),
        T(a_command_is_run_and_its_answer_sent),
        T(long_commands_and_answers_go_in_chains),
        T(a_broken_chain_is_refused_and_a_new_command_goes),
        T(a_chain_longer_than_any_command_is_refused),
        T(an_empty_command_is_refused),
        T(parameters_are_given_set_and_reset),
        T(unknown_messages_and_other_slots_are_refused_with_the_right_kind_of_answer),
        T(a_transfer_that_is_not_what_its_header_says_is_refused),
        T(a_message_may_come_in_packets),
        T(a_busy_slot_says_so_and_the_command_is_answered_still),
        T(pulling_the_card_answers_the_running_command),
        T(an_abort_takes_both_its_halves),
        T(descriptors_are_well_formed_and_cut_to_what_is_asked),
        T(no_bytes_bring_it_out_of_step),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
