/* Reading a profile, member by member; everything is judged before anything is made. */
#include "tools/ukey/profile.h"

#include "agent/http/json.h"
#include "module/formats/calendar.h"
#include "module/formats/seal.h"
#include "tools/ukey/text.h"

#include <errno.h>
#include <openssl/crypto.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { TEXT_MAX = 256, DAYS_MAX = 40000, PICTURE_MAX = 48 * 1024, DEFAULT_MILLIMETRES = 48 };

/* What is being read, for complaints. */
struct reader {
    const char *path;
    int64_t now;
};

static bool bad(const struct reader *reader, const char *member) {
    text_complain(TEXT_PROFILE_MEMBER, reader->path, member, NULL);
    return false;
}

/* True when `object` is an object with no member but `names`. */
static bool members_are(const struct reader *reader, const json_t *object, const char *what,
                        const char *const *names) {
    const char *unknown = NULL;
    if (!json_is_object(object))
        return bad(reader, what);
    if (json_members_are(object, names, &unknown))
        return true;
    text_complain(TEXT_PROFILE_UNKNOWN, reader->path, unknown, NULL);
    return false;
}

/* An optional member that must be a non-empty string of at most `max` bytes when it is there. */
static bool read_text(const struct reader *reader, const json_t *object, const char *name,
                      size_t max, const char **out) {
    if (json_object_get(object, name) == NULL)
        return true;
    *out = json_member_string(object, name, max);
    return *out != NULL || bad(reader, name);
}

static bool read_flag(const struct reader *reader, const json_t *object, const char *name,
                      bool *out) {
    const json_t *value = json_object_get(object, name);
    if (value == NULL)
        return true;
    *out = json_is_true(value);
    return json_is_boolean(value) || bad(reader, name);
}

static bool read_number(const struct reader *reader, const json_t *object, const char *name,
                        int low, int high, int *out) {
    const json_t *value = json_object_get(object, name);
    if (value == NULL)
        return true;
    if (!json_is_integer(value) || json_integer_value(value) < low ||
        json_integer_value(value) > high)
        return bad(reader, name);
    *out = (int)json_integer_value(value);
    return true;
}

/* A time: RFC 3339, or {"days": N}: the Shanghai day N days from now, its first second or
 * (`at_end`) its last. */
static bool read_time(const struct reader *reader, const json_t *object, const char *name,
                      bool at_end, int64_t *out) {
    static const char *const names[] = {"days", NULL};
    const json_t *value = json_object_get(object, name);
    int days = 0;
    if (json_is_string(value))
        return calendar_parse_rfc3339(json_string_value(value), out) || bad(reader, name);
    if (!members_are(reader, value, name, names))
        return false;
    if (!json_is_integer(json_object_get(value, "days")) ||
        !read_number(reader, value, "days", -DAYS_MAX, DAYS_MAX, &days))
        return bad(reader, name);
    int64_t end = calendar_end_of_day(calendar_add_days(reader->now, days));
    *out = at_end ? end : calendar_add_days(end, -1) + 1;
    return true;
}

/* {"notBefore": TIME, "notAfter": TIME}, both needed. */
static bool read_validity(const struct reader *reader, const json_t *validity, int64_t *start,
                          int64_t *end) {
    static const char *const names[] = {"notBefore", "notAfter", NULL};
    return members_are(reader, validity, "validity", names) &&
           read_time(reader, validity, "notBefore", false, start) &&
           read_time(reader, validity, "notAfter", true, end) &&
           (*start <= *end || bad(reader, "validity"));
}

/* {"C": "CN", "O": ...} in the order of the name. */
static bool read_subject(const struct reader *reader, json_t *subject,
                         struct profile_container *container) {
    const char *type;
    json_t *value;
    struct octets der;
    if (!json_is_object(subject) || json_object_size(subject) > PROFILE_SUBJECT_MAX)
        return bad(reader, "subject");
    container->subject_count = 0;
    json_object_foreach(subject, type, value) {
        if (!json_is_string(value))
            return bad(reader, type);
        container->subject[container->subject_count++] =
            (struct name_field){type, json_string_value(value)};
    }
    if (name_from_fields(container->subject, container->subject_count, &der) != FORMATS_OK)
        return bad(reader, "subject");
    octets_free(&der);
    return true;
}

static bool read_container(const struct reader *reader, json_t *object, const json_t *whole,
                           struct profile_container *out) {
    static const char *const names[] = {
        "name", "algorithm", "encryptionPair", "registered", "validity", "subject", NULL};
    const char *algorithm = NULL;
    *out = (struct profile_container){.is_registered = true};
    if (!members_are(reader, object, "containers", names) ||
        !read_text(reader, object, "name", 60, &out->name) ||
        !read_text(reader, object, "algorithm", 8, &algorithm) ||
        !read_flag(reader, object, "encryptionPair", &out->encryption_pair) ||
        !read_flag(reader, object, "registered", &out->is_registered))
        return false;
    if (out->name == NULL)
        return bad(reader, "name");
    if (algorithm == NULL || (strcmp(algorithm, "SM2") != 0 && strcmp(algorithm, "RSA") != 0))
        return bad(reader, "algorithm");
    out->algorithm = strcmp(algorithm, "RSA") == 0 ? PROFILE_RSA : PROFILE_SM2;
    if (out->algorithm == PROFILE_RSA && out->encryption_pair)
        return bad(reader, "encryptionPair");
    const json_t *validity = json_object_get(object, "validity");
    json_t *subject = json_object_get(object, "subject");
    return read_validity(reader, validity != NULL ? validity : json_object_get(whole, "validity"),
                         &out->not_before, &out->not_after) &&
           read_subject(reader, subject != NULL ? subject : json_object_get(whole, "subject"), out);
}

static bool read_containers(const struct reader *reader, struct profile *profile) {
    json_t *list = json_object_get(profile->json, "containers");
    /* none: a key as it is handed out, with its PINs and nothing else */
    if (!json_is_array(list) || json_array_size(list) > PROFILE_CONTAINERS_MAX)
        return bad(reader, "containers");
    for (size_t i = 0; i < json_array_size(list); i++) {
        if (!read_container(reader, json_array_get(list, i), profile->json,
                            &profile->containers[i]))
            return false;
        for (size_t j = 0; j < i; j++)
            if (strcmp(profile->containers[i].name, profile->containers[j].name) == 0)
                return bad(reader, "name");
    }
    profile->container_count = json_array_size(list);
    return true;
}

/* A PNG file, named relative to the profile. */
static bool read_picture(const struct reader *reader, const char *name, struct octets *out) {
    char path[4096];
    unsigned char bytes[PICTURE_MAX];
    const char *slash = strrchr(reader->path, '/');
    int folder = slash != NULL && name[0] != '/' ? (int)(slash - reader->path) + 1 : 0;
    if (snprintf(path, sizeof path, "%.*s%s", folder, reader->path, name) >= (int)sizeof path)
        return bad(reader, "picture");
    FILE *file = fopen(path, "rbe");
    if (file == NULL) {
        text_complain(TEXT_SYSTEM, path, strerror(errno), NULL);
        return false;
    }
    size_t len = fread(bytes, 1, sizeof bytes, file);
    fclose(file);
    if (len < 8 || len == sizeof bytes || memcmp(bytes, "\x89PNG\r\n\x1a\n", 8) != 0)
        return bad(reader, "picture");
    return octets_copy(out, bytes, len) == FORMATS_OK;
}

static const char *subject_field(const struct profile_container *container, const char *type) {
    for (size_t i = 0; i < container->subject_count; i++)
        if (strcmp(container->subject[i].type, type) == 0)
            return container->subject[i].value;
    return NULL;
}

/* Whose certificate may stamp: the container of that name, else the first with SM2. */
static bool read_seal_container(const struct reader *reader, const struct profile *profile,
                                const char *name, size_t *out) {
    for (size_t i = 0; i < profile->container_count; i++) {
        const struct profile_container *container = &profile->containers[i];
        if (container->algorithm == PROFILE_SM2 &&
            (name == NULL || strcmp(name, container->name) == 0)) {
            *out = i;
            return true;
        }
    }
    return bad(reader, "container");
}

static bool read_seal(const struct reader *reader, struct profile *profile) {
    static const char *const names[] = {"name",      "type",    "widthMm",  "heightMm",
                                        "container", "picture", "validity", NULL};
    struct profile_seal *seal = &profile->seal;
    const json_t *object = json_object_get(profile->json, "seal");
    const char *type = "organization";
    const char *container = NULL;
    const char *picture = NULL;
    if (object == NULL)
        return true;
    *seal =
        (struct profile_seal){.width_mm = DEFAULT_MILLIMETRES, .height_mm = DEFAULT_MILLIMETRES};
    if (!members_are(reader, object, "seal", names) ||
        !read_text(reader, object, "name", SEAL_NAME_MAX, &seal->name) ||
        !read_text(reader, object, "type", 16, &type) ||
        !read_text(reader, object, "container", 60, &container) ||
        !read_text(reader, object, "picture", TEXT_MAX, &picture) ||
        !read_number(reader, object, "widthMm", 10, 200, &seal->width_mm) ||
        !read_number(reader, object, "heightMm", 10, 200, &seal->height_mm) ||
        !read_seal_container(reader, profile, container, &seal->container))
        return false;
    if (strcmp(type, "organization") != 0 && strcmp(type, "personal") != 0)
        return bad(reader, "type");
    seal->type = strcmp(type, "personal") == 0 ? SEAL_PERSONAL : SEAL_ORGANIZATION;
    const struct profile_container *owner = &profile->containers[seal->container];
    if (seal->name == NULL)
        seal->name = subject_field(owner, seal->type == SEAL_PERSONAL ? "CN" : "O");
    if (seal->name == NULL)
        return bad(reader, "name");
    const json_t *validity = json_object_get(object, "validity");
    seal->valid_start = owner->not_before;
    seal->valid_end = owner->not_after;
    if (validity != NULL && !read_validity(reader, validity, &seal->valid_start, &seal->valid_end))
        return false;
    if (picture != NULL && !read_picture(reader, picture, &seal->picture))
        return false;
    profile->has_seal = true;
    return true;
}

static bool read_token(const struct reader *reader, struct profile *profile) {
    static const char *const names[] = {"serial", "label", "manufacturer", NULL};
    const json_t *token = json_object_get(profile->json, "token");
    profile->label = "OpenUKey";
    profile->manufacturer = "OpenUKey";
    if (token == NULL)
        return true;
    if (!members_are(reader, token, "token", names) ||
        !read_text(reader, token, "serial", 32, &profile->serial) ||
        !read_text(reader, token, "label", 32, &profile->label) ||
        !read_text(reader, token, "manufacturer", 64, &profile->manufacturer))
        return false;
    return profile->serial == NULL ||
           strspn(profile->serial, "0123456789ABCDEF") == strlen(profile->serial) ||
           bad(reader, "serial");
}

/* The key of remote unlocks: exactly 32 hexadecimal digits. */
static bool read_unlock_key(const struct reader *reader, const json_t *pin,
                            struct profile *profile) {
    const char *hex = NULL;
    size_t len = 0;
    if (!read_text(reader, pin, "unlockKey", (size_t)2 * PROFILE_UNLOCK_KEY, &hex))
        return false;
    if (hex == NULL)
        return true;
    if (strlen(hex) != (size_t)2 * PROFILE_UNLOCK_KEY ||
        OPENSSL_hexstr2buf_ex(profile->unlock_key, sizeof profile->unlock_key, &len, hex, '\0') !=
            1)
        return bad(reader, "unlockKey");
    profile->has_unlock_key = true;
    return true;
}

static bool read_pin(const struct reader *reader, struct profile *profile) {
    static const char *const names[] = {"user",       "admin",     "triesLeft",
                                        "mustChange", "unlockKey", NULL};
    const json_t *pin = json_object_get(profile->json, "pin");
    profile->user_pin = "123456";
    profile->admin_pin = "12345678";
    profile->tries_left = -1;
    if (pin == NULL)
        return true;
    return members_are(reader, pin, "pin", names) &&
           read_text(reader, pin, "user", 16, &profile->user_pin) &&
           read_text(reader, pin, "admin", 16, &profile->admin_pin) &&
           read_number(reader, pin, "triesLeft", 0, 15, &profile->tries_left) &&
           read_flag(reader, pin, "mustChange", &profile->must_change) &&
           read_unlock_key(reader, pin, profile) &&
           (strlen(profile->user_pin) >= 6 || bad(reader, "user")) &&
           (strlen(profile->admin_pin) >= 6 || bad(reader, "admin"));
}

bool profile_read(const char *path, int64_t now, struct profile *out) {
    static const char *const names[] = {"description", "token",      "pin",  "subject",
                                        "validity",    "containers", "seal", NULL};
    const struct reader reader = {path, now};
    char error[256];
    memset(out, 0, sizeof *out);
    out->json = json_read_file_strict(path, PROFILE_MAX, error, sizeof error);
    if (out->json == NULL) {
        text_complain(TEXT_PROFILE_JSON, path, error, NULL);
        return false;
    }
    return members_are(&reader, out->json, "profile", names) && read_token(&reader, out) &&
           read_pin(&reader, out) && read_containers(&reader, out) && read_seal(&reader, out);
}

void profile_free(struct profile *profile) {
    octets_free(&profile->seal.picture);
    json_decref(profile->json);
    *profile = (struct profile){0};
}
