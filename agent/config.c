/* Reading the configuration: every key is known, every value is checked, every path is absolute afterwards. */
#include "agent/config.h"

#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent/access/origin.h"
#include "agent/http/json.h"
#include "module/formats/calendar.h"

#define CONFIG_MAX         ((size_t)1 << 20)
#define TERMINAL_TEXT_MAX  200
#define DIALOG_SECONDS     120
#define DIALOG_SECONDS_MAX 3600

/* What reading needs at hand: where relative paths start, and where to put the complaint. */
struct reader {
    char folder[PATH_MAX];
    char *error;
    size_t error_size;
};

__attribute__((format(printf, 2, 3))) static int complain(struct reader *reader, const char *format,
                                                          ...) {
    va_list args;
    va_start(args, format);
    vsnprintf(reader->error, reader->error_size, format, args);
    va_end(args);
    return -1;
}

/* A copy of a string member; 0 also when it is absent (*out NULL). */
static int take_string(struct reader *reader, const json_t *object, const char *where,
                       const char *name, char **out) {
    const json_t *member = json_object_get(object, name);
    if (member == NULL) {
        return 0;
    }
    const char *text = json_member_string(object, name, PATH_MAX - 1);
    if (text == NULL) {
        return complain(reader, "%s%s must be a text that is not empty", where, name);
    }
    *out = strdup(text);
    return *out != NULL ? 0 : complain(reader, "out of memory");
}

/* The same for a path: relative ones start at the configuration's folder. With `or_name`, a text without '/' stays as it is (a
 * program to be found in PATH). */
static int take_path(struct reader *reader, const json_t *object, const char *where,
                     const char *name, bool or_name, char **out) {
    char *text = NULL, joined[2 * PATH_MAX];
    if (take_string(reader, object, where, name, &text) != 0) {
        return -1;
    }
    if (text == NULL || text[0] == '/' || (or_name && strchr(text, '/') == NULL)) {
        *out = text;
        return 0;
    }
    snprintf(joined, sizeof(joined), "%s/%s", reader->folder, text);
    free(text);
    if (strlen(joined) >= PATH_MAX) {
        return complain(reader, "%s%s is too long", where, name);
    }
    *out = strdup(joined);
    return *out != NULL ? 0 : complain(reader, "out of memory");
}

static int check_names(struct reader *reader, const json_t *object, const char *where,
                       const char *const *names) {
    const char *unknown = NULL;
    if (!json_is_object(object)) {
        return complain(reader, "%s must be an object",
                        where[0] != 0 ? where : "the configuration");
    }
    if (!json_members_are(object, names, &unknown)) {
        return complain(reader, "unknown key %s%s", where, unknown);
    }
    return 0;
}

static int take_ports(struct reader *reader, const json_t *root, struct agent_config *config) {
    static const uint16_t standard[] = {24317, 24318, 24319, 24320};
    const json_t *ports = json_object_get(root, "ports"), *port;
    size_t i;
    if (ports == NULL) {
        memcpy(config->ports, standard, sizeof(standard));
        config->port_count = sizeof(standard) / sizeof(standard[0]);
        return 0;
    }
    if (!json_is_array(ports) || json_array_size(ports) == 0 ||
        json_array_size(ports) > AGENT_CONFIG_MAX_PORTS) {
        return complain(reader, "ports must be a list of 1 to %d ports", AGENT_CONFIG_MAX_PORTS);
    }
    json_array_foreach(ports, i, port) {
        if (!json_is_integer(port) || json_integer_value(port) < 0 ||
            json_integer_value(port) > 65535) {
            return complain(reader, "ports: each must be a number from 0 to 65535");
        }
        config->ports[config->port_count++] = (uint16_t)json_integer_value(port);
    }
    return 0;
}

static int take_module_options(struct reader *reader, const json_t *root,
                               struct agent_config *config) {
    const json_t *options = json_object_get(root, "moduleOptions");
    const char *name;
    json_t *value;
    if (options == NULL) {
        return 0;
    }
    if (!json_is_object(options)) {
        return complain(reader, "moduleOptions must be an object");
    }
    config->module_options = calloc(json_object_size(options) + 1, sizeof(*config->module_options));
    if (config->module_options == NULL) {
        return complain(reader, "out of memory");
    }
    json_object_foreach((json_t *)options, name, value) {
        struct agent_module_option *option = &config->module_options[config->module_option_count++];
        option->name = strdup(name);
        /* the one option that names a folder, unless it is switched off */
        bool is_path = strcmp(name, "socket-dir") == 0 &&
                       strcmp(json_string_value(value) ? json_string_value(value) : "", "off") != 0;
        int taken = is_path
                        ? take_path(reader, options, "moduleOptions.", name, false, &option->value)
                        : take_string(reader, options, "moduleOptions.", name, &option->value);
        if (taken != 0 || option->name == NULL) {
            return -1;
        }
    }
    return 0;
}

/* Modules of other makers: [{"path", "name"?, "answerWithin"?}], seconds. */
static int take_modules(struct reader *reader, const json_t *root, struct agent_config *config) {
    static const char *const names[] = {"path", "name", "answerWithin", NULL};
    const json_t *modules = json_object_get(root, "modules"), *module;
    size_t i;
    if (modules != NULL && (!json_is_array(modules) || json_array_size(modules) > 16)) {
        return complain(reader, "modules must be a list of at most 16 objects");
    }
    json_array_foreach(modules, i, module) {
        char *path = NULL, *name = NULL;
        const json_t *within = json_object_get(module, "answerWithin");
        if (check_names(reader, module, "modules[].", names) != 0 ||
            take_path(reader, module, "modules[].", "path", false, &path) != 0) {
            return -1;
        }
        int taken = take_string(reader, module, "modules[].", "name", &name);
        if (taken == 0 && path == NULL) {
            taken = complain(reader, "modules[].path is missing");
        }
        if (taken == 0 && within != NULL &&
            (!json_is_integer(within) || json_integer_value(within) < 1 ||
             json_integer_value(within) > 600)) {
            taken = complain(reader, "modules[].answerWithin must be 1 to 600 seconds");
        }
        int within_ms =
            within != NULL ? 1000 * (int)json_integer_value(within) : FOREIGN_ANSWER_WITHIN_MS;
        if (taken == 0 && !foreign_modules_add(&config->foreign, name != NULL ? name : path, path,
                                               within_ms, NULL)) {
            taken = complain(reader, "out of memory");
        }
        free(path);
        free(name);
        if (taken != 0) {
            return -1;
        }
    }
    return 0;
}

static int take_p11_kit(struct reader *reader, const json_t *root, struct agent_config *config) {
    const json_t *member = json_object_get(root, "p11Kit");
    config->uses_p11_kit = member == NULL || json_is_true(member);
    return member == NULL || json_is_boolean(member)
               ? 0
               : complain(reader, "p11Kit must be true or false");
}

/* "https://host[:port][/base]": nothing else, no user, no query, no trailing '/'. */
static bool upstream_is_good(const char *url) {
    static const char https[] = "https://";
    if (strncmp(url, https, sizeof(https) - 1) != 0 || strlen(url) > 1000) {
        return false;
    }
    size_t authority = strcspn(url + sizeof(https) - 1, "/");
    char origin[ORIGIN_TEXT_SIZE];
    size_t origin_len = sizeof(https) - 1 + authority;
    if (origin_len >= sizeof(origin)) {
        return false;
    }
    memcpy(origin, url, origin_len);
    origin[origin_len] = 0;
    const char *base = url + origin_len;
    return origin_is_eligible(origin) &&
           (*base == 0 || (base[strlen(base) - 1] != '/' && strpbrk(base, "?#@% \\") == NULL &&
                           strstr(base, "..") == NULL && strstr(base, "//") == NULL));
}

/* ["BASE64 of the SHA-256 of a public key", ...] as libcurl wants them. */
static int take_pins(struct reader *reader, const json_t *object, const char *where, char **pins) {
    const json_t *list = json_object_get(object, "pins");
    size_t i, used = 0, count = json_array_size(list);
    json_t *pin;
    if (list == NULL) {
        return 0;
    }
    char *text = calloc(count + 1, 64);
    if (text == NULL) {
        return complain(reader, "out of memory");
    }
    json_array_foreach(list, i, pin) {
        const char *value = json_string_value(pin);
        if (value == NULL || strlen(value) != 44 || value[43] != '=' ||
            strspn(value, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/") !=
                43) {
            break;
        }
        used += (size_t)snprintf(text + used, 64, "%ssha256//%s", used > 0 ? ";" : "", value);
    }
    if (count == 0 || i < count) {
        free(text);
        return complain(reader, "%spins must be a list of SHA-256 of public keys, in base64",
                        where);
    }
    *pins = text;
    return 0;
}

static int take_times(struct reader *reader, const json_t *object, const char *where,
                      struct agent_service_times *times) {
    static const char *const names[] = {"connect", "firstByte", "idle", "total", NULL};
    const json_t *given = json_object_get(object, "timeouts");
    *times =
        (struct agent_service_times){.connect = 10, .first_byte = 60, .idle = 30, .total = 900};
    int *const values[] = {&times->connect, &times->first_byte, &times->idle, &times->total};
    if (given == NULL) {
        return 0;
    }
    if (!json_is_object(given) || !json_members_are(given, names, NULL)) {
        return complain(reader, "%stimeouts must be {connect, firstByte, idle, total}", where);
    }
    for (size_t i = 0; names[i] != NULL; i++) {
        const json_t *value = json_object_get(given, names[i]);
        if (value != NULL && (!json_is_integer(value) || json_integer_value(value) < 1 ||
                              json_integer_value(value) > 86400)) {
            return complain(reader, "%stimeouts are 1 to 86400 seconds", where);
        }
        *values[i] = value != NULL ? (int)json_integer_value(value) : *values[i];
    }
    return 0;
}

static int take_service(struct reader *reader, const char *profile, const json_t *object,
                        struct agent_service *service) {
    static const char *const names[] = {"upstream",  "ca",       "pins",     "clientCertificate",
                                        "clientKey", "timeouts", "taskKeys", "issuers",
                                        "root",      "crl",      NULL};
    char where[80];
    snprintf(where, sizeof(where), "services.%.40s.", profile);
    size_t len = strlen(profile);
    if (len == 0 || len > 40 || strspn(profile, "abcdefghijklmnopqrstuvwxyz0123456789-") != len) {
        return complain(reader, "services: a name is made of 1 to 40 letters a-z, digits and '-'");
    }
    if (check_names(reader, object, where, names) != 0) {
        return -1;
    }
    service->profile = strdup(profile);
    if (take_string(reader, object, where, "upstream", &service->upstream) != 0 ||
        take_path(reader, object, where, "ca", false, &service->ca) != 0 ||
        take_path(reader, object, where, "root", false, &service->root) != 0 ||
        take_path(reader, object, where, "clientCertificate", false,
                  &service->client_certificate) != 0 ||
        take_path(reader, object, where, "clientKey", false, &service->client_key) != 0 ||
        take_pins(reader, object, where, &service->pins) != 0 ||
        take_times(reader, object, where, &service->times) != 0 ||
        take_string(reader, object, where, "crl", &service->crl) != 0) {
        return -1;
    }
    if (service->upstream == NULL || !upstream_is_good(service->upstream)) {
        return complain(reader, "%supstream must be https://HOST[:PORT][/BASE]", where);
    }
    if ((service->client_certificate == NULL) != (service->client_key == NULL)) {
        return complain(reader, "%sclientCertificate and clientKey go together", where);
    }
    if (service->crl != NULL && service->crl[0] != '/') {
        return complain(reader, "%scrl must be a path that starts with '/'", where);
    }
    json_t *keys = json_object_get(object, "taskKeys"),
           *issuers = json_object_get(object, "issuers"), *issuer;
    if (keys != NULL && !json_is_array(keys) &&
        (!json_is_string(keys) || json_string_value(keys)[0] != '/')) {
        return complain(reader, "%staskKeys must be a path that starts with '/' or a list of JWKs",
                        where);
    }
    if (issuers != NULL && !json_is_array(issuers)) {
        return complain(reader, "%sissuers must be a list of texts", where);
    }
    size_t i;
    json_array_foreach(issuers, i, issuer) {
        if (!json_is_string(issuer)) {
            return complain(reader, "%sissuers must be a list of texts", where);
        }
    }
    service->task_keys = json_incref(keys);
    service->issuers = json_incref(issuers);
    return service->profile != NULL ? 0 : complain(reader, "out of memory");
}

static int take_services(struct reader *reader, const json_t *root, struct agent_config *config) {
    const json_t *services = json_object_get(root, "services");
    const char *profile;
    json_t *value;
    if (services == NULL) {
        return 0;
    }
    if (!json_is_object(services)) {
        return complain(reader, "services must be an object");
    }
    config->services = calloc(json_object_size(services) + 1, sizeof(*config->services));
    if (config->services == NULL) {
        return complain(reader, "out of memory");
    }
    json_object_foreach((json_t *)services, profile, value) {
        if (take_service(reader, profile, value, &config->services[config->service_count++]) != 0) {
            return -1;
        }
    }
    return 0;
}

static int take_origin_list(struct reader *reader, const json_t *origins, const char *name,
                            char ***list, size_t *count) {
    const json_t *array = json_object_get(origins, name), *value;
    size_t i;
    if (array == NULL) {
        return 0;
    }
    if (!json_is_array(array)) {
        return complain(reader, "origins.%s must be a list of origins", name);
    }
    *list = calloc(json_array_size(array) + 1, sizeof(**list));
    if (*list == NULL) {
        return complain(reader, "out of memory");
    }
    json_array_foreach(array, i, value) {
        if (!json_is_string(value) || !origin_is_eligible(json_string_value(value))) {
            return complain(reader,
                            "origins.%s: each must be an origin as browsers write it, like "
                            "https://portal.example",
                            name);
        }
        (*list)[*count] = strdup(json_string_value(value));
        if ((*list)[(*count)++] == NULL) {
            return complain(reader, "out of memory");
        }
    }
    return 0;
}

static int take_origins(struct reader *reader, const json_t *root, struct agent_config *config) {
    static const char *const names[] = {"allow", "deny", NULL};
    const json_t *origins = json_object_get(root, "origins");
    if (origins == NULL) {
        return 0;
    }
    return check_names(reader, origins, "origins.", names) != 0 ||
                   take_origin_list(reader, origins, "allow", &config->allow,
                                    &config->allow_count) != 0 ||
                   take_origin_list(reader, origins, "deny", &config->deny, &config->deny_count) !=
                       0
               ? -1
               : 0;
}

static int take_clock(struct reader *reader, const json_t *root, struct agent_config *config) {
    const char *text = json_member_string(root, "clock", 64);
    if (json_object_get(root, "clock") == NULL ||
        (text != NULL && calendar_parse_rfc3339(text, &config->clock))) {
        return 0;
    }
    return complain(reader, "clock must be an RFC 3339 time, like 2026-03-01T09:00:00+08:00");
}

static int take_dialog_seconds(struct reader *reader, const json_t *root,
                               struct agent_config *config) {
    const json_t *member = json_object_get(root, "dialogSeconds");
    json_int_t seconds = member != NULL ? json_integer_value(member) : DIALOG_SECONDS;
    if ((member != NULL && !json_is_integer(member)) || seconds < 1 ||
        seconds > DIALOG_SECONDS_MAX) {
        return complain(reader, "dialogSeconds must be 1 to %d", DIALOG_SECONDS_MAX);
    }
    config->dialog_ms = (int)seconds * 1000;
    return 0;
}

static int take_log(struct reader *reader, const json_t *root, struct agent_config *config) {
    static const char *const levels[] = {"error", "warn", "info", "debug"};
    const json_t *member = json_object_get(root, "log");
    config->log_level = LOG_LEVEL_INFO;
    if (member == NULL) {
        return 0;
    }
    for (size_t i = 0; json_is_string(member) && i < sizeof(levels) / sizeof(levels[0]); i++) {
        if (strcmp(json_string_value(member), levels[i]) == 0) {
            config->log_level = (enum log_level)i;
            return 0;
        }
    }
    return complain(reader, "log must be one of error, warn, info, debug");
}

/* The terminal for dialogs: a device, and what terminfo calls its kind. Both go into lines and arguments of other programs. */
static int take_terminal(struct reader *reader, const json_t *root,
                         struct consent_terminal *terminal) {
    if (take_path(reader, root, "", "tty", false, &terminal->device) != 0 ||
        take_string(reader, root, "", "ttyType", &terminal->type) != 0) {
        return -1;
    }
    const struct {
        const char *name, *value;
    } texts[] = {{"tty", terminal->device}, {"ttyType", terminal->type}};
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        const char *c = texts[i].value != NULL ? texts[i].value : "";
        while (*c > ' ' && *c < 0x7F && *c != '%' && c - texts[i].value < TERMINAL_TEXT_MAX) {
            c++;
        }
        if (*c != 0) {
            return complain(reader, "%s must be at most %d printable characters, without '%%'",
                            texts[i].name, TERMINAL_TEXT_MAX);
        }
    }
    return 0;
}

/* What comes with the agent lies beside it: BIN/ukey-consent, BIN/../lib/openukey-pkcs11.so. */
static char *beside_program(const char *name) {
    char program[PATH_MAX], path[2 * PATH_MAX];
    ssize_t len = readlink("/proc/self/exe", program, sizeof(program) - 1);
    if (len <= 0) {
        return NULL;
    }
    program[len] = 0;
    char *slash = strrchr(program, '/');
    *slash = 0;
    snprintf(path, sizeof(path), "%s/%s", program, name);
    return strdup(path);
}

/* $VARIABLE/NAME, or HOME/ORDINARY/NAME when the variable is not an absolute path. False: there is no home either. */
static bool below_home(const char *variable, const char *ordinary, const char *name,
                       char path[PATH_MAX]) {
    const char *folder = getenv(variable), *home = getenv("HOME");
    int len = 0;
    if (folder != NULL && folder[0] == '/') {
        len = snprintf(path, PATH_MAX, "%s/%s", folder, name);
    } else if (home != NULL && home[0] == '/') {
        len = snprintf(path, PATH_MAX, "%s/%s/%s", home, ordinary, name);
    }
    return len > 0 && len < PATH_MAX;
}

static int fill_defaults(struct reader *reader, struct agent_config *config) {
    if (config->state_dir == NULL) {
        char path[PATH_MAX];
        if (!below_home("XDG_STATE_HOME", ".local/state", "openukey/agent", path)) {
            return complain(reader, "state is missing, and there is no home folder to keep it in");
        }
        config->state_dir = strdup(path);
    }
    if (config->pinentry == NULL) {
        config->pinentry = strdup("pinentry");
    }
    if (config->consent.program == NULL) {
        config->consent.program = beside_program("ukey-consent");
    }
    if (config->consent.tty_program == NULL) {
        config->consent.tty_program = beside_program("ukey-consent-tty");
    }
    if (config->consent.terminal.type == NULL) {
        const char *type = getenv("TERM");
        config->consent.terminal.type = strdup(type != NULL && *type != 0 ? type : "vt100");
    }
    if (config->module == NULL) {
        config->module = beside_program("../lib/openukey-pkcs11.so");
    }
    if (config->host == NULL) {
        config->host = beside_program("ukey-module-host");
    }
    return config->state_dir != NULL && config->pinentry != NULL &&
                   config->consent.program != NULL && config->consent.tty_program != NULL &&
                   config->consent.terminal.type != NULL && config->module != NULL &&
                   config->host != NULL
               ? 0
               : complain(reader, "out of memory");
}

static int take_all(struct reader *reader, const json_t *root, struct agent_config *config) {
    static const char *const names[] = {
        "state",    "ports",   "module",     "moduleOptions", "modules", "moduleHost", "p11Kit",
        "pinentry", "consent", "consentTty", "tty",           "ttyType", "services",   "origins",
        "policy",   "clock",   "log",        "dialogSeconds", NULL};
    if (check_names(reader, root, "", names) != 0 ||
        take_path(reader, root, "", "state", false, &config->state_dir) != 0 ||
        take_ports(reader, root, config) != 0 ||
        take_path(reader, root, "", "module", false, &config->module) != 0 ||
        take_module_options(reader, root, config) != 0 || take_modules(reader, root, config) != 0 ||
        take_path(reader, root, "", "moduleHost", false, &config->host) != 0 ||
        take_p11_kit(reader, root, config) != 0 ||
        take_path(reader, root, "", "pinentry", true, &config->pinentry) != 0 ||
        take_path(reader, root, "", "consent", true, &config->consent.program) != 0 ||
        take_path(reader, root, "", "consentTty", true, &config->consent.tty_program) != 0 ||
        take_terminal(reader, root, &config->consent.terminal) != 0 ||
        take_services(reader, root, config) != 0 || take_origins(reader, root, config) != 0 ||
        take_path(reader, root, "", "policy", false, &config->policy) != 0 ||
        take_dialog_seconds(reader, root, config) != 0 || take_clock(reader, root, config) != 0 ||
        take_log(reader, root, config) != 0) {
        return -1;
    }
    return fill_defaults(reader, config);
}

/* The configuration of somebody who names none; NULL: there is none. */
static const char *find_file(char path[PATH_MAX]) {
    if (below_home("XDG_CONFIG_HOME", ".config", "openukey/agent.json", path) &&
        access(path, F_OK) == 0) {
        return path;
    }
    return access(AGENT_CONFIG_MACHINE_FILE, F_OK) == 0 ? AGENT_CONFIG_MACHINE_FILE : NULL;
}

int agent_config_read(const char *path, struct agent_config **out, char *error, size_t error_size) {
    struct reader reader = {.error = error, .error_size = error_size};
    char absolute[PATH_MAX], found[PATH_MAX], reason[200];
    *out = NULL;
    json_t *root = NULL;
    reason[0] = 0;
    if (path == NULL) {
        path = find_file(found);
    }
    if (path == NULL) {
        path = "the defaults";
        root = json_object();
    } else if (realpath(path, absolute) == NULL) {
        return complain(&reader, "%s: cannot be found", path);
    } else {
        snprintf(reader.folder, sizeof(reader.folder), "%s", absolute);
        char *slash = strrchr(reader.folder, '/');
        *slash = 0;
        root = json_read_file_strict(absolute, CONFIG_MAX, reason, sizeof(reason));
    }
    if (root == NULL) {
        return complain(&reader, "%s: %s", path, reason);
    }
    struct agent_config *config = calloc(1, sizeof(*config));
    char complaint[300] = "out of memory";
    reader.error = complaint;
    reader.error_size = sizeof(complaint);
    int taken = config != NULL ? take_all(&reader, root, config) : -1;
    json_decref(root);
    if (taken != 0) {
        snprintf(error, error_size, "%s: %s", path, complaint);
        agent_config_free(config);
        return -1;
    }
    *out = config;
    return 0;
}

void agent_config_free(struct agent_config *config) {
    if (config == NULL) {
        return;
    }
    for (size_t i = 0; i < config->module_option_count; i++) {
        free(config->module_options[i].name);
        free(config->module_options[i].value);
    }
    for (size_t i = 0; i < config->service_count; i++) {
        struct agent_service *service = &config->services[i];
        free(service->profile);
        free(service->upstream);
        free(service->ca);
        free(service->root);
        free(service->crl);
        free(service->pins);
        free(service->client_certificate);
        free(service->client_key);
        json_decref(service->task_keys);
        json_decref(service->issuers);
    }
    for (size_t i = 0; i < config->allow_count; i++) {
        free(config->allow[i]);
    }
    for (size_t i = 0; i < config->deny_count; i++) {
        free(config->deny[i]);
    }
    foreign_modules_free(&config->foreign);
    free(config->host);
    free(config->module_options);
    free(config->services);
    free(config->allow);
    free(config->deny);
    free(config->state_dir);
    free(config->module);
    free(config->pinentry);
    free(config->consent.program);
    free(config->consent.tty_program);
    free(config->consent.terminal.device);
    free(config->consent.terminal.type);
    free(config->policy);
    free(config);
}

const struct agent_service *agent_config_service(const struct agent_config *config,
                                                 const char *profile) {
    for (size_t i = 0; i < config->service_count; i++) {
        if (strcmp(config->services[i].profile, profile) == 0) {
            return &config->services[i];
        }
    }
    return NULL;
}
