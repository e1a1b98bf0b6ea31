/* Notices keys that appear, vanish, are inserted or removed: inotify on the directory, one link per key, one epoll
 * descriptor over all. */
#include "module/transport/sim_watch.h"

#include "module/transport/deadline.h"
#include "module/transport/sim_link.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <sys/timerfd.h>
#include <unistd.h>

enum {
    OPEN_TIMEOUT_MS = 2000,
    RETRY_MS = 50, /* a socket is there, but nobody answers yet: its simulator may be starting */
    RETRY_FOR_MS = 3000,   /* for so long; then it is a leftover of an ended one */
    NO_DIRECTORY_MS = 1000 /* how often to look whether the directory is there */
};

struct watched_key {
    struct watched_key *next;
    char path[SIM_PATH_MAX];
    struct sim_link link;
};

struct sim_watch {
    struct transport_watch base;
    char directory[SIM_PATH_MAX];
    int epoll_fd;
    int inotify_fd;
    int timer_fd;
    bool directory_watched;
    uint64_t retry_until_ms;
    struct watched_key *keys;
};

static int by_text(const void *a, const void *b) {
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static bool is_safe_directory(const char *directory) {
    struct stat st;
    return stat(directory, &st) == 0 && S_ISDIR(st.st_mode) &&
           (st.st_uid == geteuid() || st.st_uid == 0) && (st.st_mode & (S_IWGRP | S_IWOTH)) == 0;
}

static bool is_socket_name(const char *name) {
    size_t len = strlen(name);
    return name[0] != '.' && len > strlen(".sock") &&
           strcmp(name + len - strlen(".sock"), ".sock") == 0;
}

enum transport_error sim_paths_read(struct sim_paths *paths, const char *directory) {
    *paths = (struct sim_paths){NULL, 0};
    DIR *dir = is_safe_directory(directory) ? opendir(directory) : NULL;
    if (dir == NULL) {
        return TRANSPORT_OK;
    }
    enum transport_error err = TRANSPORT_OK;
    for (const struct dirent *entry = readdir(dir); entry != NULL; entry = readdir(dir)) {
        char path[SIM_PATH_MAX];
        int n = snprintf(path, sizeof(path), "%s/%s", directory, entry->d_name);
        if (!is_socket_name(entry->d_name) || n < 0 || (size_t)n >= sizeof(path)) {
            continue;
        }
        char **items = realloc(paths->items, (paths->count + 1) * sizeof(*items));
        char *copy = strdup(path);
        if (items != NULL) {
            paths->items = items;
        }
        if (items == NULL || copy == NULL) {
            free(copy);
            err = TRANSPORT_MEMORY;
            break;
        }
        items[paths->count++] = copy;
    }
    closedir(dir);
    if (paths->count > 1) {
        qsort(paths->items, paths->count, sizeof(*paths->items), by_text);
    }
    return err;
}

void sim_paths_free(struct sim_paths *paths) {
    for (size_t i = 0; i < paths->count; i++) {
        free(paths->items[i]);
    }
    free(paths->items);
    *paths = (struct sim_paths){NULL, 0};
}

static void arm_timer(const struct sim_watch *watch, long ms) {
    struct itimerspec when = {.it_value = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000}};
    timerfd_settime(watch->timer_fd, 0, &when, NULL);
}

static struct watched_key *key_for(struct sim_watch *watch, const char *path) {
    for (struct watched_key *key = watch->keys; key != NULL; key = key->next) {
        if (strcmp(key->path, path) == 0) {
            return key;
        }
    }
    struct watched_key *key = calloc(1, sizeof(*key));
    if (key != NULL) {
        snprintf(key->path, sizeof(key->path), "%s", path);
        key->link.fd = -1;
        key->next = watch->keys;
        watch->keys = key;
    }
    return key;
}

/* Makes sure that every key has its link; links that ended are opened again. */
static void follow_keys(struct sim_watch *watch) {
    if (!watch->directory_watched) {
        watch->directory_watched =
            inotify_add_watch(watch->inotify_fd, watch->directory,
                              IN_CREATE | IN_DELETE | IN_MOVED_TO | IN_MOVED_FROM | IN_ATTRIB |
                                  IN_DELETE_SELF) >= 0;
        if (!watch->directory_watched) {
            arm_timer(watch, NO_DIRECTORY_MS);
        }
    }
    struct sim_paths paths;
    sim_paths_read(&paths, watch->directory);
    bool one_is_silent = false;
    for (size_t i = 0; i < paths.count; i++) {
        struct watched_key *key = key_for(watch, paths.items[i]);
        if (key == NULL || key->link.fd >= 0) {
            continue;
        }
        if (sim_link_open(&key->link, key->path, deadline_after(OPEN_TIMEOUT_MS)) != TRANSPORT_OK) {
            one_is_silent = true;
            continue;
        }
        struct epoll_event event = {.events = EPOLLIN};
        epoll_ctl(watch->epoll_fd, EPOLL_CTL_ADD, key->link.fd, &event);
    }
    sim_paths_free(&paths);
    if (one_is_silent && deadline_left(watch->retry_until_ms) > 0) {
        arm_timer(watch, RETRY_MS);
    }
}

enum transport_error sim_watch_new(const char *directory, const struct transport_ops *ops,
                                   struct transport_watch **out, int *fd) {
    *out = NULL;
    *fd = -1;
    struct sim_watch *watch = calloc(1, sizeof(*watch));
    if (watch == NULL) {
        return TRANSPORT_MEMORY;
    }
    watch->base.ops = ops;
    snprintf(watch->directory, sizeof(watch->directory), "%s", directory);
    watch->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    watch->inotify_fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
    watch->timer_fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
    struct epoll_event event = {.events = EPOLLIN};
    if (watch->epoll_fd < 0 || watch->inotify_fd < 0 || watch->timer_fd < 0 ||
        epoll_ctl(watch->epoll_fd, EPOLL_CTL_ADD, watch->inotify_fd, &event) != 0 ||
        epoll_ctl(watch->epoll_fd, EPOLL_CTL_ADD, watch->timer_fd, &event) != 0) {
        sim_watch_free(&watch->base);
        return TRANSPORT_MEMORY;
    }
    watch->retry_until_ms = deadline_after(RETRY_FOR_MS);
    follow_keys(watch);
    *fd = watch->epoll_fd;
    *out = &watch->base;
    return TRANSPORT_OK;
}

void sim_watch_read(struct transport_watch *base) {
    struct sim_watch *watch = (struct sim_watch *)base;
    char buffer[4096];
    while (read(watch->inotify_fd, buffer, sizeof(buffer)) > 0) {
        watch->retry_until_ms = deadline_after(RETRY_FOR_MS);
        if (!is_safe_directory(watch->directory)) {
            watch->directory_watched = false;
        }
    }
    uint64_t ticks;
    (void)!read(watch->timer_fd, &ticks, sizeof(ticks));
    for (struct watched_key *key = watch->keys; key != NULL; key = key->next) {
        if (key->link.fd >= 0 && sim_link_drain(&key->link) != TRANSPORT_OK) {
            sim_link_close(&key->link);
            watch->retry_until_ms = deadline_after(RETRY_FOR_MS);
        }
    }
    follow_keys(watch);
}

void sim_watch_free(struct transport_watch *base) {
    struct sim_watch *watch = (struct sim_watch *)base;
    while (watch->keys != NULL) {
        struct watched_key *next = watch->keys->next;
        sim_link_close(&watch->keys->link);
        free(watch->keys);
        watch->keys = next;
    }
    const int fds[] = {watch->epoll_fd, watch->inotify_fd, watch->timer_fd};
    for (size_t i = 0; i < sizeof(fds) / sizeof(fds[0]); i++) {
        if (fds[i] >= 0) {
            close(fds[i]);
        }
    }
    free(watch);
}
