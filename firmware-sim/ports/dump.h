/* What is in an image, as one JSON document or in lines. */
#ifndef FIRMWARE_PORTS_DUMP_H
#define FIRMWARE_PORTS_DUMP_H

#include "firmware-sim/core/factory.h"
#include "firmware-sim/core/store.h"
#include "firmware-sim/ports/flash_file.h"

#include <stdio.h>

/* Writes it to out. Contents of secret objects (keys, PINs, files that not everyone may read, and all that is not known to be
 * public) only with secrets. Each object has its kind and a name: the one that
 * its host gave it, or the standard's. */
void dump_json(FILE *out, const struct flash_file *file, const struct factory *factory,
               const struct store *store, bool secrets);
/* The objects by name, without any content. */
void dump_text(FILE *out, const struct factory *factory, const struct store *store);

#endif
