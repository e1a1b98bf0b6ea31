/* Reading the policy: strictly, and only from where nobody but its owner can have written it. */
#include "agent/access/policy.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/access/origin.h"
#include "agent/http/json.h"

#define POLICY_MAX ((size_t)1 << 20)

struct policy_site {
    char origin[ORIGIN_TEXT_SIZE];
    struct policy_rules rules;
};

/* One reading of a file. */
struct rulebook {
    char *file; /* NULL: there is no policy */
    struct policy_rules others;
    struct policy_site *sites;
    size_t site_count;
};

struct policy {
    pthread_mutex_t mutex; /* guards `book` */
    char *machine_file, *configured_file;
    struct rulebook book;
};

struct reading {
    const char *file;
    char *error;
    size_t error_size;
};

__attribute__((format(printf, 2, 3))) static int complain(const struct reading *reading,
                                                          const char *format, ...) {
    int used = snprintf(reading->error, reading->error_size, "%s: ", reading->file);
    if (used > 0 && (size_t)used < reading->error_size) {
        va_list args;
        va_start(args, format);
        vsnprintf(reading->error + used, reading->error_size - (size_t)used, format, args);
        va_end(args);
    }
    return -1;
}

static void book_clear(struct rulebook *book) {
    free(book->file);
    free(book->sites);
    *book = (struct rulebook){0};
}

/* ---- the words ---- */

struct word {
    const char *name;
    unsigned value;
};

static const struct word pairings[] = {{"ask", POLICY_PAIRING_ASK},
                                       {"always", POLICY_PAIRING_ALWAYS},
                                       {"never", POLICY_PAIRING_NEVER},
                                       {0}};
static const struct word pins[] = {{"native", false}, {"page", true}, {0}};
static const struct word raw_signs[] = {{"never", false}, {"ask", true}, {0}};
static const struct word actions[] = {{"read", POLICY_READ},
                                      {"pin", POLICY_PIN},
                                      {"change-pin", POLICY_CHANGE_PIN},
                                      {"sign", POLICY_SIGN},
                                      {"login", POLICY_LOGIN},
                                      {"decrypt", POLICY_DECRYPT},
                                      {"stamp", POLICY_STAMP},
                                      {"verify", POLICY_VERIFY},
                                      {"jobs", POLICY_JOBS},
                                      {"service", POLICY_SERVICE},
                                      {0}};

static const struct word *find_word(const struct word *words, const char *name) {
    for (; name != NULL && words->name != NULL; words++) {
        if (strcmp(words->name, name) == 0) {
            return words;
        }
    }
    return NULL;
}

/* Member `key`, if it is there, as one of `words`. */
static int take_word(const struct reading *reading, const json_t *object, const char *where,
                     const char *key, const struct word *words, unsigned *value) {
    const json_t *member = json_object_get(object, key);
    if (member == NULL) {
        return 0;
    }
    const struct word *word = find_word(words, json_string_value(member));
    if (word == NULL) {
        char list[64] = "";
        for (const struct word *one = words; one->name != NULL; one++) {
            size_t used = strlen(list);
            snprintf(list + used, sizeof(list) - used, "%s%s", used > 0 ? ", " : "", one->name);
        }
        return complain(reading, "%s%s must be one of %s", where, key, list);
    }
    *value = word->value;
    return 0;
}

static int take_actions(const struct reading *reading, const json_t *object, const char *where,
                        unsigned *allowed) {
    const json_t *list = json_object_get(object, "actions"), *item;
    size_t i;
    if (list == NULL) {
        return 0;
    }
    if (!json_is_array(list)) {
        return complain(reading, "%sactions must be a list", where);
    }
    *allowed = 0;
    json_array_foreach(list, i, item) {
        const struct word *word = find_word(actions, json_string_value(item));
        if (word == NULL) {
            const char *name = json_string_value(item);
            return complain(reading, "%sactions: unknown action %s", where,
                            name != NULL ? name : "(not a text)");
        }
        *allowed |= word->value;
    }
    return 0;
}

/* ---- the document ---- */

static int take_site(const struct reading *reading, const char *origin, const json_t *object,
                     struct policy_site *site) {
    static const char *const keys[] = {"pairing", "actions", "pin", "raw-sign", NULL};
    char where[ORIGIN_TEXT_SIZE + 16];
    const char *unknown = NULL;
    if (!origin_is_eligible(origin)) {
        return complain(reading,
                        "origins: %.200s is not an origin as browsers write it, like "
                        "https://portal.example",
                        origin);
    }
    snprintf(where, sizeof(where), "origins.%s: ", origin);
    if (!json_is_object(object)) {
        return complain(reading, "%smust be an object", where);
    }
    if (!json_members_are(object, keys, &unknown)) {
        return complain(reading, "%sunknown key %.80s", where, unknown);
    }
    unsigned pairing = site->rules.pairing, by_page = false, raw = false;
    if (take_word(reading, object, where, "pairing", pairings, &pairing) != 0 ||
        take_actions(reading, object, where, &site->rules.actions) != 0 ||
        take_word(reading, object, where, "pin", pins, &by_page) != 0 ||
        take_word(reading, object, where, "raw-sign", raw_signs, &raw) != 0) {
        return -1;
    }
    site->rules.pairing = (enum policy_pairing)pairing;
    site->rules.pin_by_page = by_page;
    site->rules.raw_sign_ask = raw;
    memcpy(site->origin, origin, strlen(origin) + 1);
    return 0;
}

static int take_sites(const struct reading *reading, const json_t *root, struct rulebook *book) {
    json_t *sites = json_object_get(root, "origins"), *value;
    const char *origin;
    if (sites == NULL) {
        return 0;
    }
    if (!json_is_object(sites)) {
        return complain(reading, "origins must be an object");
    }
    book->sites = calloc(json_object_size(sites) + 1, sizeof(*book->sites));
    if (book->sites == NULL) {
        return complain(reading, "out of memory");
    }
    json_object_foreach(sites, origin, value) {
        struct policy_site *site = &book->sites[book->site_count++];
        site->rules = book->others;
        if (take_site(reading, origin, value, site) != 0) {
            return -1;
        }
    }
    return 0;
}

static int take_document(const struct reading *reading, const json_t *root, struct rulebook *book) {
    static const char *const keys[] = {"pairing", "actions", "origins", NULL};
    const char *unknown = NULL;
    if (!json_is_object(root)) {
        return complain(reading, "the policy must be an object");
    }
    if (!json_members_are(root, keys, &unknown)) {
        return complain(reading, "unknown key %.80s", unknown);
    }
    unsigned pairing = POLICY_PAIRING_ASK;
    if (take_word(reading, root, "", "pairing", pairings, &pairing) != 0) {
        return -1;
    }
    if (pairing == POLICY_PAIRING_ALWAYS) {
        return complain(reading, "pairing cannot be always for every site: name it in origins");
    }
    book->others.pairing = (enum policy_pairing)pairing;
    return take_actions(reading, root, "", &book->others.actions) != 0 ||
                   take_sites(reading, root, book) != 0
               ? -1
               : 0;
}

/* ---- the file ---- */

/* Only root, or we ourselves where `may_be_ours`, can have written it. */
static bool is_trustworthy(const struct stat *status, bool may_be_ours) {
    return (status->st_uid == 0 || (may_be_ours && status->st_uid == geteuid())) &&
           (status->st_mode & 0022) == 0;
}

static int check_folder(const struct reading *reading, bool may_be_ours) {
    char folder[PATH_MAX], path[PATH_MAX];
    struct stat status;
    if (realpath(reading->file, path) == NULL) {
        return complain(reading, "%s", strerror(errno));
    }
    snprintf(folder, sizeof(folder), "%s", path);
    char *slash = strrchr(folder, '/');
    slash[slash == folder] = 0;
    if (stat(folder, &status) != 0 || !is_trustworthy(&status, may_be_ours)) {
        return complain(reading, "its folder must belong to root%s and be writable by nobody else",
                        may_be_ours ? " or to this user" : "");
    }
    return 0;
}

/* The file's text, NUL-terminated; NULL: complained. */
static char *read_text(const struct reading *reading, bool may_be_ours, size_t *len) {
    int fd = open(reading->file, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    struct stat status;
    char *text = NULL;
    *len = 0;
    if (fd < 0 || fstat(fd, &status) != 0) {
        complain(reading, "cannot be read: %s", strerror(errno));
    } else if (!S_ISREG(status.st_mode) || !is_trustworthy(&status, may_be_ours)) {
        complain(reading, "must be a file that belongs to root%s and that nobody else may write to",
                 may_be_ours ? " or to this user" : "");
    } else if ((size_t)status.st_size > POLICY_MAX) {
        complain(reading, "is too long");
    } else if ((text = malloc((size_t)status.st_size + 1)) == NULL) {
        complain(reading, "out of memory");
    } else {
        ssize_t got = read(fd, text, (size_t)status.st_size);
        *len = got > 0 ? (size_t)got : 0;
        text[*len] = 0;
    }
    if (fd >= 0) {
        close(fd);
    }
    return text;
}

static int read_book(const struct reading *reading, bool may_be_ours, struct rulebook *book) {
    char reason[200];
    size_t len = 0;
    int result = -1;
    if (check_folder(reading, may_be_ours) != 0) {
        return -1;
    }
    char *text = read_text(reading, may_be_ours, &len);
    if (text == NULL) {
        return -1;
    }
    json_t *root = json_parse_strict(text, len, reason, sizeof(reason));
    if (root == NULL) {
        complain(reading, "%s", reason);
    } else if (take_document(reading, root, book) == 0) {
        book->file = strdup(reading->file);
        result = book->file != NULL ? 0 : complain(reading, "out of memory");
    }
    json_decref(root);
    free(text);
    return result;
}

/* The machine's file decides when it is there; a configured one must be there. */
static int read_either(const struct policy *policy, struct rulebook *book, char *error,
                       size_t error_size) {
    struct reading reading = {
        .file = policy->machine_file, .error = error, .error_size = error_size};
    struct stat status;
    *book = (struct rulebook){.others = {.actions = POLICY_ACTIONS}};
    int result = 0;
    if (lstat(policy->machine_file, &status) == 0 || errno != ENOENT) {
        result = read_book(&reading, false, book);
    } else if (policy->configured_file != NULL) {
        reading.file = policy->configured_file;
        result = read_book(&reading, true, book);
    }
    if (result != 0) {
        book_clear(book);
    }
    return result;
}

/* ---- the room ---- */

int policy_open(const char *machine_file, const char *configured_file, struct policy **out,
                char *error, size_t error_size) {
    *out = NULL;
    struct policy *policy = calloc(1, sizeof(*policy));
    if (policy == NULL) {
        snprintf(error, error_size, "out of memory");
        return -1;
    }
    pthread_mutex_init(&policy->mutex, NULL);
    policy->machine_file = strdup(machine_file);
    policy->configured_file = configured_file != NULL ? strdup(configured_file) : NULL;
    if (policy->machine_file == NULL ||
        (configured_file != NULL && policy->configured_file == NULL)) {
        snprintf(error, error_size, "out of memory");
        policy_free(policy);
        return -1;
    }
    if (read_either(policy, &policy->book, error, error_size) != 0) {
        policy_free(policy);
        return -1;
    }
    *out = policy;
    return 0;
}

int policy_reload(struct policy *policy, char *error, size_t error_size) {
    struct rulebook book, old;
    if (read_either(policy, &book, error, error_size) != 0) {
        return -1;
    }
    pthread_mutex_lock(&policy->mutex);
    old = policy->book;
    policy->book = book;
    pthread_mutex_unlock(&policy->mutex);
    book_clear(&old);
    return 0;
}

void policy_free(struct policy *policy) {
    if (policy == NULL) {
        return;
    }
    book_clear(&policy->book);
    free(policy->machine_file);
    free(policy->configured_file);
    pthread_mutex_destroy(&policy->mutex);
    free(policy);
}

const char *policy_file(const struct policy *policy) {
    return policy->book.file;
}

void policy_rules(struct policy *policy, const char *origin, struct policy_rules *rules) {
    pthread_mutex_lock(&policy->mutex);
    *rules = policy->book.others;
    for (size_t i = 0; i < policy->book.site_count; i++) {
        if (strcmp(policy->book.sites[i].origin, origin) == 0) {
            *rules = policy->book.sites[i].rules;
        }
    }
    pthread_mutex_unlock(&policy->mutex);
}

void policy_each(struct policy *policy,
                 void (*site)(void *context, const char *origin, const struct policy_rules *rules),
                 void *context) {
    pthread_mutex_lock(&policy->mutex);
    for (size_t i = 0; i < policy->book.site_count; i++) {
        site(context, policy->book.sites[i].origin, &policy->book.sites[i].rules);
    }
    pthread_mutex_unlock(&policy->mutex);
}
