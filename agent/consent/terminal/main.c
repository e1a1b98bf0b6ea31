/* ukey-consent-tty: shows one request on a text terminal and writes the person's decision. */
#include <errno.h>
#include <getopt.h>
#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/consent/consent.h"
#include "agent/consent/dialog/program.h"
#include "agent/consent/terminal/device.h"
#include "agent/consent/terminal/flow.h"

static const char name[] = "ukey-consent-tty";

struct terminal {
    const char *path, *type;
};

static bool ask(const struct dialog_request *request, void *context,
                struct dialog_decision *decision) {
    const struct terminal *terminal = context;
    struct device device;
    if (!device_open(&device, terminal->path, terminal->type)) {
        fprintf(stderr, "%s: %s: %s: %s\n", name,
                dialog_text(TEXT_NO_TERMINAL, dialog_reads_chinese()), terminal->path,
                strerror(errno));
        return false;
    }
    *decision = flow_run(request, &device);
    device_close(&device);
    return true;
}

int main(int argc, char **argv) {
    static const struct option options[] = {
        {"tty", required_argument, NULL, 'd'}, {"type", required_argument, NULL, 't'}, {0}};
    struct terminal terminal = {.path = "/dev/tty", .type = getenv("TERM")};
    bool is_wrong = false;
    if (dialog_said(argc, argv, name, TEXT_USAGE_TTY))
        return DIALOG_EXIT_DECIDED;
    for (int option; (option = getopt_long(argc, argv, "", options, NULL)) != -1;) {
        if (option == 'd')
            terminal.path = optarg;
        else if (option == 't')
            terminal.type = optarg;
        else
            is_wrong = true;
    }
    if (is_wrong || optind != argc) {
        fputs(dialog_text(TEXT_USAGE_TTY, dialog_reads_chinese()), stderr);
        return DIALOG_EXIT_USAGE;
    }
    setlocale(LC_CTYPE, "C.UTF-8"); /* how wide characters are */
    return dialog_serve(name, ask, &terminal);
}
