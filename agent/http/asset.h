/* Files that are embedded in a program at build time (N_ASSETS in a build.mk; made by tools/setup/embed.sh). */
#ifndef AGENT_HTTP_ASSET_H
#define AGENT_HTTP_ASSET_H

/* One embedded file. `path` is "/" and the base name; `type` is its media type; the bytes run from `data` to `end`
 * and are followed by a NUL that is not counted, so that text may be used as a C string. A table ends with a NULL path. */
struct http_asset {
    const char *path;
    const char *type;
    const unsigned char *data;
    const unsigned char *end;
};

#endif
