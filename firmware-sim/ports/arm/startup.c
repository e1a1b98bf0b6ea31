/* From reset to main, on a Cortex-M. Every reset wipes all RAM: nothing of an earlier power-up can be read. */
#include "firmware-sim/ports/arm/port.h"

extern uint32_t data_start, data_end, data_load, bss_start, bss_end, stack_bottom, stack_top;

int main(void);
void reset_handler(void);
void fault_handler(void);

typedef void vector(void);

__attribute__((section(".vectors"), used)) static vector *const vectors[16] = {
    (vector *)(void *)&stack_top,
    reset_handler,
    fault_handler, /* NMI */
    fault_handler, /* hard fault */
    fault_handler, /* memory management */
    fault_handler, /* bus */
    fault_handler, /* usage */
};

enum { PAINT = 0x57ac57ac };

/* Addresses of the linker's symbols are numbers: C has no order between different objects. */
static inline __attribute__((always_inline)) bool before(const volatile void *a,
                                                         const volatile void *b) {
    return (uintptr_t)a < (uintptr_t)b;
}

/* Wipes the stack too, up to the frame it runs on. */
__attribute__((noinline)) static void paint_stack(void) {
    volatile uint32_t here;
    for (volatile uint32_t *p = &stack_bottom; before(p, &here); p++)
        *p = PAINT;
}

void reset_handler(void) {
    const uint32_t *from = &data_load;
    for (volatile uint32_t *to = &data_start; before(to, &data_end);)
        *to++ = *from++;
    for (volatile uint32_t *p = &bss_start; before(p, &bss_end);)
        *p++ = 0;
    paint_stack();
    port_exit(main());
}

void fault_handler(void) {
    port_print("fault\n");
    port_exit(1);
}

uint32_t port_stack_size(void) {
    return (uint32_t)((uintptr_t)&stack_top - (uintptr_t)&stack_bottom);
}

uint32_t port_stack_used(void) {
    const uint32_t *p = &stack_bottom;
    while (before(p, &stack_top) && *p == PAINT)
        p++;
    return (uint32_t)((uintptr_t)&stack_top - (uintptr_t)p);
}
