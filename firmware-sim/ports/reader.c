/* Presence, turns, commands, holds. */
#include "firmware-sim/ports/reader.h"

#include <openukey/apdu.h>
#include <string.h>

/* T=1, direct convention; historical bytes in compact TLV: card capabilities with extended lengths and chaining, then "UKEY1",
 * or "UPIV1" from a PIV key. */
size_t reader_atr(const struct reader *reader, uint8_t atr[READER_ATR_MAX]) {
    bool is_piv = reader->card->factory.application == FACTORY_PIV;
    const uint8_t body[] = {
        0x3B,
        0x8B,
        0x01,
        0x80,
        0x73,
        0xC0,
        0x01,
        0xC0,
        0x55,
        'U',
        is_piv ? 'P' : 'K',
        is_piv ? 'I' : 'E',
        is_piv ? 'V' : 'Y',
        '1',
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

static void tell_cut(struct reader *reader) {
    if (reader->cut)
        reader->cut(reader->cut_ctx);
}

/* Forgets the command that is held or slow. */
static void drop_command(struct reader *reader) {
    if (reader->command.hold)
        reader->command.hold->holding = false;
    else
        loop_timer_stop(reader->loop, &reader->slow);
    reader->command.user = NULL;
}

enum card_error reader_insert(struct reader *reader, uint32_t *page) {
    *page = 0;
    if (reader->present)
        return CARD_OK;
    if (reader->power->failed)
        flash_power_on(reader->power);
    enum card_error err =
        card_power_up(reader->card, &reader->flash, reader->entropy, reader->entropy_ctx, page);
    if (reader->power->failed)
        tell_cut(reader);
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
    if (running)
        drop_command(reader);
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
    if (reader->command.user == user)
        drop_command(reader);
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

static void answer_late(void *ctx);

/* The command has its response; it may stop here, or come later. */
static void executed(struct reader *reader, struct reader_user *user, uint8_t ins) {
    if (stop_here(reader, user, true, ins))
        return;
    if (!reader->slow_ms) {
        answer(reader, user);
        return;
    }
    reader->command.user = user;
    reader->command.hold = NULL;
    user->state = READER_RUNNING;
    reader->slow = (struct loop_timer){.fire = answer_late, .ctx = reader};
    loop_timer_start(reader->loop, &reader->slow, reader->slow_ms);
}

static void answer_late(void *ctx) {
    struct reader *reader = ctx;
    answer(reader, reader->command.user);
}

/* The oldest fault that a command of this instruction meets; it is spent. kind is FAULT_STATUS or not. */
static bool meets_fault(struct reader *reader, bool status, uint8_t ins, struct reader_fault *met) {
    for (unsigned i = 0; i < READER_FAULTS_MAX; i++) {
        struct reader_fault *fault = &reader->faults[i];
        if (fault->times == 0 || (fault->kind == FAULT_STATUS) != status ||
            (fault->ins >= 0 && fault->ins != ins))
            continue;
        fault->times--;
        *met = *fault;
        return true;
    }
    return false;
}

static void spoil(struct reader_command *command, enum reader_fault_kind kind) {
    switch (kind) {
    case FAULT_FLIP:
        command->bytes[(command->len - 1) / 2] ^= 0x10;
        break;
    case FAULT_SHORT:
        command->len--;
        break;
    case FAULT_LONG:
        command->bytes[command->len++] = 0;
        break;
    default:
        command->len = 0;
    }
}

static void execute(struct reader *reader, struct reader_user *user) {
    struct reader_command *command = &reader->command;
    struct reader_fault fault;
    uint8_t response[APDU_MAX_RESPONSE], ins = command->len > 1 ? command->bytes[1] : 0;
    size_t len = 2;
    command->user = NULL;
    reader->uses++;
    uint64_t start = clock_ticks(reader->trace->clock);
    if (meets_fault(reader, true, ins, &fault)) {
        response[0] = (uint8_t)(fault.status >> 8);
        response[1] = (uint8_t)fault.status;
    } else {
        len = card_transmit(reader->card, command->bytes, command->len, response);
    }
    if (reader->power->failed) { /* there is no answer, and no card any more */
        command->user = user;
        command->hold = NULL;
        user->state = READER_RUNNING;
        reader_remove(reader);
        tell_cut(reader);
        return;
    }
    trace_apdu(reader->trace, user->port, command->bytes, command->len, response, len,
               clock_ticks(reader->trace->clock) - start);
    command->executed = true;
    command->len = len;
    memcpy(command->bytes, response, len);
    if (meets_fault(reader, false, ins, &fault))
        spoil(command, fault.kind);
    executed(reader, user, ins);
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

bool reader_fault(struct reader *reader, const struct reader_fault *fault) {
    if (reader->faults[READER_FAULTS_MAX - 1].times)
        for (unsigned to = 0, from = 0; from < READER_FAULTS_MAX; from++) { /* drop spent ones */
            struct reader_fault moved = reader->faults[from];
            reader->faults[from].times = 0;
            if (moved.times)
                reader->faults[to++] = moved;
        }
    if (reader->faults[READER_FAULTS_MAX - 1].times)
        return false;
    unsigned i = READER_FAULTS_MAX - 1;
    while (i > 0 && !reader->faults[i - 1].times)
        i--;
    reader->faults[i] = *fault;
    return true;
}

void reader_faults_clear(struct reader *reader) {
    memset(reader->faults, 0, sizeof reader->faults);
}

unsigned reader_faults_count(const struct reader *reader) {
    unsigned count = 0;
    for (unsigned i = 0; i < READER_FAULTS_MAX; i++)
        count += reader->faults[i].times != 0;
    return count;
}
