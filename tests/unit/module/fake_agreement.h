/* The fake card's key agreement: one agreement and one session key at a time, in software. */
#ifndef OPENUKEY_TESTS_FAKE_AGREEMENT_H
#define OPENUKEY_TESTS_FAKE_AGREEMENT_H

#include "fake_card.h"

/* A command of apdu.h 0x82 to 0x86, 0x80 and 0xC4, its data after application and container. Appends to out. */
uint16_t fake_agreement_command(uint8_t ins, const uint8_t *data, size_t len, uint8_t *out,
                                size_t *out_len);
void fake_agreement_free(void);

/* Session keys that the card still holds. */
unsigned fake_agreement_keys(void);

#endif
