/* ukey-sim run: keys in one process, one loop. */
#include "firmware-sim/ports/commands.h"
#include "firmware-sim/ports/listener.h"
#include "firmware-sim/ports/options.h"
#include "firmware-sim/ports/token.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

enum { PATH_SIZE = 4096 };

enum run_option { SOCKET, SOCKET_DIR, VPCD, CONTROL, USBREDIR, SEED, CLOCK, RUN_OPTIONS };

/* All keys of the process. */
struct simulator {
    struct loop loop;
    struct entropy entropy;
    struct clock clock;
    unsigned count;
    struct token **tokens;
    char (*sockets)[PATH_SIZE];
};

static void on_signal(void *ctx, short revents) {
    (void)revents;
    loop_stop(ctx);
}

/* DIRECTORY/NAME.sock, NAME being the image's without directory and suffix. False with errno. */
static bool socket_in(const char *directory, const char *image, char path[PATH_SIZE]) {
    const char *slash = strrchr(image, '/'), *name = slash ? slash + 1 : image;
    const char *dot = strrchr(name, '.');
    int name_len = (int)(dot && dot != name ? (size_t)(dot - name) : strlen(name));
    int len = snprintf(path, PATH_SIZE, "%s/%.*s.sock", directory, name_len, name);
    errno = ENAMETOOLONG;
    return len > 0 && len < PATH_SIZE;
}

/* --socket-dir, else $XDG_RUNTIME_DIR/openukey or /tmp/openukey-UID. Returns 0 or an exit status. */
static int default_socket(const char *directory, const char *image, char path[PATH_SIZE]) {
    char made[PATH_SIZE];
    const char *runtime = getenv("XDG_RUNTIME_DIR");
    int len = directory ? 0
              : runtime && *runtime
                  ? snprintf(made, sizeof made, "%s/openukey", runtime)
                  : snprintf(made, sizeof made, "/tmp/openukey-%lu", (unsigned long)getuid());
    if (len < 0 || (size_t)len >= sizeof made) {
        errno = ENAMETOOLONG;
        return system_failure(image);
    }
    directory = directory ? directory : made;
    if (!listener_make_directory(directory))
        return failure(MSG_DIRECTORY, directory, strerror(errno));
    return socket_in(directory, image, path) ? 0 : system_failure(image);
}

/* The values of an option belong to the images in order; what is left over belongs to the last image. */
static const char *value_for(const struct option *option, unsigned image) {
    return image < option->count ? option->values[image] : NULL;
}

static int places_of(struct simulator *sim, const struct option *options, unsigned i,
                     const char *image, struct token_places *places) {
    const struct option *vpcd = &options[VPCD];
    *places = (struct token_places){.socket = value_for(&options[SOCKET], i),
                                    .control = value_for(&options[CONTROL], i),
                                    .usbredir = value_for(&options[USBREDIR], i)};
    unsigned last = i + 1 == sim->count ? vpcd->count : i + 1;
    for (unsigned k = i; k < last && k < vpcd->count; k++) {
        if (places->vpcd_count == TOKEN_VPCD_MAX)
            return usage_error(MSG_TOO_MANY_ARGUMENTS, vpcd->values[k]);
        places->vpcd[places->vpcd_count++] = vpcd->values[k];
    }
    if (places->socket)
        return 0;
    places->socket = sim->sockets[i];
    return default_socket(options[SOCKET_DIR].value, image, sim->sockets[i]);
}

/* Powers all keys up and opens their ports. */
static int start(struct simulator *sim, const struct option *options, const char *const *images) {
    for (unsigned i = 0; i < sim->count; i++) {
        struct token_places places;
        sim->tokens[i] = calloc(1, sizeof *sim->tokens[i]);
        if (!sim->tokens[i])
            return system_failure(images[i]);
        int status = places_of(sim, options, i, images[i], &places);
        if (!status)
            status = token_open(sim->tokens[i], &sim->loop, images[i], &sim->entropy, &sim->clock);
        if (!status)
            status = token_serve(sim->tokens[i], &places);
        if (status)
            return status;
        /* with one seed, two keys must not draw the same numbers */
        sim->entropy.counter += 1u << 16;
    }
    return 0;
}

static int serve(struct simulator *sim, const struct option *options, const char *const *images) {
    sigset_t signals;
    sigemptyset(&signals);
    sigaddset(&signals, SIGTERM);
    sigaddset(&signals, SIGINT);
    sigaddset(&signals, SIGHUP);
    sigprocmask(SIG_BLOCK, &signals, NULL);
    int signal_fd = signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK);
    if (signal_fd < 0 || !loop_watch(&sim->loop, signal_fd, POLLIN, on_signal, &sim->loop))
        return system_failure("signalfd");
    int status = start(sim, options, images);
    if (!status) {
        for (unsigned i = 0; i < sim->count; i++)
            printf("ready %s\n", sim->tokens[i]->socket.path);
        fflush(stdout);
        if (!loop_run(&sim->loop))
            status = system_failure("poll");
    }
    for (unsigned i = 0; i < sim->count && sim->tokens[i]; i++) {
        token_close(sim->tokens[i]);
        free(sim->tokens[i]);
    }
    close(signal_fd);
    return status;
}

static bool is_twice(const char *const *images, unsigned count, const char **which) {
    for (unsigned i = 0; i < count; i++)
        for (unsigned k = 0; k < i; k++)
            if (strcmp(images[i], images[k]) == 0) {
                *which = images[i];
                return true;
            }
    return false;
}

/* Too many values for the images that there are. */
static const char *surplus(const struct option *options, unsigned images) {
    for (unsigned i = 0; i < RUN_OPTIONS; i++)
        if (i != VPCD && options[i].count > images)
            return options[i].name;
    return NULL;
}

int command_run(int argc, char **argv) {
    static const char *values[RUN_OPTIONS][OPTION_VALUES_MAX], *images[OPTION_VALUES_MAX];
    static struct simulator sim;
    struct option options[] = {
        [SOCKET] = {.name = "--socket", .values = values[SOCKET]},
        [SOCKET_DIR] = {.name = "--socket-dir"},
        [VPCD] = {.name = "--vpcd", .values = values[VPCD]},
        [CONTROL] = {.name = "--control", .values = values[CONTROL]},
        [USBREDIR] = {.name = "--usbredir", .values = values[USBREDIR]},
        [SEED] = {.name = "--seed"},
        [CLOCK] = {.name = "--clock"},
        [RUN_OPTIONS] = {.name = NULL},
    };
    struct arguments arguments = {.values = images, .max = OPTION_VALUES_MAX};
    const char *what = NULL;
    int status = options_parse(argc, argv, options, &arguments, NULL);
    if (status)
        return status;
    if (is_twice(images, arguments.count, &what))
        return usage_error(MSG_TOO_MANY_ARGUMENTS, what);
    if ((what = surplus(options, arguments.count)) != NULL)
        return usage_error(MSG_TOO_MANY_VALUES, what);
    if (options[SEED].value && !entropy_seed(&sim.entropy, options[SEED].value))
        return usage_error(MSG_BAD_SEED, NULL);
    if (options[CLOCK].value && !clock_set(&sim.clock, options[CLOCK].value))
        return usage_error(MSG_BAD_CLOCK, options[CLOCK].value);
    if (sim.entropy.seed_len)
        message_print(stderr, MSG_SEEDED, NULL, NULL);

    sim.count = arguments.count;
    sim.tokens = calloc(sim.count, sizeof(struct token *));
    sim.sockets = calloc(sim.count, sizeof *sim.sockets);
    loop_init(&sim.loop);
    status = sim.tokens && sim.sockets ? serve(&sim, options, images) : system_failure(images[0]);
    free(sim.tokens);
    free(sim.sockets);
    return status;
}
