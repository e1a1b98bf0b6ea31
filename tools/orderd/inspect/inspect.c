/* ukey-inspect: what is this file really? Reads a document on standard input and says it in one line of JSON. It is run by the order
 * service, once for each upload, with little memory, time and nothing else (inspect/inspector.c): what decodes strangers' pictures
 * must not be what holds their data. */
#include <gdk-pixbuf/gdk-pixbuf.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { INPUT_MAX = 16 << 20, PIXELS_MAX = 64 << 20, STEP = 64 << 10 };

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

static int refuse(const char *why) {
    printf("{\"ok\":false,\"why\":\"%s\"}\n", why);
    return 0;
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

static bool is_whole(const struct kind *kind, const unsigned char *data, size_t len) {
    switch (kind->name[0]) {
    case 'j':
        return jpeg_is_whole(data, len);
    case 'p':
        return png_is_whole(data, len);
    case 'b':
        return len >= 54 && le32(data + 2) <= len;
    default: /* GIF's trailer */
        return data[len - 1] == 0x3b;
    }
}

/* ---- decoding ---- */

/* A picture whose header promises too many pixels is not decoded at all: this is the end of the program. */
static void check_size(GdkPixbufLoader *loader, int width, int height, gpointer unused) {
    (void)loader;
    (void)unused;
    if (width <= 0 || height <= 0 || (long long)width * height > PIXELS_MAX) {
        refuse("pixels");
        fflush(stdout);
        _exit(0);
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

static int inspect_picture(const struct kind *kind, const unsigned char *data, size_t len) {
    GError *problem = NULL;
    if (!is_whole(kind, data, len)) {
        return refuse("damaged");
    }
    GdkPixbufLoader *loader = gdk_pixbuf_loader_new_with_type(kind->name, &problem);
    if (loader == NULL) {
        g_clear_error(&problem);
        return refuse("format");
    }
    g_signal_connect(loader, "size-prepared", G_CALLBACK(check_size), NULL);
    bool good = true;
    for (size_t at = 0; good && at < len; at += STEP) {
        size_t part = len - at < STEP ? len - at : STEP;
        good = gdk_pixbuf_loader_write(loader, data + at, part, &problem);
    }
    good = gdk_pixbuf_loader_close(loader, good ? &problem : NULL) && good;
    const GdkPixbuf *picture = good ? gdk_pixbuf_loader_get_pixbuf(loader) : NULL;
    if (picture == NULL) {
        g_clear_error(&problem);
        g_object_unref(loader);
        return refuse("damaged");
    }
    printf("{\"ok\":true,\"mime\":\"%s\",\"width\":%d,\"height\":%d,\"dpi\":%d,\"colour\":%s}\n",
           kind->mime, gdk_pixbuf_get_width(picture), gdk_pixbuf_get_height(picture),
           dpi_of(kind, data, len), has_colour(picture) ? "true" : "false");
    g_object_unref(loader);
    return 0;
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
static int inspect_pdf(const unsigned char *data, size_t len) {
    if (!near_end(data, len, "startxref") || !near_end(data, len, "%%EOF")) {
        return refuse("damaged");
    }
    printf("{\"ok\":true,\"mime\":\"application/"
           "pdf\",\"width\":0,\"height\":0,\"dpi\":0,\"colour\":true}\n");
    return 0;
}

int main(int argc, char **argv) {
    static unsigned char data[INPUT_MAX];
    if (argc > 1) {
        bool help = strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0;
        fprintf(help ? stdout : stderr,
                "usage: ukey-inspect <FILE\n\nSays in one line of JSON what a document is: {ok, "
                "mime, width, height, dpi, colour} or\n"
                "{ok: false, why}. Run by ukey-orderd for each upload.\n");
        return help ? 0 : 2;
    }
    size_t len = fread(data, 1, sizeof data, stdin);
    if (len == 0 || len == sizeof data) {
        return refuse(len == 0 ? "empty" : "bytes");
    }
    const struct kind *kind = kind_of(data, len);
    if (kind == NULL) {
        return refuse("format");
    }
    return kind->name[1] == 'd' ? inspect_pdf(data, len) : inspect_picture(kind, data, len);
}
