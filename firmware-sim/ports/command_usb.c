/* ukey-sim usb: a program that finds the key on its USB bus. The key runs here; ukey-sim-usb, beside this program, shows it. */
#include "firmware-sim/ports/commands.h"
#include "firmware-sim/ports/options.h"
#include "firmware-sim/ports/token.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

enum { DIRECTORY_SIZE = 64, COMMAND_MAX = 1024 };

/* The program and the loop that serves it. */
struct guest_program {
    struct loop loop;
    int signals;
    pid_t pid;
    int status;
};

static void on_signal(void *ctx, short revents) {
    struct guest_program *guest = ctx;
    struct signalfd_siginfo info;
    int status;
    (void)revents;
    if (read(guest->signals, &info, sizeof info) != (ssize_t)sizeof info)
        return;
    if (info.ssi_signo != SIGCHLD) {
        kill(guest->pid, (int)info.ssi_signo);
        return;
    }
    if (waitpid(guest->pid, &status, WNOHANG) != guest->pid)
        return;
    guest->pid = 0;
    guest->status = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    loop_stop(&guest->loop);
}

/* The path of ukey-sim-usb, beside this program. */
static bool bridge_path(char path[PATH_MAX]) {
    ssize_t len = readlink("/proc/self/exe", path, PATH_MAX - 8);
    if (len <= 0)
        return false;
    path[len] = 0;
    char *slash = strrchr(path, '/');
    if (!slash || slash - path > PATH_MAX - 32)
        return false;
    memcpy(slash + 1, "ukey-sim-usb", sizeof "ukey-sim-usb");
    return true;
}

static int start(struct guest_program *guest, const char *socket_path, char **command,
                 const sigset_t *usual) {
    static char *argv[COMMAND_MAX];
    char path[PATH_MAX];
    posix_spawnattr_t attributes;
    unsigned n = 0, i = 0;
    if (!bridge_path(path))
        return system_failure("/proc/self/exe");
    argv[n++] = path;
    argv[n++] = (char *)(uintptr_t)socket_path;
    argv[n++] = (char *)(uintptr_t) "--";
    while (command[i] && n < COMMAND_MAX - 1)
        argv[n++] = command[i++];
    if (command[i])
        return usage_error(MSG_TOO_MANY_ARGUMENTS, command[i]);
    posix_spawnattr_init(&attributes);
    posix_spawnattr_setsigmask(&attributes, usual);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK);
    int error = posix_spawn(&guest->pid, path, NULL, &attributes, argv, environ);
    posix_spawnattr_destroy(&attributes);
    errno = error;
    return error ? failure(MSG_NO_BRIDGE, path, strerror(error)) : 0;
}

static int serve(struct guest_program *guest, struct token *token,
                 const struct token_places *places, char **command) {
    sigset_t signals, usual;
    sigemptyset(&signals);
    sigaddset(&signals, SIGTERM);
    sigaddset(&signals, SIGINT);
    sigaddset(&signals, SIGHUP);
    sigaddset(&signals, SIGCHLD);
    sigprocmask(SIG_BLOCK, &signals, &usual);
    guest->signals = signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK);
    if (guest->signals < 0 || !loop_watch(&guest->loop, guest->signals, POLLIN, on_signal, guest))
        return system_failure("signalfd");
    int status = token_serve(token, places);
    if (!status)
        status = start(guest, places->usbredir, command, &usual);
    if (!status)
        status = loop_run(&guest->loop) ? guest->status : system_failure("poll");
    close(guest->signals);
    return status;
}

int command_usb(int argc, char **argv) {
    enum { SOCKET, CONTROL, SEED };
    static struct guest_program guest;
    static struct token token;
    static const struct clock clock;
    struct option options[] = {[SOCKET] = {.name = "--socket"},
                               [CONTROL] = {.name = "--control"},
                               [SEED] = {.name = "--seed"},
                               {.name = NULL}};
    const char *image = NULL, *base = getenv("TMPDIR");
    struct arguments arguments = {.values = &image, .max = 1};
    struct entropy entropy = {0};
    char directory[DIRECTORY_SIZE], usb_path[DIRECTORY_SIZE + 16], **command;
    int status = options_parse(argc, argv, options, &arguments, &command);
    if (status)
        return status;
    if (!command || !*command)
        return usage_error(MSG_COMMAND_MISSING, NULL);
    if (options[SEED].value && !entropy_seed(&entropy, options[SEED].value))
        return usage_error(MSG_BAD_SEED, NULL);
    if (!base || !*base || strlen(base) > DIRECTORY_SIZE - 24) /* a socket's path is short */
        base = "/tmp";
    snprintf(directory, sizeof directory, "%s/ukey-sim-usb-XXXXXX", base);
    if (!mkdtemp(directory))
        return system_failure(base);
    snprintf(usb_path, sizeof usb_path, "%s/usb.sock", directory);
    loop_init(&guest.loop);
    status = token_open(&token, &guest.loop, image, &entropy, &clock);
    if (!status)
        status = serve(&guest, &token,
                       &(struct token_places){.socket = options[SOCKET].value,
                                              .control = options[CONTROL].value,
                                              .usbredir = usb_path},
                       command);
    token_close(&token);
    rmdir(directory);
    return status;
}
