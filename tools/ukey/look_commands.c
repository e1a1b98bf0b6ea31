/* ukey list and ukey show. */
#include "tools/ukey/look_commands.h"

#include "tools/ukey/look.h"
#include "tools/ukey/sim_exec.h"
#include "tools/ukey/text.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { EXIT_USAGE = 2, NUMBER = 24 };

static int usage_error(enum text text, const char *what) {
    text_complain(text, what, NULL, NULL);
    text_complain(TEXT_HINT, NULL, NULL, NULL);
    return EXIT_USAGE;
}

int look_parse(char **argv, bool takes_key, struct look_options *out) {
    static char module[PATH_MAX];
    *out = (struct look_options){.root = ""};
    for (; *argv != NULL; argv++) {
        const char **value = strcmp(*argv, "--module") == 0 ? &out->module
                             : strcmp(*argv, "--root") == 0 ? &out->root
                                                            : NULL;
        if (value != NULL) {
            if (argv[1] == NULL)
                return usage_error(TEXT_OPTION_VALUE, *argv);
            *value = *++argv;
        } else if (strcmp(*argv, "--json") == 0) {
            out->json = true;
        } else if (argv[0][0] == '-') {
            return usage_error(TEXT_UNKNOWN_OPTION, *argv);
        } else if (!takes_key || out->key != NULL) {
            return usage_error(TEXT_TOO_MANY_ARGUMENTS, *argv);
        } else {
            out->key = *argv;
        }
    }
    if (out->module == NULL) {
        if (!sim_beside("../lib/openukey-pkcs11.so", module, sizeof module)) {
            text_complain(TEXT_SYSTEM, "/proc/self/exe", strerror(errno), NULL);
            return EXIT_FAILURE;
        }
        out->module = module;
    }
    return 0;
}

const char *look_text(const json_t *object, const char *member) {
    const char *text = json_string_value(json_object_get(object, member));
    return text != NULL ? text : "";
}

void look_print_json(json_t *json) {
    json_dumpf(json, stdout, JSON_INDENT(2));
    putchar('\n');
    json_decref(json);
}

/* ---- choosing ---- */

static bool ends_with(const char *text, const char *end) {
    size_t len = strlen(text), end_len = strlen(end);
    return end_len > 0 && len >= end_len && strcmp(text + len - end_len, end) == 0;
}

/* The keys that are there, and of those the named one. The caller's. */
static json_t *chosen(json_t *all, const char *name) {
    json_t *keys = json_array(), *key;
    size_t i;
    json_array_foreach(all, i, key) {
        if (json_is_true(json_object_get(key, "present")) &&
            (name == NULL || ends_with(look_text(key, "serial"), name) ||
             strcmp(look_text(key, "label"), name) == 0))
            json_array_append(keys, key);
    }
    return keys;
}

/* Reads the keys that the arguments name; NULL after a complaint, with *status. */
static json_t *read_keys(char **argv, bool takes_key, struct look_options *options, int *status) {
    struct look look;
    char text[NUMBER];
    json_t *keys = NULL;
    *status = look_parse(argv, takes_key, options);
    if (*status != 0)
        return NULL;
    if (look_open(&look, options->module)) {
        json_t *all = look_at_keys(&look, time(NULL));
        keys = chosen(all, options->key);
        json_decref(all);
    } else if (look.rv != CKR_OK) {
        snprintf(text, sizeof text, "CKR 0x%08lX", look.rv);
        text_complain(TEXT_CRYPTOKI, look.error, text, NULL);
    } else {
        text_complain(TEXT_MODULE_LOAD, look.error, NULL, NULL);
    }
    look_close(&look);
    *status = EXIT_FAILURE;
    if (keys != NULL && json_array_size(keys) == 0 && !options->json)
        text_complain(options->key != NULL ? TEXT_NO_SUCH_KEY : TEXT_NO_KEYS, options->key, NULL,
                      NULL);
    if (keys != NULL && json_array_size(keys) > 0)
        *status = EXIT_SUCCESS;
    return keys;
}

/* ---- for people ---- */

/* "7/10", or "?" where the key does not say. */
static const char *tries_text(const json_t *pin, char out[NUMBER]) {
    const json_t *left = json_object_get(pin, "tries"), *max = json_object_get(pin, "max");
    if (left == NULL)
        return "?";
    if (max == NULL)
        snprintf(out, NUMBER, "%lld", (long long)json_integer_value(left));
    else
        snprintf(out, NUMBER, "%lld/%lld", (long long)json_integer_value(left),
                 (long long)json_integer_value(max));
    return out;
}

static void line(enum text text, const char *value) {
    if (value != NULL && value[0] != '\0')
        text_say(text, value, NULL);
}

static void show_certificate(const json_t *c) {
    char kind[64], days[NUMBER];
    snprintf(kind, sizeof kind, "%s %s-%lld", look_text(c, "usage"), look_text(c, "algorithm"),
             (long long)json_integer_value(json_object_get(c, "bits")));
    long long left = json_integer_value(json_object_get(c, "daysLeft"));
    snprintf(days, sizeof days, "%lld", left < 0 ? -left : left);
    line(TEXT_SHOW_CERTIFICATE, look_text(c, "label"));
    line(TEXT_SHOW_KIND, kind);
    line(TEXT_SHOW_SUBJECT, look_text(c, "subject"));
    line(TEXT_SHOW_ISSUER, look_text(c, "issuer"));
    line(TEXT_SHOW_CERT_SERIAL, look_text(c, "serial"));
    line(TEXT_SHOW_ID, look_text(c, "id"));
    text_say(left < 0 ? TEXT_SHOW_EXPIRED : TEXT_SHOW_VALID, look_text(c, "notAfter"), days);
}

static void show_key(const json_t *key) {
    char tries[NUMBER];
    const json_t *item;
    size_t i;
    line(TEXT_SHOW_KEY, look_text(key, "label"));
    line(TEXT_SHOW_SERIAL, look_text(key, "serial"));
    line(TEXT_SHOW_READER, look_text(key, "reader"));
    line(TEXT_SHOW_MAKER, look_text(key, "manufacturer"));
    line(TEXT_SHOW_MODEL, look_text(key, "model"));
    if (look_text(key, "error")[0] != '\0') {
        line(TEXT_SHOW_ERROR, look_text(key, "error"));
        return;
    }
    if (!json_is_true(json_object_get(key, "initialized"))) {
        text_say(TEXT_SHOW_BLANK, NULL, NULL);
        return;
    }
    line(TEXT_SHOW_PIN, tries_text(json_object_get(key, "pin"), tries));
    line(TEXT_SHOW_SO_PIN, tries_text(json_object_get(key, "soPin"), tries));
    json_array_foreach(json_object_get(key, "certificates"), i, item) show_certificate(item);
    json_array_foreach(json_object_get(key, "files"), i, item)
        line(TEXT_SHOW_FILE, json_string_value(item));
}

int look_show(char **argv) {
    struct look_options options;
    int status;
    const json_t *key;
    size_t i;
    json_t *keys = read_keys(argv, true, &options, &status);
    if (keys == NULL)
        return status;
    if (options.json) {
        look_print_json(keys);
        return status;
    }
    json_array_foreach(keys, i, key) {
        if (i > 0)
            putchar('\n');
        show_key(key);
    }
    json_decref(keys);
    return status;
}

int look_list(char **argv) {
    struct look_options options;
    int status;
    const json_t *key;
    size_t i;
    char tries[NUMBER], count[NUMBER];
    json_t *keys = read_keys(argv, false, &options, &status);
    if (keys == NULL)
        return status;
    if (options.json) {
        look_print_json(keys);
        return EXIT_SUCCESS; /* no key is an answer, too */
    }
    json_array_foreach(keys, i, key) {
        snprintf(count, sizeof count, "%zu", json_array_size(json_object_get(key, "certificates")));
        printf("%s  %s  ", look_text(key, "serial"), look_text(key, "label"));
        if (look_text(key, "error")[0] != '\0')
            line(TEXT_SHOW_ERROR, look_text(key, "error"));
        else if (!json_is_true(json_object_get(key, "initialized")))
            text_say(TEXT_SHOW_BLANK, NULL, NULL);
        else
            text_say(TEXT_LIST, tries_text(json_object_get(key, "pin"), tries), count);
    }
    json_decref(keys);
    return status;
}
