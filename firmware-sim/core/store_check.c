/* Salvage and repair. */
#include "firmware-sim/core/store_check.h"

#include "firmware-sim/core/store_log.h"
#include "firmware-sim/core/store_steps.h"

#include <string.h>

enum { GENERATIONS_TRIED = 1024 };

static void start(struct store *s, const struct flash *flash, const uint8_t *mac_key,
                  uint32_t bank) {
    memset(s, 0, sizeof *s);
    s->flash = flash;
    s->mac_key = mac_key;
    s->bank = bank;
}

static bool first_transaction_verifies(const struct store *s, uint32_t used) {
    uint32_t next;
    enum log_txn txn =
        log_txn_read(s, log_bank_start(s->flash, s->bank) + LOG_BANK_HEADER, used, &next);
    return txn == LOG_TXN_WHOLE || txn == LOG_TXN_UNSEALED || txn == LOG_TXN_SEAL_TORN;
}

/* Generation and sequence number that a damaged header had: the first record names the one, the MAC of the first
 * transaction verifies with the other. */
static bool guess_header(struct store *s, uint32_t used) {
    uint8_t raw[LOG_HEADER];
    struct log_record record;
    if (!s->flash->ops->read(s->flash->ctx, log_bank_start(s->flash, s->bank) + LOG_BANK_HEADER,
                             raw, sizeof raw) ||
        !log_record_decode(raw, &record))
        return false;
    s->seq = record.seq;
    for (s->generation = 1; s->generation <= GENERATIONS_TRIED; s->generation++)
        if (first_transaction_verifies(s, used))
            return true;
    return false;
}

/* Brings s to the last good commit of a bank; false if it has none. Adds to *damage. */
static bool read_bank(struct store *s, struct store_damage *damage) {
    const struct flash *flash = s->flash;
    uint32_t first = log_bank_start(flash, s->bank), used, unsealed, page;
    bool valid;
    if (!log_bank_header_read(flash, s->mac_key, s->bank, &valid, &s->generation, &s->seq) ||
        !log_bank_used(flash, s->bank, &used) || used == first)
        return false;
    if (!valid && !guess_header(s, used))
        return false;
    if (!valid) {
        damage->header = true;
        damage->header_page = first / FLASH_PAGE;
    }
    uint32_t seq = s->seq;
    if (store_read_log(s, &unsealed, &page) == STORE_DAMAGED) {
        damage->log = true;
        damage->first_page = s->tail / FLASH_PAGE;
        damage->last_page = page < damage->first_page ? damage->first_page : page;
    }
    return s->seq > seq; /* a bank begins with a transaction that is all of the state */
}

enum store_error store_salvage(struct store *s, const struct flash *flash, const uint8_t *mac_key,
                               struct store_damage *damage) {
    uint32_t seqs[2] = {0, 0};
    struct store_damage found[2] = {{0}, {0}};
    for (uint32_t bank = 0; bank < 2; bank++) {
        start(s, flash, mac_key, bank);
        if (read_bank(s, &found[bank]))
            seqs[bank] = s->seq;
    }
    uint32_t best = seqs[1] > seqs[0];
    *damage = found[best];
    if (seqs[best] == 0) {
        for (uint32_t bank = 0; bank < 2 && !damage->header; bank++) {
            uint32_t used, first = log_bank_start(flash, bank);
            if (!log_bank_used(flash, bank, &used) || used == first)
                continue;
            if (found[bank].log)
                *damage = found[bank];
            damage->header = !damage->log;
            damage->header_page = first / FLASH_PAGE;
        }
        return STORE_DAMAGED;
    }
    struct store_damage again = {0};
    start(s, flash, mac_key, best);
    (void)read_bank(s, &again);
    return STORE_OK;
}

enum store_error store_repair(struct store *s) {
    uint32_t used;
    if (!log_bank_used(s->flash, 1 - s->bank, &used) ||
        !log_bank_erase(s->flash, 1 - s->bank, used))
        return STORE_FLASH;
    return store_compact(s);
}
