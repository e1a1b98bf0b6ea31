/* One USB smart card reader that this process has claimed: powering its first slot's card, commands, time extensions, aborts.
 * Nobody else has it meanwhile. One thread at a time. */
#ifndef OPENUKEY_TRANSPORT_USB_READER_H
#define OPENUKEY_TRANSPORT_USB_READER_H

#include "module/transport/ccid.h"
#include "module/transport/transport.h"
#include "module/transport/usb_find.h"
#include "module/transport/usb_library.h"

struct usb_reader;

/* Opens and claims. TRANSPORT_BUSY: pcscd or another program has it. TRANSPORT_NO_READER: not there, not allowed, or not a
 * reader that we can use; *reason says why, in words for the log. *out is the caller's. */
enum transport_error usb_reader_open(const struct usb_library *usb, libusb_context *context,
                                     const struct usb_place *place, struct usb_reader **out,
                                     const char **reason);

/* Powers the card off if it was on, and lets go of the reader. Takes NULL. */
void usb_reader_close(struct usb_reader *reader);

/* Is there a card? *changed: the reader has told of a card put in or taken out since the last time, or the card that was
 * powered on is not there any more. */
enum transport_error usb_reader_status(struct usb_reader *reader, uint64_t deadline_ms,
                                       bool *present, bool *changed);

/* Resets the card and agrees on the protocol. TRANSPORT_REMOVED: no card, or one that does not answer. TRANSPORT_IO with
 * *reason: a card or reader of a kind that is not spoken here. */
enum transport_error usb_reader_power_on(struct usb_reader *reader, uint64_t deadline_ms,
                                         const char **reason);

/* The card's answer to the last reset. */
size_t usb_reader_atr(const struct usb_reader *reader, uint8_t atr[TRANSPORT_ATR_MAX]);

/* As in struct transport_ops. After TRANSPORT_TIMEOUT the command has been aborted and the card is off. */
enum transport_error usb_reader_transmit(struct usb_reader *reader, const uint8_t *command,
                                         size_t command_len, uint8_t *response,
                                         size_t response_size, size_t *response_len,
                                         uint64_t deadline_ms);

/* The reader's longest command is a short one (5 bytes, 255, 1). */
bool usb_reader_is_short_only(const struct usb_reader *reader);

#endif
