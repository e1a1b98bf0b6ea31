/* The ARM image that ends by itself: known answers and the session, as TAP to the debugger, then what memory they took. */
#include "firmware-sim/crypto/known_answers.h"
#include "firmware-sim/ports/arm/port.h"
#include "tests/unit/firmware-sim/session.h"

static struct card card;
static struct gm gm;
static struct drbg rng;
static uint32_t count;

static void passed(const char *what) {
    port_print("ok ");
    port_print_number(++count);
    port_print(" - ");
    port_print(what);
    port_print("\n");
}

static int failed(const char *what) {
    port_print("not ok ");
    port_print_number(++count);
    port_print(" - ");
    port_print(what);
    port_print("\n");
    return 1;
}

static void tell(const char *what, uint32_t used, uint32_t size) {
    port_print("# ");
    port_print(what);
    port_print(": ");
    port_print_number(used);
    port_print(" of ");
    port_print_number(size);
    port_print(" bytes used\n");
}

int main(void) {
    struct flash flash = port_flash();
    const struct session session = {
        .card = &card, .flash = &flash, .entropy = port_entropy, .passed = passed};
    port_arena_start();
    port_print("# entropy is the QEMU stub: NOT RANDOM\n");
    if (!drbg_start(&rng, port_entropy, NULL))
        return failed("the entropy is healthy");
    for (unsigned i = 0; i < known_answer_count; i++) {
        if (!known_answers[i].holds(&rng))
            return failed(known_answers[i].name);
        passed(known_answers[i].name);
    }
    drbg_stop(&rng);

    if (!session_make_card(&flash, &card.store))
        return failed("a blank card is made");
    gm_init(&gm, &card);
    card_add_applet(&card, &gm.applet);
    const char *step = session_run(&session);
    if (step)
        return failed(step);
    tell("stack", port_stack_used(), port_stack_size());
    tell("arena", port_arena_used(), port_arena_size());
    port_print("1..");
    port_print_number(count);
    port_print("\n");
    return 0;
}
