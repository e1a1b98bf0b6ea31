/* The program ukey-sim as its users meet it: sockets, transactions, control, power, images. */
#include "tests/unit/firmware-sim/testing.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <openukey/apdu.h>
#include <openukey/simlink.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

enum { ANSWER_MS = 10000, MAX = 70000 };

static char program[PATH_MAX], dir[] = "/tmp/ukey-sim-test-XXXXXX", image[128], host_path[128],
                               control_path[128];
static pid_t sim;
static char said[4096]; /* what the last finished program wrote to stderr and stdout */

/* --- processes --- */

static pid_t spawn(const char *const *args, int *output) {
    int fds[2];
    assert_int_equal(pipe(fds), 0);
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        dup2(fds[1], STDOUT_FILENO);
        dup2(fds[1], STDERR_FILENO);
        close(fds[0]);
        close(fds[1]);
        setenv("LANG", "C", 1);
        setenv("LC_ALL", "C", 1);
        execv(program, (char *const *)(uintptr_t)args);
        _exit(127);
    }
    close(fds[1]);
    *output = fds[0];
    return pid;
}

static void read_until(int fd, const char *want) {
    size_t len = 0;
    said[0] = 0;
    while (!want || !strstr(said, want)) {
        struct pollfd p = {.fd = fd, .events = POLLIN};
        assert_int_equal(poll(&p, 1, ANSWER_MS), 1);
        ssize_t n = read(fd, said + len, sizeof said - 1 - len);
        if (n <= 0)
            break;
        len += (size_t)n;
        said[len] = 0;
    }
}

/* Runs to the end; the exit status. */
static int run_program(const char *const *args) {
    int output, status;
    pid_t pid = spawn(args, &output);
    read_until(output, NULL);
    close(output);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status));
    return WEXITSTATUS(status);
}

#define RUN(...) run_program((const char *const[]){program, __VA_ARGS__, NULL})

static void start_with(const char *option, const char *value) {
    const char *args[] = {program,      "run", "--socket", host_path, "--control",
                          control_path, image, option,     value,     NULL};
    int output;
    sim = spawn(args, &output);
    read_until(output, "ready ");
    assert_non_null(strstr(said, host_path));
    close(output);
}

static void start(void) {
    start_with(NULL, NULL);
}

static int stop_by(int signal) {
    int status;
    kill(sim, signal);
    assert_int_equal(waitpid(sim, &status, 0), sim);
    sim = 0;
    return status;
}

static void stop(void) {
    int status = stop_by(SIGTERM);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

/* --- a host on the socket --- */

struct host {
    int fd;
    uint8_t type, payload[MAX];
    size_t len;
    unsigned events;
    uint8_t last_event_present;
};

static int connect_to(const char *path) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    snprintf(address.sun_path, sizeof address.sun_path, "%s", path);
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof address), 0);
    return fd;
}

static bool read_exactly(int fd, uint8_t *out, size_t len) {
    while (len) {
        struct pollfd p = {.fd = fd, .events = POLLIN};
        assert_int_equal(poll(&p, 1, ANSWER_MS), 1);
        ssize_t n = read(fd, out, len);
        if (n <= 0)
            return false;
        out += n;
        len -= (size_t)n;
    }
    return true;
}

static void host_send(struct host *h, uint8_t type, const void *payload, size_t len) {
    uint8_t frame[5 + MAX] = {(uint8_t)((len + 1) >> 24), (uint8_t)((len + 1) >> 16),
                              (uint8_t)((len + 1) >> 8), (uint8_t)(len + 1), type};
    if (len)
        memcpy(frame + 5, payload, len);
    assert_int_equal(write(h->fd, frame, 5 + len), 5 + len);
}

/* The next frame, events included. False at the end of the connection. */
static bool host_read(struct host *h) {
    uint8_t head[5];
    if (!read_exactly(h->fd, head, sizeof head))
        return false;
    h->len = (size_t)(head[1] << 16 | head[2] << 8 | head[3]) - 1;
    h->type = head[4];
    assert_true(h->len <= MAX && read_exactly(h->fd, h->payload, h->len));
    if (h->type == SIM_EVENT) {
        h->events++;
        h->last_event_present = h->payload[0];
    }
    return true;
}

static void host_answer(struct host *h) {
    do
        assert_true(host_read(h));
    while (h->type == SIM_EVENT);
}

static uint8_t host_ask(struct host *h, uint8_t type, const void *payload, size_t len) {
    host_send(h, type, payload, len);
    host_answer(h);
    return h->type;
}

static void host_open(struct host *h) {
    static const uint8_t version = SIMLINK_VERSION;
    memset(h, 0, sizeof *h);
    h->fd = connect_to(host_path);
    assert_int_equal(host_ask(h, SIM_HELLO, &version, 1), SIM_STATE);
}

static uint32_t generation_at(const uint8_t *p) {
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static const uint8_t two_seconds[4] = {0, 0, 7, 0xd0};

static uint8_t host_begin(struct host *h) {
    return host_ask(h, SIM_BEGIN, two_seconds, 4);
}

static uint16_t host_apdu(struct host *h, const void *apdu, size_t len) {
    uint8_t type = host_ask(h, SIM_APDU, apdu, len);
    if (type != SIM_RESPONSE)
        return 0;
    return (uint16_t)(h->payload[h->len - 2] << 8 | h->payload[h->len - 1]);
}

static const uint8_t enum_apps[] = {0x80, INS_ENUM_APPLICATION, 0, 0, 0, 0, 0};
static const uint8_t set_label[] = {0x80, INS_SET_LABEL, 0, 0, 0, 0, 3, 'n', 'e', 'w'};
static const uint8_t dev_info[] = {0x80, INS_GET_DEV_INFO, 0, 0, 0, 0, 0};
static const uint8_t random8[] = {0x80, INS_GEN_RANDOM, 0, 0, 0, 0, 8};

static void assert_label(const char *label) {
    struct host h;
    host_open(&h);
    assert_int_equal(host_begin(&h), SIM_BEGUN);
    assert_int_equal(host_apdu(&h, dev_info, sizeof dev_info), SW_OK);
    assert_string_equal((const char *)h.payload + DEVINFO_LABEL, label);
    close(h.fd);
}

/* --- control --- */

static void control_read(int fd, char *line, size_t size) {
    size_t len = 0;
    uint8_t c;
    while (len + 1 < size && read_exactly(fd, &c, 1) && c != '\n')
        line[len++] = (char)c;
    line[len] = 0;
}

static void control_on(int fd, const char *request, const char *answer) {
    char line[256];
    assert_int_equal(write(fd, request, strlen(request)), strlen(request));
    control_read(fd, line, sizeof line);
    assert_int_equal(strncmp(line, answer, strlen(answer)), 0);
}

static void control(const char *request, const char *answer) {
    int fd = connect_to(control_path);
    control_on(fd, request, answer);
    close(fd);
}

/* --- tests --- */

static int setup(void **state) {
    (void)state;
    unlink(image);
    assert_int_equal(RUN("format", "--serial", "SIM0001", "--label", "old", image), 0);
    return 0;
}

static int teardown(void **state) {
    (void)state;
    if (sim)
        stop_by(SIGKILL);
    unlink(host_path);
    unlink(control_path);
    return 0;
}

static void a_formatted_key_answers_and_keeps_what_is_written(void **state) {
    struct host h;
    struct stat st;
    (void)state;
    start();
    host_open(&h);
    assert_int_equal(h.payload[0], 1);
    assert_int_equal(h.payload[5], 0x3B);
    assert_int_equal(host_begin(&h), SIM_BEGUN);
    assert_int_equal(host_apdu(&h, enum_apps, sizeof enum_apps), SW_OK);
    assert_int_equal(host_apdu(&h, dev_info, sizeof dev_info), SW_OK);
    assert_string_equal((const char *)h.payload + DEVINFO_SERIAL, "SIM0001");
    assert_int_equal(host_apdu(&h, set_label, sizeof set_label), SW_OK);
    close(h.fd);
    stop();
    assert_int_equal(stat(host_path, &st), -1);
    start();
    assert_label("new");
    stop();
}

static void a_transaction_excludes_others_until_it_ends(void **state) {
    struct host a, b;
    (void)state;
    start();
    host_open(&a);
    host_open(&b);
    assert_int_equal(host_begin(&a), SIM_BEGUN);
    assert_int_equal(host_ask(&b, SIM_BEGIN, "\0\0\0\0", 4), SIM_ERROR);
    assert_int_equal(b.payload[0], SIM_ERR_TIMEOUT);
    assert_int_equal(host_ask(&b, SIM_BEGIN, "\0\0\0\x1e", 4), SIM_ERROR); /* 30 ms */
    assert_int_equal(b.payload[0], SIM_ERR_TIMEOUT);
    host_send(&b, SIM_BEGIN, two_seconds, 4);
    assert_int_equal(host_apdu(&a, enum_apps, sizeof enum_apps), SW_OK);
    assert_int_equal(host_ask(&a, SIM_END, NULL, 0), SIM_STATE);
    host_answer(&b);
    assert_int_equal(b.type, SIM_BEGUN);
    assert_int_equal(b.payload[4], 1);
    host_send(&a, SIM_BEGIN, two_seconds, 4);
    close(b.fd); /* leaving ends a transaction too */
    host_answer(&a);
    assert_int_equal(a.type, SIM_BEGUN);
    assert_int_equal(a.payload[4], 0);
    close(a.fd);
    stop();
}

static void another_hosts_use_is_told_and_our_own_is_not(void **state) {
    struct host a, b;
    (void)state;
    start();
    host_open(&a);
    host_open(&b);
    host_begin(&a);
    host_ask(&a, SIM_END, NULL, 0);
    host_begin(&a);
    assert_int_equal(a.payload[4], 0);
    host_apdu(&a, enum_apps, sizeof enum_apps);
    host_ask(&a, SIM_END, NULL, 0);
    host_begin(&a);
    assert_int_equal(a.payload[4], 0);
    uint32_t generation = generation_at(a.payload);
    host_ask(&a, SIM_END, NULL, 0);
    host_begin(&b);
    host_ask(&b, SIM_RESET, NULL, 0);
    host_ask(&b, SIM_END, NULL, 0);
    host_begin(&a);
    assert_int_equal(a.payload[4], 1);
    assert_int_equal(generation_at(a.payload), generation + 1);
    close(a.fd);
    close(b.fd);
    stop();
}

static void bad_frames_are_errors_and_an_endless_one_ends_the_connection(void **state) {
    struct host h;
    (void)state;
    start();
    host_open(&h);
    assert_int_equal(host_ask(&h, SIM_APDU, enum_apps, sizeof enum_apps), SIM_ERROR);
    assert_int_equal(h.payload[0], SIM_ERR_PROTOCOL);
    assert_int_equal(host_ask(&h, SIM_END, NULL, 0), SIM_ERROR);
    assert_int_equal(host_ask(&h, 0x55, "x", 1), SIM_ERROR);
    assert_int_equal(host_ask(&h, SIM_HELLO, "\x63", 1), SIM_ERROR);
    assert_int_equal(host_ask(&h, SIM_BEGIN, "x", 1), SIM_ERROR);
    assert_int_equal(host_begin(&h), SIM_BEGUN);
    assert_int_equal(host_begin(&h), SIM_ERROR);
    assert_int_equal(host_apdu(&h, "\x80", 1), SW_WRONG_LENGTH);
    assert_int_equal(host_apdu(&h, enum_apps, sizeof enum_apps), SW_OK);
    assert_int_equal(write(h.fd, "\x7f\xff\xff\xff\x04", 5), 5);
    while (host_read(&h))
        ;
    close(h.fd);
    assert_label("old"); /* the others are served */
    stop();
}

static void pulling_the_key_is_an_event_and_ends_the_transaction(void **state) {
    struct host a, b;
    (void)state;
    start();
    host_open(&a);
    host_open(&b);
    uint32_t generation = generation_at(a.payload + 1);
    host_begin(&a);
    control("remove\n", "ok");
    assert_int_equal(host_ask(&a, SIM_APDU, enum_apps, sizeof enum_apps), SIM_ERROR);
    assert_int_equal(a.payload[0], SIM_ERR_NO_CARD);
    assert_int_equal(a.events, 1);
    assert_int_equal(host_begin(&b), SIM_ERROR);
    assert_int_equal(b.payload[0], SIM_ERR_NO_CARD);
    assert_int_equal(b.events, 1);
    assert_int_equal(b.last_event_present, 0);
    control("insert\n", "ok");
    assert_int_equal(host_ask(&a, SIM_APDU, enum_apps, sizeof enum_apps), SIM_ERROR);
    assert_int_equal(a.payload[0], SIM_ERR_NO_CARD); /* that transaction is gone for good */
    assert_int_equal(a.events, 2);
    assert_int_equal(a.last_event_present, 1);
    assert_int_equal(host_begin(&a), SIM_BEGUN);
    assert_int_equal(generation_at(a.payload), generation + 1);
    assert_int_equal(host_apdu(&a, enum_apps, sizeof enum_apps), SW_OK);
    control("status\n", "ok present=1 generation=2 hosts=2 held=no seeded=no");
    close(a.fd);
    close(b.fd);
    stop();
}

static void a_command_held_before_and_pulled_was_not_executed(void **state) {
    struct host h;
    char line[64];
    (void)state;
    start();
    int c = connect_to(control_path);
    control_on(c, "hold before 02\n", "ok");
    host_open(&h);
    host_begin(&h);
    host_send(&h, SIM_APDU, set_label, sizeof set_label);
    control_read(c, line, sizeof line);
    assert_string_equal(line, "held 02");
    control("status\n", "ok present=1 generation=1 hosts=1 held=yes");
    control("remove\n", "ok");
    host_answer(&h);
    assert_int_equal(h.type, SIM_ERROR);
    assert_int_equal(h.payload[0], SIM_ERR_NO_CARD);
    control("insert\n", "ok");
    assert_label("old");
    close(c);
    close(h.fd);
    stop();
}

static void a_command_held_after_and_pulled_was_executed(void **state) {
    struct host h;
    char line[64];
    (void)state;
    start();
    int c = connect_to(control_path);
    control_on(c, "hold after 02\n", "ok");
    host_open(&h);
    host_begin(&h);
    host_send(&h, SIM_APDU, set_label, sizeof set_label);
    control_read(c, line, sizeof line);
    assert_string_equal(line, "held 02");
    control_on(c, "remove\n", "ok");
    host_answer(&h);
    assert_int_equal(h.type, SIM_ERROR);
    control_on(c, "insert\n", "ok");
    assert_label("new");
    close(c);
    close(h.fd);
    stop();
}

static void the_nth_command_is_held_and_goes_on_when_released(void **state) {
    struct host h;
    char line[64];
    (void)state;
    start();
    int c = connect_to(control_path);
    control_on(c, "hold before 22 2\n", "ok");
    host_open(&h);
    host_begin(&h);
    assert_int_equal(host_apdu(&h, enum_apps, sizeof enum_apps), SW_OK);
    host_send(&h, SIM_APDU, enum_apps, sizeof enum_apps);
    control_read(c, line, sizeof line);
    assert_string_equal(line, "held 22");
    control_on(c, "release\n", "ok");
    host_answer(&h);
    assert_int_equal(h.type, SIM_RESPONSE);
    control_on(c, "hold after 22\n", "ok");
    host_send(&h, SIM_APDU, enum_apps, sizeof enum_apps);
    control_read(c, line, sizeof line);
    close(c); /* closing releases */
    host_answer(&h);
    assert_int_equal(h.type, SIM_RESPONSE);
    close(h.fd);
    stop();
}

static void a_host_that_leaves_under_a_held_command_frees_the_key(void **state) {
    struct host a;
    char line[64];
    (void)state;
    start();
    int c = connect_to(control_path);
    control_on(c, "hold before 02\n", "ok");
    host_open(&a);
    host_begin(&a);
    host_send(&a, SIM_APDU, set_label, sizeof set_label);
    control_read(c, line, sizeof line);
    close(a.fd);
    assert_label("old");
    control_on(c, "release\n", "ok");
    assert_label("old");
    close(c);
    stop();
}

static void killing_the_program_is_a_power_failure(void **state) {
    struct host h;
    char line[64];
    (void)state;
    start();
    int c = connect_to(control_path);
    control_on(c, "hold after 02\n", "ok");
    host_open(&h);
    host_begin(&h);
    host_send(&h, SIM_APDU, set_label, sizeof set_label);
    control_read(c, line, sizeof line);
    stop_by(SIGKILL);
    close(c);
    close(h.fd);
    start(); /* over the socket that the dead one left */
    assert_label("new");
    stop();
}

static void bad_control_lines_are_told(void **state) {
    (void)state;
    start();
    control("dance\n", "error unknown verb");
    control("hold sideways 02\n", "error usage");
    control("hold before 1FF\n", "error usage");
    control("hold before 02 0\n", "error usage");
    control("hold before\n", "error wrong number");
    control("trace /no/such/dir/file\n", "error /no/such/dir/file");
    control("remove\nremove\n", "ok");
    control("insert\n", "ok");
    stop();
}

static void the_trace_holds_no_pin_data(void **state) {
    static const uint8_t verify[] = {0x80, INS_VERIFY_PIN, 0,    1,    18,   1,    0,    0xde,
                                     0xad, 0xbe,           0xef, 0xde, 0xad, 0xbe, 0xef, 0xde,
                                     0xad, 0xbe,           0xef, 0xde, 0xad, 0xbe, 0xef};
    char path[128], request[160], text[4096] = {0};
    struct host h;
    (void)state;
    snprintf(path, sizeof path, "%s/trace", dir);
    snprintf(request, sizeof request, "trace %s\n", path);
    start();
    control(request, "ok");
    host_open(&h);
    host_begin(&h);
    host_apdu(&h, enum_apps, sizeof enum_apps);
    host_apdu(&h, verify, sizeof verify);
    control("trace off\n", "ok");
    host_apdu(&h, dev_info, sizeof dev_info);
    close(h.fd);
    int fd = open(path, O_RDONLY);
    assert_true(read(fd, text, sizeof text - 1) > 0);
    close(fd);
    unlink(path);
    assert_non_null(strstr(text, "\"command\":\"80220000000000\",\"commandRedacted\":false"));
    assert_non_null(strstr(text, "\"command\":\"80180001\",\"commandRedacted\":true"));
    assert_null(strstr(text, "deadbeef"));
    assert_null(strstr(text, "800400"));
    stop();
}

static void one_seed_gives_one_sequence_and_a_loud_warning(void **state) {
    uint8_t first[8] = {0}, now[8] = {0};
    struct host h;
    (void)state;
    for (unsigned run = 0; run < 3; run++) {
        start_with("--seed", run < 2 ? "0102" : "0103");
        host_open(&h);
        host_begin(&h);
        assert_int_equal(host_apdu(&h, random8, sizeof random8), SW_OK);
        memcpy(run ? now : first, h.payload, 8);
        assert_true(run != 1 || memcmp(now, first, 8) == 0);
        assert_true(run != 2 || memcmp(now, first, 8) != 0);
        close(h.fd);
        control("status\n", "ok present=1 generation=1 hosts=");
        stop();
    }
    assert_int_equal(RUN("run", "--seed", "0", image), 2);
    assert_non_null(strstr(said, "seed"));
}

static void an_image_in_use_is_refused(void **state) {
    (void)state;
    start();
    assert_int_equal(RUN("run", "--socket", "/tmp/never-made.sock", image), 1);
    assert_non_null(strstr(said, "in use"));
    assert_int_equal(RUN("format", image), 1);
    assert_non_null(strstr(said, "in use"));
    assert_label("old");
    stop();
}

static void a_damaged_image_is_refused_with_its_page(void **state) {
    uint8_t byte;
    (void)state;
    int fd = open(image, O_RDWR);
    assert_int_equal(pread(fd, &byte, 1, 4096 + 40), 1);
    byte ^= 4;
    assert_int_equal(pwrite(fd, &byte, 1, 4096 + 40), 1);
    assert_int_equal(RUN("run", "--socket", host_path, image), 1);
    assert_non_null(strstr(said, "damaged at flash page 1"));
    byte ^= 4;
    assert_int_equal(pwrite(fd, &byte, 1, 4096 + 40), 1);
    assert_int_equal(pread(fd, &byte, 1, 100), 1);
    byte ^= 1;
    assert_int_equal(pwrite(fd, &byte, 1, 100), 1);
    assert_int_equal(RUN("run", "--socket", host_path, image), 1);
    assert_non_null(strstr(said, "damaged at flash page 0"));
    assert_int_equal(ftruncate(fd, 500000), 0);
    assert_int_equal(RUN("run", "--socket", host_path, image), 1);
    assert_non_null(strstr(said, "not a key image"));
    assert_int_equal(RUN("format", image), 1); /* that could be anything */
    close(fd);
    assert_int_equal(RUN("run", "--socket", host_path, "/no/such/image"), 1);
    assert_non_null(strstr(said, "No such file"));
}

static void wrong_usage_is_told_with_status_2(void **state) {
    (void)state;
    assert_int_equal(RUN("dance"), 2);
    assert_int_equal(RUN("run"), 2);
    assert_int_equal(RUN("run", "--nonsense", "x", image), 2);
    assert_int_equal(RUN("run", image, "--socket"), 2);
    assert_int_equal(RUN("run", image, image), 2);
    assert_int_equal(RUN("run", "--socket", host_path, "--vpcd", "nowhere", image), 2);
    assert_int_equal(RUN("format", "--serial", "123456789012345678901234567890123", image), 2);
    assert_int_equal(RUN("--help"), 0);
    assert_non_null(strstr(said, "ukey-sim run"));
    assert_int_equal(RUN("--version"), 0);
}

/* --- vpcd: we play pcscd's reader driver --- */

static int vpcd_accept(int listener) {
    struct pollfd p = {.fd = listener, .events = POLLIN};
    assert_int_equal(poll(&p, 1, ANSWER_MS), 1);
    int fd = accept(listener, NULL, NULL);
    assert_true(fd >= 0);
    return fd;
}

static void vpcd_send(int fd, const uint8_t *bytes, size_t len) {
    uint8_t head[2] = {(uint8_t)(len >> 8), (uint8_t)len};
    assert_int_equal(write(fd, head, 2), 2);
    assert_int_equal(write(fd, bytes, len), len);
}

static size_t vpcd_read(int fd, uint8_t *out) {
    uint8_t head[2];
    if (!read_exactly(fd, head, 2))
        return 0;
    size_t len = (size_t)(head[0] << 8 | head[1]);
    assert_true(read_exactly(fd, out, len));
    return len;
}

static void the_vpcd_port_answers_waits_its_turn_and_closes_when_pulled(void **state) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof address;
    uint8_t answer[MAX] = {0};
    char target[32];
    struct host h;
    (void)state;
    int listener = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(bind(listener, (struct sockaddr *)&address, sizeof address), 0);
    assert_int_equal(listen(listener, 4), 0);
    assert_int_equal(getsockname(listener, (struct sockaddr *)&address, &len), 0);
    snprintf(target, sizeof target, "127.0.0.1:%u", ntohs(address.sin_port));
    start_with("--vpcd", target);

    int fd = vpcd_accept(listener);
    vpcd_send(fd, (const uint8_t *)"\4", 1);
    assert_int_equal(vpcd_read(fd, answer), 15);
    assert_int_equal(answer[0], 0x3B);
    vpcd_send(fd, (const uint8_t *)"\1", 1);
    vpcd_send(fd, dev_info, sizeof dev_info);
    assert_int_equal(vpcd_read(fd, answer), GM_DEVINFO_SIZE + 2);

    /* a socket host's transaction makes an APDU wait, not the ATR that pcscd polls before it */
    host_open(&h);
    assert_int_equal(host_begin(&h), SIM_BEGUN);
    assert_int_equal(h.payload[4], 1);
    vpcd_send(fd, (const uint8_t *)"\4", 1);
    assert_int_equal(vpcd_read(fd, answer), 15);
    vpcd_send(fd, set_label, sizeof set_label);
    assert_int_equal(host_apdu(&h, dev_info, sizeof dev_info), SW_OK);
    assert_string_equal((const char *)h.payload + DEVINFO_LABEL, "old");
    assert_int_equal(host_ask(&h, SIM_END, NULL, 0), SIM_STATE);
    assert_int_equal(vpcd_read(fd, answer), 2);
    assert_int_equal(answer[0], 0x90);

    control("remove\n", "ok");
    assert_int_equal(vpcd_read(fd, answer), 0);
    close(fd);
    control("insert\n", "ok");
    fd = vpcd_accept(listener);
    close(fd); /* pcscd went away: it comes back by itself */
    fd = vpcd_accept(listener);
    vpcd_send(fd, dev_info, sizeof dev_info);
    assert_int_equal(vpcd_read(fd, answer), GM_DEVINFO_SIZE + 2);
    assert_string_equal((const char *)answer + DEVINFO_LABEL, "new");

    /* pulled under a held command */
    char line[64];
    int c = connect_to(control_path);
    control_on(c, "hold before 22\n", "ok");
    vpcd_send(fd, enum_apps, sizeof enum_apps);
    control_read(c, line, sizeof line);
    assert_string_equal(line, "held 22");
    control_on(c, "remove\n", "ok");
    assert_int_equal(vpcd_read(fd, answer), 0);
    close(c);
    close(fd);
    close(h.fd);
    close(listener);
    stop();
}

int main(void) {
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(a_formatted_key_answers_and_keeps_what_is_written),
        T(a_transaction_excludes_others_until_it_ends),
        T(another_hosts_use_is_told_and_our_own_is_not),
        T(bad_frames_are_errors_and_an_endless_one_ends_the_connection),
        T(pulling_the_key_is_an_event_and_ends_the_transaction),
        T(a_command_held_before_and_pulled_was_not_executed),
        T(a_command_held_after_and_pulled_was_executed),
        T(the_nth_command_is_held_and_goes_on_when_released),
        T(a_host_that_leaves_under_a_held_command_frees_the_key),
        T(killing_the_program_is_a_power_failure),
        T(bad_control_lines_are_told),
        T(the_trace_holds_no_pin_data),
        T(one_seed_gives_one_sequence_and_a_loud_warning),
        T(an_image_in_use_is_refused),
        T(a_damaged_image_is_refused_with_its_page),
        T(wrong_usage_is_told_with_status_2),
        T(the_vpcd_port_answers_waits_its_turn_and_closes_when_pulled),
    };
    char self[PATH_MAX - 32] = {0};
    signal(SIGPIPE, SIG_IGN);
    if (readlink("/proc/self/exe", self, sizeof self - 1) < 0 || !mkdtemp(dir))
        return 1;
    *strrchr(self, '/') = 0;
    snprintf(program, sizeof program, "%s/../bin/ukey-sim", self);
    snprintf(image, sizeof image, "%s/key.img", dir);
    snprintf(host_path, sizeof host_path, "%s/key.sock", dir);
    snprintf(control_path, sizeof control_path, "%s/key.ctl", dir);
    int failed = cmocka_run_group_tests_name("ukey-sim", tests, NULL, NULL);
    unlink(image);
    rmdir(dir);
    return failed;
}
