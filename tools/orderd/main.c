/* ukey-orderd: the reference order service. This file is its command line. */
#include "tools/orderd/server.h"

#include "agent/http/json.h"
#include "agent/log.h"
#include "tools/orderd/engine/account.h"
#include "tools/orderd/engine/event.h"
#include "tools/orderd/engine/review.h"
#include "tools/orderd/engine/task.h"
#include "tools/orderd/engine/task_key.h"
#include "tools/orderd/import.h"

#include <getopt.h>
#include <inttypes.h>
#include <openssl/crypto.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { EXIT_USAGE = 2 };

static enum language speaking(void) {
    const char *names[] = {"LC_ALL", "LC_MESSAGES", "LANG"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        const char *value = getenv(names[i]);
        if (value != NULL && *value != '\0') {
            return language_of(value);
        }
    }
    return LANGUAGE_EN;
}

static const char *const usage[LANGUAGE_COUNT] = {
    "用法：ukey-orderd [命令] --config 文件 [参数]\n"
    "\n"
    "  （无命令）             启动订单服务，就绪后打印 ready 和网址\n"
    "  import 清单...         登记已制好的 UKey（ukey provision --manifest 写出的清单）\n"
    "  verify-events          校验事件哈希链\n"
    "  retry 订单号           让下载失败的订单重新可以下载\n"
    "  keys                   显示任务签名公钥（JWK 集合）\n"
    "  keys roll              更换任务签名密钥：下一把成为当前密钥\n"
    "  give-up 订单号         放弃无法在 UKey 上完成的订单，已付款项退回\n"
    "  staff 名称 角色        增加工作人员（REVIEWER、FINANCE、OPERATOR），口令从标准输入读取\n"
    "\n"
    "  -c, --config 文件      JSON 配置文件\n"
    "  -h, --help             显示本帮助\n"
    "  -V, --version          显示版本\n",
    "usage: ukey-orderd [COMMAND] --config FILE [ARGUMENT...]\n"
    "\n"
    "  (no command)           run the order service; prints `ready` and its URL\n"
    "  import MANIFEST...     register keys (manifests of `ukey provision --manifest`)\n"
    "  verify-events          check the hash chain of events\n"
    "  retry ORDER            let an order whose download failed be downloaded again\n"
    "  give-up ORDER          end an order that cannot be done on a key any more; money goes back\n"
    "  keys                   show the public keys that sign tasks, as a JWK set\n"
    "  keys roll              the next key that signs tasks becomes the present one\n"
    "  staff NAME ROLE        add staff (REVIEWER, FINANCE, OPERATOR); password on standard input\n"
    "\n"
    "  -c, --config FILE      JSON configuration\n"
    "  -h, --help             show this help\n"
    "  -V, --version          show the version\n"};

static int complain_usage(void) {
    fputs(usage[speaking()], stderr);
    return EXIT_USAGE;
}

/* ---- run ---- */

static void say_ready(const struct house *house) {
    printf("ready %s\n", house->config.public_url);
    fflush(stdout);
}

/* SIGINT and SIGTERM are blocked in every thread; this is the one that hears them. */
static void wait_for_signal(void) {
    sigset_t set;
    int number = 0;
    sigemptyset(&set);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGTERM);
    sigwait(&set, &number);
}

static int run(struct house *house, char **arguments) {
    (void)arguments;
    return house_serve(house, say_ready, wait_for_signal);
}

/* ---- import ---- */

static int import_one(struct house *house, struct db *db, const char *path) {
    char error[IMPORT_ERROR_SIZE] = "";
    struct import_count count;
    json_t *manifest = json_read_file_strict(path, IMPORT_MANIFEST_MAX, error, sizeof error);
    bool good =
        manifest != NULL && import_manifest(&house->service.engine, db, manifest, &count, error);
    json_decref(manifest);
    if (!good) {
        fprintf(stderr, "ukey-orderd: %s: %s\n", path, error);
        return 1;
    }
    printf("%s: %d certificates, %d seals\n", path, count.certificates, count.seals);
    return 0;
}

static int import(struct house *house, char **arguments) {
    struct db *db = db_pool_take(house->service.pool);
    int status = db != NULL ? 0 : 1;
    for (; db != NULL && *arguments != NULL; arguments++) {
        status |= import_one(house, db, *arguments);
    }
    db_pool_give(house->service.pool, db);
    return status;
}

/* ---- verify-events, retry ---- */

static int verify_events(struct house *house, char **arguments) {
    (void)arguments;
    int64_t count = 0;
    struct db *db = db_pool_take(house->service.pool);
    enum order_error error = db != NULL ? event_verify(db, &count) : ORDER_STORE_FAILED;
    db_pool_give(house->service.pool, db);
    if (error == ORDER_OK) {
        printf("%" PRId64 " events, the chain is whole\n", count);
        return 0;
    }
    if (error == ORDER_CONFLICT) {
        fprintf(stderr, "ukey-orderd: the chain breaks at event %" PRId64 "\n", count);
    } else {
        fprintf(stderr, "ukey-orderd: %s\n", text_error_title(error, speaking()));
    }
    return 1;
}

static int say_order(const char *number, enum order_error error) {
    if (error != ORDER_OK) {
        fprintf(stderr, "ukey-orderd: %s: %s\n", number, text_error_title(error, speaking()));
        return 1;
    }
    return 0;
}

static int retry(struct house *house, char **arguments) {
    struct order order;
    struct db *db = db_pool_take(house->service.pool);
    enum order_error error =
        db != NULL ? task_retry(&house->service.engine, db, NULL, arguments[0], 0, &order)
                   : ORDER_STORE_FAILED;
    db_pool_give(house->service.pool, db);
    return say_order(arguments[0], error);
}

static int give_up(struct house *house, char **arguments) {
    struct order order;
    struct db *db = db_pool_take(house->service.pool);
    enum order_error error =
        db != NULL ? operator_give_up_here(&house->service.engine, db, arguments[0], &order)
                   : ORDER_STORE_FAILED;
    db_pool_give(house->service.pool, db);
    return say_order(arguments[0], error);
}

/* ---- staff ---- */

/* staff NAME ROLE: the password is one line of standard input, so that no list of processes shows it. */
static int staff(struct house *house, char **arguments) {
    char password[STAFF_PASSWORD_MAX + 2] = "";
    enum role role = role_of(arguments[1]);
    if (role == ROLE_USER || role == ROLE_NAMES) {
        fputs("ukey-orderd: ROLE is REVIEWER, FINANCE or OPERATOR\n", stderr);
        return EXIT_USAGE;
    }
    if (fgets(password, sizeof password, stdin) == NULL) {
        password[0] = '\0';
    }
    password[strcspn(password, "\n")] = '\0';
    struct db *db = db_pool_take(house->service.pool);
    enum order_error error =
        db != NULL ? account_add_staff(&house->service.engine, db, arguments[0], role, password)
                   : ORDER_STORE_FAILED;
    db_pool_give(house->service.pool, db);
    OPENSSL_cleanse(password, sizeof password);
    if (error == ORDER_BAD_REQUEST) {
        fputs("ukey-orderd: the password is read from standard input and has 12 to 128 "
              "characters; a name is neither a phone nor an address\n",
              stderr);
    } else if (error != ORDER_OK) {
        fprintf(stderr, "ukey-orderd: %s: %s\n", arguments[0], text_error_title(error, speaking()));
    }
    return error == ORDER_OK ? 0 : 1;
}

/* ---- keys ---- */

static int keys(struct house *house, char **arguments) {
    const struct engine *engine = &house->service.engine;
    bool rolling = arguments[0] != NULL;
    json_t *set = NULL;
    if (rolling && strcmp(arguments[0], "roll") != 0) {
        return complain_usage();
    }
    struct db *db = db_pool_take(house->service.pool);
    enum order_error error = db != NULL ? ORDER_OK : ORDER_STORE_FAILED;
    if (error == ORDER_OK && rolling) {
        error = task_key_roll(engine, db, "operator");
    }
    if (error == ORDER_OK) {
        error = task_key_publish(engine, db, &set);
    }
    db_pool_give(house->service.pool, db);
    if (error == ORDER_OK) {
        json_dumpf(set, stdout, JSON_INDENT(2));
        putchar('\n');
    } else {
        fprintf(stderr, "ukey-orderd: %s\n", text_error_title(error, speaking()));
    }
    json_decref(set);
    return error == ORDER_OK ? 0 : 1;
}

/* ---- which ---- */

static const struct command {
    const char *name;
    int (*run)(struct house *house, char **arguments);
    int least, most; /* arguments */
} commands[] = {
    {"run", run, 0, 0},     {"import", import, 1, 1000}, {"verify-events", verify_events, 0, 0},
    {"retry", retry, 1, 1}, {"give-up", give_up, 1, 1},  {"staff", staff, 2, 2},
    {"keys", keys, 0, 1},
};

static const struct command *find_command(const char *name) {
    for (size_t i = 0; i < sizeof commands / sizeof commands[0]; i++) {
        if (strcmp(commands[i].name, name) == 0) {
            return &commands[i];
        }
    }
    return NULL;
}

static int with_house(const struct command *command, const char *config, char **arguments) {
    struct house house;
    char error[CONFIG_ERROR_SIZE] = "";
    memset(&house, 0, sizeof house);
    if (!config_read(config, &house.config, error)) {
        fprintf(stderr, "ukey-orderd: %s: %s\n", config, error);
        config_free(&house.config);
        return 1;
    }
    log_set_level((enum log_level)house.config.log_level);
    int status = house_open(&house) ? command->run(&house, arguments) : 1;
    house_close(&house);
    return status;
}

int main(int argc, char **argv) {
    static const struct option options[] = {{"config", required_argument, NULL, 'c'},
                                            {"help", no_argument, NULL, 'h'},
                                            {"version", no_argument, NULL, 'V'},
                                            {NULL, 0, NULL, 0}};
    const char *config = NULL;
    int option = 0;
    while ((option = getopt_long(argc, argv, "c:hV", options, NULL)) != -1) {
        switch (option) {
        case 'c':
            config = optarg;
            break;
        case 'h':
            fputs(usage[speaking()], stdout);
            return 0;
        case 'V':
            puts("ukey-orderd " OPENUKEY_VERSION);
            return 0;
        default:
            return complain_usage();
        }
    }
    const char *name = optind < argc ? argv[optind++] : "run";
    const struct command *command = find_command(name);
    int count = argc - optind;
    if (command == NULL || config == NULL || count < command->least || count > command->most) {
        return complain_usage();
    }
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGTERM);
    sigprocmask(SIG_BLOCK, &set, NULL); /* before the first thread, which all inherit it */
    signal(SIGPIPE, SIG_IGN);
    return with_house(command, config, argv + optind);
}
