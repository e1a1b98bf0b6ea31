/* The control socket: a test or a person pulls the card, holds a command, turns the trace on.
 *
 * One text line a request, one line an answer, "ok ..." or "error ...":
 *   status                        ok present=1 generation=3 hosts=2 held=no seeded=no
 *   insert | remove
 *   hold before|after INS [N]     the N-th such command from now on (default the next) stops there; "held INS" is a second
 *                                 line to this connection when it does. One hold a connection
 *   release                       lets it go; closing the connection does too
 *   trace PATH|off */
#ifndef FIRMWARE_PORTS_CONTROL_H
#define FIRMWARE_PORTS_CONTROL_H

#include "firmware-sim/ports/reader.h"

struct control_conn;

struct control_port {
    struct reader *reader;
    const unsigned *hosts; /* connections of the socket port, for status */
    bool seeded;
    int fd;
    const char *path;
    struct control_conn *conns;
    unsigned count;
    struct loop_timer reaper;
};

/* Serves at path, which must outlive the port. False with errno. */
bool control_port_open(struct control_port *port, struct reader *reader, const char *path);
void control_port_close(struct control_port *port);

#endif
