/* ukey-sim: the command line. */
#include "firmware-sim/applets/gm/gm.h"
#include "firmware-sim/ports/control.h"
#include "firmware-sim/ports/entropy.h"
#include "firmware-sim/ports/flash_file.h"
#include "firmware-sim/ports/listener.h"
#include "firmware-sim/ports/messages.h"
#include "firmware-sim/ports/socket.h"
#include "firmware-sim/ports/vpcd.h"

#include <errno.h>
#include <fcntl.h>
#include <locale.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <unistd.h>

enum exit_status { EXIT_USAGE = 2 };

/* An option with a value; options and values are argv's. */
struct option_value {
    const char *name, *value;
};

static int usage_error(enum message message, const char *what) {
    message_print(stderr, message, what, NULL);
    message_print(stderr, MSG_USAGE_HINT, NULL, NULL);
    return EXIT_USAGE;
}

static int failure(enum message message, const char *a, const char *b) {
    message_print(stderr, message, a, b);
    return EXIT_FAILURE;
}

static int system_failure(const char *what) {
    return failure(MSG_SYSTEM, what, strerror(errno));
}

/* Options first or between, as "--name value" or "--name=value"; one image. Returns 0 or an exit status. */
static int parse(int argc, char **argv, struct option_value *options, const char **image) {
    *image = NULL;
    for (int i = 0; i < argc; i++) {
        if (strncmp(argv[i], "--", 2) != 0) {
            if (*image)
                return usage_error(MSG_TOO_MANY_ARGUMENTS, argv[i]);
            *image = argv[i];
            continue;
        }
        struct option_value *option = options;
        size_t len = strcspn(argv[i], "=");
        while (option->name &&
               (strlen(option->name) != len || strncmp(option->name, argv[i], len) != 0))
            option++;
        if (!option->name)
            return usage_error(MSG_UNKNOWN_OPTION, argv[i]);
        if (argv[i][len] == '=')
            option->value = argv[i] + len + 1;
        else if (i + 1 < argc)
            option->value = argv[++i];
        else
            return usage_error(MSG_OPTION_VALUE, argv[i]);
    }
    return *image ? 0 : usage_error(MSG_IMAGE_MISSING, NULL);
}

static int image_failure(enum flash_file_error err, const char *path) {
    switch (err) {
    case FLASH_FILE_IN_USE:
        return failure(MSG_IN_USE, path, NULL);
    case FLASH_FILE_SIZE:
        return failure(MSG_NOT_AN_IMAGE, path, NULL);
    default:
        return system_failure(path);
    }
}

static int card_failure(enum card_error err, const char *path, uint32_t page) {
    char number[16];
    switch (err) {
    case CARD_DAMAGED:
        snprintf(number, sizeof number, "%u", (unsigned)page);
        return failure(MSG_DAMAGED, path, number);
    case CARD_NOT_OURS:
        return failure(MSG_NOT_AN_IMAGE, path, NULL);
    case CARD_RANDOM:
        return failure(MSG_NO_RANDOM, NULL, NULL);
    default:
        return system_failure(path);
    }
}

/* --- format --- */

/* An existing file is formatted only if it is an image that nobody uses. */
static int may_overwrite(const char *path) {
    struct flash_file file;
    struct factory factory;
    struct stat st;
    if (stat(path, &st) != 0)
        return errno == ENOENT ? 0 : system_failure(path);
    enum flash_file_error err = flash_file_open(&file, path);
    if (err == FLASH_FILE_SIZE)
        return failure(MSG_NOT_OVERWRITTEN, path, NULL);
    if (err)
        return image_failure(err, path);
    struct flash flash = flash_file_flash(&file);
    bool ours = factory_read(&flash, &factory) != FACTORY_NOT_OURS;
    flash_file_close(&file);
    return ours ? 0 : failure(MSG_NOT_OVERWRITTEN, path, NULL);
}

static bool set_text(uint8_t *field, size_t size, const struct option_value *option) {
    char limit[16];
    size_t len = strlen(option->value);
    if (len == 0 || len > size) {
        snprintf(limit, sizeof limit, "%zu", size);
        message_print(stderr, MSG_TEXT_TOO_LONG, option->name, limit);
        message_print(stderr, MSG_USAGE_HINT, NULL, NULL);
        return false;
    }
    memcpy(field, option->value, len);
    return true;
}

/* Thirty hexadecimal digits, as real keys have. */
static bool random_serial(char serial[31]) {
    struct entropy entropy = {0};
    unsigned char bytes[15];
    if (entropy_read(&entropy, bytes, sizeof bytes) != 0)
        return false;
    for (size_t i = 0; i < sizeof bytes; i++)
        snprintf(serial + 2 * i, 3, "%02X", bytes[i]);
    return true;
}

static bool write_blank_key(struct flash_file *file, const struct factory *factory,
                            const char *label) {
    static struct store store;
    struct flash flash = flash_file_flash(file);
    uint32_t page;
    return factory_write(&flash, factory) == FACTORY_OK &&
           store_format(&flash, factory->mac_key) == STORE_OK &&
           store_mount(&store, &flash, factory->mac_key, &page) == STORE_OK &&
           gm_format(&store, label) && fsync(file->fd) == 0;
}

static int format(int argc, char **argv) {
    enum { SERIAL, LABEL, MANUFACTURER };
    char serial[31], temporary[4096];
    struct option_value options[] = {[SERIAL] = {"--serial", serial},
                                     [LABEL] = {"--label", "OpenUKey"},
                                     [MANUFACTURER] = {"--manufacturer", "OpenUKey"},
                                     {NULL, NULL}};
    struct entropy entropy = {0};
    struct factory factory = {0};
    struct flash_file file;
    uint8_t label[GM_LABEL_MAX];
    const char *path;

    if (!random_serial(serial) ||
        entropy_read(&entropy, factory.mac_key, sizeof factory.mac_key) != 0)
        return failure(MSG_NO_RANDOM, NULL, NULL);
    int status = parse(argc, argv, options, &path);
    if (status)
        return status;
    if (!set_text(factory.serial, sizeof factory.serial, &options[SERIAL]) ||
        !set_text(factory.manufacturer, sizeof factory.manufacturer, &options[MANUFACTURER]) ||
        !set_text(label, sizeof label, &options[LABEL]))
        return EXIT_USAGE;
    memcpy(factory.issuer, factory.manufacturer, sizeof factory.issuer);
    status = may_overwrite(path);
    if (status)
        return status;

    int len = snprintf(temporary, sizeof temporary, "%s.%ld.new", path, (long)getpid());
    if (len < 0 || (size_t)len >= sizeof temporary) {
        errno = ENAMETOOLONG;
        return system_failure(path);
    }
    enum flash_file_error err = flash_file_create(&file, temporary);
    if (err)
        return image_failure(err, temporary);
    if (!write_blank_key(&file, &factory, options[LABEL].value) || rename(temporary, path) != 0) {
        status = system_failure(path);
        unlink(temporary);
    }
    flash_file_close(&file);
    return status;
}

/* --- run --- */

struct simulator {
    struct loop loop;
    struct card card;
    struct gm gm;
    struct entropy entropy;
    struct trace trace;
    struct flash_file file;
    struct reader reader;
    struct socket_port socket;
    struct vpcd_port vpcd;
    struct control_port control;
};

static void on_signal(void *ctx, short revents) {
    (void)revents;
    loop_stop(ctx);
}

/* $XDG_RUNTIME_DIR/openukey/NAME.sock or /tmp/openukey-UID/NAME.sock. Returns 0 or an exit status. */
static int default_socket(const char *image, char *path, size_t size) {
    char directory[4096];
    const char *runtime = getenv("XDG_RUNTIME_DIR"), *slash = strrchr(image, '/');
    const char *name = slash ? slash + 1 : image, *dot = strrchr(name, '.');
    int name_len = (int)(dot && dot != name ? (size_t)(dot - name) : strlen(name));
    int len = runtime && *runtime ? snprintf(directory, sizeof directory, "%s/openukey", runtime)
                                  : snprintf(directory, sizeof directory, "/tmp/openukey-%lu",
                                             (unsigned long)getuid());
    if (len > 0 && (size_t)len < sizeof directory && !listener_make_directory(directory))
        return failure(MSG_DIRECTORY, directory, strerror(errno));
    if (len > 0 && (size_t)len < sizeof directory)
        len = snprintf(path, size, "%s/%.*s.sock", directory, name_len, name);
    if (len > 0 && (size_t)len < size)
        return 0;
    errno = ENAMETOOLONG;
    return system_failure(image);
}

static int listen_failure(const char *path) {
    return errno == EADDRINUSE ? failure(MSG_SOCKET_IN_USE, path, NULL) : system_failure(path);
}

/* Everything after the card has been powered up; ends when a signal asks for it. */
static int serve(struct simulator *sim, const char *socket_path, const char *vpcd_target,
                 const char *control_path) {
    int status = EXIT_SUCCESS;
    sigset_t signals;
    sigemptyset(&signals);
    sigaddset(&signals, SIGTERM);
    sigaddset(&signals, SIGINT);
    sigaddset(&signals, SIGHUP);
    sigprocmask(SIG_BLOCK, &signals, NULL);
    int signal_fd = signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK);
    if (signal_fd < 0 || !loop_watch(&sim->loop, signal_fd, POLLIN, on_signal, &sim->loop))
        return system_failure("signalfd");

    bool socket_open = socket_port_open(&sim->socket, &sim->reader, socket_path);
    if (!socket_open) {
        status = listen_failure(socket_path);
        goto out;
    }
    if (control_path) {
        sim->control.hosts = &sim->socket.count;
        sim->control.seeded = sim->entropy.seed_len != 0;
        if (!control_port_open(&sim->control, &sim->reader, control_path)) {
            status = listen_failure(control_path);
            control_path = NULL;
            goto out;
        }
    }
    if (vpcd_target && !vpcd_port_open(&sim->vpcd, &sim->reader, vpcd_target)) {
        status = usage_error(MSG_BAD_TARGET, vpcd_target);
        vpcd_target = NULL;
        goto out;
    }
    printf("ready %s\n", socket_path);
    fflush(stdout);
    if (!loop_run(&sim->loop))
        status = system_failure("poll");
    if (vpcd_target)
        vpcd_port_close(&sim->vpcd);
out:
    if (control_path && sim->control.reader)
        control_port_close(&sim->control);
    if (socket_open)
        socket_port_close(&sim->socket);
    close(signal_fd);
    return status;
}

static int run(int argc, char **argv) {
    enum { SOCKET, VPCD, CONTROL, SEED };
    static struct simulator sim;
    struct option_value options[] = {[SOCKET] = {"--socket", NULL},
                                     [VPCD] = {"--vpcd", NULL},
                                     [CONTROL] = {"--control", NULL},
                                     [SEED] = {"--seed", NULL},
                                     {NULL, NULL}};
    char socket_path[4096];
    const char *path;
    uint32_t page;

    int status = parse(argc, argv, options, &path);
    if (status)
        return status;
    if (options[SEED].value && !entropy_seed(&sim.entropy, options[SEED].value))
        return usage_error(MSG_BAD_SEED, NULL);
    if (!options[SOCKET].value) {
        status = default_socket(path, socket_path, sizeof socket_path);
        if (status)
            return status;
        options[SOCKET].value = socket_path;
    }
    if (sim.entropy.seed_len)
        message_print(stderr, MSG_SEEDED, NULL, NULL);

    enum flash_file_error file_err = flash_file_open(&sim.file, path);
    if (file_err)
        return image_failure(file_err, path);
    loop_init(&sim.loop);
    gm_init(&sim.gm, &sim.card);
    card_add_applet(&sim.card, &sim.gm.applet);
    sim.reader.loop = &sim.loop;
    sim.reader.card = &sim.card;
    sim.reader.flash = flash_file_flash(&sim.file);
    sim.reader.entropy = entropy_read;
    sim.reader.entropy_ctx = &sim.entropy;
    sim.reader.trace = &sim.trace;
    enum card_error card_err = reader_insert(&sim.reader, &page);
    if (card_err)
        status = card_failure(card_err, path, page);
    else
        status = serve(&sim, options[SOCKET].value, options[VPCD].value, options[CONTROL].value);
    reader_remove(&sim.reader);
    trace_close(&sim.trace);
    flash_file_close(&sim.file);
    return status;
}

int main(int argc, char **argv) {
    static const struct {
        const char *name;
        int (*run)(int argc, char **argv);
    } commands[] = {{"run", run}, {"format", format}};
    setlocale(LC_MESSAGES, ""); /* the texts of errno */
    messages_init();
    if (argc < 2) {
        message_print(stderr, MSG_HELP, NULL, NULL);
        return EXIT_USAGE;
    }
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--help") == 0) {
            message_print(stdout, MSG_HELP, NULL, NULL);
            return EXIT_SUCCESS;
        }
    }
    if (strcmp(argv[1], "--version") == 0) {
        puts("ukey-sim " OPENUKEY_VERSION);
        return EXIT_SUCCESS;
    }
    for (size_t i = 0; i < sizeof commands / sizeof commands[0]; i++)
        if (strcmp(argv[1], commands[i].name) == 0)
            return commands[i].run(argc - 2, argv + 2);
    return usage_error(MSG_UNKNOWN_COMMAND, argv[1]);
}
