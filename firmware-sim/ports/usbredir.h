/* The USB port: the key as a USB device of its own, a CCID, given to whoever speaks the usbredir protocol: QEMU's
 * -device usb-redir, or ukey-sim-usb, which shows it to programs as a device of this computer. One guest at a time.
 *
 * Packets: type4, length4, id (8 bytes if both sides can, else 4), then a header of the type and data; little-endian. */
#ifndef FIRMWARE_PORTS_USBREDIR_H
#define FIRMWARE_PORTS_USBREDIR_H

#include "firmware-sim/ports/ccid.h"
#include "firmware-sim/ports/reader.h"
#include "firmware-sim/ports/stream.h"

enum { USBREDIR_WAITING_MAX = 16, USBREDIR_REPLIES_MAX = 4 };

/* A bulk-in transfer that the guest waits for. */
struct usbredir_wish {
    uint64_t id;
    uint32_t len;
};

struct usbredir_port {
    struct reader_user user; /* first: callbacks get it */
    int fd;
    const char *path;
    bool is_open; /* a guest is there: */
    struct stream stream;
    bool greeted, wide_ids, long_bulk;
    bool parsing;
    enum ccid_action action; /* what ccid waits for; CCID_MORE: nothing */
    struct ccid ccid;
    struct loop_timer extension;

    unsigned wishes, replies;
    struct usbredir_wish wish[USBREDIR_WAITING_MAX];
    struct {
        size_t len, sent;
        uint8_t bytes[CCID_MESSAGE_MAX];
    } reply[USBREDIR_REPLIES_MAX];
};

/* Serves at the unix socket path, which must outlive the port. False with errno. */
bool usbredir_port_open(struct usbredir_port *port, struct reader *reader, const char *path);
void usbredir_port_close(struct usbredir_port *port);

#endif
