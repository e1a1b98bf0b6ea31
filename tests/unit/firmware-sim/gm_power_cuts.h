/* The power cut campaign of the GM application in one layout profile. */
#ifndef TESTS_GM_POWER_CUTS_H
#define TESTS_GM_POWER_CUTS_H

/* The tests; what cmocka_run_group_tests returns. */
int gm_power_cuts(char layout);

#endif
