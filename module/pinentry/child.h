/* A dialog program run as a child: pipes to it, a filtered environment, and a sure end. */
#ifndef OPENUKEY_PINENTRY_CHILD_H
#define OPENUKEY_PINENTRY_CHILD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "module/pinentry/pinentry.h"

struct child {
    pid_t pid;
    int input;  /* its stdin, -1 when closed */
    int output; /* its stdout */
    int64_t deadline_ms;
    const struct consent_watch *watch;
};

enum child_error {
    CHILD_OK = 0,
    CHILD_EOF,     /* it closed its end */
    CHILD_TIMEOUT, /* the watch's time is over */
    CHILD_GONE,    /* the watch says that nobody waits any more */
    CHILD_FAILED,  /* it cannot be started, or the system refuses */
};

/* Start `argv` (argv[0] is looked up in PATH when it has no '/'). The child gets stdin, stdout, our stderr, no other
 * descriptor, and of our environment only what a dialog needs. `watch` (may be NULL) must live as long as the child. */
enum child_error child_start(struct child *child, const char *const argv[],
                             const struct consent_watch *watch);

/* Write all of it. Never raises SIGPIPE. */
enum child_error child_write(struct child *child, const void *data, size_t len);
/* Close its stdin. */
void child_close_input(struct child *child);
/* Read at least one byte, at most `size`; *len tells how many. */
enum child_error child_read(struct child *child, void *data, size_t size, size_t *len);

/* Wait up to `grace_ms` for its end, then SIGTERM, then SIGKILL for its whole process group. Returns its exit status, or -1
 * when it did not end by itself or by exit(). The descriptors are closed. */
int child_end(struct child *child, int grace_ms);

/* The NULL-terminated environment that children get, made of `environ`; to be freed with free() (one block). */
char **child_environment(char *const environment[]);

#endif
