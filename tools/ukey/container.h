/* One container: keys made on the key, certified by the CA, written, read back and tried. */
#ifndef TOOLS_UKEY_CONTAINER_H
#define TOOLS_UKEY_CONTAINER_H

#include "module/formats/seal.h"
#include "tools/orderd/ca/ca.h"
#include "tools/ukey/key.h"
#include "tools/ukey/profile.h"

struct container {
    struct octets sign;    /* DER; of an RSA container the certificate for both uses */
    struct octets encrypt; /* DER; empty without an encryption pair */
};

/* False: has complained. container_free in any case. */
bool container_make(struct key *key, struct ca *ca, const struct profile_container *wanted,
                    struct container *out);
void container_free(struct container *container);

/* The seal's signature and its maker's chain to the CA's root, when the seal's validity begins. */
enum formats_error container_check_seal(struct ca *ca, const struct seal *seal);

#endif
