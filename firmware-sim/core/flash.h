/* The flash under the card: pages that are erased as a whole to ones, words that are programmed once after that.
 * A port gives the operations; power may fail inside any of them, leaving the page or the word in question in any state. */
#ifndef FIRMWARE_CORE_FLASH_H
#define FIRMWARE_CORE_FLASH_H

#include <stdbool.h>
#include <stdint.h>

enum flash_geometry { FLASH_WORD = 8, FLASH_PAGE = 4096 };

/* All return false when the flash failed (or has no power any more). Addresses are bytes from its start. */
struct flash_ops {
    bool (*read)(void *ctx, uint32_t addr, void *out, uint32_t len);
    bool (*erase)(void *ctx, uint32_t page);
    /* Programs len bytes (a multiple of FLASH_WORD) at a word boundary, word after word in ascending order. The words
     * must be erased: programming a word twice is an error. */
    bool (*program)(void *ctx, uint32_t addr, const void *words, uint32_t len);
};

struct flash {
    const struct flash_ops *ops;
    void *ctx;
    uint32_t pages;
};

#endif
