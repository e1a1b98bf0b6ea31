/* A flash whose power fails between two words. */
#include "firmware-sim/ports/flash_power.h"

#include <string.h>

/* Counts one write; false if the power fails at it. */
static bool spend(struct flash_power *power) {
    if (power->failed)
        return false;
    if (power->armed && power->left-- == 0) {
        power->armed = false;
        power->failed = true;
        return false;
    }
    power->writes++;
    return true;
}

static bool power_read(void *ctx, uint32_t addr, void *out, uint32_t len) {
    const struct flash_power *power = ctx;
    return !power->failed && power->under.ops->read(power->under.ctx, addr, out, len);
}

/* What a page looks like whose erasing was cut: its first half is blank. */
static void erase_half(const struct flash *under, uint32_t page) {
    uint8_t half[FLASH_PAGE / 2];
    uint32_t start = page * FLASH_PAGE;
    bool kept = under->ops->read(under->ctx, start + FLASH_PAGE / 2, half, sizeof half);
    if (!under->ops->erase(under->ctx, page) || !kept)
        return;
    for (uint32_t i = 0; i < sizeof half; i += FLASH_WORD) {
        static const uint8_t blank[FLASH_WORD] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff};
        if (memcmp(half + i, blank, FLASH_WORD) != 0)
            (void)under->ops->program(under->ctx, start + FLASH_PAGE / 2 + i, half + i, FLASH_WORD);
    }
}

static bool power_erase(void *ctx, uint32_t page) {
    struct flash_power *power = ctx;
    bool was_on = !power->failed;
    if (spend(power))
        return power->under.ops->erase(power->under.ctx, page);
    if (was_on && power->torn)
        erase_half(&power->under, page);
    return false;
}

static bool power_program(void *ctx, uint32_t addr, const void *words, uint32_t len) {
    struct flash_power *power = ctx;
    const struct flash *under = &power->under;
    if (!power->armed && !power->failed) {
        power->writes += len / FLASH_WORD;
        return under->ops->program(under->ctx, addr, words, len);
    }
    for (uint32_t i = 0; i < len; i += FLASH_WORD) {
        const uint8_t *word = (const uint8_t *)words + i;
        bool was_on = !power->failed;
        if (spend(power)) {
            if (!under->ops->program(under->ctx, addr + i, word, FLASH_WORD))
                return false;
            continue;
        }
        if (was_on && power->torn) {
            uint8_t half[FLASH_WORD];
            memset(half, 0xff, sizeof half);
            memcpy(half, word, FLASH_WORD / 2);
            (void)under->ops->program(under->ctx, addr + i, half, FLASH_WORD);
        }
        return false;
    }
    return true;
}

void flash_power_init(struct flash_power *power, struct flash under) {
    *power = (struct flash_power){.under = under};
}

struct flash flash_power_flash(struct flash_power *power) {
    static const struct flash_ops ops = {power_read, power_erase, power_program};
    return (struct flash){.ops = &ops, .ctx = power, .pages = power->under.pages};
}

void flash_power_arm(struct flash_power *power, uint64_t left, bool torn) {
    power->armed = true;
    power->torn = torn;
    power->left = left;
}

void flash_power_on(struct flash_power *power) {
    power->failed = false;
}
