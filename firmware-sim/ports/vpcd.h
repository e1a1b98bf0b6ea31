/* The vpcd port: the card seen by pcscd. We connect out to vsmartcard's reader driver; a closed connection is an absent
 * card. Frames: length2 (big-endian), bytes; one byte is a control: 0 power off, 1 power on, 2 reset, 4 ask for the ATR;
 * the last is answered, as are command APDUs. */
#ifndef FIRMWARE_PORTS_VPCD_H
#define FIRMWARE_PORTS_VPCD_H

#include "firmware-sim/ports/reader.h"
#include "firmware-sim/ports/stream.h"

#include <netdb.h>

enum vpcd_state { VPCD_CLOSED, VPCD_CONNECTING, VPCD_OPEN };

struct vpcd_port {
    struct reader_user user; /* first: callbacks get it */
    enum vpcd_state state;
    struct addrinfo *address;
    struct stream stream;
    struct loop_timer retry;
    bool parsing;
    bool pending; /* a reset or an APDU at the head of the buffer waits for its turn */
};

/* target is HOST:PORT. Connects whenever a card is in, again and again while nobody listens. False if the target cannot be
 * understood or resolved. */
bool vpcd_port_open(struct vpcd_port *port, struct reader *reader, const char *target);
void vpcd_port_close(struct vpcd_port *port);

#endif
