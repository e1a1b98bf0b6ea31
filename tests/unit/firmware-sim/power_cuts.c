/* One run, many flashes. */
#include "tests/unit/firmware-sim/power_cuts.h"

#include "tests/unit/firmware-sim/campaign.h"
#include "tests/unit/firmware-sim/testing.h"

#include <openukey/apdu.h>
#include <stdlib.h>

/* In short campaigns: every so many-th new flash of a second cut is mounted, and a command is run so often with failing power. */
enum { SHORT_MOUNTS = 499, SHORT_RUNS = 4 };

/* In the order in which they come. */
enum stage { STAGE_OLD, STAGE_SPENT, STAGE_NEW, STAGES, STAGE_UNKNOWN = STAGES };

/* --- a flash, and a number that stands for its content --- */

/* The sum of a hash of each word and its place: changes with a write at the cost of that write. Of millions of flashes no two
 * share these 128 bits. */
struct identity {
    uint64_t a, b;
};

struct image {
    uint8_t *bytes;
    struct identity id;
};

static uint64_t mixed(uint64_t x) { /* the finalizer of splitmix64 */
    x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9;
    x = (x ^ x >> 27) * 0x94d049bb133111eb;
    return x ^ x >> 31;
}

static struct identity of_words(const uint8_t *bytes, uint32_t addr, uint32_t len) {
    struct identity sum = {0, 0};
    for (uint32_t i = 0; i < len; i += FLASH_WORD) {
        uint64_t word;
        memcpy(&word, bytes + addr + i, sizeof word);
        uint64_t place = mixed(addr + i + 0x9e3779b97f4a7c15);
        sum.a += mixed(word ^ place);
        sum.b += mixed(mixed(word + place) ^ 0xd1b54a32d192ed03);
    }
    return sum;
}

static uint32_t touched(const struct flash_ram_write *write) {
    return write->erases ? FLASH_PAGE : FLASH_WORD;
}

static void image_write(struct image *image, const struct flash_ram_write *write,
                        enum flash_ram_cut cut) {
    struct identity before = of_words(image->bytes, write->addr, touched(write));
    flash_ram_apply(image->bytes, write, cut);
    struct identity after = of_words(image->bytes, write->addr, touched(write));
    image->id.a += after.a - before.a;
    image->id.b += after.b - before.b;
}

static void image_copy(struct image *to, const struct image *from, size_t size) {
    memcpy(to->bytes, from->bytes, size);
    to->id = from->id;
}

/* --- the flashes that were seen, and what a mount found --- */

struct seen {
    struct identity id;
    unsigned char stage, taken;
};

static struct seen *seen;
static size_t seen_room, seen_count;

static struct seen *seen_place(const struct identity *id) {
    size_t at = (size_t)id->a & (seen_room - 1);
    while (seen[at].taken && (seen[at].id.a != id->a || seen[at].id.b != id->b))
        at = (at + 1) & (seen_room - 1);
    return &seen[at];
}

static void seen_clear(void) {
    free(seen);
    seen_room = 1U << 16;
    seen_count = 0;
    seen = calloc(seen_room, sizeof *seen);
    assert_non_null(seen);
}

static void seen_grow(void) {
    struct seen *old = seen;
    const size_t old_room = seen_room;
    seen_room *= 2;
    seen = calloc(seen_room, sizeof *seen);
    assert_non_null(seen);
    for (size_t i = 0; i < old_room; i++)
        if (old[i].taken)
            *seen_place(&old[i].id) = old[i];
    free(old);
}

static struct seen *seen_find(const struct identity *id) {
    if (2 * seen_count >= seen_room)
        seen_grow();
    struct seen *place = seen_place(id);
    if (!place->taken) {
        *place = (struct seen){*id, STAGE_UNKNOWN, 1};
        seen_count++;
    }
    return place;
}

/* --- one command --- */

struct counts {
    unsigned long commands, writes, cuts, second_cuts, mounts, runs;
};

static struct counts total;

struct work {
    const struct power_cuts_card *card;
    const struct power_cuts_case *c;
    size_t size;
    struct image prepared, cut, recovering;
    uint8_t *saved; /* what a torn write takes */
    uint8_t digests[STAGES][SM3_SIZE];
    enum stage latest;
    bool reached[STAGES];
    unsigned long skipped; /* new flashes since the last that was mounted */
    struct counts n;
};

void power_cuts_digest(const struct store *store, uint8_t out[SM3_SIZE]) {
    struct sm3 h;
    uint8_t data[STORE_OBJECT_MAX];
    sm3_init(&h);
    for (uint32_t id = 0, len; store_next(store, id, UINT32_MAX, &id); id++) {
        assert_int_equal(store_length(store, id, &len), STORE_OK);
        assert_int_equal(store_read(store, id, 0, data, len), STORE_OK);
        sm3_update(&h, (const uint8_t *)&id, sizeof id);
        sm3_update(&h, (const uint8_t *)&len, sizeof len);
        sm3_update(&h, data, len);
    }
    sm3_final(&h, out);
}

/* The latest stage that is like that. */
static enum stage stage_of(const struct work *w, const struct store *store) {
    uint8_t now[SM3_SIZE];
    power_cuts_digest(store, now);
    for (unsigned stage = STAGES; stage-- > 0;)
        if (memcmp(now, w->digests[stage], sizeof now) == 0)
            return (enum stage)stage;
    return STAGE_UNKNOWN;
}

static void load(const struct work *w, const struct image *image) {
    memcpy(w->card->ram->bytes, image->bytes, w->size);
    flash_ram_power_on(w->card->ram);
}

/* The flash of a second cut: mounts like the first recovery. */
static void judge_second(struct work *w, unsigned long at, enum stage first) {
    static struct store store;
    uint32_t page;
    struct seen *known = seen_find(&w->recovering.id);
    if (known->stage == STAGE_UNKNOWN) {
        if (!campaign_is_long() && ++w->skipped % SHORT_MOUNTS)
            return;
        load(w, &w->recovering);
        enum store_error err = store_mount(&store, w->card->flash, w->card->mac_key, &page);
        if (err != STORE_OK)
            fail_msg("%s: after a second cut at write %lu the store is lost (%d)", w->c->name, at,
                     (int)err);
        known->stage = (unsigned char)stage_of(w, &store);
        w->n.mounts++;
    }
    w->n.second_cuts++;
    if (known->stage != first)
        fail_msg("%s: another state after a second cut at write %lu", w->c->name, at);
}

/* Cuts the recovery that made these writes on the present flash, which is w->cut, at every one of them. */
static void cut_recovery(struct work *w, const struct flash_ram_log *recovery, enum stage first) {
    seen_find(&w->cut.id)->stage = (unsigned char)first;
    image_copy(&w->recovering, &w->cut, w->size);
    for (size_t at = 0; at < recovery->count; at++) {
        const struct flash_ram_write *write = &recovery->writes[at];
        struct identity id = w->recovering.id;
        judge_second(w, at, first);
        memcpy(w->saved, w->recovering.bytes + write->addr, touched(write));
        image_write(&w->recovering, write, CUT_TORN);
        judge_second(w, at, first);
        memcpy(w->recovering.bytes + write->addr, w->saved, touched(write));
        w->recovering.id = id;
        image_write(&w->recovering, write, CUT_AFTER);
    }
    if (recovery->count)
        judge_second(w, recovery->count, first);
}

/* The flash of a first cut, w->cut: powers up into old, spent or new, and never further back than after an earlier cut. */
static enum stage judge_first(struct work *w, unsigned long at) {
    static struct flash_ram_log recovery; /* static: a failed assertion leaves it with the flash */
    recovery.count = 0;
    load(w, &w->cut);
    w->card->ram->log = &recovery;
    w->card->power_cycle();
    w->card->ram->log = NULL;
    enum stage stage = stage_of(w, w->card->store);
    if (stage == STAGE_UNKNOWN)
        fail_msg("%s: a third state after a cut at write %lu", w->c->name, at);
    if (stage < w->latest)
        fail_msg("%s: an earlier state again after a cut at write %lu", w->c->name, at);
    w->latest = stage;
    w->reached[stage] = true;
    w->n.cuts++;
    cut_recovery(w, &recovery, stage);
    return stage;
}

/* The command itself, its power failing before that write; the flash is then as the replay's. */
static void run_until(struct work *w, unsigned long at, enum stage stage) {
    struct flash_ram *ram = w->card->ram;
    w->c->start();
    flash_ram_arm(ram, at, CUT_BEFORE);
    w->c->run();
    assert_true(ram->off);
    assert_int_not_equal(*w->card->sw, SW_OK);
    bool answered = (*w->card->sw & 0xFFF0) == SW_PIN_WRONG;
    if (w->c->spend && answered && stage == STAGE_OLD)
        fail_msg("%s: a guess for nothing with a cut at write %lu", w->c->name, at);
    assert_memory_equal(ram->bytes, w->cut.bytes, w->size);
    w->n.runs++;
}

static void find_stages(struct work *w, struct flash_ram_log *log) {
    const struct power_cuts_case *c = w->c;
    c->start();
    memcpy(w->prepared.bytes, w->card->ram->bytes, w->size);
    w->prepared.id = of_words(w->prepared.bytes, 0, (uint32_t)w->size);
    power_cuts_digest(w->card->store, w->digests[STAGE_OLD]);
    memcpy(w->digests[STAGE_SPENT], w->digests[STAGE_OLD], SM3_SIZE);
    if (c->spend) {
        const unsigned before = c->tries();
        c->spend();
        assert_int_equal(c->tries(), before - 1);
        power_cuts_digest(w->card->store, w->digests[STAGE_SPENT]);
        c->start();
    }
    w->card->ram->log = log;
    c->run();
    w->card->ram->log = NULL;
    if (*w->card->sw != c->sw)
        fail_msg("%s answers %04X", c->name, *w->card->sw);
    power_cuts_digest(w->card->store, w->digests[STAGE_NEW]);
}

static void cut_everywhere(struct work *w, const struct flash_ram_log *log) {
    const size_t step = campaign_is_long() ? 1 : (log->count + SHORT_RUNS - 1) / SHORT_RUNS;
    seen_clear();
    for (size_t at = 0; at < log->count; at++) {
        image_copy(&w->cut, &w->prepared, w->size);
        enum stage stage = judge_first(w, at);
        if (at % step == 0)
            run_until(w, at, stage);
        image_write(&w->cut, &log->writes[at], CUT_TORN);
        judge_first(w, at);
        image_write(&w->prepared, &log->writes[at], CUT_AFTER);
        campaign_progress(w->c->name, at, log->count);
    }
    image_copy(&w->cut, &w->prepared, w->size);
    assert_int_equal(judge_first(w, log->count), STAGE_NEW);
    /* without a try to spend, the old state is the spent one */
    assert_true(w->reached[w->c->spend ? STAGE_OLD : STAGE_SPENT]);
    if (w->card->ram->misused)
        fail_msg("%s: a word was programmed twice", w->c->name);
    w->n.writes = log->count;
}

static void add(struct counts *to, const struct counts *n) {
    to->commands++;
    to->writes += n->writes;
    to->cuts += n->cuts;
    to->second_cuts += n->second_cuts;
    to->mounts += n->mounts;
    to->runs += n->runs;
}

void power_cuts_run(const struct power_cuts_card *card, const struct power_cuts_case *c) {
    static struct flash_ram_log log;
    struct work w = {.card = card, .c = c, .size = flash_ram_size(card->ram)};
    uint8_t **buffers[] = {&w.prepared.bytes, &w.cut.bytes, &w.recovering.bytes};
    for (size_t i = 0; i < sizeof buffers / sizeof buffers[0]; i++)
        assert_non_null(*buffers[i] = malloc(w.size));
    assert_non_null(w.saved = malloc(FLASH_PAGE));
    log.count = 0;
    find_stages(&w, &log);
    assert_true(log.count > 0);
    assert_memory_not_equal(w.digests[STAGE_OLD], w.digests[STAGE_NEW], SM3_SIZE);
    cut_everywhere(&w, &log);
    add(&total, &w.n);
    print_message("%-28s %5lu writes, %5lu cuts, %8lu second cuts (%lu flashes mounted), power "
                  "failed %lu times\n",
                  c->name, w.n.writes, w.n.cuts, w.n.second_cuts, w.n.mounts, w.n.runs);
    fflush(stdout);
    for (size_t i = 0; i < sizeof buffers / sizeof buffers[0]; i++)
        free(*buffers[i]);
    free(w.saved);
    free(seen);
    seen = NULL;
}

void power_cuts_report(const char *what) {
    campaign_result(
        "%s: %lu commands, cut at every one of %lu writes (%lu cuts); %lu second cuts at %s "
        "of the recoveries' writes (%lu different flashes mounted); %lu runs with failing power",
        what, total.commands, total.writes, total.cuts, total.second_cuts,
        campaign_is_long() ? "every one" : "some", total.mounts, total.runs);
    total = (struct counts){0};
}
