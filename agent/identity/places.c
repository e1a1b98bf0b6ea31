/* See places.h. */
#include "agent/identity/places.h"

#include <dirent.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define INI_LINE_MAX (PATH_MAX + 64)
#define INI_LINES    4096

static const char chromium[] = "Chromium", firefox[] = "Firefox";

static bool join(char out[PATH_MAX], const char *folder, const char *name) {
    int len = snprintf(out, PATH_MAX, "%s/%s", folder, name);
    return len > 0 && len < PATH_MAX;
}

static bool is_folder(const char *path) {
    struct stat status;
    return stat(path, &status) == 0 && S_ISDIR(status.st_mode);
}

/* The same folder by another name (snap's "current" is a link) counts once. */
static bool is_known(const struct places *places, const char *path) {
    struct stat one, other;
    bool is_there = stat(path, &one) == 0;
    for (size_t i = 0; i < places->count; i++) {
        if (strcmp(places->list[i].path, path) == 0 ||
            (is_there && stat(places->list[i].path, &other) == 0 && one.st_dev == other.st_dev &&
             one.st_ino == other.st_ino)) {
            return true;
        }
    }
    return false;
}

static void add(struct places *places, const char *browser, const char *path) {
    if (places->count < PLACES_MAX && !is_known(places, path)) {
        struct place *place = &places->list[places->count++];
        place->browser = browser;
        snprintf(place->path, sizeof(place->path), "%s", path);
    }
}

/* ---- Chromium's kin: one database a home ---- */

static void add_nssdb(struct places *places, const char *home, const char *name, bool always) {
    char path[PATH_MAX];
    if (join(path, home, name) && (always || is_folder(path))) {
        add(places, chromium, path);
    }
}

/* ---- Firefox's kin: a list of profiles ---- */

struct profile {
    bool is_profile, is_relative;
    char path[PATH_MAX];
};

static void end_section(struct places *places, const char *folder, struct profile *profile) {
    char path[PATH_MAX];
    if (profile->is_profile && profile->path[0] != 0) {
        bool fits = profile->is_relative
                        ? join(path, folder, profile->path)
                        : (snprintf(path, sizeof(path), "%s", profile->path) > 0 && path[0] == '/');
        if (fits && is_folder(path)) {
            add(places, firefox, path);
        }
    }
    *profile = (struct profile){.is_relative = true};
}

/* "[Profile0]" begins a section; "Path=" and "IsRelative=" belong to it. */
static void take_line(struct places *places, const char *folder, const char *line,
                      struct profile *profile) {
    if (line[0] == '[') {
        end_section(places, folder, profile);
        profile->is_profile = strncmp(line, "[Profile", 8) == 0;
    } else if (strncmp(line, "Path=", 5) == 0) {
        if (strlen(line + 5) < sizeof(profile->path)) {
            memcpy(profile->path, line + 5, strlen(line + 5) + 1);
        }
    } else if (strncmp(line, "IsRelative=", 11) == 0) {
        profile->is_relative = strcmp(line + 11, "0") != 0;
    }
}

static void add_profiles(struct places *places, const char *folder) {
    char path[PATH_MAX], *line = malloc(INI_LINE_MAX);
    FILE *file = line != NULL && join(path, folder, "profiles.ini") ? fopen(path, "re") : NULL;
    struct profile profile = {.is_relative = true};
    if (file != NULL) {
        for (size_t i = 0; i < INI_LINES && fgets(line, INI_LINE_MAX, file) != NULL; i++) {
            line[strcspn(line, "\r\n")] = 0;
            take_line(places, folder, line, &profile);
        }
        end_section(places, folder, &profile);
        fclose(file);
    }
    free(line);
}

/* What stands below a home, a snap's or a flatpak's as much as the person's. */
static void look_in_home(struct places *places, const char *home) {
    static const char *const folders[] = {
        ".mozilla/firefox", ".config/mozilla/firefox",     "config/mozilla/firefox",
        ".librewolf",       ".config/librewolf/librewolf", ".waterfox"};
    char path[PATH_MAX];
    for (size_t i = 0; i < sizeof(folders) / sizeof(folders[0]); i++) {
        if (join(path, home, folders[i])) {
            add_profiles(places, path);
        }
    }
    add_nssdb(places, home, ".local/share/pki/nssdb", false);
    add_nssdb(places, home, "data/pki/nssdb", false);
}

/* ---- package formats ---- */

/* Browsers that have a database of their own at their first start: we come before it. */
static bool makes_nssdb(const char *package) {
    static const char *const names[] = {"chromium",
                                        "brave",
                                        "vivaldi",
                                        "opera",
                                        "org.chromium.Chromium",
                                        "io.github.ungoogled_software.ungoogled_chromium",
                                        "com.google.Chrome",
                                        "com.microsoft.Edge",
                                        "com.brave.Browser",
                                        "com.vivaldi.Vivaldi",
                                        "com.opera.Opera"};
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (strcmp(package, names[i]) == 0) {
            return true;
        }
    }
    return false;
}

/* Each folder in `below` is a package's; its programs' home is `inside` it, or itself (NULL). */
static void look_in_packages(struct places *places, const char *home, const char *below,
                             const char *inside, bool has_nssdb) {
    char folder[PATH_MAX], package[PATH_MAX], its_home[PATH_MAX];
    DIR *listing = join(folder, home, below) ? opendir(folder) : NULL;
    const struct dirent *entry;
    while (listing != NULL && (entry = readdir(listing)) != NULL) {
        if (entry->d_name[0] == '.' || !join(package, folder, entry->d_name)) {
            continue;
        }
        if (inside == NULL) {
            snprintf(its_home, sizeof(its_home), "%s", package);
        } else if (!join(its_home, package, inside)) {
            continue;
        }
        if (is_folder(its_home)) {
            look_in_home(places, its_home);
            add_nssdb(places, its_home, ".pki/nssdb", has_nssdb && makes_nssdb(entry->d_name));
        }
    }
    if (listing != NULL) {
        closedir(listing);
    }
}

/* ---- all of it ---- */

static void look_in_xdg(struct places *places, const char *home) {
    const char *own = getenv("HOME"), *data = getenv("XDG_DATA_HOME"),
               *config = getenv("XDG_CONFIG_HOME");
    char path[PATH_MAX];
    if (own == NULL || strcmp(own, home) != 0) {
        return;
    }
    if (data != NULL && data[0] == '/') {
        add_nssdb(places, data, "pki/nssdb", false);
    }
    if (config != NULL && config[0] == '/' && join(path, config, "mozilla/firefox")) {
        add_profiles(places, path);
    }
}

int places_find(const char *home, struct places *places) {
    *places = (struct places){.list = calloc(PLACES_MAX, sizeof(struct place))};
    if (places->list == NULL) {
        return -1;
    }
    add_nssdb(places, home, ".pki/nssdb", true);
    look_in_home(places, home);
    look_in_xdg(places, home);
    look_in_packages(places, home, "snap", "current", true);
    look_in_packages(places, home, "snap", "common", false);
    look_in_packages(places, home, ".var/app", NULL, true);
    return 0;
}

void places_free(struct places *places) {
    free(places->list);
    *places = (struct places){0};
}
