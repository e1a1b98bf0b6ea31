/* agent/foreign: a module in a process of its own does its work; whatever it does wrong is an answer here, in time, and it runs again. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "agent/foreign/registry.h"
#include "agent/foreign/remote.h"
#include "agent/log.h"

static char host[PATH_MAX], module[PATH_MAX];
static struct foreign_process process;
static CK_FUNCTION_LIST *f;

/* ---- a module that runs ---- */

static void run_module(const char *how, int answer_within_ms) {
    if (how)
        setenv("BROKEN_MODULE", how, 1);
    else
        unsetenv("BROKEN_MODULE");
    assert_int_equal(foreign_process_init(&process, host, module, "broken", answer_within_ms), 0);
    assert_int_equal(remote_add(&process), 0);
    f = remote_functions();
}

static int end_module(void **state) {
    (void)state;
    foreign_process_end(&process);
    remote_remove(&process);
    foreign_process_free(&process);
    return 0;
}

static CK_SESSION_HANDLE open_session(void) {
    CK_SLOT_ID slots[FOREIGN_SLOTS_MAX];
    CK_SESSION_HANDLE session = CK_INVALID_HANDLE;
    CK_ULONG count = 0;
    assert_true(foreign_process_start(&process));
    assert_int_equal(remote_slots(&process, slots, &count), CKR_OK);
    assert_int_equal(count, 1);
    assert_int_equal(f->C_OpenSession(slots[0], CKF_SERIAL_SESSION, NULL, NULL, &session), CKR_OK);
    return session;
}

static CK_RV sign(CK_SESSION_HANDLE session, const char *data, char *signature, CK_ULONG *len) {
    CK_MECHANISM mechanism = {.mechanism = CKM_RSA_PKCS};
    CK_RV rv = f->C_SignInit(session, &mechanism, 1);
    return rv == CKR_OK ? f->C_Sign(session, (CK_BYTE *)(uintptr_t)data, strlen(data),
                                    (CK_BYTE *)signature, len)
                        : rv;
}

static void a_module_in_its_process_does_what_it_is_asked(void **state) {
    (void)state;
    run_module(NULL, 60000);
    CK_SESSION_HANDLE session = open_session();
    CK_SLOT_ID slots[FOREIGN_SLOTS_MAX];
    CK_TOKEN_INFO info;
    CK_ULONG count = 0, len = 64;
    CK_MECHANISM_TYPE type = 0;
    char signature[64];
    assert_int_equal(remote_slots(&process, slots, &count), CKR_OK);
    assert_int_equal(f->C_GetTokenInfo(slots[0], &info), CKR_OK);
    assert_memory_equal(info.label, "Broken key ", 11);
    count = 1;
    assert_int_equal(f->C_GetMechanismList(slots[0], &type, &count), CKR_OK);
    assert_int_equal(type, CKM_RSA_PKCS);
    assert_int_equal(f->C_Login(session, CKU_USER, (CK_UTF8CHAR *)"12345", 5), CKR_PIN_INCORRECT);
    assert_int_equal(f->C_Login(session, CKU_USER, (CK_UTF8CHAR *)"123456", 6), CKR_OK);
    assert_int_equal(sign(session, "hello", signature, &len), CKR_OK);
    assert_int_equal(len, 5);
    assert_memory_equal(signature, "olleh", 5);
    CK_OBJECT_HANDLE objects[4];
    CK_OBJECT_CLASS class = CKO_PRIVATE_KEY;
    CK_ATTRIBUTE template = {CKA_CLASS, &class, sizeof class};
    assert_int_equal(f->C_FindObjectsInit(session, &template, 1), CKR_OK);
    assert_int_equal(f->C_FindObjects(session, objects, 4, &count), CKR_OK);
    assert_int_equal(count, 1);
    assert_true(objects[0] == 0xFFFF00001111UL);
    assert_int_equal(f->C_FindObjectsFinal(session), CKR_OK);
    char value[8];
    CK_ATTRIBUTE both[] = {{CKA_SUBJECT, value, sizeof value}, {CKA_ID, value, sizeof value}};
    assert_int_equal(f->C_GetAttributeValue(session, objects[0], both, 2),
                     CKR_ATTRIBUTE_TYPE_INVALID);
    assert_true(both[0].ulValueLen == CK_UNAVAILABLE_INFORMATION);
    assert_int_equal(both[1].ulValueLen, 3);
    assert_memory_equal(value, "abc", 3);
    assert_int_equal(f->C_CloseSession(session), CKR_OK);
    assert_int_equal(f->C_CloseSession(session), CKR_SESSION_HANDLE_INVALID);
}

static void what_is_not_carried_over_is_said_to_be_unsupported(void **state) {
    (void)state;
    run_module(NULL, 60000);
    CK_SESSION_HANDLE session = open_session();
    CK_OBJECT_HANDLE made;
    CK_BYTE parameter[4] = {0};
    CK_RSA_PKCS_OAEP_PARAMS oaep = {.pSourceData = parameter, .ulSourceDataLen = 4};
    CK_MECHANISM with_pointers = {CKM_RSA_PKCS_OAEP, &oaep, sizeof oaep};
    assert_int_equal(f->C_CreateObject(session, NULL, 0, &made), CKR_FUNCTION_NOT_SUPPORTED);
    assert_int_equal(f->C_DecryptInit(session, &with_pointers, 1), CKR_MECHANISM_PARAM_INVALID);
    assert_int_equal(f->C_CloseSession(12345), CKR_SESSION_HANDLE_INVALID);
}

static void a_module_that_dies_in_a_call_fails_that_call_and_runs_again(void **state) {
    static const char *const ways[] = {"crash:C_Sign", "end:C_Sign"};
    (void)state;
    for (size_t i = 0; i < sizeof ways / sizeof *ways; i++) {
        char signature[64];
        CK_ULONG len = sizeof signature;
        run_module(ways[i], 60000);
        CK_SESSION_HANDLE session = open_session();
        assert_int_equal(sign(session, "hello", signature, &len), CKR_DEVICE_REMOVED);
        /* not at once: a module that crashes all the time must not eat the machine */
        assert_false(foreign_process_start(&process));
        setenv("BROKEN_MODULE", "", 1);
        while (!foreign_process_start(&process)) {
            const struct timespec pause = {0, 10000000};
            nanosleep(&pause, NULL);
        }
        /* the earlier process's session is nobody's now */
        assert_int_equal(sign(session, "hello", signature, &len), CKR_DEVICE_REMOVED);
        len = sizeof signature;
        assert_int_equal(sign(open_session(), "hello", signature, &len), CKR_OK);
        end_module(NULL);
    }
    run_module(NULL, 60000);
}

static void a_module_that_hangs_is_ended_in_time(void **state) {
    static const char *const calls[] = {"hang:C_Initialize", "hang:C_GetSlotList"};
    (void)state;
    for (size_t i = 0; i < sizeof calls / sizeof *calls; i++) {
        CK_SLOT_ID slots[FOREIGN_SLOTS_MAX];
        CK_ULONG count = 0;
        run_module(calls[i], 2000);
        if (i == 0)
            assert_false(foreign_process_start(&process));
        else
            while (!foreign_process_start(&process))
                ;
        assert_int_equal(remote_slots(&process, slots, &count), CKR_DEVICE_REMOVED);
        assert_int_equal(count, 0);
        end_module(NULL);
    }
    run_module(NULL, 60000);
}

static void a_module_that_lies_about_lengths_is_not_believed(void **state) {
    static const char *const calls[] = {"C_GetSlotList", "C_GetMechanismList", "C_FindObjects",
                                        "C_GetAttributeValue", "C_Sign"};
    (void)state;
    for (size_t i = 0; i < sizeof calls / sizeof *calls; i++) {
        char how[64], value[8], signature[64];
        CK_ULONG count = FOREIGN_SLOTS_MAX, len = sizeof signature;
        CK_SLOT_ID slots[FOREIGN_SLOTS_MAX];
        CK_MECHANISM_TYPE types[4];
        CK_OBJECT_HANDLE objects[4];
        CK_ATTRIBUTE attribute = {CKA_ID, value, sizeof value};
        snprintf(how, sizeof how, "lie:%s", calls[i]);
        run_module(how, 60000);
        if (i == 0) {
            assert_true(foreign_process_start(&process));
            assert_int_not_equal(remote_slots(&process, slots, &count), CKR_OK);
            end_module(NULL);
            continue;
        }
        CK_SESSION_HANDLE session = open_session();
        remote_slots(&process, slots, &count);
        CK_RV rv = CKR_OK;
        switch (i) {
        case 1:
            count = 4;
            rv = f->C_GetMechanismList(slots[0], types, &count);
            break;
        case 2:
            rv = f->C_FindObjectsInit(session, NULL, 0);
            assert_int_equal(rv, CKR_OK);
            rv = f->C_FindObjects(session, objects, 4, &count);
            break;
        case 3:
            rv = f->C_GetAttributeValue(session, 1, &attribute, 1);
            break;
        case 4:
            rv = sign(session, "hello", signature, &len);
            break;
        }
        assert_int_not_equal(rv, CKR_OK);
        end_module(NULL);
    }
    run_module(NULL, 60000);
}

static void a_file_that_is_no_module_is_refused(void **state) {
    (void)state;
    unsetenv("BROKEN_MODULE");
    assert_int_equal(foreign_process_init(&process, host, "/nonexistent.so", "none", 60000), 0);
    assert_int_equal(remote_add(&process), 0);
    assert_false(foreign_process_start(&process));
}

/* ---- the wire ---- */

static void a_message_that_is_cut_or_too_long_is_never_whole(void **state) {
    struct wire wire = {0};
    size_t len = 0;
    (void)state;
    wire_put_number(&wire, 42);
    wire_put_bytes(&wire, "hello", 5);
    for (size_t cut = 0; cut < wire.len; cut++) {
        struct wire part = {.data = wire.data, .len = cut};
        wire_take_number(&part);
        wire_take_bytes(&part, 5, &len);
        assert_false(wire_is_whole(&part));
    }
    struct wire whole = {.data = wire.data, .len = wire.len};
    assert_int_equal(wire_take_number(&whole), 42);
    assert_memory_equal(wire_take_bytes(&whole, 5, &len), "hello", 5);
    assert_true(wire_is_whole(&whole));
    struct wire narrow = {.data = wire.data, .len = wire.len};
    wire_take_number(&narrow);
    assert_null(wire_take_bytes(&narrow, 4, &len));
    assert_false(wire_is_whole(&narrow));
    static const unsigned char block[WIRE_MAX / 4];
    for (int i = 0; i < 3; i++)
        wire_put_bytes(&wire, block, sizeof block);
    assert_false(wire.failed);
    wire_put_bytes(&wire, block, sizeof block);
    assert_true(wire.failed);
    assert_true(wire.len <= WIRE_MAX);
    wire_free(&wire);
}

/* ---- the registry ---- */

static void write_file(const char *folder, const char *name, const char *text) {
    char path[PATH_MAX];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fputs(text, file);
    fclose(file);
}

static const struct foreign_module *find(const struct foreign_modules *modules, const char *name) {
    for (size_t i = 0; i < modules->count; i++) {
        if (strcmp(modules->list[i].name, name) == 0)
            return &modules->list[i];
    }
    return NULL;
}

static void the_registry_is_read_as_p11_kit_reads_it(void **state) {
    char top[] = "/tmp/openukey-registry-XXXXXX", user[64], administrator[64], packages[64],
         settings[64];
    (void)state;
    assert_non_null(mkdtemp(top));
    snprintf(user, sizeof user, "%s/user", top);
    snprintf(administrator, sizeof administrator, "%s/admin", top);
    snprintf(packages, sizeof packages, "%s/packages", top);
    snprintf(settings, sizeof settings, "%s/pkcs11.conf", top);
    mkdir(user, 0700);
    mkdir(administrator, 0700);
    mkdir(packages, 0700);
    const struct registry_places places = {settings, user, administrator, packages, "/lib/pkcs11"};
    write_file(packages, "plain.module", "# a comment\nmodule: plain.so\n");
    write_file(packages, "absolute.module", "module: /opt/x.so\nmanaged: yes\n");
    write_file(packages, "trust.module", "module: p11-kit-trust.so\ntrust-policy: yes\n");
    write_file(packages, "remote.module", "remote: |ssh somewhere\nmodule: r.so\n");
    write_file(packages, "ours.module", "module: /usr/lib/openukey-pkcs11.so\n");
    write_file(packages, "other.module", "module: other.so\nenable-in: firefox, chromium\n");
    write_file(packages, "listed.module", "module: listed.so\nenable-in: firefox, ukey-agent\n");
    write_file(packages, "off.module", "module: off.so\n");
    write_file(administrator, "off.module", "disable-in: ukey-agent\n");
    write_file(packages, "both.module", "module: both.so\n");
    write_file(user, "both.module", "module: mine.so\n");
    write_file(user, "empty.module", "\n:\nmodule\n");
    write_file(packages, "note.txt", "module: note.so\n");
    struct foreign_modules modules = {0};
    assert_true(foreign_modules_add(&modules, "given", "/opt/given.so", 5, NULL));
    assert_true(foreign_modules_add(&modules, "again", "/opt/given.so", 5, NULL));
    assert_true(foreign_modules_add_registered(&modules, &places, "ukey-agent", 7, NULL));
    assert_int_equal(modules.count, 5);
    assert_string_equal(find(&modules, "given")->path, "/opt/given.so");
    assert_string_equal(find(&modules, "plain")->path, "/lib/pkcs11/plain.so");
    assert_string_equal(find(&modules, "absolute")->path, "/opt/x.so");
    assert_string_equal(find(&modules, "listed")->path, "/lib/pkcs11/listed.so");
    assert_string_equal(find(&modules, "both")->path, "/lib/pkcs11/mine.so");
    foreign_modules_free(&modules);
    write_file(top, "pkcs11.conf", "user-config: none\n");
    assert_true(foreign_modules_add_registered(&modules, &places, "ukey-agent", 7, NULL));
    assert_string_equal(find(&modules, "both")->path, "/lib/pkcs11/both.so");
    foreign_modules_free(&modules);
    write_file(top, "pkcs11.conf", "user-config: only\n");
    assert_true(foreign_modules_add_registered(&modules, &places, "ukey-agent", 7, NULL));
    assert_int_equal(modules.count, 1);
    foreign_modules_free(&modules);
    char command[100];
    snprintf(command, sizeof command, "rm -r %s", top);
    assert_int_equal(system(command), 0);
}

/* build/X/tests/test_foreign, build/X/bin, build/X/lib */
static int find_programs(void **state) {
    char program[PATH_MAX];
    (void)state;
    ssize_t len = readlink("/proc/self/exe", program, sizeof program - 1);
    if (len <= 0)
        return -1;
    program[len] = '\0';
    *strrchr(program, '/') = '\0';
    log_set_level(LOG_LEVEL_ERROR);
    return snprintf(host, sizeof host, "%.3900s/../bin/ukey-module-host", program) > 0 &&
                   snprintf(module, sizeof module, "%.3900s/../lib/broken-pkcs11.so", program) > 0
               ? 0
               : -1;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(a_module_in_its_process_does_what_it_is_asked, end_module),
        cmocka_unit_test_teardown(what_is_not_carried_over_is_said_to_be_unsupported, end_module),
        cmocka_unit_test_teardown(a_module_that_dies_in_a_call_fails_that_call_and_runs_again,
                                  end_module),
        cmocka_unit_test_teardown(a_module_that_hangs_is_ended_in_time, end_module),
        cmocka_unit_test_teardown(a_module_that_lies_about_lengths_is_not_believed, end_module),
        cmocka_unit_test_teardown(a_file_that_is_no_module_is_refused, end_module),
        cmocka_unit_test(a_message_that_is_cut_or_too_long_is_never_whole),
        cmocka_unit_test(the_registry_is_read_as_p11_kit_reads_it),
    };
    return cmocka_run_group_tests(tests, find_programs, NULL);
}
