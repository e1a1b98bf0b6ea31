/* ukey-inspect: what is this file really? Reads a document on standard input and says it in one line of JSON. It is run by the order
 * service, once for each upload, with little memory, time and nothing else (third/inspector.c): what decodes strangers' pictures
 * must not be what holds their data. */
#include "tools/orderd/inspect/document.h"

#include <stdbool.h>
#include <string.h>

enum { INPUT_MAX = 16 << 20, PIXELS_MAX = 64 << 20 };

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
    if (len == sizeof data) {
        puts("{\"ok\":false,\"why\":\"bytes\"}");
        return 0;
    }
    document_inspect(data, len, PIXELS_MAX, stdout);
    return 0;
}
