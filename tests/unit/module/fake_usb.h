/* A USB bus with one smart card reader on it, in place of libusb: what it says of itself and every byte it sends are the test's. */
#ifndef OPENUKEY_TESTS_FAKE_USB_H
#define OPENUKEY_TESTS_FAKE_USB_H

#include "module/transport/usb_reader.h"

struct fake_usb {
    uint8_t descriptors[64]; /* behind the interface descriptor */
    size_t descriptors_len;
    bool has_interrupt, is_claimed_elsewhere, is_gone;
    bool
        is_breaking; /* pulled out just now: the bus fails, once the device is asked for it is gone */

    /* a message to the reader; an answer for the next read of the bulk pipe: its length, 0 for none yet */
    void (*take)(const uint8_t *message, size_t len);
    size_t (*give)(uint8_t *out, size_t size);
    size_t (*notify)(uint8_t *out, size_t size); /* of the interrupt pipe */

    unsigned aborts, claims, releases;
};

extern struct fake_usb fake_usb;
extern const struct usb_library fake_usb_library;
extern const struct usb_place fake_usb_place;

#endif
