/* An order as it stands in the store. Read whole; changed only through transition.h. */
#ifndef TOOLS_ORDERD_ENGINE_ORDER_H
#define TOOLS_ORDERD_ENGINE_ORDER_H

#include "tools/orderd/engine/engine.h"
#include "tools/orderd/engine/identifier.h"

enum order_size { HANDLER_NAME_SIZE = 129, HANDLER_PHONE_SIZE = 25, HANDLER_EMAIL_SIZE = 129 };

/* Who is to be asked about the order. Personal data: never in events or logs. */
struct order_handler {
    char name[HANDLER_NAME_SIZE];
    char phone[HANDLER_PHONE_SIZE];
    char email[HANDLER_EMAIL_SIZE];
};

struct order {
    char id[ID_SIZE];
    char number[PUBLIC_NUMBER_SIZE];
    enum order_kind kind;
    enum order_state state;
    char subject[ID_SIZE];
    char certificate[ID_SIZE]; /* internal id of the certificate that the order is about */
    char token[65];            /* serial of the key it is on */
    int64_t version;
    int64_t years;
    int64_t amount_fen;
    struct order_handler handler;
    int64_t created_ms, updated_ms;
    size_t gate_count;
    struct flow_gate gates[FLOW_GATES_MAX];
};

/* Read an order by its public number, or by its internal id. ORDER_NOT_FOUND when there is none. */
enum order_error order_load(struct db *db, const char *number, struct order *out);
enum order_error order_load_id(struct db *db, const char *id, struct order *out);

/* The open order of this subject and lane in the profile; ORDER_NOT_FOUND when there is none. */
enum order_error order_load_open(struct db *db, const char *subject, const char *profile,
                                 const char *lane, struct order *out);

#endif
