/* SMS, mail and messages in the portal (R033, R270-R272): put into the outbox under seal, delivered by the messenger. */
#ifndef TOOLS_ORDERD_ENGINE_MESSAGE_H
#define TOOLS_ORDERD_ENGINE_MESSAGE_H

#include "tools/orderd/engine/order.h"
#include "tools/orderd/engine/outbox.h"
#include "tools/orderd/text.h"

/* Outbox topic of SMS and mail. Payload {medium, sealed}: recipient, subject and body are nobody else's business. */
#define TOPIC_MESSAGE "message"

/* Put one SMS (`subject` NULL) or mail into the outbox; in the caller's transaction. */
enum order_error message_put(const struct engine *engine, struct db *db, const char *recipient,
                             const char *subject, const char *body);

/* Hand one over to the messenger; `id` is the outbox item's. */
enum order_error message_deliver(const struct engine *engine, struct db *db, const char *id,
                                 const json_t *payload);

/* Tell the applicant where the order stands (TOPIC_NOTIFY): SMS and mail to the handler, a message to the account. In a transaction of
 * its own; told once for each outbox item. */
enum order_error message_notify(const struct engine *engine, struct db *db, const char *id,
                                const json_t *payload);

#endif
