/* Starting, asking and ending the process that a module lives in. */
#include "agent/foreign/process.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "agent/log.h"

enum {
    PERSON_FACTOR = 6,    /* calls that may ask a person on the key have so much longer */
    FIRST_PAUSE_MS = 500, /* after one failure; doubled with each further one */
    LONGEST_PAUSE_MS = 60000,
    END_PATIENCE_MS = 3000, /* for C_Finalize, when the agent ends */
    REAP_MS = 5,
};

static int64_t now_ms(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static void free_names(struct foreign_process *process) {
    free(process->program);
    free(process->module);
    free(process->name);
}

int foreign_process_init(struct foreign_process *process, const char *program, const char *module,
                         const char *name, int answer_within_ms) {
    *process = (struct foreign_process){.program = strdup(program),
                                        .module = strdup(module),
                                        .name = strdup(name),
                                        .answer_within_ms = answer_within_ms,
                                        .socket = -1};
    if (!process->program || !process->module || !process->name) {
        free_names(process);
        return -1;
    }
    pthread_mutex_init(&process->lock, NULL);
    pthread_mutex_init(&process->life, NULL);
    return 0;
}

/* ---- starting; the lock is held from here to "asking" ---- */

static int spawn(struct foreign_process *process, int socket) {
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    sigset_t none, defaults;
    char *argv[] = {process->program, NULL};
    sigemptyset(&none);
    sigfillset(&defaults);
    int error = posix_spawn_file_actions_init(&actions);
    if (error)
        return error;
    error = posix_spawnattr_init(&attributes);
    if (error) {
        posix_spawn_file_actions_destroy(&actions);
        return error;
    }
    if ((error = posix_spawn_file_actions_adddup2(&actions, socket, STDIN_FILENO)) == 0 &&
        (error = posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, "/dev/null", O_WRONLY,
                                                  0)) == 0 &&
        (error = posix_spawn_file_actions_addclosefrom_np(&actions, STDERR_FILENO + 1)) == 0 &&
        (error = posix_spawnattr_setpgroup(&attributes, 0)) == 0 &&
        (error = posix_spawnattr_setsigmask(&attributes, &none)) == 0 &&
        (error = posix_spawnattr_setsigdefault(&attributes, &defaults)) == 0 &&
        (error =
             posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK |
                                                       POSIX_SPAWN_SETSIGDEF)) == 0)
        error = posix_spawn(&process->pid, process->program, &actions, &attributes, argv, environ);
    posix_spawnattr_destroy(&attributes);
    posix_spawn_file_actions_destroy(&actions);
    return error;
}

/* The process is gone, or is made to go now: its whole group, whatever it had started. */
static void put_down(struct foreign_process *process) {
    if (process->socket < 0)
        return;
    pthread_mutex_lock(&process->life);
    close(process->socket);
    process->socket = -1;
    pthread_mutex_unlock(&process->life);
    kill(-process->pid, SIGKILL);
    while (waitpid(process->pid, NULL, 0) < 0 && errno == EINTR)
        ;
}

static void failed(struct foreign_process *process, const char *why) {
    put_down(process);
    if (atomic_load(&process->is_ending))
        return;
    int64_t pause = FIRST_PAUSE_MS;
    for (unsigned i = 0; i < process->failures && pause < LONGEST_PAUSE_MS; i++)
        pause *= 2;
    if (pause > LONGEST_PAUSE_MS)
        pause = LONGEST_PAUSE_MS;
    process->failures++;
    process->not_before = now_ms() + pause;
    log_warn("foreign", "module %s %s; it is started again in %d ms at the earliest", process->name,
             why, (int)pause);
}

static CK_RV exchange(struct foreign_process *process, int timeout_ms, struct wire **result) {
    const char *why = NULL;
    *result = &process->result;
    process->result = (struct wire){0};
    enum wire_result sent = wire_send(process->socket, &process->request, timeout_ms);
    if (sent == WIRE_OK)
        sent = wire_receive(process->socket, &process->answer, timeout_ms);
    CK_RV rv = wire_take_number(&process->answer);
    size_t len = 0;
    const unsigned char *bytes = wire_take_bytes(&process->answer, WIRE_MAX, &len);
    if (sent == WIRE_LATE)
        why = "did not answer in time";
    else if (sent == WIRE_CLOSED)
        why = "has died";
    else if (sent != WIRE_OK || !wire_is_whole(&process->answer))
        why = "answered nonsense";
    if (why) {
        failed(process, why);
        return CKR_DEVICE_REMOVED;
    }
    /* what the call gave, as a message of its own */
    process->result = (struct wire){.data = (unsigned char *)(uintptr_t)bytes, .len = len};
    return rv;
}

static bool start(struct foreign_process *process) {
    int sockets[2];
    struct wire *result;
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sockets) != 0) {
        log_warn("foreign", "module %s: %s", process->name, strerror(errno));
        return false;
    }
    int error = spawn(process, sockets[1]);
    close(sockets[1]);
    if (error) {
        log_warn("foreign", "module %s: cannot start %s: %s", process->name, process->program,
                 strerror(error));
        close(sockets[0]);
        process->not_before = now_ms() + LONGEST_PAUSE_MS;
        return false;
    }
    pthread_mutex_lock(&process->life);
    process->socket = sockets[0];
    pthread_mutex_unlock(&process->life);
    process->generation++;
    wire_reset(&process->request);
    wire_put_number(&process->request, CALL_INITIALIZE);
    wire_put_bytes(&process->request, process->module, strlen(process->module));
    CK_RV rv = exchange(process, process->answer_within_ms, &result);
    wire_reset(&process->request);
    wire_reset(&process->answer);
    if (process->socket >= 0 && rv != CKR_OK) {
        log_warn("foreign", "module %s: C_Initialize: CKR 0x%lx", process->name, rv);
        failed(process, "cannot be used");
    }
    if (process->socket < 0)
        return false;
    log_info("foreign", "module %s (%s) runs in process %d", process->name, process->module,
             (int)process->pid);
    return true;
}

bool foreign_process_start(struct foreign_process *process) {
    pthread_mutex_lock(&process->lock);
    bool runs = process->socket >= 0;
    if (!runs && !atomic_load(&process->is_ending) && now_ms() >= process->not_before)
        runs = start(process);
    pthread_mutex_unlock(&process->lock);
    return runs;
}

/* ---- asking ---- */

struct wire *foreign_begin(struct foreign_process *process, enum foreign_call call) {
    pthread_mutex_lock(&process->lock);
    wire_reset(&process->request);
    wire_put_number(&process->request, call);
    return &process->request;
}

CK_RV foreign_ask(struct foreign_process *process, unsigned generation, bool asks_person,
                  struct wire **result) {
    process->result = (struct wire){0};
    *result = &process->result;
    if (process->socket < 0 || (generation && generation != process->generation))
        return CKR_DEVICE_REMOVED;
    if (process->request.failed)
        return CKR_DATA_LEN_RANGE;
    return exchange(process, process->answer_within_ms * (asks_person ? PERSON_FACTOR : 1), result);
}

CK_RV foreign_end(struct foreign_process *process, CK_RV rv) {
    if (rv == CKR_OK && !wire_is_whole(&process->result)) {
        failed(process, "answered nonsense");
        rv = CKR_DEVICE_REMOVED;
    }
    if (rv == CKR_OK)
        process->failures = 0;
    process->result = (struct wire){0};
    wire_reset(&process->request);
    wire_reset(&process->answer);
    pthread_mutex_unlock(&process->lock);
    return rv;
}

unsigned foreign_generation(struct foreign_process *process) {
    pthread_mutex_lock(&process->lock);
    unsigned generation = process->generation;
    pthread_mutex_unlock(&process->lock);
    return generation;
}

/* ---- ending ---- */

void foreign_process_end(struct foreign_process *process) {
    atomic_store(&process->is_ending, true);
    /* the conversation under way ends, and the process sees that nobody asks any more */
    pthread_mutex_lock(&process->life);
    if (process->socket >= 0)
        shutdown(process->socket, SHUT_RDWR);
    pthread_mutex_unlock(&process->life);
    pthread_mutex_lock(&process->lock);
    if (process->socket >= 0) {
        const struct timespec pause = {0, REAP_MS * 1000000L};
        for (int waited = 0; waited < END_PATIENCE_MS; waited += REAP_MS) {
            siginfo_t ended = {0};
            /* looked at without reaping it: put_down() reaps */
            if (waitid(P_PID, (id_t)process->pid, &ended, WEXITED | WNOHANG | WNOWAIT) != 0 ||
                ended.si_pid != 0)
                break;
            nanosleep(&pause, NULL);
        }
        put_down(process);
    }
    pthread_mutex_unlock(&process->lock);
}

void foreign_process_free(struct foreign_process *process) {
    wire_free(&process->request);
    wire_free(&process->answer);
    free_names(process);
    pthread_mutex_destroy(&process->life);
    pthread_mutex_destroy(&process->lock);
}
