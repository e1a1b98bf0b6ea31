/* Presence, turns, commands, holds. */
#include "firmware-sim/ports/reader.h"

#include <openukey/apdu.h>
#include <string.h>

/* T=1, direct convention; historical bytes in compact TLV: card capabilities with extended Lc and Le, then "UKEY1". */
size_t reader_atr(uint8_t atr[READER_ATR_MAX]) {
    static const uint8_t body[] = {
        0x3B, 0x8B, 0x01, 0x80, 0x73, 0xC0, 0x01, 0x40, 0x55, 'U', 'K', 'E', 'Y', '1',
    };
    uint8_t check = 0;
    for (size_t i = 1; i < sizeof body; i++)
        check ^= body[i];
    memcpy(atr, body, sizeof body);
    atr[sizeof body] = check;
    return sizeof body + 1;
}

static void tell_all(struct reader *reader) {
    for (struct reader_user *user = reader->users, *next; user; user = next) {
        next = user->next;
        user->ops->changed(user);
    }
}

/* Gives the turn to the user who waits longest. */
static void next_turn(struct reader *reader) {
    if (reader->turn || !reader->present)
        return;
    for (struct reader_user *user = reader->users; user; user = user->next) {
        if (user->state != READER_WAITING)
            continue;
        loop_timer_stop(reader->loop, &user->timer);
        user->state = READER_TURN;
        reader->turn = user;
        user->ops->begun(user, user->seen != reader->uses);
        return;
    }
}

static void waited_too_long(void *ctx) {
    struct reader_user *user = ctx;
    user->state = READER_IDLE;
    user->ops->refused(user, SIM_ERR_TIMEOUT);
}

enum card_error reader_insert(struct reader *reader, uint32_t *page) {
    *page = 0;
    if (reader->present)
        return CARD_OK;
    enum card_error err =
        card_power_up(reader->card, &reader->flash, reader->entropy, reader->entropy_ctx, page);
    if (err)
        return err;
    reader->present = true;
    reader->generation++;
    reader->uses++;
    tell_all(reader);
    next_turn(reader);
    return CARD_OK;
}

void reader_remove(struct reader *reader) {
    if (!reader->present)
        return;
    reader->present = false;
    card_power_down(reader->card);
    struct reader_user *running = reader->command.user;
    if (running) {
        reader->command.hold->holding = false;
        reader->command.user = NULL;
    }
    if (reader->turn)
        reader->turn->state = READER_LOST;
    reader->turn = NULL;
    if (running)
        running->ops->lost(running);
    for (struct reader_user *user = reader->users, *next; user; user = next) {
        next = user->next;
        if (user->state != READER_WAITING)
            continue;
        loop_timer_stop(reader->loop, &user->timer);
        user->state = READER_IDLE;
        user->ops->refused(user, SIM_ERR_NO_CARD);
    }
    tell_all(reader);
}

/* Users stand in the order in which they wait: whoever begins to wait goes to the end. */
static void unlink_user(struct reader *reader, struct reader_user *user) {
    for (struct reader_user **at = &reader->users; *at; at = &(*at)->next) {
        if (*at == user) {
            *at = user->next;
            return;
        }
    }
}

static void append_user(struct reader *reader, struct reader_user *user) {
    struct reader_user **at = &reader->users;
    while (*at)
        at = &(*at)->next;
    user->next = NULL;
    *at = user;
}

void reader_attach(struct reader *reader, struct reader_user *user) {
    user->reader = reader;
    user->state = READER_IDLE;
    user->seen = 0;
    user->timer = (struct loop_timer){.fire = waited_too_long, .ctx = user};
    append_user(reader, user);
}

void reader_detach(struct reader_user *user) {
    struct reader *reader = user->reader;
    loop_timer_stop(reader->loop, &user->timer);
    unlink_user(reader, user);
    if (reader->command.user == user) {
        reader->command.hold->holding = false;
        reader->command.user = NULL;
    }
    if (reader->turn == user)
        reader->turn = NULL;
    next_turn(reader);
}

void reader_begin(struct reader_user *user, uint32_t timeout_ms) {
    struct reader *reader = user->reader;
    if (!reader->present) {
        user->ops->refused(user, SIM_ERR_NO_CARD);
        return;
    }
    if (reader->turn && timeout_ms == 0) {
        user->ops->refused(user, SIM_ERR_TIMEOUT);
        return;
    }
    unlink_user(reader, user);
    append_user(reader, user);
    user->state = READER_WAITING;
    if (timeout_ms != READER_WAIT_FOREVER)
        loop_timer_start(reader->loop, &user->timer, timeout_ms);
    next_turn(reader);
}

void reader_end(struct reader_user *user) {
    struct reader *reader = user->reader;
    if (user->state == READER_TURN) {
        user->seen = reader->uses;
        reader->turn = NULL;
    }
    user->state = READER_IDLE;
    next_turn(reader);
}

/* Counts the command at the holds of that kind; the hold at which it stops, or NULL. */
static struct reader_hold *stops_at(struct reader *reader, bool after, uint8_t ins) {
    struct reader_hold *stop = NULL;
    for (struct reader_hold *hold = reader->holds; hold; hold = hold->next) {
        if (!hold->armed || hold->after != after || hold->ins != ins || --hold->count > 0)
            continue;
        hold->armed = false;
        stop = hold;
    }
    return stop;
}

static bool stop_here(struct reader *reader, struct reader_user *user, bool after, uint8_t ins) {
    struct reader_hold *hold = stops_at(reader, after, ins);
    if (!hold)
        return false;
    reader->command.user = user;
    reader->command.hold = hold;
    user->state = READER_RUNNING;
    hold->holding = true;
    hold->held(hold);
    return true;
}

static void answer(struct reader *reader, struct reader_user *user) {
    struct reader_command *command = &reader->command;
    command->user = NULL;
    user->state = READER_TURN;
    user->ops->answered(user, command->bytes, command->len);
}

static void execute(struct reader *reader, struct reader_user *user) {
    struct reader_command *command = &reader->command;
    uint8_t response[APDU_MAX_RESPONSE], ins = command->len > 1 ? command->bytes[1] : 0;
    command->user = NULL;
    reader->uses++;
    uint64_t start = trace_clock();
    size_t len = card_transmit(reader->card, command->bytes, command->len, response);
    trace_apdu(reader->trace, user->port, command->bytes, command->len, response, len,
               trace_clock() - start);
    command->executed = true;
    command->len = len;
    memcpy(command->bytes, response, len);
    if (!stop_here(reader, user, true, ins))
        answer(reader, user);
}

void reader_transmit(struct reader_user *user, const uint8_t *bytes, size_t len) {
    struct reader *reader = user->reader;
    struct reader_command *command = &reader->command;
    command->len = len < sizeof command->bytes ? len : sizeof command->bytes;
    command->executed = false;
    memcpy(command->bytes, bytes, command->len);
    if (!stop_here(reader, user, false, len > 1 ? bytes[1] : 0))
        execute(reader, user);
}

void reader_reset(struct reader_user *user) {
    struct reader *reader = user->reader;
    card_reset(reader->card);
    reader->generation++;
    reader->uses++;
}

void reader_hold(struct reader *reader, struct reader_hold *hold) {
    reader_release(reader, hold);
    hold->armed = true;
    hold->holding = false;
    hold->next = reader->holds;
    reader->holds = hold;
}

void reader_release(struct reader *reader, struct reader_hold *hold) {
    for (struct reader_hold **at = &reader->holds; *at; at = &(*at)->next) {
        if (*at == hold) {
            *at = hold->next;
            break;
        }
    }
    hold->armed = false;
    if (!hold->holding)
        return;
    hold->holding = false;
    struct reader_user *user = reader->command.user;
    if (reader->command.executed)
        answer(reader, user);
    else
        execute(reader, user);
}
