/* ukey-consent: shows one request in a window and writes the person's decision. */
#include <gtk/gtk.h>
#include <stdio.h>

#include "agent/consent/consent.h"
#include "agent/consent/dialog/program.h"
#include "agent/consent/dialog/window.h"

#ifdef __SANITIZE_ADDRESS__
/* GTK, Pango and fontconfig keep what they have made until the end: a leak report would turn a decision into a crash. */
__attribute__((visibility("default"))) const char *__asan_default_options(void);
const char *__asan_default_options(void) {
    return "detect_leaks=0";
}
#endif

static bool ask(const struct dialog_request *request, void *context,
                struct dialog_decision *decision) {
    (void)context;
    *decision = dialog_window_run(request);
    return true;
}

int main(int argc, char **argv) {
    if (dialog_said(argc, argv, "ukey-consent", TEXT_USAGE))
        return DIALOG_EXIT_DECIDED;
    if (argc != 1) {
        fputs(dialog_text(TEXT_USAGE, dialog_reads_chinese()), stderr);
        return DIALOG_EXIT_USAGE;
    }
    if (!gtk_init_check(NULL, NULL)) {
        fprintf(stderr, "%s\n", dialog_text(TEXT_NO_DISPLAY, dialog_reads_chinese()));
        return CONSENT_EXIT_NO_DISPLAY;
    }
    return dialog_serve("ukey-consent", ask, NULL);
}
