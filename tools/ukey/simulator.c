/* Starting and ending ukey-sim. */
#include "tools/ukey/simulator.h"

#include "tools/ukey/text.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

extern char **environ;

enum { READY_TIMEOUT_MS = 20000, LINE_MAX_LEN = 512 };

/* Starts the program; *out (may be NULL) becomes the reading end of its standard output. */
static bool start(struct simulator *simulator, const char *const argv[], int *out) {
    int pipe_fds[2] = {-1, -1};
    posix_spawn_file_actions_t actions;
    if (out != NULL && pipe2(pipe_fds, O_CLOEXEC) != 0) {
        text_complain(TEXT_SYSTEM, simulator->program, strerror(errno), NULL);
        return false;
    }
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    if (out != NULL)
        posix_spawn_file_actions_adddup2(&actions, pipe_fds[1], STDOUT_FILENO);
    int error = posix_spawn(&simulator->pid, simulator->program, &actions, NULL,
                            (char *const *)argv, environ);
    posix_spawn_file_actions_destroy(&actions);
    if (out != NULL) {
        close(pipe_fds[1]);
        *out = pipe_fds[0];
    }
    if (error == 0)
        return true;
    simulator->pid = 0;
    text_complain(TEXT_SYSTEM, simulator->program, strerror(error), NULL);
    return false;
}

/* Waits for the end; false when it was not exit status 0 (its own message stands on standard
 * error). */
static bool wait_end(struct simulator *simulator) {
    int status = 0;
    pid_t ended;
    do
        ended = waitpid(simulator->pid, &status, 0);
    while (ended < 0 && errno == EINTR);
    simulator->pid = 0;
    if (ended > 0 && WIFEXITED(status) && WEXITSTATUS(status) == 0)
        return true;
    char text[64];
    if (WIFSIGNALED(status))
        snprintf(text, sizeof text, "signal %d", WTERMSIG(status));
    else
        snprintf(text, sizeof text, "exit status %d", WEXITSTATUS(status));
    text_complain(TEXT_SIMULATOR, simulator->program, text, NULL);
    return false;
}

static int64_t now_ms(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* Reads standard output up to the line "ready ...". */
static bool wait_ready(struct simulator *simulator, int fd) {
    char line[LINE_MAX_LEN];
    size_t len = 0;
    int64_t end = now_ms() + READY_TIMEOUT_MS;
    for (;;) {
        int64_t left = end - now_ms();
        struct pollfd wanted = {fd, POLLIN, 0};
        int ready = left > 0 ? poll(&wanted, 1, (int)left) : 0;
        if (ready < 0 && errno == EINTR)
            continue;
        char c;
        if (ready <= 0 || read(fd, &c, 1) != 1) {
            text_complain(TEXT_SIMULATOR_LATE, simulator->program, NULL, NULL);
            return false;
        }
        if (c == '\n' && len >= 5 && strncmp(line, "ready", 5) == 0)
            return true;
        if (c == '\n')
            len = 0;
        else if (len < sizeof line - 1)
            line[len++] = c;
        line[len] = '\0';
    }
}

static bool folder_make(struct simulator *simulator) {
    const char *base = getenv("TMPDIR");
    size_t len = base != NULL ? strlen(base) : 0;
    if (len == 0 || len > 60) /* a socket's path is short */
        base = "/tmp";
    snprintf(simulator->folder, sizeof simulator->folder, "%s/ukey-provision-XXXXXX", base);
    if (mkdtemp(simulator->folder) == NULL) {
        text_complain(TEXT_SYSTEM, base, strerror(errno), NULL);
        simulator->folder[0] = '\0';
        return false;
    }
    snprintf(simulator->image, sizeof simulator->image, "%s/key.img", simulator->folder);
    snprintf(simulator->socket, sizeof simulator->socket, "%s/key.sock", simulator->folder);
    return true;
}

static bool format(struct simulator *simulator, const char *serial, const char *label,
                   const char *manufacturer) {
    const char *argv[10];
    size_t n = 0;
    argv[n++] = simulator->program;
    argv[n++] = "format";
    if (serial != NULL) {
        argv[n++] = "--serial";
        argv[n++] = serial;
    }
    argv[n++] = "--label";
    argv[n++] = label;
    argv[n++] = "--manufacturer";
    argv[n++] = manufacturer;
    argv[n++] = simulator->image;
    argv[n] = NULL;
    return start(simulator, argv, NULL) && wait_end(simulator);
}

bool simulator_open(struct simulator *simulator, const char *program, const char *serial,
                    const char *label, const char *manufacturer) {
    *simulator = (struct simulator){.program = program};
    if (!folder_make(simulator) || !format(simulator, serial, label, manufacturer))
        return false;
    const char *argv[] = {program, "run", "--socket", simulator->socket, simulator->image, NULL};
    return simulator_start(simulator, argv, 1);
}

bool simulator_start(struct simulator *simulator, const char *const argv[], unsigned keys) {
    int fd = -1;
    bool ready = start(simulator, argv, &fd);
    for (unsigned i = 0; ready && i < keys; i++)
        ready = wait_ready(simulator, fd);
    if (fd >= 0)
        close(fd);
    return ready;
}

bool simulator_run(struct simulator *simulator, const char *const argv[]) {
    return start(simulator, argv, NULL) && wait_end(simulator);
}

bool simulator_stop(struct simulator *simulator) {
    if (simulator->pid == 0)
        return true;
    kill(simulator->pid, SIGTERM);
    return wait_end(simulator);
}

void simulator_close(struct simulator *simulator) {
    if (simulator->pid != 0) {
        kill(simulator->pid, SIGKILL);
        waitpid(simulator->pid, NULL, 0);
        simulator->pid = 0;
    }
    if (simulator->folder[0] != '\0') {
        unlink(simulator->image);
        unlink(simulator->socket);
        rmdir(simulator->folder);
        simulator->folder[0] = '\0';
    }
}
