/* The world that sequences of the property test happen in: the engine over a database of its own, third parties that fail when told to, a
 * clock that stands still, people of every role, and holders with keys. Everything is the service's own code but for what costs time and
 * proves nothing here (world_fakes.c). */
#ifndef TESTS_UNIT_ORDERD_PROPERTY_WORLD_H
#define TESTS_UNIT_ORDERD_PROPERTY_WORLD_H

#include "tests/unit/orderd/fixture.h"

#include "tools/orderd/engine/issue_plan.h"
#include "tools/orderd/third/payment_sim.h"

#include <stdio.h>

enum world_size { POOL_KEYS = 24, HOLDERS = 3, SECRETS_MAX = 200, TEXT_MAX = 4096 };

/* Third parties that fail now: a set. */
enum failure {
    FAIL_PAYMENTS = 1,
    FAIL_MESSENGER = 2,
    FAIL_IDENTITY = 4,
    FAIL_INVOICER = 8,
    FAIL_CA = 16,      /* before anything is signed */
    FAIL_CA_AFTER = 32 /* it has signed, and the answer is lost */
};

/* A key pair, its request, and what the real CA made of it once; its later certificates differ in their serial numbers. */
struct pool_key {
    EVP_PKEY *key;
    struct octets csr;
    struct octets sign, encrypt, enveloped;
    char sign_serial[CA_SERIAL_TEXT], encrypt_serial[CA_SERIAL_TEXT];
    char holder[DIGEST_HEX_SIZE]; /* SHA-256 of the public key: who "signs" */
};

/* What the CA has certified, by serial number: the same number must always say the same. */
struct certified {
    char serial[CA_SERIAL_TEXT];
    char what[DIGEST_HEX_SIZE];
};

struct person {
    const char *name;
    struct caller caller;
};

enum who {
    ANNA,
    BERT,
    KEY_1,
    KEY_2,
    KEY_3,
    QUERY,
    REVIEWER_1,
    REVIEWER_2,
    FINANCE,
    OPERATOR,
    PEOPLE
};

struct world {
    struct fixture *fixture;
    struct engine *engine;
    struct db *db;
    int64_t now_ms;
    unsigned failures;
    struct payment_sim book;
    struct payment_provider payments;
    struct messenger messenger;
    struct identity_provider identity;
    struct invoicer invoicer;
    struct pool_key keys[POOL_KEYS];
    unsigned keys_used;
    struct octets seal;
    char answer_hash[160]; /* of "blue whale seventy", the holders' answer */
    struct certified certified[256];
    size_t certified_count;
    struct person people[PEOPLE];
    char secrets[SECRETS_MAX][72]; /* what must be nowhere in clear */
    size_t secret_count;
    char broken[512]; /* the first invariant that did not hold, or "" */
    bool loud;        /* tell what happens */
};

/* Open once; `url` names the database. */
struct world *world_open(const char *url);
void world_close(struct world *world);

/* Empty the database but for the holders, their keys and the people, with this portal, on the first day. */
void world_reset(struct world *world, const struct profile *profile);

/* Something must be so. The first thing that is not is kept. Returns `holds`. */
bool world_expect(struct world *world, bool holds, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* This must be found nowhere in clear. */
void world_keep_secret(struct world *world, const char *secret);

/* One text, one number out of the database; "" and -1 when there is no row. `types` as in db_query. */
bool world_text(struct world *world, char *out, size_t size, const char *sql, const char *one);
int64_t world_number(struct world *world, const char *sql, const char *one);

/* What a key with this public key "signs": see world_fakes.c. */
struct octets world_sign(const char *holder, const char *message);

/* The public key's fingerprint of a stored certificate. */
bool world_holder_of(struct world *world, const char *certificate, char out[DIGEST_HEX_SIZE]);

/* The world that the fakes serve. */
extern struct world *world_now;

/* Third parties with their failures (world_fakes.c). */
void world_third_parties(struct world *world);

/* A PKCS#10 of this key, and its certificates by the real CA (world_keys.c). */
void world_make_keys(struct world *world);
void world_free_keys(struct world *world);

#endif
