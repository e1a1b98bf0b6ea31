/* The journal outlives whoever writes it, and shows every change. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <dirent.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent/audit/audit.h"

static char base[64], folder[96];
static char found[512];
static int64_t seen_last;
static size_t seen;

static int64_t fixed_time(void) {
    return 1772326800;
}

static int setup(void **state) {
    (void)state;
    strcpy(base, "/tmp/openukey-audit-XXXXXX");
    if (mkdtemp(base) == NULL) {
        return -1;
    }
    snprintf(folder, sizeof(folder), "%s/audit", base);
    return 0;
}

static void remove_folder(const char *path) {
    char inside[400];
    DIR *dir = opendir(path);
    for (struct dirent *entry; dir != NULL && (entry = readdir(dir)) != NULL;) {
        struct stat status;
        snprintf(inside, sizeof(inside), "%s/%s", path, entry->d_name);
        if (entry->d_name[0] == '.' || stat(inside, &status) != 0) {
            continue;
        }
        if (S_ISDIR(status.st_mode)) {
            remove_folder(inside);
        } else {
            unlink(inside);
        }
    }
    if (dir != NULL) {
        closedir(dir);
    }
    rmdir(path);
}

static int teardown(void **state) {
    (void)state;
    remove_folder(base);
    return 0;
}

static struct audit *open_journal(size_t file_max, size_t kept) {
    const struct audit_options options = {
        .folder = folder, .now = fixed_time, .file_max = file_max, .files_kept = kept};
    struct audit *audit = audit_open(&options);
    assert_non_null(audit);
    return audit;
}

static void append(struct audit *audit, int from, int to) {
    for (int i = from; i <= to; i++) {
        assert_int_equal(audit_append(audit, "pairing",
                                      json_pack("{s:s, s:i}", "origin", "https://a.cn", "i", i)),
                         0);
    }
}

static void write_journal(int lines) {
    struct audit *audit = open_journal(0, 0);
    append(audit, 1, lines);
    audit_close(audit);
}

static void on_entry(void *context, const json_t *entry) {
    (void)context;
    seen++;
    seen_last = json_integer_value(json_object_get(entry, "n"));
}

static void on_finding(void *context, const char *text) {
    (void)context;
    size_t used = strlen(found);
    snprintf(found + used, sizeof(found) - used, "%s\n", text);
}

static struct audit_summary read_journal(void) {
    const struct audit_reader reader = {.entry = on_entry, .finding = on_finding};
    struct audit_summary summary;
    found[0] = 0;
    seen = 0;
    assert_int_equal(audit_read(folder, &reader, &summary), 0);
    return summary;
}

static void assert_unbroken(int64_t first, int64_t last) {
    struct audit_summary summary = read_journal();
    if (summary.findings != 0) {
        fail_msg("%s", found);
    }
    assert_int_equal(summary.first, first);
    assert_int_equal(summary.last, last);
    assert_int_equal(seen, last - first + 1);
}

static void assert_found(const char *text) {
    struct audit_summary summary = read_journal();
    if (summary.findings == 0 || strstr(found, text) == NULL) {
        fail_msg("wanted \"%s\", found: %s", text, found);
    }
}

/* ---- the file, changed behind the journal's back ---- */

static char *lines[64];
static size_t line_count;

static void load(const char *name) {
    char path[200], text[AUDIT_LINE_MAX];
    snprintf(path, sizeof(path), "%s/%s", folder, name);
    FILE *file = fopen(path, "r");
    assert_non_null(file);
    for (line_count = 0; fgets(text, sizeof(text), file) != NULL; line_count++) {
        lines[line_count] = strdup(text);
    }
    fclose(file);
}

static void store(const char *name) {
    char path[200];
    snprintf(path, sizeof(path), "%s/%s", folder, name);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    for (size_t i = 0; i < line_count; i++) {
        if (lines[i] != NULL) {
            fputs(lines[i], file);
        }
        free(lines[i]);
    }
    fclose(file);
}

static const char *const FIRST_FILE = "000000000001.jsonl";

static void what_is_written_is_read_again_in_order(void **state) {
    (void)state;
    struct audit_summary summary;
    const struct audit_reader nobody = {0};
    assert_int_equal(audit_read(folder, &nobody, &summary), -1);
    write_journal(5);
    assert_unbroken(1, 5);
    write_journal(3);
    assert_unbroken(1, 8);
    struct stat status;
    char path[200];
    snprintf(path, sizeof(path), "%s/%s", folder, FIRST_FILE);
    assert_int_equal(stat(path, &status), 0);
    assert_int_equal(status.st_mode & 0777, 0600);
    assert_int_equal(stat(folder, &status), 0);
    assert_int_equal(status.st_mode & 0777, 0700);
}

static void a_changed_line_is_found(void **state) {
    (void)state;
    write_journal(6);
    for (size_t i = 0; i < 6; i++) { /* the first, one between, the last */
        load(FIRST_FILE);
        char *origin = strstr(lines[i], "a.cn");
        origin[0] = 'b';
        store(FIRST_FILE);
        assert_found("changed");
        load(FIRST_FILE);
        strstr(lines[i], "b.cn")[0] = 'a';
        store(FIRST_FILE);
        assert_unbroken(1, 6);
    }
}

static void a_removed_line_is_found(void **state) {
    (void)state;
    for (size_t i = 0; i < 6; i++) {
        write_journal(6);
        load(FIRST_FILE);
        free(lines[i]);
        lines[i] = NULL;
        store(FIRST_FILE);
        assert_found("missing");
        remove_folder(folder);
    }
}

static void an_inserted_line_is_found(void **state) {
    (void)state;
    for (size_t i = 0; i < 6; i++) {
        write_journal(6);
        load(FIRST_FILE);
        char twice[2 * AUDIT_LINE_MAX];
        snprintf(twice, sizeof(twice), "%s%s", lines[i], lines[i]);
        free(lines[i]);
        lines[i] = strdup(twice);
        store(FIRST_FILE);
        assert_found("inserted");
        remove_folder(folder);
    }
    write_journal(2);
    load(FIRST_FILE);
    free(lines[0]);
    lines[0] = strdup("{\"n\":1,\"event\":\"pairing\"}\n");
    store(FIRST_FILE);
    assert_found("is no line of a journal");
}

static void a_cut_tail_is_found_and_what_goes_on_after_it_begins_anew(void **state) {
    (void)state;
    for (size_t cut = 1; cut <= 3; cut++) {
        write_journal(6);
        load(FIRST_FILE);
        for (size_t i = 6 - cut; i < 6; i++) {
            free(lines[i]);
            lines[i] = NULL;
        }
        store(FIRST_FILE);
        assert_found("the end is missing");
        if (cut > 1) { /* more than one write: no kill of ours does that */
            write_journal(1);
            assert_unbroken(1, 2);
        } else { /* the head still has it */
            write_journal(1);
            assert_unbroken(1, 7);
        }
        remove_folder(folder);
    }
}

static void a_lost_or_damaged_head_is_found(void **state) {
    (void)state;
    char path[200];
    write_journal(3);
    snprintf(path, sizeof(path), "%s/head.json", folder);
    unlink(path);
    assert_found("head.json is missing");
    FILE *file = fopen(path, "w");
    fputs("{}", file);
    fclose(file);
    assert_found("head.json is damaged");
    write_journal(1);
    assert_unbroken(1, 2); /* "set aside", and the new one */
}

static void a_full_file_is_followed_by_another_and_old_ones_go(void **state) {
    (void)state;
    struct audit *audit = open_journal(1000, 3);
    append(audit, 1, 60);
    audit_close(audit);
    struct audit_summary summary = read_journal();
    assert_int_equal(summary.findings, 0);
    assert_true(summary.first > 1);
    assert_int_equal(summary.last, 60);
    /* a whole file taken away from the beginning, or from between, is missed */
    char path[200];
    snprintf(path, sizeof(path), "%s/%012lld.jsonl", folder, (long long)summary.first);
    assert_int_equal(unlink(path), 0);
    assert_found("are missing");
}

/* The names of the journal's files, in order; how many. */
static size_t list_files(char names[8][32]) {
    struct dirent **entries = NULL;
    int all = scandir(folder, &entries, NULL, alphasort);
    size_t count = 0;
    for (int i = 0; i < all; i++) {
        const char *name = entries[i]->d_name;
        if (strlen(name) == strlen(FIRST_FILE) && strcmp(name + 12, ".jsonl") == 0 && count < 8) {
            memcpy(names[count++], name, strlen(name) + 1);
        }
        free(entries[i]);
    }
    free(entries);
    return count;
}

static void move(const char *name, bool is_back) {
    char inside[200], outside[200];
    snprintf(inside, sizeof(inside), "%s/%s", folder, name);
    snprintf(outside, sizeof(outside), "%s/%s", base, name);
    assert_int_equal(is_back ? rename(outside, inside) : rename(inside, outside), 0);
}

static void any_file_that_is_removed_is_found_and_so_are_all(void **state) {
    (void)state;
    char names[8][32];
    struct audit *audit = open_journal(1000, 4);
    append(audit, 1, 60);
    audit_close(audit);
    size_t count = list_files(names);
    assert_int_equal(count, 4);
    for (size_t i = 0; i < count; i++) {
        move(names[i], false);
        assert_found(i + 1 < count ? "are missing" : "the end is missing");
        move(names[i], true);
        assert_int_equal(read_journal().findings, 0);
    }
    for (size_t i = 0; i < count; i++) {
        move(names[i], false);
    }
    assert_found("the end is missing");
    /* with its head too, there is none: `audit verify` says that, and ends with 1 */
    struct audit_summary summary;
    move("head.json", false);
    assert_int_equal(audit_read(folder, &(const struct audit_reader){0}, &summary), -1);
}

static void any_line_that_is_removed_is_found_the_last_of_a_file_too(void **state) {
    (void)state;
    char names[8][32];
    struct audit *audit = open_journal(1000, 4);
    append(audit, 1, 40);
    audit_close(audit);
    size_t count = list_files(names);
    for (size_t i = 0; i < count; i++) {
        load(names[i]);
        size_t all = line_count;
        store(names[i]);
        for (size_t gone = 0; gone < all; gone++) {
            load(names[i]);
            char *line = lines[gone];
            lines[gone] = NULL;
            char *kept[64] = {NULL};
            for (size_t k = 0; k < all; k++) {
                kept[k] = lines[k] != NULL ? strdup(lines[k]) : line;
            }
            store(names[i]);
            assert_found(i + 1 == count && gone + 1 == all ? "the end is missing" : "missing");
            line_count = all;
            memcpy(lines, kept, sizeof(kept[0]) * all);
            store(names[i]);
        }
    }
    assert_int_equal(read_journal().findings, 0);
}

/* A writer that is killed at some moment, again and again. */
static void a_journal_whose_writer_is_killed_is_gone_on_with(void **state) {
    (void)state;
    int64_t last = 0;
    for (int round = 0; round < 25; round++) {
        int ready[2];
        assert_int_equal(pipe(ready), 0);
        pid_t child = fork();
        if (child == 0) {
            struct audit *audit = open_journal(2000, 60);
            for (int i = 0;; i++) {
                if (audit_append(audit, "kill", json_pack("{s:i}", "round", round)) != 0) {
                    _exit(1);
                }
                if (i == 3 && write(ready[1], "x", 1) != 1) {
                    _exit(1);
                }
            }
        }
        char byte;
        close(ready[1]);
        assert_int_equal(read(ready[0], &byte, 1), 1);
        usleep((useconds_t)(round * 137));
        kill(child, SIGKILL);
        waitpid(child, NULL, 0);
        close(ready[0]);
        audit_close(open_journal(2000, 60));
        struct audit_summary summary = read_journal();
        if (summary.findings != 0) {
            fail_msg("round %d: %s", round, found);
        }
        assert_true(summary.last >= last + 4);
        last = summary.last;
    }
}

/* Every state that a kill between the writes can leave, made by hand. */
static void a_line_that_was_begun_is_finished(void **state) {
    (void)state;
    write_journal(4);
    load(FIRST_FILE);
    size_t whole = strlen(lines[3]);
    char *last = strdup(lines[3]);
    store(FIRST_FILE);
    for (size_t kept = 0; kept < whole; kept += 7) {
        load(FIRST_FILE);
        lines[3][kept] = 0;
        store(FIRST_FILE);
        assert_true(read_journal().findings > 0);
        audit_close(open_journal(0, 0));
        assert_unbroken(1, 4);
        load(FIRST_FILE);
        assert_string_equal(lines[3], last);
        store(FIRST_FILE);
    }
    free(last);
}

static void *appender(void *argument) {
    append(argument, 1, 25);
    return NULL;
}

static void many_threads_write_one_chain(void **state) {
    (void)state;
    struct audit *audit = open_journal(3000, 60);
    pthread_t threads[8];
    for (size_t i = 0; i < 8; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, appender, audit), 0);
    }
    for (size_t i = 0; i < 8; i++) {
        pthread_join(threads[i], NULL);
    }
    audit_close(audit);
    assert_unbroken(1, 200);
}

static void long_facts_are_cut_and_no_fact_replaces_the_journals_own(void **state) {
    (void)state;
    struct audit *audit = open_journal(0, 0);
    char *text = malloc(30001);
    for (size_t i = 0; i < 10000; i++) {
        memcpy(text + 3 * i, "\xE4\xBD\xA0", 3);
    }
    text[30000] = 0;
    assert_int_equal(
        audit_append(audit, "pairing",
                     json_pack("{s:s, s:i, s:s}", "origin", text, "n", 77, "prev", "x")),
        0);
    append(audit, 2, 2);
    audit_close(audit);
    free(text);
    assert_unbroken(1, 2);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(what_is_written_is_read_again_in_order),
        TEST(a_changed_line_is_found),
        TEST(a_removed_line_is_found),
        TEST(an_inserted_line_is_found),
        TEST(a_cut_tail_is_found_and_what_goes_on_after_it_begins_anew),
        TEST(a_lost_or_damaged_head_is_found),
        TEST(a_full_file_is_followed_by_another_and_old_ones_go),
        TEST(any_file_that_is_removed_is_found_and_so_are_all),
        TEST(any_line_that_is_removed_is_found_the_last_of_a_file_too),
        TEST(a_journal_whose_writer_is_killed_is_gone_on_with),
        TEST(a_line_that_was_begun_is_finished),
        TEST(many_threads_write_one_chain),
        TEST(long_facts_are_cut_and_no_fact_replaces_the_journals_own),
    };
    (void)seen_last;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
