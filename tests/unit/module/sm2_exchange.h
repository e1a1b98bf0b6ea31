/* SM2 key exchange in software (GB/T 32918.3, 6.1): what the other side of an agreement does. */
#ifndef OPENUKEY_TESTS_SM2_EXCHANGE_H
#define OPENUKEY_TESTS_SM2_EXCHANGE_H

#include "module/formats/sm2.h"

struct sm2_exchange {
    bool is_initiator;
    unsigned char d[SM2_SCALAR], r[SM2_SCALAR]; /* own private key and ephemeral scalar */
    struct sm2_point own, own_ephemeral, peer, peer_ephemeral;
    const char *own_id, *peer_id;
};

/* Fills d, r and the own points from two key pairs. */
void sm2_exchange_own(struct sm2_exchange *x, const EVP_PKEY *key, const EVP_PKEY *ephemeral);

/* The key that both sides have; false if a point is not one of the curve. */
bool sm2_exchange_key(const struct sm2_exchange *x, unsigned char key[16]);

#endif
