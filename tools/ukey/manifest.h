/* The manifest: what the order service learns of a provisioned key, for `ukey-orderd import`. Public but for the unlock key. */
#ifndef TOOLS_UKEY_MANIFEST_H
#define TOOLS_UKEY_MANIFEST_H

#include "tools/ukey/container.h"
#include "tools/ukey/profile.h"

struct manifest_facts {
    const char *serial;
    const char *label;
    const char *manufacturer;
    const struct profile *profile;
    const struct container *containers; /* as many as the profile has */
    const char *seal_id;
    const struct octets *seal; /* DER; empty: none */
};

/* *text = JSON: {version, token: {serial, label, manufacturer,
 * unlockKey?}, certificates: [{usage, algorithm,
 * subject, pem}], seals: [{id, der: base64}]}. Containers that the profile does not register are
 * left out. False: has complained. */
bool manifest_write(const struct manifest_facts *facts, struct octets *text);

#endif
