/* One module of another maker, in a process of its own: started when it is needed, ended when it does not answer in time, started again after
 * a while. All calls are thread-safe; one request is under way at a time. */
#ifndef AGENT_FOREIGN_PROCESS_H
#define AGENT_FOREIGN_PROCESS_H

#include <pkcs11.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "agent/foreign/calls.h"
#include "agent/foreign/wire.h"

struct foreign_process {
    char *program, *module; /* paths of ukey-module-host and the module */
    char *name;             /* for logs */
    int answer_within_ms;   /* for a call that asks no person */
    pthread_mutex_t lock;   /* guards what follows, and the conversation */
    atomic_bool is_ending;  /* it is not started any more */
    pthread_mutex_t life;   /* taken inside `lock`, held while `socket` changes */
    int socket;             /* -1: not running */
    pid_t pid;
    unsigned generation; /* counts the starts: what an earlier process gave is nothing to a later */
    unsigned failures;   /* in a row */
    int64_t not_before;  /* CLOCK_MONOTONIC milliseconds: it is not started earlier */
    struct wire request, answer, result;
};

/* Strings are copied. Starts nothing. -1: no memory (then there is nothing to be freed). */
int foreign_process_init(struct foreign_process *process, const char *program, const char *module,
                         const char *name, int answer_within_ms);
/* End the process: at once when a call is under way in it (that call fails). Nothing starts it again. */
void foreign_process_end(struct foreign_process *process);
/* After foreign_process_end(), when no other thread uses it. */
void foreign_process_free(struct foreign_process *process);

/* Run the module if it is not running and its time has come. To be called by one thread only, which must live as long as the process:
 * the kernel ends it with that thread. True if it runs. */
bool foreign_process_start(struct foreign_process *process);

/* A conversation: begin gives the request to be filled in (with the call's number in it) and holds the lock; ask sends it and waits; *result
 * is what the call gave, to be read before end. `generation` 0 means: whatever process there is.
 * ask: the module's CK_RV; CKR_DEVICE_REMOVED when the process is another one, has died, was too late, or talks nonsense. */
struct wire *foreign_begin(struct foreign_process *process, enum foreign_call call);
CK_RV foreign_ask(struct foreign_process *process, unsigned generation, bool asks_person,
                  struct wire **result);
/* Ends the conversation, cleansing both messages. When the CK_RV was CKR_OK and the result was not read to its end without an error, the process
 * is ended as one that talks nonsense, and this is CKR_DEVICE_REMOVED; else it is `rv`. */
CK_RV foreign_end(struct foreign_process *process, CK_RV rv);

/* The generation of the process that runs, or of the last one. */
unsigned foreign_generation(struct foreign_process *process);

#endif
