/* The object store: transactions, compaction, power failures at every write, damage at every byte. */
#include "firmware-sim/core/factory.h"
#include "firmware-sim/core/store.h"
#include "tests/unit/firmware-sim/campaign.h"
#include "tests/unit/firmware-sim/flash_ram.h"
#include "tests/unit/firmware-sim/testing.h"

#include <stdlib.h>

enum { PAGES = FACTORY_PAGES + 2 * 4 };

static const uint8_t mac_key[FACTORY_MAC_KEY] = {1, 2, 3};

struct bench {
    struct flash_ram ram;
    struct flash flash;
    struct store store;
};

static void mount(struct bench *b) {
    uint32_t page;
    flash_ram_power_on(&b->ram);
    assert_int_equal(store_mount(&b->store, &b->flash, mac_key, &page), STORE_OK);
}

static void bench_init_pages(struct bench *b, uint32_t pages) {
    flash_ram_init(&b->ram, pages);
    b->flash = flash_ram_flash(&b->ram);
    assert_int_equal(store_format(&b->flash, mac_key), STORE_OK);
    mount(b);
}

static void bench_init(struct bench *b) {
    bench_init_pages(b, PAGES);
}

static void bench_free(struct bench *b) {
    assert_false(b->ram.misused);
    flash_ram_free(&b->ram);
}

static enum store_error put_one(struct bench *b, uint32_t id, uint8_t fill, uint32_t len) {
    uint8_t data[STORE_OBJECT_MAX];
    memset(data, fill, sizeof data);
    store_begin(&b->store);
    store_put(&b->store, id, data, len);
    return store_commit(&b->store, STORE_PLAIN);
}

static void assert_object(const struct bench *b, uint32_t id, uint8_t fill, uint32_t len) {
    uint8_t data[STORE_OBJECT_MAX];
    uint32_t have;
    assert_int_equal(store_length(&b->store, id, &have), STORE_OK);
    assert_int_equal(have, len);
    assert_int_equal(store_read(&b->store, id, 0, data, len), STORE_OK);
    for (uint32_t i = 0; i < len; i++)
        assert_int_equal(data[i], fill);
}

/* Everything a caller can see, as one number. */
static void digest(const struct store *s, uint8_t out[SM3_SIZE]) {
    struct sm3 h;
    uint8_t data[STORE_OBJECT_MAX];
    sm3_init(&h);
    for (uint32_t id = 0, len; store_next(s, id, UINT32_MAX, &id); id++) {
        assert_int_equal(store_length(s, id, &len), STORE_OK);
        assert_int_equal(store_read(s, id, 0, data, len), STORE_OK);
        sm3_update(&h, &id, sizeof id);
        sm3_update(&h, &len, sizeof len);
        sm3_update(&h, data, len);
    }
    sm3_final(&h, out);
}

static void objects_survive_a_remount_with_their_content(void **state) {
    struct bench b;
    (void)state;
    bench_init(&b);
    for (uint32_t len = 0; len <= 40; len++)
        assert_int_equal(put_one(&b, 100 + len, (uint8_t)len, len), STORE_OK);
    assert_int_equal(put_one(&b, 120, 0xee, 7), STORE_OK);
    mount(&b);
    for (uint32_t len = 0; len <= 40; len++)
        if (len != 20)
            assert_object(&b, 100 + len, (uint8_t)len, len);
    assert_object(&b, 120, 0xee, 7);
    bench_free(&b);
}

static void uncommitted_and_aborted_changes_are_not_there(void **state) {
    struct bench b;
    (void)state;
    bench_init(&b);
    put_one(&b, 5, 1, 10);
    store_begin(&b.store);
    store_put(&b.store, 5, "x", 1);
    store_delete(&b.store, 5, 5);
    assert_object(&b, 5, 1, 10);
    store_abort(&b.store);
    assert_object(&b, 5, 1, 10);
    assert_int_equal(put_one(&b, 6, 2, 3), STORE_OK); /* over the remains */
    mount(&b);
    assert_object(&b, 5, 1, 10);
    assert_object(&b, 6, 2, 3);
    bench_free(&b);
}

static void a_copy_holds_what_the_original_held_and_outlives_it(void **state) {
    struct bench b;
    (void)state;
    bench_init_pages(&b, FACTORY_PAGES + 2 * 8);
    put_one(&b, 1, 0x51, STORE_OBJECT_MAX);
    put_one(&b, 2, 0x52, 257);
    store_begin(&b.store);
    store_put_zeros(&b.store, 3, 300);
    store_commit(&b.store, STORE_PLAIN);
    store_begin(&b.store);
    for (uint32_t id = 1; id <= 3; id++)
        assert_int_equal(store_copy(&b.store, 10 + id, id), STORE_OK);
    store_delete(&b.store, 1, 3);
    store_put(&b.store, 2, "new", 3);
    assert_int_equal(store_commit(&b.store, STORE_PLAIN), STORE_OK);
    for (int pass = 0; pass < 2; pass++, mount(&b)) {
        assert_object(&b, 11, 0x51, STORE_OBJECT_MAX);
        assert_object(&b, 12, 0x52, 257);
        assert_object(&b, 13, 0, 300);
        assert_false(store_exists(&b.store, 1));
        assert_int_equal(store_exists(&b.store, 2), true);
    }
    store_begin(&b.store);
    assert_int_equal(store_copy(&b.store, 50, 51), STORE_NOT_FOUND);
    assert_int_equal(store_commit(&b.store, STORE_PLAIN), STORE_NOT_FOUND);
    assert_false(store_exists(&b.store, 50));
    bench_free(&b);
}

static void a_range_is_deleted_and_its_neighbours_stay(void **state) {
    struct bench b;
    (void)state;
    bench_init(&b);
    for (uint32_t id = 1; id <= 9; id++)
        put_one(&b, id, (uint8_t)id, 8);
    store_begin(&b.store);
    store_delete(&b.store, 3, 6);
    assert_int_equal(store_commit(&b.store, STORE_PLAIN), STORE_OK);
    for (int pass = 0; pass < 2; pass++, mount(&b))
        for (uint32_t id = 1; id <= 9; id++)
            assert_int_equal(store_exists(&b.store, id), id < 3 || id > 6);
    bench_free(&b);
}

static void zeros_take_their_space_before_they_are_written(void **state) {
    struct bench b;
    uint8_t data[100];
    (void)state;
    bench_init(&b);
    uint32_t before = store_free_space(&b.store);
    store_begin(&b.store);
    store_put_zeros(&b.store, 7, 2000);
    assert_int_equal(store_commit(&b.store, STORE_PLAIN), STORE_OK);
    assert_true(before - store_free_space(&b.store) >= 2000);
    mount(&b);
    assert_int_equal(store_read(&b.store, 7, 1900, data, 100), STORE_OK);
    for (unsigned i = 0; i < 100; i++)
        assert_int_equal(data[i], 0);
    bench_free(&b);
}

static void a_full_store_still_replaces_what_is_there(void **state) {
    struct bench b;
    uint32_t id = 10;
    (void)state;
    bench_init(&b);
    put_one(&b, 1, 9, 1);
    while (put_one(&b, id, 1, 1000) == STORE_OK)
        id++;
    assert_true(id > 12);
    assert_int_equal(put_one(&b, id, 1, 1000), STORE_NO_SPACE);
    for (unsigned i = 0; i < 500; i++) /* a counter, through many compactions */
        assert_int_equal(put_one(&b, 1, (uint8_t)i, 1), STORE_OK);
    assert_int_equal(put_one(&b, 10, 2, 1000), STORE_OK);
    mount(&b);
    assert_object(&b, 1, (uint8_t)499, 1);
    assert_object(&b, 10, 2, 1000);
    assert_object(&b, 11, 1, 1000);
    store_begin(&b.store);
    store_delete(&b.store, 10, 10);
    assert_int_equal(store_commit(&b.store, STORE_PLAIN), STORE_OK);
    assert_int_equal(put_one(&b, id, 1, 1000), STORE_OK);
    bench_free(&b);
}

static void a_deleted_secret_is_nowhere_on_the_flash(void **state) {
    static const uint8_t secret[] = "0123456789 a private key 9876543210";
    struct bench b;
    (void)state;
    bench_init(&b);
    store_begin(&b.store);
    store_put(&b.store, 3, secret, sizeof secret);
    store_commit(&b.store, STORE_PLAIN);
    put_one(&b, 4, 4, 100);
    assert_non_null(memmem(b.ram.bytes, flash_ram_size(&b.ram), secret, sizeof secret));
    store_begin(&b.store);
    store_delete(&b.store, 3, 3);
    assert_int_equal(store_commit(&b.store, STORE_SECRET_GONE), STORE_OK);
    assert_null(memmem(b.ram.bytes, flash_ram_size(&b.ram), secret, sizeof secret));
    assert_object(&b, 4, 4, 100);
    bench_free(&b);
}

/* --- power --- */

/* A state with some history, and three changes to try on it. */
static void prepare(struct bench *b) {
    bench_init(b);
    for (uint32_t id = 1; id <= 8; id++)
        put_one(b, id, (uint8_t)id, 3 * id);
    put_one(b, 3, 33, 40);
}

static void change_plain(struct store *s) {
    uint8_t data[100];
    memset(data, 0xab, sizeof data);
    store_begin(s);
    store_put(s, 2, data, 60);
    store_delete(s, 5, 6);
    store_put(s, 20, data, sizeof data);
    store_copy(s, 22, 3);
    store_put_zeros(s, 21, 500);
    store_commit(s, STORE_PLAIN);
}

static void change_with_secret(struct store *s) {
    store_begin(s);
    store_delete(s, 4, 4);
    store_put(s, 1, "new", 3);
    store_commit(s, STORE_SECRET_GONE);
}

static void change_over_aborted(struct store *s) {
    store_begin(s);
    store_put(s, 30, "given up", 8);
    store_abort(s);
    store_begin(s);
    store_put(s, 8, "kept", 4);
    store_commit(s, STORE_PLAIN);
}

static void (*const changes[])(struct store *s) = {change_plain, change_with_secret,
                                                   change_over_aborted};

static unsigned long cuts, second_cuts;

/* After a cut: mounts, in every way a second cut can interrupt, and compares with old and new. */
static bool recover(struct bench *b, const uint8_t *old, const uint8_t *new) {
    uint8_t now[SM3_SIZE], again[SM3_SIZE], *broken = malloc(flash_ram_size(&b->ram));
    uint32_t page;
    assert_non_null(broken);
    memcpy(broken, b->ram.bytes, flash_ram_size(&b->ram));
    mount(b);
    unsigned long writes = b->ram.writes;
    digest(&b->store, now);
    bool is_new = memcmp(now, new, SM3_SIZE) == 0;
    assert_true(is_new || memcmp(now, old, SM3_SIZE) == 0);
    for (unsigned long at = 0; at < writes; at++) {
        for (unsigned cut = 0; cut < CUT_KINDS; cut++, second_cuts++) {
            memcpy(b->ram.bytes, broken, flash_ram_size(&b->ram));
            flash_ram_power_on(&b->ram);
            flash_ram_arm(&b->ram, at, (enum flash_ram_cut)cut);
            assert_int_not_equal(store_mount(&b->store, &b->flash, mac_key, &page), STORE_OK);
            assert_int_not_equal(store_mount(&b->store, &b->flash, mac_key, &page), STORE_DAMAGED);
            mount(b);
            digest(&b->store, again);
            assert_memory_equal(again, now, SM3_SIZE);
        }
    }
    free(broken);
    return is_new;
}

static void a_cut_at_any_write_leaves_the_old_or_the_new_state_also_twice(void **state) {
    (void)state;
    for (size_t c = 0; c < sizeof changes / sizeof changes[0]; c++) {
        struct bench b;
        uint8_t old[SM3_SIZE], new[SM3_SIZE];
        prepare(&b);
        uint8_t *start = malloc(flash_ram_size(&b.ram));
        assert_non_null(start);
        memcpy(start, b.ram.bytes, flash_ram_size(&b.ram));
        digest(&b.store, old);
        b.ram.writes = 0;
        changes[c](&b.store);
        unsigned long writes = b.ram.writes;
        digest(&b.store, new);
        assert_memory_not_equal(old, new, SM3_SIZE);
        bool seen_old = false, seen_new = false;
        for (unsigned long at = 0; at < writes; at++) {
            for (unsigned cut = 0; cut < CUT_KINDS; cut++, cuts++) {
                memcpy(b.ram.bytes, start, flash_ram_size(&b.ram));
                mount(&b);
                flash_ram_arm(&b.ram, at, (enum flash_ram_cut)cut);
                changes[c](&b.store);
                assert_true(b.ram.off);
                flash_ram_power_on(&b.ram);
                *(recover(&b, old, new) ? &seen_new : &seen_old) = true;
                assert_int_equal(put_one(&b, 40, 40, 40), STORE_OK); /* and it goes on */
                mount(&b);
                assert_object(&b, 40, 40, 40);
            }
        }
        assert_true(seen_old && seen_new);
        free(start);
        bench_free(&b);
    }
    campaign_result("power cuts of the store: %lu cuts, one at every write, and %lu second cuts, "
                    "one at every write of every recovery",
                    cuts, second_cuts);
}

/* --- damage --- */

static void a_flipped_bit_is_refused_or_changes_nothing(void **state) {
    struct bench b;
    uint8_t good[SM3_SIZE], now[SM3_SIZE];
    uint32_t page, refused = 0;
    (void)state;
    prepare(&b);
    digest(&b.store, good);
    size_t size = flash_ram_size(&b.ram);
    uint8_t *start = malloc(size);
    assert_non_null(start);
    memcpy(start, b.ram.bytes, size);
    for (size_t at = (size_t)FACTORY_PAGES * FLASH_PAGE; at < size; at++) {
        memcpy(b.ram.bytes, start, size);
        flash_ram_power_on(&b.ram);
        b.ram.bytes[at] ^= (uint8_t)(1 << at % 8);
        switch (store_mount(&b.store, &b.flash, mac_key, &page)) {
        case STORE_OK:
            digest(&b.store, now);
            assert_memory_equal(now, good, SM3_SIZE);
            break;
        case STORE_DAMAGED:
            refused++;
            assert_in_range(page, FACTORY_PAGES, PAGES - 1);
            assert_int_equal(b.ram.writes, 0);
            break;
        default:
            fail_msg("flip at %zu", at);
        }
    }
    assert_true(refused > 1000);
    free(start);
    bench_free(&b);
}

static void an_erased_page_in_the_log_is_refused(void **state) {
    struct bench b;
    uint32_t page;
    (void)state;
    bench_init_pages(&b, FACTORY_PAGES + 2 * 6);
    for (uint32_t id = 1; id <= 7; id++)
        put_one(&b, id, (uint8_t)id, 1900);
    for (uint32_t erased = FACTORY_PAGES; erased < FACTORY_PAGES + 3; erased++) {
        uint8_t saved[FLASH_PAGE], *bytes = b.ram.bytes + (size_t)erased * FLASH_PAGE;
        memcpy(saved, bytes, FLASH_PAGE);
        memset(bytes, 0xff, FLASH_PAGE);
        assert_int_equal(store_mount(&b.store, &b.flash, mac_key, &page), STORE_DAMAGED);
        memcpy(bytes, saved, FLASH_PAGE);
    }
    mount(&b);
    bench_free(&b);
}

static void records_of_another_key_are_refused(void **state) {
    struct bench b;
    uint8_t other[FACTORY_MAC_KEY] = {9};
    uint32_t page;
    (void)state;
    prepare(&b);
    assert_int_equal(store_mount(&b.store, &b.flash, other, &page), STORE_DAMAGED);
    bench_free(&b);
}

static void a_failed_flash_is_reported_and_nothing_is_half_done(void **state) {
    struct bench b;
    (void)state;
    prepare(&b);
    flash_ram_arm(&b.ram, 3, CUT_BEFORE);
    assert_int_equal(put_one(&b, 1, 0x77, 50), STORE_FLASH);
    assert_int_equal(put_one(&b, 1, 0x77, 50), STORE_FLASH);
    mount(&b);
    assert_object(&b, 1, 1, 3);
    bench_free(&b);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(objects_survive_a_remount_with_their_content),
        cmocka_unit_test(uncommitted_and_aborted_changes_are_not_there),
        cmocka_unit_test(a_copy_holds_what_the_original_held_and_outlives_it),
        cmocka_unit_test(a_range_is_deleted_and_its_neighbours_stay),
        cmocka_unit_test(zeros_take_their_space_before_they_are_written),
        cmocka_unit_test(a_full_store_still_replaces_what_is_there),
        cmocka_unit_test(a_deleted_secret_is_nowhere_on_the_flash),
        cmocka_unit_test(a_cut_at_any_write_leaves_the_old_or_the_new_state_also_twice),
        cmocka_unit_test(a_flipped_bit_is_refused_or_changes_nothing),
        cmocka_unit_test(an_erased_page_in_the_log_is_refused),
        cmocka_unit_test(records_of_another_key_are_refused),
        cmocka_unit_test(a_failed_flash_is_reported_and_nothing_is_half_done),
    };
    return cmocka_run_group_tests_name("object store", tests, NULL, NULL);
}
