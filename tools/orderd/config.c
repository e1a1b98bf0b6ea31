/* See config.h. */
#include "tools/orderd/config.h"

#include "agent/http/json.h"
#include "agent/log.h"
#include "module/formats/calendar.h"
#include "tools/orderd/store/db.h"

#include <libgen.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    CONFIG_FILE_MAX = 64 * 1024,
    CONFIG_TEXT_MAX = 1024,
    CA_URL_MAX = 400,
    TASK_KEY_DAYS = 365,
    TASK_KEY_DAYS_MAX = 3650
};

/* What is being read, and where complaints go. */
struct reading {
    const char *folder;
    char *error;
};

static bool complain(const struct reading *reading, const char *name, const char *what) {
    snprintf(reading->error, CONFIG_ERROR_SIZE, "%s: %s", name, what);
    return false;
}

/* A text member; `path` ones are taken from the file's folder. Absent leaves *out alone. */
static bool read_text(const struct reading *reading, const json_t *object, const char *name,
                      bool path, char **out) {
    if (json_object_get(object, name) == NULL) {
        return true;
    }
    const char *text = json_member_string(object, name, CONFIG_TEXT_MAX);
    if (text == NULL) {
        return complain(reading, name, "must be a text of 1 to 1024 bytes");
    }
    free(*out);
    if (path && text[0] != '/') {
        if (asprintf(out, "%s/%s", reading->folder, text) < 0) {
            *out = NULL;
        }
    } else {
        *out = strdup(text);
    }
    return *out != NULL || complain(reading, name, "out of memory");
}

static bool read_list(const struct reading *reading, const json_t *object, const char *name,
                      const char *list[CONFIG_LIST_MAX + 1]) {
    const json_t *array = json_object_get(object, name);
    if (array == NULL) {
        return true;
    }
    size_t count = json_array_size(array);
    if (!json_is_array(array) || count == 0 || count > CONFIG_LIST_MAX) {
        return complain(reading, name, "must be a list of 1 to 16 texts");
    }
    for (size_t i = 0; i < count; i++) {
        const char *text = json_string_value(json_array_get(array, i));
        if (text == NULL || *text == '\0' || (list[i] = strdup(text)) == NULL) {
            return complain(reading, name, "must be a list of 1 to 16 texts");
        }
    }
    return true;
}

static bool read_tls(const struct reading *reading, const json_t *object, struct config *out) {
    static const char *const names[] = {"cert", "key", "ca", NULL};
    const json_t *tls = json_object_get(object, "tls");
    const char *unknown = NULL;
    if (tls == NULL) {
        return true;
    }
    if (!json_is_object(tls) || !json_members_are(tls, names, &unknown)) {
        return complain(reading, "tls", "is an object with cert, key and ca");
    }
    return read_text(reading, tls, "cert", true, &out->tls_certificate) &&
           read_text(reading, tls, "key", true, &out->tls_key) &&
           read_text(reading, tls, "ca", true, &out->tls_ca) &&
           ((out->tls_certificate == NULL) == (out->tls_key == NULL) ||
            complain(reading, "tls", "cert and key go together"));
}

static bool is_web(const char *url) {
    return strncmp(url, "https://", 8) == 0 || strncmp(url, "http://", 7) == 0;
}

static void cut_slash(char *url) {
    size_t len = strlen(url);
    if (url[len - 1] == '/') {
        url[len - 1] = '\0';
    }
}

enum { CA_STEM_MAX = 40 }; /* a common name holds it and what the certificate is */

static bool read_ca(const struct reading *reading, const json_t *object, struct config *out) {
    static const char *const names[] = {"algorithm", "name", "url", NULL};
    const json_t *ca = json_object_get(object, "ca");
    const char *unknown = NULL;
    if (ca == NULL) {
        return true;
    }
    if (!json_is_object(ca) || !json_members_are(ca, names, &unknown)) {
        return complain(reading, "ca", "is an object with algorithm, name and url");
    }
    if (json_object_get(ca, "algorithm") != NULL) {
        const char *name = json_member_string(ca, "algorithm", 16);
        out->ca_algorithm = name != NULL ? ca_algorithm_find(name) : CA_ANY_ALGORITHM;
        if (out->ca_algorithm == CA_ANY_ALGORITHM) {
            return complain(reading, "ca.algorithm", "is one of SM2, P-256, RSA-2048");
        }
    }
    if (!read_text(reading, ca, "name", false, &out->ca_name) ||
        (out->ca_name != NULL && strlen(out->ca_name) > CA_STEM_MAX)) {
        return complain(reading, "ca.name", "is a text of at most 40 bytes");
    }
    return read_text(reading, ca, "url", false, &out->ca_url) &&
           (out->ca_url == NULL || (is_web(out->ca_url) && strlen(out->ca_url) <= CA_URL_MAX) ||
            complain(reading, "ca.url",
                     "begins with http:// or https:// and has at most 400 bytes"));
}

static bool read_profile(const struct reading *reading, const json_t *object, struct config *out) {
    const char *name = "default";
    if (json_object_get(object, "profile") != NULL) {
        name = json_member_string(object, "profile", 64);
    }
    out->profile = name != NULL ? profile_find(name) : NULL;
    return out->profile != NULL || complain(reading, "profile", "there is no such profile");
}

static bool read_clock(const struct reading *reading, const json_t *object, struct config *out) {
    if (json_object_get(object, "clock") == NULL) {
        return true;
    }
    const char *text = json_member_string(object, "clock", 64);
    return (text != NULL && calendar_parse_rfc3339(text, &out->clock)) ||
           complain(reading, "clock", "must be an RFC 3339 time, like 2026-03-01T09:00:00+08:00");
}

static bool read_task_key_days(const struct reading *reading, const json_t *object,
                               struct config *out) {
    const json_t *value = json_object_get(object, "taskKeyDays");
    json_int_t days = value != NULL ? json_integer_value(value) : TASK_KEY_DAYS;
    if ((value != NULL && !json_is_integer(value)) || days < 0 || days > TASK_KEY_DAYS_MAX) {
        return complain(reading, "taskKeyDays", "is a number of days, 0 (by hand only) to 3650");
    }
    out->task_key_days = (int)days;
    return true;
}

static bool read_simulators(const struct reading *reading, const json_t *object,
                            struct config *out) {
    const json_t *value = json_object_get(object, "simulators");
    out->simulators = json_is_true(value);
    return value == NULL || json_is_boolean(value) ||
           complain(reading, "simulators", "must be true or false");
}

static bool read_log(const struct reading *reading, const json_t *object, struct config *out) {
    static const struct {
        const char *name;
        enum log_level level;
    } levels[] = {{"error", LOG_LEVEL_ERROR},
                  {"warn", LOG_LEVEL_WARN},
                  {"info", LOG_LEVEL_INFO},
                  {"debug", LOG_LEVEL_DEBUG}};
    const char *name = json_string_value(json_object_get(object, "log"));
    out->log_level = LOG_LEVEL_INFO;
    if (json_object_get(object, "log") == NULL) {
        return true;
    }
    for (size_t i = 0; name != NULL && i < sizeof levels / sizeof levels[0]; i++) {
        if (strcmp(levels[i].name, name) == 0) {
            out->log_level = (int)levels[i].level;
            return true;
        }
    }
    return complain(reading, "log", "is one of error, warn, info, debug");
}

/* What must be there, and what follows from the rest. */
static bool complete(const struct reading *reading, struct config *out) {
    if (out->state == NULL) {
        return complain(reading, "state", "is required");
    }
    if (out->database != NULL && !db_is_url(out->database)) {
        return complain(reading, "database", "begins with postgresql://");
    }
    if (out->listen[0] == NULL) {
        return complain(reading, "listen", "is required");
    }
    if (out->public_url == NULL || strncmp(out->public_url, "https://", 8) != 0) {
        return complain(reading, "publicUrl", "is required and begins with https://");
    }
    cut_slash(out->public_url);
    if (out->ca_url == NULL) {
        out->ca_url = strdup(out->public_url);
    }
    if (out->ca_url == NULL) {
        return complain(reading, "ca.url", "out of memory");
    }
    cut_slash(out->ca_url);
    if (out->origins[0] == NULL) {
        out->origins[0] = strdup(out->public_url);
    }
    return out->origins[0] != NULL || complain(reading, "origins", "out of memory");
}

static bool read_object(const struct reading *reading, const json_t *object, struct config *out) {
    static const char *const names[] = {"state",       "listen",   "publicUrl",  "tls", "profile",
                                        "origins",     "clock",    "simulators", "log", "ca",
                                        "taskKeyDays", "database", NULL};
    const char *unknown = NULL;
    if (!json_members_are(object, names, &unknown)) {
        return complain(reading, unknown, "there is no such setting");
    }
    return read_text(reading, object, "state", true, &out->state) &&
           read_text(reading, object, "database", false, &out->database) &&
           read_list(reading, object, "listen", out->listen) &&
           read_text(reading, object, "publicUrl", false, &out->public_url) &&
           read_tls(reading, object, out) && read_ca(reading, object, out) &&
           read_profile(reading, object, out) &&
           read_list(reading, object, "origins", out->origins) &&
           read_clock(reading, object, out) && read_task_key_days(reading, object, out) &&
           read_simulators(reading, object, out) && read_log(reading, object, out) &&
           complete(reading, out);
}

bool config_read(const char *path, struct config *out, char error[CONFIG_ERROR_SIZE]) {
    memset(out, 0, sizeof *out);
    char *copy = strdup(path);
    if (copy == NULL) {
        snprintf(error, CONFIG_ERROR_SIZE, "out of memory");
        return false;
    }
    struct reading reading = {dirname(copy), error};
    json_t *object = json_read_file_strict(path, CONFIG_FILE_MAX, error, CONFIG_ERROR_SIZE);
    bool good = false;
    if (object != NULL) {
        good = json_is_object(object) ? read_object(&reading, object, out)
                                      : complain(&reading, path, "must be a JSON object");
    }
    json_decref(object);
    free(copy);
    return good;
}

void config_free(struct config *config) {
    free(config->state);
    free(config->ca_name);
    free(config->database);
    free(config->public_url);
    free(config->ca_url);
    free(config->tls_certificate);
    free(config->tls_key);
    free(config->tls_ca);
    for (size_t i = 0; i < CONFIG_LIST_MAX; i++) {
        free((char *)(uintptr_t)config->listen[i]);
        free((char *)(uintptr_t)config->origins[i]);
    }
    memset(config, 0, sizeof *config);
}

char *config_state_path(const struct config *config, const char *name) {
    char *path = NULL;
    return asprintf(&path, "%s/%s", config->state, name) < 0 ? NULL : path;
}
