/* agent/consent/terminal/pages: text laid out for a terminal. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/consent/terminal/pages.h"
#include "module/pinentry/visible.h"

static int set_locale(void **state) {
    (void)state;
    return setlocale(LC_CTYPE, "C.UTF-8") ? 0 : -1;
}

/* The line without its marks. */
static const char *shown(const struct pages *pages, size_t line) {
    static char text[4096];
    const struct pages_line *it = &pages->lines[line];
    size_t used = 0;
    for (size_t i = 0; i < it->len; i++) {
        char c = pages->paragraphs[it->paragraph].text[it->from + i];
        if (c != PAGES_MARK && c != PAGES_MARK_END)
            text[used++] = c;
    }
    text[used] = '\0';
    return text;
}

static unsigned cells_of(const char *text) {
    unsigned cells = 0, character = 0;
    for (size_t at = 0, len = strlen(text); at < len;) {
        at += visible_decode_utf8(text + at, len - at, &character);
        cells += pages_cells(character);
    }
    return cells;
}

static struct pages one(const char *own, const char *foreign, bool keep_lines, unsigned columns) {
    struct pages pages = {0};
    pages_add(&pages, 0, 4, own, foreign, keep_lines);
    assert_false(pages.is_broken);
    assert_true(pages_lay_out(&pages, columns));
    return pages;
}

static void chinese_characters_take_two_cells(void **state) {
    (void)state;
    assert_int_equal(pages_cells(0x4E2D), 2);
    assert_int_equal(pages_cells('a'), 1);
    struct pages pages = one(NULL, "一二三四五六七八九十甲乙", false, 21);
    assert_int_equal(pages.line_count, 2);
    assert_string_equal(shown(&pages, 0), "一二三四五六七八九十");
    assert_string_equal(shown(&pages, 1), "甲乙");
    pages_free(&pages);
}

static void what_terminals_draw_differently_is_counted_at_its_widest(void **state) {
    (void)state;
    assert_int_equal(pages_cells(0x201C), 2);  /* a quotation mark: two cells in East Asia */
    assert_int_equal(pages_cells(0x0301), 1);  /* an accent: drawn over a letter, or beside it */
    assert_int_equal(pages_cells(0x1FAE8), 2); /* newer than some tables */
}

static void words_stay_whole_and_what_is_too_long_is_broken(void **state) {
    (void)state;
    struct pages pages =
        one("a ", "bidder of section two abcdefghijklmnopqrstuvwxyz0123456789", false, 21);
    assert_string_equal(shown(&pages, 0), "a bidder of section ");
    assert_string_equal(shown(&pages, 1), "two ");
    assert_string_equal(shown(&pages, 2), "abcdefghijklmnop");
    assert_string_equal(shown(&pages, 3), "qrstuvwxyz012345");
    assert_string_equal(shown(&pages, 4), "6789");
    assert_int_equal(pages.line_count, 5);
    pages_free(&pages);
}

static void nothing_is_left_out_and_no_line_is_too_wide(void **state) {
    (void)state;
    static const char *const pieces[] = {"中",   "文",   "a",  "b",         " ",
                                         "\\",   "—",    "é",  "e\xcc\x81", "\xe2\x80\xae",
                                         "\x07", "\xff", "。", "1"};
    char text[1024] = "";
    unsigned seed = 1;
    for (int round = 0; round < 300; round++) {
        size_t used = 0;
        for (int i = 0; i < 90; i++) {
            seed = seed * 1103515245U + 12345U;
            const char *piece = pieces[(seed >> 16) % (sizeof pieces / sizeof *pieces)];
            used += (size_t)snprintf(text + used, sizeof text - used, "%s", piece);
        }
        for (unsigned columns = PAGES_COLUMNS_MIN; columns < 60; columns += 7) {
            struct pages pages = one("3/4 ", text, false, columns);
            char joined[8192] = "";
            for (size_t i = 0; i < pages.line_count; i++) {
                assert_true(pages.lines[i].len > 0);
                assert_true(cells_of(shown(&pages, i)) + (i > 0 ? 4 : 0) < columns);
                strncat(joined, pages.paragraphs[0].text + pages.lines[i].from, pages.lines[i].len);
            }
            assert_string_equal(joined, pages.paragraphs[0].text);
            pages_free(&pages);
        }
    }
}

static void what_is_spelled_out_is_marked_on_every_line_it_goes_over(void **state) {
    (void)state;
    struct pages pages = one(NULL, "abcdefghijklmn\x01\x02\x03opq", false, 21);
    assert_true(pages.has_escapes);
    assert_string_equal(shown(&pages, 0), "abcdefghijklmn\\u{000");
    assert_false(pages.lines[0].is_marked);
    assert_true(pages.lines[1].is_marked);
    assert_string_equal(shown(&pages, 1), "1}\\u{0002}\\u{000");
    assert_true(pages.lines[2].is_marked);
    assert_string_equal(shown(&pages, 2), "3}opq");
    pages_free(&pages);
}

static void letters_that_look_like_an_escape_have_two_backslashes(void **state) {
    (void)state;
    struct pages pages = one(NULL, "\\u{202E}", false, 40);
    assert_string_equal(shown(&pages, 0), "\\\\u{202E}");
    assert_false(pages.has_escapes);
    assert_true(pages.has_backslashes);
    pages_free(&pages);
}

static void lines_are_kept_only_where_they_are_wanted(void **state) {
    (void)state;
    struct pages pages = one(NULL, "a\nb", true, 40);
    assert_int_equal(pages.line_count, 2);
    assert_string_equal(shown(&pages, 1), "b");
    pages_free(&pages);
    pages = one(NULL, "a\nb", false, 40);
    assert_int_equal(pages.line_count, 1);
    assert_string_equal(shown(&pages, 0), "a\\u{000A}b");
    pages_free(&pages);
}

static void an_empty_paragraph_is_an_empty_line(void **state) {
    (void)state;
    struct pages pages = one(NULL, NULL, false, 40);
    assert_int_equal(pages.line_count, 1);
    assert_int_equal(pages.lines[0].len, 0);
    pages_free(&pages);
}

static void a_place_is_found_again_when_the_terminal_has_another_width(void **state) {
    (void)state;
    struct pages pages = {0};
    char label[16];
    for (int i = 0; i < 50; i++) {
        snprintf(label, sizeof label, "%d ", i);
        pages_add(&pages, 0, 2, label, "一二三四五六七八九十甲乙丙丁戊己庚辛壬癸", false);
    }
    assert_true(pages_lay_out(&pages, 80));
    const struct pages_line place = pages.lines[33];
    assert_true(pages_lay_out(&pages, 23));
    size_t found = pages_find(&pages, &place);
    assert_int_equal(pages.lines[found].paragraph, place.paragraph);
    assert_true(pages.lines[found].from <= place.from &&
                pages.lines[found].from + pages.lines[found].len >= place.from);
    assert_int_equal(pages_find(&pages, &pages.lines[0]), 0);
    pages_free(&pages);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(chinese_characters_take_two_cells),
        cmocka_unit_test(what_terminals_draw_differently_is_counted_at_its_widest),
        cmocka_unit_test(words_stay_whole_and_what_is_too_long_is_broken),
        cmocka_unit_test(nothing_is_left_out_and_no_line_is_too_wide),
        cmocka_unit_test(what_is_spelled_out_is_marked_on_every_line_it_goes_over),
        cmocka_unit_test(letters_that_look_like_an_escape_have_two_backslashes),
        cmocka_unit_test(lines_are_kept_only_where_they_are_wanted),
        cmocka_unit_test(an_empty_paragraph_is_an_empty_line),
        cmocka_unit_test(a_place_is_found_again_when_the_terminal_has_another_width),
    };
    return cmocka_run_group_tests(tests, set_locale, NULL);
}
