/* The terminal itself: opened, set to give every key at once, and put back as it was. Every wait ends when somebody asks the program to end
 * or nobody reads its answer any more. */
#ifndef AGENT_CONSENT_TERMINAL_DEVICE_H
#define AGENT_CONSENT_TERMINAL_DEVICE_H

#include <stdbool.h>
#include <stddef.h>
#include <termios.h>

struct device {
    int fd;
    bool draws_marks; /* knows reverse video */
    struct termios before;
};

enum device_event {
    DEVICE_INPUT, /* there is something to read */
    DEVICE_QUIET, /* the time is over */
    DEVICE_GONE,  /* the terminal has hung up, or its input has ended */
    DEVICE_ENDED, /* a signal to end, or nobody reads our standard output any more */
};

/* Open `path` for a dialog. It has to be a terminal that belongs to this user; `type` is its terminfo name (may be NULL: it gets plain text
 * alone). What had been typed before is thrown away. False: there is none, errno says why; nothing has changed. */
bool device_open(struct device *device, const char *path, const char *type);
/* Put it back as it was. What had been typed and not read is thrown away. */
void device_close(struct device *device);

/* How large it is now; 24 x 80 when it does not say. */
void device_size(const struct device *device, unsigned *rows, unsigned *columns);

/* Wait for input. */
enum device_event device_wait(const struct device *device, int timeout_ms);
/* Read what is there: 0 when nothing is, -1 when the terminal is gone. */
int device_read(const struct device *device, unsigned char *bytes, size_t size);
/* Write all of it; DEVICE_INPUT is success. */
enum device_event device_write(const struct device *device, const char *bytes, size_t len);

#endif
