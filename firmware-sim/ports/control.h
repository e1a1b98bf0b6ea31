/* The control socket: a test or a person pulls the card, holds a command, cuts the power, makes it slow or wrong.
 *
 * One text line a request, one line an answer, "ok ..." or "error ...":
 *   status                        ok present=1 generation=3 hosts=2 held=no seeded=no writes=120 faults=0 slow=0
 *   insert | remove
 *   hold before|after INS [N]     the N-th such command from now on (default the next) stops there; "held INS" is a second
 *                                 line to this connection when it does. One hold a connection
 *   release                       lets it go; closing the connection does too
 *   power-cut --after-writes N [--torn] | power-cut off
 *                                 after N more flash writes the power fails: the command is lost and the card absent until
 *                                 insert. "power-cut" is a second line to this connection when it does
 *   slow MS                       every answer comes MS milliseconds later; 0: at once
 *   fail SW [--on INS] [--times K] | fail off
 *                                 the next K commands (default 1) are not executed but answered with SW
 *   corrupt flip|short|long|empty [--on INS] [--times K] | corrupt off
 *                                 the next K answers have a wrong bit, a byte less, a byte more, or are no bytes at all
 *   trace PATH|off
 *   replay PATH                   ok sent=12 redacted=1 other-status=0 other-data=3 first-other=0
 *   snapshot PATH                 the image as it is now, to a new file
 * INS, SW: hexadecimal. What "off" clears is all faults, failing and corrupt. */
#ifndef FIRMWARE_PORTS_CONTROL_H
#define FIRMWARE_PORTS_CONTROL_H

#include "firmware-sim/ports/flash_file.h"
#include "firmware-sim/ports/reader.h"
#include "firmware-sim/ports/replay.h"

struct control_conn;

struct control_port {
    struct reader *reader;
    const unsigned *hosts;         /* connections of the socket port, for status */
    const struct flash_file *file; /* for snapshot */
    bool seeded;
    struct replay *replay; /* made when first wanted */
    struct control_conn *replayer;
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
