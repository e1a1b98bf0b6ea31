/* The window: title and origin on top, everything else in one scrolling text, Agree enabled when its end has been seen. */
#include "agent/consent/dialog/window.h"

#include <glib-unix.h>
#include <gtk/gtk.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/consent/dialog/content.h"
#include "agent/consent/dialog/texts.h"
#include "module/pinentry/visible.h"

enum {
    WINDOW_WIDTH = 620,
    WINDOW_HEIGHT = 560,
    WINDOW_SETTLE_MS = 700, /* keys and clicks meant for another window must not agree */
    WINDOW_SPACING = 10,
    WINDOW_PIECE = 1000, /* characters */
};

struct window {
    const struct dialog_request *request;
    struct dialog_decision decision;
    GtkWidget *top, *view, *scrolled, *hint, *remember, *agree, *refuse;
    GtkTextBuffer *text; /* NULL when there is nothing to scroll */
    bool escaped, settled, end_seen, check_queued;
};

static const char *word(const struct window *window, enum dialog_text text) {
    return dialog_text(text, window->request->chinese);
}

/* The text made safe to look at; to be freed with free(). */
static char *safe(struct window *window, const char *text, bool keep_lines) {
    bool escaped = false;
    char *shown = visible_text(text, strlen(text), keep_lines, &escaped);
    if (!shown)
        g_error("out of memory");
    window->escaped |= escaped;
    return shown;
}

/* What a screen reader says of it; NULL: as it is. */
static void name_for_readers(GtkWidget *widget, const char *name, const char *description) {
    AtkObject *accessible = gtk_widget_get_accessible(widget);
    if (name)
        atk_object_set_name(accessible, name);
    if (description)
        atk_object_set_description(accessible, description);
}

/* ---- when may the person agree ---- */

static void update_agree(struct window *window) {
    bool may = window->settled && window->end_seen;
    gtk_widget_set_sensitive(window->agree, may);
    name_for_readers(window->agree, NULL,
                     window->hint ? word(window, window->end_seen ? TEXT_SEEN : TEXT_SCROLL)
                                  : NULL);
    gtk_window_set_title(GTK_WINDOW(window->top),
                         word(window, may ? TEXT_WINDOW : TEXT_WINDOW_WAITS));
    if (window->hint)
        gtk_label_set_text(GTK_LABEL(window->hint),
                           word(window, window->end_seen ? TEXT_SEEN : TEXT_SCROLL));
}

/* Runs when GTK has nothing better to do: the text above has been laid out by then, so positions are true. */
static gboolean check_end(gpointer data) {
    struct window *window = data;
    GdkRectangle visible;
    GtkTextIter bottom, end;
    window->check_queued = false;
    gtk_text_view_get_visible_rect(GTK_TEXT_VIEW(window->view), &visible);
    gtk_text_buffer_get_end_iter(window->text, &end);
    GdkRectangle last;
    gtk_text_view_get_iter_location(GTK_TEXT_VIEW(window->view), &end, &last);
    gtk_text_view_get_iter_at_location(GTK_TEXT_VIEW(window->view), &bottom, visible.x,
                                       visible.y + visible.height - 1);
    if (visible.height > 1 && last.y + last.height <= visible.y + visible.height + 2 &&
        gtk_text_iter_get_line(&bottom) == gtk_text_iter_get_line(&end))
        window->end_seen = true;
    update_agree(window);
    return G_SOURCE_REMOVE;
}

static void queue_check(struct window *window) {
    if (window->end_seen || window->check_queued)
        return;
    window->check_queued = true;
    g_idle_add_full(G_PRIORITY_LOW, check_end, window, NULL);
}

static void scrolled(GtkAdjustment *adjustment, gpointer data) {
    (void)adjustment;
    queue_check(data);
}

static gboolean settled(gpointer data) {
    struct window *window = data;
    window->settled = true;
    if (window->text)
        queue_check(window);
    update_agree(window);
    return G_SOURCE_REMOVE;
}

static gboolean mapped(GtkWidget *widget, GdkEvent *event, gpointer data) {
    (void)widget;
    (void)event;
    g_timeout_add(WINDOW_SETTLE_MS, settled, data);
    return FALSE;
}

/* ---- decisions ---- */

static bool wants_to_be_remembered(const struct window *window) {
    return window->remember && gtk_toggle_button_get_active(GTK_TOGGLE_BUTTON(window->remember));
}

static void agree(GtkButton *button, gpointer data) {
    struct window *window = data;
    (void)button;
    if (!window->settled || !window->end_seen)
        return;
    window->decision.agreed = true;
    window->decision.remember = wants_to_be_remembered(window);
    gtk_main_quit();
}

/* The button; it alone refuses for good. */
static void refuse(GtkButton *button, gpointer data) {
    struct window *window = data;
    (void)button;
    window->decision.remember = wants_to_be_remembered(window);
    gtk_main_quit();
}

static void window_closed(GtkWidget *widget, gpointer data) {
    (void)widget;
    (void)data;
    gtk_main_quit();
}

static gboolean reader_gone(gint fd, GIOCondition condition, gpointer data) {
    (void)fd;
    (void)condition;
    (void)data;
    gtk_main_quit();
    return G_SOURCE_REMOVE;
}

/* Escape refuses. Space turns the page while the text has the focus. Enter does nothing but press a button that the person has
 * moved the focus to: there is no default button. */
static gboolean key_pressed(GtkWidget *widget, GdkEventKey *event, gpointer data) {
    struct window *window = data;
    (void)widget;
    if (event->keyval == GDK_KEY_Escape) {
        gtk_main_quit();
        return TRUE;
    }
    if (window->view && gtk_widget_has_focus(window->view) && event->keyval == GDK_KEY_space) {
        gboolean handled = FALSE;
        g_signal_emit_by_name(window->scrolled, "scroll-child", GTK_SCROLL_PAGE_DOWN, FALSE,
                              &handled);
        return TRUE;
    }
    return FALSE;
}

/* ---- making it ---- */

static GtkWidget *make_label(const char *text, bool bold, double size) {
    GtkWidget *label = gtk_label_new(text);
    PangoAttrList *attributes = pango_attr_list_new();
    if (bold)
        pango_attr_list_insert(attributes, pango_attr_weight_new(PANGO_WEIGHT_BOLD));
    pango_attr_list_insert(attributes, pango_attr_scale_new(size));
    gtk_label_set_attributes(GTK_LABEL(label), attributes);
    pango_attr_list_unref(attributes);
    gtk_label_set_xalign(GTK_LABEL(label), 0);
    gtk_label_set_line_wrap(GTK_LABEL(label), TRUE);
    gtk_label_set_line_wrap_mode(GTK_LABEL(label), PANGO_WRAP_WORD_CHAR);
    gtk_label_set_max_width_chars(GTK_LABEL(label), 60);
    return label;
}

/* A label with text from outside: what is spelled out in it has another ground. */
static GtkWidget *make_safe_label(struct window *window, const char *text, bool bold, double size,
                                  bool keep_lines) {
    char *shown = safe(window, text, keep_lines);
    GtkWidget *label = make_label(shown, bold, size);
    PangoAttrList *attributes = pango_attr_list_copy(gtk_label_get_attributes(GTK_LABEL(label)));
    bool is_escape;
    size_t at = 0;
    for (size_t run; (run = visible_run(&text, shown + at, SIZE_MAX, &is_escape)) > 0; at += run) {
        PangoAttribute *ground = pango_attr_background_new(0xffff, 0xd7d7, 0x9f9f);
        ground->start_index = is_escape ? (guint)at : 0;
        ground->end_index = is_escape ? (guint)(at + run) : 0;
        pango_attr_list_insert(attributes, ground);
    }
    gtk_label_set_attributes(GTK_LABEL(label), attributes);
    pango_attr_list_unref(attributes);
    free(shown);
    return label;
}

/* What is spelled out is marked. One line of text is laid out as a whole, so a very long one is cut into pieces that each begin a
 * line. */
static void append_marked(struct window *window, GtkTextIter *end, const char *text,
                          const char *tag) {
    char *shown = safe(window, text, false);
    const char *at = shown, *start = text;
    bool is_escape;
    for (size_t run;; at += run) {
        run = visible_run(&text, at, WINDOW_PIECE - (size_t)(text - start), &is_escape);
        if (run == 0 && !*at)
            break;
        if (run == 0) {
            gtk_text_buffer_insert(window->text, end, "\n", 1);
            start = text;
        }
        gtk_text_buffer_insert_with_tags_by_name(window->text, end, at, (gint)run, tag,
                                                 is_escape ? "escape" : NULL, NULL);
    }
    free(shown);
}

/* dialog_content_pair: the label, and below it the value. */
static void append_pair(void *context, size_t number, const char *label, const char *value) {
    struct window *window = context;
    (void)number;
    GtkTextIter end;
    gtk_text_buffer_get_end_iter(window->text, &end);
    if (gtk_text_buffer_get_char_count(window->text) > 0)
        gtk_text_buffer_insert(window->text, &end, "\n", 1);
    append_marked(window, &end, label, "label");
    gtk_text_buffer_insert(window->text, &end, "\n", 1);
    append_marked(window, &end, value, "value");
}

/* All that is to be read. */
static void fill_text(struct window *window) {
    gtk_text_buffer_create_tag(window->text, "label", "foreground", "#5a5a5a", "scale", 0.9,
                               "pixels-above-lines", 8, NULL);
    gtk_text_buffer_create_tag(window->text, "value", "left-margin", 24, NULL);
    gtk_text_buffer_create_tag(window->text, "escape", "background", "#ffd79f", NULL);
    if (!dialog_content_each(window->request, append_pair, window))
        g_error("out of memory");
}

static void add_text(struct window *window, GtkBox *box) {
    window->view = gtk_text_view_new();
    GtkTextView *view = GTK_TEXT_VIEW(window->view);
    window->text = gtk_text_view_get_buffer(view);
    gtk_text_view_set_editable(view, FALSE);
    gtk_text_view_set_cursor_visible(view, FALSE);
    gtk_text_view_set_accepts_tab(view, FALSE);
    gtk_text_view_set_wrap_mode(view, GTK_WRAP_WORD_CHAR);
    gtk_text_view_set_left_margin(view, 10);
    gtk_text_view_set_right_margin(view, 10);
    gtk_text_view_set_top_margin(view, 6);
    gtk_text_view_set_bottom_margin(view, 6);
    fill_text(window);
    window->scrolled = gtk_scrolled_window_new(NULL, NULL);
    name_for_readers(window->view, word(window, TEXT_CONTENT), word(window, TEXT_CONTENT_HELP));
    name_for_readers(window->scrolled, word(window, TEXT_CONTENT), NULL);
    gtk_scrolled_window_set_policy(GTK_SCROLLED_WINDOW(window->scrolled), GTK_POLICY_NEVER,
                                   GTK_POLICY_ALWAYS);
    gtk_scrolled_window_set_overlay_scrolling(GTK_SCROLLED_WINDOW(window->scrolled), FALSE);
    gtk_scrolled_window_set_shadow_type(GTK_SCROLLED_WINDOW(window->scrolled), GTK_SHADOW_IN);
    gtk_container_add(GTK_CONTAINER(window->scrolled), window->view);
    gtk_box_pack_start(box, window->scrolled, TRUE, TRUE, 0);
    GtkAdjustment *adjustment =
        gtk_scrolled_window_get_vadjustment(GTK_SCROLLED_WINDOW(window->scrolled));
    g_signal_connect(adjustment, "value-changed", G_CALLBACK(scrolled), window);
    g_signal_connect(adjustment, "changed", G_CALLBACK(scrolled), window);
}

static void add_head(struct window *window, GtkBox *box) {
    const struct dialog_request *request = window->request;
    gtk_box_pack_start(box, make_safe_label(window, request->title, true, 1.25, false), FALSE,
                       FALSE, 0);
    GtkWidget *line = gtk_box_new(GTK_ORIENTATION_HORIZONTAL, WINDOW_SPACING);
    GtkWidget *label = make_label(word(window, TEXT_ORIGIN), false, 1);
    GtkWidget *origin = make_safe_label(window, request->origin, true, 1, false);
    atk_object_add_relationship(gtk_widget_get_accessible(origin), ATK_RELATION_LABELLED_BY,
                                gtk_widget_get_accessible(label));
    gtk_box_pack_start(GTK_BOX(line), label, FALSE, FALSE, 0);
    gtk_box_pack_start(GTK_BOX(line), origin, TRUE, TRUE, 0);
    gtk_box_pack_start(box, line, FALSE, FALSE, 0);
    if (request->message)
        gtk_box_pack_start(box, make_safe_label(window, request->message, false, 1, true), FALSE,
                           FALSE, 0);
}

static void add_foot(struct window *window, GtkBox *box) {
    const struct dialog_request *request = window->request;
    if (window->escaped)
        gtk_box_pack_start(box, make_label(word(window, TEXT_ESCAPED), true, 0.95), FALSE, FALSE,
                           0);
    if (request->may_remember) {
        window->remember = gtk_check_button_new_with_label(word(window, TEXT_REMEMBER));
        gtk_box_pack_start(box, window->remember, FALSE, FALSE, 0);
    }
    GtkWidget *buttons = gtk_box_new(GTK_ORIENTATION_HORIZONTAL, WINDOW_SPACING);
    char *agree_text =
        safe(window, request->agree ? request->agree : word(window, TEXT_AGREE), false);
    char *refuse_text =
        safe(window, request->refuse ? request->refuse : word(window, TEXT_REFUSE), false);
    window->agree = gtk_button_new_with_label(agree_text);
    window->refuse = gtk_button_new_with_label(refuse_text);
    free(agree_text);
    free(refuse_text);
    gtk_widget_set_size_request(window->agree, 110, -1);
    gtk_widget_set_size_request(window->refuse, 110, -1);
    g_signal_connect(window->agree, "clicked", G_CALLBACK(agree), window);
    g_signal_connect(window->refuse, "clicked", G_CALLBACK(refuse), window);
    if (window->text) {
        window->hint = make_label(word(window, TEXT_SCROLL), false, 0.95);
        gtk_box_pack_start(GTK_BOX(buttons), window->hint, TRUE, TRUE, 0);
    }
    gtk_box_pack_end(GTK_BOX(buttons), window->agree, FALSE, FALSE, 0);
    gtk_box_pack_end(GTK_BOX(buttons), window->refuse, FALSE, FALSE, 0);
    gtk_box_pack_start(box, buttons, FALSE, FALSE, 0);
}

/* A dialog is read aloud when it appears: what is asked, and by whom. */
static void describe_for_readers(struct window *window) {
    const struct dialog_request *request = window->request;
    char *title = safe(window, request->title, false);
    char *origin = safe(window, request->origin, false);
    char *message = safe(window, request->message ? request->message : "", true);
    char *description =
        g_strdup_printf("%s\n%s: %s\n%s", title, word(window, TEXT_ORIGIN), origin, message);
    atk_object_set_role(gtk_widget_get_accessible(window->top), ATK_ROLE_DIALOG);
    name_for_readers(window->top, NULL, description);
    g_free(description);
    free(message);
    free(origin);
    free(title);
}

struct dialog_decision dialog_window_run(const struct dialog_request *request) {
    struct window window = {.request = request};
    window.top = gtk_window_new(GTK_WINDOW_TOPLEVEL);
    gtk_window_set_position(GTK_WINDOW(window.top), GTK_WIN_POS_CENTER);
    gtk_window_set_keep_above(GTK_WINDOW(window.top), TRUE);
    gtk_window_set_urgency_hint(GTK_WINDOW(window.top), TRUE);
    gtk_window_set_icon_name(GTK_WINDOW(window.top), "dialog-password");
    gtk_container_set_border_width(GTK_CONTAINER(window.top), 14);
    if (dialog_content_is_there(request))
        gtk_window_set_default_size(GTK_WINDOW(window.top), WINDOW_WIDTH, WINDOW_HEIGHT);
    else
        gtk_window_set_resizable(GTK_WINDOW(window.top), FALSE);
    GtkWidget *box = gtk_box_new(GTK_ORIENTATION_VERTICAL, WINDOW_SPACING);
    gtk_container_add(GTK_CONTAINER(window.top), box);
    add_head(&window, GTK_BOX(box));
    if (dialog_content_is_there(request))
        add_text(&window, GTK_BOX(box));
    else
        window.end_seen = true;
    add_foot(&window, GTK_BOX(box));
    describe_for_readers(&window);
    g_signal_connect(window.top, "destroy", G_CALLBACK(window_closed), &window);
    g_signal_connect(window.top, "key-press-event", G_CALLBACK(key_pressed), &window);
    g_signal_connect(window.top, "map-event", G_CALLBACK(mapped), &window);
    update_agree(&window);
    g_unix_fd_add(1, G_IO_ERR | G_IO_HUP, reader_gone, NULL);
    gtk_widget_show_all(window.top);
    gtk_widget_grab_focus(window.view ? window.view : window.refuse);
    gtk_window_present(GTK_WINDOW(window.top));
    gtk_main();
    return window.decision;
}
