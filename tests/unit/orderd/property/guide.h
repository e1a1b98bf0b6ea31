/* The right thing to do next with an order: so that sequences come far, and so that every order can be brought to its end (invariant 9). */
#ifndef TESTS_UNIT_ORDERD_PROPERTY_GUIDE_H
#define TESTS_UNIT_ORDERD_PROPERTY_GUIDE_H

#include "tests/unit/orderd/property/act.h"

/* ACT_COUNT: nobody can do anything. */
enum act guide_next(struct world *world, struct dice *dice, const struct order *order);

#endif
