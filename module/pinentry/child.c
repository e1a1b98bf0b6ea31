/* Running a dialog program: posix_spawn, deadlines on every read and write, process group ended for sure. */
#include "module/pinentry/child.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum {
    CHILD_DEFAULT_TIMEOUT_MS = 120000,
    CHILD_WATCH_MS = 200, /* how often the watch is asked */
    CHILD_REAP_MS = 5,    /* how often an ending child is looked at */
    CHILD_TERM_MS = 1000, /* from SIGTERM to SIGKILL */
};

static const char *const kept_variables[] = {
    "DISPLAY",         "WAYLAND_DISPLAY",          "XAUTHORITY", "LANG", "HOME",
    "XDG_RUNTIME_DIR", "DBUS_SESSION_BUS_ADDRESS", "PATH",
};

static int64_t now_ms(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static bool variable_is_kept(const char *entry) {
    if (strncmp(entry, "LC_", 3) == 0)
        return true;
    for (size_t i = 0; i < sizeof kept_variables / sizeof *kept_variables; i++) {
        size_t len = strlen(kept_variables[i]);
        if (strncmp(entry, kept_variables[i], len) == 0 && entry[len] == '=')
            return true;
    }
    return false;
}

char **child_environment(char *const environment[]) {
    size_t count = 0;
    for (size_t i = 0; environment[i]; i++)
        count += variable_is_kept(environment[i]);
    char **kept = calloc(count + 1, sizeof *kept);
    if (!kept)
        return NULL;
    size_t used = 0;
    for (size_t i = 0; environment[i]; i++) {
        if (variable_is_kept(environment[i]))
            kept[used++] = environment[i];
    }
    return kept;
}

/* Spawn with `input` and `output` as its stdin and stdout, with default signals, in its own session: so its process group can be ended, and
 * a terminal's job control does not stop a dialog on the terminal that we were started from. */
static int spawn(pid_t *pid, const char *const argv[], int input, int output) {
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    sigset_t none, defaults;
    sigemptyset(&none);
    sigemptyset(&defaults);
    sigaddset(&defaults, SIGPIPE);
    sigaddset(&defaults, SIGTERM);
    sigaddset(&defaults, SIGINT);
    char **environment = child_environment(environ);
    if (!environment)
        return ENOMEM;
    int error = posix_spawn_file_actions_init(&actions);
    if (error) {
        free(environment);
        return error;
    }
    error = posix_spawnattr_init(&attributes);
    if (error) {
        posix_spawn_file_actions_destroy(&actions);
        free(environment);
        return error;
    }
    if ((error = posix_spawn_file_actions_adddup2(&actions, input, STDIN_FILENO)) == 0 &&
        (error = posix_spawn_file_actions_adddup2(&actions, output, STDOUT_FILENO)) == 0 &&
        (error = posix_spawn_file_actions_addclosefrom_np(&actions, STDERR_FILENO + 1)) == 0 &&
        (error = posix_spawnattr_setsigmask(&attributes, &none)) == 0 &&
        (error = posix_spawnattr_setsigdefault(&attributes, &defaults)) == 0 &&
        (error = posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSID | POSIX_SPAWN_SETSIGMASK |
                                                           POSIX_SPAWN_SETSIGDEF)) == 0) {
        /* posix_spawn only reads the strings: the cast drops a const that its prototype cannot say */
        char **arguments = (char **)(uintptr_t)argv;
        error = posix_spawnp(pid, argv[0], &actions, &attributes, arguments, environment);
    }
    posix_spawnattr_destroy(&attributes);
    posix_spawn_file_actions_destroy(&actions);
    free(environment);
    return error;
}

enum child_error child_start(struct child *child, const char *const argv[],
                             const struct consent_watch *watch) {
    int in[2] = {-1, -1}, out[2] = {-1, -1};
    *child = (struct child){.pid = -1, .input = -1, .output = -1, .watch = watch};
    int timeout_ms = watch && watch->timeout_ms > 0 ? watch->timeout_ms : CHILD_DEFAULT_TIMEOUT_MS;
    child->deadline_ms = now_ms() + timeout_ms;
    enum child_error error = CHILD_FAILED;
    if (pipe2(in, O_CLOEXEC) != 0 || pipe2(out, O_CLOEXEC) != 0)
        goto out;
    if (fcntl(in[1], F_SETFL, O_NONBLOCK) != 0 || fcntl(out[0], F_SETFL, O_NONBLOCK) != 0)
        goto out;
    if (spawn(&child->pid, argv, in[0], out[1]) != 0) {
        child->pid = -1;
        goto out;
    }
    child->input = in[1];
    child->output = out[0];
    in[1] = out[0] = -1;
    error = CHILD_OK;
out:
    for (int i = 0; i < 2; i++) {
        if (in[i] >= 0)
            close(in[i]);
        if (out[i] >= 0)
            close(out[i]);
    }
    return error;
}

/* Wait until the descriptor is ready, the time is over, or nobody waits. */
static enum child_error wait_ready(const struct child *child, int descriptor, short events) {
    for (;;) {
        if (child->watch && child->watch->is_gone && child->watch->is_gone(child->watch->context))
            return CHILD_GONE;
        int64_t left = child->deadline_ms - now_ms();
        if (left <= 0)
            return CHILD_TIMEOUT;
        struct pollfd poll_one = {.fd = descriptor, .events = events};
        int ready = poll(&poll_one, 1, left < CHILD_WATCH_MS ? (int)left : CHILD_WATCH_MS);
        if (ready > 0)
            return CHILD_OK;
        if (ready < 0 && errno != EINTR)
            return CHILD_FAILED;
    }
}

/* write() whose SIGPIPE, if any, is taken back before anyone sees it. */
static ssize_t write_quietly(int descriptor, const void *data, size_t len) {
    sigset_t broken, before, pending;
    sigemptyset(&broken);
    sigaddset(&broken, SIGPIPE);
    sigpending(&pending);
    bool was_pending = sigismember(&pending, SIGPIPE) == 1;
    pthread_sigmask(SIG_BLOCK, &broken, &before);
    ssize_t written = write(descriptor, data, len);
    int error = errno;
    if (written < 0 && error == EPIPE && !was_pending) {
        const struct timespec now = {0, 0};
        while (sigtimedwait(&broken, NULL, &now) < 0 && errno == EINTR)
            ;
    }
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    errno = error;
    return written;
}

enum child_error child_write(struct child *child, const void *data, size_t len) {
    const char *from = data;
    while (len > 0) {
        enum child_error error = wait_ready(child, child->input, POLLOUT);
        if (error)
            return error;
        ssize_t written = write_quietly(child->input, from, len);
        if (written < 0) {
            if (errno == EINTR || errno == EAGAIN)
                continue;
            return errno == EPIPE ? CHILD_EOF : CHILD_FAILED;
        }
        from += written;
        len -= (size_t)written;
    }
    return CHILD_OK;
}

void child_close_input(struct child *child) {
    if (child->input >= 0)
        close(child->input);
    child->input = -1;
}

enum child_error child_read(struct child *child, void *data, size_t size, size_t *len) {
    *len = 0;
    for (;;) {
        enum child_error error = wait_ready(child, child->output, POLLIN);
        if (error)
            return error;
        ssize_t got = read(child->output, data, size);
        if (got > 0) {
            *len = (size_t)got;
            return CHILD_OK;
        }
        if (got == 0)
            return CHILD_EOF;
        if (errno != EINTR && errno != EAGAIN)
            return CHILD_FAILED;
    }
}

/* True when it has ended within the time; then *status is its wait status. */
static bool reap(pid_t pid, int within_ms, int *status) {
    int64_t until = now_ms() + within_ms;
    for (;;) {
        pid_t ended = waitpid(pid, status, WNOHANG);
        if (ended == pid)
            return true;
        if (ended < 0 && errno != EINTR) {
            *status = -1;
            return true;
        }
        if (now_ms() >= until)
            return false;
        const struct timespec pause = {0, CHILD_REAP_MS * 1000000L};
        nanosleep(&pause, NULL);
    }
}

int child_end(struct child *child, int grace_ms) {
    child_close_input(child);
    int status = 0;
    bool by_itself = false;
    if (child->pid > 0) {
        by_itself = reap(child->pid, grace_ms, &status);
        if (!by_itself) {
            kill(-child->pid, SIGTERM);
            if (!reap(child->pid, CHILD_TERM_MS, &status)) {
                kill(-child->pid, SIGKILL);
                while (waitpid(child->pid, &status, 0) < 0 && errno == EINTR)
                    ;
            }
        }
    }
    if (child->output >= 0)
        close(child->output);
    *child = (struct child){.pid = -1, .input = -1, .output = -1};
    return by_itself && status != -1 && WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}
