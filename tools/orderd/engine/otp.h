/* One-time codes by SMS and mail (order-domain.md 7): bound to purpose, target and recipient; five minutes, five tries, once. Those
 * of a download and of an unlock live 30 days and one, and count until otp_use_up. */
#ifndef TOOLS_ORDERD_ENGINE_OTP_H
#define TOOLS_ORDERD_ENGINE_OTP_H

#include "tools/orderd/engine/order.h"
#include "tools/orderd/text.h"

#include <jansson.h>

enum otp_limit {
    OTP_SECONDS = 300,
    OTP_DOWNLOAD_SECONDS = 30 * 24 * 3600,
    OTP_UNLOCK_SECONDS = 24 * 3600,
    OTP_TRIES = 5,
    OTP_RESEND_SECONDS = 60,
    OTP_PER_HOUR = 10
};

enum otp_purpose {
    OTP_REGISTER,
    OTP_LOGIN,
    OTP_CONFIRM,
    OTP_QUERY,
    OTP_RESET,
    OTP_PHONE,
    OTP_EMAIL,
    OTP_DOWNLOAD,
    OTP_UNLOCK,
    OTP_PURPOSES
};

/* What a code is for. */
struct otp {
    enum otp_purpose purpose;
    const char *target; /* what exactly: an order's digest or number, a subject's id, "" */
    const char
        *recipient; /* the phone or, of OTP_DOWNLOAD and OTP_EMAIL, the address that it goes to */
};

/* Make a code and send it. ORDER_CODE_TOO_SOON within a minute of the last, ORDER_TOO_MANY for a phone or address (`from`, may be NULL)
 * that asks too often; `extra` (may be NULL) says how long to wait. Transactions of its own. *expires_ms: until when it counts. */
enum order_error otp_send(const struct engine *engine, struct db *db, const struct otp *otp,
                          const char *from, int64_t *expires_ms, json_t *extra);

/* The same in the caller's transaction, without limits: for what the service sends by itself. */
enum order_error otp_put(const struct engine *engine, struct db *db, const struct otp *otp,
                         int64_t *expires_ms);

/* Compare a code. Each try counts, committed at once: outside any transaction. ORDER_CODE_WRONG when it is wrong, used, over or tried too
 * often. `id` names it for otp_use. */
enum order_error otp_check(const struct engine *engine, struct db *db, const struct otp *otp,
                           const char *code, char id[ID_SIZE]);

/* Use the code up together with what it allows: in the caller's transaction. ORDER_CODE_WRONG when it was used meanwhile. */
enum order_error otp_use(struct db *db, const char *id);

/* What the codes allowed is done: none of this purpose and target counts any more. In the caller's transaction. */
enum order_error otp_use_up(struct db *db, enum otp_purpose purpose, const char *target);

#endif
