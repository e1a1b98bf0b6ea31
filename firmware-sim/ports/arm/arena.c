/* The memory that mbedTLS works in: an RSA-4096 signature is what takes most of it, 17 452 bytes. Painted, so that its
 * high-water mark can be read. */
#include "firmware-sim/ports/arm/port.h"

#include <mbedtls/memory_buffer_alloc.h>
#include <string.h>

enum { ARENA_SIZE = 17 * 1024 + 512, PAINT = 0xa5, FIRST_HEADER = 64 };

static uint8_t arena[ARENA_SIZE] __attribute__((aligned(8)));

void port_arena_start(void) {
    mbedtls_memory_buffer_alloc_init(arena, sizeof arena);
    memset(arena + FIRST_HEADER, PAINT, sizeof arena - FIRST_HEADER);
}

uint32_t port_arena_size(void) {
    return ARENA_SIZE;
}

uint32_t port_arena_used(void) {
    uint32_t used = ARENA_SIZE;
    while (used && arena[used - 1] == PAINT)
        used--;
    return used;
}

void port_arena_broken(int status) {
    port_print("arena broken\n");
    port_exit(status);
}
