/* Bringing a simulated key into a known state. */
#ifndef TOOLS_UKEY_PROVISION_H
#define TOOLS_UKEY_PROVISION_H

#include <stdbool.h>
#include <stdint.h>

struct provision_options {
    const char *profile;
    const char *ca;       /* directory */
    const char *out;      /* image */
    const char *manifest; /* NULL: none */
    const char *sim;      /* ukey-sim */
    const char *module;   /* PKCS#11 module */
    int64_t now;          /* Unix seconds */
    bool is_quiet;        /* says nothing when it succeeds */
};

/* Makes the key; image and manifest appear whole or not at all. False: has complained. */
bool provision(const struct provision_options *options);

#endif
