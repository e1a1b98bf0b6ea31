/* The words of the trade: kinds of business, gates, states, and how a state follows from gates (order-domain.md 2 to 4). Which gates a
 * business goes through is the profile's affair (profile.h). */
#ifndef TOOLS_ORDERD_ENGINE_FLOW_H
#define TOOLS_ORDERD_ENGINE_FLOW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum order_kind {
    KIND_NEW,
    KIND_RENEW,
    KIND_REPLACE,
    KIND_CHANGE,
    KIND_UNLOCK,
    KIND_FREEZE,
    KIND_UNFREEZE,
    KIND_REVOKE,
    KIND_KEY_RECOVERY,
    KIND_UNBIND,
    KIND_COUNT
};

/* Who a certificate is for; a set where a rule is for both. */
enum subject_type { SUBJECT_ORG = 1, SUBJECT_PERSON = 2, SUBJECT_ANY = 3 };

/* What a certificate's key is kept in (R037): a UKey, or a file that its holder keeps. */
enum medium { MEDIUM_UKEY, MEDIUM_SOFT, MEDIUM_COUNT };

enum gate {
    GATE_AGREE,
    GATE_FORM,
    GATE_VERIFY_ORG,
    GATE_VERIFY_HANDLER,
    GATE_VERIFY_PERSON,
    GATE_KEY_LOGIN,
    GATE_MATERIALS,
    GATE_CONFIRM,
    GATE_INVOICE_INFO,
    GATE_DELIVERY,
    GATE_PAPERS,
    GATE_PAY,
    GATE_PAY_REVIEW,
    GATE_REVIEW,
    GATE_PRODUCE,
    GATE_SHIP,
    GATE_ISSUE,
    GATE_APPLY_CA,
    GATE_RECEIVE,
    GATE_INVOICE,
    GATE_COUNT,
    GATE_NONE = GATE_COUNT
};

/* A set of gates. */
#define GATES(gate) (1u << (gate))

enum gate_status { GATE_OPEN, GATE_DONE, GATE_WAIVED, GATE_FAILED };

enum order_state {
    STATE_DRAFT,
    STATE_AWAIT_VERIFY,
    STATE_AWAIT_KEY,
    STATE_AWAIT_MATERIALS,
    STATE_AWAIT_CONFIRM,
    STATE_AWAIT_PAPERS,
    STATE_AWAIT_PAYMENT,
    STATE_PAY_REVIEW,
    STATE_IN_REVIEW,
    STATE_APPROVED,
    STATE_PRODUCING,
    STATE_SHIPPED,
    STATE_READY_TO_ISSUE,
    STATE_ISSUING,
    STATE_ISSUED,
    STATE_COMPLETED,
    STATE_RETURNED,
    STATE_ISSUE_FAILED,
    STATE_REFUNDING,
    STATE_REJECTED,
    STATE_CANCELLED,
    STATE_EXPIRED,
    STATE_COUNT
};

/* One gate of a flow or of an order. In a flow, `status` is what it begins with: WAIVED where policy asks it only on request. */
struct flow_gate {
    enum gate gate;
    enum gate_status status;
};

enum { FLOW_GATES_MAX = 20 };

/* The gates of one business, in order. A kind that organisations and persons go through differently has two flows. */
struct flow {
    enum order_kind kind;
    enum subject_type subjects;
    size_t count;
    struct flow_gate gates[FLOW_GATES_MAX];
};

/* The first gate that is not done (its position in *at, which may be NULL), or GATE_NONE. */
enum gate flow_next(const struct flow_gate *gates, size_t count, size_t *at);

/* The state of an order whose gates are these: that of the first gate that is not done, COMPLETED when there is none. A key that was
 * produced and not yet sent is still PRODUCING; one that is to be sent blank is APPROVED. */
enum order_state flow_state(const struct flow_gate *gates, size_t count);

/* Gates of what is sent by post: a soft certificate has none of them. */
#define PARCEL_GATES                                                                               \
    (GATES(GATE_DELIVERY) | GATES(GATE_PRODUCE) | GATES(GATE_SHIP) | GATES(GATE_RECEIVE))

/* Waive those of the set that are open. */
void flow_waive(struct flow_gate *gates, size_t count, unsigned set);

/* True when the gate is among these and not waived. */
bool flow_has(const struct flow_gate *gates, size_t count, enum gate gate);

/* True in COMPLETED, REJECTED, CANCELLED and EXPIRED. */
bool state_is_final(enum order_state state);

/* R046: orders of one lane exclude each other. "CERT", "PIN" or "STATUS". */
const char *kind_lane(enum order_kind kind);

/* Names in the database and in JSON; the *_of functions give the COUNT value for an unknown name. */
const char *kind_name(enum order_kind kind);
enum order_kind kind_of(const char *name);
const char *medium_name(enum medium medium);
enum medium medium_of(const char *name);
const char *gate_name(enum gate gate);
enum gate gate_of(const char *name);
const char *gate_status_name(enum gate_status status);
bool gate_status_of(const char *name, enum gate_status *out);
const char *state_name(enum order_state state);
enum order_state state_of(const char *name);

/* "ORG" or "PERSON"; anything else is SUBJECT_ANY. */
enum subject_type subject_type_of(const char *name);

#endif
