/* See download.h. */
#include "tools/orderd/engine/download.h"

#include "tools/orderd/engine/field.h"
#include "tools/orderd/engine/form.h"
#include "tools/orderd/engine/otp.h"
#include "tools/orderd/engine/task.h"
#include "tools/orderd/engine/unlock.h"

bool download_wants_code(const struct engine *engine, const struct order *order) {
    enum issue_way way = issue_way_of(order);
    return way == WAY_CODE || way == WAY_FILE || (way == WAY_HOLDER && unlock_wants_code(engine));
}

static bool is_unlock(const struct order *order) {
    return issue_way_of(order) == WAY_HOLDER;
}

/* Where codes go to: *form is the caller's and holds the address. */
static enum order_error recipient(const struct engine *engine, struct db *db,
                                  const struct order *order, json_t **form, struct otp *out) {
    enum order_error error = form_load(engine, db, order, form);
    if (error == ORDER_OK) {
        *out = is_unlock(order)
                   ? (struct otp){OTP_UNLOCK, order->number, form_text(*form, "handlerPhone")}
                   : (struct otp){OTP_DOWNLOAD, order->number, form_text(*form, "handlerEmail")};
    }
    return error;
}

enum order_error download_send(const struct engine *engine, struct db *db,
                               const struct order *order) {
    json_t *form = NULL;
    struct otp otp;
    int64_t expires_ms = 0;
    enum order_error error = recipient(engine, db, order, &form, &otp);
    if (error == ORDER_OK && otp.recipient[0] != '\0') {
        error = otp_put(engine, db, &otp, &expires_ms);
    }
    json_decref(form);
    return error;
}

enum order_error download_send_again(const struct engine *engine, struct db *db,
                                     const struct caller *caller, const char *number,
                                     const char *address, char to[64], int64_t *expires_ms,
                                     json_t *extra) {
    struct order order;
    struct otp otp;
    json_t *form = NULL;
    enum order_error error = task_order(db, caller, number, &order);
    if (error == ORDER_OK && !download_wants_code(engine, &order)) {
        error = ORDER_METHOD_NOT_OFFERED;
    }
    if (error == ORDER_OK && order.state != STATE_READY_TO_ISSUE && order.state != STATE_ISSUING) {
        error = ORDER_WRONG_STATE;
    }
    if (error == ORDER_OK) {
        error = recipient(engine, db, &order, &form, &otp);
    }
    if (error == ORDER_OK) {
        if (is_unlock(&order)) {
            mask_phone(otp.recipient, to, 64);
        } else {
            mask_email(otp.recipient, to, 64);
        }
        error = otp.recipient[0] != '\0' ? otp_send(engine, db, &otp, address, expires_ms, extra)
                                         : ORDER_NOT_OFFERED;
    }
    json_decref(form);
    return error;
}

enum order_error download_use_up(struct db *db, const struct order *order) {
    return otp_use_up(db, is_unlock(order) ? OTP_UNLOCK : OTP_DOWNLOAD, order->number);
}

enum order_error download_check(const struct engine *engine, struct db *db,
                                const struct order *order, const char *code) {
    char id[ID_SIZE];
    json_t *form = NULL;
    struct otp otp;
    enum order_error error = recipient(engine, db, order, &form, &otp);
    if (error == ORDER_OK) {
        error = otp_check(engine, db, &otp, code, id);
    }
    json_decref(form);
    return error;
}
