/* ukey-agent: starts the rooms in order, waits, ends them in the opposite order. */
#include <limits.h>
#include <malloc.h>
#include <openssl/crypto.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/access/gate.h"
#include "agent/access/pairing_store.h"
#include "agent/api/api.h"
#include "agent/audit/audit.h"
#include "agent/audit_command.h"
#include "agent/clock.h"
#include "agent/identity/identity.h"
#include "agent/origins_command.h"
#include "agent/port.h"
#include "agent/reload.h"
#include "agent/rollover.h"
#include "agent/state_folder.h"
#include "agent/trust_command.h"

enum { EXIT_USAGE = 2 };

#define MAX_ROUTE_TABLES 32
#define TRIM_TURNS       15 /* about a second each */

static bool speaks_chinese(void) {
    const char *names[] = {"LC_ALL", "LC_MESSAGES", "LANG"};
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        const char *value = getenv(names[i]);
        if (value != NULL && value[0] != 0) {
            return strncmp(value, "zh", 2) == 0;
        }
    }
    return false;
}

static const char help_zh[] =
    "用法：ukey-agent [--config 文件.json]\n"
    "      ukey-agent trust install|status|remove [--json] [--config 文件.json] [--nssdb 目录]...\n"
    "      ukey-agent trust install|status|remove --system [--ca 文件] [--site 网站]... [--root "
    "目录] [--json]\n"
    "      ukey-agent origins list [--json] [--config 文件.json]\n"
    "      ukey-agent origins revoke|deny 网站 [--config 文件.json]\n"
    "      ukey-agent audit verify|list [--json] [--config 文件.json]\n"
    "让浏览器网页经本机 HTTPS 使用 UKey。就绪后在标准输出打印 \"ready https://localhost:端口\"。\n"
    "SIGHUP：重新读取策略、网站名单和日志级别，会话不受影响。\n"
    "  --config 文件   配置（JSON；默认 ~/.config/openukey/agent.json 或 "
    "/etc/openukey/agent.json）\n"
    "  trust           让浏览器信任本机 UKey 助手的证书；--system：整台电脑（需 root）\n"
    "  origins         哪些网站可以使用 UKey；撤销（revoke）或禁止（deny）一个网站\n"
    "  audit           谁请求了什么、您如何回答；检查（verify）或列出（list）\n"
    "  --help, --version\n";

static const char help_en[] =
    "usage: ukey-agent [--config FILE.json]\n"
    "       ukey-agent trust install|status|remove [--json] [--config FILE.json] [--nssdb DIR]...\n"
    "       ukey-agent trust install|status|remove --system [--ca FILE] [--site ORIGIN]... [--root "
    "DIR] [--json]\n"
    "       ukey-agent origins list [--json] [--config FILE.json]\n"
    "       ukey-agent origins revoke|deny ORIGIN [--config FILE.json]\n"
    "       ukey-agent audit verify|list [--json] [--config FILE.json]\n"
    "Lets web pages use a UKey through HTTPS on this machine. Prints \"ready "
    "https://localhost:PORT\" on stdout when up.\n"
    "SIGHUP: read policy, list of sites and log level again; sessions live on.\n"
    "  --config FILE   the configuration (JSON; else ~/.config/openukey/agent.json or "
    "/etc/openukey/agent.json)\n"
    "  trust           make your browsers trust this agent's certificate; --system: the whole "
    "machine (as root)\n"
    "  origins         which sites may use the UKey; take that from one, or refuse it\n"
    "  audit           who asked what, and what was answered: check it, or list it\n"
    "  --help, --version\n";

static void print_help(FILE *file) {
    fputs(speaks_chinese() ? help_zh : help_en, file);
}

/* ---- the process ---- */

/* JSON may hold a PIN or an order service's token: what it occupied is wiped when it is freed. */
static void free_wiped(void *block) {
    if (block != NULL) {
        OPENSSL_cleanse(block, malloc_usable_size(block));
    }
    free(block);
}

/* PINs and session tokens pass through this process: no core dumps, no tracing by other programs. */
static void harden(void) {
    struct rlimit none = {0, 0};
    umask(077);
    json_set_alloc_funcs(malloc, free_wiped);
    setrlimit(RLIMIT_CORE, &none);
#ifndef __SANITIZE_ADDRESS__ /* its leak check traces the process */
    prctl(PR_SET_DUMPABLE, 0);
#endif
}

/* A thread serves each connection. glibc would give every few of them an arena of their own, and what is freed would lie about in all
 * of them: two are enough for what is done here beside TLS and the key. */
static void limit_arenas(void) {
    mallopt(M_ARENA_MAX, 2);
}

#ifndef __SANITIZE_ADDRESS__ /* it brings its own malloc() */
/* Each thread would also keep up to a quarter of a MiB of freed blocks for itself, for good. That is set at a program's start only, and
 * by this variable only (glibc 2.26 to this day): start once more with it. Where somebody has set tunables, theirs stand. */
static void start_without_thread_caches(char **argv) {
    static const char name[] = "GLIBC_TUNABLES", wanted[] = "glibc.malloc.tcache_count=0";
    const char *set = getenv(name);
    char path[PATH_MAX];
    ssize_t len = 0;
    if (set == NULL && (len = readlink("/proc/self/exe", path, sizeof(path) - 1)) > 0 &&
        setenv(name, wanted, 1) == 0) {
        path[len] = 0;
        execv(path, argv);
    }
    /* it has been read; dialogs and module hosts are not meant. A start that failed goes on as it is. */
    if (set == NULL || strcmp(set, wanted) == 0) {
        unsetenv(name);
    }
}
#endif

/* Taken by sigtimedwait() in the main thread only; every other thread inherits the mask. */
static void block_signals(sigset_t *set) {
    sigemptyset(set);
    sigaddset(set, SIGTERM);
    sigaddset(set, SIGINT);
    sigaddset(set, SIGHUP);
    pthread_sigmask(SIG_BLOCK, set, NULL);
    signal(SIGPIPE, SIG_IGN);
}

/* ---- the rooms ---- */

static void on_token_logout(void *context, const char *token_id) {
    key_token_logout(context, token_id);
}

static void on_session_ended(void *context, uint64_t session_id) {
    events_session_ended(((struct agent *)context)->events, session_id);
}

static void on_service_state(void *context, const char *profile, enum proxy_state state) {
    event_publish(((struct agent *)context)->events,
                  json_pack("{s:s, s:s, s:s}", "type", "service", "service", profile, "state",
                            state == PROXY_STATE_ONLINE ? "online" : "offline"));
}

static void on_http_log(enum http_log_level level, const char *message, void *context) {
    static const enum log_level levels[] = {[HTTP_LOG_ERROR] = LOG_LEVEL_ERROR,
                                            [HTTP_LOG_INFO] = LOG_LEVEL_INFO,
                                            [HTTP_LOG_DEBUG] = LOG_LEVEL_DEBUG};
    (void)context;
    log_write(levels[level], "http", "%s", message);
}

static int open_rooms(struct agent *agent) {
    struct access_options access_options = {
        .token_logout = on_token_logout, .session_ended = on_session_ended, .context = agent};
    char complaint[512], audit_folder[PATH_MAX];
    if (policy_open(POLICY_MACHINE_FILE, agent->config->policy, &agent->policy, complaint,
                    sizeof(complaint)) != 0) {
        log_error("agent", "the policy cannot be used: %s", complaint);
        return -1;
    }
    if (policy_file(agent->policy) != NULL) {
        log_info("agent", "the policy is %s", policy_file(agent->policy));
    }
    snprintf(audit_folder, sizeof(audit_folder), "%s/audit", agent->config->state_dir);
    const struct audit_options audit_options = {.folder = audit_folder, .now = clock_now};
    agent->audit = audit_open(&audit_options);
    if (agent->audit == NULL ||
        audit_append(agent->audit, "start", json_pack("{s:s}", "version", OPENUKEY_VERSION)) != 0) {
        log_error("agent", "the audit journal cannot be written");
        return -1;
    }
    agent->access = access_new(&access_options);
    agent->pairings = pairing_store_open(agent->config, agent->policy);
    agent->events = events_new(agent);
    agent->proxy = proxy_new(agent->config, on_service_state, agent);
    if (agent->access == NULL || agent->pairings == NULL || agent->events == NULL ||
        agent->proxy == NULL) {
        log_error("agent", "out of memory");
        return -1;
    }
    return key_open(agent);
}

static void close_rooms(struct agent *agent) {
    if (agent->proxy != NULL) {
        proxy_stop(agent->proxy);
    }
    http_server_stop(agent->server);
    agent->server = NULL;
    if (agent->key != NULL) {
        key_close(agent);
    }
    proxy_free(agent->proxy);
    events_free(agent->events);
    pairing_store_close(agent->pairings);
    access_free(agent->access);
    if (agent->audit != NULL) {
        audit_append(agent->audit, "stop", json_object());
    }
    audit_close(agent->audit);
    policy_free(agent->policy);
}

static int listen_for_pages(struct agent *agent) {
    static const struct http_websocket_route *const websockets[] = {events_websocket_route, NULL};
    static const struct http_route *tables[MAX_ROUTE_TABLES];
    char folder[PATH_MAX];
    struct identity identity;
    size_t count = 0;
    tables[count++] = wellknown_routes;
    tables[count++] = pairing_routes;
    tables[count++] = service_routes;
    for (size_t i = 0; key_routes[i] != NULL && count < MAX_ROUTE_TABLES - 1; i++) {
        tables[count++] = key_routes[i];
    }
    if (snprintf(folder, sizeof(folder), "%s/tls", agent->config->state_dir) >=
        (int)sizeof(folder)) {
        return -1;
    }
    enum identity_error error = identity_hold(folder, "OpenUKey agent", clock_now(), &identity);
    if (error != IDENTITY_OK) {
        log_error("agent", "the TLS identity in %s: %s", folder, identity_error_text(error));
        return -1;
    }
    if (identity.is_new) {
        log_info(
            "agent",
            "a new TLS identity was made: browsers trust it after \"ukey-agent trust install\"");
    }
    struct http_server_options options = {.certificate = identity.certificate,
                                          .key = identity.key,
                                          .routes = tables,
                                          .websockets = websockets,
                                          .before = gate_before,
                                          .log = on_http_log,
                                          .context = agent};
    return port_listen(agent->config, &options, &agent->server, &agent->port);
}

static void wait_for_the_end(struct agent *agent, const char *config_path,
                             const sigset_t *signals) {
    static const struct timespec second = {.tv_sec = 1};
    struct agent_config *reloaded = NULL;
    for (unsigned turn = 1;; turn++) {
        int signal_number = sigtimedwait(signals, NULL, &second);
        if (signal_number == SIGTERM || signal_number == SIGINT) {
            break;
        }
        if (signal_number == SIGHUP) {
            agent_reload(agent, config_path, &reloaded);
        }
        if (turn % TRIM_TURNS == 0) {
            malloc_trim(0); /* what a busy time has left behind goes back to the system */
        }
        access_expire(agent->access);
        events_expire(agent->events);
        rollover_look(agent);
    }
    log_info("agent", "ending");
    pairing_store_reload(agent->pairings, agent->config);
    agent_config_free(reloaded);
}

static int run(const struct agent_config *config, const char *config_path) {
    struct agent agent = {.config = config};
    sigset_t signals;
    int result = EXIT_FAILURE;
    block_signals(&signals);
    int lock = state_folder_take(config->state_dir);
    if (lock < 0) {
        return EXIT_FAILURE;
    }
    if (open_rooms(&agent) == 0 && listen_for_pages(&agent) == 0) {
        printf("ready https://localhost:%u\n", (unsigned)agent.port);
        fflush(stdout);
        log_info("agent", "listening on port %u", (unsigned)agent.port);
        wait_for_the_end(&agent, config_path, &signals);
        result = EXIT_SUCCESS;
    }
    close_rooms(&agent);
    close(lock);
    return result;
}

static int run_with(const char *config_path, char **argv) {
    struct agent_config *config = NULL;
    char complaint[512];
#ifndef __SANITIZE_ADDRESS__
    start_without_thread_caches(argv);
#else
    (void)argv;
#endif
    if (agent_config_read(config_path, &config, complaint, sizeof(complaint)) != 0) {
        fprintf(stderr, "ukey-agent: %s\n", complaint);
        return EXIT_USAGE;
    }
    log_set_level(config->log_level);
    clock_start_at(config->clock);
    int result = run(config, config_path);
    agent_config_free(config);
    return result;
}

int main(int argc, char **argv) {
    static const struct {
        const char *word;
        int (*command)(int argc, char **argv);
    } commands[] = {
        {"trust", trust_command}, {"origins", origins_command}, {"audit", audit_command}};
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--help") == 0) {
            print_help(stdout);
            return EXIT_SUCCESS;
        }
        if (strcmp(argv[i], "--version") == 0) {
            puts("ukey-agent " OPENUKEY_VERSION);
            return EXIT_SUCCESS;
        }
    }
    harden();
    limit_arenas();
    int result = EXIT_USAGE;
    bool is_command = false;
    for (size_t i = 0; argc > 1 && i < sizeof(commands) / sizeof(commands[0]); i++) {
        if (strcmp(argv[1], commands[i].word) == 0) {
            is_command = true;
            result = commands[i].command(argc - 2, argv + 2);
        }
    }
    if (!is_command && argc == 3 && strcmp(argv[1], "--config") == 0) {
        return run_with(argv[2], argv);
    }
    if (argc == 1) {
        return run_with(NULL, argv);
    }
    if (result == EXIT_USAGE) {
        print_help(stderr);
    }
    return result;
}
