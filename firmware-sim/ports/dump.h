/* What is in an image, as one JSON document. */
#ifndef FIRMWARE_PORTS_DUMP_H
#define FIRMWARE_PORTS_DUMP_H

#include "firmware-sim/core/factory.h"
#include "firmware-sim/core/store.h"
#include "firmware-sim/ports/flash_file.h"

#include <stdio.h>

/* Writes it to out. Contents of secret objects (keys, PINs, files that not everyone may read, and all that is not known to be
 * public) only with secrets. */
void dump_json(FILE *out, const struct flash_file *file, const struct factory *factory,
               const struct store *store, bool secrets);

#endif
