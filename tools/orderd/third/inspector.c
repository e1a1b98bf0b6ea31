/* See inspector.h. */
#include "tools/orderd/third/inspector.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { MEMORY_MAX = 1 << 30, CPU_SECONDS = 10, WALL_MS = 30000, ANSWER_MAX = 1024 };

static void limit(__rlimit_resource_t what, rlim_t value) {
    struct rlimit both = {value, value};
    setrlimit(what, &both);
}

/* In the child, between fork and exec: only what is safe there. */
static void become(const char *path, int input, int output) {
    static char *const arguments[] = {(char *)"ukey-inspect", NULL};
    static char *const environment[] = {(char *)"LC_ALL=C", (char *)"PATH=/usr/bin:/bin", NULL};
    dup2(input, STDIN_FILENO);
    dup2(output, STDOUT_FILENO);
    int nothing = open("/dev/null", O_WRONLY | O_CLOEXEC);
    if (nothing >= 0) {
        dup2(nothing, STDERR_FILENO);
    }
    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    prctl(PR_SET_DUMPABLE, 0);
#ifndef __SANITIZE_ADDRESS__ /* AddressSanitizer maps terabytes and uses little of them */
    limit(RLIMIT_AS, MEMORY_MAX);
#endif
    limit(RLIMIT_CPU, CPU_SECONDS);
    limit(RLIMIT_FSIZE, 0);
    limit(RLIMIT_CORE, 0);
    execve(path, arguments, environment);
    _exit(127);
}

/* The bytes as a file without a name, sealed against change. */
static int as_file(const void *data, size_t len) {
    int fd = memfd_create("upload", MFD_CLOEXEC);
    const unsigned char *at = data;
    while (fd >= 0 && len > 0) {
        ssize_t done = write(fd, at, len);
        if (done <= 0) {
            close(fd);
            return -1;
        }
        at += done;
        len -= (size_t)done;
    }
    if (fd >= 0) {
        lseek(fd, 0, SEEK_SET);
    }
    return fd;
}

static int64_t now_ms(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* What the child says until it closes or its time is over. */
static size_t listen_to(int fd, char *answer, size_t size) {
    size_t len = 0;
    int64_t deadline = now_ms() + WALL_MS;
    for (;;) {
        int64_t left = deadline - now_ms();
        struct pollfd ready = {fd, POLLIN, 0};
        if (left <= 0 || poll(&ready, 1, (int)left) <= 0 || len + 1 >= size) {
            return len;
        }
        ssize_t got = read(fd, answer + len, size - len - 1);
        if (got <= 0) {
            return len;
        }
        len += (size_t)got;
    }
}

static void read_answer(const char *answer, size_t len, struct inspection *out) {
    json_t *object = json_loadb(answer, len, JSON_REJECT_DUPLICATES, NULL);
    const char *mime = json_string_value(json_object_get(object, "mime"));
    const char *why = json_string_value(json_object_get(object, "why"));
    out->good = json_is_true(json_object_get(object, "ok")) && mime != NULL;
    snprintf(out->mime, sizeof out->mime, "%s", mime != NULL ? mime : "");
    snprintf(out->why, sizeof out->why, "%s", out->good ? "" : why != NULL ? why : "resources");
    out->width = (int)json_integer_value(json_object_get(object, "width"));
    out->height = (int)json_integer_value(json_object_get(object, "height"));
    out->dpi = (int)json_integer_value(json_object_get(object, "dpi"));
    out->colour = json_is_true(json_object_get(object, "colour"));
    json_decref(object);
}

bool inspector_run(const char *path, const void *data, size_t len, struct inspection *out) {
    int channel[2] = {-1, -1};
    int status = 0;
    char answer[ANSWER_MAX];
    memset(out, 0, sizeof *out);
    int input = as_file(data, len);
    pid_t child = -1;
    if (input >= 0 && pipe2(channel, O_CLOEXEC) == 0) {
        child = fork();
        if (child == 0) {
            become(path, input, channel[1]);
        }
        close(channel[1]);
    }
    if (input >= 0) {
        close(input);
    }
    if (child < 0) {
        if (channel[0] >= 0) {
            close(channel[0]);
        }
        return false;
    }
    size_t said = listen_to(channel[0], answer, sizeof answer);
    close(channel[0]);
    kill(child, SIGKILL); /* it has said what it had to say, or never will */
    while (waitpid(child, &status, 0) < 0 && errno == EINTR) {
    }
    if (WIFEXITED(status) && WEXITSTATUS(status) == 127) {
        return false;
    }
    read_answer(answer, said, out);
    return true;
}
