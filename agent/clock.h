/* The agent's clocks: real time, or a time that the configuration sets (`clock`) and that ticks on from there. */
#ifndef AGENT_CLOCK_H
#define AGENT_CLOCK_H

#include <stdint.h>

/* Show `start_s` (Unix seconds) from now on; 0 means real time. The clock of sessions goes forward with it, never back. */
void clock_start_at(int64_t start_s);

/* Unix seconds by this clock. */
int64_t clock_now(void);

/* Seconds since some fixed point, never backwards, also while the machine sleeps: for how long something has lasted. */
int64_t clock_lasting(void);

#endif
