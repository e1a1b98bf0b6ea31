/* Calls of PC/SC that must not outlast a deadline: SCardBeginTransaction, SCardTransmit and others take none, so they run on a
 * thread of their own, which is left behind when it is stuck. */
#ifndef OPENUKEY_TRANSPORT_PCSC_CALLER_H
#define OPENUKEY_TRANSPORT_PCSC_CALLER_H

#include <stdbool.h>
#include <stdint.h>
#include <winscard.h>

struct pcsc_caller;

typedef LONG pcsc_job(void *state);

/* With use_thread false, jobs run in the thread that asks for them, without a deadline. `state` is given to every job; free_state
 * is called with it after the last one has ended. NULL: no memory or no thread, and free_state was not called. */
struct pcsc_caller *pcsc_caller_new(bool use_thread, void *state, void (*free_state)(void *));

/* Runs a job; false when it has not ended in time. Then it goes on: `undo`, if not NULL, runs right after it should it succeed
 * while nobody waits for it, and the same job asked for again waits for its end. Another job begins when that one has ended, within the deadline. */
bool pcsc_caller_run(struct pcsc_caller *caller, pcsc_job *job, pcsc_job *undo,
                     uint64_t deadline_ms, LONG *rv);

/* Runs the last job and ends the thread; if it is stuck, both happen whenever it comes back. The caller and `state` are gone. */
void pcsc_caller_free(struct pcsc_caller *caller, pcsc_job *last, uint64_t deadline_ms);

#endif
