/* The device in a umockdev testbed: what /sys and /dev show of it to the programs that run there. */
#ifndef FIRMWARE_USB_TESTBED_H
#define FIRMWARE_USB_TESTBED_H

#include "firmware-sim/usb/guest.h"

#include <umockdev.h>

#define TESTBED_NODE "/dev/bus/usb/001/002"

/* Adds the device behind the guest, and a root hub for it. False: has complained. */
bool testbed_add_device(UMockdevTestbed *testbed, struct guest *guest);

/* The device is pulled out of its socket: gone from the bus, and told so. */
void testbed_remove_device(UMockdevTestbed *testbed);

#endif
