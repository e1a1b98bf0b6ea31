/* The picture of an official seal, drawn with cairo and pango in a square of 2 x 2 units that is
 * scaled to the picture's size. */
#include "tools/orderd/seal_picture.h"

#include <math.h>
#include <pango/pangocairo.h>
#include <stdlib.h>
#include <string.h>

enum { NAME_CHARACTERS_MAX = 60, PICTURE_MAX = 48 * 1024, RED = 212, GREEN = 18, BLUE = 23 };

static const double DOTS_PER_MM = 200 / 25.4;
static const double RIM = 0.045;         /* width of the ring */
static const double TEXT_RADIUS = 0.71;  /* where the middle of the characters runs */
static const double TEXT_SIZE_MAX = 0.3; /* height of a character */
static const double TEXT_SWEEP_MAX = 1.5 * G_PI;

static void draw_ring(cairo_t *cr) {
    cairo_set_line_width(cr, RIM);
    cairo_arc(cr, 0, 0, 1 - RIM / 2 - 0.01, 0, 2 * G_PI);
    cairo_stroke(cr);
}

static void draw_star(cairo_t *cr) {
    const double outer = 0.32;
    const double inner = outer * 0.382;
    for (int i = 0; i < 10; i++) {
        double radius = i % 2 == 0 ? outer : inner;
        double angle = i * G_PI / 5;
        cairo_line_to(cr, radius * sin(angle), -radius * cos(angle));
    }
    cairo_close_path(cr);
    cairo_fill(cr);
}

/* One character upright at the top of the circle, turned by `angle`. */
static void draw_character(cairo_t *cr, PangoLayout *layout, const char *utf8, int len,
                           double angle, double size) {
    PangoRectangle extents;
    pango_layout_set_text(layout, utf8, len);
    pango_layout_get_extents(layout, NULL, &extents);
    if (extents.height <= 0)
        return;
    double scale = size * PANGO_SCALE / extents.height;
    double width = (double)extents.width / PANGO_SCALE;
    double height = (double)extents.height / PANGO_SCALE;
    cairo_save(cr);
    cairo_rotate(cr, angle);
    cairo_translate(cr, 0, -TEXT_RADIUS);
    cairo_scale(cr, scale, scale);
    cairo_move_to(cr, -width / 2, -height / 2);
    pango_cairo_show_layout(cr, layout);
    cairo_restore(cr);
}

/* The name along the upper rim, evenly spread, smaller when it is long. */
static bool draw_name(cairo_t *cr, const char *name, glong characters) {
    PangoFontMap *map = pango_cairo_font_map_new();
    PangoContext *context = pango_font_map_create_context(map);
    PangoLayout *layout = pango_layout_new(context);
    PangoFontDescription *font = pango_font_description_from_string(
        "Noto Serif CJK SC, WenQuanYi Micro Hei, SimSun, Serif Bold");
    pango_font_description_set_absolute_size(font, 100 * PANGO_SCALE);
    pango_layout_set_font_description(layout, font);
    double step = 2 * asin(TEXT_SIZE_MAX * 0.75 / TEXT_RADIUS);
    if (step * (double)(characters - 1) > TEXT_SWEEP_MAX)
        step = TEXT_SWEEP_MAX / (double)(characters - 1);
    double size = fmin(TEXT_SIZE_MAX, TEXT_RADIUS * step * 1.1);
    const char *p = name;
    for (glong i = 0; i < characters; i++) {
        const char *next = g_utf8_next_char(p);
        double angle = step * ((double)i - (double)(characters - 1) / 2);
        draw_character(cr, layout, p, (int)(next - p), angle, size);
        p = next;
    }
    pango_font_description_free(font);
    g_object_unref(layout);
    g_object_unref(context);
    g_object_unref(map);
    return cairo_status(cr) == CAIRO_STATUS_SUCCESS;
}

/* Keeps 16 steps of transparency of the one colour: half the bytes, and nobody sees it. */
static void soften(cairo_surface_t *surface) {
    cairo_surface_flush(surface);
    unsigned char *data = cairo_image_surface_get_data(surface);
    int stride = cairo_image_surface_get_stride(surface);
    for (int y = 0; y < cairo_image_surface_get_height(surface); y++) {
        uint32_t *row = (uint32_t *)(void *)(data + (size_t)y * (size_t)stride);
        for (int x = 0; x < cairo_image_surface_get_width(surface); x++) {
            uint32_t alpha = ((row[x] >> 24) + 8) / 17 * 17;
            row[x] = alpha << 24 | RED * alpha / 255 << 16 | GREEN * alpha / 255 << 8 |
                     BLUE * alpha / 255;
        }
    }
    cairo_surface_mark_dirty(surface);
}

/* Where the PNG is gathered. */
struct png {
    unsigned char *data;
    size_t len;
};

static cairo_status_t png_append(void *closure, const unsigned char *data, unsigned int len) {
    struct png *png = closure;
    if (len > PICTURE_MAX - png->len)
        return CAIRO_STATUS_WRITE_ERROR;
    memcpy(png->data + png->len, data, len);
    png->len += len;
    return CAIRO_STATUS_SUCCESS;
}

bool seal_picture_png(const char *name, int width_mm, int height_mm, struct octets *png) {
    *png = (struct octets){NULL, 0};
    if (name == NULL || width_mm < 10 || width_mm > 200 || height_mm < 10 || height_mm > 200 ||
        !g_utf8_validate(name, -1, NULL))
        return false;
    glong characters = g_utf8_strlen(name, -1);
    if (characters < 1 || characters > NAME_CHARACTERS_MAX)
        return false;
    int width = (int)lround(width_mm * DOTS_PER_MM);
    int height = (int)lround(height_mm * DOTS_PER_MM);
    struct png out = {malloc(PICTURE_MAX), 0};
    cairo_surface_t *surface = cairo_image_surface_create(CAIRO_FORMAT_ARGB32, width, height);
    cairo_t *cr = cairo_create(surface);
    cairo_translate(cr, width / 2.0, height / 2.0);
    cairo_scale(cr, width / 2.0, height / 2.0);
    cairo_set_source_rgb(cr, RED / 255.0, GREEN / 255.0, BLUE / 255.0);
    draw_ring(cr);
    draw_star(cr);
    bool done = out.data != NULL && draw_name(cr, name, characters);
    if (done)
        soften(surface);
    done = done &&
           cairo_surface_write_to_png_stream(surface, png_append, &out) == CAIRO_STATUS_SUCCESS &&
           octets_copy(png, out.data, out.len) == FORMATS_OK;
    cairo_destroy(cr);
    cairo_surface_destroy(surface);
    free(out.data);
    return done;
}

#if defined(__SANITIZE_ADDRESS__)
/* The font libraries keep what they have read to the program's end; that is no leak of ours. */
__attribute__((visibility("default"))) const char *__lsan_default_suppressions(void);
const char *__lsan_default_suppressions(void) {
    return "leak:libfontconfig\nleak:libpango\n";
}

__attribute__((visibility("default"))) const char *__lsan_default_options(void);
const char *__lsan_default_options(void) {
    return "print_suppressions=0";
}
#endif
