/* ukey doctor: what may keep keys from working on this computer, and what to do about it. */
#include "tools/ukey/look.h"
#include "tools/ukey/look_commands.h"
#include "tools/ukey/text.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

enum {
    EXIT_BAD = 1,
    NUMBER = 24,
    LINE = 512,
    FEW_TRIES = 3,
    SOON_DAYS = 30,
    FIRST_YEAR_SECONDS = 1767225600 /* 2026-01-01: this program is no older */
};

enum level { LEVEL_OK, LEVEL_NOTE, LEVEL_WARNING, LEVEL_ERROR };

struct doctor {
    const struct look_options *options;
    json_t *findings;
    enum level worst;
    bool has_pcscd;
};

static const char *const level_names[] = {"ok", "note", "warning", "error"};

/* One finding, printed at once or kept for the JSON; `advice` TEXT_COUNT: nothing to do. */
static void found(struct doctor *d, const char *check, enum level level, enum text text,
                  const char *a, const char *b, enum text advice) {
    char *says = text_make(text, a, b);
    char *todo = advice != TEXT_COUNT ? text_make(advice, a, b) : NULL;
    json_t *finding = json_pack("{s:s, s:s, s:s}", "check", check, "level", level_names[level],
                                "text", says != NULL ? says : "");
    if (finding != NULL && todo != NULL)
        json_object_set_new(finding, "todo", json_string(todo));
    if (!d->options->json) {
        static const enum text marks[] = {TEXT_MARK_OK, TEXT_MARK_NOTE, TEXT_MARK_WARNING,
                                          TEXT_MARK_ERROR};
        text_say(marks[level], says, NULL);
        if (todo != NULL)
            text_say(TEXT_MARK_TODO, todo, NULL);
    }
    json_array_append_new(d->findings, finding);
    if (level > d->worst)
        d->worst = level;
    free(says);
    free(todo);
}

static bool path_of(const struct doctor *d, char out[PATH_MAX], const char *path) {
    int n = snprintf(out, PATH_MAX, "%s%s", d->options->root, path);
    return n > 0 && n < PATH_MAX;
}

/* ---- this computer ---- */

static void check_clock(struct doctor *d) {
    time_t now = time(NULL);
    char text[NUMBER];
    struct tm utc;
    gmtime_r(&now, &utc);
    strftime(text, sizeof text, "%Y-%m-%d %H:%M UTC", &utc);
    if (now < FIRST_YEAR_SECONDS)
        found(d, "clock", LEVEL_ERROR, TEXT_DOCTOR_CLOCK_BAD, text, NULL, TEXT_TODO_CLOCK);
    else
        found(d, "clock", LEVEL_OK, TEXT_DOCTOR_CLOCK, text, NULL, TEXT_COUNT);
}

/* Does somebody listen at the socket? */
static bool answers(const char *path) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    if (strlen(path) >= sizeof address.sun_path)
        return false;
    memcpy(address.sun_path, path, strlen(path) + 1);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    bool good = fd >= 0 && connect(fd, (const struct sockaddr *)&address, sizeof address) == 0;
    if (fd >= 0)
        close(fd);
    return good;
}

static void check_pcscd(struct doctor *d) {
    char path[PATH_MAX];
    const char *other = getenv("PCSCLITE_CSOCK_NAME");
    if (other != NULL)
        snprintf(path, sizeof path, "%s", other);
    else if (!path_of(d, path, "/run/pcscd/pcscd.comm"))
        return;
    d->has_pcscd = access(path, F_OK) == 0;
    if (!d->has_pcscd)
        found(d, "pcscd", LEVEL_NOTE, TEXT_DOCTOR_NO_PCSCD, path, NULL, TEXT_TODO_NO_PCSCD);
    else if (!answers(path))
        found(d, "pcscd", LEVEL_ERROR, TEXT_DOCTOR_PCSCD_DEAD, path, NULL, TEXT_TODO_PCSCD_DEAD);
    else
        found(d, "pcscd", LEVEL_OK, TEXT_DOCTOR_PCSCD, path, NULL, TEXT_COUNT);
}

/* One line of a file below /sys. */
static bool read_line(const struct doctor *d, const char *entry, const char *attribute,
                      char out[LINE]) {
    char path[PATH_MAX], name[LINE];
    snprintf(name, sizeof name, "/sys/bus/usb/devices/%.200s/%.50s", entry, attribute);
    FILE *file = path_of(d, path, name) ? fopen(path, "re") : NULL;
    bool good = file != NULL && fgets(out, LINE, file) != NULL;
    if (file != NULL)
        fclose(file);
    if (good)
        out[strcspn(out, "\r\n")] = '\0';
    else
        out[0] = '\0';
    return good;
}

/* A USB reader's device file must be ours where pcscd does not do it for us. */
static void check_reader(struct doctor *d, const char *interface) {
    char class[LINE], device[LINE], product[LINE], bus[LINE], number[LINE], node[LINE],
        path[PATH_MAX];
    size_t len = strcspn(interface, ":");
    if (interface[len] == '\0' || len >= sizeof device ||
        !read_line(d, interface, "bInterfaceClass", class) || strcmp(class, "0b") != 0)
        return;
    memcpy(device, interface, len);
    device[len] = '\0';
    if (!read_line(d, device, "product", product))
        snprintf(product, sizeof product, "USB %.100s", device);
    if (!read_line(d, device, "busnum", bus) || !read_line(d, device, "devnum", number))
        return;
    snprintf(node, sizeof node, "/dev/bus/usb/%03ld/%03ld", strtol(bus, NULL, 10),
             strtol(number, NULL, 10));
    if (d->has_pcscd)
        found(d, "reader", LEVEL_OK, TEXT_DOCTOR_READER_PCSCD, product, NULL, TEXT_COUNT);
    else if (path_of(d, path, node) && access(path, R_OK | W_OK) != 0)
        found(d, "reader", LEVEL_ERROR, TEXT_DOCTOR_READER_DENIED, product, node,
              TEXT_TODO_READER_DENIED);
    else
        found(d, "reader", LEVEL_OK, TEXT_DOCTOR_READER, product, NULL, TEXT_COUNT);
}

static void check_readers(struct doctor *d) {
    char path[PATH_MAX];
    const struct dirent *entry;
    DIR *devices = path_of(d, path, "/sys/bus/usb/devices") ? opendir(path) : NULL;
    while (devices != NULL && (entry = readdir(devices)) != NULL)
        check_reader(d, entry->d_name);
    if (devices != NULL)
        closedir(devices);
}

/* ---- p11-kit ---- */

/* The path behind "module:" if the file is about our module. */
static bool names_module(const char *file, char module[LINE]) {
    char text[LINE];
    FILE *in = fopen(file, "re");
    bool is_ours = false;
    while (in != NULL && !is_ours && fgets(text, sizeof text, in) != NULL) {
        if (strncmp(text, "module:", 7) != 0 || strstr(text, "openukey-pkcs11.so") == NULL)
            continue;
        const char *value = text + 7 + strspn(text + 7, " \t");
        snprintf(module, LINE, "%.*s", (int)strcspn(value, "\r\n"), value);
        is_ours = true;
    }
    if (in != NULL)
        fclose(in);
    return is_ours;
}

static bool registered_in(const struct doctor *d, const char *folder, char module[LINE]) {
    char path[PATH_MAX], file[PATH_MAX];
    const struct dirent *entry;
    bool is_there = false;
    DIR *modules = path_of(d, path, folder) ? opendir(path) : NULL;
    while (modules != NULL && !is_there && (entry = readdir(modules)) != NULL) {
        int n = snprintf(file, sizeof file, "%s/%s", path, entry->d_name);
        is_there = n > 0 && n < PATH_MAX && names_module(file, module);
    }
    if (modules != NULL)
        closedir(modules);
    return is_there;
}

static void check_p11_kit(struct doctor *d) {
    char module[LINE], path[PATH_MAX];
    if (!registered_in(d, "/usr/share/p11-kit/modules", module) &&
        !registered_in(d, "/etc/pkcs11/modules", module)) {
        found(d, "p11-kit", LEVEL_NOTE, TEXT_DOCTOR_NO_P11_KIT, NULL, NULL, TEXT_TODO_P11_KIT);
        return;
    }
    /* a name without a path is p11-kit's own folder's */
    if (module[0] == '/' && path_of(d, path, module) && access(path, R_OK) != 0)
        found(d, "p11-kit", LEVEL_ERROR, TEXT_DOCTOR_P11_KIT_STALE, module, NULL,
              TEXT_TODO_P11_KIT);
    else
        found(d, "p11-kit", LEVEL_OK, TEXT_DOCTOR_P11_KIT, module, NULL, TEXT_COUNT);
}

/* ---- keys ---- */

static void check_pin(struct doctor *d, const char *name, const json_t *pin, bool is_admin) {
    char left[NUMBER];
    const json_t *tries = json_object_get(pin, "tries"), *max = json_object_get(pin, "max");
    json_int_t n = json_integer_value(tries);
    snprintf(left, sizeof left, "%lld", (long long)n);
    if (tries != NULL && n == 0)
        found(d, is_admin ? "so-pin" : "pin", is_admin ? LEVEL_WARNING : LEVEL_ERROR,
              is_admin ? TEXT_DOCTOR_SO_PIN_LOCKED : TEXT_DOCTOR_PIN_LOCKED, name, NULL,
              is_admin ? TEXT_TODO_SO_PIN_LOCKED : TEXT_TODO_PIN_LOCKED);
    else if (tries != NULL && n < FEW_TRIES && (max == NULL || n < json_integer_value(max)))
        found(d, is_admin ? "so-pin" : "pin", LEVEL_WARNING,
              is_admin ? TEXT_DOCTOR_SO_PIN_FEW : TEXT_DOCTOR_PIN_FEW, name, left,
              TEXT_TODO_PIN_FEW);
    if (!is_admin && json_is_true(json_object_get(pin, "mustChange")))
        found(d, "pin", LEVEL_WARNING, TEXT_DOCTOR_PIN_MUST_CHANGE, name, NULL,
              TEXT_TODO_PIN_CHANGE);
    else if (!is_admin && json_is_true(json_object_get(pin, "default")))
        found(d, "pin", LEVEL_NOTE, TEXT_DOCTOR_PIN_DEFAULT, name, NULL, TEXT_TODO_PIN_CHANGE);
}

static void check_certificate(struct doctor *d, const json_t *certificate, int64_t now) {
    char days[NUMBER], today[32], name[LINE];
    json_int_t left = json_integer_value(json_object_get(certificate, "daysLeft"));
    const char *whose = look_text(certificate, "name");
    struct tm utc;
    time_t time_now = (time_t)now;
    gmtime_r(&time_now, &utc);
    strftime(today, sizeof today, "%Y-%m-%dT%H:%M:%SZ", &utc);
    snprintf(days, sizeof days, "%lld", (long long)(left < 0 ? -left : left));
    if (whose[0] == '\0')
        whose = look_text(certificate, "label");
    snprintf(name, sizeof name, "%.400s (%s)", whose, look_text(certificate, "usage"));
    if (strcmp(look_text(certificate, "notBefore"), today) > 0)
        found(d, "certificate", LEVEL_WARNING, TEXT_DOCTOR_NOT_YET, name,
              look_text(certificate, "notBefore"), TEXT_TODO_CLOCK);
    else if (left < 0)
        found(d, "certificate", LEVEL_WARNING, TEXT_DOCTOR_EXPIRED, name, days, TEXT_TODO_RENEW);
    else if (left <= SOON_DAYS)
        found(d, "certificate", LEVEL_WARNING, TEXT_DOCTOR_EXPIRING, name, days, TEXT_TODO_RENEW);
}

static void check_key(struct doctor *d, const json_t *key, int64_t now) {
    char name[LINE];
    const json_t *certificate;
    size_t i;
    enum level before = d->worst;
    snprintf(name, sizeof name, "%s (%s)", look_text(key, "label"), look_text(key, "serial"));
    d->worst = LEVEL_OK;
    if (look_text(key, "error")[0] != '\0') {
        found(d, "key", LEVEL_ERROR, TEXT_DOCTOR_KEY_ERROR, look_text(key, "reader"),
              look_text(key, "error"), TEXT_TODO_KEY_ERROR);
    } else if (!json_is_true(json_object_get(key, "initialized"))) {
        found(d, "key", LEVEL_NOTE, TEXT_DOCTOR_KEY_BLANK, look_text(key, "reader"), NULL,
              TEXT_TODO_KEY_BLANK);
    } else {
        check_pin(d, name, json_object_get(key, "pin"), false);
        check_pin(d, name, json_object_get(key, "soPin"), true);
        json_array_foreach(json_object_get(key, "certificates"), i, certificate)
            check_certificate(d, certificate, now);
        if (d->worst < LEVEL_WARNING)
            found(d, "key", LEVEL_OK, TEXT_DOCTOR_KEY, name, NULL, TEXT_COUNT);
    }
    if (before > d->worst)
        d->worst = before;
}

static void check_module(struct doctor *d) {
    struct look look;
    char text[NUMBER];
    int64_t now = time(NULL);
    if (!look_open(&look, d->options->module)) {
        snprintf(text, sizeof text, "0x%08lX", look.rv);
        found(d, "module", LEVEL_ERROR, TEXT_DOCTOR_MODULE_BAD, look.error,
              look.rv != CKR_OK ? text : "", TEXT_TODO_MODULE);
        look_close(&look);
        return;
    }
    found(d, "module", LEVEL_OK, TEXT_DOCTOR_MODULE, d->options->module, NULL, TEXT_COUNT);
    json_t *keys = look_at_keys(&look, now), *key;
    size_t i, present = 0;
    json_array_foreach(keys, i, key) {
        if (json_is_true(json_object_get(key, "present"))) {
            present++;
            check_key(d, key, now);
        }
    }
    if (present == 0)
        found(d, "key", LEVEL_NOTE, TEXT_DOCTOR_NO_KEYS, NULL, NULL, TEXT_TODO_NO_KEYS);
    json_decref(keys);
    look_close(&look);
}

int look_doctor(char **argv) {
    struct look_options options;
    int status = look_parse(argv, false, &options);
    if (status != 0)
        return status;
    struct doctor d = {.options = &options, .findings = json_array()};
    check_clock(&d);
    check_pcscd(&d);
    check_readers(&d);
    check_p11_kit(&d);
    check_module(&d);
    bool is_well = d.worst < LEVEL_WARNING;
    if (options.json)
        look_print_json(json_pack("{s:b, s:o}", "ok", (int)is_well, "findings", d.findings));
    else
        json_decref(d.findings);
    return is_well ? EXIT_SUCCESS : EXIT_BAD;
}
