/* agent-load PORT CA-FILE CONNECTIONS REQUESTS <PLAN: so many keep-alive TLS connections, a thread each, go round the plan's requests.
 *
 * PLAN (JSON): {"host":"localhost:1", "sites":[{"origin","session"}], "requests":[{"method","path","body","good":["200","CODE"]}]};
 * connection i speaks for site i, modulo their number; "@" in a body becomes a number that does not come again. An answer counts
 * by its status, or from 400 on by its problem's code; "good" are the expected ones. RATE_LIMITED is waited out and asked again.
 * Prints {"seconds","p50us","p99us","opened","waited","answers":{ANSWER:COUNT},"wrong":[TEXT]}. Ends with 1 when it could not ask. */
#include <arpa/inet.h>
#include <jansson.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>
#include <unistd.h>

enum {
    MAX_CONNECTIONS = 96,
    ANSWER_SIZE = 1 << 20,
    HEAD_SIZE = 4096,
    MAX_WRONG = 10,
    PATIENCE = 120
};

static SSL_CTX *tls;
static json_t *plan, *answers, *wrong;
static unsigned short port;
static unsigned long wanted;
static float *times; /* of each request, seconds */
static atomic_ulong opened, waited;
static size_t connections;
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;

struct client {
    pthread_t thread;
    const char *origin, *session;
    unsigned long first; /* of its requests' numbers; the next ones are `connections` apart */
    SSL *ssl;
    char *text; /* the answer: head, a NUL, body, a NUL */
    const char *body;
    bool closes; /* the agent ends this connection after its answer */
};

_Noreturn static void die(const char *what) {
    fprintf(stderr, "agent-load: %s\n", what);
    ERR_print_errors_fp(stderr);
    _exit(1);
}

static double now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

static void hang_up(struct client *client) {
    if (client->ssl != NULL) {
        SSL_shutdown(client->ssl);
        close(SSL_get_fd(client->ssl));
        SSL_free(client->ssl);
        client->ssl = NULL;
    }
}

static void call(struct client *client) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port)};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct timeval patience = {.tv_sec = PATIENCE};
    int at_once = 1; /* a body does not wait for its head's acknowledgement */
    if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience)) != 0 ||
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &at_once, sizeof(at_once)) != 0 ||
        connect(fd, (struct sockaddr *)&address, sizeof(address)) != 0) {
        die("nobody answers at the port");
    }
    client->ssl = SSL_new(tls);
    if (client->ssl == NULL || SSL_set_fd(client->ssl, fd) != 1 ||
        SSL_set1_host(client->ssl, "localhost") != 1 || SSL_connect(client->ssl) != 1) {
        die("no TLS");
    }
    atomic_fetch_add(&opened, 1);
}

/* The value of a header of the answer, or NULL. */
static const char *header(const struct client *client, const char *name) {
    size_t len = strlen(name);
    for (const char *line = strstr(client->text, "\r\n"); line != NULL;
         line = strstr(line + 2, "\r\n")) {
        if (strncasecmp(line + 2, name, len) == 0 && line[2 + len] == ':') {
            return line + 2 + len + 1 + strspn(line + 2 + len + 1, " ");
        }
    }
    return NULL;
}

/* The status of the answer; 0: the connection had ended before it. */
static int ask(struct client *client, const char *head, size_t head_len, const char *body,
               size_t body_len) {
    if (SSL_write(client->ssl, head, (int)head_len) <= 0 ||
        (body_len > 0 && SSL_write(client->ssl, body, (int)body_len) <= 0)) {
        return 0;
    }
    size_t have = 0, need = SIZE_MAX;
    char *end = NULL;
    while (have < need) {
        int got = have + 1 < ANSWER_SIZE
                      ? SSL_read(client->ssl, client->text + have, (int)(ANSWER_SIZE - 1 - have))
                      : -1;
        if (got <= 0 && have == 0) {
            return 0;
        }
        if (got <= 0) {
            die("an answer breaks off");
        }
        have += (size_t)got;
        client->text[have] = 0;
        if (end == NULL && (end = strstr(client->text, "\r\n\r\n")) != NULL) {
            *end = 0;
            const char *length = header(client, "Content-Length"),
                       *connection = header(client, "Connection");
            need =
                (size_t)(end + 4 - client->text) + (length != NULL ? strtoul(length, NULL, 10) : 0);
            client->closes = connection != NULL && strncasecmp(connection, "close", 5) == 0;
        }
    }
    client->body = end != NULL ? end + 4 : client->text;
    return (int)strtol(client->text + strlen("HTTP/1.1 "), NULL, 10);
}

/* What an answer counts as: its status, or its problem's code. */
static void name_answer(const struct client *client, int status, char *name, size_t size) {
    json_t *problem = status >= 400 ? json_loads(client->body, 0, NULL) : NULL;
    const char *code = json_string_value(json_object_get(problem, "code"));
    if (code != NULL) {
        snprintf(name, size, "%s", code);
    } else {
        snprintf(name, size, "%d", status);
    }
    json_decref(problem);
}

static void note(const char *name, json_t *request, const char *body) {
    pthread_mutex_lock(&mutex);
    json_object_set_new(answers, name,
                        json_integer(json_integer_value(json_object_get(answers, name)) + 1));
    bool good = false;
    json_t *one;
    size_t i;
    json_array_foreach(json_object_get(request, "good"), i, one) {
        good = good || strcmp(json_string_value(one), name) == 0;
    }
    if (!good && json_array_size(wrong) < MAX_WRONG) {
        json_array_append_new(
            wrong,
            json_sprintf("%s %s: %s %.300s", json_string_value(json_object_get(request, "method")),
                         json_string_value(json_object_get(request, "path")), name, body));
    }
    pthread_mutex_unlock(&mutex);
}

/* Ask the plan's request until it is answered, on a new connection where the agent has ended this one. */
static void ask_for(struct client *client, unsigned long number) {
    json_t *requests = json_object_get(plan, "requests");
    json_t *request = json_array_get(requests, number % json_array_size(requests));
    const char *form = json_string_value(json_object_get(request, "body")),
               *at = form != NULL ? strchr(form, '@') : NULL;
    size_t size = form != NULL ? strlen(form) + 24 : 1;
    char head[HEAD_SIZE], *body = calloc(1, size);
    if (body == NULL) {
        die("memory");
    }
    int body_len =
        form == NULL ? 0
        : at == NULL ? snprintf(body, size, "%s", form)
                     : snprintf(body, size, "%.*s%020lu%s", (int)(at - form), form, number, at + 1);
    int len = snprintf(
        head, sizeof(head),
        "%s %s HTTP/1.1\r\nHost: %s\r\n%s%s%s%s%s%s%sContent-Length: %d\r\n\r\n",
        json_string_value(json_object_get(request, "method")),
        json_string_value(json_object_get(request, "path")),
        json_string_value(json_object_get(plan, "host")), client->origin != NULL ? "Origin: " : "",
        client->origin != NULL ? client->origin : "", client->origin != NULL ? "\r\n" : "",
        client->session != NULL ? "OpenUKey-Session: " : "",
        client->session != NULL ? client->session : "", client->session != NULL ? "\r\n" : "",
        form != NULL ? "Content-Type: application/json\r\n" : "", body_len);
    for (;;) {
        char name[64];
        bool fresh = client->ssl == NULL;
        if (fresh) {
            call(client);
        }
        double begin = now();
        int status = ask(client, head, (size_t)len, body, (size_t)body_len);
        times[number] = (float)(now() - begin);
        if (status == 0 && fresh) {
            die("a new connection is ended without an answer");
        }
        if (status == 0 || client->closes) {
            hang_up(client);
        }
        if (status == 429) {
            const char *after = header(client, "Retry-After");
            atomic_fetch_add(&waited, 1);
            sleep(after != NULL ? (unsigned)strtoul(after, NULL, 10) : 1);
        } else if (status != 0) {
            name_answer(client, status, name, sizeof(name));
            note(name, request, client->body);
            break;
        }
    }
    free(body);
}

static void *run(void *argument) {
    struct client *client = argument;
    client->text = malloc(ANSWER_SIZE);
    if (client->text == NULL) {
        die("memory");
    }
    for (unsigned long number = client->first; number < wanted; number += connections) {
        client->closes = false;
        ask_for(client, number);
    }
    hang_up(client);
    free(client->text);
    return NULL;
}

static int compare(const void *a, const void *b) {
    float x = *(const float *)a, y = *(const float *)b;
    return (x > y) - (x < y);
}

int main(int argc, char **argv) {
    static struct client clients[MAX_CONNECTIONS];
    if (argc != 5) {
        die("agent-load PORT CA-FILE CONNECTIONS REQUESTS <PLAN");
    }
    signal(SIGPIPE, SIG_IGN);
    port = (unsigned short)strtoul(argv[1], NULL, 10);
    connections = strtoul(argv[3], NULL, 10);
    wanted = strtoul(argv[4], NULL, 10);
    plan = json_loadf(stdin, 0, NULL);
    tls = SSL_CTX_new(TLS_client_method());
    times = calloc(wanted > 0 ? wanted : 1, sizeof(*times));
    answers = json_object();
    wrong = json_array();
    json_t *sites = json_object_get(plan, "sites");
    if (connections == 0 || connections > MAX_CONNECTIONS || wanted == 0 ||
        json_array_size(json_object_get(plan, "requests")) == 0 || tls == NULL || times == NULL ||
        SSL_CTX_load_verify_file(tls, argv[2]) != 1) {
        die("no such plan, CA or number");
    }
    SSL_CTX_set_verify(tls, SSL_VERIFY_PEER, NULL);
    double begin = now();
    for (size_t i = 0; i < connections; i++) {
        clients[i].first = i;
        json_t *site =
            json_array_size(sites) > 0 ? json_array_get(sites, i % json_array_size(sites)) : NULL;
        clients[i].origin = json_string_value(json_object_get(site, "origin"));
        clients[i].session = json_string_value(json_object_get(site, "session"));
        if (pthread_create(&clients[i].thread, NULL, run, &clients[i]) != 0) {
            die("no thread");
        }
    }
    for (size_t i = 0; i < connections; i++) {
        pthread_join(clients[i].thread, NULL);
    }
    double seconds = now() - begin;
    qsort(times, wanted, sizeof(*times), compare);
    json_t *report =
        json_pack("{s:f, s:f, s:f, s:I, s:I, s:o, s:o}", "seconds", seconds, "p50us",
                  (double)times[wanted / 2] * 1e6, "p99us",
                  (double)times[wanted - 1 - wanted / 100] * 1e6, "opened", (json_int_t)opened,
                  "waited", (json_int_t)waited, "answers", answers, "wrong", wrong);
    json_dumpf(report, stdout, JSON_COMPACT | JSON_REAL_PRECISION(9));
    printf("\n");
    json_decref(report);
    json_decref(plan);
    free(times);
    SSL_CTX_free(tls);
    return 0;
}
