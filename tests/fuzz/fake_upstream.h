/* libcurl without a network: agent/proxy's requests go out on a socket of this program, and what comes back are bytes from memory. To be
 * linked with --wrap=curl_easy_setopt. TLS is left out: what it protects from is not what is looked for. */
#ifndef TESTS_FUZZ_FAKE_UPSTREAM_H
#define TESTS_FUZZ_FAKE_UPSTREAM_H

#include <stddef.h>
#include <stdint.h>

/* What every connection from now on answers, whatever it is asked, and then ends. Borrowed; at most 64 KiB. */
void fake_upstream_answer(const uint8_t *data, size_t size);

#endif
