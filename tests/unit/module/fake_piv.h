/* A PIV card in a few lines, with a P-256 key in 9A: what fake_card.h is for GM. session_fixture.c makes it anew by
 * fake_card_reset(). The PUK (any) lets certificates be written. */
#ifndef OPENUKEY_TESTS_FAKE_PIV_H
#define OPENUKEY_TESTS_FAKE_PIV_H

#include "module/transport/transport.h"

#include <openssl/evp.h>

enum { FAKE_PIV_OBJECTS = 4, FAKE_PIV_OBJECT_SIZE = 4224 };

struct fake_piv_object {
    uint8_t tag[3];
    uint8_t data[FAKE_PIV_OBJECT_SIZE];
    size_t len; /* 0: not there */
};

struct fake_piv {
    EVP_PKEY *key;
    uint32_t events;
    bool user_verified, officer_verified;
    uint16_t put_sw; /* what PUT DATA answers; 0: what it should */
    struct fake_piv_object objects[FAKE_PIV_OBJECTS];
};
extern struct fake_piv fake_piv;

#endif
