/* Sorted array of live objects. */
#include "firmware-sim/core/store_index.h"

#include "firmware-sim/core/store_log.h"

#include <string.h>

struct store_entry store_entry(uint32_t id, uint32_t addr, uint32_t len) {
    struct store_entry entry = {.id = id};
    entry.word = addr / FLASH_WORD & 0x7FFFF;
    entry.len = len & 0x1FFF;
    return entry;
}

uint32_t store_entry_addr(const struct store_entry *entry) {
    return entry->word * (uint32_t)FLASH_WORD;
}

uint32_t store_index_position(const struct store *s, uint32_t id) {
    uint32_t low = 0, high = s->count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (s->index[middle].id < id)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

const struct store_entry *store_index_find(const struct store *s, uint32_t id) {
    uint32_t i = store_index_position(s, id);
    return i < s->count && s->index[i].id == id ? &s->index[i] : NULL;
}

bool store_index_put(struct store *s, const struct store_entry *entry) {
    uint32_t i = store_index_position(s, entry->id);
    if (i < s->count && s->index[i].id == entry->id) {
        s->live -= log_object_size(s->index[i].len);
    } else {
        if (s->count == STORE_OBJECTS_MAX)
            return false;
        memmove(&s->index[i + 1], &s->index[i], (s->count - i) * sizeof s->index[0]);
        s->count++;
    }
    s->index[i] = *entry;
    s->live += log_object_size(entry->len);
    return true;
}

void store_index_delete(struct store *s, uint32_t first, uint32_t last) {
    uint32_t from = store_index_position(s, first), to = from;
    for (; to < s->count && s->index[to].id <= last; to++)
        s->live -= log_object_size(s->index[to].len);
    memmove(&s->index[from], &s->index[to], (s->count - to) * sizeof s->index[0]);
    s->count -= to - from;
}
