/* Keys, their simulator and a configuration in a private folder, a program between them. */
#include "tools/ukey/sim_exec.h"

#include "module/formats/calendar.h"
#include "tools/ukey/sim_image.h"
#include "tools/ukey/simulator.h"
#include "tools/ukey/text.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

extern char **environ;

enum { EXIT_USAGE = 2, TOKENS_MAX = 100, PATH_SIZE = 128, ARGS_MAX = 16 + 5 * TOKENS_MAX };

struct exec_options {
    const char *profile, *tokens, *clock, *transport;
    char **command;
};

/* A run: its folder and everything in it. */
struct run {
    unsigned count;
    struct simulator simulator; /* its folder stays unset: the run's is our own */
    char folder[64], conf[PATH_SIZE];
    char image[TOKENS_MAX][PATH_SIZE], control[TOKENS_MAX][PATH_SIZE],
        socket[TOKENS_MAX][PATH_SIZE];
    char vpcd[TOKENS_MAX][PATH_SIZE];
    char ca[PATH_MAX];
    struct sim_facts facts[TOKENS_MAX];
};

static volatile sig_atomic_t command_pid;

static int usage_error(enum text text, const char *what) {
    text_complain(text, what, NULL, NULL);
    text_complain(TEXT_HINT, NULL, NULL, NULL);
    return EXIT_USAGE;
}

bool sim_beside(const char *relative, char *out, size_t size) {
    char self[PATH_MAX];
    ssize_t len = readlink("/proc/self/exe", self, sizeof self - 1);
    if (len <= 0)
        return false;
    self[len] = '\0';
    char *slash = strrchr(self, '/');
    if (slash == NULL)
        return false;
    *slash = '\0';
    return snprintf(out, size, "%s/%s", self, relative) < (int)size;
}

static int parse(char **argv, struct exec_options *options) {
    const struct {
        const char *name;
        const char **value;
    } known[] = {{"--profile", &options->profile},
                 {"--tokens", &options->tokens},
                 {"--clock", &options->clock},
                 {"--transport", &options->transport}};
    for (; *argv != NULL && strcmp(*argv, "--") != 0; argv++) {
        size_t i = 0;
        while (i < sizeof known / sizeof *known && strcmp(known[i].name, *argv) != 0)
            i++;
        if (i == sizeof known / sizeof *known)
            return usage_error(argv[0][0] == '-' ? TEXT_UNKNOWN_OPTION : TEXT_TOO_MANY_ARGUMENTS,
                               *argv);
        if (argv[1] == NULL || strcmp(argv[1], "--") == 0)
            return usage_error(TEXT_OPTION_VALUE, *argv);
        *known[i].value = *++argv;
    }
    options->command = *argv != NULL ? argv + 1 : argv;
    return *options->command != NULL ? 0 : usage_error(TEXT_COMMAND_MISSING, NULL);
}

static bool make_folder(struct run *run) {
    const char *base = getenv("TMPDIR");
    if (base == NULL || base[0] == '\0' || strlen(base) > sizeof run->folder - 20)
        base = "/tmp"; /* a socket's path is short */
    snprintf(run->folder, sizeof run->folder, "%s/ukey-sim-XXXXXX", base);
    if (mkdtemp(run->folder) == NULL) {
        text_complain(TEXT_SYSTEM, base, strerror(errno), NULL);
        run->folder[0] = '\0';
        return false;
    }
    for (unsigned i = 0; i < run->count; i++) {
        snprintf(run->image[i], PATH_SIZE, "%s/key%u.img", run->folder, i + 1);
        snprintf(run->socket[i], PATH_SIZE, "%s/key%u.sock", run->folder, i + 1);
        snprintf(run->control[i], PATH_SIZE, "%s/key%u.control", run->folder, i + 1);
    }
    snprintf(run->conf, sizeof run->conf, "%s/openukey.conf", run->folder);
    return true;
}

static void remove_folder(struct run *run) {
    if (run->folder[0] == '\0')
        return;
    for (unsigned i = 0; i < run->count; i++) {
        unlink(run->image[i]);
        unlink(run->socket[i]);
        unlink(run->control[i]);
    }
    unlink(run->conf);
    rmdir(run->folder);
}

static bool write_conf(const struct run *run) {
    FILE *file = fopen(run->conf, "we");
    bool vpcd = run->vpcd[0][0] != '\0';
    if (file != NULL)
        fprintf(file, "socket-dir = %s\npcsc = %s\nusb = off\n%s", vpcd ? "off" : run->folder,
                vpcd ? "on" : "off", vpcd ? "pcsc-readers = Virtual PCD*\n" : "");
    if (file != NULL && fclose(file) == 0)
        return true;
    text_complain(TEXT_SYSTEM, run->conf, strerror(errno), NULL);
    return false;
}

/* "vpcd:HOST:PORT": the first key at PORT, the next one at the next port. */
static int read_transport(const char *text, struct run *run) {
    if (text == NULL || strcmp(text, "socket") == 0)
        return 0;
    const char *host = text + strlen("vpcd:"), *colon = strrchr(text, ':');
    char *end = NULL;
    unsigned long port = colon != NULL ? strtoul(colon + 1, &end, 10) : 0;
    if (strncmp(text, "vpcd:", 5) != 0 || colon < host || end == NULL || *end != '\0' ||
        port == 0 || port + run->count > 65536 || strlen(host) > PATH_SIZE - 8)
        return usage_error(TEXT_BAD_TRANSPORT, text);
    for (unsigned i = 0; i < run->count; i++)
        snprintf(run->vpcd[i], PATH_SIZE, "%.*s:%lu", (int)(colon - host), host, port + i);
    return 0;
}

static bool start_keys(struct run *run) {
    const char *argv[ARGS_MAX];
    size_t n = 0;
    argv[n++] = run->simulator.program;
    argv[n++] = "run";
    for (unsigned i = 0; i < run->count; i++) {
        argv[n++] = "--control";
        argv[n++] = run->control[i];
        if (run->vpcd[i][0] != '\0') {
            argv[n++] = "--vpcd";
            argv[n++] = run->vpcd[i];
        }
    }
    argv[n++] = "--socket-dir";
    argv[n++] = run->folder;
    for (unsigned i = 0; i < run->count; i++)
        argv[n++] = run->image[i];
    argv[n] = NULL;
    return simulator_start(&run->simulator, argv, run->count);
}

/* One variable a fact; of several keys the others have their number behind the name. */
static void set_key_variables(const struct run *run, unsigned i) {
    const struct sim_facts *facts = &run->facts[i];
    const struct {
        const char *name, *value;
    } variables[] = {
        {"OPENUKEY_PIN", facts->user_pin},          {"OPENUKEY_SO_PIN", facts->admin_pin},
        {"OPENUKEY_UNLOCK_KEY", facts->unlock_key}, {"OPENUKEY_LABEL", facts->label},
        {"OPENUKEY_SERIAL", facts->serial},         {"OPENUKEY_CONTROL", run->control[i]}};
    for (size_t k = 0; k < sizeof variables / sizeof *variables; k++) {
        char name[64];
        snprintf(name, sizeof name, i == 0 ? "%s" : "%s_%u", variables[k].name, i + 1);
        if (variables[k].value[0] != '\0')
            setenv(name, variables[k].value, 1);
        else
            unsetenv(name);
    }
}

static void set_variables(const struct run *run, const char *module) {
    char number[16], root[PATH_MAX + 16];
    snprintf(number, sizeof number, "%u", run->count);
    snprintf(root, sizeof root, "%s/root.crt", run->ca);
    setenv("OPENUKEY_MODULE", module, 1);
    setenv("OPENUKEY_CONF", run->conf, 1);
    setenv("OPENUKEY_TOKENS", number, 1);
    setenv("OPENUKEY_CA", root, 1);
    for (unsigned i = 0; i < run->count; i++)
        set_key_variables(run, i);
}

static void forward(int signal) {
    if (command_pid > 0)
        kill((pid_t)command_pid, signal);
}

/* Runs the command to its end; its wait status in *status. */
static bool run_command(char **command, int *status) {
    static const int signals[] = {SIGTERM, SIGINT, SIGHUP, SIGQUIT};
    struct sigaction action = {.sa_handler = forward};
    sigset_t blocked, usual;
    pid_t pid = 0;
    posix_spawnattr_t attributes;
    sigemptyset(&action.sa_mask);
    sigemptyset(&blocked);
    for (size_t i = 0; i < sizeof signals / sizeof *signals; i++)
        sigaddset(&blocked, signals[i]);
    /* nothing is lost between starting the command and knowing its number */
    sigprocmask(SIG_BLOCK, &blocked, &usual);
    posix_spawnattr_init(&attributes);
    posix_spawnattr_setsigmask(&attributes, &usual);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK);
    int error = posix_spawnp(&pid, command[0], NULL, &attributes, command, environ);
    posix_spawnattr_destroy(&attributes);
    command_pid = error == 0 ? (sig_atomic_t)pid : 0;
    for (size_t i = 0; i < sizeof signals / sizeof *signals; i++)
        sigaction(signals[i], &action, NULL);
    sigprocmask(SIG_SETMASK, &usual, NULL);
    if (error != 0) {
        text_complain(TEXT_SYSTEM, command[0], strerror(error), NULL);
        *status = (error == ENOENT ? 127 : 126) << 8; /* as a shell says it */
        return false;
    }
    while (waitpid(pid, status, 0) < 0 && errno == EINTR)
        ;
    command_pid = 0;
    return true;
}

/* Ends as the command did. */
static int end_as(int status) {
    if (!WIFSIGNALED(status))
        return WEXITSTATUS(status);
    signal(WTERMSIG(status), SIG_DFL);
    raise(WTERMSIG(status));
    return 128 + WTERMSIG(status);
}

static bool make_keys(struct run *run, const struct sim_maker *maker) {
    for (unsigned i = 0; i < run->count; i++)
        if (!sim_image_make(maker, i, run->image[i], run->ca, &run->facts[i]))
            return false;
    return true;
}

int sim_exec(char **argv) {
    static struct run run;
    struct exec_options options = {.profile = "org"};
    char sim[PATH_MAX], module[PATH_MAX], *end = NULL;
    int status = parse(argv, &options);
    if (status != 0)
        return status;
    unsigned long count = options.tokens != NULL ? strtoul(options.tokens, &end, 10) : 1;
    if (count < 1 || count > TOKENS_MAX || (end != NULL && *end != '\0'))
        return usage_error(TEXT_BAD_COUNT, options.tokens);
    struct sim_maker maker = {.profile = options.profile,
                              .sim = sim,
                              .module = module,
                              .now = time(NULL),
                              .has_clock = options.clock != NULL};
    if (options.clock != NULL && !calendar_parse_rfc3339(options.clock, &maker.now))
        return usage_error(TEXT_BAD_TIME, options.clock);
    run.count = (unsigned)count;
    status = read_transport(options.transport, &run);
    if (status != 0)
        return status;
    if (!sim_beside("ukey-sim", sim, sizeof sim) ||
        !sim_beside("../lib/openukey-pkcs11.so", module, sizeof module)) {
        text_complain(TEXT_SYSTEM, "/proc/self/exe", strerror(errno), NULL);
        return EXIT_FAILURE;
    }
    run.simulator.program = sim;
    status = EXIT_FAILURE << 8;
    if (make_folder(&run) && make_keys(&run, &maker) && write_conf(&run) && start_keys(&run)) {
        set_variables(&run, module);
        run_command(options.command, &status);
        (void)simulator_stop(&run.simulator);
    }
    simulator_close(&run.simulator);
    remove_folder(&run);
    return end_as(status);
}
