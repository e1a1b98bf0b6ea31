/* NOT RANDOM. The emulated board has no source of entropy: these bytes are SM3 over a counter, the same after every reset.
 * For QEMU alone; a chip's port reads its generator here instead, and nothing else of the firmware changes. */
#ifndef OPENUKEY_QEMU_ONLY
#error                                                                                             \
    "entropy_stub.c is not random: only an image for QEMU may be built with it (OPENUKEY_QEMU_ONLY)"
#endif

#include "firmware-sim/crypto/sm3.h"
#include "firmware-sim/ports/arm/port.h"

#include <string.h>

int port_entropy(void *ctx, unsigned char *out, size_t len) {
    static uint32_t counter;
    (void)ctx;
    for (size_t done = 0; done < len;) {
        uint8_t block[SM3_SIZE];
        size_t n = len - done < SM3_SIZE ? len - done : SM3_SIZE;
        sm3(&counter, sizeof counter, block);
        counter++;
        memcpy(out + done, block, n);
        done += n;
    }
    return 0;
}
