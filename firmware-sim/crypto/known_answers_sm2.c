/* SM2's known answers: GB/T 32918.5 annexes A, B and C. */
#include "firmware-sim/crypto/known_answers_internal.h"
#include "firmware-sim/crypto/sm2.h"
#include "firmware-sim/crypto/sm3.h"

#include <string.h>

static const char sm2_d[] = "3945208f7b2144b13f36e38ac6d39f95889393692860b51a42fb81ef4df7c5b8";
static const char sm2_x[] = "09f9df311e5421a150dd7d161e4bc5c672179fad1833fc076bb08ff356f35020";
static const char sm2_y[] = "ccea490ce26775a52dc6ea718cc1aa600aed05fbf35e084a6632f6072da9ad13";

bool known_sm2_signature(struct drbg *rng) {
    uint8_t d[SM2_NUMBER], e[SM2_NUMBER], k[SM2_NUMBER];
    struct sm2_signature sig;
    struct sm2_point pub;
    struct sm3 h;
    known_unhex(sm2_d, d, sizeof d);
    known_unhex(sm2_x, pub.x, sizeof pub.x);
    known_unhex(sm2_y, pub.y, sizeof pub.y);
    known_unhex("59276e27d506861a16680f3ad9c02dccef3cc1fa3cdbe4ce6d54b80deac1bc21", k, sizeof k);
    sm2_z(&pub, (const uint8_t *)"1234567812345678", 16, e);
    sm3_init(&h);
    sm3_update(&h, e, sizeof e);
    sm3_update(&h, "message digest", 14);
    sm3_final(&h, e);
    return sm2_sign_with_nonce(rng, d, e, k, &sig) == SM2_OK &&
           known_is(sig.r, sizeof sig.r,
                    "f5a03b0648d2c4630eeac513e1bb81a15944da3827d5b74143ac7eaceee720b3") &&
           known_is(sig.s, sizeof sig.s,
                    "b1b6aa29df212fd8763182bc0d421ca1bb9038fd1f7f42d4840b69c485bbc1aa");
}

bool known_sm2_verification(struct drbg *rng) {
    uint8_t d[SM2_NUMBER], e[SM2_NUMBER];
    struct sm2_signature sig;
    struct sm2_point pub;
    known_unhex(sm2_d, d, sizeof d);
    known_unhex("f0b43e94ba45accaace692ed534382eb17e6ab5a19ce7b31f4486fdfc0d28640", e, sizeof e);
    known_unhex("f5a03b0648d2c4630eeac513e1bb81a15944da3827d5b74143ac7eaceee720b3", sig.r,
                sizeof sig.r);
    known_unhex("b1b6aa29df212fd8763182bc0d421ca1bb9038fd1f7f42d4840b69c485bbc1aa", sig.s,
                sizeof sig.s);
    if (sm2_public(rng, d, &pub) != SM2_OK || !known_is(pub.x, sizeof pub.x, sm2_x) ||
        !known_is(pub.y, sizeof pub.y, sm2_y) || sm2_verify(&pub, e, &sig) != SM2_OK)
        return false;
    e[0] ^= 1;
    return sm2_verify(&pub, e, &sig) == SM2_MISMATCH;
}

bool known_sm2_decryption(struct drbg *rng) {
    uint8_t d[SM2_NUMBER], c2[19], c3[SM2_NUMBER], plain[sizeof c2];
    struct sm2_point c1;
    known_unhex(sm2_d, d, sizeof d);
    known_unhex("04ebfc718e8d1798620432268e77feb6415e2ede0e073c0f4f640ecd2e149a73", c1.x,
                sizeof c1.x);
    known_unhex("e858f9d81e5430a57b36daab8f950a3c64e6ee6a63094d99283aff767e124df0", c1.y,
                sizeof c1.y);
    known_unhex("21886ca989ca9c7d58087307ca93092d651efa", c2, sizeof c2);
    known_unhex("59983c18f809e262923c53aec295d30383b54e39d609d160afcb1908d0bd8766", c3, sizeof c3);
    return sm2_decrypt(rng, d, &c1, c3, c2, sizeof c2, plain) == SM2_OK &&
           memcmp(plain, "encryption standard", sizeof plain) == 0;
}

/* A number of annex B, and the point that belongs to it. */
static bool pair(struct drbg *rng, const char *hex, uint8_t d[SM2_NUMBER], struct sm2_point *pub) {
    known_unhex(hex, d, SM2_NUMBER);
    return sm2_public(rng, d, pub) == SM2_OK;
}

bool known_sm2_exchange(struct drbg *rng) {
    static const uint8_t id[] = "1234567812345678";
    uint8_t da[SM2_NUMBER], db[SM2_NUMBER], ra[SM2_NUMBER], rb[SM2_NUMBER], za[SM2_NUMBER],
        zb[SM2_NUMBER], key[16];
    struct sm2_point pa, pb, pra, prb;
    const char *answer = "6c89347354de2484c60b4ab1fde4c6e5";
    if (!pair(rng, "81eb26e941bb5af16df116495f90695272ae2cd63d6c4ae1678418be48230029", da, &pa) ||
        !pair(rng, "785129917d45a9ea5437a59356b82338eaadda6ceb199088f14ae10defa229b5", db, &pb) ||
        !pair(rng, "d4de15474db74d06491c440d305e012400990f3e390c7e87153c12db2ea60bb3", ra, &pra) ||
        !pair(rng, "7e07124814b309489125eaed101113164ebf0f3458c5bd88335c1f9d596243d6", rb, &prb))
        return false;
    sm2_z(&pa, id, sizeof id - 1, za);
    sm2_z(&pb, id, sizeof id - 1, zb);
    struct sm2_exchange a = {true, da, ra, &pra, &pb, &prb, za, zb};
    struct sm2_exchange b = {false, db, rb, &prb, &pa, &pra, za, zb};
    return sm2_exchange_key(rng, &a, key, sizeof key) == SM2_OK &&
           known_is(key, sizeof key, answer) &&
           sm2_exchange_key(rng, &b, key, sizeof key) == SM2_OK &&
           known_is(key, sizeof key, answer);
}
