/* Arm semihosting ("Semihosting for AArch32 and AArch64", Arm IHI 0095): text to the debugger, and the end. */
#include "firmware-sim/ports/arm/port.h"

#include <string.h>

enum {
    SYS_WRITE0 = 0x04,
    SYS_GET_CMDLINE = 0x15,
    SYS_EXIT_EXTENDED = 0x20,
    APPLICATION_EXIT = 0x20026
};

static uint32_t call(uint32_t operation, const void *argument) {
#ifdef __arm__
    register uint32_t r0 __asm__("r0") = operation;
    register const void *r1 __asm__("r1") = argument;
    __asm__ volatile("bkpt 0xab" : "+r"(r0) : "r"(r1) : "memory");
    return r0;
#else
    (void)argument; /* never runs: so that linters of another machine can read this file */
    return operation;
#endif
}

void port_print(const char *text) {
    call(SYS_WRITE0, text);
}

void port_print_number(uint32_t number) {
    char digits[11], *p = digits + sizeof digits - 1;
    *p = 0;
    do
        *--p = (char)('0' + number % 10);
    while (number /= 10);
    port_print(p);
}

_Noreturn void port_exit(int status) {
    const uint32_t block[2] = {APPLICATION_EXIT, (uint32_t)status};
    for (;;)
        call(SYS_EXIT_EXTENDED, block);
}

bool port_has_argument(const char *word) {
    static char line[80];
    const struct {
        char *buffer;
        uint32_t size;
    } block = {line, sizeof line};
    if (call(SYS_GET_CMDLINE, &block) != 0)
        return false;
    size_t len = strlen(line), n = strlen(word);
    return len >= n && memcmp(line + len - n, word, n) == 0;
}
