/* A flash in memory whose power fails at a chosen write, and which notices a word programmed twice. */
#ifndef TESTS_FLASH_RAM_H
#define TESTS_FLASH_RAM_H

#include "firmware-sim/core/flash.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What the write during which the power fails leaves behind. */
enum flash_ram_cut {
    CUT_BEFORE, /* nothing of it */
    CUT_AFTER,  /* all of it */
    CUT_TORN,   /* half of a word's bits, half of a page */
    CUT_KINDS
};

/* One page erased, or one word programmed. */
struct flash_ram_write {
    uint32_t addr;
    bool erases;
    uint8_t word[FLASH_WORD];
};

/* Writes in their order. Starts as zeros; grows, and is used again with count 0. */
struct flash_ram_log {
    struct flash_ram_write *writes;
    size_t count, room;
};

struct flash_ram {
    uint8_t *bytes;
    uint32_t pages;
    unsigned long writes; /* words programmed and pages erased since the start or flash_ram_arm */
    bool armed, off;
    unsigned long cut_at; /* this write fails */
    enum flash_ram_cut cut;
    bool misused;              /* a word was programmed twice */
    struct flash_ram_log *log; /* where writes are also noted, or NULL */
};

void flash_ram_init(struct flash_ram *ram, uint32_t pages);
void flash_ram_free(struct flash_ram *ram);
struct flash flash_ram_flash(struct flash_ram *ram);
size_t flash_ram_size(const struct flash_ram *ram);

/* From now on, the write number at (0: the next one) fails with the power; until flash_ram_power_on nothing works. */
void flash_ram_arm(struct flash_ram *ram, unsigned long at, enum flash_ram_cut cut);
void flash_ram_power_on(struct flash_ram *ram);

/* Does to bytes (a whole flash) what a write does during which the power fails; CUT_AFTER: what a whole write does. */
void flash_ram_apply(uint8_t *bytes, const struct flash_ram_write *write, enum flash_ram_cut cut);

#endif
