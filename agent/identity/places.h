/* Where the browsers of a person keep whom they trust: NSS databases, one a profile, wherever a package format puts them. */
#ifndef AGENT_IDENTITY_PLACES_H
#define AGENT_IDENTITY_PLACES_H

#include <limits.h>
#include <stddef.h>

#define PLACES_MAX 128

/* One folder with an NSS database, or where a browser makes one at its first start. */
struct place {
    char path[PATH_MAX];
    const char
        *browser; /* "Chromium" (and all that read the same database) or "Firefox" (and its kin) */
};

struct places {
    struct place *list;
    size_t count;
};

/* Look through `home`, and through the XDG folders of the environment when it is the person's own home ($HOME): ~/.pki/nssdb (always,
 * it is made at need); those of Chromium's kin from snap and flatpak; every profile that a profiles.ini of Firefox's kin names and that
 * is there. No place comes twice. 0, or -1 when memory is out; places_free() in both cases. */
int places_find(const char *home, struct places *places);
void places_free(struct places *places);

#endif
