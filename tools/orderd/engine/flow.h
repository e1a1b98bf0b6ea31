/* What businesses exist and which gates each goes through: data, so that portals differ without code (order-domain.md 3 and 4).
 * The state of an order is derived from its first open gate. */
#ifndef TOOLS_ORDERD_ENGINE_FLOW_H
#define TOOLS_ORDERD_ENGINE_FLOW_H

#include "tools/orderd/engine/window.h"

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

struct flow {
    enum order_kind kind;
    size_t count;
    struct flow_gate gates[FLOW_GATES_MAX];
};

/* What a term costs (R036): one row a kind and number of years. */
struct price {
    enum order_kind kind;
    int years;
    int64_t amount_fen;
};

/* A portal: everything that differs from another portal. */
struct profile {
    const char *id;
    struct renewal_policy renewal;
    const struct flow *flows;
    size_t flow_count;
    const struct price *prices;
    size_t price_count;
    const char *consent_version; /* of the statement's wording (R121) */
    int idle_days;               /* T23: an unpaid order that rests this long expires */
    char number_letter;          /* R262: the letter of the day's first numbers */
};

/* The profile of this name, or NULL. */
const struct profile *profile_find(const char *id);

/* The profile's flow for a kind, or NULL when the profile does not offer it. */
const struct flow *profile_flow(const struct profile *profile, enum order_kind kind);

/* The price of `years` of a kind, or -1 when the profile does not sell it. */
int64_t profile_price(const struct profile *profile, enum order_kind kind, int years);

/* The state of an order whose gates are these: that of the first gate that is not done, COMPLETED when there is none. */
enum order_state flow_state(const struct flow_gate *gates, size_t count);

/* True in COMPLETED, REJECTED, CANCELLED and EXPIRED. */
bool state_is_final(enum order_state state);

/* R046: orders of one lane exclude each other. "CERT", "PIN" or "STATUS". */
const char *kind_lane(enum order_kind kind);

/* Names in the database and in JSON; the *_of functions give the COUNT value for an unknown name. */
const char *kind_name(enum order_kind kind);
enum order_kind kind_of(const char *name);
const char *gate_name(enum gate gate);
enum gate gate_of(const char *name);
const char *gate_status_name(enum gate_status status);
bool gate_status_of(const char *name, enum gate_status *out);
const char *state_name(enum order_state state);
enum order_state state_of(const char *name);

#endif
