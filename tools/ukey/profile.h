/* A profile: the known state that a key is brought into. JSON, see profiles/README.md; unknown
 * members are refused. */
#ifndef TOOLS_UKEY_PROFILE_H
#define TOOLS_UKEY_PROFILE_H

#include "module/formats/certificate_request.h"

#include <jansson.h>

enum profile_size {
    PROFILE_MAX = 65536, /* bytes of JSON */
    PROFILE_SUBJECT_MAX = 12,
    PROFILE_CONTAINERS_MAX = 16,
    PROFILE_UNLOCK_KEY = 16 /* bytes */
};

enum profile_algorithm { PROFILE_SM2, PROFILE_RSA };

/* One container with its certificates. */
struct profile_container {
    const char *name;
    enum profile_algorithm algorithm;
    bool encryption_pair; /* SM2: also an encryption certificate with its key from the KMC */
    bool is_registered;   /* goes into the manifest */
    struct name_field subject[PROFILE_SUBJECT_MAX];
    size_t subject_count;
    int64_t not_before, not_after; /* Unix seconds */
};

struct profile_seal {
    const char *name;
    int type; /* enum seal_type */
    int width_mm, height_mm;
    struct octets picture; /* PNG; empty: to be drawn */
    size_t container;      /* whose signing certificate may stamp */
    int64_t valid_start, valid_end;
};

/* Strings belong to `json`. */
struct profile {
    json_t *json;
    const char *serial; /* NULL: the simulator draws one */
    const char *label;
    const char *manufacturer;
    const char *user_pin;
    const char *admin_pin;
    int tries_left;   /* of the user PIN at the end; -1: all */
    bool must_change; /* the user PIN opens nothing before it is changed */
    bool has_unlock_key;
    unsigned char unlock_key[PROFILE_UNLOCK_KEY];
    size_t container_count;
    struct profile_container containers[PROFILE_CONTAINERS_MAX];
    bool has_seal;
    struct profile_seal seal;
};

/* Reads a profile; days count from `now` in Asia/Shanghai. False: has complained. profile_free in
 * any case. */
bool profile_read(const char *path, int64_t now, struct profile *out);
void profile_free(struct profile *profile);

#endif
