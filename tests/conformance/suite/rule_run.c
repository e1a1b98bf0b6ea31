/* Runs one rule in a process of its own, so that a crash or a hang of the module is a result like others. */
#include "tests/conformance/suite/rule_run.h"

#include <dlfcn.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

struct setting setting;
CK_FUNCTION_LIST_3_2 p11;
void *p11_library;
char last_call[40];

static jmp_buf rule_end;
static struct outcome result;
static char context[80];

void context_set(const char *text) {
    snprintf(context, sizeof(context), "%s%s", text, text[0] != '\0' ? ": " : "");
}

static void tell(enum verdict verdict, const char *format, va_list args) {
    int at = snprintf(result.words, sizeof(result.words), "%s", context);
    result.verdict = verdict;
    vsnprintf(result.words + at, sizeof(result.words) - (size_t)at, format, args);
}

_Noreturn void rule_failed(const char *format, ...) {
    va_list args;
    va_start(args, format);
    tell(FAIL, format, args);
    va_end(args);
    longjmp(rule_end, 1);
}

_Noreturn void rule_not_applicable(const char *format, ...) {
    va_list args;
    va_start(args, format);
    tell(NOT_APPLICABLE, format, args);
    va_end(args);
    longjmp(rule_end, 1);
}

/* "p11.C_Sign(session, ...)" -> C_Sign */
static const char *function_of(const char *call) {
    static char name[48];
    if (strncmp(call, "use_", 4) == 0) {
        return last_call;
    }
    if (strncmp(call, "create(", 7) == 0) {
        return "C_CreateObject";
    }
    const char *at = strstr(call, "C_");
    size_t len = at != NULL ? strcspn(at, "(") : 0;
    snprintf(name, sizeof(name), "%.*s", (int)len, at != NULL ? at : "");
    return len > 0 ? name : "the call";
}

static void settle(CK_RV got, const char *call) {
    if (got == CKR_FUNCTION_NOT_SUPPORTED) {
        rule_not_applicable("%s is not supported", function_of(call));
    }
}

void expect_rv(CK_RV got, CK_RV want, const char *call) {
    if (got != want) {
        settle(got, call);
        rule_failed("%s returns %s, not %s", function_of(call), rv_name(got), rv_name(want));
    }
}

void expect_one_of(CK_RV got, const CK_RV *wanted, size_t count, const char *call) {
    for (size_t i = 0; i < count; i++) {
        if (wanted[i] == got) {
            return;
        }
    }
    settle(got, call);
    rule_failed("%s returns %s, not %s", function_of(call), rv_name(got), rv_name(wanted[0]));
}

void expect_error(CK_RV got, const char *call) {
    settle(got, call);
    if (got == CKR_OK) {
        rule_failed("%s returns CKR_OK, not an error", function_of(call));
    }
}

void expect_true(bool holds, const char *what) {
    if (!holds) {
        rule_failed("not so: %s", what);
    }
}

/* ---- the module ---- */

static void take_functions(void) {
    CK_C_GetInterface get_interface = NULL;
    CK_C_GetFunctionList get_list = NULL;
    CK_FUNCTION_LIST *list = NULL;
    CK_INTERFACE *interface = NULL;
    CK_UTF8CHAR name[] = "PKCS 11";
    CK_VERSION v32 = {3, 2}, v30 = {3, 0};
    *(void **)&get_interface = dlsym(p11_library, "C_GetInterface");
    *(void **)&get_list = dlsym(p11_library, "C_GetFunctionList");
    if (get_list == NULL || get_list(&list) != CKR_OK) {
        rule_failed("C_GetFunctionList gives no functions");
    }
    memcpy(&p11, list, sizeof(*list));
    if (get_interface != NULL) {
        if (get_interface(name, &v32, &interface, 0) == CKR_OK) {
            memcpy(&p11, interface->pFunctionList, sizeof(CK_FUNCTION_LIST_3_2));
        } else if (get_interface(name, &v30, &interface, 0) == CKR_OK) {
            memcpy(&p11, interface->pFunctionList, sizeof(CK_FUNCTION_LIST_3_0));
        }
        p11.C_GetInterface = get_interface;
    }
}

static void run_here(const struct rule *rule) {
    if (setjmp(rule_end) == 0) {
        p11_library = dlopen(setting.module, RTLD_NOW | RTLD_LOCAL);
        if (p11_library == NULL) {
            rule_failed("cannot be loaded: %s", dlerror());
        }
        take_functions();
        rule->check(rule);
        result.verdict = PASS;
    }
    context_set("");
}

/* No call of a rule needs longer; the card may have to make an RSA key. */
enum { RULE_SECONDS = 120 };

void rule_run(const struct rule *rule, struct outcome *out) {
    int ends[2];
    memset(out, 0, sizeof(*out));
    out->verdict = FAIL;
    if (pipe(ends) != 0) {
        perror("pipe");
        exit(2);
    }
    fflush(NULL);
    pid_t child = fork();
    if (child == 0) {
        close(ends[0]);
        alarm(RULE_SECONDS);
        run_here(rule);
        ssize_t wrote = write(ends[1], &result, sizeof(result));
        _exit(wrote == (ssize_t)sizeof(result) ? 0 : 2);
    }
    close(ends[1]);
    ssize_t got = read(ends[0], out, sizeof(*out));
    close(ends[0]);
    int status = 0;
    waitpid(child, &status, 0);
    if (got != (ssize_t)sizeof(*out)) {
        out->verdict = FAIL;
        snprintf(out->words, sizeof(out->words),
                 WIFSIGNALED(status) && WTERMSIG(status) == SIGALRM ? "it does not come back"
                 : WIFSIGNALED(status)                              ? "the module crashes (%s)"
                                                                    : "the process ends (%s)",
                 WIFSIGNALED(status) ? strsignal(WTERMSIG(status)) : "exit");
    }
}
