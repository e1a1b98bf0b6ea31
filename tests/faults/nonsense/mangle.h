/* A transport between the module and the simulator's that spoils what the card answers. It takes the place of
 * sim_transport_open() at link time (-Wl,--wrap). */
#ifndef OPENUKEY_TESTS_MANGLE_H
#define OPENUKEY_TESTS_MANGLE_H

#include <stdbool.h>

enum mangle { MANGLE_NOTHING, MANGLE_RANDOM, MANGLE_TRUNCATED };

/* From now on one response of `one_in` is spoilt, by this seed. */
void mangle_set(enum mangle mangle, unsigned seed, unsigned one_in);

/* How many responses were spoilt, and how many came, since the program began. */
unsigned long mangle_count(void);
unsigned long mangle_responses(void);

/* As if the key had been pulled out and put back. */
void mangle_replug(void);

#endif
