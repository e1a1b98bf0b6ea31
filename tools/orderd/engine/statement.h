/* The application confirmation (R120-R122, T06): what the applicant is shown by the agent and signs on the key. */
#ifndef TOOLS_ORDERD_ENGINE_STATEMENT_H
#define TOOLS_ORDERD_ENGINE_STATEMENT_H

#include "module/formats/octets.h"
#include "tools/orderd/engine/caller.h"

/* SM3 in hex of the canonical order: number, kind, holder, certificate, key, term, amount, handler and the wording's version. Whatever
 * changes one of these changes the digest. */
enum order_error statement_digest(const struct engine *engine, struct db *db,
                                  const struct order *order, char out[DIGEST_HEX_SIZE]);

/* The statement of an order that awaits confirmation, in the caller's language, with a fresh nonce:
 * {title, fields:[{label, value}], order, digest, nonce}. */
enum order_error statement_make(const struct engine *engine, struct db *db,
                                const struct caller *caller, const char *number, json_t **out);

/* T06: verify the signed statement (DER GM SignedData) and keep it as consent. It must be, byte for byte, the canonical object of the
 * statement that the nonce was made for, for an allowed origin, signed by the order's own certificate. `address` (may be NULL) is
 * where the request came from. */
enum order_error statement_confirm(const struct engine *engine, struct db *db,
                                   const struct caller *caller, const char *number, int64_t version,
                                   const struct octets *signature, const char *address,
                                   struct order *out);

/* R120: send a code to the handler's phone; whoever enters it confirms the order as it is now (its digest), and no other.
 * *expires_ms: until when it counts; `phone` receives the masked phone. */
enum order_error statement_send_code(const struct engine *engine, struct db *db,
                                     const struct caller *caller, const char *number,
                                     const char *address, char phone[16], int64_t *expires_ms,
                                     json_t *extra);

/* T06 by the code. */
enum order_error statement_confirm_code(const struct engine *engine, struct db *db,
                                        const struct caller *caller, const char *number,
                                        int64_t version, const char *code, const char *address,
                                        struct order *out);

/* T06 by the answer to the security question (R032), where the portal takes it. */
enum order_error statement_confirm_answer(const struct engine *engine, struct db *db,
                                          const struct caller *caller, const char *number,
                                          int64_t version, const char *answer, const char *address,
                                          struct order *out, json_t *extra);

#endif
