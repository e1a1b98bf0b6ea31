/* The documents of an order (T04, T05; R090-R113): which are wanted is the profile's table; what is uploaded must be what it says. */
#ifndef TOOLS_ORDERD_ENGINE_MATERIAL_H
#define TOOLS_ORDERD_ENGINE_MATERIAL_H

#include "tools/orderd/engine/caller.h"

#include <jansson.h>

enum material_limit { MATERIAL_MAX = 8 << 20, MATERIAL_TYPE_MAX = 32 };

/* What is wanted and what is there: [{type, required, formats, maxBytes, minDpi, colour, document?}]. */
enum order_error material_list(const struct engine *engine, struct db *db,
                               const struct caller *caller, const char *number, json_t **out);

/* T04: keep a document of this type, instead of an earlier one. `extra` receives `errors` with ORDER_DOCUMENT_REFUSED: what is wrong with
 * it. The order's version grows, since a reviewer must not judge what has been replaced. */
enum order_error material_put(const struct engine *engine, struct db *db,
                              const struct caller *caller, const char *number, int64_t version,
                              const char *type, const void *data, size_t len, struct order *out,
                              json_t *extra);

/* R100: take a document back. */
enum order_error material_delete(const struct engine *engine, struct db *db,
                                 const struct caller *caller, const char *number, int64_t version,
                                 const char *type, struct order *out);

/* T05: everything that is required is there; `extra` receives `errors` that name what is missing. */
enum order_error material_done(const struct engine *engine, struct db *db,
                               const struct caller *caller, const char *number, int64_t version,
                               struct order *out, json_t *extra);

/* A document's bytes and MIME type, for its owner and for reviewers; a reviewer's look is noted. *bytes is the caller's. */
enum order_error material_get(const struct engine *engine, struct db *db,
                              const struct caller *caller, const char *number, const char *type,
                              struct octets *bytes, char mime[32]);

/* Has this reviewer seen every document of the order? */
enum order_error material_is_seen(struct db *db, const struct order *order, const char *reviewer,
                                  bool *out);

/* Is this a picture or PDF within the limits? Appends to `errors` what is not; also used for vouchers. */
enum order_error material_inspect(const struct engine *engine, const struct document_limits *limits,
                                  const char *type, const void *data, size_t len,
                                  enum language language, struct inspection *out, json_t *errors);

#endif
