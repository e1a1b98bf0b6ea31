/* What must hold whatever happens: the invariants of order-domain.md 11, and what follows from them. Each says by world_expect what does
 * not hold. */
#ifndef TESTS_UNIT_ORDERD_PROPERTY_INVARIANTS_H
#define TESTS_UNIT_ORDERD_PROPERTY_INVARIANTS_H

#include "tests/unit/orderd/property/act.h"

/* After every step that changed something: 1-4, 6 (state and gates), 10, 11. */
void invariants_cheap(struct world *world);

/* At the end of a sequence: the chain and each order's own history (6), and that nothing secret lies about (8). */
void invariants_history(struct world *world);
void invariants_secrets(struct world *world);

/* Nothing is on the way any more: the providers' books say what ours say (3). */
void invariants_books(struct world *world);

/* Before something is signed for this order: what was consented to is what is certified (5). */
void invariants_consent(struct world *world, const struct order *order);

/* A number that changes with anything that a request may change. What counts attempts, leases and looks is not in it. */
uint64_t world_digest(struct world *world);

#endif
