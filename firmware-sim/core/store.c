/* Mounting, transactions, compaction. */
#include "firmware-sim/core/store.h"

#include "firmware-sim/core/store_index.h"
#include "firmware-sim/core/store_log.h"
#include "firmware-sim/core/store_steps.h"

#include <mbedtls/platform_util.h>
#include <string.h>

enum { COPY_PIECE = 256 };

static enum store_error flash_failed(struct store *s) {
    s->failed = true;
    return STORE_FLASH;
}

/* Bytes that live objects may take: what remains of a bank besides its header, a compacted log's commit, and room for
 * one transaction, so that an object can always be replaced. */
static uint32_t capacity(const struct flash *flash) {
    return log_bank_end(flash, 0) - log_bank_start(flash, 0) - LOG_BANK_HEADER - LOG_COMMIT_SIZE -
           STORE_TXN_MAX;
}

uint32_t store_total_space(const struct store *s) {
    return capacity(s->flash);
}

uint32_t store_free_space(const struct store *s) {
    return capacity(s->flash) - s->live;
}

/* Copies content of len bytes, in pieces, padded with zeros to words. */
static bool copy_content(const struct flash *flash, uint32_t from, uint32_t to, uint32_t len,
                         struct hmac_sm3 *mac) {
    uint8_t piece[COPY_PIECE];
    bool ok = true;
    for (uint32_t n, words; len && ok; from += n, to += n, len -= n) {
        n = len < COPY_PIECE ? len : COPY_PIECE;
        words = (n + FLASH_WORD - 1) / FLASH_WORD * FLASH_WORD;
        memset(piece, 0, sizeof piece);
        ok = flash->ops->read(flash->ctx, from, piece, n) &&
             flash->ops->program(flash->ctx, to, piece, words);
        hmac_sm3_update(mac, piece, words);
    }
    mbedtls_platform_zeroize(piece, sizeof piece);
    return ok;
}

/* Copies an object's record to addr of the blank bank. */
static bool copy_object(const struct store *s, const struct store_entry *entry, uint32_t addr,
                        struct hmac_sm3 *mac) {
    struct log_record record = {.kind = LOG_PUT, .id = entry->id, .len = entry->len, .seq = s->seq};
    if (entry->word == STORE_ZEROS)
        record.kind = LOG_PUT_ZEROS;
    if (!log_record_write(s->flash, addr, &record, NULL, mac))
        return false;
    return entry->word == STORE_ZEROS ||
           copy_content(s->flash, store_entry_addr(entry), addr + LOG_HEADER, entry->len, mac);
}

enum store_error store_compact(struct store *s) {
    uint32_t target = 1 - s->bank, addr = log_bank_start(s->flash, target) + LOG_BANK_HEADER;
    uint32_t used;
    struct hmac_sm3 mac;
    log_mac_start(&mac, s->mac_key, s->generation + 1);
    for (uint32_t i = 0; i < s->count; i++) {
        struct store_entry *entry = &s->index[i];
        if (!copy_object(s, entry, addr, &mac))
            return flash_failed(s);
        if (entry->word == STORE_ZEROS) {
            addr += LOG_HEADER;
        } else {
            *entry = store_entry(entry->id, addr + LOG_HEADER, entry->len);
            addr += log_object_size(entry->len);
        }
    }
    struct log_record commit = {.kind = LOG_COMMIT, .id = s->count, .seq = s->seq};
    if (!log_commit_write(s->flash, addr, &commit, &mac) ||
        !log_bank_header_write(s->flash, s->mac_key, target, s->generation + 1, s->seq) ||
        !log_bank_used(s->flash, s->bank, &used) || !log_bank_erase(s->flash, s->bank, used))
        return flash_failed(s);
    s->bank = target;
    s->generation++;
    s->seq++;
    s->tail = addr + LOG_COMMIT_SIZE;
    s->dirty_tail = s->secret_left = false;
    return STORE_OK;
}

enum store_error store_format(const struct flash *flash, const uint8_t *mac_key) {
    struct hmac_sm3 mac;
    struct log_record commit = {.kind = LOG_COMMIT, .seq = 1};
    log_mac_start(&mac, mac_key, 1);
    for (uint32_t bank = 0; bank < 2; bank++)
        if (!log_bank_erase(flash, bank, log_bank_end(flash, bank)))
            return STORE_FLASH;
    if (!log_commit_write(flash, log_bank_start(flash, 0) + LOG_BANK_HEADER, &commit, &mac) ||
        !log_bank_header_write(flash, mac_key, 0, 1, 1))
        return STORE_FLASH;
    return STORE_OK;
}

/* Chooses the active bank: of two valid ones (power failed between a compaction's header and the erasing) the newer. */
static enum store_error choose_bank(struct store *s, uint32_t *page) {
    bool any = false;
    for (uint32_t bank = 0; bank < 2; bank++) {
        bool valid;
        uint32_t generation, seq;
        if (!log_bank_header_read(s->flash, s->mac_key, bank, &valid, &generation, &seq))
            return STORE_FLASH;
        if (valid && (!any || generation > s->generation)) {
            any = true;
            s->bank = bank;
            s->generation = generation;
            s->seq = seq;
        }
    }
    for (uint32_t bank = 0; bank < 2 && !any; bank++) {
        uint32_t used, start = log_bank_start(s->flash, bank);
        if (!log_bank_used(s->flash, bank, &used))
            return STORE_FLASH;
        if (used > start) {
            *page = start / FLASH_PAGE;
            return STORE_DAMAGED;
        }
    }
    return any ? STORE_OK : STORE_BLANK;
}

enum store_error store_read_log(struct store *s, uint32_t *unsealed, uint32_t *page) {
    uint32_t used, next = 0;
    *unsealed = 0;
    if (!log_bank_used(s->flash, s->bank, &used))
        return STORE_FLASH;
    s->tail = log_bank_start(s->flash, s->bank) + LOG_BANK_HEADER;
    while (s->tail < used) {
        enum log_txn txn = log_txn_read(s, s->tail, used, &next);
        switch (txn) {
        case LOG_TXN_TORN:
            s->dirty_tail = true;
            return STORE_OK;
        case LOG_TXN_DAMAGED:
            *page = next / FLASH_PAGE;
            return STORE_DAMAGED;
        case LOG_TXN_FLASH:
            return STORE_FLASH;
        case LOG_TXN_UNSEALED:
            *unsealed = next - FLASH_WORD;
            break;
        case LOG_TXN_SEAL_TORN:
            s->dirty_tail = true;
            break;
        case LOG_TXN_WHOLE:
            break;
        }
        enum store_error err = log_txn_apply(s, s->tail, next);
        if (err) {
            *page = s->tail / FLASH_PAGE;
            return err;
        }
        s->tail = next;
        s->seq++;
    }
    return STORE_OK;
}

enum store_error store_mount(struct store *s, const struct flash *flash, const uint8_t *mac_key,
                             uint32_t *page) {
    uint32_t unsealed, used;
    memset(s, 0, sizeof *s);
    s->flash = flash;
    s->mac_key = mac_key;
    s->failed = true; /* until the mount has succeeded */
    *page = 0;
    enum store_error err = choose_bank(s, page);
    if (!err)
        err = store_read_log(s, &unsealed, page);
    if (err)
        return err;

    /* the state is known; now finish what was interrupted */
    if (unsealed && !log_seal_write(flash, unsealed))
        return STORE_FLASH;
    if (!log_bank_used(flash, 1 - s->bank, &used) || !log_bank_erase(flash, 1 - s->bank, used))
        return STORE_FLASH;
    s->failed = false;
    return s->dirty_tail || s->secret_left ? store_compact(s) : STORE_OK;
}

bool store_exists(const struct store *s, uint32_t id) {
    return store_index_find(s, id) != NULL;
}

enum store_error store_length(const struct store *s, uint32_t id, uint32_t *len) {
    const struct store_entry *entry = store_index_find(s, id);
    *len = entry ? entry->len : 0;
    return entry ? STORE_OK : STORE_NOT_FOUND;
}

enum store_error store_read(const struct store *s, uint32_t id, uint32_t offset, void *out,
                            uint32_t len) {
    const struct store_entry *entry = store_index_find(s, id);
    memset(out, 0, len);
    if (s->failed)
        return STORE_FLASH;
    if (!entry || offset > entry->len || len > entry->len - offset)
        return STORE_NOT_FOUND;
    if (entry->word == STORE_ZEROS || len == 0)
        return STORE_OK;
    return s->flash->ops->read(s->flash->ctx, store_entry_addr(entry) + offset, out, len)
               ? STORE_OK
               : STORE_FLASH;
}

bool store_next(const struct store *s, uint32_t first, uint32_t last, uint32_t *id) {
    uint32_t i = store_index_position(s, first);
    if (i == s->count || s->index[i].id > last)
        return false;
    *id = s->index[i].id;
    return true;
}

enum store_error store_begin(struct store *s) {
    if (s->failed)
        return s->txn_error = STORE_FLASH;
    s->txn_error = STORE_OK;
    if (s->dirty_tail || s->tail + STORE_TXN_MAX > log_bank_end(s->flash, s->bank))
        s->txn_error = store_compact(s);
    if (s->txn_error)
        return s->txn_error;
    s->open = true;
    s->txn_start = s->tail;
    s->txn_records = 0;
    s->txn_live = s->live;
    s->txn_count = s->count;
    log_mac_start(&s->txn_mac, s->mac_key, s->generation);
    return STORE_OK;
}

void store_abort(struct store *s) {
    if (!s->open)
        return;
    s->open = false;
    s->dirty_tail |= s->tail != s->txn_start;
    s->tail = s->txn_start;
}

static enum store_error give_up(struct store *s, enum store_error err) {
    s->txn_error = err;
    store_abort(s);
    return err;
}

/* Appends a record to the open transaction; the last bytes of its room are the commit's. */
static enum store_error append(struct store *s, struct log_record *record, const void *content) {
    uint32_t size = log_record_size(record);
    record->seq = s->seq;
    if (size + LOG_COMMIT_SIZE > STORE_TXN_MAX - (s->tail - s->txn_start))
        return give_up(s, STORE_NO_SPACE);
    if (!log_record_write(s->flash, s->tail, record, content, &s->txn_mac))
        return give_up(s, flash_failed(s));
    s->tail += size;
    s->txn_records++;
    return STORE_OK;
}

static enum store_error put(struct store *s, enum log_kind kind, uint32_t id, const void *content,
                            uint32_t len) {
    if (!s->open)
        return s->txn_error;
    const struct store_entry *old = store_index_find(s, id);
    uint32_t old_size = old ? log_object_size(old->len) : 0;
    uint32_t live = s->txn_live - old_size + log_object_size(len);
    if (len > STORE_OBJECT_MAX || (log_object_size(len) > old_size && live > capacity(s->flash)) ||
        (!old && s->txn_count == STORE_OBJECTS_MAX))
        return give_up(s, STORE_NO_SPACE);
    s->txn_live = live;
    s->txn_count += old ? 0 : 1;
    struct log_record record = {.kind = (uint8_t)kind, .id = id, .len = len};
    return append(s, &record, content);
}

enum store_error store_put(struct store *s, uint32_t id, const void *data, uint32_t len) {
    return put(s, LOG_PUT, id, len ? data : NULL, len);
}

enum store_error store_put_zeros(struct store *s, uint32_t id, uint32_t len) {
    return put(s, LOG_PUT_ZEROS, id, NULL, len);
}

enum store_error store_copy(struct store *s, uint32_t id, uint32_t from) {
    const struct store_entry *source = store_index_find(s, from);
    if (!s->open)
        return s->txn_error;
    if (!source)
        return give_up(s, STORE_NOT_FOUND);
    if (source->word == STORE_ZEROS)
        return store_put_zeros(s, id, source->len);
    uint32_t to = s->tail + LOG_HEADER;
    enum store_error err = put(s, LOG_PUT, id, NULL, source->len);
    if (!err && !copy_content(s->flash, store_entry_addr(source), to, source->len, &s->txn_mac))
        err = give_up(s, flash_failed(s));
    return err;
}

enum store_error store_delete(struct store *s, uint32_t first, uint32_t last) {
    if (!s->open)
        return s->txn_error;
    for (uint32_t i = store_index_position(s, first); i < s->count && s->index[i].id <= last; i++) {
        s->txn_live -= log_object_size(s->index[i].len);
        s->txn_count--;
    }
    struct log_record record = {.kind = LOG_DELETE, .id = first, .len = last};
    return append(s, &record, NULL);
}

void store_digest(const struct store *s, uint8_t digest[SM3_SIZE]) {
    struct hmac_sm3 so_far = s->txn_mac;
    hmac_sm3_final(&so_far, digest);
}

enum store_error store_commit(struct store *s, enum store_commit kind) {
    if (!s->open)
        return s->txn_error;
    struct log_record record = {
        .kind = LOG_COMMIT, .flags = (uint8_t)kind, .id = s->txn_records, .seq = s->seq};
    if (!log_commit_write(s->flash, s->tail, &record, &s->txn_mac))
        return give_up(s, flash_failed(s));
    s->open = false;
    s->tail += LOG_COMMIT_SIZE;
    s->seq++;
    if (log_txn_apply(s, s->txn_start, s->tail) != STORE_OK)
        return flash_failed(s);
    return s->secret_left ? store_compact(s) : STORE_OK;
}
