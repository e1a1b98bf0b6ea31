/* Steps of mounting that a repair takes one by one. Private to the store. */
#ifndef FIRMWARE_CORE_STORE_STEPS_H
#define FIRMWARE_CORE_STORE_STEPS_H

#include "firmware-sim/core/store.h"

/* Reads the log of the active bank into the index. *unsealed: address of a seal word to be written, or 0. On
 * STORE_DAMAGED, s is the state before the damaged transaction, and *page where in that the damage was noticed. */
enum store_error store_read_log(struct store *s, uint32_t *unsealed, uint32_t *page);
/* Copies what lives to the other bank, which must be blank, and erases this one. The new bank's header is the commit. */
enum store_error store_compact(struct store *s);

#endif
