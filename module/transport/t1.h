/* The block protocol T=1 (ISO/IEC 7816-3, clause 11), for readers that leave it to the host: commands and responses as
 * chains of blocks, errors repeated, waiting time extended. Pure but for the function that carries a block. */
#ifndef OPENUKEY_TRANSPORT_T1_H
#define OPENUKEY_TRANSPORT_T1_H

#include "module/transport/transport.h"

enum { T1_BLOCK_MAX = 3 + 254 + 2 };

/* Sends a block and receives one (as it came, at most T1_BLOCK_MAX bytes). waiting: multiples of the block waiting time that
 * the card has asked for, 1 otherwise. A block that did not arrive whole: TRANSPORT_OK with *in_len 0. */
typedef enum transport_error t1_carry(void *state, const uint8_t *out, size_t out_len,
                                      uint8_t waiting, uint8_t in[T1_BLOCK_MAX], size_t *in_len);

struct t1 {
    t1_carry *carry;
    void *state;
    uint8_t ifsc;              /* information bytes that the card takes */
    bool has_crc;              /* two check bytes instead of one */
    uint8_t send_n, receive_n; /* numbers of the next block of either side */
};

/* Tells the card that we take 254 bytes. To be done once after a reset, with t1 zeroed but for the first four members. */
enum transport_error t1_begin(struct t1 *t1);

/* A command and its response. TRANSPORT_IO: the card cannot be understood; reset it. */
enum transport_error t1_transmit(struct t1 *t1, const uint8_t *command, size_t command_len,
                                 uint8_t *response, size_t response_size, size_t *response_len);

#endif
