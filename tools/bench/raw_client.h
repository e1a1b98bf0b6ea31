/* Sends APDUs to a simulated key's socket (include/openukey/simlink.h), as the least that any program there can do. */
#ifndef OPENUKEY_BENCH_RAW_CLIENT_H
#define OPENUKEY_BENCH_RAW_CLIENT_H

#include <stddef.h>
#include <stdint.h>

/* A connection, and a transaction begun. Ends the program on failure. */
int raw_client_open(const char *path);
void raw_client_begin(int fd);
void raw_client_end(int fd);
/* Ends the program unless the answer is 9000. */
void raw_client_send(int fd, const uint8_t *apdu, size_t len);

#endif
