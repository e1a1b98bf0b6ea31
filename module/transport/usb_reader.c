/* One USB smart card reader: bulk messages over libusb. */
#include "module/transport/usb_reader.h"

#include "module/log.h"
#include "module/transport/deadline.h"
#include "module/transport/t1.h"

#include <poll.h>
#include <stdlib.h>
#include <string.h>

enum {
    SMART_CARD_CLASS = 0x0B,
    ABORT_REQUEST = 0x01,
    CONTROL_MS = 1000,
    ABORT_MS = 2000,
    NOTIFY_MS = 1, /* an interrupt message that is there already */
    NOTIFICATIONS_MAX = 16,
    NOTICE_REMOVAL_MS = 1000,
    NOTICE_STEP_MS = 50,
    BLOCKS_MAX = 8192
};

struct usb_reader {
    const struct usb_library *usb;
    libusb_device_handle *handle;
    uint8_t interface, bulk_out, bulk_in, interrupt; /* endpoints; interrupt 0: none */
    struct ccid_facts facts;
    uint8_t sequence;
    bool powered;
    uint8_t atr[TRANSPORT_ATR_MAX];
    size_t atr_len;
    struct t1 t1; /* of a reader of the block level */
    uint64_t t1_deadline_ms;
    uint8_t *out, *in; /* max_message bytes and a packet */
    size_t in_size;
};

static enum transport_error from_usb(int rv) {
    switch (rv) {
    case LIBUSB_SUCCESS:
        return TRANSPORT_OK;
    case LIBUSB_ERROR_NO_MEM:
        return TRANSPORT_MEMORY;
    case LIBUSB_ERROR_NO_DEVICE:
    case LIBUSB_ERROR_NOT_FOUND:
    case LIBUSB_ERROR_ACCESS:
        return TRANSPORT_NO_READER;
    case LIBUSB_ERROR_TIMEOUT:
        return TRANSPORT_TIMEOUT;
    case LIBUSB_ERROR_BUSY:
        return TRANSPORT_BUSY;
    default:
        return TRANSPORT_IO;
    }
}

/* ---- opening ---- */

static bool take_endpoints(struct usb_reader *reader,
                           const struct libusb_interface_descriptor *alternate) {
    for (int i = 0; i < alternate->bNumEndpoints; i++) {
        const struct libusb_endpoint_descriptor *e = &alternate->endpoint[i];
        unsigned type = e->bmAttributes & LIBUSB_TRANSFER_TYPE_MASK;
        bool is_in = (e->bEndpointAddress & LIBUSB_ENDPOINT_IN) != 0;
        if (type == LIBUSB_TRANSFER_TYPE_BULK) {
            *(is_in ? &reader->bulk_in : &reader->bulk_out) = e->bEndpointAddress;
        } else if (type == LIBUSB_TRANSFER_TYPE_INTERRUPT && is_in) {
            reader->interrupt = e->bEndpointAddress;
        }
    }
    return reader->bulk_in != 0 && reader->bulk_out != 0;
}

/* Some readers put the class descriptor behind their last endpoint. */
static bool take_facts(struct usb_reader *reader,
                       const struct libusb_interface_descriptor *alternate) {
    if (alternate->extra_length > 0 &&
        ccid_parse_descriptors(alternate->extra, (size_t)alternate->extra_length, &reader->facts)) {
        return true;
    }
    for (int i = 0; i < alternate->bNumEndpoints; i++) {
        const struct libusb_endpoint_descriptor *e = &alternate->endpoint[i];
        if (e->extra_length > 0 &&
            ccid_parse_descriptors(e->extra, (size_t)e->extra_length, &reader->facts)) {
            return true;
        }
    }
    return false;
}

static const char *describe(struct usb_reader *reader, libusb_device *device) {
    struct libusb_config_descriptor *configuration;
    if (reader->usb->get_active_config_descriptor(device, &configuration) != LIBUSB_SUCCESS) {
        return "its descriptors cannot be read";
    }
    const char *reason = "it has no such interface";
    for (int i = 0; i < configuration->bNumInterfaces; i++) {
        const struct libusb_interface *interface = &configuration->interface[i];
        if (interface->num_altsetting < 1 ||
            interface->altsetting[0].bInterfaceNumber != reader->interface ||
            interface->altsetting[0].bInterfaceClass != SMART_CARD_CLASS) {
            continue;
        }
        if (!take_endpoints(reader, &interface->altsetting[0])) {
            reason = "it has no bulk pipes";
        } else if (!take_facts(reader, &interface->altsetting[0])) {
            reason = "its class descriptor makes no sense";
        } else if (reader->facts.level == CCID_LEVEL_CHARACTER) {
            reason = "it leaves the card's characters to the host";
        } else {
            reason = NULL;
        }
    }
    reader->usb->free_config_descriptor(configuration);
    return reason;
}

static libusb_device *find_device(const struct usb_library *usb, libusb_device **devices,
                                  ssize_t count, const struct usb_place *place) {
    for (ssize_t i = 0; i < count; i++) {
        if (usb->get_bus_number(devices[i]) == place->bus &&
            usb->get_device_address(devices[i]) == place->address) {
            return devices[i];
        }
    }
    return NULL;
}

static enum transport_error open_and_claim(struct usb_reader *reader, libusb_device *device,
                                           const char **reason) {
    int rv = reader->usb->open(device, &reader->handle);
    if (rv != LIBUSB_SUCCESS) {
        reader->handle = NULL;
        *reason = rv == LIBUSB_ERROR_ACCESS ? "no permission for its device file (udev rules)"
                                            : reader->usb->error_name(rv);
        return from_usb(rv);
    }
    rv = reader->usb->claim_interface(reader->handle, reader->interface);
    if (rv != LIBUSB_SUCCESS) {
        *reason = rv == LIBUSB_ERROR_BUSY ? "pcscd or another program holds it"
                                          : reader->usb->error_name(rv);
        reader->usb->close(reader->handle);
        reader->handle = NULL;
    }
    return from_usb(rv);
}

enum transport_error usb_reader_open(const struct usb_library *usb, libusb_context *context,
                                     const struct usb_place *place, struct usb_reader **out,
                                     const char **reason) {
    libusb_device **devices;
    *out = NULL;
    *reason = "";
    struct usb_reader *reader = calloc(1, sizeof(*reader));
    if (reader == NULL) {
        return TRANSPORT_MEMORY;
    }
    reader->usb = usb;
    reader->interface = place->interface;
    ssize_t count = usb->get_device_list(context, &devices);
    if (count < 0) {
        free(reader);
        return from_usb((int)count);
    }
    enum transport_error err = TRANSPORT_NO_READER;
    libusb_device *device = find_device(usb, devices, count, place);
    const char *flaw = device == NULL ? "libusb does not see it" : describe(reader, device);
    if (flaw != NULL) {
        *reason = flaw;
    } else {
        err = open_and_claim(reader, device, reason);
    }
    usb->free_device_list(devices, 1);
    if (err == TRANSPORT_OK) {
        reader->in_size = ((size_t)reader->facts.max_message + 511) / 512 * 512;
        reader->out = malloc(reader->facts.max_message);
        reader->in = malloc(reader->in_size);
        err = reader->out == NULL || reader->in == NULL ? TRANSPORT_MEMORY : TRANSPORT_OK;
    }
    if (err != TRANSPORT_OK) {
        usb_reader_close(reader);
        return err;
    }
    *out = reader;
    return TRANSPORT_OK;
}

/* ---- messages ---- */

static enum transport_error bulk(const struct usb_reader *reader, bool is_in, size_t len,
                                 size_t *moved, uint64_t deadline_ms) {
    int n = 0, left = deadline_left(deadline_ms);
    *moved = 0;
    if (left == 0) {
        return TRANSPORT_TIMEOUT;
    }
    uint8_t endpoint = is_in ? reader->bulk_in : reader->bulk_out;
    int rv = reader->usb->bulk_transfer(reader->handle, endpoint, is_in ? reader->in : reader->out,
                                        (int)len, &n, (unsigned)left);
    if (rv == LIBUSB_ERROR_PIPE) {
        reader->usb->clear_halt(reader->handle, endpoint);
    }
    *moved = n > 0 ? (size_t)n : 0;
    return from_usb(rv);
}

static enum transport_error send_message(struct usb_reader *reader, enum ccid_type type,
                                         const uint8_t own[3], const uint8_t *data, size_t len,
                                         uint64_t deadline_ms) {
    size_t sent;
    ccid_put_header(reader->out, type, 0, ++reader->sequence, (uint32_t)len, own);
    if (len > 0) {
        memcpy(reader->out + CCID_HEADER, data, len);
    }
    enum transport_error err = bulk(reader, false, CCID_HEADER + len, &sent, deadline_ms);
    explicit_bzero(reader->out + CCID_HEADER, len);
    return err == TRANSPORT_OK && sent != CCID_HEADER + len ? TRANSPORT_IO : err;
}

/* The answer to the last message. What belongs to others, an abort's leftovers, is passed over; a wish for more time is
 * granted until the deadline. */
static enum transport_error receive_answer(struct usb_reader *reader, enum ccid_type type,
                                           struct ccid_answer *out, uint64_t deadline_ms) {
    for (;;) {
        size_t len;
        enum transport_error err = bulk(reader, true, reader->in_size, &len, deadline_ms);
        if (err != TRANSPORT_OK) {
            return err;
        }
        if (!ccid_parse_answer(reader->in, len, out)) {
            return TRANSPORT_IO;
        }
        if (out->slot != 0 || out->sequence != reader->sequence) {
            continue;
        }
        if (out->command == CCID_WANTS_TIME) {
            continue;
        }
        return out->type == type ? TRANSPORT_OK : TRANSPORT_IO;
    }
}

/* Both halves of an abort (5.3.1, 6.1.13), so that the reader listens again. */
static void abort_command(struct usb_reader *reader) {
    uint64_t deadline = deadline_after(ABORT_MS);
    struct ccid_answer answer;
    const uint8_t own[3] = {0};
    uint8_t sequence = (uint8_t)(reader->sequence + 1); /* what send_message() will give it */
    log_info("USB reader: command aborted");
    (void)reader->usb->control_transfer(
        reader->handle, LIBUSB_REQUEST_TYPE_CLASS | LIBUSB_RECIPIENT_INTERFACE, ABORT_REQUEST,
        (uint16_t)(sequence << 8), reader->interface, NULL, 0, CONTROL_MS);
    if (send_message(reader, CCID_ABORT, own, NULL, 0, deadline) == TRANSPORT_OK) {
        (void)receive_answer(reader, CCID_SLOT_STATUS, &answer, deadline);
    }
}

/* One message and its answer; a failed command becomes an error. */
static enum transport_error exchange(struct usb_reader *reader, enum ccid_type type,
                                     const uint8_t own[3], const uint8_t *data, size_t len,
                                     enum ccid_type answer_type, struct ccid_answer *answer,
                                     uint64_t deadline_ms) {
    *answer = (struct ccid_answer){0};
    enum transport_error err = send_message(reader, type, own, data, len, deadline_ms);
    if (err == TRANSPORT_OK) {
        err = receive_answer(reader, answer_type, answer, deadline_ms);
    }
    if (err == TRANSPORT_TIMEOUT) {
        abort_command(reader);
    }
    if (err != TRANSPORT_OK) {
        return err;
    }
    if (answer->icc != CCID_ICC_ACTIVE && reader->powered) {
        reader->powered = false; /* gone, or another card's */
    }
    if (answer->command == CCID_FAILED) {
        log_debug("USB reader: message %02X failed with %02X", (unsigned)type, answer->error);
        return answer->icc != CCID_ICC_ACTIVE ? TRANSPORT_REMOVED : TRANSPORT_IO;
    }
    return TRANSPORT_OK;
}

static const uint8_t nothing_own[3];

/* Has the reader told, on its interrupt pipe, of a card that came or went? */
static bool has_told_of_change(const struct usb_reader *reader) {
    bool changed = false, is_there;
    int rv = reader->interrupt != 0 ? LIBUSB_SUCCESS : LIBUSB_ERROR_NOT_FOUND;
    for (int i = 0; rv == LIBUSB_SUCCESS && i < NOTIFICATIONS_MAX; i++) {
        uint8_t bytes[8];
        int n = 0;
        rv = reader->usb->interrupt_transfer(reader->handle, reader->interrupt, bytes,
                                             sizeof(bytes), &n, NOTIFY_MS);
        if (rv == LIBUSB_SUCCESS && n > 0) {
            changed |= ccid_parse_notification(bytes, (size_t)n, &is_there);
        }
    }
    return changed;
}

enum transport_error usb_reader_status(struct usb_reader *reader, uint64_t deadline_ms,
                                       bool *present, bool *changed) {
    struct ccid_answer answer;
    bool was_powered = reader->powered;
    *present = false;
    *changed = has_told_of_change(reader);
    enum transport_error err = exchange(reader, CCID_GET_SLOT_STATUS, nothing_own, NULL, 0,
                                        CCID_SLOT_STATUS, &answer, deadline_ms);
    if (err == TRANSPORT_REMOVED) {
        err = TRANSPORT_OK; /* an absent card may be told as a failure */
    }
    *present = err == TRANSPORT_OK && answer.icc != CCID_ICC_ABSENT;
    *changed |= was_powered && !reader->powered;
    return err;
}

/* ---- powering ---- */

static enum transport_error power_off(struct usb_reader *reader, uint64_t deadline_ms) {
    struct ccid_answer answer;
    reader->powered = false;
    return exchange(reader, CCID_POWER_OFF, nothing_own, NULL, 0, CCID_SLOT_STATUS, &answer,
                    deadline_ms);
}

/* At the voltage that the reader finds, or at each that it has, the lowest first. */
static enum transport_error
power_at_some_voltage(struct usb_reader *reader, struct ccid_answer *answer, uint64_t deadline_ms) {
    static const struct {
        uint8_t bit, value;
    } voltages[] = {{4, 3}, {2, 2}, {1, 1}}; /* 1.8, 3, 5 V */
    if ((reader->facts.features & CCID_AUTO_VOLTAGE) != 0) {
        return exchange(reader, CCID_POWER_ON, nothing_own, NULL, 0, CCID_DATA_BLOCK, answer,
                        deadline_ms);
    }
    enum transport_error err = TRANSPORT_REMOVED;
    for (size_t i = 0; i < sizeof(voltages) / sizeof(voltages[0]); i++) {
        const uint8_t own[3] = {voltages[i].value};
        if ((reader->facts.voltages & voltages[i].bit) == 0) {
            continue;
        }
        err = exchange(reader, CCID_POWER_ON, own, NULL, 0, CCID_DATA_BLOCK, answer, deadline_ms);
        if (err == TRANSPORT_OK || answer->icc == CCID_ICC_ABSENT || answer->type == 0) {
            break;
        }
        power_off(reader, deadline_ms);
    }
    return err;
}

/* Carries a block of T=1 for a reader of the block level (6.1.4: bBWI). */
static enum transport_error carry_block(void *state, const uint8_t *out, size_t out_len,
                                        uint8_t waiting, uint8_t in[T1_BLOCK_MAX], size_t *in_len) {
    struct usb_reader *reader = state;
    struct ccid_answer answer;
    const uint8_t own[3] = {waiting > 1 ? waiting : 0};
    *in_len = 0;
    enum transport_error err = exchange(reader, CCID_XFR_BLOCK, own, out, out_len, CCID_DATA_BLOCK,
                                        &answer, reader->t1_deadline_ms);
    if (err == TRANSPORT_IO && answer.command == CCID_FAILED) {
        return TRANSPORT_OK; /* parity or a short block: the protocol asks again */
    }
    if (err == TRANSPORT_OK && answer.len <= T1_BLOCK_MAX) {
        memcpy(in, answer.data, answer.len);
        *in_len = answer.len;
    }
    return err;
}

/* Tells the reader what the answer to reset says, unless it reads that itself; prepares T=1 where it is ours to speak. No
 * faster rate is negotiated. */
static enum transport_error agree(struct usb_reader *reader, const struct ccid_atr *atr,
                                  uint64_t deadline_ms, const char **reason) {
    enum { PROTOCOL_T1 = 1, FI_DI = 0x11, CONVENTION_T1 = 0x10 };
    bool is_block_level = reader->facts.level == CCID_LEVEL_TPDU;
    if (is_block_level && !atr->has_t1) {
        *reason = "the card speaks T=0 only, and the reader leaves that to the host";
        return TRANSPORT_IO;
    }
    if ((reader->facts.features & CCID_AUTO_PARAMETERS) == 0 && atr->has_t1 &&
        (is_block_level || atr->first_protocol == 1)) {
        const uint8_t parameters[] = {FI_DI,
                                      (uint8_t)(CONVENTION_T1 | (atr->has_crc ? 1 : 0)),
                                      atr->guard_time,
                                      atr->waiting,
                                      0,
                                      atr->ifsc,
                                      0};
        const uint8_t own[3] = {PROTOCOL_T1};
        struct ccid_answer answer;
        enum transport_error err =
            exchange(reader, CCID_SET_PARAMETERS, own, parameters, sizeof(parameters),
                     CCID_PARAMETERS, &answer, deadline_ms);
        if (err == TRANSPORT_IO && answer.command == CCID_FAILED) {
            err = TRANSPORT_OK; /* the reader knows better */
        }
        if (err != TRANSPORT_OK) {
            return err;
        }
    }
    if (!is_block_level) {
        return TRANSPORT_OK;
    }
    reader->t1 = (struct t1){
        .carry = carry_block, .state = reader, .ifsc = atr->ifsc, .has_crc = atr->has_crc};
    reader->t1_deadline_ms = deadline_ms;
    return t1_begin(&reader->t1);
}

enum transport_error usb_reader_power_on(struct usb_reader *reader, uint64_t deadline_ms,
                                         const char **reason) {
    struct ccid_answer answer;
    struct ccid_atr atr;
    *reason = "";
    if (reader->powered) {
        power_off(reader, deadline_ms);
    }
    enum transport_error err = power_at_some_voltage(reader, &answer, deadline_ms);
    if (err != TRANSPORT_OK) {
        return err == TRANSPORT_IO && answer.command == CCID_FAILED ? TRANSPORT_REMOVED : err;
    }
    if (!ccid_parse_atr(answer.data, answer.len, &atr)) {
        *reason = "the card's answer to reset makes no sense";
        return TRANSPORT_IO;
    }
    reader->powered = true;
    reader->atr_len = answer.len < sizeof(reader->atr) ? answer.len : sizeof(reader->atr);
    memcpy(reader->atr, answer.data, reader->atr_len);
    err = agree(reader, &atr, deadline_ms, reason);
    if (err != TRANSPORT_OK) {
        power_off(reader, deadline_after(CONTROL_MS));
    }
    return err;
}

size_t usb_reader_atr(const struct usb_reader *reader, uint8_t atr[TRANSPORT_ATR_MAX]) {
    memcpy(atr, reader->atr, reader->atr_len);
    return reader->atr_len;
}

/* ---- commands ---- */

/* A command longer than a message goes in a chain of blocks. The last one's answer is left in `answer`. */
static enum transport_error send_command(struct usb_reader *reader, const uint8_t *command,
                                         size_t len, struct ccid_answer *answer,
                                         uint64_t deadline_ms) {
    size_t room = reader->facts.max_message - CCID_HEADER, sent = 0;
    enum transport_error err;
    do {
        size_t part = len - sent < room ? len - sent : room;
        bool is_first = sent == 0, is_last = sent + part == len;
        const uint8_t own[3] = {0, is_first ? (is_last ? CCID_WHOLE : CCID_BEGINS)
                                            : (is_last ? CCID_ENDS : CCID_GOES_ON)};
        err = exchange(reader, CCID_XFR_BLOCK, own, command + sent, part, CCID_DATA_BLOCK, answer,
                       deadline_ms);
        sent += part;
        if (err == TRANSPORT_OK && !is_last && (answer->last != CCID_EMPTY || answer->len != 0)) {
            err = TRANSPORT_IO;
        }
    } while (err == TRANSPORT_OK && sent < len);
    return err;
}

/* The rest of a response that is longer than a message. */
static enum transport_error receive_response(struct usb_reader *reader, struct ccid_answer *answer,
                                             uint8_t *response, size_t size, size_t *len,
                                             uint64_t deadline_ms) {
    static const uint8_t go_on[3] = {0, CCID_EMPTY};
    size_t have = 0;
    for (int blocks = 0; blocks < BLOCKS_MAX; blocks++) {
        bool is_first = blocks == 0;
        bool is_last = answer->last == (is_first ? CCID_WHOLE : CCID_ENDS);
        bool goes_on = answer->last == (is_first ? CCID_BEGINS : CCID_GOES_ON);
        if ((!is_last && !goes_on) || answer->len > size - have) {
            return TRANSPORT_IO;
        }
        memcpy(response + have, answer->data, answer->len);
        have += answer->len;
        if (is_last) {
            *len = have;
            return have >= 2 ? TRANSPORT_OK : TRANSPORT_IO;
        }
        enum transport_error err =
            exchange(reader, CCID_XFR_BLOCK, go_on, NULL, 0, CCID_DATA_BLOCK, answer, deadline_ms);
        if (err != TRANSPORT_OK) {
            return err;
        }
    }
    return TRANSPORT_IO;
}

/* Pulling the device out first looks like a failure of the bus. TRANSPORT_NO_READER if it is gone within a moment. */
static enum transport_error failure_or_removal(const struct usb_reader *reader) {
    enum { GET_STATUS = 0 };
    uint64_t deadline = deadline_after(NOTICE_REMOVAL_MS);
    do {
        uint8_t status[2];
        int rv = reader->usb->control_transfer(reader->handle, LIBUSB_ENDPOINT_IN, GET_STATUS, 0, 0,
                                               status, sizeof(status), NOTICE_STEP_MS);
        if (rv >= 0 || rv == LIBUSB_ERROR_PIPE) {
            return TRANSPORT_IO;
        }
        if (rv == LIBUSB_ERROR_NO_DEVICE) {
            return TRANSPORT_NO_READER;
        }
        poll(NULL, 0, NOTICE_STEP_MS);
    } while (deadline_left(deadline) > 0);
    return TRANSPORT_IO;
}

enum transport_error usb_reader_transmit(struct usb_reader *reader, const uint8_t *command,
                                         size_t command_len, uint8_t *response,
                                         size_t response_size, size_t *response_len,
                                         uint64_t deadline_ms) {
    struct ccid_answer answer;
    enum transport_error err;
    *response_len = 0;
    if (!reader->powered) {
        return TRANSPORT_REMOVED;
    }
    if (reader->facts.level == CCID_LEVEL_TPDU) {
        reader->t1_deadline_ms = deadline_ms;
        err = t1_transmit(&reader->t1, command, command_len, response, response_size, response_len);
        if (err == TRANSPORT_OK && *response_len < 2) {
            err = TRANSPORT_IO;
        }
    } else {
        err = send_command(reader, command, command_len, &answer, deadline_ms);
        if (err == TRANSPORT_OK) {
            err = receive_response(reader, &answer, response, response_size, response_len,
                                   deadline_ms);
        }
    }
    explicit_bzero(reader->in, reader->in_size);
    if (err != TRANSPORT_OK) {
        *response_len = 0;
    }
    if (err == TRANSPORT_IO) {
        err = failure_or_removal(reader);
    }
    if (err == TRANSPORT_TIMEOUT || err == TRANSPORT_IO) {
        power_off(reader, deadline_after(CONTROL_MS)); /* its state is unknown now */
    }
    return err;
}

bool usb_reader_is_short_only(const struct usb_reader *reader) {
    return reader->facts.level == CCID_LEVEL_SHORT_APDU;
}

void usb_reader_close(struct usb_reader *reader) {
    if (reader == NULL) {
        return;
    }
    if (reader->handle != NULL) {
        if (reader->powered) {
            power_off(reader, deadline_after(CONTROL_MS));
        }
        reader->usb->release_interface(reader->handle, reader->interface);
        reader->usb->close(reader->handle);
    }
    free(reader->out);
    free(reader->in);
    free(reader);
}
