/* What the objects of a store are called. */
#ifndef FIRMWARE_PORTS_DUMP_NAMES_H
#define FIRMWARE_PORTS_DUMP_NAMES_H

#include "firmware-sim/core/factory.h"
#include "firmware-sim/core/store.h"

enum { DUMP_NAME_MAX = 160 };

struct dump_name {
    const char *kind;
    char name[DUMP_NAME_MAX]; /* text as the host gave it, or the standard's name; may be empty */
    bool secret;              /* not known to be public */
};

void dump_name(const struct store *store, enum factory_application application, uint32_t id,
               struct dump_name *out);

#endif
