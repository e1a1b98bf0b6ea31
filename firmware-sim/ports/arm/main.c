/* The firmware: a card behind a serial line. A frame is a length of two bytes, big-endian, and so many bytes; every command
 * frame is answered by a response frame. An empty frame is a warm reset, answered by an empty frame. */
#include "firmware-sim/applets/gm/gm.h"
#include "firmware-sim/applets/piv/piv.h"
#include "firmware-sim/ports/arm/port.h"

#include <openukey/apdu.h>
#include <string.h>

static struct card card;
static struct gm gm;
static struct piv piv;
static uint8_t command[APDU_MAX_COMMAND], response[2 + APDU_MAX_RESPONSE];

/* A card fresh from the board's memory has no factory page: the emulated factory writes one, for the application that the
 * debugger names. */
static bool make_blank_card(const struct flash *flash) {
    struct factory factory = {.serial = "QEMU", .manufacturer = "OpenUKey", .issuer = "OpenUKey"};
    uint32_t page;
    if (port_has_argument("piv"))
        factory.application = FACTORY_PIV;
    if (port_entropy(NULL, factory.mac_key, sizeof factory.mac_key) != 0 ||
        factory_write(flash, &factory) != FACTORY_OK ||
        store_format(flash, factory.mac_key) != STORE_OK)
        return false;
    bool ok = store_mount(&card.store, flash, factory.mac_key, &page) == STORE_OK &&
              (factory.application == FACTORY_PIV ? piv_format(&card.store, &factory)
                                                  : gm_format(&card.store, "OpenUKey"));
    memset(&card.store, 0, sizeof card.store);
    return ok;
}

static bool power_up(void) {
    struct flash flash = port_flash();
    uint32_t page;
    enum card_error err = card_power_up(&card, &flash, port_entropy, NULL, &page);
    if (err == CARD_NOT_OURS && make_blank_card(&flash))
        err = card_power_up(&card, &flash, port_entropy, NULL, &page);
    return err == CARD_OK;
}

/* Bytes that do not fit are read and dropped; such a command is too long for any card. */
static size_t read_frame(void) {
    size_t len = (size_t)port_serial_read() << 8;
    len |= port_serial_read();
    for (size_t i = 0; i < len; i++) {
        uint8_t byte = port_serial_read();
        if (i < sizeof command)
            command[i] = byte;
    }
    return len;
}

int main(void) {
    port_serial_start();
    port_arena_start();
    gm_init(&gm, &card);
    piv_init(&piv, &card);
    card_add_applet(&card, &gm.applet);
    card_add_applet(&card, &piv.applet);
    if (!power_up()) {
        port_print("no card\n");
        return 1;
    }
    port_print("ready; entropy is the QEMU stub: NOT RANDOM\n");
    for (;;) {
        size_t len = read_frame(), answer = 0;
        if (len == 0)
            card_reset(&card);
        else
            answer = card_transmit(&card, command, len < sizeof command ? len : sizeof command,
                                   response + 2);
        response[0] = (uint8_t)(answer >> 8);
        response[1] = (uint8_t)answer;
        port_serial_write(response, 2 + answer);
    }
}
