/* The session that the ARM image runs, on this machine. */
#include "firmware-sim/crypto/sm2_curve.h"
#include "tests/unit/firmware-sim/flash_ram.h"
#include "tests/unit/firmware-sim/session.h"
#include "tests/unit/firmware-sim/testing.h"

#include <sys/random.h>

static int entropy(void *ctx, unsigned char *out, size_t len) {
    (void)ctx;
    return getrandom(out, len, 0) == (ssize_t)len ? 0 : -1;
}

static void passed(const char *step) {
    print_message("# %s\n", step);
}

static void a_blank_card_goes_through_a_whole_session(void **state) {
    static struct card card;
    static struct gm gm;
    static struct store scratch;
    struct flash_ram ram;
    (void)state;
    flash_ram_init(&ram, FACTORY_PAGES + 2 * 16);
    struct flash flash = flash_ram_flash(&ram);
    const struct session session = {
        .card = &card, .flash = &flash, .entropy = entropy, .passed = passed};
    assert_true(session_make_card(&flash, &scratch));
    gm_init(&gm, &card);
    assert_true(card_add_applet(&card, &gm.applet));
    const char *failed = session_run(&session);
    if (failed)
        fail_msg("%s", failed);
    assert_false(ram.misused);
    flash_ram_free(&ram);
    sm2_curve_free();
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_blank_card_goes_through_a_whole_session),
    };
    return cmocka_run_group_tests_name("session", tests, NULL, NULL);
}
