/* What the board gives the card: memory, a data flash, a serial line, and a way to tell the debugger. */
#ifndef FIRMWARE_PORTS_ARM_PORT_H
#define FIRMWARE_PORTS_ARM_PORT_H

#include "firmware-sim/core/flash.h"

#include <stddef.h>
#include <stdint.h>

/* Debugger (semihosting); a chip without one would fault here. */
void port_print(const char *text);
void port_print_number(uint32_t number);
_Noreturn void port_exit(int status);
/* Whether the command line that the debugger gives ends with this word. */
bool port_has_argument(const char *word);

/* Gives mbedTLS its arena; once, first. */
void port_arena_start(void);
uint32_t port_arena_size(void);
/* Bytes from the arena's start that were ever in use. */
uint32_t port_arena_used(void);

uint32_t port_stack_size(void);
uint32_t port_stack_used(void); /* since reset, by the paint that is gone */

/* The data flash: a model in the board's PSRAM that refuses what a chip refuses. */
struct flash port_flash(void);

/* NOT RANDOM: see entropy_stub.c. Has the shape of entropy_fn. */
int port_entropy(void *ctx, unsigned char *out, size_t len);

void port_serial_start(void);
uint8_t port_serial_read(void);
void port_serial_write(const uint8_t *bytes, size_t len);

#endif
