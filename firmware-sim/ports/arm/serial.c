/* UART 0 of the MPS2 board (CMSDK APB UART), polled. */
#include "firmware-sim/ports/arm/port.h"

struct uart {
    volatile uint32_t data, state, control, interrupt, baud_divider;
};
enum { TX_FULL = 1, RX_FULL = 2, TX_ENABLE = 1, RX_ENABLE = 2, FASTEST = 16 };

static struct uart *const uart = (struct uart *)0x40004000;

void port_serial_start(void) {
    uart->baud_divider = FASTEST;
    uart->control = TX_ENABLE | RX_ENABLE;
}

uint8_t port_serial_read(void) {
    while (!(uart->state & RX_FULL))
        continue;
    return (uint8_t)uart->data;
}

void port_serial_write(const uint8_t *bytes, size_t len) {
    for (size_t i = 0; i < len; i++) {
        while (uart->state & TX_FULL)
            continue;
        uart->data = bytes[i];
    }
}
