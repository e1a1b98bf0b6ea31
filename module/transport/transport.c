/* What all transports share: error texts and the reader list. */
#include "module/transport/transport.h"

#include <stdio.h>
#include <stdlib.h>

const char *transport_error_text(enum transport_error error) {
    switch (error) {
    case TRANSPORT_OK:
        return "ok";
    case TRANSPORT_MEMORY:
        return "out of memory";
    case TRANSPORT_NO_READER:
        return "no such reader";
    case TRANSPORT_REMOVED:
        return "card removed";
    case TRANSPORT_TIMEOUT:
        return "no answer in time";
    case TRANSPORT_BUSY:
        return "another program holds the card";
    case TRANSPORT_IO:
        return "communication failed";
    }
    return "unknown transport error";
}

enum transport_error reader_list_add(struct reader_list *list, const char *name, bool present,
                                     uint32_t events) {
    struct reader_state *items = realloc(list->items, (list->count + 1) * sizeof(*items));
    if (items == NULL) {
        return TRANSPORT_MEMORY;
    }
    list->items = items;
    struct reader_state *reader = &items[list->count++];
    snprintf(reader->name, sizeof(reader->name), "%s", name);
    reader->present = present;
    reader->events = events;
    return TRANSPORT_OK;
}

void reader_list_free(struct reader_list *list) {
    free(list->items);
    list->items = NULL;
    list->count = 0;
}
