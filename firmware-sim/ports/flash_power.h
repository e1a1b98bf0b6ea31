/* The power under the flash: counts the writes, and fails at one that a test has chosen. */
#ifndef FIRMWARE_PORTS_FLASH_POWER_H
#define FIRMWARE_PORTS_FLASH_POWER_H

#include "firmware-sim/core/flash.h"

struct flash_power {
    struct flash under;
    uint64_t writes; /* words programmed and pages erased since the start */
    bool armed, torn;
    bool failed;   /* the power is off: nothing works until flash_power_on */
    uint64_t left; /* armed: writes that still succeed */
};

void flash_power_init(struct flash_power *power, struct flash under);
/* The flash with this power; power must outlive it. */
struct flash flash_power_flash(struct flash_power *power);

/* The power fails at the write after `left` more. torn: that write leaves half of a word or page behind, else nothing. */
void flash_power_arm(struct flash_power *power, uint64_t left, bool torn);
/* Power again. A failure that was armed meanwhile is ahead: it meets the recovery. */
void flash_power_on(struct flash_power *power);

#endif
