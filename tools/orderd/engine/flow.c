/* The names, and the state of each gate. */
#include "tools/orderd/engine/flow.h"

#include <string.h>

#define LENGTH(array) (sizeof(array) / sizeof((array)[0]))

struct kind_row {
    const char *name;
    const char *lane;
};

static const struct kind_row kinds[KIND_COUNT] = {
    [KIND_NEW] = {"NEW", "CERT"},
    [KIND_RENEW] = {"RENEW", "CERT"},
    [KIND_REPLACE] = {"REPLACE", "CERT"},
    [KIND_CHANGE] = {"CHANGE", "CERT"},
    [KIND_UNLOCK] = {"UNLOCK", "PIN"},
    [KIND_FREEZE] = {"FREEZE", "STATUS"},
    [KIND_UNFREEZE] = {"UNFREEZE", "STATUS"},
    [KIND_REVOKE] = {"REVOKE", "STATUS"},
    [KIND_KEY_RECOVERY] = {"KEY_RECOVERY", "CERT"},
    [KIND_UNBIND] = {"UNBIND", "STATUS"},
};

struct gate_row {
    const char *name;
    enum order_state state; /* of an order whose first open gate this is */
};

static const struct gate_row gates[GATE_COUNT] = {
    [GATE_AGREE] = {"AGREE", STATE_DRAFT},
    [GATE_FORM] = {"FORM", STATE_DRAFT},
    [GATE_VERIFY_ORG] = {"VERIFY_ORG", STATE_AWAIT_VERIFY},
    [GATE_VERIFY_HANDLER] = {"VERIFY_HANDLER", STATE_AWAIT_VERIFY},
    [GATE_VERIFY_PERSON] = {"VERIFY_PERSON", STATE_AWAIT_VERIFY},
    [GATE_KEY_LOGIN] = {"KEY_LOGIN", STATE_AWAIT_KEY},
    [GATE_MATERIALS] = {"MATERIALS", STATE_AWAIT_MATERIALS},
    [GATE_CONFIRM] = {"CONFIRM", STATE_AWAIT_CONFIRM},
    [GATE_INVOICE_INFO] = {"INVOICE_INFO", STATE_DRAFT},
    [GATE_DELIVERY] = {"DELIVERY", STATE_DRAFT},
    [GATE_PAPERS] = {"PAPERS", STATE_AWAIT_PAPERS},
    [GATE_PAY] = {"PAY", STATE_AWAIT_PAYMENT},
    [GATE_PAY_REVIEW] = {"PAY_REVIEW", STATE_PAY_REVIEW},
    [GATE_REVIEW] = {"REVIEW", STATE_IN_REVIEW},
    [GATE_PRODUCE] = {"PRODUCE", STATE_APPROVED},
    [GATE_SHIP] = {"SHIP", STATE_APPROVED},
    [GATE_ISSUE] = {"ISSUE", STATE_READY_TO_ISSUE},
    [GATE_APPLY_CA] = {"APPLY_CA", STATE_READY_TO_ISSUE},
    [GATE_RECEIVE] = {"RECEIVE", STATE_SHIPPED},
    [GATE_INVOICE] = {"INVOICE", STATE_ISSUED},
};

static const char *const gate_statuses[] = {
    [GATE_OPEN] = "OPEN", [GATE_DONE] = "DONE", [GATE_WAIVED] = "WAIVED", [GATE_FAILED] = "FAILED"};

static const char *const states[STATE_COUNT] = {
    [STATE_DRAFT] = "DRAFT",
    [STATE_AWAIT_VERIFY] = "AWAIT_VERIFY",
    [STATE_AWAIT_KEY] = "AWAIT_KEY",
    [STATE_AWAIT_MATERIALS] = "AWAIT_MATERIALS",
    [STATE_AWAIT_CONFIRM] = "AWAIT_CONFIRM",
    [STATE_AWAIT_PAPERS] = "AWAIT_PAPERS",
    [STATE_AWAIT_PAYMENT] = "AWAIT_PAYMENT",
    [STATE_PAY_REVIEW] = "PAY_REVIEW",
    [STATE_IN_REVIEW] = "IN_REVIEW",
    [STATE_APPROVED] = "APPROVED",
    [STATE_PRODUCING] = "PRODUCING",
    [STATE_SHIPPED] = "SHIPPED",
    [STATE_READY_TO_ISSUE] = "READY_TO_ISSUE",
    [STATE_ISSUING] = "ISSUING",
    [STATE_ISSUED] = "ISSUED",
    [STATE_COMPLETED] = "COMPLETED",
    [STATE_RETURNED] = "RETURNED",
    [STATE_ISSUE_FAILED] = "ISSUE_FAILED",
    [STATE_REFUNDING] = "REFUNDING",
    [STATE_REJECTED] = "REJECTED",
    [STATE_CANCELLED] = "CANCELLED",
    [STATE_EXPIRED] = "EXPIRED",
};

enum gate flow_next(const struct flow_gate *list, size_t count, size_t *at) {
    for (size_t i = 0; i < count; i++) {
        if (list[i].status == GATE_OPEN || list[i].status == GATE_FAILED) {
            if (at != NULL) {
                *at = i;
            }
            return list[i].gate;
        }
    }
    return GATE_NONE;
}

enum order_state flow_state(const struct flow_gate *list, size_t count) {
    enum gate next = flow_next(list, count, NULL);
    if (next == GATE_NONE) {
        return STATE_COMPLETED;
    }
    return next == GATE_SHIP && flow_has(list, count, GATE_PRODUCE) ? STATE_PRODUCING
                                                                    : gates[next].state;
}

void flow_waive(struct flow_gate *list, size_t count, unsigned set) {
    for (size_t i = 0; i < count; i++) {
        if ((set & GATES(list[i].gate)) != 0 && list[i].status == GATE_OPEN) {
            list[i].status = GATE_WAIVED;
        }
    }
}

bool flow_has(const struct flow_gate *list, size_t count, enum gate gate) {
    for (size_t i = 0; i < count; i++) {
        if (list[i].gate == gate && list[i].status != GATE_WAIVED) {
            return true;
        }
    }
    return false;
}

bool state_is_final(enum order_state state) {
    return state == STATE_COMPLETED || state == STATE_REJECTED || state == STATE_CANCELLED ||
           state == STATE_EXPIRED;
}

const char *kind_lane(enum order_kind kind) {
    return kinds[kind].lane;
}

const char *kind_name(enum order_kind kind) {
    return kinds[kind].name;
}

enum order_kind kind_of(const char *name) {
    unsigned i = 0;
    while (i < KIND_COUNT && strcmp(kinds[i].name, name) != 0) {
        i++;
    }
    return (enum order_kind)i;
}

static const char *const media[MEDIUM_COUNT] = {[MEDIUM_UKEY] = "UKEY", [MEDIUM_SOFT] = "SOFT"};

const char *medium_name(enum medium medium) {
    return media[medium];
}

enum medium medium_of(const char *name) {
    unsigned i = 0;
    while (i < MEDIUM_COUNT && strcmp(media[i], name) != 0) {
        i++;
    }
    return (enum medium)i;
}

const char *gate_name(enum gate gate) {
    return gates[gate].name;
}

enum gate gate_of(const char *name) {
    unsigned i = 0;
    while (i < GATE_COUNT && strcmp(gates[i].name, name) != 0) {
        i++;
    }
    return (enum gate)i;
}

const char *gate_status_name(enum gate_status status) {
    return gate_statuses[status];
}

bool gate_status_of(const char *name, enum gate_status *out) {
    for (unsigned i = 0; i < LENGTH(gate_statuses); i++) {
        if (strcmp(gate_statuses[i], name) == 0) {
            *out = (enum gate_status)i;
            return true;
        }
    }
    return false;
}

const char *state_name(enum order_state state) {
    return states[state];
}

enum order_state state_of(const char *name) {
    unsigned i = 0;
    while (i < STATE_COUNT && strcmp(states[i], name) != 0) {
        i++;
    }
    return (enum order_state)i;
}

enum subject_type subject_type_of(const char *name) {
    if (strcmp(name, "ORG") == 0) {
        return SUBJECT_ORG;
    }
    return strcmp(name, "PERSON") == 0 ? SUBJECT_PERSON : SUBJECT_ANY;
}
