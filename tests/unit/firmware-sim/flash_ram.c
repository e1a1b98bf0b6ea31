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

void flash_ram_apply(uint8_t *bytes, const struct flash_ram_write *write, enum flash_ram_cut cut) {
    uint8_t *at = bytes + write->addr;
    if (cut == CUT_BEFORE)
        return;
    if (write->erases) {
        if (cut == CUT_TORN)
            memset(at + FLASH_PAGE / 4, 0xff, FLASH_PAGE / 2);
        else
            memset(at, 0xff, FLASH_PAGE);
        return;
    }
    for (unsigned b = 0; b < FLASH_WORD; b++)
        at[b] &= cut == CUT_TORN ? write->word[b] | 0x5a : write->word[b];
}

static void note(struct flash_ram_log *log, const struct flash_ram_write *write) {
    if (log->count == log->room) {
        log->room = log->room ? 2 * log->room : 1024;
        log->writes = realloc(log->writes, log->room * sizeof *log->writes);
        if (!log->writes)
            abort();
    }
    log->writes[log->count++] = *write;
}

/* False if the power failed during this write. */
static bool do_write(struct flash_ram *ram, const struct flash_ram_write *write) {
    bool fails = ram->armed && ram->writes == ram->cut_at;
    ram->writes++;
    ram->off |= fails;
    flash_ram_apply(ram->bytes, write, fails ? ram->cut : CUT_AFTER);
    if (ram->log)
        note(ram->log, write);
    return !fails;
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
    if (ram->off || page >= ram->pages)
        return false;
    const struct flash_ram_write write = {.addr = page * FLASH_PAGE, .erases = true};
    return do_write(ram, &write);
}

static bool ram_program(void *ctx, uint32_t addr, const void *words, uint32_t len) {
    struct flash_ram *ram = ctx;
    struct flash_ram_write write = {.erases = false};
    if (addr % FLASH_WORD || len % FLASH_WORD || addr + len > flash_ram_size(ram))
        return false;
    for (uint32_t i = 0; i < len; i += FLASH_WORD) {
        if (ram->off)
            return false;
        write.addr = addr + i;
        memcpy(write.word, (const uint8_t *)words + i, FLASH_WORD);
        for (unsigned b = 0; b < FLASH_WORD; b++)
            ram->misused |= ram->bytes[write.addr + b] != 0xff;
        if (!do_write(ram, &write))
            return false;
    }
    return true;
}

struct flash flash_ram_flash(struct flash_ram *ram) {
    static const struct flash_ops ops = {ram_read, ram_erase, ram_program};
    return (struct flash){.ops = &ops, .ctx = ram, .pages = ram->pages};
}
