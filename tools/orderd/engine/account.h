/* Accounts: people who log in without a key (R001-R010), and staff. Phones and addresses are under seal, passwords are slow hashes, and
 * guessing is limited. */
#ifndef TOOLS_ORDERD_ENGINE_ACCOUNT_H
#define TOOLS_ORDERD_ENGINE_ACCOUNT_H

#include "tools/orderd/engine/caller.h"

#include <jansson.h>

enum account_limit {
    PASSWORD_MIN = 6,
    PASSWORD_MAX = 18, /* R002 */
    STAFF_PASSWORD_MAX = 128,
    LOGIN_TRIES = 5, /* wrong passwords of one name in LOGIN_SECONDS */
    LOGIN_TRIES_ADDRESS = 50,
    LOGIN_SECONDS = 900
};

struct registration {
    const char *phone;
    const char *email; /* NULL: none */
    const char *password;
    const char *code; /* sent to the phone for OTP_REGISTER */
};

/* What a login gives. */
struct account_login {
    char secret[SECRET_SIZE]; /* the bearer token, to be given out once */
    struct session session;
    int64_t expires_ms;
};

/* R002: 6 to 18 characters of at least two classes (digits, letters, others). */
bool password_is_valid(const char *password);

/* R001, R005: make an account and log in. `extra` receives `errors` with ORDER_FIELDS_INVALID. ORDER_ACCOUNT_EXISTS, ORDER_CODE_WRONG. */
enum order_error account_register(const struct engine *engine, struct db *db,
                                  const struct registration *registration, enum language language,
                                  struct account_login *out, json_t *extra);

/* Log in with phone, e-mail address or staff name and the password, from `address`. ORDER_PASSWORD_WRONG says the same of both;
 * ORDER_TOO_MANY, with LIMIT_WAIT in `extra`. */
enum order_error account_login(const struct engine *engine, struct db *db, const char *name,
                               const char *password, const char *address, struct account_login *out,
                               json_t *extra);

/* R010: log in with the phone and a code sent to it for OTP_LOGIN. */
enum order_error account_login_code(const struct engine *engine, struct db *db, const char *phone,
                                    const char *code, struct account_login *out);

/* R006. Ends the account's other sessions. */
enum order_error account_change_password(const struct engine *engine, struct db *db,
                                         const struct caller *caller, const char *old_password,
                                         const char *new_password, enum language language,
                                         json_t *extra);

/* Make a member of staff; their passwords are 12 characters at least. ORDER_ACCOUNT_EXISTS when the name is taken. */
enum order_error account_add_staff(const struct engine *engine, struct db *db, const char *name,
                                   enum role role, const char *password);

/* The phone of an account, in clear; "" of staff, who have none here. */
enum order_error account_phone(const struct engine *engine, struct db *db, const char *account,
                               char out[16]);

/* {id, role, name, phone, email, realName}: phone and address masked. */
enum order_error account_view(const struct engine *engine, struct db *db,
                              const struct caller *caller, json_t **out);

#endif
