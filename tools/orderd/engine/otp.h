/* One-time codes by SMS and mail (order-domain.md 7): bound to purpose, target and recipient; five minutes, five tries, once. */
#ifndef TOOLS_ORDERD_ENGINE_OTP_H
#define TOOLS_ORDERD_ENGINE_OTP_H

#include "tools/orderd/engine/order.h"
#include "tools/orderd/text.h"

enum otp_limit { OTP_SECONDS = 300, OTP_TRIES = 5, OTP_RESEND_SECONDS = 60, OTP_PER_HOUR = 10 };

enum otp_purpose { OTP_REGISTER, OTP_LOGIN, OTP_QUERY, OTP_CONFIRM, OTP_PURPOSES };

/* What a code is for. */
struct otp {
    enum otp_purpose purpose;
    const char *target;    /* what exactly: an order's digest, a subject's id, "" */
    const char *recipient; /* the phone that it goes to */
};

/* Make a code and send it. ORDER_CODE_TOO_SOON within a minute of the last, ORDER_TOO_MANY for a phone or address (`from`, may be NULL)
 * that asks too often. Transactions of its own. *expires_ms: until when it counts. */
enum order_error otp_send(const struct engine *engine, struct db *db, const struct otp *otp,
                          const char *from, int64_t *expires_ms);

/* Compare a code. Each try counts, committed at once: outside any transaction. ORDER_CODE_WRONG when it is wrong, used, over or tried too
 * often. `id` names it for otp_use. */
enum order_error otp_check(const struct engine *engine, struct db *db, const struct otp *otp,
                           const char *code, char id[ID_SIZE]);

/* Use the code up together with what it allows: in the caller's transaction. ORDER_CODE_WRONG when it was used meanwhile. */
enum order_error otp_use(struct db *db, const char *id);

#endif
