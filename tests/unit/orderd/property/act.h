/* What can happen to the world: every request that people and machines make of the engine, right and wrong ones; the deliveries of the
 * outbox, time, and third parties that fail. A step chooses one; a request is the step made definite, so that it can be sent again. */
#ifndef TESTS_UNIT_ORDERD_PROPERTY_ACT_H
#define TESTS_UNIT_ORDERD_PROPERTY_ACT_H

#include "tests/unit/orderd/property/world.h"

enum act {
    ACT_CREATE,
    ACT_EDIT,
    ACT_SUBMIT,
    ACT_CANCEL,
    ACT_VERIFY,
    ACT_FACE,
    ACT_LOOK,
    ACT_ANSWER,
    ACT_DOCUMENT,
    ACT_DELETE_DOCUMENT,
    ACT_MATERIALS,
    ACT_SEND_CODE,
    ACT_CONFIRM_CODE,
    ACT_CONFIRM_KEY,
    ACT_CONFIRM_ANSWER,
    ACT_PAY,
    ACT_SETTLE,
    ACT_CALLBACK,
    ACT_VOUCHER,
    ACT_FINANCE,
    ACT_REFUNDED,
    ACT_SEE,
    ACT_REVIEW,
    ACT_PAPERS,
    ACT_SHIP,
    ACT_GIVE_UP,
    ACT_RETRY,
    ACT_CLAIM,
    ACT_SEND_DOWNLOAD,
    ACT_CSR,
    ACT_PROVE,
    ACT_FAIL,
    ACT_RECEIVE,
    ACT_INVOICE,
    ACT_KEY_LOGIN,
    ACT_DELIVER,
    ACT_SWEEP,
    ACT_WAIT,
    ACT_BREAK,
    ACT_COUNT
};

/* Random numbers of one step: splitmix64. */
struct dice {
    uint64_t state;
};
uint32_t dice_roll(struct dice *dice, uint32_t sides);

/* One request, definite. */
struct request {
    enum act act;
    const struct person *by; /* NULL: `self` */
    struct person self;      /* a key session made for the occasion */
    char number[PUBLIC_NUMBER_SIZE];
    int64_t version;
    uint32_t variant; /* which of the ways; what it means is the act's affair */
    uint32_t seed;    /* for the details */
    enum order_kind kind;
    char a[128], b[TEXT_MAX], c[128];
    /* what came of it */
    enum order_error error;
    int64_t version_after; /* of the order, when it succeeded */
    int64_t made_ms;
};

/* What the engine says to an act again. */
enum repeat {
    REPEAT_ANY,    /* it is another one */
    REPEAT_SAME,   /* nothing changes, whenever it comes */
    REPEAT_AT_ONCE /* nothing changes while the order stands as it stood after the first */
};

struct act_row {
    const char *name;
    /* Make the request definite. `order` is the one it is about; wild: right or wrong, as the dice fall. */
    void (*choose)(struct world *world, struct dice *dice, const struct order *order, bool wild,
                   struct request *request);
    enum order_error (*send)(struct world *world, struct request *request);
    enum repeat repeat;
    bool refusal_may_write; /* a refused one leaves something behind by design */
};
extern const struct act_row acts[ACT_COUNT];

/* The key session of the order's certificate, or of its subject. */
struct person key_of_order(struct world *world, const struct order *order);

/* Who made the order, or the key that it is about. */
void by_applicant(struct world *world, const struct order *order, struct request *request);

/* Deliver one due item of the outbox; false when there is none. `crash`: the service ends before it notes the delivery. */
bool act_deliver_one(struct world *world, bool crash);

#endif
