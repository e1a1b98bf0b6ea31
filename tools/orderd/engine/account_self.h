/* What people change about their own account: a forgotten password (R009), phone and e-mail address (R005, R006), their real name (R004, R011);
 * and its end. All of it asks for the password or a code, and wrong ones are limited like those of a login. */
#ifndef TOOLS_ORDERD_ENGINE_ACCOUNT_SELF_H
#define TOOLS_ORDERD_ENGINE_ACCOUNT_SELF_H

#include "tools/orderd/engine/account.h"

enum real_name_limit { REAL_NAME_TRIES = 5, REAL_NAME_SECONDS = 24 * 3600 };

/* A new password by a code to the phone (OTP_RESET); all sessions of the account end. ORDER_CODE_WRONG says the same of a phone that
 * nobody has. `extra` receives `errors` with ORDER_FIELDS_INVALID. */
enum order_error account_reset_password(const struct engine *engine, struct db *db,
                                        const char *phone, const char *code, const char *password,
                                        enum language language, json_t *extra);

/* Another phone, by the password and a code to the new one (OTP_PHONE). ORDER_ACCOUNT_EXISTS when another account has it. */
enum order_error account_change_phone(const struct engine *engine, struct db *db,
                                      const struct caller *caller, const char *phone,
                                      const char *code, const char *password, json_t *extra);

/* A code to an address that is to become the account's. */
enum order_error account_send_email_code(const struct engine *engine, struct db *db,
                                         const struct caller *caller, const char *email,
                                         const char *from, int64_t *expires_ms, json_t *extra);

/* Another e-mail address, by the password and the code. ORDER_ACCOUNT_EXISTS as above. */
enum order_error account_change_email(const struct engine *engine, struct db *db,
                                      const struct caller *caller, const char *email,
                                      const char *code, const char *password, json_t *extra);

/* R004, R011: {method: "PHONE" | "BANK_CARD", name, idType, idNumber, bankCard?}, checked with the account's own phone. `extra` receives
 * `errors` with ORDER_FIELDS_INVALID, of what is malformed or, after the check, of what differs. Once passed it stays. */
enum order_error account_prove_name(const struct engine *engine, struct db *db,
                                    const struct caller *caller, const json_t *body, json_t *extra);

/* Close the account: nobody logs in to it again, its phone and address may register anew. ORDER_OPEN_EXISTS, with `order` in `extra`,
 * while an order of it is open. */
enum order_error account_close(const struct engine *engine, struct db *db,
                               const struct caller *caller, const char *password, json_t *extra);

/* End the session of this bearer token. */
enum order_error account_log_out(struct db *db, const char *secret);

#endif
