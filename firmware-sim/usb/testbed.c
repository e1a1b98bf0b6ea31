/* Describing the device for umockdev. */
#include "firmware-sim/usb/testbed.h"

#include <stdio.h>

#define KEY_PATH "/devices/pci0000:00/0000:00:14.0/usb1/1-1"

enum { DEVICE = 1, CONFIGURATION = 2, STRING = 3, DESCRIPTOR_MAX = 255 };

static const char root_hub[] =
    "P: /devices/pci0000:00/0000:00:14.0/usb1\n"
    "N: bus/usb/001/001\n"
    "E: DEVNAME=/dev/bus/usb/001/001\nE: DEVTYPE=usb_device\nE: SUBSYSTEM=usb\nE: DRIVER=usb\n"
    "E: BUSNUM=001\nE: DEVNUM=001\nE: PRODUCT=1d6b/2/601\nE: TYPE=9/0/1\nE: MAJOR=189\nE: MINOR=0\n"
    "A: busnum=1\\n\nA: devnum=1\\n\nA: speed=480\\n\nA: bConfigurationValue=1\\n\nA: "
    "bNumConfigurations=1\\n\n"
    "A: bNumInterfaces= 1\\n\nA: bDeviceClass=09\\n\nA: idVendor=1d6b\\n\nA: idProduct=0002\\n\nA: "
    "maxchild=1\\n\n"
    "H: descriptors="
    "12010002090001406B1D020001060302010109021900010100E0000904000001090000000705810304000C\n\n";

static char *hex(const uint8_t *bytes, size_t len) {
    GString *text = g_string_new(NULL);
    for (size_t i = 0; i < len; i++)
        g_string_append_printf(text, "%02X", bytes[i]);
    return g_string_free(text, FALSE);
}

/* A string descriptor's characters, the ASCII of them. */
static char *string_of(struct guest *guest, uint8_t index) {
    uint8_t raw[DESCRIPTOR_MAX];
    size_t len = guest_descriptor(guest, STRING, index, raw, sizeof raw);
    GString *text = g_string_new(NULL);
    for (size_t i = 2; i + 1 < len; i += 2)
        g_string_append_c(text,
                          raw[i + 1] == 0 && raw[i] >= ' ' && raw[i] < 0x7f ? (char)raw[i] : '?');
    return g_string_free(text, FALSE);
}

static char *describe(struct guest *guest, const uint8_t *device, size_t device_len,
                      const uint8_t *configuration, size_t configuration_len) {
    g_autofree char *product =
        g_strdup_printf("%x/%x/%x", guest->vendor, guest->product, guest->release);
    g_autofree char *first = hex(device, device_len);
    g_autofree char *second = hex(configuration, configuration_len);
    g_autofree char *maker = string_of(guest, 1), *name = string_of(guest, 2);
    g_autofree char *serial = string_of(guest, 3);
    return g_strdup_printf(
        "P: " KEY_PATH "\n"
        "N: bus/usb/001/002\n"
        "E: DEVNAME=%s\nE: DEVTYPE=usb_device\nE: SUBSYSTEM=usb\nE: DRIVER=usb\nE: BUSNUM=001\n"
        "E: DEVNUM=002\nE: PRODUCT=%s\nE: TYPE=0/0/0\nE: MAJOR=189\nE: MINOR=1\n"
        "A: busnum=1\\n\nA: devnum=2\\n\nA: speed=12\\n\nA: bConfigurationValue=1\\n\n"
        "A: bNumConfigurations=1\\n\nA: bNumInterfaces= 1\\n\nA: maxchild=0\\n\n"
        "A: idVendor=%04x\\n\nA: idProduct=%04x\\n\nA: bcdDevice=%04x\\n\n"
        "A: manufacturer=%s\\n\nA: product=%s\\n\nA: serial=%s\\n\nH: descriptors=%s%s\n\n"
        "P: " KEY_PATH "/1-1:1.0\n"
        "E: DEVTYPE=usb_interface\nE: SUBSYSTEM=usb\nE: PRODUCT=%s\nE: TYPE=0/0/0\n"
        "E: INTERFACE=11/0/0\n"
        "A: bInterfaceNumber=00\\n\nA: bInterfaceClass=0b\\n\nA: bInterfaceSubClass=00\\n\n"
        "A: bInterfaceProtocol=00\\n\nA: bAlternateSetting= 0\\n\nA: bNumEndpoints=02\\n\n\n",
        TESTBED_NODE, product, guest->vendor, guest->product, guest->release, maker, name, serial,
        first, second, product);
}

bool testbed_add_device(UMockdevTestbed *testbed, struct guest *guest) {
    uint8_t device[DESCRIPTOR_MAX], configuration[DESCRIPTOR_MAX];
    size_t device_len = guest_descriptor(guest, DEVICE, 0, device, sizeof device);
    size_t configuration_len =
        guest_descriptor(guest, CONFIGURATION, 0, configuration, sizeof configuration);
    g_autofree char *key = describe(guest, device, device_len, configuration, configuration_len);
    g_autoptr(GError) error = NULL;
    if (device_len && configuration_len &&
        umockdev_testbed_add_from_string(testbed, root_hub, &error) &&
        umockdev_testbed_add_from_string(testbed, key, &error))
        return true;
    fprintf(stderr, "ukey-sim-usb: %s\n", error ? error->message : "no descriptors");
    return false;
}

void testbed_remove_device(UMockdevTestbed *testbed) {
    static const char *const paths[] = {"/sys" KEY_PATH "/1-1:1.0", "/sys" KEY_PATH};
    for (size_t i = 0; i < G_N_ELEMENTS(paths); i++) {
        umockdev_testbed_uevent(testbed, paths[i], "remove");
        umockdev_testbed_remove_device(testbed, paths[i]);
    }
}
