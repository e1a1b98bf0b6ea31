/* The dispatcher: finds the row, checks its declared shape, asks the applet's gate, runs it. */
#include "firmware-sim/core/command.h"

#include <openukey/apdu.h>
#include <string.h>

enum { SHORT_LE_ALL = 256 }; /* a short Le of 00: as much as fits, the rest by GET RESPONSE */

static const struct command *find(const struct applet *applet, uint8_t ins) {
    for (unsigned i = 0; i < applet->count; i++)
        if (applet->commands[i].ins == ins)
            return &applet->commands[i];
    return NULL;
}

uint16_t command_known(const struct applet *applet, const struct apdu *apdu) {
    if (!applet->takes_class(apdu->cla))
        return SW_UNKNOWN_CLA;
    const struct command *row = find(applet, apdu->ins);
    if (!row)
        return SW_UNKNOWN_INS;
    if (!row->run)
        return SW_NOT_SUPPORTED;
    return row->cla == apdu->cla ? SW_OK : SW_UNKNOWN_CLA;
}

uint16_t command_dispatch(struct applet *applet, const struct apdu *apdu, struct wire_writer *out) {
    uint16_t sw = command_known(applet, apdu);
    if (sw != SW_OK)
        return sw;
    const struct command *row = find(applet, apdu->ins);
    if (apdu->p1 > row->p1_max || apdu->p2 > row->p2_max)
        return SW_WRONG_P1P2;
    if (apdu->data_len < row->data_min || apdu->data_len > row->data_max)
        return SW_WRONG_LENGTH;
    bool in_parts = !apdu->extended && apdu->le == SHORT_LE_ALL;
    if (apdu->has_le && apdu->le < row->reply && !in_parts)
        return SW_WRONG_LENGTH;

    struct call call = {.apdu = apdu, .in = wire_reader(apdu->data, apdu->data_len), .out = *out};
    sw = applet->admit(applet, row, &call);
    if (sw == SW_OK)
        sw = row->run(applet, &call);
    if (sw == SW_OK && call.out.bad)
        sw = SW_INTERNAL;
    if (sw == SW_OK)
        *out = call.out;
    return sw;
}
