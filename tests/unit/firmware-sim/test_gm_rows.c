/* Every command of the GM application, in every layout profile: a success whose answer is looked at, a state in which it is
 * refused, malformed data, wrong parameters and a wrong class; what is refused changes nothing. */
#include "tests/unit/firmware-sim/gm_commands.h"
#include "tests/unit/firmware-sim/testing.h"

enum { PAGES = FACTORY_PAGES + 2 * 12 };

static struct world world;
static unsigned cases;

static unsigned row_count(void) {
    return object_rows_count + crypto_rows_count;
}

static const struct row *row_at(unsigned i) {
    return i < object_rows_count ? &object_rows[i] : &crypto_rows[i - object_rows_count];
}

/* The command of a row: what it sends, after whatever it needs before. */
static void prepare(const struct row *row, struct request *r) {
    *r = (struct request){.cla = CLA_GM, .ins = row->ins};
    world_start(&world);
    if (row->build) {
        row->build(&world, r);
        return;
    }
    /* sent once by its own function: taken from there */
    row->send(&world);
    const uint8_t *sent = world.bench.sent;
    r->cla = sent[0];
    r->p1 = sent[2];
    r->p2 = sent[3];
    field_put(&r->data, sent + 7, (size_t)(sent[5] << 8 | sent[6]));
    world_start(&world);
}

static uint16_t send(const struct request *r) {
    cases++;
    return bench_apdu(&world.bench, r->cla, r->ins, r->p1, r->p2, r->data.bytes, r->data.len);
}

static void expect(const struct row *row, const char *what, const struct request *r, uint16_t sw) {
    uint8_t before[32], after[32];
    bench_digest(&world.bench, before);
    uint16_t got = send(r);
    bench_digest(&world.bench, after);
    if (got != sw)
        fail_msg("%s, %s: %04x instead of %04x", row->name, what, got, sw);
    if (sw != SW_OK && memcmp(before, after, 32) != 0)
        fail_msg("%s, %s: refused, but something has changed", row->name, what);
}

static void success(const struct row *row) {
    struct request r = {.cla = CLA_GM, .ins = row->ins};
    world_start(&world);
    if (row->build) {
        row->build(&world, &r);
        expect(row, "success", &r, SW_OK);
    } else {
        cases++;
        row->send(&world);
        if (world.bench.sw != SW_OK)
            fail_msg("%s: %04x instead of success", row->name, world.bench.sw);
    }
    if (world.bench.ram.writes && !world_command_writes(world.bench.sent[1]))
        fail_msg("%s writes, and nobody cuts its power", row->name);
    if (row->answer >= 0 && world.bench.out_len != (size_t)row->answer)
        fail_msg("%s: an answer of %zu bytes", row->name, world.bench.out_len);
    if (row->check)
        row->check(&world, &r);
}

static void wrong_state(const struct row *row) {
    struct gm_state *state = &world.bench.gm.state;
    struct request r;
    prepare(row, &r);
    switch (row->wrong) {
    case WRONG_PIN:
        memset(state->verified, 0, sizeof state->verified);
        break;
    case WRONG_APP:
        memset(state->open, 0, sizeof state->open);
        break;
    case WRONG_DEVICE:
        state->device_verified = false;
        memset(state->verified, 0, sizeof state->verified); /* an administrator may set the label */
        break;
    case WRONG_CHALLENGE:
        state->has_challenge = false;
        break;
    case WRONG_CONTAINER:
        r.data.bytes[2] = r.data.bytes[3] = 0xFF;
        break;
    case WRONG_SESSION:
        memset(state->keys, 0, sizeof state->keys);
        memset(state->agreements, 0, sizeof state->agreements);
        break;
    case WRONG_OPERATION:
        for (unsigned i = 0; i < GM_SESSION_KEYS_MAX; i++)
            state->keys[i].operation = 0;
        state->digest.alg = GM_HASH_NONE;
        break;
    case WRONG_NAME:
    case WRONG_DATA_BIT: /* the last byte: of a name, a signature or a ciphertext */
        r.data.bytes[r.data.len - 1] ^= 1;
        break;
    case WRONG_NOTHING: /* needs no state: works with nothing open, too */
        memset(state, 0, sizeof *state);
        break;
    }
    expect(row, "wrong state", &r, row->wrong_sw);
}

/* The most data that the command takes. */
static size_t data_max(uint8_t ins) {
    const struct applet *applet = &world.bench.gm.applet;
    for (unsigned i = 0; i < applet->count; i++)
        if (applet->commands[i].ins == ins)
            return applet->commands[i].data_max;
    fail_msg("no command %02x", ins);
    return 0;
}

static void malformed(const struct row *row) {
    struct request good, r;
    prepare(row, &good);
    r = good;
    if (row->cut_sw) {
        r.data.len--;
        expect(row, "cut", &r, row->cut_sw);
    }
    prepare(row, &r);
    if (row->long_sw) {
        field_u8(&r.data, 0);
        expect(row, "longer", &r, row->long_sw);
    }
    prepare(row, &r);
    if (row->bad_sw) {
        r.data.bytes[row->bad_at] ^= 0x5A;
        expect(row, "changed", &r, row->bad_sw);
    }
    prepare(row, &r);
    if (!row->p1p2_is_app) {
        r.p1 = 0xEE;
        expect(row, "P1", &r, SW_WRONG_P1P2);
        prepare(row, &r);
        r.p2 = 0xEE;
        expect(row, "P2", &r, SW_WRONG_P1P2);
    } else {
        r.p1 ^= 0x44;
        expect(row, "P1", &r, SW_APP_NOT_OPEN);
    }
    prepare(row, &r);
    r.cla ^= CLA_GM ^ CLA_GM_MAC;
    expect(row, "class", &r, SW_UNKNOWN_CLA);
    prepare(row, &r);
    while (r.data.len < APDU_MAX_DATA + 1 || r.data.len <= data_max(row->ins))
        field_u8(&r.data, 0);
    expect(row, "oversize", &r, SW_WRONG_LENGTH);
}

static void every_command_in(char layout) {
    cases = 0;
    world_make(&world, layout, PAGES);
    for (unsigned i = 0; i < row_count(); i++) {
        success(row_at(i));
        wrong_state(row_at(i));
        malformed(row_at(i));
    }
    world_free(&world);
}

static void every_command_in_every_layout(void **state) {
    unsigned all = 0, instructions = 0;
    bool seen[256] = {false};
    (void)state;
    for (unsigned i = 0; i < row_count(); i++) {
        instructions += !seen[row_at(i)->ins];
        seen[row_at(i)->ins] = true;
    }
    for (unsigned i = 0; i < GM_LAYOUTS; i++) {
        every_command_in(gm_layouts[i].name);
        all += cases;
    }
    /* no command of the card without a row */
    struct gm gm;
    struct card card;
    gm_init(&gm, &card);
    for (unsigned i = 0; i < gm.applet.count; i++)
        if (!seen[gm.applet.commands[i].ins])
            fail_msg("no row for %02x", gm.applet.commands[i].ins);
    assert_int_equal(instructions, gm.applet.count);
    print_message("%u commands (%u rows) x %u layout profiles, %u cases\n", instructions,
                  row_count(), (unsigned)GM_LAYOUTS, all);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(every_command_in_every_layout)};
    return cmocka_run_group_tests_name("every GM command", tests, NULL, NULL);
}
