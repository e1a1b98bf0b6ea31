/* Registering a key that was provisioned elsewhere: its holder, serial number, certificates, seals and unlock key, out of the manifest
 * that `ukey provision --manifest` writes; or a blank one that goes to stock: a manifest without certificates. */
#ifndef TOOLS_ORDERD_IMPORT_H
#define TOOLS_ORDERD_IMPORT_H

#include "tools/orderd/engine/engine.h"

#include <jansson.h>

enum import_size { IMPORT_MANIFEST_MAX = 4 * 1024 * 1024, IMPORT_ERROR_SIZE = 256 };

struct import_count {
    int certificates;
    int seals;
};

/* Register what the manifest holds, in one transaction. What is known already is left as it is. Certificates must chain to the CA.
 * On failure `error` (IMPORT_ERROR_SIZE bytes) says why, and nothing is changed. */
bool import_manifest(const struct engine *engine, struct db *db, const json_t *manifest,
                     struct import_count *count, char *error);

#endif
