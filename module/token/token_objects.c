/* The objects on a token: listing, handles, values read once, the attribute file. */
#include "module/token/object_memory.h"

#include "module/log.h"

#include <openssl/crypto.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct token_object_list *token_objects_new(void) {
    struct token_object_list *objects = calloc(1, sizeof(*objects));
    if (objects != NULL) {
        objects->next_handle = 1;
    }
    return objects;
}

static void drop_key_values(struct key_entry *entry) {
    entry->public_key_known = false;
    entry->public_key_remembered = false;
    entry->certificate_known = false;
    octets_free(&entry->certificate);
}

static void drop_file_value(struct file_entry *entry) {
    entry->value_known = false;
    octets_free(&entry->value);
}

static void free_key(struct key_entry *entry) {
    if (entry != NULL) {
        drop_key_values(entry);
        free(entry);
    }
}

static void free_file(struct file_entry *entry) {
    if (entry != NULL) {
        drop_file_value(entry);
        free(entry);
    }
}

void token_objects_free(struct token_object_list *objects) {
    if (objects == NULL) {
        return;
    }
    for (size_t i = 0; i < objects->key_count; i++) {
        free_key(objects->keys[i]);
    }
    for (size_t i = 0; i < objects->file_count; i++) {
        free_file(objects->files[i]);
    }
    free(objects->keys);
    free(objects->files);
    free(objects);
}

void token_objects_renumber_private(struct token_object_list *objects) {
    for (size_t i = 0; i < objects->key_count; i++) {
        if (objects->keys[i]->private_handle != 0) {
            objects->keys[i]->private_handle = objects->next_handle++;
        }
    }
    for (size_t i = 0; i < objects->file_count; i++) {
        if (objects->files[i]->file.is_private) {
            objects->files[i]->handle = objects->next_handle++;
        }
    }
}

void token_objects_outdate(struct token_object_list *objects) {
    for (size_t i = 0; i < objects->key_count; i++) {
        drop_key_values(objects->keys[i]);
    }
    for (size_t i = 0; i < objects->file_count; i++) {
        drop_file_value(objects->files[i]);
    }
    objects->keys_listed = false;
    objects->files_listed = false;
}

void token_objects_changed(struct token *token, const char *container) {
    struct token_object_list *objects = token->objects;
    for (size_t i = 0; i < objects->key_count; i++) {
        if (container != NULL && strcmp(objects->keys[i]->key.container, container) == 0) {
            drop_key_values(objects->keys[i]);
            objects->keys[i]->public_key_seen = false;
        }
    }
    objects->keys_listed = false;
}

void token_objects_certificate_gone(struct token *token, const char *container) {
    struct token_object_list *objects = token->objects;
    for (size_t i = 0; i < objects->key_count; i++) {
        if (strcmp(objects->keys[i]->key.container, container) == 0) {
            objects->keys[i]->certificate_handle = 0;
        }
    }
    token_objects_changed(token, container);
}

void token_objects_files_changed(struct token *token) {
    token->objects->files_listed = false;
}

void token_objects_file_gone(struct token *token, const char *name) {
    struct token_object_list *objects = token->objects;
    size_t kept = 0;
    for (size_t i = 0; i < objects->file_count; i++) {
        if (strcmp(objects->files[i]->file.name, name) == 0) {
            free_file(objects->files[i]);
        } else {
            objects->files[kept++] = objects->files[i];
        }
    }
    objects->file_count = kept;
    objects->files_listed = false;
}

/* ---- keys ---- */

/* The entry that already stands for this pair, taken out of the old list; else a new one. */
static struct key_entry *take_key(struct token_object_list *objects, const struct token_key *key) {
    for (size_t i = 0; i < objects->key_count; i++) {
        struct key_entry *entry = objects->keys[i];
        if (entry != NULL && entry->key.usage == key->usage &&
            strcmp(entry->key.container, key->container) == 0) {
            objects->keys[i] = NULL;
            return entry;
        }
    }
    struct key_entry *entry = calloc(1, sizeof(*entry));
    if (entry != NULL) {
        entry->private_handle = objects->next_handle++;
        entry->public_handle = objects->next_handle++;
    }
    return entry;
}

static enum token_error default_attributes(struct token *token, struct key_entry *entry) {
    struct attribute_record *a = &entry->attributes;
    *a = (struct attribute_record){.usage = entry->key.usage, .id_len = 20};
    _Static_assert(sizeof(a->id) >= sizeof(entry->key.id), "an id of a place fits");
    snprintf(a->container, sizeof(a->container), "%s", entry->key.container);
    _Static_assert(sizeof(a->label) >= sizeof(a->container), "a container name is a label");
    snprintf(a->label, sizeof(a->label), "%s", entry->key.container);
    if (entry->key.id_len > 0) {
        memcpy(a->id, entry->key.id, entry->key.id_len);
        a->id_len = entry->key.id_len;
        return TOKEN_OK;
    }
    return attribute_default_id(token->libctx, a->container, a->usage, a->id);
}

static void apply_record(struct token_object_list *objects, const struct attribute_record *record) {
    for (size_t i = 0; i < objects->key_count; i++) {
        struct attribute_record *a = &objects->keys[i]->attributes;
        if (a->usage != record->usage || strcmp(a->container, record->container) != 0) {
            continue;
        }
        if (record->has_id) {
            a->has_id = true;
            a->id_len = record->id_len;
            memcpy(a->id, record->id, record->id_len);
        }
        if (record->has_label) {
            a->has_label = true;
            memcpy(a->label, record->label, sizeof(a->label));
        }
    }
}

static enum token_error load_attributes(struct token *token) {
    struct token_object_list *objects = token->objects;
    struct octets value;
    if (!token_objects_keep_attributes(token)) {
        return TOKEN_OK;
    }
    enum token_error err =
        token_read_named_file(token, ATTRIBUTE_FILE_NAME, ATTRIBUTE_FILE_SIZE, &value);
    objects->has_attribute_file = err == TOKEN_OK;
    if (err == TOKEN_NOT_FOUND) {
        return TOKEN_OK;
    }
    if (err != TOKEN_OK) {
        return err;
    }
    struct attribute_record record;
    size_t at = 0;
    while (attribute_records_next(value.data, value.len, &at, &record)) {
        apply_record(objects, &record);
    }
    if (at == 0 && value.len > 0 && value.data[0] != 0) {
        log_warn("file " ATTRIBUTE_FILE_NAME " makes no sense: default labels and ids");
    }
    octets_free(&value);
    return TOKEN_OK;
}

/* Replaces the list by what the card has now. */
static enum token_error adopt_keys(struct token *token, const struct token_key_list *list) {
    struct token_object_list *objects = token->objects;
    struct key_entry **keys = calloc(list->count + 1, sizeof(struct key_entry *));
    enum token_error err = keys == NULL ? TOKEN_MEMORY : TOKEN_OK;
    size_t count = 0;
    for (size_t i = 0; err == TOKEN_OK && i < list->count; i++) {
        struct key_entry *entry = take_key(objects, &list->items[i]);
        if (entry == NULL) {
            err = TOKEN_MEMORY;
            break;
        }
        bool was_described = entry->key.is_described;
        enum token_algorithm algorithm = entry->key.algorithm;
        uint32_t bits = entry->key.bits;
        entry->key = list->items[i];
        entry->is_absent = false;
        if (!entry->key.is_described) { /* what it was, so that another key gets other handles */
            entry->key.algorithm = algorithm;
            entry->key.bits = bits;
            entry->was_described = entry->was_described || was_described;
        }
        keys[count++] = entry;
        err = default_attributes(token, entry);
    }
    for (size_t i = 0; i < objects->key_count; i++) {
        free_key(objects->keys[i]);
    }
    free(objects->keys);
    objects->keys = keys;
    objects->key_count = count;
    return err;
}

static enum token_error want_keys(struct token *token) {
    struct token_object_list *objects = token->objects;
    if (objects->keys_listed) {
        return TOKEN_OK;
    }
    struct token_key_list list;
    enum token_error err = token_list_keys(token, &list);
    if (err == TOKEN_BLANK) {
        list = (struct token_key_list){NULL, 0};
    } else if (err != TOKEN_OK) {
        return err;
    }
    bool blank = err == TOKEN_BLANK;
    err = adopt_keys(token, &list);
    free(list.items);
    if (err == TOKEN_OK && !blank) {
        err = load_attributes(token);
    }
    objects->keys_listed = err == TOKEN_OK;
    objects->news = true;
    return err;
}

/* Reads what is in an entry's place, once; entry->is_absent if nothing is. */
static enum token_error describe(struct token *token, struct key_entry *entry) {
    struct token_object_list *objects = token->objects;
    if (entry->key.is_described || entry->is_absent) {
        return TOKEN_OK;
    }
    struct token_key before = entry->key;
    enum token_error err = token_describe_key(token, &entry->key);
    if (err != TOKEN_OK && err != TOKEN_NOT_FOUND) {
        entry->key = before;
        return err;
    }
    entry->is_absent = err == TOKEN_NOT_FOUND;
    bool is_another = entry->was_described && (entry->is_absent || entry->key.bits != before.bits ||
                                               entry->key.algorithm != before.algorithm);
    if (is_another) {
        drop_key_values(entry);
        entry->public_key_seen = false;
        entry->private_handle = objects->next_handle++;
        entry->public_handle = objects->next_handle++;
        entry->certificate_handle = 0;
    }
    entry->was_described = !entry->is_absent;
    objects->news = true;
    if (entry->key.certificate == CERTIFICATE_ABSENT) {
        octets_free(&entry->certificate);
        entry->certificate_known = false;
        entry->certificate_handle = 0;
    } else if (entry->key.certificate == CERTIFICATE_PRESENT && entry->certificate_handle == 0) {
        entry->certificate_handle = objects->next_handle++;
    }
    return TOKEN_OK;
}

/* Finds out whether a key has a certificate, if the card tells that only by giving it. */
static enum token_error want_certificate(struct token *token, struct key_entry *entry) {
    if (entry->key.certificate != CERTIFICATE_UNKNOWN) {
        return TOKEN_OK;
    }
    octets_free(&entry->certificate);
    enum token_error err = token_read_certificate(token, &entry->key, &entry->certificate);
    if (err == TOKEN_NOT_FOUND) {
        entry->key.certificate = CERTIFICATE_ABSENT;
        entry->certificate_handle = 0;
        return TOKEN_OK;
    }
    if (err != TOKEN_OK) {
        return err;
    }
    entry->key.certificate = CERTIFICATE_PRESENT;
    entry->certificate_known = true;
    if (entry->certificate_handle == 0) {
        entry->certificate_handle = token->objects->next_handle++;
    }
    return TOKEN_OK;
}

/* ---- files ---- */

static enum token_error adopt_files(struct token_object_list *objects,
                                    const struct token_file_list *list) {
    struct file_entry **files = calloc(list->count + 1, sizeof(struct file_entry *));
    if (files == NULL) {
        return TOKEN_MEMORY;
    }
    enum token_error err = TOKEN_OK;
    size_t count = 0;
    for (size_t i = 0; err == TOKEN_OK && i < list->count; i++) {
        if (strcmp(list->items[i].name, ATTRIBUTE_FILE_NAME) == 0) {
            continue;
        }
        struct file_entry *entry = NULL;
        for (size_t k = 0; k < objects->file_count && entry == NULL; k++) {
            if (objects->files[k] != NULL &&
                strcmp(objects->files[k]->file.name, list->items[i].name) == 0) {
                entry = objects->files[k];
                objects->files[k] = NULL;
            }
        }
        if (entry == NULL) {
            entry = calloc(1, sizeof(*entry));
            if (entry == NULL) {
                err = TOKEN_MEMORY;
                break;
            }
            entry->handle = objects->next_handle++;
        }
        entry->file = list->items[i];
        files[count++] = entry;
    }
    for (size_t i = 0; i < objects->file_count; i++) {
        free_file(objects->files[i]);
    }
    free(objects->files);
    objects->files = files;
    objects->file_count = count;
    return err;
}

static enum token_error want_files(struct token *token) {
    struct token_object_list *objects = token->objects;
    if (objects->files_listed) {
        return TOKEN_OK;
    }
    struct token_file_list list = {NULL, 0};
    enum token_error err = token_list_files(token, &list);
    if (err == TOKEN_BLANK) {
        err = TOKEN_OK;
    }
    if (err == TOKEN_OK) {
        err = adopt_files(objects, &list);
    }
    free(list.items);
    objects->files_listed = err == TOKEN_OK;
    return err;
}

/* ---- objects ---- */

static size_t key_objects(struct key_entry *entry, unsigned kinds, struct token_object *out) {
    const struct token_object views[] = {
        {OBJECT_PRIVATE_KEY, entry->private_handle, entry, NULL},
        {OBJECT_PUBLIC_KEY, entry->public_handle, entry, NULL},
        {OBJECT_CERTIFICATE, entry->certificate_handle, entry, NULL},
    };
    size_t count = 0;
    for (size_t i = 0; i < sizeof(views) / sizeof(views[0]); i++) {
        bool is_there = views[i].kind == OBJECT_CERTIFICATE || !entry->is_absent;
        if ((kinds & views[i].kind) != 0 && views[i].handle != 0 && is_there) {
            out[count++] = views[i];
        }
    }
    return count;
}

const char *token_object_label(const struct token_object *object) {
    if (object->key == NULL) {
        return object->file->file.name;
    }
    const struct key_labels *labels = object->key->key.labels;
    if (labels == NULL || object->key->attributes.has_label) {
        return object->key->attributes.label;
    }
    return object->kind == OBJECT_PRIVATE_KEY  ? labels->private_key
           : object->kind == OBJECT_PUBLIC_KEY ? labels->public_key
                                               : labels->certificate;
}

bool token_object_is_destroyable(const struct token *token, const struct token_object *object) {
    switch (object->kind) {
    case OBJECT_PRIVATE_KEY:
        return token->driver->delete_container != NULL;
    case OBJECT_CERTIFICATE:
        return token->driver->delete_certificate != NULL;
    case OBJECT_DATA:
        return token->driver->delete_file != NULL;
    default:
        return false;
    }
}

/* Which of these kinds of an entry's objects the filter leaves. */
static unsigned left_kinds(struct key_entry *entry, unsigned kinds,
                           const struct object_filter *filter) {
    static const enum object_kind of_key[] = {OBJECT_PRIVATE_KEY, OBJECT_PUBLIC_KEY,
                                              OBJECT_CERTIFICATE};
    const struct attribute_record *a = &entry->attributes;
    kinds &= OBJECT_OF_KEY;
    if (filter == NULL) {
        return kinds;
    }
    if (filter->id != NULL &&
        (filter->id_len != a->id_len || memcmp(filter->id, a->id, a->id_len) != 0)) {
        return 0;
    }
    for (size_t i = 0; filter->label != NULL && i < sizeof(of_key) / sizeof(of_key[0]); i++) {
        const struct token_object object = {.kind = of_key[i], .key = entry};
        const char *label = token_object_label(&object);
        if (strlen(label) != filter->label_len ||
            memcmp(label, filter->label, filter->label_len) != 0) {
            kinds &= ~(unsigned)of_key[i];
        }
    }
    return kinds;
}

enum token_error token_objects_list(struct token *token, unsigned kinds,
                                    const struct object_filter *filter, struct token_object **out,
                                    size_t *count) {
    struct token_object_list *objects = token->objects;
    *out = NULL;
    *count = 0;
    bool knows = objects->key_count > 0 || objects->file_count > 0 || objects->keys_listed ||
                 objects->files_listed;
    /* what we know may be outdated; where nothing is known, all is read now */
    enum token_error err = knows ? token_look(token) : token_enter(token);
    if (err == TOKEN_OK && (kinds & OBJECT_OF_KEY) != 0) {
        err = want_keys(token);
    }
    if (err == TOKEN_OK && (kinds & OBJECT_DATA) != 0) {
        err = want_files(token);
    }
    if (err != TOKEN_OK) {
        return err;
    }
    struct token_object *items =
        calloc(3 * objects->key_count + objects->file_count + 1, sizeof(*items));
    if (items == NULL) {
        return TOKEN_MEMORY;
    }
    size_t n = 0;
    for (size_t i = 0; err == TOKEN_OK && (kinds & OBJECT_OF_KEY) != 0 && i < objects->key_count;
         i++) {
        struct key_entry *entry = objects->keys[i];
        unsigned left = left_kinds(entry, kinds, filter);
        if (left == 0) {
            continue;
        }
        bool is_lone = token->facts.has_lone_certificates;
        if (!is_lone || left != OBJECT_CERTIFICATE) {
            err = describe(token, entry);
        }
        if (err == TOKEN_OK && (left & OBJECT_CERTIFICATE) != 0 && (is_lone || !entry->is_absent)) {
            err = want_certificate(token, entry);
        }
        if (err == TOKEN_OK) {
            n += key_objects(entry, left, items + n);
        }
    }
    if (err != TOKEN_OK) {
        free(items);
        return err;
    }
    for (size_t i = 0; (kinds & OBJECT_DATA) != 0 && i < objects->file_count; i++) {
        items[n++] =
            (struct token_object){OBJECT_DATA, objects->files[i]->handle, NULL, objects->files[i]};
    }
    *out = items;
    *count = n;
    return TOKEN_OK;
}

static bool look_up(struct token_object_list *objects, unsigned long handle,
                    struct token_object *out) {
    struct token_object views[3];
    for (size_t i = 0; handle != 0 && i < objects->key_count; i++) {
        size_t count = key_objects(objects->keys[i], OBJECT_OF_KEY, views);
        for (size_t k = 0; k < count; k++) {
            if (views[k].handle == handle) {
                *out = views[k];
                return true;
            }
        }
    }
    for (size_t i = 0; handle != 0 && i < objects->file_count; i++) {
        if (objects->files[i]->handle == handle) {
            *out = (struct token_object){OBJECT_DATA, handle, NULL, objects->files[i]};
            return true;
        }
    }
    return false;
}

enum token_error token_object_find(struct token *token, unsigned long handle,
                                   struct token_object *out) {
    *out = (struct token_object){.handle = 0};
    if (token->removed) {
        return TOKEN_REMOVED;
    }
    if (!look_up(token->objects, handle, out)) {
        return TOKEN_NOT_FOUND;
    }
    bool outdated =
        out->kind == OBJECT_DATA ? !token->objects->files_listed : !token->objects->keys_listed;
    if (outdated) {
        enum token_error err = out->kind == OBJECT_DATA ? want_files(token) : want_keys(token);
        if (err != TOKEN_OK) {
            return err;
        }
        if (!look_up(token->objects, handle, out)) {
            return TOKEN_NOT_FOUND;
        }
    }
    if (out->key != NULL) {
        bool is_certificate = out->kind == OBJECT_CERTIFICATE;
        bool is_lone = is_certificate && token->facts.has_lone_certificates;
        enum token_error err = is_lone ? TOKEN_OK : describe(token, out->key);
        if (err == TOKEN_OK && is_certificate && (is_lone || !out->key->is_absent)) {
            err = want_certificate(token, out->key);
        }
        /* another key in its place has other handles */
        if (err != TOKEN_OK || !look_up(token->objects, handle, out)) {
            return err != TOKEN_OK ? err : TOKEN_NOT_FOUND;
        }
    }
    return TOKEN_OK;
}

enum token_error token_objects_find_key(struct token *token, const char *container,
                                        enum token_usage usage, struct key_entry **out) {
    *out = NULL;
    enum token_error err = want_keys(token);
    for (size_t i = 0; err == TOKEN_OK && i < token->objects->key_count; i++) {
        struct key_entry *entry = token->objects->keys[i];
        if (entry->key.usage == usage && strcmp(entry->key.container, container) == 0) {
            err = describe(token, entry);
            *out = err == TOKEN_OK && !entry->is_absent ? entry : NULL;
            break;
        }
    }
    if (err == TOKEN_OK && *out != NULL) {
        err = want_certificate(token, *out);
    }
    return err != TOKEN_OK ? err : *out != NULL ? TOKEN_OK : TOKEN_NOT_FOUND;
}

/* ---- values ---- */

bool token_public_key_equal(const struct token_public_key *a, const struct token_public_key *b) {
    if (a->algorithm != b->algorithm) {
        return false;
    }
    if (a->algorithm == ALGORITHM_SM2) {
        return memcmp(&a->point, &b->point, sizeof(a->point)) == 0;
    }
    if (a->algorithm == ALGORITHM_EC) {
        return a->ec_point_len == b->ec_point_len &&
               memcmp(a->ec_point, b->ec_point, a->ec_point_len) == 0;
    }
    return a->modulus_len == b->modulus_len && a->exponent == b->exponent &&
           memcmp(a->modulus, b->modulus, a->modulus_len) == 0;
}

void token_object_replaced(struct token *token, struct key_entry *entry) {
    struct token_object_list *objects = token->objects;
    log_info("token %s: another program replaced a key pair", token->facts.serial);
    drop_key_values(entry);
    entry->public_key_seen = false;
    entry->private_handle = objects->next_handle++;
    entry->public_handle = objects->next_handle++;
    entry->certificate_handle = 0;
    entry->key.is_described = false;
    entry->was_described = false;
}

enum token_error token_object_public_key(struct token *token, struct key_entry *entry,
                                         const struct token_public_key **out) {
    *out = NULL;
    if (!entry->public_key_known) {
        struct token_public_key now;
        enum token_error err = token_read_public_key(token, &entry->key, &now);
        if (err != TOKEN_OK) {
            return err;
        }
        if (entry->public_key_seen && !token_public_key_equal(&now, &entry->public_key)) {
            token_object_replaced(token, entry);
            return TOKEN_NOT_FOUND;
        }
        entry->public_key = now;
        entry->public_key_seen = true;
        entry->public_key_known = true;
        token->objects->news = true;
    }
    *out = &entry->public_key;
    return TOKEN_OK;
}

enum token_error token_object_certificate(struct token *token, struct key_entry *entry,
                                          const struct octets **out) {
    *out = NULL;
    enum token_error err = want_certificate(token, entry);
    if (err != TOKEN_OK || entry->key.certificate == CERTIFICATE_ABSENT) {
        return err != TOKEN_OK ? err : TOKEN_NOT_FOUND;
    }
    if (!entry->certificate_known) {
        err = token_read_certificate(token, &entry->key, &entry->certificate);
        if (err != TOKEN_OK) {
            return err;
        }
        entry->certificate_known = true;
        token->objects->news = true;
    }
    *out = &entry->certificate;
    return TOKEN_OK;
}

enum token_error token_object_file_value(struct token *token, struct file_entry *entry,
                                         const struct octets **out) {
    *out = NULL;
    if (!entry->value_known) {
        enum token_error err = token_read_file(token, &entry->file, &entry->value);
        if (err != TOKEN_OK) {
            return err;
        }
        entry->value_known = true;
    }
    *out = &entry->value;
    return TOKEN_OK;
}

/* ---- the attribute file ---- */

bool token_objects_keep_attributes(const struct token *token) {
    return token->driver->create_file != NULL;
}

static enum token_error save_attributes(struct token *token) {
    struct token_object_list *objects = token->objects;
    uint8_t bytes[ATTRIBUTE_FILE_SIZE];
    struct wire_writer w = {.data = bytes, .size = sizeof(bytes), .order = BIG_ENDIAN_FIELDS};
    attribute_records_start(&w);
    for (size_t i = 0; i < objects->key_count; i++) {
        const struct attribute_record *a = &objects->keys[i]->attributes;
        if ((a->has_id || a->has_label) && !objects->keys[i]->is_absent) {
            attribute_records_add(&w, a);
        }
    }
    attribute_records_end(&w);
    if (w.failed) {
        return TOKEN_NO_SPACE;
    }
    if (objects->has_attribute_file) {
        return token_write_file(token, ATTRIBUTE_FILE_NAME, bytes, w.len);
    }
    const struct token_file file = {
        .name = ATTRIBUTE_FILE_NAME, .size = ATTRIBUTE_FILE_SIZE, .is_private = false};
    enum token_error err = token_create_file(token, &file, bytes, w.len);
    objects->has_attribute_file = err == TOKEN_OK;
    return err;
}

enum token_error token_objects_set_attributes(struct token *token, struct key_entry *entry,
                                              const uint8_t *id, size_t id_len, const char *label) {
    struct attribute_record *a = &entry->attributes;
    if ((id != NULL && (id_len == 0 || id_len > sizeof(a->id))) ||
        (label != NULL && strlen(label) > ATTRIBUTE_LABEL_MAX)) {
        return TOKEN_ARGUMENT;
    }
    if (!token_objects_keep_attributes(token)) {
        return TOKEN_UNSUPPORTED;
    }
    const struct attribute_record before = *a;
    if (id != NULL) {
        memcpy(a->id, id, id_len);
        a->id_len = id_len;
        a->has_id = true;
    }
    if (label != NULL) {
        memcpy(a->label, label, strlen(label) + 1);
        a->has_label = strcmp(label, a->container) != 0;
    }
    enum token_error err = save_attributes(token);
    if (err != TOKEN_OK) {
        *a = before;
    }
    return err;
}
