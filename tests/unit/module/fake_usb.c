/* A USB bus with one smart card reader on it, in place of libusb. */
#include "tests/unit/module/fake_usb.h"

#include <string.h>

enum { BULK_OUT = 0x02, BULK_IN = 0x83, INTERRUPT_IN = 0x81, ABORT = 1 };

struct fake_usb fake_usb;
const struct usb_place fake_usb_place = {.name = "USB fake", .bus = 1, .address = 2};

static uint8_t the_device, the_handle;

static ssize_t get_device_list(libusb_context *context, libusb_device ***out) {
    static libusb_device *list[2];
    (void)context;
    list[0] = (libusb_device *)(void *)&the_device;
    *out = list;
    return fake_usb.is_gone ? 0 : 1;
}

static void free_device_list(libusb_device **list, int unref) {
    (void)list;
    (void)unref;
}

static uint8_t bus_number(libusb_device *device) {
    (void)device;
    return fake_usb_place.bus;
}

static uint8_t device_address(libusb_device *device) {
    (void)device;
    return fake_usb_place.address;
}

static int get_configuration(libusb_device *device, struct libusb_config_descriptor **out) {
    static struct libusb_endpoint_descriptor endpoints[3];
    static struct libusb_interface_descriptor alternate;
    static struct libusb_interface interface;
    static struct libusb_config_descriptor configuration;
    (void)device;
    endpoints[0] = (struct libusb_endpoint_descriptor){.bEndpointAddress = BULK_OUT,
                                                       .bmAttributes = LIBUSB_TRANSFER_TYPE_BULK};
    endpoints[1] = (struct libusb_endpoint_descriptor){.bEndpointAddress = BULK_IN,
                                                       .bmAttributes = LIBUSB_TRANSFER_TYPE_BULK};
    endpoints[2] = (struct libusb_endpoint_descriptor){
        .bEndpointAddress = INTERRUPT_IN, .bmAttributes = LIBUSB_TRANSFER_TYPE_INTERRUPT};
    alternate =
        (struct libusb_interface_descriptor){.bInterfaceClass = 0x0B,
                                             .bNumEndpoints = fake_usb.has_interrupt ? 3 : 2,
                                             .endpoint = endpoints,
                                             .extra = fake_usb.descriptors,
                                             .extra_length = (int)fake_usb.descriptors_len};
    interface = (struct libusb_interface){.altsetting = &alternate, .num_altsetting = 1};
    configuration = (struct libusb_config_descriptor){.bNumInterfaces = 1, .interface = &interface};
    *out = &configuration;
    return LIBUSB_SUCCESS;
}

static void free_configuration(struct libusb_config_descriptor *configuration) {
    (void)configuration;
}

static int open_device(libusb_device *device, libusb_device_handle **out) {
    (void)device;
    *out = (libusb_device_handle *)(void *)&the_handle;
    return LIBUSB_SUCCESS;
}

static void close_device(libusb_device_handle *handle) {
    (void)handle;
}

static int claim(libusb_device_handle *handle, int interface) {
    (void)handle;
    (void)interface;
    if (fake_usb.is_claimed_elsewhere) {
        return LIBUSB_ERROR_BUSY;
    }
    fake_usb.claims++;
    return LIBUSB_SUCCESS;
}

static int release(libusb_device_handle *handle, int interface) {
    (void)handle;
    (void)interface;
    fake_usb.releases++;
    return LIBUSB_SUCCESS;
}

static int clear_halt(libusb_device_handle *handle, unsigned char endpoint) {
    (void)handle;
    (void)endpoint;
    return LIBUSB_SUCCESS;
}

static int bulk(libusb_device_handle *handle, unsigned char endpoint, unsigned char *data, int len,
                int *moved, unsigned timeout) {
    (void)handle;
    (void)timeout;
    *moved = 0;
    if (fake_usb.is_breaking) {
        return LIBUSB_ERROR_IO;
    }
    if (fake_usb.is_gone) {
        return LIBUSB_ERROR_NO_DEVICE;
    }
    if (endpoint == BULK_OUT) {
        fake_usb.take(data, (size_t)len);
        *moved = len;
        return LIBUSB_SUCCESS;
    }
    *moved = (int)fake_usb.give(data, (size_t)len);
    return *moved > 0 ? LIBUSB_SUCCESS : LIBUSB_ERROR_TIMEOUT; /* at once: no test waits */
}

static int interrupt(libusb_device_handle *handle, unsigned char endpoint, unsigned char *data,
                     int len, int *moved, unsigned timeout) {
    (void)handle;
    (void)endpoint;
    (void)timeout;
    *moved = fake_usb.notify != NULL ? (int)fake_usb.notify(data, (size_t)len) : 0;
    return *moved > 0 ? LIBUSB_SUCCESS : LIBUSB_ERROR_TIMEOUT;
}

static int control(libusb_device_handle *handle, uint8_t type, uint8_t request, uint16_t value,
                   uint16_t index, unsigned char *data, uint16_t len, unsigned timeout) {
    (void)handle;
    (void)type;
    (void)value;
    (void)index;
    (void)data;
    (void)len;
    (void)timeout;
    fake_usb.aborts += request == ABORT;
    return fake_usb.is_gone || fake_usb.is_breaking ? LIBUSB_ERROR_NO_DEVICE : 0;
}

static const char *error_name(int error) {
    (void)error;
    return "an error";
}

const struct usb_library fake_usb_library = {
    .get_device_list = get_device_list,
    .free_device_list = free_device_list,
    .get_bus_number = bus_number,
    .get_device_address = device_address,
    .get_active_config_descriptor = get_configuration,
    .free_config_descriptor = free_configuration,
    .open = open_device,
    .close = close_device,
    .claim_interface = claim,
    .release_interface = release,
    .clear_halt = clear_halt,
    .bulk_transfer = bulk,
    .interrupt_transfer = interrupt,
    .control_transfer = control,
    .error_name = error_name,
};
