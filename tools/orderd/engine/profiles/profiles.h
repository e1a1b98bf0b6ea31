/* The portals that there are; each is a file of this folder, all data. */
#ifndef TOOLS_ORDERD_ENGINE_PROFILES_PROFILES_H
#define TOOLS_ORDERD_ENGINE_PROFILES_PROFILES_H

#include "tools/orderd/engine/profile.h"

#define LENGTH(array) (sizeof(array) / sizeof((array)[0]))

/* Gates in a flow's rows, short. */
#define OPEN(gate)                                                                                 \
    { GATE_##gate, GATE_OPEN }
#define WAIVED(gate)                                                                               \
    { GATE_##gate, GATE_WAIVED }

/* Sets of kinds that several tables need. */
enum kind_set {
    CERTIFICATE_KINDS = KINDS(KIND_NEW) | KINDS(KIND_RENEW) | KINDS(KIND_REPLACE) |
                        KINDS(KIND_CHANGE) | KINDS(KIND_KEY_RECOVERY),
    STATUS_KINDS =
        KINDS(KIND_FREEZE) | KINDS(KIND_UNFREEZE) | KINDS(KIND_REVOKE) | KINDS(KIND_UNBIND)
};

extern const struct profile profile_default; /* our own: what a good portal would do */
extern const struct profile profile_hall;    /* S0: a service hall, replacement */
extern const struct profile
    profile_building;                      /* S1: building trade, new certificates, user download */
extern const struct profile profile_cecep; /* S2: an e-procurement platform, replacement */
extern const struct profile
    profile_hainan; /* S3: seals for government procurement, whole life cycle */
extern const struct profile profile_resource; /* S4: public resources, several CA vendors */

#endif
