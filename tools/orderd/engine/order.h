/* An order as it stands in the store. Read whole; changed only through transition.h. What was filled in is apart (form.h), since it is
 * personal data under seal. */
#ifndef TOOLS_ORDERD_ENGINE_ORDER_H
#define TOOLS_ORDERD_ENGINE_ORDER_H

#include "tools/orderd/engine/engine.h"
#include "tools/orderd/engine/identifier.h"

enum order_size { TOKEN_SERIAL_SIZE = 65, LOCKED_SIZE = 512 };

struct order {
    char id[ID_SIZE];
    char number[PUBLIC_NUMBER_SIZE];
    enum order_kind kind;
    enum order_state state;
    enum medium medium;
    char subject[ID_SIZE];
    char account[ID_SIZE];     /* who made it, or "" when a key did */
    char certificate[ID_SIZE]; /* internal id of the certificate that the order is about, or "" */
    char token[TOKEN_SERIAL_SIZE]; /* serial of the key it is on, or "" */
    char source[ID_SIZE];          /* the order that it copies or continues, or "" */
    char linked[ID_SIZE];          /* shared by orders that were made together, or "" */
    char
        locked[LOCKED_SIZE]; /* entries of the form that came from upstream (R012): ",name,name," */
    enum order_state closing; /* while REFUNDING: what it will be then; else STATE_COUNT */
    int64_t version;
    int64_t years;
    int64_t amount_fen;
    int64_t created_ms, updated_ms;
    size_t gate_count;
    struct flow_gate gates[FLOW_GATES_MAX];
};

/* The first gate that is not done, or GATE_NONE. */
enum gate order_next_gate(const struct order *order);

/* Read an order by its public number, or by its internal id. ORDER_NOT_FOUND when there is none. */
enum order_error order_load(struct db *db, const char *number, struct order *out);
enum order_error order_load_id(struct db *db, const char *id, struct order *out);

/* The open order of this subject and lane in the profile; ORDER_NOT_FOUND when there is none. */
enum order_error order_load_open(struct db *db, const char *subject, const char *profile,
                                 const char *lane, struct order *out);

#endif
