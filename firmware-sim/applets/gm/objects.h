/* What the GM application keeps in the store: object numbers and records. */
#ifndef FIRMWARE_APPLETS_GM_OBJECTS_H
#define FIRMWARE_APPLETS_GM_OBJECTS_H

#include "firmware-sim/core/pin.h"
#include "firmware-sim/core/store.h"
#include "firmware-sim/core/wire.h"
#include "firmware-sim/crypto/rsa.h"
#include "firmware-sim/crypto/sm2.h"

#include <openukey/apdu.h>

/* Numbers: space4 | application4 | kind4 | index12 | part8 (bits). */
enum gm_object {
    OBJECT_LABEL = 0x10000001,
    OBJECT_DEVICE_KEY = 0x10000002, /* a pin_record: the device authentication key and its tries */
    OBJECT_DEVICE_TRIES = 0x10000003,
    OBJECT_CHANGES = 0x10000004,    /* change counter, change tag */
    OBJECT_UNLOCK_KEY = 0x10000005, /* a pin_record: the remote unlock's key and its tries */
    OBJECT_UNLOCK_TRIES = 0x10000006,
    OBJECT_APP = 0x20000000
};

enum gm_object_kind { KIND_APP_INFO = 0, KIND_PIN = 1, KIND_CONTAINER = 2, KIND_FILE = 3 };

/* Parts of a container; a key's and a certificate's part is counted on by enum gm_key_usage, apart for the history. */
enum gm_container_part {
    PART_INFO = 0,
    PART_KEY = 1,
    PART_CERT = 3,
    PART_HISTORY_KEY = 0x10,
    PART_HISTORY_CERT = 0x20,
    PART_LAST = 0xFF
};

/* A file: its info is part 0, its content parts of FILE_CHUNK bytes from 1 on. */
enum { FILE_CHUNK = 2048, FILE_CHUNKS_MAX = GM_FILE_SIZE_MAX / FILE_CHUNK };

/* So many that an enumeration of the longest names fits one response. */
enum { GM_FILES_MAX = (APDU_MAX_DATA - 1) / (GM_FILE_NAME_MAX + 1) };

static inline uint32_t object_id(unsigned app, enum gm_object_kind kind, unsigned index,
                                 unsigned part) {
    return OBJECT_APP | (uint32_t)app << 24 | (uint32_t)kind << 20 | (uint32_t)index << 8 | part;
}

static inline struct pin_ref gm_pin_ref(unsigned app, enum gm_pin_type type) {
    return (struct pin_ref){object_id(app, KIND_PIN, type, 0), object_id(app, KIND_PIN, type, 1)};
}

static inline struct pin_ref gm_device_ref(void) {
    return (struct pin_ref){OBJECT_DEVICE_KEY, OBJECT_DEVICE_TRIES};
}

static inline struct pin_ref gm_unlock_ref(void) {
    return (struct pin_ref){OBJECT_UNLOCK_KEY, OBJECT_UNLOCK_TRIES};
}

static inline uint32_t gm_key_id(unsigned app, unsigned slot, unsigned usage) {
    unsigned part =
        usage < GM_KEY_HISTORY ? PART_KEY + usage : PART_HISTORY_KEY + (usage - GM_KEY_HISTORY);
    return object_id(app, KIND_CONTAINER, slot, part);
}

static inline uint32_t gm_cert_id(unsigned app, unsigned slot, unsigned usage) {
    unsigned part =
        usage < GM_KEY_HISTORY ? PART_CERT + usage : PART_HISTORY_CERT + (usage - GM_KEY_HISTORY);
    return object_id(app, KIND_CONTAINER, slot, part);
}

/* A name of any object: no NUL inside, at least one byte. */
struct gm_name {
    uint8_t len;
    uint8_t text[GM_CONTAINER_NAME_MAX];
};

struct gm_app_info {
    struct gm_name name;
    uint32_t file_rights;
    uint8_t containers, certs;
    uint16_t files;
    uint16_t next_container; /* numbers containers, so that no id comes back soon */
};

struct gm_container_info {
    struct gm_name name;
    uint16_t number;
};

struct gm_file_info {
    struct gm_name name;
    uint32_t size, read_rights, write_rights;
};

struct gm_key {
    enum gm_container_type type;
    union {
        struct {
            struct sm2_point pub;
            uint8_t d[SM2_NUMBER];
        } ecc;
        struct rsa_key rsa;
    };
};

/* A name from the rest of a data field, or from a zero-padded field; false if it is empty, longer than max or holds a NUL. */
bool gm_name_take_rest(struct wire_reader *in, size_t max, struct gm_name *name);
bool gm_name_take_padded(struct wire_reader *in, size_t field, size_t max, struct gm_name *name);
bool gm_name_equal(const struct gm_name *a, const struct gm_name *b);

/* Reads: STORE_NOT_FOUND if there is no such object. Puts go into the open transaction. */
enum store_error gm_app_read(const struct store *s, unsigned app, struct gm_app_info *info);
enum store_error gm_app_put(struct store *s, unsigned app, const struct gm_app_info *info);
enum store_error gm_container_read(const struct store *s, unsigned app, unsigned slot,
                                   struct gm_container_info *info);
enum store_error gm_container_put(struct store *s, unsigned app, unsigned slot,
                                  const struct gm_container_info *info);
enum store_error gm_file_read(const struct store *s, unsigned app, unsigned index,
                              struct gm_file_info *info);
enum store_error gm_file_put(struct store *s, unsigned app, unsigned index,
                             const struct gm_file_info *info);
/* A key's record holds the private part: cleanse *key after use. */
enum store_error gm_key_read(const struct store *s, unsigned app, unsigned slot, unsigned usage,
                             struct gm_key *key);
enum store_error gm_key_put(struct store *s, unsigned app, unsigned slot, unsigned usage,
                            const struct gm_key *key);
/* GM_CONTAINER_EMPTY if there is no such key. */
enum gm_container_type gm_key_type(const struct store *s, unsigned app, unsigned slot,
                                   unsigned usage);
/* The same pair: of one type, with the same numbers. */
bool gm_key_equal(const struct gm_key *a, const struct gm_key *b);

/* Ids on the wire. A names the slot; C the slot and the container's number, so that a deleted container's id does not
 * name its successor. */
static inline uint16_t gm_app_id(unsigned app) {
    return (uint16_t)(app + 1);
}

static inline uint16_t gm_container_id(unsigned slot, uint16_t number) {
    return (uint16_t)((unsigned)number << 4 | slot);
}

#endif
