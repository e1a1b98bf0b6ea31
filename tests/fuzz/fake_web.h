/* agent/http as it is, civetweb below it, and no network: a connection's bytes come out of memory. */
#ifndef TESTS_FUZZ_FAKE_WEB_H
#define TESTS_FUZZ_FAKE_WEB_H

#include "agent/http/http.h"

#include <stddef.h>
#include <stdint.h>

/* Start the server (once) with these options, and with a TLS identity of its own in `folder`. It listens, but nobody is to call there.
 * With WebSockets in the options the program is to be linked with --wrap for the four SSL functions in fake_web.c. */
void fake_web_start(const char *folder, const struct http_server_options *options);

/* One connection without TLS: the client sends these bytes and then ends. With `show`, answers go to standard output. False
 * when something was answered 500: what strangers send is never our internal error. */
bool fake_web_connection(const uint8_t *data, size_t size, bool show);

#endif
