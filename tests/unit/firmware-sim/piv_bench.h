/* A PIV card on a small flash in memory, and the host's side of its commands. */
#ifndef TESTS_PIV_BENCH_H
#define TESTS_PIV_BENCH_H

#include "firmware-sim/applets/piv/piv.h"
#include "tests/unit/firmware-sim/flash_ram.h"

struct piv_bench {
    struct flash_ram ram;
    struct flash flash;
    struct card card;
    struct piv piv;
    uint32_t entropy; /* every power-up gives the same numbers */
    bool powered;

    uint16_t sw; /* of the last command */
    uint8_t out[APDU_MAX_RESPONSE];
    size_t out_len; /* without the status word */
};

#define PIV_TEST_PIN  "123456\xFF\xFF"
#define PIV_TEST_PUK  "12345678"
#define PIV_OTHER_PIN "87654321"

void piv_bench_init(struct piv_bench *b, uint32_t pages);
void piv_bench_free(struct piv_bench *b);
void piv_bench_power_cycle(struct piv_bench *b);
void piv_bench_power_down(struct piv_bench *b);

uint16_t piv_bench_send(struct piv_bench *b, const void *apdu, size_t len);
/* An extended command; le as much as there is. */
uint16_t piv_bench_apdu(struct piv_bench *b, uint8_t ins, uint8_t p1, uint8_t p2, const void *data,
                        size_t len);

uint16_t piv_bench_verify(struct piv_bench *b, const char pin[8]);
/* Mutual authentication with the key, by OpenSSL's cipher; asserts nothing. */
uint16_t piv_bench_manage_with(struct piv_bench *b, uint8_t algorithm, const uint8_t *key);
/* With the factory's key; asserts success. */
void piv_bench_manage(struct piv_bench *b);
uint16_t piv_bench_generate(struct piv_bench *b, uint8_t slot, uint8_t algorithm);
/* value under tag 81 or 85; the response's content is left at the front of out. */
uint16_t piv_bench_use(struct piv_bench *b, uint8_t slot, uint8_t algorithm, uint8_t tag,
                       const void *value, size_t len);
uint16_t piv_bench_put(struct piv_bench *b, uint32_t tag, const void *content, size_t len);
uint16_t piv_bench_get(struct piv_bench *b, uint32_t tag);

/* Hash over all that the store holds. */
void piv_bench_digest(const struct piv_bench *b, uint8_t out[32]);

/* Encrypts or decrypts one block with OpenSSL. */
void piv_bench_block(uint8_t algorithm, bool encrypt, const uint8_t *key, const uint8_t *in,
                     uint8_t *out);

#endif
