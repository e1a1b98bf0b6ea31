/* Reads openukey.conf. */
#include "module/cryptoki/config.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static bool set_socket_dir(struct config *config, const char *value) {
    if (strcmp(value, "off") == 0) {
        config->has_sockets = false;
        return true;
    }
    if (value[0] != '/' || strlen(value) >= sizeof(config->socket_dir)) {
        return false;
    }
    memcpy(config->socket_dir, value, strlen(value) + 1);
    config->has_sockets = true;
    return true;
}

static bool set_pcsc(struct config *config, const char *value) {
    bool on = strcmp(value, "on") == 0;
    if (!on && strcmp(value, "off") != 0) {
        return false;
    }
    config->has_pcsc = on;
    return true;
}

static bool set_pattern(char pattern[TRANSPORT_READER_NAME], const char *value) {
    if (value[0] == '\0' || strlen(value) >= TRANSPORT_READER_NAME) {
        return false;
    }
    memcpy(pattern, value, strlen(value) + 1);
    return true;
}

/* $XDG_CACHE_HOME/openukey, else ~/.cache/openukey; a program with raised privileges remembers nothing. */
static void set_default_cache(struct config *config) {
    const char *cache = secure_getenv("XDG_CACHE_HOME");
    const char *home = secure_getenv("HOME");
    int n = -1;
    if (cache != NULL && cache[0] == '/') {
        n = snprintf(config->cache_dir, sizeof(config->cache_dir), "%s/openukey", cache);
    } else if (home != NULL && home[0] == '/') {
        n = snprintf(config->cache_dir, sizeof(config->cache_dir), "%s/.cache/openukey", home);
    }
    if (n < 0 || (size_t)n >= sizeof(config->cache_dir)) {
        config->cache_dir[0] = '\0';
    }
}

static bool set_pcsc_readers(struct config *config, const char *value) {
    return set_pattern(config->pcsc_readers, value);
}

static bool set_usb_readers(struct config *config, const char *value) {
    return set_pattern(config->usb_readers, value);
}

static bool set_usb(struct config *config, const char *value) {
    static const char *const names[] = {[USB_AUTO] = "auto", [USB_ON] = "on", [USB_OFF] = "off"};
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (strcmp(value, names[i]) == 0) {
            config->usb = (enum usb_use)i;
            return true;
        }
    }
    return false;
}

static bool set_sm2_objects(struct config *config, const char *value) {
    static const char *const names[] = {
        [SM2_AUTO] = "auto", [SM2_VENDOR] = "vendor", [SM2_EC] = "ec", [SM2_HIDDEN] = "hidden"};
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (strcmp(value, names[i]) == 0) {
            config->sm2_objects = (enum sm2_presentation)i;
            return true;
        }
    }
    return false;
}

static bool set_cache(struct config *config, const char *value) {
    if (strcmp(value, "on") == 0) {
        set_default_cache(config);
        return true;
    }
    if (strcmp(value, "off") == 0) {
        config->cache_dir[0] = '\0';
        return true;
    }
    if (value[0] != '/' || strlen(value) >= sizeof(config->cache_dir)) {
        return false;
    }
    memcpy(config->cache_dir, value, strlen(value) + 1);
    return true;
}

/* A name that no layout has is as "auto": the driver knows the names. */
static bool set_gm_layout(struct config *config, const char *value) {
    if (value[0] == '\0' || strlen(value) >= sizeof(config->gm_layout)) {
        return false;
    }
    memcpy(config->gm_layout, value, strlen(value) + 1);
    return true;
}

static bool set_apdu_length(struct config *config, const char *value) {
    config->short_apdus = strcmp(value, "short") == 0;
    return config->short_apdus || strcmp(value, "auto") == 0;
}

static bool set_log(struct config *config, const char *value) {
    return log_level_parse(value, &config->log);
}

/* A file, or `word` for none. */
static bool set_file(char path[CONFIG_PATH_MAX], const char *value, const char *word) {
    if (strcmp(value, word) == 0) {
        path[0] = '\0';
        return true;
    }
    if (value[0] != '/' || strlen(value) >= CONFIG_PATH_MAX) {
        return false;
    }
    memcpy(path, value, strlen(value) + 1);
    return true;
}

static bool set_log_file(struct config *config, const char *value) {
    return set_file(config->log_file, value, "stderr");
}

static bool set_spy(struct config *config, const char *value) {
    return set_file(config->spy, value, "off");
}

static bool set_pin_entry(struct config *config, const char *value) {
    const bool dialog = strcmp(value, "dialog") == 0;
    if (!dialog && strcmp(value, "application") != 0) {
        return false;
    }
    config->pin_dialog = dialog;
    return true;
}

/* Not looked up in PATH: it is shown PINs. */
static bool set_pinentry(struct config *config, const char *value) {
    if (value[0] != '/' || strlen(value) >= sizeof(config->pinentry)) {
        return false;
    }
    memcpy(config->pinentry, value, strlen(value) + 1);
    return true;
}

static const struct {
    const char *name;
    bool (*set)(struct config *config, const char *value);
} keys[] = {
    {"socket-dir", set_socket_dir},
    {"pcsc", set_pcsc},
    {"pcsc-readers", set_pcsc_readers},
    {"usb", set_usb},
    {"usb-readers", set_usb_readers},
    {"sm2-objects", set_sm2_objects},
    {"apdu-length", set_apdu_length},
    {"gm-layout", set_gm_layout},
    {"cache", set_cache},
    {"pin-entry", set_pin_entry},
    {"pinentry", set_pinentry},
    {"log", set_log},
    {"log-file", set_log_file},
    {"spy", set_spy},
};

bool config_set(struct config *config, const char *name, const char *value) {
    for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
        if (strcmp(keys[i].name, name) == 0) {
            return keys[i].set(config, value);
        }
    }
    return false;
}

void config_defaults(struct config *config) {
    *config = (struct config){
        .has_sockets = true, .has_pcsc = true, .sm2_objects = SM2_AUTO, .log = LOG_LEVEL_WARN};
    strcpy(config->pcsc_readers, "*");
    strcpy(config->gm_layout, "auto");
    set_default_cache(config);
    strcpy(config->pinentry, "/usr/bin/pinentry");
    strcpy(config->usb_readers, "*");
    const char *runtime = secure_getenv("XDG_RUNTIME_DIR");
    int n = -1;
    if (runtime != NULL && runtime[0] == '/') {
        n = snprintf(config->socket_dir, sizeof(config->socket_dir), "%s/openukey", runtime);
    }
    if (n < 0 || (size_t)n >= sizeof(config->socket_dir)) {
        snprintf(config->socket_dir, sizeof(config->socket_dir), "/tmp/openukey-%u",
                 (unsigned)geteuid());
    }
}

static char *trimmed(char *text) {
    text += strspn(text, " \t\r\n");
    size_t len = strlen(text);
    while (len > 0 && strchr(" \t\r\n", text[len - 1]) != NULL) {
        text[--len] = '\0';
    }
    return text;
}

void config_read(struct config *config, const char *path) {
    FILE *file = fopen(path, "re");
    if (file == NULL) {
        if (errno != ENOENT && errno != ENOTDIR) {
            log_error("%s: %s", path, strerror(errno));
        }
        return;
    }
    char line[1024];
    for (unsigned number = 1; fgets(line, sizeof(line), file) != NULL; number++) {
        line[strcspn(line, "#")] = '\0';
        char *name = trimmed(line);
        if (*name == '\0') {
            continue;
        }
        char *equals = strchr(name, '=');
        if (equals == NULL) {
            log_error("%s:%u: not `key = value`", path, number);
            continue;
        }
        *equals = '\0';
        name = trimmed(name);
        const char *value = trimmed(equals + 1);
        if (!config_set(config, name, value)) {
            log_error("%s:%u: unknown key or bad value: %s = %s", path, number, name, value);
        }
    }
    fclose(file);
}

void config_load(struct config *config) {
    config_defaults(config);
    const char *chosen = secure_getenv("OPENUKEY_CONF");
    const char *config_home = secure_getenv("XDG_CONFIG_HOME");
    const char *home = secure_getenv("HOME");
    char path[CONFIG_PATH_MAX] = "";
    if (chosen != NULL) {
        config_read(config, chosen);
    } else {
        if (config_home != NULL && config_home[0] == '/') {
            snprintf(path, sizeof(path), "%s/openukey/openukey.conf", config_home);
        } else if (home != NULL && home[0] == '/') {
            snprintf(path, sizeof(path), "%s/.config/openukey/openukey.conf", home);
        }
        if (path[0] == '\0' || access(path, F_OK) != 0) {
            strcpy(path, "/etc/openukey/openukey.conf");
        }
        config_read(config, path);
    }
    const char *spy = secure_getenv("OPENUKEY_SPY");
    if (spy != NULL && !config_set(config, "spy", spy)) {
        log_error("OPENUKEY_SPY: not a whole path: %s", spy);
    }
    const char *level = secure_getenv("OPENUKEY_LOG");
    if (level != NULL && !config_set(config, "log", level)) {
        log_error("OPENUKEY_LOG: not a level: %s", level);
    }
}
