/* Memory as flash. */
#include "tests/unit/firmware-sim/flash_ram.h"

#include <stdlib.h>
#include <string.h>

void flash_ram_init(struct flash_ram *ram, uint32_t pages) {
    *ram = (struct flash_ram){.pages = pages};
    ram->bytes = malloc(flash_ram_size(ram));
    if (!ram->bytes)
        abort();
    memset(ram->bytes, 0xff, flash_ram_size(ram));
}

void flash_ram_free(struct flash_ram *ram) {
    free(ram->bytes);
    ram->bytes = NULL;
}

size_t flash_ram_size(const struct flash_ram *ram) {
    return (size_t)ram->pages * FLASH_PAGE;
}

void flash_ram_arm(struct flash_ram *ram, unsigned long at, enum flash_ram_cut cut) {
    ram->writes = 0;
    ram->cut_at = at;
    ram->cut = cut;
    ram->armed = true;
}

void flash_ram_power_on(struct flash_ram *ram) {
    ram->armed = ram->off = false;
    ram->writes = 0;
}

static bool power_fails_now(struct flash_ram *ram) {
    bool fails = ram->armed && ram->writes == ram->cut_at;
    ram->writes++;
    ram->off |= fails;
    return fails;
}

static bool ram_read(void *ctx, uint32_t addr, void *out, uint32_t len) {
    struct flash_ram *ram = ctx;
    if (ram->off || addr > flash_ram_size(ram) || len > flash_ram_size(ram) - addr)
        return false;
    memcpy(out, ram->bytes + addr, len);
    return true;
}

static bool ram_erase(void *ctx, uint32_t page) {
    struct flash_ram *ram = ctx;
    uint8_t *bytes = ram->bytes + (size_t)page * FLASH_PAGE;
    if (ram->off || page >= ram->pages)
        return false;
    bool fails = power_fails_now(ram);
    if (!fails || ram->cut == CUT_AFTER)
        memset(bytes, 0xff, FLASH_PAGE);
    else if (ram->cut == CUT_TORN)
        memset(bytes + FLASH_PAGE / 4, 0xff, FLASH_PAGE / 2);
    return !fails;
}

static bool ram_program(void *ctx, uint32_t addr, const void *words, uint32_t len) {
    struct flash_ram *ram = ctx;
    const uint8_t *word = words;
    if (addr % FLASH_WORD || len % FLASH_WORD || addr + len > flash_ram_size(ram))
        return false;
    for (uint32_t i = 0; i < len; i += FLASH_WORD) {
        uint8_t *bytes = ram->bytes + addr + i;
        if (ram->off)
            return false;
        for (unsigned b = 0; b < FLASH_WORD; b++)
            ram->misused |= bytes[b] != 0xff;
        bool fails = power_fails_now(ram);
        if (fails && ram->cut == CUT_BEFORE)
            return false;
        for (unsigned b = 0; b < FLASH_WORD; b++)
            bytes[b] &= fails && ram->cut == CUT_TORN ? word[i + b] | 0x5a : word[i + b];
        if (fails)
            return false;
    }
    return true;
}

struct flash flash_ram_flash(struct flash_ram *ram) {
    static const struct flash_ops ops = {ram_read, ram_erase, ram_program};
    return (struct flash){.ops = &ops, .ctx = ram, .pages = ram->pages};
}
