/* The factory page: magic8, version4, pages4, application4, layout4, fields, SM3 over all of it. */
#include "firmware-sim/core/factory.h"

#include "firmware-sim/core/wire.h"
#include "firmware-sim/crypto/sm3.h"

#include <mbedtls/platform_util.h>
#include <string.h>

enum {
    FACTORY_VERSION = 2,
    FACTORY_BODY = 16 + 8 + 32 + 32 + 64 + 64,
    FACTORY_RECORD = FACTORY_BODY + 32
};

static const uint8_t magic[8] = {'O', 'U', 'K', 'E', 'Y', 'S', 'I', 'M'};

enum factory_error factory_write(const struct flash *flash, const struct factory *factory) {
    uint8_t record[FACTORY_RECORD];
    struct wire_writer w = wire_writer(record, sizeof record);
    wire_put(&w, magic, sizeof magic);
    wire_put_u32(&w, FACTORY_VERSION);
    wire_put_u32(&w, flash->pages);
    wire_put_u32(&w, factory->application);
    wire_put_u32(&w, factory->layout);
    wire_put(&w, factory->mac_key, sizeof factory->mac_key);
    wire_put(&w, factory->serial, sizeof factory->serial);
    wire_put(&w, factory->manufacturer, sizeof factory->manufacturer);
    wire_put(&w, factory->issuer, sizeof factory->issuer);
    sm3(record, FACTORY_BODY, record + FACTORY_BODY);
    bool ok = flash->ops->erase(flash->ctx, 0) &&
              flash->ops->program(flash->ctx, 0, record, sizeof record);
    mbedtls_platform_zeroize(record, sizeof record);
    return ok ? FACTORY_OK : FACTORY_FLASH;
}

enum factory_error factory_read(const struct flash *flash, struct factory *factory) {
    uint8_t record[FACTORY_RECORD], digest[SM3_SIZE];
    enum factory_error err = FACTORY_OK;
    memset(factory, 0, sizeof *factory);
    if (!flash->ops->read(flash->ctx, 0, record, sizeof record))
        return FACTORY_FLASH;

    struct wire_reader r = wire_reader(record, sizeof record);
    const uint8_t *m = wire_take(&r, sizeof magic);
    uint32_t version = wire_u32(&r), pages = wire_u32(&r);
    uint32_t application = wire_u32(&r), layout = wire_u32(&r);
    sm3(record, FACTORY_BODY, digest);
    bool whole = memcmp(digest, record + FACTORY_BODY, SM3_SIZE) == 0;
    if (!whole)
        err = memcmp(m, magic, sizeof magic) == 0 ? FACTORY_DAMAGED : FACTORY_NOT_OURS;
    else if (version != FACTORY_VERSION || pages != flash->pages || application > FACTORY_PIV ||
             layout > UINT8_MAX)
        err = FACTORY_NOT_OURS;
    if (!err) {
        factory->application = (enum factory_application)application;
        factory->layout = (uint8_t)layout;
        wire_copy(&r, factory->mac_key, sizeof factory->mac_key);
        wire_copy(&r, factory->serial, sizeof factory->serial);
        wire_copy(&r, factory->manufacturer, sizeof factory->manufacturer);
        wire_copy(&r, factory->issuer, sizeof factory->issuer);
    }
    mbedtls_platform_zeroize(record, sizeof record);
    return err;
}
