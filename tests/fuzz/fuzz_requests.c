/* Fuzzes the order service over HTTP: first byte: which portal; then what a client sends on one connection, as it is: request lines,
 * headers, bodies. All of civetweb's reading, agent/http and the routes' handlers run, on a store in memory (fake_house.h). */
#include "tests/fuzz/fake_house.h"
#include "tests/fuzz/fake_web.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerInitialize(int *argc, char ***argv);

static bool show;

int LLVMFuzzerInitialize(int *argc, char ***argv) {
    (void)argc, (void)argv;
    show = getenv("OPENUKEY_FUZZ_TALK") != NULL;
    fake_web_start(fake_house_folder(),
                   &(struct http_server_options){.max_body = (size_t)512 * 1024,
                                                 .routes = api_routes,
                                                 .context = fake_house()});
    return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size > 0) {
        fake_house_enter(data[0]);
        if (!fake_web_connection(data + 1, size - 1, show)) {
            abort();
        }
    }
    return 0;
}
