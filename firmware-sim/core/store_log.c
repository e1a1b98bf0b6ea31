/* Bank headers, records and transactions on flash. */
#include "firmware-sim/core/store_log.h"

#include "firmware-sim/core/factory.h"
#include "firmware-sim/core/store_index.h"
#include "firmware-sim/core/wire.h"
#include "firmware-sim/crypto/equal.h"

#include <string.h>

enum { CHUNK = 256 };

static const uint8_t bank_magic[8] = {'O', 'U', 'K', 'S', 'T', 'O', 'R', '1'};
static const uint8_t seal[FLASH_WORD] = {'c', 'o', 'm', 'm', 'i', 't', '.', '\n'};

static uint32_t padded(uint32_t len) {
    return (len + FLASH_WORD - 1) / FLASH_WORD * FLASH_WORD;
}

/* len is a multiple of FLASH_WORD. */
static bool erased(const uint8_t *p, uint32_t len) {
    uint64_t word, all = UINT64_MAX;
    for (uint32_t i = 0; i < len; i += FLASH_WORD) {
        memcpy(&word, p + i, sizeof word);
        all &= word;
    }
    return all == UINT64_MAX;
}

static uint32_t bank_size(const struct flash *flash) {
    return (flash->pages - FACTORY_PAGES) / 2 * FLASH_PAGE;
}

uint32_t log_bank_start(const struct flash *flash, uint32_t bank) {
    return FACTORY_PAGES * FLASH_PAGE + bank * bank_size(flash);
}

uint32_t log_bank_end(const struct flash *flash, uint32_t bank) {
    return log_bank_start(flash, bank) + bank_size(flash);
}

bool log_bank_used(const struct flash *flash, uint32_t bank, uint32_t *used) {
    uint32_t start = log_bank_start(flash, bank), addr = log_bank_end(flash, bank);
    uint8_t chunk[CHUNK];
    while (addr > start) {
        addr -= CHUNK;
        if (!flash->ops->read(flash->ctx, addr, chunk, CHUNK))
            return false;
        if (erased(chunk, CHUNK))
            continue;
        for (*used = addr + CHUNK; erased(chunk + (*used - addr) - FLASH_WORD, FLASH_WORD);)
            *used -= FLASH_WORD;
        return true;
    }
    *used = start;
    return true;
}

bool log_bank_erase(const struct flash *flash, uint32_t bank, uint32_t used) {
    for (uint32_t addr = log_bank_start(flash, bank); addr < used; addr += FLASH_PAGE)
        if (!flash->ops->erase(flash->ctx, addr / FLASH_PAGE))
            return false;
    return true;
}

static void bank_header_mac(const uint8_t *mac_key, const uint8_t header[LOG_BANK_HEADER],
                            uint8_t mac[SM3_SIZE]) {
    static const uint8_t what[] = "bank";
    struct hmac_sm3 h;
    hmac_sm3_init(&h, mac_key, FACTORY_MAC_KEY);
    hmac_sm3_update(&h, what, sizeof what);
    hmac_sm3_update(&h, header, LOG_BANK_HEADER - LOG_MAC);
    hmac_sm3_final(&h, mac);
}

bool log_bank_header_write(const struct flash *flash, const uint8_t *mac_key, uint32_t bank,
                           uint32_t generation, uint32_t seq) {
    uint8_t header[LOG_BANK_HEADER], mac[SM3_SIZE];
    struct wire_writer w = wire_writer(header, sizeof header);
    wire_put(&w, bank_magic, sizeof bank_magic);
    wire_put_u32(&w, generation);
    wire_put_u32(&w, seq);
    bank_header_mac(mac_key, header, mac);
    wire_put(&w, mac, LOG_MAC);
    return flash->ops->program(flash->ctx, log_bank_start(flash, bank), header, sizeof header);
}

bool log_bank_header_read(const struct flash *flash, const uint8_t *mac_key, uint32_t bank,
                          bool *valid, uint32_t *generation, uint32_t *seq) {
    uint8_t header[LOG_BANK_HEADER], mac[SM3_SIZE];
    *valid = false;
    if (!flash->ops->read(flash->ctx, log_bank_start(flash, bank), header, sizeof header))
        return false;
    struct wire_reader r = wire_reader(header, sizeof header);
    const uint8_t *magic = wire_take(&r, sizeof bank_magic);
    *generation = wire_u32(&r);
    *seq = wire_u32(&r);
    bank_header_mac(mac_key, header, mac);
    *valid = memcmp(magic, bank_magic, sizeof bank_magic) == 0 &&
             bytes_equal(mac, header + LOG_BANK_HEADER - LOG_MAC, LOG_MAC);
    return true;
}

uint32_t log_record_size(const struct log_record *record) {
    switch (record->kind) {
    case LOG_PUT:
        return LOG_HEADER + padded(record->len);
    case LOG_COMMIT:
        return LOG_COMMIT_SIZE;
    default:
        return LOG_HEADER;
    }
}

uint32_t log_object_size(uint32_t len) {
    return LOG_HEADER + padded(len);
}

/* CRC-16/CCITT over a header without its check: tells a torn header from a whole one; authenticity is the MAC's. */
static uint16_t header_check(const uint8_t raw[LOG_HEADER]) {
    uint16_t crc = 0xffff;
    for (unsigned i = 0; i < LOG_HEADER; i++) {
        if (i == 2 || i == 3)
            continue;
        crc = (uint16_t)(crc ^ raw[i] << 8);
        for (unsigned bit = 0; bit < 8; bit++)
            crc = (uint16_t)(crc & 0x8000 ? crc << 1 ^ 0x1021 : crc << 1);
    }
    return crc;
}

static void record_encode(const struct log_record *record, uint8_t raw[LOG_HEADER]) {
    struct wire_writer w = wire_writer(raw, LOG_HEADER);
    wire_put_u8(&w, record->kind);
    wire_put_u8(&w, record->flags);
    wire_put_u16(&w, 0);
    wire_put_u32(&w, record->id);
    wire_put_u32(&w, record->len);
    wire_put_u32(&w, record->seq);
    uint16_t check = header_check(raw);
    raw[2] = (uint8_t)check;
    raw[3] = (uint8_t)(check >> 8);
}

bool log_record_decode(const uint8_t raw[LOG_HEADER], struct log_record *record) {
    struct wire_reader r = wire_reader(raw, LOG_HEADER);
    record->kind = wire_u8(&r);
    record->flags = wire_u8(&r);
    uint16_t check = wire_u16(&r);
    record->id = wire_u32(&r);
    record->len = wire_u32(&r);
    record->seq = wire_u32(&r);
    if (check != header_check(raw))
        return false;
    switch (record->kind) {
    case LOG_PUT:
    case LOG_PUT_ZEROS:
        return record->len <= STORE_OBJECT_MAX;
    case LOG_DELETE:
    case LOG_COMMIT:
        return true;
    default:
        return false;
    }
}

void log_mac_start(struct hmac_sm3 *mac, const uint8_t *mac_key, uint32_t generation) {
    uint8_t start[4];
    struct wire_writer w = wire_writer(start, sizeof start);
    wire_put_u32(&w, generation);
    hmac_sm3_init(mac, mac_key, FACTORY_MAC_KEY);
    hmac_sm3_update(mac, start, sizeof start);
}

bool log_record_write(const struct flash *flash, uint32_t addr, const struct log_record *record,
                      const void *content, struct hmac_sm3 *mac) {
    uint8_t raw[LOG_HEADER], last[FLASH_WORD] = {0};
    record_encode(record, raw);
    hmac_sm3_update(mac, raw, sizeof raw);
    if (!flash->ops->program(flash->ctx, addr, raw, sizeof raw))
        return false;
    if (!content)
        return true;

    uint32_t whole = record->len / FLASH_WORD * FLASH_WORD;
    hmac_sm3_update(mac, content, whole);
    if (whole && !flash->ops->program(flash->ctx, addr + LOG_HEADER, content, whole))
        return false;
    if (whole == record->len)
        return true;
    memcpy(last, (const uint8_t *)content + whole, record->len - whole);
    hmac_sm3_update(mac, last, sizeof last);
    return flash->ops->program(flash->ctx, addr + LOG_HEADER + whole, last, sizeof last);
}

bool log_seal_write(const struct flash *flash, uint32_t addr) {
    return flash->ops->program(flash->ctx, addr, seal, sizeof seal);
}

bool log_commit_write(const struct flash *flash, uint32_t addr, const struct log_record *record,
                      struct hmac_sm3 *mac) {
    uint8_t digest[SM3_SIZE];
    if (!log_record_write(flash, addr, record, NULL, mac))
        return false;
    hmac_sm3_final(mac, digest);
    return flash->ops->program(flash->ctx, addr + LOG_HEADER, digest, LOG_MAC) &&
           log_seal_write(flash, addr + LOG_HEADER + LOG_MAC);
}

/* Takes len bytes of flash into the MAC. */
static bool mac_flash(const struct flash *flash, uint32_t addr, uint32_t len,
                      struct hmac_sm3 *mac) {
    uint8_t chunk[CHUNK];
    for (uint32_t n; len; addr += n, len -= n) {
        n = len < CHUNK ? len : CHUNK;
        if (!flash->ops->read(flash->ctx, addr, chunk, n))
            return false;
        hmac_sm3_update(mac, chunk, n);
    }
    return true;
}

/* What the commit record at addr, whose header is already in the MAC, says. */
static enum log_txn commit_read(const struct flash *flash, uint32_t addr, uint32_t used,
                                bool counted, struct hmac_sm3 *mac) {
    uint8_t tail[LOG_MAC + FLASH_WORD], digest[SM3_SIZE];
    if (!flash->ops->read(flash->ctx, addr + LOG_HEADER, tail, sizeof tail))
        return LOG_TXN_FLASH;
    hmac_sm3_final(mac, digest);
    bool authentic = counted && bytes_equal(digest, tail, LOG_MAC);
    if (!authentic)
        return used > addr + LOG_HEADER + LOG_MAC ? LOG_TXN_DAMAGED : LOG_TXN_TORN;
    if (memcmp(tail + LOG_MAC, seal, FLASH_WORD) == 0)
        return LOG_TXN_WHOLE;
    if (used > addr + LOG_COMMIT_SIZE)
        return LOG_TXN_DAMAGED;
    return erased(tail + LOG_MAC, FLASH_WORD) ? LOG_TXN_UNSEALED : LOG_TXN_SEAL_TORN;
}

enum log_txn log_txn_read(const struct store *s, uint32_t addr, uint32_t used, uint32_t *next) {
    uint32_t end = log_bank_end(s->flash, s->bank), records = 0;
    struct hmac_sm3 mac;
    log_mac_start(&mac, s->mac_key, s->generation);
    for (*next = addr; *next < used; records++) {
        uint8_t raw[LOG_HEADER];
        struct log_record record;
        if (*next + LOG_HEADER > end)
            return LOG_TXN_DAMAGED;
        if (!s->flash->ops->read(s->flash->ctx, *next, raw, sizeof raw))
            return LOG_TXN_FLASH;
        if (!log_record_decode(raw, &record) || record.seq != s->seq)
            return used > *next + LOG_HEADER ? LOG_TXN_DAMAGED : LOG_TXN_TORN;
        uint32_t size = log_record_size(&record);
        if (size > end - *next)
            return LOG_TXN_DAMAGED;
        hmac_sm3_update(&mac, raw, sizeof raw);
        if (record.kind == LOG_COMMIT) {
            enum log_txn txn = commit_read(s->flash, *next, used, record.id == records, &mac);
            if (txn != LOG_TXN_DAMAGED)
                *next += size;
            return txn;
        }
        if (!mac_flash(s->flash, *next + LOG_HEADER, size - LOG_HEADER, &mac))
            return LOG_TXN_FLASH;
        *next += size;
    }
    return LOG_TXN_TORN;
}

enum store_error log_txn_apply(struct store *s, uint32_t addr, uint32_t next) {
    struct log_record record;
    for (; addr < next; addr += log_record_size(&record)) {
        uint8_t raw[LOG_HEADER];
        if (!s->flash->ops->read(s->flash->ctx, addr, raw, sizeof raw))
            return STORE_FLASH;
        if (!log_record_decode(raw, &record))
            return STORE_DAMAGED;
        switch (record.kind) {
        case LOG_PUT:
        case LOG_PUT_ZEROS: {
            uint32_t content = record.kind == LOG_PUT ? addr + LOG_HEADER : (uint32_t)STORE_ZEROS;
            struct store_entry entry = store_entry(record.id, content, record.len);
            if (!store_index_put(s, &entry))
                return STORE_DAMAGED;
            break;
        }
        case LOG_DELETE:
            store_index_delete(s, record.id, record.len);
            break;
        case LOG_COMMIT:
            s->secret_left |= (record.flags & STORE_SECRET_GONE) != 0;
            break;
        default:
            return STORE_DAMAGED;
        }
    }
    return STORE_OK;
}
