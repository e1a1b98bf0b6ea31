/* Images of keys in a known state, made once: a cache in $XDG_CACHE_HOME/openukey/sim (~/.cache). An image is named by
 * everything that it was made of: the profile, the day, the programs. */
#ifndef TOOLS_UKEY_SIM_IMAGE_H
#define TOOLS_UKEY_SIM_IMAGE_H

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>

struct sim_maker {
    const char *profile; /* a name, or a file */
    const char *sim;     /* ukey-sim */
    const char *module;  /* PKCS#11 module */
    int64_t now;         /* Unix seconds */
    bool has_clock;      /* now is not the present */
};

/* What a program needs to know of a key. user_pin and admin_pin are empty for a blank one. */
struct sim_facts {
    char serial[33], label[33], user_pin[17], admin_pin[17], unlock_key[33];
};

/* Puts a copy of the image of key number `index` (from 0: serial numbers of their own) at path. ca is set to the directory
 * of the CA that certified it. False: has complained. */
bool sim_image_make(const struct sim_maker *maker, unsigned index, const char *path,
                    char ca[PATH_MAX], struct sim_facts *facts);

#endif
