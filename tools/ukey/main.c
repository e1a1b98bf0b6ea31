/* ukey: the command line. */
#include "module/formats/calendar.h"
#include "tools/orderd/ca/ca.h"
#include "tools/ukey/look_commands.h"
#include "tools/ukey/provision.h"
#include "tools/ukey/sim_exec.h"
#include "tools/ukey/text.h"

#include <errno.h>
#include <limits.h>
#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { EXIT_USAGE = 2 };

/* An option with a value, filled in from argv. */
struct option_value {
    const char *name;
    const char *value;
};

static int usage_error(enum text text, const char *what) {
    text_complain(text, what, NULL, NULL);
    text_complain(TEXT_HINT, NULL, NULL, NULL);
    return EXIT_USAGE;
}

/* Fills in the options and the one argument named `argument`. Returns 0 or EXIT_USAGE. */
static int parse(char **argv, struct option_value *options, const char *argument,
                 const char **value) {
    *value = NULL;
    for (; *argv != NULL; argv++) {
        if (argv[0][0] != '-') {
            if (*value != NULL)
                return usage_error(TEXT_TOO_MANY_ARGUMENTS, *argv);
            *value = *argv;
            continue;
        }
        struct option_value *option = options;
        while (option->name != NULL && strcmp(option->name, *argv) != 0)
            option++;
        if (option->name == NULL)
            return usage_error(TEXT_UNKNOWN_OPTION, *argv);
        if (argv[1] == NULL)
            return usage_error(TEXT_OPTION_VALUE, *argv);
        option->value = *++argv;
    }
    return *value != NULL ? 0 : usage_error(TEXT_ARGUMENT_MISSING, argument);
}

/* The time that --clock says, or the present. Returns 0 or EXIT_USAGE. */
static int read_clock(const char *text, int64_t *now) {
    *now = time(NULL);
    if (text == NULL || calendar_parse_rfc3339(text, now))
        return 0;
    return usage_error(TEXT_BAD_TIME, text);
}

static int command_ca_init(char **argv) {
    enum { CLOCK, NAME, ALGORITHM };
    struct option_value options[] = {[CLOCK] = {"--clock", NULL},
                                     [NAME] = {"--name", NULL},
                                     [ALGORITHM] = {"--algorithm", NULL},
                                     {NULL, NULL}};
    const char *directory;
    struct ca *ca = NULL;
    struct ca_options ca_options = {.create = true};
    int status = parse(argv, options, "DIR", &directory);
    if (status == 0)
        status = read_clock(options[CLOCK].value, &ca_options.now);
    if (status != 0)
        return status;
    ca_options.name = options[NAME].value;
    if (options[ALGORITHM].value != NULL) {
        ca_options.algorithm = ca_algorithm_find(options[ALGORITHM].value);
        if (ca_options.algorithm == CA_ANY_ALGORITHM)
            return usage_error(TEXT_BAD_ALGORITHM, options[ALGORITHM].value);
    }
    enum ca_error error = ca_open(NULL, directory, &ca_options, &ca);
    if (error == CA_STORE)
        text_complain(TEXT_CA_SYSTEM, directory, ca_error_text(error), strerror(errno));
    else if (error != CA_OK)
        text_complain(TEXT_CA, directory, ca_error_text(error), NULL);
    else
        text_say(TEXT_CA_READY, directory, NULL);
    ca_close(ca);
    return error == CA_OK ? EXIT_SUCCESS : EXIT_FAILURE;
}

static int command_provision(char **argv) {
    enum { CA, OUT, MANIFEST, CLOCK, SIM, MODULE };
    char sim[PATH_MAX];
    char module[PATH_MAX];
    struct option_value options[] = {[CA] = {"--ca", NULL},
                                     [OUT] = {"--out", NULL},
                                     [MANIFEST] = {"--manifest", NULL},
                                     [CLOCK] = {"--clock", NULL},
                                     [SIM] = {"--sim", NULL},
                                     [MODULE] = {"--module", NULL},
                                     {NULL, NULL}};
    struct provision_options wanted = {0};
    int status = parse(argv, options, "PROFILE.json", &wanted.profile);
    if (status == 0)
        status = read_clock(options[CLOCK].value, &wanted.now);
    if (status != 0)
        return status;
    if (options[CA].value == NULL || options[OUT].value == NULL)
        return usage_error(TEXT_ARGUMENT_MISSING, options[CA].value == NULL ? "--ca" : "--out");
    if (!sim_beside("ukey-sim", sim, sizeof sim) ||
        !sim_beside("../lib/openukey-pkcs11.so", module, sizeof module)) {
        text_complain(TEXT_SYSTEM, "/proc/self/exe", strerror(errno), NULL);
        return EXIT_FAILURE;
    }
    wanted.ca = options[CA].value;
    wanted.out = options[OUT].value;
    wanted.manifest = options[MANIFEST].value;
    wanted.sim = options[SIM].value != NULL ? options[SIM].value : sim;
    wanted.module = options[MODULE].value != NULL ? options[MODULE].value : module;
    return provision(&wanted) ? EXIT_SUCCESS : EXIT_FAILURE;
}

int main(int argc, char **argv) {
    setlocale(LC_CTYPE, "C.UTF-8");
    text_init();
    if (argc < 2)
        return usage_error(TEXT_ARGUMENT_MISSING, "COMMAND");
    if (strcmp(argv[1], "--help") == 0) {
        text_say(TEXT_HELP, NULL, NULL);
        return EXIT_SUCCESS;
    }
    if (strcmp(argv[1], "--version") == 0) {
        puts("ukey " OPENUKEY_VERSION);
        return EXIT_SUCCESS;
    }
    if (strcmp(argv[1], "list") == 0)
        return look_list(argv + 2);
    if (strcmp(argv[1], "show") == 0)
        return look_show(argv + 2);
    if (strcmp(argv[1], "doctor") == 0)
        return look_doctor(argv + 2);
    if (strcmp(argv[1], "provision") == 0)
        return command_provision(argv + 2);
    if (strcmp(argv[1], "sim") == 0 && argc > 2 && strcmp(argv[2], "exec") == 0)
        return sim_exec(argv + 3);
    if (strcmp(argv[1], "ca") == 0 && argc > 2 && strcmp(argv[2], "init") == 0)
        return command_ca_init(argv + 3);
    return usage_error(TEXT_UNKNOWN_COMMAND, argv[1]);
}
