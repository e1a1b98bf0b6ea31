/* The simulator that plays the key while it is provisioned: ukey-sim on an image in a private
 * folder. */
#ifndef TOOLS_UKEY_SIMULATOR_H
#define TOOLS_UKEY_SIMULATOR_H

#include <stdbool.h>
#include <sys/types.h>

struct simulator {
    const char *program;
    char folder[128]; /* mode 0700; holds image and socket, nothing else */
    char image[160];
    char socket[160];
    pid_t pid; /* 0: not running */
};

/* Makes the folder and a factory-fresh image in it, and starts the key. `serial` may be NULL.
 * False: has complained. simulator_close in any case. */
bool simulator_open(struct simulator *simulator, const char *program, const char *serial,
                    const char *label, const char *manufacturer);

/* Starts `argv` (its program is simulator->program) and waits until `keys` keys are ready. False: has
 * complained. simulator_close in any case; what has no folder leaves none. */
bool simulator_start(struct simulator *simulator, const char *const argv[], unsigned keys);
/* Runs `argv` to its end. False: has complained. */
bool simulator_run(struct simulator *simulator, const char *const argv[]);

/* Ends the key cleanly; its image is complete then. False: it did not end as it should, has
 * complained. */
bool simulator_stop(struct simulator *simulator);

/* Ends what still runs and removes the folder. */
void simulator_close(struct simulator *simulator);

#endif
