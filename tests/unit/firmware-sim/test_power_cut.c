/* Power cut at every flash write of every command that changes the card: the old state or the new one, keys usable, tries
 * never regained. */
#include "firmware-sim/applets/gm/objects.h"
#include "firmware-sim/crypto/known_answers.h"
#include "tests/unit/firmware-sim/gm_world.h"
#include "tests/unit/firmware-sim/testing.h"

#include <stdlib.h>

enum { PAGES = FACTORY_PAGES + 2 * 8, SECOND_CUTS = 3, LONG_RECOVERY = 40 };

static struct world world;
static bool exhaustive; /* LONG=1: also where a case costs seconds, and recoveries write by write */

/* --- commands --- */

static void do_set_label(void) {
    bench_gm(&world.bench, INS_SET_LABEL, 0, 0, "another", 7);
}

static void do_create_app(void) {
    bench_create_app(&world.bench, "SECOND", GM_ADMIN);
}

static void do_delete_app(void) {
    bench_gm(&world.bench, INS_DELETE_APPLICATION, 0, 0, "APP", 3);
}

static void do_create_container(void) {
    bench_container(&world.bench, INS_CREATE_CONTAINER, world.app, "another container", NULL);
}

static void do_delete_container(void) {
    bench_container(&world.bench, INS_DELETE_CONTAINER, world.app, "C", NULL);
}

static void do_gen_sm2(void) {
    bench_gen_sm2(&world.bench, world.app, world.empty, NULL);
}

static void do_import_key(void) {
    bench_gm(&world.bench, INS_IMPORT_ECC_KEY_PAIR, 0, 0, world.sm2_envelope.bytes,
             world.sm2_envelope.len);
}

static void do_import_cert(void) {
    bench_import_cert(&world.bench, world.app, world.sm2, GM_KEY_SIGN, 0xd2, 900);
}

static void do_retire(void) {
    struct field f = {.len = 0};
    field_u16(&f, world.app);
    field_u16(&f, world.sm2);
    bench_gm(&world.bench, INS_VENDOR_RETIRE_SIGNING_KEY, 0, 0, f.bytes, f.len);
}

static void do_create_file(void) {
    bench_create_file(&world.bench, world.app, "new.esl", 5000, GM_ANYONE, GM_USER);
}

static void do_write_file(void) {
    uint8_t data[600];
    memset(data, 0x5c, sizeof data);
    bench_write_file(&world.bench, world.app, "f", 1800, data,
                     sizeof data); /* across a chunk's end */
}

static void do_delete_file(void) {
    bench_gm(&world.bench, INS_DELETE_FILE, (uint8_t)world.app, (uint8_t)(world.app >> 8), "f", 1);
}

static void do_verify_right(void) {
    bench_verify(&world.bench, world.app, GM_PIN_USER, USER_PIN);
}

static void do_verify_wrong(void) {
    bench_verify(&world.bench, world.app, GM_PIN_USER, "000000");
}

static void do_dev_auth_wrong(void) {
    bench_dev_auth(&world.bench, "0000000000000000");
}

static void do_change_pin(void) {
    bench_change_pin(&world.bench, world.app, GM_PIN_USER, USER_PIN, "new-pin");
}

static void do_unblock(void) {
    bench_unblock(&world.bench, world.app, ADMIN_PIN, "new-pin");
}

static void do_import_renew(void) {
    bench_gm(&world.bench, INS_IMPORT_ECC_KEY_PAIR, GM_IMPORT_RENEW, 0, world.sm2_envelope.bytes,
             world.sm2_envelope.len);
}

static void do_import_rsa(void) {
    bench_gm(&world.bench, INS_IMPORT_RSA_KEY_PAIR, GM_IMPORT_CURRENT, 0, world.rsa_envelope.bytes,
             world.rsa_envelope.len);
}

static void do_gen_rsa(void) {
    bench_gen_rsa(&world.bench, world.app, world.empty);
}

static void do_dev_auth_right(void) {
    bench_dev_auth(&world.bench, DEVICE_KEY);
}

static void do_change_dev_key(void) {
    bench_set_key(&world.bench, INS_CHANGE_DEV_AUTH_KEY, DEVICE_KEY, "another-key-16-b");
}

static void do_set_unlock_key(void) {
    bench_set_key(&world.bench, INS_VENDOR_SET_UNLOCK_KEY, DEVICE_KEY, "another-key-16-b");
}

static void do_unblock_must_change(void) {
    bench_unblock_must_change(&world.bench, world.app, ADMIN_PIN, "new-pin");
}

static void do_remote_unlock(void) {
    bench_unlock_challenge(&world.bench, world.app, "CASE");
    bench_remote_unlock(&world.bench, world.app, UNLOCK_KEY, "CASE", "new-pin", 1);
}

static void do_remote_unlock_wrong(void) {
    bench_unlock_challenge(&world.bench, world.app, "CASE");
    bench_remote_unlock(&world.bench, world.app, "not-the-key-16-b", "CASE", "new-pin", 1);
}

/* Whose try a command takes first: that commit is a state between old and new. */
enum spends { NO_TRY, USER_TRY, ADMIN_TRY, DEVICE_TRY, UNLOCK_TRY };

static struct pin_ref ref_of(enum spends spends) {
    switch (spends) {
    case DEVICE_TRY:
        return gm_device_ref();
    case UNLOCK_TRY:
        return gm_unlock_ref();
    case ADMIN_TRY:
        return gm_pin_ref(world.app - 1U, GM_PIN_ADMIN);
    default:
        return gm_pin_ref(world.app - 1U, GM_PIN_USER);
    }
}

static const struct command_case {
    const char *name;
    void (*run)(void);
    uint16_t sw; /* what it answers when the power stays */
    enum spends spends;
    unsigned stride; /* takes seconds: cut at every stride'th write alone, unless exhaustive */
} cases[] = {
    {"SET_LABEL", do_set_label, SW_OK, NO_TRY, 1},
    {"CREATE_APPLICATION", do_create_app, SW_OK, NO_TRY, 1},
    {"DELETE_APPLICATION", do_delete_app, SW_OK, NO_TRY, 1},
    {"CREATE_CONTAINER", do_create_container, SW_OK, NO_TRY, 1},
    {"DELETE_CONTAINER", do_delete_container, SW_OK, NO_TRY, 1},
    {"GEN_ECC_KEY_PAIR", do_gen_sm2, SW_OK, NO_TRY, 1},
    {"GEN_RSA_KEY_PAIR", do_gen_rsa, SW_OK, NO_TRY, 23},
    {"IMPORT_ECC_KEY_PAIR, certified", do_import_key, SW_CONDITIONS, NO_TRY, 1},
    {"IMPORT_ECC_KEY_PAIR, renew", do_import_renew, SW_OK, NO_TRY, 1},
    {"IMPORT_RSA_KEY_PAIR", do_import_rsa, SW_OK, NO_TRY, 37},
    {"IMPORT_CERTIFICATE", do_import_cert, SW_OK, NO_TRY, 1},
    {"RETIRE_SIGNING_KEY", do_retire, SW_OK, NO_TRY, 1},
    {"CREATE_FILE", do_create_file, SW_OK, NO_TRY, 1},
    {"WRITE_FILE", do_write_file, SW_OK, NO_TRY, 1},
    {"DELETE_FILE", do_delete_file, SW_OK, NO_TRY, 1},
    {"VERIFY_PIN, right", do_verify_right, SW_OK, USER_TRY, 1},
    {"VERIFY_PIN, wrong", do_verify_wrong, SW_PIN_WRONG | (USER_TRIES - 2), USER_TRY, 1},
    {"DEV_AUTH, right", do_dev_auth_right, SW_OK, DEVICE_TRY, 1},
    {"DEV_AUTH, wrong", do_dev_auth_wrong, SW_PIN_WRONG | 13, DEVICE_TRY, 1},
    {"CHANGE_PIN", do_change_pin, SW_OK, USER_TRY, 1},
    {"UNBLOCK_PIN", do_unblock, SW_OK, ADMIN_TRY, 1},
    {"UNBLOCK_PIN, must change", do_unblock_must_change, SW_OK, ADMIN_TRY, 1},
    {"CHANGE_DEV_AUTH_KEY", do_change_dev_key, SW_OK, DEVICE_TRY, 1},
    {"SET_UNLOCK_KEY", do_set_unlock_key, SW_OK, DEVICE_TRY, 1},
    {"UNLOCK", do_remote_unlock, SW_OK, UNLOCK_TRY, 1},
    {"UNLOCK, wrong", do_remote_unlock_wrong, SW_PIN_WRONG | 9, UNLOCK_TRY, 1},
};

/* --- the card before each command --- */

static void prepare(void) {
    world_make(&world, 'A', PAGES);
    /* powered up a hundred thousand times: the self-tests are another test's */
    static const struct known_answer none[1];
    world.bench.card.answers = none;
    world.bench.card.answer_count = 0;
    world_start(&world);
    /* one try already gone, so that a regained one would show */
    assert_int_equal(bench_verify(&world.bench, world.app, GM_PIN_USER, "badbad"),
                     SW_PIN_WRONG | (USER_TRIES - 1));
    assert_int_equal(bench_dev_auth(&world.bench, "0000000000000000"), SW_PIN_WRONG | 14);
    bench_power_down(&world.bench);
    memcpy(world.image, world.bench.ram.bytes, flash_ram_size(&world.bench.ram));
}

static void start(void) {
    world_start(&world);
}

static unsigned tries(enum spends spends) {
    struct pin_record record;
    uint8_t left;
    assert_int_equal(pin_read(&world.bench.card.store, ref_of(spends), &record, &left), PIN_OK);
    return left;
}

/* The state with one try spent and nothing else changed. */
static void spend_one(enum spends spends, uint8_t digest[32]) {
    struct pin_record record;
    uint8_t left;
    start();
    assert_int_equal(pin_spend_try(&world.bench.card.store, ref_of(spends), &record, &left),
                     PIN_OK);
    bench_digest(&world.bench, digest);
}

static unsigned long cuts, second_cuts;

/* Cuts the recovery of the present flash content too, at every write or at some: it must end in the state digest. */
static void cut_recovery(const uint8_t digest[32], const uint8_t *broken, unsigned long writes,
                         bool every) {
    uint8_t now[32];
    uint32_t page;
    unsigned long step = every ? 1 : writes / SECOND_CUTS + 1;
    for (unsigned long at = 0; at < writes; at += step, second_cuts++) {
        bench_power_down(&world.bench);
        memcpy(world.bench.ram.bytes, broken, flash_ram_size(&world.bench.ram));
        flash_ram_power_on(&world.bench.ram);
        flash_ram_arm(&world.bench.ram, at, (enum flash_ram_cut)(at % CUT_KINDS));
        assert_int_equal(
            store_mount(&world.bench.card.store, &world.bench.flash, world.bench.mac_key, &page),
            STORE_FLASH);
        bench_power_cycle(&world.bench);
        bench_digest(&world.bench, now);
        assert_memory_equal(now, digest, 32);
    }
}

static void run_case(const struct command_case *c) {
    uint8_t old[32], spent[32], new[32], now[32];
    uint8_t *broken = malloc(flash_ram_size(&world.bench.ram));
    bool seen_old = false, seen_new = false, cut_through[3] = {false};
    assert_non_null(broken);
    start();
    bench_digest(&world.bench, old);
    unsigned old_tries = tries(c->spends);
    memcpy(spent, old, 32);
    if (c->spends)
        spend_one(c->spends, spent);
    start();
    flash_ram_power_on(&world.bench.ram);
    c->run();
    unsigned long writes = world.bench.ram.writes;
    assert_int_equal(world.bench.sw, c->sw);
    bench_digest(&world.bench, new);
    if (c->sw == SW_CONDITIONS) { /* refused: writes nothing */
        assert_int_equal(writes, 0);
        assert_memory_equal(old, new, 32);
        free(broken);
        return;
    }
    assert_true(writes > 0);
    unsigned stride = exhaustive ? 1 : c->stride;

    for (unsigned long at = 0; at < writes;
         at = at + stride < writes || at + 1 == writes ? at + stride : writes - 1) {
        for (unsigned cut = 0; cut < CUT_KINDS; cut++, cuts++) {
            start();
            flash_ram_arm(&world.bench.ram, at, (enum flash_ram_cut)cut);
            c->run();
            assert_true(world.bench.ram.off);
            assert_int_not_equal(world.bench.sw, SW_OK);
            bool answered = (world.bench.sw & 0xFFF0) == SW_PIN_WRONG;
            memcpy(broken, world.bench.ram.bytes, flash_ram_size(&world.bench.ram));
            bench_power_cycle(&world.bench);
            unsigned long recovery = world.bench.ram.writes;
            bench_digest(&world.bench, now);
            bool is_old = memcmp(now, old, 32) == 0, is_new = memcmp(now, new, 32) == 0;
            if (!is_old && !is_new && memcmp(now, spent, 32) != 0)
                fail_msg("%s: a third state after a cut at write %lu", c->name, at);
            if (c->spends && !is_new && answered)
                assert_int_equal(tries(c->spends), old_tries - 1); /* nothing learnt for free */
            seen_old |= is_old;
            seen_new |= is_new;
            /* recoveries to the same state are alike: with LONG, one of each is cut at every write */
            bool *done = &cut_through[is_new ? 2 : is_old ? 0 : 1];
            bool every = exhaustive && recovery >= LONG_RECOVERY && !*done;
            *done |= every;
            cut_recovery(now, broken, recovery, every || (exhaustive && recovery < LONG_RECOVERY));
        }
    }
    assert_true(seen_old && seen_new);
    print_message("%-26s cut at %s%lu writes\n", c->name,
                  stride == 1 ? "every one of " : "some of ", writes);
    free(broken);
}

static void every_command_cut_at_every_write_leaves_the_old_or_the_new_state(void **state) {
    (void)state;
    prepare();
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        run_case(&cases[i]);
    print_message("%lu cuts, %lu second cuts during recovery\n", cuts, second_cuts);
    world_free(&world);
}

static void the_try_is_on_flash_before_the_comparison(void **state) {
    (void)state;
    prepare();
    start();
    unsigned before = tries(USER_TRY);
    /* the power stays for the commit of the counter and fails at the first write after it */
    flash_ram_power_on(&world.bench.ram);
    assert_int_equal(bench_verify(&world.bench, world.app, GM_PIN_USER, USER_PIN), SW_OK);
    unsigned long both = world.bench.ram.writes;
    start();
    flash_ram_arm(&world.bench.ram, both / 2, CUT_BEFORE);
    assert_int_not_equal(bench_verify(&world.bench, world.app, GM_PIN_USER, USER_PIN), SW_OK);
    bench_power_cycle(&world.bench);
    assert_int_equal(tries(USER_TRY), before - 1);
    world_free(&world);
}

static void retiring_or_changing_leaves_no_trace_of_the_secret_on_flash(void **state) {
    struct gm_key key;
    (void)state;
    prepare();
    start();
    assert_int_equal(
        gm_key_read(&world.bench.card.store, world.app - 1U, world.sm2 & 0xF, GM_KEY_SIGN, &key),
        STORE_OK);
    assert_non_null(memmem(world.bench.ram.bytes, flash_ram_size(&world.bench.ram), key.ecc.d, 32));
    do_retire();
    assert_int_equal(world.bench.sw, SW_OK);
    assert_null(memmem(world.bench.ram.bytes, flash_ram_size(&world.bench.ram), key.ecc.d, 32));

    struct pin_record record;
    uint8_t left;
    pin_read(&world.bench.card.store, gm_pin_ref(world.app - 1U, GM_PIN_USER), &record, &left);
    assert_non_null(
        memmem(world.bench.ram.bytes, flash_ram_size(&world.bench.ram), record.secret, 16));
    do_change_pin();
    assert_int_equal(world.bench.sw, SW_OK);
    assert_null(memmem(world.bench.ram.bytes, flash_ram_size(&world.bench.ram), record.secret, 16));
    world_free(&world);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_command_cut_at_every_write_leaves_the_old_or_the_new_state),
        cmocka_unit_test(the_try_is_on_flash_before_the_comparison),
        cmocka_unit_test(retiring_or_changing_leaves_no_trace_of_the_secret_on_flash),
    };
    const char *longer = getenv("LONG");
    exhaustive = longer && *longer && *longer != '0';
    return cmocka_run_group_tests_name("power cuts", tests, NULL, NULL);
}
