/* Commands of extended length over a way that carries short ones only: parts by command chaining (ISO/IEC 7816-4, 5.3.3), the
 * response by GET RESPONSE (7816-4, 11.7.1). */
#ifndef OPENUKEY_TRANSPORT_SHORT_APDU_H
#define OPENUKEY_TRANSPORT_SHORT_APDU_H

#include "module/transport/transport.h"

typedef enum transport_error short_apdu_carry(void *state, const uint8_t *command,
                                              size_t command_len, uint8_t *response,
                                              size_t response_size, size_t *response_len);

/* As transmit() of struct transport_ops. A command that is short already goes as it is, and so does its response. */
enum transport_error short_apdu_transmit(short_apdu_carry *carry, void *state,
                                         const uint8_t *command, size_t command_len,
                                         uint8_t *response, size_t response_size,
                                         size_t *response_len);

#endif
