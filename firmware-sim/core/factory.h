/* Page 0 of the flash: what the factory wrote once. It stands for a real chip's OTP area and unique key. */
#ifndef FIRMWARE_CORE_FACTORY_H
#define FIRMWARE_CORE_FACTORY_H

#include "firmware-sim/core/flash.h"

enum factory_size {
    FACTORY_PAGES = 1,
    FACTORY_MAC_KEY = 32,
    FACTORY_SERIAL = 32,
    FACTORY_MANUFACTURER = 64
};

/* A key belongs to one application. */
enum factory_application { FACTORY_GM = 0, FACTORY_PIV = 1 };

/* Text fields are zero-padded and need no NUL. */
struct factory {
    uint8_t mac_key[FACTORY_MAC_KEY]; /* authenticates the records of the store */
    uint8_t serial[FACTORY_SERIAL];
    uint8_t manufacturer[FACTORY_MANUFACTURER];
    uint8_t issuer[FACTORY_MANUFACTURER];
    enum factory_application application;
    uint8_t layout; /* the application's: which layout profile of its commands this key has */
};

enum factory_error {
    FACTORY_OK = 0,
    FACTORY_NOT_OURS, /* not an image of ours, or of another format version or size */
    FACTORY_DAMAGED,  /* ours, but its digest differs */
    FACTORY_FLASH
};

/* Erases page 0 and writes it. */
enum factory_error factory_write(const struct flash *flash, const struct factory *factory);
enum factory_error factory_read(const struct flash *flash, struct factory *factory);

#endif
