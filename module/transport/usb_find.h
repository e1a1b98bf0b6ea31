/* The USB smart card readers of this machine, by /sys alone: nothing is opened, and no library is needed to learn that there
 * is none. */
#ifndef OPENUKEY_TRANSPORT_USB_FIND_H
#define OPENUKEY_TRANSPORT_USB_FIND_H

#include "module/transport/transport.h"

struct usb_place {
    char name
        [TRANSPORT_READER_NAME]; /* product and port: the same after unplugging and plugging in */
    uint8_t bus, address;        /* address: another one after each plugging in */
    uint8_t interface;
};

struct usb_places {
    struct usb_place *items;
    size_t count;
};

/* Interfaces of the class CCID. TRANSPORT_MEMORY only. *out is the caller's (usb_places_free). */
enum transport_error usb_places_read(struct usb_places *out);
void usb_places_free(struct usb_places *places);

#endif
