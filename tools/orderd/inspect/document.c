/* See document.h. */
#include "tools/orderd/inspect/document.h"

#include <gdk-pixbuf/gdk-pixbuf.h>
#include <stdbool.h>
#include <string.h>

enum { STEP = 64 << 10 };

/* What the header of a picture is asked. */
struct size_check {
    long long pixels_max;
    bool too_large;
};

struct kind {
    const char *name;
    const char *mime;
    const char *magic;
    size_t magic_len;
};
static const struct kind kinds[] = {
    {"jpeg", "image/jpeg", "\xff\xd8\xff", 3},
    {"png", "image/png", "\x89PNG\r\n\x1a\n", 8},
    {"bmp", "image/bmp", "BM", 2},
    {"gif", "image/gif", "GIF8", 4},
    {"pdf", "application/pdf", "%PDF-", 5},
};

static const struct kind *kind_of(const unsigned char *data, size_t len) {
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        if (len >= kinds[i].magic_len && memcmp(data, kinds[i].magic, kinds[i].magic_len) == 0) {
            return &kinds[i];
        }
    }
    return NULL;
}

static void refuse(FILE *out, const char *why) {
    fprintf(out, "{\"ok\":false,\"why\":\"%s\"}\n", why);
}

/* ---- resolution, out of the file itself: decoders do not tell it of every format ---- */

static unsigned be16(const unsigned char *at) {
    return (unsigned)at[0] << 8 | at[1];
}
static unsigned long be32(const unsigned char *at) {
    return (unsigned long)be16(at) << 16 | be16(at + 2);
}
static unsigned long le32(const unsigned char *at) {
    return (unsigned long)at[3] << 24 | (unsigned long)at[2] << 16 | (unsigned long)at[1] << 8 |
           at[0];
}

static int per_metre(unsigned long dots) {
    return dots > 10000000 ? 0 : (int)((double)dots * 0.0254 + 0.5);
}

/* JFIF's APP0: unit 1 is dots an inch, 2 dots a centimetre. */
static int jpeg_dpi(const unsigned char *data, size_t len) {
    size_t at = 2;
    while (at + 4 <= len && data[at] == 0xff && data[at + 1] != 0xda) {
        size_t size = be16(data + at + 2);
        if (size < 2 || at + 2 + size > len) {
            return 0;
        }
        if (data[at + 1] == 0xe0 && size >= 14 && memcmp(data + at + 4, "JFIF", 5) == 0) {
            unsigned x = be16(data + at + 12);
            unsigned y = be16(data + at + 14);
            unsigned least = x < y ? x : y;
            return data[at + 11] == 1   ? (int)least
                   : data[at + 11] == 2 ? (int)((double)least * 2.54 + 0.5)
                                        : 0;
        }
        at += 2 + size;
    }
    return 0;
}

static int png_dpi(const unsigned char *data, size_t len) {
    size_t at = 8;
    while (at + 12 <= len) {
        unsigned long size = be32(data + at);
        if (size > len - at - 12) {
            return 0;
        }
        if (memcmp(data + at + 4, "pHYs", 4) == 0 && size == 9 && data[at + 16] == 1) {
            unsigned long x = be32(data + at + 8);
            unsigned long y = be32(data + at + 12);
            return per_metre(x < y ? x : y);
        }
        at += 12 + size;
    }
    return 0;
}

static int bmp_dpi(const unsigned char *data, size_t len) {
    if (len < 54 || le32(data + 14) < 40) {
        return 0;
    }
    unsigned long x = le32(data + 38);
    unsigned long y = le32(data + 42);
    return per_metre(x < y ? x : y);
}

static int dpi_of(const struct kind *kind, const unsigned char *data, size_t len) {
    switch (kind->name[0]) {
    case 'j':
        return jpeg_dpi(data, len);
    case 'p':
        return png_dpi(data, len);
    case 'b':
        return bmp_dpi(data, len);
    default:
        return 0;
    }
}

/* ---- completeness: decoders are content with the first half of a picture ---- */

/* Every chunk is there, up to the end mark. */
static bool png_is_whole(const unsigned char *data, size_t len) {
    size_t at = 8;
    while (at + 12 <= len) {
        unsigned long size = be32(data + at);
        if (size > len - at - 12) {
            return false;
        }
        if (memcmp(data + at + 4, "IEND", 4) == 0) {
            return true;
        }
        at += 12 + size;
    }
    return false;
}

/* The end mark is the last but padding. */
static bool jpeg_is_whole(const unsigned char *data, size_t len) {
    while (len > 4 && (data[len - 1] == 0 || data[len - 1] == '\n')) {
        len--;
    }
    return data[len - 2] == 0xff && data[len - 1] == 0xd9;
}

/* Its size, the begin of its pixels and the length of its second header, as it says itself: decoders make room for what is claimed. */
static bool bmp_is_whole(const unsigned char *data, size_t len) {
    return len >= 54 && le32(data + 2) <= len && le32(data + 10) <= len &&
           le32(data + 14) <= len - 14;
}

static bool is_whole(const struct kind *kind, const unsigned char *data, size_t len) {
    switch (kind->name[0]) {
    case 'j':
        return jpeg_is_whole(data, len);
    case 'p':
        return png_is_whole(data, len);
    case 'b':
        return bmp_is_whole(data, len);
    default: /* GIF's trailer */
        return data[len - 1] == 0x3b;
    }
}

/* ---- decoding ---- */

/* A picture whose header promises too many pixels is not decoded at all: decoders end when they are asked for no size. */
static void check_size(GdkPixbufLoader *loader, int width, int height, gpointer data) {
    struct size_check *check = data;
    if (width <= 0 || height <= 0 || (long long)width * height > check->pixels_max) {
        check->too_large = true;
        gdk_pixbuf_loader_set_size(loader, 0, 0);
    }
}

/* Colour: more than one pixel in a thousand is visibly not grey. */
static bool has_colour(const GdkPixbuf *picture) {
    int channels = gdk_pixbuf_get_n_channels(picture);
    int stride = gdk_pixbuf_get_rowstride(picture);
    int width = gdk_pixbuf_get_width(picture);
    int height = gdk_pixbuf_get_height(picture);
    const guchar *pixels = gdk_pixbuf_read_pixels(picture);
    long long coloured = 0;
    for (int y = 0; y < height; y++) {
        const guchar *at = pixels + (size_t)y * (size_t)stride;
        for (int x = 0; x < width; x++, at += channels) {
            int most = at[0] > at[1] ? at[0] : at[1];
            int least = at[0] < at[1] ? at[0] : at[1];
            most = most > at[2] ? most : at[2];
            least = least < at[2] ? least : at[2];
            coloured += most - least > 24 ? 1 : 0;
        }
    }
    return coloured * 1000 > (long long)width * height;
}

static void inspect_picture(const struct kind *kind, const unsigned char *data, size_t len,
                            long long pixels_max, FILE *out) {
    GError *problem = NULL;
    struct size_check check = {pixels_max, false};
    if (!is_whole(kind, data, len)) {
        refuse(out, "damaged");
        return;
    }
    GdkPixbufLoader *loader = gdk_pixbuf_loader_new_with_type(kind->name, &problem);
    if (loader == NULL) {
        g_clear_error(&problem);
        refuse(out, "format");
        return;
    }
    g_signal_connect(loader, "size-prepared", G_CALLBACK(check_size), &check);
    bool good = true;
    for (size_t at = 0; good && !check.too_large && at < len; at += STEP) {
        size_t part = len - at < STEP ? len - at : STEP;
        good = gdk_pixbuf_loader_write(loader, data + at, part, &problem);
    }
    good = gdk_pixbuf_loader_close(loader, good ? &problem : NULL) && good;
    const GdkPixbuf *picture =
        good && !check.too_large ? gdk_pixbuf_loader_get_pixbuf(loader) : NULL;
    if (picture == NULL) {
        g_clear_error(&problem);
        g_object_unref(loader);
        refuse(out, check.too_large ? "pixels" : "damaged");
        return;
    }
    fprintf(out,
            "{\"ok\":true,\"mime\":\"%s\",\"width\":%d,\"height\":%d,\"dpi\":%d,\"colour\":%s}\n",
            kind->mime, gdk_pixbuf_get_width(picture), gdk_pixbuf_get_height(picture),
            dpi_of(kind, data, len), has_colour(picture) ? "true" : "false");
    g_object_unref(loader);
}

/* The end of `text` within the last kilobyte. */
static bool near_end(const unsigned char *data, size_t len, const char *text) {
    size_t size = strlen(text);
    size_t from = len > 1024 ? len - 1024 : 0;
    for (size_t at = from; at + size <= len; at++) {
        if (memcmp(data + at, text, size) == 0) {
            return true;
        }
    }
    return false;
}

/* A PDF is not drawn: only its frame is looked at. It has no pixels, resolution or colour that could be judged. */
static void inspect_pdf(const unsigned char *data, size_t len, FILE *out) {
    if (!near_end(data, len, "startxref") || !near_end(data, len, "%%EOF")) {
        refuse(out, "damaged");
        return;
    }
    fprintf(out, "{\"ok\":true,\"mime\":\"application/"
                 "pdf\",\"width\":0,\"height\":0,\"dpi\":0,\"colour\":true}\n");
}

void document_inspect(const unsigned char *data, size_t len, long long pixels_max, FILE *out) {
    const struct kind *kind = kind_of(data, len);
    if (len == 0 || kind == NULL) {
        refuse(out, len == 0 ? "empty" : "format");
    } else if (kind->name[1] == 'd') {
        inspect_pdf(data, len, out);
    } else {
        inspect_picture(kind, data, len, pixels_max, out);
    }
}
