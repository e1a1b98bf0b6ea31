/* The PC/SC transport over a pcscd that resets, removes, is slow and never answers: what the module makes of it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "module/transport/pcsc_library.h"
#include "module/transport/transport.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

enum { LONG_MS = 60000, SHORT_MS = 30 };

/* A call of pcscd that does not return until the test says so. */
struct gate {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    bool is_shut;
};

static struct {
    LONG begin[4], transmit; /* what they return; begin in a row */
    unsigned begins, ends, reconnects, disconnects, releases;
    struct gate begin_gate, transmit_gate;
    bool is_present, answers_nothing;
} pcscd;

static void gate_set(struct gate *gate, bool shut) {
    pthread_mutex_lock(&gate->lock);
    gate->is_shut = shut;
    pthread_cond_broadcast(&gate->changed);
    pthread_mutex_unlock(&gate->lock);
}

static void gate_pass(struct gate *gate) {
    pthread_mutex_lock(&gate->lock);
    while (gate->is_shut) {
        pthread_cond_wait(&gate->changed, &gate->lock);
    }
    pthread_mutex_unlock(&gate->lock);
}

static atomic_uint calls_under_way;

static LONG establish(DWORD scope, LPCVOID a, LPCVOID b, LPSCARDCONTEXT out) {
    (void)scope;
    (void)a;
    (void)b;
    *out = 7;
    return SCARD_S_SUCCESS;
}

static LONG release(SCARDCONTEXT context) {
    (void)context;
    pcscd.releases++;
    return SCARD_S_SUCCESS;
}

static LONG cancel(SCARDCONTEXT context) {
    (void)context;
    return SCARD_S_SUCCESS;
}

static LONG status_change(SCARDCONTEXT context, DWORD timeout, SCARD_READERSTATE *states,
                          DWORD count) {
    (void)context;
    (void)timeout;
    if (states[0].dwCurrentState != SCARD_STATE_UNAWARE) {
        return SCARD_E_TIMEOUT;
    }
    for (DWORD i = 0; i < count; i++) {
        states[i].dwEventState = pcscd.is_present ? SCARD_STATE_PRESENT : SCARD_STATE_EMPTY;
    }
    return SCARD_S_SUCCESS;
}

static LONG connect_card(SCARDCONTEXT context, LPCSTR reader, DWORD mode, DWORD protocols,
                         LPSCARDHANDLE card, LPDWORD protocol) {
    (void)context;
    (void)reader;
    (void)protocols;
    assert_int_equal(mode, SCARD_SHARE_SHARED);
    *card = 9;
    *protocol = SCARD_PROTOCOL_T1;
    return SCARD_S_SUCCESS;
}

static LONG reconnect(SCARDHANDLE card, DWORD mode, DWORD protocols, DWORD initialization,
                      LPDWORD protocol) {
    (void)card;
    (void)mode;
    (void)protocols;
    assert_int_equal(initialization, SCARD_LEAVE_CARD);
    *protocol = SCARD_PROTOCOL_T1;
    pcscd.reconnects++;
    return SCARD_S_SUCCESS;
}

static LONG disconnect(SCARDHANDLE card, DWORD disposition) {
    (void)card;
    assert_int_equal(disposition, SCARD_LEAVE_CARD);
    pcscd.disconnects++;
    return SCARD_S_SUCCESS;
}

static LONG begin(SCARDHANDLE card) {
    (void)card;
    calls_under_way++;
    gate_pass(&pcscd.begin_gate);
    LONG rv = pcscd.begin[pcscd.begins++ % 4];
    calls_under_way--;
    return rv;
}

static LONG end(SCARDHANDLE card, DWORD disposition) {
    (void)card;
    assert_int_equal(disposition, SCARD_LEAVE_CARD);
    pcscd.ends++;
    return SCARD_S_SUCCESS;
}

static LONG status(SCARDHANDLE card, LPSTR name, LPDWORD name_len, LPDWORD state, LPDWORD protocol,
                   LPBYTE atr, LPDWORD atr_len) {
    static const uint8_t bytes[] = {0x3B, 0x80, 0x01, 0x81};
    (void)card, (void)name, (void)name_len, (void)state, (void)protocol;
    memcpy(atr, bytes, sizeof(bytes));
    *atr_len = sizeof(bytes);
    return SCARD_S_SUCCESS;
}

static LONG transmit(SCARDHANDLE card, const SCARD_IO_REQUEST *pci, LPCBYTE command,
                     DWORD command_len, SCARD_IO_REQUEST *received, LPBYTE response,
                     LPDWORD response_len) {
    (void)card;
    (void)pci;
    (void)received;
    calls_under_way++;
    gate_pass(&pcscd.transmit_gate);
    *response_len = 0;
    if (pcscd.answers_nothing) {
        calls_under_way--;
        return SCARD_S_SUCCESS;
    }
    if (pcscd.transmit == SCARD_S_SUCCESS) {
        memcpy(response, command, command_len);
        memcpy(response + command_len, (const uint8_t[]){0x90, 0}, 2);
        *response_len = command_len + 2;
    }
    calls_under_way--;
    return pcscd.transmit;
}

static const SCARD_IO_REQUEST pci = {SCARD_PROTOCOL_T1, sizeof(SCARD_IO_REQUEST)};

static const struct pcsc_library library = {
    .establish_context = establish,
    .release_context = release,
    .cancel = cancel,
    .get_status_change = status_change,
    .connect = connect_card,
    .reconnect = reconnect,
    .status = status,
    .disconnect = disconnect,
    .begin_transaction = begin,
    .end_transaction = end,
    .transmit = transmit,
    .pci_t0 = &pci,
    .pci_t1 = &pci,
};

/* in place of the real ones */
const struct pcsc_library *pcsc_library_get(void) {
    return &library;
}

char *pcsc_reader_names(const struct pcsc_library *pcsc, SCARDCONTEXT context,
                        const char *pattern) {
    (void)pcsc;
    (void)context;
    (void)pattern;
    return NULL;
}

static struct transport *transport;
static struct connection *connection;

static int open_with(bool may_use_threads) {
    pcscd.is_present = true;
    pcscd.transmit = SCARD_S_SUCCESS;
    memset(pcscd.begin, 0, sizeof(pcscd.begin));
    pcscd.begins = pcscd.ends = pcscd.reconnects = pcscd.disconnects = pcscd.releases = 0;
    return pcsc_transport_open("*", may_use_threads, &transport) == TRANSPORT_OK &&
                   transport->ops->connect(transport, "reader", LONG_MS, &connection) ==
                       TRANSPORT_OK
               ? 0
               : -1;
}

static int open_connection(void **state) {
    (void)state;
    return open_with(true);
}

static int close_connection(void **state) {
    (void)state;
    gate_set(&pcscd.begin_gate, false);
    gate_set(&pcscd.transmit_gate, false);
    if (connection != NULL) {
        connection->ops->disconnect(connection);
        connection = NULL;
    }
    transport->ops->close(transport);
    return 0;
}

static enum transport_error start(uint32_t timeout_ms, struct transaction_start *out) {
    return connection->ops->begin(connection, timeout_ms, out);
}

static enum transport_error send(uint32_t timeout_ms) {
    const uint8_t command[] = {0x80, 4, 0, 0, 0};
    uint8_t response[16];
    size_t len;
    enum transport_error err = connection->ops->transmit(
        connection, command, sizeof(command), response, sizeof(response), &len, timeout_ms);
    assert_int_equal(len, err == TRANSPORT_OK ? sizeof(command) + 2 : 0);
    return err;
}

static void a_reset_by_another_program_is_told_once(void **state) {
    (void)state;
    struct transaction_start begun;
    assert_int_equal(start(LONG_MS, &begun), TRANSPORT_OK);
    assert_false(begun.was_reset);
    assert_true(begun.maybe_used);
    assert_int_equal(send(LONG_MS), TRANSPORT_OK);
    assert_int_equal(connection->ops->end(connection), TRANSPORT_OK);
    pcscd.begin[1] = SCARD_W_RESET_CARD;
    assert_int_equal(start(LONG_MS, &begun), TRANSPORT_OK);
    assert_true(begun.was_reset);
    assert_int_equal(pcscd.reconnects, 1);
    connection->ops->end(connection);
    assert_int_equal(start(LONG_MS, &begun), TRANSPORT_OK);
    assert_false(begun.was_reset);
    connection->ops->end(connection);
}

static void a_reset_within_a_transaction_is_told_by_the_next(void **state) {
    (void)state;
    struct transaction_start begun;
    assert_int_equal(start(LONG_MS, &begun), TRANSPORT_OK);
    pcscd.transmit = SCARD_W_RESET_CARD;
    assert_int_equal(send(LONG_MS), TRANSPORT_IO);
    connection->ops->end(connection);
    pcscd.transmit = SCARD_S_SUCCESS;
    assert_int_equal(start(LONG_MS, &begun), TRANSPORT_OK);
    assert_true(begun.was_reset);
    connection->ops->end(connection);
}

static void a_failure_because_the_card_is_gone_is_a_removal(void **state) {
    (void)state;
    struct transaction_start begun;
    assert_int_equal(start(LONG_MS, &begun), TRANSPORT_OK);
    pcscd.transmit = SCARD_E_NOT_TRANSACTED;
    assert_int_equal(send(LONG_MS), TRANSPORT_IO);
    pcscd.is_present = false;
    assert_int_equal(send(LONG_MS), TRANSPORT_REMOVED);
    pcscd.answers_nothing = true; /* as a virtual reader does */
    assert_int_equal(send(LONG_MS), TRANSPORT_REMOVED);
    pcscd.answers_nothing = false;
    pcscd.transmit = SCARD_W_REMOVED_CARD;
    assert_int_equal(send(LONG_MS), TRANSPORT_REMOVED);
    connection->ops->end(connection);
}

static void a_card_held_too_long_is_busy_and_can_be_had_later(void **state) {
    (void)state;
    struct transaction_start begun;
    gate_set(&pcscd.begin_gate, true);
    assert_int_equal(start(SHORT_MS, &begun), TRANSPORT_BUSY);
    assert_int_equal(start(SHORT_MS, &begun), TRANSPORT_BUSY); /* still the same attempt */
    gate_set(&pcscd.begin_gate, false);
    assert_int_equal(start(LONG_MS, &begun), TRANSPORT_OK);
    assert_int_equal(send(LONG_MS), TRANSPORT_OK);
    connection->ops->end(connection);
    assert_int_equal(pcscd.begins, pcscd.ends); /* nothing is held that nobody waits for */
}

static void a_card_got_too_late_is_let_go_again(void **state) {
    (void)state;
    struct transaction_start begun;
    gate_set(&pcscd.begin_gate, true);
    assert_int_equal(start(SHORT_MS, &begun), TRANSPORT_BUSY);
    gate_set(&pcscd.begin_gate, false);
    connection->ops->disconnect(connection); /* waits for the attempt's end */
    connection = NULL;
    assert_int_equal(pcscd.begins, 1);
    assert_int_equal(pcscd.ends, 1);
    assert_int_equal(pcscd.disconnects, 1);
}

static void a_command_without_an_answer_times_out_and_the_connection_is_dead(void **state) {
    (void)state;
    struct transaction_start begun;
    assert_int_equal(start(LONG_MS, &begun), TRANSPORT_OK);
    gate_set(&pcscd.transmit_gate, true);
    assert_int_equal(send(SHORT_MS), TRANSPORT_TIMEOUT);
    assert_int_equal(send(SHORT_MS), TRANSPORT_REMOVED);
    assert_int_equal(connection->ops->end(connection), TRANSPORT_REMOVED);
    assert_int_equal(start(SHORT_MS, &begun), TRANSPORT_REMOVED);
    assert_int_equal(calls_under_way, 1); /* pcscd is still at it */
}

static void without_threads_everything_works_but_the_deadlines(void **state) {
    (void)state;
    close_connection(state);
    assert_int_equal(open_with(false), 0);
    struct transaction_start begun;
    pcscd.begin[0] = SCARD_W_RESET_CARD;
    assert_int_equal(start(LONG_MS, &begun), TRANSPORT_OK);
    assert_true(begun.was_reset);
    assert_int_equal(send(LONG_MS), TRANSPORT_OK);
    assert_int_equal(connection->ops->end(connection), TRANSPORT_OK);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, open_connection, close_connection)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(a_reset_by_another_program_is_told_once),
        TEST(a_reset_within_a_transaction_is_told_by_the_next),
        TEST(a_failure_because_the_card_is_gone_is_a_removal),
        TEST(a_card_held_too_long_is_busy_and_can_be_had_later),
        TEST(a_card_got_too_late_is_let_go_again),
        TEST(a_command_without_an_answer_times_out_and_the_connection_is_dead),
        TEST(without_threads_everything_works_but_the_deadlines),
    };
    pthread_mutex_init(&pcscd.begin_gate.lock, NULL);
    pthread_cond_init(&pcscd.begin_gate.changed, NULL);
    pthread_mutex_init(&pcscd.transmit_gate.lock, NULL);
    pthread_cond_init(&pcscd.transmit_gate.changed, NULL);
    return cmocka_run_group_tests_name("pcsc", tests, NULL, NULL);
}
