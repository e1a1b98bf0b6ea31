/* See sequence.h. */
#include "tests/unit/orderd/property/sequence.h"

#include "tests/unit/orderd/property/guide.h"
#include "tests/unit/orderd/property/invariants.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

static const char LETTERS[] = "gwr"; /* of step_kind */

enum { REMEMBERED = 24, ORDERS_MAX = 24, END_STEPS = 160 };

struct run {
    struct world *world;
    struct tally *tally;
    struct request past[REMEMBERED]; /* what succeeded */
    size_t past_count;
    uint64_t digest;
    bool digest_known;
};

/* ---- making ---- */

static size_t profile_count(void) {
    size_t count = 0;
    while (profiles[count] != NULL) {
        count++;
    }
    return count;
}

void sequence_make(uint64_t seed, struct sequence *out) {
    struct dice dice = {seed};
    out->profile = profiles[dice_roll(&dice, (uint32_t)profile_count())];
    out->count = 8 + dice_roll(&dice, STEPS_MAX - 8);
    uint32_t wildness = 2 + dice_roll(&dice, 4); /* of ten */
    for (size_t i = 0; i < out->count; i++) {
        uint32_t die = dice_roll(&dice, 20);
        out->steps[i].kind = die == 0                 ? STEP_REPEAT
                             : die < 1 + 2 * wildness ? STEP_WILD
                                                      : STEP_GUIDED;
        out->steps[i].value = dice_roll(&dice, UINT32_MAX);
    }
}

/* ---- orders ---- */

static size_t read_orders(struct world *world, const char *sql,
                          char numbers[][PUBLIC_NUMBER_SIZE]) {
    struct db_rows *rows = NULL;
    size_t count = 0;
    if (db_query(world->db, &rows, sql, "") == DB_OK) {
        while (count < ORDERS_MAX && db_next(rows) == DB_OK) {
            snprintf(numbers[count++], PUBLIC_NUMBER_SIZE, "%s", db_text(rows, 0));
        }
    }
    db_end(rows);
    return count;
}

static const char OPEN_ORDERS[] =
    "SELECT public_no FROM orders WHERE is_open = 1 ORDER BY created, public_no";
static const char ALL_ORDERS[] = "SELECT public_no FROM orders ORDER BY created, public_no";

/* Where on a ring the order is: by what it is, not by when it came, so that leaving out a step leaves later choices as they were. */
static uint32_t place_of(struct world *world, const struct order *order) {
    char name[128];
    world_text(world, name, sizeof name, "SELECT name FROM subjects WHERE id = $1", order->subject);
    uint32_t hash = 2166136261U + (uint32_t)order->kind * 40503U;
    for (const char *at = name; *at != '\0'; at++) {
        hash = (hash ^ (unsigned char)*at) * 16777619U;
    }
    return hash * 2654435761U;
}

static bool choose_order(struct world *world, struct dice *dice, const char *sql,
                         struct order *order) {
    char numbers[ORDERS_MAX][PUBLIC_NUMBER_SIZE];
    size_t count = read_orders(world, sql, numbers);
    uint32_t place = dice_roll(dice, UINT32_MAX);
    struct order candidate;
    uint32_t best = UINT32_MAX;
    bool found = false;
    for (size_t i = 0; i < count; i++) {
        if (order_load(world->db, numbers[i], &candidate) == ORDER_OK) {
            uint32_t distance = place_of(world, &candidate) - place;
            if (!found || distance < best) {
                best = distance;
                *order = candidate;
                found = true;
            }
        }
    }
    return found;
}

/* ---- sending ---- */

static void tell(const struct run *run, const struct request *request, const char *how) {
    struct order order;
    if (!run->world->loud) {
        return;
    }
    bool there = request->number[0] != '\0' &&
                 order_load(run->world->db, request->number, &order) == ORDER_OK;
    printf("    %s%s by %s", how, acts[request->act].name,
           request->by != NULL          ? request->by->name
           : request->self.name != NULL ? request->self.name
                                        : "nobody");
    if (request->act == ACT_CREATE) {
        printf(" of %s", kind_name(request->kind));
    }
    if (request->number[0] != '\0') {
        printf(" for %s version %" PRId64, request->number, request->version);
    }
    printf(" (%u %.40s %.24s): %s", request->variant, request->a, request->c,
           request->error == ORDER_OK ? "yes" : text_error_title(request->error, LANGUAGE_EN));
    if (there) {
        printf("; %s %s version %" PRId64, kind_name(order.kind), state_name(order.state),
               order.version);
    }
    printf("\n");
}

/* What comes of a request: a refused one must have changed nothing, unless it leaves something behind by design. */
static void send_request(struct run *run, struct request *request) {
    struct world *world = run->world;
    const struct act_row *row = &acts[request->act];
    uint64_t before = 0;
    if (!row->refusal_may_write) {
        before = run->digest_known ? run->digest : world_digest(world);
    }
    request->made_ms = world->now_ms;
    request->error = row->send(world, request);
    db_rollback(world->db);
    run->digest_known = false;
    if (request->error != ORDER_OK && !row->refusal_may_write) {
        run->digest = world_digest(world);
        run->digest_known = true;
        world_expect(world, before == run->digest, "a refused %s has changed something", row->name);
    }
}

static void remember(struct run *run, struct request *request) {
    struct order order;
    if (request->number[0] != '\0' &&
        order_load(run->world->db, request->number, &order) == ORDER_OK) {
        request->version_after = order.version;
    }
    run->past[run->past_count % REMEMBERED] = *request;
    run->past_count++;
}

static void note(struct run *run, const struct request *request) {
    struct order order;
    struct tally *tally = run->tally;
    if (tally == NULL) {
        return;
    }
    tally->steps++;
    tally->accepted += request->error == ORDER_OK ? 1 : 0;
    tally->refused += request->error != ORDER_OK ? 1 : 0;
    tally->acts[request->act] += request->error == ORDER_OK ? 1 : 0;
    if (request->error == ORDER_OK && request->number[0] != '\0' &&
        order_load(run->world->db, request->number, &order) == ORDER_OK) {
        tally->states[order.state]++;
    }
}

static void finish_request(struct run *run, struct request *request) {
    struct order order;
    struct world *world = run->world;
    tell(run, request, "");
    note(run, request);
    world_expect(world, request->error != ORDER_INTERNAL && request->error != ORDER_STORE_FAILED,
                 "%s failed inside: %s", acts[request->act].name, db_message(world->db));
    if (request->error != ORDER_OK) {
        return;
    }
    if (request->number[0] != '\0' && order_load(world->db, request->number, &order) == ORDER_OK) {
        bool due = order_next_gate(&order) == GATE_ISSUE || order_next_gate(&order) == GATE_PRODUCE;
        if (request->act == ACT_CSR && due) {
            invariants_consent(world, &order);
        }
    }
    remember(run, request);
    invariants_cheap(world);
}

static void send_act(struct run *run, struct dice *dice, enum act act, const struct order *order,
                     bool wild) {
    struct request request;
    memset(&request, 0, sizeof request);
    request.act = act;
    acts[act].choose(run->world, dice, order, wild, &request);
    run->digest_known = false;
    send_request(run, &request);
    finish_request(run, &request);
}

/* ---- the steps ---- */

static void guided(struct run *run, struct dice *dice) {
    struct order order;
    struct world *world = run->world;
    if (dice_roll(dice, 6) == 0 || !choose_order(world, dice, OPEN_ORDERS, &order)) {
        send_act(run, dice, dice_roll(dice, 6) == 0 ? ACT_DELIVER : ACT_CREATE, NULL, false);
        return;
    }
    enum act act = guide_next(world, dice, &order);
    if (act != ACT_COUNT) {
        send_act(run, dice, act, &order, false);
    }
}

static bool needs_order(enum act act) {
    return act != ACT_CREATE && act != ACT_DELIVER && act != ACT_SWEEP && act != ACT_WAIT &&
           act != ACT_BREAK;
}

static void wild(struct run *run, struct dice *dice) {
    struct order order;
    struct world *world = run->world;
    /* half of the time what would be right, by the wrong one, in the wrong way */
    bool ordered =
        choose_order(world, dice, dice_roll(dice, 6) == 0 ? ALL_ORDERS : OPEN_ORDERS, &order);
    enum act act = (enum act)dice_roll(dice, ACT_COUNT);
    if (ordered && dice_roll(dice, 2) == 0) {
        enum act right = guide_next(world, dice, &order);
        act = right != ACT_COUNT ? right : act;
    }
    if (needs_order(act) && !ordered) {
        act = ACT_CREATE;
    }
    send_act(run, dice, act, &order, true);
}

/* Has anything since the past request spoken of its order? The version alone does not tell: a look, a face shown or a workshop's claim
 * leave it as it is. */
static bool is_spoken_of_since(const struct run *run, size_t place) {
    const char *number = run->past[place % REMEMBERED].number;
    for (size_t later = place + 1; later < run->past_count; later++) {
        if (strcmp(run->past[later % REMEMBERED].number, number) == 0) {
            return true;
        }
    }
    return false;
}

/* Invariant 7. */
static void repeat(struct run *run, struct dice *dice) {
    struct order order;
    struct world *world = run->world;
    size_t known = run->past_count < REMEMBERED ? run->past_count : REMEMBERED;
    if (known == 0) {
        return;
    }
    size_t place = run->past_count - known + dice_roll(dice, (uint32_t)known);
    struct request request = run->past[place % REMEMBERED];
    const struct act_row *row = &acts[request.act];
    bool stands = request.number[0] != '\0' &&
                  order_load(world->db, request.number, &order) == ORDER_OK &&
                  order.version == request.version_after && !is_spoken_of_since(run, place);
    /* idempotency keys live a day */
    bool young = request.act != ACT_CREATE ||
                 world->now_ms - request.made_ms < (int64_t)IDEMPOTENCY_HOURS * 3600 * 1000;
    bool must_not =
        young && (row->repeat == REPEAT_SAME || (row->repeat == REPEAT_AT_ONCE && stands));
    uint64_t before = world_digest(world);
    request.error = row->send(world, &request);
    db_rollback(world->db);
    run->digest_known = false;
    tell(run, &request, "again: ");
    if (run->tally != NULL) {
        run->tally->repeated++;
    }
    world_expect(world, !must_not || before == world_digest(world),
                 "7: %s a second time has changed something", row->name);
    if (request.error == ORDER_OK) {
        remember(run, &request);
    }
    invariants_cheap(world);
}

/* ---- the end ---- */

static void deliver_all(struct world *world) {
    world->failures = 0;
    for (int i = 0; i < 400; i++) {
        if (!act_deliver_one(world, false)) {
            world->now_ms += INT64_C(301000); /* what failed before comes again */
            if (world_number(world, "SELECT COUNT(*) FROM outbox WHERE done = 0 AND attempts < 40",
                             NULL) <= 0) {
                return;
            }
        }
    }
}

/* Invariant 9: whoever goes on in the right way comes to an end, or an operator can end it. */
static void end_order(struct run *run, const char *number, struct dice *dice) {
    struct order order = {.state = STATE_DRAFT};
    struct world *world = run->world;
    for (int i = 0; i < END_STEPS && world->broken[0] == '\0'; i++) {
        if (order_load(world->db, number, &order) != ORDER_OK || state_is_final(order.state)) {
            if (run->tally != NULL && order.state == STATE_COMPLETED) {
                run->tally->ended[order.kind]++;
            }
            return;
        }
        enum act act = guide_next(world, dice, &order);
        if (act == ACT_COUNT) {
            break;
        }
        /* nothing helps: an operator ends it, or the applicant */
        if (i > END_STEPS / 2) {
            act = i % 3 == 0 ? ACT_GIVE_UP : i % 3 == 1 ? ACT_CANCEL : act;
        }
        world->now_ms += i > 20 ? 61 * 1000 : 1000;
        send_act(run, dice, act, &order, false);
        if (i % 7 == 6) {
            deliver_all(world);
            send_act(run, dice, ACT_SWEEP, NULL, false);
        }
    }
    world_expect(world, false, "9: nobody can bring order %s to its end: it is %s", number,
                 state_name(order.state));
}

static void end_all(struct run *run, struct dice *dice) {
    struct world *world = run->world;
    char numbers[ORDERS_MAX][PUBLIC_NUMBER_SIZE];
    deliver_all(world);
    struct request sweep = {.act = ACT_SWEEP};
    size_t count = read_orders(world, OPEN_ORDERS, numbers);
    for (size_t i = 0; i < count && world->broken[0] == '\0'; i++) {
        end_order(run, numbers[i], dice);
    }
    deliver_all(world);
    send_request(run, &sweep);
    if (world->broken[0] == '\0') {
        invariants_cheap(world);
        invariants_books(world);
    }
}

static void note_states(struct world *world, struct tally *tally) {
    struct db_rows *rows = NULL;
    if (db_query(world->db, &rows, "SELECT state FROM orders", "") == DB_OK) {
        while (db_next(rows) == DB_OK) {
            enum order_state state = state_of(db_text(rows, 0));
            tally->states[state] += state != STATE_COUNT ? 1 : 0;
        }
    }
    db_end(rows);
}

bool sequence_run(struct world *world, const struct sequence *sequence, bool thorough,
                  struct tally *tally) {
    struct run *run = calloc(1, sizeof *run);
    if (run == NULL) {
        return false;
    }
    run->world = world;
    run->tally = tally;
    world_reset(world, sequence->profile);
    for (size_t i = 0; i < sequence->count && world->broken[0] == '\0'; i++) {
        const struct step *step = &sequence->steps[i];
        struct dice dice = {step->value};
        world->now_ms += 1000;
        if (world->loud) {
            printf("  %c:%u\n", LETTERS[step->kind], step->value);
        }
        if (step->kind == STEP_GUIDED) {
            guided(run, &dice);
        } else if (step->kind == STEP_WILD) {
            wild(run, &dice);
        } else {
            repeat(run, &dice);
        }
    }
    if (thorough && world->broken[0] == '\0') {
        struct dice dice = {sequence->count};
        if (world->loud) {
            printf("  to the end\n");
        }
        end_all(run, &dice);
    }
    if (world->broken[0] == '\0') {
        invariants_history(world);
    }
    if (tally != NULL) {
        note_states(world, tally);
    }
    if (thorough && world->broken[0] == '\0') {
        invariants_secrets(world);
    }
    free(run);
    return world->broken[0] == '\0';
}

/* ---- shrinking ---- */

static void leave_out(const struct sequence *from, size_t at, size_t count, struct sequence *out) {
    *out = *from;
    memmove(&out->steps[at], &out->steps[at + count],
            (from->count - at - count) * sizeof out->steps[0]);
    out->count -= count;
}

/* Does it break the same law? */
static bool breaks_alike(struct world *world, const struct sequence *sequence, bool thorough,
                         const char *law) {
    return !sequence_run(world, sequence, thorough, NULL) && strncmp(world->broken, law, 12) == 0;
}

void sequence_shrink(struct world *world, struct sequence *sequence, bool thorough) {
    struct sequence shorter;
    char law[sizeof world->broken];
    snprintf(law, sizeof law, "%s", world->broken);
    for (size_t chunk = sequence->count / 2; chunk > 0; chunk /= 2) {
        for (size_t at = 0; at + chunk <= sequence->count;) {
            leave_out(sequence, at, chunk, &shorter);
            if (!breaks_alike(world, &shorter, thorough, law)) {
                at += chunk;
            } else {
                *sequence = shorter;
            }
        }
    }
    /* those that stood in each other's way */
    for (size_t first = 0; first + 1 < sequence->count; first++) {
        for (size_t second = first + 1; second < sequence->count; second++) {
            struct sequence without;
            leave_out(sequence, second, 1, &without);
            leave_out(&without, first, 1, &shorter);
            if (breaks_alike(world, &shorter, thorough, law)) {
                *sequence = shorter;
                second = first;
            }
        }
    }
    /* one alone may be left out now that others are */
    for (size_t at = sequence->count; at > 0; at--) {
        leave_out(sequence, at - 1, 1, &shorter);
        if (breaks_alike(world, &shorter, thorough, law)) {
            *sequence = shorter;
        }
    }
}

void sequence_print(const struct sequence *sequence, FILE *out) {
    fprintf(out, "%s", sequence->profile->id);
    for (size_t i = 0; i < sequence->count; i++) {
        fprintf(out, " %c:%u", LETTERS[sequence->steps[i].kind], sequence->steps[i].value);
    }
    fprintf(out, "\n");
}

bool sequence_parse(const char *text, struct sequence *out) {
    char name[32] = "";
    memset(out, 0, sizeof *out);
    size_t len = strcspn(text, " ");
    snprintf(name, sizeof name, "%.*s", (int)len, text);
    out->profile = profile_find(name);
    for (const char *at = text + len; *at == ' '; at += strcspn(at, " ")) {
        at++;
        const char *kind = *at != '\0' ? strchr(LETTERS, *at) : NULL;
        if (kind == NULL || at[1] != ':' || out->count == STEPS_MAX) {
            return false;
        }
        out->steps[out->count].kind = (enum step_kind)(kind - LETTERS);
        out->steps[out->count++].value = (uint32_t)strtoul(at + 2, NULL, 10);
    }
    return out->profile != NULL;
}
