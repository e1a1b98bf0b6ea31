/* The data flash, modelled in memory: a page is erased as a whole, a word is programmed once. */
#include "firmware-sim/ports/arm/port.h"

#include <string.h>

enum { PAGES = 256 };

static uint8_t data[PAGES * FLASH_PAGE] __attribute__((section(".nvm")));

static bool in_range(uint32_t addr, uint32_t len) {
    return addr <= sizeof data && len <= sizeof data - addr;
}

static bool flash_read(void *ctx, uint32_t addr, void *out, uint32_t len) {
    (void)ctx;
    if (!in_range(addr, len))
        return false;
    memcpy(out, data + addr, len);
    return true;
}

static bool flash_erase(void *ctx, uint32_t page) {
    (void)ctx;
    if (page >= PAGES)
        return false;
    memset(data + (size_t)page * FLASH_PAGE, 0xff, FLASH_PAGE);
    return true;
}

static bool flash_program(void *ctx, uint32_t addr, const void *words, uint32_t len) {
    (void)ctx;
    if (!in_range(addr, len) || addr % FLASH_WORD || len % FLASH_WORD)
        return false;
    for (uint32_t i = 0; i < len; i++)
        if (data[addr + i] != 0xff)
            return false;
    memcpy(data + addr, words, len);
    return true;
}

struct flash port_flash(void) {
    static const struct flash_ops ops = {flash_read, flash_erase, flash_program};
    return (struct flash){.ops = &ops, .pages = PAGES};
}
