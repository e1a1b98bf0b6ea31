/* libusb, loaded when a USB reader is there, so that a machine without it loses nothing but those. */
#ifndef OPENUKEY_TRANSPORT_USB_LIBRARY_H
#define OPENUKEY_TRANSPORT_USB_LIBRARY_H

#include <libusb-1.0/libusb.h>

struct usb_library {
    int (*init)(libusb_context **);
    void (*exit)(libusb_context *);
    ssize_t (*get_device_list)(libusb_context *, libusb_device ***);
    void (*free_device_list)(libusb_device **, int);
    uint8_t (*get_bus_number)(libusb_device *);
    uint8_t (*get_device_address)(libusb_device *);
    int (*get_active_config_descriptor)(libusb_device *, struct libusb_config_descriptor **);
    void (*free_config_descriptor)(struct libusb_config_descriptor *);
    int (*open)(libusb_device *, libusb_device_handle **);
    void (*close)(libusb_device_handle *);
    int (*claim_interface)(libusb_device_handle *, int);
    int (*release_interface)(libusb_device_handle *, int);
    int (*clear_halt)(libusb_device_handle *, unsigned char);
    int (*bulk_transfer)(libusb_device_handle *, unsigned char, unsigned char *, int, int *,
                         unsigned int);
    int (*interrupt_transfer)(libusb_device_handle *, unsigned char, unsigned char *, int, int *,
                              unsigned int);
    int (*control_transfer)(libusb_device_handle *, uint8_t, uint8_t, uint16_t, uint16_t,
                            unsigned char *, uint16_t, unsigned int);
    const char *(*error_name)(int);
};

/* The library, or NULL when this machine has none. Loaded once, never unloaded; any thread. */
const struct usb_library *usb_library_get(void);

#endif
