/* GET /.well-known/openukey: all that a site without pairing learns. */
#include "agent/api/api.h"

static void describe(struct http_request *request) {
    http_respond_json(request, 200,
                      json_pack("{s:s, s:s, s:s}", "name", "openukey-agent", "api", "v1", "version",
                                OPENUKEY_VERSION));
}

const struct http_route wellknown_routes[] = {
    {"GET", "/.well-known/openukey", describe, .tag = AGENT_ROUTE_OPEN},
    {0},
};
