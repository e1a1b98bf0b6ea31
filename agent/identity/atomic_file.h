/* Files that are there as a whole, old or new, whatever happens. */
#ifndef AGENT_IDENTITY_ATOMIC_FILE_H
#define AGENT_IDENTITY_ATOMIC_FILE_H

#include <stddef.h>
#include <sys/types.h>

/* Replace `path` by `len` bytes: written to a new file beside it (mode `mode`), synced, renamed, the folder synced. -1 and
 * errno on failure; the old file is then untouched. */
int atomic_file_write(const char *path, const void *data, size_t len, mode_t mode);

#endif
