/* See material.h. */
#include "tools/orderd/engine/material.h"

#include "tools/orderd/engine/blob.h"
#include "tools/orderd/engine/field.h"
#include "tools/orderd/engine/transition.h"

#include <stdio.h>
#include <string.h>

struct format_row {
    enum document_format format;
    const char *name;
    const char *mime;
};
static const struct format_row formats[] = {
    {FORMAT_JPEG, "jpg", "image/jpeg"},     {FORMAT_PNG, "png", "image/png"},
    {FORMAT_BMP, "bmp", "image/bmp"},       {FORMAT_GIF, "gif", "image/gif"},
    {FORMAT_PDF, "pdf", "application/pdf"},
};
enum { FORMATS = sizeof formats / sizeof formats[0] };

static unsigned format_of(const char *mime) {
    for (size_t i = 0; i < FORMATS; i++) {
        if (strcmp(formats[i].mime, mime) == 0) {
            return formats[i].format;
        }
    }
    return 0;
}

/* ---- the rules ---- */

static bool rule_is_for(const struct document_rule *rule, const struct order *order,
                        enum subject_type subject) {
    return (rule->kinds & KINDS(order->kind)) != 0 && (rule->subjects & subject) != 0;
}

static const struct document_rule *rule_of(const struct engine *engine, const struct order *order,
                                           enum subject_type subject, const char *type) {
    const struct profile *profile = engine->profile;
    for (size_t i = 0; i < profile->document_count; i++) {
        if (rule_is_for(&profile->documents[i], order, subject) &&
            strcmp(profile->documents[i].type, type) == 0) {
            return &profile->documents[i];
        }
    }
    return NULL;
}

static enum order_error subject_of(const struct engine *engine, struct db *db,
                                   const struct order *order, enum subject_type *out) {
    struct subject_record subject;
    enum order_error error = registry_subject(engine, db, order->subject, &subject);
    *out = subject_type_of(subject.type);
    return error;
}

/* ---- looking ---- */

/* The document of this type as JSON, or NULL. */
static enum order_error view_document(struct db *db, const struct order *order, const char *type,
                                      json_t **out) {
    struct db_rows *rows = NULL;
    *out = NULL;
    enum db_result result =
        db_query(db, &rows,
                 "SELECT sha256, mime, bytes, width, height, dpi, created FROM documents WHERE "
                 "order_id = $1 AND type = $2",
                 "tt", order->id, type);
    if (result != DB_OK) {
        return order_error_of(result);
    }
    result = db_next(rows);
    if (result == DB_OK) {
        *out = json_pack("{s:s,s:s,s:I,s:I,s:I,s:I,s:I}", "sha256", db_text(rows, 0), "mime",
                         db_text(rows, 1), "bytes", (json_int_t)db_int(rows, 2), "width",
                         (json_int_t)db_int(rows, 3), "height", (json_int_t)db_int(rows, 4), "dpi",
                         (json_int_t)db_int(rows, 5), "created", (json_int_t)db_int(rows, 6));
    }
    db_end(rows);
    return result == DB_OK || result == DB_DONE ? ORDER_OK : order_error_of(result);
}

static json_t *view_formats(unsigned allowed) {
    json_t *list = json_array();
    for (size_t i = 0; i < FORMATS; i++) {
        if ((allowed & formats[i].format) != 0) {
            json_array_append_new(list, json_string(formats[i].name));
        }
    }
    return list;
}

enum order_error material_list(const struct engine *engine, struct db *db,
                               const struct caller *caller, const char *number, json_t **out) {
    struct order order;
    enum subject_type subject = SUBJECT_ANY;
    const struct profile *profile = engine->profile;
    json_t *list = json_array();
    *out = NULL;
    enum order_error error = order_of_caller(db, caller, number, &order);
    if (error == ORDER_OK) {
        error = subject_of(engine, db, &order, &subject);
    }
    for (size_t i = 0; error == ORDER_OK && i < profile->document_count; i++) {
        const struct document_rule *rule = &profile->documents[i];
        json_t *document = NULL;
        if (!rule_is_for(rule, &order, subject)) {
            continue;
        }
        error = view_document(db, &order, rule->type, &document);
        json_t *item =
            json_pack("{s:s,s:b,s:o,s:I,s:i,s:b}", "type", rule->type, "required",
                      (int)rule->required, "formats", view_formats(rule->limits->formats),
                      "maxBytes", (json_int_t)rule->limits->max_bytes, "minDpi",
                      rule->limits->min_dpi, "colour", (int)rule->limits->colour);
        if (document != NULL) {
            json_object_set_new(item, "document", document);
        }
        json_array_append_new(list, item);
    }
    if (error != ORDER_OK) {
        json_decref(list);
        return error;
    }
    *out = json_pack("{s:o}", "documents", list);
    return *out != NULL ? ORDER_OK : ORDER_INTERNAL;
}

/* ---- uploading ---- */

enum order_error material_inspect(const struct engine *engine, const struct document_limits *limits,
                                  const char *type, const void *data, size_t len,
                                  enum language language, struct inspection *out, json_t *errors) {
    if (len == 0 || (int64_t)len > limits->max_bytes) {
        field_refuse(errors, type, len == 0 ? TEXT_DOCUMENT_EMPTY : TEXT_DOCUMENT_BYTES, language);
        return ORDER_OK;
    }
    if (!inspector_run(engine->inspector, data, len, out)) {
        return ORDER_INTERNAL;
    }
    if (!out->good) {
        field_refuse(errors, type,
                     strcmp(out->why, "pixels") == 0   ? TEXT_DOCUMENT_PIXELS
                     : strcmp(out->why, "format") == 0 ? TEXT_DOCUMENT_FORMAT
                                                       : TEXT_DOCUMENT_DAMAGED,
                     language);
        return ORDER_OK;
    }
    if ((format_of(out->mime) & limits->formats) == 0) {
        field_refuse(errors, type, TEXT_DOCUMENT_FORMAT, language);
    }
    bool drawn = strcmp(out->mime, "application/pdf") == 0;
    if (!drawn && out->dpi < limits->min_dpi) {
        field_refuse(errors, type, TEXT_DOCUMENT_DPI, language);
    }
    if (!drawn && limits->colour && !out->colour) {
        field_refuse(errors, type, TEXT_DOCUMENT_COLOUR, language);
    }
    return ORDER_OK;
}

static enum order_error refuse_if(json_t *errors, json_t *extra, enum order_error refusal) {
    if (json_array_size(errors) == 0) {
        json_decref(errors);
        return ORDER_OK;
    }
    json_object_set_new(extra, "errors", errors);
    return refusal;
}

/* The order, if its documents may change, and the rule for this type. */
static enum order_error order_to_fill(const struct engine *engine, struct db *db,
                                      const struct caller *caller, const char *number,
                                      int64_t version, const char *type, struct order *out,
                                      const struct document_rule **rule) {
    enum subject_type subject = SUBJECT_ANY;
    enum order_error error = order_to_change(db, caller, number, version, out);
    if (error == ORDER_OK) {
        error = subject_of(engine, db, out, &subject);
    }
    if (error == ORDER_OK) {
        *rule = rule_of(engine, out, subject, type);
        error = *rule == NULL                         ? ORDER_NOT_FOUND
                : out->state != STATE_AWAIT_MATERIALS ? ORDER_WRONG_STATE
                                                      : ORDER_OK;
    }
    return error;
}

static enum order_error write_document(const struct engine *engine, struct db *db,
                                       const struct order *order, const char *type,
                                       const char *sha256, size_t len,
                                       const struct inspection *inspection) {
    return order_error_of(db_run(
        db, NULL,
        "INSERT INTO documents (order_id, type, sha256, mime, bytes, width, height, dpi, colour, "
        "created) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) ON CONFLICT (order_id, type) DO "
        "UPDATE SET sha256 = $3, mime = $4, bytes = $5, width = $6, height = $7, dpi = $8, colour "
        "= $9, viewed = '', created = $10",
        "ttttiiiiii", order->id, type, sha256, inspection->mime, (int64_t)len,
        (int64_t)inspection->width, (int64_t)inspection->height, (int64_t)inspection->dpi,
        (int64_t)inspection->colour, engine_now_ms(engine)));
}

enum order_error material_put(const struct engine *engine, struct db *db,
                              const struct caller *caller, const char *number, int64_t version,
                              const char *type, const void *data, size_t len, struct order *out,
                              json_t *extra) {
    const struct document_rule *rule = NULL;
    struct inspection inspection = {.good = false};
    char sha256[DIGEST_HEX_SIZE];
    json_t *errors = json_array();
    enum order_error error = order_to_fill(engine, db, caller, number, version, type, out, &rule);
    if (error == ORDER_OK) {
        error = material_inspect(engine, rule->limits, type, data, len, caller->language,
                                 &inspection, errors);
    }
    if (error != ORDER_OK) {
        json_decref(errors);
        return error;
    }
    error = refuse_if(errors, extra, ORDER_DOCUMENT_REFUSED);
    if (error == ORDER_OK) {
        error = blob_put(engine->blobs, data, len, sha256);
    }
    if (error == ORDER_OK) {
        error = order_error_of(db_begin(db));
    }
    if (error == ORDER_OK) {
        error = write_document(engine, db, out, type, sha256, len, &inspection);
    }
    if (error == ORDER_OK) {
        json_t *note = json_pack("{s:s,s:s}", "type", type, "sha256", sha256);
        error = transition_apply(engine, db, out, T04_DOCUMENT, caller_actor(caller), NULL, note);
        json_decref(note);
    }
    if (error == ORDER_OK) {
        error = order_error_of(db_commit(db));
    }
    db_rollback(db);
    return error;
}

enum order_error material_delete(const struct engine *engine, struct db *db,
                                 const struct caller *caller, const char *number, int64_t version,
                                 const char *type, struct order *out) {
    const struct document_rule *rule = NULL;
    int64_t changed = 0;
    enum order_error error = order_error_of(db_begin(db));
    if (error == ORDER_OK) {
        error = order_to_fill(engine, db, caller, number, version, type, out, &rule);
    }
    if (error == ORDER_OK) {
        error = order_error_of(db_run(db, &changed,
                                      "DELETE FROM documents WHERE order_id = $1 AND type = $2",
                                      "tt", out->id, type));
    }
    if (error == ORDER_OK && changed == 0) {
        error = ORDER_NOT_FOUND;
    }
    if (error == ORDER_OK) {
        json_t *note = json_pack("{s:s}", "deleted", type);
        error = transition_apply(engine, db, out, T04_DOCUMENT, caller_actor(caller), NULL, note);
        json_decref(note);
    }
    if (error == ORDER_OK) {
        error = order_error_of(db_commit(db));
    }
    db_rollback(db);
    return error;
}

static enum order_error name_missing(const struct engine *engine, struct db *db,
                                     const struct order *order, enum language language,
                                     json_t *errors) {
    enum subject_type subject = SUBJECT_ANY;
    const struct profile *profile = engine->profile;
    enum order_error error = subject_of(engine, db, order, &subject);
    for (size_t i = 0; error == ORDER_OK && i < profile->document_count; i++) {
        const struct document_rule *rule = &profile->documents[i];
        json_t *document = NULL;
        if (rule_is_for(rule, order, subject) && rule->required) {
            error = view_document(db, order, rule->type, &document);
            if (error == ORDER_OK && document == NULL) {
                field_refuse(errors, rule->type, TEXT_DOCUMENT_MISSING, language);
            }
            json_decref(document);
        }
    }
    return error;
}

enum order_error material_done(const struct engine *engine, struct db *db,
                               const struct caller *caller, const char *number, int64_t version,
                               struct order *out, json_t *extra) {
    json_t *errors = json_array();
    enum order_error error = order_error_of(db_begin(db));
    if (error == ORDER_OK) {
        error = order_to_change(db, caller, number, version, out);
    }
    if (error == ORDER_OK && !transition_is_allowed(out, T05_MATERIALS_DONE)) {
        error = ORDER_WRONG_STATE;
    }
    if (error == ORDER_OK) {
        error = name_missing(engine, db, out, caller->language, errors);
    }
    if (error == ORDER_OK) {
        error = refuse_if(errors, extra, ORDER_FIELDS_INVALID);
        errors = NULL;
    }
    if (error == ORDER_OK) {
        error =
            transition_apply(engine, db, out, T05_MATERIALS_DONE, caller_actor(caller), NULL, NULL);
    }
    if (error == ORDER_OK) {
        error = order_error_of(db_commit(db));
    }
    db_rollback(db);
    json_decref(errors);
    return error;
}

/* ---- giving out ---- */

enum order_error material_get(const struct engine *engine, struct db *db,
                              const struct caller *caller, const char *number, const char *type,
                              struct octets *bytes, char mime[32]) {
    struct order order;
    json_t *document = NULL;
    *bytes = (struct octets){NULL, 0};
    enum order_error error = order_of_caller(db, caller, number, &order);
    if (error == ORDER_OK) {
        error = view_document(db, &order, type, &document);
        error = error == ORDER_OK && document == NULL ? ORDER_NOT_FOUND : error;
    }
    if (error == ORDER_OK) {
        snprintf(mime, 32, "%s", json_string_value(json_object_get(document, "mime")));
        error = blob_get(engine->blobs, json_string_value(json_object_get(document, "sha256")),
                         MATERIAL_MAX, bytes);
    }
    if (error == ORDER_OK && caller_is(caller, ROLE_REVIEWER)) {
        error = order_error_of(
            db_run(db, NULL, "UPDATE documents SET viewed = $3 WHERE order_id = $1 AND type = $2",
                   "ttt", order.id, type, caller->session.account));
    }
    json_decref(document);
    return error;
}

enum order_error material_is_seen(struct db *db, const struct order *order, const char *reviewer,
                                  bool *out) {
    struct db_rows *rows = NULL;
    enum db_result result =
        db_query(db, &rows, "SELECT COUNT(*) FROM documents WHERE order_id = $1 AND viewed <> $2",
                 "tt", order->id, reviewer);
    *out = false;
    if (result != DB_OK) {
        return order_error_of(result);
    }
    result = db_next(rows);
    *out = result == DB_OK && db_int(rows, 0) == 0;
    db_end(rows);
    return order_error_of(result);
}
