/* Fuzzes what ukey-inspect does with an upload: pictures and PDFs, with the decoders that it uses. */
#include "tools/orderd/inspect/document.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
const char *__asan_default_options(void);

/* As in the limited process: what is too much is not given (third/inspector.c). */
const char *__asan_default_options(void) {
    return "max_allocation_size_mb=1000:allocator_may_return_null=1";
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    char *said = NULL;
    size_t len = 0;
    FILE *out = open_memstream(&said, &len);
    uint8_t *copy = malloc(size > 0 ? size : 1);
    if (out == NULL || copy == NULL) {
        abort();
    }
    memcpy(copy, data, size);
    document_inspect(copy, size, 1 << 16, out); /* large ones take long, and are no different */
    fclose(out);
    /* one line, one of the two forms, and no number that is not one */
    if (len < 20 || said[len - 1] != '\n' || strchr(said, '\n') != said + len - 1 ||
        (strncmp(said, "{\"ok\":true,\"mime\":\"", 19) != 0 &&
         strncmp(said, "{\"ok\":false,\"why\":\"", 19) != 0) ||
        strstr(said, ":-") != NULL) {
        abort();
    }
    free(said);
    free(copy);
    return 0;
}
