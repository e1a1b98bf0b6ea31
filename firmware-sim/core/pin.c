/* PIN records and the counter that is spent first. */
#include "firmware-sim/core/pin.h"

#include "firmware-sim/core/wire.h"

#include <mbedtls/platform_util.h>
#include <string.h>

/* The record's last byte. */
enum { FLAG_CHANGED = 1, FLAG_MUST_CHANGE = 2 };

enum { PIN_RECORD_SIZE = PIN_SECRET_MAX + 2 };

enum store_error pin_put_tries(struct store *s, struct pin_ref ref, uint8_t tries) {
    return store_put(s, ref.tries_id, &tries, 1);
}

enum store_error pin_put(struct store *s, struct pin_ref ref, const struct pin_record *record) {
    uint8_t raw[PIN_RECORD_SIZE];
    struct wire_writer w = wire_writer(raw, sizeof raw);
    wire_put(&w, record->secret, sizeof record->secret);
    wire_put_u8(&w, record->max_tries);
    wire_put_u8(&w, (uint8_t)((record->changed ? FLAG_CHANGED : 0) |
                              (record->must_change ? FLAG_MUST_CHANGE : 0)));
    enum store_error err = store_put(s, ref.record_id, raw, sizeof raw);
    mbedtls_platform_zeroize(raw, sizeof raw);
    return err ? err : pin_put_tries(s, ref, record->max_tries);
}

enum pin_error pin_read(const struct store *s, struct pin_ref ref, struct pin_record *record,
                        uint8_t *tries) {
    uint8_t raw[PIN_RECORD_SIZE];
    memset(record, 0, sizeof *record);
    *tries = 0;
    if (store_read(s, ref.record_id, 0, raw, sizeof raw) != STORE_OK ||
        store_read(s, ref.tries_id, 0, tries, 1) != STORE_OK)
        return PIN_STORE;
    struct wire_reader r = wire_reader(raw, sizeof raw);
    wire_copy(&r, record->secret, sizeof record->secret);
    record->max_tries = wire_u8(&r);
    uint8_t flags = wire_u8(&r);
    record->changed = flags & FLAG_CHANGED;
    record->must_change = flags & FLAG_MUST_CHANGE ? 1 : 0;
    mbedtls_platform_zeroize(raw, sizeof raw);
    return PIN_OK;
}

enum pin_error pin_spend_try(struct store *s, struct pin_ref ref, struct pin_record *record,
                             uint8_t *left) {
    uint8_t tries;
    enum pin_error err = pin_read(s, ref, record, &tries);
    *left = 0;
    if (!err && tries == 0)
        err = PIN_BLOCKED;
    if (!err) {
        *left = (uint8_t)(tries - 1);
        store_begin(s);
        pin_put_tries(s, ref, *left);
        if (store_commit(s, STORE_PLAIN) != STORE_OK)
            err = PIN_STORE;
    }
    if (err)
        mbedtls_platform_zeroize(record, sizeof *record);
    return err;
}
