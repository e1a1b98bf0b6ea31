/* How far the long campaigns go: short in `make check`, whole with LONG=1 (`make check-long`). tests/run.mjs shows what they
 * print behind "campaign: ", and the last line of a test that takes its time. */
#ifndef TESTS_CAMPAIGN_H
#define TESTS_CAMPAIGN_H

#include <stdbool.h>

bool campaign_is_long(void);
/* 10 000 in a long campaign. */
unsigned campaign_cases(unsigned otherwise);
/* Says every ten seconds or so how far something has come. */
void campaign_progress(const char *what, unsigned long done, unsigned long all);
/* A line of the test's result, as printf. */
__attribute__((format(printf, 1, 2))) void campaign_result(const char *format, ...);

#endif
