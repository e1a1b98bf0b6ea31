/* The dispatcher: finds the row, checks its declared shape, asks the applet's gate, runs it. */
#include "firmware-sim/core/command.h"

#include <openukey/apdu.h>
#include <string.h>

static const struct command *find(const struct applet *applet, uint8_t ins) {
    for (unsigned i = 0; i < applet->count; i++)
        if (applet->commands[i].ins == ins)
            return &applet->commands[i];
    return NULL;
}

uint16_t command_dispatch(struct applet *applet, const struct apdu *apdu, struct wire_writer *out) {
    const struct command *row = find(applet, apdu->ins);
    if (!row)
        return SW_UNKNOWN_INS;
    if (!row->run)
        return SW_NOT_SUPPORTED;
    if (row->cla != apdu->cla)
        return SW_UNKNOWN_CLA;
    if (apdu->p1 > row->p1_max || apdu->p2 > row->p2_max)
        return SW_WRONG_P1P2;
    if (apdu->data_len < row->data_min || apdu->data_len > row->data_max)
        return SW_WRONG_LENGTH;
    if (apdu->has_le && apdu->le < row->reply)
        return SW_WRONG_LENGTH;

    struct call call = {.apdu = apdu, .in = wire_reader(apdu->data, apdu->data_len), .out = *out};
    uint16_t sw = applet->admit(applet, row, &call);
    if (sw == SW_OK)
        sw = row->run(applet, &call);
    if (sw == SW_OK && call.out.bad)
        sw = SW_INTERNAL;
    if (sw == SW_OK && apdu->has_le && call.out.len > apdu->le)
        sw = SW_WRONG_LENGTH;
    if (sw == SW_OK)
        *out = call.out;
    return sw;
}
