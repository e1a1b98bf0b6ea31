/* The store's log as it lies on flash: banks, their headers, records. Private to the store.
 *
 * Bank header: magic8, generation4, first sequence number4, MAC16; programmed last, so that it makes the bank valid.
 * Record: header16 (kind, flags, check2, id4, len4, seq4) and content padded with zeros to words. A transaction is records
 * of one sequence number; the last is LOG_COMMIT: MAC16 over all of it, then the seal word. The seal is programmed
 * after the MAC, so a MAC that does not fit is a power failure without a seal behind it, and damage with one. */
#ifndef FIRMWARE_CORE_STORE_LOG_H
#define FIRMWARE_CORE_STORE_LOG_H

#include "firmware-sim/core/store.h"

enum log_size {
    LOG_HEADER = 16,
    LOG_MAC = 16,
    LOG_COMMIT_SIZE = LOG_HEADER + LOG_MAC + FLASH_WORD,
    LOG_BANK_HEADER = 32
};

enum log_kind {
    LOG_PUT = 0xA1,
    LOG_PUT_ZEROS = 0xA2, /* no content: len zeros */
    LOG_DELETE = 0xA3,    /* no content: ids from id to len */
    LOG_COMMIT = 0xA4     /* id: number of records before it; flags: enum store_commit */
};

struct log_record {
    uint8_t kind, flags;
    uint32_t id, len, seq;
};

uint32_t log_bank_start(const struct flash *flash, uint32_t bank);
uint32_t log_bank_end(const struct flash *flash, uint32_t bank);
/* Address behind the last word of the bank that is not erased; its start if the bank is blank. */
bool log_bank_used(const struct flash *flash, uint32_t bank, uint32_t *used);
/* Erases all pages of the bank up to address used, its header first. */
bool log_bank_erase(const struct flash *flash, uint32_t bank, uint32_t used);
bool log_bank_header_write(const struct flash *flash, const uint8_t *mac_key, uint32_t bank,
                           uint32_t generation, uint32_t seq);
/* *valid tells whether the header is whole and authentic. */
bool log_bank_header_read(const struct flash *flash, const uint8_t *mac_key, uint32_t bank,
                          bool *valid, uint32_t *generation, uint32_t *seq);

/* Bytes of log that a record takes, header included. */
uint32_t log_record_size(const struct log_record *record);
/* The same for an object's record once its content is written: what space counts by. */
uint32_t log_object_size(uint32_t len);
/* False if the 16 bytes are not a record's header. */
bool log_record_decode(const uint8_t raw[LOG_HEADER], struct log_record *record);

void log_mac_start(struct hmac_sm3 *mac, const uint8_t *mac_key, uint32_t generation);
/* Programs a record's header and its content (NULL: none) at addr and takes both into the MAC. */
bool log_record_write(const struct flash *flash, uint32_t addr, const struct log_record *record,
                      const void *content, struct hmac_sm3 *mac);
/* Programs the commit record with the MAC and the seal. */
bool log_commit_write(const struct flash *flash, uint32_t addr, const struct log_record *record,
                      struct hmac_sm3 *mac);
bool log_seal_write(const struct flash *flash, uint32_t addr);

enum log_txn {
    LOG_TXN_WHOLE,
    LOG_TXN_UNSEALED,  /* committed; its seal word is still erased */
    LOG_TXN_SEAL_TORN, /* committed; its seal word is neither */
    LOG_TXN_TORN,      /* power failed before its commit */
    LOG_TXN_DAMAGED,   /* *next is the address of the damage */
    LOG_TXN_FLASH
};

/* Reads and verifies the transaction at addr in the active bank of s, with nothing programmed from address used on.
 * *next: where the following one starts. */
enum log_txn log_txn_read(const struct store *s, uint32_t addr, uint32_t used, uint32_t *next);
/* Takes the verified transaction from addr to next into the index, live, count and secret_left of s. */
enum store_error log_txn_apply(struct store *s, uint32_t addr, uint32_t next);

#endif
