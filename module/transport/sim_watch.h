/* The directory of simulated keys: which sockets are in it, and a descriptor that tells of changes. */
#ifndef OPENUKEY_TRANSPORT_SIM_WATCH_H
#define OPENUKEY_TRANSPORT_SIM_WATCH_H

#include "module/transport/transport.h"

enum { SIM_PATH_MAX = 512 };

/* Paths of all *.sock in a directory, sorted. */
struct sim_paths {
    char **items;
    size_t count;
};

/* A missing directory, or one that somebody else could have filled, has no paths. Free after every call. */
enum transport_error sim_paths_read(struct sim_paths *paths, const char *directory);
void sim_paths_free(struct sim_paths *paths);

/* As watch_open, watch_read, watch_close of struct transport_ops. */
enum transport_error sim_watch_new(const char *directory, const struct transport_ops *ops,
                                   struct transport_watch **watch, int *fd);
void sim_watch_read(struct transport_watch *watch);
void sim_watch_free(struct transport_watch *watch);

#endif
