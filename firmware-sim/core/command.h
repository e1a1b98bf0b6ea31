/* What an applet is to the card: a table of commands and a gate before them. */
#ifndef FIRMWARE_CORE_COMMAND_H
#define FIRMWARE_CORE_COMMAND_H

#include "firmware-sim/core/apdu.h"
#include "firmware-sim/core/factory.h"
#include "firmware-sim/core/wire.h"

#include <stdbool.h>
#include <stdint.h>

struct applet;

/* One running command. Handlers read in and write out; out is dropped unless the status is SW_OK. */
struct call {
    const struct apdu *apdu;
    struct wire_reader in;
    struct wire_writer out;
    unsigned scope[2]; /* what the applet's gate found the command to be about */
};

/* A row: how the command must look, what must hold, and what does it. Looked at in this order, before anything changes:
 * class, instruction, P1 P2, data length, Le, needs. */
struct command {
    uint8_t ins, cla;
    uint8_t p1_max, p2_max;
    uint16_t data_min, data_max;
    uint16_t
        reply; /* a reply of known size: a smaller Le, except the short 00, is refused before the command runs */
    uint16_t needs; /* bits of the applet's own */
    uint16_t (*run)(struct applet *applet,
                    struct call *call); /* NULL: in the command set, not on this card */
};

struct applet {
    enum factory_application application;
    const struct command *commands;
    unsigned count;
    bool (*takes_class)(uint8_t cla);
    /* SW_OK if row's needs hold; may consume the front of call->in and fill call->scope. */
    uint16_t (*admit)(struct applet *applet, const struct command *row, struct call *call);
    /* Power-up and reset: forgets everything volatile. */
    void (*reset)(struct applet *applet);
};

/* SW_OK if the applet has a command of that class and instruction. */
uint16_t command_known(const struct applet *applet, const struct apdu *apdu);

/* Runs one parsed command in an applet; returns the status word. */
uint16_t command_dispatch(struct applet *applet, const struct apdu *apdu, struct wire_writer *out);

#endif
