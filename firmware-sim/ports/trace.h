/* The log of APDUs: one JSON line each, without secrets. */
#ifndef FIRMWARE_PORTS_TRACE_H
#define FIRMWARE_PORTS_TRACE_H

#include "firmware-sim/ports/clock.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

struct trace {
    FILE *file; /* NULL: off */
    const struct clock *clock;
};

/* Appends to path from now on; false (errno) if it cannot be opened, then the trace is off. */
bool trace_open(struct trace *trace, const char *path);
void trace_close(struct trace *trace);

/* Data of PIN and key commands is left out: with the challenge beside it, it would be an oracle for a weak PIN. */
void trace_apdu(struct trace *trace, const char *port, const uint8_t *command, size_t command_len,
                const uint8_t *response, size_t response_len, uint64_t usec);

#endif
