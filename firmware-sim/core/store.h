/* Object store on flash: numbered objects, changed in transactions that happen as a whole or not at all.
 *
 * The flash behind the factory page is two banks. One is active: a header, then a log of transactions, each a run of
 * records closed by a commit record with an HMAC over bank, order and content. A full log is compacted: the live
 * objects are copied to the blank bank as one transaction, that bank's header makes it the active one, the old bank is
 * erased. Power may fail at any write: mounting finds the old state or the new one. What cannot come from a power
 * failure is damage, and is refused with the page's number.
 *
 * No allocation: the index of live objects is part of struct store. Not for several threads. */
#ifndef FIRMWARE_CORE_STORE_H
#define FIRMWARE_CORE_STORE_H

#include "firmware-sim/core/flash.h"
#include "firmware-sim/crypto/sm3.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum store_size {
    STORE_OBJECTS_MAX = 1024,
    STORE_OBJECT_MAX = 4096, /* bytes of one object */
    STORE_TXN_MAX = 8192     /* bytes of log that one transaction may take */
};

enum store_error {
    STORE_OK = 0,
    STORE_NOT_FOUND,
    STORE_NO_SPACE, /* the transaction is given up; what was before stays */
    STORE_FLASH,    /* the flash failed: nothing works until the next mount */
    STORE_BLANK,    /* mount: never formatted */
    STORE_DAMAGED   /* mount: see the page number */
};

/* Eight bytes, for there are many: content lies at words, in at most 4 MiB of flash. */
struct store_entry {
    uint32_t id;
    uint32_t word : 19; /* address of the content in words, or STORE_ZEROS */
    uint32_t len : 13;
};

enum { STORE_ZEROS = 0 }; /* never written, reads as zeros */

/* All members are the store's own; callers read through the functions below. */
struct store {
    const struct flash *flash;
    const uint8_t *mac_key;
    bool failed;

    uint32_t bank, generation, seq; /* seq: of the next transaction */
    uint32_t tail;                  /* address of the next record */
    bool dirty_tail;  /* behind tail lie the remains of a transaction: compact before writing */
    bool secret_left; /* the log holds a deleted secret: compact */

    uint32_t count, live; /* objects; bytes of log that a compacted log would take */
    struct store_entry index[STORE_OBJECTS_MAX];

    bool open; /* a transaction: */
    enum store_error txn_error;
    uint32_t txn_start, txn_records, txn_live, txn_count;
    struct hmac_sm3 txn_mac;
};

/* What a commit says besides "now". */
enum store_commit {
    STORE_PLAIN = 0,
    STORE_SECRET_GONE =
        1 /* what this transaction replaced or deleted was secret: it must leave the flash too */
};

/* Makes an empty store in the flash behind the factory page. */
enum store_error store_format(const struct flash *flash, const uint8_t *mac_key);

/* Finds the last committed state and finishes what a power failure interrupted. flash and mac_key must outlive the
 * store. *page is the damaged page when STORE_DAMAGED is returned; then nothing was written. */
enum store_error store_mount(struct store *s, const struct flash *flash, const uint8_t *mac_key,
                             uint32_t *page);

/* Bytes that new objects may take, all and left. */
uint32_t store_total_space(const struct store *s);
uint32_t store_free_space(const struct store *s);

bool store_exists(const struct store *s, uint32_t id);
/* Size of an object; STORE_NOT_FOUND and 0 if there is none. */
enum store_error store_length(const struct store *s, uint32_t id, uint32_t *len);
/* len bytes from offset; STORE_NOT_FOUND if the object has fewer. Uncommitted changes are not seen. */
enum store_error store_read(const struct store *s, uint32_t id, uint32_t offset, void *out,
                            uint32_t len);
/* The first live object with first <= id <= last; false if there is none. */
bool store_next(const struct store *s, uint32_t first, uint32_t last, uint32_t *id);

/* What the open transaction has put and deleted so far, as a digest that depends on this card's key too. */
void store_digest(const struct store *s, uint8_t digest[SM3_SIZE]);

/* A transaction: begin, any puts and deletes (an id at most once), then commit or abort. An error of a put or delete
 * ends the transaction; until the next begin, further puts, deletes and the commit return that error again. */
enum store_error store_begin(struct store *s);
enum store_error store_put(struct store *s, uint32_t id, const void *data, uint32_t len);
/* An object of len zeros; takes its space now, its flash when it is put. */
enum store_error store_put_zeros(struct store *s, uint32_t id, uint32_t len);
/* Object id gets what object from held before the transaction; STORE_NOT_FOUND if there is no such object. */
enum store_error store_copy(struct store *s, uint32_t id, uint32_t from);
/* Deletes all objects with first <= id <= last; none is no error. */
enum store_error store_delete(struct store *s, uint32_t first, uint32_t last);
enum store_error store_commit(struct store *s, enum store_commit kind);
void store_abort(struct store *s);

#endif
