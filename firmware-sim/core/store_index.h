/* The store's index of live objects in RAM, sorted by id. Private to the store. */
#ifndef FIRMWARE_CORE_STORE_INDEX_H
#define FIRMWARE_CORE_STORE_INDEX_H

#include "firmware-sim/core/store.h"

/* Content of len bytes at addr, a multiple of FLASH_WORD, or STORE_ZEROS. */
struct store_entry store_entry(uint32_t id, uint32_t addr, uint32_t len);
uint32_t store_entry_addr(const struct store_entry *entry);

/* Position of the first entry with an id of at least id; s->count if there is none. */
uint32_t store_index_position(const struct store *s, uint32_t id);
const struct store_entry *store_index_find(const struct store *s, uint32_t id);
/* Adds or replaces; keeps s->live. False if the index is full. */
bool store_index_put(struct store *s, const struct store_entry *entry);
void store_index_delete(struct store *s, uint32_t first, uint32_t last);

#endif
